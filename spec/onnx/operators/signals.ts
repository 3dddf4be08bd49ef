/** Fourier transforms and windows. Complex numbers are pairs along a last dimension. */
import { core, fft, type Tensor } from "../../../compiler/builder/index.ts";
import type { DType } from "../../../runtime/dtype.ts";
import { as, axisOf, upTo, type Call, type Family } from "../call.ts";
import { dtypeOf } from "../model.ts";

/** An axis moved to the end, or back from there. */
function moved(x: Tensor, from: number, to: number): Tensor {
  const axes = upTo(x.shape.length).filter((axis) => axis !== from);
  axes.splice(to, 0, from);
  return core.transpose(x, { axes });
}

/** Cut off or filled with zeros to a length of the last dimension. */
function fitted(x: Tensor, length: number): Tensor {
  const own = x.shape.at(-1)!;
  if (own === length) return x;
  if (own > length) return x.at("...", `:${length}`);
  const none = x.shape.map(() => 0);
  return core.pad(x, none, { after: none.with(none.length - 1, length - own) });
}

/** Along one axis of real (last extent 1) or complex (2) numbers. */
function transform(call: Call): Tensor {
  const x = call.x(0);
  const rank = x.shape.length - 1;
  const axis = axisOf(call.opset < 20 ? call.int("axis", 1) : call.number(2, -2), x.shape.length);
  const [inverse, onesided] = [call.int("inverse", 0) === 1, call.int("onesided", 0) === 1];
  const complex = x.shape.at(-1) === 2;
  const length = call.number(1, inverse && onesided ? 2 * (x.shape[axis]! - 1) : x.shape[axis]!);
  const part = (k: number, extent: number): Tensor => fitted(moved(x.at("...", k), axis, rank - 1), extent);
  const back = (y: Tensor): Tensor => moved(y, rank - 1, axis);
  const pair = ([re, im]: readonly [Tensor, Tensor]): Tensor => core.stack([back(re), back(im)], { axis: -1 });
  if (inverse && onesided) return core.expand(back(fft.irfft(part(0, Math.floor(length / 2) + 1), part(1, Math.floor(length / 2) + 1), length)), -1);
  if (onesided) return pair(fft.rfft(part(0, length)));
  const re = part(0, length);
  const im = complex ? part(1, length) : core.zeros(re.shape, { dtype: re.dtype });
  return pair(inverse ? fft.ifft(re, im) : fft.fft(re, im));
}

/** Of frames of a signal [batch, n] or [batch, n, 1], with a window or without. */
function shortTime(call: Call): Tensor {
  const given = call.x(0);
  call.requires(given.shape.length === 2 || given.shape[2] === 1, "short-time transforms of complex signals");
  const x = given.shape.length === 3 ? given.at(":", ":", 0) : given;
  const window = call.maybe(2) ?? core.ones([call.numbers(3)[0]!], { dtype: x.dtype });
  const step = call.numbers(1)[0]!;
  if (call.int("onesided", 1) === 1) return core.stack(fft.stft(x, window, step), { axis: -1 });
  const frames = fft.frames(x, window, step);
  return core.stack(fft.fft(frames, core.zeros(frames.shape, { dtype: frames.dtype })), { axis: -1 });
}

const window = (f: typeof fft.hann_window) => (call: Call): Tensor => {
  const dtype: DType = dtypeOf(call.int("output_datatype", 1));
  const count = call.numbers(0)[0]!;
  return f(count, { type: { dtype, shape: [count] }, periodic: call.int("periodic", 1) === 1 });
};

export const signals: Family = {
  DFT: transform, STFT: shortTime, HannWindow: window(fft.hann_window),
  // ONNX takes 25/46 and 21/46, which are 0.54 and 0.46 to two places.
  HammingWindow: (call) => {
    const dtype: DType = dtypeOf(call.int("output_datatype", 1));
    const count = call.numbers(0)[0]!;
    const hann = fft.hann_window(count, { type: { dtype: "f64", shape: [count] }, periodic: call.int("periodic", 1) === 1 });
    return as(dtype, hann.mul(42 / 46).add(4 / 46));
  },
  BlackmanWindow: window(fft.blackman_window),
};
