/**
 * For tests: runs lowerings as the tiled level would, block by block, with the kernel interpreter. An access becomes a
 * buffer: the box of its tensor that the block touches, where it lies. Nothing of the compiler uses this file.
 */
import { isBig, sizeOf, type DType } from "../../../runtime/dtype.ts";
import type { TensorType } from "../../graph/graph.ts";
import { flatIndex, forEachIndex, get, put, zeros, type Tensor } from "../../graph/tensor.ts";
import { binaryFunction } from "../../kernel/arithmetic.ts";
import { affineExpression, KernelBuilder } from "../../kernel/build.ts";
import { withEpilogue } from "../../kernel/epilogue.ts";
import { runKernel } from "../../kernel/interpret.ts";
import { rowMajor, type Expression, type Kernel } from "../../kernel/kernel.ts";
import type { Access, Lowering } from "../../kernel/lowering.ts";
import { affineRange, evaluateAffine } from "../../support/affine.ts";
import { invariant } from "../../support/bug.ts";
import { nowhere } from "../../support/span.ts";

/** Start and length of each part of a dimension. */
export type Cut = (extent: number, dimension: number) => readonly (readonly [start: number, length: number])[];

export const uncut: Cut = (extent) => [[0, extent]];

/** Parts of 1, 2, 3, … elements: as uneven as can be. */
export const uneven: Cut = (extent) => {
  const parts: [number, number][] = [];
  for (let start = 0, length = 1; start < extent; start += length, length += 1) parts.push([start, Math.min(length, extent - start)]);
  return parts;
};

/** Which parts of its space a lowering may be cut into. */
function partsOf(lowering: Lowering, cut: Cut): (readonly (readonly [number, number])[])[] {
  return lowering.space.map(({ extent, kind }, dimension) => {
    if (kind === "parallel" || (kind === "reduction" && lowering.combine !== undefined)) return cut(extent, dimension);
    return uncut(extent, dimension);
  });
}

/** The box of a tensor that an access touches from a block of these extents: its size, and where it starts. */
function boxOf(access: Access, block: readonly number[], origin: readonly number[] = block.map(() => 0)): { shape: number[]; start: number[]; low: number[] } {
  const reach = access.index.map(({ coefficients }) => affineRange({ constant: 0, coefficients }, block));
  return {
    shape: reach.map(({ min, max }) => max - min + 1),
    low: reach.map(({ min }) => min),
    start: access.index.map((form, axis) => evaluateAffine(form, origin) + reach[axis]!.min),
  };
}

/** The kernel of a block of these extents; the buffers are the boxes of the reads and then of the writes, in place. */
export function kernelOf(lowering: Lowering, block: readonly number[], inputs: readonly TensorType[], output: TensorType): Kernel {
  const kernel = new KernelBuilder(lowering.name, nowhere);
  const buffer = (access: Access, type: TensorType, kind: "in" | "out" | "inout", k: number): number =>
    kernel.buffer({ name: `${kind}${k}`, dtype: type.dtype, shape: boxOf(access, block).shape, strides: rowMajor(type.shape), access: kind });
  const reads = lowering.reads.map((access, k) => buffer(access, inputs[access.operand]!, "in", k));
  const writes = lowering.writes.map((access, k) => buffer(access, output, lowering.keeps ? "inout" : "out", k));
  const indexOf = (access: Access, at: readonly Expression[]): Expression[] => {
    invariant(at.length === block.length, () => `${lowering.name}: a point with ${at.length} indices in a space of rank ${block.length}`);
    const { low } = boxOf(access, block);
    return access.index.map(({ coefficients }, axis) => affineExpression({ constant: 0 - low[axis]!, coefficients }, at));
  };
  const scratch = (lowering.scratch ?? []).map(({ dtype, shape }, k) => kernel.buffer({ name: `scratch${k}`, dtype, shape, access: "out" }));
  lowering.emit({
    kernel,
    block,
    scratch,
    load: (read, at) => kernel.load(reads[read]!, indexOf(lowering.reads[read]!, at)),
    store: (write, at, value) => kernel.store(writes[write]!, indexOf(lowering.writes[write]!, at), value),
    reload: (write, at) => kernel.load(writes[write]!, indexOf(lowering.writes[write]!, at)),
  });
  return kernel.finish();
}

/** With its epilogue in the kernel; such a reduction is not cut, since partial results have none. */
function finished(lowering: Lowering): Lowering {
  if (lowering.epilogue === undefined) return lowering;
  const { combine: _, ...rest } = withEpilogue(lowering);
  return rest;
}

/** Runs one lowering; partial results of a cut reduction are combined in order. */
function runLowering(lowering: Lowering, inputs: readonly Tensor[], output: Tensor, cut: Cut, check: (kernel: Kernel) => void): void {
  const parts = partsOf(lowering, cut);
  const kernels = new Map<string, Kernel>();
  const combined = new Set<number>();
  forEachIndex(parts.map((list) => list.length), (choice) => {
    const chosen = choice.map((k, dimension) => parts[dimension]![k]!);
    const block = chosen.map(([, length]) => length);
    const key = block.join();
    let kernel = kernels.get(key);
    if (!kernel) {
      kernel = kernelOf(lowering, block, inputs.map((input) => input.type), output.type);
      check(kernel);
      kernels.set(key, kernel);
    }
    const target = lowering.combine === undefined ? output : zeros(output.type);
    const scratch = (lowering.scratch ?? []).map(({ dtype, shape }) => zeros({ dtype, shape }));
    const tensors = [...lowering.reads.map((access) => inputs[access.operand]!), ...lowering.writes.map(() => target), ...scratch];
    const origin = chosen.map(([start]) => start);
    const offsets = [...lowering.reads, ...lowering.writes].map((access, k) => flatIndex(tensors[k]!.type.shape, boxOf(access, block, origin).start));
    runKernel(kernel, tensors, { offsets: [...offsets, ...scratch.map(() => 0)] });
    if (lowering.combine !== undefined) {
      const combine = binaryFunction(lowering.combine, output.type.dtype);
      const touched = new Set<number>();
      forEachIndex(block, (point) => touched.add(positionOf(lowering.writes[0]!, output, point.map((i, dimension) => i + origin[dimension]!))));
      for (const position of touched) {
        put(output, position, combined.has(position) ? combine(get(output, position), get(target, position)) : get(target, position));
        combined.add(position);
      }
    }
  });
}

const positionOf = (access: Access, tensor: Tensor, point: readonly number[]): number => flatIndex(tensor.type.shape, access.index.map((form) => evaluateAffine(form, point)));

/** Runs all lowerings of an op into a fresh result; `inPlace`: into a copy of the first input. */
export function runLowerings(lowerings: readonly Lowering[], inputs: readonly Tensor[], type: Tensor["type"], cut: Cut, check: (kernel: Kernel) => void = () => {}, inPlace = false): Tensor {
  const output = zeros(type);
  const unwritten = isBig(type.dtype) ? 77n : 77;
  for (let flat = 0; flat < output.data.length; flat++) output.data[flat] = inPlace ? inputs[0]!.data[flat]! : unwritten;
  for (const lowering of lowerings) runLowering(finished(lowering), inputs, output, cut, check);
  return output;
}

/** What a lowering claims: accesses in bounds, and every element of the result written once, or at most once `inPlace`. Gives what is wrong. */
export function faultsOf(lowerings: readonly Lowering[], inputs: readonly Tensor[], type: Tensor["type"], inPlace = false): string[] {
  const faults: string[] = [];
  const output = zeros(type);
  const written = new Map<number, number>();
  for (const lowering of lowerings.map(finished)) {
    const extents = lowering.space.map(({ extent }) => extent);
    if ((lowering.keeps ?? false) !== inPlace) faults.push(`${lowering.name} ${inPlace ? "does not keep" : "keeps"} what it does not write`);
    if (sizeOf(extents) === 0) {
      faults.push(`${lowering.name} has an empty space`);
      continue;
    }
    const bounds = (access: Access, shape: readonly number[], what: string): void => {
      if (access.index.length !== shape.length) faults.push(`${what} of ${lowering.name} has ${access.index.length} indices for rank ${shape.length}`);
      access.index.forEach((form, axis) => {
        if (form.coefficients.length !== extents.length) faults.push(`${what} of ${lowering.name} has ${form.coefficients.length} coefficients for rank ${extents.length}`);
        const { min, max } = affineRange(form, extents);
        if (min < 0 || max >= shape[axis]!) faults.push(`${what} of ${lowering.name} reaches ${min}..${max} of ${shape[axis]}`);
      });
    };
    lowering.reads.forEach((access) => bounds(access, inputs[access.operand]!.type.shape, "a read"));
    for (const access of lowering.writes) {
      bounds(access, type.shape, "a write");
      access.index.forEach((form) =>
        form.coefficients.forEach((coefficient, k) => {
          if (coefficient !== 0 && lowering.space[k]!.kind === "reduction") faults.push(`a write of ${lowering.name} moves with a reduction dimension`);
        }),
      );
      const moving = extents.map((extent, k) => (access.index.some((form) => form.coefficients[k] !== 0) ? extent : 1));
      forEachIndex(moving, (point) => {
        const position = positionOf(access, output, point);
        written.set(position, (written.get(position) ?? 0) + 1);
      });
      lowering.space.forEach(({ kind, extent }, k) => {
        if (kind === "parallel" && moving[k] !== extent) faults.push(`a write of ${lowering.name} does not move with parallel dimension ${k}`);
      });
    }
  }
  if (written.size !== output.data.length && !inPlace) faults.push(`${written.size} of ${output.data.length} elements are written`);
  for (const [position, times] of written) if (times > 1) faults.push(`element ${position} is written ${times} times`);
  return faults;
}

const tolerances: { readonly [dtype in DType]?: number } = { f16: 2e-3, bf16: 2e-2, f32: 1e-5, f64: 1e-12 };

/** Where two tensors differ, beyond what another order of rounding explains (`exact`: at all). Empty when they agree. */
export function differences(actual: Tensor, expected: Tensor, exact: boolean): string[] {
  const { dtype, shape } = expected.type;
  if (actual.type.dtype !== dtype || actual.type.shape.join() !== shape.join()) return [`${actual.type.dtype}[${actual.type.shape.join()}] instead of ${dtype}[${shape.join()}]`];
  const wanted = Array.from({ length: expected.data.length }, (_, flat) => get(expected, flat));
  const scale = Math.max(1, ...wanted.map((value) => (Number.isFinite(Number(value)) ? Math.abs(Number(value)) : 0)));
  const slack = exact ? 0 : (tolerances[dtype] ?? 0) * scale;
  return wanted.flatMap((want, flat) => {
    const got = get(actual, flat);
    if (Object.is(got, want) || (!exact && (got === want || Math.abs(Number(got) - Number(want)) <= slack))) return [];
    return [`element ${flat} is ${got} instead of ${want}`];
  });
}
