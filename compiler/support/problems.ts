/**
 * Every problem a diagnostic can name, with what it means. `spec/diagnostics.md` is generated from this table.
 * Names are kebab-case, nouns first ("shape-mismatch"), and are part of the public interface.
 */
export const problems = {
  // syntax
  "syntax": "The text is not a .gph program here.",
  "nesting-too-deep": "Blocks and brackets are nested more than 256 deep.",
  "source-too-large": "A source file is larger than 10 MB.",
  // names and modules
  "unknown-name": "Nothing of this name is in scope.",
  "unknown-module": "The imported file or library module does not exist.",
  "duplicate-name": "Two things in one scope have the same name.",
  "import-cycle": "Files import each other in a circle.",
  // types
  "type-mismatch": "A value is of another kind than is needed here.",
  "dtype-mismatch": "Dtypes differ; there is no silent conversion between tensors.",
  "shape-mismatch": "Shapes do not fit together.",
  "bad-argument": "An argument is missing, unknown, given twice, or not a value this parameter takes.",
  "out-of-range": "An index, axis, tile or literal lies outside what is allowed.",
  "truncated-division": "A quotient of whole numbers loses its fraction, which was hardly meant.",
  "not-assignable": "The left side of an assignment cannot be assigned.",
  "not-compile-time": "A value that must be known when compiling depends on tensors.",
  "indivisible": "A dimension must divide without remainder.",
  "assertion-failed": "An `assert` whose condition is known when compiling is false.",
  "missing-parameter": "A graph parameter has no default and was not set.",
  "unknown-parameter": "A value was set for a graph parameter that does not exist.",
  "no-gradient": "A gradient was asked through something that has none.",
  "zero-gradient": "A gradient is asked by a tensor on which the loss does not depend.",
  // limits
  "limit-exceeded": "A compile-time loop, recursion, unrolling or size goes beyond a stated limit.",
  "tensor-too-large": "A tensor is larger than the memory of the target.",
  "tile-memory-full": "A tile needs more memory than the target has.",
  // vertices and tiles
  "unconnected-field": "A vertex field was given no slice.",
  "unwritten-field": "A vertex never writes one of its out fields.",
  "unwritten-out": "An out is never written, or elements of it are read that nothing writes.",
  "vertex-clash": "Two vertices of one compute set touch the same element and one of them writes it.",
  "unknown-tile": "A tile number lies outside the target's tiles.",
  // targets
  "bad-target": "The description of a machine is not valid.",
  // not yet
  "not-supported": "gph does not support this yet.",
} as const satisfies Record<string, string>;

export type ProblemName = keyof typeof problems;
