/** Checkpoints: what goes on from one gives the bits of the uninterrupted run; a file of something else is refused by name. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeNpy } from "../../runtime/npy.ts";
import { readSafetensors, writeSafetensors } from "../../runtime/safetensors.ts";
import { gph } from "./testing/gph.ts";

const folder = mkdtempSync(join(tmpdir(), "gph-checkpoint-"));
const before = process.cwd();
beforeAll(() => process.chdir(folder));
afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true });
});

/** Least squares by gradient descent, with noise that depends on how many steps there were, and a moment in bf16. */
writeFileSync(join(folder, "fit.gph"), `graph fit {
  stream in xs: f32[4, 3];
  stream in ys: f32[4];
  stream out losses: f32;
  param scale: f32;
  var w: f32[3] = 0.5;
  var moment: bf16[3] = 0;
  var step: i32 = 0;
  out last: f32[3];
  program main {
    repeat 5 {
      let x = next(xs);
      let wrong = x @ w - next(ys);
      moment = cast<bf16>(0.9 * cast<f32>(moment) + transpose(x) @ wrong);
      w -= scale * cast<f32>(moment) + 1e-4 * sin(cast<f32>(step));
      step += 1;
      send(losses, sum(wrong * wrong));
    }
    last = w;
  }
}
`);
const numbers = (count: number, frequency: number): Float32Array => Float32Array.from({ length: count }, (_, index) => Math.sin(frequency * (index + 1)));
writeFileSync(join(folder, "xs.npy"), writeNpy({ dtype: "f32", shape: [20, 3], data: numbers(60, 1.7) }));
writeFileSync(join(folder, "ys.npy"), writeNpy({ dtype: "f32", shape: [20], data: numbers(20, 0.9) }));
const fit = "run fit.gph --in xs=xs.npy --in ys=ys.npy";

describe("a run that goes on from a checkpoint", () => {
  test("gives the bits of the uninterrupted one", async () => {
    const whole = await gph(`${fit} --in scale=0.01 --runs 4 --save whole.safetensors`);
    expect(whole).toMatchObject({ code: 0 });
    expect(await gph(`${fit} --in scale=0.01 --save half.safetensors --runs 2`)).toMatchObject({ code: 0 });
    expect(await gph(`${fit} --load half.safetensors --save rest.safetensors --runs 2`)).toMatchObject({ code: 0 });
    expect(readFileSync("rest.safetensors").equals(readFileSync("whole.safetensors"))).toBe(true);
    const tensors = readSafetensors(readFileSync("whole.safetensors"));
    expect([...tensors.keys()].sort()).toEqual(["moment", "scale", "step", "w"]);
    expect(tensors.get("step")!.data[0]).toBe(20);
  });

  test("each run is told with its mean loss, and streams begin anew", async () => {
    const { err, out } = await gph(`${fit} --in scale=0.01 --runs 3 --save told.safetensors`);
    expect(err).toMatch(/^run 1 of 3 {2}losses [\d.]+\nrun 2 of 3 {2}losses [\d.]+\nrun 3 of 3 {2}losses [\d.]+\n$/);
    expect(out).toMatch(/^last +f32\[3\][^]*losses +f32\[15\][^]*told\.safetensors\n$/);
    const losses = [...err.matchAll(/losses ([\d.]+)/g)].map(([, text]) => Number(text));
    expect(losses[2]).toBeLessThan(losses[0]!);
  });

  test("a run that fails leaves what the runs before it learned", async () => {
    writeFileSync("count.gph", `graph count { var n: i32; out m: i32; program main { n += 1; assert(n < 3, "enough"); m = n; } }`);
    expect((await gph("run count.gph --runs 5 --save count.safetensors")).code).toBe(1);
    expect(readSafetensors(readFileSync("count.safetensors")).get("n")!.data[0]).toBe(2);
  });

  test("a place that cannot be written is told before anything runs", async () => {
    writeFileSync("loud.gph", `graph loud { var n: i32; out m: i32; program main { print("ran"); n += 1; m = n; } }`);
    for (const where of ["--save", "--out m="]) {
      const { code, out, err } = await gph(`run loud.gph ${where}${where.endsWith("=") ? "" : " "}gone/file`);
      expect(code).toBe(1);
      expect(out).toBe("");
      expect(err).toContain("the folder gone does not exist");
    }
  });

  test("--in wins over the checkpoint", async () => {
    await gph(`${fit} --in scale=0.01 --save base.safetensors`);
    expect(await gph(`${fit} --load base.safetensors --in step=100 --save changed.safetensors`)).toMatchObject({ code: 0 });
    expect(readSafetensors(readFileSync("changed.safetensors")).get("step")!.data[0]).toBe(105);
  });
});

describe("what is no checkpoint of the graph", () => {
  const state = (entries: readonly (readonly [string, "f32" | "i32" | "bf16", readonly number[]])[]): Uint8Array =>
    writeSafetensors(new Map(entries.map(([name, dtype, shape]) => {
      const size = shape.reduce((product, extent) => product * extent, 1);
      return [name, { dtype, shape, data: dtype === "f32" ? new Float32Array(size) : dtype === "i32" ? new Int32Array(size) : new Uint16Array(size) }];
    })));
  const all = [["w", "f32", [3]], ["moment", "bf16", [3]], ["step", "i32", []], ["scale", "f32", []]] as const;

  test.each([
    ["has a name too many", [...all, ["mooment", "f32", [3]] as const], "holds mooment, but graph fit has no var or param of that name\n  help: did you mean moment?"],
    ["is of another graph that has the params too", [...all, ["losses_before", "f32", [3]] as const], "holds losses_before, but graph fit has no var or param of that name\n  help: it was saved from another graph; --weights takes the params alone from it"],
    ["is of another graph", [...all.slice(0, 3), ["losses_before", "f32", [3]] as const], "has no var or param of that name\n  help: it was saved from another graph\n"],
    ["lacks a var", all.slice(1), "does not hold the var w: f32[3]\n  help: give it with --in w=FILE.npy"],
    ["has another shape", [["w", "f32", [4]] as const, ...all.slice(1)], "w is f32[3], but wrong.safetensors holds f32[4]"],
    ["has another dtype", [["w", "i32", [3]] as const, ...all.slice(1)], "w is f32[3], but wrong.safetensors holds i32[3]"],
  ])("%s", async (_, entries, message) => {
    writeFileSync("wrong.safetensors", state(entries));
    const { code, err } = await gph(`${fit} --load wrong.safetensors`);
    expect(code).toBe(1);
    expect(err).toContain(message);
  });

  test("is missing, or another kind of file", async () => {
    expect((await gph(`${fit} --load nothing.safetensors`)).err).toContain("nothing.safetensors");
    expect((await gph(`${fit} --load xs.npy`)).err).toContain("xs.npy is a NumPy array (.npy), not a .safetensors file");
  });

  test("the source is not overwritten", async () => {
    expect((await gph(`${fit} --in scale=0.01 --save fit.gph`)).err).toContain("fit.gph is what this command reads");
  });
});
