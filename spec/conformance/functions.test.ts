/**
 * The mathematical functions in compiled programs, on both kinds of memory: each result within 3 units in the last place of the
 * interpreter's (the formulas are promised 2, and `Math` errs by itself), and to the bit the same for two workers.
 */
import { describe, expect, it } from "vitest";
import { checkFile } from "../../compiler/compile.ts";
import { Interpreter } from "../../compiler/graph/interpret.ts";
import { tensor } from "../../compiler/graph/tensor.ts";
import { target, withTiles } from "../../compiler/targets/targets.ts";
import { mathArity, mathFunctions, type MathFunctionName } from "../../runtime/math.ts";
import { engineFor, toHost } from "./support.ts";

const names = (Object.keys(mathFunctions) as MathFunctionName[]).filter((name) => name !== "rem");
const special = [0, -0, 1, -1, 0.5, -0.5, 2, 1e-40, -1e-40, 1e-310, 3e38, -3e38, 1e300, Infinity, -Infinity, NaN, 100, -100, 12_801, 1_600_001, 1e15];
const count = 401;

/** What is special, and numbers of all common sizes. */
const values = (factor: number): number[] =>
  Array.from({ length: count }, (_, i) => special[i - 40] ?? Math.sin(factor * i) * 10 ** (3 * Math.cos(0.7 * factor * i)));

const source = (dtype: string): string => `graph functions {
  in x: ${dtype}[${count}];
  in y: ${dtype}[${count}];
${names.map((name) => `  out ${name}_of: ${dtype}[${count}];`).join("\n")}
  program main {
${names.map((name) => `    ${name}_of = ${name}(${mathArity(name) === 2 ? "x, y" : "x"});`).join("\n")}
  }
}
`;

/** Distance in units in the last place of the expected value. */
function distance(got: number, expected: number, fraction: number, smallest: number): number {
  if (Object.is(got, expected)) return 0;
  if (!Number.isFinite(expected) || expected === 0 || !Number.isFinite(got)) return Infinity;
  return (Math.abs(got - expected) * 2 ** fraction) / 2 ** Math.max(smallest, Math.floor(Math.log2(Math.abs(expected))));
}

describe.each([["f32", 23, -126], ["f64", 52, -1022]] as const)("functions of %s", (dtype, fraction, smallest) => {
  it.each([["wasm", 3], ["ipu-mk2", 5]] as const)("on %s with %i tiles", async (machine, tiles) => {
    const machineWith = { ...withTiles(target(machine), tiles), grain: 1 };
    const { graph, diagnostics } = checkFile("functions.gph", { target: machineWith, readFile: () => source(dtype) });
    expect(diagnostics).toEqual([]);
    const inputs = { x: tensor(dtype, [count], values(1)), y: tensor(dtype, [count], values(1.9)) };
    const expected = new Interpreter(graph!).run("main", inputs);
    await using one = await engineFor(graph!, machineWith);
    await using two = await engineFor(graph!, machineWith, 2);
    const [first, second] = [one.runSync("main", toHost(inputs)), await two.run("main", toHost(inputs))];
    for (const name of names) {
      const [want, got] = [expected[`${name}_of`]!.data, first[`${name}_of`]!.data];
      // The interpreter's erf itself errs by 3 in f64.
      const bound = name === "erf" && dtype === "f64" ? 5 : 3;
      want.forEach((value, i) =>
        expect(distance(got[i] as number, value as number, fraction, smallest), `${name} of ${inputs.x.data[i]}, ${inputs.y.data[i]}: ${got[i]}, not ${value}`).toBeLessThanOrEqual(bound));
      expect(second[`${name}_of`]!.data).toEqual(got);
    }
  });
});
