/**
 * What is done to each element of an op's result when it is stored: how a bias, an activation or a residual costs no pass over
 * memory of its own.
 */
import type { DType } from "../../runtime/dtype.ts";
import { invariant } from "../support/bug.ts";
import { substitute } from "./build.ts";
import type { Expression } from "./kernel.ts";
import type { Lowering } from "./lowering.ts";

export interface Epilogue {
  /** Over argument 0, the element as the op gives it, and one argument for each of `operands`. */
  readonly body: Expression;
  /** Inputs of the node that have the result's shape: each is read where the result is written. */
  readonly operands: readonly number[];
  /** Of the op's own result, and so of its partial results. */
  readonly dtype: DType;
}

/**
 * The lowering with its epilogue in the kernel: for where its vertices finish what they store. Of a split reduction the
 * vertices store partial results, and the epilogue belongs to where these are combined.
 */
export function withEpilogue(lowering: Lowering): Lowering {
  const { epilogue, ...plain } = lowering;
  if (epilogue === undefined) return lowering;
  const [write] = plain.writes;
  invariant(write && plain.writes.length === 1 && plain.keeps !== true, () => `${plain.name} does not store each element once, so it has no epilogue`);
  const first = plain.reads.length;
  return {
    ...plain,
    reads: [...plain.reads, ...epilogue.operands.map((operand) => ({ operand, index: write.index }))],
    emit: (context) => plain.emit({
      ...context,
      overwrites: epilogue.operands.length > 0,
      store: (k, at, value) => context.store(k, at, substitute(epilogue.body, [value, ...epilogue.operands.map((_, read) => context.load(first + read, at))])),
    }),
  };
}
