/** Ways out for a file that does not exist: the names that are there. */
import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, extname, join, resolve } from "node:path";
import { closest } from "../support/suggest.ts";

/** Of a folder with more names none is listed. */
const mostNames = 5_000;
const shownNames = 5;

/** The file most likely meant by a path where none is, if one is much like it. */
export function nearestFile(path: string): string | undefined {
  const folder = dirname(path);
  const near = closest(basename(path), namesIn(folder));
  return near === undefined ? undefined : folder === "." ? near : join(folder, near);
}

/** What to do about a path where no file is: a name much like it, the first folder that is missing, or what is there. */
export function wayOut(path: string): string {
  const near = nearestFile(path);
  if (near !== undefined) return `did you mean ${near}?`;
  const folder = dirname(path);
  if (!existsSync(folder)) return `there is no folder ${folder} in ${existing(folder)}`;
  const kind = extname(path);
  const like = namesIn(folder).filter((name) => kind !== "" && name.endsWith(kind)).sort();
  const where = folder === "." ? `the working directory, ${resolve(".")},` : folder;
  if (like.length === 0) return `${where} has no ${kind === "" ? "such" : `*${kind}`} file`;
  return `${where} has ${like.slice(0, shownNames).join(", ")}${like.length > shownNames ? ", …" : ""}`;
}

/** The innermost folder of a path that exists. */
function existing(folder: string): string {
  let at = resolve(folder);
  while (!existsSync(at)) at = dirname(at);
  return at;
}

function namesIn(folder: string): string[] {
  try {
    const names = readdirSync(folder);
    return names.length > mostNames ? [] : names;
  } catch {
    return [];
  }
}
