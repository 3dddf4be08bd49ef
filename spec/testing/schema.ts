/** The part of JSON Schema that the documents of this project use: enough to hold an output against its documentation. */
import { isDeepStrictEqual } from "node:util";

export interface Schema {
  readonly $ref?: string;
  readonly $defs?: { readonly [name: string]: Schema };
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: { readonly [name: string]: Schema };
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly description?: string;
}

const keywords = new Set(["$schema", "$ref", "$defs", "type", "const", "enum", "minimum", "maximum", "properties", "required", "additionalProperties", "items", "oneOf", "title", "description"]);

/** Where and why a value is not what the schema says; nothing when it is. */
export function mismatches(value: unknown, schema: Schema, root: Schema = schema, path = "$"): string[] {
  const unknown = Object.keys(schema).filter((keyword) => !keywords.has(keyword));
  if (unknown.length > 0) throw new Error(`the schema at ${path} uses ${unknown.join(", ")}, which nothing here checks`);
  if (schema.$ref !== undefined) {
    const target = root.$defs?.[schema.$ref.replace("#/$defs/", "")];
    if (target === undefined) throw new Error(`the schema has no ${schema.$ref}`);
    return mismatches(value, target, root, path);
  }
  if (schema.oneOf !== undefined) {
    const tried = schema.oneOf.map((one) => mismatches(value, one, root, path));
    const fitting = tried.filter((found) => found.length === 0).length;
    return fitting === 1 ? [] : [`${path} fits ${fitting} of ${tried.length} forms: ${tried.map((found) => found[0] ?? "fits").join(" / ")}`];
  }
  if (schema.const !== undefined && !isDeepStrictEqual(value, schema.const)) return [`${path} is not ${JSON.stringify(schema.const)}`];
  if (schema.enum !== undefined && !schema.enum.includes(value)) return [`${path} is none of ${JSON.stringify(schema.enum)}`];
  if (schema.type !== undefined && !hasType(value, schema.type)) return [`${path} is no ${schema.type}`];
  if (typeof value === "number") {
    if (schema.minimum !== undefined && value < schema.minimum) return [`${path} is ${value}, less than ${schema.minimum}`];
    if (schema.maximum !== undefined && value > schema.maximum) return [`${path} is ${value}, more than ${schema.maximum}`];
  }
  if (Array.isArray(value)) return schema.items === undefined ? [] : value.flatMap((one, i) => mismatches(one, schema.items!, root, `${path}[${i}]`));
  if (typeof value === "object" && value !== null) return objectMismatches(value as { [name: string]: unknown }, schema, root, path);
  return [];
}

function objectMismatches(value: { readonly [name: string]: unknown }, schema: Schema, root: Schema, path: string): string[] {
  const missing = (schema.required ?? []).filter((name) => !Object.hasOwn(value, name)).map((name) => `${path} has no ${name}`);
  return [...missing, ...Object.entries(value).flatMap(([name, one]) => {
    const own = schema.properties?.[name] ?? schema.additionalProperties;
    if (own === false) return [`${path}.${name} is not documented`];
    return own === undefined || own === true ? [] : mismatches(one, own, root, `${path}.${name}`);
  })];
}

function hasType(value: unknown, type: NonNullable<Schema["type"]>): boolean {
  switch (type) {
    case "object": return typeof value === "object" && value !== null && !Array.isArray(value);
    case "array": return Array.isArray(value);
    case "integer": return Number.isSafeInteger(value);
    case "number": return typeof value === "number" && Number.isFinite(value);
    case "string": case "boolean": return typeof value === type;
  }
}
