/** Which accesses to one tensor need a sync between them. */
import { expect, test } from "vitest";
import { Pending, type Use } from "./accesses.ts";

const pending = (...uses: readonly Partial<Use>[]): Pending => {
  const made = new Pending();
  for (const use of uses) made.add(0, { read: 0, write: 2, tile: undefined, box: undefined, ...use });
  return made;
};
const rows = (min: number, max: number, columns: readonly [number, number] = [0, 9]): Partial<Use> => ({ box: [{ min, max }, { min: columns[0], max: columns[1] }] });

test.each([
  ["boxes that share a row", [rows(0, 3)], [rows(3, 5)], true],
  ["boxes one behind the other", [rows(0, 3)], [rows(4, 5)], false],
  ["boxes one before the other", [rows(4, 5)], [rows(0, 3)], false],
  ["boxes side by side", [rows(0, 3, [0, 4])], [rows(0, 3, [5, 9])], false],
  ["boxes that share a column", [rows(0, 3, [0, 5])], [rows(0, 3, [5, 9])], true],
  ["a box and what may be anywhere", [rows(0, 3)], [{}], true],
  ["a box between two others, which may touch all between", [rows(0, 1), rows(8, 9)], [rows(4, 5)], true],
  ["a box after another and after anything", [{}, rows(0, 3)], [rows(4, 5)], true],
  ["what one tile alone does", [{ ...rows(0, 3), tile: 1 }], [{ ...rows(3, 5), tile: 1 }], false],
  ["what two tiles do", [{ ...rows(0, 3), tile: 1 }], [{ ...rows(3, 5), tile: 2 }], true],
  ["reads", [{ ...rows(0, 3), read: 2, write: 0 }], [{ ...rows(0, 3), read: 2, write: 0 }], false],
  ["what each tile owns", [{ ...rows(0, 3), write: 1 }], [{ ...rows(0, 3), write: 1 }], false],
] as const)("%s", (_, before, after, meet) => {
  expect(pending(...before).conflicts(pending(...after))).toBe(meet);
});
