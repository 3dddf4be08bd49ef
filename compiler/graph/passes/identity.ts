/** The form of the rules of `simplify-algebra`. */
import type { Node, ValueId } from "../graph.ts";
import type { Rewriting } from "../rewrite.ts";

/** What a rule gives: a simpler node with the same outputs, the values its outputs are, or nothing when it does not apply. */
export type Simplified = Node | readonly ValueId[] | undefined;
export type Identity = (node: Node, at: Rewriting) => Simplified;
