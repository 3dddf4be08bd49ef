/** Test-only: control functions in a module of their own, run once for each worker's share of the tiles. */
import type { PlannedGraph } from "../../bsp/bsp.ts";
import { kernelFeatures, loadBinaryen, type Module } from "../binaryen.ts";
import { ControlFunction } from "../control.ts";
import { emitCopyBytes } from "../exchange.ts";
import { Layout } from "../layout.ts";

export interface ControlModule {
  readonly memory: DataView;
  /** Runs a function for the tiles from `begin` to before `end`. */
  run(name: string, begin: number, end: number): void;
}

/** `pages` of memory; tables of list placements lie at its end. */
export async function controlModule(graph: PlannedGraph, names: readonly string[], pages: number, emit: (module: Module, layout: Layout) => void): Promise<ControlModule> {
  const binaryen = await loadBinaryen();
  const module = new binaryen.Module();
  module.setFeatures(kernelFeatures({ fusedMultiplyAdd: false }));
  module.setMemory(pages, pages, null);
  for (const name of ["begin", "end"]) module.addGlobal(name, binaryen.i32, true, module.i32.const(0));
  const tables: { offset: number; values: readonly number[] }[] = [];
  let end = pages * 65_536;
  emitCopyBytes(module);
  emit(module, new Layout(graph, {
    table: (values) => {
      end -= 4 * values.length;
      tables.push({ offset: end, values });
      return end;
    },
  }));
  const f = new ControlFunction(module, 2);
  for (const [i, name] of ["begin", "end"].entries()) f.emit(module.global.set(name, f.code(f.parameter(i))));
  f.finish("share");
  for (const name of ["share", ...names]) module.addFunctionExport(name, name);
  module.setMemory(pages, pages, "memory", tables.map(({ offset, values }) => ({ offset: module.i32.const(offset), data: new Uint8Array(new Int32Array(values).buffer) })));
  if (!module.validate()) throw new Error(module.emitText());
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.emitBinary() as Uint8Array<ArrayBuffer>));
  module.dispose();
  const call = (name: string, ...args: number[]): void => (exports[name] as (...args: number[]) => void)(...args);
  return {
    memory: new DataView((exports["memory"] as WebAssembly.Memory).buffer),
    run: (name, begin, stop) => {
      call("share", begin, stop);
      call(name);
    },
  };
}

/** The shares of `tiles` tiles that so many workers have, as the engine deals them. */
export const shares = (tiles: number, workers: number): [number, number][] =>
  Array.from({ length: workers }, (_, worker) => [Math.floor((worker * tiles) / workers), Math.floor(((worker + 1) * tiles) / workers)]);
