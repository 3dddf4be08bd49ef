/**
 * Numbers for the moments of a program: its phases in the order of the text, and the intervals between syncs that they make up.
 * Exchanges that follow each other are one moment, as they may go on at once.
 */
import type { Phase } from "./bsp.ts";

export class Moments {
  /** The moment and the interval that are now. */
  moment = 0;
  interval = 0;
  /** The first moment of each interval. */
  readonly #begins = [0];
  /** Of the phase that the moment has; undefined where it has none yet. */
  #kind: Phase["kind"] | undefined;

  phase(kind: Phase["kind"]): void {
    if (kind === "compute" || this.#kind === "compute") this.separate();
    this.#kind = kind;
  }

  /** What follows is another moment, where this one has a phase. */
  separate(): void {
    if (this.#kind === undefined) return;
    this.moment++;
    this.#kind = undefined;
  }

  sync(): void {
    this.moment++;
    this.interval++;
    this.#begins.push(this.moment);
    this.#kind = undefined;
  }

  firstOf(interval: number): number {
    return this.#begins[interval]!;
  }

  lastOf(interval: number): number {
    return (this.#begins[interval + 1] ?? this.moment + 1) - 1;
  }
}
