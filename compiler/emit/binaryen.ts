/**
 * The one door to binaryen: loaded when code is first emitted, since importing it costs half a second, and the few calls its
 * builder has no method for. Only compiler/emit imports it.
 */
import type binaryen from "binaryen";
import { invariant } from "../support/bug.ts";

export type Binaryen = typeof binaryen;
export type Module = binaryen.Module;
/** An expression of binaryen's tree: used once, never shared. */
export type Code = binaryen.ExpressionRef;
export type WasmType = binaryen.Type;

let loaded: Binaryen | undefined;

export async function loadBinaryen(): Promise<Binaryen> {
  loaded ??= (await import("binaryen")).default;
  return loaded;
}

/** For code that runs only after `loadBinaryen`. */
export function loadedBinaryen(): Binaryen {
  invariant(loaded !== undefined, "binaryen is used before loadBinaryen()");
  return loaded;
}

/** The features emitted kernels need; relaxed SIMD only where multiply and add are fused, which then has its select too. */
export function kernelFeatures(options: { readonly fusedMultiplyAdd: boolean }): number {
  const { Features } = loadedBinaryen();
  const always = Features.MutableGlobals | Features.SignExt | Features.NontrappingFPToInt | Features.SIMD128 | Features.BulkMemory;
  return options.fusedMultiplyAdd ? always | Features.RelaxedSIMD : always;
}

interface RawBinaryen {
  _BinaryenSIMDTernary(module: number, operation: number, a: Code, b: Code, c: Code): Code;
  _BinaryenRelaxedMaddVecF32x4(): number;
  _BinaryenRelaxedMaddVecF64x2(): number;
  _BinaryenRelaxedNmaddVecF32x4(): number;
  _BinaryenRelaxedNmaddVecF64x2(): number;
  _BinaryenRelaxedLaneselectI8x16(): number;
}

/** `then` where the mask's bytes are all ones, `otherwise` where they are zeros, in one instruction; of other masks anything. */
export function relaxedSelect(module: Module, then: Code, otherwise: Code, mask: Code): Code {
  const raw = loadedBinaryen() as unknown as RawBinaryen;
  return raw._BinaryenSIMDTernary(module.ptr, raw._BinaryenRelaxedLaneselectI8x16(), then, otherwise, mask);
}

/** a · b + c, or −(a · b) + c when `negated`, in one instruction that rounds once or twice, as the machine likes. */
export function relaxedMultiplyAdd(module: Module, shape: "f32x4" | "f64x2", negated: boolean, a: Code, b: Code, c: Code): Code {
  const raw = loadedBinaryen() as unknown as RawBinaryen;
  const operation = negated
    ? shape === "f32x4" ? raw._BinaryenRelaxedNmaddVecF32x4() : raw._BinaryenRelaxedNmaddVecF64x2()
    : shape === "f32x4" ? raw._BinaryenRelaxedMaddVecF32x4() : raw._BinaryenRelaxedMaddVecF64x2();
  return raw._BinaryenSIMDTernary(module.ptr, operation, a, b, c);
}
