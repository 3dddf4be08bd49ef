/** The options that say how a source is compiled, shared by every command that may compile. What they mean is in `settings.ts`, which loads the machines. */
import type { Option } from "./command.ts";

export const settingOptions: readonly Option[] = [
  { name: "graph", letter: "g", value: "NAME", summary: "which graph, when the file has several" },
  { name: "set", letter: "s", value: "NAME=VALUE", repeated: true, summary: "value of a graph parameter; a tuple as 2,1 or '(2, 1)'" },
  { name: "target", letter: "t", value: "NAME|FILE.json", summary: "the machine: a name of `gph targets`, or your own (default wasm)" },
  { name: "tiles", value: "N", summary: "how many tiles it has, fewer or more than the real machine" },
  { name: "strict-math", summary: "round every operation for itself: the same bits on every kind of machine, at some cost" },
  { name: "checked", summary: "check indices as they run; one that lies outside of its field or axis ends the run at its line" },
];
