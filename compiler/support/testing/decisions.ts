/** Choices from a list of numbers: a failing program shrinks with its list, and past the list's end every choice is the simplest. */
export class Decisions {
  readonly #list: readonly number[];
  #at = 0;
  #end: number;

  constructor(list: readonly number[]) {
    this.#list = list;
    this.#end = list.length;
  }

  /** Runs `work` with the last part of the list held back for what comes after it. */
  holdingBack<T>(share: number, work: () => T): T {
    const whole = this.#end;
    this.#end = this.#at + Math.floor((whole - this.#at) * (1 - share));
    const result = work();
    this.#at = Math.max(this.#at, Math.min(this.#end, whole));
    this.#end = whole;
    return result;
  }

  /** 0 to `choices` - 1; 0 once the list is used up. */
  readonly below = (choices: number): number => (choices <= 1 || this.exhausted ? 0 : this.#list[this.#at++]! % choices);

  /** True once in `out` times; false once the list is used up. */
  readonly rarely = (out: number): boolean => this.below(out) === out - 1;

  pick<T>(list: readonly [T, ...T[]] | readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  get exhausted(): boolean {
    return this.#at >= this.#end;
  }
}
