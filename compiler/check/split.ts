/** `split(x, parts, axis = 0)`: a tuple of slices side by side: as many equal ones as `parts` says, or of the extents it lists. */
import type * as ast from "../syntax/ast.ts";
import { formatType } from "../graph/graph.ts";
import type { CallSite } from "./call.ts";
import { report, type Frame } from "./frame.ts";
import { written } from "./operators.ts";
import { readSlice, wholeSlice } from "./slice.ts";
import type { Written } from "./tensors.ts";
import { describe, hasPoison, poison, tuple, type Value } from "./value.ts";

const parameters = ["x", "parts", "axis"] as const;
type Parameter = (typeof parameters)[number];

/** The arguments by parameter, by position first; undefined once reported. */
function argumentsOf(frame: Frame, site: CallSite): ReadonlyMap<Parameter, ast.Argument> | undefined {
  const given = new Map<Parameter, ast.Argument>();
  for (const [k, arg] of site.args.entries()) {
    const parameter = arg.name ? parameters.find((name) => name === arg.name!.name) : parameters[k];
    if (parameter === undefined) {
      return void report(frame, "bad-argument", arg.name?.span ?? arg.span, arg.name ? `split has no parameter ${arg.name.name}` : `split takes 2 or 3 arguments, and ${site.args.length} are given`, { help: "split(x, parts, axis = 0)" });
    }
    if (given.has(parameter)) return void report(frame, "bad-argument", arg.span, `${parameter} is given twice to split`);
    given.set(parameter, arg);
  }
  const missing = parameters.find((name) => name !== "axis" && !given.has(name));
  if (missing) return void report(frame, "bad-argument", site.span, `split needs ${missing}`, { help: "split(x, 4) gives a tuple of 4 equal parts" });
  if (site.typeArgs.length > 0) return void report(frame, "bad-argument", site.typeArgs[0]!.span, "split takes no type");
  return given;
}

/** The extents of the parts; undefined once reported. */
function extentsOf(frame: Frame, parts: Written, extent: number, axis: number): readonly number[] | undefined {
  const { value, span } = parts;
  if (value.kind === "int") {
    if (value.value < 1) return void report(frame, "out-of-range", span, `split into ${value.value} parts`);
    if (extent % value.value !== 0) return void report(frame, "indivisible", span, `${extent}, the extent of axis ${axis}, does not divide into ${value.value} equal parts`, { help: "a tuple gives the extent of each part: split(x, (3, 5))" });
    return new Array<number>(value.value).fill(extent / value.value);
  }
  const extents = value.kind === "tuple" ? value.elements.map((element) => (element.kind === "int" ? element.value : -1)) : [];
  if (extents.length === 0 || extents.includes(-1)) return void report(frame, "bad-argument", span, `the parts of split are an int or a tuple of extents, and this is ${describe(value)}`);
  const total = extents.reduce((sum, part) => sum + part, 0);
  if (total !== extent || extents.some((part) => part < 0)) return void report(frame, "shape-mismatch", span, `the parts add up to ${total}, and the extent of axis ${axis} is ${extent}`);
  return extents;
}

export function split(frame: Frame, site: CallSite): Value {
  const given = argumentsOf(frame, site);
  if (!given) return poison;
  const evaluated = (name: Parameter): Written | undefined => {
    const arg = given.get(name);
    return arg && written(arg.value, frame.session.rules.expression(frame, arg.value));
  };
  const [x, parts, along] = [evaluated("x")!, evaluated("parts")!, evaluated("axis")];
  if ([x, parts, along].some((one) => one && hasPoison(one.value))) return poison;
  if (x.value.kind !== "tensor") return report(frame, "type-mismatch", x.span, `split takes a tensor, and this is ${describe(x.value)}`);
  if (along && along.value.kind !== "int") return report(frame, "bad-argument", along.span, `the axis of split is an int, and this is ${describe(along.value)}`);
  const { shape } = x.value.type;
  const asked = along?.value.kind === "int" ? along.value.value : 0;
  if (asked < -shape.length || asked >= shape.length) return report(frame, "out-of-range", along?.span ?? site.span, `axis ${asked} of split is outside of ${formatType(x.value.type)}, which has rank ${shape.length}`);
  const axis = asked < 0 ? asked + shape.length : asked;
  const extents = extentsOf(frame, parts, shape[axis]!, axis);
  if (!extents) return poison;
  let start = 0;
  const tensor = x.value;
  return tuple(extents.map((length) => {
    const slice = wholeSlice(shape).with(axis, { start: length === 0 ? 0 : start, length, step: 1, drop: false });
    start += length;
    return readSlice(frame, tensor, slice, site.span);
  }));
}
