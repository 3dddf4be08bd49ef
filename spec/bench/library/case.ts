/** What `library.ts` measures: for each op its program, its operands, plain JavaScript for the same, and what limits it. */
import type { Lookups, Piles } from "../lookups.ts";

export type Numbers = Float32Array | Int32Array;

/** What no way of computing a result can do without. The largest of the times these take is the limit. */
export interface Limit {
  /** Bytes read and written. */
  readonly read?: number;
  readonly written?: number;
  /** Floating-point operations of sums of products, which may be fused: two of each product. */
  readonly operations?: number;
  /** Other operations on elements of four bytes, rounded one by one, of which a vector instruction does four. */
  readonly steps?: number;
  /** Quotients and square roots among them, which have a unit of their own. */
  readonly quotients?: number;
  /** Matrices of f32 whose rows become columns: how many, and their rows and columns. */
  readonly turned?: readonly [number, number, number];
  /** Loads of what indices name. */
  readonly lookups?: Lookups;
  /** Passes that move keys to piles, by their digits, as often as `repeats` says. */
  readonly piles?: Piles;
  readonly repeats?: number;
}

/** A function of the C files beside this, called with the operands, those results that are not among them, and sizes. */
export interface Native {
  readonly name: string;
  readonly sizes: readonly number[];
}

export interface Case {
  readonly imports?: readonly string[];
  /** Functions of the program, before its graph. */
  readonly functions?: string;
  readonly operands: { readonly [name: string]: { readonly type: string; readonly data: Numbers } };
  readonly results: { readonly [name: string]: string };
  readonly main: string;
  /** Computes the results from the operands as they were given; always into the same arrays. */
  plain(): { readonly [name: string]: Numbers };
  readonly limit: Limit;
  /** The best that is known in C for the same: the limit where it can be compiled. */
  readonly native?: Native;
  /** Largest difference allowed, relative to the largest element. */
  readonly tolerance: number;
}

export interface Cases {
  readonly [name: string]: () => Case;
}

/** Fills y from x. */
export type Work = (x: Float32Array, y: Float32Array) => void;

export const rows = 4096;
export const width = 1024;
export const size = rows * width;
export const million = 1024 * 1024;


export const waves = (count: number, seed = 0): Float32Array => Float32Array.from({ length: count }, (_, i) => Math.sin(i + seed) * 3);

/** Whole numbers below `end` in an order without a pattern (a step of MINSTD, Park and Miller, 1988, for each). */
export function scattered(count: number, end: number, seed = 1): Int32Array {
  let state = seed;
  return Int32Array.from({ length: count }, () => (state = (state * 48_271) % 2_147_483_647) % end);
}

export const matrix = (data: Numbers): { type: string; data: Numbers } => ({ type: `f32[${rows}, ${width}]`, data });
export const line = (data: Numbers): { type: string; data: Numbers } => ({ type: `f32[${data.length}]`, data });

/** An op on one matrix that reads it and writes `y`, of `count` elements. */
export function onMatrix(main: string, type: string, count: number, work: Work, tolerance = 0, imports: readonly string[] = [], limit: Limit = {}): Case {
  const [x, y] = [waves(size), new Float32Array(count)];
  return {
    imports, operands: { x: matrix(x) }, results: { y: type }, main: `y = ${main};`, tolerance, limit: { read: 4 * size, written: 4 * count, ...limit },
    plain: () => {
      work(x, y);
      return { y };
    },
  };
}
