/** The interpreter on graphs built by hand: control, states, streams, vertices, and every way a run can fail. */
import { expect, test } from "vitest";
import { binary, i32, KernelBuilder } from "../kernel/build.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { op } from "../ops/table.ts";
import type { Span } from "../support/span.ts";
import { GraphBuilder } from "./build.ts";
import { scalar, type Attributes, type Block, type ComputeSet, type Graph, type State, type TensorType, type ValueId, type Vertex } from "./graph.ts";
import { interpret, Interpreter, RuntimeError, type RunOptions, type Tensors } from "./interpret.ts";
import { get, tensor, type Tensor } from "./tensor.ts";

let line = 0;
const place = (): Span => ({ file: "test.gph", start: ++line, end: line });

/** A graph builder with the states of one graph, and short words for nodes. */
class Sketch {
  readonly builder = new GraphBuilder();
  readonly states: State[] = [];
  readonly vertices: Vertex[] = [];
  readonly computeSets: ComputeSet[] = [];

  state(role: State["role"], name: string, type: TensorType): number {
    this.states.push({ role, name, type, origin: place() });
    return this.states.length - 1;
  }

  op(name: string, inputs: readonly ValueId[], attributes: Attributes = {}): ValueId {
    const type = op(name).type(inputs.map((input) => this.builder.typeOf(input)), attributes);
    return this.builder.node(name, { inputs, attributes, outputs: [type], origin: place() })[0]!;
  }

  number(value: number, dtype: TensorType["dtype"] = "i32"): ValueId {
    return this.op("fill", [], { value, dtype, shape: [] });
  }

  read(state: number): ValueId {
    return this.builder.node("read", { attributes: { state }, outputs: [this.states[state]!.type], origin: place() })[0]!;
  }

  write(state: number, value: ValueId): void {
    this.builder.node("write", { inputs: [value], attributes: { state }, outputs: [], origin: place() });
  }

  structural(name: string, inputs: readonly ValueId[], attributes: Attributes, regions: readonly Block[], outputs: readonly TensorType[] = []): ValueId[] {
    return this.builder.node(name, { inputs, attributes, regions, outputs, origin: place() });
  }

  body(parameters: readonly TensorType[], fill: (...parameters: ValueId[]) => readonly ValueId[]): Block {
    const ids = parameters.map((type) => this.builder.value(type, place()));
    return this.builder.block(ids, () => fill(...ids));
  }

  graph(programs: { readonly [name: string]: () => void }, initial: () => void = () => {}): Graph {
    const program = (name: string, fill: () => void) => ({ name, origin: place(), body: this.builder.block([], () => (fill(), [])) });
    const built = { first: program("initial", initial), programs: Object.entries(programs).map(([name, fill]) => program(name, fill)) };
    return {
      name: "test", parameters: [], values: this.builder.values, states: this.states, vertices: this.vertices, computeSets: this.computeSets,
      programs: built.programs, initial: built.first, origin: place(),
    };
  }
}

const int = scalar("i32");
const number = (value: number): Tensor => tensor("i32", [], [value]);
const value = (result: Tensor | undefined): number => Number(get(result!, 0));

/** A graph with an i32 input `n`, an i32 output `y`, and a program computing one from the other. */
function function_(body: (sketch: Sketch, n: ValueId) => ValueId): Graph {
  const sketch = new Sketch();
  const [n, y] = [sketch.state("in", "n", int), sketch.state("out", "y", int)];
  return sketch.graph({ main: () => sketch.write(y, body(sketch, sketch.read(n))) });
}

const apply = (graph: Graph, n: number, options: RunOptions = {}): number => value(interpret(graph, "main", { n: number(n) }, options).outputs["y"]);

test("repeat carries values, and a negative count is 0", () => {
  const power = function_((s, n) => s.structural("repeat", [n, s.number(1)], {}, [s.body([int], (x) => [s.op("mul", [x, s.number(3)])])], [int])[0]!);
  expect([0, 1, 4, -2].map((n) => apply(power, n))).toEqual([1, 3, 81, 1]);
});

test("while runs as long as its condition holds, with values of the outside", () => {
  // Euclid's steps from (n, 12): a pair is carried.
  const gcd = function_((s, n) => {
    const zero = s.number(0);
    const loop = s.structural("while", [n, s.number(12)], {}, [
      s.body([int, int], (_, b) => [s.op("ne", [b, zero])]),
      s.body([int, int], (a, b) => [b, s.op("rem", [a, b])]),
    ], [int, int]);
    return loop[0]!;
  });
  expect([18, 7, 24, 0].map((n) => apply(gcd, n))).toEqual([6, 1, 12, 12]);
});

test("if and switch choose one region", () => {
  const sign = function_((s, n) => s.structural("if", [s.op("lt", [n, s.number(0)])], {}, [s.body([], () => [s.number(-1)]), s.body([], () => [s.op("sign", [n])])], [int])[0]!);
  expect([-5, 0, 9].map((n) => apply(sign, n))).toEqual([-1, 0, 1]);
  const chosen = function_((s, n) => s.structural("switch", [n], { cases: [3, -1] }, [30, -10, 99].map((result) => s.body([], () => [s.number(result)])), [int])[0]!);
  expect([3, -1, 0].map((n) => apply(chosen, n))).toEqual([30, -10, 99]);
});

test("a region not chosen is not run", () => {
  const graph = function_((s, n) => s.structural("if", [s.op("eq", [n, s.number(0)])], {}, [s.body([], () => [n]), s.body([], () => [s.op("div", [s.number(12), n])])], [int])[0]!);
  expect(apply(graph, 0)).toBe(0);
  expect(apply(graph, 5)).toBe(2);
});

test("variables start from the initial program and live from run to run, inputs do not", () => {
  const sketch = new Sketch();
  const [step, start, total, seen] = [sketch.state("in", "step", int), sketch.state("param", "start", int), sketch.state("var", "total", int), sketch.state("out", "seen", int)];
  const graph = sketch.graph(
    {
      add() {
        const next = sketch.op("add", [sketch.read(total), sketch.read(step)]);
        sketch.write(total, next);
        sketch.write(seen, next);
      },
      look: () => sketch.write(seen, sketch.read(total)),
    },
    () => sketch.write(total, sketch.op("mul", [sketch.read(start), sketch.number(10)])),
  );
  const interpreter = new Interpreter(graph, { params: { start: number(4) } });
  const mine = number(2);
  expect(value(interpreter.run("add", { step: mine })["seen"])).toBe(42);
  mine.data[0] = 100;
  expect(value(interpreter.run("add", { step: number(3) })["seen"])).toBe(45);
  expect(value(interpreter.run("look")["seen"])).toBe(45);
  expect(value(interpreter.state("total"))).toBe(45);
  expect(() => interpreter.run("add")).toThrow(/in step: i32 was not given/);
  const result = interpreter.run("look")["seen"]!;
  result.data[0] = 0;
  expect(value(interpreter.outputs()["seen"])).toBe(45);
  expect(value(new Interpreter(graph, { params: { start: number(1) } }).run("look")["seen"])).toBe(10);
});

test("a program reads a state as it was when it got there", () => {
  const sketch = new Sketch();
  const [a, b] = [sketch.state("out", "a", int), sketch.state("out", "b", int)];
  const graph = sketch.graph({
    main() {
      const before = sketch.read(a);
      sketch.write(a, sketch.number(5));
      sketch.write(b, sketch.op("add", [before, sketch.read(a)]));
    },
  });
  const interpreter = new Interpreter(graph);
  expect(value(interpreter.run("main")["b"])).toBe(5);
  expect(value(interpreter.run("main")["b"])).toBe(10);
});

test("streams, print", () => {
  const sketch = new Sketch();
  const [source, sink] = [sketch.state("stream in", "source", int), sketch.state("stream out", "sink", int)];
  const graph = sketch.graph({
    main() {
      sketch.structural("repeat", [sketch.number(3)], {}, [
        sketch.body([], () => {
          const next = sketch.structural("next", [], { state: source }, [], [int])[0]!;
          const twice = sketch.op("add", [next, next]);
          sketch.structural("send", [twice], { state: sink }, []);
          sketch.structural("print", [next, twice], { label: "x" }, []);
          return [];
        }),
      ]);
    },
  });
  const sent: Tensor[] = [];
  const printed: string[] = [];
  const print = (label: string, values: readonly Tensor[]): void => void printed.push(`${label} ${values.map(value).join(" ")}`);
  interpret(graph, "main", {}, { streams: { source: [1, 2, 3, 4].map(number), sink: sent }, print });
  expect(sent.map(value)).toEqual([2, 4, 6]);
  expect(printed).toEqual(["x 1 2", "x 2 4", "x 3 6"]);

  function* count() {
    for (let k = 10; ; k++) yield number(k);
  }
  const endless = count();
  const interpreter = new Interpreter(graph);
  const heard: number[] = [];
  const streams = { source: endless, sink: (element: Tensor) => void heard.push(value(element)) };
  interpreter.run("main", {}, { streams });
  interpreter.run("main", {}, { streams });
  expect(heard).toEqual([20, 22, 24, 26, 28, 30]);
});

/** y[i] = x[i] · s + i, and s counts how often it ran. */
function scaleKernel(): Kernel {
  const kernel = new KernelBuilder("Scale.compute", { file: "test.gph", start: 1000, end: 1010 });
  const x = kernel.buffer({ name: "x", dtype: "i32", shape: [3], access: "in" });
  const s = kernel.buffer({ name: "s", dtype: "i32", shape: [], access: "inout" });
  const y = kernel.buffer({ name: "y", dtype: "i32", shape: [3], access: "out" });
  kernel.for({ end: i32(3) }, (i) => kernel.store(y, [i], binary("add", binary("div", kernel.load(x, [i]), kernel.load(s, [])), i)));
  kernel.store(s, [], binary("add", kernel.load(s, []), i32(1)));
  return kernel.finish();
}

function vertexGraph(): Graph {
  const sketch = new Sketch();
  const [x, s, y] = [sketch.state("in", "x", { dtype: "i32", shape: [2, 6] }), sketch.state("var", "s", { dtype: "i32", shape: [2] }), sketch.state("out", "y", { dtype: "i32", shape: [2, 3] })];
  const origin = place();
  sketch.vertices.push({ name: "Scale", kernel: scaleKernel(), origin });
  const whole = (length: number, step = 1, start = 0) => ({ start, length, step, drop: false });
  const at = (start: number) => ({ start, length: 1, step: 1, drop: true });
  sketch.computeSets.push({
    name: "rows", origin, written: [1, 2],
    operands: [x, s, y].map((id) => ({ name: sketch.states[id]!.name, type: sketch.states[id]!.type })),
    placements: [0, 1].map((row) => ({
      vertex: 0, tile: row, origin,
      fields: [
        // Row 0 takes every second element, row 1 the last three backwards.
        { operand: 0, slice: [at(row), row === 0 ? whole(3, 2) : whole(3, -1, 5)], origin },
        { operand: 1, slice: [at(row)], origin },
        { operand: 2, slice: [at(row), whole(3)], origin },
      ],
    })),
  });
  const types = [s, y].map((id) => sketch.states[id]!.type);
  return sketch.graph({
    main() {
      const results = sketch.structural("execute", [x, s, y].map((id) => sketch.read(id)), { computeSet: 0 }, [], types);
      sketch.write(s, results[0]!);
      sketch.write(y, results[1]!);
    },
  }, () => sketch.write(s, sketch.op("constant", [], { dtype: "i32", shape: [2], data: Int32Array.of(1, 10) })));
}

test("execute runs vertices on their slices and writes them back", () => {
  const interpreter = new Interpreter(vertexGraph());
  const x = tensor("i32", [2, 6], [0, 1, 2, 3, 4, 5, 60, 70, 80, 90, 100, 110]);
  expect([...interpreter.run("main", { x })["y"]!.data]).toEqual([0, 3, 6, 11, 11, 11]);
  expect([...interpreter.state("s")!.data]).toEqual([2, 11]);
  expect([...x.data]).toEqual([0, 1, 2, 3, 4, 5, 60, 70, 80, 90, 100, 110]);
  expect([...interpreter.run("main", { x })["y"]!.data]).toEqual([0, 2, 4, 10, 10, 10]);
});

function failure(run: () => unknown): RuntimeError {
  try {
    run();
  } catch (problem) {
    if (problem instanceof RuntimeError) return problem;
    throw problem;
  }
  throw new Error("nothing failed");
}

const originOf = (graph: Graph, op: string): Span => graph.programs[0]!.body.nodes.find((node) => node.op === op)!.origin;

test.each<[string, (s: Sketch, n: ValueId) => ValueId, number, string, string]>([
  ["div", (s, n) => s.op("div", [s.number(1), n]), 0, "division-by-zero", "integer division by zero"],
  ["rem", (s, n) => s.op("rem", [s.number(1), n]), 0, "division-by-zero", "integer division by zero"],
  ["gather", (s, n) => s.op("gather", [s.op("iota_block", [], { length: 4, dtype: "i32" }), n], { axis: 0 }), 4, "index-out-of-range", "index 4 is outside of an axis of extent 4, in gather"],
  ["gather", (s, n) => s.op("gather", [s.op("iota_block", [], { length: 4, dtype: "i32" }), n], { axis: 0 }), -5, "index-out-of-range", "index -5 is outside of an axis of extent 4, in gather"],
  ["assert", (s, n) => (s.structural("assert", [s.op("gt", [n, s.number(0)])], { message: "n is positive" }, []), n), 0, "assertion-failed", "n is positive"],
])("%s that fails names its place", (kind, body, n, problem, message) => {
  const graph = function_(body);
  const failed = failure(() => apply(graph, n));
  expect([failed.problem, failed.message]).toEqual([problem, message]);
  expect(failed.origin).toEqual(originOf(graph, kind));
});

test("a division by zero in a fused map is the map's", () => {
  const graph = function_((s, n) => {
    const one = { kind: "constant", dtype: "i32", lanes: 1, value: 1 };
    const body = { kind: "binary", op: "div", dtype: "i32", lanes: 1, left: one, right: { kind: "argument", dtype: "i32", lanes: 1, index: 0 } };
    return s.op("map", [n], { body });
  });
  expect(apply(graph, 1)).toBe(1);
  const failed = failure(() => apply(graph, 0));
  expect([failed.problem, failed.origin]).toEqual(["division-by-zero", originOf(graph, "map")]);
});

test("a vertex that fails names the line in its body", () => {
  const interpreter = new Interpreter(vertexGraph());
  const x = tensor("i32", [2, 6], new Array<number>(12).fill(1));
  const graph = vertexGraph();
  const zeroed = { ...graph, initial: { ...graph.initial, body: { ...graph.initial.body, nodes: [] } } };
  expect(failure(() => new Interpreter(zeroed).run("main", { x }))).toMatchObject({ problem: "division-by-zero", origin: { start: 1000 } });
  expect(failure(() => interpreter.run("main", { x }, { budget: 5 })).problem).toBe("vertex-failed");
});

test("loops without an end are stopped by the budget", () => {
  const endless = function_((s, n) => s.structural("while", [n], {}, [s.body([int], () => [s.number(1, "bool")]), s.body([int], (x) => [x])], [int])[0]!);
  expect(failure(() => apply(endless, 0, { budget: 1000 })).problem).toBe("budget-exceeded");
  const long = function_((s, n) => s.structural("repeat", [n, n], {}, [s.body([int], (x) => [x])], [int])[0]!);
  expect(failure(() => apply(long, 2 ** 31 - 1, { budget: 1000 })).problem).toBe("budget-exceeded");
});

test("what the host gives is checked", () => {
  const graph = function_((s, n) => s.op("neg", [n]));
  const wrong = (inputs: Tensors): string => failure(() => interpret(graph, "main", inputs)).message;
  expect(wrong({ n: tensor("f32", [], [1]) })).toBe("in n is i32, given f32");
  expect(wrong({ n: tensor("i32", [2], [1, 2]) })).toBe("in n is i32, given i32[2]");
  expect(wrong({ m: number(1) })).toBe("no in is named m");
  expect(wrong({})).toBe("in n: i32 was not given");
  expect(failure(() => interpret(graph, "mian", {})).message).toBe("no program is named mian, there are main");
  expect(failure(() => new Interpreter(graph, { params: { n: number(1) } })).message).toBe("no param is named n");
});

test("a stream that ends, is absent, or gives the wrong type", () => {
  const sketch = new Sketch();
  const [source, y] = [sketch.state("stream in", "source", int), sketch.state("out", "y", int)];
  const graph = sketch.graph({
    main() {
      sketch.structural("next", [], { state: source }, [], [int]);
      sketch.write(y, sketch.structural("next", [], { state: source }, [], [int])[0]!);
    },
  });
  const failed = (streams?: RunOptions["streams"]): string => failure(() => interpret(graph, "main", {}, streams ? { streams } : {})).message;
  expect(failed({ source: [number(1)] })).toBe("stream in source has no more elements");
  expect(failed()).toBe("stream in source: i32 was not given");
  expect(failed({ source: [tensor("f32", [], [1])] })).toBe("stream in source is i32, given f32");
  expect(value(interpret(graph, "main", {}, { streams: { source: [number(1), number(2)] } }).outputs["y"])).toBe(2);
});
