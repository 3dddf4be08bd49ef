/** Packed convolutions against the interpreter of the graph as it was: random layers, chains that keep their order, tiles. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { differences, engineFor, fillStates, toHost } from "../../../spec/conformance/support.ts";
import { graphOf } from "../../check/testing/check-text.ts";
import { runPipeline } from "../../pipeline.ts";
import { Diagnostics } from "../../support/diagnostic.ts";
import { target, withTiles } from "../../targets/targets.ts";
import type { Graph } from "../graph.ts";
import { Interpreter } from "../interpret.ts";
import { countOps } from "../print.ts";
import { verify } from "../verify.ts";
import { differentiate } from "./differentiate.ts";
import { fuse } from "./fuse.ts";
import { narrowProducts } from "./narrow-products.ts";
import { packConvolutions } from "./pack-convolutions.ts";
import { removeDeadNodes } from "./remove-dead-nodes.ts";

const contextOf = (strictMath = false) => Object.assign(new Diagnostics(), { target: target("wasm"), strictMath });

function passed(graph: Graph, strictMath = false): Graph {
  const result = removeDeadNodes.run(packConvolutions.run(fuse.run(narrowProducts.run(differentiate.run(graph, contextOf()), contextOf()), contextOf()), contextOf(strictMath)), contextOf());
  verify(result);
  return result;
}

const graphFor = (members: string, statements: string): Graph =>
  graphOf(`import { conv1d, conv2d, conv_transpose2d, max_pool2d, avg_pool2d, relu } from "std/nn"; import { conv2d_i32, requantize } from "std/quantised"; graph g { ${members} program main { ${statements} } }`);

interface Layer {
  readonly dtype: "f32" | "f64";
  readonly images: number;
  readonly channels: number;
  readonly filters: number;
  readonly size: readonly number[];
  readonly window: readonly number[];
  readonly stride: number;
  readonly dilation: number;
  readonly padding: readonly number[];
  readonly bias: boolean;
  readonly depthwise: boolean;
  readonly tiles: number;
}

const two = (min: number, max: number): fc.Arbitrary<number[]> => fc.array(fc.integer({ min, max }), { minLength: 2, maxLength: 2 });

const layers: fc.Arbitrary<Layer> = fc.record({
  dtype: fc.constantFrom("f32", "f64"), images: fc.integer({ min: 1, max: 2 }), channels: fc.integer({ min: 1, max: 11 }), filters: fc.integer({ min: 8, max: 35 }),
  size: two(5, 12), window: two(1, 3), stride: fc.integer({ min: 1, max: 2 }), dilation: fc.integer({ min: 1, max: 2 }),
  padding: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 4, maxLength: 4 }), bias: fc.boolean(), depthwise: fc.boolean(), tiles: fc.constantFrom(1, 3, 16, 1472),
});

function layerGraph({ dtype, images, channels, filters, size, window, stride, dilation, padding, bias, depthwise }: Layer): Graph {
  const [inGroup, groups, image] = depthwise ? [1, filters, "conv2d(x, v, padding = 1)"] : [channels, 1, "x"];
  const extent = (axis: number): number => Math.floor((size[axis]! + padding[axis]! + padding[2 + axis]! - dilation * (window[axis]! - 1) - 1) / stride) + 1;
  return graphFor(
    `in x: ${dtype}[${images}, ${channels}, ${size.join()}]; param v: ${dtype}[${filters}, ${channels}, 3, 3]; param w: ${dtype}[${filters}, ${inGroup}, ${window.join()}]; param b: ${dtype}[${filters}]; out y: ${dtype}[${images}, ${filters}, ${extent(0)}, ${extent(1)}];`,
    `y = relu(conv2d(${image}, w${bias ? ", b" : ""}, stride = ${stride}, padding = (${padding.join()}), dilation = ${dilation}, groups = ${groups}));`,
  );
}

interface TrainedLayer extends Pick<Layer, "images" | "channels" | "filters" | "size" | "window" | "stride" | "padding" | "tiles"> {
  readonly pooled: boolean;
  readonly transposed: boolean;
  /** Whether the gradient by the image is one of convolutions. */
  readonly packsImage: boolean;
}

/** A layer between another one and a loss, of f64: sums and Winograd's products differ in the last bits. */
const trainedLayers: fc.Arbitrary<TrainedLayer> = fc.record({
  images: fc.integer({ min: 2, max: 5 }), channels: fc.constantFrom(8, 13, 32), filters: fc.constantFrom(8, 17, 33), size: two(6, 9), window: two(1, 3), stride: fc.integer({ min: 1, max: 3 }),
  padding: fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 4, maxLength: 4 }), pooled: fc.boolean(), transposed: fc.boolean(), tiles: fc.constantFrom(1, 5, 16),
}).filter(({ images, size, window, padding, stride, transposed }) => {
  const counts = size.map((extent, axis) => (transposed ? extent : Math.floor((extent + padding[axis]! + padding[2 + axis]! - window[axis]!) / stride) + 1));
  return images * counts[0]! * counts[1]! >= 64 && Math.min(...counts) >= 2;
}).map((one) => ({ ...one, packsImage: one.window.every((size) => size >= one.stride) && (!one.transposed || one.padding.every((many, k) => many < one.window[k % 2]!)) }));

interface OutsideLayer extends Pick<Layer, "dtype" | "images" | "channels" | "filters" | "window" | "dilation" | "padding" | "tiles"> {
  /** Strides along rows and columns. */
  readonly strides: readonly number[];
  /** Rows and columns of positions. */
  readonly positions: readonly number[];
  readonly line: boolean;
}

/** Layers whose image and gradient both come from outside. */
const outsideLayers: fc.Arbitrary<OutsideLayer> = fc.record({
  dtype: fc.constantFrom("f32", "f64"), images: fc.integer({ min: 4, max: 7 }), channels: fc.integer({ min: 1, max: 5 }), filters: fc.integer({ min: 8, max: 13 }), window: two(1, 4), dilation: fc.integer({ min: 1, max: 2 }),
  padding: fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 4, maxLength: 4 }), tiles: fc.constantFrom(1, 3, 16), strides: fc.constantFrom([1, 1], [1, 1], [2, 1], [1, 2]),
  positions: fc.tuple(fc.integer({ min: 2, max: 9 }), fc.constantFrom(8, 16, 24, 8, 12, 9)).map((pair) => [...pair]), line: fc.boolean(),
});

/** Extents of an image of which windows have these positions. */
const imageSize = ({ positions, strides, window, dilation, padding }: OutsideLayer): number[] =>
  positions.map((count, axis) => (count - 1) * strides[axis]! + (window[axis]! - 1) * dilation + 1 - padding[axis]! - padding[2 + axis]!);

function outsideGraph(one: OutsideLayer): Graph {
  const { dtype, images, channels, filters, window, dilation, padding, strides, positions, line } = one;
  const [size, of] = [imageSize(one), (list: readonly number[]): string => (line ? list.slice(1) : list).join()];
  const call = line ? `conv1d(x, w, stride = ${strides[1]}, padding = (${padding[1]}, ${padding[3]}), dilation = ${dilation})` : `conv2d(x, w, stride = (${strides.join()}), padding = (${padding.join()}), dilation = ${dilation})`;
  return graphFor(
    `in x: ${dtype}[${images}, ${channels}, ${of(size)}]; in w: ${dtype}[${filters}, ${channels}, ${of(window)}]; in y: ${dtype}[${images}, ${filters}, ${of(positions)}]; out dw: ${dtype}[${filters}, ${channels}, ${of(window)}];`,
    `dw = grad(sum(${call} * y), w);`,
  );
}

/** The gradients of a convolution of an image that another one gives, by both their filters and a bias. */
function trainingGraph({ images, channels, filters, size, window, stride, padding, pooled, transposed }: TrainedLayer): Graph {
  const kind = transposed ? `conv_transpose2d(h, v, b, stride = ${stride}, padding = (${padding.map((many, k) => Math.min(many, window[k % 2]! - 1)).join()}))` : `conv2d(h, v, b, stride = ${stride}, padding = (${padding.join()}))`;
  const shape = transposed ? [channels, filters] : [filters, channels];
  return graphFor(
    `in x: f64[${images}, 3, ${size.join()}]; in u: f64[${channels}, 3, 3, 3]; in v: f64[${shape.join()}, ${window.join()}]; in b: f64[${filters}]; out du: f64[${channels}, 3, 3, 3]; out dv: f64[${shape.join()}, ${window.join()}]; out db: f64[${filters}];`,
    `let h = max(conv2d(x, u, padding = 1), 0); let y = ${kind}; let z = ${pooled ? "max_pool2d(y, 2, 1)" : "tanh(y)"}; (du, dv, db) = grad(mean(z * z), (u, v, b));`,
  );
}

const chain = graphFor(
  "in x: f32[1, 9, 18, 17]; param a: f32[40, 9, 3, 3]; param ab: f32[40]; param b: f32[40, 40, 3, 3]; param c: f32[33, 40, 1, 1]; out y: f32[1, 66, 9, 8];",
  `let one = relu(conv2d(x, a, ab, padding = 1)); let two = relu(conv2d(one, b, padding = 1) + one); let three = max_pool2d(two, window = 2);
   let four = conv2d(three, c); y = concat(four, avg_pool2d(relu(four), window = 3, stride = 1, padding = 1), axis = 1);`,
);

describe("pack-convolutions", () => {
  const tolerance = (dtype: string): number => (dtype === "f64" ? 1e-14 : 1e-5);

  it("keeps what the interpreter computes, but for rounding", () => {
    fc.assert(fc.property(layers, (one) => {
      const graph = layerGraph(one);
      const [inputs, params] = [fillStates(graph, "in"), fillStates(graph, "param")];
      const after = passed(graph);
      if (one.depthwise || one.channels >= 8) expect(countOps(after)).not.toHaveProperty("conv");
      expect(differences(new Interpreter(graph, { params }).run("main", inputs), toHost(new Interpreter(after, { params }).run("main", inputs)), tolerance(one.dtype))).toEqual([]);
    }), { numRuns: 40 });
  });

  it("keeps what training steps compute, and leaves nothing of them with channels second", () => {
    fc.assert(fc.property(trainedLayers, (one) => {
      const graph = trainingGraph(one);
      const inputs = fillStates(graph, "in");
      const after = passed(graph);
      for (const op of ["conv", "conv_filters"]) expect(countOps(after)).not.toHaveProperty(op);
      if (one.packsImage) expect(countOps(after)).not.toHaveProperty("conv_transpose");
      expect(differences(new Interpreter(graph, {}).run("main", inputs), toHost(new Interpreter(after, {}).run("main", inputs)), 1e-12)).toEqual([]);
    }), { numRuns: 15 });
  });

  it.each([1, 2])("trains filters of each channel, %i apart", async (stride) => {
    const graph = graphFor(
      "in x: f64[4, 3, 9, 8]; in u: f64[12, 3, 3, 3]; in v: f64[12, 1, 3, 3]; out du: f64[12, 3, 3, 3]; out dv: f64[12, 1, 3, 3];",
      `let h = max(conv2d(x, u, padding = 1), 0); let y = conv2d(h, v, stride = ${stride}, padding = 1, groups = 12); (du, dv) = grad(mean(y * y), (u, v));`,
    );
    const inputs = fillStates(graph, "in");
    const after = passed(graph);
    expect(countOps(after)).toMatchObject({ depthwise_packed: 1 + stride ** 2, conv_filters_packed: 2 });
    expect(countOps(after)).not.toHaveProperty("conv_filters");
    const expected = new Interpreter(graph, {}).run("main", inputs);
    expect(differences(expected, toHost(new Interpreter(after, {}).run("main", inputs)), 1e-13)).toEqual([]);
    await using engine = await engineFor(graph, target("wasm"), 1, {});
    expect(differences(expected, engine.runSync(toHost(inputs)), 1e-13)).toEqual([]);
  });

  it("trains on any number of tiles as the interpreter says", async () => {
    await fc.assert(fc.asyncProperty(trainedLayers, async (one) => {
      const graph = trainingGraph(one);
      const inputs = fillStates(graph, "in");
      await using engine = await engineFor(graph, withTiles(target("wasm"), one.tiles), 1, {});
      expect(differences(new Interpreter(graph, {}).run("main", inputs), engine.runSync(toHost(inputs)), 1e-12)).toEqual([]);
    }), { numRuns: 6 });
  });

  it("trains filters of images from outside as they come, where rows are whole vectors, on any number of tiles", async () => {
    let asTheyCome = 0;
    await fc.assert(fc.asyncProperty(outsideLayers.filter((one) => imageSize(one).every((extent) => extent > 0)), async (one) => {
      const graph = outsideGraph(one);
      const inputs = fillStates(graph, "in");
      const after = passed(graph);
      const { conv_filters_planes: found = 0 } = countOps(after) as { conv_filters_planes?: number };
      asTheyCome += found;
      if (found > 0) expect(countOps(after)).not.toHaveProperty("transpose");
      const expected = new Interpreter(graph, {}).run("main", inputs);
      expect(differences(expected, toHost(new Interpreter(after, {}).run("main", inputs)), tolerance(one.dtype))).toEqual([]);
      await using engine = await engineFor(graph, withTiles(target("wasm"), one.tiles), 1, {});
      const got = engine.runSync(toHost(inputs));
      expect(differences(expected, got, tolerance(one.dtype))).toEqual([]);
      await using two = await engineFor(graph, withTiles(target("wasm"), one.tiles), 2, {});
      expect(two.runSync(toHost(inputs))["dw"]!.data).toEqual(got["dw"]!.data);
    }), { numRuns: 20 });
    expect(asTheyCome).toBeGreaterThan(4);
  });

  it.each([
    ["of points, as matrices", "[4, 16, 6, 12]", "[12, 16, 1, 1]", "[4, 12, 6, 12]", 1, 1],
    ["of three channels", "[4, 3, 8, 16]", "[32, 3, 3, 3]", "[4, 32, 6, 14]", 0, 0],
    ["of three channels in whole vectors", "[4, 3, 8, 18]", "[32, 3, 3, 3]", "[4, 32, 6, 16]", 1, 0],
    ["of many channels", "[4, 32, 8, 18]", "[32, 32, 3, 3]", "[4, 32, 6, 16]", 0, 0],
  ])("sums up planes where reordering them is much beside the products: %s", (_, x, w, y, count, reshapes) => {
    const after = countOps(passed(graphFor(`in x: f32${x}; in w: f32${w}; in y: f32${y}; out dw: f32${w};`, "dw = grad(sum(conv2d(x, w) * y), w);")));
    expect(after).toMatchObject({ [count > 0 ? "conv_filters_planes" : "conv_filters_packed"]: 1 });
    if (count > 0) expect(after["reshape"] ?? 0).toBe(2 * reshapes);
  });

  it("runs on any number of tiles as the interpreter says", async () => {
    await fc.assert(fc.asyncProperty(layers, async (one) => {
      const graph = layerGraph(one);
      const [inputs, params] = [fillStates(graph, "in"), fillStates(graph, "param")];
      await using engine = await engineFor(graph, withTiles(target("wasm"), one.tiles), 1, params);
      expect(differences(new Interpreter(graph, { params }).run("main", inputs), engine.runSync(toHost(inputs)), tolerance(one.dtype))).toEqual([]);
    }), { numRuns: 20 });
  });

  it("carries the order of axes through maps, pools and joins, and gives the same bits on two workers", async () => {
    const after = passed(chain);
    expect(countOps(after)).toMatchObject({ conv_packed: 1, winograd_image: 1, winograd_result: 1, matmul: 2, pool: 2, concat: 1, pad: 2, transpose: 6 });
    const [inputs, params] = [fillStates(chain, "in"), fillStates(chain, "param")];
    const expected = new Interpreter(chain, { params }).run("main", inputs);
    await using one = await engineFor(chain, target("wasm"), 1, params);
    await using two = await engineFor(chain, target("wasm"), 2, params);
    const got = one.runSync(toHost(inputs));
    expect(differences(expected, got, 1e-5)).toEqual([]);
    expect(two.runSync(toHost(inputs))["y"]!.data).toEqual(got["y"]!.data);
  });

  const quantised = graphFor(
    "in x: u8[2, 6, 9, 8]; param a: i8[16, 6, 3, 3]; param b: i8[9, 16, 3, 3]; out y: u8[2, 9, 7, 6];",
    `let one = requantize<u8>(conv2d_i32(x, a, x_zero = 3, padding = 1), f32(0.01), 5); y = requantize<u8>(conv2d_i32(one, b, x_zero = 5), f32(0.01), 7);`,
  );

  it("carries the order of axes through slices: between quantised layers nothing is reordered", async () => {
    const after = passed(quantised);
    expect(countOps(after)).toMatchObject({ conv_packed: 2, transpose: 4 });
    const [inputs, params] = [fillStates(quantised, "in", 256), fillStates(quantised, "param", 256)];
    await using engine = await engineFor(quantised, withTiles(target("wasm"), 3), 1, params);
    expect(differences(new Interpreter(quantised, { params }).run("main", inputs), engine.runSync(toHost(inputs)), 0)).toEqual([]);
  });

  it.each([1, 4])("transforms, multiplies and transforms back on one tile, for %i images, whose borders need the only sync", (images) => {
    const graph = graphFor(`in x: f32[${images}, 32, 24, 20]; param w: f32[32, 32, 3, 3]; out y: f32[${images}, 32, 24, 20];`, "y = conv2d(x, w, padding = 1);");
    const planned = runPipeline(graph, { target: target("wasm"), reporter: new Diagnostics() });
    expect(planned!.programs[0]!.steps.filter((step) => step.kind === "superstep" && step.sync)).toHaveLength(1);
  });

  it("has no products of tiles where math is strict", () => {
    const counts = countOps(passed(chain, true));
    expect(counts).not.toHaveProperty("winograd_image");
    expect(counts).toMatchObject({ conv_packed: 2 });
  });

  it.each([
    ["filters that change from run to run", graphFor("in x: f32[1, 8, 9, 9]; in w: f32[8, 8, 3, 3]; out y: f32[1, 8, 7, 7];", "y = conv2d(x, w);")],
    ["few filters", graphFor("in x: f32[1, 8, 9, 9]; param w: f32[4, 8, 3, 3]; out y: f32[1, 4, 7, 7];", "y = conv2d(x, w);")],
    ["integers", graphFor("in x: i32[1, 8, 9, 9]; param w: i32[8, 8, 3, 3]; out y: i32[1, 8, 7, 7];", "y = conv2d(x, w);")],
    ["a filter for each channel of an image from outside", graphFor("in x: f32[1, 8, 9, 9]; param w: f32[8, 1, 3, 3]; out y: f32[1, 8, 7, 7];", "y = conv2d(x, w, groups = 8);")],
    ["groups of several channels", graphFor("in x: f32[1, 16, 9, 9]; param w: f32[16, 8, 3, 3]; out y: f32[1, 16, 7, 7];", "y = conv2d(x, w, groups = 2);")],
  ])("leaves %s as they are", (_, graph) => {
    expect(countOps(passed(graph))).toMatchObject({ conv: 1 });
  });

  it("leaves machines with private memories alone", () => {
    expect(packConvolutions.run(chain, Object.assign(new Diagnostics(), { target: target("ipu-mk2") }))).toBe(chain);
  });
});
