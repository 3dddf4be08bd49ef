/** The suite keeps working: its sources are programs, its ONNX files are whole, its plain JavaScript computes what gph does. */
import { describe, expect, it } from "vitest";
import { checkFile, compile } from "../../../compiler/index.ts";
import { Engine } from "../../../runtime/index.ts";
import { OnnxModel } from "./onnx.ts";
import { numbers, sizeOf, tensorsOf } from "./workload.ts";
import { workloads } from "./workloads.ts";

describe("workloads", () => {
  it.each(workloads.map((workload) => [workload.name, workload] as const))("%s is a program", (name, { source, parameters }) => {
    const { diagnostics } = checkFile(`${name}.gph`, { parameters: parameters ?? {}, readFile: () => source });
    expect(diagnostics).toEqual([]);
  });

  it.each(["depthwise", "mlp-1", "training-step", "empty-call"])("%s computes what plain JavaScript does, twice over", async (name) => {
    const workload = workloads.find((each) => each.name === name)!;
    const { executable } = await compile(`${name}.gph`, { parameters: workload.parameters ?? {}, readFile: () => workload.source });
    await using engine = await Engine.load(executable!);
    for (const spec of workload.weights ?? []) engine.write(spec.name, numbers(spec));
    if (workload.states) engine.runSync("load", Object.fromEntries(workload.states.map((spec) => [`given_${spec.name}`, numbers(spec)])));
    const plain = workload.plain!(tensorsOf(workload));
    for (let call = 0; call < 2; call++) {
      const expected = plain();
      const got = engine.runSync("main", Object.fromEntries(workload.inputs.map((spec) => [spec.name, numbers(spec)])))[workload.output]!.data as Float32Array;
      const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const worst = got.reduce((most, value, at) => Math.max(most, Math.abs(value - expected[at]!)), 0);
      expect(worst).toBeLessThanOrEqual(workload.tolerance * largest);
    }
  });
});

interface Field {
  readonly number: number;
  readonly value: number | Uint8Array;
}

/** Protobuf as its specification says, read by other code than what writes it. */
function fieldsOf(bytes: Uint8Array): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(BigInt.asIntN(64, value));
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const wire = tag % 8;
    if (wire !== 0 && wire !== 2 && wire !== 5) throw new Error(`wire type ${wire} at ${at}`);
    const length = wire === 0 ? 0 : wire === 5 ? 4 : varint();
    fields.push({ number: (tag - wire) / 8, value: wire === 0 ? varint() : bytes.subarray(at, at + length) });
    if (wire !== 0) at += length;
  }
  expect(at).toBe(bytes.length);
  return fields;
}

const all = (fields: readonly Field[], number: number): (number | Uint8Array)[] => fields.filter((field) => field.number === number).map(({ value }) => value);
const text = (value: number | Uint8Array | undefined): string => Buffer.from(value as Uint8Array).toString("utf8");

describe("ONNX files", () => {
  it("hold nodes, weights and attributes where onnx.proto says", () => {
    const model = new OnnxModel();
    const data = Float32Array.of(1, -2, 3.5, 4, 5, 6);
    model.node("Gemm", [model.input("x", [300, 2]), model.weight("w", [2, 3], data)], { alpha: { float: 0.5 }, transB: { int: -1 }, list: { ints: [0, 128] } }, "y");
    model.output("y", [300, 3]);
    const file = fieldsOf(model.finish());
    const graph = fieldsOf(all(file, 7)[0] as Uint8Array);
    const node = fieldsOf(all(graph, 1)[0] as Uint8Array);
    expect([all(node, 1).map(text), all(node, 2).map(text), text(all(node, 4)[0])]).toEqual([["x", "w"], ["y"], "Gemm"]);
    const [alpha, transB, list] = all(node, 5).map((attribute) => fieldsOf(attribute as Uint8Array));
    expect(Buffer.from(all(alpha!, 2)[0] as Uint8Array).readFloatLE()).toBe(0.5);
    expect(all(transB!, 3)).toEqual([-1]);
    expect([all(list!, 8), all(list!, 20)]).toEqual([[0, 128], [7]]);
    const weight = fieldsOf(all(graph, 5)[0] as Uint8Array);
    expect([all(weight, 1), all(weight, 2), text(all(weight, 8)[0])]).toEqual([[2, 3], [1], "w"]);
    expect(new Float32Array(Uint8Array.from(all(weight, 9)[0] as Uint8Array).buffer)).toEqual(data);
    const shape = fieldsOf(all(fieldsOf(all(fieldsOf(all(fieldsOf(all(graph, 11)[0] as Uint8Array), 2)[0] as Uint8Array), 1)[0] as Uint8Array), 2)[0] as Uint8Array);
    expect(all(shape, 1).map((dimension) => all(fieldsOf(dimension as Uint8Array), 1)[0])).toEqual([300, 2]);
  });

  it.each(["mlp-1", "conv-3x3", "transformer-block"])("%s has all its weights", (name) => {
    const workload = workloads.find((each) => each.name === name)!;
    const model = new OnnxModel();
    workload.onnx!(model);
    const graph = fieldsOf(all(fieldsOf(model.finish()), 7)[0] as Uint8Array);
    const bytes = new Map(all(graph, 5).map((weight) => fieldsOf(weight as Uint8Array)).map((fields) => [text(all(fields, 8)[0]), (all(fields, 9)[0] as Uint8Array).length]));
    for (const weight of workload.weights!) expect(bytes.get(weight.name)).toBe(4 * sizeOf(weight.shape));
  });
});
