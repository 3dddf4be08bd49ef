/** Transforms of two to five complex numbers, as expressions: what a stage of a fast Fourier transform does. */
import { binary, constant, multiplyAdd } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";

/** Real and imaginary part. */
export type Complex = readonly [Expression, Expression];

/** Gives the parts of an intermediate value names, so that they are computed once. */
export type Naming = (value: Complex) => Complex;

const add = ([a, b]: Complex, [c, d]: Complex): Complex => [binary("add", a, c), binary("add", b, d)];
const sub = ([a, b]: Complex, [c, d]: Complex): Complex => [binary("sub", a, c), binary("sub", b, d)];
const scaled = ([a, b]: Complex, by: number): Complex => [binary("mul", a, constant(a.dtype, by)), binary("mul", b, constant(b.dtype, by))];

/** (a + ib) · (c + id). */
export const product = ([a, b]: Complex, [c, d]: Complex): Complex => [multiplyAdd("sub", binary("mul", a, c), b, d), multiplyAdd("add", binary("mul", a, d), b, c)];

/** a − i · b and a + i · b. */
const turned = ([a, b]: Complex, [c, d]: Complex): readonly [Complex, Complex] => [
  [binary("add", a, d), binary("sub", b, c)],
  [binary("sub", a, d), binary("add", b, c)],
];

/** The transform of 2, 3, 4 or 5 numbers, in its order. */
export function butterfly(x: readonly Complex[], named: Naming): readonly Complex[] {
  switch (x.length) {
    case 2: return [add(x[0]!, x[1]!), sub(x[0]!, x[1]!)];
    case 3: return ofThree(x, named);
    case 4: return ofFour(x, named);
    default: return ofFive(x, named);
  }
}

function ofFour([a, b, c, d]: readonly Complex[], named: Naming): readonly Complex[] {
  const [sumEven, sumOdd] = [named(add(a!, c!)), named(add(b!, d!))];
  const [one, three] = turned(named(sub(a!, c!)), named(sub(b!, d!)));
  return [add(sumEven, sumOdd), one, sub(sumEven, sumOdd), three];
}

function ofThree([a, b, c]: readonly Complex[], named: Naming): readonly Complex[] {
  const sum = named(add(b!, c!));
  const middle = named(sub(a!, scaled(sum, 0.5)));
  const [one, two] = turned(middle, named(scaled(sub(b!, c!), Math.sin(Math.PI / 1.5))));
  return [add(a!, sum), one, two];
}

/** With the cosines and sines of a fifth and two fifths of a turn. */
function ofFive([a, b, c, d, e]: readonly Complex[], named: Naming): readonly Complex[] {
  const fifth = (2 * Math.PI) / 5;
  const [c1, c2, s1, s2] = [Math.cos(fifth), Math.cos(2 * fifth), Math.sin(fifth), Math.sin(2 * fifth)];
  const [outer, inner] = [named(add(b!, e!)), named(add(c!, d!))];
  const [outerGap, innerGap] = [named(sub(b!, e!)), named(sub(c!, d!))];
  const near = named(add(a!, add(scaled(outer, c1), scaled(inner, c2))));
  const far = named(add(a!, add(scaled(outer, c2), scaled(inner, c1))));
  const [one, four] = turned(near, named(add(scaled(outerGap, s1), scaled(innerGap, s2))));
  const [two, three] = turned(far, named(sub(scaled(outerGap, s2), scaled(innerGap, s1))));
  return [add(add(a!, outer), inner), one, two, three, four];
}
