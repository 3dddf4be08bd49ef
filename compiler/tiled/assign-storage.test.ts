/**
 * Who shares storage with whom: that values alive together never do, by running random graphs with storages in the place of
 * values; and that nothing is copied where nothing needs to be.
 */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Block, Graph, StateId, ValueId } from "../graph/graph.ts";
import { fuse } from "../graph/passes/fuse.ts";
import { randomGraph } from "../graph/testing/random-graph.ts";
import { graphOf, testContext } from "../graph/testing/test-graph.ts";
import { target, withTiles } from "../targets/targets.ts";
import { assignStorage, type Storage } from "./assign-storage.ts";
import { coveredPart, place, type Scope } from "./live-segments.ts";
import { lowerText, outline, type Outline } from "./testing/lowered.ts";
import { Views } from "./views.ts";

const machine = withTiles(target("wasm"), 4);
const example = (name: string): string => readFileSync(new URL(`../../examples/${name}/${name}.gph`, import.meta.url), "utf8");
const stepsOf = (text: string, parameters: { readonly [name: string]: number } = {}): Outline => outline(lowerText(text, machine, parameters).tiled.programs[0]!.steps);
const body = (statements: string, declarations = ""): Outline => stepsOf(`graph g(n: int = 40) { in x: f32[n]; in k: i32; ${declarations} out y: f32[n]; out z: f32[n]; program main { ${statements} } }`);
const copies = (steps: Outline): number => steps.reduce<number>((sum, step) => sum + (typeof step === "string" ? Number(step === "copy") : copies(step)), 0);

/**
 * Walks a program in every way a few choices allow, and notes in each storage which value it holds: a value that is used must
 * still be there. Each iteration of a loop makes new values.
 */
class Tracker {
  readonly problems: string[] = [];
  readonly #storage: ReadonlyMap<ValueId, Storage>;
  readonly #choose: (choices: number) => number;
  readonly #views: Views;
  /** What a storage holds, and what each value is; both as numbers given anew to every value that is made. */
  readonly #held = new Map<Storage, number>();
  readonly #now = new Map<ValueId, number>();
  #made = 0;

  constructor(graph: Graph, storage: ReadonlyMap<ValueId, Storage>, choose: (choices: number) => number) {
    this.#storage = storage;
    this.#choose = choose;
    this.#views = new Views(graph);
  }

  #storageOf(value: ValueId): Storage {
    return this.#storage.get(value)!;
  }

  #use(value: ValueId): number {
    const { root } = this.#views.of(value);
    const expected = this.#now.get(root)!;
    if (this.#held.get(this.#storageOf(root)) !== expected) this.problems.push(`%${root} is no longer there`);
    return expected;
  }

  #define(value: ValueId, content = this.#made++): void {
    this.#now.set(value, content);
    this.#held.set(this.#storageOf(value), content);
  }

  /** All at once: every source is read before a target is written. */
  #assign(targets: readonly ValueId[], sources: readonly ValueId[]): void {
    const whole = sources.map((source) => this.#use(source));
    targets.forEach((to, i) => this.#define(to, whole[i]!));
  }

  block(block: Block): void {
    for (const node of block.nodes) {
      for (const input of node.inputs) this.#use(input);
      switch (node.op) {
        case "repeat": {
          const [region] = node.regions as [Block];
          this.#assign(region.parameters, node.inputs.slice(1));
          for (let i = this.#choose(4); i > 0; i--) {
            this.block(region);
            this.#assign(region.parameters, region.results);
          }
          this.#assign(node.outputs, region.parameters);
          break;
        }
        case "while": {
          const [condition, region] = node.regions as [Block, Block];
          this.#assign(region.parameters, node.inputs);
          for (let i = this.#choose(4); ; i--) {
            this.#assign(condition.parameters, region.parameters);
            this.block(condition);
            condition.results.forEach((result) => this.#use(result));
            if (i === 0) break;
            this.block(region);
            this.#assign(region.parameters, region.results);
          }
          this.#assign(node.outputs, region.parameters);
          break;
        }
        case "if": case "switch": {
          const region = node.regions[this.#choose(node.regions.length)]!;
          this.block(region);
          this.#assign(node.outputs, region.results);
          break;
        }
        case "write": break;
        default:
          if (this.#views.define(node)) break;
          for (const output of node.outputs) this.#define(output);
      }
    }
    for (const node of block.nodes) if (node.op === "write") this.#use(node.inputs[0]!);
  }
}

describe("values alive together", () => {
  it("never share storage, whatever way a program takes", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 30, maxLength: 160 }), fc.boolean(), fc.array(fc.nat(), { minLength: 20, maxLength: 20 }), (decisions, fused, choices) => {
        const graph = fused ? fuse.run(randomGraph(decisions), testContext) : randomGraph(decisions);
        const program = graph.programs[0]!;
        const storage = assignStorage(graph, program);
        for (let run = 0; run < 3; run++) {
          let at = run * 5;
          const tracker = new Tracker(graph, storage, (count) => choices[at++ % choices.length]! % count);
          tracker.block(program.body);
          expect(tracker.problems).toEqual([]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("a state that is read twice is one tensor", () => {
    const graph = graphOf((g) => {
      const state = g.state("in", "x", "f32", 8);
      const read = (): ValueId => g.structural("read", [], { state }, [{ dtype: "f32", shape: [8] }])[0]!;
      g.output("y", g.op("neg", [read()]));
      g.output("z", g.op("abs", [read()]));
    });
    const storage = assignStorage(graph, graph.programs[0]!);
    const reads = graph.programs[0]!.body.nodes.filter(({ op }) => op === "read").map(({ outputs }) => storage.get(outputs[0]!)!.state as StateId);
    expect(reads).toEqual([0, 0]);
  });
});

describe("nothing is copied in vain", () => {
  it("heat: once before the loop, not inside", () => {
    expect(stepsOf(example("heat"), { n: 16, steps: 3 })).toEqual(["copy", ["map", "update"]]);
  });

  it("conjugate gradients: only a scalar inside the loop", () => {
    const lowered = lowerText(example("solve"), machine, { n: 8 });
    const loop = lowered.tiled.programs[0]!.steps.find((step) => step.kind === "while")!;
    const copied = (loop.kind === "while" ? loop.body : []).flatMap((step) => (step.kind === "compute" && step.set.name === "copy" ? step.set.families.map(({ fields }) => lowered.tiled.tensors[fields.at(-1)!.tensor]!.type.shape) : []));
    expect(copied).toEqual([[]]);
  });

  it("an accumulation in a loop", () => {
    expect(body("var a = x * 2; var p = x; repeat 3 { a += 0.5 * p; p = p * 2; } y = a; z = p;")).toEqual(["map", "copy", ["map", "map"]]);
  });

  it("a swap of two variables takes one of them aside", () => {
    expect(body("var a = x; var b = x * 2; repeat 3 { let t = a; a = b; b = t; } y = a; z = b;")).toEqual(["map", "copy", ["copy", "copy", "copy"]]);
  });

  it("an update in one arm of a branch, and none in the other", () => {
    expect(body("var a = x * 2; if k > 1 { a[1:3] += 1; } y = a;")).toEqual(["map", "map", ["map", "update"], []]);
    expect(body("var a = x * 2; switch k { 0 => { a[1:3] += 1; } 1 => { a = a + x; } default => { } } y = a;")).toEqual(["map", ["map", "update"], ["map"], []]);
  });

  it("a variable of the graph is updated where it is", () => {
    expect(body("v[1:3] = x[0:2];", "var v: f32[n] = 0;")).toEqual(["update"]);
    expect(body("repeat 3 { v[1:3] += x[0:2]; }", "var v: f32[n] = 0;")).toEqual([["map", "update"]]);
    expect(body("v += x;", "var v: f32[n] = 0;")).toEqual(["map"]);
  });

  it("random rows are made in the state they are written to, whatever its shape", () => {
    const source = (type: string): string => `import { uniform } from "std/random"; graph g { in s: i32; var v: f32[${type}] = 0; program main { v = uniform<f32>(1, s, ${type}); } }`;
    expect(stepsOf(source("2048"))).toEqual(["uniform_rows"]);
    expect(stepsOf(source("16, 32, 8"))).toEqual(["uniform_rows"]);
    expect(stepsOf("graph g { in x: f32[4, 6]; var v: f32[4, 2, 3] = 0; program main { v = (2 * x).reshape(4, 2, 3); } }")).toEqual(["map"]);
    expect(stepsOf("graph g { in x: f32[4, 6]; var v: f32[3, 8] = 0; program main { v = (2 * x).reshape(4, 2, 3).reshape(3, 8); } }")).toEqual(["map"]);
    expect(stepsOf("graph g { in x: f32[4, 6]; var v: f32[8] = 0; program main { v = sum(x.reshape(4, 2, 3).reshape(3, 8), axis = 0); } }")).toEqual(["sum"]);
    expect(stepsOf("graph g { in x: f32[4, 6]; var v: f32[6, 4] = 0; program main { v = transpose(2 * x); } }")).toEqual(["map", "copy"]);
  });

  it("what the program still needs is copied", () => {
    expect(copies(body("var a = x; a[1:3] += 1; y = a; z = x;"))).toBe(2);
    expect(copies(body("let t = v; v = w; w = t;", "var v: f32[n] = 0; var w: f32[n] = 0;"))).toBe(3);
  });

  it("long chains are handled in one go", () => {
    const graph = graphOf((g) => {
      let value = g.op("neg", [g.input("x", "f32", 8)]);
      const part = g.fill("f32", 1, 2);
      for (let i = 0; i < 4000; i++) value = g.op("update", [value, part], { start: [i % 6], length: [2], step: [1] });
      g.output("y", value);
    });
    const program = graph.programs[0]!;
    const storage = assignStorage(graph, program);
    const last = program.body.nodes.filter(({ op }) => op === "update").at(-1)!;
    expect(storage.get(last.outputs[0]!)!.members.length).toBe(4001);
    expect(storage.get(last.outputs[0]!)!.state).toBe(1);
  });
});

describe("segments", () => {
  const arm = (at: number, start: number): Scope => ({ kind: "arm", at, start });
  const [first, second] = [arm(10, 11), arm(10, 20)];
  const spans = (uses: readonly { at: number; scopes: readonly Scope[] }[], start = 1): number[][] =>
    coveredPart(0, start, 0, uses.map(({ at, scopes }) => place(at, scopes, 0))).map((segment) => [segment.start, segment.end]);

  it("end at the last use", () => {
    expect(spans([])).toEqual([[1, 1]]);
    expect(spans([{ at: 4, scopes: [] }, { at: 7, scopes: [] }])).toEqual([[1, 7]]);
  });

  it("have holes in the arms that need the value no more", () => {
    expect(spans([{ at: 13, scopes: [first] }, { at: 25, scopes: [second] }])).toEqual([[1, 10], [11, 13], [20, 25]]);
    expect(spans([{ at: 25, scopes: [second] }])).toEqual([[1, 10], [20, 25]]);
    expect(spans([{ at: 13, scopes: [first] }, { at: 40, scopes: [] }])).toEqual([[1, 40]]);
  });

  it("reach to the end of a loop around a use", () => {
    const loop = (end: number): Scope => ({ kind: "loop", end });
    expect(spans([{ at: 13, scopes: [first, loop(18)] }, { at: 25, scopes: [second] }])).toEqual([[1, 10], [11, 18], [20, 25]]);
    expect(spans([{ at: 25, scopes: [loop(50), second] }])).toEqual([[1, 50]]);
  });
});
