/**
 * An op is one object in one file: formula, signature, shape rule, reference meaning, lowering, examples. Being in the
 * table (`table.ts`) means being tested: one spec test walks it and holds each op's rules against each other.
 */
import type { DType } from "../../runtime/dtype.ts";
import type { Attributes, TensorType, ValueId } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Expression } from "../kernel/kernel.ts";
import type { Lowering } from "../kernel/lowering.ts";
import type { Affine } from "../support/affine.ts";
import type { ProblemName } from "../support/problems.ts";

/** Thrown by a rule that refuses its inputs; the checker turns it into a diagnostic at the call. */
export class RuleError extends Error {
  readonly problem: ProblemName;
  readonly help: string | undefined;
  constructor(problem: ProblemName, message: string, help?: string) {
    super(message);
    this.problem = problem;
    this.help = help;
  }
}

/** A compile-time value as a rule sees it. */
export type ConstantValue = number | bigint | boolean | string | readonly ConstantValue[] | null;

/**
 * tensor: a tensor operand (a literal is converted to the dtype of its neighbours).
 * tensors: a tuple of them, or all remaining positional arguments.
 * axis: an int, negative from the end. axes: one axis or a tuple of them; absent means all.
 * shape: the remaining positional ints, or one tuple. ints: a tuple of ints, or one int. padding: ints, or the name of a rule.
 */
export type ParameterKind = "tensor" | "tensors" | "int" | "float" | "bool" | "string" | "axis" | "axes" | "ints" | "padding" | "shape";

export interface OpParameter {
  readonly name: string;
  readonly kind: ParameterKind;
  /** Absent: required. null: absent in `args`. */
  readonly default?: ConstantValue;
  /** What serves instead where a value is known at run time only, for people. */
  readonly atRunTime?: string;
}

/** How the op is called in .gph. Several ops may share a call name: the first whose parameters take the arguments is meant. */
export interface Signature {
  /** `max` for both the reduction and the elementwise op. */
  readonly call: string;
  /** Where the name comes from: in scope everywhere, or to be imported. */
  readonly module: "core" | "std/nn" | "std/random" | "std/linalg" | "std/sparse" | "std/fft" | "std/derivatives";
  readonly parameters: readonly OpParameter[];
  /** Whether the call takes a dtype between `<` `>`, as `cast<f32>(x)`: required, optional (else from the context), or none. */
  readonly dtypeArgument?: "required" | "optional";
  /** Whether a shape that is left out is that of the context, where every element differs: one element for all would be another result. */
  readonly shapeOfContext?: true;
  /**
   * Attributes of the node from the bound arguments that are no tensors. `dtype` is the type argument or the context's.
   * Default: the arguments by name, and `dtype` if there is one. May throw RuleError, as `type` does.
   */
  attributes?(args: { readonly [name: string]: ConstantValue }, inputs: readonly TensorType[], dtype: DType | undefined): Attributes;
}

export interface Example {
  readonly inputs: readonly Tensor[];
  readonly attributes: Attributes;
  /** Where known from elsewhere; else the reference is the expectation. */
  readonly expected?: Tensor;
}

/** Builds nodes of ops of the table, whose types come from the ops' own rules. */
export interface NodeBuilder {
  typeOf(value: ValueId): TensorType;
  /** Appends a node and gives its result. */
  apply(op: string, inputs: readonly ValueId[], attributes?: Attributes): ValueId;
  /** Every element `value`, of a shape and dtype. */
  fill(type: TensorType, value: number): ValueId;
}

/** What a gradient rule builds with. */
export interface GradientBuilder extends NodeBuilder {
  /** The number that every element of a value has, where that is known. */
  constant(value: ValueId): number | undefined;
}

/** The node a gradient rule is asked about. */
export interface GradientSite {
  readonly inputs: readonly ValueId[];
  readonly attributes: Attributes;
  /** What the node gave: a rule may use it again, as `tanh` does. */
  readonly result: ValueId;
  /** Gradient of the loss by the result; of the result's type. */
  readonly gradient: ValueId;
}

/** Elements of an input that an op takes for places of an axis. */
export interface Places {
  readonly input: number;
  /** Of the input, only the elements of its last axis that have this place in it. */
  readonly element?: number;
  /** Extent of the axis. */
  readonly extent: number;
  /** Whether negative ones count from the end. */
  readonly fromEnd: boolean;
}

export interface Op {
  readonly name: string;
  /** elementwise: one result of the common shape, each element from the same elements of the inputs. view: no arithmetic, costs nothing. */
  readonly kind: "elementwise" | "view" | "compute";
  readonly summary: string;
  /** For the reference documents: "y = max(x, 0)". */
  readonly formula: string;
  readonly signature?: Signature;
  /** Other calls that mean this op with other attributes: `prod` and `max` beside `sum`. `calls` in table.ts lists all by name. */
  readonly otherSignatures?: readonly Signature[];

  /** Shape rule: type of the result; throws RuleError naming both values. */
  type(inputs: readonly TensorType[], attributes: Attributes): TensorType;

  /** The reference meaning: slow and obvious, never optimised. */
  evaluate(inputs: readonly Tensor[], attributes: Attributes, type: TensorType): Tensor;

  /** elementwise only: the formula on scalars, of the inputs' dtypes (or of f32 for f16 and bf16). */
  scalar?(args: readonly Expression[], attributes: Attributes, type: TensorType): Expression;

  /** view only: index of the input's element for each index of the result; undefined where it is not affine (a reshape that merges dimensions). */
  view?(input: TensorType, attributes: Attributes, type: TensorType): readonly Affine[] | undefined;

  /** compute only: one lowering or several that write disjoint parts of the result. Absent: not supported on targets yet. */
  lower?(inputs: readonly TensorType[], attributes: Attributes, type: TensorType): readonly Lowering[];

  /**
   * compute only, instead of `lower` and `gradient`: the checker puts this in the op's place, so that no graph has a node of
   * it; its value is that of `evaluate` but for rounding. Undefined, of an op that has those two as well: it stays as it is.
   */
  compose?(build: NodeBuilder, inputs: readonly ValueId[], attributes: Attributes): ValueId | undefined;

  /**
   * compute only: every lowering stores each element once, with its final value (or, where it has a `combine`, that of a part),
   * and does not load it again. Then `fuse-results` may apply a map to what is stored.
   */
  readonly stores?: "once";

  /** compute only: the result begins as input 0, of its type; `lower` writes only what changes, and every lowering `keeps` the rest. */
  readonly inPlace?: boolean;

  /** Which inputs are indices, and of what. `evaluate` refuses one that lies outside; `check-indices` looks for them in checked builds. */
  places?(inputs: readonly TensorType[], attributes: Attributes): readonly Places[];

  /**
   * Reverse mode: gradient of the loss by each input, of that input's type, built of ops; undefined for an input that the
   * result does not change with, or not continuously (indices, conditions). Every op has this or says why not.
   */
  gradient?(build: GradientBuilder, site: GradientSite): readonly (ValueId | undefined)[];

  /** Why there is no gradient. */
  readonly noGradient?: string;

  examples(): readonly Example[];
}
