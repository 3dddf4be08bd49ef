/** double-buffer and fuse-updates: which loops and updates they change, and that no bit of a result does. */
import { describe, expect, it } from "vitest";
import { differences, engineFor, fillStates, toHost } from "../../../spec/conformance/support.ts";
import { target } from "../../targets/targets.ts";
import { graphOf } from "../../check/testing/check-text.ts";
import { Interpreter } from "../interpret.ts";
import { countOps, countOpsIn } from "../print.ts";
import { put, zeros, type Tensor } from "../tensor.ts";
import { testContext } from "../testing/test-graph.ts";
import { verify } from "../verify.ts";
import type { Graph } from "../graph.ts";
import { doubleBuffer } from "./double-buffer.ts";
import { fuse } from "./fuse.ts";
import { fuseUpdates } from "./fuse-updates.ts";
import { foldConstants } from "./fold-constants.ts";
import { removeDeadNodes } from "./remove-dead-nodes.ts";

const program = (body: string): string => `graph g(n: int = 9, steps: int = 5) {
  in x: f32[n]; in k: i32; out y: f32[n]; ${/\bz\b/.test(body) ? "out z: f32[n];" : ""}
  program main { ${body} }
}`;

const inputs = (graph: Graph): { [name: string]: Tensor } => Object.fromEntries(graph.states.filter(({ role }) => role === "in").map((state) => {
  const tensor = zeros(state.type);
  for (let i = 0; i < tensor.data.length; i++) put(tensor, i, state.type.dtype === "i32" ? 3 : Math.sin(i * 7.3));
  return [state.name, tensor];
}));

function passed(body: string, parameters: { readonly [name: string]: number } = {}): { before: Graph; after: Graph } {
  const before = graphOf(program(body), { parameters });
  const after = [foldConstants, removeDeadNodes, fuse, doubleBuffer, fuseUpdates].reduce((graph, pass) => {
    const next = pass.run(graph, testContext);
    verify(next);
    return next;
  }, before);
  const [expected, actual] = [before, after].map((graph) => new Interpreter(graph).run("main", inputs(graph)));
  for (const [name, tensor] of Object.entries(expected!)) expect([...actual![name]!.data], name).toEqual([...tensor.data]);
  return { before, after };
}

const stencil = "u[1:-1] += 0.25 * (u[:-2] + u[2:] - 2 * u[1:-1]);";
const loopOps = (graph: Graph) => countOpsIn(graph.programs[0]!.body.nodes.find(({ op }) => op === "repeat")!.regions[0]!);

describe("a stencil in a loop", () => {
  it.each([0, 1, 2, 3, 4, 5, 8])("gives the same after %i steps", (steps) => {
    passed(`var u = x; repeat steps { ${stencil} } y = u;`, { steps });
  });

  it("writes one copy from the other, twice a turn", () => {
    const { after } = passed(`var u = x; repeat steps { ${stencil} } y = u;`);
    expect(loopOps(after)).toEqual({ map_update: 2, slice: expect.any(Number) });
  });

  it("keeps what else the loop does, and several variables at once", () => {
    const { after } = passed(`var u = x; var v = x * 2; var s = x; repeat steps { ${stencil} s = s + u; v[2:] = v[:-2] * 0.5; s[0:2] = v[0:2]; } y = u + v; z = s;`);
    expect(loopOps(after)["map_update"]).toBeGreaterThanOrEqual(4);
  });

  it("does an odd step after a loop whose number of turns is not known", () => {
    const { after } = passed(`var u = x; repeat k { ${stencil} } y = u;`);
    expect(loopOps(after)).toEqual({ map_update: 2, slice: expect.any(Number) });
    expect(countOps(after)).toMatchObject({ map_update: 3, if: 1 });
  });

  it("asks the condition of a while between two steps", () => {
    const { after } = passed(`var u = x; while sum(u * u) > 2.5 { ${stencil} } y = u;`);
    expect(countOps(after)).toMatchObject({ map_update: 2, if: 1 });
    expect(countOps(after)).not.toHaveProperty("update");
  });

  it("leaves a variable that is changed twice in a turn", () => {
    const { after } = passed(`var u = x; repeat steps { ${stencil} u[0] = u[1]; } y = u;`);
    expect(loopOps(after)["map_update"]).toBeUndefined();
  });
});

describe("a variable made anew in a loop", () => {
  /** Variables that are large enough to matter. */
  const source = (body: string): string => `graph g() {
    in x: f32[40, 32]; in w: f32[32, 32]; in k: i32; out y: f32[40, 32]; out v: f32[40, 32];
    program main { var u = x; var s = x; ${body} y = u; v = s; }
  }`;
  const bodies = {
    "by a product": "u = tanh(u @ w + s * 0.1);",
    "of its shifted self": "u = u[::-1, :] * 0.9 + 0.1 * x;",
    "before its last use": "let next = cos(u); s = u + s * 0.5; u = next;",
    "and a stencil beside it": "u = sin(u @ w); s[1:-1, :] += 0.25 * (s[:-2, :] + s[2:, :]) - 0.5 * s[1:-1, :];",
  };

  const doubled = (body: string): { before: Graph; after: Graph } => {
    const before = graphOf(source(body));
    const after = [foldConstants, removeDeadNodes, fuse, doubleBuffer, fuseUpdates].reduce((graph, pass) => pass.run(graph, testContext), before);
    verify(after);
    return { before, after };
  };

  it.each(Object.entries(bodies))("%s: two steps a turn, whatever the number of turns", async (_, body) => {
    for (const head of ["repeat k", "repeat 5", "while c + cast<i32>(sum(u) > 1e9) < k"]) {
      const { before, after } = doubled(`var c = 0; ${head} { c += 1; ${body} }`);
      expect(after, head).not.toEqual(before);
      expect(countOps(after)["if"], head).toBe(head === "repeat 5" ? undefined : 1);
      await using engine = await engineFor(before, target("wasm"));
      for (const k of head === "repeat 5" ? [0] : [-3, -2, 0, 1, 2, 3, 6]) {
        const given = { ...fillStates(before, "in"), k: { type: { dtype: "i32", shape: [] }, data: Int32Array.of(k) } } as { [name: string]: Tensor };
        const [expected, actual] = [before, after].map((graph) => new Interpreter(graph).run("main", given, { budget: 100_000 }));
        for (const [name, tensor] of Object.entries(expected!)) expect([...actual![name]!.data], `${name} of ${head}`).toEqual([...tensor.data]);
        expect(differences(expected!, engine.runSync(toHost(given)), 1e-4), `${head}, k = ${k}`).toEqual([]);
      }
    }
  });

  it.each([
    ["what a map may overwrite", "repeat k { u = tanh(u) * 0.5 + x; }"],
    ["what is small", "var t = x[0, :] * 1; repeat k { t = t @ w; } u[0, :] = t;"],
  ])("leaves %s", (_, body) => {
    expect(countOps(doubled(body).after)["if"]).toBeUndefined();
  });
});

describe("an update", () => {
  it("computes in place what reads only other tensors, or just the elements it writes", () => {
    const { after } = passed("var u = x * 1; u[2:5] += 3; u[5:] = x[5:] * 2; y = u;");
    expect(countOps(after)).toMatchObject({ map_update: 2 });
  });

  it("puts aside what reads other elements of the tensor", () => {
    const { after } = passed("var u = x * 1; u[1:] = u[:-1] * 2; y = u;");
    expect(countOps(after)).toMatchObject({ update: 1 });
  });

  it("puts aside what is used twice", () => {
    const { after } = passed("var u = x; let d = exp(x[2:5]); u[2:5] = d; z[2:5] = d; y = u;");
    expect(countOps(after)).toMatchObject({ update: 2 });
  });
});
