/** Families of several compute sets as families of one: each iteration does what one of each did, in the order of the sets. */
import type { Buffer, BufferId, Expression, Kernel, Local } from "../../kernel/kernel.ts";
import { loopsAround } from "../../kernel/nest.ts";
import { shareAmong } from "../../kernel/parts.ts";
import { LocalTable, rewriteExpression, type StoreStatement } from "../../kernel/walk.ts";
import { invariant } from "../../support/bug.ts";
import type { ComputeSet, Family, Field, TensorId, TiledTensor } from "../tiled.ts";
import { around, indexWithin, seenTogether } from "./fields.ts";
import { fieldKey, indexKey, type Member, type MemberFamily } from "./members.ts";

/** `unstored`: tensors that nothing else reads, of which every element is used where it is computed. */
export function joinedSet(tensors: readonly TiledTensor[], members: readonly Member[], unstored: ReadonlySet<TensorId>): ComputeSet {
  const { set, families } = members[0]!;
  const names = [...new Set(members.map((member) => member.set.name))];
  return {
    ...set, name: names.join(" + "), joined: members.map((member) => member.set.origin),
    families: families.map((_, j) => joinedFamily(tensors, members.map((member) => member.families[j]!), unstored)),
  };
}

function joinedFamily(tensors: readonly TiledTensor[], members: readonly MemberFamily[], unstored: ReadonlySet<TensorId>): Family {
  const { family, nest } = members[0]!;
  const fields = new JoinedFields(tensors, family.grid.length);
  const loads = new Forwarding(members);
  for (const [m, { family: one }] of members.entries()) {
    one.fields.forEach((field, buffer) => {
      if (field.access === "in" ? loads.isRead(m, buffer) : !unstored.has(field.tensor)) fields.add(field, one.kernel.buffers[buffer]!);
    });
  }
  const stores = members.flatMap((member, m) => member.nest.stores.flatMap((store): StoreStatement[] => {
    const of = member.family.fields;
    const value = loads.stored(m, store, (load) => {
      const at = fields.find(of[load.buffer]!);
      return { ...load, buffer: at, index: indexWithin(fields.list[at]!.field, of[load.buffer]!, family.grid.length, load.index) };
    });
    const to = of[store.buffer]!;
    return unstored.has(to.tensor) ? [] : [{ ...store, buffer: fields.find(to), value }];
  }));
  const locals = new LocalTable(nest.extents.map((_, depth): Local => ({ name: `i${depth}`, dtype: "i32", lanes: 1 })));
  const body = loopsAround(nest, shareAmong(stores, locals));
  const name = [...new Set(members.map((member) => member.family.name))].join(" + ");
  const kernel: Kernel = { name, buffers: fields.list.map(({ field, buffer }) => ({ ...buffer, shape: field.shape })), locals: locals.list, body, origin: family.origin };
  return { ...family, name, kernel, fields: fields.list.map(({ field }) => field) };
}

/** The fields of the joined vertex, each with its buffer: one for all reads that are seen together, one for each that is written. */
class JoinedFields {
  readonly list: { field: Field; readonly buffer: Buffer }[] = [];
  readonly #tensors: readonly TiledTensor[];
  readonly #grid: number;

  constructor(tensors: readonly TiledTensor[], grid: number) {
    this.#tensors = tensors;
    this.#grid = grid;
  }

  add(field: Field, buffer: Buffer): void {
    const known = field.access === "in" ? this.list.find((one) => this.#covers(one.field, field)) : undefined;
    if (known === undefined) this.list.push({ field, buffer });
    else known.field = around(known.field, field, this.#grid);
  }

  find(field: Field): BufferId {
    const found = this.list.findIndex((one) => (field.access === "in" ? this.#covers(one.field, field) : one.field === field));
    invariant(found !== -1, "a field that was not joined");
    return found;
  }

  #covers(known: Field, field: Field): boolean {
    return known.access === "in" && seenTogether(this.#tensors, known, field, this.#grid);
  }
}

/** What later members read of what earlier ones gave is handed over as it is computed. */
export class Forwarding {
  readonly #members: readonly MemberFamily[];
  /** What was stored, by field and index. */
  readonly #stored = new Map<string, Expression>();
  /** Fields of members that are read from memory, as `member buffer`. */
  readonly #read = new Set<string>();

  constructor(members: readonly MemberFamily[]) {
    this.#members = members;
    const written = new Set<string>();
    members.forEach(({ family, nest }, m) => {
      for (const { value } of nest.stores) {
        rewriteExpression(value, (one) => {
          if (one.kind === "load" && !written.has(elementKey(family, one.buffer, one.index))) this.#read.add(`${m} ${one.buffer}`);
          return one;
        });
      }
      for (const { buffer, index } of nest.stores) written.add(elementKey(family, buffer, index));
    });
  }

  isRead(member: number, buffer: BufferId): boolean {
    return this.#read.has(`${member} ${buffer}`);
  }

  /** The value of a store of a member, which later members may read; `load` makes loads of the member loads of the joined vertex. */
  stored(member: number, { buffer, index, value }: StoreStatement, load: (one: Extract<Expression, { kind: "load" }>) => Expression): Expression {
    const { family } = this.#members[member]!;
    const made = rewriteExpression(value, (one) => (one.kind === "load" ? (this.#stored.get(elementKey(family, one.buffer, one.index)) ?? load(one)) : one));
    this.#stored.set(elementKey(family, buffer, index), made);
    return made;
  }
}

const elementKey = ({ fields }: Family, buffer: BufferId, index: readonly Expression[]): string => `${fieldKey(fields[buffer]!)} ${indexKey(index)}`;
