/** A report as tables for people: totals, the tree of steps with their lines, and the memory of the fullest tile. */
import { unreachable } from "../../support/bug.ts";
import { lineOf, type Place } from "./places.ts";
import type { MemoryReport, ProgramReport, Report, StepReport, SuperstepReport } from "./report.ts";
import { columns, duration, excerpt, percent, plural, sparkline, whole } from "./text.ts";

const sourceWidth = 48;
/** Tensors of the fullest tile that are shown. */
const shownTensors = 10;

export function reportTables(report: Report): string {
  const lines = [title(report)];
  const { run } = report;
  if (run !== undefined) lines.push(`ran ${run.program} ${plural(run.runs, "time")} with ${plural(run.workers, "worker")} here in ${duration(run.seconds)}; the figures below are of the machine ${report.target.name}`);
  for (const program of report.programs) lines.push("", ...programTables(program, report));
  lines.push(...loopTables(report), "", ...memoryTables(report));
  if (report.modelled) lines.push("", "Cycles are of a model: its figures for sync, exchange start and instructions are parameters, not measurements.");
  return `${lines.join("\n")}\n`;
}

function title({ kind, graph, target, modelled, tiles }: Report): string {
  const machine = modelled ? `${plural(target.tiles, "tile")}${tiles < target.tiles ? `, ${whole(tiles)} of them used,` : ""} of ${plural(target.threadsPerTile, "thread")}, ${target.clockGHz} GHz` : `${plural(target.tiles, "tile")} over one memory`;
  return `${kind} of ${graph} on ${target.name} (${machine})`;
}

function programTables(program: ProgramReport, { modelled, kind }: Report): string[] {
  const { totals, name, place } = program;
  const lines = [`program ${name}  ${lineOf(place)}`.trimEnd(), `  ${plural(totals.supersteps, "superstep")}, ${plural(totals.syncs, "sync")}${modelled ? `, ${whole(totals.bytes)} bytes exchanged, ${whole(totals.hostBytes)} to or from the host` : ""}`];
  if (totals.cycles !== undefined) {
    const { total, compute, exchange, sync } = totals.cycles;
    lines.push(`  ${whole(total)} cycles, ${duration(totals.seconds!)}: compute ${share(compute, total)}, exchange ${share(exchange, total)}, sync ${share(sync, total)}; tiles balanced to ${percent(totals.balance!)}`);
  }
  if (totals.assumed) lines.push(`  some numbers of iterations are not known when compiling: ${kind === "plan" ? "a loop that data decides counts once, the dearest branch counts, and " : ""}${kind === "plan" ? "" : "where they were not counted, "}cycles with ~ rest on a guess of how often a loop inside a vertex runs`);
  const total = totals.cycles?.total ?? 0;
  const heading = modelled ? ["step", "times", "compute", "exchange", "sync", "share", "balance", "bytes", "line", ""] : ["step", "times", "syncs", "line", ""];
  const rows = [heading, ...program.steps.flatMap((step) => stepRows(step, 0, modelled, total))];
  const right = new Set(heading.flatMap((_, c) => (c > 0 && c < heading.length - 2 ? [c] : [])));
  return [...lines, "", ...columns(rows, right).map((line) => `  ${line}`)];
}

/** Loops inside vertices, as counted. */
function loopTables({ loops = [], modelled }: Report): string[] {
  if (loops.length === 0) return [];
  const rows = loops.map(({ place, kernel, entries, rounds }) => [excerpt(kernel, 24), whole(entries), whole(rounds), (rounds / entries).toFixed(1), ...where(place)]);
  const title = `loops inside vertices, counted${modelled ? ": cycles are worked out from the mean of all vertices" : ""}`;
  return ["", title, ...columns([["kernel", "began", "rounds", "mean", "line", ""], ...rows], new Set([1, 2, 3])).map((line) => `  ${line}`)];
}

const share = (part: number, total: number): string => (total === 0 ? "0 %" : percent(part / total));

function stepRows(step: StepReport, depth: number, modelled: boolean, total: number): string[][] {
  const indent = "  ".repeat(depth);
  switch (step.kind) {
    case "superstep": return [superstepRow(step, indent, modelled, total), ...setRows(step, indent, modelled)];
    case "host": return [[`${indent}host: ${step.what}`, whole(step.executions), ...blanks(modelled), ...where(step.place)]];
    case "repeat": case "while": case "if": case "switch": {
      const [only, ...others] = step.blocks;
      const head = `${indent}${step.kind}${step.count === undefined ? "" : ` ${whole(step.count)}`}`;
      const rows = [[head, whole(step.executions), ...blanks(modelled), ...where(step.place)]];
      if (others.length === 0) return [...rows, ...only!.steps.flatMap((inner) => stepRows(inner, depth + 1, modelled, total))];
      for (const { label, steps } of step.blocks) {
        if (steps.length > 0) rows.push([`${indent}  ${label}`], ...steps.flatMap((inner) => stepRows(inner, depth + 2, modelled, total)));
      }
      return rows;
    }
    default: return unreachable(step);
  }
}

const blanks = (modelled: boolean): string[] => new Array<string>(modelled ? 6 : 1).fill("");
const where = (place: Place): string[] => [lineOf(place), excerpt(place.source, sourceWidth)];
const some = (value: number): string => (value === 0 ? "-" : whole(value));

function superstepRow(step: SuperstepReport, indent: string, modelled: boolean, total: number): string[] {
  const parts = step.parts.map((part) => (part.kind === "exchange" ? moves(part) : part.sets.map((set) => set.name).join(" + ")));
  const label = `${indent}${excerpt(parts.length === 0 ? "sync only" : parts.join(", "), 44)}`;
  const { cycles } = step;
  if (!modelled || cycles === undefined) return [label, whole(step.executions), some(step.syncs), ...where(step.place)];
  const computed = step.parts.filter((part) => part.kind === "compute");
  const mean = computed.reduce((sum, part) => sum + (part.meanCycles ?? 0), 0);
  return [
    label, whole(step.executions), `${computed.some(({ guessed }) => guessed) ? "~" : ""}${some(cycles.compute)}`, some(cycles.exchange), some(cycles.sync), share(cycles.total * step.executions, total),
    cycles.compute === 0 ? "-" : percent(mean / cycles.compute), some(step.bytes), ...where(step.place),
  ];
}

/** What an exchange does: between tiles, with the host, or only within tiles. */
const moves = ({ bytes, hostBytes }: { readonly bytes: number; readonly hostBytes: number }): string => (bytes > 0 ? "exchange" : hostBytes > 0 ? "host" : "move");

/** The compute sets of a superstep, where they come from several lines. */
function setRows(step: SuperstepReport, indent: string, modelled: boolean): string[][] {
  const sets = step.parts.flatMap((part) => (part.kind === "compute" ? part.sets : []));
  if (new Set(sets.flatMap(({ place, also = [] }) => [place, ...also]).map(({ file, line }) => `${file}:${line}`)).size < 2) return [];
  return sets.flatMap(({ name, cycles, place, also = [] }) => [
    [`${indent}  · ${excerpt(name, 40)}`, "", ...(modelled ? [some(cycles ?? 0), "", "", "", "", ""] : [""]), ...where(place)],
    ...also.map((other) => [`${indent}    with`, "", ...blanks(modelled).slice(1), "", ...where(other)]),
  ]);
}

function memoryTables({ memory, modelled }: Report): string[] {
  const lines = [memoryLine(memory, modelled)];
  const { fullest } = memory;
  if (modelled) lines.push(`  fullest is tile ${fullest.tile}: ${whole(fullest.bytes)} bytes at once, ${whole(fullest.keptBytes)} of them kept from run to run`);
  else lines.push(`  ${whole(fullest.bytes)} bytes at once, ${whole(fullest.keptBytes)} of them kept from run to run`);
  for (const { program, moments } of memory.overTime) if (moments.length > 1) lines.push(`  ${program} over time  ${sparkline(moments.map(({ bytes }) => bytes))}`);
  const shown = fullest.tensors.slice(0, shownTensors);
  const beside = [["code of its vertices", fullest.codeBytes, "kept"], ["tables of vertices and exchanges", fullest.tableBytes, "kept"], ["between tensors, which are aligned", fullest.alignmentBytes, ""]] as const;
  const rows: string[][] = shown.map(({ name, type, pieces, bytes, kept, place }) => [
    whole(bytes), percent(fullest.bytes === 0 ? 0 : bytes / fullest.bytes), excerpt(`${name}: ${type}${pieces > 1 ? ` +${pieces - 1}` : ""}`, 48), kept ? "kept" : "", lineOf(place), excerpt(place.source, sourceWidth),
  ]);
  for (const [what, bytes, kept] of beside) if (bytes > 0) rows.push([whole(bytes), percent(bytes / fullest.bytes), what, kept, "", ""]);
  if (rows.length > 0) lines.push("", ...columns([["bytes", "share", modelled ? `on tile ${fullest.tile}, at its fullest` : "at the fullest moment", "", "line", ""], ...rows], new Set([0, 1])).map((line) => `  ${line}`));
  const left = fullest.tensors.length - shown.length;
  if (left > 0) lines.push(`  and ${left} more: ${whole(fullest.tensors.slice(shownTensors).reduce((sum, { bytes }) => sum + bytes, 0))} bytes`);
  return lines;
}

function memoryLine({ planned, capacity, fits }: MemoryReport, modelled: boolean): string {
  const place = modelled ? " on each tile" : "";
  return `memory${place}: ${planned === undefined ? "no plan fits into" : `${whole(planned)} of`} ${whole(capacity)} bytes${fits && modelled ? " (an address is the same on all tiles)" : ""}`;
}
