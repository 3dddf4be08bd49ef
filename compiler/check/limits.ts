/** What one compilation may ask of the checker. Beyond is a `limit-exceeded` diagnostic, never a hang or a crash. */

/** Statements elaborated in all: bodies of compile-time loops and of inlined functions count each time. */
export const maxStatements = 4_000_000;
/** Values of one graph: what every pass after the checker walks. */
export const maxValues = 400_000;
/** What inlining a call costs, in statements. */
export const callCost = 20;
/** Calls inside calls. */
export const maxCallDepth = 256;
/**
 * Expressions and blocks inside each other, through all inlined calls: what the stack can bear while the code is cold and its
 * frames are the largest. A block takes as much as two expressions.
 */
export const maxNesting = 1_100;
export const blockNesting = 2;
/** Elements of one tensor. */
export const maxElements = 2 ** 40;
/** Elements of a compile-time tuple that a range is unfolded to. */
export const maxTuple = 1_000_000;
/** Dimensions of one tensor. */
export const maxRank = 16;
/** Pairs of slices the clash check compares in one compute set before it gives up. */
export const maxClashPairs = 200_000_000;
