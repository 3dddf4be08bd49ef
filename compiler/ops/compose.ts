/** Nodes of ops by name, for what is made of other ops: their types come from their own rules, and composed ops are unfolded. */
import { isBig } from "../../runtime/dtype.ts";
import type { GraphBuilder } from "../graph/build.ts";
import type { Attributes, TensorType, ValueId } from "../graph/graph.ts";
import type { Span } from "../support/span.ts";
import type { NodeBuilder } from "./op.ts";
import { op as opOf } from "./table.ts";

/** Appends to the current block of a graph under construction. */
export function nodeBuilder(builder: GraphBuilder, origin: Span): NodeBuilder {
  const typeOf = (value: ValueId): TensorType => builder.typeOf(value);
  return unfolding(typeOf, (name, inputs, attributes) => builder.node(name, { inputs, attributes, outputs: [opOf(name).type(inputs.map(typeOf), attributes)], origin })[0]!);
}

/** Appends by `append` what is not composed. */
export function unfolding(typeOf: NodeBuilder["typeOf"], append: (name: string, inputs: readonly ValueId[], attributes: Attributes) => ValueId): NodeBuilder {
  const build: NodeBuilder = {
    typeOf,
    apply: (name, inputs, attributes = {}) => opOf(name).compose?.(build, inputs, attributes) ?? append(name, inputs, attributes),
    fill: ({ dtype, shape }: TensorType, value) => build.apply("fill", [], { value: isBig(dtype) ? BigInt(value) : value, dtype, shape: [...shape] }),
  };
  return build;
}
