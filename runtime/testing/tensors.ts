/** Arbitrary tensors for property tests: every dtype, up to four dimensions, extents of 0 included, every bit pattern. */
import fc from "fast-check";
import { bytesOf, dtypes, sizeOf, viewArray, type DType } from "../dtype.ts";
import type { HostTensor } from "../host.ts";

export function anyTensor({ without = [] }: { readonly without?: readonly DType[] } = {}): fc.Arbitrary<HostTensor> {
  const known = (Object.keys(dtypes) as DType[]).filter((dtype) => !without.includes(dtype));
  return fc.tuple(fc.constantFrom(...known), fc.array(fc.nat(4), { maxLength: 4 })).chain(([dtype, shape]) => {
    const size = sizeOf(shape);
    const bytes = fc.uint8Array({ minLength: size * bytesOf(dtype), maxLength: size * bytesOf(dtype), max: dtype === "bool" ? 1 : 255 });
    return bytes.map((data) => ({ dtype, shape, data: viewArray(dtype, data.slice().buffer, 0, size) }));
  });
}
