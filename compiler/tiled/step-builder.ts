/**
 * Builds the steps of a tiled program: compute sets from lowerings, partitioned and bound to tensors with the copies they
 * need; whole values moved or assigned; nested lists for control.
 */
import { sizeOf } from "../../runtime/dtype.ts";
import type { TensorType } from "../graph/graph.ts";
import { withEpilogue } from "../kernel/epilogue.ts";
import type { Lowering } from "../kernel/lowering.ts";
import { affineConstant, affineIndex, identityMap } from "../support/affine.ts";
import { error } from "../support/diagnostic.ts";
import type { PassContext } from "../support/pass.ts";
import type { Span } from "../support/span.ts";
import { bindFamily } from "./bind-fields.ts";
import { blockCount, distribute, evenDistribution, onOneTile, reshapeDistribution } from "./distribution.ts";
import { draftFamilies, type DraftFamily, type SplitOptions } from "./families.ts";
import { copyLowering, partialResultsLowering } from "./lowerings.ts";
import { partition, wantedParts } from "./partition/partition.ts";
import { workOf } from "./partition/splits.ts";
import type { Tensors, TensorView } from "./tensors.ts";
import type { ComputeSet, Copy, Step, TensorId } from "./tiled.ts";
import { isIdentity } from "./views.ts";

/** A tensor and what it is to hold. */
export interface Assignment {
  readonly to: TensorId;
  from: TensorView;
  readonly origin: Span;
}

export class StepBuilder {
  readonly tensors: Tensors;
  readonly #context: PassContext;
  #steps: Step[] = [];

  constructor(tensors: Tensors, context: PassContext) {
    this.tensors = tensors;
    this.#context = context;
  }

  add(step: Step): void {
    this.#steps.push(step);
  }

  nested(build: () => void): Step[] {
    const outer = this.#steps;
    this.#steps = [];
    build();
    const inner = this.#steps;
    this.#steps = outer;
    return inner;
  }

  isWhole(view: TensorView, shape: readonly number[]): boolean {
    return isIdentity(view.map, shape, this.tensors.type(view.tensor).shape);
  }

  /** Gives several tensors their values at once: every right side is read before any left side is written. */
  assign(assignments: readonly Assignment[]): void {
    const root = (id: TensorId): TensorId => this.tensors.root(id);
    const pending: Assignment[] = assignments.filter(({ to, from }) => !(root(to) === root(from.tensor) && this.isWhole(from, this.tensors.type(to).shape))).map((assignment) => ({ ...assignment }));
    while (pending.length > 0) {
      const free = pending.findIndex(({ to }) => pending.every(({ from }) => root(from.tensor) !== root(to)));
      if (free === -1) {
        // A circle: one of the values is taken aside.
        const first = pending[0]!;
        first.from = this.tensors.whole(this.copyToNew(first.from, this.tensors.type(first.to), first.origin));
        continue;
      }
      const [{ to, from, origin }] = pending.splice(free, 1) as [Assignment];
      this.compute([copyLowering(this.tensors.type(to).shape)], [from], to, origin);
    }
  }

  /** `wanted`: the parts the user asked this op to be cut into. */
  compute(lowerings: readonly Lowering[], reads: readonly TensorView[], to: TensorId, origin: Span, wanted?: readonly number[]): void {
    const { target } = this.#context;
    const write = this.tensors.whole(to);
    if (lowerings.length > 1) this.#placeByParts(lowerings, to);
    const families: DraftFamily[] = [];
    for (const unfinished of lowerings) {
      const lowering = withEpilogue(unfinished);
      const accessed = lowering.reads.map((access) => reads[access.operand]!);
      if (sizeOf(lowering.space.map(({ extent }) => extent)) === 0) continue;
      if (wanted && !wantedParts(lowering, wanted)) this.#context.report(error("not-supported", origin, `${lowering.name} cannot be cut into ${wanted.join(" × ")} parts: one of these dimensions must stay whole`));
      const { split, reduction } = partition(lowering, accessed, write, this.tensors, target, wanted);
      const common = { split, reads: accessed, tensors: this.tensors, mergeAlways: target.memory === "shared", origin };
      if (reduction === undefined) families.push(...draftFamilies({ ...common, lowering, writes: lowering.writes.map(() => write) }));
      else this.#computeParts({ ...common, lowering: unfinished }, reduction, reads, to);
    }
    this.pushFamilies(lowerings[0]?.name ?? "nothing", families, origin);
  }

  /** A split reduction: every instance gives a partial result; a second compute set combines them, and finishes the result. */
  #computeParts(common: Omit<SplitOptions, "writes">, reduction: number, reads: readonly TensorView[], to: TensorId): void {
    const { lowering, split, origin } = common;
    const { shape } = this.tensors.type(to);
    const dtype = lowering.epilogue?.dtype ?? this.tensors.type(to).dtype;
    const rank = shape.length;
    // The parts' dimension stands where its cut stands among the grid's, so that part k of a result lies with vertex k.
    const at = reduction === 0 ? 0 : rank;
    const parts = split.grid[reduction]!;
    const cuts = shape.map((extent, t) => {
      const d = lowering.writes[0]!.index[t]!.coefficients.findIndex((coefficient, dimension) => coefficient !== 0 && split.dimensions.includes(dimension));
      return d === -1 ? Math.max(1, extent) : split.block[split.dimensions.indexOf(d)]!;
    });
    const partShape = shape.toSpliced(at, 0, parts);
    const partial = this.tensors.add({
      name: `parts of ${this.tensors.name(to)}`, type: { dtype, shape: partShape }, origin,
      distribution: distribute(partShape, cuts.toSpliced(at, 0, 1), split.placement),
    });
    const map = shape.map((_, d) => affineIndex(d, rank)).toSpliced(at, 0, affineConstant(0, rank));
    this.pushFamilies(lowering.name, draftFamilies({ ...common, writes: [{ tensor: partial, map }], partial: { gridDimension: reduction, tensorDimension: at } }), origin);
    const combined = partialResultsLowering(parts, at, shape, lowering.combine!, lowering.name);
    const operands = lowering.epilogue?.operands ?? [];
    const finished: Lowering = lowering.epilogue === undefined ? combined : { ...combined, epilogue: { ...lowering.epilogue, operands: operands.map((_, k) => k + 1) } };
    this.compute([finished], [this.tensors.whole(partial), ...operands.map((operand) => reads[operand]!)], to, origin);
  }

  /** Where the result of an op that is written in several parts goes. */
  #placeByParts(lowerings: readonly Lowering[], to: TensorId): void {
    if (this.tensors.hasDistribution(to) || this.tensors.root(to) !== to) return;
    const { target } = this.#context;
    const work = lowerings.reduce((sum, lowering) => sum + workOf(lowering), 0);
    this.tensors.setDistribution(to, evenDistribution(this.tensors.type(to).shape, work, target.tiles, target.grain));
  }

  pushFamilies(name: string, drafts: readonly DraftFamily[], origin: Span): void {
    if (drafts.length === 0) return;
    const bound = drafts.map((draft) => bindFamily(this.tensors, draft));
    const before = bound.flatMap((family) => family.before);
    const after = bound.flatMap((family) => family.after);
    const set: ComputeSet = { name, families: bound.map(({ family }) => family), origin };
    if (before.length > 0) this.#steps.push({ kind: "copy", copies: before, origin });
    this.#steps.push({ kind: "compute", set });
    if (after.length > 0) this.#steps.push({ kind: "copy", copies: after, origin });
  }

  copyToNew(from: TensorView, type: TensorType, origin: Span): TensorId {
    const to = this.tensors.add({ name: `copy of ${this.tensors.name(from.tensor)}`, type, origin });
    this.compute([copyLowering(type.shape)], [from], to, origin);
    return to;
  }

  /** The tensor, or, where its blocks would not line up in the new shape, a copy of it distributed so that they do. */
  reshapable(tensor: TensorId, shape: readonly number[], origin: Span): TensorId {
    if (this.tensors.deviceStorage === "whole") return tensor;
    const type = this.tensors.type(tensor);
    const { target } = this.#context;
    const distribution = type.shape
      .map((_, d) => evenDistribution(type.shape, sizeOf(type.shape), target.tiles, target.grain, (other) => other === d))
      .filter((candidate) => reshapeDistribution(type.shape, candidate, shape))
      .reduce((best, candidate) => (blockCount(candidate.grid) > blockCount(best.grid) ? candidate : best), onOneTile(type.shape));
    // What nothing has placed yet goes where it needs no copy.
    if (this.tensors.root(tensor) === tensor && !this.tensors.hasDistribution(tensor)) this.tensors.setDistribution(tensor, distribution);
    if (reshapeDistribution(type.shape, this.tensors.distribution(tensor), shape) && !this.tensors.isScattered(tensor)) return tensor;
    const to = this.tensors.add({ name: `copy of ${this.tensors.name(tensor)}`, type, origin, distribution });
    this.compute([copyLowering(type.shape)], [this.tensors.whole(tensor)], to, origin);
    return to;
  }

  hostCopy(device: TensorId, host: TensorId, direction: "pull" | "push", origin: Span): Copy {
    const { shape } = this.tensors.type(device);
    const { grid } = this.tensors.distribution(device);
    return {
      direction, driver: device, other: host, map: identityMap(shape.length), range: grid.map((count) => ({ start: 0, count })),
      cause: direction === "pull" ? "comes from the host" : "goes to the host", origin,
    };
  }
}
