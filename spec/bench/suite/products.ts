/** Workloads of sums of products: matrices, convolutions. */
import { convolution, product, type Convolution } from "./plain.ts";
import { sizeOf, tensor, weightsOf, type Workload } from "./workload.ts";

function gemm(n: number): Workload {
  return {
    name: `gemm-${n}`,
    source: `graph gemm {
  in a: f32[${n}, ${n}];
  in b: f32[${n}, ${n}];
  out y: f32[${n}, ${n}];
  program main { y = a @ b; }
}`,
    inputs: [tensor("a", [n, n]), tensor("b", [n, n])],
    output: "y",
    operations: 2 * n ** 3,
    limit: "fma",
    tolerance: 1e-5,
    twoWorkers: true,
    onnx(model) {
      model.node("MatMul", [model.input("a", [n, n]), model.input("b", [n, n])], {}, "y");
      model.output("y", [n, n]);
    },
    tfjs: {
      prepare(tf, { a, b }) {
        const [left, right] = [tf["tensor"](a, [n, n]), tf["tensor"](b, [n, n])];
        return () => tf["matMul"](left, right);
      },
    },
    plain({ a, b }) {
      const y = new Float32Array(n * n);
      return () => product(a!, b!, y, [n, n, n]);
    },
  };
}

function conv(name: string, shape: Convolution): Workload {
  const { channels, out, size, window, depthwise } = shape;
  const filters = [out, depthwise ? 1 : channels, window, window];
  const padding = (window - 1) / 2;
  const fan = sizeOf(filters) / out;
  return {
    name,
    source: `import { conv2d } from "std/nn";
graph conv {
  in x: f32[1, ${channels}, ${size}, ${size}];
  param w: f32[${filters.join(", ")}];
  param bias: f32[${out}];
  out y: f32[1, ${out}, ${size}, ${size}];
  program main { y = conv2d(x, w, bias, padding = ${padding}, groups = ${depthwise ? channels : 1}); }
}`,
    inputs: [tensor("x", [1, channels, size, size])],
    weights: [tensor("w", filters, -1 / Math.sqrt(fan), 1 / Math.sqrt(fan)), tensor("bias", [out])],
    output: "y",
    operations: 2 * fan * out * size * size,
    limit: "fma",
    tolerance: 1e-5,
    twoWorkers: !depthwise,
    onnx(model) {
      const { w, bias } = weightsOf(this);
      const inputs = [model.input("x", [1, channels, size, size]), model.weight("w", filters, w!), model.weight("bias", [out], bias!)];
      model.node("Conv", inputs, { kernel_shape: { ints: [window, window] }, pads: { ints: [padding, padding, padding, padding] }, group: { int: depthwise ? channels : 1 } }, "y");
      model.output("y", [1, out, size, size]);
    },
    tfjs: {
      back: [0, 3, 1, 2],
      prepare(tf, { x, w, bias }) {
        const image = tf["transpose"](tf["tensor"](x, [1, channels, size, size]), [0, 2, 3, 1]);
        // Height, width, input, output; depthwise: height, width, channel, multiplier.
        const filter = tf["transpose"](tf["tensor"](w, filters), depthwise ? [2, 3, 0, 1] : [2, 3, 1, 0]);
        const shift = tf["tensor"](bias, [out]);
        const options = { x: image, filter, strides: 1, pad: "same", bias: shift, activation: "linear" };
        return () => tf["fused"][depthwise ? "depthwiseConv2d" : "conv2d"](options);
      },
    },
    plain({ x, w, bias }) {
      const y = new Float32Array(out * size * size);
      return () => convolution(x!, w!, bias!, shape, y);
    },
  };
}

export const products: readonly Workload[] = [
  gemm(512),
  gemm(1024),
  conv("conv-3x3", { channels: 64, out: 64, size: 56, window: 3, depthwise: false }),
  conv("conv-1x1", { channels: 64, out: 256, size: 56, window: 1, depthwise: false }),
  conv("depthwise", { channels: 96, out: 96, size: 56, window: 3, depthwise: true }),
];
