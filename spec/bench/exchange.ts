/**
 * How long exchange schedules are, over the length that none can be shorter than (the busiest tile's bytes in or out), and how
 * long it takes to make them: the exchanges that programs make, on 16 to 1,472 tiles of the modelled mk2. Up to 256 tiles
 * every schedule is executed by the simulator, which refuses illegal ones. Lengths are the same every time; times are of this
 * machine now.
 *
 *   node spec/bench/exchange.ts [part of a pattern's name]
 *   node spec/bench/exchange.ts programs [most receipts]     the exchanges of the nine programs instead, none left out for time
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { loadsOf, schedule, simulate, transfersOf, type Transfers } from "../../compiler/bsp/exchange/index.ts";
import { patterns } from "../../compiler/bsp/testing/exchange-patterns.ts";
import { forEachStep } from "../../compiler/bsp/steps.ts";
import { planFile } from "../../compiler/index.ts";
import { librarySource } from "../../compiler/std/library.ts";
import { target } from "../../compiler/targets/targets.ts";import { ninePrograms } from "./programs.ts";



const sizes = [16, 64, 256, 1_472];
const mostSimulated = 256;
const machine = target("ipu-mk2");
const wanted = process.argv[2] ?? "";

/** Every different exchange of each program: its schedule over the bound, and what binds. */
function programExchanges(mostReceipts: number): void {
  console.log("program, exchange: receipts, cycles / bound = ratio; receivers busy on average, senders that must multicast; time");
  for (const [name, path] of ninePrograms) {
    const { plan } = planFile(path, { target: machine, readFile: (file) => librarySource(file) ?? readFileSync(new URL(`../../${file}`, import.meta.url), "utf8") });
    const seen = new Set<string>();
    for (const { steps } of plan?.bsp.programs ?? []) {
      forEachStep(steps, (step) => {
        if (step.kind !== "superstep") return;
        for (const phase of step.phases) {
          if (phase.kind !== "exchange") continue;
          const transfers = transfersOf(plan!.bsp.tiled, phase.copies);
          const loads = loadsOf(transfers);
          const key = `${transfers.to.length} ${loads.total} ${loads.busiest.tile} ${loads.busiest.bytesIn} ${loads.busiest.bytesOut}`;
          if (transfers.to.length === 0 || seen.has(key)) continue;
          seen.add(key);
          const head = `${name}, ${phase.copies[0]!.cause}: ${transfers.to.length} receipts`;
          if (transfers.to.length > mostReceipts) console.log(`${head}, not scheduled`);
          else console.log(`${head}, ${measured(transfers, loads)}`);
        }
      });
    }
  }
}

function measured(transfers: Transfers, loads: ReturnType<typeof loadsOf>): string {
  const start = performance.now();
  const { cycles, boundCycles, streams } = schedule(transfers, machine);
  const time = performance.now() - start;
  const most = Math.max(loads.busiest.bytesIn, loads.busiest.bytesOut);
  // What a sender would send if it told every receiver alone.
  const alone = new Float64Array(transfers.tiles);
  for (let s = 0; s < streams.count; s++) alone[streams.from[s]!]! += streams.bytes[s]! * (streams.start[s + 1]! - streams.start[s]!);
  return `${cycles} / ${boundCycles} = ${(cycles / boundCycles).toFixed(3)}; ${((100 * loads.total) / transfers.tiles / most).toFixed(0)} %, ${alone.filter((bytes) => bytes > most).length}; ${time.toFixed(0)} ms`;
}

if (wanted === "programs") {
  programExchanges(Number(process.argv[3] ?? 200_000));
  process.exit();
}

console.log("pattern, tiles: receipts, cycles / bound = ratio, messages; time");
for (const { name, mostTiles, make } of patterns.filter((pattern) => pattern.name.includes(wanted))) {
  for (const tiles of sizes.filter((size) => size <= mostTiles)) {
    const transfers = make(tiles, 1);
    const start = performance.now();
    const made = schedule(transfers, machine);
    const time = performance.now() - start;
    if (tiles <= mostSimulated) {
      const result = simulate(transfers, made, machine);
      if (!result.legal) throw new Error(`${name} on ${tiles} tiles: ${result.problem}`);
    }
    console.log(`${name}, ${tiles}: ${transfers.to.length} receipts, ${made.cycles} / ${made.boundCycles} = ${(made.cycles / made.boundCycles).toFixed(4)}, ${made.messages.count} messages; ${time.toFixed(0)} ms`);
  }
}
