/** Names that are called but are neither ops nor functions: they touch streams, gradients, mappings or compile-time values. `builtin-calls.ts` lists them. */
import { isFloat } from "../../runtime/dtype.ts";
import type * as ast from "../syntax/ast.ts";
import { formatType } from "../graph/graph.ts";
import { ops } from "../ops/table.ts";
import { closest } from "../support/suggest.ts";
import { invariant } from "../support/bug.ts";
import type { Span } from "../support/span.ts";
import { einsum } from "./einsum.ts";
import { originOf, report, type Frame } from "./frame.ts";
import { tileOf } from "./mapping.ts";
import { nameOf, written } from "./operators.ts";
import type { CallSite } from "./call.ts";
import { recomputed } from "./recompute.ts";
import { typeOfName } from "./reference.ts";
import { split } from "./split.ts";
import { describeBinding, type Binding } from "./scope.ts";
import { asTensor, buildOf, coerce, type Written } from "./tensors.ts";
import { describe, float, hasPoison, int, intOf, isNumber, poison, tuple, type Expected, type TensorValue, type Value } from "./value.ts";

/** Calls that are statements: they give no value. */
export const effects: ReadonlySet<string> = new Set(["send", "print", "assert"]);

export function builtin(frame: Frame, name: string, site: CallSite, expected: Expected | undefined): Value {
  switch (name) {
    case "next": return next(frame, site);
    case "grad": return grad(frame, site);
    case "tile_of": {
      const [arg] = positional(frame, site, name, 1, 1) ?? [];
      return arg ? tileOf(frame, arg, site.span) : poison;
    }
    case "int": case "float": return convert(frame, name, site);
    case "len": return length(frame, site);
    case "einsum": {
      const args = positional(frame, site, "einsum", 2, Infinity);
      return args ? einsum(frame, args, site.span) : poison;
    }
    case "partition": return partition(frame, site, expected);
    case "recompute": return recompute(frame, site, expected);
    case "split": return split(frame, site);
    case "send": case "print": case "assert":
      return report(frame, "type-mismatch", site.span, `${name} is a statement and gives no value`, expected ? {} : { help: `write \`${name}(…);\` on its own` });
    default: return invariant(false, `no rule for the built-in ${name}`) as never;
  }
}

/** Arguments that must stand by position; undefined once reported. */
function positional(frame: Frame, site: CallSite, name: string, least: number, most: number): readonly ast.Expression[] | undefined {
  const wrong = site.args.find((arg) => arg.name);
  if (wrong) return void report(frame, "bad-argument", wrong.span, `${name} takes its arguments by position`);
  if (site.typeArgs.length > 0) return void report(frame, "bad-argument", site.typeArgs[0]!.span, `${name} takes no type`);
  if (site.args.length < least || site.args.length > most) {
    const count = least === most ? `${least}` : most === Infinity ? `${least} or more` : `${least} to ${most}`;
    return void report(frame, "bad-argument", site.span, `${name} takes ${count} argument${count === "1" ? "" : "s"}, and ${site.args.length} ${site.args.length === 1 ? "is" : "are"} given`);
  }
  return site.args.map((arg) => arg.value);
}

/** The stream an expression names, of the right direction; undefined once reported. */
function streamOf(frame: Frame, expression: ast.Expression, role: "stream in" | "stream out", example: string): Extract<Binding, { kind: "state" }> | undefined {
  const name = nameOf(expression);
  const binding = name === undefined ? undefined : frame.scope.lookup(name);
  if (binding?.kind === "state" && binding.role === role) return binding;
  if (name !== undefined && !binding) {
    const streams = [...frame.scope.visible()].filter((candidate) => {
      const other = frame.scope.lookup(candidate);
      return other?.kind === "state" && other.role === role;
    });
    const meant = closest(name, streams);
    return void report(frame, "unknown-name", expression.span, `nothing is called ${name} here`, meant === undefined ? {} : { help: `did you mean ${meant}?` });
  }
  if (binding?.kind === "poison") return undefined;
  return void report(frame, "type-mismatch", expression.span, `${example} needs a \`${role}\`${binding ? `, and this is ${describeBinding(name!, binding)}` : ""}`);
}

function next(frame: Frame, site: CallSite): Value {
  const [stream] = positional(frame, site, "next", 1, 1) ?? [];
  const binding = stream && streamOf(frame, stream, "stream in", "next");
  const build = binding && buildOf(frame, site.span, "an element of a stream");
  if (!binding || !build) return poison;
  if (frame.atTop) return report(frame, "not-supported", site.span, "next cannot be used in a let of the graph", { help: "use it in a program" });
  const [id] = build.builder.node("next", { attributes: { state: binding.state }, outputs: [binding.type], origin: originOf(frame, site.span) });
  return { kind: "tensor", id: id!, type: binding.type };
}

function grad(frame: Frame, site: CallSite): Value {
  const args = positional(frame, site, "grad", 2, 2);
  if (!args) return poison;
  const [loss, wrt] = args.map((arg) => written(arg, frame.session.rules.expression(frame, arg))) as [Written, Written];
  if (hasPoison(loss.value) || hasPoison(wrt.value)) return poison;
  if (loss.value.kind !== "tensor" || loss.value.type.shape.length > 0 || !isFloat(loss.value.type.dtype)) {
    return report(frame, loss.value.kind === "tensor" ? "shape-mismatch" : "type-mismatch", loss.span, `grad needs a float scalar as the loss, and this is ${describe(loss.value)}`, { help: "mean(x) or sum(x) makes a scalar" });
  }
  const several = wrt.value.kind === "tuple";
  const values = wrt.value.kind === "tuple" ? wrt.value.elements : [wrt.value];
  for (const value of values) {
    if (value.kind !== "tensor") return report(frame, "type-mismatch", wrt.span, `grad needs tensors to differentiate by, and this is ${describe(value)}`);
    if (!isFloat(value.type.dtype)) return report(frame, "dtype-mismatch", wrt.span, `grad needs float tensors to differentiate by, and this is ${formatType(value.type)}`);
  }
  const tensors = values as readonly TensorValue[];
  const build = buildOf(frame, site.span, "a gradient");
  if (!build) return poison;
  const ids = build.builder.node("grad", {
    inputs: [loss.value.id, ...tensors.map((value) => value.id)], attributes: { wrt: tensors.length, names: namesIn(args[1]!) }, outputs: tensors.map((value) => value.type), origin: originOf(frame, site.span),
  });
  const gradients = tensors.map((value, k): Value => ({ kind: "tensor", id: ids[k]!, type: value.type }));
  return several ? tuple(gradients) : gradients[0]!;
}

/** What the tensors of a `grad` are called where it stands; empty for what is no name. */
const namesIn = (wrt: ast.Expression): string[] => (wrt.kind === "tuple" ? wrt.elements : [wrt]).map((each) => nameOf(each) ?? "");

/** `int(x)`, `float(x)` of compile-time values: `int` truncates. */
function convert(frame: Frame, name: "int" | "float", site: CallSite): Value {
  const [arg] = positional(frame, site, name, 1, 1) ?? [];
  if (!arg) return poison;
  const value = frame.session.rules.expression(frame, arg);
  if (value.kind === "poison") return poison;
  if (value.kind === "tensor") return report(frame, "not-compile-time", arg.span, `${name}(…) converts compile-time numbers, and this is ${describe(value)}`, { help: `cast<${name === "int" ? "i32" : "f32"}>(x) converts a tensor` });
  if (value.kind === "wide" && name === "int") return value;
  const number = value.kind === "bool" || isNumber(value) ? Number(value.value) : undefined;
  if (number === undefined) return report(frame, "type-mismatch", arg.span, `${name}(…) takes a number, and this is ${describe(value)}`);
  if (name === "float") return float(number);
  const whole = Number.isFinite(number) ? intOf(BigInt(Math.trunc(number))) : undefined;
  return whole ?? report(frame, "out-of-range", arg.span, `${number} is no int of 64 bits`);
}

/** `len(x)`: elements of a tuple or range, the first extent of a tensor. */
function length(frame: Frame, site: CallSite): Value {
  const [arg] = positional(frame, site, "len", 1, 1) ?? [];
  if (!arg) return poison;
  const known = typeOfName(frame, nameOf(arg))?.shape[0];
  if (known !== undefined) return int(known);
  const value = frame.session.rules.expression(frame, arg);
  if (value.kind === "poison") return poison;
  if (value.kind === "tuple") return int(value.elements.length);
  if (value.kind === "range") return int(Math.max(0, value.end - value.start));
  if (value.kind === "tensor" && value.type.shape.length > 0) return int(value.type.shape[0]!);
  return report(frame, "type-mismatch", arg.span, `len takes a tuple, a range or a tensor with dimensions, and this is ${describe(value)}`);
}

/**
 * `partition(e, parts)`: the value of `e`, whose op is cut over the tiles as the user says: into how many parts each
 * dimension of the result, and with one number more, the dimension summed over.
 */
function partition(frame: Frame, site: CallSite, expected: Expected | undefined): Value {
  const args = positional(frame, site, "partition", 2, 2);
  if (!args) return poison;
  const value = frame.session.rules.expression(frame, args[0]!, expected);
  const parts = frame.session.rules.expression(frame, args[1]!);
  if (value.kind === "poison" || hasPoison(parts)) return poison;
  const help = "partition(a @ b, (4, 2)) cuts the rows into 4 parts and the columns into 2";
  if (value.kind !== "tensor") return report(frame, "type-mismatch", args[0]!.span, `partition cuts the work behind a tensor, and this is ${describe(value)}`, { help });
  const list = parts.kind === "tuple" ? parts.elements : [parts];
  if (!list.every((part) => part.kind === "int")) return report(frame, "bad-argument", args[1]!.span, `the parts must be ints, and this is ${describe(parts)}`, { help });
  const counts = list.map((part) => (part as { readonly value: number }).value);
  const { shape } = value.type;
  if (counts.length !== shape.length && counts.length !== shape.length + 1) {
    return report(frame, "bad-argument", args[1]!.span, `${counts.length} numbers of parts are given for ${formatType(value.type)}, which takes ${shape.length}, or ${shape.length + 1} with the dimension summed over`, { help });
  }
  const wrong = counts.findIndex((count, d) => count < 1 || (d < shape.length && count > Math.max(1, shape[d]!)));
  if (wrong !== -1) return report(frame, "out-of-range", args[1]!.span, `dimension ${wrong} cannot be cut into ${counts[wrong]} parts${wrong < shape.length ? `, it has ${shape[wrong]} elements` : ""}`);
  const { tiles } = frame.session;
  const total = counts.reduce((product, count) => product * count, 1);
  if (total > tiles) return report(frame, "out-of-range", args[1]!.span, `${total} parts are more than the target's ${tiles} tiles`);
  const build = buildOf(frame, site.span, "a partition");
  if (!build) return poison;
  const node = build.builder.definition(value.id);
  const op = node && ops.get(node.op);
  if (!op || op.kind === "view") return report(frame, "bad-argument", args[0]!.span, "partition stands around the op it is to cut, and nothing is computed here", { help });
  build.builder.annotate(value.id, { partition: counts });
  return value;
}

/** `recompute(e)`: the value of `e`, of which nothing but itself is kept for gradients. */
function recompute(frame: Frame, site: CallSite, expected: Expected | undefined): Value {
  const [arg] = positional(frame, site, "recompute", 1, 1) ?? [];
  const build = arg && buildOf(frame, site.span, "what is computed again");
  if (!arg || !build) return poison;
  const value = recomputed(frame, () => frame.session.rules.expression(frame, arg, expected));
  const tensors = value.kind === "tensor" || (value.kind === "tuple" && value.elements.some(({ kind }) => kind === "tensor"));
  return tensors || hasPoison(value) ? value : report(frame, "type-mismatch", arg.span, `recompute is about tensors, and this is ${describe(value)}`);
}

/** `send(stream, value);` */
function send(frame: Frame, site: CallSite): void {
  const args = positional(frame, site, "send", 2, 2);
  if (!args) return;
  const binding = streamOf(frame, args[0]!, "stream out", "send");
  const value = written(args[1]!, frame.session.rules.expression(frame, args[1]!, binding?.type));
  const build = buildOf(frame, site.span, "a stream");
  if (!binding || !build) return;
  const element = coerce(frame, value, binding.type, `an element of ${nameOf(args[0]!)!}`, [{ span: binding.span, text: "declared here" }]);
  if (element.kind === "tensor") build.builder.node("send", { inputs: [element.id], attributes: { state: binding.state }, outputs: [], origin: originOf(frame, site.span) });
}

/** `print("label", a, b);` or `print(a);` */
function print(frame: Frame, site: CallSite): void {
  const args = positional(frame, site, "print", 1, Infinity);
  const build = buildOf(frame, site.span, "print");
  if (!args || !build) return;
  const values = args.map((arg) => written(arg, frame.session.rules.expression(frame, arg)));
  const label = values[0]!.value.kind === "string" ? values[0]!.value.value : undefined;
  const inputs: number[] = [];
  for (const value of label === undefined ? values : values.slice(1)) {
    if (value.value.kind === "string") return void report(frame, "type-mismatch", value.span, "a print has one label, its first argument", { help: 'one label for all, as in print("step, loss", step, loss), or a print for each' });
    const tensor = asTensor(frame, value);
    if (tensor.kind !== "tensor") return;
    inputs.push(tensor.id);
  }
  build.builder.node("print", { inputs, attributes: { label: label ?? "" }, outputs: [], origin: originOf(frame, site.span) });
}

/** `assert(condition, "why");` A compile-time condition is judged at once; gives whether it is false. */
function assert(frame: Frame, site: CallSite): boolean {
  const args = positional(frame, site, "assert", 1, 2);
  if (!args) return false;
  const condition = written(args[0]!, frame.session.rules.expression(frame, args[0]!, { dtype: "bool" }));
  const reason = args[1] ? frame.session.rules.expression(frame, args[1]) : undefined;
  if (condition.value.kind === "poison" || reason?.kind === "poison") return false;
  if (reason && reason.kind !== "string") {
    report(frame, "type-mismatch", args[1]!.span, `the reason of an assert must be a string, and this is ${describe(reason)}`);
    return false;
  }
  const message = reason?.value ?? "assertion failed";
  if (condition.value.kind === "bool") {
    if (!condition.value.value) report(frame, "assertion-failed", site.span, message, { label: "is false when compiling" });
    return !condition.value.value;
  }
  if (condition.value.kind !== "tensor" || condition.value.type.dtype !== "bool" || condition.value.type.shape.length > 0) {
    report(frame, "type-mismatch", condition.span, `assert needs a bool scalar, and this is ${describe(condition.value)}`, { help: "all(x) is true when every element is" });
    return false;
  }
  const build = buildOf(frame, site.span, "a condition");
  build?.builder.node("assert", { inputs: [condition.value.id], attributes: { message }, outputs: [], origin: originOf(frame, site.span) });
  return false;
}

/** A call that is a statement; gives whether what stands behind it is refused by it, since it asserts what is known to be false. */
export function effect(frame: Frame, name: string, site: CallSite): boolean {
  const span: Span = site.span;
  if (frame.atTop) report(frame, "not-supported", span, `${name} cannot be used in a let of the graph`, { help: "use it in a program" });
  else if (name === "send") send(frame, site);
  else if (name === "print") print(frame, site);
  else return assert(frame, site);
  return false;
}
