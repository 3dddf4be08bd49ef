/**
 * emit: planned program → one WebAssembly module and its manifest. Kernels are shared: families whose kernels differ only in
 * names call one function.
 */
import type { HostTensor } from "../../runtime/host.ts";
import { control, formatVersion, pageBytes, trapNames, type HostEvent, type Manifest, type ManifestProgram, type ManifestState, type Position } from "../../runtime/executable.ts";
import type { BspProgram, BspStep, Phase, PlannedGraph } from "../bsp/bsp.ts";
import { forEachKernel } from "../bsp/loop-counters.ts";
import { numberSteps } from "../bsp/steps.ts";
import type { StateId } from "../graph/graph.ts";
import { parameterValues } from "../graph/parameters.ts";
import { countersOf } from "../kernel/count-loops.ts";
import type { Kernel, LocalId } from "../kernel/kernel.ts";
import { kernelKey } from "../kernel/key.ts";
import { invariant } from "../support/bug.ts";
import { positionAt, type Sources, type Span } from "../support/span.ts";
import { watched, type Watch } from "../support/watch.ts";
import type { Target } from "../targets/target.ts";
import { identityMap } from "../support/affine.ts";
import { roundUp } from "../support/parts.ts";
import type { Copy, HostAction, TensorId } from "../tiled/tiled.ts";
import { emitBarrier } from "./barrier.ts";
import { loadedBinaryen, type Module } from "./binaryen.ts";
import { emitComputeSet } from "./compute-set.ts";
import { ControlFunction } from "./control.ts";
import { emitCopyBytes, emitExchange } from "./exchange.ts";
import { emitKernel } from "./kernel.ts";
import { Layout } from "./layout.ts";
import { emitProgram } from "./program.ts";
import type { EmitOptions, FieldDimension } from "./scope.ts";

export interface ModuleOptions {
  /** Every operation is rounded for itself, on every machine alike. */
  readonly strictMath?: boolean;
  /** Indices that are not known to stay inside their field are checked at run time. */
  readonly checked?: boolean;
  readonly watch?: Watch;
  readonly target: Target;
  readonly sources: Sources;
  readonly version: string;
  /** Whether the program counts how often each of its steps runs (`numberSteps`), for a profile. */
  readonly counters?: boolean;
  /** Values of params that become part of the file, by name; dtype and shape have been checked. */
  readonly weights?: ReadonlyMap<string, HostTensor>;
}

export interface EmittedModule {
  readonly wasm: Uint8Array;
  readonly manifest: Manifest;
}

/** `loadBinaryen` must have been awaited. */
export function emitModule(graph: PlannedGraph, options: ModuleOptions): EmittedModule {
  return new ModuleEmitter(graph, options).emit();
}

class ModuleEmitter {
  readonly #graph: PlannedGraph;
  readonly #options: ModuleOptions;
  readonly #module: Module;
  readonly #layout: Layout;
  readonly #kernels = new Map<string, string>();
  readonly #phases = new Map<Phase, string>();
  readonly #functions: Record<string, Position> = {};
  /** Functions that tell of an index outside of its field, by what they tell. */
  readonly #outsides = new Map<string, string>();
  readonly #events: HostEvent[] = [];
  readonly #data: { address: number; bytes: Uint8Array }[] = [];
  readonly #tables = new Map<string, number>();
  readonly #numbers: ReadonlyMap<BspStep, number>;
  readonly #counters: { readonly offset: number; readonly count: number; readonly loops: number } | undefined;
  #end: number;

  constructor(graph: PlannedGraph, options: ModuleOptions) {
    this.#graph = graph;
    this.#options = options;
    this.#module = new (loadedBinaryen().Module)();
    this.#end = roundUp(graph.plan.bytes, 64);
    this.#numbers = options.counters ? numberSteps(graph) : new Map();
    if (options.counters) {
      this.#counters = { offset: this.#end, count: this.#numbers.size, loops: countersOfGraph(graph) };
      this.#end += roundUp(this.#counters.count * 8 + this.#counters.loops * 16, 64);
    }
    this.#layout = new Layout(graph, { table: (values) => this.#table(values) });
  }

  emit(): EmittedModule {
    const binaryen = loadedBinaryen();
    const module = this.#module;
    const { Features } = binaryen;
    module.setFeatures(Features.MutableGlobals | Features.SignExt | Features.NontrappingFPToInt | Features.SIMD128 | Features.BulkMemory | Features.BulkMemoryOpt | Features.Atomics | Features.RelaxedSIMD);
    module.addFunctionImport("host", "env", "host", binaryen.createType([binaryen.i32]), binaryen.none);
    for (const name of ["worker", "$workers", "$spin", "$wide", "begin", "end", "ownBegin", "ownEnd"]) module.addGlobal(name, binaryen.i32, true, module.i32.const(name === "$workers" ? 1 : 0));
    // Kernels are emitted against a memory; its size is known at the end.
    module.setMemory(1, 65_536, null, [], true, false, "memory");
    this.#start();
    emitBarrier(module);
    emitCopyBytes(module);
    const { tiled } = this.#graph;
    const constants = tiled.constants;
    for (const { tensor, data } of constants) this.#data.push({ address: this.#layout.offset(tensor), bytes: new Uint8Array(data.data.buffer, data.data.byteOffset, data.data.byteLength) });
    const baked = this.#bake();
    const initial = baked.length === 0 ? this.#graph.initial : { ...this.#graph.initial, steps: [...baked, ...this.#graph.initial.steps] };
    const programs = [...this.#graph.programs.map((program, i) => ({ program, name: `program ${i}`, exported: `program:${program.name}` })), { program: initial, name: "initial", exported: "initial" }, ...(this.#graph.prepare ? [{ program: this.#graph.prepare, name: "prepare", exported: "prepare" }] : [])];
    for (const { program, name, exported } of programs) {
      emitProgram(module, this.#layout, program, name, { phase: (phase) => this.#phase(phase), event: (action, step) => this.#event(action, step.origin), counter: (step) => this.#counter(step) });
      module.addFunctionExport(name, exported);
    }
    if (this.#options.target.memory === "private") this.#transfers();
    const pages = Math.max(1, Math.ceil(this.#end / pageBytes));
    module.setMemory(pages, pages, null, this.#data.map(({ address, bytes }) => ({ offset: module.i32.const(address | 0), data: bytes })), true, false, "memory");
    module.addMemoryImport("memory", "env", "memory", true);
    const { watch } = this.#options;
    invariant(watched(watch, "emit", () => module.validate(), "verify"), "the emitted module does not validate");
    binaryen.setDebugInfo(true);
    const wasm = watched(watch, "encode", () => module.emitBinary());
    module.dispose();
    return { wasm, manifest: this.#manifest(pages, programs.slice(0, this.#graph.programs.length)) };
  }

  /** Puts weights into the data; gives the steps that bring them to private memories. */
  #bake(): BspStep[] {
    const { tiled } = this.#graph;
    const copies: Copy[] = [];
    for (const { state, host, device } of tiled.states) {
      const { name, origin } = tiled.graph.states[state]!;
      const value = this.#options.weights?.get(name);
      if (!value) continue;
      this.#data.push({ address: this.#layout.offset(host), bytes: new Uint8Array(value.data.buffer, value.data.byteOffset, value.data.byteLength) });
      if (host !== device) copies.push(this.#hostCopy("pull", host, device, origin));
    }
    return copies.length === 0 ? [] : [{ kind: "superstep", phases: [{ kind: "exchange", copies, origin: tiled.graph.origin }], sync: true, origin: tiled.graph.origin }];
  }

  #hostCopy(direction: Copy["direction"], host: TensorId, device: TensorId, origin: Span): Copy {
    const { distribution, type } = this.#layout.tensor(device);
    return { direction, driver: device, other: host, map: identityMap(type.shape.length), range: distribution.grid.map((count) => ({ start: 0, count })), cause: "host", origin };
  }

  #start(): void {
    const f = new ControlFunction(this.#module, 4);
    const { i32, global } = this.#module;
    const { tiles } = this.#graph.tiled;
    const share = (worker: ReturnType<ControlFunction["parameter"]>): number => {
      const { i64 } = this.#module;
      // ⌊worker · tiles / workers⌋, in 64 bits.
      return i32.wrap(i64.div_u(i64.mul(i64.extend_u(f.code(worker)), i64.const(BigInt(tiles))), i64.extend_u(f.code(f.parameter(1)))));
    };
    f.emit(global.set("worker", f.code(f.parameter(0))));
    f.emit(global.set("$workers", f.code(f.parameter(1))));
    f.emit(global.set("$spin", f.code(f.parameter(2))));
    f.emit(global.set("$wide", f.code(f.parameter(3))));
    f.emit(global.set("ownBegin", share(f.parameter(0))));
    f.emit(global.set("ownEnd", share(f.add(f.parameter(0), 1))));
    f.finish("start");
    this.#module.addFunctionExport("start", "start");
  }

  #table(values: readonly number[]): number {
    const key = values.join();
    const known = this.#tables.get(key);
    if (known !== undefined) return known;
    const address = this.#end;
    this.#data.push({ address, bytes: new Uint8Array(new Int32Array(values).buffer) });
    this.#end = roundUp(address + values.length * 4, 64);
    this.#tables.set(key, address);
    return address;
  }

  /** Address of a step's counter. */
  #counter(step: BspStep): number | undefined {
    const number = this.#numbers.get(step);
    return number === undefined || this.#counters === undefined ? undefined : this.#counters.offset + 8 * number;
  }

  #phase(phase: Phase): string {
    const known = this.#phases.get(phase);
    if (known !== undefined) return known;
    const label = phase.kind === "compute" ? `compute ${phase.set.name}` : "exchange";
    const name = `${label} #${this.#phases.size}`;
    this.#phases.set(phase, name);
    if (phase.kind === "compute") {
      emitComputeSet(this.#module, this.#layout, phase.set, name, { nameOf: (kernel, count) => this.#kernel(kernel, count), together: this.#options.checked !== true });
      this.#functions[name] = this.#position(phase.set.origin);
    } else {
      emitExchange(this.#module, this.#layout, phase.copies, name);
      this.#functions[name] = this.#position(phase.origin);
    }
    return name;
  }

  /** The function of a kernel, which takes the value of `given`, if that is given, after its addresses. */
  #kernel(kernel: Kernel, given?: LocalId): string {
    const key = `${given ?? ""} ${kernelKey(kernel, this.#options.checked || undefined)}`;
    const known = this.#kernels.get(key);
    if (known !== undefined) return known;
    const name = `${kernel.name} #${this.#kernels.size}`;
    this.#kernels.set(key, name);
    emitKernel(this.#module, kernel, name, this.#kernelOptions, given);
    this.#functions[name] = this.#position(kernel.origin);
    return name;
  }

  get #kernelOptions(): EmitOptions {
    const { strictMath = false, checked } = this.#options;
    const fusedMultiplyAdd = !strictMath;
    const counters = this.#counters;
    return {
      fusedMultiplyAdd,
      ...(checked ? { outside: (origin: Span, field: FieldDimension) => this.#outside(origin, field) } : {}),
      divides: (op, origin) => this.#trap(trapNames[op], origin),
      ...(counters ? { counter: (number: number) => counters.offset + 8 * counters.count + 16 * number } : {}),
    };
  }

  /** The same for an index that leaves a dimension of a field, which is kept for the host to tell. */
  #outside(origin: Span, { name: field, dimension, extent }: FieldDimension): string {
    const key = [origin.file, origin.start, field, dimension, extent].join();
    const known = this.#outsides.get(key);
    if (known !== undefined) return known;
    const number = this.#outsides.size;
    const position = this.#position(origin);
    const name = `${trapNames.outside} ${number}: dimension ${dimension} of ${field}, whose extent is ${extent}, ${position.file}:${position.line}:${position.column}`;
    this.#outsides.set(key, name);
    this.#functions[name] = position;
    const { i32, none } = loadedBinaryen();
    const { i64, block, unreachable, local } = this.#module;
    const told = i64.or(i64.const(BigInt(number) << 32n), i64.extend_u(local.get(0, i32)));
    this.#module.addFunction(name, i32, none, [], block(null, [i64.atomic.store(0, this.#module.i32.const(control.outside), told), unreachable()], none));
    return name;
  }

  /** A function that traps, whose name leads to a line of the source. */
  #trap(what: string, origin: Span): string {
    const position = this.#position(origin);
    const name = `${what} ${position.file}:${position.line}:${position.column}`;
    if (!Object.hasOwn(this.#functions, name)) {
      this.#functions[name] = position;
      const { none } = loadedBinaryen();
      this.#module.addFunction(name, none, none, [], this.#module.unreachable());
    }
    return name;
  }

  /** `upload(state)` and `download(state)`: between a state's host buffer and the tiles, by one worker for all tiles. */
  #transfers(): void {
    const { tiled } = this.#graph;
    for (const direction of ["pull", "push"] as const) {
      const f = new ControlFunction(this.#module, 1);
      const { global, i32 } = this.#module;
      f.emit(global.set("begin", i32.const(0)));
      f.emit(global.set("end", i32.const(tiled.tiles)));
      for (const { state, host, device } of tiled.states) {
        if (host === device) continue;
        const copy = this.#hostCopy(direction, host, device, tiled.graph.states[state]!.origin);
        const name = `${direction} ${tiled.graph.states[state]!.name}`;
        emitExchange(this.#module, this.#layout, [copy], name);
        f.if(i32.eq(f.code(f.parameter(0)), i32.const(state)), () => f.call(name));
      }
      const name = direction === "pull" ? "upload" : "download";
      f.finish(name);
      this.#module.addFunctionExport(name, name);
    }
  }

  #event(action: HostAction, origin: Span): number {
    const position = this.#position(origin);
    const buffer = (tensor: TensorId): { dtype: HostEventBuffer["dtype"]; shape: readonly number[]; offset: number } => ({ ...this.#layout.tensor(tensor).type, offset: this.#layout.offset(tensor) });
    const event: HostEvent = action.kind === "print"
      ? { kind: "print", label: action.label, values: action.buffers.map(buffer), position }
      : action.kind === "assert" ? { kind: "assert", message: action.message, position }
      : action.kind === "outside" ? { kind: "outside", op: action.op, extent: action.extent, fromEnd: action.fromEnd, indices: buffer(action.indices), position } : { kind: action.kind, state: action.state, position };
    this.#events.push(event);
    return this.#events.length - 1;
  }

  #position(span: Span): Position {
    const text = this.#options.sources.get(span.file);
    return { file: span.file, ...(text === undefined ? { line: 0, column: 0 } : positionAt(text, span.start)) };
  }

  #manifest(pages: number, programs: readonly { program: BspProgram; exported: string }[]): Manifest {
    const { tiled, plan } = this.#graph;
    const { graph } = tiled;
    // Derived states come after all that the host knows of.
    const known = graph.states.filter(({ role }) => role !== "derived").length;
    const ofHost = (states: readonly StateId[]): StateId[] => states.filter((state) => state < known);
    const described = programs.map(({ program, exported }): ManifestProgram => ({ name: program.name, export: exported, reads: ofHost(program.reads), writes: ofHost(program.writes), position: this.#position(program.origin) }));
    return {
      format: formatVersion,
      generator: `gph ${this.#options.version}`,
      graph: graph.name,
      target: { name: this.#options.target.name, tiles: tiled.tiles, memory: this.#options.target.memory },
      parameters: parameterValues(graph),
      pages,
      states: graph.states.slice(0, known).map((state, id) => ({ role: state.role as ManifestState["role"], name: state.name, dtype: state.type.dtype, shape: state.type.shape, offset: this.#layout.offset(tiled.states[id]!.host), ...(state.role === "param" && this.#options.weights?.has(state.name) ? { baked: true } : {}) })),
      ...(this.#options.strictMath ? { strictMath: true } : {}),
      programs: described,
      initial: "initial",
      ...(this.#graph.prepare ? { prepare: "prepare" } : {}),
      events: this.#events,
      functions: this.#functions,
      plan: { tiles: { offset: plan.tiles.start, stride: plan.tiles.stride, bytes: plan.tiles.bytes } },
      ...(this.#counters === undefined ? {} : { counters: this.#counters }),
    };
  }
}

/** How many loops the kernels count. */
function countersOfGraph(graph: PlannedGraph): number {
  let counters = 0;
  forEachKernel(graph, (kernel) => (counters = Math.max(counters, countersOf(kernel))));
  return counters;
}

type HostEventBuffer = Extract<HostEvent, { kind: "print" }>["values"][number];


