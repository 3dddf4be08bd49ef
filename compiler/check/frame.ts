/**
 * The surroundings of whatever is being elaborated: the session (one check of one graph), the scope, the program under
 * construction, the calls being inlined. Also how a mistake found there is reported.
 */
import type * as ast from "../syntax/ast.ts";
import type { GraphBuilder } from "../graph/build.ts";
import type { ComputeSet, Mapping, Node, State, Vertex } from "../graph/graph.ts";
import type { Call as Callable } from "../ops/table.ts";
import type { Label, Reporter, Severity } from "../support/diagnostic.ts";
import type { ProblemName } from "../support/problems.ts";
import type { Span } from "../support/span.ts";
import { blockNesting, maxNesting, maxStatements, maxValues } from "./limits.ts";
import type { GraphLet, Scope, Variable } from "./scope.ts";
import { poison, type Expected, type TensorValue, type Value } from "./value.ts";

/** The rules that call each other in a circle, given to all through the session so that files do not import in a circle. */
export interface Rules {
  expression(frame: Frame, expression: ast.Expression, expected?: Expected): Value;
  /** Elaborates statements; gives the value of a `return` that was reached. */
  statements(frame: Frame, statements: readonly ast.Statement[]): Returned | undefined;
  /** The values a compile-time `for` runs over. */
  iterate(frame: Frame, iterable: ast.Expression): Iterable<Value>;
}

/** What a `return` gave, and where it stands. */
export interface Returned {
  readonly value: Value;
  readonly span: Span;
}

/** A reporter that counts the errors it is told. */
export interface CheckReporter extends Reporter {
  readonly errors: number;
}

export interface Session {
  readonly reporter: CheckReporter;
  readonly rules: Rules;
  readonly tiles: number;
  /** Ops by the name they are called by, in the table's order. */
  readonly calls: ReadonlyMap<string, readonly Callable[]>;
  /** The library module that has a name, for help. */
  moduleOf(name: string): string | undefined;
  /** Every name that some library module has, for help. */
  libraryNames(): readonly string[];
  readonly states: State[];
  /** `map` pieces by state. */
  readonly mappings: Map<number, Mapping["pieces"][number][]>;
  readonly vertices: Vertex[];
  /** Index into `vertices` by what makes a vertex: declaration, generics, arguments. */
  readonly vertexKeys: Map<string, number>;
  readonly computeSets: ComputeSet[];
  /** What was said of unknown names: the next use of one is no further mistake. */
  readonly unknown: Set<string>;
  readonly spent: { statements: number; nesting: number; exhausted: boolean };
}

/** One program (or the initial values) under construction. */
export interface Build {
  readonly builder: GraphBuilder;
  /** Nodes at the very top: reads of states, and lets of the graph. */
  readonly prelude: Node[];
  readonly starts: Map<number, TensorValue>;
  /** States as variables, by id. */
  readonly cells: Map<number, Variable>;
  readonly lets: Map<GraphLet, readonly Value[]>;
  /** Variables assigned since the innermost run-time region began, with the values they had before. */
  assigned: Map<Variable, Value>;
  /** How many run-time regions stand around. */
  region: number;
}

export interface Call {
  readonly name: string;
  readonly span: Span;
  readonly depth: number;
  /** How many run-time regions stood around the call. */
  readonly region: number;
  /** What the function's result is to be, as far as its type says. */
  readonly expected: Expected | undefined;
  readonly outer: Call | undefined;
}

export interface Frame {
  readonly session: Session;
  readonly scope: Scope;
  /** Absent where only compile-time values can be. */
  readonly build: Build | undefined;
  /** While a let of the graph is evaluated: states have the values they had at the program's start. */
  readonly atTop: boolean;
  /** The innermost call being inlined. */
  readonly call: Call | undefined;
  /** Programs being inlined by `call`, outermost first. */
  readonly programs: readonly string[];
}

export const callDepth = (frame: Frame): number => frame.call?.depth ?? 0;

const inLibrary = (span: Span): boolean => span.file.startsWith("std/");

/** The place in the user's source that a node made here comes from: never inside the library. */
export function originOf(frame: Frame, span: Span): Span {
  let origin = span;
  for (let call = frame.call; call && inLibrary(origin); call = call.outer) origin = call.span;
  return origin;
}

export interface Details {
  readonly label?: string;
  readonly help?: string;
  readonly related?: readonly Label[];
  readonly severity?: Severity;
}

/** Reports a mistake at a place; gives poison, so that a rule can end with it. */
export function report(frame: Frame, problem: ProblemName, span: Span, message: string, details: Details = {}): Value {
  const { unknown } = frame.session;
  if (problem === "unknown-name" && unknown.has(message)) return poison;
  if (problem === "unknown-name") unknown.add(message);
  const origin = originOf(frame, span);
  const labels: Label[] = [{ span: origin, text: details.label ?? "" }];
  if (origin !== span) labels.push({ span, text: "found here" });
  labels.push(...(details.related ?? []));
  if (frame.call && frame.call.span !== origin) labels.push({ span: frame.call.span, text: `in this call of ${frame.call.name}` });
  frame.session.reporter.report({
    problem, severity: details.severity ?? "error", message, labels, ...(details.help === undefined ? {} : { help: details.help }),
  });
  return poison;
}

/** Runs `work` deeper by some levels; gives `otherwise`, once reported, when that is too deep for the stack. */
export function nested<T>(frame: Frame, span: Span | undefined, work: () => T, otherwise: T, depth = 1): T {
  const { spent } = frame.session;
  if (spent.nesting >= maxNesting) {
    if (span) report(frame, "limit-exceeded", span, `expressions and calls are nested more than ${maxNesting} deep when functions are inlined, a block counted as ${blockNesting}`);
    return otherwise;
  }
  spent.nesting += depth;
  try {
    return work();
  } finally {
    spent.nesting -= depth;
  }
}

/** Counts a statement, or what costs as much as several; false, once reported, when there were too many. */
export function spend(frame: Frame, span: Span, cost = 1): boolean {
  const { spent } = frame.session;
  spent.statements += cost;
  const values = frame.build?.builder.values.length ?? 0;
  if (spent.statements <= maxStatements && values <= maxValues) return true;
  if (!spent.exhausted) {
    spent.exhausted = true;
    report(frame, "limit-exceeded", span, values > maxValues ? `the program makes more than ${maxValues} tensors` : `compile-time loops and calls unfold to more than ${maxStatements} statements`, { help: "`repeat` loops at run time and unfolds nothing" });
  }
  return false;
}

export type { Callable };
