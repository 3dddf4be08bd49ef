/** Files as modules: imports, exports, and the scope that the items of a file see. The library's own ops stand beside its files. */
import type { Signature } from "../ops/op.ts";
import type * as ast from "../syntax/ast.ts";
import { closest } from "../support/suggest.ts";
import { unreachable } from "../support/bug.ts";
import type { Span } from "../support/span.ts";
import { builtins } from "./builtin-calls.ts";
import { report, type Callable, type Frame, type Session } from "./frame.ts";
import { declaredValues } from "./let.ts";
import { otherName, reasonWithout } from "./other-names.ts";
import { Scope, spanOf, type Binding } from "./scope.ts";
import { int, poison, type Value } from "./value.ts";

export type ModuleName = Signature["module"];

export interface Module {
  readonly file: ast.File;
  readonly scope: Scope;
  readonly exports: ReadonlyMap<string, Binding>;
}

/** The frame in which the items of a file are elaborated. */
export const fileFrame = (session: Session, scope: Scope): Frame => ({ session, scope, build: undefined, atTop: false, call: undefined, programs: [] });

/** What is in scope everywhere: ops of the core, built-ins, the number of tiles. */
export function coreScope(calls: ReadonlyMap<string, readonly Callable[]>, tiles: number): Scope {
  const scope = new Scope();
  for (const [call, candidates] of calls) {
    if (candidates.some(({ signature }) => signature.module === "core")) scope.define(call, { kind: "ops", call, module: "core" });
  }
  for (const name of builtins) scope.define(name, { kind: "builtin", name });
  scope.define("tiles", { kind: "value", value: int(tiles), span: { file: "", start: 0, end: 0 }, what: "built-in" });
  return scope;
}

export class Modules {
  readonly #session: Session;
  readonly #core: Scope;
  readonly #resolve: (from: string, specifier: string) => ast.File | undefined;
  readonly #loaded = new Map<string, Module | "loading">();

  constructor(session: Session, core: Scope, resolve: (from: string, specifier: string) => ast.File | undefined) {
    this.#session = session;
    this.#core = core;
    this.#resolve = resolve;
  }

  /** Every module that was loaded. */
  *all(): Iterable<Module> {
    for (const module of this.#loaded.values()) if (module !== "loading") yield module;
  }

  /** The scope and exports of a file; undefined while it is being loaded already: imports in a circle. */
  load(file: ast.File): Module | undefined {
    const known = this.#loaded.get(file.path);
    if (known) return known === "loading" ? undefined : known;
    this.#loaded.set(file.path, "loading");
    const scope = new Scope(this.#surroundings(file));
    const exports = new Map<string, Binding>();
    const frame = fileFrame(this.#session, scope);
    const define = (name: ast.Identifier, binding: Binding, exported: boolean): void => {
      const other = scope.own(name.name);
      if (other) {
        const at = spanOf(other);
        report(frame, "duplicate-name", name.span, `${name.name} is declared twice in this file`, { related: at ? [{ span: at, text: "first here" }] : [] });
        return;
      }
      scope.define(name.name, binding);
      if (exported) exports.set(name.name, binding);
    };
    const graphs = new Map<string, Span>();
    for (const item of file.items) {
      switch (item.kind) {
        case "import": this.#import(frame, file, item, define); break;
        case "const": {
          const force = this.#const(frame, item);
          item.names.forEach((name, k) => define(name, { kind: "lazy", span: name.span, force: () => force()[k]! }, item.exported));
          break;
        }
        case "fn": define(item.name, { kind: "function", declaration: item, scope }, item.exported); break;
        case "vertex": define(item.name, { kind: "vertex", declaration: item, scope }, item.exported); break;
        case "graph": {
          const first = graphs.get(item.name.name);
          if (first) report(frame, "duplicate-name", item.name.span, `the graph ${item.name.name} is declared twice in this file`, { related: [{ span: first, text: "first here" }] });
          graphs.set(item.name.name, item.name.span);
          break;
        }
        default: unreachable(item);
      }
    }
    const module: Module = { file, scope, exports };
    this.#loaded.set(file.path, module);
    return module;
  }

  /** A file of the library sees the ops of its own module without importing itself. */
  #surroundings(file: ast.File): Scope {
    const scope = new Scope(this.#core);
    for (const [call, candidates] of this.#session.calls) {
      if (candidates.some(({ signature }) => signature.module === file.path)) scope.define(call, { kind: "ops", call, module: file.path as ModuleName });
    }
    return scope;
  }

  /** The values of its names, computed when they are first wanted. */
  #const(frame: Frame, item: ast.Const): () => readonly Value[] {
    let state: "new" | "busy" | readonly Value[] = "new";
    return () => {
      if (state === "busy") {
        report(frame, "limit-exceeded", item.names[0]!.span, `the const ${item.names.map(({ name }) => name).join(", ")} depends on itself`);
        return item.names.map(() => poison);
      }
      if (state === "new") {
        state = "busy";
        state = declaredValues(frame, item);
      }
      return state;
    };
  }

  #import(frame: Frame, file: ast.File, item: ast.Import, define: (name: ast.Identifier, binding: Binding, exported: boolean) => void): void {
    const specifier = item.from.value;
    const resolved = this.#resolve(file.path, specifier);
    const ops = new Set<string>();
    for (const [call, candidates] of this.#session.calls) if (candidates.some(({ signature }) => signature.module === specifier)) ops.add(call);
    const module = resolved && this.load(resolved);
    if (resolved && !module) report(frame, "import-cycle", item.from.span, file.path === resolved.path ? `${file.path} imports itself` : `${file.path} and ${resolved.path} import each other in a circle`);
    else if (!resolved && ops.size === 0) {
      report(frame, "unknown-module", item.from.span, `there is no module ${JSON.stringify(specifier)}`, { help: helpForModule(frame, specifier) });
    }
    const known = module !== undefined || (!resolved && ops.size > 0);
    for (const { name, alias } of item.names) {
      const local = alias ?? name;
      const exported = module?.exports.get(name.name);
      if (exported) define(local, exported, false);
      else if (ops.has(name.name)) define(local, { kind: "ops", call: name.name, module: specifier as ModuleName }, false);
      else {
        const help = helpForImport(frame, name.name, module, ops);
        define(local, { kind: "poison" }, false);
        if (!known) continue;
        report(frame, "unknown-name", name.span, `${JSON.stringify(specifier)} has no ${name.name}`, help === undefined ? {} : { help });
      }
    }
  }
}

/** For a module that does not exist: where a path begins, or the library's module that is meant. */
function helpForModule({ session }: Frame, specifier: string): string {
  if (specifier.startsWith(".")) return "paths are relative to the importing file";
  const modules = new Set(session.libraryNames().flatMap((name) => session.moduleOf(name) ?? []));
  const name = specifier.replace(/^std\//, "");
  const meant = [...modules].find((module) => module === `std/${name}`) ?? closest(`std/${name}`, modules);
  return meant === undefined
    ? `the library has ${[...modules].filter((module) => module !== "core" && module !== "std/core").toSorted().join(", ")}; a file's path starts with ./ or ../`
    : `did you mean ${JSON.stringify(meant)}?`;
}

/** For a name that a module has not, or does not export. */
function helpForImport(frame: Frame, name: string, module: Module | undefined, ops: ReadonlySet<string>): string | undefined {
  if (module?.scope.own(name)) return "it is not exported there: write `export` before it";
  const everywhere = frame.scope.lookup(name)?.kind;
  if (everywhere === "ops" || everywhere === "function" || everywhere === "builtin") return `${name} is known without an import`;
  const other = frame.session.moduleOf(name);
  if (other !== undefined) return `import { ${name} } from "${other}";`;
  const [known, reason] = [otherName(name), reasonWithout(name)];
  if (known !== undefined) return `${known} does it`;
  if (reason !== undefined) return reason;
  const meant = closest(name, [...(module?.exports.keys() ?? []), ...ops]);
  return meant === undefined ? undefined : `did you mean ${meant}?`;
}
