/** Elements of streams cannot be taken twice: what computes a region again must not need one that was not kept. */
import type { Block, Node } from "../../graph.ts";
import { usesOf } from "./construction.ts";
import type { Site } from "./site.ts";

/** Reports a use of a value that nothing defines: the copy of an element that was left out. */
export function requireElements(site: Site, node: Node, block: Block): void {
  for (const inner of block.nodes) {
    for (const use of usesOf(inner)) {
      if (!site.construction.lost.has(use)) continue;
      site.fail(node, "not-supported", `the gradient goes through a ${node.op} that takes elements of a stream in a loop in a branch, which is not supported yet`, "take the element before, with `let e = next(s);`");
      return;
    }
  }
}
