/**
 * Executables as the compiler writes them, with one field of the manifest changed and the checksum made right again: they
 * are refused, or they load and run to an end, perhaps to wrong results, and only with errors of ours.
 */
import { expect, test } from "vitest";
import { compile } from "../../compiler/compile.ts";
import { readExecutable, writeExecutable } from "../../runtime/executable.ts";
import { target } from "../../compiler/targets/targets.ts";
import { Engine, GphError } from "../../runtime/index.ts";

const source = `graph g { param w: f32[16, 24]; in x: f32[20, 16]; var n: i32 = 0; stream in s: f32; stream out t: f32; out y: f32[20, 24];
  program main { y = x @ w + next(s); n += 1; send(t, y[0, 0]); print("n", n); assert(n < 100, "many"); }
  program plain { y = x @ w; } }`;
const values: readonly unknown[] = [undefined, null, true, false, 0, 1, 2, -1, 0.5, 1024, 65_536, 2 ** 31, 2 ** 53, 1e300, "", "main", "prepare", "initial", "start", "__proto__", "f64", "bool", "param", "out", "shared", "private", [], [0], [3, 3], {}];

type Json = { [name: string]: unknown };

/** Paths of all fields, those of lists too. */
function pathsOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return [...(path.length > 0 ? [path] : []), ...Object.keys(value).flatMap((name) => pathsOf((value as Json)[name], [...path, name]))];
}

function changed(manifest: object, path: readonly string[], value: unknown): object {
  const copy = structuredClone(manifest) as Json;
  const owner = path.slice(0, -1).reduce<Json>((inner, name) => inner[name] as Json, copy);
  if (value === undefined) delete owner[path.at(-1)!];
  else owner[path.at(-1)!] = value;
  return copy;
}

/** What came of it: every way to an end that is not an error of ours is thrown on. */
async function attempt(bytes: () => Uint8Array): Promise<"refused" | "ran"> {
  try {
    await using engine = await Engine.load(bytes());
    for (const state of engine.manifest.states) {
      try {
        if (state.role === "param") engine.write(state.name, new Float32Array(384));
      } catch (error) {
        if (!(error instanceof GphError)) throw error;
      }
    }
    for (const { name } of engine.manifest.programs) {
      try {
        engine.runSync(name, { x: new Float32Array(320) }, name === "main" ? { streams: { s: [1], t: [] }, print: () => undefined } : {});
      } catch (error) {
        if (!(error instanceof GphError)) throw error;
      }
    }
    return "ran";
  } catch (error) {
    if (error instanceof GphError) return "refused";
    throw error;
  }
}

test.each(["wasm", "ipu-mk2"])("manifests for %s with a field changed", async (name) => {
  const { executable } = await compile("hostile.gph", { readFile: () => source, target: { ...target(name), tiles: 3 } });
  const { module, manifest } = readExecutable(executable!);
  expect(await attempt(() => executable!)).toBe("ran");
  const counts = { refused: 0, ran: 0 };
  for (const [at, path] of pathsOf(manifest).entries()) {
    // Of values a few for each field, other ones for the next.
    for (let k = 0; k < values.length; k += 6) {
      const value = values[(at + k) % values.length];
      const what = `${path.join(".")} = ${JSON.stringify(value)}`;
      const result = await attempt(() => writeExecutable(module, changed(manifest, path, value) as never)).catch((error: unknown) => Promise.reject(new Error(what, { cause: error })));
      counts[result]++;
    }
  }
  expect(counts.refused).toBeGreaterThan(100);
  expect(counts.ran).toBeGreaterThan(20);
});
