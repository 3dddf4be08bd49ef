/** double-buffer and fuse-updates: which loops and updates they change, and that no bit of a result does. */
import { describe, expect, it } from "vitest";
import { graphOf } from "../../check/testing/check-text.ts";
import { Interpreter } from "../interpret.ts";
import { countOps, countOpsIn } from "../print.ts";
import { put, zeros, type Tensor } from "../tensor.ts";
import { testContext } from "../testing.ts";
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

  it("leaves loops whose number of turns is not known", () => {
    const { after } = passed(`var u = x; repeat k { ${stencil} } y = u;`);
    expect(loopOps(after)).toMatchObject({ map: 1, update: 1 });
  });

  it("leaves a variable that is changed twice in a turn", () => {
    const { after } = passed(`var u = x; repeat steps { ${stencil} u[0] = u[1]; } y = u;`);
    expect(loopOps(after)["map_update"]).toBeUndefined();
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
