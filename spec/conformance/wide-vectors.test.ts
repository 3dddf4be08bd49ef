/** Programs give the same bits with wide vectors as without: products of all kinds, which have blocks of their own for them, and maps. */
import { describe, expect, it } from "vitest";
import { compile } from "../../compiler/compile.ts";
import { whyNarrow } from "../../runtime/wide-vectors.ts";
import { Engine } from "../../runtime/index.ts";

const rounds = 400;

const programs: readonly { readonly name: string; readonly source: string }[] = [
  ["a square product", "in a: f32[64, 64]; in b: f32[64, 64]; out y: f32[64, 64];", "y = a @ b;"],
  ["odd extents", "in a: f32[33, 65]; in b: f32[65, 129]; out y: f32[33, 129];", "y = a @ b;"],
  ["packed on both sides", "in a: f32[41, 67]; in b: f32[99, 41]; out y: f32[67, 99];", "y = transpose(a) @ transpose(b);"],
  ["few rows", "in a: f32[2, 100]; in b: f32[100, 70]; out y: f32[2, 70];", "y = a @ b;"],
  ["batches of f64", "in a: f64[3, 17, 24]; in b: f64[24, 31]; out y: f64[3, 17, 31];", "y = a @ b;"],
  ["16-bit floats", "in a: f16[20, 40]; in b: f16[40, 36]; out y: f16[20, 36];", "y = a @ b;"],
  ["a product with an activation behind it", "in a: f32[30, 40]; in b: f32[40, 50]; in c: f32[50]; out y: f32[30, 50];", "y = tanh(a @ b + c);"],
  ["attention in blocks", "in a: f32[4, 190, 9]; in b: f32[4, 180, 9]; out y: f32[4, 190, 9];", "y = softmax(a @ b.transpose(0, 2, 1)) @ b;"],
  ["attention to earlier keys", "in a: f32[2, 260, 8]; out y: f32[2, 260, 8];", "y = softmax(select(iota<i32>(260).reshape(260, 1) >= iota<i32>(260), a @ a.transpose(0, 2, 1), -1.0 / 0.0)) @ a;"],
  ["maps", "in a: f32[1000]; in b: f32[1000]; out y: f32[1000];", "y = exp(a) * b + sqrt(abs(b)) / max(a, 0.5);"],
  ["integers", "in a: i32[1000]; in b: i32[1000]; out y: i32[1000];", "y = (a * b + (a >> 3)) ^ max(a, b);"],
].map(([name, states, body]) => ({ name: name!, source: `import { softmax } from "std/nn"; graph g { ${states} program main { ${body} } }` }));

/** Small numbers of both signs, in the dtype of each input. */
function inputsOf(engine: Engine): Record<string, never> {
  const inputs = engine.manifest.states.filter(({ role }) => role === "in");
  return Object.fromEntries(inputs.map(({ name, dtype, shape }, which) => {
    const count = shape.reduce((product, extent) => product * extent, 1);
    const value = (_: unknown, at: number): number => (dtype === "i32" ? ((at * 7919 + which) % 2001) - 1000 : Math.sin(at + which));
    const data = dtype === "f64" ? Float64Array.from({ length: count }, value) : dtype === "i32" ? Int32Array.from({ length: count }, value) : dtype === "f16" ? Float16Array.from({ length: count }, value) : Float32Array.from({ length: count }, value);
    return [name, { dtype, shape, data } as never];
  }));
}

describe.skipIf(whyNarrow() !== undefined)("wide vectors", () => {
  // The flag concerns the process: what must not have it is computed first.
  it("give the bits of 128-bit vectors, strict or not, cold and hot", async () => {
    const expected: Uint8Array[] = [];
    const executables: Uint8Array[] = [];
    const results = async (wide: boolean, executable: Uint8Array, times: number): Promise<Uint8Array> => {
      await using engine = await Engine.load(executable, { wideVectors: wide });
      const inputs = inputsOf(engine);
      let { y } = engine.runSync(inputs);
      for (let round = 1; round < times; round++) y = engine.runSync(inputs)["y"];
      return new Uint8Array(y!.data.buffer.slice(0), y!.data.byteOffset, y!.data.byteLength);
    };
    for (const { source } of programs) {
      for (const strictMath of [false, true]) {
        const { executable, diagnostics } = await compile("g.gph", { readFile: () => source, strictMath });
        expect(diagnostics).toEqual([]);
        executables.push(executable!);
        expected.push(await results(false, executable!, 1));
      }
    }
    for (const [at, executable] of executables.entries()) expect(await results(true, executable, rounds), programs[at >> 1]!.name).toEqual(expected[at]);
  });
});
