/** Elementwise functions of floats that the kernel level knows by name, or as an instruction. Computed in f64, rounded once. */
import { erf } from "../../../runtime/math.ts";
import { binary, call, constant, unary } from "../../kernel/build.ts";
import type { ValueId } from "../../graph/graph.ts";
import type { MathFunction } from "../../kernel/kernel.ts";
import { elementwise } from "./elementwise.ts";
import { byFormulas, type Formulas } from "../gradients.ts";
import type { Op } from "../op.ts";

interface FunctionRule {
  readonly name: MathFunction;
  readonly summary: string;
  readonly formula: string;
  readonly meaning: (x: number) => number;
  /** Arguments and results, by NumPy in f64. */
  readonly known: readonly [readonly number[], readonly number[]];
  /** The gradient by x, of that by y = f(x). */
  readonly derived: (f: Formulas, g: ValueId, x: ValueId, y: ValueId) => ValueId;
}

const sqrt = (f: Formulas, x: ValueId): ValueId => f.of("sqrt", x);
const onePlus = (f: Formulas, x: ValueId): ValueId => f.add(f.number(1), x);
const oneMinus = (f: Formulas, x: ValueId): ValueId => f.sub(f.number(1), x);

const thirds = [0.5, 0.25, 0.75];

const list: readonly FunctionRule[] = [
  { name: "exp", summary: "Exponential function.", formula: "y = e^x", meaning: Math.exp, known: [thirds, [1.6487212707001282, 1.2840254166877414, 2.117000016612675]], derived: (f, g, _, y) => f.mul(g, y) },
  { name: "expm1", summary: "e^x - 1, exact near 0.", formula: "y = e^x - 1", meaning: Math.expm1, known: [thirds, [0.6487212707001282, 0.2840254166877415, 1.1170000166126746]], derived: (f, g, _, y) => f.mul(g, onePlus(f, y)) },
  { name: "exp2", summary: "Power of two.", formula: "y = 2^x", meaning: (x) => Math.pow(2, x), known: [thirds, [1.4142135623730951, 1.189207115002721, 1.681792830507429]], derived: (f, g, _, y) => f.times(f.mul(g, y), Math.LN2) },
  { name: "log", summary: "Natural logarithm.", formula: "y = ln x", meaning: Math.log, known: [thirds, [-0.6931471805599453, -1.3862943611198906, -0.2876820724517809]], derived: (f, g, x) => f.div(g, x) },
  { name: "log1p", summary: "Natural logarithm of 1 + x, exact near 0.", formula: "y = ln(1 + x)", meaning: Math.log1p, known: [thirds, [0.4054651081081644, 0.22314355131420976, 0.5596157879354227]], derived: (f, g, x) => f.div(g, onePlus(f, x)) },
  { name: "log2", summary: "Logarithm to base 2.", formula: "y = log₂ x", meaning: Math.log2, known: [thirds, [-1, -2, -0.4150374992788438]], derived: (f, g, x) => f.div(g, f.times(x, Math.LN2)) },
  { name: "log10", summary: "Logarithm to base 10.", formula: "y = log₁₀ x", meaning: Math.log10, known: [thirds, [-0.3010299956639812, -0.6020599913279624, -0.12493873660829995]], derived: (f, g, x) => f.div(g, f.times(x, Math.LN10)) },
  { name: "sin", summary: "Sine of radians.", formula: "y = sin x", meaning: Math.sin, known: [thirds, [0.479425538604203, 0.24740395925452294, 0.6816387600233341]], derived: (f, g, x) => f.mul(g, f.of("cos", x)) },
  { name: "cos", summary: "Cosine of radians.", formula: "y = cos x", meaning: Math.cos, known: [thirds, [0.8775825618903728, 0.9689124217106447, 0.7316888688738209]], derived: (f, g, x) => f.neg(f.mul(g, f.of("sin", x))) },
  { name: "tan", summary: "Tangent of radians.", formula: "y = tan x", meaning: Math.tan, known: [thirds, [0.5463024898437905, 0.25534192122103627, 0.9315964599440725]], derived: (f, g, _, y) => f.mul(g, onePlus(f, f.square(y))) },
  { name: "asin", summary: "Inverse sine, in radians.", formula: "y = arcsin x", meaning: Math.asin, known: [thirds, [0.5235987755982989, 0.25268025514207865, 0.848062078981481]], derived: (f, g, x) => f.div(g, sqrt(f, oneMinus(f, f.square(x)))) },
  { name: "acos", summary: "Inverse cosine, in radians.", formula: "y = arccos x", meaning: Math.acos, known: [thirds, [1.0471975511965976, 1.318116071652818, 0.7227342478134156]], derived: (f, g, x) => f.neg(f.div(g, sqrt(f, oneMinus(f, f.square(x))))) },
  { name: "atan", summary: "Inverse tangent, in radians.", formula: "y = arctan x", meaning: Math.atan, known: [thirds, [0.4636476090008061, 0.24497866312686414, 0.6435011087932844]], derived: (f, g, x) => f.div(g, onePlus(f, f.square(x))) },
  { name: "sinh", summary: "Hyperbolic sine.", formula: "y = sinh x", meaning: Math.sinh, known: [thirds, [0.5210953054937474, 0.2526123168081683, 0.82231673193583]], derived: (f, g, x) => f.mul(g, f.of("cosh", x)) },
  { name: "cosh", summary: "Hyperbolic cosine.", formula: "y = cosh x", meaning: Math.cosh, known: [thirds, [1.1276259652063807, 1.0314130998795732, 1.2946832846768448]], derived: (f, g, x) => f.mul(g, f.of("sinh", x)) },
  { name: "tanh", summary: "Hyperbolic tangent.", formula: "y = tanh x", meaning: Math.tanh, known: [thirds, [0.46211715726000974, 0.24491866240370913, 0.6351489523872873]], derived: (f, g, _, y) => f.mul(g, oneMinus(f, f.square(y))) },
  { name: "asinh", summary: "Inverse hyperbolic sine.", formula: "y = arsinh x", meaning: Math.asinh, known: [thirds, [0.48121182505960347, 0.24746646154726346, 0.6931471805599453]], derived: (f, g, x) => f.div(g, sqrt(f, onePlus(f, f.square(x)))) },
  { name: "acosh", summary: "Inverse hyperbolic cosine.", formula: "y = arcosh x", meaning: Math.acosh, known: [[1.5, 2, 10], [0.9624236501192069, 1.3169578969248168, 2.993222846126381]], derived: (f, g, x) => f.div(g, f.mul(sqrt(f, f.sub(x, f.number(1))), sqrt(f, onePlus(f, x)))) },
  { name: "atanh", summary: "Inverse hyperbolic tangent.", formula: "y = artanh x", meaning: Math.atanh, known: [thirds, [0.5493061443340549, 0.25541281188299536, 0.9729550745276566]], derived: (f, g, x) => f.div(g, oneMinus(f, f.square(x))) },
  { name: "cbrt", summary: "Cube root.", formula: "y = ∛x", meaning: Math.cbrt, known: [thirds, [0.7937005259840998, 0.6299605249474366, 0.9085602964160698]], derived: (f, g, _, y) => f.div(g, f.times(f.square(y), 3)) },
  { name: "erf", summary: "Error function.", formula: "y = 2/√π ∫₀ˣ e^(-t²) dt", meaning: erf, known: [[0.5, -1, 2], [0.5204998778130465, -0.8427007929497149, 0.9953222650189527]], derived: (f, g, x) => f.times(f.mul(g, f.of("exp", f.neg(f.square(x)))), 2 / Math.sqrt(Math.PI)) },
];

export const functions: readonly Op[] = [
  ...list.map(({ name, summary, formula, meaning, known, derived }) =>
    elementwise({
      name, summary, formula, operands: ["x"], accepts: "float",
      float: ([x]) => meaning(x!),
      gradient: byFormulas((f, { args: [x], y, g }) => [derived(f, g, x!, y)]),
      scalar: ([x]) => call(name, x!),
      known: { dtype: "f64", inputs: [known[0]], result: known[1] },
    }),
  ),
  elementwise({
    name: "sqrt", summary: "Square root; NaN below 0.", formula: "y = √x", operands: ["x"], accepts: "float",
    gradient: byFormulas((f, { y, g }) => [f.div(f.times(g, 0.5), y)]),
    float: ([x]) => Math.sqrt(x!),
    scalar: ([x]) => unary("sqrt", x!),
    known: { dtype: "f64", inputs: [thirds], result: [0.7071067811865476, 0.5, 0.8660254037844386] },
  }),
  elementwise({
    name: "rsqrt", summary: "One over the square root.", formula: "y = 1 / √x", operands: ["x"], accepts: "float",
    gradient: byFormulas((f, { args: [x], y, g }) => [f.div(f.times(f.mul(g, y), -0.5), x!)]),
    float: ([x], round) => 1 / round(Math.sqrt(x!)),
    scalar: ([x]) => binary("div", constant(x!.dtype, 1), unary("sqrt", x!)),
    known: { dtype: "f64", inputs: [[4, 0.25, 16]], result: [0.5, 2, 0.25] },
  }),
  elementwise({
    name: "pow", summary: "Power of floats; NaN for a negative base with a broken exponent.", formula: "y = a^b", operands: ["a", "b"], accepts: "float",
    gradient: byFormulas((f, { args: [a, b], y, g }, build) => {
      const power = build.constant(b!);
      const zero = f.number(0);
      // A power of 0 is constant, also where a^(b - 1) is infinite.
      const slope = (): ValueId => f.mul(b!, f.of("pow", a!, f.sub(b!, f.number(1))));
      const byBase = power === 0 ? zero : power === 2 ? f.times(a!, 2) : power !== undefined ? slope() : f.select(f.of("eq", b!, zero), zero, slope());
      const byExponent = f.select(f.of("eq", a!, zero), zero, f.mul(y, f.of("log", a!)));
      return [f.mul(g, byBase), f.mul(g, byExponent)];
    }),
    float: ([a, b]) => Math.pow(a!, b!),
    scalar: ([a, b]) => call("pow", a!, b!),
    known: { dtype: "f64", inputs: [[2, 9, 2], [10, 0.5, -1]], result: [1024, 3, 0.5] },
  }),
  elementwise({
    name: "atan2", summary: "Angle of the point (x, y), in radians.", formula: "angle of (x, y)", operands: ["y", "x"], accepts: "float",
    gradient: byFormulas((f, { args: [y, x], g }) => {
      const scaled = f.div(g, f.add(f.square(x!), f.square(y!)));
      return [f.mul(scaled, x!), f.neg(f.mul(scaled, y!))];
    }),
    float: ([y, x]) => Math.atan2(y!, x!),
    scalar: ([y, x]) => call("atan2", y!, x!),
    known: { dtype: "f64", inputs: [[1, -1, 2], [1, -1, -3]], result: [0.7853981633974483, -2.356194490192345, 2.5535900500422257] },
  }),
];
