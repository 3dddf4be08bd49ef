/**
 * What a block of a space takes by the kernel that it would have. The closed forms of the estimate know kinds of ops, not what their
 * kernels do; so a search weighs them by the kernel of a block, and what it finds is compared by its own.
 */
import { estimateKernel, sharedKernelCycles } from "../../kernel/cycles.ts";
import type { Lowering } from "../../kernel/lowering.ts";
import type { Target } from "../../targets/target.ts";
import { evenDistribution } from "../distribution.ts";
import { kernelOfBlock } from "../families.ts";
import type { Tensors, TensorView } from "../tensors.ts";
import { plainCycles, type Cut, type PartitionProblem } from "./estimate.ts";
import { workOf } from "./splits.ts";

/** Cycles of one vertex, and of each thread where all of a tile share it; undefined where they cannot. */
interface VertexCycles {
  readonly whole: number;
  readonly shared: number | undefined;
}

/** Of the blocks of lowerings that were looked at. */
const known = new WeakMap<Lowering, Map<string, VertexCycles>>();

export class KernelCycles {
  readonly #lowering: Lowering;
  readonly #reads: readonly TensorView[];
  readonly #to: TensorView;
  readonly #tensors: Tensors;
  readonly #target: Target;
  /** A block as large as one is if all tiles have one. */
  readonly evenBlock: readonly number[];

  constructor(lowering: Lowering, reads: readonly TensorView[], to: TensorView, tensors: Tensors, target: Target) {
    this.#lowering = lowering;
    this.#reads = reads;
    this.#to = to;
    this.#tensors = tensors;
    this.#target = target;
    const { space } = lowering;
    this.evenBlock = evenDistribution(space.map(({ extent }) => extent), workOf(lowering), target.tiles, 1, (d) => space[d]!.kind === "parallel").block;
  }

  of(block: readonly number[]): VertexCycles {
    const blocks = known.get(this.#lowering) ?? new Map<string, VertexCycles>();
    known.set(this.#lowering, blocks);
    const found = blocks.get(block.join()) ?? this.#estimated(block);
    blocks.set(block.join(), found);
    return found;
  }

  #estimated(block: readonly number[]): VertexCycles {
    const [lowering, tensors] = [this.#lowering, this.#tensors];
    const kernel = kernelOfBlock({ lowering, reads: this.#reads, writes: lowering.writes.map(() => this.#to), tensors, origin: tensors.origin(this.#to.tensor) }, block);
    return { whole: estimateKernel(kernel, this.#target).cycles, shared: sharedKernelCycles(kernel, this.#target, this.#target.threadsPerTile)?.cycles };
  }

  /** How many times longer a tile takes for a block than the closed form says. */
  weight(problem: PartitionProblem, block: readonly number[]): number {
    const { whole, shared } = this.of(block);
    return (this.#target.threadsPerTile * Math.min(whole, shared ?? whole)) / plainCycles(problem, block, this.#target.threadsPerTile);
  }

  weighed(problem: PartitionProblem, { block }: Pick<Cut, "block">): PartitionProblem {
    return { ...problem, weight: this.weight(problem, block) };
  }
}
