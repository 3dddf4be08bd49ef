/** Attributes by value: equality, and a key that equal attributes share. Used to find equal nodes without comparing all pairs. */
import { isDeepStrictEqual } from "node:util";
import type { Attribute } from "./graph.ts";

const keysOfArrays = new WeakMap<ArrayBufferView, string>();

/** FNV-1a over the bytes (http://www.isthe.com/chongo/tech/comp/fnv/). */
function hashBytes(view: ArrayBufferView): number {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** Equal attributes have equal keys; unequal ones have different keys unless large arrays of equal length collide. */
export function attributeKey(attribute: Attribute): string {
  if (typeof attribute === "bigint") return `${attribute}n`;
  if (typeof attribute === "number") return Object.is(attribute, -0) ? "-0" : String(attribute);
  if (typeof attribute === "string") return JSON.stringify(attribute);
  if (typeof attribute !== "object" || attribute === null) return String(attribute);
  if (ArrayBuffer.isView(attribute)) {
    let key = keysOfArrays.get(attribute);
    if (key === undefined) {
      key = `${attribute.constructor.name}:${attribute.byteLength}:${hashBytes(attribute)}`;
      keysOfArrays.set(attribute, key);
    }
    return key;
  }
  if (isList(attribute)) return `[${attribute.map(attributeKey).join(",")}]`;
  const fields = attribute as { readonly [key: string]: Attribute };
  return `{${Object.keys(fields).filter((name) => fields[name] !== undefined).sort().map((name) => `${name}:${attributeKey(fields[name])}`).join(",")}}`;
}

/** By value: NaN equals NaN, -0 differs from 0, arrays by type and elements, absent fields equal undefined ones. */
export function sameAttribute(a: Attribute, b: Attribute): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (ArrayBuffer.isView(a) || ArrayBuffer.isView(b)) return ArrayBuffer.isView(a) && ArrayBuffer.isView(b) && sameBytes(a, b);
  if (isList(a) || isList(b)) return isList(a) && isList(b) && a.length === b.length && a.every((item, k) => sameAttribute(item, b[k]));
  const left = a as { readonly [key: string]: Attribute };
  const right = b as { readonly [key: string]: Attribute };
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].every((name) => sameAttribute(left[name], right[name]));
}

const isList = (attribute: Attribute): attribute is readonly Attribute[] => Array.isArray(attribute);

/** Bytes, not numbers, decide: 0 and -0 differ, NaNs are equal only with equal bits. */
export function sameBytes(a: ArrayBufferView, b: ArrayBufferView): boolean {
  if (a.constructor !== b.constructor || a.byteLength !== b.byteLength) return false;
  return isDeepStrictEqual(new Uint8Array(a.buffer, a.byteOffset, a.byteLength), new Uint8Array(b.buffer, b.byteOffset, b.byteLength));
}
