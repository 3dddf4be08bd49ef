/**
 * Checkpoints: every var and param of an engine as one .safetensors file, and back. A run that goes on from one gives the
 * bits that the uninterrupted run would have given.
 */
import type { Engine } from "../../runtime/engine.ts";
import type { Manifest, ManifestState } from "../../runtime/executable.ts";
import { describeType, type HostTensor } from "../../runtime/host.ts";
import { writeSafetensors } from "../../runtime/safetensors.ts";
import { closest } from "../support/suggest.ts";
import { UserError } from "./failure.ts";
import { readWeights, type Written } from "./files.ts";
import { typeText } from "./inputs.ts";

/** What lives from run to run and is not part of the executable. */
const keptStates = (manifest: Manifest): readonly ManifestState[] => manifest.states.filter(({ role, baked }) => role === "var" || (role === "param" && baked !== true));

/** Where a file has all that a graph's params need, as when another graph has trained them. */
function helpForWeights(states: readonly ManifestState[], stored: ReadonlyMap<string, HostTensor>): string {
  const params = states.filter(({ role }) => role === "param");
  return params.length > 0 && params.every(({ name }) => stored.has(name)) ? "; --weights takes the params alone from it" : "";
}

/** The tensors of a checkpoint by name; `given` says which states have a value from elsewhere. */
export function readCheckpoint(path: string, manifest: Manifest, given: (name: string) => boolean): ReadonlyMap<string, HostTensor> {
  const stored = readWeights(path);
  const states = keptStates(manifest);
  for (const name of stored.keys()) {
    if (states.some((state) => state.name === name)) continue;
    const near = closest(name, states.map((state) => state.name));
    throw new UserError("bad-checkpoint", `${path} holds ${name}, but graph ${manifest.graph} has no var or param of that name`, near === undefined ? `it was saved from another graph${helpForWeights(states, stored)}` : `did you mean ${near}?`);
  }
  for (const state of states) {
    const tensor = stored.get(state.name);
    if (tensor === undefined) {
      if (given(state.name)) continue;
      throw new UserError("bad-checkpoint", `${path} does not hold the ${state.role} ${state.name}: ${typeText(state)}`, `give it with --in ${state.name}=FILE.npy`);
    }
    if (describeType(tensor.dtype, tensor.shape) !== typeText(state)) throw new UserError("bad-checkpoint", `${state.name} is ${typeText(state)}, but ${path} holds ${describeType(tensor.dtype, tensor.shape)}`);
  }
  return stored;
}

/** The file of everything the engine keeps from run to run. */
export function checkpointFile(path: string, engine: Engine, generator: string): Written {
  const tensors = new Map(keptStates(engine.manifest).map(({ name }) => [name, engine.read(name)]));
  return { path, bytes: writeSafetensors(tensors, { graph: engine.manifest.graph, generator }) };
}
