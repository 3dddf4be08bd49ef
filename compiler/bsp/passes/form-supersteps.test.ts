/**
 * The whole way from a graph to a planned program gives what the interpreter gives; and syncs, lives and addresses are held against runs in which tiles go at different speeds: whatever order the tiles' work happens
 * in between two syncs, the result is that of a run in which everyone waits after every phase and no two tensors share a byte.
 */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isFloat } from "../../../runtime/dtype.ts";
import { checkFile } from "../../compile.ts";
import type { Graph } from "../../graph/graph.ts";
import { fuse } from "../../graph/passes/fuse.ts";
import { simplifyAlgebra } from "../../graph/passes/simplify-algebra.ts";
import { removeDeadNodes } from "../../graph/passes/remove-dead-nodes.ts";
import { Interpreter } from "../../graph/interpret.ts";
import { RuntimeError } from "../../graph/runtime-error.ts";
import { randomGraph, randomInputs } from "../../graph/testing/random-graph.ts";
import { put, zeros, type Tensor } from "../../graph/tensor.ts";
import { Diagnostics } from "../../support/diagnostic.ts";
import { target, withTiles } from "../../targets/targets.ts";
import { lowerToTiled } from "../../tiled/passes/lower-to-tiled.ts";
import type { BspGraph, BspStep } from "../bsp.ts";
import { forEachStep } from "../steps.ts";
import { lockstep, Machine, separatePlan, type Schedule } from "../testing/machine.ts";
import { verifyPlan } from "../verify.ts";
import { formSupersteps } from "./form-supersteps.ts";
import { planMemory } from "./plan-memory.ts";

function lowered(graph: Graph, machine: string, tiles: number): { bsp: BspGraph; context: Diagnostics & { target: ReturnType<typeof target> } } {
  const context = Object.assign(new Diagnostics(), { target: { ...withTiles(target(machine), tiles), grain: 1 } });
  const bsp = formSupersteps.run(lowerToTiled.run(fuse.run(removeDeadNodes.run(simplifyAlgebra.run(graph, context), context), context), context), context);
  expect(context.list).toEqual([]);
  return { bsp, context };
}

function generator(seed: number): (choices: number) => number {
  let state = seed >>> 0;
  return (choices) => Math.floor(((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32) * choices);
}

/** Now and then every tile is as likely as the other; else one goes as far as it can before the next. */
function schedule(seed: number): Schedule {
  const choose = generator(seed);
  const order = choose(3);
  const rank = Array.from({ length: 64 }, () => choose(1000));
  return (ready) => {
    if (order === 0) return choose(ready.length);
    if (choose(40) === 0) rank[choose(64)] = choose(1000);
    return ready.reduce((best, tile, at) => (rank[tile % 64]! < rank[ready[best]! % 64]! ? at : best), 0);
  };
}

/** Runs programs in lockstep, on tensors of their own, and says where outputs differ from the interpreter's. */
function differences(graph: Graph, inputs: { readonly [name: string]: Tensor }, bsp: BspGraph, shared: boolean): string[] {
  let outputs: { [name: string]: Tensor };
  try {
    outputs = new Interpreter(graph).run("main", inputs, { streams: Object.fromEntries(graph.states.filter(({ role }) => role === "stream out").map(({ name }) => [name, () => undefined])) });
  } catch (error) {
    if (error instanceof RuntimeError) return [];
    throw error;
  }
  const machine = new Machine(separatePlan(bsp, shared));
  results(machine, bsp, inputs, lockstep);
  return bsp.tiled.states.flatMap(({ state, host }) => {
    const expected = outputs[graph.states[state]!.name];
    if (!expected) return [];
    const actual = machine.read(host);
    const scale = Math.max(...[...expected.data].map((value) => Math.abs(Number(value))).filter(Number.isFinite), 1e-30);
    return [...expected.data].flatMap((value, i) => (Object.is(value, actual.data[i]!) || (expected.type.dtype === "bf16" ? false : Math.abs(Number(value) - Number(actual.data[i]!)) <= 2e-5 * scale && isFloat(expected.type.dtype)) ? [] : [`${graph.states[state]!.name}[${i}] should be ${value}, is ${actual.data[i]}`]));
  });
}

function results(machine: Machine, bsp: BspGraph, inputs: { readonly [name: string]: Tensor }, how: Schedule | typeof lockstep): unknown {
  for (const { state, host } of bsp.tiled.states) {
    const value = inputs[bsp.tiled.graph.states[state]!.name];
    if (value) machine.write(host, value);
  }
  machine.run(bsp.initial.steps, how);
  machine.run(bsp.programs[0]!.steps, how);
  return {
    told: machine.told.map(({ values }) => values.map(String)),
    outputs: bsp.tiled.states.filter(({ state }) => bsp.tiled.graph.states[state]!.role === "out").map(({ host, state }) => [bsp.tiled.graph.states[state]!.name, ...[...machine.read(host).data].map((value) => (Object.is(value, -0) ? "-0" : String(value)))]),
  };
}

function holds(graph: Graph, inputs: { readonly [name: string]: Tensor }, machine: string, tiles: number, seed: number): void {
  const { bsp, context } = lowered(graph, machine, tiles);
  const planned = planMemory.run(bsp, context);
  verifyPlan(planned);
  expect(differences(graph, inputs, bsp, context.target.memory === "shared")).toEqual([]);
  const expected = results(new Machine(separatePlan(bsp, context.target.memory === "shared")), bsp, inputs, lockstep);
  for (let run = 0; run < 3; run++) expect(results(new Machine(planned), bsp, inputs, schedule(seed + run))).toEqual(expected);
}

describe("any order between two syncs", () => {
  it.each([["wasm", 3], ["wasm", 5], ["ipu-mk2", 3], ["ipu-mk2", 24]] as const)("random graphs on %s with %i tiles", (machine, tiles) => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 20, maxLength: 90 }), fc.nat(), (decisions, seed) => {
        const graph = randomGraph(decisions);
        holds(graph, randomInputs(graph, seed), machine, tiles, seed);
      }),
      { numRuns: Number(process.env["GPH_RUNS"] ?? 15) },
    );
  });

  it.each(programs)("$name", ({ name, parameters, limit }) => {
    for (const machine of ["wasm", "ipu-mk2"]) {
      const graph = graphOfExample(name, parameters, 5);
      holds(graph, fill(graph, limit), machine, 5, 1);
    }
  });

  it.each([["wasm", 5], ["wasm", 16], ["ipu-mk2", 5]] as const)("loops over single elements on %s with %i tiles", (machine, tiles) => {
    const graph = checked("g", textOf(cells), {}, tiles);
    for (let seed = 0; seed < 20; seed++) holds(graph, fill(graph, 5), machine, tiles, seed);
  });

  it.each([["wasm", 3], ["wasm", 5], ["wasm", 16], ["ipu-mk2", 5]] as const)("parts of tensors on %s with %i tiles", (machine, tiles) => {
    const graph = checked("g", textOf(parts), {}, tiles);
    for (let seed = 0; seed < 20; seed++) holds(graph, fill(graph, 5), machine, tiles, seed);
  });

  it("is told apart from one that misses a sync", () => {
    const graph = graphOfExample("heat", { n: 9, steps: 3 }, 5);
    const { bsp, context } = lowered(graph, "wasm", 5);
    const inputs = fill(graph, 5);
    const run = (program: BspGraph, seed: number): unknown => results(new Machine(planMemory.run(program, context)), program, inputs, schedule(seed));
    const expected = run(bsp, 0);
    const needed = withoutOneSync(bsp.programs[0]!.steps).map((steps) => {
      const broken = { ...bsp, programs: [{ ...bsp.programs[0]!, steps }] };
      return Array.from({ length: 12 }, (_, seed) => run(broken, seed)).some((result) => JSON.stringify(result) !== JSON.stringify(expected));
    });
    expect(needed.length).toBeGreaterThan(1);
    expect(needed.every(Boolean)).toBe(true);
  });
});

const programs: readonly { name: string; parameters: { [name: string]: number }; limit: number }[] = [
  { name: "heat", parameters: { n: 9, steps: 3 }, limit: 5 },
  { name: "life", parameters: { n: 7, steps: 3 }, limit: 2 },
  { name: "mandelbrot", parameters: { height: 9, width: 5, limit: 10 }, limit: 5 },
  { name: "matvec", parameters: { m: 17, n: 5 }, limit: 5 },
  { name: "solve", parameters: { n: 5, limit: 4 }, limit: 5 },
];

function graphOfExample(name: string, parameters: { [name: string]: number }, tiles: number): Graph {
  return checked(name, readFileSync(new URL(`../../../examples/${name}/${name}.gph`, import.meta.url), "utf8"), parameters, tiles);
}

function checked(name: string, text: string, parameters: { [name: string]: number }, tiles: number): Graph {
  const { graph, diagnostics } = checkFile(`${name}.gph`, { parameters, target: withTiles(target("wasm"), tiles), readFile: () => text });
  expect(diagnostics.map(({ message }) => message)).toEqual([]);
  return graph!;
}

function fill(graph: Graph, limit: number): { [name: string]: Tensor } {
  const choose = generator(7);
  return Object.fromEntries(graph.states.filter(({ role }) => role === "in").map((state) => {
    const made = zeros(state.type);
    for (let i = 0; i < made.data.length; i++) put(made, i, choose(limit));
    return [state.name, made];
  }));
}

/** The steps with each of their syncs left out in turn. */
function withoutOneSync(steps: readonly BspStep[]): BspStep[][] {
  return steps.flatMap((step, i) => {
    const others: BspStep[] = step.kind === "superstep" && step.sync ? [{ ...step, sync: false }] : step.kind === "repeat" ? withoutOneSync(step.body).map((body) => ({ ...step, body })) : [];
    return others.map((other) => steps.with(i, other));
  });
}

function syncs(steps: readonly BspStep[]): number {
  let count = 0;
  forEachStep(steps, (step) => (count += step.kind === "superstep" && step.sync ? 1 : 0));
  return count;
}

const textOf = (body: string): string => `graph g(n: int = 40) { in x: f32[n]; in m: f32[n, n]; in k: i32; out y: f32[n]; ${/\bz\b/.test(body) ? "out z: f32[n, n];" : ""} program main { ${body} } }`;
const syncsOf = (body: string, machine = "wasm", n = 40): number => syncs(lowered(checked("g", textOf(body), { n }, 5), machine, 5).bsp.programs[0]!.steps);

/** Parts of tensors that lie apart or meet, written and read in loops. */
const parts = "var t = x * 3; repeat 4 { t[:20] *= 2; t[20:] += t[:20]; t[10:30] = t[30:10:-1]; } y = concat(t[:13] * 2, t[13:] - x[13:]); var u = m; repeat 3 { u[:, :7] *= 2; u[:, 7:] -= u[:, :33]; u[3:9, 5:9] = u[4:10, 6:10]; } z = u;";

/** A loop over single elements, of which all tiles make and read the tensor before and after. */
const cells = "var t = x + 1; var i: i32 = k; repeat 9 { t[i] = t[i + 3] + 0.5 * t[i + 1]; t[5] = t[i] + t[30]; i += 2; } y = t * 2;";

describe("form-supersteps", () => {
  it("puts no sync between elementwise ops", () => {
    expect(syncsOf("var t = x; repeat 3 { t = t * 2 + x; t = sqrt(abs(t)) - x; } y = t;")).toBe(0);
    expect(syncsOf("var t = x; if k > 1 { t += 1; } else { t = t * x; } y = t;")).toBeLessThanOrEqual(1);
  });

  it("puts one sync where a neighbour's elements are read", () => {
    expect(syncsOf("var t = x * 2; y = roll(t, 1);")).toBe(1);
    expect(syncsOf("var t = x; while sum(t) < 100 { t = t + 1; } y = t;")).toBeLessThanOrEqual(4);
  });

  it("puts none between parts of one tensor that lie apart, and one where they meet", () => {
    expect(syncsOf("y = concat(x[:20] * 2, x[20:] + 1);")).toBe(0);
    expect(syncsOf("y = x; z = concat(m[:, :20] * 2, m[:, 20:] + 1, axis = 1);")).toBe(0);
    expect(syncsOf("y = concat(x[:20] * 2, x[20:] + 1); y[19:21] = x[:2] * y[19:21];")).toBeGreaterThan(0);
    expect(syncsOf("var t = x + 1; repeat 9 { t[:20] = t[:20] * 2; t[10:] = t[10:] + 1; } y = t;")).toBeGreaterThan(0);
  });

  it("puts none between what one tile alone does to a tensor that lies on many", () => {
    expect(syncsOf(cells)).toBe(syncsOf("var t = x; y = t;") + 2);
    // Where its blocks are in memories of their own, they must be brought and sent.
    expect(syncsOf(cells, "ipu-mk2", 400)).toBeGreaterThan(4);
    // Few elements are on one tile from the first.
    expect(syncsOf(cells, "ipu-mk2")).toBe(0);
  });

  it("heat needs two a step where memory is shared", () => {
    const graph = graphOfExample("heat", { n: 16, steps: 3 }, 4);
    const { steps } = lowered(graph, "wasm", 4).bsp.programs[0]!;
    const loop = steps.find((step) => step.kind === "repeat");
    expect(loop?.kind === "repeat" && syncs(loop.body)).toBe(2);
    expect(syncs(steps) - 2).toBeLessThanOrEqual(1);
  });

  it("nothing is asked twice: nested loops are built once for each level", () => {
    const body = `${"repeat 2 { t = roll(t, 1); ".repeat(12)}t = t + x;${" }".repeat(12)}`;
    const { steps } = lowered(checked("g", textOf(`var t = x; ${body} y = t;`), {}, 3), "wasm", 3).bsp.programs[0]!;
    let depth = 0;
    forEachStep(steps, (step) => (depth += step.kind === "repeat" ? 1 : 0));
    expect(depth).toBe(12);
  });

  it("waits for the others where only a loop's next iteration meets them", () => {
    expect(syncsOf("var t = x; repeat 3 { t = roll(t, 1); } y = t;")).toBeGreaterThanOrEqual(1);
    // Nothing of the loop is needed on another tile before the loop has ended.
    expect(syncsOf("var t = x; repeat 3 { t = t + 1; } y = roll(t, 1);")).toBe(1);
  });
});
