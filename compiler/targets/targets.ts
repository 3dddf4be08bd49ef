/** Machines by name; what the rest of the compiler imports. A user's own comes from a JSON file through `parseTarget`. */
import { invariant } from "../support/bug.ts";
import { machines } from "./machines.ts";
import type { Target } from "./target.ts";

export { maximumTiles, parseTarget } from "./parse-target.ts";

export const targets: ReadonlyMap<string, Target> = new Map(machines.map((machine) => [machine.name, machine]));

/** A machine that is known to exist; a name from outside is looked up in `targets`. */
export function target(name: string): Target {
  const machine = targets.get(name);
  invariant(machine, () => `no target is named ${name}`);
  return machine;
}

/** The same machine with another number of tiles, at least 1. */
export function withTiles(machine: Target, tiles: number): Target {
  invariant(Number.isInteger(tiles) && tiles >= 1, () => `a machine with ${tiles} tiles`);
  return { ...machine, tiles };
}
