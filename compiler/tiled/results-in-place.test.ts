/** Results made inside of what they are joined into: which are, and that random programs of joins compute what they mean. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { differences, engineFor, fillStates, toHost } from "../../spec/conformance/support.ts";
import { graphOf } from "../check/testing/check-text.ts";
import { Interpreter } from "../graph/interpret.ts";
import { target, withTiles } from "../targets/targets.ts";
import { lowerText } from "./testing/lowered.ts";

/** Names of what is computed, in order. */
function computed(source: string): string[] {
  const { programs } = lowerText(source, withTiles(target("wasm"), 4)).tiled;
  return programs[0]!.steps.flatMap((step) => (step.kind === "compute" ? [step.set.name] : []));
}

const graph = (body: string, states = "in x: f32[4, 6]; in w: f32[6, 6]; out y: f32[8, 6];"): string => `graph g { ${states} program main { ${body} } }`;

describe("results in place", () => {
  it.each([
    ["operands of concat", "y = concat((exp(x), x @ w));", undefined, ["map", "matmul"]],
    ["operands of stack", "y = stack((exp(x), x @ w));", "in x: f32[4, 6]; in w: f32[6, 6]; out y: f32[2, 4, 6];", ["map", "matmul"]],
    ["what gets a border", "y = pad(exp(x), 1);", "in x: f32[4, 6]; out y: f32[6, 8];", ["map", "border"]],
    ["joins of joins", "y = concat((concat((exp(x), x + 1), axis = 1), concat((x * 2, x - 1), axis = 1)));", "in x: f32[4, 6]; out y: f32[8, 12];", ["map", "map", "map", "map"]],
    ["what updates take", "var u: f32[8, 6] = 0; u[0:4, :] = x @ w; u[4:8, :] = exp(x); y = u;", undefined, ["matmul", "map"]],
    ["an update of some rows", "var u: f32[8, 6] = 0; u[2:6, :] = x @ w; y = u;", undefined, ["fill", "matmul"]],
    ["what others read too", "let a = exp(x); y = concat((a, a @ w));", undefined, ["map", "matmul"]],
  ])("%s", (_, body, states, expected) => {
    expect(computed(graph(body, states))).toEqual(expected);
  });

  it.each([
    ["inputs", "y = concat((x, exp(x)));", undefined, ["map", "concat"]],
    ["what is joined twice", "let a = exp(x); y = concat((a, a));", undefined, ["map", "concat"]],
    ["an element that is its own border", 'y = pad(exp(x), (0, 0), (2, 1), mode = "edge");', "in x: f32[1, 1]; out y: f32[3, 2];", ["map", "pad"]],
    ["what is joined along its own columns", "y = stack((exp(x), x @ w), axis = 2);", "in x: f32[4, 6]; in w: f32[6, 6]; out y: f32[4, 6, 2];", ["map", "matmul", "stack"]],
    ["what was made before the tensor", "let p = x @ w; var u: f32[8, 6] = 0; u[0:4, :] = p; u[6, :] = u[0, :]; y = u;", undefined, ["matmul", "fill", "update", "copy", "update"]],
    ["what is read after the update", "var u: f32[8, 6] = 0; let p = x @ w; u[0:4, :] = p; u[2:6, :] = p * 2; y = u;", undefined, ["fill", "matmul", "update", "map"]],
    ["what must lie dense", "let a = exp(x); y = concat((a, x)); z = tanh(a.reshape(6, 4) @ x);", "in x: f32[4, 6]; out y: f32[8, 6]; out z: f32[6, 6];", ["map", "concat", "matmul", "map"]],
  ])("not %s", (_, body, states, expected) => {
    expect(computed(graph(body, states))).toEqual(expected);
  });
});

/** Lines of a program on matrices of 4 or 8 rows and 6 or 12 columns, from a list of decisions. */
function programOf(decisions: readonly number[]): string {
  const pool: { name: string; rows: number; columns: number }[] = [{ name: "x", rows: 4, columns: 6 }];
  const lines: string[] = [];
  let at = 0;
  const decide = (choices: number): number => (decisions[at++] ?? 0) % choices;
  const pick = (): (typeof pool)[number] => pool[decide(pool.length)]!;
  const define = (text: string, rows: number, columns: number): void => {
    const name = `v${lines.length}`;
    lines.push(`let ${name} = ${text};`);
    pool.push({ name, rows, columns });
  };
  while (at < decisions.length) {
    const [a, kind] = [pick(), decide(10)];
    const like = pool.filter(({ rows, columns }) => rows === a.rows && columns === a.columns);
    const b = like[decide(like.length)]!;
    if (kind === 0 && a.rows === 4) define(`concat((${a.name}, ${b.name}))`, 8, a.columns);
    else if (kind === 1 && a.columns === 6) define(`concat((${a.name}, ${b.name}), axis = 1)`, a.rows, 12);
    else if (kind === 2 && a.rows === 4) define(`stack((${a.name}, ${b.name}), axis = ${decide(2)}).reshape(8, ${a.columns})`, 8, a.columns);
    else if (kind === 3 && a.rows === 4) define(`pad(${a.name}, (1, 0), (3, 0))`, 8, a.columns);
    else if (kind === 4) define(`${a.name}[${a.rows - 4}:, ${a.columns - 6}:]`, 4, 6);
    else if (kind === 5 && a.columns === 6) define(`tanh(${a.name} @ w)`, a.rows, 6);
    else if (kind === 6 && a.rows === 4) {
      lines.push(`var u${lines.length} = ${a.name};`, `repeat 2 { u${lines.length} = concat((tanh(u${lines.length}[1:, :] * 0.5), ${b.name}[0:1, :] + u${lines.length}[0:1, :])); }`);
      define(`u${lines.length - 2} * 1`, 4, a.columns);
    } else if (kind >= 7) {
      // A tensor of zeros or of another's elements, parts of which are given anew; now and then it is read in between.
      const u = `u${lines.length}`;
      const early = decide(2) === 0 && a.rows === 4 && a.columns === 6;
      if (early) lines.push(`let early${u} = tanh(${a.name} @ w);`);
      lines.push(`var ${u}: f32[8, 12] = ${decide(2) === 0 ? "0" : `concat((x, x), axis = 1)[0, 0] + 1`};`);
      for (let updates = 1 + decide(4); updates > 0; updates--) {
        const [row, column, from] = [decide(5), decide(7), pool.filter(({ rows, columns }) => rows === 4 && columns === 6)];
        const value = from[decide(from.length)]!.name;
        const text = [`tanh(${value} @ w)`, `exp(${value})`, value, `${u}[0:4, 0:6] @ w`, early ? `early${u}` : `sum(${value} * 2) + x`][decide(5)]!;
        lines.push(`${u}[${row}:${row + 4}, ${column}:${column + 6}]${decide(4) === 0 ? " +=" : " ="} ${text};`);
      }
      define(`${u} * 1`, 8, 12);
    } else define(`sin(${a.name}) + ${b.name} * 0.5`, a.rows, a.columns);
  }
  const results = pool.slice(-3);
  const outs = results.map(({ rows, columns }, k) => `out y${k}: f32[${rows}, ${columns}];`).join(" ");
  return `graph g { in x: f32[4, 6]; in w: f32[6, 6]; ${outs} program main { ${lines.join("\n")} ${results.map(({ name }, k) => `y${k} = ${name};`).join(" ")} } }`;
}

it("random joins compute what they mean", async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.nat({ max: 5039 }), { minLength: 6, maxLength: 45, size: "max" }), fc.constantFrom(1, 3, 16), async (decisions, tiles) => {
    const checked = graphOf(programOf(decisions));
    const inputs = fillStates(checked, "in");
    await using engine = await engineFor(checked, withTiles(target("wasm"), tiles));
    expect(differences(new Interpreter(checked, {}).run("main", inputs), engine.runSync(toHost(inputs)), 1e-5)).toEqual([]);
  }), { numRuns: 100 });
});
