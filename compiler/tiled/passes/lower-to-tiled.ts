/**
 * lower-to-tiled: graph → tiled. Every value gets storage, every op becomes a compute set of vertex families, every carried
 * or written value that does not already lie where it belongs is copied, and what a vertex needs from another tile is an
 * explicit copy around its compute set. Needs a fused graph; gives steps in program order, not yet grouped into supersteps.
 */
import { sizeOf } from "../../../runtime/dtype.ts";
import type { Lowering } from "../../kernel/lowering.ts";
import { isStructural, type Block, type Graph, type Node, type Program, type StateId, type TensorType, type ValueId } from "../../graph/graph.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { ops } from "../../ops/table.ts";
import { affineConstant, affineIndex, composeMap, identityMap } from "../../support/affine.ts";
import { invariant } from "../../support/bug.ts";
import { error } from "../../support/diagnostic.ts";
import type { Pass, PassContext } from "../../support/pass.ts";
import type { Span } from "../../support/span.ts";
import { assignStorage, type Storage } from "../assign-storage.ts";
import { bindFamily } from "../bind-fields.ts";
import { distribute, evenDistribution, mappedDistribution, onOneTile, reshapeDistribution } from "../distribution.ts";
import { draftFamilies, type DraftFamily, type SplitOptions, type TensorView } from "../families.ts";
import { copyLowering, partialResultsLowering, sliceWriteLowering } from "../lowerings.ts";
import { partition } from "../partition/partition.ts";
import { workOf } from "../partition/splits.ts";
import { placeFamilies } from "../place-families.ts";
import { Tensors } from "../tensors.ts";
import type { ComputeSet, Copy, HostAction, Step, TensorId, TiledGraph, TiledProgram, TiledState } from "../tiled.ts";
import { isIdentity, Views } from "../views.ts";

interface Assignment {
  readonly to: TensorId;
  from: TensorView;
  readonly origin: Span;
}

export const lowerToTiled: Pass<Graph, TiledGraph> = {
  name: "lower-to-tiled",
  summary: "splits every op over the tiles and says where each tensor lives",
  run: lower,
};

function lower(graph: Graph, context: PassContext): TiledGraph {
  const tensors = new Tensors(context.target);
  const states = graph.states.map((state, id): TiledState => {
    const mapping = state.mapping ? mappedDistribution(state.type.shape, state.mapping, context.target.tiles) : undefined;
    if (state.mapping && !mapping) context.report(error("limit-exceeded", state.mapping.pieces[0]!.origin, `the mapping of ${state.name} cuts it into more than 4,194,304 blocks`));
    const shared = context.target.memory === "shared";
    const isStream = state.role === "stream in" || state.role === "stream out";
    const host = tensors.add({ name: state.name, type: state.type, origin: state.origin, persistent: true, storage: "whole", distribution: shared ? mapping : isStream || !shared ? onOneTile(state.type.shape) : undefined });
    if (shared || isStream) return { state: id, host, device: host };
    return { state: id, host, device: tensors.add({ name: state.name, type: state.type, origin: state.origin, persistent: true, distribution: mapping }) };
  });
  const constants: { tensor: TensorId; data: Tensor }[] = [];
  const shared = { graph, context, tensors, states, constants, prologue: [] as Step[] };
  const programs = graph.programs.map((program) => new ProgramLowering(shared, program).run());
  const initial = new ProgramLowering(shared, graph.initial).run();
  return {
    graph, tiles: context.target.tiles, tensors: tensors.finish(), states, constants, programs,
    initial: { ...initial, steps: [...shared.prologue, ...initial.steps] },
  };
}

interface Shared {
  readonly graph: Graph;
  readonly context: PassContext;
  readonly tensors: Tensors;
  readonly states: readonly TiledState[];
  readonly constants: { tensor: TensorId; data: Tensor }[];
  /** Steps that bring constants to private memories, once. */
  readonly prologue: Step[];
}

class ProgramLowering {
  readonly #shared: Shared;
  readonly #graph: Graph;
  readonly #tensors: Tensors;
  readonly #program: Program;
  readonly #views: Views;
  readonly #storage: ReadonlyMap<ValueId, Storage>;
  readonly #tensorOf = new Map<Storage, TensorId>();
  readonly #bindings = new Map<ValueId, TensorView>();
  readonly #scalars = new Map<ValueId, number>();
  /** Values that something computes with; the count of a `repeat` need not be stored when it is known. */
  readonly #stored = new Set<ValueId>();
  readonly #reads = new Set<StateId>();
  readonly #writes = new Set<StateId>();
  #steps: Step[] = [];

  constructor(shared: Shared, program: Program) {
    this.#shared = shared;
    this.#graph = shared.graph;
    this.#tensors = shared.tensors;
    this.#program = program;
    this.#views = new Views(shared.graph);
    this.#storage = assignStorage(shared.graph, program);
    const note = (block: Block): void => {
      for (const node of block.nodes) {
        for (const input of node.op === "repeat" ? node.inputs.slice(1) : node.inputs) this.#stored.add(input);
        node.regions.forEach(note);
      }
      for (const result of block.results) this.#stored.add(result);
    };
    note(program.body);
  }

  run(): TiledProgram {
    this.#block(this.#program.body);
    const moved = (id: StateId): boolean => this.#shared.states[id]!.host !== this.#shared.states[id]!.device;
    const transfers = (ids: Iterable<StateId>, role: string, direction: "pull" | "push"): Step[] => {
      const copies = [...ids].filter((id) => moved(id) && this.#graph.states[id]!.role === role).map((id) => this.#hostCopy(this.#shared.states[id]!.device, this.#shared.states[id]!.host, direction, this.#graph.states[id]!.origin));
      return copies.length === 0 ? [] : [{ kind: "copy", copies, origin: this.#program.origin }];
    };
    return {
      name: this.#program.name,
      steps: [...transfers(this.#reads, "in", "pull"), ...this.#steps, ...transfers(this.#writes, "out", "push")],
      reads: [...this.#reads], writes: [...this.#writes], origin: this.#program.origin,
    };
  }

  // ---- values and where they are

  #type(value: ValueId): TensorType {
    return this.#graph.values[value]!.type;
  }

  #tensorFor(value: ValueId): TensorId {
    const storage = this.#storage.get(value)!;
    if (storage.state !== undefined) return this.#shared.states[storage.state]!.device;
    const known = this.#tensorOf.get(storage);
    if (known !== undefined) return known;
    const { type, origin, name } = this.#graph.values[value]!;
    const named = name ?? storage.members.map((member) => this.#graph.values[member]!.name).find((candidate) => candidate !== undefined);
    const tensor = this.#tensors.add({ name: named ?? `%${value}`, type, origin });
    this.#tensorOf.set(storage, tensor);
    return tensor;
  }

  #view(value: ValueId): TensorView {
    const known = this.#bindings.get(value);
    if (known) return known;
    const made = this.#tensors.whole(this.#tensorFor(value));
    this.#bindings.set(value, made);
    return made;
  }

  #isWhole(view: TensorView, shape: readonly number[]): boolean {
    return isIdentity(view.map, shape, this.#tensors.type(view.tensor).shape);
  }

  /** The value in a tensor of its own shape: where it is, or copied into a new one. */
  #materialise(value: ValueId, origin: Span): TensorId {
    const type = this.#type(value);
    const view = this.#view(value);
    if (this.#isWhole(view, type.shape)) return view.tensor;
    return this.#copyToNew(view, type, origin);
  }

  #copyToNew(from: TensorView, type: TensorType, origin: Span): TensorId {
    const to = this.#tensors.add({ name: `copy of ${this.#tensors.name(from.tensor)}`, type, origin });
    this.#compute([copyLowering(type.shape)], [from], to, origin);
    return to;
  }

  #hostCopy(device: TensorId, host: TensorId, direction: "pull" | "push", origin: Span): Copy {
    const { shape } = this.#tensors.type(device);
    const { grid } = this.#tensors.distribution(device);
    return {
      direction, driver: device, other: host, map: identityMap(shape.length), range: grid.map((count) => ({ start: 0, count })),
      cause: direction === "pull" ? "comes from the host" : "goes to the host", origin,
    };
  }

  // ---- nodes

  #block(block: Block): void {
    const { nodes } = block;
    for (let i = 0; i < nodes.length; i++) {
      const node = nodes[i]!;
      if (node.op !== "write") {
        this.#node(node);
        continue;
      }
      // Writes at the end of a program happen together: each reads what was there before all of them.
      const writes: Node[] = [];
      while (nodes[i]?.op === "write") writes.push(nodes[i++]!);
      i--;
      this.#assign(writes.map((write) => {
        const state = write.attributes["state"] as StateId;
        this.#writes.add(state);
        return { to: this.#shared.states[state]!.device, from: this.#view(write.inputs[0]!), origin: write.origin };
      }));
    }
  }

  #nested(build: () => void): Step[] {
    const outer = this.#steps;
    this.#steps = [];
    build();
    const inner = this.#steps;
    this.#steps = outer;
    return inner;
  }

  #node(node: Node): void {
    if (isStructural(node.op)) return this.#structural(node);
    const output = node.outputs[0]!;
    if (ops.get(node.op)?.kind === "view") {
      if (this.#views.define(node)) this.#bindView(node);
      else this.#storeReshape(node);
      return;
    }
    switch (node.op) {
      case "constant": return this.#constant(node);
      case "update": return this.#update(node);
      case "fill":
        if (this.#type(output).shape.length > 0) break;
        this.#scalars.set(output, Number(node.attributes["value"]));
        if (!this.#stored.has(output)) return;
        break;
    }
    const op = ops.get(node.op);
    invariant(op, `unknown op ${node.op}`);
    const lowerings = op.lower?.(node.inputs.map((input) => this.#type(input)), node.attributes, this.#type(output));
    if (!lowerings) {
      this.#shared.context.report(error("not-supported", node.origin, `${node.op} cannot be compiled yet, only interpreted`));
      return;
    }
    this.#compute(lowerings, node.inputs.map((input) => this.#view(input)), this.#tensorFor(output), node.origin);
  }

  #bindView(node: Node): void {
    const input = this.#view(node.inputs[0]!);
    const inputType = this.#type(node.inputs[0]!);
    const type = this.#type(node.outputs[0]!);
    const map = ops.get(node.op)!.view?.(inputType, node.attributes, type);
    if (map) {
      this.#bindings.set(node.outputs[0]!, { tensor: input.tensor, map: composeMap(input.map, map, type.shape.length) });
      return;
    }
    this.#bindings.set(node.outputs[0]!, this.#tensors.whole(this.#tensors.alias(this.#reshapable(input.tensor, type.shape, node.origin), type.shape)));
  }

  /** A reshape of what does not lie in row-major order: its elements are put in order first. */
  #storeReshape(node: Node): void {
    const inputType = this.#type(node.inputs[0]!);
    const output = node.outputs[0]!;
    const { shape } = this.#type(output);
    if (this.#tensors.deviceStorage === "whole") {
      this.#compute([copyLowering(inputType.shape)], [this.#view(node.inputs[0]!)], this.#tensors.alias(this.#tensorFor(output), inputType.shape), node.origin);
      return;
    }
    const ordered = this.#reshapable(this.#copyToNew(this.#view(node.inputs[0]!), inputType, node.origin), shape, node.origin);
    this.#give(output, this.#tensors.alias(ordered, shape), node.origin);
  }

  /** Makes a tensor the value's: as it is where nothing else shares the value's storage, by a copy where something does. */
  #give(value: ValueId, tensor: TensorId, origin: Span): void {
    const storage = this.#storage.get(value)!;
    if (storage.members.length === 1 && storage.state === undefined) this.#bindings.set(value, this.#tensors.whole(tensor));
    else this.#assign([{ to: this.#tensorFor(value), from: this.#tensors.whole(tensor), origin }]);
  }

  /** The tensor, or, where its blocks would not line up in the new shape, a copy of it distributed so that they do. */
  #reshapable(tensor: TensorId, shape: readonly number[], origin: Span): TensorId {
    if (this.#tensors.deviceStorage === "whole") return tensor;
    const type = this.#tensors.type(tensor);
    if (reshapeDistribution(type.shape, this.#tensors.distribution(tensor), shape) && !this.#tensors.isScattered(tensor)) return tensor;
    const { target } = this.#shared.context;
    const candidates = type.shape.map((_, d) => evenDistribution(type.shape, sizeOf(type.shape), target.tiles, target.grain, (other) => other === d));
    const distribution = candidates.find((candidate) => reshapeDistribution(type.shape, candidate, shape)) ?? onOneTile(type.shape);
    const to = this.#tensors.add({ name: `copy of ${this.#tensors.name(tensor)}`, type, origin, distribution });
    this.#compute([copyLowering(type.shape)], [this.#tensors.whole(tensor)], to, origin);
    return to;
  }

  #constant(node: Node): void {
    const output = node.outputs[0]!;
    const type = this.#type(output);
    const data: Tensor = { type, data: node.attributes["data"] as Tensor["data"] };
    const { context, constants, prologue } = this.#shared;
    const stored = this.#tensors.add({ name: this.#graph.values[output]!.name ?? "constant", type, origin: node.origin, persistent: true, storage: "whole", ...(context.target.memory === "shared" ? {} : { distribution: onOneTile(type.shape) }) });
    constants.push({ tensor: stored, data });
    let device = stored;
    if (context.target.memory === "private") {
      device = this.#tensors.add({ name: this.#tensors.name(stored), type, origin: node.origin, persistent: true });
      prologue.push({ kind: "copy", copies: [this.#hostCopy(device, stored, "pull", node.origin)], origin: node.origin });
    }
    this.#give(output, device, node.origin);
  }

  #update(node: Node): void {
    const [base, value] = node.inputs as [ValueId, ValueId];
    const output = node.outputs[0]!;
    const to = this.#tensorFor(output);
    const { start, step } = node.attributes as { start: readonly number[]; step: readonly number[] };
    const valueType = this.#type(value);
    let from = this.#view(value);
    // The value may be a view of what is about to change.
    if (this.#tensors.root(from.tensor) === this.#tensors.root(to)) from = this.#tensors.whole(this.#copyToNew(from, valueType, node.origin));
    this.#assign([{ to, from: this.#view(base), origin: node.origin }]);
    this.#compute([sliceWriteLowering(valueType.shape, start, step)], [from], to, node.origin);
  }

  #structural(node: Node): void {
    switch (node.op) {
      case "read": this.#reads.add(node.attributes["state"] as StateId); this.#view(node.outputs[0]!); return;
      case "repeat": return this.#repeat(node);
      case "while": return this.#while(node);
      case "if": case "switch": return this.#branch(node);
      case "execute": return this.#execute(node);
      case "next": return this.#next(node);
      case "send": {
        const state = node.attributes["state"] as StateId;
        this.#writes.add(state);
        const buffer = this.#shared.states[state]!.host;
        this.#toHost(node.inputs[0]!, buffer, node.origin);
        return this.#host({ kind: "send", state, buffer }, node.origin);
      }
      case "print": {
        const buffers = node.inputs.map((input) => {
          const type = this.#type(input);
          const buffer = this.#tensors.add({ name: "printed", type, origin: node.origin, persistent: true, storage: "whole", ...(this.#tensors.deviceStorage === "whole" ? {} : { distribution: onOneTile(type.shape) }) });
          this.#toHost(input, buffer, node.origin);
          return buffer;
        });
        return this.#host({ kind: "print", label: node.attributes["label"] as string, buffers }, node.origin);
      }
      case "assert": return this.#host({ kind: "assert", message: node.attributes["message"] as string, condition: this.#materialise(node.inputs[0]!, node.origin) }, node.origin);
      default:
        this.#shared.context.report(error("not-supported", node.origin, `${node.op} cannot be compiled yet`));
    }
  }

  #host(event: HostAction, origin: Span): void {
    this.#steps.push({ kind: "host", event, origin });
  }

  /** Brings a value into a buffer the host reads. */
  #toHost(value: ValueId, buffer: TensorId, origin: Span): void {
    if (this.#tensors.deviceStorage === "whole") return this.#assign([{ to: buffer, from: this.#view(value), origin }]);
    this.#steps.push({ kind: "copy", copies: [this.#hostCopy(this.#materialise(value, origin), buffer, "push", origin)], origin });
  }

  #next(node: Node): void {
    const state = node.attributes["state"] as StateId;
    this.#reads.add(state);
    const buffer = this.#shared.states[state]!.host;
    this.#host({ kind: "next", state, buffer }, node.origin);
    const to = this.#tensorFor(node.outputs[0]!);
    if (this.#tensors.deviceStorage === "whole") this.#assign([{ to, from: this.#tensors.whole(buffer), origin: node.origin }]);
    else this.#steps.push({ kind: "copy", copies: [this.#hostCopy(to, buffer, "pull", node.origin)], origin: node.origin });
  }

  #repeat(node: Node): void {
    const [count, ...initial] = node.inputs as [ValueId, ...ValueId[]];
    const body = node.regions[0]!;
    this.#assign(body.parameters.map((parameter, i) => ({ to: this.#tensorFor(parameter), from: this.#view(initial[i]!), origin: node.origin })));
    const known = this.#scalars.get(count);
    const counter = known ?? this.#materialise(count, node.origin);
    const steps = this.#nested(() => this.#loopBody(body));
    this.#steps.push({ kind: "repeat", count: counter, counted: known === undefined ? "tensor" : "constant", body: steps, origin: node.origin });
  }

  #loopBody(body: Block): void {
    this.#block(body);
    this.#assign(body.results.map((result, i) => ({ to: this.#tensorFor(body.parameters[i]!), from: this.#view(result), origin: this.#graph.values[result]!.origin })));
  }

  #while(node: Node): void {
    const [condition, body] = node.regions as [Block, Block];
    this.#assign(body.parameters.map((parameter, i) => ({ to: this.#tensorFor(parameter), from: this.#view(node.inputs[i]!), origin: node.origin })));
    let tensor = 0;
    const before = this.#nested(() => {
      this.#block(condition);
      tensor = this.#materialise(condition.results[0]!, node.origin);
    });
    const steps = this.#nested(() => this.#loopBody(body));
    this.#steps.push({ kind: "while", before, condition: tensor, body: steps, origin: node.origin });
  }

  #branch(node: Node): void {
    const subject = this.#materialise(node.inputs[0]!, node.origin);
    const bodies = node.regions.map((region) => this.#nested(() => {
      this.#block(region);
      this.#assign(region.results.map((result, i) => ({ to: this.#tensorFor(node.outputs[i]!), from: this.#view(result), origin: this.#graph.values[result]!.origin })));
    }));
    if (node.op === "if") this.#steps.push({ kind: "if", condition: subject, then: bodies[0]!, otherwise: bodies[1]!, origin: node.origin });
    else this.#steps.push({ kind: "switch", subject, cases: node.attributes["cases"] as readonly number[], bodies: bodies.slice(0, -1), otherwise: bodies.at(-1)!, origin: node.origin });
  }

  #execute(node: Node): void {
    const set = this.#graph.computeSets[node.attributes["computeSet"] as number]!;
    const views = node.inputs.map((input) => this.#view(input));
    const placed = set.written.map((operand, i) => ({ operand, to: this.#tensorFor(node.outputs[i]!) }));
    for (const { operand, to } of placed) {
      if (!this.#tensors.hasDistribution(to)) this.#followPlacements(set, operand, to);
    }
    // Operands that are read as they were while their storage is overwritten elsewhere are taken aside first.
    const targets = new Set(placed.map(({ to }) => this.#tensors.root(to)));
    views.forEach((view, i) => {
      if (!set.written.includes(i) && targets.has(this.#tensors.root(view.tensor))) views[i] = this.#tensors.whole(this.#copyToNew(view, this.#type(node.inputs[i]!), node.origin));
    });
    this.#assign(placed.map(({ operand, to }) => ({ to, from: views[operand]!, origin: node.origin })));
    for (const { operand, to } of placed) views[operand] = this.#tensors.whole(to);
    this.#pushFamilies(set.name, placeFamilies(this.#graph, set, views, this.#shared.context.target.tiles), node.origin);
  }

  /** An unmapped tensor goes where the vertices that write it are. */
  #followPlacements(set: Graph["computeSets"][number], operand: number, to: TensorId): void {
    const pieces = set.placements.flatMap(({ fields, tile, vertex, origin }) => fields.flatMap((field, f) =>
      field.operand === operand && this.#graph.vertices[vertex]!.kernel.buffers[f]!.access !== "in" ? [{ slice: field.slice, tile, origin }] : []));
    const distribution = mappedDistribution(this.#tensors.type(to).shape, { pieces }, this.#shared.context.target.tiles);
    if (distribution) this.#tensors.setDistribution(to, distribution);
  }

  // ---- moving whole values

  /** Gives several tensors their values at once: every right side is read before any left side is written. */
  #assign(assignments: readonly Assignment[]): void {
    const root = (id: TensorId): TensorId => this.#tensors.root(id);
    const pending: Assignment[] = assignments.filter(({ to, from }) => !(root(to) === root(from.tensor) && this.#isWhole(from, this.#tensors.type(to).shape))).map((assignment) => ({ ...assignment }));
    while (pending.length > 0) {
      const free = pending.findIndex(({ to }) => pending.every(({ from }) => root(from.tensor) !== root(to)));
      if (free === -1) {
        // A circle: one of the values is taken aside.
        const first = pending[0]!;
        first.from = this.#tensors.whole(this.#copyToNew(first.from, this.#tensors.type(first.to), first.origin));
        continue;
      }
      const [{ to, from, origin }] = pending.splice(free, 1) as [Assignment];
      this.#compute([copyLowering(this.#tensors.type(to).shape)], [from], to, origin);
    }
  }

  // ---- compute sets

  #compute(lowerings: readonly Lowering[], reads: readonly TensorView[], to: TensorId, origin: Span): void {
    const { target } = this.#shared.context;
    const write = this.#tensors.whole(to);
    if (lowerings.length > 1) this.#placeByParts(lowerings, to);
    const families: DraftFamily[] = [];
    for (const lowering of lowerings) {
      const accessed = lowering.reads.map((access) => reads[access.operand]!);
      if (sizeOf(lowering.space.map(({ extent }) => extent)) === 0) continue;
      const { split, reduction } = partition(lowering, accessed, write, this.#tensors, target);
      const common = { lowering, split, reads: accessed, tensors: this.#tensors, mergeAlways: target.memory === "shared", origin };
      if (reduction === undefined) families.push(...draftFamilies({ ...common, writes: lowering.writes.map(() => write) }));
      else this.#computeParts(common, reduction, to);
    }
    this.#pushFamilies(lowerings[0]?.name ?? "nothing", families, origin);
  }

  /** A split reduction: every instance gives a partial result; a second compute set combines them. */
  #computeParts(common: Omit<SplitOptions, "writes">, reduction: number, to: TensorId): void {
    const { lowering, split, origin } = common;
    const { shape, dtype } = this.#tensors.type(to);
    const rank = shape.length;
    // The parts' dimension stands where its cut stands among the grid's, so that part k of a result lies with vertex k.
    const at = reduction === 0 ? 0 : rank;
    const parts = split.grid[reduction]!;
    const cuts = shape.map((extent, t) => {
      const d = lowering.writes[0]!.index[t]!.coefficients.findIndex((coefficient, dimension) => coefficient !== 0 && split.dimensions.includes(dimension));
      return d === -1 ? Math.max(1, extent) : split.block[split.dimensions.indexOf(d)]!;
    });
    const partShape = shape.toSpliced(at, 0, parts);
    const partial = this.#tensors.add({
      name: `parts of ${this.#tensors.name(to)}`, type: { dtype, shape: partShape }, origin,
      distribution: distribute(partShape, cuts.toSpliced(at, 0, 1), split.placement),
    });
    const map = shape.map((_, d) => affineIndex(d, rank)).toSpliced(at, 0, affineConstant(0, rank));
    this.#pushFamilies(lowering.name, draftFamilies({ ...common, writes: [{ tensor: partial, map }], partial: { gridDimension: reduction, tensorDimension: at } }), origin);
    this.#compute([partialResultsLowering(parts, at, shape, lowering.combine!, lowering.name)], [this.#tensors.whole(partial)], to, origin);
  }

  /** Where the result of an op that is written in several parts goes. */
  #placeByParts(lowerings: readonly Lowering[], to: TensorId): void {
    if (this.#tensors.hasDistribution(to) || this.#tensors.root(to) !== to) return;
    const { target } = this.#shared.context;
    const work = lowerings.reduce((sum, lowering) => sum + workOf(lowering), 0);
    this.#tensors.setDistribution(to, evenDistribution(this.#tensors.type(to).shape, work, target.tiles, target.grain));
  }

  #pushFamilies(name: string, drafts: readonly DraftFamily[], origin: Span): void {
    if (drafts.length === 0) return;
    const bound = drafts.map((draft) => bindFamily(this.#tensors, draft));
    const before = bound.flatMap((family) => family.before);
    const after = bound.flatMap((family) => family.after);
    const set: ComputeSet = { name, families: bound.map(({ family }) => family), origin };
    if (before.length > 0) this.#steps.push({ kind: "copy", copies: before, origin });
    this.#steps.push({ kind: "compute", set });
    if (after.length > 0) this.#steps.push({ kind: "copy", copies: after, origin });
  }
}
