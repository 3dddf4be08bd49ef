/**
 * Layouts: text with places where it may break, and the one algorithm that decides which of them do.
 *
 * After Wadler, "A prettier printer" (2003), in the strict, stack-based form of Lindig, "Strictly pretty" (2000): a group
 * is put on one line if it and what follows it up to the next possible break fit, else all its own lines break.
 */

export type Layout =
  | string
  | { readonly kind: "concat"; readonly parts: readonly Layout[]; readonly hard: boolean }
  | { readonly kind: "indent"; readonly body: Layout; readonly hard: boolean }
  | { readonly kind: "group"; readonly body: Layout; readonly hard: boolean }
  /** `flat` when its group fits, else a line break; a hard one always breaks. */
  | { readonly kind: "line"; readonly flat: string; readonly hard: boolean }
  /** Text only where its group is broken. */
  | { readonly kind: "if-broken"; readonly text: string; readonly hard: false };

export const indentation = 2;

const isHard = (layout: Layout): boolean => typeof layout !== "string" && layout.hard;

/** Any number of parts in a row; `concat` is for a few. */
export const sequence = (parts: readonly Layout[]): Layout => ({ kind: "concat", parts, hard: parts.some(isHard) });
export const concat = (...parts: readonly Layout[]): Layout => sequence(parts);
export const indent = (...parts: readonly Layout[]): Layout => {
  const body = concat(...parts);
  return { kind: "indent", body, hard: isHard(body) };
};
export const group = (...parts: readonly Layout[]): Layout => {
  const body = concat(...parts);
  return { kind: "group", body, hard: isHard(body) };
};
/** A space, or a line break. */
export const line: Layout = { kind: "line", flat: " ", hard: false };
/** Nothing, or a line break. */
export const softLine: Layout = { kind: "line", flat: "", hard: false };
export const hardLine: Layout = { kind: "line", flat: "", hard: true };
export const ifBroken = (text: string): Layout => ({ kind: "if-broken", text, hard: false });

interface Frame {
  readonly layout: Layout;
  readonly depth: number;
  readonly broken: boolean;
}

/** The text of a layout, in lines of at most `width` columns where breaks allow it. */
export function writeLayout(layout: Layout, width: number): string {
  const out: string[] = [];
  const stack: Frame[] = [{ layout, depth: 0, broken: true }];
  let column = 0;
  /** Spaces that the next text of a line begins with; lines without text get none. */
  let pending = 0;
  const write = (text: string): void => {
    if (text === "") return;
    out.push(" ".repeat(pending), text);
    pending = 0;
    const at = text.lastIndexOf("\n");
    column = at === -1 ? column + text.length : text.length - at - 1;
  };
  for (let frame = stack.pop(); frame !== undefined; frame = stack.pop()) {
    const { depth, broken } = frame;
    const current = frame.layout;
    if (typeof current === "string") {
      write(current);
      continue;
    }
    switch (current.kind) {
      case "concat":
        for (let i = current.parts.length - 1; i >= 0; i--) stack.push({ layout: current.parts[i]!, depth, broken });
        break;
      case "indent":
        stack.push({ layout: current.body, depth: depth + indentation, broken });
        break;
      case "group":
        stack.push({ layout: current.body, depth, broken: current.hard || !fits(current.body, stack, width - column) });
        break;
      case "line":
        if (broken || current.hard) {
          out.push("\n");
          pending = depth;
          column = depth;
        } else {
          write(current.flat);
        }
        break;
      case "if-broken":
        if (broken) write(current.text);
        break;
      default:
        current satisfies never;
    }
  }
  return out.join("");
}

/** Whether a layout, written flat, and what follows it up to the next break fit in `room` columns. */
function fits(body: Layout, following: readonly Frame[], room: number): boolean {
  const stack: Frame[] = [{ layout: body, depth: 0, broken: false }];
  let left = room;
  let next = following.length - 1;
  while (left >= 0) {
    const frame = stack.pop() ?? following[next--];
    if (frame === undefined) return true;
    const { layout, broken } = frame;
    if (typeof layout === "string") {
      const at = layout.indexOf("\n");
      left -= at === -1 ? layout.length : at;
      if (at !== -1) return left >= 0;
      continue;
    }
    switch (layout.kind) {
      case "concat":
        for (let i = layout.parts.length - 1; i >= 0; i--) stack.push({ layout: layout.parts[i]!, depth: 0, broken });
        break;
      case "indent":
        stack.push({ layout: layout.body, depth: 0, broken });
        break;
      case "group":
        // A group that follows may still break; one inside is flat if this one is.
        stack.push({ layout: layout.body, depth: 0, broken });
        break;
      case "line":
        if (broken || layout.hard) return true;
        left -= layout.flat.length;
        break;
      case "if-broken":
        if (broken) left -= layout.text.length;
        break;
      default:
        layout satisfies never;
    }
  }
  return false;
}
