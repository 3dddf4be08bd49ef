/**
 * Random programs of layers: products and convolutions large enough to be packed, of weights that the host changes between
 * runs, with maps behind them, alone, in loops and under a gradient. Elements are such (differential.ts) that sums are exact
 * but where `errors` says otherwise.
 */
import { Decisions } from "../../compiler/support/testing/decisions.ts";
import type { RandomSource } from "./sources.ts";

type Float = "f32" | "f64";

interface Layer {
  readonly text: string;
  /** Whether sums are exact: of inputs alone, not of what other layers gave. */
  readonly exact: boolean;
}

export function randomLayers(list: readonly number[]): RandomSource {
  return new LayerWriter(new Decisions(list)).write();
}

class LayerWriter {
  readonly #decisions: Decisions;
  readonly #members: string[] = ["stream out sink: i32;", "stream out floats: f32[2];"];
  readonly #errors = new Map<string, number>();
  readonly #dtype: Float;
  #counter = 0;
  /** Of outs: main writes those named y. */
  #prefix = "y";

  constructor(decisions: Decisions) {
    this.#decisions = decisions;
    this.#dtype = decisions.pick(["f32", "f32", "f32", "f64"] as const);
  }

  write(): RandomSource {
    const body: string[] = [];
    for (let k = 1 + this.#below(3); k > 0; k--) {
      const made = this.#decisions.pick([() => this.#product(), () => this.#product(), () => this.#images(), () => this.#chain(), () => this.#loop(), () => this.#gradient(), () => this.#trained(), () => this.#rolled(), () => this.#state()])();
      body.push(...made);
    }
    this.#prefix = "o";
    const other = this.#below(2) === 1 ? [`program other { ${this.#product().join(" ")} }`] : [];
    const text = `import { conv2d, conv1d, conv_transpose2d, max_pool2d, avg_pool2d, gelu, sigmoid, softmax } from "std/nn";\n\ngraph g {\n  ${[...this.#members, ...other].join("\n  ")}\n  program main {\n    ${body.join("\n    ")}\n  }\n}\n`;
    return { text, errors: this.#errors };
  }

  #below(choices: number): number {
    return this.#decisions.below(choices);
  }

  #extent(): number {
    return this.#decisions.pick([8, 17, 1, 33, 16, 5, 40, 24, 64, 31, 2]);
  }

  /** A new input or param. */
  #given(role: "in" | "param" | "var", shape: readonly number[], dtype: string = this.#dtype): string {
    const name = `${role[0]}${this.#counter++}`;
    this.#members.push(`${role} ${name}: ${dtype}${shape.length > 0 ? `[${shape.join(", ")}]` : ""};`);
    return name;
  }

  #out(shape: readonly number[], error: number, dtype: string = this.#dtype): string {
    const name = `${this.#prefix}${this.#counter++}`;
    this.#members.push(`out ${name}: ${dtype}${shape.length > 0 ? `[${shape.join(", ")}]` : ""};`);
    if (error > 0) this.#errors.set(name, error);
    return name;
  }

  #role(): "in" | "param" {
    return this.#decisions.pick(["param", "in", "param"] as const);
  }

  /** x @ w, either turned, perhaps in batches, [m, n]. */
  #matmul(m: number, k: number, n: number, x = ""): string {
    const turned = (shape: readonly [number, number], role: "in" | "param"): string =>
      this.#below(3) === 2 ? `transpose(${this.#given(role, [shape[1], shape[0]])})` : this.#below(4) === 3 ? `${this.#given(role, [shape[0], shape[1] + 3])}[:, 2:${shape[1] + 2}]` : this.#given(role, shape);
    return `(${x === "" ? turned([m, k], "in") : x} @ ${turned([k, n], this.#role())})`;
  }

  /** A map behind a layer of this shape, whose last axis is the columns' unless `channels` says so. */
  #epilogue({ text, exact }: Layer, shape: readonly number[], channels = shape.length - 1): Layer {
    let [made, stays] = [text, exact];
    for (let k = this.#below(4); k > 0; k--) {
      switch (this.#below(7)) {
        case 0: made = `(${made} + ${this.#given(this.#role(), [shape[channels]!])}${".reshape(".repeat(channels === shape.length - 1 ? 0 : 1)}${channels === shape.length - 1 ? "" : `${shape[channels]}, 1, 1)`})`; break;
        case 1: made = `max(${made}, 0)`; break;
        case 2: made = `(${made} + ${this.#given("in", shape)})`; break;
        case 3: made = `(${made} * 0.5)`; break;
        case 4: made = `select(${made} > 1, ${made}, ${this.#given("in", shape)})`; break;
        case 5: [made, stays] = [`tanh(${made} * 0.01)`, false]; break;
        default: made = `abs(${made} - ${this.#given(this.#role(), [])})`;
      }
    }
    return { text: made, exact: stays };
  }

  #product(): string[] {
    const [m, k, n] = [this.#extent(), this.#extent(), this.#extent()];
    const layer = this.#epilogue({ text: this.#matmul(m, k, n), exact: true }, [m, n]);
    const error = layer.exact ? 0 : this.#error(10);
    switch (this.#below(6)) {
      case 0: return [`${this.#out([n, m], error)} = transpose(${layer.text});`];
      case 1: return [`${this.#out([m, n], error === 0 ? 0 : 0.1, "f16")} = cast<f16>(${layer.text} * 0.001);`];
      case 2: return [`${this.#out([n], layer.exact ? 0 : error * m)} = max(${layer.text}, axis = 0);`];
      case 3: {
        const base = this.#given("var", [m + 2, n]);
        return [`${base}[1:${m + 1}] = clamp(round(${layer.exact ? layer.text : "0.5"}), -8, 8);`, `${this.#out([m + 2, n], 0)} = ${base};`];
      }
      default: return [`${this.#out([m, n], error)} = ${layer.text};`];
    }
  }

  /** Of values up to `bound`: of rounding, and of functions that are computed by other formulas. */
  #error(bound: number): number {
    return this.#dtype === "f64" ? bound * 1e-9 : bound * 1e-4;
  }

  #images(): string[] {
    const [n, c, o] = [1 + this.#below(2), this.#decisions.pick([8, 3, 16, 32, 1, 9]), this.#decisions.pick([8, 16, 1, 33, 12])];
    const [height, width] = [this.#decisions.pick([12, 7, 9, 16]), this.#decisions.pick([10, 12, 5])];
    const [kh, kw] = this.#below(2) === 1 ? [3, 3] : [1 + this.#below(3), 1 + this.#below(3)];
    const [stride, padding, dilation] = [1 + this.#below(2), this.#below(2), this.#below(5) === 4 ? 2 : 1];
    const depthwise = this.#below(5) === 4;
    const after = (extent: number, window: number): number => Math.floor((extent + 2 * padding - (window - 1) * dilation - 1) / stride) + 1;
    const [tall, wide] = [after(height, kh), after(width, kw)];
    if (tall < 1 || wide < 1) return this.#product();
    const filters = depthwise ? c : o;
    const weights = this.#given(this.#role(), [filters, depthwise ? 1 : c, kh, kw]);
    const bias = this.#below(2) === 1 ? `, ${this.#given(this.#role(), [filters])}` : "";
    const text = `conv2d(${this.#given("in", [n, c, height, width])}, ${weights}${bias}, stride = ${stride}, padding = ${padding}, dilation = ${dilation}, groups = ${depthwise ? c : 1})`;
    const shape = [n, filters, tall, wide];
    const layer = this.#epilogue({ text, exact: true }, shape, 1);
    // Winograd's products are rounded.
    const error = layer.exact && Math.min(c, o) < 32 ? 0 : this.#error(64 * c * kh * kw);
    if (this.#below(3) === 2 && tall > 2 && wide > 2) return [`${this.#out([n, filters, Math.floor((tall - 2) / 2) + 1, Math.floor((wide - 2) / 2) + 1], error)} = max_pool2d(${layer.text}, 2, 2);`];
    return [`${this.#out(shape, error)} = ${layer.text};`];
  }

  /** Convolutions, products of the channels and pools one after the other, also in rounds; whole numbers between them. */
  #chain(): string[] {
    const [n, extent] = [1 + this.#below(2), this.#decisions.pick([8, 6, 9])];
    let [channels, size] = [this.#decisions.pick([8, 16, 3]), extent];
    let name = this.#given("in", [n, channels, size, size]);
    const lines: string[] = [];
    const define = (text: string): void => {
      name = `h${this.#counter++}`;
      lines.push(`let ${name} = ${text};`);
    };
    const whole = (text: string): string => `clamp(round(${text} * 0.0625), -3, 3)`;
    for (let k = 2 + this.#below(3); k > 0; k--) {
      const next = this.#decisions.pick([8, 16, channels, 5]);
      switch (this.#below(6)) {
        case 0: {
          const state = `h${this.#counter++}`;
          const [w, b] = [this.#given("param", [channels, channels, 3, 3]), this.#given("param", [channels])];
          lines.push(`var ${state} = ${name};`, `repeat ${1 + this.#below(3)} { ${state} = ${whole(`max(conv2d(${state}, ${w}, ${b}, padding = 1) + ${name}, 0)`)}; }`);
          name = state;
          break;
        }
        case 1:
          if (size < 4) break;
          define(`max_pool2d(${name}, 2)`);
          size = Math.floor(size / 2);
          break;
        case 2:
          define(whole(`conv2d(${name}, ${this.#given(this.#role(), [channels, 1, 3, 3])}, padding = 1, groups = ${channels})`));
          break;
        case 3:
          define(`${whole(`${name}.transpose(0, 2, 3, 1) @ ${this.#given(this.#role(), [channels, next])}`)}.transpose(0, 3, 1, 2)`);
          channels = next;
          break;
        default:
          define(whole(`conv2d(${name}, ${this.#given(this.#role(), [next, channels, 3, 3])}, ${this.#given("param", [next])}, padding = 1)`));
          channels = next;
      }
    }
    const last = this.#below(3) === 2 ? `concat((${name}, ${name} * 2), axis = 1)` : name;
    return [...lines, `${this.#out([n, last === name ? channels : 2 * channels, size, size], 0)} = ${last};`];
  }

  /** A state that goes through a layer in every round; the rounds may depend on data and have a limit. */
  #loop(): string[] {
    const [m, n] = [this.#extent(), Math.min(33, this.#extent())];
    const state = `s${this.#counter++}`;
    const step = this.#epilogue({ text: this.#matmul(m, n, n, state), exact: true }, [m, n]);
    const count = this.#decisions.pick(["3", "k limit 4", "2", "k"]);
    const rounds = count.replace("k", `clamp(${this.#given("in", [], "i32")}, 0, 5)`);
    const begin = this.#given("in", [m, n]);
    const next = step.exact ? `clamp(round(${step.text} * 0.25), -4, 4)` : `tanh(${step.text} * 0.01)`;
    const extra = this.#below(2) === 1 ? [`${state}[0] = ${state}[${m - 1}] * 0.5;`] : [];
    const out = this.#out([m, n], step.exact ? 0 : this.#error(10));
    return [`var ${state} = ${begin};`, `repeat ${rounds} {`, ...(step.exact ? extra : []), `  ${state} = ${next};`, "}", `${out} = ${state};`];
  }

  /** Stencils of rolls, around the ends, in loops. */
  #rolled(): string[] {
    const shape = this.#below(2) === 1 ? [this.#extent(), this.#extent()] : [this.#extent()];
    const state = `s${this.#counter++}`;
    const roll = (): string => `roll(${state}, ${this.#below(5) - 2}, axis = ${this.#below(shape.length)})`;
    const expression = `clamp(round(${roll()} + ${roll()} * 0.5 - ${this.#below(2) === 1 ? state : this.#given(this.#role(), shape)}), -8, 8)`;
    const start = this.#below(2) === 1 ? [`var ${state} = ${this.#given("in", shape)};`] : [`var ${state} = ${this.#given("var", shape)};`];
    return [...start, `repeat ${1 + this.#below(4)} { ${state} = ${expression}; }`, `${this.#out(shape, 0)} = ${this.#below(2) === 1 ? roll() : state};`];
  }

  /** A variable that is changed in part, by what params decide, from run to run. */
  #state(): string[] {
    const [m, n] = [this.#extent() + 1, this.#extent()];
    const kept = this.#given("var", [m, n]);
    const table = `(${this.#given("param", [n])} * 2 + ${this.#given("param", [])}).reshape(1, ${n})`;
    const index = this.#given("in", [], "i32");
    const lines = [
      `${kept} = dynamic_update(${kept}, stack((${index}, 0)), clamp(${table}, -8, 8));`,
      `${kept} = scatter_update(${kept}, stack((clamp(${index}, 0, ${m - 1}), 0)), concat((clamp(${table}, -7, 7), ${kept}[:1] * -1)));`,
      `${kept}[1:] = ${kept}[:-1];`,
      `if ${index} > 2 { ${kept}[::2] = clamp(${kept}[::2] + ${table}, -8, 8); }`,
      `${kept} = clamp(${kept} + sort(${kept}, axis = 0), -8, 8);`,
    ].filter(() => this.#below(2) === 1);
    return [...lines, `${this.#out([m, n], 0)} = ${kept} * 2 + ${table};`];
  }

  /** Gradients of a convolution or its transpose by images, filters and bias, between two layers that keep whole numbers. */
  #trained(): string[] {
    const [n, c, o] = [this.#decisions.pick([2, 1, 9]), this.#decisions.pick([8, 3, 16, 32, 1]), this.#decisions.pick([8, 16, 33, 5])];
    const [height, width] = [this.#decisions.pick([9, 6, 8]), this.#decisions.pick([10, 7])];
    const [kh, kw] = this.#below(2) === 1 ? [3, 3] : [1 + this.#below(3), 1 + this.#below(3)];
    const [stride, dilation] = [1 + this.#below(2), this.#below(5) === 4 ? 2 : 1];
    const transposed = this.#below(4) === 3;
    const padding = kh > 1 && kw > 1 ? this.#below(2) : 0;
    const after = (extent: number, window: number): number =>
      transposed ? (extent - 1) * stride + (window - 1) * dilation + 1 - 2 * padding : Math.floor((extent + 2 * padding - (window - 1) * dilation - 1) / stride) + 1;
    const shape = [n, o, after(height, kh), after(width, kw)];
    const filters = transposed ? [c, o, kh, kw] : [o, c, kh, kw];
    const [x, w, b] = [this.#given("in", [n, c, height, width]), this.#given(this.#decisions.pick(["in", "param"] as const), filters), this.#given("in", [o])];
    const call = transposed ? "conv_transpose2d" : "conv2d";
    const layer = `${call}(max(${x}, 0), ${w}, ${b}, stride = ${stride}, padding = ${padding}, dilation = ${dilation})`;
    // Sums of whole numbers, but for Winograd's products, which may be on the other side of 0.
    const exact = Math.min(c, o) < 32;
    const kept = exact ? this.#decisions.pick([layer, `max(${layer}, 0)`, `max_pool2d(${layer}, 1, 1)`]) : layer;
    const error = exact ? 0 : this.#error(64 * n * o * kh * kw);
    const outs = [this.#out([n, c, height, width], error), this.#out(filters, error), this.#out([o], error)];
    const grads = `d${this.#counter++}`;
    return [`let (${grads}x, ${grads}w, ${grads}b) = grad(sum(${kept} * ${this.#given("in", shape)}), (${x}, ${w}, ${b}));`, ...["x", "w", "b"].map((of, at) => `${outs[at]} = ${grads}${of};`)];
  }

  /** Gradients of a loss of two layers. */
  #gradient(): string[] {
    const [m, k, n] = [Math.min(17, this.#extent()), Math.min(17, this.#extent()), Math.min(16, this.#extent())];
    const [x, w, b] = [this.#given("in", [m, k]), this.#given("param", [k, n]), this.#given("param", [n])];
    const first = `(${x} * 0.125) @ (${w} * 0.125) + ${b} * 0.125`;
    const name = `h${this.#counter++}`;
    const shaped = this.#decisions.pick([
      `tanh(${name})`, `sigmoid(${name}) * ${name}`, `softmax(${name})`, `gelu(${name})`, `sqrt(${name} * ${name} + 1)`, `cum_sum(${name}, axis = 1) * 0.125`,
      `transpose(roll(${name}, 1, axis = 0))`, `${name}[::-1, :]`, `exp(${name} * 0.25)`, `pad(${name}, 1, 1, mode = "edge")`, `var(${name}, axis = 1)`,
      `gather(${name}, iota<i32>(${m}) % ${Math.min(m, 3)})`, `take_along(${name}, iota<i32>(${m * n}).reshape(${m}, ${n}) % ${n}, axis = 1)`,
      `concat((${name}, ${name}[:1] * 2))`, `scatter_add(${name}, stack((0, ${m - 1})), ${name}[:1] * ones<${this.#dtype}>(2, 1))`, `einsum("ij,kj->ik", ${name}, ${name}) * 0.125`,
      `log(1 + ${name} * ${name})`, `log_sum_exp(${name}, axis = 1)`, `dynamic_slice(${name}, stack((1, 0)), (1, ${n}))`, `triu(${name}, k = 1)`,
    ]);
    const loops = this.#below(3) === 2 ? [`repeat ${1 + this.#below(3)} { ${name} = tanh(${name} * 1.5); }`] : [];
    const loss = this.#decisions.pick(["mean($)", "sum($ * $) * 0.125", "sum($) * 0.125"]).replaceAll("$", `(${shaped})`);
    // Gradients by parts of products and loops: of size one, some hundred roundings.
    const error = this.#error(10) * (1 + n * m * 0.05);
    const outs = [this.#out([m, k], error), this.#out([k, n], error), this.#out([n], error)];
    const grads = `d${this.#counter++}`;
    const whole = [`var ${name} = ${first};`, ...loops, `let (${grads}x, ${grads}w, ${grads}b) = grad(${loss}, (${x}, ${w}, ${b}));`];
    return [...whole, ...["x", "w", "b"].map((of, at) => `${outs[at]} = ${grads}${of};`)];
  }
}
