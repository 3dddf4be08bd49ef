/** The documents that are generated, in whole or in their transcripts: what each should be now. */
import { globSync, readFileSync } from "node:fs";
import { builderLibrary, builderLibraryIndex, builderModules } from "./builder-library.ts";
import { diagnosticsDocument } from "./diagnostics.ts";
import { opsDocument } from "./ops.ts";
import { refreshTranscripts } from "./transcripts.ts";

/** Written from tables of the code. */
const generated: { readonly [path: string]: () => string } = {
  "spec/ops.md": opsDocument,
  "spec/diagnostics.md": diagnosticsDocument,
};

/** Code that is written from the same tables; it says so itself. */
const code: { readonly [path: string]: () => string } = {
  "compiler/builder/library/index.ts": builderLibraryIndex,
  ...Object.fromEntries(builderModules().map((module) => [`compiler/builder/library/${module}.ts`, () => builderLibrary(module)])),
};

const notice = (text: string): string => `<!-- Written by \`npm run generate\`; change what it is made from instead. -->\n\n${text}`;

/** Paths from the root of the project, which must be the working directory. */
export const documentPaths = (): readonly string[] => [...new Set([...Object.keys(generated), ...Object.keys(code), ...globSync(["*.md", "spec/*.md"])])].sort();

/** What a document should be now. Of documents written by people only the output of commands in them is made. */
export function documentNow(path: string): Promise<string> {
  if (code[path]) return Promise.resolve(code[path]());
  const make = generated[path];
  return refreshTranscripts(make === undefined ? readFileSync(path, "utf8") : notice(make()));
}
