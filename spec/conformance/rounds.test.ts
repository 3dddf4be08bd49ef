/**
 * Programs whose ops need more than the tiles have at once: they run in rounds, and give what the interpreter gives. On a machine
 * with more memory the same programs run at once.
 */
import { describe, expect, it } from "vitest";
import { checkFile } from "../../compiler/compile.ts";
import { programsOf } from "../../compiler/graph/graph.ts";
import { Interpreter } from "../../compiler/graph/interpret.ts";
import { runPipeline } from "../../compiler/pipeline.ts";
import { Diagnostics } from "../../compiler/support/diagnostic.ts";
import type { Target } from "../../compiler/targets/target.ts";
import { target, withTiles } from "../../compiler/targets/targets.ts";
import type { Step } from "../../compiler/tiled/tiled.ts";
import { differences, engineFor, fillStates, toHost } from "./support.ts";

const machine = (bytesPerTile: number): Target => ({ ...withTiles(target("ipu-mk2"), 16), bytesPerTile });

interface Planned {
  /** Compute sets by name. */
  readonly sets: { readonly [name: string]: number };
  readonly messages: readonly string[];
}

function planOn(text: string, on: Target): Planned {
  const { graph, diagnostics } = checkFile("rounds.gph", { target: on, readFile: () => text });
  const reporter = new Diagnostics();
  const planned = graph && runPipeline(graph, { target: on, reporter });
  const sets: { [name: string]: number } = {};
  const count = (step: Step): void => {
    if (step.kind === "compute") sets[step.set.name] = (sets[step.set.name] ?? 0) + 1;
  };
  if (planned) for (const { steps } of programsOf(planned.tiled)) steps.forEach(count);
  return { sets, messages: [...diagnostics, ...reporter.list].map(({ message }) => message) };
}

/** Inputs or results of each op are more than a tile of `bytes` could hold of them. */
const programs = [
  { what: "a product", name: "matmul", bytes: 60_000, text: "graph g { in a: f32[180, 160]; in b: f32[160, 170]; out c: f32[180, 170]; program main { c = a @ b; } }" },
  { what: "a product with what is done to its results", name: "matmul", bytes: 70_000, text: "graph g { in a: f32[180, 160]; in b: f32[160, 170]; in d: f32[180, 170]; in e: f32[170]; out c: f32[180, 170]; program main { c = max(a @ b + e, 0) * d; } }" },
  { what: "a product of each of a batch", name: "matmul", bytes: 60_000, text: "graph g { in a: f32[3, 90, 160]; in b: f32[3, 160, 100]; out c: f32[3, 90, 100]; program main { c = a @ b; } }" },
  { what: "a convolution", name: "conv", bytes: 70_000, text: 'import { conv2d } from "std/nn"; graph g { in x: f32[1, 64, 20, 20]; in w: f32[64, 64, 3, 3]; out y: f32[1, 64, 20, 20]; program main { y = conv2d(x, w, padding = 1); } }' },
];

describe("ops in rounds", () => {
  it.each(programs)("compute $what", async ({ text, name, bytes }) => {
    const [tight, ample] = [planOn(text, machine(bytes)), planOn(text, machine(638_976))];
    expect([tight.messages, ample.messages]).toEqual([[], []]);
    expect(tight.sets[name]!).toBeGreaterThan(ample.sets[name]!);
    const { graph } = checkFile("rounds.gph", { target: machine(bytes), readFile: () => text });
    const inputs = fillStates(graph!, "in");
    const engine = await engineFor(graph!, machine(bytes));
    try {
      expect(differences(new Interpreter(graph!, {}).run("main", inputs), engine.runSync("main", toHost(inputs)), 1e-4)).toEqual([]);
    } finally {
      await engine.close();
    }
  });

  it("let a product of 75 MB fit 1,472 tiles that it fills", () => {
    const text = "graph g { in a: f32[2500, 2500]; in b: f32[2500, 2500]; out c: f32[2500, 2500]; program main { c = a @ b; } }";
    expect(planOn(text, target("ipu-mk2"))).toEqual({ sets: { matmul: 2, "combine matmul": 2 }, messages: [] });
  });

  it("are told of where nothing helps", () => {
    const { messages } = planOn(programs[0]!.text, machine(30_000));
    expect(messages).toHaveLength(1);
    expect(messages[0]).toMatch(/^tile \d of ipu-mk2 would hold [\d,]+ bytes at once and has 30,000/);
  });
});
