/** Reductions, extremes' places, running sums. */
import { core, type Tensor } from "../../../compiler/builder/index.ts";
import { as, axisOf, upTo, type Call, type Family, type Operator } from "../call.ts";

interface How {
  readonly axis?: readonly number[];
  readonly keepdims: boolean;
}

/** Axes come as an attribute, later as an input; none means all, unless `noop_with_empty_axes`. */
function reduced(call: Call, f: (x: Tensor, how: How) => Tensor, none: (x: Tensor) => Tensor = (x) => x): Tensor {
  const x = call.x(0);
  const keepdims = call.int("keepdims", 1) === 1;
  const axes = call.ints("axes") ?? (call.has(1) ? call.numbers(1) : []);
  if (axes.length === 0 && call.int("noop_with_empty_axes", 0) === 1) return none(x);
  if (x.shape.length === 0) return f(core.reshape(x, [1]), { axis: [0], keepdims: false });
  return f(x, { axis: axes.length === 0 ? upTo(x.shape.length) : axes.map((axis) => axisOf(axis, x.shape.length)), keepdims });
}

const reduction = (f: (x: Tensor, how: How) => Tensor, none?: (x: Tensor) => Tensor): Operator => (call) => reduced(call, f, none);

/** ONNX gives the neutral element for no elements, where there is no largest: `value` everywhere. */
const extreme = (f: (x: Tensor, how: How) => Tensor, value: number): Operator => (call) => reduced(call, (x, how) => {
  if (!x.shape.includes(0)) return x.dtype === "bool" ? as("bool", f(as("u8", x), how)) : f(x, how);
  const { shape } = core.sum(as("f32", x), how);
  return core.full(value, shape, { dtype: x.dtype });
});

const logSum = (x: Tensor, how: How): Tensor => core.log(core.sum(x, how));

function place(call: Call, f: typeof core.argmax): Tensor {
  const x = call.x(0);
  const axis = axisOf(call.int("axis", 0), x.shape.length);
  const keepdims = call.int("keepdims", 1) === 1;
  if (call.int("select_last_index", 0) === 0) return as("i64", f(x, { axis, keepdims }));
  return as("i64", f(core.reverse(x, { axis }), { axis, keepdims }).neg().add(x.shape[axis]! - 1));
}

/** A running sum or product that may run backwards, or leave out the element itself. */
function running(call: Call, f: typeof core.cum_sum, neutral: number): Tensor {
  const x = call.x(0);
  const axis = axisOf(call.numbers(1)[0]!, x.shape.length);
  const backwards = call.int("reverse", 0) === 1;
  let y = backwards ? core.reverse(x, { axis }) : x;
  y = f(y, { axis });
  if (call.int("exclusive", 0) === 1) {
    const widths = x.shape.map((_, k) => (k === axis ? 1 : 0));
    const all = x.shape.map(() => ":");
    y = core.pad(y, widths, { after: x.shape.map(() => 0), value: neutral }).at(...all.with(axis, ":-1"));
  }
  return backwards ? core.reverse(y, { axis }) : y;
}

export const reductions: Family = {
  ReduceSum: reduction((x, how) => core.sum(x, how)),
  ReduceMean: reduction((x, how) => core.mean(x, how)),
  ReduceProd: reduction((x, how) => core.prod(x, how)),
  ReduceMax: extreme((x, how) => core.max(x, how), -Infinity),
  ReduceMin: extreme((x, how) => core.min(x, how), Infinity),
  ReduceL1: reduction((x, how) => core.sum(core.abs(x), how), (x) => core.abs(x)),
  ReduceL2: reduction((x, how) => (x.dtype.startsWith("f") ? core.norm(x, how) : as(x.dtype, core.norm(as("f64", x), how))), (x) => core.abs(x)),
  ReduceSumSquare: reduction((x, how) => core.sum(x.mul(x), how), (x) => x.mul(x)),
  ReduceLogSum: reduction(logSum, (x) => core.log(x)),
  ReduceLogSumExp: reduction((x, how) => (x.shape.includes(0) ? logSum(core.exp(x), how) : core.log_sum_exp(x, how))),
  ArgMax: (call) => place(call, core.argmax),
  ArgMin: (call) => place(call, core.argmin),
  CumSum: (call) => running(call, core.cum_sum, 0),
  CumProd: (call) => running(call, core.cum_prod, 1),
};
