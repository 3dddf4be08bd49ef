/** What a number or a string means, and what is wrong with it. */

export interface NumberMeaning {
  /** A whole number above 2^53 - 1 is a bigint. */
  readonly value: number | bigint;
  readonly isFloat: boolean;
}

/** What is wrong with a literal, where in it, and what to write instead. */
export interface LiteralMistake {
  readonly problem: "syntax" | "out-of-range";
  readonly message: string;
  /** Offsets within the literal. */
  readonly start: number;
  readonly end: number;
  readonly help?: string;
}

const wellFormedNumber = /^(?:0x[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*|0b[01]+(?:_[01]+)*|[0-9]+(?:_[0-9]+)*(?:\.[0-9]+(?:_[0-9]+)*)?(?:[eE][+-]?[0-9]+(?:_[0-9]+)*)?)$/;
/** Longer numbers than this are mistakes (and slow to judge). */
const longestNumber = 400;

/** Quotes a literal, cut when it is long. */
const quote = (text: string): string => `\`${text.length > 40 ? `${text.slice(0, 37)}...` : text}\``;

/** Reads a number as it is written, `1_000`, `1e-3`, `0xff`, `0b1010`. */
export function readNumber(text: string): NumberMeaning | LiteralMistake {
  const mistake = (problem: LiteralMistake["problem"], message: string, help?: string): LiteralMistake => ({
    problem, message, start: 0, end: text.length, ...(help === undefined ? {} : { help }),
  });
  if (text.length > longestNumber) return mistake("syntax", `a number may have at most ${longestNumber} characters, this one has ${text.length}`);
  if (!wellFormedNumber.test(text)) return mistake("syntax", `${quote(text)} is not a number`, numberHelp(text));
  const isFloat = !text.startsWith("0x") && /[.eE]/.test(text);
  const plain = text.replaceAll("_", "");
  const value = Number(plain);
  if (isFloat) return Number.isFinite(value) ? { value, isFloat } : mistake("out-of-range", `${quote(text)} is larger than any f64`);
  if (Number.isSafeInteger(value)) return { value, isFloat };
  const whole = BigInt(plain);
  if (whole < 2n ** 64n) return { value: whole, isFloat };
  return mistake("out-of-range", `${quote(text)} is larger than 2^64 - 1, the largest whole number that can be written`, Number.isFinite(value) ? "with a point or an exponent it is a float, as in `1e30`" : undefined);
}

/**
 * A number that stands outside of a source, as on a command line: a literal of the language, with a sign or without; of decimals
 * any, as `.5` and `1e400`. Whole numbers are bigints unless they have a point or an exponent. Undefined for what is no number.
 */
export function readSignedNumber(text: string): number | bigint | undefined {
  const [, sign, plain] = /^([+-]?)(.*)$/s.exec(text)!;
  const digits = plain!.replace(/(?<=[0-9])_(?=[0-9])/g, "");
  if (/^\d+$/.test(digits)) return sign === "-" ? -BigInt(digits) : BigInt(digits);
  if (/^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(digits)) return Number(`${sign}${digits}`);
  const read = readNumber(plain!);
  return "message" in read ? undefined : sign === "-" ? -BigInt(read.value) : BigInt(read.value);
}

function numberHelp(text: string): string {
  if (/^0[xX]/.test(text)) return "a hexadecimal number is `0x` and digits 0-9 a-f, as in `0xff`";
  if (/^0[bB]/.test(text)) return "a binary number is `0b` and digits 0 and 1, as in `0b1010`";
  if (/^0[oO]/.test(text)) return "there are no octal numbers; write it in decimal or as `0x…`";
  if (/__|_$|_[.eE]|[eE][+-]?_|\._/.test(text)) return "a `_` stands between two digits, as in `1_000_000`";
  if (/[eE][+-]?$/.test(text)) return "an exponent needs digits, as in `1e-3`";
  if (/^[0-9_.]+(?:[fF]|[uUiIlLnN])(?:8|16|32|64)?$/.test(text)) return "numbers have no suffix: a literal takes the dtype of its neighbour, or write `cast<f32>(1)`";
  return "a name cannot begin with a digit";
}

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", "0": "\0", "\\": "\\", '"': '"' };

/** Reads a string with its quotes. What cannot be read is left out of the value. */
export function readString(text: string): { readonly value: string; readonly mistakes: readonly LiteralMistake[] } {
  const mistakes: LiteralMistake[] = [];
  const pieces: string[] = [];
  let closed = false;
  let at = 1;
  let plainFrom = 1;
  while (at < text.length) {
    if (text[at] === '"') {
      closed = true;
      break;
    }
    if (text[at] !== "\\") {
      at += 1;
      continue;
    }
    pieces.push(text.slice(plainFrom, at));
    const code = text[at + 1] ?? "";
    const unicode = code === "u" ? /^\\u\{([0-9a-fA-F]{1,6})\}/.exec(text.slice(at, at + 10)) : null;
    const point = unicode === null ? Number.NaN : Number.parseInt(unicode[1]!, 16);
    let length = 2;
    if (unicode !== null && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff)) {
      pieces.push(String.fromCodePoint(point));
      length = unicode[0].length;
    } else if (Object.hasOwn(escapes, code)) {
      pieces.push(escapes[code]!);
    } else if (code !== "") {
      // A character outside the basic plane is two code units.
      length = 1 + String.fromCodePoint(text.codePointAt(at + 1)!).length;
      mistakes.push({
        problem: "syntax", message: `${quote(text.slice(at, at + length))} is not an escape`, start: at, end: at + length,
        help: 'the escapes are `\\n` `\\r` `\\t` `\\0` `\\\\` `\\"` and `\\u{1f600}`',
      });
    }
    at += length;
    plainFrom = at;
  }
  pieces.push(text.slice(plainFrom, closed ? at : text.length));
  if (!closed) {
    mistakes.push({ problem: "syntax", message: "this string has no end", start: 0, end: text.length, help: 'close it with `"` on the same line; a line break inside is written `\\n`' });
  }
  return { value: pieces.join(""), mistakes };
}

/** A string as the formatter writes it: the shortest text that `readString` reads back. */
export function writeString(value: string): string {
  const written = value.replace(/[\u0000-\u001f\u007f"\\\u2028\u2029]|\p{Surrogate}/gu, (character) => {
    for (const [code, meaning] of Object.entries(escapes)) if (meaning === character) return `\\${code}`;
    return `\\u{${character.codePointAt(0)!.toString(16)}}`;
  });
  return `"${written}"`;
}
