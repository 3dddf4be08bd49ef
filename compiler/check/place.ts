/** Compute sets: `place` statements unfolded into placements of vertices, with every field connected to a slice. */
import type { Placement, TensorType } from "../graph/graph.ts";
import type * as ast from "../syntax/ast.ts";
import { closest } from "../support/suggest.ts";
import { unreachable } from "../support/bug.ts";
import type { Span } from "../support/span.ts";
import { findClash, type Box } from "./clash.ts";
import { report, spend, type Frame } from "./frame.ts";
import { allCompileTime, declaredValues } from "./let.ts";
import { tileNumber } from "./mapping.ts";
import { isReference, reference, showSlice, type Reference } from "./reference.ts";
import { describeBinding, Scope, type Binding, type VertexBinding } from "./scope.ts";
import { argumentsOf, specialise, type Connection } from "./vertex.ts";
import { describe, poison } from "./value.ts";

export interface SetOperand {
  readonly name: string;
  readonly type: TensorType;
  written: boolean;
}

export interface ElaboratedSet {
  /** Index into the graph's compute sets; undefined when it could not be elaborated. */
  readonly index: number | undefined;
  readonly operands: readonly SetOperand[];
}

type SetBinding = Extract<Binding, { kind: "compute-set" }>;

/** A compute set under construction. */
interface Build {
  readonly operands: SetOperand[];
  readonly indices: Map<string, number>;
  readonly placements: Placement[];
  failed: boolean;
}

/** Elaborates a compute set at its first use. */
export function elaborateSet(outer: Frame, binding: SetBinding): ElaboratedSet {
  if (binding.elaborated) return binding.elaborated;
  const { session } = outer;
  const { declaration } = binding;
  const frame: Frame = { session, scope: binding.scope, build: undefined, atTop: false, call: undefined, programs: [] };
  const build: Build = { operands: [], indices: new Map(), placements: [], failed: false };
  statements(frame, build, declaration.body);
  checkClashes(frame, build);
  const written = build.operands.flatMap((operand, k) => (operand.written ? [k] : []));
  session.computeSets.push({
    name: declaration.name.name, operands: build.operands.map(({ name, type }) => ({ name, type })), written, placements: build.placements, origin: declaration.name.span,
  });
  binding.elaborated = { index: session.computeSets.length - 1, operands: build.operands };
  return binding.elaborated;
}

function statements(outer: Frame, build: Build, list: readonly ast.SetStatement[]): void {
  const frame: Frame = { ...outer, scope: new Scope(outer.scope) };
  for (const statement of list) {
    if (!spend(frame, statement.span)) return;
    switch (statement.kind) {
      case "place": place(frame, build, statement); break;
      case "let": defineLet(frame, statement); break;
      case "set-for": unfold(frame, build, statement); break;
      case "set-if": {
        const condition = frame.session.rules.expression(frame, statement.condition);
        if (condition.kind === "bool") statements(frame, build, condition.value ? statement.then : statement.otherwise);
        else if (condition.kind !== "poison") report(frame, condition.kind === "tensor" ? "not-compile-time" : "type-mismatch", statement.condition.span, `a condition in a compute set must be a compile-time bool, and this is ${describe(condition)}`);
        break;
      }
      default: unreachable(statement);
    }
  }
}

function unfold(frame: Frame, build: Build, statement: Extract<ast.SetStatement, { kind: "set-for" }>): void {
  for (const value of frame.session.rules.iterate(frame, statement.iterable)) {
    const scope = new Scope(frame.scope);
    scope.define(statement.name.name, { kind: "value", value, span: statement.name.span, what: "loop variable" });
    if (!spend(frame, statement.span)) return;
    statements({ ...frame, scope }, build, statement.body);
  }
}

/** A let of a compute set: a compile-time value, or a name for a slice. */
function defineLet(frame: Frame, declaration: ast.Let): void {
  const [name] = declaration.names;
  if (!declaration.tuple && name && isReference(frame, declaration.value)) {
    const named = reference(frame, declaration.value, "let");
    frame.scope.define(name.name, named ? { kind: "reference", reference: named, span: name.span } : { kind: "poison" });
    return;
  }
  const values = declaredValues(frame, declaration);
  if (!allCompileTime(values)) report(frame, "not-compile-time", declaration.value.span, "a let of a compute set is a compile-time value or a slice of a tensor", { help: "compute it in a let of the graph" });
  declaration.names.forEach((one, k) => frame.scope.define(one.name, { kind: "value", value: values[k] ?? poison, span: one.span, what: "let" }));
}

function place(frame: Frame, build: Build, statement: ast.Place): void {
  const vertex = vertexOf(frame, statement.vertex);
  const connections = vertex && connect(frame, vertex, statement);
  const args = vertex && argumentsOf(frame, vertex, statement);
  const tile = tileNumber(frame, statement.tile);
  if (!vertex || !connections || !args || tile === undefined) {
    build.failed = true;
    return;
  }
  const index = specialise(frame, vertex, args, connections, statement);
  if (index === undefined) {
    build.failed = true;
    return;
  }
  const fields = connections.map((connection) => ({ operand: operandOf(build, connection), slice: connection.reference.slice, origin: connection.reference.span }));
  build.placements.push({ vertex: index, fields, tile, origin: statement.span });
}

function vertexOf(frame: Frame, name: ast.Identifier): VertexBinding | undefined {
  const binding = frame.scope.lookup(name.name);
  if (binding?.kind === "vertex") return binding;
  if (binding?.kind === "poison") return undefined;
  if (binding) return void report(frame, "type-mismatch", name.span, `${describeBinding(name.name, binding)} is no vertex`);
  const meant = closest(name.name, [...frame.scope.visible()].filter((other) => frame.scope.lookup(other)!.kind === "vertex"));
  return void report(frame, "unknown-name", name.span, `no vertex is called ${name.name}`, meant === undefined ? {} : { help: `did you mean ${meant}?` });
}

/** The slices of a vertex's fields, in the order they are declared; undefined once reported. */
function connect(frame: Frame, vertex: VertexBinding, statement: ast.Place): Connection[] | undefined {
  const { declaration } = vertex;
  const given = new Map<string, ast.Place["fields"][number]>();
  let failed = false;
  for (const field of statement.fields) {
    const { name, span } = field.name;
    if (!declaration.fields.some((declared) => declared.name.name === name)) {
      const meant = closest(name, declaration.fields.map((declared) => declared.name.name));
      report(frame, "unknown-name", span, `${declaration.name.name} has no field ${name}`, {
        related: [{ span: declaration.name.span, text: "declared here" }], help: meant === undefined ? `its fields are ${declaration.fields.map((declared) => declared.name.name).join(", ")}` : `did you mean ${meant}?`,
      });
      failed = true;
    } else if (given.has(name)) {
      report(frame, "bad-argument", span, `the field ${name} is connected twice`);
      failed = true;
    } else given.set(name, field);
  }
  const connections: Connection[] = [];
  for (const declared of declaration.fields) {
    const field = given.get(declared.name.name);
    if (!field) {
      if (!failed) report(frame, "unconnected-field", statement.vertex.span, `the field ${declared.name.name} of ${declaration.name.name} is not connected`, { related: [{ span: declared.span, text: "declared here" }], help: `add \`${declared.name.name} = …\`` });
      failed = true;
      continue;
    }
    const to = reference(frame, field.value, `the field ${declared.name.name}`);
    if (!to || !mayWrite(frame, declared, to, field.span)) failed = true;
    else connections.push({ field: declared, reference: to, span: field.value.span });
  }
  return failed ? undefined : connections;
}

/** Only outs and vars can be written by vertices. */
function mayWrite(frame: Frame, field: ast.VertexField, to: Reference, span: Span): boolean {
  if (field.access === "in") return true;
  const role = to.source.kind === "state" ? to.source.role : "let";
  if (role === "out" || role === "var") return true;
  report(frame, "not-assignable", span, `the ${field.access} field ${field.name.name} would write ${to.name}, which is ${role === "in" ? "an" : "a"} ${role}`, {
    related: [{ span: to.source.span, text: "declared here" }], help: "vertices write `out` and `var` tensors",
  });
  return false;
}

function operandOf(build: Build, { reference: to, field }: Connection): number {
  let index = build.indices.get(to.name);
  if (index === undefined) {
    index = build.operands.length;
    build.operands.push({ name: to.name, type: to.whole, written: false });
    build.indices.set(to.name, index);
  }
  if (field.access !== "in") build.operands[index]!.written = true;
  return index;
}

function checkClashes(frame: Frame, build: Build): void {
  if (build.failed) return;
  const boxes: (Box & { readonly field: number })[][] = build.operands.map(() => []);
  build.placements.forEach((placement, owner) => {
    const access = frame.session.vertices[placement.vertex]!.kernel.buffers;
    placement.fields.forEach((connected, field) => {
      if (build.operands[connected.operand]!.written) boxes[connected.operand]!.push({ slice: connected.slice, writes: access[field]!.access !== "in", owner, field });
    });
  });
  boxes.forEach((list, operand) => {
    const clash = findClash(list) as readonly [(typeof list)[number], (typeof list)[number]] | undefined;
    if (!clash) return;
    const { name } = build.operands[operand]!;
    const [first, second] = clash[0].owner <= clash[1].owner ? clash : [clash[1], clash[0]];
    const [one, other] = [first, second].map((box) => build.placements[box.owner]!.fields[box.field]!) as [Placement["fields"][number], Placement["fields"][number]];
    const own = first.owner === second.owner;
    const verb = (box: Box): string => (box.writes ? "writes" : "reads");
    report(frame, "vertex-clash", other.origin, own
      ? `one vertex ${verb(first)} ${showSlice(name, first.slice)} and ${verb(second)} ${showSlice(name, second.slice)} through different fields`
      : `one vertex ${verb(first)} ${showSlice(name, first.slice)} and another ${verb(second)} ${showSlice(name, second.slice)} in the same compute set`, {
      label: `${verb(second)} ${showSlice(name, second.slice)}`, related: [{ span: one.origin, text: `${verb(first)} ${showSlice(name, first.slice)}` }],
      help: own ? "an `inout` field reads and writes the same elements" : "what one vertex writes, no other may touch before the next compute set",
    });
  });
}
