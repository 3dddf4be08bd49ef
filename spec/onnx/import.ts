/**
 * A model of ONNX as a graph of gph, through the builder. It is written from its outputs backwards: a value is written when
 * something wants it as a tensor. What an operator of ONNX takes as a tensor and gph as a number of the source (shapes, axes,
 * counts) is looked up as known elements: those of an initialiser, of an input as the caller gave it, or else what the
 * interpreter makes of the part of the model that leads to it. Where such a value is missing, building is given up, the value
 * computed, and all begun again; graphs are small and building has no effects. So a result whose shape depends on values gets the
 * shape that it has for the inputs given.
 */
import { graph, type GraphBuilder, type Program, type Tensor, type TypeOf } from "../../compiler/builder/index.ts";
import { checkFile } from "../../compiler/compile.ts";
import type { Graph } from "../../compiler/graph/graph.ts";
import { Interpreter } from "../../compiler/graph/interpret.ts";
import type { DType } from "../../runtime/dtype.ts";
import type { HostTensor } from "../../runtime/host.ts";
import { Call, type Operator, type Surroundings, type Value } from "./call.ts";
import type { OnnxGraph, OnnxModel, OnnxNode } from "./model.ts";
import { NotCovered } from "./not-covered.ts";

export interface Tensors {
  readonly [name: string]: HostTensor;
}

export interface Imported {
  readonly builder: GraphBuilder;
  /** What the program takes; inputs that only decide shapes are not among them. */
  readonly inputs: Tensors;
  readonly params: Tensors;
  /** Types of `output_0`, `output_1`, …, the outputs asked for. */
  readonly outputs: readonly TypeOf<DType>[];
}

/** Operators by domain and name: `Add`, `ai.onnx.preview.training::Adam`. */
export type Operators = ReadonlyMap<string, Operator>;

/** What has been found out about a model while it was built. */
interface Findings {
  readonly known: Map<string, HostTensor>;
  /** What a node asked for of tensors that it had made itself, in the order of asking. */
  readonly asked: Map<OnnxNode, HostTensor[]>;
  /** Types of what subgraphs of a node give, which variables are declared with. */
  readonly types: Map<OnnxNode, readonly TypeOf<DType>[]>;
}

/** Thrown where building needs elements of a value that nobody knows yet. */
class Unknown extends Error {
  readonly value: string;

  constructor(value: string) {
    super(`the elements of ${value} are not known yet`);
    this.value = value;
  }
}

/** Thrown where a node must know the elements of a tensor that it has made. */
class Asked extends Error {
  readonly node: OnnxNode;
  readonly tensor: Tensor;

  constructor(node: OnnxNode, tensor: Tensor) {
    super(`the elements of ${tensor.name} are not known yet`);
    this.node = node;
    this.tensor = tensor;
  }
}

/** Thrown when what the subgraphs of a node give is known, so that their variables can be declared. */
class TypesFound extends Error {}

/** The graph that computes `outputs` of the model, all of its own unless given. Throws NotCovered and BuildError. */
export function importModel(model: OnnxModel, operators: Operators, given: ReadonlyMap<string, HostTensor>, outputs: readonly string[] = model.graph.outputs, findings: Findings = { known: new Map(), asked: new Map(), types: new Map() }): Imported {
  for (;;) {
    try {
      const { asked, ...imported } = new Importer(model, operators, given, findings).build(outputs);
      if (asked === undefined) return imported;
      findings.asked.set(asked, [...(findings.asked.get(asked) ?? []), interpret(imported)[0]!]);
    } catch (problem) {
      if (problem instanceof TypesFound) continue;
      if (!(problem instanceof Unknown)) throw problem;
      const part = importModel(model, operators, given, [problem.value], findings);
      findings.known.set(problem.value, interpret(part)[0]!);
    }
  }
}

/** What the interpreter makes of it, output by output. */
export function interpret({ builder, inputs, params, outputs }: Imported): HostTensor[] {
  const interpreter = new Interpreter(checkedGraph(builder), { params: typed(params) });
  const results = interpreter.run("main", typed(inputs));
  return outputs.map((_, k) => {
    const { type, data } = results[`output_${k}`]!;
    return { ...type, data };
  });
}

function checkedGraph(builder: GraphBuilder): Graph {
  const text = builder.toString();
  const { graph: checked, diagnostics } = checkFile("model.gph", { readFile: () => text });
  if (!checked) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  return checked;
}

const typed = (tensors: Tensors) => Object.fromEntries(Object.entries(tensors).map(([name, { dtype, shape, data }]) => [name, { type: { dtype, shape }, data }]));

/** Values by name; a subgraph sees those of the graph around it. */
class Scope {
  readonly #values = new Map<string, Value>();
  readonly #outer: Scope | undefined;

  constructor(outer?: Scope) {
    this.#outer = outer;
  }

  set(name: string, value: Value): void {
    this.#values.set(name, value);
  }

  find(name: string): Value | undefined {
    return this.#values.get(name) ?? this.#outer?.find(name);
  }

  get outermost(): boolean {
    return this.#outer === undefined;
  }
}

class Importer {
  readonly #builder = graph("model");
  readonly #model: OnnxModel;
  readonly #operators: Operators;
  readonly #given: ReadonlyMap<string, HostTensor>;
  readonly #findings: Findings;
  readonly #inputs: { [name: string]: HostTensor } = {};
  readonly #params: { [name: string]: HostTensor } = {};
  #names = 0;

  constructor(model: OnnxModel, operators: Operators, given: ReadonlyMap<string, HostTensor>, findings: Findings) {
    this.#model = model;
    this.#operators = operators;
    this.#given = given;
    this.#findings = findings;
  }

  /** `asked`: the node that must know the elements of what is the only output then. */
  build(outputs: readonly string[]): Imported & { readonly asked?: OnnxNode } {
    const types: TypeOf<DType>[] = [];
    let asked: OnnxNode | undefined;
    const give = (result: Tensor, k: number): void => {
      const { dtype, shape } = result;
      types.push({ dtype, shape });
      this.#builder.output(`output_${k}`, { dtype, shape }).set(result);
    };
    this.#builder.program("main", (program) => {
      try {
        const scope = this.#givenValues();
        this.#fill(scope, this.#model.graph, program);
        outputs.map((name) => scope.find(name)!.tensor()).forEach(give);
      } catch (problem) {
        if (!(problem instanceof Asked)) throw problem;
        asked = problem.node;
        give(problem.tensor, 0);
      }
    });
    return { builder: this.#builder, inputs: this.#inputs, params: this.#params, outputs: types, ...(asked ? { asked } : {}) };
  }

  #givenValues(): Scope {
    const scope = new Scope();
    for (const [name, value] of this.#given) {
      const declare = once(() => {
        const input = `input_${Object.keys(this.#inputs).length}`;
        this.#inputs[input] = value;
        return this.#builder.input(input, value);
      });
      scope.set(name, { tensor: declare, known: () => value, fixed: false });
    }
    return scope;
  }

  /** Makes the values of a graph known in a scope; nothing is written yet. */
  #fill(scope: Scope, { initialisers, nodes }: OnnxGraph, program: Program): void {
    for (const [name, value] of initialisers) {
      if (scope.find(name) === undefined) scope.set(name, { tensor: once(() => this.#constant(value)), known: () => value, fixed: true });
    }
    for (const node of nodes) this.#addNode(scope, node, program);
  }

  #addNode(scope: Scope, node: OnnxNode, program: Program): void {
    const name = node.domain === "" || node.domain === "ai.onnx" ? node.op : `${node.domain}::${node.op}`;
    const inputs = node.inputs.map((input) => {
      if (input === "") return undefined;
      const value = scope.find(input);
      if (value === undefined) throw new Error(`${node.op} takes ${input}, which nothing before it gives`);
      return value;
    });
    while (inputs.length > 0 && inputs.at(-1) === undefined) inputs.pop();
    if (node.op === "If" && this.#inlined(scope, node, inputs[0]!, program)) return;
    const opset = this.#model.opsets.get(node.domain) ?? this.#model.opsets.get(node.domain === "" ? "ai.onnx" : "") ?? 1;
    const call = new Call(node, opset, inputs, this.#surroundings(scope, program, node));
    const results = once(() => {
      const operator = this.#operators.get(name);
      if (operator === undefined) throw new NotCovered(name);
      const given = operator(call);
      return Array.isArray(given) ? (given as readonly (Tensor | undefined)[]) : [given as Tensor];
    });
    const fixed = node.op === "Shape" || node.op === "Size" || (![...node.attributes.values()].some((attribute) => attribute.graph) && inputs.every((input) => input?.fixed ?? true));
    node.outputs.forEach((output, k) => {
      if (output === "") return;
      scope.set(output, {
        fixed,
        tensor: () => {
          const result = results()[k];
          if (result === undefined) throw new NotCovered(`${name} with its result ${k}`);
          return result;
        },
        known: () => knownWithoutRun(call) ?? this.#find(scope, output),
      });
    });
  }

  /** Puts the branch that a condition without inputs chooses in the place of an If; false where the condition is not known yet. */
  #inlined(scope: Scope, node: OnnxNode, condition: Value, program: Program): boolean {
    const chosen = condition.fixed ? knownNow(condition) : undefined;
    if (chosen === undefined) return false;
    const branch = node.attributes.get(chosen.data[0] === 1 ? "then_branch" : "else_branch")!.graph!;
    this.#fill(scope, branch, program);
    node.outputs.forEach((output, k) => scope.set(output, scope.find(branch.outputs[k]!)!));
    return true;
  }

  #find(scope: Scope, name: string): HostTensor {
    const found = this.#findings.known.get(name);
    if (found) return found;
    if (!scope.outermost) throw new NotCovered("sizes that a subgraph computes");
    throw new Unknown(name);
  }

  #constant(value: HostTensor): Tensor {
    const name = `param_${Object.keys(this.#params).length}`;
    this.#params[name] = value;
    return this.#builder.param(name, value);
  }

  #surroundings(scope: Scope, program: Program, node: OnnxNode): Surroundings {
    let asked = 0;
    return {
      program,
      builder: this.#builder,
      find: (name) => scope.find(name)!.tensor(),
      freshName: () => `v${this.#names++}`,
      constant: (value) => this.#constant(value),
      prepare: (subgraph) => {
        for (const name of namesOf(subgraph)) scope.find(name)?.tensor();
      },
      inline: (subgraph, inputs) => {
        const inner = new Scope(scope);
        subgraph.inputs.forEach((name, k) => inner.set(name, { tensor: () => inputs[k]!, known: () => this.#find(inner, name), fixed: false }));
        this.#fill(inner, subgraph, program);
        return subgraph.outputs.map((name) => inner.find(name)!.tensor());
      },
      elements: (tensor) => {
        const known = this.#findings.asked.get(node)?.[asked++];
        if (known === undefined) throw new Asked(node, tensor);
        return known;
      },
      types: () => this.#findings.types.get(node),
      found: (types) => {
        this.#findings.types.set(node, types);
        throw new TypesFound();
      },
    };
  }
}

/** What is known of a node's result without running anything: constants and shapes. */
function knownWithoutRun(call: Call): HostTensor | undefined {
  const { op } = call.node;
  if (op === "Constant") return constantOf(call);
  if (op !== "Shape" && op !== "Size") return undefined;
  const { shape } = call.x(0);
  if (op === "Size") return { dtype: "i64", shape: [], data: BigInt64Array.of(BigInt(shape.reduce((size, extent) => size * extent, 1))) };
  const part = shape.slice(call.int("start", 0), call.attribute("end")?.int ?? shape.length);
  return { dtype: "i64", shape: [part.length], data: BigInt64Array.from(part, BigInt) };
}

export function constantOf(call: Call): HostTensor {
  const [[name, { tensor, float, int, floats, ints }]] = [...call.node.attributes] as [[string, NonNullable<ReturnType<Call["attribute"]>>]];
  switch (name) {
    case "value": return tensor!;
    case "value_float": return { dtype: "f32", shape: [], data: Float32Array.of(float) };
    case "value_int": return { dtype: "i64", shape: [], data: BigInt64Array.of(BigInt(int)) };
    case "value_floats": return { dtype: "f32", shape: [floats.length], data: Float32Array.from(floats) };
    case "value_ints": return { dtype: "i64", shape: [ints.length], data: BigInt64Array.from(ints, BigInt) };
    default: throw new NotCovered(`a constant given as ${name}`);
  }
}

/** All names that the nodes of a graph take, subgraphs included. */
function namesOf({ nodes, outputs }: OnnxGraph): readonly string[] {
  return [...outputs, ...nodes.flatMap(({ inputs, attributes }) => [...inputs, ...[...attributes.values()].flatMap(({ graph: inner }) => (inner ? namesOf(inner) : []))])];
}

/** The elements of a value unless they must be computed first. */
function knownNow(value: Value): HostTensor | undefined {
  try {
    return value.known();
  } catch (problem) {
    if (problem instanceof Unknown) return undefined;
    throw problem;
  }
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
