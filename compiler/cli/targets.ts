/** `gph targets`: the machines by name. */
import process from "node:process";
import type { Target } from "../targets/target.ts";
import { targets as machines } from "../targets/targets.ts";
import { columns, whole } from "../bsp/report/text.ts";
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
Cycles of a modelled machine's sync and exchange start are calibration parameters, not published figures. What a program would
cost on one: \`gph plan FILE.gph --target NAME\`.`,
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
  process.stdout.write(all.map((target) => `${target.name.padEnd(width)}  ${target.summary}\n`).join(""));
  const rows = [["", ...all.map(({ name }) => name)], ...figures.map(({ label, of }) => [label, ...all.map(of)])];
  process.stdout.write(`\n${columns(rows, new Set(all.map((_, machine) => machine + 1))).join("\n")}\n\n* a parameter of the model, not a published figure\n`);
  return 0;
}

const shared = ({ memory }: Target): boolean => memory === "shared";

/** What is told of a machine, one line each. */
const figures: readonly { readonly label: string; of(target: Target): string }[] = [
  { label: "tiles", of: ({ tiles }) => whole(tiles) },
  { label: "bytes of memory per tile", of: (target) => (shared(target) ? "-" : whole(target.bytesPerTile)) },
  { label: "bytes of memory in all", of: (target) => whole(shared(target) ? target.bytesPerTile : target.bytesPerTile * target.tiles) },
  { label: "clock, GHz", of: ({ clockGHz }) => String(clockGHz) },
  { label: "threads per tile", of: ({ threadsPerTile }) => whole(threadsPerTile) },
  { label: "multiply-adds per cycle and tile, f16", of: ({ macsPerCycle }) => whole(macsPerCycle.f16) },
  { label: "multiply-adds per cycle and tile, f32", of: ({ macsPerCycle }) => whole(macsPerCycle.f32) },
  { label: "exchange, bytes per cycle into a tile", of: (target) => (shared(target) ? "-" : whole(target.exchange.bytesPerCycle)) },
  { label: "exchange, cycles to start *", of: (target) => (shared(target) ? "-" : whole(target.exchange.startCycles)) },
  { label: "sync, cycles *", of: ({ syncCycles }) => whole(syncCycles) },
  { label: "chips", of: ({ chips }) => whole(chips?.count ?? 1) },
  { label: "between chips, bytes per cycle into one", of: ({ chips }) => (chips === undefined ? "-" : whole(chips.bytesPerCycle)) },
];
