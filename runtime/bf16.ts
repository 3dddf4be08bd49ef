/** bf16, which JavaScript has no array for: its 16 bits are the leading half of an f32. */

const single = new Float32Array(1);
const bits = new Uint32Array(single.buffer);

/** The bits of `value` rounded to f32 and then to bf16, ties to even. NaN stays NaN. */
export function numberToBf16(value: number): number {
  single[0] = value;
  const word = bits[0]!;
  if (Number.isNaN(value)) return (word >>> 16) | 0x40;
  return ((word + 0x7fff + ((word >>> 16) & 1)) >>> 16) & 0xffff;
}

/** The number that 16 bits of bf16 stand for. */
export function bf16ToNumber(half: number): number {
  bits[0] = half << 16;
  return single[0]!;
}
