/**
 * The grammar of expressions and types.
 *
 * Infix operators are read as one flat list and folded by the precedence table, so a long chain takes no stack.
 * Whether `name <` begins type arguments is decided by looking ahead: `name < types > (` is a generic call, anything
 * else a comparison.
 */
import { tokenMatcher } from "chevrotain";
import type { IToken, ParserMethod, TokenType } from "chevrotain";
import { unreachable } from "../support/bug.ts";
import type { Span } from "../support/span.ts";
import type { Argument, BinaryOperator, DimensionExpression, Expression, Identifier, IndexItem, StringLiteral, TypeExpression } from "./ast.ts";
import { deepestExpression } from "./limits.ts";
import { readNumber, readString } from "./literals.ts";
import { chains, infixPrecedence } from "./precedence.ts";
import type { InfixOperator } from "./precedence.ts";
import { RecoveringParser } from "./recovering-parser.ts";
import { Infix, Name, NumberToken, Prefix, sign, StringToken, word, Word } from "./tokens.ts";

/** How many tokens type arguments may have, so that looking ahead stays cheap. */
const longestTypeArguments = 1_000;

export class ExpressionGrammar extends RecoveringParser {
  /** How deep each tree is; leaves are not kept. */
  private depths = new WeakMap<Expression, number>();

  protected override begin(path: string, text: string): void {
    super.begin(path, text);
    this.depths = new WeakMap();
  }

  protected identifier(token: IToken): Identifier {
    return { kind: "identifier", name: token.image, span: this.spanOf(token) };
  }

  protected stringLiteral(token: IToken): StringLiteral {
    const span = this.spanOf(token);
    const { value, mistakes } = readString(token.image);
    for (const mistake of mistakes) {
      this.mistake(mistake.problem, { ...span, start: span.start + mistake.start, end: span.start + mistake.end }, mistake.message, mistake.help);
    }
    return { kind: "string", value, span };
  }

  /** What stands for an expression that could not be read. */
  protected missing(): Expression {
    return { kind: "missing", span: { file: this.path, start: this.here(), end: this.here() } };
  }

  /** What stands for a type that could not be read: one without a name. */
  protected missingType(): TypeExpression {
    const { span } = this.missing();
    return { kind: "named-type", name: { kind: "identifier", name: "", span }, span };
  }

  // ---- trees of bounded depth

  private depthOf(expression: Expression): number {
    return this.depths.get(expression) ?? 0;
  }

  /**
   * Keeps the depth of a tree that was just made from `parts`. A tree that grows too deep is reported once and replaced
   * by a `missing`, as is every tree around it.
   */
  private grown<T extends Expression>(tree: T, parts: readonly Expression[]): Expression {
    let depth = 0;
    for (const part of parts) depth = Math.max(depth, this.depthOf(part));
    if (depth > deepestExpression) {
      const broken: Expression = { kind: "missing", span: tree.span };
      this.depths.set(broken, depth);
      return broken;
    }
    this.depths.set(tree, depth + 1);
    if (depth + 1 <= deepestExpression) return tree;
    this.mistake(
      "limit-exceeded", tree.span, `this expression has more than ${deepestExpression} operations in a row`,
      "name a part of it with `let`, or write it as a loop or a reduction",
    );
    const broken: Expression = { kind: "missing", span: tree.span };
    this.depths.set(broken, depth + 1);
    return broken;
  }

  /** Folds `a op b op c …` by precedence. */
  private fold(operands: readonly Expression[], operators: readonly IToken[]): Expression {
    const values: Expression[] = [operands[0] ?? this.missing()];
    const pending: IToken[] = [];
    const reduce = (): void => {
      const right = values.pop()!;
      const left = values.pop()!;
      const op = pending.pop()!.image as InfixOperator;
      const span: Span = { file: this.path, start: left.span.start, end: Math.max(left.span.end, right.span.end) };
      values.push(
        this.grown(
          op === ".." ? { kind: "range", start: left, end: right, span } : { kind: "binary", op: op satisfies BinaryOperator, left, right, span },
          [left, right],
        ),
      );
    };
    const precedenceOf = (token: IToken): number => infixPrecedence[token.image as InfixOperator];
    operators.forEach((operator, i) => {
      const precedence = precedenceOf(operator);
      let top = pending.at(-1);
      while (top !== undefined && precedenceOf(top) >= precedence) {
        if (precedenceOf(top) === precedence && !chains(precedence)) this.chained(top, operator);
        reduce();
        top = pending.at(-1);
      }
      pending.push(operator);
      values.push(operands[i + 1] ?? this.missing());
    });
    while (pending.length > 0) reduce();
    return values[0]!;
  }

  private chained(first: IToken, second: IToken): void {
    if (second.image === "..") {
      this.mistake("syntax", this.spanOf(second), "a range has only two ends", "write `start..end`");
      return;
    }
    this.tell({
      problem: "syntax",
      message: `comparisons do not chain: \`${first.image}\` and \`${second.image}\` stand side by side`,
      labels: [{ span: this.spanOf(second), text: "" }, { span: this.spanOf(first), text: "the first comparison" }],
      help: "compare twice and join with `&&`, as in `a < b && b < c`; note that `&` and `|` bind tighter than comparisons",
      until: this.lastEnd(),
    });
  }

  // ---- looking ahead

  /** Whether the tokens from the k-th on are `< types > (`. */
  private typeArgumentsAt(k: number): boolean {
    if (this.LA(k).tokenType !== sign("<")) return false;
    const limit = k + longestTypeArguments;
    /** Tuple types that are open. */
    let open = 0;
    let typeMayBegin = true;
    for (let at = k + 1; at < limit; ) {
      const token = this.LA(at);
      const type = token.tokenType;
      if (type === sign("(") && typeMayBegin) open += 1;
      else if (type === sign(")") && open > 0) {
        open -= 1;
        typeMayBegin = false;
      } else if (type === sign(",")) typeMayBegin = true;
      else if (type === sign(">") && open === 0) return at > k + 1 && this.LA(at + 1).tokenType === sign("(");
      else if (tokenMatcher(token, Name) && typeMayBegin) {
        typeMayBegin = false;
        if (this.LA(at + 1).tokenType === sign("[")) {
          at = this.afterBrackets(at + 1, limit);
          continue;
        }
      } else return false;
      at += 1;
    }
    return false;
  }

  private afterBrackets(from: number, limit: number): number {
    let depth = 0;
    for (let at = from; at < limit; at++) {
      const type = this.LA(at).tokenType;
      if (type === sign("[")) depth += 1;
      else if (type === sign("]")) {
        depth -= 1;
        if (depth === 0) return at + 1;
      } else if (type === sign(";") || type === sign("{") || type === sign("}") || this.LA(at).startOffset < 0) return limit;
    }
    return limit;
  }

  /** An expression that can be `missing`, up to one of `stops`. */
  protected readonly value: ParserMethod<[stops: ReadonlySet<TokenType>], Expression> = this.define("value", (stops: ReadonlySet<TokenType>) =>
    this.guarded<Expression>(() => this.SUBRULE(this.expression), stops, () => this.missing()),
  );

  // ---- types

  readonly type: ParserMethod<[], TypeExpression> = this.define(
    "type",
    () => this.OR([{ ALT: () => this.SUBRULE(this.namedType) }, { ALT: () => this.SUBRULE(this.tupleType) }]),
  );

  private readonly namedType: ParserMethod<[], TypeExpression> = this.define("namedType", () => {
    const start = this.here();
    const name = this.CONSUME(Name);
    const dimensions = this.OPTION(() => this.SUBRULE(this.dimensions));
    return this.ACTION(
      (): TypeExpression => ({ kind: "named-type", name: this.identifier(name), ...(dimensions === undefined ? {} : { dimensions }), span: this.from(start) }),
    );
  });

  private readonly dimensions: ParserMethod<[], DimensionExpression[]> = this.define("dimensions", () => {
    const list: DimensionExpression[] = [];
    let more = true;
    this.CONSUME(sign("["));
    this.MANY({
      GATE: () => more,
      DEF: () => {
        list.push(this.SUBRULE(this.dimension));
        more = this.OPTION(() => this.CONSUME(sign(","))) !== undefined;
      },
    });
    this.CONSUME(sign("]"));
    return list;
  });

  private readonly dimension: ParserMethod<[], DimensionExpression> = this.define("dimension", () =>
    this.OR([{ ALT: () => this.SUBRULE(this.spread) }, { ALT: () => this.SUBRULE(this.expression) }]),
  );

  private readonly spread: ParserMethod<[], DimensionExpression> = this.define("spread", () => {
    const start = this.here();
    this.CONSUME(sign("..."));
    const name = this.CONSUME(Name);
    return this.ACTION((): DimensionExpression => ({ kind: "spread", name: this.identifier(name), span: this.from(start) }));
  });

  /** `(f32, i32)`; `(f32)` is only `f32` in parentheses. */
  private readonly tupleType: ParserMethod<[], TypeExpression> = this.define("tupleType", () => {
    const start = this.here();
    const elements: TypeExpression[] = [];
    let more = true;
    this.CONSUME(sign("("));
    this.MANY({
      GATE: () => more,
      DEF: () => {
        elements.push(this.SUBRULE(this.type));
        more = this.OPTION(() => this.CONSUME(sign(","))) !== undefined;
      },
    });
    this.CONSUME(sign(")"));
    return this.ACTION((): TypeExpression => {
      const only = elements.length === 1 && !more ? elements[0] : undefined;
      return only === undefined ? { kind: "tuple-type", elements, span: this.from(start) } : { ...only, span: this.from(start) };
    });
  });

  private readonly typeArguments: ParserMethod<[], TypeExpression[]> = this.define("typeArguments", () => {
    const list: TypeExpression[] = [];
    let more = true;
    this.CONSUME(sign("<"));
    this.MANY({
      GATE: () => more,
      DEF: () => {
        list.push(this.SUBRULE(this.type));
        more = this.OPTION(() => this.CONSUME(sign(","))) !== undefined;
      },
    });
    this.CONSUME(sign(">"));
    return list;
  });

  // ---- expressions

  /** `c ? a : b`, and everything that binds tighter. */
  readonly expression: ParserMethod<[], Expression> = this.define("expression", () => {
    const condition = this.SUBRULE(this.infix);
    const branches = this.OPTION(() => {
      this.CONSUME(sign("?"));
      const then = this.SUBRULE(this.expression);
      this.CONSUME(sign(":"));
      return { then, otherwise: this.SUBRULE2(this.expression) };
    });
    return this.ACTION((): Expression => {
      if (branches === undefined) return condition;
      const parts = [condition, branches.then, branches.otherwise];
      const span: Span = { file: this.path, start: condition.span.start, end: Math.max(condition.span.end, branches.otherwise.span.end) };
      return this.grown({ kind: "conditional", condition, ...branches, span }, parts);
    });
  });

  private readonly infix: ParserMethod<[], Expression> = this.define("infix", () => {
    const operands: Expression[] = [];
    const operators: IToken[] = [];
    operands.push(this.SUBRULE(this.prefixed));
    this.MANY(() => {
      operators.push(this.CONSUME(Infix));
      operands.push(this.SUBRULE2(this.prefixed));
    });
    return this.ACTION(() => this.fold(operands, operators));
  });

  private readonly prefixed: ParserMethod<[], Expression> = this.define("prefixed", () => {
    const operators: IToken[] = [];
    this.MANY(() => operators.push(this.CONSUME(Prefix)));
    const operand = this.SUBRULE(this.postfixed);
    return this.ACTION(() =>
      operators.reduceRight((value, operator): Expression => {
        const span: Span = { file: this.path, start: operator.startOffset, end: value.span.end };
        return this.grown({ kind: "unary", op: operator.image as "-" | "!" | "~" | "+", operand: value, span }, [value]);
      }, operand),
    );
  });

  /** A name, literal or parenthesis, with any calls, methods, members and indices after it. */
  private readonly postfixed: ParserMethod<[], Expression> = this.define("postfixed", () => {
    const value = this.SUBRULE(this.primary);
    return this.SUBRULE(this.postfixes, { ARGS: [value] });
  });

  protected readonly postfixes: ParserMethod<[value: Expression], Expression> = this.define("postfixes", (first: Expression) => {
    let value = first;
    this.MANY(() => {
      value = this.OR([
        { ALT: () => this.SUBRULE(this.index, { ARGS: [value] }) },
        { ALT: () => this.SUBRULE(this.afterDot, { ARGS: [value] }) },
        { ALT: () => this.SUBRULE(this.callOfValue, { ARGS: [value] }) },
      ]);
    });
    return value;
  });

  private readonly primary: ParserMethod<[], Expression> = this.define("primary", () =>
    this.OR([
      { ALT: () => this.SUBRULE(this.nameOrCall) },
      {
        ALT: () => {
          const token = this.CONSUME(NumberToken);
          return this.ACTION(() => this.number(token));
        },
      },
      {
        ALT: () => {
          const token = this.CONSUME(StringToken);
          return this.ACTION((): Expression => this.stringLiteral(token));
        },
      },
      {
        ALT: () => {
          const token = this.CONSUME(word("true"));
          return this.ACTION((): Expression => ({ kind: "bool", value: true, span: this.spanOf(token) }));
        },
      },
      {
        ALT: () => {
          const token = this.CONSUME(word("false"));
          return this.ACTION((): Expression => ({ kind: "bool", value: false, span: this.spanOf(token) }));
        },
      },
      { ALT: () => this.SUBRULE(this.parenthesised) },
    ]),
  );

  private number(token: IToken): Expression {
    const span = this.spanOf(token);
    const number = readNumber(token.image);
    if ("value" in number) return { kind: "number", text: token.image, value: number.value, isFloat: number.isFloat, span };
    this.mistake(number.problem, span, number.message, number.help);
    return { kind: "missing", span };
  }

  protected readonly nameOrCall: ParserMethod<[], Expression> = this.define("nameOrCall", () => {
    const start = this.here();
    const name = this.CONSUME(Name);
    const typeArgs = this.OPTION1({ GATE: () => this.typeArgumentsAt(1), DEF: () => this.SUBRULE(this.typeArguments) });
    const args = this.OPTION2(() => this.SUBRULE(this.arguments));
    return this.ACTION((): Expression => {
      const callee = this.identifier(name);
      if (args === undefined) return callee;
      return this.grown({ kind: "call", callee, typeArgs: typeArgs ?? [], args, span: this.from(start) }, args.map((arg) => arg.value));
    });
  });

  /** `(a)` is a alone; `()`, `(a,)` and `(a, b)` are tuples. */
  protected readonly parenthesised: ParserMethod<[], Expression> = this.define("parenthesised", () => {
    const start = this.here();
    const elements: Expression[] = [];
    let more = true;
    this.CONSUME(sign("("));
    this.MANY({
      GATE: () => more,
      DEF: () => {
        elements.push(this.SUBRULE(this.expression));
        more = this.OPTION(() => this.CONSUME(sign(","))) !== undefined;
      },
    });
    this.CONSUME(sign(")"));
    return this.ACTION((): Expression => {
      const only = elements.length === 1 && !more ? elements[0] : undefined;
      if (only === undefined) return this.grown({ kind: "tuple", elements, span: this.from(start) }, elements);
      const widened: Expression = { ...only, span: this.from(start) };
      const depth = this.depthOf(only);
      if (depth > 0) this.depths.set(widened, depth);
      return widened;
    });
  });

  private readonly index: ParserMethod<[base: Expression], Expression> = this.define("index", (base: Expression) => {
    const items: IndexItem[] = [];
    let more = true;
    this.CONSUME(sign("["));
    this.MANY({
      GATE: () => more,
      DEF: () => {
        items.push(this.SUBRULE(this.indexItem));
        more = this.OPTION(() => this.CONSUME(sign(","))) !== undefined;
      },
    });
    this.CONSUME(sign("]"));
    return this.ACTION((): Expression => {
      const span = this.from(base.span.start);
      if (items.length === 0) this.mistake("syntax", { ...span, start: base.span.end }, "an index needs at least one item", "a whole tensor is `x[...]` or just `x`");
      return this.grown({ kind: "index", base, items, span }, [base, ...items.flatMap(partsOfItem)]);
    });
  });

  private readonly indexItem: ParserMethod<[], IndexItem> = this.define("indexItem", () => {
    const start = this.here();
    return this.OR([
      {
        ALT: () => {
          this.CONSUME(sign("..."));
          return this.ACTION((): IndexItem => ({ kind: "ellipsis", span: this.from(start) }));
        },
      },
      { ALT: () => this.SUBRULE(this.sliceTail, { ARGS: [start, undefined] }) },
      {
        ALT: () => {
          const value = this.SUBRULE(this.expression);
          const slice = this.OPTION(() => this.SUBRULE2(this.sliceTail, { ARGS: [start, value] }));
          return this.ACTION((): IndexItem => slice ?? { kind: "at", value, span: this.from(start) });
        },
      },
    ]);
  });

  /** From the first `:` of a slice on. */
  private readonly sliceTail: ParserMethod<[start: number, first: Expression | undefined], IndexItem> = this.define(
    "sliceTail",
    (start: number, first: Expression | undefined) => {
      let step: Expression | undefined;
      this.CONSUME(sign(":"));
      const stop = this.OPTION(() => this.SUBRULE(this.expression));
      this.OPTION2(() => {
        this.CONSUME2(sign(":"));
        step = this.OPTION3(() => this.SUBRULE2(this.expression));
      });
      return this.ACTION(
        (): IndexItem => ({
          kind: "slice",
          ...(first === undefined ? {} : { start: first }),
          ...(stop === undefined ? {} : { stop }),
          ...(step === undefined ? {} : { step }),
          span: this.from(start),
        }),
      );
    },
  );

  /** `.name`, `.name(…)`, `.name<f32>(…)`. */
  private readonly afterDot: ParserMethod<[receiver: Expression], Expression> = this.define("afterDot", (receiver: Expression) => {
    this.CONSUME(sign("."));
    const token = this.CONSUME(Word);
    const typeArgs = this.OPTION1({ GATE: () => this.typeArgumentsAt(1), DEF: () => this.SUBRULE(this.typeArguments) });
    const args = this.OPTION2(() => this.SUBRULE(this.arguments));
    return this.ACTION((): Expression => {
      const name = this.identifier(token);
      const span = this.from(receiver.span.start);
      if (args === undefined) return this.grown({ kind: "member", object: receiver, name, span }, [receiver]);
      return this.grown({ kind: "method", receiver, name, typeArgs: typeArgs ?? [], args, span }, [receiver, ...args.map((arg) => arg.value)]);
    });
  });

  /** `f(x)(y)`: only names can be called. */
  private readonly callOfValue: ParserMethod<[value: Expression], Expression> = this.define("callOfValue", (value: Expression) => {
    const start = this.here();
    this.SUBRULE(this.arguments);
    return this.ACTION((): Expression => {
      this.mistake("syntax", this.from(start), "only a name can be called", "if a product is meant, write `*`");
      return { kind: "missing", span: this.from(value.span.start) };
    });
  });

  protected readonly arguments: ParserMethod<[], Argument[]> = this.define("arguments", () => {
    const list: Argument[] = [];
    let more = true;
    this.CONSUME(sign("("));
    this.MANY({
      GATE: () => more,
      DEF: () => {
        list.push(this.SUBRULE(this.argument));
        more = this.OPTION(() => this.CONSUME(sign(","))) !== undefined;
      },
    });
    this.CONSUME(sign(")"));
    return list;
  });

  private readonly argument: ParserMethod<[], Argument> = this.define("argument", () => {
    const start = this.here();
    const token = this.OPTION({
      GATE: () => this.LA(2).tokenType === sign("="),
      DEF: () => {
        const name = this.CONSUME(Word);
        this.CONSUME(sign("="));
        return name;
      },
    });
    const value = this.SUBRULE(this.expression);
    return this.ACTION((): Argument => ({ ...(token === undefined ? {} : { name: this.identifier(token) }), value, span: this.from(start) }));
  });
}

function partsOfItem(item: IndexItem): Expression[] {
  switch (item.kind) {
    case "at":
      return [item.value];
    case "slice":
      return [item.start, item.stop, item.step].filter((part) => part !== undefined);
    case "ellipsis":
      return [];
    default:
      return unreachable(item);
  }
}
