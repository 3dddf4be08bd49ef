/** What a trap of WebAssembly means, and where in the user's source it happened. */
import { describePosition, GphError, TrapError } from "./errors.ts";
import { control, trapNames, type Manifest, type Position } from "./manifest.ts";

/** V8's words, and what they mean in a .gph program. */
const meanings: readonly (readonly [pattern: RegExp, meaning: string])[] = [
  [/divide by zero/, "integer division by zero"],
  [/remainder by zero/, "integer remainder by zero"],
  [/divide result unrepresentable/, "integer division overflows"],
  [/float unrepresentable/, "a float does not fit the integer it is cast to"],
  [/memory access out of bounds/, "access outside of the memory"],
  [/unreachable/, "a check of the program failed"],
  [/call stack/, "the call stack is full"],
  [/table index|null function/, "call of a function that does not exist"],
];

interface Thrown {
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
}

/** A function or program of the source. */
interface Place {
  readonly name: string;
  readonly position: Position;
}

/** The functions of the stack that the manifest knows, the innermost first. */
function placesOf(stack: string, functions: Manifest["functions"]): Place[] {
  return stack.split("\n").flatMap((line) => {
    const name = /^\s*at (.+) \(wasm:\/\//.exec(line)?.[1];
    const position = name !== undefined && Object.hasOwn(functions, name) ? functions[name] : undefined;
    return name !== undefined && position !== undefined ? [{ name, position }] : [];
  });
}

/** Kernels have a number behind their name; those of the library are named after ops, which says less than the place. */
const vertexOf = (places: readonly Place[]): string | undefined => places.map(({ name }) => /^(.+\.compute|.+\.grad)( #\d+)?$/.exec(name)?.[1]).find((name) => name !== undefined);

/** "index 7 outside dimension 0 of a, whose extent is 5", of a function that is called with an index outside of its field. */
function outsideOf(name: string, memory: ArrayBufferLike | undefined): string | undefined {
  const said = /^(.+) (\d+): (dimension \d+ of .+, whose extent is \d+), /.exec(name);
  if (said?.[1] !== trapNames.outside) return undefined;
  const told = memory === undefined ? -1n : Atomics.load(new BigInt64Array(memory, control.outside, 1), 0);
  // Another worker may have told of another index since.
  const index = told >> 32n === BigInt(said[2]!) ? `index ${BigInt.asIntN(32, told)}` : "an index";
  return `${index} outside ${said[3]}`;
}

/** The error a host sees for what was thrown while `program` ran; `thrown` may be the report of another thread, or what it did not tell. */
export function explain(thrown: unknown, functions: Manifest["functions"], program: Place | undefined, memory?: ArrayBufferLike): unknown {
  if (thrown instanceof GphError) return thrown;
  if (thrown === undefined) return new GphError("worker-lost", "a worker thread stopped, and did not tell why");
  const { name, message, stack } = thrown as Thrown;
  if (name !== "RuntimeError" && name !== "RangeError") return thrown instanceof Error ? thrown : new GphError("worker-lost", `a worker thread failed: ${name}: ${message}`, { cause: thrown });
  const meaning = meanings.find(([pattern]) => pattern.test(message))?.[1] ?? message;
  const places = placesOf(stack ?? "", functions);
  const place = places[0] ?? program;
  const stated = outsideOf(place?.name ?? "", memory) ?? Object.values(trapNames).find((name) => place?.name.startsWith(name)) ?? meaning;
  // What is called to trap stands before the vertex that called it.
  const vertex = vertexOf(places.slice(0, 2));
  return new TrapError(place ? `${stated}${vertex === undefined ? "" : `${stated.includes(",") ? "," : ""} in ${vertex}`}, ${describePosition(place.position)}` : meaning, place?.position, thrown);
}
