import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Diagnostics } from "../support/diagnostic.ts";
import { parseTarget, target, targets, withTiles } from "./targets.ts";

function parse(json: unknown) {
  const diagnostics = new Diagnostics();
  const machine = parseTarget(json, diagnostics);
  return { machine, messages: diagnostics.list.map((diagnostic) => diagnostic.message) };
}

describe("the table of machines", () => {
  it("has the published figures", () => {
    expect([...targets.keys()]).toEqual(["wasm", "ipu-mk1", "ipu-mk2", "ipu-bow", "ipu-m2000"]);
    // On-chip memory as published: 304 MiB, 900 MB class.
    expect(target("ipu-mk1").tiles * target("ipu-mk1").bytesPerTile).toBe(304 * 2 ** 20);
    expect(Math.round((target("ipu-mk2").tiles * target("ipu-mk2").bytesPerTile) / 2 ** 20)).toBe(897);
    // Peak arithmetic as published for the Bow: 350 teraflops in f16, two a multiply-add.
    const bow = target("ipu-bow");
    expect((bow.tiles * bow.macsPerCycle.f16 * 2 * bow.clockGHz) / 1000).toBeCloseTo(349, 0);
  });

  it("changes only the number of tiles", () => {
    expect(withTiles(target("ipu-mk2"), 3)).toEqual({ ...target("ipu-mk2"), tiles: 3 });
    expect(() => withTiles(target("wasm"), 0)).toThrow("a machine with 0 tiles");
  });
});

describe("parseTarget", () => {
  it("reads back every known machine", () => {
    for (const machine of targets.values()) expect(parse(JSON.parse(JSON.stringify(machine)))).toEqual({ machine, messages: [] });
  });

  it("takes what is not given from the base", () => {
    const { machine, messages } = parse({ base: "ipu-mk2", name: "half", tiles: 736, exchange: { startCycles: 7 } });
    expect(messages).toEqual([]);
    expect(machine).toEqual({ ...target("ipu-mk2"), name: "half", tiles: 736, exchange: { bytesPerCycle: 4, startCycles: 7 } });
  });

  it("names each wrong field and its value", () => {
    const { machine, messages } = parse({ base: "wasm", name: "a b", tiles: 1.5, memory: "both", grain: -1, macsPerCycle: 4, colour: "red" });
    expect(machine).toBeUndefined();
    expect(messages).toEqual([
      'field "macsPerCycle" is 4; it must be an object',
      'field "name" is "a b"; it must be 1 to 64 letters, digits, - or _',
      'field "tiles" is 1.5; it must be an integer from 1 to 1,000,000',
      'field "memory" is "both"; it must be "shared" or "private"',
      'field "grain" is -1; it must be an integer from 1 to 2,147,483,648',
      'a target has no field "colour"',
    ]);
  });

  it("names what is missing, and an unknown base", () => {
    expect(parse({ base: "wasm" }).messages).toEqual(['field "name" is missing; it must be 1 to 64 letters, digits, - or _']);
    expect(parse({ base: "ipu-mk9", name: "x" }).messages[0]).toBe('field "base" is "ipu-mk9"; it must be "wasm" or "ipu-mk1" or "ipu-mk2" or "ipu-bow" or "ipu-m2000"');
    expect(parse(null).messages).toEqual(["a target is an object, not null"]);
  });

  it("takes the links between chips whole or not at all", () => {
    expect(parse({ base: "ipu-mk2", name: "pair", chips: { count: 2, bytesPerCycle: 100 } }).messages).toEqual(['field "chips.startCycles" is missing; it must be an integer from 0 to 1,000,000,000']);
    expect(parse({ base: "ipu-mk2", name: "pair", chips: { count: 2, bytesPerCycle: 100, startCycles: 9 } }).machine?.chips).toEqual({ count: 2, bytesPerCycle: 100, startCycles: 9 });
  });

  it("gives a sound machine or a diagnostic for any JSON, and never throws", () => {
    const field = fc.constantFrom("base", "name", "tiles", "exchange", "macsPerCycle", "__proto__", "memory", "grain");
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.dictionary(field, fc.oneof(fc.jsonValue(), fc.constantFrom("wasm", "ipu-bow")))), (json) => {
        const { machine, messages } = parse(json);
        expect(machine === undefined).toBe(messages.length > 0);
        if (machine !== undefined) expect(machine.tiles).toBeGreaterThanOrEqual(1);
      }),
    );
  });
});
