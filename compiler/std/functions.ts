/** The functions of the library that are written in .gph, described from their own source: `gph ops` and spec/ops.md list them. */
import { invariant } from "../support/bug.ts";
import { Diagnostics } from "../support/diagnostic.ts";
import { parse } from "../syntax/parse.ts";
import { libraryModules, librarySource } from "./library.ts";

export interface LibraryFunction {
  /** Where it is imported from; "core": in scope everywhere. */
  readonly module: string;
  readonly name: string;
  /** As it is called: `leaky_relu(x, slope = 0.01)`. */
  readonly call: string;
  /** As it is declared, on one line: `relu<T: float, ...s>(x: T[...s]) -> T[...s]`. */
  readonly header: string;
  /** Its doc comment. */
  readonly doc: string;
}

/** What each module exports, in the order of its file. */
export function libraryFunctions(): readonly LibraryFunction[] {
  return libraryModules().flatMap((module) => {
    const source = librarySource(module)!;
    const mistakes = new Diagnostics();
    const { items } = parse(module, source, mistakes);
    invariant(!mistakes.failed, () => `${module} does not parse`);
    return items.flatMap((item) => {
      if (item.kind !== "fn" || !item.exported) return [];
      const header = source.slice(item.name.span.start, item.result.span.end).replace(/\s+/g, " ").replace(/, \)/g, ")").replaceAll("( ", "(");
      const parameters = item.parameters.map(({ name, default: value }) => (value === undefined ? name.name : `${name.name} = ${source.slice(value.span.start, value.span.end)}`));
      return [{ call: `${item.name.name}(${parameters.join(", ")})`, module: module === "std/core" ? "core" : module, name: item.name.name, header, doc: item.doc ?? "" }];
    });
  });
}
