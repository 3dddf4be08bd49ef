/** The grammar of statements, and of what statements share with declarations: `let`, `const`, `fn`, `for`, `if` and blocks. */
import { tokenMatcher } from "chevrotain";
import type { IToken, ParserMethod, TokenType } from "chevrotain";
import type { AssignOp, Const, Expression, Fn, Generic, Identifier, Let, Names, Parameter, Statement, SwitchCase, TypeExpression } from "./ast.ts";
import { helpForLooseOperator } from "./messages.ts";
import { beforeBlock, nothing, RowGrammar, type Doc } from "./row-grammar.ts";
import { Assign, endOf, Infix, Name, NumberToken, sign, StringToken, word, Word } from "./tokens.ts";

/** Where a broken expression can end, by where it stands. */
export const beforeTile: ReadonlySet<TokenType> = new Set([word("on")]);
const afterAnnotation: ReadonlySet<TokenType> = new Set([sign("="), sign(","), sign(")"), sign("{")]);
const afterParameters: ReadonlySet<TokenType> = new Set([sign(")"), sign("{"), sign("->")]);
const behindGenerics: ReadonlySet<TokenType> = new Set([sign("("), sign("{")]);
export const inList: ReadonlySet<TokenType> = new Set([sign(","), sign(")"), sign("}")]);

export class StatementGrammar extends RowGrammar {
  // ---- definitions

  protected readonly const: ParserMethod<[doc: Doc, start: number, exported: boolean], Const> = this.define(
    "const",
    (doc: Doc, start: number, exported: boolean) => {
      this.CONSUME(word("const"));
      const { names, type, value } = this.SUBRULE(this.declared);
      return this.ACTION((): Const => ({ kind: "const", exported, ...doc, ...names, ...(type === undefined ? {} : { type }), value, span: this.from(start) }));
    },
  );

  protected readonly typeAnnotation: ParserMethod<[], TypeExpression> = this.define("typeAnnotation", () =>
    this.guarded(() => {
      this.CONSUME(sign(":"));
      return this.SUBRULE(this.type);
    }, afterAnnotation, () => this.missingType()),
  );

  protected readonly fn: ParserMethod<[doc: Doc, start: number, exported: boolean], Fn> = this.define("fn", (doc: Doc, start: number, exported: boolean) => {
    this.CONSUME(word("fn"));
    const name = this.CONSUME(Name);
    const generics = this.OPTION(() => this.SUBRULE(this.generics));
    const parameters = this.SUBRULE(this.parameters);
    const result = this.SUBRULE(this.result);
    const body = this.SUBRULE(this.block);
    return this.ACTION(
      (): Fn => ({ kind: "fn", exported, ...doc, name: this.identifier(name), generics: generics ?? [], parameters, result, body, span: this.from(start) }),
    );
  });

  private readonly result: ParserMethod<[], TypeExpression> = this.define("result", () =>
    this.guarded(() => {
      this.CONSUME(sign("->"));
      return this.SUBRULE(this.type);
    }, beforeBlock, () => this.missingType()),
  );

  protected readonly generics: ParserMethod<[], Generic[]> = this.define("generics", () => {
    const list: Generic[] = [];
    this.guarded(() => {
      let more = true;
      this.CONSUME(sign("<"));
      this.MANY({
        GATE: () => more,
        DEF: () => {
          const start = this.here();
          const rest = this.OPTION(() => this.CONSUME(sign("..."))) !== undefined;
          const name = this.CONSUME(Name);
          const bound = this.OPTION2(() => {
            this.CONSUME(sign(":"));
            return this.CONSUME2(Name);
          });
          this.ACTION(() =>
            list.push({
              kind: "generic", name: this.identifier(name), rest, ...(bound === undefined ? {} : { bound: this.identifier(bound) }), span: this.from(start),
            }),
          );
          more = this.OPTION3(() => this.CONSUME(sign(","))) !== undefined;
        },
      });
      this.CONSUME(sign(">"));
    }, behindGenerics, () => undefined);
    return list;
  });

  protected readonly parameters: ParserMethod<[], Parameter[]> = this.define("parameters", () => {
    const list: Parameter[] = [];
    this.guarded(() => {
      let more = true;
      this.CONSUME(sign("("));
      this.MANY({
        GATE: () => more,
        DEF: () => {
          const start = this.here();
          const name = this.CONSUME(Name);
          const type = this.SUBRULE(this.typeAnnotation);
          const value = this.OPTION(() => {
            this.CONSUME(sign("="));
            return this.SUBRULE(this.value, { ARGS: [inList] });
          });
          this.ACTION(() =>
            list.push({ kind: "parameter", name: this.identifier(name), type, ...(value === undefined ? {} : { default: value }), span: this.from(start) }),
          );
          more = this.OPTION2(() => this.CONSUME(sign(","))) !== undefined;
        },
      });
      this.CONSUME(sign(")"));
    }, afterParameters, () => this.skipOver(sign(")")));
    return list;
  });

  // ---- statements

  protected readonly block: ParserMethod<[], Statement[]> = this.blockRule("block", () => this.statement, () => this.declarationAhead());

  /** Whether a declaration of a graph or vertex follows: then a `}` was forgotten. */
  protected declarationAhead(): boolean {
    const { tokenType } = this.LA(1);
    if ((tokenType === word("compute") || tokenType === word("grad")) && this.LA(2).tokenType === sign("{")) return true;
    return this.itemAhead() || (beforeName.has(tokenType) && (tokenMatcher(this.LA(2), Name) || this.LA(2).tokenType === word("in")));
  }

  private readonly statement: ParserMethod<[], Statement | undefined> = this.define("statement", (): Statement | undefined => {
    const start = this.here();
    // A variable of a body has no doc comment; state has.
    const doc = this.ACTION((): Doc => (this.LA(1).tokenType === word("var") ? {} : this.docHere()));
    return this.OR([
      { ALT: () => this.SUBRULE(this.let, { ARGS: [doc] }) },
      { ALT: () => this.SUBRULE(this.annotated, { ARGS: [doc] }) },
      { ALT: () => this.SUBRULE(this.var) },
      { ALT: () => this.SUBRULE(this.const, { ARGS: [doc, start, false] }) },
      { ALT: () => this.SUBRULE(this.fn, { ARGS: [doc, start, false] }) },
      { ALT: () => this.SUBRULE(this.repeat) },
      { ALT: () => this.SUBRULE(this.while) },
      { ALT: () => this.SUBRULE(this.if) },
      { ALT: () => this.SUBRULE(this.switch) },
      { ALT: () => this.SUBRULE(this.for) },
      { GATE: () => tokenMatcher(this.LA(2), Name), ALT: () => this.SUBRULE(this.run) },
      { ALT: () => this.SUBRULE(this.return) },
      { ALT: () => this.SUBRULE(this.effect) },
      { ALT: () => this.SUBRULE(this.unknown, { ARGS: ["a statement"] }) },
    ]);
  });

  /** `@recompute`, the one annotation there is. */
  protected readonly annotation: ParserMethod<[], void> = this.define("annotation", () => {
    const start = this.here();
    this.CONSUME(sign("@"));
    const name = this.CONSUME(Name);
    this.ACTION(() => {
      if (name.image !== "recompute") this.mistake("unknown-name", this.from(start), `no annotation is called ${name.image}`, "`@recompute` stands before a `fn` or a `let`, whose steps are then computed again for gradients");
    });
  });

  /** A `let` or `fn` with an annotation before it. */
  protected readonly annotated: ParserMethod<[doc: Doc], Let | Fn> = this.define("annotated", (doc: Doc) => {
    const start = this.here();
    this.SUBRULE(this.annotation);
    const annotated: Let | Fn = this.OR([
      { ALT: (): Let | Fn => this.SUBRULE(this.let, { ARGS: [doc] }) },
      { ALT: (): Let | Fn => this.SUBRULE(this.fn, { ARGS: [doc, start, false] }) },
    ]);
    return this.ACTION((): Let | Fn => ({ ...annotated, recompute: true, span: this.from(start) }));
  });

  protected readonly let: ParserMethod<[doc: Doc], Let> = this.define("let", (doc: Doc) => {
    const start = this.here();
    this.CONSUME(word("let"));
    const { names, type, value } = this.SUBRULE(this.declared);
    return this.ACTION((): Let => ({ kind: "let", ...doc, ...names, ...(type === undefined ? {} : { type }), value, span: this.from(start) }));
  });

  private readonly var: ParserMethod<[], Statement> = this.define("var", () => {
    const start = this.here();
    this.CONSUME(word("var"));
    const { names, type, value } = this.SUBRULE(this.declared);
    return this.ACTION((): Statement => ({ kind: "var", ...names, ...(type === undefined ? {} : { type }), value, span: this.from(start) }));
  });

  /** What stands behind `let`, `var` and `const`. */
  private readonly declared: ParserMethod<[], { readonly names: Names; readonly type: TypeExpression | undefined; readonly value: Expression }> = this.define("declared", () => {
    const names = this.SUBRULE(this.names);
    const type = this.OPTION(() => this.SUBRULE(this.typeAnnotation));
    this.CONSUME(sign("="));
    const value = this.SUBRULE(this.value, { ARGS: [nothing] });
    this.SUBRULE(this.semicolon);
    return { names, type, value };
  });

  /** `a`, or `(a, b)`, the parts of a tuple. */
  private readonly names: ParserMethod<[], Names> = this.define("names", () => {
    const names: Identifier[] = [];
    const tuple = this.OR([
      {
        ALT: () => {
          const name = this.CONSUME(Name);
          this.ACTION(() => names.push(this.identifier(name)));
          return false;
        },
      },
      {
        ALT: () => {
          let more = true;
          this.CONSUME(sign("("));
          this.MANY({
            GATE: () => more,
            DEF: () => {
              const name = this.CONSUME2(Name);
              this.ACTION(() => names.push(this.identifier(name)));
              more = this.OPTION(() => this.CONSUME(sign(","))) !== undefined;
            },
          });
          this.CONSUME(sign(")"));
          return true;
        },
      },
    ]);
    return { names, tuple };
  });

  private readonly repeat: ParserMethod<[], Statement> = this.define("repeat", () => {
    const start = this.here();
    this.CONSUME(word("repeat"));
    const count = this.SUBRULE(this.value, { ARGS: [beforeBlock] });
    const limit = this.OPTION(() => this.SUBRULE(this.limit));
    const body = this.SUBRULE(this.block);
    return this.ACTION((): Statement => ({ kind: "repeat", count, ...(limit === undefined ? {} : { limit }), body, span: this.from(start) }));
  });

  /** How many rounds there are at most. */
  private readonly limit: ParserMethod<[], Expression> = this.define("limit", () => {
    this.CONSUME(word("limit"));
    return this.SUBRULE(this.value, { ARGS: [beforeBlock] });
  });

  private readonly while: ParserMethod<[], Statement> = this.define("while", () => {
    const start = this.here();
    this.CONSUME(word("while"));
    const condition = this.SUBRULE(this.value, { ARGS: [beforeBlock] });
    const limit = this.OPTION(() => this.SUBRULE(this.limit));
    const body = this.SUBRULE(this.block);
    return this.ACTION((): Statement => ({ kind: "while", condition, ...(limit === undefined ? {} : { limit }), body, span: this.from(start) }));
  });

  private readonly switch: ParserMethod<[], Statement> = this.define("switch", () => {
    const start = this.here();
    const cases: SwitchCase[] = [];
    this.CONSUME(word("switch"));
    const subject = this.SUBRULE(this.value, { ARGS: [beforeBlock] });
    const opened = this.here();
    this.SUBRULE(this.openBlock);
    this.MANY({
      GATE: () => !this.declarationAhead(),
      DEF: () => {
        const one = this.one(() => this.SUBRULE(this.case));
        this.ACTION(() => {
          if (one !== undefined) cases.push(one);
        });
      },
    });
    this.SUBRULE(this.closeBlock, { ARGS: [opened] });
    return this.ACTION((): Statement => ({ kind: "switch", subject, cases, span: this.from(start) }));
  });

  private readonly case: ParserMethod<[], SwitchCase | undefined> = this.define("case", (): SwitchCase | undefined => {
    const start = this.here();
    const value = this.OR([
      {
        GATE: () => this.LA(2).tokenType === sign("=>"),
        ALT: () => {
          this.CONSUME(word("default"));
          return undefined;
        },
      },
      { ALT: () => this.SUBRULE(this.expression) },
      { ALT: () => this.SUBRULE(this.unknown, { ARGS: ["a case, `value => { … }` or `default => { … }`"] }) },
    ]);
    // After an unknown beginning, all of it was skipped.
    return this.OPTION({
      GATE: () => this.lastEnd() === start || this.LA(0).tokenType !== sign("}"),
      DEF: () => {
        this.CONSUME(sign("=>"));
        const body = this.SUBRULE(this.block);
        this.OPTION2(() => this.CONSUME(sign(",")));
        return this.ACTION((): SwitchCase => ({ ...(value === undefined ? {} : { value }), body, span: this.from(start) }));
      },
    });
  });

  /** `execute set;` and `call program;` */
  private readonly run: ParserMethod<[], Statement> = this.define("run", () => {
    const start = this.here();
    const kind = this.OR([
      {
        ALT: () => {
          this.CONSUME(word("execute"));
          return "execute" as const;
        },
      },
      {
        ALT: () => {
          this.CONSUME(word("call"));
          return "call-program" as const;
        },
      },
    ]);
    const name = this.CONSUME(Name);
    this.SUBRULE(this.semicolon);
    return this.ACTION((): Statement => ({ kind, name: this.identifier(name), span: this.from(start) }));
  });

  private readonly return: ParserMethod<[], Statement> = this.define("return", () => {
    const start = this.here();
    this.CONSUME(word("return"));
    const value = this.SUBRULE(this.value, { ARGS: [nothing] });
    this.SUBRULE(this.semicolon);
    return this.ACTION((): Statement => ({ kind: "return", value, span: this.from(start) }));
  });

  /** An assignment, or a call for its effect. */
  private readonly effect: ParserMethod<[], Statement | undefined> = this.define("effect", (): Statement | undefined => {
    const start = this.here();
    const first = this.LA(1);
    const target = this.SUBRULE(this.effectTarget);
    const assignment = this.OPTION(() => {
      const op = this.CONSUME(Assign);
      return { op, value: this.SUBRULE(this.value, { ARGS: [nothing] }) };
    });
    const broken = this.ACTION(() => assignment === undefined && this.brokenEffect(first, target));
    this.OPTION2({ GATE: () => broken !== true, DEF: () => this.SUBRULE(this.semicolon) });
    return this.ACTION((): Statement | undefined => {
      if (broken) return undefined;
      const span = this.from(start);
      if (assignment !== undefined) return { kind: "assign", target, op: assignment.op.image as AssignOp, value: assignment.value, span };
      // A name alone was told: whether there is such a thing does not matter then.
      return { kind: "expression-statement", value: target.kind === "identifier" ? { kind: "missing", span } : target, span };
    });
  });

  /** Reports and skips what is neither an assignment nor a call: an unknown word, or a value that goes nowhere. */
  private brokenEffect(first: IToken, target: Expression): boolean {
    const next = this.LA(1);
    if (this.LA(0) === first && !this.breaksLine(next) && (tokenMatcher(next, Word) || next.tokenType === NumberToken || next.tokenType === StringToken)) {
      this.unknownBeginning(first, "a statement");
      return true;
    }
    if (tokenMatcher(next, Infix)) {
      const start = target.span.start;
      const help = helpForLooseOperator(next, this.LA(2));
      this.skipStatement();
      const span = { ...this.from(start), end: Math.max(start, this.lastEnd()) };
      this.mistake("syntax", { ...span, start: next.startOffset, end: endOf(next) }, "this statement computes a value but does nothing with it", help, span.end);
      return true;
    }
    if (target.kind !== "call" && target.kind !== "method" && target.kind !== "missing" && next.tokenType === sign(";")) {
      const jump = target.kind === "identifier" && (target.name === "break" || target.name === "continue");
      this.mistake("syntax", target.span, jump ? `there is no \`${target.name}\`` : "this statement does nothing", jump
        ? "a loop ends by its condition, `while c { … }`; `if` chooses what a round does" : "a statement assigns, `x = e;`, or calls, `f(x);`");
    }
    return false;
  }

  // ---- `for` and `if`, which statements, members and compute sets share

  protected forRule<Body, Node>(
    name: string, block: () => ParserMethod<[], Body[]>, make: (parts: { name: Identifier; iterable: Expression; body: Body[]; span: Statement["span"] }) => Node,
  ): ParserMethod<[], Node> {
    return this.define(name, () => {
      const start = this.here();
      this.CONSUME(word("for"));
      const variable = this.CONSUME(Name);
      this.CONSUME(word("in"));
      const iterable = this.SUBRULE(this.value, { ARGS: [beforeBlock] });
      const body = this.SUBRULE2(block());
      return this.ACTION(() => make({ name: this.identifier(variable), iterable, body, span: this.from(start) }));
    });
  }

  /** An `if` with its `else if`s, read in a row and nested afterwards. */
  protected ifRule<Body>(
    name: string, block: () => ParserMethod<[], Body[]>,
    make: (parts: { condition: Expression; then: Body[]; otherwise: Body[]; span: Statement["span"] }) => Body,
  ): ParserMethod<[], Body> {
    return this.define(name, () => {
      const start = this.here();
      const branches: { readonly start: number; readonly condition: Expression; readonly then: Body[] }[] = [];
      let otherwise: Body[] | undefined;
      this.CONSUME(word("if"));
      const condition = this.SUBRULE(this.value, { ARGS: [beforeBlock] });
      branches.push({ start, condition, then: this.SUBRULE(block()) });
      this.rows(() => otherwise === undefined && this.LA(1).tokenType === word("else"), () => {
        this.CONSUME(word("else"));
        const branchStart = this.here();
        const nested = this.OPTION(() => {
          this.CONSUME2(word("if"));
          return this.SUBRULE2(this.value, { ARGS: [beforeBlock] });
        });
        const body = this.SUBRULE2(block());
        if (nested === undefined) otherwise = body;
        else branches.push({ start: branchStart, condition: nested, then: body });
      });
      return this.ACTION(() => {
        let rest = otherwise ?? [];
        for (const branch of branches.toReversed()) {
          rest = [make({ condition: branch.condition, then: branch.then, otherwise: rest, span: this.from(branch.start) })];
        }
        return rest[0]!;
      });
    });
  }

  private readonly for = this.forRule<Statement, Statement>("for", () => this.block, (parts) => ({ kind: "for", ...parts }));
  private readonly if = this.ifRule<Statement>("if", () => this.block, (parts) => ({ kind: "if", ...parts }));
}

/** Contextual words that begin a declaration when a name follows. */
const beforeName: ReadonlySet<TokenType> = new Set<TokenType>([word("program"), word("compute"), word("stream"), word("param"), word("out"), word("inout"), word("map"), word("place")]);
