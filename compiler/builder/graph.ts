/**
 * The builder: graphs written by a program instead of by hand, as Poplar's C++ does. It writes a .gph source, one statement
 * a call, and asks the checker of every expression at once; so a mistake throws where it is made, shapes are known while
 * building, and what comes out is a source to read, keep and compile like any other.
 */
import type { DType } from "../../runtime/dtype.ts";
import { compile, type CompileOptions, type CompileResult } from "../compile.ts";
import { formatType, type TensorType } from "../graph/graph.ts";
import { Diagnostics } from "../support/diagnostic.ts";
import { parse } from "../syntax/parse.ts";
import { print } from "../syntax/print.ts";
import { callDeclared, type Argument } from "./call.ts";
import { BuildError } from "./errors.ts";
import { Probe } from "./probe.ts";
import { Program } from "./program.ts";
import { writeBlock, type Writer } from "./scope.ts";
import { InputStream, Output, OutputStream, State, Variable, type Part } from "./states.ts";
import { checkedName, literal, Tensor, writeFunction, type Operand } from "./tensor.ts";
import type { TypeOf } from "./types.ts";

export interface BuilderOptions {
  /** Text of files that `import` names; without it only the library can be imported. */
  readonly readFile?: (path: string) => string | undefined;
}

/** A new graph. */
export const graph = (name: string, options: BuilderOptions = {}): GraphBuilder => new GraphBuilder(name, options);

export class GraphBuilder implements Writer {
  readonly graphName: string;
  readonly #readFile: (path: string) => string | undefined;
  readonly #probe: Probe;
  readonly #imports = new Map<string, Set<string>>();
  readonly #declarations: string[] = [];
  readonly #members: string[] = [];
  readonly #names = new Set<string>();
  #values = 0;

  constructor(name: string, { readFile = () => undefined }: BuilderOptions) {
    this.graphName = checkedName(name);
    this.#readFile = readFile;
    this.#probe = new Probe(readFile);
  }

  // States

  /** From the host before each run. */
  input<D extends DType>(name: string, type: TypeOf<D>): State<D> {
    this.#declare("in", name, type);
    return new State(this, undefined, name, type);
  }

  /** Weights, given when the executable is loaded or compiled. The name may have dots. */
  param<D extends DType>(name: string, type: TypeOf<D>): State<D> {
    this.#declare("param", name, type);
    return new State(this, undefined, name, type);
  }

  /** To the host after each run; a program sets it. */
  output<D extends DType>(name: string, type: TypeOf<D>): Output<D> {
    this.#declare("out", name, type);
    return new Output(this, undefined, name, type);
  }

  /** State that lives from run to run. `initial`: a number for every element, or a callback that gives a tensor of the type. */
  variable<D extends DType>(name: string, type: TypeOf<D>, initial: Operand<D> | (() => Operand<D>) = type.dtype === "bool" ? false : 0): Variable<D> {
    const value = typeof initial === "function" ? this.#initial(name, initial) : literal(initial as number);
    this.#declare("var", name, type, ` = ${value}`);
    return new Variable(this, undefined, name, type);
  }

  /** A queue of elements that the host supplies. */
  streamIn<D extends DType>(name: string, type: TypeOf<D>): InputStream<D> {
    this.#declare("stream in", name, type);
    return new InputStream(name, type);
  }

  /** A queue of elements that the host takes. */
  streamOut<D extends DType>(name: string, type: TypeOf<D>): OutputStream<D> {
    this.#declare("stream out", name, type);
    return new OutputStream(name, type);
  }

  // Programs

  /** An entry point. `body` is called at once; what it does is the program. */
  program(name: string, body: (program: Program) => void): void {
    this.#free(name);
    const lines = writeBlock(this, () => body(new Program(this)));
    this.#take(name);
    this.#members.push(`program ${name} {`, ...lines, "}");
  }

  // The vertex layer

  /** Items of .gph source: vertices, functions, constants. */
  source(text: string): void {
    const mistakes = new Diagnostics();
    parse("builder.gph", text, mistakes);
    if (mistakes.failed) throw new BuildError(mistakes.list.map(({ message }) => message).join("; "), mistakes.list);
    this.#declarations.push(text.trim());
  }

  /** Names of another file, as `import { … } from "…";`. */
  import(names: readonly string[], from: string): void {
    for (const name of names) this.use(from, name);
  }

  /** Calls a function that `source` or `import` has made known. */
  call<D extends DType = DType>(name: string, ...args: readonly Argument[]): Tensor<D> {
    return callDeclared(name, 1, args)[0] as Tensor as Tensor<D>;
  }

  /** The same of a function that gives a tuple, of tensors of these dtypes. */
  callTuple<const D extends readonly DType[]>(name: string, dtypes: D, ...args: readonly Argument[]): { readonly [K in keyof D]: Tensor<D[K]> } {
    const tensors = callDeclared(name, dtypes.length, args);
    tensors.forEach(({ dtype }, position) => {
      if (dtype !== dtypes[position]) throw new BuildError(`element ${position} of what ${name} gives is ${dtype}, not ${dtypes[position]}`);
    });
    return tensors as never;
  }

  /** Where a state, or a part of it, lives. */
  map(part: Tensor | Part, tile: number): void {
    this.#members.push(`map ${partText(part)} on ${tile};`);
  }

  /** A compute set; `fill` places its vertices. */
  computeSet(name: string, fill: (set: { place(vertex: string, fields: { readonly [field: string]: Tensor | Part }, tile: number, args?: readonly Argument[]): void }) => void): void {
    this.#free(name);
    const lines: string[] = [];
    fill({
      place: (vertex, fields, tile, args = []) => {
        const words = args.map((value) => compileTimeText(value, vertex));
        lines.push(`place ${vertex}${words.length === 0 ? "" : `(${words.join(", ")})`} { ${Object.entries(fields).map(([field, part]) => `${field} = ${partText(part)}`).join(", ")} } on ${tile};`);
      },
    });
    this.#take(name);
    this.#members.push(`compute set ${name} {`, ...lines, "}");
  }

  // What it becomes

  /** The source, formatted as `gph fmt` would. */
  toString(): string {
    const mistakes = new Diagnostics();
    const file = parse(this.#path, this.#text(), mistakes);
    return mistakes.failed ? this.#text() : print(file);
  }

  /** Compiles the source; its diagnostics point into `toString()`. */
  compile(options: Omit<CompileOptions, "readFile" | "graph" | "parameters"> = {}): Promise<CompileResult> {
    const text = this.toString();
    return compile(this.#path, { ...options, readFile: (path) => (path === this.#path ? text : this.#readFile(path)) });
  }

  // For what writes statements

  freshName(): string {
    return `t${this.#values++}`;
  }

  use(module: string, name: string): void {
    if (module === "core" || module === "") return;
    this.#imports.set(module, (this.#imports.get(module) ?? new Set()).add(name));
  }

  typesOf(text: string, count: number, operands: ReadonlyMap<string, TensorType>, annotation = ""): readonly TensorType[] {
    return this.#probe.typesOf(this.#header(), text, count, operands, annotation);
  }

  get #path(): string {
    return `${this.graphName}.gph`;
  }

  #text(): string {
    return `${this.#header()}\ngraph ${this.graphName}() {\n${this.#members.join("\n")}\n}\n`;
  }

  #header(): string {
    const imports = [...this.#imports].map(([module, names]) => `import { ${[...names].join(", ")} } from ${JSON.stringify(module)};`);
    return [...imports, ...this.#declarations].join("\n");
  }

  #free(name: string, dotted = false): void {
    checkedName(name, dotted);
    if (this.#names.has(name)) throw new BuildError(`something of ${this.graphName} is called ${name} already`);
  }

  #take(name: string, dotted = false): void {
    this.#free(name, dotted);
    this.#names.add(name);
  }

  #declare(role: string, name: string, type: TensorType, value = ""): void {
    const wrong = type.shape.findIndex((extent) => !Number.isInteger(extent) || extent < 0);
    if (wrong >= 0) throw new BuildError(`extent ${wrong} of ${name} is ${type.shape[wrong]}; whole numbers from 0 are wanted`);
    this.#take(name, role === "param");
    this.#members.push(`${role} ${name}: ${formatType(type)}${value};`);
  }

  /** An initial value that is more than a number: a function of no parameters, called where the variable is declared. */
  #initial<D extends DType>(name: string, initial: () => Operand<D>): string {
    const fn = `initial_${name}`;
    const { result, text, lines } = writeFunction(this, fn, initial);
    if (!(result instanceof Tensor)) return text;
    this.#take(fn);
    this.#members.push(...lines);
    return `${fn}()`;
  }
}

const partText = (part: Tensor | Part): string => ("text" in part ? part.text : part.name);

function compileTimeText(value: Argument, vertex: string): string {
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") return literal(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return `(${value.map((element: Argument) => compileTimeText(element, vertex)).join(", ")}${value.length === 1 ? ",)" : ")"}`;
  throw new BuildError(`the arguments of ${vertex} are compile-time: numbers, bools, strings and tuples of these`);
}

