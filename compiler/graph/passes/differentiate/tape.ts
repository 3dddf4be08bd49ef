/**
 * What a loop keeps for its gradient. The gradient walks the rounds backwards and computes each again, from the values the
 * round began with; those are kept on tapes, tensors with a row for each round, which the loop carries and writes one row of.
 * Only what some gradient reads is kept, and once, however many gradients go through the loop.
 */
import { scalar, type Block, type Node, type TensorType, type ValueId } from "../../graph.ts";
import type { Construction } from "./construction.ts";

/** A value of a round that is kept: by a parameter of the body, or by what a `next` in it took. */
interface Tape {
  readonly kept: ValueId;
  /** The whole tape, after the loop. */
  readonly output: ValueId;
  readonly when: "start" | "end";
  /** Another gradient made it. */
  readonly known: boolean;
}

export class Tapes {
  readonly #construction: Construction;
  readonly #loop: Node;
  readonly #rounds: number;
  readonly #tapes: Tape[] = [];
  /** The tapes that the loop has, by what they keep. */
  readonly #known = new Map<ValueId, ValueId>();
  readonly #counts: boolean;
  /** How many rounds there were, after the loop. */
  readonly counter: ValueId;

  /** `rounds`: how many there are at most. */
  constructor(construction: Construction, loop: Node, rounds: number) {
    this.#construction = construction;
    this.#loop = loop;
    this.#rounds = rounds;
    const counter = this.#findKnown();
    this.#counts = counter !== undefined;
    this.counter = counter ?? construction.builder.value(scalar("i32"), loop.origin);
  }

  /** Finds the tapes that the loop has; gives its counter. */
  #findKnown(): ValueId | undefined {
    const { parameters, nodes, results } = this.#loop.regions.at(-1)!;
    let counter: ValueId | undefined;
    for (const node of nodes) {
      if (node.attributes["tape"] !== true) continue;
      const [tape, index, kept] = node.inputs as [ValueId, ValueId, ValueId];
      const [at, counted] = [parameters.indexOf(tape), parameters.indexOf(index)];
      if (at < 0 || counted < 0 || results[at] !== node.outputs[0]) continue;
      this.#known.set(kept, this.#loop.outputs[at]!);
      counter = this.#loop.outputs[counted]!;
    }
    return counter;
  }

  /** In the backward loop: the value of round `index`, of which a tape will be made if it is needed. */
  read(kept: ValueId, index: ValueId, when: Tape["when"]): ValueId {
    const { builder } = this.#construction;
    const known = this.#known.get(kept);
    const output = known ?? builder.value(this.#typeOf(kept), this.#loop.origin, builder.values[kept]!.name);
    this.#tapes.push({ kept, output, when, known: known !== undefined });
    return this.#construction.apply("gather", [output, index], { axis: 0 }, this.#loop.origin);
  }

  #typeOf(kept: ValueId): TensorType {
    const { dtype, shape } = this.#construction.typeOf(kept);
    return { dtype, shape: [this.#rounds, ...shape] };
  }

  /** The values of which `uses` need a tape. */
  keptFor(uses: ReadonlySet<ValueId>): ValueId[] {
    return this.#tapes.filter(({ output }) => uses.has(output)).map(({ kept }) => kept);
  }

  /** Makes the loop count its rounds, and keep what `uses` read of the tapes. */
  record(uses: ReadonlySet<ValueId>): void {
    const loop = this.#loop;
    const { builder } = this.#construction;
    const { origin } = loop;
    const tapes = this.#tapes.filter(({ output, known }) => !known && uses.has(output));
    if (tapes.length === 0 && this.#counts) return;
    const fresh = (type: TensorType): ValueId => builder.value(type, origin);
    const initial = [this.#construction.makeFill(scalar("i32"), 0, origin), ...tapes.map(({ kept }) => this.#construction.makeFill(this.#typeOf(kept), 0, origin))];
    const parameters = (): ValueId[] => [fresh(scalar("i32")), ...tapes.map(({ kept }) => fresh(this.#typeOf(kept)))];
    const body = this.#recording(loop.regions.at(-1)!, tapes, parameters());
    const conditions = loop.regions.slice(0, -1).map((region): Block => ({ ...region, parameters: [...region.parameters, ...parameters()] }));
    const counter = this.#counts ? builder.value(scalar("i32"), origin) : this.counter;
    this.#construction.replace(loop, [
      ...initial,
      {
        ...loop, regions: [...conditions, body],
        inputs: [...loop.inputs, ...initial.map((node) => node.outputs[0]!)], outputs: [...loop.outputs, counter, ...tapes.map(({ output }) => output)],
      },
    ]);
  }

  /** The body with a counter and tapes as its last parameters. */
  #recording(body: Block, tapes: readonly Tape[], [counter, ...before]: readonly ValueId[]): Block {
    const { origin } = this.#loop;
    const writes = tapes.map(({ kept }, k) => this.#construction.make("scatter_update", [before[k]!, counter!, kept], { axis: 0, tape: true }, origin));
    const at = (when: Tape["when"]): Node[] => writes.filter((_, k) => tapes[k]!.when === when);
    const one = this.#construction.makeFill(scalar("i32"), 1, origin);
    const next = this.#construction.make("add", [counter!, one.outputs[0]!], {}, origin);
    return {
      parameters: [...body.parameters, counter!, ...before],
      nodes: [...at("start"), ...body.nodes, ...at("end"), one, next],
      results: [...body.results, next.outputs[0]!, ...writes.map((node) => node.outputs[0]!)],
    };
  }
}
