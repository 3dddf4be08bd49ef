/** Choices from a list of numbers: a failing program shrinks with its list, and past the list's end every choice is the simplest. */
export class Decisions {
  readonly #list: readonly number[];
  #at = 0;

  constructor(list: readonly number[]) {
    this.#list = list;
  }

  /** 0 to `choices` - 1; 0 once the list is used up. */
  below(choices: number): number {
    return choices <= 1 ? 0 : (this.#list[this.#at++] ?? 0) % choices;
  }

  /** True once in `out` times; false once the list is used up. */
  rarely(out: number): boolean {
    return this.below(out) === out - 1;
  }

  pick<T>(list: readonly [T, ...T[]] | readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  get exhausted(): boolean {
    return this.#at >= this.#list.length;
  }
}
