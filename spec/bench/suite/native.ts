/** C, compiled by gcc where there is one, as a contender: a process of its own that is told how long to run. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Missing, type Contender, type Request } from "./contender.ts";
import { numbers, type Workload } from "./workload.ts";

export interface NativeContender extends Contender {
  /** Seconds a step, the median of as many calls as `milliseconds` hold. */
  measure(milliseconds: number): Promise<number>;
}

export async function prepare(workload: Workload, { variant }: Request): Promise<NativeContender> {
  if (workload.native === undefined) throw new Missing("not written in C");
  const folder = mkdtempSync(join(tmpdir(), "gph-bench-"));
  const [program, input, output] = ["native", "input", "output"].map((name) => join(folder, name)) as [string, string, string];
  const built = spawnSync("gcc", ["-O3", ...variant!.split(" "), "-o", program, fileURLToPath(new URL("native.c", import.meta.url))], { encoding: "utf8" });
  if (built.status !== 0) throw new Missing(built.error === undefined ? `gcc failed: ${built.stderr}` : "there is no gcc");
  const initial = numbers(workload.inputs[0]!);
  writeFileSync(input, new Uint8Array(initial.buffer));
  const child = spawn(program, [input], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  const ask = async (line: string): Promise<string> => {
    child.stdin.write(`${line}\n`);
    return ((await once(lines, "line")) as [string])[0];
  };
  return {
    run: () => ask("1"),
    measure: async (milliseconds) => Number(await ask(String(milliseconds))),
    steps: 1,
    async output() {
      await ask(`output ${output}`);
      return new Float32Array(Uint8Array.from(readFileSync(output)).buffer);
    },
    close() {
      child.stdin.end();
      rmSync(folder, { recursive: true });
    },
  };
}
