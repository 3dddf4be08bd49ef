/** The builder API: graphs written by a program. `core`, `nn`, `random`, … are the library, module by module. */
export { einsum } from "./call.ts";
export { BuildError } from "./errors.ts";
export { graph, GraphBuilder, type BuilderOptions } from "./graph.ts";
export * from "./library/index.ts";
export type { Program } from "./program.ts";
export { InputStream, Output, OutputStream, Part, State, Variable, VariablePart } from "./states.ts";
export { Tensor, type Item, type Operand } from "./tensor.ts";
export { bf16, bool, f16, f32, f64, i16, i32, i64, i8, u16, u32, u64, u8, type TypeOf } from "./types.ts";
