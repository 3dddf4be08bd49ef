/** The command line: which command is meant, what it gives back, and what is said when it fails. Commands load lazily. */
import process from "node:process";
import { closest } from "../support/suggest.ts";
import { version } from "../version.ts";
import { parseArguments } from "./command.ts";
import { commands, findCommand } from "./commands.ts";
import { UsageError } from "./failure.ts";
import { ownProcess } from "./process.ts";
import { watchOutput } from "./terminal.ts";

/** What a process does that is nothing but this command; gives its exit code. */
export function start(argv: readonly string[]): Promise<number> {
  watchOutput();
  ownProcess();
  return main(argv);
}

/** Runs one command line and gives the exit code. Never throws. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    return await dispatch(argv);
  } catch (error) {
    const { reportFailure } = await import("./report.ts");
    return await reportFailure(error, argv.includes("--json"));
  }
}

async function dispatch(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === "--help" || name === "-h" || (name === "help" && rest.length === 0)) {
    const { overview } = await import("./help.ts");
    process.stdout.write(overview());
    return 0;
  }
  if (name === "--version" || name === "-V") {
    process.stdout.write(`gph ${version}\n`);
    return 0;
  }
  if (name === "help") return showHelp(rest[0]!);
  const entry = findCommand(name);
  if (entry === undefined) throw unknownCommand(name);
  if (asksForHelp(rest)) return showHelp(name);
  const command = await entry.load();
  return command.run(parseArguments(command, rest));
}

/** `--help` anywhere before `--`. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return args.slice(0, end === -1 ? args.length : end).some((arg) => arg === "--help" || arg === "-h");
}

async function showHelp(name: string): Promise<number> {
  const entry = findCommand(name);
  if (entry === undefined) throw unknownCommand(name);
  const { commandHelp } = await import("./help.ts");
  process.stdout.write(commandHelp(await entry.load()));
  return 0;
}

function unknownCommand(name: string): UsageError {
  if (name.startsWith("-")) return new UsageError(`gph has no option ${name}`, "an option stands after its command: gph run FILE --json");
  const near = closest(name, commands.map((command) => command.name));
  if (near !== undefined) return new UsageError(`gph has no command \`${name}\``, `did you mean \`gph ${near}\`?`);
  const isFile = /\.(gph|wasm)$/.test(name);
  return new UsageError(`gph has no command \`${name}\``, isFile ? `to run the file: gph run ${name}` : `the commands are ${commands.map((command) => command.name).join(", ")}`);
}
