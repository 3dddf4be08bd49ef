/** How wide text is on a terminal, and how to show what has no width or must not reach a terminal. */

/** Blocks whose characters take two columns (East Asian Wide and Fullwidth, Unicode annex 11), in order. */
const wideBlocks: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f], [0x2e80, 0x303e], [0x3041, 0x4dbf], [0x4e00, 0xa4cf], [0xa960, 0xa97f], [0xac00, 0xd7a3], [0xf900, 0xfaff],
  [0xfe30, 0xfe6f], [0xff00, 0xff60], [0xffe0, 0xffe6], [0x17000, 0x18aff], [0x1b000, 0x1b2ff], [0x20000, 0x3fffd],
];

const tabWidth = 4;
const hidden = /[\p{Cc}\p{Surrogate}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;
const allHidden = new RegExp(hidden.source, "gu");

/** One line of text without anything that could move the cursor or turn the direction of writing. */
export const printable = (text: string): string => text.replaceAll("\t", " ".repeat(tabWidth)).replace(allHidden, "\ufffd");

/** The columns that one character takes as `printable` shows it. */
export function widthOf(character: string): number {
  if (character === "\t") return tabWidth;
  const code = character.codePointAt(0)!;
  if (code < 0x7f) return 1;
  if (hidden.test(character)) return 1;
  if (/[\p{Mn}\p{Me}\p{Cf}]/u.test(character)) return 0;
  if (/\p{Emoji_Presentation}/u.test(character)) return 2;
  return wideBlocks.some(([first, last]) => first <= code && code <= last) ? 2 : 1;
}

export function textWidth(text: string): number {
  let width = 0;
  for (const character of text) width += widthOf(character);
  return width;
}
