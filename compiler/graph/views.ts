/**
 * Views said shorter: a view of a view of the same kind is one view, and a view that changes nothing is its input. Used
 * wherever a pass makes a view, so that equal views of a tensor look equal. And views seen through, to what lies in memory.
 */
import { ops } from "../ops/table.ts";
import { composeMap, identityMap, type Affine } from "../support/affine.ts";
import { sameShape, type Attributes, type Node, type TensorType, type ValueId } from "./graph.ts";

export interface View {
  readonly op: string;
  readonly input: ValueId;
  readonly attributes: Attributes;
}

/** What must be known of the values around. */
export interface ViewContext {
  type(value: ValueId): TensorType;
  definition(value: ValueId): Node | undefined;
}

const ints = (attributes: Attributes, name: string): readonly number[] => attributes[name] as readonly number[];

/** The shortest view with the same elements and the given type; or the value itself when nothing is left to do. */
export function shortestView(view: View, type: TensorType, at: ViewContext): View | ValueId {
  for (let current = view; ; ) {
    if (changesNothing(current, type, at.type(current.input))) return current.input;
    const inner = at.definition(current.input);
    const joined = inner?.op === current.op ? join(inner.inputs[0]!, inner.op, inner.attributes, current.attributes) : undefined;
    if (joined === undefined) return current;
    current = joined;
  }
}

function changesNothing(view: View, type: TensorType, input: TensorType): boolean {
  if (!sameShape(type.shape, input.shape)) return false;
  const { attributes } = view;
  switch (view.op) {
    case "reshape": case "broadcast": return true;
    case "transpose": return ints(attributes, "axes").every((axis, k) => axis === k);
    case "slice": return ints(attributes, "step").every((step, k) => step === 1 || input.shape[k]! <= 1);
    case "reverse": return ints(attributes, "axes").every((axis) => input.shape[axis]! <= 1);
    default: return false;
  }
}

/** One view of `input` for `inner` and then `outer`, both of kind `op`. */
function join(input: ValueId, op: string, inner: Attributes, outer: Attributes): View | undefined {
  switch (op) {
    case "reshape": case "broadcast":
      return { op, input, attributes: outer };
    case "transpose":
      return { op, input, attributes: { ...outer, axes: ints(outer, "axes").map((axis) => ints(inner, "axes")[axis]!) } };
    case "slice": {
      const start = ints(outer, "start").map((first, k) => ints(inner, "start")[k]! + first * ints(inner, "step")[k]!);
      const step = ints(outer, "step").map((each, k) => each * ints(inner, "step")[k]!);
      return { op, input, attributes: { ...outer, start, step } };
    }
    case "reverse": {
      const [first, then] = [ints(inner, "axes"), ints(outer, "axes")];
      const axes = [...first.filter((axis) => !then.includes(axis)), ...then.filter((axis) => !first.includes(axis))];
      return { op, input, attributes: { ...outer, axes: axes.sort((a, b) => a - b) } };
    }
    default:
      return undefined;
  }
}

/** The tensor a value is a view of, `root`, its type, and where in it the value's elements are. */
export function throughViews(value: ValueId, at: ViewContext): { root: ValueId; stored: TensorType; map: readonly Affine[] } {
  const type = at.type(value);
  const node = at.definition(value);
  const view = node && ops.get(node.op)?.kind === "view" ? ops.get(node.op)!.view?.(at.type(node.inputs[0]!), node.attributes, type) : undefined;
  if (!node || !view) return { root: value, stored: type, map: identityMap(type.shape.length) };
  const { root, stored, map } = throughViews(node.inputs[0]!, at);
  return { root, stored, map: composeMap(map, view, type.shape.length) };
}
