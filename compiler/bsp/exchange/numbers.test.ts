/** Numbers of pairs against a table of strings. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { NumberList, PairNumbers } from "./numbers.ts";

const whole = fc.oneof(fc.integer({ min: -5, max: 5 }), fc.maxSafeInteger());

test("equal pairs have equal numbers, in the order they are first seen", () => fc.assert(fc.property(fc.array(fc.tuple(whole, whole), { maxLength: 300 }), (pairs) => {
  const numbers = new PairNumbers();
  const known = new Map<string, number>();
  for (const [a, b] of pairs) {
    if (!known.has(`${a},${b}`)) known.set(`${a},${b}`, known.size);
    expect(numbers.of(a, b)).toBe(known.get(`${a},${b}`));
  }
  expect(numbers.size).toBe(known.size);
}), { numRuns: 50 }));

test("a list keeps what is pushed and set", () => {
  const list = new NumberList();
  for (let i = 0; i < 1000; i++) list.push(i * i);
  list.set(500, -1);
  expect([list.length, list.at(999), list.at(500), list.toInt32()[31], list.toFloat64().length]).toEqual([1000, 998_001, -1, 961, 1000]);
});
