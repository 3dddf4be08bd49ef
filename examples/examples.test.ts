/** Every example runs, checks itself, and says what its README says it does. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { PNG } from "pngjs";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const names = readdirSync(fileURLToPath(new URL(".", import.meta.url)), { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);

/** What the last lines of each must say. */
const says: { readonly [name: string]: RegExp } = {
  heat: /2000 steps over 256 × 256 points[^]*drawn in out\/heat\.png/,
  mlp: /digits are read right|10 logits each; off by at most/,
  matvec: /y = a · x for a of 1000 × 300/,
  life: /cells live after 200 generations/,
  mandelbrot: /320 × 256 points[^]*Drawn in out\/mandelbrot\.png/,
  solve: /iterations, ‖f \+ ∇²u‖/,
  encoder: /A transformer block over 32 × 64/,
};

const pictures: { readonly [name: string]: { readonly width: number; readonly height: number } } = {
  heat: { width: 256, height: 256 },
  mandelbrot: { width: 320, height: 256 },
};

test.each(names)("%s", async (name) => {
  rmSync(`${root}out/${name}.png`, { force: true });
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [`examples/${name}/run.ts`], { cwd: root });
  expect(stderr).toBe("");
  expect(stdout).toMatch(says[name]!);

  const size = pictures[name];
  if (size !== undefined) {
    const picture = PNG.sync.read(readFileSync(`${root}out/${name}.png`));
    expect({ width: picture.width, height: picture.height }).toEqual(size);
    expect(new Set(picture.data).size).toBeGreaterThan(50);
  }
  expect(readFileSync(`${root}examples/${name}/README.md`, "utf8")).toContain(`node examples/${name}/run.ts`);
});
