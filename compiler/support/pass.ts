/** A pass is a named value: `--after`, dumps, timing, help and the spec folder all take its name from here. */
import type { Reporter } from "./diagnostic.ts";
import type { Target } from "../targets/target.ts";
import type { Watch } from "./watch.ts";

/** What is asked of the executable; every pass is told. */
export interface PassOptions {
  /** Indices that are not known to stay inside their field or axis are checked at run time. */
  readonly checked?: boolean;
  /** The program counts how often loops run whose trips it does not tell, for a profile. */
  readonly counters?: boolean;
  /** Every operation is rounded for itself: products and sums are not fused. */
  readonly strictMath?: boolean;
}

/** What a user could change, so that a program fits. */
export interface Change {
  readonly tiles?: number;
  /** All floats have 16 bits. */
  readonly halves?: boolean;
}

export interface PassContext extends Reporter, PassOptions {
  readonly target: Target;
  /** Of a tile's memory, the share that one op may take; all of it if absent. */
  readonly room?: number;
  /** Whether vertices may be joined, that then need all their operands at once; they may if absent. `hasJoined` is told when they were. */
  readonly joins?: boolean;
  hasJoined?(): void;
  /** Told of passes within the pass. */
  readonly watch?: Watch;
  /** Asks for the program to be split anew over the first `tiles` of the target's tiles; what the pass gives then is dropped. */
  useFewerTiles?(tiles: number): void;
  /**
   * Asks for the program to be split anew without `joins`, or with less `room` for each op, where a tile would hold `bytes`, which are more than it has;
   * what the pass gives then is dropped. False where nothing less is left to try: then the pass is to tell.
   */
  useLessRoom?(bytes: number): boolean;
  /** Whether the program is planned without errors when it is changed so: that is tried. Absent where nobody is told of it. */
  fitsWith?(change: Change): boolean;
}

export interface Pass<From, To> {
  /** Kebab-case; also the file's name. */
  readonly name: string;
  /** One line: what it needs and what it gives. */
  readonly summary: string;
  run(input: From, context: PassContext): To;
}
