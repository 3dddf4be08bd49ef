/** Workloads that the memory or elementwise arithmetic limits, and calls that do next to nothing. */
import { heat, layerNorm, softmax } from "./plain.ts";
import { sizeOf, tensor, type TensorSpec, type Tf, type Workload } from "./workload.ts";

const rows = 4096;
const width = 1024;
const many = 16 * 1024 * 1024;

/** Reads one tensor, writes one of the same shape; in the cache with a 256th of the outermost extent. */
function mapped(name: string, shape: readonly number[], formula: string, rest: Pick<Workload, "onnx" | "tfjs" | "plain" | "tolerance"> & { readonly weights?: readonly TensorSpec[] }): Workload {
  const inner = shape.slice(1).map((extent) => `, ${extent}`).join("");
  const parts = 256;
  const outermost = shape[0]!;
  return {
    name,
    source: `import { softmax, layer_norm } from "std/nn";
graph mapped(n: int) {
  in x: f32[n${inner}];
${(rest.weights ?? []).map((weight) => `  param ${weight.name}: f32[${weight.shape.join(", ")}];\n`).join("")}  out y: f32[n${inner}];
  program main { y = ${formula}; }
}`,
    parameters: { n: outermost },
    inputs: [tensor("x", shape, -3, 3)],
    output: "y",
    operations: 0,
    limit: "copy",
    bytes: 8 * sizeOf(shape),
    cached: { parameters: { n: outermost / parts }, inputs: [tensor("x", [outermost / parts, ...shape.slice(1)], -3, 3)], fraction: 1 / parts },
    ...rest,
  };
}

const softmaxRows = mapped("softmax", [rows, width], "softmax(x)", {
  tolerance: 1e-5,
  onnx(model) {
    model.node("Softmax", [model.input("x", [rows, width])], { axis: { int: -1 } }, "y");
    model.output("y", [rows, width]);
  },
  tfjs: {
    prepare(tf, { x }) {
      const given = tf["tensor"](x, [rows, width]);
      return () => tf["softmax"](given);
    },
  },
  plain({ x }) {
    const y = new Float32Array(rows * width);
    return () => softmax(x!, width, y);
  },
});

const layerNormRows = mapped("layer-norm", [rows, width], "layer_norm(x, gain, bias, epsilon = 1e-5)", {
  tolerance: 1e-5,
  weights: [tensor("gain", [width], 0.5, 1.5), tensor("bias", [width])],
  onnx(model) {
    const inputs = [model.input("x", [rows, width]), ...["gain", "bias"].map((name) => model.input(name, [width]))];
    model.node("LayerNormalization", inputs, { axis: { int: -1 }, epsilon: { float: 1e-5 } }, "y");
    model.output("y", [rows, width]);
  },
  tfjs: {
    prepare(tf, { x, gain, bias }) {
      const [given, scale, shift] = [tf["tensor"](x, [rows, width]), tf["tensor"](gain, [width]), tf["tensor"](bias, [width])];
      return () => tf["tidy"](() => tfLayerNorm(tf, given, scale, shift));
    },
  },
  plain({ x, gain, bias }) {
    const y = new Float32Array(rows * width);
    return () => layerNorm(x!, gain!, bias!, y);
  },
});

// oxlint-disable-next-line typescript/no-explicit-any -- tensors of a peer that is not installed where types are checked
export function tfLayerNorm(tf: Tf, x: any, gain: any, bias: any): any {
  const centred = tf["sub"](x, tf["mean"](x, -1, true));
  const variance = tf["mean"](tf["mul"](centred, centred), -1, true);
  return tf["add"](tf["mul"](tf["mul"](centred, tf["rsqrt"](tf["add"](variance, 1e-5))), gain), bias);
}

const tanhChain = mapped("tanh-chain", [many], "tanh(x * 0.5 + 1) * 2 - x", {
  tolerance: 1e-6,
  onnx(model) {
    const x = model.input("x", [many]);
    const inner = model.node("Add", [model.node("Mul", [x, model.scalar(0.5)]), model.scalar(1)]);
    model.node("Sub", [model.node("Mul", [model.node("Tanh", [inner]), model.scalar(2)]), x], {}, "y");
    model.output("y", [many]);
  },
  tfjs: {
    prepare(tf, { x }) {
      const given = tf["tensor"](x, [many]);
      return () => tf["tidy"](() => tf["sub"](tf["mul"](tf["tanh"](tf["add"](tf["mul"](given, 0.5), 1)), 2), given));
    },
  },
  plain({ x }) {
    const y = new Float32Array(many);
    return () => {
      for (let i = 0; i < many; i++) y[i] = Math.tanh(x![i]! * 0.5 + 1) * 2 - x![i]!;
      return y;
    };
  },
});

const total: Workload = {
  name: "sum",
  source: `graph total {
  in x: f32[${many}];
  out y: f32;
  program main { y = sum(x); }
}`,
  inputs: [tensor("x", [many], 0, 1)],
  output: "y",
  operations: many,
  limit: "read",
  bytes: 4 * many,
  // Some peers add one after the other in single precision.
  tolerance: 1e-3,
  onnx(model) {
    model.node("ReduceSum", [model.input("x", [many]), model.ints([0])], { keepdims: { int: 0 } }, "y");
    model.output("y", []);
  },
  tfjs: {
    prepare(tf, { x }) {
      const given = tf["tensor"](x, [many]);
      return () => tf["sum"](given);
    },
  },
  plain({ x }) {
    const y = new Float32Array(1);
    return () => {
      let sum = 0;
      for (let i = 0; i < many; i++) sum += x![i]!;
      y[0] = sum;
      return y;
    };
  },
};

const n = 1024;
const steps = 50;

/** The peers make one step a call, gph, plain JavaScript and C 50. */
const plate: Workload = {
  name: "heat",
  source: `graph heat(n: int, steps: int) {
  in initial: f32[n, n];
  out plate: f32[n, n];
  program main {
    var u = initial;
    repeat steps { u[1:-1, 1:-1] += 0.1 * (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4 * u[1:-1, 1:-1]); }
    plate = u;
  }
}`,
  parameters: { n, steps },
  inputs: [tensor("initial", [n, n], 0, 1)],
  output: "plate",
  steps,
  operations: 7 * (n - 2) ** 2,
  tolerance: 1e-5,
  twoWorkers: true,
  native: "heat",
  onnx(model) {
    const u = model.input("initial", [n, n]);
    const part = (top: number, left: number): string => model.node("Slice", [u, model.ints([top, left]), model.ints([top + n - 2, left + n - 2]), model.ints([0, 1])]);
    const around = model.node("Add", [model.node("Add", [part(0, 1), part(2, 1)]), model.node("Add", [part(1, 0), part(1, 2)])]);
    const change = model.node("Mul", [model.node("Sub", [around, model.node("Mul", [part(1, 1), model.scalar(4)])]), model.scalar(0.1)]);
    model.node("Add", [u, model.node("Pad", [change, model.ints([1, 1, 1, 1])])], {}, "plate");
    model.output("plate", [n, n]);
  },
  tfjs: {
    prepare(tf, { initial }) {
      const u = tf["tensor"](initial, [n, n]);
      const part = (top: number, left: number) => tf["slice"](u, [top, left], [n - 2, n - 2]);
      return () =>
        tf["tidy"](() => {
          const around = tf["add"](tf["add"](part(0, 1), part(2, 1)), tf["add"](part(1, 0), part(1, 2)));
          const change = tf["mul"](tf["sub"](around, tf["mul"](part(1, 1), 4)), 0.1);
          return tf["add"](u, tf["pad"](change, [[1, 1], [1, 1]]));
        });
    },
  },
  plain({ initial }) {
    const buffers = [new Float32Array(n * n), new Float32Array(n * n)] as const;
    return () => heat(initial!, n, steps, 0.1, buffers);
  },
  oneStep: ({ initial }) => heat(initial!, n, 1, 0.1, [new Float32Array(n * n), new Float32Array(n * n)]),
};

const nothing: Workload = {
  name: "empty-call",
  source: `graph nothing {
  in x: f32[4];
  out y: f32[4];
  program main { y = x + 1; }
}`,
  inputs: [tensor("x", [4])],
  output: "y",
  operations: 0,
  passed: true,
  tolerance: 1e-6,
  onnx(model) {
    model.node("Add", [model.input("x", [4]), model.scalar(1)], {}, "y");
    model.output("y", [4]);
  },
  tfjs: {
    prepare(tf, { x }) {
      return () => tf["tidy"](() => tf["add"](tf["tensor"](x, [4]), 1));
    },
  },
  plain({ x }) {
    return () => x!.map((value) => value + 1);
  },
};

export const rowWorkloads: readonly Workload[] = [softmaxRows, layerNormRows, tanhChain, total, plate, nothing];
