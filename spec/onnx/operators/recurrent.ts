/** Recurrent layers. ONNX keeps weights as [directions, gates · h, i], and the gates in another order than the library. */
import { core, nn, type Tensor } from "../../../compiler/builder/index.ts";
import { upTo, type Call, type Family } from "../call.ts";

/** What one direction of a layer is given: x [t, b, i], weights [i, gates · h] and [h, gates · h], both biases, first states. */
interface Direction {
  readonly x: Tensor;
  readonly wx: Tensor;
  readonly wh: Tensor;
  readonly biasX: Tensor;
  readonly biasH: Tensor;
  readonly state: Tensor;
  readonly cell: Tensor;
}

/** States after every step, the last state, and the last cell if there is one. */
type Layer = (call: Call, direction: Direction) => readonly Tensor[];

/** Rows of a matrix or vector with the blocks of the gates in another order. */
function ordered(x: Tensor, order: readonly number[]): Tensor {
  if (order.every((gate, k) => gate === k)) return x;
  const h = x.shape[0]! / order.length;
  return core.concat(order.map((gate) => x.at(`${gate * h}:${(gate + 1) * h}`)), { axis: 0 });
}

/** `order`: which block of ONNX's each gate of the library is. */
function layer(call: Call, order: readonly number[], run: Layer): Tensor[] {
  call.requires(!call.has(4) || call.numbers(4).every((length) => length === call.x(0).shape[call.int("layout", 0)]), "sequences of different lengths");
  call.requires(call.attribute("clip") === undefined, "clipped gates");
  call.requires(call.attribute("activations") === undefined || isDefault(call), "other activations");
  const batchFirst = call.int("layout", 0) === 1;
  const x = batchFirst ? core.transpose(call.x(0), { axes: [1, 0, 2] }) : call.x(0);
  const direction = call.text("direction", "forward");
  const count = direction === "bidirectional" ? 2 : 1;
  const results = upTo(count).map((k) => {
    const backwards = direction === "reverse" || k === 1;
    const given = parts(call, k, order, backwards ? core.reverse(x, { axis: 0 }) : x, batchFirst);
    const [all, ...last] = run(call, given) as [Tensor, ...Tensor[]];
    return [backwards ? core.reverse(all, { axis: 0 }) : all, ...last];
  });
  // [t, directions, b, h], and the last states [directions, b, h]; with the batch in front where the layout says so.
  return upTo(results[0]!.length).map((k) => {
    const both = core.stack(results.map((result) => result[k]!), { axis: k === 0 ? 1 : 0 });
    if (!batchFirst) return both;
    return core.transpose(both, { axes: k === 0 ? [2, 0, 1, 3] : [1, 0, 2] });
  });
}

function isDefault(call: Call): boolean {
  const defaults: { readonly [op: string]: string } = { RNN: "Tanh", LSTM: "Sigmoid,Tanh,Tanh", GRU: "Sigmoid,Tanh" };
  const names = call.attribute("activations")!.texts;
  const wanted = defaults[call.node.op]!.split(",");
  return names.every((name, k) => name === wanted[k % wanted.length]);
}

function parts(call: Call, k: number, order: readonly number[], x: Tensor, batchFirst: boolean): Direction {
  const turned = (input: number): Tensor => core.transpose(ordered(call.x(input).at(k), order));
  const h = call.x(2).shape[2]!;
  const zeros = (shape: readonly number[]): Tensor => core.zeros(shape, { dtype: x.dtype });
  const size = order.length * h;
  const bias = call.has(3) ? call.x(3).at(k) : zeros([2 * size]);
  const state = (input: number): Tensor => (call.has(input) ? (batchFirst ? call.x(input).at(":", k) : call.x(input).at(k)) : zeros([x.shape[1]!, h]));
  return { x, wx: turned(1), wh: turned(2), biasX: ordered(bias.at(`:${size}`), order), biasH: ordered(bias.at(`${size}:`), order), state: state(5), cell: state(6) };
}

export const recurrent: Family = {
  RNN: (call) => layer(call, [0], (_, { x, state, wx, wh, biasX, biasH }) => nn.rnn(x, state, wx, wh, biasX.add(biasH))),
  // Input, output, forget, cell there; input, forget, cell, output here.
  LSTM: (call) => layer(call, [0, 2, 3, 1], (_, { x, state, cell, wx, wh, biasX, biasH }) => {
    call.requires(!call.has(7), "peepholes");
    return nn.lstm(x, state, cell, wx, wh, biasX.add(biasH));
  }),
  // Update, reset, new there; reset, update, new here.
  GRU: (call) => layer(call, [1, 0, 2], (_, { x, state, wx, wh, biasX, biasH }) => nn.gru(x, state, wx, wh, biasX, biasH, { reset_after: call.int("linear_before_reset", 0) === 1 })),
};
