/**
 * form-supersteps: tiled → bsp. Walks the steps in order and puts a sync only where one tile's work could meet another's:
 * between two accesses to the same bytes of which one writes and at least one may touch what another tile owns. Everything
 * between two syncs is one superstep. Needs fields that say truthfully whether they are local.
 */
import { invariant, unreachable } from "../../support/bug.ts";
import type { Pass } from "../../support/pass.ts";
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
  }),
};

function formProgram(tiled: TiledGraph, program: TiledProgram): BspProgram {
  const sequence = new Sequence(tiled, new Pending());
  const steps = sequence.fill((self) => self.steps(program.steps));
  return { name: program.name, steps, reads: program.reads, writes: program.writes, origin: program.origin };
}

/** Loops nested deeper than this are synced before and after each iteration without asking whether they need it: asking doubles the work per level. */
const askingDepth = 5;

/** Builds one sequence of steps. `inherited` is what may still be going on when it begins. */
class Sequence {
  readonly #tiled: TiledGraph;
  readonly #inherited: Pending;
  readonly #depth: number;
  #inheritedOpen = true;
  #own = new Pending();
  #phases: Phase[] = [];
  #out: BspStep[] = [];
  /** A sync is needed before the sequence begins. */
  needsEntrySync = false;

  constructor(tiled: TiledGraph, inherited: Pending, depth = 0) {
    this.#tiled = tiled;
    this.#inherited = inherited;
    this.#depth = depth;
  }

  /** Collects what `build` adds into a list of its own; what is pending carries on. */
  fill(build: (self: Sequence) => void): BspStep[] {
    this.#flush(false);
    const outer = this.#out;
    this.#out = [];
    build(this);
    this.#flush(false);
    const made = this.#out;
    this.#out = outer;
    return made;
  }

  /** What is not yet synced at this point. */
  pending(): Pending {
    const all = new Pending();
    if (this.#inheritedOpen) all.addAll(this.#inherited);
    all.addAll(this.#own);
    return all;
  }

  steps(steps: readonly Step[]): void {
    for (const step of steps) this.#step(step);
  }

  #flush(sync: boolean): void {
    const origin = this.#phases[0] ? (this.#phases[0].kind === "compute" ? this.#phases[0].set.origin : this.#phases[0].origin) : undefined;
    if (this.#phases.length > 0) this.#out.push({ kind: "superstep", phases: this.#phases, sync, origin: origin! });
    else if (sync) this.#out.push({ kind: "superstep", phases: [], sync: true, origin: { file: "", start: 0, end: 0 } });
    this.#phases = [];
  }

  #sync(): void {
    const last = this.#out.at(-1);
    if (this.#phases.length === 0 && last?.kind === "superstep") this.#out[this.#out.length - 1] = { ...last, sync: true };
    else this.#flush(true);
    this.#own = new Pending();
    this.#inheritedOpen = false;
  }

  /** Syncs first if `accesses` could meet what is pending. */
  #enter(accesses: Pending): void {
    if (this.#own.conflicts(accesses)) this.#sync();
    else if (this.#inheritedOpen && this.#inherited.conflicts(accesses)) {
      this.needsEntrySync = true;
      this.#inheritedOpen = false;
    }
    this.#own.addAll(accesses);
  }

  #readByAll(tensor: TensorId): void {
    const accesses = new Pending();
    accesses.add(rootOf(this.#tiled.tensors, tensor), { read: 2, write: 0 });
    this.#enter(accesses);
  }

  #phase(phase: Phase): void {
    this.#enter(accessesOf(this.#tiled, phase));
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
        this.#own = new Pending();
        this.#inheritedOpen = false;
        return;
      case "repeat": {
        if (step.counted === "tensor") this.#readByAll(step.count);
        const loop = this.#loop((self) => ({ before: [], body: self.fill(() => self.steps(step.body)), atExit: new Pending() }));
        this.#out.push({ ...step, body: loop.body });
        return;
      }
      case "while": {
        const loop = this.#loop((self) => {
          const before = self.fill(() => {
            self.steps(step.before);
            self.#readByAll(step.condition);
          });
          const atExit = self.pending();
          return { before, body: self.fill(() => self.steps(step.body)), atExit };
        });
        this.#out.push({ ...step, before: loop.before, body: loop.body });
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

  /** Builds a loop's body; syncs before it or at the end of its body where iterations could meet what is pending. */
  #loop(build: (self: Sequence) => { before: BspStep[]; body: BspStep[]; atExit: Pending }): { before: readonly BspStep[]; body: readonly BspStep[] } {
    this.#flush(false);
    if (this.#depth >= askingDepth) {
      this.#sync();
      const made = build(new Sequence(this.#tiled, new Pending(), this.#depth + 1));
      this.#own.addAll(made.atExit);
      return { before: made.before, body: withFinalSync(made.body) };
    }
    const first = new Sequence(this.#tiled, this.pending(), this.#depth + 1);
    build(first);
    if (first.needsEntrySync) this.#syncBefore();
    let sequence = new Sequence(this.#tiled, new Pending(), this.#depth + 1);
    let made = build(sequence);
    const atEnd = sequence.pending();
    sequence = new Sequence(this.#tiled, atEnd, this.#depth + 1);
    made = build(sequence);
    if (sequence.needsEntrySync) {
      this.#own.addAll(made.atExit);
      return { before: made.before, body: withFinalSync(made.body) };
    }
    this.#own.addAll(made.atExit);
    this.#own.addAll(sequence.pending());
    return made;
  }

  #branches(branches: readonly (readonly Step[])[]): BspStep[][] {
    this.#flush(false);
    if (this.#depth >= askingDepth) this.#sync();
    const tries = this.#depth >= askingDepth ? [] : branches.map((steps) => {
      const sequence = new Sequence(this.#tiled, this.pending(), this.#depth + 1);
      sequence.fill(() => sequence.steps(steps));
      return sequence.needsEntrySync;
    });
    if (tries.some(Boolean)) this.#syncBefore();
    const after = new Pending();
    const made = branches.map((steps) => {
      const sequence = new Sequence(this.#tiled, this.pending(), this.#depth + 1);
      const body = sequence.fill(() => sequence.steps(steps));
      invariant(!sequence.needsEntrySync, "a branch still needs a sync before it");
      after.addAll(sequence.#own);
      return body;
    });
    this.#own.addAll(after);
    return made;
  }

  /** A sync here, or before this whole sequence if nothing of it is pending. */
  #syncBefore(): void {
    if (this.#own.uses.size === 0 && this.#out.length === 0) {
      this.needsEntrySync = true;
      this.#inheritedOpen = false;
    } else this.#sync();
  }
}

function withFinalSync(body: readonly BspStep[]): readonly BspStep[] {
  const last = body.at(-1);
  if (last?.kind === "superstep") return [...body.slice(0, -1), { ...last, sync: true }];
  return [...body, { kind: "superstep", phases: [], sync: true, origin: { file: "", start: 0, end: 0 } }];
}
