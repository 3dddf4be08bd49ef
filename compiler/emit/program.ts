/** Programs as wasm functions: control flow in wasm, supersteps as calls, syncs as barriers. Every worker runs the same. */
import type { BspProgram, BspStep, Phase } from "../bsp/bsp.ts";
import { unreachable } from "../support/bug.ts";
import type { HostAction, TensorId } from "../tiled/tiled.ts";
import type { Code, Module } from "./binaryen.ts";
import { ControlFunction, type Int } from "./control.ts";
import type { Layout } from "./layout.ts";
import { runsByTile } from "./tile-order.ts";

export interface ProgramServices {
  /** Name of the function that runs a phase. */
  phase(phase: Phase): string;
  /** Index of a host event. */
  event(action: HostAction, step: Extract<BspStep, { kind: "host" }>): number;
  /** Where to count how often a step runs; undefined where that is not asked for. */
  counter(step: BspStep): number | undefined;
}

export function emitProgram(module: Module, layout: Layout, program: BspProgram, name: string, services: ProgramServices): void {
  new ProgramEmitter(module, layout, services).emit(program.steps, name);
}

class ProgramEmitter {
  readonly #module: Module;
  readonly #layout: Layout;
  readonly #services: ProgramServices;
  readonly #f: ControlFunction;

  constructor(module: Module, layout: Layout, services: ProgramServices) {
    this.#module = module;
    this.#layout = layout;
    this.#services = services;
    this.#f = new ControlFunction(module);
  }

  emit(steps: readonly BspStep[], name: string): void {
    // Not what a run that ended early, or a transfer, has left.
    this.#onOwnTiles();
    this.#steps(steps);
    this.#f.finish(name);
  }

  #steps(steps: readonly BspStep[]): void {
    for (const step of steps) this.#step(step);
  }

  #barrier(): void {
    this.#f.call("$barrier");
  }

  /** A scalar that every worker reads: bool as one byte, i32. */
  #read(tensor: TensorId): Code {
    const { i32 } = this.#module;
    const address = this.#f.code(this.#layout.scalar(this.#f, tensor));
    return this.#layout.tensor(tensor).type.dtype === "bool" ? i32.load8_u(0, 1, address) : i32.load(0, 4, address);
  }

  /** Worker 0 counts for all. */
  #countStep(step: BspStep): void {
    const address = this.#services.counter(step);
    if (address === undefined) return;
    const { i32, i64 } = this.#module;
    const at = (): Code => i32.const(address | 0);
    this.#f.if(i32.eqz(this.#f.code(this.#f.global("worker"))), () => this.#f.emit(i64.store(0, 8, at(), i64.add(i64.load(0, 8, at()), i64.const(1n)))));
  }

  #phases(phases: readonly Phase[]): void {
    const all = (): void => phases.forEach((phase) => this.#f.call(this.#services.phase(phase)));
    if (runsByTile(phases, this.#layout)) this.#eachTile(all);
    else all();
  }

  /** Makes each of the worker's tiles its only one for a while. */
  #eachTile(body: () => void): void {
    const f = this.#f;
    f.loop(f.global("ownBegin"), f.global("ownEnd"), 1, (tile) => {
      this.#onTiles(tile, f.add(tile, 1));
      body();
    });
    this.#onOwnTiles();
  }

  #onOwnTiles(): void {
    this.#onTiles(this.#f.global("ownBegin"), this.#f.global("ownEnd"));
  }

  /** What follows runs on the tiles from `begin` up to `end`. */
  #onTiles(begin: Int, end: Int): void {
    const { global } = this.#module;
    this.#f.emit(global.set("begin", this.#f.code(begin)));
    this.#f.emit(global.set("end", this.#f.code(end)));
  }

  #step(step: BspStep): void {
    const f = this.#f;
    const { i32 } = this.#module;
    this.#countStep(step);
    switch (step.kind) {
      case "superstep":
        this.#phases(step.phases);
        if (step.sync) this.#barrier();
        return;
      case "repeat": {
        const left = f.variable();
        if (step.counted === "constant") f.set(left, step.count);
        else f.emit(this.#module.local.set(left.index, this.#read(step.count)));
        f.while(() => i32.gt_s(f.code(left.value), i32.const(0)), () => {
          this.#steps(step.body);
          f.set(left, f.sub(left.value, 1));
        });
        return;
      }
      case "while": {
        // while (before; condition) body
        const going = f.variable();
        f.set(going, 1);
        f.while(() => f.code(going.value), () => {
          this.#steps(step.before);
          f.emit(this.#module.local.set(going.index, this.#read(step.condition)));
          f.if(f.code(going.value), () => this.#steps(step.body));
        });
        return;
      }
      case "if":
        return f.if(this.#read(step.condition), () => this.#steps(step.then), () => this.#steps(step.otherwise));
      case "switch": {
        const subject = f.variable();
        f.emit(this.#module.local.set(subject.index, this.#read(step.subject)));
        // One after the other, not nested: a switch may have thousands of cases.
        const taken = f.variable();
        f.set(taken, 0);
        step.cases.forEach((value, i) => f.if(i32.eq(f.code(subject.value), i32.const(value)), () => {
          f.set(taken, 1);
          this.#steps(step.bodies[i]!);
        }));
        if (step.otherwise.length > 0) f.if(i32.eqz(f.code(taken.value)), () => this.#steps(step.otherwise));
        return;
      }
      case "host": {
        this.#barrier();
        const worker = i32.eqz(f.code(f.global("worker")));
        const told = step.event.kind === "assert" || step.event.kind === "outside" ? i32.and(worker, i32.eqz(this.#read(step.event.condition))) : worker;
        f.if(told, () => f.call("host", this.#services.event(step.event, step)));
        return this.#barrier();
      }
      default: return unreachable(step);
    }
  }
}
