/** The public API of the package `gph`: the compiler and the runtime together. Each is also alone, as `gph/compiler` and `gph/runtime`. */
export * from "./compiler/index.ts";
export * from "./runtime/index.ts";
