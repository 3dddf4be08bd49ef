/** `gph targets`: the machines by name. */
import process from "node:process";
import type { Target } from "../targets/target.ts";
import { targets as machines } from "../targets/targets.ts";
import { jsonOption, type Arguments, type Command } from "./command.ts";
import { writeJson } from "./report.ts";

export const targets: Command = {
  name: "targets",
  usage: "[--json]",
  summary: "list the machines gph compiles for",
  files: "none",
  options: [jsonOption],
  details: `
A machine of your own is a JSON file with the fields that \`gph targets --json\` prints for these; give it as --target FILE.json.
Cycles of a modelled machine's sync and exchange start are calibration parameters, not published figures.`,
  examples: [{ line: "gph run heat.gph --target ipu-mk2 --in initial=random:1", meaning: "the same program on a modelled machine" }],
  run: targetsCommand,
};

async function targetsCommand(args: Arguments): Promise<number> {
  const all = [...machines.values()];
  if (args.has("json")) {
    writeJson(all);
    return 0;
  }
  const width = Math.max(...all.map((target) => target.name.length));
  process.stdout.write(all.map((target) => `${target.name.padEnd(width)}  ${target.summary}\n${" ".repeat(width)}  ${describe(target)}\n`).join(""));
  return 0;
}

function describe(target: Target): string {
  const memory = target.memory === "shared" ? `${target.bytesPerTile.toLocaleString("en")} bytes shared by all` : `${target.bytesPerTile.toLocaleString("en")} bytes each`;
  return `${target.tiles.toLocaleString("en")} tiles, ${memory}, ${target.clockGHz} GHz`;
}
