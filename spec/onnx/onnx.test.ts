/**
 * The library against ONNX's operator tests and networks with trained weights. They lie beside the project, in ../shared;
 * without them these tests are skipped.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { target, withTiles } from "../../compiler/targets/targets.ts";
import type { HostTensor } from "../../runtime/host.ts";
import { OnnxModel } from "../bench/suite/onnx.ts";
import { cases, compiledFor, difference, present, runCase, type Case, type Runner } from "./cases.ts";
import { importModel, interpret } from "./import.ts";
import { machines } from "./machines.ts";
import { readModel } from "./model.ts";
import { digitNetwork, faceDetector, present as modelsPresent, wrongOutput } from "./models.ts";
import { operators } from "./operators/index.ts";
import { report, reported, type Result } from "./report.ts";

if (!present) console.warn("skipped: ONNX's operator tests are not in ../shared/onnx");
if (!modelsPresent) console.warn("skipped: networks and digits are not in ../shared/models and ../shared/data/mnist");

/** One in so many cases is compiled too, another one for each machine. */
const sample = 15;

async function runAll(list: readonly Case[], runner: Runner): Promise<Result[]> {
  const results: Result[] = [];
  for (const one of list) results.push({ one, outcome: await runCase(one, runner) });
  return results;
}

const wrong = (results: readonly Result[]): string[] => results.flatMap(({ one, outcome }) => (outcome.status === "wrong" ? [`${one.name}: ${outcome.reason}`] : []));

describe.skipIf(!present)("ONNX's operator tests", () => {
  const small = present ? cases().filter(({ group }) => group !== "light") : [];

  it("are right by the interpreter, or not covered for the reasons that README.md has", async () => {
    const results = await runAll(small, interpret);
    expect(wrong(results)).toEqual([]);
    expect(reported(readFileSync(new URL("README.md", import.meta.url), "utf8"))).toBe(report(results).trim());
  });

  it.each(machines.map((machine, k) => ({ machine, name: machine.name, first: 7 * k })))("are right compiled for $name", async ({ machine, first }) => {
    const some = small.filter((_, k) => k % sample === first);
    expect(wrong(await runAll(some, compiledFor(machine)))).toEqual([]);
  });
});

describe.skipIf(!modelsPresent)("networks with trained weights", () => {
  it.each([
    ["mnist-cnn", "wasm", digitNetwork], ["mnist-cnn", "ipu-mk2", digitNetwork], ["face-detector", "wasm", faceDetector], ["face-detector", "ipu-mk2", faceDetector],
  ] as const)("%s on %s gives what onnxruntime gives", async (_, machine, network) => {
    expect(await wrongOutput(network(), machine === "wasm" ? target("wasm") : withTiles(target(machine), 64))).toBe(undefined);
  });
});

describe("a model", () => {
  /** max(0, x · w + b) for x [1, 2], as another program writes it. */
  function written(): Uint8Array {
    const model = new OnnxModel();
    const x = model.input("x", [1, 2]);
    const product = model.node("MatMul", [x, model.weight("w", [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6))]);
    model.node("Relu", [model.node("Add", [product, model.weight("b", [3], Float32Array.of(0, -20, 0.5))])], {}, "y");
    model.output("y", [1, 3]);
    return model.finish();
  }
  const x = { dtype: "f32", shape: [1, 2], data: Float32Array.of(1, -1) } as const;
  const y = { dtype: "f32", shape: [1, 3], data: Float32Array.of(0, 0, 0) } as const;

  it("is read, imported and interpreted", () => {
    const imported = importModel(readModel(written()), operators, new Map([["x", { ...x, data: Float32Array.of(1, 2) }]]));
    expect(interpret(imported)).toEqual([{ ...y, data: Float32Array.of(9, 0, 15.5) }]);
    expect(interpret(importModel(readModel(written()), operators, new Map([["x", x]])))).toEqual([y]);
  });

  /** What an operator makes of x and of weights behind it. */
  function made(op: string, x: HostTensor, rest: (model: OnnxModel) => readonly string[], attributes: Parameters<OnnxModel["node"]>[2] = {}): HostTensor {
    const model = new OnnxModel();
    model.node(op, [model.input("x", x.shape), ...rest(model)], attributes, "y");
    model.output("y", []);
    return interpret(importModel(readModel(model.finish()), operators, new Map([["x", x]])))[0]!;
  }
  const square: HostTensor = { dtype: "f32", shape: [2, 2], data: Float32Array.of(0, 2, -3, 0) };

  it("has operators that no case of ONNX here is about", () => {
    expect(made("NonZero", square, () => [])).toEqual({ dtype: "i64", shape: [2, 2], data: BigInt64Array.of(0n, 1n, 1n, 0n) });
    expect(made("Upsample", square, (model) => [model.weight("scales", [2], Float32Array.of(1, 2))]).data).toEqual(Float32Array.of(0, 0, 2, 2, -3, -3, 0, 0));
    expect(made("GlobalLpPool", { ...square, shape: [1, 1, 2, 2] }, () => [])).toEqual({ dtype: "f32", shape: [1, 1, 1, 1], data: Float32Array.of(Math.sqrt(13)) });
    const scattered = (reduction: string) => made("ScatterND", { ...square, shape: [4] }, (model) => {
      const places = model.node("Reshape", [model.ints([1, 2, 1]), model.ints([3, 1])]);
      return [places, model.weight("updates", [3], Float32Array.of(5, 4, -1))];
    }, { reduction: { string: reduction } }).data;
    expect(scattered("mul")).toEqual(Float32Array.of(0, -10, -12, 0));
    expect(scattered("min")).toEqual(Float32Array.of(0, -1, -3, 0));
  });

  it("is refused where its bytes end", () => {
    const bytes = written();
    expect(() => readModel(bytes.subarray(0, bytes.length - 3))).toThrow(RangeError);
  });

  it("is right within a tolerance, and wrong in dtype, shape or by an integer", () => {
    const tolerance = { rtol: 1e-3, atol: 1e-7 };
    expect(difference([{ ...y, data: Float32Array.of(5e-8, 0, -5e-8) }], [y], tolerance)).toBe(undefined);
    expect(difference([{ ...y, data: Float32Array.of(5e-7, 0, 0) }], [y], tolerance)).toMatch("1 of 3 elements");
    expect(difference([{ ...y, data: Float32Array.of(Number.NaN, 0, 0) }], [y], tolerance)).toMatch("element 0 is NaN");
    expect(difference([{ ...y, shape: [3, 1] }], [y], tolerance)).toMatch("output 0 is f32[3, 1], expected f32[1, 3]");
    expect(difference([{ dtype: "i32", shape: [1], data: Int32Array.of(1000) }], [{ dtype: "i32", shape: [1], data: Int32Array.of(1001) }], tolerance)).toMatch("element 0 is 1000");
  });
});
