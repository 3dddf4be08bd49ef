/** A network whose depth is decided by a program: built with the builder API, printed as .gph, run, and checked by plain loops. */
import { Engine, core, f32, graph, i32, nn, type State, type Tensor } from "../../index.ts";
import { expect } from "../support.ts";

const batch = 8;
const widths = [16, 32, 24, 10];

const g = graph("classifier");
const x = g.input("x", f32(batch, widths[0]!));
const layers = widths.slice(1).map((width, k): { w: State<"f32">; b: State<"f32"> } => ({ w: g.param(`layer${k}.w`, f32(widths[k]!, width)), b: g.param(`layer${k}.b`, f32(width)) }));
const scores = g.output("scores", f32(batch, 10));
const guess = g.output("guess", i32(batch));

g.program("main", () => {
  let value: Tensor<"f32"> = x;
  for (const [k, { w, b }] of layers.entries()) {
    const sum = value.matmul(w).add(b);
    value = k + 1 < layers.length ? nn.relu(sum) : sum;
  }
  scores.set(value);
  guess.set(core.argmax(value, { axis: 1 }));
});

console.log(g.toString());
const { executable, diagnostics } = await g.compile();
if (executable === undefined) throw new Error(diagnostics.map(({ message }) => message).join("; "));
await using engine = await Engine.load(executable);

const made = (length: number, frequency: number): Float32Array => Float32Array.from({ length }, (_, at) => 0.3 * Math.sin(frequency * (at + 1)));
const weights = new Map(layers.flatMap(({ w, b }, k) => [[w.name, made(widths[k]! * widths[k + 1]!, 1.3 + k)], [b.name, made(widths[k + 1]!, 0.7)]] as const));
for (const [name, value] of weights) engine.write(name, value);
const input = made(batch * widths[0]!, 2.1);
const outputs = engine.runSync("main", { x: input });

/** The same in plain loops and doubles. */
function reference(row: number): number[] {
  let value = [...input.subarray(row * widths[0]!, (row + 1) * widths[0]!)];
  layers.forEach(({ w, b }, k) => {
    const [matrix, bias] = [weights.get(w.name)!, weights.get(b.name)!];
    value = Array.from(bias, (start, column) => {
      const sum = value.reduce((total, element, inner) => total + element * matrix[inner * widths[k + 1]! + column]!, start);
      return k + 1 < layers.length ? Math.max(0, sum) : sum;
    });
  });
  return value;
}

let error = 0;
for (let row = 0; row < batch; row++) {
  const wanted = reference(row);
  wanted.forEach((value, column) => { error = Math.max(error, Math.abs(value - Number(outputs["scores"]!.data[row * 10 + column]))); });
  expect(outputs["guess"]!.data[row] === wanted.indexOf(Math.max(...wanted)), `row ${row} is classified differently`);
}
expect(error < 1e-5, `scores differ from plain loops by ${error}`);
console.log(`${layers.length} layers, ${batch} rows; off by at most ${error.toExponential(1)} from plain loops in doubles.`);
