/**
 * Protobuf's encoding, read: a message as its fields by number, each a list of what came with that number. Which kind of value
 * a field holds is known to who asks. https://protobuf.dev/programming-guides/encoding/
 */

const wireType = { varint: 0, eightBytes: 1, length: 2, fourBytes: 5 } as const;
const decoder = new TextDecoder();

/** A varint as its 64 bits, or the bytes of anything else. */
type Raw = bigint | Uint8Array;

export class Message {
  readonly #fields = new Map<number, Raw[]>();

  /** Throws a RangeError where the bytes end within a field. */
  constructor(bytes: Uint8Array) {
    const reader = new Reader(bytes);
    while (!reader.ended) {
      const key = Number(reader.varint());
      const list = this.#fields.get(key >> 3) ?? [];
      this.#fields.set(key >> 3, list);
      list.push(value(reader, key & 7));
    }
  }

  /** Signed integers, packed or one by one. */
  ints(field: number): bigint[] {
    return this.#all(field).flatMap((raw) => (typeof raw === "bigint" ? [raw] : varints(raw))).map((bits) => BigInt.asIntN(64, bits));
  }

  int(field: number, absent = 0): number {
    return Number(this.ints(field)[0] ?? absent);
  }

  floats(field: number): number[] {
    return numbers(this.#all(field), 4, (view, at) => view.getFloat32(at, true));
  }

  doubles(field: number): number[] {
    return numbers(this.#all(field), 8, (view, at) => view.getFloat64(at, true));
  }

  bytes(field: number): Uint8Array[] {
    return this.#all(field).filter((raw) => typeof raw !== "bigint");
  }

  texts(field: number): string[] {
    return this.bytes(field).map((bytes) => decoder.decode(bytes));
  }

  text(field: number): string {
    return this.texts(field)[0] ?? "";
  }

  messages(field: number): Message[] {
    return this.bytes(field).map((bytes) => new Message(bytes));
  }

  message(field: number): Message | undefined {
    return this.messages(field)[0];
  }

  has(field: number): boolean {
    return this.#fields.has(field);
  }

  #all(field: number): readonly Raw[] {
    return this.#fields.get(field) ?? [];
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get ended(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Seven bits a byte, the least first. */
  varint(): bigint {
    let bits = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new RangeError("the bytes end within a number");
      bits |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asUintN(64, bits);
    }
  }

  take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError(`a field of ${length} bytes, and ${this.#bytes.length - this.#at} are left`);
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

function value(reader: Reader, type: number): Raw {
  switch (type) {
    case wireType.varint: return reader.varint();
    case wireType.eightBytes: return reader.take(8);
    case wireType.length: return reader.take(Number(reader.varint()));
    case wireType.fourBytes: return reader.take(4);
    default: throw new RangeError(`wire type ${type} is not known`);
  }
}

function varints(bytes: Uint8Array): bigint[] {
  const reader = new Reader(bytes);
  const list: bigint[] = [];
  while (!reader.ended) list.push(reader.varint());
  return list;
}

/** Numbers of so many bytes, packed or one by one. */
function numbers(list: readonly Raw[], bytes: number, read: (view: DataView, at: number) => number): number[] {
  return list.flatMap((raw) => {
    if (typeof raw === "bigint") throw new RangeError("a float is wanted, and a varint is there");
    const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
    return Array.from({ length: raw.byteLength / bytes }, (_, k) => read(view, k * bytes));
  });
}
