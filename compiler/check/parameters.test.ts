/** Parameters given as text or as values of JavaScript: what is written is read back, and any text is answered. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dtypes, type DType } from "../../runtime/dtype.ts";
import type * as ast from "../syntax/ast.ts";
import { nowhere } from "../support/span.ts";
import { writeString } from "../syntax/literals.ts";
import { isMisfit, readParameter, type GivenParameter } from "./parameters.ts";
import { bool, float, int, tuple, type Value } from "./value.ts";

const named = (name: string): ast.TypeExpression => ({ kind: "named-type", name: { kind: "identifier", name, span: nowhere }, span: nowhere });
const tupleType = (elements: readonly ast.TypeExpression[], any = false): ast.TypeExpression => ({ kind: "tuple-type", elements, ...(any ? { any } : {}), span: nowhere });

/** A type, a value of it, and that as it can be given. */
interface Case {
  readonly type: ast.TypeExpression;
  readonly value: Value;
  readonly given: GivenParameter;
  readonly text: string;
}

const scalar: fc.Arbitrary<Case> = fc.oneof(
  fc.integer().map((value) => ({ type: named("int"), value: int(value), given: value, text: String(value) })),
  fc.integer({ min: 1 }).map((value) => ({ type: named("int"), value: int(-value), given: `-${value}`, text: `-0x${value.toString(16)}` })),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => ({ type: named("float"), value: float(value), given: value, text: Object.is(value, -0) ? "-0.0" : String(value) })),
  fc.boolean().map((value) => ({ type: named("bool"), value: bool(value), given: value, text: String(value) })),
  fc.string({ unit: "grapheme" }).map((value): Case => ({ type: named("string"), value: { kind: "string", value }, given: value, text: writeString(value) })),
  fc.constantFrom(...(Object.keys(dtypes) as DType[])).map((value): Case => ({ type: named("dtype"), value: { kind: "dtype", value }, given: value, text: value })),
);

const { one } = fc.letrec<{ one: Case; several: Case }>((tie) => ({
  one: fc.oneof({ maxDepth: 3 }, scalar, tie("several")),
  several: fc.oneof(
    fc.array(tie("one"), { maxLength: 4 }).filter(({ length }) => length > 0).map((parts) => joined(tupleType(parts.map(({ type }) => type)), parts)),
    fc.array(scalar, { maxLength: 6 }).map((parts) => joined(tupleType([parts[0]?.type ?? named("int")], true), parts.filter(({ type }) => JSON.stringify(type) === JSON.stringify(parts[0]!.type)))),
  ),
}));

const joined = (type: ast.TypeExpression, parts: readonly Case[]): Case => ({
  type, value: tuple(parts.map(({ value }) => value)), given: parts.map(({ given }) => given),
  text: `( ${parts.map(({ text }) => text).join(" ,")}${parts.length === 1 ? "," : ""})`,
});

describe("a parameter", () => {
  it("is read from what its value is written as, and from values", () => {
    fc.assert(fc.property(one, ({ type, value, given, text }) => {
      expect(readParameter("p", type, given)).toEqual(value);
      // A string by itself is any text, quotes included.
      if (value.kind !== "string") expect(readParameter("p", type, text)).toEqual(value);
      // Around a tuple of several the parentheses may be left out.
      if (value.kind === "tuple" && value.elements.length > 1) expect(readParameter("p", type, text.slice(1, -1))).toEqual(value);
    }), { numRuns: 500 });
  });

  it("is a value of its type, or a misfit that names it, whatever the text", () => {
    const text = fc.string({ unit: fc.constantFrom("(", ")", ",", ".", '"', "\\", " ", "1", "-", "x", "_", "e", "f", "3", "2", "0") });
    fc.assert(fc.property(one, text, ({ type }, given) => {
      const read = readParameter("p", type, given);
      if (isMisfit(read)) expect(read.misfit).toMatch(/\bp is (an? )/);
      else expect(read.kind).toBe(type.kind === "tuple-type" ? "tuple" : read.kind === "wide" ? "wide" : type.name.name);
    }), { numRuns: 2000 });
  });

  it("of ints may be a range", () => {
    const ints = tupleType([named("int")], true);
    expect(readParameter("p", ints, "2..5")).toEqual(tuple([2, 3, 4].map(int)));
    expect(readParameter("p", ints, " -1 .. 0x1 ")).toEqual(tuple([-1, 0].map(int)));
    expect(readParameter("p", tupleType([named("float")], true), "0..2")).toEqual(tuple([0, 1].map(float)));
    expect(readParameter("p", tupleType([named("int")]), [-0])).toEqual(tuple([int(0)]));
    expect(readParameter("p", ints, "5..2")).toEqual(tuple([]));
    expect(readParameter("p", tupleType([named("int"), named("int")]), "0..3")).toMatchObject({ misfit: 'p is a tuple of 2, and was set to "0..3", a tuple of 3' });
  });
});
