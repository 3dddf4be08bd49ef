/**
 * Results that are made where they are wanted: what `concat`, `stack`, `pad` or an update would copy into a larger tensor is
 * computed in its part of that tensor, and seen there by all who read it. For memory that tiles share.
 *
 * A result has such a place when nothing else decides where it lies: its storage is its own. So is that of the larger tensor,
 * but for an `out` that is written once and never read; or the tensor is updated in place, has waited for this update since
 * before the result was made, and the update is all that reads the result. Both are made in one block. Neighbours along the last
 * axis stay neighbours, so that vectors can be stored; and nobody needs the result as a dense tensor, to see it in a shape that
 * is no affine map of it.
 */
import type { Block, Graph, Node, Program, StateId, TensorType, ValueId } from "../graph/graph.ts";
import { forEachNode } from "../graph/rewrite.ts";
import type { Lowering } from "../kernel/lowering.ts";
import { ops } from "../ops/table.ts";
import type { Affine } from "../support/affine.ts";
import type { Storage } from "./assign-storage.ts";
import { isIdentity } from "./views.ts";

export interface Place {
  /** The value that the result is a part of. */
  readonly within: ValueId;
  /** Index in it for each index of the result. */
  readonly map: readonly Affine[];
}

export function placeResults(graph: Graph, program: Program, storage: ReadonlyMap<ValueId, Storage>, uses: ReadonlyMap<ValueId, number>): ReadonlyMap<ValueId, Place> {
  const search = new PlaceSearch(graph, program, storage, uses);
  forEachNode(program.body, (node, block) => search.visit(node, block));
  return search.places;
}

/** Which input a lowering copies, as a whole, to its part of the node's result. */
export function copiedInput({ copies, reads: [read], space }: Lowering, types: readonly TensorType[]): number | undefined {
  if (copies !== true || read === undefined) return undefined;
  return isIdentity(read.index, space.map(({ extent }) => extent), types[read.operand]!.shape) ? read.operand : undefined;
}

/** Where a value is made, and after how many others. */
interface Maker {
  readonly node: Node;
  readonly block: Block;
  readonly at: number;
}

class PlaceSearch {
  readonly places = new Map<ValueId, Place>();
  readonly #graph: Graph;
  readonly #storage: ReadonlyMap<ValueId, Storage>;
  readonly #uses: ReadonlyMap<ValueId, number>;
  readonly #makers = new Map<ValueId, Maker>();
  /** Values that must lie dense. */
  readonly #dense = new Set<ValueId>();
  readonly #accesses = new Map<StateId, number>();

  constructor(graph: Graph, program: Program, storage: ReadonlyMap<ValueId, Storage>, uses: ReadonlyMap<ValueId, number>) {
    this.#graph = graph;
    this.#storage = storage;
    this.#uses = uses;
    let at = 0;
    forEachNode(program.body, (node, block) => {
      for (const output of node.outputs) this.#makers.set(output, { node, block, at: at++ });
      if (node.op === "read" || node.op === "write") {
        const state = node.attributes["state"] as StateId;
        this.#accesses.set(state, (this.#accesses.get(state) ?? 0) + 1);
      }
      if (node.op === "reshape" && !ops.get(node.op)!.view!(this.#type(node.inputs[0]!), node.attributes, this.#type(node.outputs[0]!))) this.#needDense(node.inputs[0]!);
    });
  }

  visit(node: Node, block: Block): void {
    if (node.op === "update") this.#visitUpdate(node, block);
    if (node.op !== "concat" && node.op !== "stack" && node.op !== "pad") return;
    const [output] = node.outputs as [ValueId];
    if (!this.#isOwn(output, true)) return;
    const types = node.inputs.map((input) => this.#type(input));
    const times = new Map<ValueId, number>();
    const copies = ops.get(node.op)!.lower!(types, node.attributes, this.#type(output)).map((lowering) => ({ input: node.inputs[copiedInput(lowering, types) ?? -1], map: lowering.writes[0]!.index }));
    // What a border repeats may be the whole tensor, if that has a single element.
    for (const { input } of copies) if (input !== undefined) times.set(input, (times.get(input) ?? 0) + 1);
    for (const { input, map } of copies) {
      if (input !== undefined && keepsNeighbours(map) && times.get(input) === 1 && this.#mayMove(input, block)) this.places.set(input, { within: output, map });
    }
  }

  #visitUpdate(node: Node, block: Block): void {
    const [base, value] = node.inputs as [ValueId, ValueId];
    const [output] = node.outputs as [ValueId];
    if (base === value || this.#uses.get(base) !== 1 || this.#uses.get(value) !== 1 || this.#storage.get(base) !== this.#storage.get(output)) return;
    const [before, maker] = [this.#makers.get(base), this.#makers.get(value)];
    if (!maker || (before && before.at >= maker.at)) return;
    const [box] = ops.get("update")!.lower!(node.inputs.map((input) => this.#type(input)), node.attributes, this.#type(output));
    const map = box?.writes[0]!.index;
    if (map && !this.#type(value).shape.includes(0) && keepsNeighbours(map) && this.#mayMove(value, block)) this.places.set(value, { within: base, map });
  }

  #type(value: ValueId): TensorType {
    return this.#graph.values[value]!.type;
  }

  #needDense(value: ValueId): void {
    this.#dense.add(value);
    const node = this.#makers.get(value)?.node;
    if (node && ops.get(node.op)?.kind === "view") this.#needDense(node.inputs[0]!);
  }

  #mayMove(value: ValueId, block: Block): boolean {
    const maker = this.#makers.get(value);
    const op = ops.get(maker?.node.op ?? "");
    if (maker?.block !== block || op?.kind !== "compute" || op.lower === undefined || op.inPlace === true || elsewhere.has(op.name)) return false;
    return !this.places.has(value) && !this.#dense.has(value) && this.#isOwn(value, false);
  }

  /** Whether nothing shares the value's storage, `orOut`: but an output that is written once, with it. */
  #isOwn(value: ValueId, orOut: boolean): boolean {
    const { members, state } = this.#storage.get(value)!;
    if (members.length !== 1) return false;
    return state === undefined || (orOut && this.#graph.states[state]!.role === "out" && this.#accesses.get(state) === 1);
  }
}

/** Ops that say themselves where their result lies. */
const elsewhere: ReadonlySet<string> = new Set(["update", "map_update", "constant", "fill"]);

/** Whether elements next to each other in a result's last axis are so in the larger tensor. */
function keepsNeighbours(map: readonly Affine[]): boolean {
  const rank = map[0]?.coefficients.length ?? 0;
  return rank === 0 || map.every(({ coefficients }, axis) => coefficients[rank - 1] === (axis === map.length - 1 ? 1 : 0));
}
