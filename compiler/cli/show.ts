/** How tensors are shown: small ones in full as NumPy would, large ones by a few figures; and the same for `--json`. */
import { bf16ToNumber } from "../../runtime/bf16.ts";
import type { HostTensor } from "../../runtime/host.ts";
import { formatNumber, formatTensor } from "../../runtime/print.ts";
import { typeText } from "./inputs.ts";

/** Tensors of at most this many elements are shown in full. */
const shownElements = 16;

/** One element as a number, or a bigint where the dtype is one. */
export const elementAt = (tensor: HostTensor, index: number): number | bigint => {
  const raw = tensor.data[index]!;
  return tensor.dtype === "bf16" ? bf16ToNumber(Number(raw)) : raw;
};

export interface Summary {
  readonly min: number;
  readonly mean: number;
  readonly max: number;
  /** How many elements are NaN; they are left out of the others. */
  readonly nan: number;
}

function summarize(tensor: HostTensor): Summary {
  let min = Infinity;
  let max = -Infinity;
  let sum = 0;
  let nan = 0;
  for (let index = 0; index < tensor.data.length; index++) {
    const value = Number(elementAt(tensor, index));
    if (Number.isNaN(value)) {
      nan += 1;
      continue;
    }
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value;
  }
  return { min, mean: sum / (tensor.data.length - nan), max, nan };
}

/** `indent`: the column where the text begins, for the lines of a matrix. */
function valueText(tensor: HostTensor, indent: number): string {
  if (tensor.data.length <= shownElements) return formatTensor(tensor, indent);
  const { min, mean, max, nan } = summarize(tensor);
  const figures = { min, mean, max, ...(nan === 0 ? {} : { nan }) };
  return Object.entries(figures).map(([name, value]) => `${name} ${formatNumber("f64", Number(value.toPrecision(6)))}`).join("  ");
}

/** Name, type and value of each, in aligned columns. */
export function outputTable(outputs: ReadonlyMap<string, HostTensor>): string {
  const rows = [...outputs].map(([name, tensor]) => ({ name, type: typeText(tensor), tensor }));
  const nameWidth = Math.max(0, ...rows.map(({ name }) => name.length)) + 2;
  const typeWidth = Math.max(0, ...rows.map(({ type }) => type.length)) + 2;
  return rows.map(({ name, type, tensor }) => `${name.padEnd(nameWidth)}${type.padEnd(typeWidth)}${valueText(tensor, nameWidth + typeWidth)}\n`).join("");
}

/** The newest element of an output stream, for the progress line. */
export const elementNote = (name: string, count: number, element: HostTensor): string => `${name} #${count}: ${valueText(element, 0).replaceAll(/\s+/g, " ")}`;

/** `--json` gives the elements of an output of at most this many, flat and row-major; of a larger one a summary. */
const jsonElements = 4096;

export function outputJson(tensor: HostTensor): unknown {
  const { dtype, shape } = tensor;
  if (tensor.data.length > jsonElements) {
    const { min, mean, max, nan } = summarize(tensor);
    return { dtype, shape, summary: { min: jsonNumber(min), mean: jsonNumber(mean), max: jsonNumber(max), nan } };
  }
  return { dtype, shape, data: Array.from({ length: tensor.data.length }, (_, index) => (dtype === "bool" ? Boolean(tensor.data[index]) : jsonNumber(elementAt(tensor, index)))) };
}

/** What JSON has no number for is a string: NaN, the infinities, and integers that a double does not hold. */
function jsonNumber(value: number | bigint): number | string {
  if (typeof value === "bigint") return BigInt(Number(value)) === value && Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  return Number.isFinite(value) ? value : String(value);
}
