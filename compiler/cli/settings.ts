/** What the options of `setting-options.ts` mean: which graph, its parameters, the machine. */
import type { CheckFileOptions } from "../compile.ts";
import { Diagnostics } from "../support/diagnostic.ts";
import { closest } from "../support/suggest.ts";
import type { Target } from "../targets/target.ts";
import { maximumTiles, parseTarget, targets, withTiles } from "../targets/targets.ts";
import type { Arguments } from "./command.ts";
import { SourceErrors, UserError } from "./failure.ts";
import { parseJson, readImport, readSource } from "./files.ts";

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
  if (target === undefined || problems.failed) {
    throw new SourceErrors(problems.list.map((one) => ({ ...one, message: `${path}: ${one.message}` })), new Map([[path, text]]));
  }
  return target;
}
