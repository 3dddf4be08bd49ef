/** Slices of states and of graph-level lets, as `place`, `map` and `tile_of` name them: no value is computed, only where it is. */
import type { Slice, TensorType } from "../graph/graph.ts";
import type * as ast from "../syntax/ast.ts";
import type { Span } from "../support/span.ts";
import { chosenSide } from "./choice.ts";
import { report, type Frame } from "./frame.ts";
import { nameOf } from "./operators.ts";
import type { Binding } from "./scope.ts";
import { composeSlices, select, slicedShape, wholeSlice } from "./slice.ts";

export interface Reference {
  /** The name the tensor has in the graph. */
  readonly name: string;
  readonly source: Extract<Binding, { kind: "state" | "graph-let" }>;
  /** Of the whole tensor. */
  readonly whole: TensorType;
  readonly slice: Slice;
  readonly span: Span;
}

export const typeOf = (reference: Reference): TensorType => ({ dtype: reference.whole.dtype, shape: slicedShape(reference.slice) });

/** The type of a tensor of the graph by its name, whose value is not asked for; undefined for what is none. */
export function typeOfName(frame: Frame, name: string | undefined): TensorType | undefined {
  const binding = name === undefined ? undefined : frame.scope.lookup(name);
  switch (binding?.kind) {
    case "state": return binding.role === "stream in" || binding.role === "stream out" ? undefined : binding.type;
    case "graph-let": {
      const value = binding.group.types[binding.position];
      return value?.kind === "tensor" ? value.type : undefined;
    }
    case "reference": return typeOf(binding.reference);
    case "run-time": return binding.type;
    default: return undefined;
  }
}

/** Whether an expression is written as a name or as slices of one that stands for a tensor of the graph, or as a choice of such. */
export function isReference(frame: Frame, expression: ast.Expression): boolean {
  let root = expression;
  while (root.kind === "index") root = root.base;
  if (root.kind === "conditional") return isReference(frame, root.then) && isReference(frame, root.otherwise);
  const name = nameOf(root);
  const kind = name === undefined ? undefined : frame.scope.lookup(name)?.kind;
  return kind === "state" || kind === "graph-let" || kind === "reference";
}

/** The slice an expression names; undefined once reported. `what` says who needs it. */
export function reference(frame: Frame, expression: ast.Expression, what: string): Reference | undefined {
  if (expression.kind === "conditional") {
    const side = chosenSide(frame, expression);
    return side && reference(frame, side, what);
  }
  if (expression.kind === "index") {
    const base = reference(frame, expression.base, what);
    if (!base) return undefined;
    const selection = select(frame, expression.items, slicedShape(base.slice), expression.span, base.name);
    return selection && { ...base, slice: composeSlices(base.slice, selection.slice), span: expression.span };
  }
  const name = nameOf(expression);
  const binding = name === undefined ? undefined : frame.scope.lookup(name);
  switch (binding?.kind) {
    case "state":
      if (binding.role === "stream in" || binding.role === "stream out") return void report(frame, "type-mismatch", expression.span, `${name} is a stream; ${what} needs a slice of a tensor`);
      return { name: name!, source: binding, whole: binding.type, slice: wholeSlice(binding.type.shape), span: expression.span };
    case "graph-let": {
      const type = binding.group.types[binding.position];
      if (type?.kind === "poison") return undefined;
      if (type?.kind !== "tensor") return void report(frame, "type-mismatch", expression.span, `${name} is no tensor; ${what} needs a slice of one`);
      return { name: name!, source: binding, whole: type.type, slice: wholeSlice(type.type.shape), span: expression.span };
    }
    case "reference": return { ...binding.reference, span: expression.span };
    case "poison": return undefined;
    default: {
      if (name !== undefined && !binding) {
        frame.session.rules.expression(frame, expression);
        return undefined;
      }
      if (expression.kind === "missing" || (binding?.kind === "value" && binding.value.kind === "poison")) return undefined;
      return void report(frame, "type-mismatch", expression.span, `${what} needs a slice of a state or of a let of the graph`, { help: "give the value a name first: let x = …; in the graph" });
    }
  }
}

/** "counts[3, 0:10]": a slice as it could be written. */
export function showSlice(name: string, slice: Slice): string {
  const items = slice.map((dimension) => {
    if (dimension.drop) return `${dimension.start}`;
    const step = dimension.step === 1 ? "" : `:${dimension.step}`;
    const end = dimension.start + dimension.length * dimension.step;
    return `${dimension.start}:${end < 0 ? "" : end}${step}`;
  });
  return items.length === 0 ? name : `${name}[${items.join(", ")}]`;
}
