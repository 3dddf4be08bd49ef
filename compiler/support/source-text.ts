/** A source with its lines found once, so that many places can be looked up in it. */

export class SourceText {
  readonly text: string;
  private readonly starts: number[];

  constructor(text: string) {
    this.text = text;
    this.starts = [0];
    for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) this.starts.push(at + 1);
  }

  get lineCount(): number {
    return this.starts.length;
  }

  /** Line and column of an offset, both from 1; an offset outside the text counts as its nearest end. */
  positionOf(offset: number): { readonly line: number; readonly column: number } {
    const inside = Math.min(Math.max(offset, 0), this.text.length);
    let low = 0;
    let high = this.starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.starts[middle]! <= inside) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: inside - this.starts[low]! + 1 };
  }

  /** Where a line (from 1) begins. */
  startOfLine(line: number): number {
    return this.starts[line - 1] ?? this.text.length;
  }

  /** Where a line ends, without its line break. */
  endOfLine(line: number): number {
    const next = this.starts[line];
    if (next === undefined) return this.text.length;
    return this.text[next - 2] === "\r" && next - 2 >= this.startOfLine(line) ? next - 2 : next - 1;
  }
}
