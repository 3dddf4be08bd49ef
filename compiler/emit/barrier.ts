/**
 * The barrier at which the workers of a program meet between supersteps, as a function of the module.
 *
 * A central counter with sense reversal (Mellor-Crummey and Scott, "Algorithms for Scalable Synchronization on
 * Shared-Memory Multiprocessors", 1991, section 3.1): the sense is a generation number, which the last to arrive increments.
 * The others spin on it for a while and then sleep.
 *
 * A worker that cannot go on stores `control.abort`, increments the generation and wakes the sleepers (runtime/mailbox.ts).
 * Nobody can be left behind: a worker reads the generation before it looks at `abort`. If it read the one from before the
 * stop, it will see it change; if it read the one from after, it sees `abort`. Both ends leave by a trap. With one worker
 * there is nobody to wait for, but the host can stop it here all the same.
 */
import { control } from "../../runtime/executable.ts";
import type { Code, Module } from "./binaryen.ts";
import { loadedBinaryen } from "./binaryen.ts";

/** Names that no function of a user can have. The globals are i32 and mutable, and set by `start`. */
const barrierNames = { function: "$barrier", workers: "$workers", spin: "$spin" } as const;

const everyone = -1;
const forever = -1n;

/** Adds `$barrier: () → ()`. The module has the globals `$workers` and `$spin`, a shared memory, and atomics among its features. */
export function emitBarrier(module: Module): void {
  const { i32, none } = loadedBinaryen();
  const generation = 0;
  const turns = 1;
  const constant = (value: number): Code => module.i32.const(value);
  const word = (address: number): Code => module.i32.atomic.load(0, constant(address));
  const local = (index: number): Code => module.local.get(index, i32);
  const workers = (): Code => module.global.get(barrierNames.workers, i32);
  const leaveIfStopped = (): Code => module.if(word(control.abort), module.unreachable());
  const changed = (): Code => module.i32.ne(word(control.barrierGeneration), local(generation));

  const release = module.block(null, [
    module.i32.atomic.store(0, constant(control.barrierCount), constant(0)),
    module.drop(module.i32.atomic.rmw.add(0, constant(control.barrierGeneration), constant(1))),
    module.drop(module.memory.atomic.notify(constant(control.barrierGeneration), constant(everyone))),
  ]);
  const spin = module.block(null, [
    module.local.set(turns, module.global.get(barrierNames.spin, i32)),
    module.loop("spin", module.block(null, [
      module.br_if("released", changed()),
      module.br_if("spin", module.i32.gt_s(module.local.tee(turns, module.i32.sub(local(turns), constant(1)), i32), constant(0))),
    ])),
  ]);
  const sleep = module.loop("sleep", module.block(null, [
    module.drop(module.memory.atomic.wait32(constant(control.barrierGeneration), local(generation), module.i64.const(forever))),
    module.br_if("sleep", module.i32.eqz(changed())),
  ]));

  module.addFunction(barrierNames.function, none, none, [i32, i32], module.block(null, [
    module.if(module.i32.eq(workers(), constant(1)), module.block(null, [leaveIfStopped(), module.return()])),
    module.local.set(generation, word(control.barrierGeneration)),
    leaveIfStopped(),
    module.if(
      module.i32.eq(module.i32.add(module.i32.atomic.rmw.add(0, constant(control.barrierCount), constant(1)), constant(1)), workers()),
      release,
      module.block("released", [spin, sleep]),
    ),
    leaveIfStopped(),
  ]));
}
