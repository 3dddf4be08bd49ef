/** Elementwise activations that are worth a formula of their own; the simpler ones are written in std/nn.gph. */
import { erf } from "../../../runtime/math.ts";
import { binary, call, constant, select, unary } from "../../kernel/build.ts";
import { elementwise } from "./elementwise.ts";
import { byFormulas } from "../gradients.ts";
import type { Op } from "../op.ts";

export const activation: readonly Op[] = [
  elementwise({
    name: "sigmoid", summary: "Logistic function.", formula: "y = 1 / (1 + e^(-x))", operands: ["x"], accepts: "float", signature: { call: "sigmoid", module: "std/nn" },
    gradient: byFormulas((f, { y, g }) => [f.mul(g, f.mul(y, f.sub(f.number(1), y)))]),
    // By e^-|x|, which does not overflow where the result is small.
    float: ([x], round) => {
      const power = round(Math.exp(-Math.abs(x!)));
      return (x! < 0 ? power : 1) / round(1 + power);
    },
    scalar: ([x]) => {
      const one = constant(x!.dtype, 1);
      const power = call("exp", unary("neg", unary("abs", x!)));
      return binary("div", select(binary("lt", x!, constant(x!.dtype, 0)), power, one), binary("add", one, power));
    },
    known: { dtype: "f64", inputs: [[0.5, -1, 2]], result: [0.6224593312018546, 0.2689414213699951, 0.8807970779778823] },
  }),
  elementwise({
    name: "gelu", summary: "Gaussian error linear unit, exact.", formula: "y = x/2 · (1 + erf(x/√2))", operands: ["x"], accepts: "float", signature: { call: "gelu", module: "std/nn" },
    gradient: byFormulas((f, { args: [x], g }) => {
      const area = f.times(f.add(f.number(1), f.of("erf", f.times(x!, Math.SQRT1_2))), 0.5);
      const density = f.times(f.of("exp", f.times(f.square(x!), -0.5)), 1 / Math.sqrt(2 * Math.PI));
      return [f.mul(g, f.add(area, f.mul(x!, density)))];
    }),
    float: ([x], round) => round(x! * 0.5) * round(1 + round(erf(round(x! * round(Math.SQRT1_2))))),
    scalar: ([x]) => {
      const number = (value: number) => constant(x!.dtype, value);
      const scaled = binary("mul", x!, number(x!.dtype === "f32" ? Math.fround(Math.SQRT1_2) : Math.SQRT1_2));
      return binary("mul", binary("mul", x!, number(0.5)), binary("add", number(1), call("erf", scaled)));
    },
    known: { dtype: "f64", inputs: [[0.5, -1, 2]], result: [0.34573123063700656, -0.15865525393145707, 1.9544997361036416] },
  }),
];
