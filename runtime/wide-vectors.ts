/**
 * Lets V8 pair neighbouring 128-bit vectors into 256-bit ones ("revectorization"). The flag is experimental and concerns the
 * whole process, so a library leaves it to its host to ask for it. It works when set after a module was compiled, as long as
 * none of its functions is hot; workers that exist already are told as well.
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { setFlagsFromString } from "node:v8";

/** Node 22 does not pair; older ones do not know the flag. */
const oldestNode = 24;

/** Why vectors cannot be paired here; undefined where they can. */
export function whyNarrow(): string | undefined {
  const { node } = process.versions;
  if (Number(node.split(".")[0]) < oldestNode) return `wide vectors need Node ${oldestNode} or later, and this is ${node}`;
  if (process.arch !== "x64") return `wide vectors need an x64 processor, and this is ${process.arch}`;
  return hasAvx2() ? undefined : "this processor has no AVX2";
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

/** Turns pairing on for this process. */
export function pairVectors(): void {
  setFlagsFromString("--experimental-wasm-revectorize");
}
