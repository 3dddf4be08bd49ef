/** From .gph source to an executable: the whole compiler as one function. Pure: files are read by the caller's `readFile`. */
import type { HostTensor } from "../runtime/host.ts";
import type { Graph } from "./graph/graph.ts";
import { CompilerBug } from "./support/bug.ts";
import type { Diagnostic } from "./support/diagnostic.ts";
import type { Sources } from "./support/span.ts";
import type { Target } from "./targets/target.ts";

export interface CompileOptions {
  /** Default: `wasm`. */
  readonly target?: Target;
  /** Which graph of the file; needed only when it has several. */
  readonly graph?: string;
  /** Values of graph parameters; strings are read by the parameter's type. */
  readonly parameters?: { readonly [name: string]: number | boolean | string };
  /** Text of the entry or of a file it imports; undefined when there is no such file. */
  readonly readFile: (path: string) => string | undefined;
  /** Baked into the executable when given. */
  readonly weights?: ReadonlyMap<string, HostTensor>;
  /** Also print the program as it is after this pass. */
  readonly after?: string;
}

export interface CompileResult {
  readonly diagnostics: readonly Diagnostic[];
  readonly sources: Sources;
  /** Absent when there were errors. */
  readonly executable?: Uint8Array;
  /** What `after` asked for. */
  readonly printed?: string;
}

export type CheckFileOptions = Omit<CompileOptions, "weights" | "after">;

export interface CheckResult {
  readonly diagnostics: readonly Diagnostic[];
  readonly sources: Sources;
  /** Absent when there were errors. */
  readonly graph?: Graph;
}

/** The passes in order, for `gph print --after`. */
export const passNames: readonly { readonly name: string; readonly summary: string }[] = [];

export function compile(_path: string, _options: CompileOptions): Promise<CompileResult> {
  return Promise.reject(new CompilerBug("the pipeline is not joined yet"));
}

/** Parses and checks only. */
export function checkFile(_path: string, _options: CheckFileOptions): CheckResult {
  throw new CompilerBug("the pipeline is not joined yet");
}
