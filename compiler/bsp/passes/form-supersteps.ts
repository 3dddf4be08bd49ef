/**
 * form-supersteps: tiled → bsp. Walks the steps in order and puts a sync only where one tile's work could meet another's:
 * between two accesses to the same part of a tensor of which one writes and at least one may touch what another tile owns, unless
 * one tile alone does both. Everything between two syncs is one superstep. Bodies of loops and branches are built once, on their own; whether to wait before them
 * or between iterations follows from what they touch first and last. Needs fields that say truthfully whether they are local.
 */
import { unreachable } from "../../support/bug.ts";
import type { Pass } from "../../support/pass.ts";
import { nowhere } from "../../support/span.ts";
import { rootOf, type Step, type TensorId, type TiledGraph, type TiledProgram } from "../../tiled/tiled.ts";
import { accessesOf, Pending } from "../accesses.ts";
import type { BspGraph, BspProgram, BspStep, Phase } from "../bsp.ts";

export const formSupersteps: Pass<TiledGraph, BspGraph> = {
  name: "form-supersteps",
  summary: "groups steps into supersteps, with a sync only where tiles meet",
  run: (tiled) => ({
    tiled,
    programs: tiled.programs.map((program) => formProgram(tiled, program)),
    initial: formProgram(tiled, tiled.initial),
    ...(tiled.prepare ? { prepare: formProgram(tiled, tiled.prepare) } : {}),
  }),
};

function formProgram(tiled: TiledGraph, program: TiledProgram): BspProgram {
  const sequence = new Sequence(tiled);
  const steps = sequence.fill(() => sequence.steps(program.steps));
  return { name: program.name, steps, reads: program.reads, writes: program.writes, origin: program.origin };
}

/** What the steps around need to know of some steps that were built on their own. */
interface Passage {
  /** Accesses that may happen before the first sync of these steps. */
  readonly entry: Pending;
  /** Accesses that may still be going on when they have ended. */
  readonly exit: Pending;
  /** Whether there may be no sync from their beginning to their end. */
  readonly open: boolean;
}

/** Builds one sequence of steps, without regard to what goes on when it begins; `entry` tells those around whether to wait. */
class Sequence {
  readonly #tiled: TiledGraph;
  #phases: Phase[] = [];
  #out: BspStep[] = [];
  readonly #entry = new Pending();
  /** Accesses not yet synced at this point. */
  #pending = new Pending();
  #open = true;

  constructor(tiled: TiledGraph) {
    this.#tiled = tiled;
  }

  /** Collects what `build` adds into a list of its own; what is pending carries on. */
  fill(build: () => void): BspStep[] {
    this.#flush(false);
    const outer = this.#out;
    this.#out = [];
    build();
    this.#flush(false);
    const made = this.#out;
    this.#out = outer;
    return made;
  }

  /** The passage from the beginning to this point. */
  passage(): Passage {
    const exit = new Pending();
    exit.addAll(this.#pending);
    return { entry: this.#entry, exit, open: this.#open };
  }

  steps(steps: readonly Step[]): void {
    for (const step of steps) this.#step(step);
  }

  #flush(sync: boolean): void {
    const origin = this.#phases[0] ? (this.#phases[0].kind === "compute" ? this.#phases[0].set.origin : this.#phases[0].origin) : undefined;
    if (this.#phases.length > 0) this.#out.push({ kind: "superstep", phases: this.#phases, sync, origin: origin! });
    else if (sync) this.#out.push({ kind: "superstep", phases: [], sync: true, origin: nowhere });
    this.#phases = [];
  }

  #sync(): void {
    const last = this.#out.at(-1);
    if (this.#phases.length === 0 && last?.kind === "superstep") this.#out[this.#out.length - 1] = { ...last, sync: true };
    else this.#flush(true);
    this.#synced();
  }

  #synced(): void {
    this.#pending = new Pending();
    this.#open = false;
  }

  /** Syncs first if `accesses` could meet what is pending. */
  #enter(accesses: Pending): void {
    if (this.#pending.conflicts(accesses)) this.#sync();
    if (this.#open) this.#entry.addAll(accesses);
  }

  #access(accesses: Pending): void {
    this.#enter(accesses);
    this.#pending.addAll(accesses);
  }

  #readByAll(tensor: TensorId): void {
    const accesses = new Pending();
    accesses.add(rootOf(this.#tiled.tensors, tensor), { read: 2, write: 0, tile: undefined, box: undefined });
    this.#access(accesses);
  }

  #phase(phase: Phase): void {
    this.#access(accessesOf(this.#tiled, phase));
    this.#phases.push(phase);
  }

  #step(step: Step): void {
    switch (step.kind) {
      case "compute": return this.#phase({ kind: "compute", set: step.set });
      case "copy": return this.#phase({ kind: "exchange", copies: step.copies, origin: step.origin });
      case "host":
        // Everyone waits before and after.
        this.#flush(false);
        this.#out.push(step);
        this.#synced();
        return;
      case "repeat": {
        if (step.counted === "tensor") this.#readByAll(step.count);
        const inner = new Sequence(this.#tiled);
        const body = inner.fill(() => inner.steps(step.body));
        const iteration = inner.passage();
        const again = iteration.exit.conflicts(iteration.entry);
        const certain = step.counted === "constant" && step.count > 0;
        this.#pass([{ entry: iteration.entry, exit: again ? new Pending() : iteration.exit, open: !certain || (iteration.open && !again) }]);
        this.#out.push({ ...step, body: again ? withFinalSync(body) : body });
        return;
      }
      case "while": {
        const inner = new Sequence(this.#tiled);
        const before = inner.fill(() => {
          inner.steps(step.before);
          inner.#readByAll(step.condition);
        });
        const leaving = inner.passage();
        const body = inner.fill(() => inner.steps(step.body));
        const iteration = inner.passage();
        const again = iteration.exit.conflicts(iteration.entry);
        if (leaving.open && !again) leaving.exit.addAll(iteration.exit);
        this.#pass([leaving]);
        this.#out.push({ ...step, before, body: again ? withFinalSync(body) : body });
        return;
      }
      case "if": {
        this.#readByAll(step.condition);
        const [then, otherwise] = this.#branches([step.then, step.otherwise]);
        this.#out.push({ ...step, then: then!, otherwise: otherwise! });
        return;
      }
      case "switch": {
        this.#readByAll(step.subject);
        const bodies = this.#branches([...step.bodies, step.otherwise]);
        this.#out.push({ ...step, bodies: bodies.slice(0, -1), otherwise: bodies.at(-1)! });
        return;
      }
      default: return unreachable(step);
    }
  }

  #branches(branches: readonly (readonly Step[])[]): BspStep[][] {
    const sequences = branches.map(() => new Sequence(this.#tiled));
    const made = branches.map((steps, i) => sequences[i]!.fill(() => sequences[i]!.steps(steps)));
    this.#pass(sequences.map((sequence) => sequence.passage()));
    return made;
  }

  /** Goes through one of these passages; what was pending stays so where one of them is open. */
  #pass(passages: readonly Passage[]): void {
    this.#flush(false);
    const entry = new Pending();
    for (const passage of passages) entry.addAll(passage.entry);
    this.#enter(entry);
    if (!passages.some(({ open }) => open)) this.#synced();
    for (const { exit } of passages) this.#pending.addAll(exit);
  }
}

function withFinalSync(body: readonly BspStep[]): readonly BspStep[] {
  const last = body.at(-1);
  if (last?.kind === "superstep") return [...body.slice(0, -1), { ...last, sync: true }];
  return [...body, { kind: "superstep", phases: [], sync: true, origin: nowhere }];
}
