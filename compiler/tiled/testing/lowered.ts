/** Test-only: sources of the language, lowered to the tiled level as the compiler does. */
import { checkFile } from "../../compile.ts";
import { foldConstants } from "../../graph/passes/fold-constants.ts";
import { fuse } from "../../graph/passes/fuse.ts";
import { mergeEqualNodes } from "../../graph/passes/merge-equal-nodes.ts";
import { removeDeadNodes } from "../../graph/passes/remove-dead-nodes.ts";
import { simplifyAlgebra } from "../../graph/passes/simplify-algebra.ts";
import type { Graph } from "../../graph/graph.ts";
import { Diagnostics } from "../../support/diagnostic.ts";
import type { PassContext } from "../../support/pass.ts";
import type { Target } from "../../targets/target.ts";
import { lowerToTiled } from "../passes/lower-to-tiled.ts";
import { stepsInside, type Step, type TiledGraph } from "../tiled.ts";
import { verify } from "../verify.ts";

export interface Lowered {
  readonly graph: Graph;
  readonly tiled: TiledGraph;
  readonly context: PassContext;
}

export function lowerText(text: string, machine: Target, parameters: { readonly [name: string]: number } = {}): Lowered {
  const { graph, diagnostics } = checkFile("test.gph", { parameters, target: machine, readFile: () => text });
  if (!graph) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return lowerGraph(graph, machine);
}

function lowerGraph(given: Graph, machine: Target): Lowered {
  const context = Object.assign(new Diagnostics(), { target: machine });
  const graph = [foldConstants, simplifyAlgebra, mergeEqualNodes, removeDeadNodes, fuse].reduce((before, pass) => pass.run(before, context), given);
  const tiled = lowerToTiled.run(graph, context);
  if (context.list.length > 0) throw new Error(context.list.map(({ message }) => message).join("\n"));
  verify(tiled);
  return { graph, tiled, context };
}

/** Names of the compute sets of some steps, those of inner steps in lists of their own. */
export type Outline = (string | Outline)[];

export function outline(steps: readonly Step[]): Outline {
  return steps.flatMap((step): Outline => {
    switch (step.kind) {
      case "compute": return [step.set.name];
      case "copy": return ["exchange"];
      case "host": return [step.event.kind];
      default: return stepsInside(step).map(outline);
    }
  });
}
