/** The grammar of files, vertices and graphs. One parser serves every text; it is made when first used. */
import type { IParserErrorMessageProvider, IToken, ParserMethod, TokenType } from "chevrotain";
import { unreachable } from "../support/bug.ts";
import type { Span } from "../support/span.ts";
import type {
  ComputeSetDeclaration, Expression, GraphDeclaration, Identifier, Import, Item, MapMember, Member, Place, ProgramDeclaration, SetStatement,
  StateDeclaration, Statement, VertexDeclaration, VertexField,
} from "./ast.ts";
import { TooManyMistakes } from "./recovering-parser.ts";
import { nothing, type Doc, type DocLine } from "./row-grammar.ts";
import { beforeTile, inList, StatementGrammar } from "./statement-grammar.ts";
import { Name, sign, StringToken, word, Word } from "./tokens.ts";

const beforeModule: ReadonlySet<TokenType> = new Set([word("from")]);
const afterConnections: ReadonlySet<TokenType> = new Set([sign("}"), word("on")]);

/** What a vertex is made of. */
type VertexPart =
  | VertexField
  | { readonly kind: "compute" | "grad"; readonly body: readonly Statement[]; readonly span: Span }
  | { readonly kind: "cycles"; readonly value: Expression };

export class Grammar extends StatementGrammar {
  /** What was read so far; kept when the parser is stopped. */
  items: Item[] = [];

  constructor(errorMessageProvider: IParserErrorMessageProvider) {
    super(errorMessageProvider);
    this.performSelfAnalysis();
  }

  /** Reads a file's tokens into `items`, `mistakes` and `errors`. */
  read(path: string, text: string, tokens: IToken[], docs: readonly DocLine[]): void {
    this.begin(path, text);
    this.beginDocs(docs);
    this.items = [];
    this.input = tokens;
    try {
      this.file();
    } catch (error) {
      if (!(error instanceof TooManyMistakes)) throw error;
    }
  }

  // ---- files

  private readonly file: ParserMethod<[], void> = this.define("file", () => {
    this.MANY(() => {
      const item = this.one(() => this.SUBRULE(this.item));
      this.ACTION(() => {
        if (item !== undefined) this.items.push(item);
      });
    });
  });

  private readonly item: ParserMethod<[], Item | undefined> = this.define("item", (): Item | undefined => {
    const doc = this.ACTION(() => this.docHere());
    return this.OR([
      { ALT: () => this.SUBRULE(this.import) },
      { ALT: () => this.SUBRULE(this.annotatedItem, { ARGS: [doc] }) },
      { ALT: () => this.SUBRULE(this.exportable, { ARGS: [doc] }) },
      { ALT: () => this.SUBRULE(this.unknown, { ARGS: ["`import`, `const`, `fn`, `vertex` or `graph`"] }) },
      { ALT: () => this.SUBRULE(this.strayBrace) },
    ]);
  });

  /** A `}` that nothing opened. */
  private readonly strayBrace: ParserMethod<[], undefined> = this.define("strayBrace", (): undefined => {
    const token = this.CONSUME(sign("}"));
    this.ACTION(() => this.mistake("syntax", this.spanOf(token), "this `}` closes nothing", "there is one `}` too many, or a `{` is missing before"));
    return undefined;
  });

  private readonly import: ParserMethod<[], Import> = this.define("import", () => {
    const start = this.here();
    const names: { readonly name: Identifier; readonly alias?: Identifier }[] = [];
    this.CONSUME(word("import"));
    this.guarded(() => {
      let more = true;
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
    }, beforeModule, () => undefined);
    this.CONSUME(word("from"));
    const from = this.CONSUME(StringToken);
    this.SUBRULE(this.semicolon);
    return this.ACTION((): Import => ({ kind: "import", names, from: this.stringLiteral(from), span: this.from(start) }));
  });

  private readonly annotatedItem: ParserMethod<[doc: Doc], Item> = this.define("annotatedItem", (doc: Doc) => {
    const start = this.here();
    this.SUBRULE(this.annotation);
    const exported = this.OPTION(() => this.CONSUME(word("export"))) !== undefined;
    const fn = this.SUBRULE(this.fn, { ARGS: [doc, start, exported] });
    return this.ACTION((): Item => ({ ...fn, recompute: true }));
  });

  private readonly exportable: ParserMethod<[doc: Doc], Item> = this.define("exportable", (doc: Doc) => {
    const start = this.here();
    const exported = this.OPTION(() => this.CONSUME(word("export"))) !== undefined;
    return this.OR([
      { ALT: () => this.SUBRULE(this.const, { ARGS: [doc, start, exported] }) },
      { ALT: () => this.SUBRULE(this.fn, { ARGS: [doc, start, exported] }) },
      { ALT: () => this.SUBRULE(this.vertex, { ARGS: [doc, start, exported] }) },
      { ALT: () => this.SUBRULE(this.graph, { ARGS: [doc, start, exported] }) },
    ]);
  });

  // ---- vertices

  private readonly vertex: ParserMethod<[doc: Doc, start: number, exported: boolean], VertexDeclaration> = this.define(
    "vertex",
    (doc: Doc, start: number, exported: boolean) => {
      const fields: VertexField[] = [];
      let compute: VertexDeclaration["compute"] | undefined;
      let grad: VertexDeclaration["compute"] | undefined;
      let cycles: Expression | undefined;
      this.CONSUME(word("vertex"));
      const name = this.CONSUME(Name);
      const generics = this.OPTION(() => this.SUBRULE(this.generics));
      const parameters = this.OPTION2(() => this.SUBRULE(this.parameters));
      const opened = this.here();
      this.SUBRULE(this.openBlock);
      this.MANY({
        GATE: () => !this.itemAhead(),
        DEF: () => {
          const part = this.one(() => this.SUBRULE(this.vertexPart));
          this.ACTION(() => {
            switch (part?.kind) {
              case undefined:
                return;
              case "field":
                fields.push(part);
                return;
              case "compute":
                if (compute !== undefined) this.mistake("duplicate-name", { ...part.span, end: part.span.start + "compute".length }, "a vertex has one `compute` block, this is a second one");
                compute ??= { body: part.body, span: part.span };
                return;
              case "grad":
                if (grad !== undefined) this.mistake("duplicate-name", { ...part.span, end: part.span.start + "grad".length }, "a vertex has one `grad` block, this is a second one");
                grad ??= { body: part.body, span: part.span };
                return;
              case "cycles":
                cycles ??= part.value;
                return;
              default:
                unreachable(part);
            }
          });
        },
      });
      this.SUBRULE(this.closeBlock, { ARGS: [opened] });
      return this.ACTION((): VertexDeclaration => {
        const identifier = this.identifier(name);
        if (compute === undefined) this.mistake("syntax", identifier.span, `vertex ${identifier.name} has no \`compute\` block`, "say what it does: `compute { … }`");
        return {
          kind: "vertex", exported, ...doc, name: identifier, generics: generics ?? [], parameters: parameters ?? [], fields,
          compute: compute ?? { body: [], span: identifier.span }, ...(grad === undefined ? {} : { grad }), ...(cycles === undefined ? {} : { cycles }), span: this.from(start),
        };
      });
    },
  );

  private readonly vertexPart: ParserMethod<[], VertexPart | undefined> = this.define("vertexPart", (): VertexPart | undefined =>
    this.OR([
      { ALT: () => this.SUBRULE(this.field) },
      { ALT: () => this.SUBRULE(this.compute) },
      { ALT: () => this.SUBRULE(this.grad) },
      { ALT: () => this.SUBRULE(this.cycles) },
      { ALT: () => this.SUBRULE(this.unknown, { ARGS: ["a field (`in`, `out`, `inout`), `compute`, `grad` or `cycles`"] }) },
    ]),
  );

  private readonly field: ParserMethod<[], VertexField> = this.define("field", () => {
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
  });

  private readonly compute: ParserMethod<[], VertexPart> = this.define("compute", () => {
    const start = this.here();
    this.CONSUME(word("compute"));
    const body = this.SUBRULE(this.block);
    return this.ACTION((): VertexPart => ({ kind: "compute", body, span: this.from(start) }));
  });

  private readonly grad: ParserMethod<[], VertexPart> = this.define("grad", () => {
    const start = this.here();
    this.CONSUME(word("grad"));
    const body = this.SUBRULE(this.block);
    return this.ACTION((): VertexPart => ({ kind: "grad", body, span: this.from(start) }));
  });

  private readonly cycles: ParserMethod<[], VertexPart> = this.define("cycles", () => {
    this.CONSUME(word("cycles"));
    this.CONSUME(sign("="));
    const value = this.SUBRULE(this.value, { ARGS: [nothing] });
    this.SUBRULE(this.semicolon);
    return this.ACTION((): VertexPart => ({ kind: "cycles", value }));
  });

  // ---- graphs

  private readonly graph: ParserMethod<[doc: Doc, start: number, exported: boolean], GraphDeclaration> = this.define(
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

  private readonly memberBlock: ParserMethod<[], Member[]> = this.blockRule("memberBlock", () => this.member, () => this.itemAhead());

  private readonly member: ParserMethod<[], Member | undefined> = this.define("member", (): Member | undefined => {
    const start = this.here();
    const doc = this.ACTION(() => this.docHere());
    return this.OR([
      { ALT: () => this.SUBRULE(this.state, { ARGS: [doc] }) },
      { ALT: () => this.SUBRULE(this.let, { ARGS: [doc] }) },
      { ALT: () => this.SUBRULE(this.annotated, { ARGS: [doc] }) },
      { ALT: () => this.SUBRULE(this.const, { ARGS: [doc, start, false] }) },
      { ALT: () => this.SUBRULE(this.fn, { ARGS: [doc, start, false] }) },
      { ALT: () => this.SUBRULE(this.memberFor) },
      { ALT: () => this.SUBRULE(this.memberIf) },
      { ALT: () => this.SUBRULE(this.map) },
      { ALT: () => this.SUBRULE(this.computeSet, { ARGS: [doc] }) },
      { ALT: () => this.SUBRULE(this.program, { ARGS: [doc] }) },
      { ALT: () => this.SUBRULE(this.unknown, { ARGS: ["a declaration (`in`, `out`, `stream`, `param`, `var`, `let`, `const`, `fn`, `map`, `compute set`, `program`)"] }) },
    ]);
  });

  private readonly state: ParserMethod<[doc: Doc], StateDeclaration> = this.define("state", (doc: Doc) => {
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
      return this.SUBRULE(this.value, { ARGS: [nothing] });
    });
    this.SUBRULE(this.semicolon);
    return this.ACTION((): StateDeclaration => {
      const written = `${stream ? "stream " : ""}${role.image}` as StateDeclaration["role"];
      if (value !== undefined && written !== "var") this.mistake("syntax", value.span, `only \`var\` has an initial value, this is \`${written}\``, "remove it, or make this a `var`");
      const initial = written === "var" && value !== undefined ? { value } : {};
      return { kind: "state", role: written, ...doc, name, type, ...initial, span: this.from(start) };
    });
  });

  private readonly map: ParserMethod<[], MapMember> = this.define("map", () => {
    const start = this.here();
    this.CONSUME(word("map"));
    const target = this.SUBRULE(this.value, { ARGS: [beforeTile] });
    this.CONSUME(word("on"));
    const tile = this.SUBRULE2(this.value, { ARGS: [nothing] });
    this.SUBRULE(this.semicolon);
    return this.ACTION((): MapMember => ({ kind: "map", target, tile, span: this.from(start) }));
  });

  private readonly computeSet: ParserMethod<[doc: Doc], ComputeSetDeclaration> = this.define("computeSet", (doc: Doc) => {
    const start = this.here();
    this.CONSUME(word("compute"));
    this.CONSUME(word("set"));
    const name = this.CONSUME(Name);
    const body = this.SUBRULE(this.setBlock);
    return this.ACTION((): ComputeSetDeclaration => ({ kind: "compute-set", ...doc, name: this.identifier(name), body, span: this.from(start) }));
  });

  private readonly setBlock: ParserMethod<[], SetStatement[]> = this.blockRule("setBlock", () => this.setStatement, () => this.LA(1).tokenType !== word("place") && this.declarationAhead());

  private readonly setStatement: ParserMethod<[], SetStatement | undefined> = this.define("setStatement", (): SetStatement | undefined => {
    const doc = this.ACTION(() => this.docHere());
    return this.OR([
      { ALT: () => this.SUBRULE(this.place) },
      { ALT: () => this.SUBRULE(this.let, { ARGS: [doc] }) },
      { ALT: () => this.SUBRULE(this.setFor) },
      { ALT: () => this.SUBRULE(this.setIf) },
      { ALT: () => this.SUBRULE(this.unknown, { ARGS: ["`place`, `for`, `if` or `let`"] }) },
    ]);
  });

  private readonly place: ParserMethod<[], Place> = this.define("place", () => {
    const start = this.here();
    this.CONSUME(word("place"));
    const vertex = this.CONSUME(Name);
    const args = this.OPTION(() => this.SUBRULE(this.arguments));
    const fields = this.SUBRULE(this.connections);
    this.CONSUME(word("on"));
    const tile = this.SUBRULE(this.value, { ARGS: [nothing] });
    this.SUBRULE(this.semicolon);
    return this.ACTION((): Place => ({ kind: "place", vertex: this.identifier(vertex), args: args ?? [], fields, tile, span: this.from(start) }));
  });

  private readonly connections: ParserMethod<[], Place["fields"]> = this.define("connections", (): Place["fields"] => {
    const list: Place["fields"][number][] = [];
    this.guarded(() => {
      let more = true;
      this.CONSUME(sign("{"));
      this.MANY({
        GATE: () => more,
        DEF: () => {
          const start = this.here();
          const name = this.CONSUME(Word);
          this.CONSUME(sign("="));
          const value = this.SUBRULE(this.value, { ARGS: [inList] });
          this.ACTION(() => list.push({ name: this.identifier(name), value, span: this.from(start) }));
          more = this.OPTION(() => this.CONSUME(sign(","))) !== undefined;
        },
      });
      this.CONSUME(sign("}"));
    }, afterConnections, () => this.skipOver(sign("}")));
    return list;
  });

  private readonly program: ParserMethod<[doc: Doc], ProgramDeclaration> = this.define("program", (doc: Doc) => {
    const start = this.here();
    this.CONSUME(word("program"));
    const name = this.CONSUME(Name);
    const body = this.SUBRULE(this.block);
    return this.ACTION((): ProgramDeclaration => ({ kind: "program", ...doc, name: this.identifier(name), body, span: this.from(start) }));
  });

  private readonly memberFor = this.forRule<Member, Member>("memberFor", () => this.memberBlock, (parts) => ({ kind: "member-for", ...parts }));
  private readonly memberIf = this.ifRule<Member>("memberIf", () => this.memberBlock, (parts) => ({ kind: "member-if", ...parts }));
  private readonly setFor = this.forRule<SetStatement, SetStatement>("setFor", () => this.setBlock, (parts) => ({ kind: "set-for", ...parts }));
  private readonly setIf = this.ifRule<SetStatement>("setIf", () => this.setBlock, (parts) => ({ kind: "set-if", ...parts }));
}

