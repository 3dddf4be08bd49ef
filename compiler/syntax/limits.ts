/**
 * The limits on what is written, so that neither the parser nor any recursive pass after it can run out of stack.
 *
 * Nesting is measured on the tokens, before the parser recurses: brackets, `else if` (which nests an `if` in an `if`)
 * and `? :`. Long chains (`1 + 1 + …`, `x.a().b()…`, `- - - x`) cost the parser nothing, but are deep trees: the
 * parser measures each tree as it grows, see `ExpressionGrammar`.
 */
import type { IToken } from "chevrotain";
import { sign, word } from "./tokens.ts";

export const largestSource = 10_000_000;
/** Blocks and brackets inside each other. */
export const deepestNesting = 256;
/** How deep an expression's tree may be. A chain of n binary operators is n deep. */
export const deepestExpression = 1_000;
/** After this many mistakes the rest of a file is not looked at. */
export const mostMistakes = 100;

/** The first token that is nested too deep, if any. */
export function firstTooDeep(tokens: readonly IToken[]): IToken | undefined {
  const elseToken = word("else");
  const ifToken = word("if");
  /** What each open bracket has had since its last separator: `? ` and `else if`. */
  const levels = [0];
  let depth = 0;
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    switch (token.tokenType) {
      case sign("("):
      case sign("["):
      case sign("{"):
        levels.push(0);
        depth += 1;
        break;
      case sign(")"):
      case sign("]"):
      case sign("}"):
        if (levels.length > 1) depth -= 1 + levels.pop()!;
        // The end of a block ends its statement, unless an `else` goes on with it.
        if (token.tokenType === sign("}") && tokens[i + 1]?.tokenType !== elseToken) depth = endLevel(levels, depth);
        break;
      case sign(";"):
      case sign(","):
        depth = endLevel(levels, depth);
        break;
      case sign("?"):
      case ifToken:
        if (token.tokenType === ifToken && tokens[i - 1]?.tokenType !== elseToken) break;
        levels[levels.length - 1]! += 1;
        depth += 1;
        break;
      default:
    }
    if (depth > deepestNesting) return token;
  }
  return undefined;
}

function endLevel(levels: number[], depth: number): number {
  const ended = levels[levels.length - 1]!;
  levels[levels.length - 1] = 0;
  return depth - ended;
}
