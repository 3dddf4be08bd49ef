/**
 * Parameters of a graph: what is given from outside, as text or as values of JavaScript, becomes compile-time values of the
 * declared types. Text is read as literals of the language are; a tuple may stand without its parentheses, and a string
 * without its quotes.
 */
import { isDType } from "../../runtime/dtype.ts";
import type * as ast from "../syntax/ast.ts";
import { readSignedNumber, readString } from "../syntax/literals.ts";
import { maxTuple } from "./limits.ts";
import { compileTimeTypeOf, describeTupleType, elementTypes, type CompileTimeType } from "./types.ts";
import { bool, float, int, intOf, tuple, type Value } from "./value.ts";

export type GivenParameter = number | boolean | string | readonly GivenParameter[];
export type GivenParameters = { readonly [name: string]: GivenParameter };

/** Why what was given does not fit. */
export interface Misfit {
  readonly misfit: string;
  readonly help: string;
}

type TupleType = Extract<ast.TypeExpression, { kind: "tuple-type" }>;

/** A value for a parameter of a compile-time type, or of a tuple of such. `subject` names it in messages. */
export function readParameter(subject: string, type: ast.TypeExpression, given: GivenParameter): Value | Misfit {
  if (type.kind === "tuple-type") return readTuple(subject, type, given);
  const scalar = compileTimeTypeOf(type)!;
  return readScalar(scalar, given) ?? { misfit: `${subject} is ${scalar === "int" ? "an" : "a"} ${scalar}, and was set to ${JSON.stringify(given)}`, help: takes[scalar] };
}

export const isMisfit = (result: Value | Misfit): result is Misfit => "misfit" in result;

/** What can be given for a parameter. */
const takes: Readonly<Record<CompileTimeType, string>> = {
  int: "it takes a whole number of at most 64 bits, as 512 or 1_000", float: "it takes a finite number, as 0.1 or 1e-3", bool: "it takes true or false",
  string: "it takes any text", dtype: "it takes f16, bf16, f32, f64, bool, or i or u with 8, 16, 32 or 64 bits, as i32",
};

function readTuple(subject: string, type: TupleType, given: GivenParameter): Value | Misfit {
  const elements = typeof given === "string" ? elementsIn(given) : Array.isArray(given) ? (given as readonly GivenParameter[]) : undefined;
  const types = elements && elementTypes(type, elements.length);
  if (!types) {
    return { misfit: `${subject} is ${describeTupleType(type)}, and was set to ${JSON.stringify(given)}${elements ? `, a tuple of ${elements.length}` : ""}`, help: `it takes values between commas, as ${sample(type)}` };
  }
  const values: Value[] = [];
  for (const [k, element] of elements.entries()) {
    const value = readParameter(`element ${k} of ${subject}`, types[k]!, typeof given === "string" ? unquoted(element, types[k]!) : element);
    if (isMisfit(value)) return value;
    values.push(value);
  }
  return tuple(values);
}

/** A tuple of the type, as it could be written. */
function sample(type: ast.TypeExpression): string {
  if (type.kind !== "tuple-type") return { int: "1", float: "0.5", bool: "true", string: '"a"', dtype: "f32" }[compileTimeTypeOf(type)!];
  const elements = (type.any ? [type.elements[0]!, type.elements[0]!] : type.elements).map(sample);
  return `(${elements.join(", ")}${elements.length === 1 ? "," : ""})`;
}

/** A string within a tuple stands in quotes where it holds a comma or a parenthesis. */
const unquoted = (element: GivenParameter, type: ast.TypeExpression): GivenParameter => {
  if (typeof element !== "string" || !element.startsWith('"') || compileTimeTypeOf(type) !== "string") return element;
  const { value, mistakes } = readString(element);
  return mistakes.length === 0 ? value : element;
};

/** The elements of `(a, b)`, `a, b` or `a..b`; undefined of a text that is no tuple. */
function elementsIn(text: string): readonly GivenParameter[] | undefined {
  const all = text.trim();
  const outer = betweenCommas(all);
  if (outer === undefined) return undefined;
  if (outer.length > 1) return outer;
  if (all.startsWith("(") && all.endsWith(")")) {
    const inner = all.slice(1, -1).trim();
    const parts = inner === "" ? [] : betweenCommas(inner);
    return parts?.length === 1 && !inner.endsWith(",") ? undefined : parts;
  }
  return all.endsWith(",") ? outer : rangeIn(all);
}

/** What stands between the commas of a text, outside of strings and of inner parentheses; undefined where these do not match. */
function betweenCommas(text: string): string[] | undefined {
  const parts: string[] = [];
  let [depth, quoted, from] = [0, false, 0];
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (quoted && character === "\\") at += 1;
    else if (character === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (character === "(") depth += 1;
    else if (character === ")") depth -= 1;
    else if (character === "," && depth === 0) {
      parts.push(text.slice(from, at).trim());
      from = at + 1;
    }
    if (depth < 0) return undefined;
  }
  if (depth > 0 || quoted) return undefined;
  const last = text.slice(from).trim();
  return last === "" && parts.length > 0 ? parts : [...parts, last];
}

/** The ints of `a..b`. */
function rangeIn(text: string): number[] | undefined {
  const ends = /^([^.]+)\.\.([^.]+)$/.exec(text)?.slice(1).map((end) => readScalar("int", end));
  const [start, end] = ends ?? [];
  if (start?.kind !== "int" || end?.kind !== "int" || end.value - start.value > maxTuple) return undefined;
  return Array.from({ length: Math.max(0, end.value - start.value) }, (_, k) => start.value + k);
}

function readScalar(type: CompileTimeType, given: GivenParameter): Value | undefined {
  if (typeof given !== "number" && typeof given !== "boolean" && typeof given !== "string") return undefined;
  if (type === "string") return { kind: "string", value: String(given) };
  const text = typeof given === "string" ? given.trim() : given;
  if (type === "dtype") return typeof text === "string" && isDType(text) ? { kind: "dtype", value: text } : undefined;
  if (type === "bool") return text === true || text === "true" ? bool(true) : text === false || text === "false" ? bool(false) : undefined;
  if (typeof text === "boolean") return undefined;
  const number = typeof text === "string" ? readSignedNumber(text) : text;
  return number === undefined ? undefined : numberAs(type, number);
}

function numberAs(type: "int" | "float", number: number | bigint): Value | undefined {
  if (!Number.isFinite(Number(number))) return undefined;
  if (type === "float") return float(Number(number));
  if (typeof number === "bigint") return intOf(number);
  // An int has no -0.
  return Number.isSafeInteger(number) ? int(number + 0) : undefined;
}
