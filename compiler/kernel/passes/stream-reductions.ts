/**
 * Sums of columns. `y[i] = x[0, i] ∘ x[1, i] ∘ …` with the rows of x far apart would read a few neighbours of every row, which
 * neither caches nor prefetchers like. Here the loops change places: a few rows at a time are combined with the running
 * results of all columns, which lie in y meanwhile, so that every row is read from end to end.
 *
 * Needs a parallel loop over the columns around one reduction of constant length, whose every load moves with both; the
 * result must be held as it is stored. Every result is combined in the order it was.
 */
import type { Pass } from "../../support/pass.ts";
import { bytesOf } from "../../../runtime/dtype.ts";
import { binary, i32 } from "../build.ts";
import type { BinaryOp, Expression, Kernel, Statement } from "../kernel.ts";
import { coefficientOf, linearForm } from "../linear.ts";
import { liveAfter, type LiveAfter } from "../liveness.ts";
import {
  constantOf, indexMentions, localsSet, LocalTable, mentionsLocal, replaceLoops, rewriteExpression, someExpression, tripCount, visitExpression, withBody, type ForStatement, type LoadExpression, type LocalExpression, type SetStatement, type StoreStatement,
} from "../walk.ts";

/** Rows combined at a time, as straight code: fastest of 1 to 16 (spec/bench/library/native-data.c). */
const rowsAtOnce = 8;
/** Rows nearer to each other than this are read well in any order. */
const leastDistance = 1024;
const leastColumns = 16;
const leastRows = 64;

export const streamReductions: Pass<Kernel, Kernel> = {
  name: "stream-reductions",
  summary: "columns are summed a few rows at a time, so that rows far apart are read from end to end",
  run(kernel) {
    const locals = new LocalTable(kernel.locals);
    const after = liveAfter(kernel.body);
    const body = replaceLoops(kernel.body, (loop) => {
      const columns = findColumns(loop, kernel, after);
      return columns && byRows(columns, locals);
    });
    return withBody(kernel, body, locals.list);
  },
};

interface Columns {
  readonly loop: ForStatement;
  readonly start: SetStatement;
  readonly rows: ForStatement;
  readonly step: SetStatement;
  readonly store: StoreStatement;
}

function findColumns(loop: ForStatement, kernel: Kernel, after: LiveAfter): Columns | undefined {
  const [start, rows, store] = loop.body;
  if (!loop.parallel || loop.body.length !== 3 || start?.kind !== "set" || rows?.kind !== "for" || store?.kind !== "store") return undefined;
  const step = rows.body[0];
  if (rows.body.length !== 1 || step?.kind !== "set" || step.local !== start.local || rows.step !== 1 || loop.step !== 1) return undefined;
  const columns: Columns = { loop, start, rows, step, store };
  if ((tripCount(loop) ?? 0) < leastColumns || (tripCount(rows) ?? 0) < leastRows) return undefined;
  const needed = after.get(loop);
  if (needed === undefined || [...localsSet(loop.body)].some((local) => needed.has(local))) return undefined;
  return heldAsStored(columns, kernel) && combines(columns) && movesWithBoth(columns, kernel) ? columns : undefined;
}

/** The running result may lie in the buffer, and what is stored at the end reads nothing else. */
function heldAsStored({ start, step, store }: Columns, kernel: Kernel): boolean {
  const reads = (value: Expression): boolean => someExpression(value, ({ kind }) => kind === "load");
  return start.value.kind === "constant" && kernel.buffers[store.buffer]!.dtype === start.value.dtype && !reads(store.value) && !store.index.some(reads) && !readsBuffer(step.value, store.buffer);
}

const readsBuffer = (value: Expression, buffer: number): boolean => someExpression(value, (one) => one.kind === "load" && one.buffer === buffer);

/** Whether the step is `total = total ∘ value`, either way round, and the indices of the result do not depend on it. */
function combines({ step, rows, store }: Columns): boolean {
  const { value } = step;
  if (value.kind !== "binary" || !(["add", "mul", "min", "max"] as BinaryOp[]).includes(value.op)) return false;
  const own = new Set([step.local, rows.local]);
  const isOwn = (side: Expression): boolean => side.kind === "local" && side.local === step.local;
  const other = isOwn(value.left) ? value.right : isOwn(value.right) ? value.left : undefined;
  return other !== undefined && !mentionsLocal(other, new Set([step.local])) && !indexMentions(store, own) && !mentionsLocal(store.value, new Set([rows.local]));
}

/** Loads move by one element along the columns, and far from row to row. */
function movesWithBoth({ loop, rows, step }: Columns, kernel: Kernel): boolean {
  let loads = 0;
  let right = true;
  const check = (load: LoadExpression): void => {
    const { strides, dtype } = kernel.buffers[load.buffer]!;
    const forms = load.index.map(linearForm);
    const along = (local: number): number => forms.reduce((distance, form, dimension) => distance + (form === undefined ? NaN : coefficientOf(form, local)) * strides[dimension]!, 0);
    loads += 1;
    right &&= along(loop.local) === 1 && Math.abs(along(rows.local)) * bytesOf(dtype) >= leastDistance;
  };
  visitExpression(step.value, (one) => {
    if (one.kind === "load") check(one);
  });
  return loads > 0 && right;
}

function byRows({ loop, start, rows, step, store }: Columns, locals: LocalTable): readonly Statement[] {
  const { origin } = step;
  const total = locals.get(start.local) as LocalExpression;
  const held: Expression = { kind: "load", dtype: total.dtype, lanes: 1, buffer: store.buffer, index: store.index };
  const overColumns = (body: readonly Statement[]): ForStatement => ({ ...loop, body });
  const take: Statement = { kind: "set", local: total.local, value: held, origin };
  const keep: Statement = { ...store, value: total };
  const at = (row: Expression): Statement => ({ ...step, value: rewriteExpression(step.value, (one) => (one.kind === "local" && one.local === rows.local ? row : one)) });

  const first = constantOf(rows.start)!;
  const whole = first + Math.floor(tripCount(rows)! / rowsAtOnce) * rowsAtOnce;
  const counter = locals.get(rows.local);
  const several = Array.from({ length: rowsAtOnce }, (_, row) => at(binary("add", counter, i32(row))));
  const group: ForStatement = { ...rows, end: i32(whole), step: rowsAtOnce, parallel: false, body: [overColumns([take, ...several, keep])] };
  const rest: ForStatement = { ...rows, start: i32(whole), parallel: false, body: [overColumns([take, at(counter), keep])] };
  const isPlain = store.value.kind === "local" && store.value.local === total.local;
  return [
    overColumns([{ ...store, value: start.value }]),
    group,
    ...(tripCount(rest) === 0 ? [] : [rest]),
    ...(isPlain ? [] : [overColumns([take, store])]),
  ];
}
