/**
 * Vectors of f32 that are cast to narrower elements and stored side by side. Each alone fills a half or a quarter of a vector, after
 * as many instructions as narrow two; so they are narrowed and stored together.
 */
import { bytesOf } from "../../runtime/dtype.ts";
import type { Kernel, Statement } from "../kernel/kernel.ts";
import { placeOf } from "../kernel/passes/pairs.ts";
import { registerBytes } from "../kernel/vector-support.ts";
import type { StoreStatement } from "../kernel/walk.ts";

const lanes = 4;

/** The statements in order, those that are one store together, all others alone. */
export function storesTogether(statements: readonly Statement[], kernel: Kernel): readonly (readonly Statement[])[] {
  const groups: (readonly Statement[])[] = [];
  for (let at = 0; at < statements.length; at += groups.at(-1)!.length) groups.push(groupAt(statements, at, kernel) ?? [statements[at]!]);
  return groups;
}

function groupAt(statements: readonly Statement[], at: number, kernel: Kernel): readonly StoreStatement[] | undefined {
  const first = statements[at]!;
  if (!isNarrowing(first, kernel)) return undefined;
  const start = placeOf(first);
  const count = registerBytes / (lanes * bytesOf(kernel.buffers[first.buffer]!.dtype));
  const group = statements.slice(at, at + count);
  if (start === undefined || group.length < count) return undefined;
  const follows = (store: StoreStatement, k: number): boolean => {
    const place = placeOf(store);
    return place?.key === start.key && place.constant === start.constant + k * lanes;
  };
  return group.every((store, k) => isNarrowing(store, kernel) && follows(store, k)) ? (group as readonly StoreStatement[]) : undefined;
}

/** Whether a vector of f32 that has a name is stored as 16-bit floats, or integers of 8 or 16 bits. */
function isNarrowing(statement: Statement, kernel: Kernel): statement is StoreStatement {
  if (statement.kind !== "store" || statement.value.kind !== "cast") return false;
  const { operand, dtype } = statement.value;
  return operand.kind === "local" && operand.dtype === "f32" && operand.lanes === lanes && bytesOf(dtype) < 4 && dtype !== "bool" && kernel.buffers[statement.buffer]!.strides.at(-1) === 1;
}
