/**
 * A value with a derivative that is told: for functions computed by approximations, or in pieces, whose own derivatives would be
 * worse than what is known of them. A gradient of a gradient goes through the slope. `simplify-algebra` removes it, since
 * gradients are built before.
 */
import { elementwise } from "./elementwise.ts";
import type { Op } from "../op.ts";

export const withSlope: Op = elementwise({
  name: "with_slope", summary: "y, whose derivative by each element of x is said to be that of slope, and 0 by all else.", formula: "y, dy/dx = slope", operands: ["y", "x", "slope"], accepts: "float",
  signature: { call: "with_slope", module: "std/derivatives" },
  gradient: (build, { inputs, gradient }) => [undefined, build.apply("mul", [gradient, inputs[2]!]), undefined],
  float: ([y]) => y!,
  scalar: ([y]) => y!,
  known: { dtype: "f32", inputs: [[1, -2.5], [3, 4], [7, 0]], result: [1, -2.5] },
});
