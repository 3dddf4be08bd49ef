/** The library that ships with the compiler: modules written in .gph, beside this file, imported as `std/NAME`. */
import { readdirSync, readFileSync } from "node:fs";

const folder = new URL("./", import.meta.url);

/** Names of the modules that have a .gph file: "std/nn", … */
export const libraryModules = (): string[] => readdirSync(folder).filter((file) => file.endsWith(".gph")).map((file) => `std/${file.slice(0, -4)}`).sort();

/** Text of `std/NAME`; undefined when there is no such file. */
export function librarySource(module: string): string | undefined {
  const name = /^std\/([a-z][a-z0-9_]*)$/.exec(module)?.[1];
  if (name === undefined) return undefined;
  try {
    return readFileSync(new URL(`${name}.gph`, folder), "utf8");
  } catch {
    return undefined;
  }
}
