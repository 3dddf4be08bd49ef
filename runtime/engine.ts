/**
 * The engine: loads an executable, keeps its state, runs its programs.
 *
 * `runSync` runs with the caller as worker 0; `run` on threads only, so that the caller stays free. Both give the same bits,
 * for any number of workers. One run at a time: calls of `run` queue, everything else throws EngineBusy meanwhile.
 *
 * A run that ends early (a trap, a false assert, a stream that ran dry, an AbortSignal) stops every worker at its next
 * barrier; the engine stays usable, its vars as the unfinished run left them. A worker that does not come back within
 * `stopTimeout` costs the engine: its threads are terminated and it is closed. Nothing can stop a loop on the caller's own
 * thread: programs that may run without end belong into `run`.
 */
// For programs whose own `lib` is older.
/// <reference lib="esnext.disposable" preserve="true" />
import { aborted, Caller } from "./calls.ts";
import type { Manifest } from "./executable.ts";
import { EngineBusy, EngineClosed, ExecutableError, GphError, InputError, textOf } from "./errors.ts";
import type { HostTensor, HostValue } from "./host.ts";
import type { TypedArray } from "./dtype.ts";
import { instantiate, type Instance } from "./instance.ts";
import { partsOf, type Parts } from "./load.ts";
import { checkInputs, checkRunOptions, type LoadOptions } from "./options.ts";
import { portsOf, ProgramPlan, unknownName, type Inputs, type Outputs, type Port } from "./ports.ts";
import { checkStreams, Session, type SessionOptions } from "./session.ts";
import { Team } from "./team.ts";
import { explain } from "./trap.ts";

export type { HostTensor, HostValue } from "./host.ts";
export type { LoadOptions } from "./options.ts";
export type { Inputs, Outputs } from "./ports.ts";

/** `streams` and `print`: what the host does when the program calls for it. In `runSync` they must not be asynchronous. */
export interface RunSyncOptions extends SessionOptions {
  /**
   * `"views"`: the outputs returned are the memory itself, not copies: valid until the next run, write or close. Only for
   * targets with shared memory. Default `"copies"`, the caller's own.
   */
  readonly outputs?: "copies" | "views" | undefined;
}

export interface RunOptions extends RunSyncOptions {
  /** Ends the run at the next barrier; a run that reaches none within `stopTimeout` costs the engine. */
  readonly signal?: AbortSignal | undefined;
}

/** Turns a worker spins at a barrier before it sleeps. There are never more workers than processors. */
const spin = 50_000;

const noOptions: SessionOptions = {};

export class Engine {
  readonly manifest: Manifest;
  /** How many workers there are, after capping. */
  readonly workers: number;
  readonly #memory: ArrayBufferLike;
  readonly #ports: ReadonlyMap<string, Port>;
  readonly #plans: ReadonlyMap<string, ProgramPlan>;
  /** Of the graph's `initial`. */
  readonly #initialCommand: number;
  /** Of `prepare`, if there is one. */
  readonly #prepareCommand: number | undefined;
  /** The caller's own: worker 0 of `runSync`. */
  readonly #instance: Instance;
  readonly #team: Team;
  readonly #caller: Caller;
  #initialised = false;
  /** Whether what params decide is derived of their present values; never sure when the host may write them unseen. */
  #prepared: "no" | "yes" | "always again" = "no";
  #running: "no" | "sync" | "async" = "no";
  /** Runs of `run` that have not ended. */
  #pending = 0;
  #queue: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;
  /** Why it was closed, if not by its owner. */
  #lost: GphError | undefined;
  /** Baked params that the host has written since: the instance of a thread that starts later writes the baked ones again. */
  readonly #overwritten = new Map<Port, TypedArray>();
  #options: SessionOptions = noOptions;
  /** Of the current `runSync`, made at its first host event. */
  #session: Session | undefined;

  private constructor({ manifest, memory, module, workers, wide, stopTimeout }: Parts) {
    this.manifest = manifest;
    this.workers = workers;
    this.#memory = memory.buffer;
    this.#ports = portsOf(manifest, memory.buffer);
    this.#plans = new Map(manifest.programs.map((program, index) => [program.name, new ProgramPlan(program, index, this.#ports)]));
    this.#initialCommand = manifest.programs.length;
    this.#prepareCommand = manifest.prepare === undefined ? undefined : this.#initialCommand + 1;
    const exports = [...manifest.programs.map((program) => program.export), manifest.initial, ...(manifest.prepare === undefined ? [] : [manifest.prepare])];
    this.#instance = instantiate(module, memory, exports, { worker: 0, workers, spin, wide }, (event) => this.#hostEvent(event));
    this.#team = new Team({ module, memory, workers, spin, wide, exports }, (error) => this.#lose(error));
    this.#caller = new Caller({
      instance: this.#instance, team: this.#team, workers, stopTimeout,
      explain: (thrown, command) => explain(thrown, manifest.functions, manifest.programs[command], memory.buffer),
      lost: (error) => this.#close(error),
    });
  }

  /** Reads, checks and instantiates an executable, and starts its worker threads. */
  static async load(bytes: Uint8Array, options: LoadOptions = {}): Promise<Engine> {
    const parts = await partsOf(bytes, options);
    let engine: Engine;
    try {
      engine = new Engine(parts);
    } catch (error) {
      throw error instanceof GphError ? error : new ExecutableError(`the module cannot be instantiated: ${error instanceof Error ? error.message : String(error)}`, error);
    }
    try {
      await engine.#team.start(1, parts.workers);
      const { params = {} } = options;
      for (const [name, value] of params instanceof Map ? params : Object.entries(params)) engine.#writeParam(name, value);
    } catch (error) {
      await engine.close();
      throw error;
    }
    return engine;
  }

  /**
   * Runs a program (its name may be left out if there is one) and returns its outputs. Inputs are copied in and outputs out,
   * unless they are viewed.
   * Throws InputError, StreamError, AssertionFailed, TrapError, EngineBusy, EngineClosed.
   */
  runSync(inputs?: Inputs, options?: RunSyncOptions): Outputs;
  runSync(program: string | undefined, inputs?: Inputs, options?: RunSyncOptions): Outputs;
  runSync(first?: string | Inputs, second?: Inputs | RunSyncOptions, third?: RunSyncOptions): Outputs {
    const { program, inputs, options } = argumentsOf(first, second, third);
    const plan = this.#plan(program);
    checkInputs(inputs);
    checkRunOptions(options);
    this.#mustBeIdle("runSync");
    this.#running = "sync";
    try {
      if (options !== undefined) this.#options = options;
      checkStreams(plan, options);
      this.#checkViews(options);
      if (!this.#initialised) this.#initialise();
      if (this.#mustPrepare()) {
        this.#caller.call(this.#prepareCommand!);
        this.#notePrepared();
      }
      plan.copyIn(inputs);
      this.#caller.call(plan.command);
      plan.noteWritten();
      return plan.outputsOf(options?.outputs === "views");
    } finally {
      this.#running = "no";
      this.#session?.closeNow();
      this.#session = undefined;
      this.#options = noOptions;
    }
  }

  /** Like `runSync`, on threads: the caller is free, sources and sinks may be asynchronous, `signal` ends the run. */
  run(inputs?: Inputs, options?: RunOptions): Promise<Outputs>;
  run(program: string | undefined, inputs?: Inputs, options?: RunOptions): Promise<Outputs>;
  async run(first?: string | Inputs, second?: Inputs | RunOptions, third?: RunOptions): Promise<Outputs> {
    const { program, inputs, options: given } = argumentsOf(first, second, third);
    const options = given ?? {};
    const plan = this.#plan(program);
    checkInputs(inputs);
    checkRunOptions(options);
    this.#mustBeOpen("run");
    if (this.#caller.insideCallback) throw new EngineBusy("run, from a callback of another run,");
    this.#pending++;
    const turn = this.#queue.then(() => this.#runNow(plan, inputs, options));
    this.#queue = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.#pending--;
    }
  }

  async #runNow(plan: ProgramPlan, inputs: Inputs | undefined, options: RunOptions): Promise<Outputs> {
    this.#mustBeOpen("run");
    if (options.signal?.aborted) throw aborted(plan.name, options.signal);
    this.#running = "async";
    const session = new Session(this.manifest, this.#memory, options, true);
    try {
      checkStreams(plan, options);
      this.#checkViews(options);
      await this.#startFirst();
      if (!this.#initialised) {
        this.#checkParams();
        await this.#caller.callOnThreads(this.#initialCommand, plan.name, session, options.signal);
        this.#noteInitialised();
      }
      if (this.#mustPrepare()) {
        await this.#caller.callOnThreads(this.#prepareCommand!, plan.name, session, options.signal);
        this.#notePrepared();
      }
      plan.copyIn(inputs);
      await this.#caller.callOnThreads(plan.command, plan.name, session, options.signal);
      plan.noteWritten();
      return plan.outputsOf(options.outputs === "views");
    } finally {
      this.#running = "no";
      await session.close();
    }
  }

  /** How often each step has run since the engine was loaded; undefined unless compiled to be profiled. */
  stepCounts(): readonly number[] | undefined {
    this.#mustBeIdle("stepCounts");
    const { counters } = this.manifest;
    return counters && Array.from(new BigUint64Array(this.#memory, counters.offset, counters.count), Number);
  }

  /** How often loops inside kernels began, and how often their bodies ran, in pairs; undefined unless compiled to be profiled. */
  loopCounts(): readonly { readonly entries: number; readonly rounds: number }[] | undefined {
    this.#mustBeIdle("loopCounts");
    const { counters } = this.manifest;
    if (counters === undefined) return undefined;
    const pairs = new BigUint64Array(this.#memory, counters.offset + 8 * counters.count, 2 * counters.loops);
    return Array.from({ length: counters.loops }, (_, loop) => ({ entries: Number(pairs[2 * loop]), rounds: Number(pairs[2 * loop + 1]) }));
  }

  /** A copy of a state: a param, a var, or the value an `in` or `out` has since the last run. */
  read(name: string): HostTensor {
    this.#mustBeIdle(`read ${textOf(name)}`);
    const port = this.#port(name);
    const { role } = port.state;
    if (role === "stream in" || role === "stream out") throw new InputError("bad-access", `${name} is a ${role}: its elements are given and taken in the options of a run`);
    if (role === "var") this.#initialiseIdle();
    if (!port.filled) throw new InputError(role === "param" ? "missing-param" : "bad-access", `${name} has no value yet`);
    if (role === "var" || role === "param") this.#instance.download?.(port.index);
    return port.read();
  }

  /** Gives a param, a var or an `in` a value that stays until the next is given. */
  write(name: string, value: HostValue): void {
    this.#mustBeIdle(`write ${textOf(name)}`);
    const port = this.#port(name);
    switch (port.state.role) {
      case "param": return this.#writeParam(name, value);
      case "var":
        this.#initialiseIdle();
        port.write(value);
        this.#instance.upload?.(port.index);
        return undefined;
      case "in":
        port.write(value);
        port.held = true;
        return undefined;
      case "out":
      case "stream in":
      case "stream out":
        throw new InputError("bad-access", `${name} is declared \`${port.state.role}\`, which the host cannot write`);
    }
  }

  /**
   * The memory itself: what is written here the program sees, without a copy. An `in` that was viewed need not be given to
   * runs. Once a param was viewed, what the program derives of params is derived anew in every run. Only for targets with shared
   * memory, and not to be touched during a run.
   */
  view(name: string): TypedArray {
    this.#mustBeIdle(`view ${textOf(name)}`);
    const port = this.#port(name);
    const { role } = port.state;
    if (this.manifest.target.memory === "private") throw new GphError("not-supported", `view ${name}: target ${this.manifest.target.name} has private tile memories, which are read and written by copies`);
    if (role === "stream in" || role === "stream out") throw new InputError("bad-access", `${name} is a ${role}, which has no place to view`);
    if (role === "var") this.#initialiseIdle();
    if (role === "in") port.held = true;
    if (role === "param") this.#prepared = "always again";
    port.filled = true;
    return port.view;
  }

  /** Whether the engine has been closed, by `close` or because a worker was lost. */
  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** Ends the threads. A `run` that is going on, or queued, is rejected; inside a `runSync` it is EngineBusy. */
  close(): Promise<void> {
    if (this.#running === "sync") return Promise.reject(new EngineBusy("close"));
    this.#closing ??= this.#team.terminate();
    this.#caller.reject(new EngineClosed("run", this.#lost));
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A thread has ended by itself. */
  #lose(error: GphError): void {
    this.#close(error);
    this.#caller.reject(this.#lost);
  }

  #close(error: GphError): void {
    this.#lost ??= error;
    this.#closing ??= this.#team.terminate();
  }

  #mustBeOpen(what: string): void {
    if (this.#closing !== undefined) throw new EngineClosed(what, this.#lost);
  }

  #mustBeIdle(what: string): void {
    if (this.#closing !== undefined) throw new EngineClosed(what, this.#lost);
    if (this.#running !== "no" || this.#pending > 0) throw new EngineBusy(what);
  }

  #plan(name: string | undefined): ProgramPlan {
    const plan = name !== undefined ? this.#plans.get(name) : this.#plans.size === 1 ? this.#plans.values().next().value : undefined;
    if (plan !== undefined) return plan;
    const names = [...this.#plans.keys()].join(", ");
    throw new InputError("unknown-program", name === undefined ? `graph ${this.manifest.graph} has several programs, say which: ${names}` : `graph ${this.manifest.graph} has no program ${JSON.stringify(name)}; there is ${names}`);
  }

  #port(name: string): Port {
    const port = this.#ports.get(name);
    if (port === undefined) throw unknownName(`graph ${this.manifest.graph} has no state`, name, [...this.#ports.values()]);
    return port;
  }

  #writeParam(name: string, value: HostValue): void {
    const port = this.#ports.get(name);
    if (port?.state.role !== "param") throw unknownName(`graph ${this.manifest.graph} has no param`, name, [...this.#ports.values()].filter(({ state }) => state.role === "param"));
    port.write(value);
    port.filled = true;
    if (this.#prepared === "yes") this.#prepared = "no";
    if (port.state.baked) this.#overwritten.set(port, port.view.slice());
    this.#instance.upload?.(port.index);
  }

  /** Makes worker 0 a thread too, at the first `run`. */
  async #startFirst(): Promise<void> {
    if (this.#team.has(0)) return;
    try {
      await this.#team.start(0, 1);
    } catch (error) {
      this.#mustBeOpen("run");
      throw error;
    }
    for (const [port, value] of this.#overwritten) {
      port.view.set(value as never);
      this.#instance.upload?.(port.index);
    }
  }

  #checkViews(options: RunSyncOptions | undefined): void {
    if (options?.outputs !== "views" || this.manifest.target.memory !== "private") return;
    throw new GphError("not-supported", `outputs as views: target ${this.manifest.target.name} has private tile memories, of which outputs are copies`);
  }

  #checkParams(): void {
    for (const port of this.#ports.values()) {
      if (port.state.role === "param" && !port.filled) throw new InputError("missing-param", `param ${port.name}: ${port.type} has no value: give it at load, or by write`);
    }
  }

  /** Gives vars their initial values; the engine is running. */
  #initialise(): void {
    this.#checkParams();
    this.#caller.call(this.#initialCommand);
    this.#noteInitialised();
  }

  #initialiseIdle(): void {
    if (this.#initialised) return;
    this.#running = "sync";
    try {
      this.#initialise();
    } finally {
      this.#running = "no";
      this.#session = undefined;
    }
  }

  #mustPrepare(): boolean {
    return this.#prepareCommand !== undefined && this.#prepared !== "yes";
  }

  #notePrepared(): void {
    if (this.#prepared === "no") this.#prepared = "yes";
  }

  #noteInitialised(): void {
    this.#initialised = true;
    for (const port of this.#ports.values()) if (port.state.role === "var") port.filled = true;
  }

  /** `env.host` of the caller's instance. */
  #hostEvent(event: number): void {
    this.#session ??= new Session(this.manifest, this.#memory, this.#options, false);
    void this.#session.perform(event);
  }
}

/** The arguments of a run, of which the program's name may be left out. */
function argumentsOf<Options>(first: string | Inputs | undefined, second: Inputs | Options | undefined, third: Options | undefined): { program?: string | undefined; inputs?: Inputs | undefined; options?: Options | undefined } {
  const named = typeof first === "string" || third !== undefined || first === undefined;
  return named ? { program: first as string | undefined, inputs: second as Inputs | undefined, options: third } : { inputs: first, options: second as Options | undefined };
}
