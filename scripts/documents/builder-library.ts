/**
 * compiler/builder/library/MODULE.ts: a typed function for everything that can be called, from the op table and the library
 * written in .gph. What dtype a call gives is read off the op's own examples, or the function's header.
 */
import { isDType, type DType } from "../../runtime/dtype.ts";
import { describeCalls } from "../../compiler/ops/describe.ts";
import type { ConstantValue, Op, ParameterKind } from "../../compiler/ops/op.ts";
import { calls } from "../../compiler/ops/table.ts";
import { libraryModules, librarySource } from "../../compiler/std/library.ts";
import { Diagnostics } from "../../compiler/support/diagnostic.ts";
import type * as ast from "../../compiler/syntax/ast.ts";
import { parse } from "../../compiler/syntax/parse.ts";

/** One way to call a function, in TypeScript. */
interface Overload {
  readonly type: string;
  readonly summary: string;
}

interface Entry {
  readonly name: string;
  readonly overloads: readonly Overload[];
  /** Third argument of `define`. */
  readonly shape: string;
}

/** The modules that have a file, as the builder names them: "core", "nn", … */
export function builderModules(): readonly string[] {
  return [...new Set(["core", ...libraryModules().map(shortName), ...describeCalls().map(({ module }) => shortName(module))])];
}

const shortName = (module: string): string => module.replace(/^std\//, "");
const longName = (short: string): string => (short === "core" ? "core" : `std/${short}`);

export function builderLibrary(short: string): string {
  const module = longName(short);
  const entries = [...ofTable(module), ...ofSource(module)];
  const uses = (word: string): boolean => entries.some(({ overloads }) => overloads.some(({ type }) => new RegExp(`\\b${word}\\b`).test(type)));
  const dtype = uses("DType") ? 'import type { DType } from "../../../runtime/dtype.ts";\n' : "";
  const tensor = ["Operand", "Tensor"].filter(uses);
  const types = uses("TypeOf") ? 'import type { TypeOf } from "../types.ts";\n' : "";
  return `// Written by \`npm run generate\`; change what it is made from instead.
/** ${module === "core" ? "What is in scope everywhere" : `Module ${module}`}, for the builder. */
${dtype}import { define } from "../call.ts";
${tensor.length === 0 ? "" : `import type { ${tensor.join(", ")} } from "../tensor.ts";\n`}${types}
${entries.map((entry) => entryText(entry, module)).join("\n")}`;
}

/** compiler/builder/library/index.ts */
export const builderLibraryIndex = (): string => `// Written by \`npm run generate\`; change what it is made from instead.
/** The modules of the library, for the builder. */
${builderModules().map((module) => `export * as ${module} from "./${module}.ts";\n`).join("")}`;

function entryText({ name, overloads, shape }: Entry, module: string): string {
  const type = overloads.length === 1 ? overloads[0]!.type : `{\n${overloads.map((overload) => `  ${overload.type.replace(" => ", ": ")};\n`).join("")}}`;
  const reserved = ["var"].includes(name);
  const doc = `/** ${[...new Set(overloads.map(({ summary }) => summary))].join(" Or: ").replaceAll("*/", "* /").replaceAll("\n", " ")} */\n`;
  const value = `define<${type}>(${[module, name].map((word) => JSON.stringify(word)).join(", ")}${shape})`;
  return reserved ? `${doc}const ${name}_ = ${value};\nexport { ${name}_ as ${name} };\n` : `${doc}export const ${name} = ${value};\n`;
}

// Ops of the table

function ofTable(module: string): Entry[] {
  return [...calls].flatMap(([name, candidates]): Entry[] => {
    const own = candidates.filter(({ signature }) => signature.module === module);
    if (own.length === 0) return [];
    const dtype = own[0]!.signature.dtypeArgument;
    return [{
      name,
      overloads: own.map(({ op, signature }) => ({ type: callType(signature.parameters.map((parameter) => ({ ...parameter, type: kindTypes[parameter.kind] })), callDTypes(op), dtype), summary: `${op.summary} ${op.formula}` })),
      shape: dtype === undefined ? "" : `, { dtype: ${dtype === "required" ? '"first"' : '"option"'} }`,
    }];
  });
}

const kindTypes: { readonly [kind in ParameterKind]: string } = {
  tensor: "Operand", tensors: "readonly Operand[]", int: "number", float: "number", bool: "boolean", string: "string",
  axis: "number", axes: "number | readonly number[]", ints: "number | readonly number[]", padding: "number | readonly number[] | \"same\" | \"same_lower\" | \"valid\"", shape: "readonly number[]",
};

/** The dtypes of a call as its examples have them: a dtype, "D" for the one type parameter, undefined where neither fits. */
interface CallDTypes {
  readonly inputs: readonly (DType | "D" | undefined)[];
  readonly result: DType | "D" | undefined;
}

function callDTypes(op: Op): CallDTypes {
  const rows = op.examples().filter(({ inputs }) => inputs.length > 0).map(({ inputs, attributes }) => {
    const types = inputs.map(({ type }) => type);
    return { inputs: types.map(({ dtype }) => dtype), result: op.type(types, attributes).dtype };
  });
  const count = Math.max(0, ...rows.map(({ inputs }) => inputs.length));
  const column = (position: number): readonly (DType | undefined)[] => rows.map(({ inputs }) => inputs[position]);
  const results = rows.map(({ result }) => result);
  const constant = (list: readonly (DType | undefined)[]): DType | undefined => (list.every((dtype) => dtype === undefined || dtype === list[0]) ? list[0] : undefined);
  // What varies together is D: the result with the inputs of its dtype, else the first input with those of its own.
  const leading = constant(results) === undefined ? results : column(0);
  const varies = constant(leading) === undefined;
  const judge = (list: readonly (DType | undefined)[]): DType | "D" | undefined => (varies && list.length > 0 && list.every((dtype, row) => dtype === undefined || dtype === leading[row]) ? "D" : constant(list));
  return { inputs: Array.from({ length: count }, (_, position) => judge(column(position))), result: judge(results) };
}

interface Parameter {
  readonly name: string;
  readonly type: string;
  readonly default?: ConstantValue;
}

const inBrackets = (dtype: DType | "D" | undefined): string => (dtype === undefined ? "" : dtype === "D" ? "<D>" : `<"${dtype}">`);

/** Required parameters by position, the others as options by name. */
function callType(parameters: readonly Parameter[], dtypes: CallDTypes, dtype: "required" | "optional" | undefined): string {
  let tensors = 0;
  const typed = parameters.map((parameter) => {
    if (!parameter.type.includes("Operand")) return parameter;
    const of = dtypes.inputs[tensors++];
    return { ...parameter, type: parameter.type.replace("Operand", `Operand${dtype !== undefined && of === "D" ? "" : inBrackets(of)}`) };
  });
  const required = typed.filter((parameter) => parameter.default === undefined).map(({ name, type }) => `${parameterName(name)}: ${type}`);
  const optional = [...typed.filter((parameter) => parameter.default !== undefined).map(({ name, type }) => `${name}?: ${type}`), ...(dtype === "optional" ? ["dtype?: D"] : [])];
  const list = [...(dtype === "required" ? ["dtype: D"] : []), ...required, ...(optional.length === 0 ? [] : [`options?: { ${optional.join("; ")} }`])];
  const gives = dtype !== undefined ? "Tensor<D>" : `Tensor${inBrackets(dtypes.result)}`;
  const text = `(${list.join(", ")}) => ${gives}`;
  return `${/\bD\b/.test(text) ? "<D extends DType>" : ""}${text}`;
}

const parameterName = (name: string): string => (["in", "var", "default", "function", "switch"].includes(name) ? `${name}_` : name);

// Functions written in .gph

function ofSource(module: string): Entry[] {
  const source = librarySource(module === "core" ? "std/core" : module);
  if (source === undefined) return [];
  const { items } = parse(module, source, new Diagnostics());
  return items.flatMap((item) => (item.kind === "fn" && item.exported ? [functionEntry(item)] : []));
}

function functionEntry({ name, generics, parameters, result, doc }: ast.Fn): Entry {
  const dtypeNames = new Set(generics.filter(({ bound, rest }) => bound !== undefined && !rest).map((generic) => generic.name.name));
  const dtypeOf = (type: ast.TypeExpression): string => {
    if (type.kind !== "named-type") return "";
    return dtypeNames.has(type.name.name) ? type.name.name : isDType(type.name.name) ? JSON.stringify(type.name.name) : "";
  };
  const used = new Set<string>();
  const tensor = (word: "Operand" | "Tensor", type: ast.TypeExpression): string => {
    const dtype = dtypeOf(type);
    if (dtypeNames.has(dtype)) used.add(dtype);
    return dtype === "" ? word : `${word}<${dtype}>`;
  };
  const typeOf = (type: ast.TypeExpression): string => {
    if (type.kind === "tuple-type") return `readonly [${type.elements.map(typeOf).join(", ")}]`;
    const compileTime = { int: "number", float: "number", bool: "boolean", string: "string", dtype: "DType" }[type.name.name];
    return compileTime !== undefined && !(type.name.name === "bool" && type.dimensions) ? compileTime : tensor("Operand", type);
  };
  const listed = parameters.map((parameter) => ({ name: parameter.name.name, type: typeOf(parameter.type), optional: parameter.default !== undefined }));
  const gives = result.kind === "tuple-type" ? `readonly [${result.elements.map((element) => tensor("Tensor", element)).join(", ")}]` : tensor("Tensor", result);
  // What only the result's type says, the caller must.
  const given = new Set(parameters.flatMap(({ type }) => wordsOf(type)));
  const told = generics.some(({ name: one }) => wordsOf(result).includes(one.name) && !given.has(one.name));
  // A dtype that nothing else names stands between < and > at the call.
  const free = [...dtypeNames].some((one) => !given.has(one) && !wordsOf(result).includes(one));
  const required = [...(free ? ["dtype: DType"] : []), ...listed.filter(({ optional }) => !optional).map((parameter) => `${parameterName(parameter.name)}: ${parameter.type}`)];
  const options = [...(told ? [`type: TypeOf<${dtypeOf(result)}>`] : []), ...listed.filter(({ optional }) => optional).map((parameter) => `${parameter.name}?: ${parameter.type}`)];
  const list = [...required, ...(options.length === 0 ? [] : [`options${told ? "" : "?"}: { ${options.join("; ")} }`])];
  const generic = used.size === 0 ? "" : `<${[...used].map((one) => `${one} extends DType`).join(", ")}>`;
  return {
    name: name.name,
    overloads: [{ type: `${generic}(${list.join(", ")}) => ${gives}`, summary: doc ?? "" }],
    shape: shapeText([...(told ? ["typed: true"] : []), ...(free ? ['dtype: "first"'] : []), ...(!told && result.kind === "tuple-type" ? [`results: ${result.elements.length}`] : [])]),
  };
}

const shapeText = (fields: readonly string[]): string => (fields.length === 0 ? "" : `, { ${fields.join(", ")} }`);

/** Every name that stands somewhere in a type. */
function wordsOf(type: ast.TypeExpression): readonly string[] {
  if (type.kind === "tuple-type") return type.elements.flatMap(wordsOf);
  return [type.name.name, ...JSON.stringify(type.dimensions ?? []).matchAll(/"name":"(\w+)"/g).map(([, word]) => word!)];
}
