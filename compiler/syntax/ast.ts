/** Syntax level, the types: what was written. Every node has a span; printing and parsing again gives the same tree (spans aside). */
import type { Span } from "../support/span.ts";

export interface File {
  readonly kind: "file";
  readonly path: string;
  readonly items: readonly Item[];
  /** Every comment that is no declaration's doc comment, in order; the printer puts them back by position. */
  readonly comments: readonly Comment[];
  /** Offsets at which the lines begin, so that the printer can keep blank lines. Empty for a tree that no text was read for. */
  readonly lineStarts: readonly number[];
  readonly span: Span;
}

export interface Comment {
  /** As written, with its slashes: a line comment or a block comment. */
  readonly text: string;
  readonly span: Span;
  /** Whether code stands before it on its line. */
  readonly trailing: boolean;
  /** Where the innermost bracket around it, of any kind, closes; the end of the text where there is none. */
  readonly closesAt: number;
}

/** A name where it is written. */
export interface Identifier {
  readonly kind: "identifier";
  readonly name: string;
  readonly span: Span;
}

/** The text of `///` lines before a declaration, without the slashes, lines joined by \n. */
type Doc = { readonly doc?: string };

// ---- items of a file

export type Item = Import | Const | Fn | VertexDeclaration | GraphDeclaration;

export interface Import {
  readonly kind: "import";
  readonly names: readonly { readonly name: Identifier; readonly alias?: Identifier }[];
  readonly from: StringLiteral;
  readonly span: Span;
}

export interface Const extends Doc, Names {
  readonly kind: "const";
  readonly exported: boolean;
  readonly type?: TypeExpression;
  readonly value: Expression;
  readonly span: Span;
}

export interface Fn extends Doc {
  readonly kind: "fn";
  /** Written `@recompute`: what a call computes is not kept for gradients. */
  readonly recompute?: true;
  readonly exported: boolean;
  readonly name: Identifier;
  readonly generics: readonly Generic[];
  readonly parameters: readonly Parameter[];
  readonly result: TypeExpression;
  readonly body: readonly Statement[];
  readonly span: Span;
}

/** `n` (a dimension), `T: float` (a dtype with a bound), `...s` (any number of dimensions). */
export interface Generic {
  readonly kind: "generic";
  readonly name: Identifier;
  readonly rest: boolean;
  /** "float", "int", "number", "any", … as written. */
  readonly bound?: Identifier;
  readonly span: Span;
}

export interface Parameter {
  readonly kind: "parameter";
  readonly name: Identifier;
  readonly type: TypeExpression;
  readonly default?: Expression;
  readonly span: Span;
}

export interface VertexDeclaration extends Doc {
  readonly kind: "vertex";
  readonly exported: boolean;
  readonly name: Identifier;
  readonly generics: readonly Generic[];
  readonly parameters: readonly Parameter[];
  readonly fields: readonly VertexField[];
  readonly compute: { readonly body: readonly Statement[]; readonly span: Span };
  /** The gradient of the fields, of what the vertex wrote and of what it read. */
  readonly grad?: { readonly body: readonly Statement[]; readonly span: Span };
  readonly cycles?: Expression;
  readonly span: Span;
}

export interface VertexField extends Doc {
  readonly kind: "field";
  readonly access: "in" | "out" | "inout";
  readonly name: Identifier;
  readonly type: TypeExpression;
  readonly span: Span;
}

export interface GraphDeclaration extends Doc {
  readonly kind: "graph";
  readonly exported: boolean;
  readonly name: Identifier;
  readonly parameters: readonly Parameter[];
  readonly members: readonly Member[];
  readonly span: Span;
}

// ---- members of a graph; `for` and `if` here are compile-time

export type Member = StateDeclaration | Let | Const | Fn | MemberFor | MemberIf | MapMember | ComputeSetDeclaration | ProgramDeclaration;

export interface StateDeclaration extends Doc {
  readonly kind: "state";
  readonly role: "in" | "out" | "stream in" | "stream out" | "param" | "var";
  /** May hold dots: "conv1.w". */
  readonly name: Identifier;
  readonly type: TypeExpression;
  /** Only for `var`. */
  readonly value?: Expression;
  readonly span: Span;
}

export interface MemberFor {
  readonly kind: "member-for";
  readonly name: Identifier;
  readonly iterable: Expression;
  readonly body: readonly Member[];
  readonly span: Span;
}

export interface MemberIf {
  readonly kind: "member-if";
  readonly condition: Expression;
  readonly then: readonly Member[];
  readonly otherwise: readonly Member[];
  readonly span: Span;
}

/** `map SLICE on TILE;` */
export interface MapMember {
  readonly kind: "map";
  readonly target: Expression;
  readonly tile: Expression;
  readonly span: Span;
}

export interface ComputeSetDeclaration extends Doc {
  readonly kind: "compute-set";
  readonly name: Identifier;
  readonly body: readonly SetStatement[];
  readonly span: Span;
}

/** `for`, `if` and `let` here are compile-time. */
export type SetStatement =
  | Place
  | Let
  | { readonly kind: "set-for"; readonly name: Identifier; readonly iterable: Expression; readonly body: readonly SetStatement[]; readonly span: Span }
  | { readonly kind: "set-if"; readonly condition: Expression; readonly then: readonly SetStatement[]; readonly otherwise: readonly SetStatement[]; readonly span: Span };

/** `place V(args) { field = slice, … } on TILE;` */
export interface Place {
  readonly kind: "place";
  readonly vertex: Identifier;
  readonly args: readonly Argument[];
  readonly fields: readonly { readonly name: Identifier; readonly value: Expression; readonly span: Span }[];
  readonly tile: Expression;
  readonly span: Span;
}

export interface ProgramDeclaration extends Doc {
  readonly kind: "program";
  readonly name: Identifier;
  readonly body: readonly Statement[];
  readonly span: Span;
}

// ---- statements of programs, functions and vertex bodies

export type Statement =
  | Let
  | Var
  | Const
  | Fn
  | { readonly kind: "assign"; readonly target: Expression; readonly op: AssignOp; readonly value: Expression; readonly span: Span }
  | { readonly kind: "repeat"; readonly count: Expression; readonly limit?: Expression; readonly body: readonly Statement[]; readonly span: Span }
  | { readonly kind: "while"; readonly condition: Expression; readonly limit?: Expression; readonly body: readonly Statement[]; readonly span: Span }
  | If
  | { readonly kind: "switch"; readonly subject: Expression; readonly cases: readonly SwitchCase[]; readonly span: Span }
  | { readonly kind: "for"; readonly name: Identifier; readonly iterable: Expression; readonly body: readonly Statement[]; readonly span: Span }
  | { readonly kind: "execute"; readonly name: Identifier; readonly span: Span }
  | { readonly kind: "call-program"; readonly name: Identifier; readonly span: Span }
  /** `send(s, e);` `print(…);` `assert(…);` and other calls for their effect. */
  | { readonly kind: "expression-statement"; readonly value: Expression; readonly span: Span }
  | { readonly kind: "return"; readonly value: Expression; readonly span: Span };

export type AssignOp = "=" | "+=" | "-=" | "*=" | "/=" | "%=" | "@=" | "&=" | "|=" | "^=" | "<<=" | ">>=";

/** What a `let`, `var` or `const` names. */
export interface Names {
  readonly names: readonly Identifier[];
  /** Whether the names stand in parentheses, so that the value is a tuple. */
  readonly tuple: boolean;
}

/** `let a = e;`, `let a: f32[n] = e;`, `let (a, b) = e;` */
export interface Let extends Doc, Names {
  readonly kind: "let";
  /** Written `@recompute`: what the value is computed from is not kept for gradients. */
  readonly recompute?: true;
  readonly type?: TypeExpression;
  readonly value: Expression;
  readonly span: Span;
}

export interface Var extends Names {
  readonly kind: "var";
  readonly type?: TypeExpression;
  readonly value: Expression;
  readonly span: Span;
}

/** `else if` is an `otherwise` of one `if`. */
export interface If {
  readonly kind: "if";
  readonly condition: Expression;
  readonly then: readonly Statement[];
  readonly otherwise: readonly Statement[];
  readonly span: Span;
}

export interface SwitchCase {
  /** Absent for `default`. */
  readonly value?: Expression;
  readonly body: readonly Statement[];
  readonly span: Span;
}

// ---- types

export type TypeExpression =
  /** `f32`, `f32[m, ...s, 2 * n]`, `T[n]`, and the compile-time types `int float bool string dtype`. */
  | { readonly kind: "named-type"; readonly name: Identifier; readonly dimensions?: readonly DimensionExpression[]; readonly span: Span }
  /** `any`: written `(...int)`, a tuple of any number of the one type among `elements`. */
  | { readonly kind: "tuple-type"; readonly elements: readonly TypeExpression[]; readonly any?: true; readonly span: Span };

export type DimensionExpression = Expression | { readonly kind: "spread"; readonly name: Identifier; readonly span: Span };

// ---- expressions

export type Expression =
  | NumberLiteral
  | StringLiteral
  | { readonly kind: "bool"; readonly value: boolean; readonly span: Span }
  | Identifier
  /** `a.b` without a call: a dotted parameter name, or a field. */
  | { readonly kind: "member"; readonly object: Expression; readonly name: Identifier; readonly span: Span }
  | { readonly kind: "tuple"; readonly elements: readonly Expression[]; readonly span: Span }
  /** `a..b`, end exclusive; compile-time. */
  | { readonly kind: "range"; readonly start: Expression; readonly end: Expression; readonly span: Span }
  | { readonly kind: "unary"; readonly op: "-" | "!" | "~" | "+"; readonly operand: Expression; readonly span: Span }
  | BinaryExpression
  /** `c ? a : b`, compile-time condition. */
  | { readonly kind: "conditional"; readonly condition: Expression; readonly then: Expression; readonly otherwise: Expression; readonly span: Span }
  | { readonly kind: "call"; readonly callee: Identifier; readonly typeArgs: readonly TypeExpression[]; readonly args: readonly Argument[]; readonly span: Span }
  | { readonly kind: "method"; readonly receiver: Expression; readonly name: Identifier; readonly typeArgs: readonly TypeExpression[]; readonly args: readonly Argument[]; readonly span: Span }
  | { readonly kind: "index"; readonly base: Expression; readonly items: readonly IndexItem[]; readonly span: Span }
  /** Stands where an expression could not be parsed; already reported. */
  | { readonly kind: "missing"; readonly span: Span };

export interface BinaryExpression {
  readonly kind: "binary";
  readonly op: BinaryOperator;
  readonly left: Expression;
  readonly right: Expression;
  readonly span: Span;
}

export type BinaryOperator =
  | "+" | "-" | "*" | "/" | "%" | "@" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "&&" | "||" | "&" | "|" | "^" | "<<" | ">>";

export interface NumberLiteral {
  readonly kind: "number";
  /** As written: "1_000", "0xff", "1e-3". */
  readonly text: string;
  /** A whole number above 2^53 - 1 is a bigint. */
  readonly value: number | bigint;
  /** Written with a point or an exponent. */
  readonly isFloat: boolean;
  readonly span: Span;
}

export interface StringLiteral {
  readonly kind: "string";
  readonly value: string;
  readonly span: Span;
}

export interface Argument {
  readonly name?: Identifier;
  readonly value: Expression;
  readonly span: Span;
}

export type IndexItem =
  | { readonly kind: "at"; readonly value: Expression; readonly span: Span }
  | { readonly kind: "slice"; readonly start?: Expression; readonly stop?: Expression; readonly step?: Expression; readonly span: Span }
  | { readonly kind: "ellipsis"; readonly span: Span };
