/**
 * The library's ops, one row each: how near they come to what one core allows. The limit is the best that is known in C, where
 * there is such a kernel and it can be compiled (`library/native.ts`): the same function with the same accuracy, in vectors of 128
 * bits. Elsewhere, and where there is no gcc, it is the largest of the machine's limits, measured in the same rounds: a loop that reads and writes as many bytes of memory as the
 * op must; fused multiply–adds of vectors, of sums of products; single instructions of vectors, of formulas that are rounded
 * step by step (`library/formulas.ts` counts them); quotients and roots; hand-written kernels that turn rows into columns, load
 * what indices name, and move keys to piles (`lookups.ts`). And plain JavaScript. Operands and results are states, so that a call
 * copies nothing to or from the host and nothing is computed beforehand; results are compared with the plain loop's before
 * anything is timed. The cases are in `library/`.
 *
 * Memory is filled first: pages that nothing was written to are one page of zeros, which the nearest cache holds. Times are
 * the thread's own, in rounds of all contenders, since machines change speed from minute to minute.
 *
 * Single instructions are counted as if four were done in a cycle and no product were fused with its sum. C, which fuses them inside of
 * formulas as the kernels here do, comes to that count for an exponential, to 0.85 of it for a sine and 0.7 for a power. For long
 * formulas it needs four vectors at once and gcc's scheduling across them, else each operation of a power waits for the one before
 * (16.5 ms in place of 11.5). The C here does without what WebAssembly has not: with products of 32 bits to 64 of words that
 * are apart, and moves of words of two vectors, philox would take 0.87 of the time; casts from i8, with bytes that become words in one
 * load, 0.85. The largest of many is found by comparisons of floats in C, of which this machine does two in a cycle, for one that NaN
 * needs beside each: by integers, as gph has it, gcc takes longer. Pools and sums of columns are less than what memory
 * allows, 0.7 to 0.8 of it, in C too. Of rows that indices name, the limits and the kernels alike begin to fetch one before its time;
 * without that gather and scatter_add would take 1.25 of the time. Sparse products gain nothing by it: they are bound by instructions.
 *
 * A single long row is sorted in two stretches and merged, which is for two workers, in C too: by one C would sort it in one in 3.9 ms.
 * Running sums along columns are read twice, so that workers can share them: read once C takes two thirds of the time, cut along the
 * columns a fourth more. Of a transform, that its first stage stores lanes one by one costs 0.01 of 0.40 ms, and that what tiles
 * computed is copied to two states 0.03. The C of pools, transforms and sorts moves words within a vector, and not between two, since
 * an engine gets that wrong. The gradient of windows side by side by one kernel, which finds the largest and shares at once, was
 * slower than by two (0.54 to 0.44 ms; 0.46 where no NaN is looked for).
 *
 * Of convolutions C reads images as they come and comes to 0.95 to 1 of what fused products allow, of a step of an LSTM to 0.87;
 * Winograd's way was not tried in C. Products of bytes are sums of pairs of words of 16 bits, eight at once, here and there.
 *
 * November 2026, one worker, V8's pairing of vectors off, on a machine that other work kept busy, as parts of the limit:
 *
 * | ops                                       | of the limit | times plain JavaScript | bound by |
 * | sums, global average, pads, rolls         | 0.9–1        | 1–140   | memory |
 * | max, global max pool; sums of columns     | 1.1–1.25; 0.85–1 | 10–120; 20 | C |
 * | running sums along rows, along columns    | 1.18, 0.87–1 | 4, 40 | C; of what memory allows 0.5 |
 * | running extremes along rows, along columns | 0.98, 1.05–1.2 | 21, 30 | C, by integers, as NaN and zeros of two signs need |
 * | unfold, fold                              | 0.9, 0.85    | 24, 82  | C; of what memory allows 0.75, 0.79 |
 * | transposed matrix, channels last, first   | 0.9–1.1      | 15, 9, 3 | transposing; of what memory allows 0.33, 0.5, 0.3 |
 * | heads brought before rows; columns side by side | 0.9–1.2; 0.9–1 | 5–10; 3 | C |
 * | casts to i8; from i8                      | 1.05–1.15; 0.91–0.96 | 48, 70 | C |
 * | casts to f16, bf16; from f16, bf16        | 0.8–1.05, 0.8; 0.88, 1 | 45–130 | instructions; from bf16 memory |
 * | exp, sigmoid                              | 0.83–0.93, 0.77–0.91 | 26, 24 | C |
 * | sin, tanh chain, gelu, pow, axpy chain    | 0.9–1.05, 0.85–0.97, 0.83–0.96, 0.94, 0.9–0.96 | 6–21 | C |
 * | softmax, cross_entropy                    | 1.05–1.2, 0.93–1 | 12, 10 | C, which reads a row after the other |
 * | layer, batch, group and rms norm          | 1.1–1.3, 1.2, 1, 1 | 7–13 | C, which reads a row after the other |
 * | step of adam; quotients of complex numbers | 1.04; 1     | 10      | C; in loops of their own 0.78 |
 * | steps of Gray–Scott, lattice Boltzmann    | 1.03, 1.4    | 15, 30  | C; in loops of their own 0.9, 1.25 |
 * | uniform, dropout, normal                  | 0.77–0.95, 1.3, 0.87–1.02 | 40–100 | C |
 * | gather of rows, of elements; scatter_add of rows | 0.92–1.03, 0.92–0.98; 0.92–0.96 | 1.5–7 | lookups |
 * | one_hot                                   | 0.9          | 1       | memory |
 * | sort, argsort of 1M: 6.2, 6.9 ms          | 0.82–0.88, 1–1.1 | 17, 48 | C; NumPy: 11, 49 ms |
 * | sort, argsort of rows of 1024: 1.8, 6.2 ms | 1.2, 1–1.2  | 28, 24  | C; NumPy, which has wider vectors: 1.3, 24 ms |
 * | top_k, 8 of 1024: 0.36 ms                 | 1.04         | 650     | C; NumPy's argpartition: 8.5 ms |
 * | fft, rfft                                 | 1, 0.92–0.94 | 31, 40 | C |
 * | sparse products, 64 columns and 1         | 0.93, 0.84–1 | 18, 12  | C; of the lookups of 64 columns 0.76 |
 * | matmul_i32, conv2d_i32; step of lstm      | 0.98, 1.03; 0.93 | 60; 17 | C |
 * | conv2d 3 × 3, and by its image            | 2.4          | 92, 100 | products, of plain sums: Winograd's are fewer |
 * | conv2d, stride 2, and by its image; 1 × 1, by its image | 0.91, 0.83; 0.93 | 46, 41; 39 | C |
 * | conv2d by its filters; stride 2; 1 × 1    | 0.95; 0.95; 0.9 | 42, 46; 37 | C; images are reordered in each call, but for 1 × 1 |
 * | conv2d of 3 channels, and by its filters  | 0.82, 0.93   | 33      | C |
 * | largest, means of 2 × 2; gradients of max pools 2, 3 by 2, of avg | 1.05, 1.1; 1, 1.15, 1–1.1 | 40; 15, 18, 100 | C |
 *
 *   node spec/bench/library.ts [name …]
 */
import process from "node:process";
import { compile } from "../../compiler/index.ts";
import { Engine } from "../../runtime/index.ts";
import type { Case, Cases, Limit, Numbers } from "./library/case.ts";
import { castCases } from "./library/casts.ts";
import { dataCases } from "./library/data.ts";
import { fieldCases } from "./library/fields.ts";
import { native } from "./library/native.ts";
import { networkCases } from "./library/networks.ts";
import { productCases } from "./library/products.ts";
import { randomCases } from "./library/random.ts";
import { rowCases } from "./library/rows.ts";
import { sortCases } from "./library/sorts.ts";
import { trainingCases } from "./library/training.ts";
import { transposer } from "./library/transposing.ts";
import { peak, quotients as quotientPeak, traffic } from "./limits.ts";
import { lookups, piles } from "./lookups.ts";
import { compare, type Contender } from "./rounds.ts";
import { threadClock } from "./thread-clock.ts";

const rounds = { milliseconds: 1500, ...(threadClock.exact ? { roundMilliseconds: 8, leastRounds: 11 } : { roundMilliseconds: 40, leastRounds: 5 }) };

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

interface Results {
  readonly [name: string]: Numbers;
}

/** The results of the program, run on the operands as they were given. */
function resultsOf(one: Case, engine: Engine): Results {
  engine.runSync("load", Object.fromEntries(Object.entries(one.operands).map(([name, { data }]) => [`given_${name}`, data])));
  engine.runSync("main");
  const shown = engine.runSync("show");
  return Object.fromEntries(Object.keys(one.results).map((name) => [name, shown[`shown_${name}`]!.data as Float32Array]));
}

/** Throws where the results are not those of the plain loop. */
function check(what: string, one: Case, results: Results, expected: Results): void {
  for (const [name, want] of Object.entries(expected)) {
    const got = results[name]!;
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

/** Kernels written by hand that do what the op cannot do without. */
async function byHand({ turned, lookups: looked, piles: moved }: Limit): Promise<{ name: string; contender: Contender }[]> {
  return [
    ...(turned ? [{ name: "transposing", contender: await transposer(...turned) }] : []),
    ...(looked ? [{ name: "lookups", contender: await lookups(looked) }] : []),
    ...(moved ? [{ name: "piles", contender: await piles(moved) }] : []),
  ];
}

async function bench(name: string, one: Case): Promise<void> {
  const { executable, diagnostics } = await compile("library.gph", { readFile: () => sourceOf(one) });
  if (!executable) throw new Error(`${name}: ${diagnostics.map(({ message }) => message).join("\n")}`);
  await using engine = await Engine.load(executable, { workers: 1 });
  const inC = await native(one);
  const expected = one.plain();
  check(name, one, resultsOf(one, engine), expected);
  if (inC) check(`${name} in C`, one, inC.results(), expected);
  const { read = 0, written = 0, operations = 0, steps = 0, quotients = 0 } = one.limit;
  const [fused, single, divisions] = await Promise.all([peak(true), peak(false), quotientPeak()]);
  const own = await byHand(one.limit);
  const contenders: Contender[] = [
    await traffic(read, written), fused, single, divisions, ...own.map(({ contender }) => contender), ...(inC ? [inC] : []), { name: "gph", operations: 0, workers: 1, run: () => void engine.runSync("main") }, { name: "plain", operations: 0, workers: 1, run: () => void one.plain() },
  ];
  const times = compare(contenders, rounds);
  const [bytes, fusedTime, singleTime, divisionTime] = times as [number, number, number, number];
  const [gph, plain] = times.slice(-2) as [number, number];
  const limits = [
    { name: "memory", seconds: bytes },
    { name: "products", seconds: (fusedTime * operations) / fused.operations },
    { name: "instructions", seconds: (singleTime * steps) / single.operations },
    { name: "quotients", seconds: (divisionTime * quotients) / divisions.operations },
    ...own.map(({ name: what }, at) => ({ name: what, seconds: times[4 + at]! * (one.limit.repeats ?? 1) })),
  ];
  const limit = inC ? { name: "C", seconds: times.at(-3)! } : limits.reduce((most, other) => (other.seconds > most.seconds ? other : most));
  console.log(
    `${name.padEnd(26)} ${(gph * 1e3).toFixed(3).padStart(9)} ms   ${(limit.seconds / gph).toFixed(2)} of the limit (${limit.name}${one.native && !inC ? ", no C here" : ""})   ${(plain / gph).toFixed(1).padStart(6)} × plain JavaScript`,
  );
}

const cases: Cases = { ...rowCases, ...dataCases, ...sortCases, ...networkCases, ...fieldCases, ...trainingCases, ...randomCases, ...castCases, ...productCases };
const asked = process.argv.slice(2);
for (const [name, make] of Object.entries(cases)) if (asked.length === 0 || asked.some((part) => name.includes(part))) await bench(name, make());
