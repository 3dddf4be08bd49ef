/**
 * lower-to-tiled: graph → tiled. Every value gets storage, every op becomes a compute set of vertex families, every carried
 * or written value that does not already lie where it belongs is copied, and what a vertex needs from another tile is an
 * explicit copy around its compute set. Needs a fused graph; gives steps in program order, not yet grouped into supersteps.
 */
import { isStructural, wantedPartition, type Block, type Graph, type Node, type Program, type State, type StateId, type ValueId } from "../../graph/graph.ts";
import { fillValue } from "../../graph/constants.ts";
import { countUses } from "../../graph/rewrite.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { fillLowering } from "../../ops/lowerings.ts";
import type { Op } from "../../ops/op.ts";
import { ops } from "../../ops/table.ts";
import { invariant } from "../../support/bug.ts";
import { error } from "../../support/diagnostic.ts";
import type { Pass, PassContext } from "../../support/pass.ts";
import type { Span } from "../../support/span.ts";
import { mappedDistribution, maximumMappedBlocks, onOneTile } from "../distribution.ts";
import { placeFamilies } from "../place-families.ts";
import { readValues } from "../read-states.ts";
import { copiedInput } from "../results-in-place.ts";
import { StepBuilder } from "../step-builder.ts";
import { Tensors } from "../tensors.ts";
import type { HostAction, Step, TensorId, TiledGraph, TiledProgram, TiledState } from "../tiled.ts";
import { ValuePlaces, type Surroundings } from "../value-places.ts";

export const lowerToTiled: Pass<Graph, TiledGraph> = {
  name: "lower-to-tiled",
  summary: "splits every op over the tiles and says where each tensor lives",
  run: lower,
};

function lower(graph: Graph, context: PassContext): TiledGraph {
  const tensors = new Tensors(context.target);
  const states = graph.states.map((state, id) => lowerState(state, id, tensors, context));
  const constants: { tensor: TensorId; data: Tensor }[] = [];
  const shared = { graph, context, tensors, states, constants, prologue: [] as Step[], uses: countUses(graph) };
  const programs = graph.programs.map((program) => new ProgramLowering(shared, program).run());
  const initial = new ProgramLowering(shared, graph.initial).run();
  const prepare = graph.prepare && new ProgramLowering(shared, graph.prepare).run();
  return {
    graph, tiles: context.target.tiles, tensors: tensors.finish(), states, constants, programs,
    initial: { ...initial, steps: [...shared.prologue, ...initial.steps] },
    ...(prepare ? { prepare } : {}),
  };
}

/** A state as the host sees it, and as the tiles have it: with private memory these are two tensors, but for streams. */
function lowerState(state: State, id: StateId, tensors: Tensors, context: PassContext): TiledState {
  const { name, type, origin, mapping, role } = state;
  const mapped = mapping && mappedDistribution(type.shape, mapping, context.target.tiles);
  if (mapping && !mapped) context.report(error("limit-exceeded", mapping.pieces[0]!.origin, `the mapping of ${name} cuts it into more than ${maximumMappedBlocks.toLocaleString("en")} blocks`));
  const shared = context.target.memory === "shared";
  const host = tensors.add({ name, type, origin, persistent: true, storage: "whole", distribution: shared ? mapped : onOneTile(type.shape) });
  if (shared || role === "stream in" || role === "stream out") return { state: id, host, device: host };
  return { state: id, host, device: tensors.add({ name, type, origin, persistent: true, distribution: mapped }) };
}

interface Shared extends Surroundings {
  readonly context: PassContext;
  readonly constants: { tensor: TensorId; data: Tensor }[];
  /** Steps that bring constants to private memories, once. */
  readonly prologue: Step[];
}

class ProgramLowering {
  readonly #shared: Shared;
  readonly #graph: Graph;
  readonly #tensors: Tensors;
  readonly #program: Program;
  readonly #places: ValuePlaces;
  readonly #scalars = new Map<ValueId, number>();
  /** Values that something computes with; the count of a `repeat` need not be stored when it is known. */
  readonly #stored = new Set<ValueId>();
  readonly #readValues: ReadonlySet<ValueId>;
  readonly #reads = new Set<StateId>();
  readonly #writes = new Set<StateId>();
  readonly #build: StepBuilder;

  constructor(shared: Shared, program: Program) {
    this.#shared = shared;
    this.#build = new StepBuilder(shared.tensors, shared.context);
    this.#graph = shared.graph;
    this.#tensors = shared.tensors;
    this.#program = program;
    this.#places = new ValuePlaces(shared, program, this.#build);
    this.#readValues = readValues(shared.graph, program);
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
    const steps = this.#build.nested(() => this.#block(this.#program.body));
    const moved = (id: StateId): boolean => this.#shared.states[id]!.host !== this.#shared.states[id]!.device;
    const transfers = (ids: Iterable<StateId>, role: string, direction: "pull" | "push"): Step[] => {
      const copies = [...ids].filter((id) => moved(id) && this.#graph.states[id]!.role === role).map((id) => this.#build.hostCopy(this.#shared.states[id]!.device, this.#shared.states[id]!.host, direction, this.#graph.states[id]!.origin));
      return copies.length === 0 ? [] : [{ kind: "copy", copies, origin: this.#program.origin }];
    };
    return {
      name: this.#program.name,
      steps: [...transfers(this.#reads, "in", "pull"), ...steps, ...transfers(this.#writes, "out", "push")],
      reads: [...this.#reads], writes: [...this.#writes], origin: this.#program.origin,
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
      this.#build.assign(writes.map((write) => {
        const state = write.attributes["state"] as StateId;
        this.#writes.add(state);
        return { to: this.#shared.states[state]!.device, from: this.#places.view(write.inputs[0]!), origin: write.origin };
      }));
    }
  }

  #node(node: Node): void {
    if (isStructural(node.op)) return this.#structural(node);
    const output = node.outputs[0]!;
    const op = ops.get(node.op);
    if (op?.kind === "view") return this.#places.define(node);
    switch (node.op) {
      case "constant": return this.#constant(node);
      case "update": case "map_update": return this.#update(node);
      case "fill":
        if (this.#places.type(output).shape.length > 0) break;
        this.#scalars.set(output, Number(node.attributes["value"]));
        if (!this.#stored.has(output)) return;
        break;
    }
    invariant(op, `unknown op ${node.op}`);
    if (op.inPlace) this.#update(node);
    else this.#compute(op, node);
  }

  #compute(op: Op, node: Node): void {
    const output = node.outputs[0]!;
    const type = this.#places.type(output);
    const types = node.inputs.map((input) => this.#places.type(input));
    const lowerings = op.lower?.(types, node.attributes, type);
    if (!lowerings) {
      this.#shared.context.report(error("not-supported", node.origin, `${node.op} cannot be compiled yet, only interpreted`));
      return;
    }
    const filled = this.#places.fillsOf(output)?.flatMap((region) => fillLowering("fill", region, type.dtype, fillValue(node)!));
    // What is made where it belongs in the result need not be copied there.
    const isThere = (input: number | undefined): boolean => input !== undefined && this.#places.isMadeWithin(node.inputs[input]!, output);
    // The little that is left to fill is not to say where all of it lies.
    if (filled !== undefined && filled.length > 0) this.#build.placeEvenly(this.#places.view(output), type);
    const left = (filled ?? lowerings).filter((lowering) => !isThere(copiedInput(lowering, types)));
    this.#build.computeInto(left, node.inputs.map((input) => this.#places.view(input)), this.#places.view(output), type, node.origin, wantedPartition(node));
  }

  #constant(node: Node): void {
    const output = node.outputs[0]!;
    const type = this.#places.type(output);
    const data: Tensor = { type, data: node.attributes["data"] as Tensor["data"] };
    const { context, constants, prologue } = this.#shared;
    const stored = this.#tensors.add({ name: this.#graph.values[output]!.name ?? "constant", type, origin: node.origin, persistent: true, storage: "whole", ...(context.target.memory === "shared" ? {} : { distribution: onOneTile(type.shape) }) });
    constants.push({ tensor: stored, data });
    let device = stored;
    if (context.target.memory === "private") {
      device = this.#tensors.add({ name: this.#tensors.name(stored), type, origin: node.origin, persistent: true });
      prologue.push({ kind: "copy", copies: [this.#build.hostCopy(device, stored, "pull", node.origin)], origin: node.origin });
    }
    this.#places.give(output, device, node.origin);
  }

  #update(node: Node): void {
    const [base, ...values] = node.inputs as [ValueId, ...ValueId[]];
    const output = node.outputs[0]!;
    const to = this.#places.tensorFor(output);
    const views = values.map((value) => {
      const view = this.#places.view(value);
      if (this.#places.isMadeWithin(value, base)) return view;
      // The value may be a view of what is about to change; what a map reads of it are the elements it writes.
      const changes = node.op !== "map_update" && this.#tensors.root(view.tensor) === this.#tensors.root(to);
      return changes ? this.#places.aside(value, node.origin) : view;
    });
    this.#build.assign([{ to, from: this.#places.view(base), origin: node.origin }]);
    const op = ops.get(node.op)!;
    if (!op.inPlace && (node.attributes["length"] as readonly number[]).includes(0)) return;
    // The rest of the result is there already: of an update only the first lowering, of the box itself, is needed.
    if (node.op === "update" && this.#places.isMadeWithin(values[0]!, base)) return;
    const lowerings = op.lower!(node.inputs.map((input) => this.#places.type(input)), node.attributes, this.#places.type(output));
    this.#build.compute(op.inPlace ? lowerings : lowerings.slice(0, 1), [this.#places.view(base), ...views], to, node.origin);
  }

  #structural(node: Node): void {
    switch (node.op) {
      case "read": return this.#read(node);
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
        const buffers = node.inputs.map((input) => this.#shown(input, "printed", node.origin));
        return this.#host({ kind: "print", label: node.attributes["label"] as string, buffers }, node.origin);
      }
      case "assert": return this.#host({ kind: "assert", message: node.attributes["message"] as string, condition: this.#places.materialise(node.inputs[0]!, node.origin) }, node.origin);
      case "inside": {
        const { op: name, extent, fromEnd } = node.attributes as { readonly op: string; readonly extent: number; readonly fromEnd: boolean };
        const indices = this.#shown(node.inputs[1]!, "indices", node.origin);
        return this.#host({ kind: "outside", op: name, extent, fromEnd, indices, condition: this.#places.materialise(node.inputs[0]!, node.origin) }, node.origin);
      }
      default:
        this.#shared.context.report(error("not-supported", node.origin, `${node.op} cannot be compiled yet`));
    }
  }

  #read(node: Node): void {
    const state = node.attributes["state"] as StateId;
    if (this.#graph.states[state]!.role !== "out" || this.#readValues.has(node.outputs[0]!)) this.#reads.add(state);
    this.#places.view(node.outputs[0]!);
  }

  #host(event: HostAction, origin: Span): void {
    this.#build.add({ kind: "host", event, origin });
  }

  /** A new buffer that the host reads, with a value in it. */
  #shown(value: ValueId, name: string, origin: Span): TensorId {
    const type = this.#places.type(value);
    const buffer = this.#tensors.add({ name, type, origin, persistent: true, storage: "whole", ...(this.#tensors.deviceStorage === "whole" ? {} : { distribution: onOneTile(type.shape) }) });
    this.#toHost(value, buffer, origin);
    return buffer;
  }

  /** Brings a value into a buffer the host reads. */
  #toHost(value: ValueId, buffer: TensorId, origin: Span): void {
    if (this.#tensors.deviceStorage === "whole") return this.#build.assign([{ to: buffer, from: this.#places.view(value), origin }]);
    this.#build.add({ kind: "copy", copies: [this.#build.hostCopy(this.#places.materialise(value, origin), buffer, "push", origin)], origin });
  }

  #next(node: Node): void {
    const state = node.attributes["state"] as StateId;
    this.#reads.add(state);
    const buffer = this.#shared.states[state]!.host;
    this.#host({ kind: "next", state, buffer }, node.origin);
    const to = this.#places.tensorFor(node.outputs[0]!);
    if (this.#tensors.deviceStorage === "whole") this.#build.assign([{ to, from: this.#tensors.whole(buffer), origin: node.origin }]);
    else this.#build.add({ kind: "copy", copies: [this.#build.hostCopy(to, buffer, "pull", node.origin)], origin: node.origin });
  }

  #repeat(node: Node): void {
    const [count, ...initial] = node.inputs as [ValueId, ...ValueId[]];
    const body = node.regions[0]!;
    this.#build.assign(body.parameters.map((parameter, i) => ({ to: this.#places.tensorFor(parameter), from: this.#places.view(initial[i]!), origin: node.origin })));
    const known = this.#scalars.get(count);
    const counter = known ?? this.#places.materialise(count, node.origin);
    const steps = this.#build.nested(() => this.#loopBody(body));
    this.#build.add({ kind: "repeat", count: counter, counted: known === undefined ? "tensor" : "constant", body: steps, origin: node.origin });
  }

  #loopBody(body: Block): void {
    this.#block(body);
    this.#build.assign(body.results.map((result, i) => ({ to: this.#places.tensorFor(body.parameters[i]!), from: this.#places.view(result), origin: this.#graph.values[result]!.origin })));
  }

  #while(node: Node): void {
    const [condition, body] = node.regions as [Block, Block];
    this.#build.assign(body.parameters.map((parameter, i) => ({ to: this.#places.tensorFor(parameter), from: this.#places.view(node.inputs[i]!), origin: node.origin })));
    let tensor = 0;
    const before = this.#build.nested(() => {
      this.#block(condition);
      tensor = this.#places.materialise(condition.results[0]!, node.origin);
    });
    const steps = this.#build.nested(() => this.#loopBody(body));
    this.#build.add({ kind: "while", before, condition: tensor, body: steps, origin: node.origin });
  }

  #branch(node: Node): void {
    const subject = this.#places.materialise(node.inputs[0]!, node.origin);
    const bodies = node.regions.map((region) => this.#build.nested(() => {
      this.#block(region);
      this.#build.assign(region.results.map((result, i) => ({ to: this.#places.tensorFor(node.outputs[i]!), from: this.#places.view(result), origin: this.#graph.values[result]!.origin })));
    }));
    if (node.op === "if") this.#build.add({ kind: "if", condition: subject, then: bodies[0]!, otherwise: bodies[1]!, origin: node.origin });
    else this.#build.add({ kind: "switch", subject, cases: node.attributes["cases"] as readonly number[], bodies: bodies.slice(0, -1), otherwise: bodies.at(-1)!, origin: node.origin });
  }

  #execute(node: Node): void {
    const set = this.#graph.computeSets[node.attributes["computeSet"] as number]!;
    const views = node.inputs.map((input) => this.#places.view(input));
    const placed = set.written.map((operand, i) => ({ operand, to: this.#places.tensorFor(node.outputs[i]!) }));
    for (const { operand, to } of placed) {
      if (!this.#tensors.hasDistribution(to)) this.#followPlacements(set, operand, to);
    }
    // Operands that are read as they were while their storage is overwritten elsewhere are taken aside first.
    const targets = new Set(placed.map(({ to }) => this.#tensors.root(to)));
    views.forEach((view, i) => {
      if (!set.written.includes(i) && targets.has(this.#tensors.root(view.tensor))) views[i] = this.#places.aside(node.inputs[i]!, node.origin);
    });
    this.#build.assign(placed.map(({ operand, to }) => ({ to, from: views[operand]!, origin: node.origin })));
    for (const { operand, to } of placed) views[operand] = this.#tensors.whole(to);
    this.#build.pushFamilies(set.name, placeFamilies(this.#graph, set, views, this.#shared.context.target.tiles), node.origin);
  }

  /** An unmapped tensor goes where the vertices that write it are. */
  #followPlacements(set: Graph["computeSets"][number], operand: number, to: TensorId): void {
    const pieces = set.placements.flatMap(({ fields, tile, vertex, origin }) => fields.flatMap((field, f) =>
      field.operand === operand && this.#graph.vertices[vertex]!.kernel.buffers[f]!.access !== "in" ? [{ slice: field.slice, tile, origin }] : []));
    const distribution = mappedDistribution(this.#tensors.type(to).shape, { pieces }, this.#shared.context.target.tiles);
    if (distribution) this.#tensors.setDistribution(to, distribution);
  }
}
