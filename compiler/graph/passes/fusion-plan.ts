/**
 * Decides, for one block, which elementwise nodes are computed inside their consumers and which get memory of their own.
 *
 * A group is what becomes one `map` or `map_reduce`: its root, whose result is stored, and the producers computed inside.
 * Nodes are visited from the last to the first, so all consumers of a value are decided before its producer. Each leaves a
 * demand with its operands: which group wants the element, seen through which views. From the demands on a node follows:
 *
 * - somebody needs it in memory (another op, an inner region, a result of the block): it is a root;
 * - one group wants it, through the same views: it is computed there, and the value is never stored;
 * - several groups want it, or one through different views: it is computed in each if it is cheap and reading its operands
 *   that often costs no more memory traffic than storing it once and reading it back; else it is a root. So is what finishes
 *   the result of a product or another op that fuse-results lets a map be part of: it is stored there instead of that.
 *
 * The work is linear in the nodes: a value has at most `limits.copies` demands, more are a need for memory.
 */
import { bytesOf } from "../../../runtime/dtype.ts";
import { ops } from "../../ops/table.ts";
import { isStored, wantedPartition, type Block, type Node, type TensorType, type ValueId } from "../graph.ts";
import { argumentsFor, measureBody, scalarFunction, type BodyMeasure } from "../scalar-body.ts";
import { extendPath, noViews, type ViewPath } from "./view-path.ts";

/** What keeps the code of a group bounded. */
export const limits = {
  /** Tensors a group reads. */
  inputs: 16,
  /** Operations of a body, written as a tree. */
  size: 128,
  /** Nesting of a body. */
  depth: 64,
  /** How often a producer may be computed. */
  copies: 4,
  /** Operations of a producer that is computed several times. */
  cheap: 4,
  /** Operations of a producer computed several times together with those it is computed in. */
  recomputed: 8,
} as const;

/** Facts about the whole graph that plans of its blocks use. */
export interface FusionFacts {
  type(value: ValueId): TensorType;
  definition(value: ValueId): Node | undefined;
  /** Whether the value is a fill, or a view of one: it becomes a constant in a body. */
  isConstant(value: ValueId): boolean;
  /** Whether the value lies in memory in row-major order: no view but a reshape. */
  isDense(value: ValueId): boolean;
  /** Whether a block inside of the one that defines the value uses it. */
  isCaptured(value: ValueId): boolean;
  /** How often the value is used. */
  uses(value: ValueId): number;
}

interface Group {
  size: number;
  /** Operand and views, by key. */
  readonly inputs: Set<string>;
}

interface Demand {
  readonly group: Group;
  readonly path: ViewPath;
  /** How often the value stands in the group's body, written as a tree. */
  occurrences: number;
  /** How deep it stands there. */
  depth: number;
  /** Operations around it in the group that are computed more than once. */
  recomputed: number;
}

const memory = "memory";
type Demands = Demand[] | typeof memory;

export class FusionPlan {
  readonly #facts: FusionFacts;
  readonly #demands = new Map<ValueId, Demands>();
  readonly #inlined = new Set<Node>();

  constructor(block: Block, facts: FusionFacts) {
    this.#facts = facts;
    for (const result of block.results) this.#demands.set(result, memory);
    for (const node of block.nodes.toReversed()) this.#visit(node);
  }

  /** Whether the elementwise node is computed inside its consumers, and has no value of its own. */
  isInlined(node: Node): boolean {
    return this.#inlined.has(node);
  }

  #visit(node: Node): void {
    if (node.regions.length > 0 || node.outputs.length !== 1) return this.#needAll(node);
    const output = node.outputs[0]!;
    if (this.#facts.isCaptured(output)) this.#demands.set(output, memory);
    const type = this.#facts.type(output);
    if (ops.get(node.op)?.kind === "view") return this.#passOn(node, type);
    const scalar = scalarFunction(node, type);
    if (scalar !== undefined) {
      const body = scalar(argumentsFor(node.inputs.map((input) => this.#facts.type(input))));
      return this.#place(node, measureBody(body, node.inputs.length));
    }
    if (node.op === "reduce" || node.op === "mean") return this.#root(node, { size: 0, depth: 0, expensive: false, uses: [1] });
    return this.#needAll(node);
  }

  #needAll(node: Node): void {
    for (const input of node.inputs) this.#demands.set(input, memory);
  }

  /** What is wanted of a view is wanted of its input, seen through the view. */
  #passOn(view: Node, type: TensorType): void {
    const [input] = view.inputs as [ValueId];
    const demands = this.#demands.get(view.outputs[0]!);
    const path = (demand: Demand): ViewPath | undefined => extendPath(view, type, this.#facts.type(input), demand.path);
    if (demands === undefined) return;
    if (demands === memory || demands.some((demand) => path(demand) === undefined)) this.#demands.set(input, memory);
    else {
      for (const demand of demands) {
        const through = path(demand)!;
        demand.group.inputs.delete(inputKey(view.outputs[0]!, demand.path));
        if (!this.#facts.isConstant(input)) demand.group.inputs.add(inputKey(input, through));
        this.#want(input, { ...demand, path: through });
      }
    }
  }

  /** An elementwise node: inside its consumers, or a root. */
  #place(node: Node, measure: BodyMeasure): void {
    const demands = this.#demands.get(node.outputs[0]!);
    if (demands === undefined || demands === memory || wantedPartition(node) !== undefined || isStored(node) || !this.#mayInline(node, measure, demands)) return this.#root(node, measure);
    this.#inlined.add(node);
    for (const demand of demands) {
      demand.group.size += demand.occurrences * measure.size;
      demand.group.inputs.delete(inputKey(node.outputs[0]!, demand.path));
      this.#wantOperands(node, measure, { ...demand, recomputed: demand.recomputed + (demands.length > 1 ? measure.size : 0) });
    }
  }

  #root(node: Node, measure: BodyMeasure): void {
    const group: Group = { size: measure.size, inputs: new Set() };
    this.#wantOperands(node, measure, { group, path: noViews, occurrences: 1, depth: 0, recomputed: 0 });
  }

  #wantOperands(node: Node, measure: BodyMeasure, by: Demand): void {
    node.inputs.forEach((input, k) => {
      if (this.#facts.isConstant(input)) return;
      by.group.inputs.add(inputKey(input, by.path));
      this.#want(input, { ...by, occurrences: by.occurrences * measure.uses[k]!, depth: by.depth + measure.depth });
    });
  }

  #want(value: ValueId, demand: Demand): void {
    const demands = this.#demands.get(value);
    if (demands === memory) return;
    if (demands === undefined) {
      this.#demands.set(value, [demand]);
      return;
    }
    const same = demands.find((other) => other.group === demand.group && other.path === demand.path);
    if (same !== undefined) {
      same.occurrences += demand.occurrences;
      same.depth = Math.max(same.depth, demand.depth);
      same.recomputed = Math.max(same.recomputed, demand.recomputed);
    } else if (demands.length < limits.copies) demands.push(demand);
    else this.#demands.set(value, memory);
  }

  #mayInline(node: Node, measure: BodyMeasure, demands: readonly Demand[]): boolean {
    if (demands.length > 1 && !this.#worthRecomputing(node, measure, demands)) return false;
    if (demands.some((demand) => demand.path.reordersMemory) && !node.inputs.every((input) => this.#facts.isConstant(input) || this.#facts.isDense(input))) return false;
    return demands.every((demand) => demand.depth + measure.depth <= limits.depth && this.#hasRoom(demand.group, node, measure, demands));
  }

  /** Whether a group stays within the limits when the node is computed in it, as often as the demands say. */
  #hasRoom(group: Group, node: Node, measure: BodyMeasure, demands: readonly Demand[]): boolean {
    const ofGroup = demands.filter((demand) => demand.group === group);
    const size = ofGroup.reduce((sum, demand) => sum + demand.occurrences * measure.size, group.size);
    if (size > limits.size) return false;
    const operands = node.inputs.filter((input) => !this.#facts.isConstant(input));
    const added = new Set(ofGroup.flatMap((demand) => operands.map((input) => inputKey(input, demand.path))));
    const fresh = [...added].filter((key) => !group.inputs.has(key)).length;
    return group.inputs.size - ofGroup.length + fresh <= limits.inputs;
  }

  #finishesResult(node: Node): boolean {
    return node.inputs.some((input) => this.#facts.uses(input) === 1 && ops.get(this.#facts.definition(input)?.op ?? "")?.stores === "once" && !this.#facts.isCaptured(input));
  }

  /** Cheap, and no more bytes moved than by storing the value once and reading it `copies` times. */
  #worthRecomputing(node: Node, measure: BodyMeasure, demands: readonly Demand[]): boolean {
    if (measure.expensive || measure.size > limits.cheap || this.#finishesResult(node)) return false;
    if (demands.some((demand) => demand.recomputed + measure.size > limits.recomputed)) return false;
    const bytes = (value: ValueId): number => bytesOf(this.#facts.type(value).dtype);
    const read = [...new Set(node.inputs)].filter((input) => !this.#facts.isConstant(input)).reduce((sum, input) => sum + bytes(input), 0);
    const written = bytes(node.outputs[0]!);
    const copies = demands.length;
    return copies * read <= read + (1 + copies) * written;
  }
}

const inputKey = (value: ValueId, path: ViewPath): string => `${value}@${path.id}`;

