/** How many chips a program uses: by the model never worse than one of them, or all. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Engine } from "../../runtime/index.ts";
import { sizeOf } from "../../runtime/dtype.ts";
import { compile, planFile } from "../compile.ts";
import type { Target } from "../targets/target.ts";
import { target, withTiles } from "../targets/targets.ts";
import { boundOfGraph } from "./cost.ts";

const chip = withTiles(target("ipu-mk2"), 16);
/** Four of them. */
const machine = (bytesPerCycle: number, startCycles: number): Target => ({ ...chip, tiles: 64, chips: { count: 4, bytesPerCycle, startCycles } });
const slow = machine(1, 50_000);
const fast = machine(4000, 1);

const text = (name: string): string => readFileSync(new URL(`../../examples/${name}/${name}.gph`, import.meta.url), "utf8");

function planOf(source: string, on: Target, parameters: { readonly [name: string]: number } = {}): { tiles: number; cycles: number } {
  const { plan, diagnostics } = planFile("p.gph", { readFile: () => source, target: on, parameters });
  expect(diagnostics).toEqual([]);
  return { tiles: plan!.bsp.tiled.tiles, cycles: boundOfGraph(plan!.bsp, on) };
}

const elementwise = "graph g { in x: f32[4096]; out y: f32[4096]; program main { y = exp(x) * 2 + 1; } }";
const transposed = "import { softmax } from \"std/nn\";\ngraph g { in x: f32[64, 64]; out y: f32[64, 64]; program main { y = softmax(transpose(softmax(x)) * 2); } }";

describe("several chips", () => {
  it("are all used where nothing crosses", () => {
    expect(planOf(elementwise, slow).tiles).toBe(64);
  });

  it("are left alone where links are slow, and used where they are fast", () => {
    expect(planOf(transposed, slow).tiles).toBe(16);
    expect(planOf(transposed, fast).tiles).toBe(64);
  });

  it.each(["mlp", "encoder", "heat", "solve"])("take %s no longer than one of them does", (name) => {
    const small = { mlp: { batch: 4, hidden: 16 }, encoder: { seq: 8, d: 16, heads: 2, ffn: 32 }, heat: { n: 16, steps: 7 }, solve: { n: 8 } }[name] as { readonly [parameter: string]: number };
    const alone = planOf(text(name), chip, small);
    for (const on of [slow, machine(64, 100), fast]) expect(planOf(text(name), on, small).cycles).toBeLessThanOrEqual(alone.cycles);
  });

  it("are all there for a source that names tiles", () => {
    const placed = "graph g { in x: f32[4]; out y: f32[4]; map y on 63; program main { y = x * 2; } }";
    expect(planOf(placed, slow).tiles).toBe(64);
  });

  it("are all used where the program fits no fewer", () => {
    const tight = { ...slow, bytesPerTile: 4096 };
    expect(planOf(transposed, tight).tiles).toBeGreaterThan(16);
  });

  it("give what one chip gives", async () => {
    const outputs: number[][] = [];
    for (const on of [chip, slow, fast]) {
      const { executable } = await compile("g.gph", { readFile: () => transposed, target: on });
      await using engine = await Engine.load(executable!);
      const { y } = engine.runSync("main", { x: Float32Array.from({ length: sizeOf([64, 64]) }, (_, i) => Math.sin(i)) });
      outputs.push([...(y!.data as Float32Array)]);
    }
    for (const other of outputs.slice(1)) other.forEach((value, i) => expect(value).toBeCloseTo(outputs[0]![i]!, 6));
  });
});
