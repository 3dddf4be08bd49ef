/**
 * Lets V8 pair neighbouring 128-bit vectors into 256-bit ones ("revectorization"). The flag is experimental and concerns the
 * whole process, so a library leaves it to its host to ask for it. It works when set after a module was compiled, as long as
 * none of its functions is hot; workers that exist already are told as well.
 *
 * Before it is trusted, a module of all that kernels do with pairs is run with and without it, and the results are compared:
 * some engines that know the flag pair wrongly. Those that are known to do so only with shuffles, which gph does not emit.
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { setFlagsFromString } from "node:v8";
import { pairingModule } from "./pairing-module.ts";

/** Node 22 does not pair; older ones do not know the flag. */
const oldestNode = 24;

/** Of a kernel of the test module; a function is hot when it has executed some ten million bytes of code. */
const callsUntilHot = 3000;

const pairing = "experimental-wasm-revectorize";

/** Why vectors are not paired here, as far as is known without trying; undefined where they can be. */
export function whyNarrow(): string | undefined {
  const { node } = process.versions;
  if (Number(node.split(".")[0]) < oldestNode) return `wide vectors need Node ${oldestNode} or later, and this is ${node}`;
  if (process.arch !== "x64") return `wide vectors need an x64 processor, and this is ${process.arch}`;
  return hasAvx2() ? undefined : "wide vectors need a processor with AVX2, which this has not";
}

/** Linux says what its processor can do. Of other systems it is taken for granted: x64 machines have had it since 2013. */
function hasAvx2(): boolean {
  if (process.platform !== "linux") return true;
  try {
    return /^flags\s*:.*\bavx2\b/m.test(readFileSync("/proc/cpuinfo", "utf8"));
  } catch {
    return true;
  }
}

let state: { readonly failure: string | undefined } | undefined;

/**
 * Turns pairing on for this process, after a test that takes some ten milliseconds, once. `trusted`: the same Node passed it
 * on this machine before. Gives why it stays off, or undefined.
 */
export function pairVectors(trusted = false): string | undefined {
  state ??= { failure: whyNarrow() ?? (trusted || pairsCorrectly() ? undefined : `wide vectors failed their test on Node ${process.versions.node}`) };
  setFlagsFromString(state.failure === undefined ? `--${pairing}` : `--no-${pairing}`);
  return state.failure;
}

/** Whether the test module computes the same bits with pairs as without. The flag is on afterwards. */
function pairsCorrectly(): boolean {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(pairingModule, "base64")));
  const expected = runTest(exports, 1);
  setFlagsFromString(`--${pairing}`);
  // What is hot is compiled at once, by the compiler that pairs, and not in another thread after a while.
  setFlagsFromString("--wasm-sync-tier-up");
  try {
    const paired = runTest(exports, callsUntilHot);
    return paired.every((byte, at) => byte === expected[at]);
  } finally {
    setFlagsFromString("--no-wasm-sync-tier-up");
  }
}

/** All memory after every kernel has run so often. */
function runTest(exports: { readonly [name: string]: unknown }, times: number): Uint8Array {
  const memory = new Uint8Array((exports["memory"] as WebAssembly.Memory).buffer);
  const [x, y] = [4096, 4352];
  let address = 8192;
  for (let kernel = 0; exports[`kernel${kernel}`]; kernel++) {
    fillOperands(memory, x, kernel === 1);
    const run = exports[`kernel${kernel}`] as (x: number, y: number, z: number) => void;
    for (let call = 0; call < times; call++) run(x, y, address);
    address += 8192;
  }
  return memory.slice();
}

/** Both operands: numbers that are no NaN, whose bits do not say which lane they are meant for, as floats of 32 or 64 bits. */
function fillOperands(memory: Uint8Array, start: number, asDoubles: boolean): void {
  const values = asDoubles ? new Float64Array(64) : new Float32Array(128);
  let seed = 12_345;
  for (let at = 0; at < values.length; at++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    values[at] = (seed - 2 ** 30) / 2 ** (at % 20);
  }
  memory.set(new Uint8Array(values.buffer), start);
}
