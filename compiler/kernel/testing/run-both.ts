/** For tests of kernel passes: a context that they run in, which refuses diagnostics, and what two kernels leave in equal buffers. */
import { isBig, isFloat } from "../../../runtime/dtype.ts";
import { put, zeros, type Tensor } from "../../graph/tensor.ts";
import { CompilerBug } from "../../support/bug.ts";
import type { PassContext } from "../../support/pass.ts";
import { randomNumbers } from "../../support/testing/random-numbers.ts";
import type { Target } from "../../targets/target.ts";
import { runKernel } from "../interpret.ts";
import type { Buffer, Kernel } from "../kernel.ts";

const target: Target = {
  name: "test",
  summary: "a machine for tests of kernel passes, which ask nothing of it",
  tiles: 1,
  memory: "shared",
  bytesPerTile: 2 ** 30,
  clockGHz: 1,
  threadsPerTile: 1,
  macsPerCycle: { f16: 1, f32: 1 },
  exchange: { bytesPerCycle: 1, startCycles: 0 },
  syncCycles: 0,
  grain: 1,
};

export const testContext: PassContext = {
  target,
  report(diagnostic) {
    throw new CompilerBug(`a kernel pass reported: ${diagnostic.message}`);
  },
};

/** Data of a buffer: dense values for its whole reach, given by `value(position)`. */
function bufferData(buffer: Buffer, value: (position: number) => number): Tensor {
  const reach = buffer.shape.reduce((sum, extent, dimension) => sum + Math.max(0, extent - 1) * buffer.strides[dimension]!, 1);
  const tensor = zeros({ dtype: buffer.dtype, shape: [reach] });
  for (let position = 0; position < reach; position++) put(tensor, position, isBig(buffer.dtype) ? BigInt(Math.trunc(value(position))) : value(position));
  return tensor;
}

/** Runs two kernels on equal data; what each leaves in every buffer. */
export function runBoth(before: Kernel, after: Kernel, seed: number): (readonly [readonly (number | bigint)[], readonly (number | bigint)[]])[] {
  const run = (kernel: Kernel): Tensor[] => {
    const random = randomNumbers(seed);
    const data = before.buffers.map((buffer) => bufferData(buffer, () => (isFloat(buffer.dtype) ? Math.round((random() * 8 - 4) * 64) / 64 : Math.floor(random() * 200) - (buffer.dtype.startsWith("i") ? 100 : 0))));
    runKernel(kernel, data);
    return data;
  };
  const second = run(after);
  return run(before).map((tensor, index) => [[...tensor.data], [...second[index]!.data]]);
}
