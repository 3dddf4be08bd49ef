/** The options that say how a source is compiled, shared by every command that compiles: which graph, its parameters, the machine. */
import type { CheckFileOptions } from "../compile.ts";
import { Diagnostics } from "../support/diagnostic.ts";
import { closest } from "../support/suggest.ts";
import type { Target } from "../targets/target.ts";
import { maximumTiles, parseTarget, targets, withTiles } from "../targets/targets.ts";
import type { Arguments, Option } from "./command.ts";
import { SourceErrors, UserError } from "./failure.ts";
import { parseJson, readImport, readSource } from "./files.ts";

export const settingOptions: readonly Option[] = [
  { name: "graph", letter: "g", value: "NAME", summary: "which graph, when the file has several" },
  { name: "set", letter: "s", value: "NAME=VALUE", repeated: true, summary: "value of a graph parameter" },
  { name: "target", letter: "t", value: "NAME|FILE.json", summary: "the machine: a name of `gph targets`, or your own (default wasm)" },
  { name: "tiles", value: "N", summary: "how many tiles it has, fewer or more than the real machine" },
  { name: "strict-math", summary: "round every operation for itself: the same bits on every kind of machine, at some cost" },
  { name: "checked", summary: "check indices of vertices as they run; one that leaves its field ends the run at its line" },
];

/** What `compile` and `checkFile` are told; files are read by the command line's rules. */
export function settingsOf(args: Arguments): CheckFileOptions & { readonly target: Target } {
  const graph = args.value("graph");
  return {
    target: targetOf(args),
    parameters: Object.fromEntries(args.pairs("set")),
    readFile: readImport,
    ...(graph === undefined ? {} : { graph }),
    ...(args.has("checked") ? { checked: true } : {}),
    ...(args.has("strict-math") ? { strictMath: true } : {}),
  };
}

/** The entry is read by the stricter rules of a file the user named; `readFile` then gives its text. */
export function withEntry<T extends { readonly readFile: (path: string) => string | undefined }>(settings: T, path: string, text: string): T {
  return { ...settings, readFile: (asked: string) => (asked === path ? text : settings.readFile(asked)) };
}

function targetOf(args: Arguments): Target {
  const target = namedTarget(args.value("target") ?? "wasm");
  const tiles = args.count("tiles");
  if (tiles === undefined) return target;
  if (tiles > maximumTiles) throw new UserError("bad-tiles", `--tiles ${tiles} is more than the ${maximumTiles.toLocaleString("en")} gph can address`);
  return withTiles(target, tiles);
}

function namedTarget(name: string): Target {
  const known = targets.get(name);
  if (known !== undefined) return known;
  if (name.endsWith(".json") || name.includes("/")) return targetFromFile(name);
  const near = closest(name, targets.keys());
  throw new UserError(
    "unknown-target",
    `there is no target \`${name}\``,
    near === undefined ? `the targets are ${[...targets.keys()].join(", ")}; a file of your own ends in .json` : `did you mean \`${near}\`? \`gph targets\` lists them`,
  );
}

function targetFromFile(path: string): Target {
  const text = readSource(path);
  const problems = new Diagnostics();
  const target = parseTarget(parseJson(path, text), problems);
  if (target === undefined || problems.failed) throw new SourceErrors(problems.list, new Map([[path, text]]));
  return target;
}
