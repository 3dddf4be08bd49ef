/**
 * Which values of a program share one piece of storage. A value that is dead when another is made, and that wants to be the
 * same thing (the variable of a loop and its next value, a tensor and its update, a result and the output it is written to)
 * becomes the same storage, so that nothing is copied. Otherwise the lowering copies.
 *
 * Live ranges over a linear order of the nodes, as in linear-scan register allocation (Poletto and Sarkar, 1999), with holes
 * (Traub, Holloway and Smith, 1998): what one arm of a branch still needs is not alive in the others. Merging of ranges that
 * do not interfere is Chaitin's coalescing. Needs nothing; gives a table from root value to storage.
 */
import { sizeOf } from "../../runtime/dtype.ts";
import { formatType, isStructural, type Block, type Graph, type Node, type Program, type StateId, type TensorType, type ValueId } from "../graph/graph.ts";
import { changesInput } from "../graph/rewrite.ts";
import { computeMapOf } from "../ops/fused/compute-map.ts";
import { coveredPart, place, type Scope, type Segment, type Use } from "./live-segments.ts";
import { isIdentity, keepsOrder, Views } from "./views.ts";

interface Definition {
  readonly at: number;
  readonly scopes: readonly Scope[];
  readonly node: Node | undefined;
}

/** Storage a value lives in: a state's own, or one of the program's. */
export interface Storage {
  readonly state: StateId | undefined;
  readonly members: readonly ValueId[];
}

/** `anyShape`: a value may be stored in a state of another shape, as many elements in the same order. */
export function assignStorage(graph: Graph, program: Program, anyShape = false): ReadonlyMap<ValueId, Storage> {
  const liveness = new Liveness(graph, anyShape);
  liveness.visitProgram(program);
  return new Coalescer(graph, liveness, anyShape).run();
}

type Wish = { readonly kind: "same" | "state"; readonly a: ValueId; readonly b: ValueId | StateId };

/** Definitions and uses of the root values, and who wants to share with whom, the most wanted first. */
class Liveness {
  readonly definitions = new Map<ValueId, Definition>();
  readonly uses = new Map<ValueId, Use[]>();
  /** Values that are another value under a second name: parameters of a loop's condition, a state that is read again. */
  readonly same = new Map<ValueId, ValueId>();
  readonly must: Wish[] = [];
  readonly inPlace: Wish[] = [];
  readonly carried: Wish[] = [];
  readonly written: Wish[] = [];
  readonly readOf = new Map<StateId, ValueId>();
  readonly views: Views;
  readonly graph: Graph;
  readonly anyShape: boolean;
  #position = 0;

  constructor(graph: Graph, anyShape: boolean) {
    this.graph = graph;
    this.anyShape = anyShape;
    this.views = new Views(graph);
  }

  visitProgram(program: Program): void {
    this.#visit(program.body, []);
    this.#position++;
    for (const { a } of this.written) this.#use(a, []);
  }

  /** The value that is stored, seen from one that may be a view of it or a second name for it. */
  rootOf(value: ValueId): ValueId {
    const { root } = this.views.of(value);
    return this.same.get(root) ?? root;
  }

  segmentsOf(value: ValueId): Segment[] {
    const { at, scopes } = this.definitions.get(value)!;
    return coveredPart(value, at, scopes.length, this.uses.get(value)!);
  }

  #define(value: ValueId, scopes: readonly Scope[], node?: Node): void {
    this.definitions.set(value, { at: this.#position, scopes, node });
    this.uses.set(value, []);
  }

  #use(value: ValueId, scopes: readonly Scope[]): ValueId {
    const root = this.rootOf(value);
    this.uses.get(root)!.push(place(this.#position, scopes, this.definitions.get(root)!.scopes.length));
    return root;
  }

  #whole(value: ValueId): boolean {
    const view = this.views.of(value);
    return isIdentity(view.map, this.graph.values[value]!.type.shape, view.shape);
  }

  /** Whether a value is all of its root, in any shape where that may be stored so. */
  #all(value: ValueId): boolean {
    const view = this.views.of(value);
    return this.#whole(value) || (this.anyShape && keepsOrder(view.map, this.graph.values[value]!.type.shape, view.shape));
  }

  #visit(block: Block, scopes: readonly Scope[]): void {
    for (const node of block.nodes) this.#visitNode(node, scopes);
  }

  #visitNode(node: Node, scopes: readonly Scope[]): void {
    this.#position++;
    for (const input of node.inputs) this.#use(input, scopes);
    if (!isStructural(node.op)) {
      if (this.views.define(node)) return;
      for (const output of node.outputs) this.#define(output, scopes, node);
      if (changesInput(node) && this.#whole(node.inputs[0]!)) this.inPlace.push({ kind: "same", a: node.outputs[0]!, b: this.rootOf(node.inputs[0]!) });
      return;
    }
    switch (node.op) {
      case "read": {
        const state = node.attributes["state"] as StateId;
        const known = this.readOf.get(state);
        if (known !== undefined) {
          this.same.set(node.outputs[0]!, known);
          return;
        }
        this.#define(node.outputs[0]!, scopes, node);
        this.readOf.set(state, node.outputs[0]!);
        return;
      }
      case "write":
        if (this.#all(node.inputs[0]!)) this.written.push({ kind: "state", a: this.rootOf(node.inputs[0]!), b: node.attributes["state"] as StateId });
        return;
      case "execute": {
        const { written } = this.graph.computeSets[node.attributes["computeSet"] as number]!;
        node.outputs.forEach((output, i) => {
          this.#define(output, scopes, node);
          const operand = node.inputs[written[i]!]!;
          if (this.#whole(operand)) this.inPlace.push({ kind: "same", a: output, b: this.rootOf(operand) });
        });
        return;
      }
      case "repeat":
      case "while":
        this.#visitLoop(node, scopes);
        return;
      case "if":
      case "switch": {
        const at = this.#position;
        for (const region of node.regions) {
          const arm = [...scopes, { kind: "arm", at, start: ++this.#position } as const];
          this.#visit(region, arm);
          this.#position++;
          region.results.forEach((result, i) => {
            const root = this.#use(result, arm);
            if (this.#whole(result)) this.carried.push({ kind: "same", a: node.outputs[i]!, b: root });
          });
        }
        this.#position++;
        for (const output of node.outputs) this.#define(output, scopes);
        return;
      }
      default:
        for (const output of node.outputs) this.#define(output, scopes, node);
    }
  }

  #visitLoop(node: Node, scopes: readonly Scope[]): void {
    const loop: { kind: "loop"; end: number } = { kind: "loop", end: Infinity };
    const inside = [...scopes, loop];
    const initial = node.op === "repeat" ? node.inputs.slice(1) : node.inputs;
    const body = node.regions.at(-1)!;
    // All regions of a loop have the same carried values: parameters of each are the same storage.
    body.parameters.forEach((parameter, i) => {
      this.#define(parameter, inside);
      if (this.#whole(initial[i]!)) this.carried.push({ kind: "same", a: parameter, b: this.rootOf(initial[i]!) });
    });
    if (node.op === "while") {
      const condition = node.regions[0]!;
      condition.parameters.forEach((parameter, i) => this.same.set(parameter, body.parameters[i]!));
      this.#visit(condition, inside);
      this.#position++;
      for (const result of condition.results) this.#use(result, inside);
      // What the body's parameters hold must survive the condition.
      for (const parameter of body.parameters) this.#use(parameter, inside);
    }
    this.#visit(body, inside);
    this.#position++;
    body.results.forEach((result, i) => {
      const root = this.#use(result, inside);
      if (this.#whole(result)) this.carried.push({ kind: "same", a: body.parameters[i]!, b: root });
    });
    loop.end = ++this.#position;
    this.#position++;
    node.outputs.forEach((output, i) => {
      this.#define(output, scopes);
      this.must.push({ kind: "same", a: body.parameters[i]!, b: output });
    });
  }
}

/** Values that share storage; their segments do not overlap and are in order. */
interface Class {
  members: ValueId[];
  segments: Segment[];
  state: StateId | undefined;
}

class Coalescer {
  readonly #graph: Graph;
  readonly #liveness: Liveness;
  readonly #classOf = new Map<ValueId, Class>();
  readonly #states = new Map<StateId, Class>();
  readonly #writtenStates: ReadonlySet<StateId>;
  readonly #anyShape: boolean;

  constructor(graph: Graph, liveness: Liveness, anyShape: boolean) {
    this.#graph = graph;
    this.#anyShape = anyShape;
    this.#liveness = liveness;
    this.#writtenStates = new Set(liveness.written.map(({ b }) => b));
  }

  run(): ReadonlyMap<ValueId, Storage> {
    for (const value of this.#liveness.definitions.keys()) this.#classOf.set(value, { members: [value], segments: this.#liveness.segmentsOf(value), state: undefined });
    for (const [state, value] of this.#liveness.readOf) {
      const storage = this.#classOf.get(value)!;
      storage.state = state;
      this.#states.set(state, storage);
    }
    for (const wish of this.#liveness.must) this.#merge(wish.a, wish.b, true);
    for (const wish of this.#liveness.inPlace) this.#merge(wish.a, wish.b, false);
    for (const wish of this.#liveness.carried) this.#merge(wish.a, wish.b, false);
    const taken = new Set<StateId>();
    for (const { a: value, b: state } of this.#mappedFirst()) {
      if (taken.has(state)) continue;
      taken.add(state);
      this.#mergeState(value, state);
    }
    for (const [value, known] of this.#liveness.same) this.#classOf.set(value, this.#classOf.get(known)!);
    return this.#classOf;
  }

  /** What is written to states: of several that want one value that has it whom the user has mapped, so that it is computed there. */
  #mappedFirst(): readonly Wish[] {
    const isMapped = ({ b: state }: Wish): boolean => this.#graph.states[state]!.mapping !== undefined;
    const { written } = this.#liveness;
    return [...written.filter(isMapped), ...written.filter((wish) => !isMapped(wish))];
  }

  #merge(a: ValueId, b: ValueId, must: boolean): void {
    const left = this.#classOf.get(a)!;
    const right = this.#classOf.get(b)!;
    if (left === right) return;
    const [typeA, typeB] = [this.#graph.values[a]!.type, this.#graph.values[b]!.type];
    if (formatType(typeA) !== formatType(typeB)) return;
    if (!must) {
      if (!this.#mayJoin(left) || !this.#mayJoin(right)) return;
      if (left.state !== undefined && right.state !== undefined) return;
      if (this.#interfere(left, right)) return;
    }
    this.#join(left, right);
  }

  /** The smaller becomes part of the larger. */
  #join(left: Class, right: Class): void {
    const [into, from] = left.members.length >= right.members.length ? [left, right] : [right, left];
    for (const member of from.members) {
      this.#classOf.set(member, into);
      into.members.push(member);
    }
    for (const segment of from.segments) into.segments.splice(firstFrom(into.segments, segment.start), 0, segment);
    if (from.state !== undefined) into.state = from.state;
    if (into.state !== undefined) this.#states.set(into.state, into);
  }

  /** Only a state that the program writes anyway may be overwritten before its end. */
  #mayJoin(storage: Class): boolean {
    return storage.state === undefined || this.#writtenStates.has(storage.state);
  }

  #mergeState(value: ValueId, state: StateId): void {
    const { role, type } = this.#graph.states[state]!;
    if (role !== "out" && role !== "var" && role !== "derived") return;
    const storage = this.#classOf.get(value)!;
    if (storage.state !== undefined || !this.#fits(this.#graph.values[value]!.type, type)) return;
    const own = this.#states.get(state);
    if (!own) {
      storage.state = state;
      this.#states.set(state, storage);
    } else if (!this.#interfere(storage, own)) this.#join(storage, own);
  }

  #fits(value: TensorType, state: TensorType): boolean {
    return formatType(value) === formatType(state) || (this.#anyShape && value.dtype === state.dtype && sizeOf(value.shape) === sizeOf(state.shape));
  }

  #interfere(left: Class, right: Class): boolean {
    const [few, many] = left.segments.length <= right.segments.length ? [left.segments, right.segments] : [right.segments, left.segments];
    return few.some((segment) => {
      let at = Math.max(0, firstFrom(many, segment.start) - 1);
      for (; at < many.length && many[at]!.start <= segment.end; at++) if (this.#overlap(segment, many[at]!)) return true;
      return false;
    });
  }

  #overlap(a: Segment, b: Segment): boolean {
    if (a.start === b.start) return true;
    if (a.start < b.end && b.start < a.end) return true;
    if (a.end === b.start) return !this.#handsOver(a, b);
    if (b.end === a.start) return !this.#handsOver(b, a);
    return false;
  }

  /** Whether the value of `next` is made where `last` is read for the last time, and may overwrite it. */
  #handsOver(last: Segment, next: Segment): boolean {
    const made = this.#liveness.definitions.get(next.value)!;
    return made.at === next.start && this.#inPlace(last.value, made.node, next.value);
  }

  /** Whether `made`, defined by this node, may overwrite `last`, read by that node for the last time. */
  #inPlace(last: ValueId, node: Node | undefined, made: ValueId): boolean {
    if (!node) return true;
    const { views } = this.#liveness;
    const isLast = (input: ValueId): boolean => this.#liveness.rootOf(input) === last;
    const whole = (input: ValueId): boolean => {
      const view = views.of(input);
      return isIdentity(view.map, this.#graph.values[input]!.type.shape, view.shape);
    };
    const reads = node.inputs.filter(isLast);
    // What else a map_update reads of the tensor are the elements it writes (fuse-updates).
    if (changesInput(node)) return isLast(node.inputs[0]!) && whole(node.inputs[0]!);
    switch (node.op) {
      case "map": return reads.every(whole);
      // The op's own operands are read while its result is written; the map's are each read where the result is written.
      case "compute_map": return !node.inputs.slice(0, computeMapOf(node.attributes).count).some(isLast) && reads.every(whole);
      case "execute": {
        const { written } = this.#graph.computeSets[node.attributes["computeSet"] as number]!;
        const operand = written[node.outputs.indexOf(made)]!;
        return reads.length === 1 && node.inputs[operand] === reads[0] && whole(reads[0]!);
      }
      default: return reads.length === 0;
    }
  }
}

/** Position of the first segment that starts at `start` or later. */
function firstFrom(segments: readonly Segment[], start: number): number {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (segments[middle]!.start < start) low = middle + 1;
    else high = middle;
  }
  return low;
}
