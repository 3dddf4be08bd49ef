/** The meaning of `execute`: each vertex's kernel runs on copies of its slices, which are then written back. */
import { sizeOf } from "../../runtime/dtype.ts";
import { KernelError, runKernel } from "../kernel/interpret.ts";
import { invariant } from "../support/bug.ts";
import type { Graph, Placement, Slice } from "./graph.ts";
import { RuntimeError } from "./runtime-error.ts";
import { flatIndex, forEachIndex, zeros, type Tensor } from "./tensor.ts";

/** Calls `visit` with the flat position in the sliced tensor of each element of a slice, in row-major order. */
function forEachOfSlice(shape: readonly number[], slice: Slice, visit: (position: number, element: number) => void): void {
  invariant(slice.length === shape.length, "a slice of another rank");
  forEachIndex(slice.map(({ length }) => length), (index, element) => {
    visit(flatIndex(shape, index.map((i, axis) => slice[axis]!.start + i * slice[axis]!.step)), element);
  });
}

function take(tensor: Tensor, slice: Slice, shape: readonly number[]): Tensor {
  const field = zeros({ dtype: tensor.type.dtype, shape });
  invariant(sizeOf(slice.map(({ length }) => length)) === field.data.length, "a slice that does not fill its field");
  forEachOfSlice(tensor.type.shape, slice, (position, element) => (field.data[element] = tensor.data[position]!));
  return field;
}

/** No vertex touches what another writes, so that the order of the placements does not matter. */
export function runComputeSet(graph: Graph, index: number, operands: readonly Tensor[], budget: number): Tensor[] {
  const set = graph.computeSets[index];
  invariant(set && set.operands.length === operands.length, () => `execute of compute set ${index} with ${operands.length} operands`);
  const current = operands.map((operand, k) => (set.written.includes(k) ? { type: operand.type, data: operand.data.slice() } : operand));
  for (const placement of set.placements) runPlacement(graph, placement, current, budget);
  return set.written.map((k) => current[k]!);
}

function runPlacement(graph: Graph, placement: Placement, operands: readonly Tensor[], budget: number): void {
  const { kernel } = graph.vertices[placement.vertex]!;
  const fields = placement.fields.map(({ operand, slice }, k) => take(operands[operand]!, slice, kernel.buffers[k]!.shape));
  try {
    runKernel(kernel, fields, { budget });
  } catch (problem) {
    if (!(problem instanceof KernelError)) throw problem;
    throw new RuntimeError(/division by zero/.test(problem.message) ? "division-by-zero" : "vertex-failed", problem.message, problem.origin);
  }
  placement.fields.forEach(({ operand, slice }, k) => {
    if (kernel.buffers[k]!.access === "in") return;
    const target = operands[operand]!;
    forEachOfSlice(target.type.shape, slice, (position, element) => (target.data[position] = fields[k]!.data[element]!));
  });
}
