/**
 * How long exchange schedules are, over the length that none can be shorter than (the busiest tile's bytes in or out), and how
 * long it takes to make them: the exchanges that programs make, on 16 to 1,472 tiles of the modelled mk2. Up to 256 tiles
 * every schedule is executed by the simulator, which refuses illegal ones. Lengths are the same every time; times are of this
 * machine now.
 *
 *   node spec/bench/exchange.ts [part of a pattern's name]
 */
import process from "node:process";
import { schedule, simulate } from "../../compiler/bsp/exchange/index.ts";
import { patterns } from "../../compiler/bsp/exchange/patterns.ts";
import { target } from "../../compiler/targets/targets.ts";

const sizes = [16, 64, 256, 1_472];
const mostSimulated = 256;
const machine = target("ipu-mk2");
const wanted = process.argv[2] ?? "";

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
