/** Sizes that operators with windows share: borders that are asked for by name, results whose last window is cut off. */
import { upTo, type Call } from "../call.ts";

export interface Windows {
  readonly window: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  /** Before each axis, then behind each. */
  readonly padding: readonly number[];
  /** The border by its name, if it was asked for by one and nothing goes beyond it. */
  readonly named: "same" | "same_lower" | "valid" | undefined;
  /** Behind each axis, beyond the border: what windows reach over when the number of results is rounded up. */
  readonly beyond: readonly number[];
}

const names: { readonly [auto: string]: Windows["named"] } = { SAME_UPPER: "same", SAME_LOWER: "same_lower", VALID: "valid" };

/** How far a window reaches. */
const reach = (size: number, dilation: number): number => (size - 1) * dilation + 1;

/** `extents`: those of the axes the window moves along. */
export function windowsOf(call: Call, extents: readonly number[], window: readonly number[]): Windows {
  const axes = upTo(extents.length);
  const stride = call.ints("strides") ?? axes.map(() => 1);
  const dilation = call.ints("dilations") ?? axes.map(() => 1);
  const padding = borders(call, extents, window, stride, dilation);
  const ceil = call.int("ceil_mode", 0) === 1;
  const beyond = axes.map((k) => {
    if (!ceil) return 0;
    const [before, whole] = [padding[k]!, extents[k]! + padding[k]! + padding[k + axes.length]!];
    const span = whole - reach(window[k]!, dilation[k]!);
    const steps = Math.ceil(span / stride[k]!);
    // A last window that begins behind the input is left out.
    const last = steps * stride[k]! >= extents[k]! + before ? steps - 1 : steps;
    return Math.max(0, last * stride[k]! - span);
  });
  const named = beyond.some((width) => width > 0) ? undefined : names[call.text("auto_pad", "NOTSET")];
  return { window, stride, dilation, padding, named, beyond };
}

function borders(call: Call, extents: readonly number[], window: readonly number[], stride: readonly number[], dilation: readonly number[]): readonly number[] {
  const axes = upTo(extents.length);
  const auto = call.text("auto_pad", "NOTSET");
  if (auto === "NOTSET") return call.ints("pads") ?? axes.flatMap(() => [0, 0]);
  if (auto === "VALID") return axes.flatMap(() => [0, 0]);
  const total = axes.map((k) => Math.max(0, (Math.ceil(extents[k]! / stride[k]!) - 1) * stride[k]! + reach(window[k]!, dilation[k]!) - extents[k]!));
  const small = total.map((width) => Math.floor(width / 2));
  const large = total.map((width) => Math.ceil(width / 2));
  return auto === "SAME_UPPER" ? [...small, ...large] : [...large, ...small];
}
