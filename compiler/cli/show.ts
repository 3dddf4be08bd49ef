/** How tensors are shown: small ones in full as NumPy would, large ones by a few figures; and the same for `--json`. */
import { bf16ToNumber } from "../../runtime/bf16.ts";
import { dtypes, type DType } from "../../runtime/dtype.ts";
import type { HostTensor } from "../../runtime/host.ts";
import { typeText } from "./inputs.ts";

const shownElements = 16;

/** One element as a number or bigint, bf16 decoded. */
const elementAt = (tensor: HostTensor, index: number): number | bigint => {
  const raw = tensor.data[index]!;
  return tensor.dtype === "bf16" ? bf16ToNumber(Number(raw)) : raw;
};

/** The fewest digits that tell elements of the dtype apart. */
const significantDigits = { f16: 4, bf16: 3, f32: 7, f64: 15 } as const;

function elementText(dtype: DType, value: number | bigint): string {
  const { kind } = dtypes[dtype];
  if (kind === "bool") return value ? "true" : "false";
  if (kind !== "float") return String(value);
  return Number.isFinite(value) ? String(Number(Number(value).toPrecision(significantDigits[dtype as keyof typeof significantDigits]))) : { "NaN": "nan", "Infinity": "inf" }[String(value)] ?? "-inf";
}

function nested(tensor: HostTensor, dimension = 0, start = 0, size = tensor.data.length): string {
  const extent = tensor.shape[dimension];
  if (extent === undefined) return elementText(tensor.dtype, elementAt(tensor, start));
  const step = extent === 0 ? 0 : size / extent;
  const parts = Array.from({ length: extent }, (_, index) => nested(tensor, dimension + 1, start + index * step, step));
  return `[${parts.join(dimension === tensor.shape.length - 1 ? " " : ", ")}]`;
}

export interface Summary {
  readonly min: number;
  readonly mean: number;
  readonly max: number;
  /** How many elements are NaN; they are left out of the others. */
  readonly nan: number;
}

export function summarize(tensor: HostTensor): Summary {
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

function valueText(tensor: HostTensor): string {
  if (tensor.data.length <= shownElements) return nested(tensor);
  const { min, mean, max, nan } = summarize(tensor);
  const short = (value: number): string => elementText("f32", Number(value.toPrecision(5)));
  return `min ${short(min)}  mean ${short(mean)}  max ${short(max)}${nan === 0 ? "" : `  nan ${nan}`}`;
}

/** Name, type and value of each, in aligned columns. */
export function outputTable(outputs: ReadonlyMap<string, HostTensor>): string {
  const rows = [...outputs].map(([name, tensor]) => [name, typeText(tensor), valueText(tensor)] as const);
  const nameWidth = Math.max(0, ...rows.map(([name]) => name.length));
  const typeWidth = Math.max(0, ...rows.map(([, type]) => type.length));
  return rows.map(([name, type, value]) => `${name.padEnd(nameWidth)}  ${type.padEnd(typeWidth)}  ${value}\n`).join("");
}

/** The newest element of an output stream, for the progress line. */
export const elementNote = (name: string, count: number, element: HostTensor): string => `${name} #${count}: ${valueText(element)}`;

/** `--json` gives the elements of an output of at most this many, flat and row-major; of a larger one a summary. */
export const jsonElements = 4096;

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
