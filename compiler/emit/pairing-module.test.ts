/** The runtime's test of pairing: its module is the one built here, and it passes on this machine, where it can pair at all. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { pairingModule as kept } from "../../runtime/pairing-module.ts";
import { pairVectors, whyNarrow } from "../../runtime/wide-vectors.ts";
import { pairingModule } from "./pairing-module.ts";

it("is the module that the runtime keeps (node scripts/pairing-module.ts writes it)", async () => {
  expect(Buffer.from(await pairingModule()).toString("base64")).toBe(kept);
});

it.skipIf(whyNarrow() !== undefined)("passes, and not for want of pairs", () => {
  const runtime = fileURLToPath(new URL("../../runtime/wide-vectors.ts", import.meta.url));
  const script = `import { pairVectors } from ${JSON.stringify(runtime)}; if (pairVectors() !== undefined) throw new Error(pairVectors());`;
  // V8 traces to the file itself: what it writes to a pipe is cut where nobody reads fast enough.
  const folder = mkdtempSync(join(tmpdir(), "gph-pairs-"));
  const file = openSync(join(folder, "trace"), "w");
  execFileSync(process.execPath, ["--trace-wasm-revectorize", "--single-threaded", "--input-type=module", "--eval", script], { stdio: ["ignore", file, "inherit"] });
  const trace = readFileSync(join(folder, "trace"), "utf8");
  rmSync(folder, { recursive: true });
  // Of its ten functions.
  expect(trace.match(/Decided to vectorize, [1-9]\d* revectorizable nodes/g)?.length).toBeGreaterThanOrEqual(8);
  expect(pairVectors()).toBeUndefined();
});
