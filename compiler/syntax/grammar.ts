/**
 * The grammar of files, declarations and statements. One parser serves every text; it is made when first used.
 *
 * Recovery: Chevrotain skips to where an enclosing rule can go on; a missing `;` and a declaration that begins with an
 * unknown word are handled here, since only a person's eye (the line break, the braces) says how far they reach.
 */
import { tokenMatcher } from "chevrotain";
import type { IParserErrorMessageProvider, IToken, ParserMethod, TokenType } from "chevrotain";
import type {
  AssignOp, ComputeSetDeclaration, Const, Expression, Fn, Generic, GraphDeclaration, Identifier, Import, Item, Let, MapMember, Member, Parameter,
  Place, ProgramDeclaration, SetStatement, StateDeclaration, Statement, SwitchCase, TypeExpression, VertexDeclaration, VertexField,
} from "./ast.ts";
import { ExpressionGrammar } from "./expression-grammar.ts";
import { mostMistakes } from "./limits.ts";
import { helpForLooseOperator, helpForWord } from "./messages.ts";
import { Assign, endOf, Identifier as IdentifierToken, Infix, isReserved, Name, NumberToken, sign, StringToken, word, Word } from "./tokens.ts";

/** Thrown out of the parser when going on would only repeat what was said. */
export class TooManyMistakes extends Error {}

/** A `///` line. */
interface DocLine {
  readonly start: number;
  readonly text: string;
}

type Doc = { readonly doc?: string };

export class Grammar extends ExpressionGrammar {
  /** What was read so far; kept when the parser is stopped. */
  items: Item[] = [];
  private docs: readonly DocLine[] = [];
  private nextDoc = 0;
  /** Offsets of the doc lines that belong to a declaration. */
  usedDocs = new Set<number>();
  private lineBreaks: (start: number, end: number) => boolean = () => false;

  constructor(errorMessageProvider: IParserErrorMessageProvider) {
    super(errorMessageProvider);
    this.performSelfAnalysis();
  }

  /** Reads a file's tokens into `items`, `mistakes` and `errors`. */
  read(path: string, text: string, tokens: IToken[], docs: readonly DocLine[]): void {
    this.begin(path, text.length);
    this.items = [];
    this.docs = docs;
    this.nextDoc = 0;
    this.usedDocs = new Set();
    this.lineBreaks = (start, end) => {
      const at = text.indexOf("\n", start);
      return at !== -1 && at < end;
    };
    this.input = tokens;
    try {
      this.file();
    } catch (error) {
      if (!(error instanceof TooManyMistakes)) throw error;
    }
  }

  private stopIfHopeless(): void {
    if (this.mistakes.length + this.errors.length >= mostMistakes) throw new TooManyMistakes();
  }

  /** The doc lines between the last token and the next one. */
  private docHere(): Doc {
    const from = this.lastEnd();
    const to = this.here();
    while (this.nextDoc < this.docs.length && this.docs[this.nextDoc]!.start < from) this.nextDoc += 1;
    const lines: string[] = [];
    while (this.nextDoc < this.docs.length && this.docs[this.nextDoc]!.start < to) {
      const line = this.docs[this.nextDoc]!;
      lines.push(line.text);
      this.usedDocs.add(line.start);
      this.nextDoc += 1;
    }
    return lines.length === 0 ? {} : { doc: lines.join("\n") };
  }

  // ---- the ends of statements and blocks

  private readonly semicolon: ParserMethod<[], void> = this.RULE("semicolon", () => {
    const token = this.OPTION(() => this.CONSUME(sign(";")));
    this.ACTION(() => {
      if (token === undefined) this.missingSemicolon();
    });
  });

  /** Points at the end of the last token, and skips what cannot begin anything. */
  private missingSemicolon(): void {
    const end = this.lastEnd();
    const next = this.LA(1);
    const broken = next.startOffset < 0 || this.lineBreaks(end, next.startOffset);
    // On a new line the next statement begins, unless a bracket or operator goes on with this one.
    if (!broken || !(this.isWord(next) || next.tokenType === sign("}"))) this.skipStatement();
    const help = broken ? undefined : helpForWord(next.image);
    this.mistake("syntax", { file: this.path, start: end, end }, "expected `;` after this statement", help, this.lastEnd());
  }

  /** Skips over the next `;`, or up to a `}`, a word at the beginning of a line, or over a whole block. */
  private skipStatement(): void {
    let depth = 0;
    for (let token = this.LA(1); token.startOffset >= 0; token = this.LA(1)) {
      const type = token.tokenType;
      if (depth === 0) {
        if (type === sign("}")) return;
        if (this.isWord(token) && isReserved(token.image) && this.lineBreaks(this.lastEnd(), token.startOffset)) return;
      }
      if (type === sign("{")) depth += 1;
      if (type === sign("}")) depth -= 1;
      this.SKIP_TOKEN();
      // The last token is not skipped by SKIP_TOKEN.
      if (this.LA(1) === token) {
        this.consumeLast();
        return;
      }
      if (depth === 0 && (type === sign(";") || type === sign("}"))) return;
    }
  }

  /** SKIP_TOKEN stops before the last token; this one goes over it. */
  private consumeLast(): void {
    (this as unknown as { consumeToken(): void }).consumeToken();
  }

  /** A declaration or statement that begins with a word that begins none. */
  private readonly unknownWord: ParserMethod<[what: string], void> = this.RULE("unknownWord", (what: string) => {
    const token = this.CONSUME(IdentifierToken);
    this.ACTION(() => this.unknownBeginning(token, what));
  });

  private unknownBeginning(token: IToken, what: string): void {
    this.skipStatement();
    this.mistake("syntax", this.spanOf(token), `expected ${what}, found \`${token.image}\``, helpForWord(token.image), this.lastEnd());
  }

  // ---- files

  private readonly file: ParserMethod<[], void> = this.RULE("file", () => {
    this.MANY(() => {
      this.ACTION(() => this.stopIfHopeless());
      const item = this.SUBRULE(this.item);
      this.ACTION(() => {
        if (item !== undefined) this.items.push(item);
      });
    });
  });

  private readonly item: ParserMethod<[], Item | undefined> = this.RULE("item", (): Item | undefined => {
    const doc = this.ACTION(() => this.docHere());
    return this.OR([
      { ALT: () => this.SUBRULE(this.import) },
      { ALT: () => this.SUBRULE(this.exportable, { ARGS: [doc] }) },
      {
        ALT: () => {
          this.SUBRULE(this.unknownWord, { ARGS: ["`import`, `const`, `fn`, `vertex` or `graph`"] });
          return undefined;
        },
      },
    ]);
  }, { recoveryValueFunc: () => undefined });

  private readonly import: ParserMethod<[], Import> = this.RULE("import", () => {
    const start = this.here();
    const names: { readonly name: Identifier; readonly alias?: Identifier }[] = [];
    let more = true;
    this.CONSUME(word("import"));
    this.CONSUME(sign("{"));
    this.MANY({
      GATE: () => more,
      DEF: () => {
        const name = this.CONSUME(Name);
        const alias = this.OPTION(() => {
          this.CONSUME(word("as"));
          return this.CONSUME2(Name);
        });
        this.ACTION(() => names.push({ name: this.identifier(name), ...(alias === undefined ? {} : { alias: this.identifier(alias) }) }));
        more = this.OPTION2(() => this.CONSUME(sign(","))) !== undefined;
      },
    });
    this.CONSUME(sign("}"));
    this.CONSUME(word("from"));
    const from = this.CONSUME(StringToken);
    this.SUBRULE(this.semicolon);
    return this.ACTION((): Import => ({ kind: "import", names, from: this.stringLiteral(from), span: this.from(start) }));
  });

  private readonly exportable: ParserMethod<[doc: Doc], Item> = this.RULE("exportable", (doc: Doc) => {
    const start = this.here();
    const exported = this.OPTION(() => this.CONSUME(word("export"))) !== undefined;
    return this.OR([
      { ALT: () => this.SUBRULE(this.const, { ARGS: [doc, start, exported] }) },
      { ALT: () => this.SUBRULE(this.fn, { ARGS: [doc, start, exported] }) },
      { ALT: () => this.SUBRULE(this.vertex, { ARGS: [doc, start, exported] }) },
      { ALT: () => this.SUBRULE(this.graph, { ARGS: [doc, start, exported] }) },
    ]);
  });

  private readonly const: ParserMethod<[doc: Doc, start: number, exported: boolean], Const> = this.RULE(
    "const",
    (doc: Doc, start: number, exported: boolean) => {
      this.CONSUME(word("const"));
      const name = this.CONSUME(Name);
      const type = this.OPTION(() => this.SUBRULE(this.typeAnnotation));
      this.CONSUME(sign("="));
      const value = this.SUBRULE(this.expression);
      this.SUBRULE(this.semicolon);
      return this.ACTION(
        (): Const => ({ kind: "const", exported, ...doc, name: this.identifier(name), ...(type === undefined ? {} : { type }), value, span: this.from(start) }),
      );
    },
  );

  private readonly typeAnnotation: ParserMethod<[], TypeExpression> = this.RULE("typeAnnotation", () => {
    this.CONSUME(sign(":"));
    return this.SUBRULE(this.type);
  }, { recoveryValueFunc: () => this.missingType() });

  private readonly fn: ParserMethod<[doc: Doc, start: number, exported: boolean], Fn> = this.RULE("fn", (doc: Doc, start: number, exported: boolean) => {
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

  private readonly result: ParserMethod<[], TypeExpression> = this.RULE("result", () => {
    this.CONSUME(sign("->"));
    return this.SUBRULE(this.type);
  }, { recoveryValueFunc: () => this.missingType() });

  private readonly generics: ParserMethod<[], Generic[]> = this.RULE("generics", () => {
    const list: Generic[] = [];
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
    return list;
  }, { recoveryValueFunc: () => [] });

  private readonly parameters: ParserMethod<[], Parameter[]> = this.RULE("parameters", () => {
    const list: Parameter[] = [];
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
          return this.SUBRULE(this.expression);
        });
        this.ACTION(() =>
          list.push({ kind: "parameter", name: this.identifier(name), type, ...(value === undefined ? {} : { default: value }), span: this.from(start) }),
        );
        more = this.OPTION2(() => this.CONSUME(sign(","))) !== undefined;
      },
    });
    this.CONSUME(sign(")"));
    return list;
  }, { recoveryValueFunc: () => [] });

  // ---- vertices

  private readonly vertex: ParserMethod<[doc: Doc, start: number, exported: boolean], VertexDeclaration> = this.RULE(
    "vertex",
    (doc: Doc, start: number, exported: boolean) => {
      const fields: VertexField[] = [];
      let compute: VertexDeclaration["compute"] | undefined;
      let cycles: Expression | undefined;
      this.CONSUME(word("vertex"));
      const name = this.CONSUME(Name);
      const generics = this.OPTION(() => this.SUBRULE(this.generics));
      const parameters = this.OPTION2(() => this.SUBRULE(this.parameters));
      this.CONSUME(sign("{"));
      this.MANY(() => {
        this.ACTION(() => this.stopIfHopeless());
        this.OR([
          {
            ALT: () => {
              const field = this.SUBRULE(this.field);
              this.ACTION(() => {
                if (field !== undefined) fields.push(field);
              });
            },
          },
          {
            ALT: () => {
              const body = this.SUBRULE(this.compute);
              this.ACTION(() => {
                if (compute !== undefined) this.mistake("duplicate-name", { ...body.span, end: body.span.start + "compute".length }, "a vertex has one `compute` block, this is a second one");
                compute ??= body;
              });
            },
          },
          {
            ALT: () => {
              const value = this.SUBRULE(this.cycles);
              this.ACTION(() => {
                cycles ??= value;
              });
            },
          },
          { ALT: () => this.SUBRULE(this.unknownWord, { ARGS: ["a field (`in`, `out`, `inout`), `compute` or `cycles`"] }) },
        ]);
      });
      this.CONSUME(sign("}"));
      return this.ACTION((): VertexDeclaration => {
        const identifier = this.identifier(name);
        if (compute === undefined) this.mistake("syntax", identifier.span, `vertex ${identifier.name} has no \`compute\` block`, "say what it does: `compute { … }`");
        return {
          kind: "vertex", exported, ...doc, name: identifier, generics: generics ?? [], parameters: parameters ?? [], fields,
          compute: compute ?? { body: [], span: identifier.span }, ...(cycles === undefined ? {} : { cycles }), span: this.from(start),
        };
      });
    },
  );

  private readonly field: ParserMethod<[], VertexField | undefined> = this.RULE("field", (): VertexField | undefined => {
    const start = this.here();
    const doc = this.ACTION(() => this.docHere());
    const access = this.OR([
      { ALT: () => this.CONSUME(word("in")) },
      { ALT: () => this.CONSUME(word("out")) },
      { ALT: () => this.CONSUME(word("inout")) },
    ]);
    const name = this.CONSUME(Name);
    const type = this.SUBRULE(this.typeAnnotation);
    this.SUBRULE(this.semicolon);
    return this.ACTION(
      (): VertexField => ({ kind: "field", access: access.image as VertexField["access"], ...doc, name: this.identifier(name), type, span: this.from(start) }),
    );
  }, { recoveryValueFunc: () => undefined });

  private readonly compute: ParserMethod<[], VertexDeclaration["compute"]> = this.RULE("compute", () => {
    const start = this.here();
    this.CONSUME(word("compute"));
    const body = this.SUBRULE(this.block);
    return this.ACTION(() => ({ body, span: this.from(start) }));
  }, { recoveryValueFunc: () => ({ body: [], span: this.missing().span }) });

  private readonly cycles: ParserMethod<[], Expression> = this.RULE("cycles", () => {
    this.CONSUME(word("cycles"));
    this.CONSUME(sign("="));
    const value = this.SUBRULE(this.expression);
    this.SUBRULE(this.semicolon);
    return value;
  }, { recoveryValueFunc: () => this.missing() });

  // ---- graphs

  private readonly graph: ParserMethod<[doc: Doc, start: number, exported: boolean], GraphDeclaration> = this.RULE(
    "graph",
    (doc: Doc, start: number, exported: boolean) => {
      this.CONSUME(word("graph"));
      const name = this.CONSUME(Name);
      const parameters = this.OPTION(() => this.SUBRULE(this.parameters));
      const members = this.SUBRULE(this.memberBlock);
      return this.ACTION(
        (): GraphDeclaration => ({ kind: "graph", exported, ...doc, name: this.identifier(name), parameters: parameters ?? [], members, span: this.from(start) }),
      );
    },
  );

  private readonly memberBlock: ParserMethod<[], Member[]> = this.RULE("memberBlock", () => {
    const members: Member[] = [];
    this.CONSUME(sign("{"));
    this.MANY(() => {
      this.ACTION(() => this.stopIfHopeless());
      const member = this.SUBRULE(this.member);
      this.ACTION(() => {
        if (member !== undefined) members.push(member);
      });
    });
    this.CONSUME(sign("}"));
    return members;
  }, { recoveryValueFunc: () => [] });

  private readonly member: ParserMethod<[], Member | undefined> = this.RULE("member", (): Member | undefined => {
    const start = this.here();
    const doc = this.ACTION(() => this.docHere());
    return this.OR([
      { ALT: () => this.SUBRULE(this.state, { ARGS: [doc] }) },
      { ALT: () => this.SUBRULE(this.let, { ARGS: [doc] }) },
      { ALT: () => this.SUBRULE(this.const, { ARGS: [doc, start, false] }) },
      { ALT: () => this.SUBRULE(this.fn, { ARGS: [doc, start, false] }) },
      { ALT: () => this.SUBRULE(this.memberFor) },
      { ALT: () => this.SUBRULE(this.memberIf) },
      { ALT: () => this.SUBRULE(this.map) },
      { ALT: () => this.SUBRULE(this.computeSet, { ARGS: [doc] }) },
      { ALT: () => this.SUBRULE(this.program, { ARGS: [doc] }) },
      {
        ALT: () => {
          this.SUBRULE(this.unknownWord, { ARGS: ["a declaration (`in`, `out`, `stream`, `param`, `var`, `let`, `const`, `fn`, `map`, `compute set`, `program`)"] });
          return undefined;
        },
      },
    ]);
  }, { recoveryValueFunc: () => undefined });

  private readonly state: ParserMethod<[doc: Doc], StateDeclaration> = this.RULE("state", (doc: Doc) => {
    const start = this.here();
    const stream = this.OPTION(() => this.CONSUME(word("stream"))) !== undefined;
    const role = this.OR([
      { ALT: () => this.CONSUME(word("in")) },
      { ALT: () => this.CONSUME(word("out")) },
      { GATE: () => !stream, ALT: () => this.CONSUME(word("param")) },
      { GATE: () => !stream, ALT: () => this.CONSUME(word("var")) },
    ]);
    const nameStart = this.here();
    const parts: string[] = [this.CONSUME(Name).image];
    this.MANY(() => {
      this.CONSUME(sign("."));
      parts.push(this.CONSUME(Word).image);
    });
    const name: Identifier = { kind: "identifier", name: parts.join("."), span: this.from(nameStart) };
    const type = this.SUBRULE(this.typeAnnotation);
    const value = this.OPTION2(() => {
      this.CONSUME(sign("="));
      return this.SUBRULE(this.expression);
    });
    this.SUBRULE(this.semicolon);
    return this.ACTION((): StateDeclaration => {
      const written = `${stream ? "stream " : ""}${role.image}` as StateDeclaration["role"];
      if (value !== undefined && written !== "var") this.mistake("syntax", value.span, `only \`var\` has an initial value, this is \`${written}\``, "remove it, or make this a `var`");
      const initial = written === "var" && value !== undefined ? { value } : {};
      return { kind: "state", role: written, ...doc, name, type, ...initial, span: this.from(start) };
    });
  });

  private readonly map: ParserMethod<[], MapMember> = this.RULE("map", () => {
    const start = this.here();
    this.CONSUME(word("map"));
    const target = this.SUBRULE(this.expression);
    this.CONSUME(word("on"));
    const tile = this.SUBRULE2(this.expression);
    this.SUBRULE(this.semicolon);
    return this.ACTION((): MapMember => ({ kind: "map", target, tile, span: this.from(start) }));
  });

  private readonly computeSet: ParserMethod<[doc: Doc], ComputeSetDeclaration> = this.RULE("computeSet", (doc: Doc) => {
    const start = this.here();
    this.CONSUME(word("compute"));
    this.CONSUME(word("set"));
    const name = this.CONSUME(Name);
    const body = this.SUBRULE(this.setBlock);
    return this.ACTION((): ComputeSetDeclaration => ({ kind: "compute-set", ...doc, name: this.identifier(name), body, span: this.from(start) }));
  });

  private readonly setBlock: ParserMethod<[], SetStatement[]> = this.RULE("setBlock", () => {
    const statements: SetStatement[] = [];
    this.CONSUME(sign("{"));
    this.MANY(() => {
      this.ACTION(() => this.stopIfHopeless());
      const statement = this.SUBRULE(this.setStatement);
      this.ACTION(() => {
        if (statement !== undefined) statements.push(statement);
      });
    });
    this.CONSUME(sign("}"));
    return statements;
  }, { recoveryValueFunc: () => [] });

  private readonly setStatement: ParserMethod<[], SetStatement | undefined> = this.RULE("setStatement", (): SetStatement | undefined => {
    const doc = this.ACTION(() => this.docHere());
    return this.OR([
      { ALT: () => this.SUBRULE(this.place) },
      { ALT: () => this.SUBRULE(this.let, { ARGS: [doc] }) },
      { ALT: () => this.SUBRULE(this.setFor) },
      { ALT: () => this.SUBRULE(this.setIf) },
      {
        ALT: () => {
          this.SUBRULE(this.unknownWord, { ARGS: ["`place`, `for`, `if` or `let`"] });
          return undefined;
        },
      },
    ]);
  }, { recoveryValueFunc: () => undefined });

  private readonly place: ParserMethod<[], Place> = this.RULE("place", () => {
    const start = this.here();
    this.CONSUME(word("place"));
    const vertex = this.CONSUME(Name);
    const args = this.OPTION(() => this.SUBRULE(this.arguments));
    const fields = this.SUBRULE(this.connections);
    this.CONSUME(word("on"));
    const tile = this.SUBRULE(this.expression);
    this.SUBRULE(this.semicolon);
    return this.ACTION((): Place => ({ kind: "place", vertex: this.identifier(vertex), args: args ?? [], fields, tile, span: this.from(start) }));
  });

  private readonly connections: ParserMethod<[], Place["fields"]> = this.RULE("connections", (): Place["fields"] => {
    const list: Place["fields"][number][] = [];
    let more = true;
    this.CONSUME(sign("{"));
    this.MANY({
      GATE: () => more,
      DEF: () => {
        const start = this.here();
        const name = this.CONSUME(Word);
        this.CONSUME(sign("="));
        const value = this.SUBRULE(this.expression);
        this.ACTION(() => list.push({ name: this.identifier(name), value, span: this.from(start) }));
        more = this.OPTION(() => this.CONSUME(sign(","))) !== undefined;
      },
    });
    this.CONSUME(sign("}"));
    return list;
  }, { recoveryValueFunc: () => [] });

  private readonly program: ParserMethod<[doc: Doc], ProgramDeclaration> = this.RULE("program", (doc: Doc) => {
    const start = this.here();
    this.CONSUME(word("program"));
    const name = this.CONSUME(Name);
    const body = this.SUBRULE(this.block);
    return this.ACTION((): ProgramDeclaration => ({ kind: "program", ...doc, name: this.identifier(name), body, span: this.from(start) }));
  });

  // ---- statements

  private readonly block: ParserMethod<[], Statement[]> = this.RULE("block", () => {
    const statements: Statement[] = [];
    this.CONSUME(sign("{"));
    this.MANY({
      GATE: () => !this.declarationAhead(),
      DEF: () => {
        this.ACTION(() => this.stopIfHopeless());
        const statement = this.SUBRULE(this.statement);
        this.ACTION(() => {
          if (statement !== undefined) statements.push(statement);
        });
      },
    });
    this.CONSUME(sign("}"));
    return statements;
  }, { recoveryValueFunc: () => [] });

  /** Whether a declaration of a graph or vertex follows: then a `}` was forgotten. */
  private declarationAhead(): boolean {
    return beforeName.has(this.LA(1).tokenType) && (this.isName(this.LA(2)) || this.LA(2).tokenType === word("in"));
  }

  private readonly statement: ParserMethod<[], Statement | undefined> = this.RULE("statement", (): Statement | undefined => {
    const start = this.here();
    const doc = this.ACTION(() => this.docHere());
    return this.OR([
      { ALT: () => this.SUBRULE(this.let, { ARGS: [doc] }) },
      { ALT: () => this.SUBRULE(this.var) },
      { ALT: () => this.SUBRULE(this.const, { ARGS: [doc, start, false] }) },
      { ALT: () => this.SUBRULE(this.fn, { ARGS: [doc, start, false] }) },
      { ALT: () => this.SUBRULE(this.repeat) },
      { ALT: () => this.SUBRULE(this.while) },
      { ALT: () => this.SUBRULE(this.if) },
      { ALT: () => this.SUBRULE(this.switch) },
      { ALT: () => this.SUBRULE(this.for) },
      { GATE: () => this.isName(this.LA(2)), ALT: () => this.SUBRULE(this.run) },
      { ALT: () => this.SUBRULE(this.return) },
      { ALT: () => this.SUBRULE(this.effect) },
    ]);
  }, { recoveryValueFunc: () => undefined });

  private readonly let: ParserMethod<[doc: Doc], Let> = this.RULE("let", (doc: Doc) => {
    const start = this.here();
    const names: Identifier[] = [];
    this.CONSUME(word("let"));
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
    const type = this.OPTION2(() => this.SUBRULE(this.typeAnnotation));
    this.CONSUME(sign("="));
    const value = this.SUBRULE(this.expression);
    this.SUBRULE(this.semicolon);
    return this.ACTION((): Let => ({ kind: "let", ...doc, names, tuple, ...(type === undefined ? {} : { type }), value, span: this.from(start) }));
  });

  private readonly var: ParserMethod<[], Statement> = this.RULE("var", () => {
    const start = this.here();
    this.CONSUME(word("var"));
    const name = this.CONSUME(Name);
    const type = this.OPTION(() => this.SUBRULE(this.typeAnnotation));
    this.CONSUME(sign("="));
    const value = this.SUBRULE(this.expression);
    this.SUBRULE(this.semicolon);
    return this.ACTION((): Statement => ({ kind: "var", name: this.identifier(name), ...(type === undefined ? {} : { type }), value, span: this.from(start) }));
  });

  private readonly repeat: ParserMethod<[], Statement> = this.RULE("repeat", () => {
    const start = this.here();
    this.CONSUME(word("repeat"));
    const count = this.SUBRULE(this.expression);
    const body = this.SUBRULE(this.block);
    return this.ACTION((): Statement => ({ kind: "repeat", count, body, span: this.from(start) }));
  });

  private readonly while: ParserMethod<[], Statement> = this.RULE("while", () => {
    const start = this.here();
    this.CONSUME(word("while"));
    const condition = this.SUBRULE(this.expression);
    const body = this.SUBRULE(this.block);
    return this.ACTION((): Statement => ({ kind: "while", condition, body, span: this.from(start) }));
  });

  private readonly switch: ParserMethod<[], Statement> = this.RULE("switch", () => {
    const start = this.here();
    const cases: SwitchCase[] = [];
    this.CONSUME(word("switch"));
    const subject = this.SUBRULE(this.expression);
    this.CONSUME(sign("{"));
    this.MANY(() => {
      const one = this.SUBRULE(this.case);
      this.ACTION(() => {
        if (one !== undefined) cases.push(one);
      });
    });
    this.CONSUME(sign("}"));
    return this.ACTION((): Statement => ({ kind: "switch", subject, cases, span: this.from(start) }));
  });

  private readonly case: ParserMethod<[], SwitchCase | undefined> = this.RULE("case", (): SwitchCase | undefined => {
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
    ]);
    this.CONSUME(sign("=>"));
    const body = this.SUBRULE(this.block);
    this.OPTION(() => this.CONSUME(sign(",")));
    return this.ACTION((): SwitchCase => ({ ...(value === undefined ? {} : { value }), body, span: this.from(start) }));
  }, { recoveryValueFunc: () => undefined });

  /** `execute set;` and `call program;` */
  private readonly run: ParserMethod<[], Statement> = this.RULE("run", () => {
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

  private readonly return: ParserMethod<[], Statement> = this.RULE("return", () => {
    const start = this.here();
    this.CONSUME(word("return"));
    const value = this.SUBRULE(this.expression);
    this.SUBRULE(this.semicolon);
    return this.ACTION((): Statement => ({ kind: "return", value, span: this.from(start) }));
  });

  /** An assignment, or a call for its effect. */
  private readonly effect: ParserMethod<[], Statement | undefined> = this.RULE("effect", (): Statement | undefined => {
    const start = this.here();
    const first = this.LA(1);
    const target = this.SUBRULE(this.effectTarget);
    const assignment = this.OPTION(() => {
      const op = this.CONSUME(Assign);
      return { op, value: this.SUBRULE(this.expression) };
    });
    const broken = this.ACTION(() => assignment === undefined && this.brokenEffect(first, target));
    this.OPTION2({ GATE: () => broken !== true, DEF: () => this.SUBRULE(this.semicolon) });
    return this.ACTION((): Statement | undefined => {
      if (broken) return undefined;
      const span = this.from(start);
      if (assignment !== undefined) return { kind: "assign", target, op: assignment.op.image as AssignOp, value: assignment.value, span };
      return { kind: "expression-statement", value: target, span };
    });
  }, { recoveryValueFunc: () => undefined });

  /** What can be assigned or called: a name or a parenthesis, and what follows it. */
  private readonly effectTarget: ParserMethod<[], Expression> = this.RULE("effectTarget", () => {
    const value = this.OR([{ ALT: () => this.SUBRULE(this.nameOrCall) }, { ALT: () => this.SUBRULE(this.parenthesised) }]);
    return this.SUBRULE(this.postfixes, { ARGS: [value] });
  }, { recoveryValueFunc: () => this.missing() });

  /** Reports and skips what is neither an assignment nor a call: an unknown word, or a value that goes nowhere. */
  private brokenEffect(first: IToken, target: Expression): boolean {
    const next = this.LA(1);
    const sameLine = next.startOffset >= 0 && !this.lineBreaks(this.lastEnd(), next.startOffset);
    if (this.LA(0) === first && sameLine && (this.isWord(next) || next.tokenType === NumberToken || next.tokenType === StringToken)) {
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
      this.mistake("syntax", target.span, "this statement does nothing", "a statement assigns, `x = e;`, or calls, `f(x);`");
    }
    return false;
  }

  // ---- `for` and `if`, which statements, members and compute sets share

  private forRule<Body, Node>(
    name: string, block: () => ParserMethod<[], Body[]>, make: (parts: { name: Identifier; iterable: Expression; body: Body[]; span: Statement["span"] }) => Node,
  ): ParserMethod<[], Node> {
    return this.RULE(name, () => {
      const start = this.here();
      this.CONSUME(word("for"));
      const variable = this.CONSUME(Name);
      this.CONSUME(word("in"));
      const iterable = this.SUBRULE(this.expression);
      const body = this.SUBRULE2(block());
      return this.ACTION(() => make({ name: this.identifier(variable), iterable, body, span: this.from(start) }));
    });
  }

  /** An `if` with its `else if`s, read in a row and nested afterwards. */
  private ifRule<Body>(
    name: string, block: () => ParserMethod<[], Body[]>,
    make: (parts: { condition: Expression; then: Body[]; otherwise: Body[]; span: Statement["span"] }) => Body,
  ): ParserMethod<[], Body> {
    return this.RULE(name, () => {
      const start = this.here();
      const branches: { readonly start: number; readonly condition: Expression; readonly then: Body[] }[] = [];
      let otherwise: Body[] | undefined;
      this.CONSUME(word("if"));
      const condition = this.SUBRULE(this.expression);
      branches.push({ start, condition, then: this.SUBRULE(block()) });
      this.MANY({
        GATE: () => otherwise === undefined,
        DEF: () => {
          this.CONSUME(word("else"));
          this.OR([
            {
              ALT: () => {
                const branchStart = this.here();
                this.CONSUME2(word("if"));
                const branchCondition = this.SUBRULE2(this.expression);
                branches.push({ start: branchStart, condition: branchCondition, then: this.SUBRULE2(block()) });
              },
            },
            {
              ALT: () => {
                otherwise = this.SUBRULE3(block());
              },
            },
          ]);
        },
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
  private readonly memberFor = this.forRule<Member, Member>("memberFor", () => this.memberBlock, (parts) => ({ kind: "member-for", ...parts }));
  private readonly memberIf = this.ifRule<Member>("memberIf", () => this.memberBlock, (parts) => ({ kind: "member-if", ...parts }));
  private readonly setFor = this.forRule<SetStatement, SetStatement>("setFor", () => this.setBlock, (parts) => ({ kind: "set-for", ...parts }));
  private readonly setIf = this.ifRule<SetStatement>("setIf", () => this.setBlock, (parts) => ({ kind: "set-if", ...parts }));
}

const beforeName = new Set<TokenType>([word("program"), word("compute"), word("stream"), word("param"), word("out"), word("inout"), word("map"), word("place")]);
