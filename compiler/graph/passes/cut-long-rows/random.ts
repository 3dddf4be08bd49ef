/** Rows of random numbers as shorter ones, by their numbers. */
import { wordsPerBlock } from "../../../ops/sources/random-rows.ts";
import type { ValueId } from "../../graph.ts";
import { divisorsOf, type Rows } from "./rows.ts";

/** Random numbers of a row, which is started once for all of them. */
const leastRandom = 32;

export function random(build: Rows): ValueId | undefined {
  const { op, inputs: [rows, ...stream], attributes, outputs: [output] } = build.node;
  const [count, length] = build.shape(output!) as [number, number];
  const apart = attributes["apart"] as number;
  const parts = divisorsOf(apart / wordsPerBlock).findLast((divisor) => divisor * leastRandom <= apart && count * Math.ceil((divisor * length) / apart) <= build.target.tiles) ?? 1;
  const short = apart / parts;
  if (length <= short) return undefined;
  const pieces = Math.ceil(length / short);
  const shape = [count, pieces];
  const first = build.apply("mul", [build.broadcast(build.reshape(rows!, [count, 1]), shape), build.filled({ dtype: "i32", shape }, parts)]);
  const numbers = build.reshape(build.apply("add", [first, build.counted(shape, 1, 1, 0)]), [count * pieces]);
  const made = build.apply(op, [numbers, ...stream], { ...attributes, apart: short, length: short });
  return build.part(build.reshape(made, [count, pieces * short]), 1, 0, length);
}
