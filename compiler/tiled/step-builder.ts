/**
 * Builds the steps of a tiled program: compute sets from lowerings, partitioned and bound to tensors with the copies they
 * need; whole values moved or assigned; nested lists for control.
 */
import { bytesOf, sizeOf } from "../../runtime/dtype.ts";
import type { TensorType } from "../graph/graph.ts";
import { withEpilogue } from "../kernel/epilogue.ts";
import type { Lowering } from "../kernel/lowering.ts";
import { affineConstant, affineIndex, identityMap } from "../support/affine.ts";
import { error } from "../support/diagnostic.ts";
import type { PassContext } from "../support/pass.ts";
import type { Span } from "../support/span.ts";
import type { Target } from "../targets/target.ts";
import { bindFamilies, type BoundFamily } from "./bind-fields.ts";
import { blockCount, distribute, evenDistribution, onOneTile, reshapeDistribution, slotsPerTile, tileSpan } from "./distribution.ts";
import { draftFamilies, type DraftFamily, type Split, type SplitOptions } from "./families.ts";
import { copyLowering, partialResultsLowering } from "./lowerings.ts";
import { partition, wantedParts } from "./partition/partition.ts";
import { splitBeside, workOf } from "./partition/splits.ts";
import { partitionTogether } from "./partition/together.ts";
import { inRounds, type Work } from "./rounds.ts";
import type { Tensors, TensorView } from "./tensors.ts";
import type { ComputeSet, Copy, Step, TensorId } from "./tiled.ts";
import { isIdentity, keepsOrder } from "./views.ts";

/** A tensor and what it is to hold. */
export interface Assignment {
  readonly to: TensorId;
  from: TensorView;
  readonly origin: Span;
}

/** The parts of one op run together as long as they need no more than this share of a tile beside their operands. */
const mostStaged = 1 / 4;

export class StepBuilder {
  readonly tensors: Tensors;
  readonly #context: PassContext;
  /** The target, with as much memory as one op may take. */
  readonly #machine: Target;
  #steps: Step[] = [];

  constructor(tensors: Tensors, context: PassContext) {
    this.tensors = tensors;
    this.#context = context;
    this.#machine = { ...context.target, bytesPerTile: Math.floor(context.target.bytesPerTile * (context.room ?? 1)) };
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
    const pending: Assignment[] = assignments.filter(({ to, from }) => !(root(to) === root(from.tensor) && keepsOrder(from.map, this.tensors.type(to).shape, this.tensors.type(from.tensor).shape))).map((assignment) => ({ ...assignment }));
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
    this.computeInto(lowerings, reads, this.tensors.whole(to), this.tensors.type(to), origin, wanted);
  }

  /** The same into a part of a tensor; `type`: of the result. */
  computeInto(lowerings: readonly Lowering[], reads: readonly TensorView[], write: TensorView, type: TensorType, origin: Span, wanted?: readonly number[]): void {
    const { target } = this.#context;
    if (target.memory === "private" && !wanted && this.#inRounds(lowerings, reads, write, type, origin)) return;
    const together = target.memory === "private" && !wanted ? this.#together(lowerings, reads, write) : undefined;
    if (lowerings.length > 1) this.#placeByParts(lowerings, write.tensor);
    // Where the tensor lies is not for its part to say.
    if (!this.isWhole(write, type.shape)) this.tensors.distribution(write.tensor);
    const parts: DraftFamily[][] = [];
    // Parts of one op run beside each other: each begins behind the tiles of the one before.
    let first = target.memory === "private" && lowerings.length > 1 ? 0 : undefined;
    // In a shared memory they are cut like the one with the most work.
    let main: { readonly lowering: Lowering; readonly split: Split } | undefined;
    for (const unfinished of target.memory === "shared" ? lowerings.toSorted((a, b) => workOf(b) - workOf(a)) : lowerings) {
      const lowering = withEpilogue(unfinished);
      const accessed = lowering.reads.map((access) => reads[access.operand]!);
      if (sizeOf(lowering.space.map(({ extent }) => extent)) === 0) continue;
      if (wanted && !wantedParts(lowering, wanted)) this.#context.report(error("not-supported", origin, `${lowering.name} cannot be cut into ${wanted.join(" × ")} parts: one of these dimensions must stay whole`));
      const beside = main && splitBeside(lowering, main.lowering, main.split, target.tiles);
      const known = together?.get(unfinished) ?? beside;
      const { split, reduction } = known ? { split: known } : partition(lowering, accessed, write, this.tensors, this.#machine, wanted, first);
      if (target.memory === "shared" && reduction === undefined) main ??= { lowering, split };
      if (first !== undefined) first = tileSpan(split.placement, blockCount(split.grid)).end;
      const common = { split, reads: accessed, tensors: this.tensors, mergeAlways: target.memory === "shared", origin };
      if (reduction === undefined) parts.push(draftFamilies({ ...common, lowering, writes: lowering.writes.map(() => write) }));
      else this.#computeParts({ ...common, lowering: unfinished }, reduction, reads, write, type);
    }
    const name = lowerings[0]?.name ?? "nothing";
    const bound = together ? this.#bindTogether(parts) : parts.map((families) => bindFamilies(this.tensors, families));
    // Parts that need much beside their operands come one after the other, so that what each needs may lie where the last had it.
    if (target.memory === "private" && this.#stagedBytes(bound.flat()) > target.bytesPerTile * mostStaged) for (const part of bound) this.#push(name, part, origin);
    else this.#push(name, bound.flat(), origin);
  }

  /** The splits of an op's parts that follow the blocks of its result; undefined where each is cut for itself. */
  #together(lowerings: readonly Lowering[], reads: readonly TensorView[], write: TensorView): ReadonlyMap<Lowering, Split> | undefined {
    const parts = lowerings.filter(({ space }) => sizeOf(space.map(({ extent }) => extent)) > 0);
    if (parts.length < 2) return undefined;
    const finished = parts.map(withEpilogue).map((lowering) => ({ lowering, reads: lowering.reads.map(({ operand }) => reads[operand]!) }));
    const splits = partitionTogether(finished, write, this.tensors, this.#machine);
    return splits && new Map(splits.map((split, p) => [parts[p]!, split]));
  }

  /** Computes in rounds what would need more than the memory of the tiles at once; false where nothing does. */
  #inRounds(lowerings: readonly Lowering[], reads: readonly TensorView[], write: TensorView, type: TensorType, origin: Span): boolean {
    const parts = lowerings.map((lowering) => {
      const work: Work = { lowering, reads, write, type };
      const empty = sizeOf(lowering.space.map(({ extent }) => extent)) === 0;
      return { work, rounds: empty ? undefined : inRounds(work, this.tensors, this.#machine) };
    });
    if (parts.every(({ rounds }) => rounds === undefined)) return false;
    for (const { work, rounds } of parts) for (const each of rounds ?? [work]) this.computeInto([each.lowering], each.reads, each.write, each.type, origin);
    return true;
  }

  /** Families of parts that are on tiles of one grid: those on different tiles have what they copy at one place. */
  #bindTogether(parts: readonly DraftFamily[][]): BoundFamily[][] {
    const sizeOfFields = ({ fields }: DraftFamily): number => fields.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    const families = parts.flat().toSorted((a, b) => sizeOfFields(b) - sizeOfFields(a));
    const bound = new Map(bindFamilies(this.tensors, families).map((each, k) => [families[k]!, each]));
    return parts.map((own) => own.map((family) => bound.get(family)!));
  }

  /** Bytes a tile needs for what is copied to or from vertices. */
  #stagedBytes(bound: readonly BoundFamily[]): number {
    return bound.flatMap(({ before, after }) => [...before, ...after]).reduce((sum, { driver }) => {
      if (this.tensors.root(driver) !== driver) return sum;
      const { grid, block, placement } = this.tensors.distribution(driver);
      return sum + slotsPerTile(placement, blockCount(grid)) * sizeOf(block) * bytesOf(this.tensors.type(driver).dtype);
    }, 0);
  }

  /** A split reduction: every instance gives a partial result; a second compute set combines them, and finishes the result. */
  #computeParts(common: Omit<SplitOptions, "writes">, reduction: number, reads: readonly TensorView[], write: TensorView, type: TensorType): void {
    const { lowering, split, origin } = common;
    const { shape } = type;
    const dtype = lowering.epilogue?.dtype ?? type.dtype;
    const rank = shape.length;
    // The parts' dimension stands where its cut stands among the grid's, so that part k of a result lies with vertex k. In a shared
    // memory that is no nearer: there it comes first, and each part lies as the result does.
    const at = reduction === 0 || this.#context.target.memory === "shared" ? 0 : rank;
    const parts = split.grid[reduction]!;
    const cuts = shape.map((extent, t) => {
      const d = lowering.writes[0]!.index[t]!.coefficients.findIndex((coefficient, dimension) => coefficient !== 0 && split.dimensions.includes(dimension));
      return d === -1 ? Math.max(1, extent) : split.block[split.dimensions.indexOf(d)]!;
    });
    const partShape = shape.toSpliced(at, 0, parts);
    const partial = this.tensors.add({
      name: `parts of ${this.tensors.name(write.tensor)}`, type: { dtype, shape: partShape }, origin,
      distribution: distribute(partShape, cuts.toSpliced(at, 0, 1), split.placement),
    });
    const map = shape.map((_, d) => affineIndex(d, rank)).toSpliced(at, 0, affineConstant(0, rank));
    this.pushFamilies(lowering.name, draftFamilies({ ...common, writes: [{ tensor: partial, map }], partial: { gridDimension: reduction, tensorDimension: at } }), origin);
    const combined = partialResultsLowering(parts, at, shape, lowering.combine!, lowering.name);
    const operands = lowering.epilogue?.operands ?? [];
    const finished: Lowering = lowering.epilogue === undefined ? combined : { ...combined, epilogue: { ...lowering.epilogue, operands: operands.map((_, k) => k + 1) } };
    this.computeInto([finished], [this.tensors.whole(partial), ...operands.map((operand) => reads[operand]!)], write, type, origin);
  }

  /** Where the result of an op that is written in several parts goes. */
  #placeByParts(lowerings: readonly Lowering[], to: TensorId): void {
    this.#placeFor(lowerings.reduce((sum, lowering) => sum + workOf(lowering), 0), to);
  }

  #placeFor(work: number, to: TensorId): void {
    if (this.tensors.hasDistribution(to) || this.tensors.root(to) !== to) return;
    const { target } = this.#context;
    this.tensors.setDistribution(to, evenDistribution(this.tensors.type(to).shape, work, target.tiles, target.grain));
  }

  /** Where a result goes of which all elements are going to be written, whoever does it. */
  placeEvenly(view: TensorView, { shape }: TensorType): void {
    if (this.isWhole(view, shape)) this.#placeFor(sizeOf(shape), view.tensor);
  }

  pushFamilies(name: string, drafts: readonly DraftFamily[], origin: Span): void {
    this.#push(name, bindFamilies(this.tensors, drafts), origin);
  }

  #push(name: string, bound: readonly BoundFamily[], origin: Span): void {
    if (bound.length === 0) return;
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
