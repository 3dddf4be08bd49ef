/**
 * Run-time control in SSA form: what a region assigns of the outside becomes a carried value or a result of its node. A
 * condition known when compiling chooses code instead.
 */
import type * as ast from "../syntax/ast.ts";
import { formatType, scalar, type Attributes, type Block, type TensorType, type ValueId } from "../graph/graph.ts";
import { invariant } from "../support/bug.ts";
import type { Span } from "../support/span.ts";
import { assignedIn } from "./assigned.ts";
import { originOf, report, type Build, type Frame, type Returned } from "./frame.ts";
import { written } from "./operators.ts";
import type { Variable } from "./scope.ts";
import { fillAttributes } from "../graph/constants.ts";
import { coerce, emit } from "./tensors.ts";
import { describe, type TensorValue, type Value } from "./value.ts";

type ElaborateBlock = (frame: Frame, statements: readonly ast.Statement[]) => Returned | undefined;

interface Region {
  /** Without results yet. */
  readonly block: Block;
  /** Variables of the outside, with the values they have at the region's end. */
  readonly changed: ReadonlyMap<Variable, TensorValue>;
}

/** Elaborates a region. Variables of the outside have their old values again afterwards. */
function region(build: Build, parameters: readonly ValueId[], fill: () => void): Region {
  const outer = build.assigned;
  build.assigned = new Map();
  build.region += 1;
  const block = build.builder.block(parameters, () => {
    fill();
    return [];
  });
  build.region -= 1;
  const changed = new Map<Variable, TensorValue>();
  for (const [variable, before] of build.assigned) {
    if (variable.region <= build.region && before.kind === "tensor" && variable.value.kind === "tensor") changed.set(variable, variable.value);
    if (variable.region <= build.region) variable.value = before;
  }
  build.assigned = outer;
  return { block, changed };
}

/** A control node to be: its outputs are the new values of `variables`, and then some of the types `unused` that nobody reads. */
interface Control {
  readonly op: string;
  readonly inputs: readonly ValueId[];
  readonly attributes: Attributes;
  readonly regions: readonly Block[];
  readonly variables: readonly Variable[];
  readonly unused?: readonly TensorType[];
  readonly span: Span;
}

function append(frame: Frame, build: Build, { op, inputs, attributes, regions, variables, unused = [], span }: Control): void {
  const origin = originOf(frame, span);
  const outputs = variables.map((variable) => build.builder.value((variable.value as TensorValue).type, origin, variable.name));
  const others = unused.map((type) => build.builder.value(type, origin));
  build.builder.append({ op, inputs, attributes: { ...attributes }, regions, outputs: [...outputs, ...others], origin });
  variables.forEach((variable, k) => {
    if (!build.assigned.has(variable)) build.assigned.set(variable, variable.value);
    variable.value = { kind: "tensor", id: outputs[k]!, type: (variable.value as TensorValue).type };
  });
}

const idOf = (variable: Variable): ValueId => {
  invariant(variable.value.kind === "tensor", () => `${variable.name} is carried and no tensor`);
  return variable.value.id;
};

/** Values of carried variables inside a region: its parameters. */
function parametersFor(frame: Frame, build: Build, carried: readonly Variable[], span: Span): ValueId[] {
  return carried.map((variable) => build.builder.value((variable.value as TensorValue).type, originOf(frame, span), variable.name));
}

/** The variables stand for a region's parameters while `work` runs. */
function carrying<T>(build: Build, carried: readonly Variable[], parameters: readonly ValueId[], work: () => T): T {
  const before = carried.map((variable) => variable.value as TensorValue);
  carried.forEach((variable, k) => {
    variable.value = { kind: "tensor", id: parameters[k]!, type: before[k]!.type };
  });
  const result = work();
  carried.forEach((variable, k) => {
    variable.value = before[k]!;
  });
  invariant(build.region >= 0, "regions are left as they are entered");
  return result;
}

/** A loop body: carried → carried. */
function bodyRegion(frame: Frame, build: Build, carried: readonly Variable[], body: readonly ast.Statement[], span: Span): Block {
  const parameters = parametersFor(frame, build, carried, span);
  return carrying(build, carried, parameters, () => {
    const { block, changed } = region(build, parameters, () => frame.session.rules.statements(frame, body));
    return { ...block, results: carried.map((variable) => changed.get(variable)?.id ?? idOf(variable)) };
  });
}

export function repeat(frame: Frame, build: Build, statement: Extract<ast.Statement, { kind: "repeat" }>): void {
  const count = written(statement.count, frame.session.rules.expression(frame, statement.count, scalar("i32")));
  const { value } = count;
  let input: Value = value;
  if (value.kind === "float" || (value.kind === "tensor" && (value.type.dtype !== "i32" || value.type.shape.length > 0)) || !["int", "float", "tensor", "poison"].includes(value.kind)) {
    input = report(frame, "type-mismatch", count.span, `repeat counts with an int or an i32 scalar, and this is ${describe(value)}`, value.kind === "tensor" && value.type.shape.length === 0 ? { help: "cast<i32>(x) converts" } : {});
  } else if (value.kind === "int") input = coerce(frame, count, scalar("i32"), "the count of repeat");
  const limit = statement.limit && limitOf(frame, statement.limit);
  const carried = assignedIn(frame, build, statement.body);
  const block = bodyRegion(frame, build, carried, statement.body, statement.span);
  if (input.kind !== "tensor") return;
  if (limit !== undefined) input = emit(frame, "min", [input, emit(frame, "fill", [], fillAttributes(limit, scalar("i32")), statement.limit!.span) as TensorValue], {}, statement.limit!.span) as TensorValue;
  append(frame, build, { op: "repeat", inputs: [input.id, ...carried.map(idOf)], attributes: limit === undefined ? {} : { limit }, regions: [block], variables: carried, span: statement.span });
}

/** How many rounds a loop has at most; undefined once reported. */
function limitOf(frame: Frame, expression: ast.Expression): number | undefined {
  const value = frame.session.rules.expression({ ...frame, build: undefined }, expression);
  if (value.kind === "poison") return undefined;
  if (value.kind !== "int") return void report(frame, "type-mismatch", expression.span, `the limit of a loop must be an int, and this is ${describe(value)}`);
  if (value.value < 0 || value.value >= 2 ** 31) return void report(frame, "out-of-range", expression.span, `a limit of ${value.value} rounds is not between 0 and 2147483647`);
  return value.value;
}

export function whileLoop(frame: Frame, build: Build, statement: Extract<ast.Statement, { kind: "while" }>): void {
  const carried = assignedIn(frame, build, statement.body);
  const parameters = parametersFor(frame, build, carried, statement.condition.span);
  let condition: Value = { kind: "poison" };
  const { block } = carrying(build, carried, parameters, () => region(build, parameters, () => {
    condition = conditionOf(frame, statement.condition);
  }));
  const judged = condition as Value;
  if (judged.kind === "bool") {
    if (judged.value && statement.limit) {
      if (limitOf(frame, statement.limit) !== undefined) repeat(frame, build, { kind: "repeat", count: statement.limit, body: statement.body, span: statement.span });
    } else if (judged.value) report(frame, "limit-exceeded", statement.condition.span, "this condition is always true: the loop would never end", { help: "`repeat n { }` runs n times" });
    return;
  }
  const limit = statement.limit && limitOf(frame, statement.limit);
  const body = bodyRegion(frame, build, carried, statement.body, statement.span);
  if (judged.kind !== "tensor") return;
  const tested = { ...block, results: [judged.id] };
  const loop = { op: "while", inputs: carried.map(idOf), attributes: {}, regions: [tested, body], variables: carried, span: statement.span };
  if (limit === undefined) return append(frame, build, loop);
  const counted = counting(frame, build, tested, body, limit, statement.limit!.span);
  append(frame, build, { ...loop, inputs: [...loop.inputs, counted.first], attributes: { limit }, regions: [counted.condition, counted.body], unused: [scalar("i32")] });
}

/** A loop that also carries how many rounds it has run, and ends when they are as many as its limit. */
function counting(frame: Frame, build: Build, condition: Block, body: Block, limit: number, span: Span): { readonly first: ValueId; readonly condition: Block; readonly body: Block } {
  const { builder } = build;
  const count = (): ValueId => builder.value(scalar("i32"), originOf(frame, span));
  const [tested, counted] = [count(), count()];
  const one = (op: string, inputs: readonly TensorValue[], attributes: Attributes = {}): TensorValue => emit(frame, op, inputs, attributes, span) as TensorValue;
  const number = (value: number): TensorValue => one("fill", [], fillAttributes(value, scalar("i32")));
  const value = (id: ValueId): TensorValue => ({ kind: "tensor", id, type: builder.typeOf(id) });
  const first = number(0);
  const ends = builder.block([...condition.parameters, tested], () => {
    condition.nodes.forEach((node) => builder.append(node));
    return [one("and", [value(condition.results[0]!), one("lt", [value(tested), number(limit)])]).id];
  });
  const rounds = builder.block([...body.parameters, counted], () => {
    body.nodes.forEach((node) => builder.append(node));
    return [...body.results, one("add", [value(counted), number(1)]).id];
  });
  return { first: first.id, condition: ends, body: rounds };
}

/** A condition: a compile-time bool, or a bool scalar. */
function conditionOf(frame: Frame, expression: ast.Expression): Value {
  const value = frame.session.rules.expression(frame, expression, { dtype: "bool" });
  if (value.kind === "bool" || value.kind === "poison") return value;
  if (value.kind !== "tensor") return report(frame, "type-mismatch", expression.span, `a condition must be a bool, and this is ${describe(value)}`);
  if (value.type.dtype !== "bool") return report(frame, "dtype-mismatch", expression.span, `a condition must be a bool, and this is ${formatType(value.type)}`, { help: "compare: x != 0" });
  if (value.type.shape.length > 0) return report(frame, "shape-mismatch", expression.span, `a condition must be a scalar, and this is ${formatType(value.type)}`, { help: "any(x) or all(x) makes a scalar; select(condition, a, b) chooses for each element" });
  return value;
}

interface Choice {
  readonly op: "if" | "switch";
  readonly subject: TensorValue;
  readonly attributes: Attributes;
  readonly alternatives: readonly (readonly ast.Statement[])[];
  readonly span: Span;
}

/** Elaborates the alternatives of a run-time choice; what any of them changed is a result of the node. */
function choose(frame: Frame, build: Build, { op, subject, attributes, alternatives, span }: Choice): void {
  const regions = alternatives.map((statements) => region(build, [], () => frame.session.rules.statements(frame, statements)));
  const changed = [...new Set(regions.flatMap((one) => [...one.changed.keys()]))];
  const blocks = regions.map((one) => ({ ...one.block, results: changed.map((variable) => one.changed.get(variable)?.id ?? idOf(variable)) }));
  append(frame, build, { op, inputs: [subject.id], attributes, regions: blocks, variables: changed, span });
}

export function conditional(frame: Frame, statement: ast.If, block: ElaborateBlock): Returned | undefined {
  const condition = conditionOf(frame, statement.condition);
  if (condition.kind === "bool") return block(frame, condition.value ? statement.then : statement.otherwise);
  if (condition.kind === "tensor" && frame.build) choose(frame, frame.build, { op: "if", subject: condition, attributes: {}, alternatives: [statement.then, statement.otherwise], span: statement.span });
  return undefined;
}

export function switching(frame: Frame, statement: Extract<ast.Statement, { kind: "switch" }>, block: ElaborateBlock): Returned | undefined {
  const subject = frame.session.rules.expression(frame, statement.subject, { dtype: "i32" });
  const cases: number[] = [];
  const bodies: (readonly ast.Statement[])[] = [];
  let otherwise: readonly ast.Statement[] | undefined;
  let failed = subject.kind === "poison";
  for (const one of statement.cases) {
    if (!one.value) {
      if (otherwise) report(frame, "duplicate-name", one.span, "this switch has two defaults");
      otherwise ??= one.body;
      continue;
    }
    const value = frame.session.rules.expression({ ...frame, build: undefined }, one.value);
    if (value.kind !== "int") {
      failed = true;
      if (value.kind !== "poison") report(frame, "type-mismatch", one.value.span, `a case must be an int, and this is ${describe(value)}`);
    } else if (cases.includes(value.value)) {
      failed = true;
      report(frame, "duplicate-name", one.value.span, `case ${value.value} stands twice in this switch`);
    } else if (value.value < -(2 ** 31) || value.value >= 2 ** 31) {
      failed = true;
      report(frame, "out-of-range", one.value.span, `${value.value} does not fit i32`);
    } else {
      cases.push(value.value);
      bodies.push(one.body);
    }
  }
  if (failed) return undefined;
  if (subject.kind === "int") {
    const at = cases.indexOf(subject.value);
    return block(frame, at >= 0 ? bodies[at]! : (otherwise ?? []));
  }
  if (subject.kind !== "tensor" || subject.type.dtype !== "i32" || subject.type.shape.length > 0) {
    return void report(frame, "type-mismatch", statement.subject.span, `switch needs an int or an i32 scalar, and this is ${describe(subject)}`, subject.kind === "tensor" ? { help: "cast<i32>(x) converts" } : {});
  }
  if (frame.build) choose(frame, frame.build, { op: "switch", subject, attributes: { cases }, alternatives: [...bodies, otherwise ?? []], span: statement.span });
  return undefined;
}
