/** Who watches a compilation: told what begins and ends, so that it can be timed. The compiler itself has no clock. */

/** `run`: what a part of the compiler does. `verify`: the check of what it gave. */
export type Work = "run" | "verify";

export interface Watch {
  /** `part` is `parse`, `check`, a pass, `emit`, …; parts stand within each other as calls do. */
  begin(part: string, work: Work): void;
  end(part: string, work: Work): void;
}

/** What `work` gives; the watch, if there is one, is told before and after. */
export function watched<Result>(watch: Watch | undefined, part: string, work: () => Result, kind: Work = "run"): Result {
  if (!watch) return work();
  watch.begin(part, kind);
  try {
    return work();
  } finally {
    watch.end(part, kind);
  }
}
