/**
 * Models and tensors of ONNX, as far as the operators here need them. Field numbers are those of onnx.proto3
 * (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3).
 */
import { newArray, viewArray, type DType } from "../../runtime/dtype.ts";
import type { HostTensor } from "../../runtime/host.ts";
import { NotCovered } from "./not-covered.ts";
import { Message } from "./wire.ts";

export interface OnnxModel {
  /** Versions of the operator sets, by domain; "" is ONNX's own. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly graph: OnnxGraph;
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly initialisers: ReadonlyMap<string, HostTensor>;
  /** Names in order; those of initialisers may be among the inputs. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

export interface OnnxNode {
  readonly op: string;
  readonly domain: string;
  /** "" stands for an optional one that is absent. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
}

export interface Attribute {
  readonly float: number;
  readonly int: number;
  readonly text: string;
  readonly floats: readonly number[];
  readonly ints: readonly number[];
  readonly texts: readonly string[];
  readonly tensor: HostTensor | undefined;
  readonly graph: OnnxGraph | undefined;
}

/** TensorProto.DataType: the name in gph where there is one. */
const elementTypes: readonly { readonly name: string; readonly dtype?: DType }[] = [
  { name: "undefined" }, { name: "float", dtype: "f32" }, { name: "uint8", dtype: "u8" }, { name: "int8", dtype: "i8" }, { name: "uint16", dtype: "u16" }, { name: "int16", dtype: "i16" },
  { name: "int32", dtype: "i32" }, { name: "int64", dtype: "i64" }, { name: "string" }, { name: "bool", dtype: "bool" }, { name: "float16", dtype: "f16" }, { name: "double", dtype: "f64" },
  { name: "uint32", dtype: "u32" }, { name: "uint64", dtype: "u64" }, { name: "complex64" }, { name: "complex128" }, { name: "bfloat16", dtype: "bf16" },
  { name: "float8e4m3fn" }, { name: "float8e4m3fnuz" }, { name: "float8e5m2" }, { name: "float8e5m2fnuz" }, { name: "uint4" }, { name: "int4" }, { name: "float4e2m1" }, { name: "float8e8m0" },
  { name: "uint2" }, { name: "int2" },
];

/** The dtype that a number of TensorProto.DataType stands for. */
export function dtypeOf(number: number): DType {
  const type = elementTypes[number];
  if (type?.dtype === undefined) throw new NotCovered(`elements of type ${type?.name ?? number}`);
  return type.dtype;
}

export function readModel(bytes: Uint8Array): OnnxModel {
  const message = new Message(bytes);
  if (message.has(25)) throw new NotCovered("functions of a model");
  return {
    opsets: new Map(message.messages(8).map((one) => [one.text(1), one.int(2)])),
    graph: readGraph(message.message(7)!),
  };
}

function readGraph(message: Message): OnnxGraph {
  if (message.has(15)) throw new NotCovered("sparse initialisers");
  return {
    nodes: message.messages(1).map(readNode),
    initialisers: new Map(message.messages(5).map((one) => [one.text(8), tensorOf(one)])),
    inputs: message.messages(11).map((one) => one.text(1)),
    outputs: message.messages(12).map((one) => one.text(1)),
  };
}

function readNode(message: Message): OnnxNode {
  return {
    op: message.text(4), domain: message.text(7), inputs: message.texts(1), outputs: message.texts(2),
    attributes: new Map(message.messages(5).map((one) => [one.text(1), readAttribute(one)])),
  };
}

function readAttribute(message: Message): Attribute {
  const tensor = message.message(5);
  const graph = message.message(6);
  return {
    float: message.floats(2)[0] ?? 0, int: message.int(3), text: message.text(4),
    floats: message.floats(7), ints: message.ints(8).map(Number), texts: message.texts(9),
    tensor: tensor && tensorOf(tensor), graph: graph && readGraph(graph),
  };
}

/** One TensorProto, as the data files hold it. */
export const readTensor = (bytes: Uint8Array): HostTensor => tensorOf(new Message(bytes));

function tensorOf(message: Message): HostTensor {
  const dtype = dtypeOf(message.int(2));
  const shape = message.ints(1).map(Number);
  const raw = message.bytes(9)[0];
  if (raw !== undefined) {
    const copy = new Uint8Array(raw);
    return { dtype, shape, data: viewArray(dtype, copy.buffer, 0, copy.byteLength / newArray(dtype, 0).BYTES_PER_ELEMENT) };
  }
  return { dtype, shape, data: listed(message, dtype) };
}

/** Elements that are not raw: small types stand in `int32_data`, those of 16-bit floats as their bits. */
function listed(message: Message, dtype: DType): HostTensor["data"] {
  switch (dtype) {
    case "f32": return Float32Array.from(message.floats(4));
    case "f64": return Float64Array.from(message.doubles(10));
    case "i64": return BigInt64Array.from(message.ints(7));
    case "u64": return BigUint64Array.from(message.ints(11));
    case "u32": return Uint32Array.from(message.ints(11), Number);
    case "f16": return new Float16Array(Uint16Array.from(message.ints(5), Number).buffer);
    default: {
      const data = newArray(dtype, message.ints(5).length);
      message.ints(5).forEach((value, at) => (data[at] = Number(value)));
      return data;
    }
  }
}
