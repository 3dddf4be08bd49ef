/** The public API of the compiler, `gph/compiler`. */
export { checkFile, compile, passNames, type CheckFileOptions, type CheckResult, type CompileOptions, type CompileResult } from "./compile.ts";
export { formatType, type Graph, type TensorType } from "./graph/graph.ts";
export { CompilerBug } from "./support/bug.ts";
export type { Diagnostic, Label, Severity } from "./support/diagnostic.ts";
export { problems, type ProblemName } from "./support/problems.ts";
export { render, toJson } from "./support/render.ts";
export type { Sources, Span } from "./support/span.ts";
export type { Target } from "./targets/target.ts";
export { parseTarget, targets, withTiles } from "./targets/targets.ts";
