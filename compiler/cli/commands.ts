/** Every command, in the order help lists them. Each loads when it is asked for, so that `gph check` never waits for `gph run`. */
import type { Command } from "./command.ts";

interface Entry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<Command>;
}

export const commands: readonly Entry[] = [
  { name: "run", summary: "run a program, from source or compiled", load: async () => (await import("./run.ts")).run },
  { name: "bench", summary: "time a program", load: async () => (await import("./bench.ts")).bench },
  { name: "compile", summary: "write an executable, one .wasm file", load: async () => (await import("./compile.ts")).compile },
  { name: "check", summary: "report every mistake in sources", load: async () => (await import("./check.ts")).check },
  { name: "fmt", summary: "lay out sources in the one style", load: async () => (await import("./fmt.ts")).fmt },
  { name: "print", summary: "show the program as it is after a pass", load: async () => (await import("./print.ts")).print },
  { name: "plan", summary: "show what a program would cost: supersteps, cycles, memory", load: async () => (await import("./plan.ts")).plan },
  { name: "explain", summary: "list every copy the compiler inserted, why, and what would avoid it", load: async () => (await import("./explain.ts")).explain },
  { name: "targets", summary: "list the machines gph compiles for", load: async () => (await import("./targets.ts")).targets },
  { name: "ops", summary: "list what a program can call, with formulas", load: async () => (await import("./ops.ts")).ops },
];

export const findCommand = (name: string): Entry | undefined => commands.find((command) => command.name === name);
