/**
 * Gradient of `repeat` and `while`: a loop over the same rounds from the last to the first. It carries the gradients by what
 * the loop carries, and sums of those by what rounds use of the surroundings. Each round is computed again from the values it
 * began with (`tape.ts`), then its nodes are gone through backwards. A loop whose gradient needs no such value, as that of a
 * linear recurrence, keeps nothing; else it must be known how many rounds there are at most.
 */
import { scalar, type Attributes, type Block, type Node, type ValueId } from "../../graph.ts";
import { reached, spread } from "./activity.ts";
import { Adjoints } from "./adjoints.ts";
import { capturedBy, copyNodes, usesOf } from "./construction.ts";
import { requireElements } from "./elements.ts";
import type { Reached, Site } from "./site.ts";
import { Tapes } from "./tape.ts";

/** Which carried values (by position) and captured ones get a gradient. */
interface Wanted {
  readonly carried: readonly number[];
  readonly captured: readonly ValueId[];
}

export function loopGradient(site: Site, { node, gradients, adjoints }: Reached): void {
  const { construction } = site;
  const { origin } = node;
  const carried = node.op === "repeat" ? node.inputs.slice(1) : node.inputs;
  const known = node.op === "repeat" ? construction.constant(node.inputs[0]!) : undefined;
  if (known !== undefined && known <= 0) {
    carried.forEach((value, k) => gradients[k] !== undefined && site.active.has(value) && adjoints.add(value, gradients[k]));
    return;
  }
  const wanted = wantedOf(site, node, gradients);
  const limit = known ?? (node.attributes["limit"] as number | undefined);
  const tapes = new Tapes(construction, node, limit ?? 1);
  const initial = [
    ...wanted.carried.map((k) => gradients[k] ?? construction.filled(construction.typeOf(node.outputs[k]!), 0, origin)),
    ...wanted.captured.map((value) => construction.filled(construction.typeOf(value), 0, origin)),
  ];
  const backwards = round(site, node, wanted, tapes, carried);
  const kept = tapes.keptFor(new Set(backwards.nodes.flatMap(usesOf)));
  const counts = kept.length > 0 || node.op === "while";
  if (kept.length > 0 && limit === undefined) {
    const names = kept.map((value) => construction.builder.values[value]!.name).filter((name) => name !== undefined);
    return site.fail(node, "no-gradient", `the gradient through this ${node.op} needs ${names.length > 0 ? `${[...new Set(names)].join(", ")} of every round` : "values of every round"}, and how many rounds there are at most is not known when compiling`, `\`${node.op} … limit 100 { }\` runs at most 100 rounds`);
  }
  if (counts) tapes.record(new Set(backwards.nodes.flatMap(usesOf)));
  const outputs = appendLoop(site, node, backwards, initial, kept.length > 0 ? tapes.counter : undefined, node.op === "while" ? tapes.counter : node.inputs[0]!);
  wanted.carried.forEach((k, position) => site.active.has(carried[k]!) && adjoints.add(carried[k]!, outputs[position]!));
  wanted.captured.forEach((value, position) => adjoints.add(value, outputs[wanted.carried.length + position]!));
}

/** What a gradient by the outputs reaches in some round: what reaches a parameter reaches the result of the round before. */
function wantedOf(site: Site, node: Node, gradients: readonly (ValueId | undefined)[]): Wanted {
  const body = node.regions.at(-1)!;
  const positions = new Set(gradients.flatMap((gradient, k) => (gradient !== undefined && site.active.has(body.parameters[k]!) ? [k] : [])));
  let found = new Set<ValueId>();
  for (let before = -1; before !== positions.size; ) {
    before = positions.size;
    found = reached(body.nodes, [...positions].map((k) => body.results[k]!), site.active, usesOf);
    body.parameters.forEach((parameter, k) => found.has(parameter) && positions.add(k));
  }
  return { carried: [...positions].sort((a, b) => a - b), captured: capturedBy(node).filter((value) => found.has(value)) };
}

/**
 * The body of the backward loop. Its parameters: the index of the round, then the gradients by the carried values, then the
 * sums for the captured ones; its results are the next of the same, without the index.
 */
function round(site: Site, node: Node, wanted: Wanted, tapes: Tapes, initial: readonly ValueId[]): Block {
  const { construction, active } = site;
  const { builder } = construction;
  const { origin } = node;
  const body = node.regions.at(-1)!;
  const index = builder.value(scalar("i32"), origin);
  const gradients = wanted.carried.map((k) => builder.value(construction.typeOf(node.outputs[k]!), origin));
  const sums = wanted.captured.map((value) => builder.value(construction.typeOf(value), origin));
  const block = builder.block([index, ...gradients, ...sums], () => site.within(() => {
    const names = new Map(body.parameters.map((parameter, k) => {
      // What every round passes on is what the loop began with.
      if (body.results[k] === parameter) return [parameter, construction.apply("reshape", [initial[k]!], { shape: construction.typeOf(parameter).shape }, origin)] as const;
      return [parameter, tapes.read(parameter, index, "start")] as const;
    }));
    body.parameters.forEach((parameter) => active.has(parameter) && active.add(names.get(parameter)!));
    const copy = copyNodes(construction, body.nodes, { names, taken: (element) => tapes.read(element, index, "end") });
    spread(copy.nodes, active, (value) => construction.typeOf(value));
    const inner = new Adjoints(construction);
    wanted.carried.forEach((k, position) => active.has(copy.of(body.results[k]!)) && inner.add(copy.of(body.results[k]!), gradients[position]!));
    site.backward(copy.nodes, inner);
    const results = [
      ...wanted.carried.map((k) => inner.total(names.get(body.parameters[k]!)!) ?? construction.filled(construction.typeOf(node.outputs[k]!), 0, origin)),
      ...wanted.captured.map((value, position) => {
        const total = inner.total(value);
        return total === undefined ? sums[position]! : construction.apply("add", [sums[position]!, total], {}, origin);
      }),
    ];
    construction.prune(results);
    return results;
  }));
  requireElements(site, node, block);
  return block;
}

/** Appends the backward loop; gives the gradients by the carried and captured values. `counter`: needed where rounds are numbered. */
function appendLoop(site: Site, node: Node, backwards: Block, initial: readonly ValueId[], counter: ValueId | undefined, count: ValueId): readonly ValueId[] {
  const { construction } = site;
  const { origin } = node;
  const typeOf = (value: ValueId) => construction.typeOf(value);
  const outputs = initial.map((value) => construction.builder.value(typeOf(value), origin));
  const attributes: Attributes = node.attributes["limit"] === undefined ? {} : { limit: node.attributes["limit"] };
  const [index, ...parameters] = backwards.parameters as readonly [ValueId, ...ValueId[]];
  if (counter === undefined) {
    construction.append({ op: "repeat", inputs: [count, ...initial], attributes, regions: [{ ...backwards, parameters }], outputs, origin });
    return outputs;
  }
  const one = construction.filled(scalar("i32"), 1, origin);
  const last = construction.apply("sub", [counter, one], {}, origin);
  const previous = construction.make("sub", [index, one], {}, origin);
  const body: Block = { parameters: backwards.parameters, nodes: [...backwards.nodes, previous], results: [previous.outputs[0]!, ...backwards.results] };
  const end = construction.builder.value(scalar("i32"), origin);
  construction.append({ op: "repeat", inputs: [count, last, ...initial], attributes, regions: [body], outputs: [end, ...outputs], origin });
  return outputs;
}
