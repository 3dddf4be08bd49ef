/**
 * The library's ops, one row each: how near they come to what one core allows. Beside each program the limit of the machine,
 * measured in the same rounds: a loop that reads and writes as many bytes of memory as the op must, or multiply–adds of
 * vectors where arithmetic binds (the larger of the two counts); and plain JavaScript. Operands and results are states, so that
 * a call copies nothing to or from the host and nothing is computed beforehand; results are compared with the plain loop's
 * before anything is timed. What the cases are is in `library-cases.ts` and `library-rows.ts`.
 *
 * Memory is filled first: pages that nothing was written to are one page of zeros, which the nearest cache holds. Times are
 * the thread's own, in rounds of all contenders, since machines change speed from minute to minute.
 *
 * November 2026, one worker, V8's pairing of vectors off, as parts of the limit (that of sorts is one pass over memory, which
 * no sort does; so their milliseconds for 1M elements):
 *
 * | op                                 | of the limit | times plain JavaScript |
 * | pad, roll, global pools            | 0.7–1        | 1.3–22 |
 * | concat, permutation of heads, one_hot | 0.5–0.6   | 0.6–6 |
 * | gather, scatter_add of rows        | 0.41, 0.26   | 2 |
 * | gather of elements                 | 0.08         | 0.5–1.6 | one load an element
 * | cum_sum, last and first axis       | 0.22, 0.36   | 1.7, 21 |
 * | transpose, other permutations      | 0.18, 0.15   | 9, 2–3 | squares of single elements
 * | sort, argsort                      | 8.7 ms, 11 ms | 12, 31 |
 * | uniform, normal, dropout           | 0.09, 0.18, 0.11 | 32, 12, 21 | 3.1, 6.5 and 3.2 ns an element
 * | f16, bf16, i8 from f32             | 0.16, 0.33, 0.42 | 24, 5, 36 |
 * | f32 from f16, bf16, i8             | 0.47, 1, 0.7 | 71, 16, 62 |
 * | batch and group norm               | 0.16–0.27    | 5–7 | two passes for statistics, one for the result, one for the state
 * | matmul_i32, step of lstm           | 0.95, 0.76   | 39, 16 |
 * | fft, rfft                          | 0.10, 0.08   | 5, 7 | of 5 n log n, by products of 16 × 16
 * | sparse products, 64 columns and 1  | 0.22, 0.04   | 10, 3 |
 * | cross_entropy, step of adam        | 0.25, 0.36   | 4, 5 |
 *
 *   node spec/bench/library.ts [name …]
 */
import process from "node:process";
import { compile } from "../../compiler/index.ts";
import { Engine } from "../../runtime/index.ts";
import { cases, type Case, type Numbers } from "./library-cases.ts";
import { rowCases } from "./library-rows.ts";
import { peak, traffic } from "./limits.ts";
import { compare, type Contender } from "./rounds.ts";

const rounds = { milliseconds: 1200, roundMilliseconds: 40, leastRounds: 5 };

const dtypeOf = (type: string): string => type.split("[")[0]!;
const givenType = (data: Numbers, type: string): string => `${data instanceof Float32Array ? "f32" : "i32"}${type.slice(dtypeOf(type).length)}`;
const shownType = (type: string): string => `f32${type.slice(dtypeOf(type).length)}`;
const converted = (value: string, from: string, to: string): string => (dtypeOf(from) === dtypeOf(to) ? value : `cast<${dtypeOf(to)}>(${value})`);

/** The program: operands and results as states, loaded and shown by programs of their own. */
function sourceOf({ imports, functions, operands, results, main }: Case): string {
  const given = Object.entries(operands).map(([name, { type, data }]) => ({ name, type, given: givenType(data, type) }));
  const shown = Object.entries(results).map(([name, type]) => ({ name, type }));
  const lines = [
    ...given.flatMap(({ name, type, given: dtype }) => [`in given_${name}: ${dtype};`, `var ${name}: ${type} = 0;`]),
    ...shown.flatMap(({ name, type }) => [`out shown_${name}: ${shownType(type)};`, ...(operands[name] ? [] : [`var ${name}: ${type} = 0;`])]),
    `program load { ${given.map(({ name, type, given: dtype }) => `${name} = ${converted(`given_${name}`, dtype, type)};`).join(" ")} }`,
    `program main { ${main} }`,
    `program show { ${shown.map(({ name, type }) => `shown_${name} = ${converted(name, type, "f32")};`).join(" ")} }`,
  ];
  return `${(imports ?? []).join("\n")}\n${functions ?? ""}\ngraph library {\n  ${lines.join("\n  ")}\n}\n`;
}

/** Throws where the results are not those of the plain loop. */
function check(what: string, one: Case, engine: Engine, expected: { readonly [name: string]: Numbers }): void {
  engine.runSync("load", Object.fromEntries(Object.entries(one.operands).map(([name, { data }]) => [`given_${name}`, data])));
  engine.runSync("main");
  const shown = engine.runSync("show");
  for (const [name, want] of Object.entries(expected)) {
    const got = shown[`shown_${name}`]!.data as Float32Array;
    if (got.length !== want.length) throw new Error(`${what}: ${name} has ${got.length} elements instead of ${want.length}`);
    let [largest, worst] = [1, 0];
    want.forEach((value: number) => (largest = Math.max(largest, Math.abs(value))));
    want.forEach((value: number, i: number) => {
      const difference = Math.abs(value - got[i]!);
      if (!(difference <= worst)) worst = difference;
    });
    if (!(worst / largest <= one.tolerance)) throw new Error(`${what}: ${name} differs by ${worst / largest}`);
  }
}

async function bench(name: string, one: Case): Promise<void> {
  const { executable, diagnostics } = await compile("library.gph", { readFile: () => sourceOf(one) });
  if (!executable) throw new Error(`${name}: ${diagnostics.map(({ message }) => message).join("\n")}`);
  await using engine = await Engine.load(executable, { workers: 1 });
  check(name, one, engine, one.plain());
  const { read = 0, written = 0, operations = 0 } = one.limit;
  const arithmetic = await peak(true);
  const contenders: Contender[] = [
    await traffic(read, written), arithmetic, { name: "gph", operations: 0, workers: 1, run: () => void engine.runSync("main") }, { name: "plain", operations: 0, workers: 1, run: () => void one.plain() },
  ];
  const [bytes, flops, gph, plain] = compare(contenders, rounds) as [number, number, number, number];
  const computing = (flops * operations) / arithmetic.operations;
  const limit = Math.max(bytes, computing);
  console.log(
    `${name.padEnd(26)} ${(gph * 1e3).toFixed(3).padStart(9)} ms   ${(limit / gph).toFixed(2)} of the limit (${bytes >= computing ? "memory" : "arithmetic"})   ${(plain / gph).toFixed(1).padStart(6)} × plain JavaScript`,
  );
}

const asked = process.argv.slice(2);
for (const [name, make] of Object.entries({ ...rowCases, ...cases })) if (asked.length === 0 || asked.some((part) => name.includes(part))) await bench(name, make());
