/**
 * Graph level, the types: what is computed. Typed tensor ops on immutable values (SSA), control as regions, state, streams.
 * Immutable plain data with integer ids: it prints, compares, clones to a worker.
 */
import type { DType } from "../../runtime/dtype.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Span } from "../support/span.ts";

export interface TensorType {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

export type ValueId = number;
export type StateId = number;

export interface Value {
  readonly type: TensorType;
  readonly origin: Span;
  /** The user's name for it, when it has one. */
  readonly name?: string;
}

/** Anything structured cloning keeps, without functions. */
export type Attribute = number | bigint | string | boolean | null | undefined | readonly Attribute[] | { readonly [key: string]: Attribute } | ArrayBufferView;
export type Attributes = { readonly [name: string]: Attribute };

/**
 * The one node. `op` names an op of the table in compiler/ops, or one of the structural ops below.
 * A node's regions may use values of the blocks around them. A value is defined once: by a node or as a block's parameter.
 */
export interface Node {
  readonly op: string;
  readonly inputs: readonly ValueId[];
  readonly attributes: Attributes;
  readonly regions: readonly Block[];
  readonly outputs: readonly ValueId[];
  readonly origin: Span;
}

export interface Block {
  readonly parameters: readonly ValueId[];
  readonly nodes: readonly Node[];
  readonly results: readonly ValueId[];
}

/**
 * Any op that computes may have one attribute more, `partition`: into how many parts the user wants each dimension of its
 * result cut, and, if there is one number more, the dimension it sums over. No pass may fuse such a node into another.
 */
export function wantedPartition(node: Node): readonly number[] | undefined {
  return node.attributes["partition"] as readonly number[] | undefined;
}

/**
 * And `stored`: the value is to be in memory where the node stands, since what it is made of would else be kept for as long as
 * the value is wanted. `fuse` computes such a node in no other.
 */
export const isStored = (node: Node): boolean => node.attributes["stored"] === true;

/**
 * Structural ops, whose meaning is control, state or the world outside. They are not in the op table.
 *
 * read    {state}          () → value of a state when the program reaches here
 * write   {state}          (value) → ()      gives a state a new value
 * next    {state}          () → one element of an input stream
 * send    {state}          (value) → ()      one element to an output stream
 * print   {label}          (value…) → ()
 * assert  {message}        (bool scalar) → ()     false ends the run with a typed error
 * inside  {op, extent, fromEnd: boolean}   (bool scalar, integers) → ()     made by `check-indices`: false ends the run, since an index lies outside of an axis
 *                          of `extent` that `op` takes elements of; negative ones count `fromEnd` or lie outside
 * repeat  {}               (i32 count, carried…) → carried…      regions: [body: carried → carried]; negative counts as 0
 * while   {}               (carried…) → carried…  regions: [condition: carried → bool scalar, body: carried → carried]
 * if      {}               (bool scalar) → results…      regions: [then: () → results, else: () → results]
 * switch  {cases: int[]}   (i32 scalar) → results…     regions: one per case, then the default
 * execute {computeSet}     (operand…) → new values of the operands that `computeSet.written` lists, in its order
 * grad    {wrt: number, names?: string[]}    (loss, w…) → gradient of the loss for each w; names for messages
 */
export const structuralOps = ["read", "write", "next", "send", "print", "assert", "inside", "repeat", "while", "if", "switch", "execute", "grad"] as const;
export type StructuralOp = (typeof structuralOps)[number];
export const isStructural = (op: string): op is StructuralOp => (structuralOps as readonly string[]).includes(op);

/** Storage that the host sees or that lives from run to run. */
export interface State {
  /** derived: what only params decide, made by `hoist`; the host does not see it. These come after all others. */
  readonly role: "in" | "out" | "param" | "var" | "stream in" | "stream out" | "derived";
  readonly name: string;
  /** For a stream, the type of one element. */
  readonly type: TensorType;
  readonly origin: Span;
  readonly mapping?: Mapping;
}

/** Where the user wants a state to live: slices in the order they were mapped; later ones win where they overlap. */
export interface Mapping {
  readonly pieces: readonly { readonly slice: Slice; readonly tile: number; readonly origin: Span }[];
}

/** A box of a tensor with steps, one entry per dimension of the tensor. `drop`: an index, not a range; the dimension vanishes. */
export interface SliceDimension {
  readonly start: number;
  readonly length: number;
  /** May be negative: elements start, start + step, … */
  readonly step: number;
  readonly drop: boolean;
}
export type Slice = readonly SliceDimension[];

/** A vertex with its generics and parameters bound: its kernel's buffers are the fields in order, dense row-major. */
export interface Vertex {
  readonly name: string;
  readonly kernel: Kernel;
  /**
   * Of its `grad` clause. Its buffers are the fields again, all read: of an `out` field the value after, of the others that
   * before; then, for each float field in order, an `inout` of the gradient by it: that by what was written comes in, that by
   * what was read, 0 at first, goes out; of an `out` field what goes out is 0.
   */
  readonly gradient?: Kernel;
  readonly origin: Span;
}

export interface Placement {
  /** Index into Graph.vertices. */
  readonly vertex: number;
  /** One per field: which operand of the `execute` node, and which slice of it. */
  readonly fields: readonly { readonly operand: number; readonly slice: Slice; readonly origin: Span }[];
  readonly tile: number;
  readonly origin: Span;
}

export interface ComputeSet {
  readonly name: string;
  /** The tensors vertices are connected to: operand i of every `execute` of this set has this type. */
  readonly operands: readonly { readonly name: string; readonly type: TensorType }[];
  /** Indices of the operands that some vertex writes. */
  readonly written: readonly number[];
  readonly placements: readonly Placement[];
  readonly origin: Span;
}

export interface Program {
  readonly name: string;
  /** No parameters, no results: it reads and writes states. */
  readonly body: Block;
  readonly doc?: string;
  readonly origin: Span;
}

export interface Graph {
  readonly name: string;
  readonly doc?: string;
  /** Compile-time parameters and the values they had, for the manifest. */
  readonly parameters: readonly { readonly name: string; readonly value: Attribute }[];
  /** By ValueId. */
  readonly values: readonly Value[];
  /** By StateId. */
  readonly states: readonly State[];
  readonly vertices: readonly Vertex[];
  readonly computeSets: readonly ComputeSet[];
  /** The user's programs, by name. */
  readonly programs: readonly Program[];
  /** Gives every `var` its initial value; run once after the params are loaded. */
  readonly initial: Program;
  /** Gives every derived state its value; run before everything else when params are loaded, and again when one has changed. */
  readonly prepare?: Program;
  readonly origin: Span;
}

/** Of a graph at any level: the user's programs, the initial one, and that which prepares what params decide. Steps are numbered in this order. */
export function programsOf<Of>(graph: { readonly programs: readonly Of[]; readonly initial: Of; readonly prepare?: Of }): readonly Of[] {
  return [...graph.programs, graph.initial, ...(graph.prepare ? [graph.prepare] : [])];
}

export const scalar = (dtype: DType): TensorType => ({ dtype, shape: [] });

export function formatType(type: TensorType): string {
  return type.shape.length === 0 ? type.dtype : `${type.dtype}[${type.shape.join(", ")}]`;
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((extent, dimension) => extent === b[dimension]);
}

export const sameType = (a: TensorType, b: TensorType): boolean => a.dtype === b.dtype && sameShape(a.shape, b.shape);
