/** The public interface of the runtime: everything needed to load and run an executable, and nothing of the compiler. */
export { bf16ToNumber, numberToBf16 } from "./bf16.ts";
export { bytesOf, dtypes, isDType, newArray, sizeOf, type DType, type TypedArray } from "./dtype.ts";
export { Engine, type Inputs, type LoadOptions, type Outputs, type RunOptions, type RunSyncOptions } from "./engine.ts";
export {
  AssertionFailed, EngineBusy, EngineClosed, ExecutableError, FormatError, GphError, InputError, StreamError, TrapError, type ErrorCode,
} from "./errors.ts";
export { looksLikeWasm, readExecutable, writeExecutable, type Executable } from "./executable.ts";
export type { HostBuffer, HostEvent, Manifest, ManifestProgram, ManifestState, Position } from "./executable.ts";
export { toTensor, type HostTensor, type HostValue, type NestedArray } from "./host.ts";
export { readNpy, writeNpy } from "./npy.ts";
export { formatNumber, formatTensor } from "./print.ts";
export { readSafetensors, writeSafetensors } from "./safetensors.ts";
export type { StreamSink, StreamSource, Streams } from "./streams.ts";
