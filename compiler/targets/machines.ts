/** The machines gph knows, in the order people should read them; the first is the default. A new one is a file beside this one and a name here. */
import { ipuBow } from "./ipu-bow.ts";
import { ipuM2000 } from "./ipu-m2000.ts";
import { ipuMk1 } from "./ipu-mk1.ts";
import { ipuMk2 } from "./ipu-mk2.ts";
import type { Target } from "./target.ts";
import { wasm } from "./wasm.ts";

export const machines: readonly Target[] = [wasm, ipuMk1, ipuMk2, ipuBow, ipuM2000];
