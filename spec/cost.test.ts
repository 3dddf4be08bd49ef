/** Costs: cases with counts, plans against runs, and reports against their documentation. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it, test } from "vitest";
import { costOf, costOfGraph, countedTotals, plannedTimes, plannedTotals, type NestCost, type StepCost } from "../compiler/bsp/cost.ts";
import { explain } from "../compiler/bsp/report/explain.ts";
import { reportOf } from "../compiler/bsp/report/report.ts";
import { reportTables } from "../compiler/bsp/report/tables.ts";
import { compile, planFile, type PlanResult } from "../compiler/compile.ts";
import type { Target } from "../compiler/targets/target.ts";
import { target, withTiles } from "../compiler/targets/targets.ts";
import { newArray, sizeOf } from "../runtime/dtype.ts";
import { Engine } from "../runtime/engine.ts";
import { mismatches, type Schema } from "./testing/schema.ts";

const here = fileURLToPath(new URL("./", import.meta.url));

function planText(text: string, machine: Target, parameters = {}): Required<PlanResult> {
  const { diagnostics, sources, plan } = planFile("case.gph", { readFile: () => text, target: machine, parameters });
  expect(diagnostics).toEqual([]);
  return { diagnostics, sources, plan: plan! };
}

describe("cases", () => {
  const folder = `${here}cases/cost/`;
  test.each(readdirSync(folder))("%s", (name) => {
    const text = readFileSync(folder + name, "utf8");
    const [, machine, tiles] = /^\/\/ target: (\S+) (\d+)$/m.exec(text)!;
    const expected = /^\/\/ cost: (.*)$/m.exec(text)![1];
    const chosen = withTiles(target(machine!), Number(tiles));
    expect(costOf(planText(text, chosen).plan.bsp, chosen)).toBe(expected);
  });
});

describe("cycles counted by hand", () => {
  const matvec = `
    vertex Dot<n> {
      in row: f32[n]; in x: f32[n]; out y: f32;
      compute { var sum: f32 = 0; for i in 0..n { sum += row[i] * x[i]; } y = sum; }
    }
    graph g(m: int, n: int) {
      in a: f32[m, n]; in x: f32[n]; out y: f32[m];
      map x on 0;
      for r in 0..m { map a[r] on r * tiles / m; map y[r] on r * tiles / m; }
      compute set dots { for r in 0..m { place Dot { row = a[r], x = x, y = y[r] } on tile_of(a[r]); } }
      program main { execute dots; }
    }`;

  it("of a matrix times a vector", () => {
    const machine = withTiles(target("ipu-mk2"), 10);
    // 80 rows: 8 a tile on 6 threads are two rounds of 5 + 100 / 2 cycles. Nine tiles get 400 bytes, four a cycle.
    const { plan } = planText(matvec, machine, { m: 80, n: 100 });
    const [main] = costOfGraph(plan.bsp, machine).programs;
    const totals = plannedTotals(main!.steps);
    expect(totals).toMatchObject({ compute: 6 * 2 * (5 + 50), bytes: 9 * 400, meanCompute: 6 * 2 * (5 + 50), assumed: false });
    expect(totals.exchange).toBe(machine.exchange.startCycles + 400 / 4);
    expect(totals.cycles).toBe(totals.compute + totals.exchange + totals.sync);
  });

  it("of an addition that broadcasts: the row is sent to the other tiles, and each thread adds a part", () => {
    const machine = withTiles(target("ipu-mk2"), 4);
    const { plan } = planText(`
      graph g {
        in x: f32[4, 48]; in row: f32[48]; out y: f32[4, 48];
        for r in 0..4 { map x[r] on r; map y[r] on r; }
        map row on 0;
        program main { y = x + row; }
      }`, machine);
    const totals = plannedTotals(costOfGraph(plan.bsp, machine).programs[0]!.steps);
    // 8 elements a thread are 4 vectors: two loads and a store of each take two instructions.
    expect(totals).toMatchObject({ compute: 6 * (2 + 1 + 4 * 2), bytes: 3 * 48 * 4 });
  });

  it("of heat: what is repeated counts as often as it is", () => {
    const machine = withTiles(target("ipu-mk2"), 16);
    const text = readFileSync(`${here}../examples/heat/heat.gph`, "utf8");
    const of = (steps: number) => plannedTotals(costOfGraph(planText(text, machine, { n: 64, steps }).plan.bsp, machine).programs[0]!.steps);
    // Steps may be taken in pairs; all these numbers are even.
    const [few, more, often] = [of(4), of(6), of(504)];
    for (const field of ["supersteps", "compute", "exchange", "cycles", "bytes"] as const) {
      expect(few[field]).toBeGreaterThan(0);
      expect(often[field] - few[field]).toBe(250 * (more[field] - few[field]));
    }
    // A tile's part of the inner 62 × 62 points, in six threads, at five floating-point instructions a pair, is the least.
    const least = 2 * 6 * Math.ceil((62 * 62) / 16 / 6 / 2) * 5;
    expect(more.compute - few.compute).toBeGreaterThanOrEqual(least);
    expect(more.compute - few.compute).toBeLessThan(3 * least);
  });
});

describe("a known anchor", () => {
  // Poplar's planner, in its tutorial on matrix–vector products: compute, exchange, exchange of partial sums and their
  // reduction, without sync and the start of exchanges. On 1,472 tiles: 3,696 + 143 + 49 + 108.
  it.each([[1472, 3996], [1216, 4751]])("a 10,000 × 1,000 matrix times a vector on %i tiles takes at most %i cycles", (tiles, theirs) => {
    const machine = withTiles(target("ipu-mk2"), tiles);
    const { plan } = planText("graph g { param a: f32[10_000, 1_000]; in x: f32[1_000]; out y: f32[10_000]; program main { y = a @ x; } }", machine);
    const { steps } = costOfGraph(plan.bsp, machine).programs[0]!;
    const exchanges = steps.flatMap((step) => (step.kind === "superstep" ? step.parts.filter((part) => part.kind === "exchange" && part.bytes > 0) : [])).length;
    const { compute, exchange } = plannedTotals(steps);
    const ours = compute + exchange - exchanges * machine.exchange.startCycles;
    expect(ours).toBeLessThanOrEqual(theirs);
    expect(ours).toBeGreaterThan(0.95 * theirs);
  });
});

describe("pools with a border on 1,472 tiles", () => {
  const machine = target("ipu-mk2");
  const cyclesOf = (text: string): number => plannedTotals(costOfGraph(planText(`import { avg_pool2d, max_pool2d } from "std/nn"; graph g { ${text} }`, machine).plan.bsp, machine).programs[0]!.steps).cycles;
  // Within a tenth of what they are planned to take: cut evenly before their parts were, they took 27,000 to 1,043,000, and those that begin without a border 20,500.
  it.each([
    ["max", "window = 3, stride = 2, padding = 1", 56, 24_000],
    ["avg", "window = 3, stride = 2, padding = 1", 56, 37_000],
    ["max", "window = 3, stride = 1, padding = 1", 112, 100_000],
    ["max", "window = 2", 56, 8600],
  ])("%s pool, %s: at most %3$i cycles", (kind, windows, extent, most) => {
    expect(cyclesOf(`in x: f32[16, 64, 112, 112]; out y: f32[16, 64, ${extent}, ${extent}]; program main { y = ${kind}_pool2d(x, ${windows}); }`)).toBeLessThan(most);
  });

  it.each([["max", 128_000], ["avg", 105_000]])("gradient of a %s pool: at most %i cycles", (kind, most) => {
    expect(cyclesOf(`in x: f32[16, 64, 112, 112]; in w: f32[16, 64, 56, 56]; out d: f32[16, 64, 112, 112]; program main { d = grad(sum(${kind}_pool2d(x, window = 3, stride = 2, padding = 1) * w), x); }`)).toBeLessThan(most);
  });

  it("fits where the image alone fills most of the tiles' blocks", () => {
    const cycles = cyclesOf("in x: f32[2, 8, 200, 300]; out y: f32[2, 8, 100, 150]; program main { y = max_pool2d(x, window = 3, stride = 2, padding = 1); }");
    expect(cycles).toBeLessThan(2200);
  });
});

describe("100,000 tiles", () => {
  it("cost no more looks than tiles and families give", () => {
    const machine = { ...withTiles(target("ipu-mk2"), 100_000) };
    const { plan } = planText("graph g(n: int = 1000) { in x: f32[n, n]; out y: f32[n, n]; program main { y = max(2 * x + 1, 0); } }", machine);
    const tally = { visits: 0 };
    costOfGraph(plan.bsp, machine, tally);
    const families = plan.bsp.programs.flatMap(({ steps }) => steps.flatMap((step) => (step.kind === "superstep" ? step.phases.flatMap((phase) => (phase.kind === "compute" ? phase.set.families : [])) : [])));
    expect(families.length).toBeGreaterThan(0);
    // Once to count what a tile has of a family, once to sort it into a class; never a million elements.
    expect(tally.visits).toBeLessThanOrEqual(families.length * 2 * 100_000);
  });
});

describe("plans and runs", () => {
  const machine = withTiles(target("ipu-mk2"), 8);
  const small: { readonly [program: string]: { readonly [name: string]: number } } = {
    heat: { n: 16, steps: 7 }, life: { n: 16, steps: 5 }, mandelbrot: { height: 9, width: 12, limit: 20 }, matvec: { m: 20, n: 12 },
    mlp: { batch: 4, hidden: 16 }, cnn: { batch: 2 }, encoder: { seq: 8, d: 16, heads: 2, ffn: 32 }, solve: { n: 8 },
  };
  test.each(Object.keys(small))("%s runs as often as planned", async (name) => {
    const text = readFileSync(name === "cnn" ? `${here}../compiler/check/testing/cnn.gph` : `${here}../examples/${name}/${name}.gph`, "utf8");
    const { executable, plan, diagnostics } = await compile(`${name}.gph`, { readFile: () => text, target: machine, parameters: small[name]!, profile: true });
    expect(diagnostics).toEqual([]);
    await using engine = await Engine.load(executable!);
    const filled = ({ dtype, shape }: { dtype: Parameters<typeof newArray>[0]; shape: readonly number[] }) => newArray(dtype, sizeOf(shape)).fill(1 as never);
    for (const state of engine.manifest.states) if (state.role === "param") engine.write(state.name, filled(state));
    const inputs = Object.fromEntries(engine.manifest.states.filter(({ role }) => role === "in").map((state) => [state.name, filled(state)]));
    engine.runSync("main", inputs);
    const counts = engine.stepCounts()!;
    const main = costOfGraph(plan!.bsp, machine).programs.find((program) => program.name === "main")!;
    const planned = plannedTimes(main.steps);
    const decided = stepsThatDataDecides(main.steps);
    for (const [id, times] of planned) if (!decided.has(id)) expect([id, counts[id]]).toEqual([id, times]);
    if (decided.size === 0) expect(countedTotals(main.steps, (id) => counts[id]!)).toEqual(plannedTotals(main.steps));

    // A second run counts on.
    engine.runSync("main", inputs);
    const again = engine.stepCounts()!;
    for (const id of planned.keys()) expect(again[id]).toBe(2 * counts[id]!);
  });

  /** Steps inside a loop or branch of which only the run can tell how often it is taken. */
  function stepsThatDataDecides(steps: readonly StepCost[], inside = false, found = new Set<number>()): Set<number> {
    for (const step of steps) {
      if (inside) found.add(step.id);
      if (step.kind === "superstep" || step.kind === "host") continue;
      for (const block of step.blocks) stepsThatDataDecides(block.steps, inside || step.kind !== "repeat" || step.count === undefined, found);
    }
    return found;
  }

  it("counts the iterations that data decides, whatever the number of workers", async () => {
    const text = "graph g { in n: i32; out k: i32; program main { var i: i32 = 0; while i < n { i += 1; if i == 3 { print(\"three\"); } } k = i; } }";
    const { executable, plan } = await compile("while.gph", { readFile: () => text, target: machine, profile: true });
    for (const workers of [1, 2]) {
      await using engine = await Engine.load(executable!, { workers });
      engine.runSync("main", { n: Int32Array.of(11) }, { print: () => {} });
      const counts = engine.stepCounts()!;
      const loop = costOfGraph(plan!.bsp, machine).programs[0]!.steps.find((step) => step.kind === "while")!;
      const [before, body] = (loop as NestCost).blocks as [NestCost["blocks"][number], NestCost["blocks"][number]];
      expect(counts[loop.id]).toBe(1);
      expect(counts[before.steps[0]!.id]).toBe(12);
      expect(counts[body.steps[0]!.id]).toBe(11);
      const host = findHost(body.steps)!;
      expect(counts[host.id]).toBe(1);
    }
  });

  function findHost(steps: readonly StepCost[]): StepCost | undefined {
    for (const step of steps) {
      if (step.kind === "host") return step;
      if (step.kind === "superstep") continue;
      for (const block of step.blocks) {
        const found = findHost(block.steps);
        if (found) return found;
      }
    }
    return undefined;
  }
});

describe("reports", () => {
  const schema = JSON.parse(/```json\n([\s\S]*?)```/.exec(readFileSync(`${here}profile.md`, "utf8"))![1]!) as Schema;
  const everything = `
    graph g(n: int = 12) {
      in x: f32[n]; in go: bool; in which: i32; stream in more: f32[n]; stream out sums: f32; out y: f32[n];
      var total: f32 = 0;
      program main {
        var u = x;
        repeat 3 { u[1:-1] = u[:-2] + u[2:]; }
        while sum(u) < 100 { u = u + 1; }
        if go { u = u + next(more); } else { print("no", total); }
        switch which { 0 => { u = -u; } default => { u = 2 * u; } }
        total += sum(u);
        assert(total < 1e30, "large");
        send(sums, total);
        y = u;
      }
    }`;

  const reports = (machine: Target) => {
    const { plan, sources } = planText(everything, machine);
    const options = { target: machine, sources, generator: "gph test", memory: plan.memory };
    const counts = Array.from({ length: 100 }, (_, id) => id);
    return [reportOf(plan.bsp, options), reportOf(plan.bsp, { ...options, counts, run: { program: "main", runs: 2, workers: 1, seconds: 0.5 } })];
  };

  it.each(["wasm", "ipu-mk2"])("on %s are what spec/profile.md documents", (name) => {
    for (const report of reports(withTiles(target(name), 4))) {
      const json: unknown = JSON.parse(JSON.stringify(report));
      expect(mismatches(json, schema)).toEqual([]);
      expect(reportTables(report)).toContain(`${report.kind} of g on ${name}`);
      // The schema can fail: a field that is missing, one of another type, one that is not documented.
      const { memory: _, ...without } = json as { memory: unknown };
      expect(mismatches(without, schema)).toEqual(["$ has no memory"]);
      expect(mismatches({ ...(json as object), graph: 3 }, schema)).toEqual(["$.graph is no string"]);
      expect(mismatches({ ...(json as object), extra: 1 }, schema)).toEqual(["$.extra is not documented"]);
    }
  });

  it("have cycles exactly where they are modelled", () => {
    expect(JSON.stringify(reports(withTiles(target("wasm"), 4)))).not.toMatch(/[cC]ycles":\{|"balance"|"slowestTile"/);
    expect(JSON.stringify(reports(withTiles(target("ipu-mk2"), 4)))).toMatch(/"cycles":\{"compute"/);
  });

  it("tie every superstep that computes to a line", () => {
    const [plan] = reports(withTiles(target("ipu-mk2"), 4));
    const text = JSON.stringify(plan!.programs);
    for (const line of ["repeat 3 { u[1:-1] = u[:-2] + u[2:]; }", "while sum(u) < 100 { u = u + 1; }", "total += sum(u);"]) expect(text).toContain(JSON.stringify(line).slice(1, -1));
  });
});

describe("explain", () => {
  const machine = withTiles(target("ipu-mk2"), 4);

  it("accounts for every byte that is exchanged, each copy with a cause and its line", () => {
    for (const name of readdirSync(`${here}cases/cost`)) {
      const { plan, sources } = planText(readFileSync(`${here}cases/cost/${name}`, "utf8"), withTiles(machine, 8));
      const all = explain(plan.bsp, plan.target, sources);
      const { bytes, hostBytes } = plannedTotals(costOfGraph(plan.bsp, plan.target).programs.flatMap(({ steps }) => steps));
      const sum = (kind: string) => all.filter((one) => one.kind === kind).reduce((total, one) => total + one.bytes * one.times, 0);
      expect([sum("exchange"), sum("host")]).toEqual([bytes, hostBytes]);
      for (const { cause, avoid, place } of all) expect([cause.length > 0, avoid.length > 0, place.line > 0]).toEqual([true, true, true]);
    }
  });

  it("tells of a value that was copied because its old value lives on", () => {
    const { plan, sources } = planText("graph g { in x: f32[8]; out y: f32[8]; out z: f32[8]; program main { var u = x; repeat 2 { u = u + 1; } y = u; z = x; } }", machine);
    expect(explain(plan.bsp, machine, sources).filter(({ kind }) => kind === "assignment")).toMatchObject([{ from: "x", bytes: 32 }, { bytes: 32 }]);
  });

  it("puts the dearest first", () => {
    const { plan, sources } = planText(readFileSync(`${here}../examples/heat/heat.gph`, "utf8"), machine, { n: 32, steps: 10 });
    const costs = explain(plan.bsp, machine, sources).map(({ cycles, times }) => cycles * times);
    expect(costs).toEqual(costs.toSorted((a, b) => b - a));
  });
});
