/** The tensor itself, which a gradient takes as constant. `simplify-algebra` removes it, since gradients are built before. */
import { elementwise } from "./elementwise.ts";
import type { Op } from "../op.ts";

export const stopGradient: Op = elementwise({
  name: "stop_gradient", summary: "The tensor itself, as a constant: a gradient does not go through it.", formula: "y = x", operands: ["x"], accepts: "any",
  gradient: () => [undefined],
  float: ([x]) => x!,
  integer: ([x]) => x!,
  scalar: ([x]) => x!,
  known: { dtype: "f32", inputs: [[1, -2.5]], result: [1, -2.5] },
});
