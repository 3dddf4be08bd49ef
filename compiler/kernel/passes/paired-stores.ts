/**
 * Two vectors whose elements are stored one by one, to every second place and to those between them, become two vectors of
 * neighbours: of both the first halves, and the second ones.
 *
 * Both must be stored in the same stretch of statements, between which nothing touches their buffer or changes their indices.
 */
import { binary, i32, lane, pack } from "../build.ts";
import type { Expression, Kernel, LocalId, Statement } from "../kernel.ts";
import { expressionsOf, indexMentions, someExpression, type LocalExpression, type StoreStatement } from "../walk.ts";
import type { PairedValues } from "./paired-values.ts";
import { inPairs, pairLanes as lanes, placeOf } from "./pairs.ts";

/** Four stores, one after the other, of a vector's lanes to every second place. */
interface Spread {
  /** Of the first store in the body. */
  readonly at: number;
  readonly first: StoreStatement;
  readonly vector: LocalExpression;
  /** What must be equal for two to lie between each other, and the last index's constant. */
  readonly key: string;
  readonly constant: number;
}

/** The body, and the same where nothing is to be done. `values`: of the vectors of this body, new. */
export function pairStores(body: readonly Statement[], kernel: Kernel, values: PairedValues): readonly Statement[] {
  const replaced = new Map<number, readonly Statement[]>();
  let open: Spread[] = [];
  for (let at = 0; at < body.length; at++) {
    const found = spreadAt(body, at, kernel);
    if (found === undefined) {
      open = open.filter((spread) => !disturbs(body[at]!, spread));
      values.pass(body[at]!, at);
      continue;
    }
    const other = open.find(({ key, constant }) => key === found.key && Math.abs(constant - found.constant) === 1);
    open = open.filter((spread) => spread !== other && spread.first.buffer !== found.first.buffer);
    if (other === undefined) open.push(found);
    else {
      for (const { at: start } of [other, found]) for (let k = 0; k < lanes; k++) replaced.set(start + k, []);
      const [evens, odds] = other.constant < found.constant ? [other, found] : [found, other];
      const between = values.between(evens.vector, odds.vector);
      between?.instead.forEach((start) => replaced.set(start, []));
      replaced.set(at, [...(between?.before ?? []), ...storesOf(evens.first, between?.values ?? neighbours(evens, odds))]);
    }
    at += lanes - 1;
  }
  return replaced.size === 0 ? body : body.flatMap((statement, at) => replaced.get(at) ?? [statement]);
}

function spreadAt(body: readonly Statement[], at: number, kernel: Kernel): Spread | undefined {
  const stores = body.slice(at, at + lanes);
  const [first] = stores;
  if (first?.kind !== "store" || kernel.buffers[first.buffer]!.strides.at(-1) !== 1 || !inPairs(first.value.dtype)) return undefined;
  const vector = first.value.kind === "lane" ? first.value.operand : undefined;
  if (vector?.kind !== "local" || vector.lanes !== lanes) return undefined;
  const start = placeOf(first);
  const isNext = (store: Statement, k: number): boolean => {
    if (store.kind !== "store" || store.buffer !== first.buffer || store.value.kind !== "lane" || store.value.index !== k) return false;
    const place = store.value.operand.kind === "local" && store.value.operand.local === vector.local ? placeOf(store) : undefined;
    return place !== undefined && place.key === start!.key && place.constant === start!.constant + 2 * k;
  };
  return start !== undefined && stores.length === lanes && stores.every(isNext) ? { at, first, vector, ...start } : undefined;
}

/** Whether what was to be stored before a statement cannot be stored after it. */
function disturbs(statement: Statement, { first, vector }: Spread): boolean {
  if (statement.kind !== "set" && statement.kind !== "store") return true;
  if (statement.kind === "store" && statement.buffer === first.buffer) return true;
  if (statement.kind === "set" && (statement.local === vector.local || indexMentions(first, new Set<LocalId>([statement.local])))) return true;
  return expressionsOf(statement).some((expression) => someExpression(expression, (one) => one.kind === "load" && one.buffer === first.buffer));
}

/** Elements of both, of which the second's places follow the first's. */
const neighbours = (evens: Spread, odds: Spread): readonly Expression[] =>
  [0, lanes / 2].map((half) => pack([half, half + 1].flatMap((k): Expression[] => [lane(k, evens.vector), lane(k, odds.vector)])));

/** Of two vectors, where the first element was to be stored. */
const storesOf = (first: StoreStatement, values: readonly Expression[]): readonly Statement[] =>
  values.map((value, k) => ({ ...first, index: [...first.index.slice(0, -1), binary("add", first.index.at(-1)!, i32(lanes * k))], value }));
