/**
 * Equations of einsum: "bij,bjk->bik". Letters name dimensions, `...` stands for any number of leading ones, which broadcast;
 * without an arrow the result has `...` and the letters that stand once, in the order of the alphabet, as NumPy means it.
 */
import { showShape } from "../ops/rules.ts";
import type { ProblemName } from "../support/problems.ts";

/** A letter, or for a dimension of `...` its number counted from the last: "0", "1", … */
export type Label = string;

export interface Equation {
  /** Of each operand, a label a dimension. */
  readonly operands: readonly (readonly Label[])[];
  readonly result: readonly Label[];
  /** Of each label; dimensions of `...` may also have 1. */
  readonly extents: ReadonlyMap<Label, number>;
}

export interface Misfit {
  readonly problem: ProblemName;
  readonly message: string;
  /** The operand it is about. */
  readonly operand?: number;
}

export const isEllipsis = (label: Label): boolean => /\d/.test(label);

/** The equation for operands of these shapes, or why it does not fit them. */
export function equationOf(text: string, shapes: readonly (readonly number[])[]): Equation | Misfit {
  const [left, right, ...more] = text.replaceAll(" ", "").split("->") as [string, string | undefined, ...string[]];
  const terms = left.split(",");
  for (const term of [...terms, right ?? ""]) {
    const wrong = /[^A-Za-z]/.exec(term.replace("...", ""));
    if (wrong || more.length > 0) return { problem: "bad-argument", message: `${JSON.stringify(wrong ? wrong[0] : "->")} cannot stand there in the equation ${JSON.stringify(text)}` };
  }
  if (terms.length !== shapes.length) return { problem: "bad-argument", message: `the equation ${JSON.stringify(text)} has ${terms.length} operand${terms.length === 1 ? "" : "s"}, and ${shapes.length} ${shapes.length === 1 ? "is" : "are"} given` };

  const operands: (readonly Label[])[] = [];
  for (const [k, term] of terms.entries()) {
    const rank = shapes[k]!.length - term.replace("...", "").length;
    if (rank < 0 || (rank > 0 && !term.includes("..."))) return { problem: "shape-mismatch", message: `${JSON.stringify(term)} does not name the dimensions of ${showShape(shapes[k]!)}`, operand: k };
    operands.push(labelsOf(term, rank));
  }
  const extents = extentsOf(operands, shapes);
  if (!(extents instanceof Map)) return extents;
  const result = resultOf(right, operands);
  const unknown = result.find((label) => !extents.has(label));
  if (unknown !== undefined) return { problem: "bad-argument", message: `${unknown} of the result is in no operand of ${JSON.stringify(text)}` };
  const twice = result.find((label, k) => result.indexOf(label) !== k);
  if (twice !== undefined) return { problem: "bad-argument", message: `${twice} stands twice in the result of ${JSON.stringify(text)}` };
  return { operands, result, extents };
}

/** The labels of a term whose `...` is `rank` dimensions. */
function labelsOf(term: string, rank: number): Label[] {
  const [before, after] = term.split("...") as [string, string | undefined];
  if (after === undefined) return [...before];
  return [...before, ...Array.from({ length: rank }, (_, k) => `${rank - 1 - k}`), ...after];
}

function extentsOf(operands: readonly (readonly Label[])[], shapes: readonly (readonly number[])[]): Map<Label, number> | Misfit {
  const extents = new Map<Label, number>();
  for (const [operand, labels] of operands.entries()) {
    for (const [axis, label] of labels.entries()) {
      const [before, extent] = [extents.get(label), shapes[operand]![axis]!];
      if (before === undefined || before === extent || (isEllipsis(label) && before === 1)) extents.set(label, extent);
      else if (!isEllipsis(label) || extent !== 1) {
        return { problem: "shape-mismatch", message: `${isEllipsis(label) ? "dimensions of ... do" : `${label} does`} not have one extent, but ${before} and ${extent}`, operand };
      }
    }
  }
  return extents;
}

function resultOf(written: string | undefined, operands: readonly (readonly Label[])[]): Label[] {
  const all = operands.flat();
  const rank = Math.max(0, ...operands.map((labels) => labels.filter(isEllipsis).length));
  if (written !== undefined) return labelsOf(written, rank);
  return [...labelsOf("...", rank), ...all.filter((label) => !isEllipsis(label) && all.indexOf(label) === all.lastIndexOf(label)).sort()];
}
