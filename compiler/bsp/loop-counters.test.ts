/** Loops inside vertices whose trips only data decides: counted exactly, by all workers, and what a profile makes of it. */
import { describe, expect, it, test } from "vitest";
import { Engine } from "../../runtime/index.ts";
import { compile } from "../compile.ts";
import { target, withTiles } from "../targets/targets.ts";
import { reportOf } from "./report/report.ts";
import { reportTables } from "./report/tables.ts";

const text = `
/// Collatz: steps of each number until 1, as often as it says.
vertex Collatz<n> {
  in  start: i32[n];
  in  rounds: i32;
  out steps: i32[n];
  out same: i32;
  compute {
    for i in 0..n {
      var x: i32 = start[i];
      var k: i32 = 0;
      while x > 1 {
        x = x % 2 == 0 ? x / 2 : 3 * x + 1;
        k += 1;
      }
      steps[i] = k;
    }
    var sum: i32 = 0;
    for j in 0..rounds { sum += start[j % n]; }
    same = sum;
  }
}
graph collatz(m: int = 6, n: int = 21) {
  in start: i32[m, n];
  in rounds: i32[m];
  out steps: i32[m, n];
  out same: i32[m];
  compute set all {
    for r in 0..m { place Collatz { start = start[r], rounds = rounds[r], steps = steps[r], same = same[r] } on r % tiles; }
  }
  program main { execute all; }
}`;

const [m, n] = [6, 21];
const start = Int32Array.from({ length: m * n }, (_, i) => 1 + ((i * 37) % 113));
const rounds = Int32Array.from({ length: m }, (_, i) => 3 * i);

/** Steps until 1, in plain loops. */
function collatz(x: number): number {
  let steps = 0;
  for (let at = x; at > 1; steps++) at = at % 2 === 0 ? at / 2 : 3 * at + 1;
  return steps;
}

const expectedSteps = Array.from(start, collatz);
const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);

describe("loops inside vertices", () => {
  const machines = [withTiles(target("wasm"), 3), withTiles(target("ipu-mk2"), 4)];
  test.each(machines.flatMap((machine) => [1, 2].map((workers) => ({ name: machine.name, machine, workers }))))("are counted on $name by $workers workers", async ({ machine, workers }) => {
    const { executable, plan, sources, diagnostics } = await compile("collatz.gph", { readFile: () => text, target: machine, profile: true });
    expect(diagnostics).toEqual([]);
    await using engine = await Engine.load(executable!, { workers });
    const { steps } = engine.runSync("main", { start, rounds });
    expect([...(steps!.data as Int32Array)]).toEqual(expectedSteps);
    engine.runSync("main", { start, rounds });

    const report = reportOf(plan!.bsp, { target: plan!.target, sources, generator: "test", memory: plan!.memory, counts: engine.stepCounts()!, loops: engine.loopCounts()! });
    const counted = report.loops!.map(({ entries, rounds: trips, place }) => ({ entries, trips, source: place.source }));
    expect(counted).toEqual([
      { entries: 2 * m * n, trips: 2 * sum(expectedSteps), source: "while x > 1 {" },
      { entries: 2 * m, trips: 2 * sum(rounds), source: "for j in 0..rounds { sum += start[j % n]; }" },
    ]);
    expect(reportTables(report)).toContain((sum(expectedSteps) / (m * n)).toFixed(1));
  });

  it("give cycles that rest on no guess, and follow what was counted", async () => {
    const machine = withTiles(target("ipu-mk2"), 4);
    const { executable, plan, sources } = await compile("collatz.gph", { readFile: () => text, target: machine, profile: true });
    await using engine = await Engine.load(executable!);
    const cyclesOf = (x: number): { cycles: number; guessed: boolean } => {
      const before = engine.loopCounts()!;
      engine.runSync("main", { start: new Int32Array(m * n).fill(x), rounds });
      const loops = engine.loopCounts()!.map(({ entries, rounds: trips }, i) => ({ entries: entries - before[i]!.entries, rounds: trips - before[i]!.rounds }));
      const { programs } = reportOf(plan!.bsp, { target: machine, sources, generator: "test", counts: engine.stepCounts()!, loops });
      const parts = programs.find(({ name }) => name === "main")!.steps.flatMap((step) => (step.kind === "superstep" ? step.parts : []));
      const part = parts.find((one) => one.kind === "compute")!;
      return { cycles: part.cycles!, guessed: part.guessed! };
    };
    // 27 takes 111 steps, 26 takes 10: every step costs the same.
    const [none, ten, most] = [cyclesOf(1), cyclesOf(26), cyclesOf(27)];
    expect([none, ten, most].map(({ guessed }) => guessed)).toEqual([false, false, false]);
    expect((most.cycles - none.cycles) / (ten.cycles - none.cycles)).toBeCloseTo(11.1, 1);
  });

  it("are not counted in other builds", async () => {
    const { executable } = await compile("collatz.gph", { readFile: () => text, target: machines[0]! });
    await using engine = await Engine.load(executable!);
    expect(engine.loopCounts()).toBeUndefined();
  });
});
