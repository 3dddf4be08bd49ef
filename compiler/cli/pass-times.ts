/** Where compile time goes: each part of the compiler with its milliseconds, as `gph compile --time-passes` shows it. */
import { columns, percent, whole } from "../bsp/report/text.ts";
import type { Watch, Work } from "../support/watch.ts";

export interface PassTime {
  readonly name: string;
  /** The part it belongs to, where that is none of its own. */
  readonly within?: string;
  /** How often it ran. */
  readonly times: number;
  /** Its own, without those of other parts within it. */
  readonly milliseconds: number;
  /** The same for the verifier of what it gave. */
  readonly verifyMilliseconds: number;
}

interface Row {
  readonly name: string;
  readonly within: string | undefined;
  times: number;
  run: number;
  verify: number;
}

interface Open {
  readonly row: Row;
  readonly work: Work;
  readonly began: number;
  /** Milliseconds of the parts within it. */
  inner: number;
}

export class PassTimes implements Watch {
  readonly #clock: () => number;
  readonly #rows = new Map<string, Row>();
  readonly #open: Open[] = [];

  /** `clock` gives milliseconds. */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  begin(part: string, work: Work): void {
    this.#open.push({ row: this.#row(part), work, began: this.#clock(), inner: 0 });
  }

  end(): void {
    const { row, work, began, inner } = this.#open.pop()!;
    const spent = this.#clock() - began;
    if (work === "run") row.times += 1;
    row[work] += spent - inner;
    const outer = this.#open.at(-1);
    if (outer) outer.inner += spent;
  }

  /** Files are parsed when an import is met, and so within other parts; but parsing belongs to none. */
  #row(name: string): Row {
    const outer = this.#open.at(-1)?.row;
    // A part may verify what it gives itself.
    if (outer?.name === name) return outer;
    const within = name === "parse" ? undefined : outer?.name;
    const key = `${within ?? ""} ${name}`;
    let row = this.#rows.get(key);
    if (!row) this.#rows.set(key, (row = { name, within, times: 0, run: 0, verify: 0 }));
    return row;
  }

  /** In the order in which they first began, what is within a part behind it. */
  list(): PassTime[] {
    const rows = [...this.#rows.values()];
    const from = (within: string | undefined): PassTime[] => rows.filter((row) => row.within === within).flatMap(({ name, times, run, verify }) => [
      { name, ...(within === undefined ? {} : { within }), times, milliseconds: run, verifyMilliseconds: verify },
      ...from(name),
    ]);
    return from(undefined);
  }

  table(): string {
    const list = this.list();
    const [run, verify] = [sum(list.map(({ milliseconds }) => milliseconds)), sum(list.map(({ verifyMilliseconds }) => verifyMilliseconds))];
    const total = run + verify;
    const share = (part: number): string => percent(total === 0 ? 0 : part / total);
    const line = (name: string, times: string, own: number, verified: number): string[] => [name, times, own.toFixed(1), verified === 0 ? "" : verified.toFixed(1), share(own + verified)];
    const rows = [
      ["pass", "times", "ms", "verify", "share"],
      ...list.map(({ name, within, times, milliseconds, verifyMilliseconds }) => line(within === undefined ? name : `  ${name}`, whole(times), milliseconds, verifyMilliseconds)),
      line("total", "", run, verify),
    ];
    return `${columns(rows, new Set([1, 2, 3, 4])).join("\n")}\n`;
  }
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
