/** The public API of the compiler, `gph/compiler`. */
export * from "./builder/index.ts";
export { explain, type Explanation } from "./bsp/report/explain.ts";
export { reportOf, type Report } from "./bsp/report/report.ts";
export { reportTables } from "./bsp/report/tables.ts";
export { checkFile, compile, passNames, planFile, type CheckFileOptions, type CheckResult, type CompileOptions, type CompileResult, type Plan, type PlanResult } from "./compile.ts";
export { formatType, type Graph, type TensorType } from "./graph/graph.ts";
export { CompilerBug } from "./support/bug.ts";
export type { Diagnostic, Label, Severity } from "./support/diagnostic.ts";
export { problems, type ProblemName } from "./support/problems.ts";
export { render, toJson } from "./support/render.ts";
export type { Sources, Span } from "./support/span.ts";
export type { Watch, Work } from "./support/watch.ts";
export type { Target } from "./targets/target.ts";
export { parseTarget, targets, withTiles } from "./targets/targets.ts";
