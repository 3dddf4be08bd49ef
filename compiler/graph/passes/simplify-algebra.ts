/**
 * Identities that hold for every value, bit for bit (the payload of a NaN aside, which nothing defines): arithmetic with
 * neutral elements, views of views, conditions, loop counts and places that are known. Nothing is reassociated, and floats are
 * treated as floats: x + 0 is not x (for x = -0), x - x is not 0 (for infinities). Rules by kind of node stand in
 * `arithmetic-identities.ts`, `control-identities.ts` and `place-identities.ts`; views in `../views.ts`.
 */
import { ops } from "../../ops/table.ts";
import type { Pass } from "../../support/pass.ts";
import { sameShape, type Graph, type Node, type ValueId } from "../graph.ts";
import { rewrite, type Rewriting } from "../rewrite.ts";
import { shortestView } from "../views.ts";
import { arithmeticIdentities } from "./arithmetic-identities.ts";
import { controlIdentities } from "./control-identities.ts";
import type { Identity } from "./identity.ts";
import { placeIdentities } from "./place-identities.ts";

export const simplifyAlgebra: Pass<Graph, Graph> = {
  name: "simplify-algebra",
  summary: "applies exact identities of arithmetic, views and control",
  run: (graph) => rewrite(graph, simplify),
};

/** Each identity makes a node simpler by some measure, so this ends; the bound is against our own mistakes. */
const maximumSteps = 32;

function simplify(node: Node, at: Rewriting): Node | readonly ValueId[] {
  let current = node;
  for (let step = 0; step < maximumSteps; step++) {
    const simpler = identityFor(current)?.(current, at);
    if (simpler === undefined) return current;
    if (Array.isArray(simpler)) return simpler as readonly ValueId[];
    current = simpler as Node;
  }
  return current;
}

function identityFor(node: Node): Identity | undefined {
  if (ops.get(node.op)?.kind === "view") return simplifyView;
  return arithmeticIdentities.get(node.op) ?? controlIdentities.get(node.op) ?? shapeIdentities.get(node.op) ?? placeIdentities.get(node.op);
}

const simplifyView: Identity = (node, at) => {
  const [input] = node.inputs;
  const shorter = shortestView({ op: node.op, input: input!, attributes: node.attributes }, at.type(node.outputs[0]!), at);
  if (typeof shorter === "number") return [shorter];
  return shorter.input === input && shorter.attributes === node.attributes ? undefined : { ...node, inputs: [shorter.input], attributes: shorter.attributes };
};

const shapeIdentities: ReadonlyMap<string, Identity> = new Map<string, Identity>([
  ["concat", (node) => (node.inputs.length === 1 ? node.inputs : undefined)],
  [
    "update",
    (node, at) => {
      const [base, value] = node.inputs as [ValueId, ValueId];
      const step = node.attributes["step"] as readonly number[];
      const { shape } = at.type(base);
      // What replaces everything needs no base.
      if (sameShape(at.type(value).shape, shape) && step.every((each, k) => each === 1 || shape[k]! <= 1)) return [value];
      return undefined;
    },
  ],
]);
