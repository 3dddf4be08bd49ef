/** Where statements go: the program or block whose callback is running now. Calls of the library write here. */
import type { TensorType } from "../graph/graph.ts";
import { BuildError } from "./errors.ts";

/** A list of statements under construction, one a line; blocks nest. */
export class Block {
  readonly lines: string[] = [];
  readonly #parent: Block | undefined;

  constructor(parent: Block | undefined) {
    this.#parent = parent;
  }

  /** Whether what was made in `other` can be used here: it is this block or one around it. */
  sees(other: Block): boolean {
    return this === other || (this.#parent?.sees(other) ?? false);
  }
}

/** What statements of one graph need of it. */
export interface Writer {
  readonly graphName: string;
  /** A name for a value that has none of its own. */
  freshName(): string;
  /** Makes a name of a library module known to the source. */
  use(module: string, name: string): void;
  /** Types of the `results` values that an expression gives; throws BuildError. `operands`: the names in it, with their types. `annotation`: `: f32[3]`, the type that is written. */
  typesOf(expression: string, results: number, operands: ReadonlyMap<string, TensorType>, annotation?: string): readonly TensorType[];
}

interface Place {
  readonly writer: Writer;
  readonly block: Block;
}

let current: Place | undefined;

/** The block that statements go to now; throws outside of every callback. */
export function place(what: string): Place {
  if (current === undefined) throw new BuildError(`${what} stands outside of every program: call it in the callback of g.program(…)`);
  return current;
}

/** Runs `fill` with a new block of `writer`; gives its lines. */
export function writeBlock(writer: Writer, fill: () => void): string[] {
  if (current !== undefined && current.writer !== writer) throw new BuildError(`${writer.graphName} is built inside a callback of ${current.writer.graphName}`);
  const outer = current;
  const block = new Block(outer?.block);
  current = { writer, block };
  try {
    fill();
  } finally {
    current = outer;
  }
  return block.lines;
}
