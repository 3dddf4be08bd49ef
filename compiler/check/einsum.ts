/**
 * `einsum(equation, a, b, …)`: sums of products by names of dimensions, checked and elaborated here into transposes, reshapes,
 * sums and products of matrices. Several operands are multiplied two at a time, first those whose product is smallest.
 */
import { formatType } from "../graph/graph.ts";
import type * as ast from "../syntax/ast.ts";
import type { Span } from "../support/span.ts";
import { equationOf, isEllipsis, type Equation, type Label } from "./einsum-equation.ts";
import { report, type Frame } from "./frame.ts";
import { neighbours, written } from "./operators.ts";
import { emit, sameDTypes, type Written } from "./tensors.ts";
import { describe, hasPoison, isScalarConstant, poison, type TensorValue, type Value } from "./value.ts";

/** A tensor and the label of each of its dimensions, all different. */
interface Term {
  readonly labels: readonly Label[];
  readonly value: TensorValue;
}

/** Thrown when an op was refused, which is reported then. */
class Refused extends Error {}

export function einsum(frame: Frame, args: readonly ast.Expression[], span: Span): Value {
  const values = args.map((arg) => written(arg, frame.session.rules.expression(frame, arg)));
  if (values.some(({ value }) => hasPoison(value))) return poison;
  const [equation, ...operands] = values as [Written, ...Written[]];
  if (equation.value.kind !== "string") return report(frame, "type-mismatch", equation.span, `einsum takes an equation first, and this is ${describe(equation.value)}`, { help: 'einsum("ij,jk->ik", a, b) is a @ b' });
  const wrong = operands.find(({ value }) => value.kind !== "tensor" && !isScalarConstant(value));
  if (wrong) return report(frame, "type-mismatch", wrong.span, `einsum multiplies tensors, and this is ${describe(wrong.value)}`);
  const tensors = neighbours(frame, operands, undefined);
  if (!tensors || !sameDTypes(frame, tensors, span, "einsum")) return poison;
  if (tensors[0]!.value.type.dtype === "bool") return report(frame, "dtype-mismatch", span, "einsum takes numbers, not bool", { help: "cast<i32>(x) converts" });

  const fit = equationOf(equation.value.value, tensors.map(({ value }) => value.type.shape));
  if ("problem" in fit) {
    const about = fit.operand === undefined ? undefined : tensors[fit.operand]!;
    return report(frame, fit.problem, fit.problem === "bad-argument" ? equation.span : span, fit.message, about ? { related: [{ span: about.span, text: formatType(about.value.type) }] } : {});
  }
  try {
    return new Elaboration(frame, span, fit).run(tensors.map(({ value }) => value));
  } catch (problem) {
    if (problem instanceof Refused) return poison;
    throw problem;
  }
}

class Elaboration {
  readonly #frame: Frame;
  readonly #span: Span;
  readonly #equation: Equation;

  constructor(frame: Frame, span: Span, equation: Equation) {
    this.#frame = frame;
    this.#span = span;
    this.#equation = equation;
  }

  run(operands: readonly TensorValue[]): Value {
    let terms = operands.map((value, k) => this.#plain(value, this.#equation.operands[k]!));
    while (terms.length > 1) {
      const [first, second] = this.#cheapest(terms);
      const others = terms.filter((term) => term !== first && term !== second);
      terms = [...others, this.#product(first, second, new Set([...this.#equation.result, ...others.flatMap(({ labels }) => labels)]))];
    }
    return this.#finish(terms[0]!);
  }

  #emit(op: string, inputs: readonly TensorValue[], attributes: Parameters<typeof emit>[3] = {}): TensorValue {
    const value = emit(this.#frame, op, inputs, attributes, this.#span);
    if (value.kind !== "tensor") throw new Refused();
    return value;
  }

  #extent(label: Label): number {
    return this.#equation.extents.get(label)!;
  }

  #size(labels: readonly Label[]): number {
    return labels.reduce((size, label) => size * this.#extent(label), 1);
  }

  #reshape(value: TensorValue, shape: readonly number[]): TensorValue {
    return shape.length === value.type.shape.length && shape.every((extent, axis) => extent === value.type.shape[axis]) ? value : this.#emit("reshape", [value], { shape });
  }

  /** An operand with each label once and whole: of a repeated label the diagonal, dimensions that broadcast left out. */
  #plain(value: TensorValue, labels: readonly Label[]): Term {
    const whole = labels.filter((label, axis) => !isEllipsis(label) || value.type.shape[axis] === this.#extent(label));
    let term: Term = { labels: whole, value: this.#reshape(value, whole.map((label) => this.#extent(label))) };
    for (const label of new Set(whole)) while (term.labels.indexOf(label) !== term.labels.lastIndexOf(label)) term = this.#diagonal(term, label);
    return term;
  }

  /** Two dimensions of one label become one: every (n + 1)-th of n · n elements. */
  #diagonal({ labels, value }: Term, label: Label): Term {
    const pair = [labels.indexOf(label), labels.lastIndexOf(label)];
    const rest = [...labels.keys()].filter((axis) => !pair.includes(axis));
    const n = this.#extent(label);
    const last = this.#emit("transpose", [value], { axes: [...rest, ...pair] });
    const shape = rest.map((axis) => this.#extent(labels[axis]!));
    const flat = this.#reshape(last, [...shape, n * n]);
    const diagonal = this.#emit("slice", [flat], { start: [...shape.map(() => 0), 0], length: [...shape, n], step: [...shape.map(() => 1), n + 1] });
    return { labels: [...rest.map((axis) => labels[axis]!), label], value: diagonal };
  }

  /** The pair whose product has the fewest elements. */
  #cheapest(terms: readonly Term[]): [Term, Term] {
    let best: { readonly pair: [Term, Term]; readonly size: number } | undefined;
    terms.forEach((first, k) => terms.slice(k + 1).forEach((second) => {
      const others = new Set([...this.#equation.result, ...terms.filter((term) => term !== first && term !== second).flatMap(({ labels }) => labels)]);
      const size = this.#size([...new Set([...first.labels, ...second.labels])].filter((label) => others.has(label)));
      if (!best || size < best.size) best = { pair: [first, second], size };
    }));
    return best!.pair;
  }

  /** Sums over the labels that are not kept. */
  #reduced(term: Term, kept: ReadonlySet<Label>): Term {
    const axes = [...term.labels.keys()].filter((axis) => !kept.has(term.labels[axis]!));
    if (axes.length === 0) return term;
    return { labels: term.labels.filter((label) => kept.has(label)), value: this.#emit("reduce", [term.value], { op: "add", axes, keepdims: false }) };
  }

  /** A term's dimensions in the order of groups of labels, each group one dimension unless it is `apart`. */
  #grouped({ labels, value }: Term, apart: readonly Label[], groups: readonly (readonly Label[])[]): TensorValue {
    const order = [...apart, ...groups.flat()];
    const axes = order.map((label) => labels.indexOf(label));
    const ordered = axes.every((axis, k) => axis === k) ? value : this.#emit("transpose", [value], { axes });
    return this.#reshape(ordered, [...apart.map((label) => this.#extent(label)), ...groups.map((group) => this.#size(group))]);
  }

  /** The product of two terms, summed over what is not kept. */
  #product(first: Term, second: Term, kept: ReadonlySet<Label>): Term {
    const a = this.#reduced(first, new Set([...kept, ...second.labels]));
    const b = this.#reduced(second, new Set([...kept, ...first.labels]));
    const shared = a.labels.filter((label) => b.labels.includes(label));
    const [batch, inner] = [shared.filter((label) => kept.has(label)), shared.filter((label) => !kept.has(label))];
    const [left, right] = [a.labels.filter((label) => !shared.includes(label)), b.labels.filter((label) => !shared.includes(label))];
    const labels = [...batch, ...left, ...right];
    const shape = labels.map((label) => this.#extent(label));
    const value = inner.length === 0
      ? this.#emit("mul", [this.#spread(a, labels), this.#spread(b, labels)])
      : this.#emit("matmul", [this.#grouped(a, batch, [left, inner]), this.#grouped(b, batch, [inner, right])]);
    return { labels, value: this.#reshape(value, shape) };
  }

  /** A term repeated over the labels it does not have. */
  #spread(term: Term, labels: readonly Label[]): TensorValue {
    const own = this.#grouped(term, labels.filter((label) => term.labels.includes(label)), []);
    const ones = this.#reshape(own, labels.map((label) => (term.labels.includes(label) ? this.#extent(label) : 1)));
    const shape = labels.map((label) => this.#extent(label));
    return ones.type.shape.every((extent, axis) => extent === shape[axis]) ? ones : this.#emit("broadcast", [ones], { shape });
  }

  #finish(last: Term): Value {
    const { result } = this.#equation;
    return this.#spread(this.#reduced(last, new Set(result)), result);
  }
}
