/**
 * Which of nested blocks lacks its `}`. Brackets alone always say the outermost one, since each `}` closes the last `{`; people
 * put a `}` in line with the line that its `{` stands on, so the first one that stands further left closes another block than
 * it was meant to.
 */
import type { IToken } from "chevrotain";
import { sign } from "./tokens.ts";

export interface UnclosedBlock {
  /** Where the `{` is, and the `}` that closes its block instead of its own. */
  readonly opened: number;
  readonly closed: number;
}

/** The block that lacks its `}`, by indentation; undefined where that says nothing. */
export function unclosedBlock(text: string, tokens: readonly IToken[]): UnclosedBlock | undefined {
  const open: IToken[] = [];
  for (const token of tokens) {
    if (token.tokenType === sign("{")) open.push(token);
    if (token.tokenType !== sign("}")) continue;
    const opener = open.pop();
    if (opener === undefined) return undefined;
    const line = lineBefore(text, token.startOffset);
    if (line.trim() === "" && line.length < indentation(lineBefore(text, opener.startOffset))) return { opened: opener.startOffset, closed: token.startOffset };
  }
  return undefined;
}

/** What stands on the line before a place. */
const lineBefore = (text: string, offset: number): string => text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset);

const indentation = (line: string): number => line.length - line.trimStart().length;
