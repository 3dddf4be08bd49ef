/** Arithmetic, comparisons, functions of one number, choices and casts. */
import { core, type Tensor } from "../../../compiler/builder/index.ts";
import { isFloat, kindOf, type DType } from "../../../runtime/dtype.ts";
import { as, axisOf, type Call, type Family, type Operator } from "../call.ts";
import { dtypeOf } from "../model.ts";

const unary = (f: (x: Tensor) => Tensor): Operator => (call) => f(call.x(0));

/** Both operands; before opset 7 the second is aligned by the attribute `axis`. */
function operands(call: Call): [Tensor, Tensor] {
  const [a, b] = [call.x(0), call.x(1)];
  const axis = call.attribute("axis")?.int;
  if (call.int("broadcast", 0) === 0 || axis === undefined) return [a, b];
  const behind = a.shape.length - axisOf(axis, a.shape.length) - b.shape.length;
  return [a, core.reshape(b, [...b.shape, ...Array<number>(behind).fill(1)])];
}

const binary = (f: (a: Tensor, b: Tensor) => Tensor): Operator => (call) => f(...operands(call));

/** Operators of any number of inputs. */
const variadic = (f: (a: Tensor, b: Tensor) => Tensor): Operator => (call) => call.all().reduce(f);

/** The remainder of Python: it has the sign of the divisor. */
function floorMod(a: Tensor, b: Tensor): Tensor {
  const r = a.rem(b);
  if (kindOf(a.dtype) === "uint") return r;
  return core.select(r.ne(0).and(r.lt(0).ne(b.lt(0))), r.add(b), r);
}

/** Floats as they are; whole numbers through f64, which holds the powers the cases have exactly. */
function power(a: Tensor, b: Tensor): Tensor {
  if (isFloat(a.dtype)) return core.pow(a, as(a.dtype, b));
  return as(a.dtype, core.round(core.pow(as("f64", a), as("f64", b))));
}

function clip(call: Call): Tensor {
  let x = call.x(0);
  const bound = (name: string, input: number): Tensor | number | undefined => call.maybe(input) ?? call.attribute(name)?.float;
  const [low, high] = [bound("min", 1), bound("max", 2)];
  if (low !== undefined) x = core.max(x, low);
  if (high !== undefined) x = core.min(x, high);
  return x;
}

function isInfinite(call: Call): Tensor {
  const x = call.x(0);
  const infinite = core.is_inf(x);
  if (call.int("detect_positive", 1) === 0) return infinite.and(x.lt(0));
  return call.int("detect_negative", 1) === 0 ? infinite.and(x.gt(0)) : infinite;
}

function shift(call: Call): Tensor {
  const [x, amount] = [call.x(0), call.x(1)];
  return call.text("direction", "LEFT") === "LEFT" ? x.shl(amount) : x.shr(amount);
}

export const elementwise: Family = {
  Add: binary((a, b) => a.add(b)), Sub: binary((a, b) => a.sub(b)), Mul: binary((a, b) => a.mul(b)), Div: binary((a, b) => a.div(b)),
  Pow: binary(power),
  Mod: (call) => (call.int("fmod", 0) === 1 ? call.x(0).rem(call.x(1)) : floorMod(call.x(0), call.x(1))),
  Equal: binary((a, b) => a.eq(b)), Less: binary((a, b) => a.lt(b)), LessOrEqual: binary((a, b) => a.le(b)), Greater: binary((a, b) => a.gt(b)), GreaterOrEqual: binary((a, b) => a.ge(b)),
  And: binary((a, b) => a.and(b)), Or: binary((a, b) => a.or(b)), Xor: binary((a, b) => a.ne(b)),
  BitwiseAnd: binary((a, b) => a.and(b)), BitwiseOr: binary((a, b) => a.or(b)), BitwiseXor: binary((a, b) => a.xor(b)), BitwiseNot: unary((x) => x.not()), BitShift: shift,
  Not: unary((x) => x.not()), Neg: unary((x) => x.neg()), Abs: unary((x) => core.abs(x)), Sign: unary((x) => core.sign(x)),
  Max: variadic((a, b) => core.max(a, b)), Min: variadic((a, b) => core.min(a, b)), Sum: variadic((a, b) => a.add(b)),
  Mean: (call) => call.all().reduce((a, b) => a.add(b)).div(call.all().length),
  Reciprocal: unary((x) => core.ones<DType>([], { dtype: x.dtype }).div(x)), Clip: clip, IsInf: isInfinite, Where: (call) => core.select(call.x(0) as Tensor<"bool">, call.x(1), call.x(2)),
  Sqrt: unary((x) => core.sqrt(x)), Exp: unary((x) => core.exp(x)), Log: unary((x) => core.log(x)), Erf: unary((x) => core.erf(x)),
  Sin: unary((x) => core.sin(x)), Cos: unary((x) => core.cos(x)), Tan: unary((x) => core.tan(x)), Asin: unary((x) => core.asin(x)), Acos: unary((x) => core.acos(x)), Atan: unary((x) => core.atan(x)),
  Sinh: unary((x) => core.sinh(x)), Cosh: unary((x) => core.cosh(x)), Tanh: unary((x) => core.tanh(x)), Asinh: unary((x) => core.asinh(x)), Acosh: unary((x) => core.acosh(x)), Atanh: unary((x) => core.atanh(x)),
  Floor: unary((x) => core.floor(x)), Ceil: unary((x) => core.ceil(x)), Round: unary((x) => core.round(x)), IsNaN: unary((x) => core.is_nan(x)),
  Identity: unary((x) => x),
  Cast: (call) => as(dtypeOf(call.int("to", 0)), call.x(0)),
  CastLike: (call) => as(call.x(1).dtype, call.x(0)),
  BitCast: (call) => core.bitcast(dtypeOf(call.int("to", 0)), call.x(0)),
};
