/** The states of an executable as the host reaches them: each knows its elements in memory and how a value gets there. */
import { newArray, sizeOf, viewArray, type TypedArray } from "./dtype.ts";
import { InputError, textOf } from "./errors.ts";
import { copyInto, describeType, type HostTensor, type HostValue } from "./host.ts";
import type { Manifest, ManifestProgram, ManifestState } from "./manifest.ts";

export class Port {
  readonly index: number;
  readonly state: ManifestState;
  readonly name: string;
  /** The memory itself. */
  readonly view: TypedArray;
  /** Whether it has a value: one the host gave or a program left there. */
  filled: boolean;
  /** An input that the host has written or viewed by itself: it need not be given to a run. */
  held = false;
  readonly #kind: { readonly name: string };

  constructor(index: number, state: ManifestState, memory: ArrayBufferLike) {
    this.index = index;
    this.state = state;
    this.name = state.name;
    this.view = viewArray(state.dtype, memory, state.offset, sizeOf(state.shape));
    this.filled = state.baked === true;
    this.#kind = newArray(state.dtype, 0).constructor;
  }

  get type(): string {
    return describeType(this.state.dtype, this.state.shape);
  }

  write(value: HostValue): void {
    if (value === this.view) {
      // It is there already.
    } else if (value instanceof Object && value.constructor === this.#kind && (value as TypedArray).length === this.view.length && this.state.dtype !== "bool") {
      this.view.set(value as never);
    } else copyInto(this.view, this.state.dtype, this.state.shape, value, this.name);
    this.filled = true;
  }

  /** The memory itself as a tensor. */
  tensor(): HostTensor {
    return { dtype: this.state.dtype, shape: [...this.state.shape], data: this.view };
  }

  /** A copy, the caller's own. */
  read(): HostTensor {
    return { dtype: this.state.dtype, shape: [...this.state.shape], data: this.view.slice() };
  }
}

export type Inputs = { readonly [name: string]: HostValue | undefined };
export type Outputs = { [name: string]: HostTensor };

/** What a run of one program copies in and out, worked out once. */
export class ProgramPlan {
  readonly name: string;
  /** Index into the list of commands. */
  readonly command: number;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** All that the program leaves a value in. */
  readonly written: readonly Port[];
  readonly streams: readonly Port[];
  readonly #ports: ReadonlyMap<string, Port>;

  constructor(program: ManifestProgram, command: number, ports: ReadonlyMap<string, Port>) {
    const all = [...ports.values()];
    const of = (indices: readonly number[]): Port[] => [...new Set(indices)].map((index) => all[index]!);
    this.name = program.name;
    this.command = command;
    this.inputs = of(program.reads).filter((port) => port.state.role === "in");
    this.written = of(program.writes).filter((port) => port.state.role === "out" || port.state.role === "var");
    this.outputs = this.written.filter((port) => port.state.role === "out");
    this.streams = of([...program.reads, ...program.writes]).filter((port) => port.state.role.startsWith("stream"));
    this.#ports = ports;
  }

  copyIn(inputs: Inputs | undefined): void {
    if (inputs !== undefined) {
      for (const name of Object.keys(inputs)) {
        const port = this.#port(name);
        const value = inputs[name];
        if (value !== undefined) port.write(value);
      }
    }
    for (const port of this.inputs) {
      const given = inputs !== undefined && Object.hasOwn(inputs, port.name) && inputs[port.name] !== undefined;
      if (!given && !port.held) throw new InputError("missing-input", `input ${port.name}: ${port.type} of program ${this.name} was not given`);
    }
  }

  #port(name: string): Port {
    const port = this.#ports.get(name);
    if (port === undefined) throw unknownName(`program ${this.name} has no input`, name, [...this.#ports.values()].filter(({ state }) => state.role === "in"));
    if (port.state.role !== "in") {
      const hint = { param: "params are given at load, or by write", var: "vars are set by write", "stream in": "streams are given in the options", "stream out": "streams are given in the options", out: "outputs are returned" };
      throw new InputError("bad-access", `${name} is declared \`${port.state.role}\`, so it is no input: ${hint[port.state.role]}`);
    }
    return port;
  }

  /** What was computed: copies, or the memory itself. */
  outputsOf(asViews: boolean): Outputs {
    return Object.fromEntries(this.outputs.map((port) => [port.name, asViews ? port.tensor() : port.read()]));
  }

  noteWritten(): void {
    for (const port of this.written) port.filled = true;
  }
}

export function portsOf(manifest: Manifest, memory: ArrayBufferLike): Map<string, Port> {
  return new Map(manifest.states.map((state, index) => [state.name, new Port(index, state, memory)]));
}

export function unknownName(what: string, name: string, known: readonly { readonly name: string }[]): InputError {
  const names = known.map((each) => each.name).join(", ");
  return new InputError("unknown-name", `${what} ${typeof name === "string" ? JSON.stringify(name) : textOf(name)}${names ? `; there ${known.length === 1 ? "is" : "are"} ${names}` : ""}`);
}
