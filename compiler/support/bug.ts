/** Our own mistakes: never the user's fault, never a diagnostic. The command line exits with 70 on one. */
export class CompilerBug extends Error {
  override readonly name = "CompilerBug";
}

export function invariant(condition: unknown, message: string | (() => string)): asserts condition {
  if (!condition) throw new CompilerBug(typeof message === "string" ? message : message());
}

/** The stack ran out: of a program nested deeper than foreseen, it is the user's to hear of, not our own mistake. */
export const isStackOverflow = (thrown: unknown): boolean => thrown instanceof RangeError && thrown.message.includes("call stack");

/** Ends a switch over a closed union: a type error when a case is missing. */
export function unreachable(value: never): never {
  throw new CompilerBug(`unreachable: ${JSON.stringify(value)}`);
}
