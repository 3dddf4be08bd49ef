/** Which equations fit which shapes, and what is said of those that do not. */
import { expect, test } from "vitest";
import { equationOf } from "./einsum-equation.ts";

const parsed = (text: string, ...shapes: number[][]): readonly [readonly (readonly string[])[], readonly string[]] | string => {
  const equation = equationOf(text, shapes);
  return "problem" in equation ? `${equation.problem}: ${equation.message}` : [equation.operands, equation.result];
};

test.each([
  ["ij,jk->ik", [[2, 3], [3, 4]], [["i", "j"], ["j", "k"]], ["i", "k"]],
  [" b i j , b j k ", [[1, 2, 3], [1, 3, 4]], [["b", "i", "j"], ["b", "j", "k"]], ["i", "k"]],
  ["ba", [[2, 3]], [["b", "a"]], ["a", "b"]],
  ["ii", [[2, 2]], [["i", "i"]], []],
  [",->", [[], []], [[], []], []],
  ["...ij,jk", [[5, 6, 2, 3], [3, 4]], [["1", "0", "i", "j"], ["j", "k"]], ["1", "0", "i", "k"]],
  ["i...,...->...i", [[7, 1], [5, 6]], [["i", "0"], ["1", "0"]], ["1", "0", "i"]],
])("%s", (text, shapes, operands, result) => {
  expect(parsed(text, ...shapes)).toEqual([operands, result]);
});

test("dimensions of ... that are 1 take the extent of the others", () => {
  const equation = equationOf("...i,...i->...", [[1, 3], [4, 3]]);
  expect("problem" in equation ? equation : [...equation.extents]).toEqual([["0", 4], ["i", 3]]);
});

test.each([
  ["ij,jk->ik", [[2, 3], [5, 4]], "shape-mismatch: j does not have one extent, but 3 and 5"],
  ["...i,...i", [[2, 3], [5, 3]], "shape-mismatch: dimensions of ... do not have one extent, but 2 and 5"],
  ["ij", [[2, 3, 4]], 'shape-mismatch: "ij" does not name the dimensions of [2, 3, 4]'],
  ["...ij", [[2]], 'shape-mismatch: "...ij" does not name the dimensions of [2]'],
  ["ij,j", [[2, 3]], 'bad-argument: the equation "ij,j" has 2 operands, and 1 is given'],
  ["ij->ik", [[2, 3]], 'bad-argument: k of the result is in no operand of "ij->ik"'],
  ["ij->ii", [[2, 3]], 'bad-argument: i stands twice in the result of "ij->ii"'],
  ["i1", [[2, 3]], 'bad-argument: "1" cannot stand there in the equation "i1"'],
  ["i->i->i", [[2]], 'bad-argument: "->" cannot stand there in the equation "i->i->i"'],
  ["......i", [[2]], 'bad-argument: "." cannot stand there in the equation "......i"'],
])("%s does not fit", (text, shapes, message) => {
  expect(parsed(text, ...shapes)).toBe(message);
});
