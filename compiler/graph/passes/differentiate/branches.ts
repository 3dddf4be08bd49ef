/**
 * Gradient of `if` and `switch`: the same choice, where each region computes its branch again and goes backwards through it.
 * Its results are the gradients by the values of the surroundings that some branch uses; a branch that does not use one gives 0.
 */
import type { Block, ValueId } from "../../graph.ts";
import { Adjoints } from "./adjoints.ts";
import { spread } from "./activity.ts";
import { capturedBy, copyNodes } from "./construction.ts";
import { requireElements } from "./elements.ts";
import type { Reached, Site } from "./site.ts";

export function branchGradient(site: Site, { node, gradients, adjoints }: Reached): void {
  const { construction, active } = site;
  const captured = capturedBy(node).filter((value) => active.has(value));
  const found: (ValueId | undefined)[][] = [];
  const blocks = node.regions.map((region) => {
    const block = construction.builder.block([], () => site.within(() => {
      found.push(branch(site, region, gradients, captured));
      return [];
    }));
    requireElements(site, node, block);
    return block;
  });
  const used = captured.flatMap((_, k) => (found.some((totals) => totals[k] !== undefined) ? [k] : []));
  if (used.length === 0) return;
  const regions = blocks.map((block, r): Block => ({
    ...block, results: used.map((k) => found[r]![k] ?? construction.filled(construction.typeOf(captured[k]!), 0, node.origin)),
  }));
  const outputs = used.map((k) => construction.builder.value(construction.typeOf(captured[k]!), node.origin));
  construction.append({ op: node.op, inputs: node.inputs, attributes: node.attributes, regions, outputs, origin: node.origin });
  used.forEach((k, position) => adjoints.add(captured[k]!, outputs[position]!));
}

/** One branch, computed again and backwards: gradients by the captured values it uses. */
function branch(site: Site, region: Block, gradients: readonly (ValueId | undefined)[], captured: readonly ValueId[]): (ValueId | undefined)[] {
  const { construction, active } = site;
  const copy = copyNodes(construction, region.nodes, { branch: true });
  spread(copy.nodes, active, (value) => construction.typeOf(value));
  const inner = new Adjoints(construction);
  region.results.forEach((result, k) => {
    const gradient = gradients[k];
    if (gradient !== undefined && active.has(copy.of(result))) inner.add(copy.of(result), gradient);
  });
  site.backward(copy.nodes, inner);
  const totals = captured.map((value) => inner.total(value));
  construction.prune(totals.filter((total) => total !== undefined));
  return totals;
}
