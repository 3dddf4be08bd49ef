/**
 * Which values of a program share one piece of storage. A value that is dead when another is made, and that wants to be the
 * same thing (the variable of a loop and its next value, a tensor and its update, a result and the output it is written to)
 * becomes the same storage, so that nothing is copied. Otherwise the lowering copies.
 *
 * Live ranges over a linear order of the nodes, as in linear-scan register allocation (Poletto and Sarkar, 1999); merging of
 * ranges that do not interfere, as in Chaitin's coalescing. Needs nothing; gives a table from root value to storage.
 */
import { formatType, isStructural, type Block, type Graph, type Node, type Program, type StateId, type ValueId } from "../graph/graph.ts";
import { isIdentity, Views } from "./views.ts";

interface Loop {
  end: number;
}

interface Range {
  start: number;
  end: number;
  readonly loops: readonly Loop[];
  readonly node: Node | undefined;
}

/** Storage a value lives in: a state's own, or one of the program's. */
export interface Storage {
  readonly state: StateId | undefined;
  readonly members: readonly ValueId[];
}

export function assignStorage(graph: Graph, program: Program): ReadonlyMap<ValueId, Storage> {
  const liveness = new Liveness(graph);
  liveness.visitProgram(program);
  return new Coalescer(graph, liveness).run();
}

type Wish = { readonly kind: "same" | "state"; readonly a: ValueId; readonly b: ValueId | StateId };

/** Live ranges of the root values, and who wants to share with whom, the most wanted first. */
class Liveness {
  readonly ranges = new Map<ValueId, Range>();
  readonly nodeAt = new Map<number, Node>();
  readonly must: Wish[] = [];
  readonly inPlace: Wish[] = [];
  readonly carried: Wish[] = [];
  readonly written: Wish[] = [];
  readonly readOf = new Map<StateId, ValueId>();
  readonly views: Views;
  readonly graph: Graph;
  readonly #uses: { value: ValueId; at: number; loops: readonly Loop[] }[] = [];
  #position = 0;

  constructor(graph: Graph) {
    this.graph = graph;
    this.views = new Views(graph);
  }

  visitProgram(program: Program): void {
    this.#visit(program.body, []);
    const end = ++this.#position;
    for (const { a } of this.written) this.#uses.push({ value: a, at: end, loops: [] });
    for (const use of this.#uses) {
      const range = this.ranges.get(use.value)!;
      const outermost = use.loops[range.loops.length];
      range.end = Math.max(range.end, outermost ? outermost.end : use.at);
    }
  }

  #define(value: ValueId, loops: readonly Loop[], node?: Node): void {
    this.ranges.set(value, { start: this.#position, end: this.#position, loops, node });
  }

  #use(value: ValueId, loops: readonly Loop[]): ValueId {
    const { root } = this.views.of(value);
    this.#uses.push({ value: root, at: this.#position, loops });
    return root;
  }

  #whole(value: ValueId): boolean {
    const view = this.views.of(value);
    return isIdentity(view.map, this.graph.values[value]!.type.shape, view.shape);
  }

  #visit(block: Block, loops: readonly Loop[]): void {
    for (const node of block.nodes) this.#visitNode(node, loops);
  }

  #visitNode(node: Node, loops: readonly Loop[]): void {
    this.#position++;
    this.nodeAt.set(this.#position, node);
    for (const input of node.inputs) this.#use(input, loops);
    if (!isStructural(node.op)) {
      if (this.views.define(node)) return;
      for (const output of node.outputs) this.#define(output, loops, node);
      if (node.op === "update" && this.#whole(node.inputs[0]!)) this.inPlace.push({ kind: "same", a: node.outputs[0]!, b: this.views.of(node.inputs[0]!).root });
      return;
    }
    switch (node.op) {
      case "read":
        this.#define(node.outputs[0]!, loops, node);
        this.readOf.set(node.attributes["state"] as StateId, node.outputs[0]!);
        return;
      case "write":
        if (this.#whole(node.inputs[0]!)) this.written.push({ kind: "state", a: this.views.of(node.inputs[0]!).root, b: node.attributes["state"] as StateId });
        return;
      case "execute": {
        const { written } = this.graph.computeSets[node.attributes["computeSet"] as number]!;
        node.outputs.forEach((output, i) => {
          this.#define(output, loops, node);
          const operand = node.inputs[written[i]!]!;
          if (this.#whole(operand)) this.inPlace.push({ kind: "same", a: output, b: this.views.of(operand).root });
        });
        return;
      }
      case "repeat":
      case "while":
        this.#visitLoop(node, loops);
        return;
      case "if":
      case "switch":
        for (const region of node.regions) {
          this.#visit(region, loops);
          this.#position++;
          region.results.forEach((result, i) => {
            const root = this.#use(result, loops);
            if (this.#whole(result)) this.carried.push({ kind: "same", a: node.outputs[i]!, b: root });
          });
        }
        this.#position++;
        for (const output of node.outputs) this.#define(output, loops);
        return;
      default:
        for (const output of node.outputs) this.#define(output, loops, node);
    }
  }

  #visitLoop(node: Node, loops: readonly Loop[]): void {
    const loop: Loop = { end: 0 };
    const inside = [...loops, loop];
    const initial = node.op === "repeat" ? node.inputs.slice(1) : node.inputs;
    const body = node.regions.at(-1)!;
    // All regions of a loop have the same carried values: parameters of each are the same storage.
    body.parameters.forEach((parameter, i) => {
      this.#define(parameter, inside);
      if (this.#whole(initial[i]!)) this.carried.push({ kind: "same", a: parameter, b: this.views.of(initial[i]!).root });
    });
    if (node.op === "while") {
      const condition = node.regions[0]!;
      condition.parameters.forEach((parameter, i) => {
        this.#define(parameter, inside);
        this.must.push({ kind: "same", a: body.parameters[i]!, b: parameter });
      });
      this.#visit(condition, inside);
      this.#position++;
      for (const result of condition.results) this.#use(result, inside);
      // What the body's parameters hold must survive the condition.
      for (const parameter of body.parameters) this.ranges.get(parameter)!.end = this.#position;
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
      this.#define(output, loops);
      this.must.push({ kind: "same", a: body.parameters[i]!, b: output });
    });
  }
}

class Coalescer {
  readonly #graph: Graph;
  readonly #liveness: Liveness;
  readonly #classOf = new Map<ValueId, { members: ValueId[]; state: StateId | undefined }>();
  readonly #states = new Map<StateId, { members: ValueId[]; state: StateId | undefined }>();

  constructor(graph: Graph, liveness: Liveness) {
    this.#graph = graph;
    this.#liveness = liveness;
  }

  run(): ReadonlyMap<ValueId, Storage> {
    for (const value of this.#liveness.ranges.keys()) this.#classOf.set(value, { members: [value], state: undefined });
    for (const [state, value] of this.#liveness.readOf) {
      const storage = this.#classOf.get(value)!;
      storage.state = state;
      this.#states.set(state, storage);
    }
    for (const wish of this.#liveness.must) this.#merge(wish.a, wish.b, true);
    for (const wish of this.#liveness.inPlace) this.#merge(wish.a, wish.b, false);
    for (const wish of this.#liveness.carried) this.#merge(wish.a, wish.b, false);
    const taken = new Set<StateId>();
    for (const { a: value, b: state } of this.#liveness.written) {
      if (taken.has(state)) continue;
      taken.add(state);
      this.#mergeState(value, state);
    }
    return this.#classOf;
  }

  #merge(a: ValueId, b: ValueId, must: boolean): void {
    const left = this.#classOf.get(a)!;
    const right = this.#classOf.get(b)!;
    if (left === right) return;
    const [typeA, typeB] = [this.#graph.values[a]!.type, this.#graph.values[b]!.type];
    if (formatType(typeA) !== formatType(typeB)) return;
    if (!must && (!this.#mayJoin(left) || !this.#mayJoin(right))) return;
    if (!must && left.state !== undefined && right.state !== undefined) return;
    if (!must && left.members.some((x) => right.members.some((y) => this.#interferes(x, y)))) return;
    for (const member of right.members) this.#classOf.set(member, left);
    left.members.push(...right.members);
    if (right.state !== undefined) {
      left.state = right.state;
      this.#states.set(right.state, left);
    }
  }

  /** Only a state that the program writes anyway may be overwritten before its end. */
  #mayJoin(storage: { state: StateId | undefined }): boolean {
    if (storage.state === undefined) return true;
    return this.#liveness.written.some((wish) => wish.b === storage.state);
  }

  #mergeState(value: ValueId, state: StateId): void {
    const { role, type } = this.#graph.states[state]!;
    if (role !== "out" && role !== "var") return;
    const storage = this.#classOf.get(value)!;
    if (storage.state !== undefined || formatType(type) !== formatType(this.#graph.values[value]!.type)) return;
    const own = this.#states.get(state);
    if (own) {
      if (storage.members.some((x) => own.members.some((y) => this.#interferes(x, y)))) return;
      for (const member of own.members) this.#classOf.set(member, storage);
      storage.members.push(...own.members);
    }
    storage.state = state;
    this.#states.set(state, storage);
  }

  #interferes(x: ValueId, y: ValueId): boolean {
    const a = this.#liveness.ranges.get(x)!;
    const b = this.#liveness.ranges.get(y)!;
    if (a.start === b.start) return true;
    if (a.start < b.end && b.start < a.end) return true;
    if (a.end === b.start) return !this.#inPlace(x, b, y);
    if (b.end === a.start) return !this.#inPlace(y, a, x);
    return false;
  }

  /** Whether `made`, defined by its range's node, may overwrite `last`, read by that node for the last time. */
  #inPlace(last: ValueId, range: Range, made: ValueId): boolean {
    const { node } = range;
    if (!node) return true;
    const { views } = this.#liveness;
    const reads = node.inputs.filter((input) => views.of(input).root === last);
    const whole = (input: ValueId): boolean => {
      const view = views.of(input);
      return isIdentity(view.map, this.#graph.values[input]!.type.shape, view.shape);
    };
    switch (node.op) {
      case "map": return reads.every(whole);
      case "update": return views.of(node.inputs[0]!).root === last && whole(node.inputs[0]!);
      case "execute": {
        const { written } = this.#graph.computeSets[node.attributes["computeSet"] as number]!;
        const operand = written[node.outputs.indexOf(made)]!;
        return reads.length === 1 && node.inputs[operand] === reads[0] && whole(reads[0]!);
      }
      default: return reads.length === 0;
    }
  }
}
