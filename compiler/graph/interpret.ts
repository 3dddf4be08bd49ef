/**
 * The interpreter of graphs: the meaning of the language, slow and obvious. Everything else is tested against it. Values are
 * immutable tensors; a state's value is replaced by `write`; ops of the table are computed by their own `evaluate`.
 */
import { describeOutside, type Axis } from "../../runtime/outside.ts";
import { op } from "../ops/table.ts";
import { invariant, unreachable } from "../support/bug.ts";
import type { Reporter } from "../support/diagnostic.ts";
import type { Span } from "../support/span.ts";
import { withoutGradients } from "./passes/differentiate.ts";
import { formatType, isStructural, sameType, type Block, type Graph, type Node, type Program, type State, type StateId, type StructuralOp } from "./graph.ts";
import { RuntimeError } from "./runtime-error.ts";
import { runComputeSet } from "./run-vertices.ts";
import { get, zeros, type Tensor } from "./tensor.ts";

export { RuntimeError } from "./runtime-error.ts";

export interface Tensors {
  readonly [name: string]: Tensor;
}

/** A `stream in` takes elements from an iterator or iterable; a `stream out` gives them to a function or appends them to a list. */
export type StreamEnd = Iterator<Tensor> | Iterable<Tensor> | ((element: Tensor) => void);

export interface RunOptions {
  readonly streams?: { readonly [name: string]: StreamEnd };
  readonly print?: (label: string, values: readonly Tensor[]) => void;
  /** Nodes executed before the run is stopped as endless; also the statements of one vertex. Default: no limit for nodes. */
  readonly budget?: number;
}

/** What one run needs besides the states. */
interface Run {
  readonly options: RunOptions;
  /** By ValueId; a value inside a loop is given again in each round. */
  readonly values: (Tensor | undefined)[];
  readonly iterators: Map<StateId, Iterator<Tensor>>;
  budget: number;
}

const copyOf = (tensor: Tensor): Tensor => ({ type: tensor.type, data: tensor.data.slice() });

/** Programs of one graph, run one after the other: states live from run to run. */
export class Interpreter {
  readonly #graph: Graph;
  /** By StateId. Outputs and variables are zero until written; inputs and parameters absent until given. */
  readonly #states: (Tensor | undefined)[];
  #initialised = false;

  /** A `grad` is the nodes that compute its gradients. */
  constructor(source: Graph, { params = {} }: { readonly params?: Tensors } = {}) {
    const graph = withoutGradients(source, refusals);
    this.#graph = graph;
    this.#states = graph.states.map(({ role, type }) => (role === "out" || role === "var" ? zeros(type) : undefined));
    this.#give("param", params);
  }

  /** Runs a program; gives the value of every `out`. A failed run leaves the states as they were when it failed. */
  run(program: string, inputs: Tensors = {}, options: RunOptions = {}): { [name: string]: Tensor } {
    const found = this.#graph.programs.find(({ name }) => name === program);
    if (!found) throw new RuntimeError("wrong-input", `no program is named ${program}, there are ${this.#graph.programs.map(({ name }) => name).join(", ")}`);
    this.#graph.states.forEach(({ role }, state) => {
      if (role === "in") this.#states[state] = undefined;
    });
    this.#give("in", inputs);
    if (!this.#initialised) {
      this.#initialised = true;
      if (this.#graph.prepare) this.#execute(this.#graph.prepare, options);
      this.#execute(this.#graph.initial, options);
    }
    this.#execute(found, options);
    return this.outputs();
  }

  /** Gives params other values, as a host may between runs. */
  writeParams(params: Tensors): void {
    this.#give("param", params);
  }

  outputs(): { [name: string]: Tensor } {
    const outputs = this.#graph.states.flatMap((state, id) => (state.role === "out" ? [[state.name, copyOf(this.#states[id]!)] as const] : []));
    return Object.fromEntries(outputs);
  }

  /** The present value of a state that has one. */
  state(name: string): Tensor | undefined {
    const value = this.#states[this.#graph.states.findIndex((state) => state.name === name)];
    return value && copyOf(value);
  }

  #give(role: State["role"], tensors: Tensors): void {
    for (const [name, value] of Object.entries(tensors)) {
      const id = this.#graph.states.findIndex((state) => state.name === name && state.role === role);
      if (id === -1) throw new RuntimeError("wrong-input", `no ${role} is named ${name}`);
      this.#requireType(this.#graph.states[id]!, value);
      this.#states[id] = copyOf(value);
    }
  }

  #requireType(state: State, value: Tensor, origin?: Span): void {
    if (sameType(state.type, value.type)) return;
    throw new RuntimeError("wrong-input", `${state.role} ${state.name} is ${formatType(state.type)}, given ${formatType(value.type)}`, origin);
  }

  #execute(program: Program, options: RunOptions): void {
    const run: Run = { options, values: new Array(this.#graph.values.length), iterators: new Map(), budget: options.budget ?? Infinity };
    this.#block(program.body, [], run);
  }

  #block(block: Block, args: readonly Tensor[], run: Run): Tensor[] {
    invariant(args.length === block.parameters.length, () => `a block with ${block.parameters.length} parameters, given ${args.length}`);
    block.parameters.forEach((parameter, k) => (run.values[parameter] = args[k]!));
    for (const node of block.nodes) {
      run.budget -= 1;
      if (run.budget < 0) throw new RuntimeError("budget-exceeded", "the program does not end within its budget", node.origin);
      const results = this.#node(node, run);
      invariant(results.length === node.outputs.length, () => `${node.op} gave ${results.length} values, not ${node.outputs.length}`);
      node.outputs.forEach((output, k) => (run.values[output] = results[k]!));
    }
    return block.results.map((result) => this.#value(result, run));
  }

  #value(id: number, run: Run): Tensor {
    const value = run.values[id];
    invariant(value, () => `value ${id} is used before it is defined`);
    return value;
  }

  #node(node: Node, run: Run): readonly Tensor[] {
    const inputs = node.inputs.map((input) => this.#value(input, run));
    if (isStructural(node.op)) return this.#structural(node.op, node, inputs, run);
    const type = this.#graph.values[node.outputs[0]!]!.type;
    try {
      return [op(node.op).evaluate(inputs, node.attributes, type)];
    } catch (problem) {
      if (problem instanceof RuntimeError && problem.origin === undefined) throw new RuntimeError(problem.problem, `${problem.message}${problem.problem === "index-out-of-range" ? `, in ${node.op}` : ""}`, node.origin);
      throw problem;
    }
  }

  #structural(kind: StructuralOp, node: Node, inputs: readonly Tensor[], run: Run): readonly Tensor[] {
    const { attributes, regions, origin } = node;
    switch (kind) {
      case "read":
        return [this.#read(attributes["state"] as StateId, origin)];
      case "write":
        this.#states[attributes["state"] as StateId] = inputs[0]!;
        return [];
      case "next":
        return [this.#next(attributes["state"] as StateId, origin, run)];
      case "send":
        this.#send(attributes["state"] as StateId, inputs[0]!, origin, run);
        return [];
      case "print":
        run.options.print?.(String(attributes["label"] ?? ""), inputs.map(copyOf));
        return [];
      case "assert":
        if (!isTrue(inputs[0]!)) throw new RuntimeError("assertion-failed", String(attributes["message"] ?? ""), origin);
        return [];
      case "inside":
        if (!isTrue(inputs[0]!)) throw new RuntimeError("index-out-of-range", describeOutside(attributes as unknown as Axis, inputs[1]!.type.shape, inputs[1]!.data), origin);
        return [];
      case "repeat": {
        const count = Number(get(inputs[0]!, 0));
        let carried = inputs.slice(1);
        for (let round = 0; round < count; round++) carried = this.#round(regions[0]!, carried, run, origin);
        return carried;
      }
      case "while": {
        let carried = [...inputs];
        while (isTrue(this.#block(regions[0]!, carried, run)[0]!)) carried = this.#round(regions[1]!, carried, run, origin);
        return carried;
      }
      case "if":
        return this.#block(regions[isTrue(inputs[0]!) ? 0 : 1]!, [], run);
      case "switch": {
        const cases = attributes["cases"] as readonly number[];
        const chosen = cases.indexOf(Number(get(inputs[0]!, 0)));
        return this.#block(regions[chosen === -1 ? cases.length : chosen]!, [], run);
      }
      case "execute":
        return runComputeSet(this.#graph, attributes["computeSet"] as number, inputs, run.options.budget ?? 2 ** 31);
      case "grad":
        return invariant(false, "a grad that is not differentiated") as never;
      default:
        return unreachable(kind);
    }
  }

  /** One round of a loop; a round of an empty body counts too. */
  #round(body: Block, carried: readonly Tensor[], run: Run, origin: Span): Tensor[] {
    run.budget -= 1;
    if (run.budget < 0) throw new RuntimeError("budget-exceeded", "the program does not end within its budget", origin);
    return this.#block(body, carried, run);
  }

  #read(id: StateId, origin: Span): Tensor {
    const { role, name, type } = this.#graph.states[id]!;
    const value = this.#states[id];
    if (!value) throw new RuntimeError("missing-input", `${role} ${name}: ${formatType(type)} was not given`, origin);
    return value;
  }

  #next(id: StateId, origin: Span, run: Run): Tensor {
    const state = this.#graph.states[id]!;
    let iterator = run.iterators.get(id);
    if (!iterator) {
      const end = run.options.streams?.[state.name];
      if (end === undefined || typeof end === "function") throw new RuntimeError("missing-input", `stream in ${state.name}: ${formatType(state.type)} was not given`, origin);
      iterator = "next" in end ? end : end[Symbol.iterator]();
      run.iterators.set(id, iterator);
    }
    const { done, value } = iterator.next();
    if (done) throw new RuntimeError("stream-exhausted", `stream in ${state.name} has no more elements`, origin);
    this.#requireType(state, value, origin);
    return copyOf(value);
  }

  #send(id: StateId, element: Tensor, origin: Span, run: Run): void {
    const { name } = this.#graph.states[id]!;
    const end = run.options.streams?.[name];
    if (typeof end === "function") end(copyOf(element));
    else if (Array.isArray(end)) end.push(copyOf(element));
    else if (end !== undefined) throw new RuntimeError("wrong-input", `stream out ${name} needs a function or a list`, origin);
  }
}

/** What has no gradient ends the interpretation before it begins; a warning is for who compiles. */
const refusals: Reporter = {
  report({ severity, message, labels }) {
    if (severity === "error") throw new RuntimeError("not-supported", message, labels[0]?.span);
  },
};

const isTrue = (condition: Tensor): boolean => get(condition, 0) !== 0;

/** One run of a program on fresh states. */
export function interpret(graph: Graph, program: string, inputs: Tensors = {}, options: RunOptions & { readonly params?: Tensors } = {}): { readonly outputs: { [name: string]: Tensor } } {
  const interpreter = new Interpreter(graph, { params: options.params ?? {} });
  return { outputs: interpreter.run(program, inputs, options) };
}
