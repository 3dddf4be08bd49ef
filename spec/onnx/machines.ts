/** The machines that cases are compiled for: tiles that share a memory, with small grains so that small tensors are split too, and tiles that do not. */
import type { Target } from "../../compiler/targets/target.ts";
import { target, withTiles } from "../../compiler/targets/targets.ts";

export const machines: readonly Target[] = [{ ...withTiles(target("wasm"), 3), grain: 1 }, withTiles(target("ipu-mk2"), 16)];
