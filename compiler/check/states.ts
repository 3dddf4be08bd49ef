/**
 * What lives in the graph rather than in one program: states, and lets made of tensors. A state becomes a variable of a
 * program at its first use, read at the very top; a let is evaluated there, with the values states had then.
 */
import { Scope, type Binding, type Variable } from "./scope.ts";
import { originOf, report, type Build, type Frame } from "./frame.ts";
import { declaredValues } from "./let.ts";
import { buildOf } from "./tensors.ts";
import type { Span } from "../support/span.ts";
import { invariant } from "../support/bug.ts";
import { poison, type TensorValue, type Value } from "./value.ts";

type StateBinding = Extract<Binding, { kind: "state" }>;
type LetBinding = Extract<Binding, { kind: "graph-let" }>;

/** The state as a variable of the program under construction; its first use reads it. */
export function cellOf(frame: Frame, build: Build, name: string, binding: StateBinding, span: Span): Variable {
  const known = build.cells.get(binding.state);
  if (known) return known;
  const id = build.builder.value(binding.type, originOf(frame, span), name);
  build.prelude.push({ op: "read", inputs: [], attributes: { state: binding.state }, regions: [], outputs: [id], origin: originOf(frame, span) });
  const start: TensorValue = { kind: "tensor", id, type: binding.type };
  build.starts.set(binding.state, start);
  const cell: Variable = { name, span: binding.span, value: start, region: 0, call: 0 };
  build.cells.set(binding.state, cell);
  return cell;
}

export function readState(frame: Frame, name: string, binding: StateBinding, span: Span): Value {
  if (binding.role === "stream in") return report(frame, "type-mismatch", span, `${name} is a stream, not a value`, { help: `next(${name}) takes its next element` });
  if (binding.role === "stream out") return report(frame, "type-mismatch", span, `${name} is a stream, not a value`, { help: `send(${name}, value); sends an element` });
  const build = buildOf(frame, span, name);
  if (!build) return poison;
  const cell = cellOf(frame, build, name, binding, span);
  return frame.atTop ? build.starts.get(binding.state)! : cell.value;
}

/** The value of a let of the graph in the program under construction. */
export function letValue(frame: Frame, name: string, binding: LetBinding, span: Span): Value {
  const build = buildOf(frame, span, name);
  if (!build) return poison;
  const known = build.lets.get(binding.group);
  if (known) return known[binding.position] ?? poison;
  const values = evaluateLet(frame, build, binding.group);
  return values[binding.position] ?? poison;
}

function evaluateLet(frame: Frame, build: Build, group: LetBinding["group"]): readonly Value[] {
  const { declaration } = group;
  let values: readonly Value[] = [];
  const block = build.builder.block([], () => {
    const inner: Frame = { ...frame, scope: new Scope(group.scope), atTop: true, call: undefined };
    values = declaredValues(inner, declaration);
    return [];
  });
  invariant(block.results.length === 0, "a let of the graph has no results of its own");
  build.prelude.push(...block.nodes);
  build.lets.set(group, values);
  return values;
}
