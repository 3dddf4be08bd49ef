/** For tests and benchmarks: a kernel as a function on tensors, through a module of its own. */
import { bytesOf, newArray, viewArray } from "../../../runtime/dtype.ts";
import { control, pageBytes } from "../../../runtime/executable.ts";
import { mathFunctions } from "../../../runtime/math.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import { invariant } from "../../support/bug.ts";
import { kernelFeatures, loadBinaryen } from "../binaryen.ts";
import { emitKernel } from "../kernel.ts";

export interface BuiltModule {
  /** In WebAssembly's text format. */
  readonly text: string;
  readonly bytes: Uint8Array;
}

/** Exports: one function `kernel<i>` each, and the memory. Options as for `emitKernel`; `optimise` runs binaryen's passes. */
export async function buildModule(kernels: readonly Kernel[], options: { fusedMultiplyAdd?: boolean; optimise?: number; pages?: number } = {}): Promise<BuiltModule> {
  const binaryen = await loadBinaryen();
  const module = new binaryen.Module();
  const emit = { fusedMultiplyAdd: options.fusedMultiplyAdd ?? false };
  try {
    module.setFeatures(kernelFeatures(emit));
    module.setMemory(options.pages ?? 16, options.pages ?? 16, "memory");
    kernels.forEach((kernel, at) => {
      emitKernel(module, kernel, `kernel${at}`, emit);
      module.addFunctionExport(`kernel${at}`, `kernel${at}`);
    });
    invariant(module.validate(), () => `invalid module:\n${module.emitText()}`);
    if (options.optimise !== undefined) {
      binaryen.setOptimizeLevel(options.optimise);
      binaryen.setShrinkLevel(0);
      module.optimize();
    }
    return { text: module.emitText(), bytes: module.emitBinary() };
  } finally {
    module.dispose();
  }
}

export interface Runner {
  readonly memory: WebAssembly.Memory;
  run(kernel: number, ...addresses: number[]): void;
}

export function instantiate({ bytes }: BuiltModule): Runner {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>), { math: mathFunctions });
  return {
    memory: exports["memory"] as WebAssembly.Memory,
    run: (kernel, ...addresses) => (exports[`kernel${kernel}`] as (...addresses: number[]) => void)(...addresses),
  };
}

/** Runs a built kernel on tensors, which it changes; `offsets` as for the interpreter. */
export function runBuilt(runner: Runner, index: number, kernel: Kernel, buffers: readonly Tensor[], offsets: readonly number[] = []): void {
  let end: number = control.end;
  const starts = buffers.map((tensor) => {
    const start = end;
    // Odd distances, so that nothing depends on alignment beyond the element's own.
    end = Math.ceil((start + tensor.data.byteLength + 1) / 8) * 8;
    return start;
  });
  invariant(end <= runner.memory.buffer.byteLength, () => `${end} bytes do not fit ${runner.memory.buffer.byteLength / pageBytes} pages`);
  const viewOf = (tensor: Tensor, start: number) => viewArray(tensor.type.dtype, runner.memory.buffer, start, tensor.data.length);
  buffers.forEach((tensor, at) => viewOf(tensor, starts[at]!).set(tensor.data as never));
  runner.run(index, ...starts.map((start, at) => start + (offsets[at] ?? 0) * bytesOf(kernel.buffers[at]!.dtype)));
  buffers.forEach((tensor, at) => tensor.data.set(viewOf(tensor, starts[at]!) as never));
}

export const copyTensor = (tensor: Tensor): Tensor => {
  const data = newArray(tensor.type.dtype, tensor.data.length);
  data.set(tensor.data as never);
  return { type: tensor.type, data };
};
