/**
 * Vertices: a declaration with its generics and parameters bound becomes a kernel whose buffers are the fields. Placements
 * of the same shapes and arguments share one.
 */
import { findOutside } from "../kernel/bounds.ts";
import { KernelBuilder } from "../kernel/build.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { formatType, type TensorType } from "../graph/graph.ts";
import type * as ast from "../syntax/ast.ts";
import type { Span } from "../support/span.ts";
import { fitCompileTime, matchArguments } from "./arguments.ts";
import { report, type Frame } from "./frame.ts";
import { typeOf, type Reference } from "./reference.ts";
import { Scope, type VertexBinding } from "./scope.ts";
import { isCompileTimeType, resolveType, Unification } from "./types.ts";
import { describe, hasPoison, isNumber, keyOf, type Value } from "./value.ts";
import { VertexBody, type Field } from "./vertex-body.ts";
import { gradientKernel } from "./vertex-gradient.ts";

export interface Connection {
  readonly field: ast.VertexField;
  readonly reference: Reference;
  readonly span: Span;
}

type Arguments = ReadonlyMap<ast.Parameter, Value>;

/** The values of a vertex's parameters at a `place`; undefined once reported. */
export function argumentsOf(frame: Frame, { declaration, scope }: VertexBinding, statement: ast.Place): Arguments | undefined {
  const name = declaration.name.name;
  const matched = matchArguments(frame, declaration.parameters, statement.args, statement.vertex.span, name, declaration.name.span);
  if (!matched) return undefined;
  const inner = new Scope(scope);
  const values = new Map<ast.Parameter, Value>();
  for (const parameter of declaration.parameters) {
    const given = matched.get(parameter.name.name);
    const expression = given ?? parameter.default!;
    const value = frame.session.rules.expression(given ? frame : { ...frame, scope: inner }, expression);
    if (hasPoison(value)) return undefined;
    if (!isCompileTimeType(parameter.type)) return void report(frame, "type-mismatch", parameter.type.span, "a parameter of a vertex is an int, a float, a bool, a string, a dtype or a tuple of these", { help: "tensors are fields" });
    const fit = fitCompileTime(frame, value, parameter.type, expression.span, `${parameter.name.name} of ${name}`, parameter.span);
    if (!fit) return undefined;
    values.set(parameter, fit);
    inner.define(parameter.name.name, { kind: "value", value: fit, span: parameter.name.span, what: "parameter" });
  }
  return values;
}

/** Numbers for declarations, for keys of caches. */
const declarations = new WeakMap<ast.VertexDeclaration, number>();
let counted = 0;
function numberOf(declaration: ast.VertexDeclaration): number {
  let number = declarations.get(declaration);
  if (number === undefined) {
    number = counted++;
    declarations.set(declaration, number);
  }
  return number;
}

/** Index of the vertex for these arguments and slices; undefined once reported. */
export function specialise(frame: Frame, binding: VertexBinding, args: Arguments, connections: readonly Connection[], statement: ast.Place): number | undefined {
  const types = connections.map((connection) => typeOf(connection.reference));
  const key = `${numberOf(binding.declaration)};${[...args.values()].map(keyOf).join(";")};${types.map(formatType).join(";")}`;
  const { vertexKeys, vertices } = frame.session;
  const known = vertexKeys.get(key);
  if (known !== undefined) return known < 0 ? undefined : known;
  const kernel = build(frame, binding, args, connections, types, statement);
  if (!kernel) {
    vertexKeys.set(key, -1);
    return undefined;
  }
  vertices.push({ name: binding.declaration.name.name, ...kernel, origin: binding.declaration.name.span });
  vertexKeys.set(key, vertices.length - 1);
  return vertices.length - 1;
}

function build(frame: Frame, { declaration, scope: outer }: VertexBinding, args: Arguments, connections: readonly Connection[], types: readonly TensorType[], statement: ast.Place) {
  const scope = new Scope(outer);
  const name = declaration.name.name;
  for (const [parameter, value] of args) scope.define(parameter.name.name, { kind: "value", value, span: parameter.name.span, what: "parameter" });
  const inner: Frame = { ...frame, scope };
  const unification = new Unification(inner, declaration.generics);
  let fits = true;
  connections.forEach((connection, k) => {
    if (!unification.unify(connection.field.type, types[k]!, connection.span, `the field ${connection.field.name.name}`)) fits = false;
  });
  if (!fits || !unification.finish(statement.vertex.span, name)) return undefined;

  const kernel = new KernelBuilder(`${name}.compute`, declaration.name.span);
  const fields: Field[] = [];
  for (const field of declaration.fields) {
    const type = resolveType(inner, field.type);
    if (!type) return undefined;
    const buffer = kernel.buffer({ name: field.name.name, dtype: type.dtype, shape: type.shape, access: field.access, origin: field.name.span });
    fields.push({ declaration: field, buffer, type });
  }
  const before = frame.session.reporter.errors;
  new VertexBody(inner, kernel, fields).compile(declaration.compute.body);
  const cycles = declaration.cycles && cyclesOf(inner, declaration.cycles);
  if (frame.session.reporter.errors > before) return undefined;
  const finished = kernel.finish(cycles);
  if (reportOutside(inner, finished)) return undefined;
  if (!declaration.grad) return { kernel: finished };
  const gradient = gradientKernel(inner, declaration, fields, declaration.grad.body);
  return gradient === undefined || reportOutside(inner, gradient) ? undefined : { kernel: finished, gradient };
}

/** Reports indices that certainly leave a field, given the extents of this use. */
function reportOutside(frame: Frame, kernel: Kernel): boolean {
  const outside = findOutside(kernel);
  for (const { buffer, dimension, reached, extent, origin } of outside) {
    const { name, shape } = kernel.buffers[buffer]!;
    const where = shape.length === 1 ? "" : ` in dimension ${dimension}`;
    const range = reached.min === reached.max ? `is ${reached.min}` : `runs from ${reached.min} to ${reached.max}`;
    report(frame, "out-of-range", origin, `the index of ${name} ${range}${where}, and ${name} has ${extent} elements there`);
  }
  return outside.length > 0;
}

/** `cycles = …`: a compile-time number, rounded up. */
function cyclesOf(frame: Frame, expression: ast.Expression): number | undefined {
  const value = frame.session.rules.expression(frame, expression);
  if (isNumber(value) && Number.isFinite(Number(value.value)) && value.value >= 0) return Math.ceil(Number(value.value));
  if (value.kind !== "poison") report(frame, "type-mismatch", expression.span, `cycles must be a number of 0 or more, and this is ${describe(value)}`);
  return undefined;
}
