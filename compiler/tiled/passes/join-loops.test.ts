/** Which elementwise vertices become one, and that random programs of several fields compute what they mean. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { differences, engineFor, fillStates, toHost } from "../../../spec/conformance/support.ts";
import { costOfGraph, plannedTotals } from "../../bsp/cost.ts";
import { formSupersteps } from "../../bsp/passes/form-supersteps.ts";
import { graphOf } from "../../check/testing/check-text.ts";
import { Interpreter } from "../../graph/interpret.ts";
import { printExpression } from "../../kernel/print.ts";
import { visitStatements } from "../../kernel/walk.ts";
import { randomNumbers } from "../../support/testing/random-numbers.ts";
import type { Target } from "../../targets/target.ts";
import { target, withTiles } from "../../targets/targets.ts";
import { lowerText } from "../testing/lowered.ts";
import type { ComputeSet, TiledGraph } from "../tiled.ts";
import { verify } from "../verify.ts";
import { joinLoops } from "./join-loops.ts";

const wasm = withTiles(target("wasm"), 4);

function joined(source: string, machine: Target = wasm): TiledGraph {
  const { tiled, context } = lowerText(source, machine);
  const after = joinLoops.run(tiled, context);
  verify(after);
  return after;
}

const setsOf = ({ programs }: TiledGraph): ComputeSet[] => programs[0]!.steps.flatMap((step) => (step.kind === "compute" ? [step.set] : []));

/** Of each compute set of the program, how many tensors its first vertex reads and writes. */
const shapeOf = (tiled: TiledGraph): string[] => setsOf(tiled).map(({ families: [family] }) => {
  const count = (access: string): number => family!.fields.filter((field) => field.access === access).length;
  return `${count("in")} → ${count("out")}`;
});

const states = "in x: f32[6, 8]; in z: f32[6, 8]; var u: f32[6, 8] = 0; var v: f32[6, 8] = 0; var w: f32[6, 8] = 0; out y: f32[6, 8];";
const program = (body: string, declared = states): string => `graph g { ${declared} program main { ${body} } }`;

describe("join-loops", () => {
  it.each([
    ["maps of the same operands", "u = exp(x) + z; v = x - z;", ["2 → 2"]],
    ["one of which reads the other's result", "u = 0.9 * u + x; w = w - 0.1 * u;", ["3 → 2"]],
    ["without what nobody else reads", "let r = sqrt(x) / z; u = r * x; v = r - z;", ["2 → 2"]],
    ["across what comes first", "u = x + z; let s = sum(z); v = x * s;", ["1 → 1", "3 → 2"]],
    ["updates of slices, and what they read around them", "u[1:-1, 1:-1] = x[:-2, 1:-1] + x[2:, 1:-1] - z[1:-1, 1:-1]; v[1:-1, 1:-1] = z[1:-1, :-2] + z[1:-1, 2:] - x[1:-1, 1:-1];", ["2 → 2"]],
    ["slices of one tensor", "let s = stack((x + z, x - z, x * z)); y = s[0] * s[1] + s[2];", ["2 → 3", "1 → 1"]],
    ["more than two", "u = x + z; v = x - z; w = x * z;", ["2 → 3"]],
  ])("makes one vertex of %s", (_, body, expected) => {
    expect(shapeOf(joined(program(body))).toSorted()).toEqual(expected.toSorted());
  });

  it.each([
    ["what reads other elements of a result", "u = x + z; v = x + roll(u, 1);"],
    ["what overwrites elements that are still read", "y = x + u[::-1, :]; u = x * z;"],
    ["what reads nothing in common", "u = exp(x); v = exp(z);"],
    ["other loops", "u[1:, :] = x[1:, :] * z[1:, :]; v[:, 1:] = x[:, 1:] - z[:, 1:];"],
    ["functions that have nothing in common", "u = log(x) + z; v = sin(x) - z;"],
  ])("leaves %s", (_, body) => {
    const source = program(body);
    expect(shapeOf(joined(source))).toEqual(shapeOf(lowerText(source, wasm).tiled));
  });

  it("leaves what hands over floats of 16 bits, and integers that may be divided by zero", () => {
    const halves = program("u = u * 0.9 + x; w = w - u;", "in x: f16[6, 8]; var u: f16[6, 8] = 0; var w: f16[6, 8] = 0;");
    const ints = program("u = x / u; w = x + w;", "in x: i32[6, 8]; var u: i32[6, 8] = 1; var w: i32[6, 8] = 0;");
    for (const source of [halves, ints]) expect(setsOf(joined(source))).toHaveLength(2);
  });

  it("loads and computes once what is shared, and says where it stands", () => {
    const [set] = setsOf(joined(program("let d = x * x + z * z; u = x / d; v = z / d;")));
    const lines: string[] = [];
    visitStatements(set!.families[0]!.kernel.body, (one) => {
      if (one.kind === "store" || one.kind === "set") lines.push(printExpression(one.value).replaceAll(/%\d+|part\.\d+/g, "·"));
    });
    // Two loads, the sum of their squares, two quotients.
    expect(lines).toHaveLength(5);
    expect(set!.joined).toHaveLength(2);
  });

  it("stores what the host, a loop or a branch looks at", () => {
    for (const use of ['assert(s < 9, "few");', "print(s);", "if s < 9 { u = x; }", "while s < 9 { s += 1; u = 2 * u; }", "repeat cast<i32>(s) { u = 2 * u; }"]) {
      const { programs } = joined(program(`n = n + 1; var s = n * 2; ${use}`, `${states} var n: f32 = 0;`));
      const [first] = programs[0]!.steps;
      expect(first?.kind === "compute" && first.set.joined !== undefined && first.set.families[0]!.fields.filter(({ access }) => access === "out").length, use).toBe(2);
    }
  });

  it("joins nothing where a plan did not fit", () => {
    const { tiled, context } = lowerText(program("u = x + z; v = x - z;"), withTiles(target("ipu-mk2"), 4));
    expect(joinLoops.run(tiled, { ...context, joins: false })).toBe(tiled);
    expect(setsOf(joinLoops.run(tiled, { ...context, joins: true })).length).toBeLessThan(setsOf(tiled).length);
  });

  it("never plans more cycles", () => {
    for (const tiles of [1, 3, 1472]) {
      for (const body of ["let d = x * x + z * z; u = x / d; v = z / d;", "u = 0.9 * u + x; v = 0.99 * v + x * x; w = w - u / (sqrt(v) + 0.1);"]) {
        const { tiled, context } = lowerText(program(body, states.replaceAll("6, 8", "64, 50")), withTiles(target("ipu-mk2"), tiles));
        const cycles = (graph: TiledGraph): number => plannedTotals(costOfGraph(formSupersteps.run(graph, context), context.target).programs[0]!.steps).cycles;
        expect(cycles(joinLoops.run(tiled, context))).toBeLessThan(cycles(tiled));
      }
    }
  });
});

/** Assignments to fields, slices of them and rows of a stack. */
function assignments(seed: number, count: number, [m, n]: readonly [number, number]): string {
  const random = randomNumbers(seed);
  const decide = (choices: number): number => Math.floor(random() * choices);
  const slices = ["", "", "", "[1:, :]", "[:-1, :]", "[:, 1:]", "[1:, 1:]", "[::-1, :]"];
  const shapes = ["", "", "", "a", "a", "b", "c", ""];
  const names = ["x", "z", "u", "v", "w"];
  const lines: string[] = [];
  for (let line = 0; line < count; line++) {
    const slice = decide(slices.length);
    const seen = (): string => {
      const like = slices.filter((_, k) => shapes[k] === shapes[slice]);
      const field = names[decide(names.length)]!;
      const view = like[decide(like.length)]!;
      return shapes[slice] === "" && decide(9) === 0 ? `roll(${field}, (${decide(m)}, ${decide(n)}))` : `${field}${view}`;
    };
    const term = (): string => [`${seen()} * ${seen()}`, `abs(${seen()}) + ${seen()}`, `max(${seen()}, ${seen()})`, `exp(-abs(${seen()}))`, `select(${seen()} > 0.5, ${seen()}, ${seen()})`][decide(5)]!;
    const value = `0.25 * (${Array.from({ length: 1 + decide(3) }, term).join(decide(2) === 0 ? " + " : " - ")})`;
    if (decide(3) === 0 && shapes[slice] === "") {
      lines.push(`let t${line} = ${value};`);
      names.push(`t${line}`);
    } else lines.push(`${["u", "v", "w"][decide(3)]}${slices[slice]} = ${value};`);
  }
  return lines.join(" ");
}

describe("random programs of several fields", () => {
  it("compute what they mean, on both kinds of memory and any number of tiles, and are joined", async () => {
    let times = 0;
    const cases = fc.record({
      seed: fc.integer(), lines: fc.integer({ min: 2, max: 9 }), shape: fc.tuple(fc.integer({ min: 2, max: 24 }), fc.integer({ min: 2, max: 40 })),
      tiles: fc.constantFrom(1, 3, 16, 1472), workers: fc.constantFrom(1, 2), machine: fc.constantFrom("wasm", "wasm", "ipu-mk2"), turns: fc.constantFrom(1, 2, 3), dtype: fc.constantFrom("f32", "f32", "f64", "f16"),
    });
    await fc.assert(fc.asyncProperty(cases, async ({ seed, lines, shape, tiles, workers, machine, turns, dtype }) => {
      const [m, n] = shape;
      const type = `${dtype}[${m}, ${n}]`;
      const source = `graph g { in x: ${type}; in z: ${type}; var u: ${type} = 0.5; var v: ${type} = 0.25; var w: ${type} = 0; out y: ${type}; out q: ${type}; out r: ${type};
        program main { repeat ${turns} { ${assignments(seed, lines, shape)} } y = u; q = v; r = w; } }`;
      const on = withTiles(target(machine), tiles);
      const { tiled, context } = lowerText(source, on);
      if (joinLoops.run(tiled, context).programs[0]!.steps.some((step) => step.kind === "repeat" && step.body.some((inner) => inner.kind === "compute" && inner.set.joined))) times++;
      const graph = graphOf(source);
      const inputs = fillStates(graph, "in");
      await using engine = await engineFor(graph, on, workers);
      // Functions are rounded as the machine does it: a few units in the last place.
      expect(differences(new Interpreter(graph, {}).run("main", inputs), engine.runSync(toHost(inputs)), source.includes("exp(") ? 1e-6 : 0)).toEqual([]);
    }), { numRuns: 60 });
    expect(times).toBeGreaterThan(15);
  });
});
