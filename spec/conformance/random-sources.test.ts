/** Random sources of both layers through the whole compiler: a small sample of what `npm run fuzz` does for as long as wanted. */
import { describe, expect, it } from "vitest";
import { holds, machineOf, machines, mayBeTooLarge } from "../fuzz/differential.ts";
import { randomLayers } from "../fuzz/layers.ts";
import { randomNumerics } from "../fuzz/numerics.ts";
import { randomDecisions, randomSource } from "../fuzz/sources.ts";

const runs = Number(process.env["GPH_RUNS"] ?? 3);

describe("random sources", () => {
  it.each(machines.map((machine, k) => ({ ...machine, k })))("on $name with $tiles tiles", async ({ k, ...machine }) => {
    for (let run = 0; run < runs; run++) {
      const seed = 1_000_000 + k * 1_000 + run;
      const source = randomSource(randomDecisions(seed));
      const again = { workers: 1, wideVectors: run === 1, views: true, threads: run === 1 };
      const { wrong } = await holds(source, { ...machine, workers: run === 0 ? 2 : 1, ...(run < 2 ? { again } : {}) }, seed);
      expect(wrong, `seed ${seed}\n${source.text}`).toEqual([]);
    }
  });

  it("of layers, on all kinds of machines", async () => {
    for (let run = 0; run < 5 * runs; run++) {
      const seed = 2_000_000 + run;
      const source = randomLayers(randomDecisions(seed));
      const { wrong, skipped } = await holds(source, machineOf(seed), seed);
      expect([skipped, wrong], `seed ${seed}\n${source.text}`).toEqual([undefined, []]);
    }
  });

  it("of numerics, on all kinds of machines", async () => {
    for (let run = 0; run < 5 * runs; run++) {
      const seed = 3_000_000 + run;
      const source = randomNumerics(randomDecisions(seed));
      const { wrong, skipped } = await holds(source, machineOf(seed), seed);
      expect([skipped, wrong], `seed ${seed}\n${source.text}`).toEqual([undefined, []]);
    }
  });

  it("covers numerics", () => {
    const all = Array.from({ length: 400 }, (_, seed) => randomNumerics(randomDecisions(seed)).text.replaceAll(/^import.*/gm, "")).join("\n");
    const names = [...randomNumerics([]).text.matchAll(/^import \{ (.*) \}/gm)].flatMap(([, list]) => list!.split(", "));
    const forms = [...names, "grad(", "limit ", "repeat ", "if ", "param ", "f16", "bf16", "f64"];
    expect(forms.filter((form) => !all.includes(form))).toEqual([]);
  });

  it("covers layers", () => {
    const all = Array.from({ length: 200 }, (_, seed) => randomLayers(randomDecisions(seed)).text).join("\n");
    const forms = ["grad(", "limit ", "conv2d(", "max_pool2d(", "param ", "transpose(", "groups = 8", "dilation = 2", "roll(", "dynamic_update(", "scatter_update(", "tanh(", "program other", "repeat "];
    expect(forms.filter((form) => !all.includes(form))).toEqual([]);
  });

  it("covers the language", () => {
    const all = Array.from({ length: 400 }, (_, seed) => randomSource(randomDecisions(seed)).text).join("\n");
    const forms = [
      "repeat ", "while ", "switch ", "if ", "else ", "for i", "execute ", "call ", "send(", "next(", "print(", "assert(", "map ", "place ", "compute set", "vertex ", "inout ", "fn ", "+=", "::-1", " @ ",
      "sum(", "mean(", "max(", "argmax(", "softmax(", "layer_norm(", "conv2d(", "max_pool2d(", "concat(", "stack(", "pad(", "roll(", "gather(", "one_hot", "cum_sum(", "tile(", "repeat_each(", "bitcast", "select(", "iota", "linspace", "eye", "transpose(", "reshape(", "reverse(", "broadcast(", "expand(", "squeeze(", "tanh(",
      "sort(", "argsort(", "take_along(", "scatter_add(", "scatter_max(", "scatter_update(", "scatter_add_along(", "dynamic_slice(", "dynamic_update(", "gather_nd(", "mode = \"edge\"", "mode = \"reflect\"", "var(", "norm(", "triu(", "einsum(", "windows(", "cum_max(", "conv1d(", "conv_transpose", "avg_pool", "max_pool", "groups = ",
    ];
    expect(forms.filter((form) => !all.includes(form))).toEqual([]);
  });

  it("takes programs for too large that need more than half of a machine", () => {
    const of = (elements: number) => {
      const type = { dtype: "f32" as const, shape: [elements] };
      return { states: [{ type }], values: [{ type }] } as never;
    };
    // A state, and three values as large: 16 bytes an element.
    expect([31_250, 31_251].map((elements) => mayBeTooLarge(of(elements), { tiles: 10, bytesPerTile: 100_000 }))).toEqual([false, true]);
  });

  it("notices a wrong program", async () => {
    // The comparison itself can fail: the same source with one sign changed must not pass for the original's result.
    const source = { text: "graph g { in a: f32[5]; out y0: f32[5]; stream out sink: i32; program main { y0 = a + 1; } }", errors: new Map<string, number>() };
    expect((await holds(source, machines[0]!, 1)).wrong).toEqual([]);
    const { traceDifferences } = await import("../fuzz/differential.ts");
    const trace = (value: number) => ({ outs: [{ y0: { type: { dtype: "f32" as const, shape: [1] }, data: new Float32Array([value]) } }], sent: {}, prints: [] });
    expect(traceDifferences(trace(1), trace(1.5), new Map())).toHaveLength(1);
    expect(traceDifferences(trace(1), trace(1.5), new Map([["y0", 0.6]]))).toEqual([]);
  });
});
