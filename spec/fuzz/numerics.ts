/**
 * Random programs of numerics: linear algebra, Fourier transforms, sparse matrices, numbers of 8 bits, random numbers, loops
 * with a limit, and gradients through them. Matrices are made so that they are far from singular; what is not exact is written
 * with how far it may be off, which grows with the largest value it has.
 */
import { Decisions } from "../../compiler/support/testing/decisions.ts";
import type { RandomSource } from "./sources.ts";
import { typeText } from "./writing.ts";

type Float = "f32" | "f64" | "f16" | "bf16";

const imports = [
  'import { cholesky, cholesky_solve, determinant, eigh, inverse, least_squares, log_determinant, matrix_norm, matrix_power, matrix_transpose, pseudo_inverse, qr, singular_values, solve, svd, triangular_solve } from "std/linalg";',
  'import { fft, ifft, irfft, rfft } from "std/fft";',
  'import { block_sampled_matmul, block_sparse_matmul, block_sparse_transposed_matmul, sparse_matmul } from "std/sparse";',
  'import { conv2d_i32, dequantize, fake_quantize, matmul_i32, quantize, requantize } from "std/quantised";',
  'import { bernoulli, normal, permutation, randint, shuffle, truncated_normal, uniform } from "std/random";',
].join("\n");

/** Half a unit in the last place of numbers from 1 to 2, of the precision that is computed in. */
const roundings: Readonly<Record<Float, number>> = { f64: 2 ** -53, f32: 2 ** -24, f16: 2 ** -11, bf16: 2 ** -8 };

export function randomNumerics(list: readonly number[]): RandomSource {
  return new NumericsWriter(new Decisions(list)).write();
}

class NumericsWriter {
  readonly #decisions: Decisions;
  readonly #members: string[] = ["stream out sink: i32;", "stream out floats: f32[2];"];
  readonly #errors = new Map<string, number>();
  #counter = 0;

  constructor(decisions: Decisions) {
    this.#decisions = decisions;
  }

  write(): RandomSource {
    const families = [() => this.#factors(), () => this.#systems(), () => this.#spectra(), () => this.#matrixGradient(), () => this.#transform(), () => this.#sparse(), () => this.#blocks(), () => this.#quantised(), () => this.#drawn(), () => this.#limited()] as const;
    const body = Array.from({ length: 1 + this.#below(3) }, () => this.#inControl(this.#decisions.pick(families)())).flat();
    return { text: `${imports}\n\ngraph g {\n  ${this.#members.join("\n  ")}\n  program main {\n    ${body.join("\n    ")}\n  }\n}\n`, errors: this.#errors };
  }

  #below(choices: number): number {
    return this.#decisions.below(choices);
  }

  #pick<T>(list: readonly T[]): T {
    return this.#decisions.pick(list);
  }

  #name(prefix: string): string {
    return `${prefix}${this.#counter++}`;
  }

  #given(role: "in" | "param", dtype: string, shape: readonly number[]): string {
    const name = this.#name(role[0]!);
    this.#members.push(`${role} ${name}: ${typeText(dtype, shape)};`);
    return name;
  }

  #role(): "in" | "param" {
    return this.#pick(["in", "param"] as const);
  }

  /** Gives an out its value; `size`: how large it may be, times what rounding it went through. */
  #out(dtype: string, shape: readonly number[], value: string, size = 0): string {
    const name = this.#name("y");
    this.#members.push(`out ${name}: ${typeText(dtype, shape)};`);
    if (size > 0) this.#errors.set(name, size * roundings[dtype as Float]);
    return `${name} = ${value};`;
  }

  /** Statements as they are, in a branch, or in a loop that does the same again. */
  #inControl(statements: readonly string[]): readonly string[] {
    switch (this.#below(5)) {
      case 3: return ["if sum(iota<i32>(3)) == 3 {", ...statements.map((line) => `  ${line}`), "}"];
      case 4: return ["repeat 2 {", ...statements.map((line) => `  ${line}`), "}"];
      default: return statements;
    }
  }

  #extent(): number {
    return this.#pick([3, 1, 2, 5, 4, 7, 8, 17, 20]);
  }

  /** A square matrix with more on its diagonal than beside it, or a stack of two. */
  #square(dtype: Float, n: number, stack: readonly number[]): string {
    const x = this.#given(this.#role(), dtype, [...stack, n, n]);
    return `(${x} * ${1 / (16 * n)} + eye<${dtype}>(${n}))`;
  }

  #dtype(): Float {
    return this.#pick(["f32", "f64", "f32", "f16", "bf16"] as const);
  }

  #stack(): readonly number[] {
    return this.#pick([[], [2]] as const);
  }

  /** Cholesky, QR and determinants. */
  #factors(): string[] {
    const [dtype, n, stack] = [this.#dtype(), this.#extent(), this.#stack()];
    const a = this.#square(dtype, n, stack);
    const shape = [...stack, n, n];
    switch (this.#below(5)) {
      case 0: return [`let a${this.#counter} = ${a};`, this.#out(dtype, shape, `cholesky(a${this.#counter} @ matrix_transpose(a${this.#counter}) + eye<${dtype}>(${n}))`, 200)];
      case 1: {
        const [m, name] = [n + this.#below(3), this.#counter++];
        const x = this.#given(this.#role(), dtype, [...stack, m, n]);
        return [`let (q${name}, r${name}) = qr(${x} * ${1 / (16 * m)} + eye<${dtype}>(${m})[:, :${n}]);`, this.#out(dtype, [...stack, m, n], `q${name}`, 500), this.#out(dtype, shape, `r${name}`, 500)];
      }
      case 2: return [this.#out(dtype, stack, `determinant(${a})`, 600 * n)];
      case 3: {
        const name = this.#counter++;
        return [`let (s${name}, l${name}) = log_determinant(${a});`, this.#out(dtype, stack, `s${name}`), this.#out(dtype, stack, `l${name}`, 400 * n)];
      }
      default: return [this.#out(dtype, shape, `matrix_power(${a}, ${this.#below(5) - 1})`, 500 * n)];
    }
  }

  #systems(): string[] {
    const [dtype, n, stack, k] = [this.#dtype(), this.#extent(), this.#stack(), 1 + this.#below(4)];
    const a = this.#square(dtype, n, stack);
    const b = this.#given("in", dtype, [...stack, n, k]);
    switch (this.#below(5)) {
      case 0: return [this.#out(dtype, [...stack, n, k], `solve(${a}, ${b})`, 4000)];
      case 1: return [this.#out(dtype, [...stack, n, n], `inverse(${a})`, 500)];
      case 2: return [this.#out(dtype, [...stack, n, k], `triangular_solve(${a}, ${b}, lower = ${this.#pick(["true", "false"])}, transposed = ${this.#pick(["true", "false"])}, unit_diagonal = ${this.#pick(["true", "false"])})`, 4000)];
      case 3: return [`let a${this.#counter} = ${a};`, this.#out(dtype, [...stack, n, k], `cholesky_solve(cholesky(a${this.#counter} @ matrix_transpose(a${this.#counter})), ${b})`, 8000)];
      default: {
        const m = n + 1 + this.#below(3);
        const [x, right] = [this.#given("in", dtype, [...stack, m, n]), this.#given(this.#role(), dtype, [...stack, m, k])];
        return [this.#out(dtype, [...stack, n, k], `least_squares(${x} * ${1 / (16 * m)} + eye<${dtype}>(${m})[:, :${n}], ${right})`, 8000)];
      }
    }
  }

  /** Of singular values and eigenvalues only what does not depend on signs or gaps. */
  #spectra(): string[] {
    const [dtype, n, stack] = [this.#dtype(), this.#pick([3, 1, 2, 5, 4]), this.#stack()];
    const m = this.#pick([n, n + 2, Math.max(1, n - 1)]);
    const [x, name, k] = [`(${this.#given("in", dtype, [...stack, m, n])} * 0.125)`, this.#counter++, Math.min(m, n)];
    switch (this.#below(4)) {
      case 0: return [this.#out(dtype, [...stack, k], `singular_values(${x})`, 500)];
      case 1: return [`let (u${name}, s${name}, v${name}) = svd(${x});`, this.#out(dtype, [...stack, m, n], `u${name} * expand(s${name}, -2) @ v${name}`, 2000)];
      case 2: return [`let a${name} = ${x};`, `let (l${name}, v${name}) = eigh(matrix_transpose(a${name}) @ a${name} + eye<${dtype}>(${n}));`, this.#out(dtype, [...stack, n], `l${name}`, 4000), this.#out(dtype, [...stack, n, n], `v${name} * expand(l${name}, -2) @ matrix_transpose(v${name})`, 8000)];
      default: return [this.#out(dtype, [...stack, n, n], `pseudo_inverse(${this.#square(dtype, n, stack)})`, 1000), this.#out(dtype, stack, `matrix_norm(${x}, "2")`, 500)];
    }
  }

  #matrixGradient(): string[] {
    const [dtype, n] = [this.#pick(["f32", "f64"] as const), this.#pick([3, 1, 2, 5, 18])];
    const [x, w, name] = [this.#given(this.#role(), dtype, [n, n]), this.#given("in", dtype, [n, n]), this.#counter++];
    const a = `a${name}`;
    const losses = [
      `sum(inverse(${a}) * ${w})`, `sum(solve(${a}, ${w}) * ${w})`, `determinant(${a})`, `sum(cholesky(${a} @ ${a}.transpose() + eye<${dtype}>(${n})) * ${w})`,
      `sum(singular_values(${a}))`, `sum(triangular_solve(${a}, ${w}) * ${w})`, `sum(least_squares(concat(${a}, ${w} * 0.01, axis = 0), concat(${w}, ${w}, axis = 0)))`, `sum(pseudo_inverse(${a}) * ${w})`,
    ];
    return [`let ${a} = ${x} * ${1 / (16 * n)} + eye<${dtype}>(${n});`, this.#out(dtype, [n, n], `grad(${this.#pick(losses)}, ${a})`, 40_000 * n * n)];
  }

  #transform(): string[] {
    const [dtype, n, stack] = [this.#pick(["f32", "f64"] as const), this.#pick([8, 1, 2, 3, 5, 6, 7, 12, 16, 23, 32, 45, 64]), this.#pick([[], [3], [2, 2]] as const)];
    const [shape, name] = [[...stack, n], this.#counter++];
    const [re, im] = [this.#given("in", dtype, shape), this.#given("in", dtype, shape)];
    const half = Math.floor(n / 2) + 1;
    const size = 8 * n * 40;
    switch (this.#below(4)) {
      case 0: return [`let (f${name}, g${name}) = ${this.#pick(["fft", "ifft"])}(${re}, ${im});`, this.#out(dtype, shape, `f${name}`, size), this.#out(dtype, shape, `g${name}`, size)];
      case 1: return [`let (f${name}, g${name}) = rfft(${re});`, this.#out(dtype, [...stack, half], `f${name}`, size), this.#out(dtype, [...stack, half], `g${name}`, size)];
      case 2: return [this.#out(dtype, shape, `irfft(${this.#given("in", dtype, [...stack, half])}, ${this.#given("in", dtype, [...stack, half])}, ${n})`, size)];
      default: return [`let (f${name}, g${name}) = fft(${re}, ${im});`, this.#out(dtype, shape, `grad(sum(f${name} * ${im}) + sum(g${name}), ${re})`, size)];
    }
  }

  /** Columns and starts of a matrix with so many rows and columns: each row as many places, the last the rest. */
  #structure(count: number, rows: number, columns: number): readonly [columns: string, starts: string] {
    const each = Math.ceil(count / rows);
    return [`iota<i32>(${count}) * ${1 + this.#below(5)} % ${columns}`, `min(iota<i32>(${rows + 1}) * ${each}, ${count})`];
  }

  /** Sums of few products of multiples of 1/4 are exact, but in 16 bits. */
  #sparse(): string[] {
    const [count, rows, columns, n] = [this.#pick([6, 1, 12, 31]), this.#pick([4, 1, 9]), this.#pick([5, 1, 8]), 1 + this.#below(6)];
    const dtype = this.#pick(["f32", "f64", "i32", "f16"] as const);
    const [places, starts] = this.#structure(count, rows, columns);
    const [values, b] = [this.#given(this.#role(), dtype, [count]), this.#given("in", dtype, [columns, n])];
    const product = `sparse_matmul(${values}, ${places}, ${starts}, ${b})`;
    if (dtype === "f16") return [this.#out(dtype, [rows, n], product, 64 * count)];
    if (dtype === "i32" || this.#below(3) < 2) return [this.#out(dtype, [rows, n], product)];
    const w = this.#given("in", dtype, [rows, n]);
    return [this.#out(dtype, [count], `grad(sum(${product} * ${w}), ${values})`), this.#out(dtype, [columns, n], `grad(sum(${product} * ${w}), ${b})`)];
  }

  #blocks(): string[] {
    const [count, rows, columns, r, c, n] = [this.#pick([5, 1, 8]), this.#pick([3, 1]), this.#pick([4, 2]), this.#pick([2, 1, 4]), this.#pick([3, 1, 4]), this.#pick([4, 1, 9])];
    const [dtype, [places, starts]] = [this.#pick(["f32", "f64"] as const), this.#structure(count, rows, columns)];
    switch (this.#below(3)) {
      case 0: return [this.#out(dtype, [rows * r, n], `block_sparse_matmul(${this.#given(this.#role(), dtype, [count, r, c])}, ${places}, ${starts}, ${this.#given("in", dtype, [columns * c, n])})`)];
      case 1: return [this.#out(dtype, [columns * c, n], `block_sparse_transposed_matmul(${this.#given(this.#role(), dtype, [count, r, c])}, ${places}, ${starts}, ${this.#given("in", dtype, [rows * r, n])}, ${columns})`)];
      default: return [this.#out(dtype, [count, r, c], `block_sampled_matmul(${this.#given("in", dtype, [rows * r, n])}, ${this.#given(this.#role(), dtype, [columns * c, n])}, ${places}, ${starts}, ${r}, ${c})`)];
    }
  }

  /** Scales are powers of two, so that nothing lies between two numbers but where it is rounded to even. */
  #quantised(): string[] {
    const [m, k, n] = [this.#pick([3, 1, 8]), this.#pick([4, 1, 17, 33]), this.#pick([5, 1, 16])];
    const [left, right] = [this.#pick(["i8", "u8"] as const), this.#pick(["i8", "u8"] as const)];
    const scale = this.#pick([0.25, 0.5, 0.125]);
    switch (this.#below(6)) {
      case 5: return [this.#out("u8", [m, n], `requantize<u8>(matmul_i32(${this.#given("in", left, [m, k])}, ${this.#given(this.#role(), right, [k, n])}), f32(${scale / 4}), ${this.#below(9)})`)];
      case 0: return [this.#out("i32", [m, n], `matmul_i32(${this.#given("in", left, [m, k])}, ${this.#given(this.#role(), right, [k, n])})`)];
      case 1: return [this.#out(left, [m, k], `quantize<${left}>(${this.#given("in", "f32", [m, k])}, f32(${scale}), ${this.#below(9) - 4})`)];
      case 2: return [this.#out("f32", [m, k], `dequantize(${this.#given("in", left, [m, k])}, f32(${scale}), ${this.#below(9) - 4})`)];
      case 3: {
        const x = this.#given("in", "f32", [m, k]);
        return [this.#out("f32", [m, k], `fake_quantize<i8>(${x}, f32(${scale}))`), this.#out("f32", [m, k], `grad(sum(fake_quantize<i8>(${x}, f32(${scale / 8})) * 0.5), ${x})`)];
      }
      default: return [this.#out("i32", [2, 3, 6, 5], `conv2d_i32(${this.#given("in", left, [2, 2, 6, 5])}, ${this.#given(this.#role(), right, [3, 2, 3, 3])}, ${this.#below(3)}, ${this.#below(3) - 1}, padding = 1)`)];
    }
  }

  #drawn(): string[] {
    const [shape, seed, stream] = [this.#pick([[7], [3, 5], [1], [65], [2, 3, 4]] as const), this.#below(1000), this.#below(5)];
    const dtype = this.#dtype();
    const into = (kind: string): string => `${kind}<${dtype}>(${seed}, ${stream}, ${shape.join(", ")})`;
    switch (this.#below(6)) {
      case 0: return [this.#out(dtype, shape, into("uniform"))];
      case 1: return [this.#out(dtype, shape, into("normal"), 100)];
      case 2: return [this.#out("bool", shape, `bernoulli(${seed}, ${stream}, 0.3)`)];
      case 3: return [this.#out("i32", shape, `randint(${seed}, ${stream}, -5, ${this.#below(20)})`)];
      case 4: return [this.#out("i32", [9], `permutation(${seed}, ${stream})`), this.#out("i32", shape, `shuffle(${this.#given("in", "i32", shape)}, ${seed}, ${stream})`)];
      default: return [this.#out("f32", shape, `truncated_normal(${seed}, ${stream})`, 2000)];
    }
  }

  /** A loop with a limit, which may end before it, and a gradient through its rounds. Powers of a half of whole numbers are exact. */
  #limited(): string[] {
    const [name, limit, shape] = [this.#counter++, 1 + this.#below(5), this.#pick([[4], [], [3, 2]] as const)];
    const [x, w] = [this.#given("in", "f64", shape), this.#given(this.#role(), "f64", shape)];
    const [rounds, s, k] = [this.#given("in", "i32", []), `s${name}`, `k${name}`];
    const body = this.#pick([`${s} = ${s} * 0.5 + ${w};`, `${s} = ${s} * ${w} * 0.0625;`, `if ${k} > 1 { ${s} = ${s} + ${w} * ${x}; } else { ${s} = -${s}; }`]);
    const loop = this.#below(2) === 0 ? `while ${k} < ${rounds} limit ${limit} { ${body} ${k} += 1; }` : `repeat ${rounds} limit ${limit} { ${body} ${k} += 1; }`;
    const loss = this.#pick([`sum(${s})`, `sum(${s} * ${w})`]);
    return [
      `var ${s} = ${x};`, `var ${k}: i32 = 0;`, loop, this.#out("f64", shape, s), this.#out("i32", [], k),
      this.#out("f64", shape, `grad(${loss}, ${x})`), this.#out("f64", shape, `grad(${loss}, ${w})`),
    ];
  }
}

