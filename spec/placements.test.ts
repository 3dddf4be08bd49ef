/** Random compute sets: whatever the slices, tiles and mappings, they mean the same on the interpreter and on every machine. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { run } from "./testing/execution.ts";
import { readExpectations } from "./testing/expectations.ts";

/** Of one dtype; each leaves something out, reads what it wrote, or turns something round. */
const vertices = (dtype: string): string => `
vertex Copy<n> { in a: ${dtype}[n]; in b: ${dtype}[n]; out y: ${dtype}[n]; compute { for i in 0..n { y[i] = a[i] - b[n - 1 - i]; } } }
vertex Some<n> { in a: ${dtype}[n]; in b: ${dtype}[n]; out y: ${dtype}[n]; compute { for i in 0..n { if a[i] > b[i] { y[i] = a[i]; } } } }
vertex Scan<n> { in a: ${dtype}[n]; in b: ${dtype}[n]; inout y: ${dtype}[n]; compute { for i in 1..n { y[i] += y[i - 1] * a[i] + b[i]; } } }
vertex Sum<n> { in a: ${dtype}[n]; in b: ${dtype}[n]; out y: ${dtype}[n]; compute { var t: ${dtype} = 0; for i in 0..n { t += a[i] * b[i]; } for i in 0..n { y[i] = t; } } }
`;

interface Piece {
  readonly row: number;
  readonly from: number;
  readonly to: number;
}

/** Columns [from, to) forwards or backwards. */
const columns = ({ from, to }: Pick<Piece, "from" | "to">, backwards: boolean): string =>
  backwards && to > from ? `${to - 1}:${from === 0 ? "" : from - 1}:-1` : `${from}:${to}`;

const tile = fc.oneof(fc.nat(5).map((n) => `${n} % tiles`), fc.constant("tiles - 1"));

/** The rows of a matrix, each cut in two: what is written by different vertices. */
const pieces = (rows: number, width: number): fc.Arbitrary<Piece[]> => fc
  .array(fc.nat(width), { minLength: rows, maxLength: rows })
  .map((cuts) => cuts.flatMap((cut, row) => [{ row, from: 0, to: cut }, { row, from: cut, to: width }]))
  .chain((all) => fc.shuffledSubarray(all, { minLength: 1 }));

/** A slice of `length` elements of what the set only reads. */
const source = (rows: number, width: number, length: number): fc.Arbitrary<string> => fc
  .record({ of: fc.constantFrom("x", "s", "c"), row: fc.nat(rows - 1), from: fc.nat(width - length), backwards: fc.boolean() })
  .map(({ of, row, from, backwards }) => `${of}[${row}, ${columns({ from, to: from + length }, backwards)}]`);

const placement = (rows: number, width: number, piece: Piece): fc.Arbitrary<string> => {
  const length = piece.to - piece.from;
  return fc
    .record({ vertex: fc.constantFrom("Copy", "Some", "Scan", "Sum"), a: source(rows, width, length), b: source(rows, width, length), backwards: fc.boolean(), on: tile })
    .map(({ vertex, a, b, backwards, on }) => `place ${vertex} { a = ${a}, b = ${b}, y = w[${piece.row}, ${columns(piece, backwards)}] } on ${on};`);
};

const mapping = (rows: number, width: number): fc.Arbitrary<string> => fc
  .record({ of: fc.constantFrom("x", "s", "w"), rows: fc.constantFrom(":", "::2", `${rows - 1}`, "0:1"), from: fc.nat(width), on: tile })
  .map(({ of, rows: some, from, on }) => `map ${of}[${some}, ${from}:] on ${on};`);

const program = fc.record({ rows: fc.integer({ min: 1, max: 4 }), width: fc.integer({ min: 1, max: 6 }), dtype: fc.constantFrom("i32", "u8", "i64", "f16") }).chain(({ rows, width, dtype }) => fc
  .record({
    places: pieces(rows, width).chain((all) => fc.tuple(...all.map((piece) => placement(rows, width, piece)))),
    maps: fc.array(mapping(rows, width), { maxLength: 4 }),
    swap: fc.boolean(),
  })
  .map(({ places, maps, swap }) => `${vertices(dtype)}
graph g {
  in x: ${dtype}[${rows}, ${width}];
  var s: ${dtype}[${rows}, ${width}] = 1;
  var w: ${dtype}[${rows}, ${width}] = 2;
  let c = x + 1;
  ${maps.join("\n  ")}
  compute set all {
    ${places.join("\n    ")}
  }
  // run: main(x = random:1:0:4)
  // run: main(x = random:2:0:4)
  program main {
    repeat 2 {
      execute all;
      ${swap ? "let t = s; s = w; w = t;" : "s = w;"}
    }
  }
}
`));

test("random compute sets", async () => {
  await fc.assert(fc.asyncProperty(program, async (text) => {
    expect(await run({ path: "random.gph", readFile: (path) => (path === "random.gph" ? text : undefined) }, readExpectations(text), () => [])).toEqual([]);
  }), { numRuns: 15 });
});
