/** `npm run generate`: writes the documents that are made from the code, and the output of every command that a document shows. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { documentNow, documentPaths } from "./documents/documents.ts";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
for (const path of documentPaths()) {
  const text = await documentNow(path);
  const changed = !existsSync(path) || readFileSync(path, "utf8") !== text;
  if (changed) writeFileSync(path, text);
  console.log(`${changed ? "written" : "as it was"}  ${path}`);
}
