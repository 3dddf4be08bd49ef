/**
 * Vectors whose elements are loaded one by one are loaded in pairs where another vector is of their neighbours, as for every
 * second element and those between them: numbers stored as pairs, windows that move by two. So are those that are stored one by
 * one: paired-stores.ts. Operations that both vectors go through may be done before they are parted: paired-trees.ts.
 *
 * Both must be packed in the same stretch of statements, without loops and branches, in which nothing between them is stored to
 * their buffer or changes their indices.
 */
import type { Pass } from "../../support/pass.ts";
import type { BufferId, Expression, Kernel, LocalId, Statement } from "../kernel.ts";
import { linearForm, termsKey } from "../linear.ts";
import { indexMentions, LocalTable, mapBodies, mapExpressions, mapOperands, visitExpression, visitExpressions, withBody, type LoadExpression } from "../walk.ts";
import { pairStores } from "./paired-stores.ts";
import { pairTrees } from "./paired-trees.ts";
import { PairedValues } from "./paired-values.ts";
import { fromPairs, inPairs, pairLanes as lanes } from "./pairs.ts";

export const pairLanes: Pass<Kernel, Kernel> = {
  name: "pair-lanes",
  summary: "vectors of elements one by one are loaded and stored in pairs with those of their neighbours",
  run(kernel) {
    const locals = new LocalTable(kernel.locals);
    const reads = readsOf(kernel);
    let changed = false;
    const paired = (body: readonly Statement[]): readonly Statement[] => {
      const inside = body.map((statement) => mapBodies(statement, paired));
      const result = pairStores(new Stretch(kernel, locals).run(pairTrees(inside, kernel, locals)), kernel, new PairedValues(locals, reads));
      changed ||= result !== inside;
      return result;
    };
    const body = paired(kernel.body);
    return changed ? withBody(kernel, body, locals.list) : kernel;
  },
};

/** How often each local is read. */
function readsOf({ body }: Kernel): ReadonlyMap<LocalId, number> {
  const reads = new Map<LocalId, number>();
  visitExpressions(body, (one) => void (one.kind === "local" && reads.set(one.local, (reads.get(one.local) ?? 0) + 1)));
  return reads;
}

type PackExpression = Extract<Expression, { kind: "pack" }>;

/** A vector that waits for that of its neighbours. */
interface Packed {
  readonly pack: PackExpression;
  readonly loads: readonly LoadExpression[];
  /** Last index of each element, less what is equal in both vectors. */
  readonly constants: readonly number[];
  /** The statement it is first needed in. */
  readonly at: number;
}

class Stretch {
  readonly #kernel: Kernel;
  readonly #locals: LocalTable;
  /** By what must be equal. */
  readonly #open = new Map<string, Packed[]>();
  readonly #before = new Map<number, Statement[]>();
  readonly #replaced = new Map<Expression, Expression>();

  constructor(kernel: Kernel, locals: LocalTable) {
    this.#kernel = kernel;
    this.#locals = locals;
  }

  run(body: readonly Statement[]): readonly Statement[] {
    body.forEach((statement, at) => this.#statement(statement, at));
    if (this.#replaced.size === 0) return body;
    const replace = (expression: Expression): Expression => this.#replaced.get(expression) ?? (expression.kind === "load" ? expression : mapOperands(expression, replace));
    return body.flatMap((statement, at) => [...(this.#before.get(at) ?? []), statement.kind === "set" || statement.kind === "store" ? mapExpressions(statement, replace) : statement]);
  }

  #statement(statement: Statement, at: number): void {
    if (statement.kind !== "set" && statement.kind !== "store") return this.#open.clear();
    visitExpression(statement.value, (one) => {
      if (one.kind === "pack") this.#pack(one, at, statement);
    });
    const gone = statement.kind === "store" ? (loads: readonly LoadExpression[]) => loads[0]!.buffer === statement.buffer : (loads: readonly LoadExpression[]) => mentions(loads, statement.local);
    for (const [key, list] of this.#open) this.#open.set(key, list.filter(({ loads }) => !gone(loads)));
  }

  #pack(pack: PackExpression, at: number, { origin }: Statement): void {
    const shape = this.#shapeOf(pack);
    if (shape === undefined || this.#replaced.has(pack)) return;
    const packed: Packed = { pack, at, ...shape };
    const open = this.#open.get(shape.key) ?? [];
    this.#open.set(shape.key, open);
    const other = open.find(({ constants }) => areNeighbours(constants, packed.constants) || areNeighbours(packed.constants, constants));
    if (other === undefined) {
      open.push(packed);
      return;
    }
    open.splice(open.indexOf(other), 1);
    const [first, second] = areNeighbours(other.constants, packed.constants) ? [other, packed] : [packed, other];
    const before = this.#before.get(other.at) ?? [];
    this.#before.set(other.at, before);
    const name = (value: Expression): Expression => {
      const local = this.#locals.fresh("pairs", value.dtype, value.lanes);
      before.push({ kind: "set", local: local.local, value, origin });
      return local;
    };
    const [firsts, seconds] = fromPairs(first.loads, name);
    this.#replaced.set(first.pack, firsts);
    this.#replaced.set(second.pack, seconds);
  }

  /** Of four loads of elements that can be taken in pairs: all but the last index's constant as text, and those. */
  #shapeOf({ dtype, lanes: width, operands }: PackExpression): { key: string; loads: readonly LoadExpression[]; constants: readonly number[] } | undefined {
    const loads = operands.filter((operand): operand is LoadExpression => operand.kind === "load");
    if (width !== lanes || loads.length !== lanes || !inPairs(dtype) || !loads.every(({ buffer }) => this.#neighboursLast(buffer))) return undefined;
    const constants: number[] = [];
    const keys = loads.map(({ buffer, index }) => {
      const forms = index.map(linearForm);
      const last = forms.at(-1);
      if (last === undefined || forms.includes(undefined)) return undefined;
      constants.push(last.constant);
      return `${buffer}:${forms.map((form, dimension) => `${dimension === forms.length - 1 ? "" : form!.constant}${termsKey(form!)}`).join()}`;
    });
    return keys.includes(undefined) || new Set(loads.map(({ buffer }) => buffer)).size > 1 ? undefined : { key: keys.join(";"), loads, constants };
  }

  #neighboursLast(buffer: BufferId): boolean {
    return this.#kernel.buffers[buffer]!.strides.at(-1) === 1;
  }
}

/** Whether each element is followed by the other vector's. */
const areNeighbours = (constants: readonly number[], next: readonly number[]): boolean => constants.every((one, k) => next[k] === one + 1);

const mentions = (loads: readonly LoadExpression[], local: LocalId): boolean => loads.some((load) => indexMentions(load, new Set([local])));
