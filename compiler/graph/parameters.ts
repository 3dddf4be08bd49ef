/** The values that a graph's parameters had, as JSON has them: in the manifest of an executable, and in reports. */
import type { Attribute, Graph } from "./graph.ts";

/** By name: tuples are arrays, ints of more than 53 bits are text. */
export const parameterValues = ({ parameters }: Graph): { readonly [name: string]: unknown } => Object.fromEntries(parameters.map(({ name, value }) => [name, plain(value)]));

const plain = (value: Attribute): unknown => (typeof value === "bigint" ? String(value) : Array.isArray(value) ? (value as readonly Attribute[]).map(plain) : value);
