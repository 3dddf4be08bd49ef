/** The transpose of a convolution, or its phases (convolution-phases.ts), over images with channels last. */
import type { Window } from "../../../ops/networks/windows.ts";
import type { ValueId } from "../../graph.ts";
import { phasesOf, type Phase } from "../convolution-phases.ts";
import type { Builder, Setting } from "./builder.ts";
import { sumsOf } from "./sums.ts";

/** x: [n, rows, columns, c], filters: [c, o / groups, kh, kw] → [n, h, w, o]; `shape`: [n, o, h, w]. */
export function transposed(build: Builder, x: ValueId, filters: ValueId, windows: readonly Window[], shape: readonly number[], setting: Setting): ValueId {
  const [images, channels, height, width] = shape as [number, number, number, number];
  const [, rows, columns] = build.shape(x) as [number, number, number];
  const [down, across] = [phasesOf(windows[0]!, rows, height), phasesOf(windows[1]!, columns, width)];
  const parts = down.map((high) => across.map((wide) => phase(build, x, turned(build, filters, [high, wide], windows), [high.window, wide.window], setting)));
  if (parts.length === 1 && parts[0]!.length === 1) return parts[0]![0]!;
  const between = build.apply("stack", parts.map((row) => build.apply("stack", row, { axis: 3 })), { axis: 2 });
  const [, tall, , wide] = build.shape(between) as [number, number, number, number];
  const whole = build.reshape(between, [images, tall * down.length, wide * across.length, channels]);
  return tall * down.length === height && wide * across.length === width ? whole : build.slice(whole, [0, 0, 0, 0], [images, height, width, channels]);
}

/** The elements of the filters that a phase meets, last ones first, as filters [o, c / groups, …] of a convolution. */
function turned(build: Builder, filters: ValueId, phases: readonly [Phase, Phase], windows: readonly Window[]): ValueId {
  const [channels, inGroup] = build.shape(filters) as [number, number];
  const part = build.slice(filters, [0, 0, ...phases.map(({ first }) => first)], [channels, inGroup, ...phases.map(({ taps }) => taps)], [1, 1, ...windows.map(({ stride }) => stride)]);
  const reversed = build.apply("reverse", [part], { axes: [2, 3] });
  return inGroup === 1 && channels > 1 ? reversed : build.transpose(reversed, [1, 0, 2, 3]);
}

/** A convolution whose border may be negative: then the image is cut. */
function phase(build: Builder, x: ValueId, filters: ValueId, windows: readonly [Window, Window], setting: Setting): ValueId {
  const [images, rows, columns, channels] = build.shape(x) as [number, number, number, number];
  const cut = windows.map(({ before, after }) => [Math.max(0, -before), Math.max(0, -after)] as const);
  const start = cut.map(([first]) => first);
  const length = [rows, columns].map((extent, axis) => extent - cut[axis]![0] - cut[axis]![1]);
  const image = cut.flat().every((many) => many === 0) ? x : build.slice(x, [0, ...start, 0], [images, ...length, channels]);
  const left = windows.map((window) => ({ ...window, before: Math.max(0, window.before), after: Math.max(0, window.after) }));
  return sumsOf(build, image, filters, left, setting);
}
