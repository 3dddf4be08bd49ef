/** Nodes of ops by name, for what is made of other ops: their types come from their own rules, and composed ops are unfolded. */
import { isBig } from "../../runtime/dtype.ts";
import type { GraphBuilder } from "../graph/build.ts";
import type { TensorType, ValueId } from "../graph/graph.ts";
import type { Span } from "../support/span.ts";
import type { NodeBuilder } from "./op.ts";
import { op as opOf } from "./table.ts";

/** Appends to the current block of a graph under construction. */
export function nodeBuilder(builder: GraphBuilder, origin: Span): NodeBuilder {
  const build: NodeBuilder = {
    typeOf: (value) => builder.typeOf(value),
    apply(name, inputs, attributes = {}): ValueId {
      const op = opOf(name);
      const composed = op.compose?.(build, inputs, attributes);
      if (composed !== undefined) return composed;
      const type = op.type(inputs.map((input) => builder.typeOf(input)), attributes);
      return builder.node(name, { inputs, attributes, outputs: [type], origin })[0]!;
    },
    fill: ({ dtype, shape }: TensorType, value) => build.apply("fill", [], { value: isBig(dtype) ? BigInt(value) : value, dtype, shape: [...shape] }),
  };
  return build;
}
