/**
 * Two values of the same operations, one of vectors of every second element and one of those between them, as the columns of
 * pooling: the operations are done on neighbours as they lie, and only their results are parted.
 *
 * Both must be set in the same stretch of statements, between which nothing that they are made of changes.
 */
import { binary, i32, lane, pack } from "../build.ts";
import { partKey } from "../key.ts";
import type { Expression, Kernel, LocalId, Statement } from "../kernel.ts";
import { mapOperands, mentionsLocal, someExpression, type LoadExpression, type LocalTable, type SetStatement } from "../walk.ts";
import { inPairs, pairLanes as lanes, placeOf } from "./pairs.ts";

/** A value of vectors of every second element. */
interface Tree {
  readonly at: number;
  readonly set: SetStatement;
  /** What must be equal in both, and of each vector's first element the last index's constant. */
  readonly key: string;
  readonly constants: readonly number[];
}

/** Where a value is of one vector alone, pairs do as well: pair-lanes.ts. */
const leastVectors = 2;

/** The body, and the same where nothing is to be done. */
export function pairTrees(body: readonly Statement[], kernel: Kernel, locals: LocalTable): readonly Statement[] {
  const replaced = new Map<number, readonly Statement[]>();
  let open: Tree[] = [];
  body.forEach((statement, at) => {
    if (statement.kind !== "set" && statement.kind !== "store") open = [];
    const tree = statement.kind === "set" ? treeOf(statement, at, kernel) : undefined;
    const other = tree && open.find((one) => one.key === tree.key && (follows(one, tree) || follows(tree, one)));
    if (tree && other) {
      const [evens, odds] = follows(other, tree) ? [other, tree] : [tree, other];
      const [before, parts] = onNeighbours(evens, locals);
      const partsOf = (which: 0 | 1): Expression => pack(parts.flatMap((part) => [lane(which, part), lane(which + 2, part)]));
      replaced.set(other.at, [...before, { ...other.set, value: partsOf(other === evens ? 0 : 1) }]);
      replaced.set(at, [{ ...tree.set, value: partsOf(tree === odds ? 1 : 0) }]);
    }
    open = open.filter((one) => one !== other && !changes(statement, one));
    if (tree && !other && !changes(statement, tree)) open.push(tree);
  });
  return replaced.size === 0 ? body : body.flatMap((statement, at) => replaced.get(at) ?? [statement]);
}

const follows = (evens: Tree, odds: Tree): boolean => evens.constants.every((one, k) => odds.constants[k] === one + 1);

/** The operations on neighbours, as statements and two vectors of results. */
function onNeighbours({ set }: Tree, locals: LocalTable): [readonly Statement[], readonly Expression[]] {
  const neighbours = (value: Expression, ahead: number): Expression => {
    if (value.kind !== "pack") return mapOperands(value, (operand) => neighbours(operand, ahead));
    const first = value.operands[0] as LoadExpression;
    return { ...first, lanes, index: [...first.index.slice(0, -1), binary("add", first.index.at(-1)!, i32(ahead))] };
  };
  const parts = [0, lanes].map((ahead): SetStatement => ({ ...set, local: locals.fresh("neighbours", set.value.dtype, lanes).local, value: neighbours(set.value, ahead) }));
  return [parts, parts.map(({ local }) => locals.get(local))];
}

function treeOf(set: SetStatement, at: number, kernel: Kernel): Tree | undefined {
  if (set.value.lanes !== lanes || set.counted !== undefined) return undefined;
  const constants: number[] = [];
  const keyOf = (value: Expression): string | undefined => {
    if (!inPairs(value.dtype)) return undefined;
    switch (value.kind) {
      case "constant": case "local": return partKey(value);
      case "pack": {
        const found = everySecond(value.operands, kernel);
        if (found === undefined) return undefined;
        constants.push(found.constant);
        return found.key;
      }
      case "unary": case "binary": {
        const operands = value.kind === "unary" ? [keyOf(value.operand)] : [keyOf(value.left), keyOf(value.right)];
        return operands.includes(undefined) ? undefined : `${partKey(value)}(${operands.join()})`;
      }
      default: return undefined;
    }
  };
  const key = keyOf(set.value);
  return key === undefined || constants.length < leastVectors ? undefined : { at, set, key, constants };
}

/** Of loads of every second element: all but the last index's constant of the first, as text, and that. */
function everySecond(operands: readonly Expression[], kernel: Kernel): { key: string; constant: number } | undefined {
  const places = operands.map((operand) => (operand.kind === "load" && operand.lanes === 1 && kernel.buffers[operand.buffer]!.strides.at(-1) === 1 ? placeOf(operand) : undefined));
  const [first] = places;
  if (first === undefined || places.length !== lanes || !places.every((place, k) => place?.key === first.key && place.constant === first.constant + 2 * k)) return undefined;
  return first;
}

/** Whether a statement changes what a value is made of. */
function changes(statement: Statement, { set }: Tree): boolean {
  if (statement.kind === "set") return mentionsLocal(set.value, new Set<LocalId>([statement.local]));
  return statement.kind === "store" && someExpression(set.value, (one) => one.kind === "load" && one.buffer === statement.buffer);
}
