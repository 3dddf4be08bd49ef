/** What the parts of differentiation share while one gradient is built. */
import type { ProblemName } from "../../../support/problems.ts";
import type { ComputeSet, Node, ValueId, Vertex } from "../../graph.ts";
import type { Adjoints } from "./adjoints.ts";
import type { Construction } from "./construction.ts";

export interface Site {
  readonly construction: Construction;
  /** Values that change with what the gradient is asked by. */
  readonly active: Set<ValueId>;
  /** The graph's, to which gradients of vertices are added. */
  readonly vertices: Vertex[];
  readonly computeSets: ComputeSet[];
  /** Goes backwards through nodes of the current block, which give `adjoints` of what they read from outside. */
  backward(nodes: readonly Node[], adjoints: Adjoints): void;
  /** Builds in a region: what is computed again in it is not seen outside. */
  within<T>(work: () => T): T;
  /** Reports what has no gradient, at the node it belongs to. */
  fail(node: Node, problem: ProblemName, message: string, help?: string): void;
}

/** A node whose outputs have gradients. */
export interface Reached {
  readonly node: Node;
  /** One for each output; undefined where the loss does not depend on it. */
  readonly gradients: readonly (ValueId | undefined)[];
  /** Of the values the node uses. */
  readonly adjoints: Adjoints;
}
