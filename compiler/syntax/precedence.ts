/**
 * How tightly operators bind: the one table that the parser folds by and the printer puts parentheses by.
 *
 * From loose to tight: `? :`, `||`, `&&`, comparisons, `..`, `|`, `^`, `&`, shifts, `+ -`, `* / % @`, the prefix operators,
 * and then calls, methods, indices and members. All binary operators group to the left, but comparisons and ranges do
 * not chain: `a < b < c` and `a..b..c` are mistakes.
 */
import type { AssignOp, BinaryOperator } from "./ast.ts";

/** What stands between two operands: the binary operators, and `..`, which makes a range. */
export type InfixOperator = BinaryOperator | "..";

export const infixPrecedence: Readonly<Record<InfixOperator, number>> = {
  "||": 2,
  "&&": 3,
  "==": 4, "!=": 4, "<": 4, "<=": 4, ">": 4, ">=": 4,
  "..": 5,
  "|": 6,
  "^": 7,
  "&": 8,
  "<<": 9, ">>": 9,
  "+": 10, "-": 10,
  "*": 11, "/": 11, "%": 11, "@": 11,
};

export const conditionalPrecedence = 1;
export const prefixPrecedence = 12;
/** Calls, methods, indices, members, names and literals. */
export const postfixPrecedence = 13;

/** Levels at which `a op b op c` means nothing. */
export const chains = (precedence: number): boolean => precedence !== infixPrecedence["=="] && precedence !== infixPrecedence[".."];

export const prefixOperators = ["-", "!", "~", "+"] as const;

export const assignOperators: readonly AssignOp[] = ["=", "+=", "-=", "*=", "/=", "%=", "@=", "&=", "|=", "^=", "<<=", ">>="];
