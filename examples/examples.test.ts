/**
 * Every example runs, checks itself, and says what its README says it does. They run in this process, where the compiler is
 * loaded once; `.ci/run` runs each by its own command.
 */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { PNG } from "pngjs";
import { afterEach, expect, test, vi } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const names = readdirSync(fileURLToPath(new URL(".", import.meta.url)), { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);

/** What each must say. */
const says: { readonly [name: string]: RegExp } = {
  heat: /2000 steps over 256 × 256 points[^]*drawn in .*heat\.png/,
  mlp: /digits are read right|10 logits each; off by at most/,
  matvec: /y = a · x for a of 1000 × 300/,
  life: /cells live after 200 generations/,
  mandelbrot: /320 × 256 points[^]*Drawn in .*mandelbrot\.png/,
  solve: /iterations, ‖f \+ ∇²u‖/,
  builder: /3 layers, 8 rows; off by at most/,
  train: /digits it has not seen are read right|the loss fell from/,
  convnet: /480 steps in [\d.]+ s; \d+ of 2000 digits it has not seen are read right/,
  encoder: /A transformer block over 32 × 64/,
};

const pictures: { readonly [name: string]: { readonly width: number; readonly height: number } } = {
  heat: { width: 256, height: 256 },
  mandelbrot: { width: 320, height: 256 },
};

afterEach(() => vi.restoreAllMocks());

test.each(names)("%s", async (name) => {
  rmSync(`${root}out/${name}.png`, { force: true });
  const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
  const complain = vi.spyOn(console, "error");
  await import(`./${name}/run.ts`);
  expect(complain).not.toHaveBeenCalled();
  expect(log.mock.calls.flat().join("\n")).toMatch(says[name]!);

  const size = pictures[name];
  if (size !== undefined) {
    const picture = PNG.sync.read(readFileSync(`${root}out/${name}.png`));
    expect({ width: picture.width, height: picture.height }).toEqual(size);
    expect(new Set(picture.data).size).toBeGreaterThan(50);
  }
  expect(readFileSync(`${root}examples/${name}/README.md`, "utf8")).toContain(`node examples/${name}/run.ts`);
});
