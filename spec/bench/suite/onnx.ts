/**
 * Models in ONNX's file format, for the peers that read it: as much of protobuf's encoding and of onnx.proto as graphs of f32
 * need. Field numbers are those of onnx.proto3 (ONNX 1.16, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3); the
 * encoding is https://protobuf.dev/programming-guides/encoding/.
 */
import { Buffer } from "node:buffer";

const irVersion = 9;
const operatorSet = 20;
const dataType = { float: 1, int64: 7 } as const;
const attributeType = { float: 1, int: 2, string: 3, ints: 7 } as const;

export type Attribute = { readonly float: number } | { readonly int: number } | { readonly ints: readonly number[] } | { readonly string: string };

/** A message being written: fields are added in order. */
class Message {
  readonly #parts: Uint8Array[] = [];

  int(field: number, value: number): this {
    this.#parts.push(varint(field * 8), varint(value));
    return this;
  }

  float(field: number, value: number): this {
    this.#parts.push(varint(field * 8 + 5), new Uint8Array(new Float32Array([value]).buffer));
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    this.#parts.push(varint(field * 8 + 2), varint(value.length), value);
    return this;
  }

  text(field: number, value: string): this {
    return this.bytes(field, Buffer.from(value, "utf8"));
  }

  message(field: number, value: Message): this {
    return this.bytes(field, value.finish());
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}

/** Seven bits a byte, the least first; negative numbers as 64-bit two's complement. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

function attributeMessage(name: string, attribute: Attribute): Message {
  const message = new Message().text(1, name);
  if ("float" in attribute) return message.float(2, attribute.float).int(20, attributeType.float);
  if ("int" in attribute) return message.int(3, attribute.int).int(20, attributeType.int);
  if ("string" in attribute) return message.text(4, attribute.string).int(20, attributeType.string);
  for (const value of attribute.ints) message.int(8, value);
  return message.int(20, attributeType.ints);
}

/** A ValueInfoProto: an f32 tensor of this shape. */
function valueInfo(name: string, shape: readonly number[]): Message {
  const dimensions = new Message();
  for (const extent of shape) dimensions.message(1, new Message().int(1, extent));
  const type = new Message().message(1, new Message().int(1, dataType.float).message(2, dimensions));
  return new Message().text(1, name).message(2, type);
}

export class OnnxModel {
  readonly #nodes: Message[] = [];
  readonly #initializers: Message[] = [];
  readonly #inputs: Message[] = [];
  readonly #outputs: Message[] = [];
  #count = 0;

  input(name: string, shape: readonly number[]): string {
    this.#inputs.push(valueInfo(name, shape));
    return name;
  }

  output(name: string, shape: readonly number[]): void {
    this.#outputs.push(valueInfo(name, shape));
  }

  /** A weight: dims, data_type, name, raw_data. */
  weight(name: string, shape: readonly number[], data: Float32Array): string {
    return this.#initializer(name, shape, dataType.float, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }

  ints(values: readonly number[]): string {
    return this.#initializer(`ints${this.#count++}`, [values.length], dataType.int64, new Uint8Array(BigInt64Array.from(values, BigInt).buffer));
  }

  scalar(value: number): string {
    return this.#initializer(`scalar${this.#count++}`, [], dataType.float, new Uint8Array(new Float32Array([value]).buffer));
  }

  /** A node with one result, whose name it gives. */
  node(op: string, inputs: readonly string[], attributes: { readonly [name: string]: Attribute } = {}, result = `value${this.#count++}`): string {
    const node = new Message();
    for (const input of inputs) node.text(1, input);
    node.text(2, result).text(3, `node${this.#nodes.length}`).text(4, op);
    for (const [name, attribute] of Object.entries(attributes)) node.message(5, attributeMessage(name, attribute));
    this.#nodes.push(node);
    return result;
  }

  finish(): Uint8Array {
    const graph = new Message();
    for (const node of this.#nodes) graph.message(1, node);
    graph.text(2, "bench");
    for (const initializer of this.#initializers) graph.message(5, initializer);
    for (const input of this.#inputs) graph.message(11, input);
    for (const output of this.#outputs) graph.message(12, output);
    const opset = new Message().text(1, "").int(2, operatorSet);
    return new Message().int(1, irVersion).text(2, "gph bench").message(7, graph).message(8, opset).finish();
  }

  #initializer(name: string, shape: readonly number[], type: number, raw: Uint8Array): string {
    const message = new Message();
    for (const extent of shape) message.int(1, extent);
    this.#initializers.push(message.int(2, type).text(8, name).bytes(9, raw));
    return name;
  }
}
