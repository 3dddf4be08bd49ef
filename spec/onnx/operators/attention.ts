/** Attention and what goes with it. */
import { core, nn, type Tensor } from "../../../compiler/builder/index.ts";
import { as, type Call, type Family } from "../call.ts";

/** [batch, length, heads · d] → [batch, heads, length, d]. */
function inHeads(x: Tensor, heads: number): Tensor {
  if (x.shape.length === 4) return x;
  const [batch, length, width] = x.shape as [number, number, number];
  return core.transpose(core.reshape(x, [batch, length, heads, width / heads]), { axes: [0, 2, 1, 3] });
}

/** 0 where a condition holds, −∞ elsewhere, in the dtype of the scores. */
function biasOf(visible: Tensor<"bool">, like: Tensor): Tensor {
  return core.select(visible, core.zeros(visible.shape, { dtype: like.dtype }), core.full(-Infinity, visible.shape, { dtype: like.dtype }));
}

const along = (values: Tensor<"i32">, shape: readonly number[]): Tensor<"i32"> => core.reshape(values, shape);

/** The mask as what is added to scores [batch, heads, m, n]; it may be shorter than the keys, which are hidden then. */
function maskBias(call: Call, q: Tensor, keys: number): Tensor | undefined {
  const mask = call.maybe(3);
  if (mask === undefined) return undefined;
  const bias = mask.dtype === "bool" ? biasOf(mask as Tensor<"bool">, q) : as(q.dtype, mask);
  const missing = keys - bias.shape.at(-1)!;
  if (missing === 0) return bias;
  const none = bias.shape.map(() => 0);
  return core.pad(bias, none, { after: none.with(none.length - 1, missing), value: -Infinity });
}

/** What hides keys from queries besides the mask: those after a query, those beyond the filled part of a cache. */
function hidden(call: Call, q: Tensor, queries: number, keys: number, past: number): Tensor | undefined {
  const row = along(core.iota<"i32">(queries, { dtype: "i32" }), [queries, 1]);
  const column = core.iota<"i32">(keys, { dtype: "i32" });
  const filled = call.has(6) ? along(as("i32", call.x(6)), [call.x(6).shape[0]!, 1, 1, 1]) : undefined;
  const inside = filled && core.broadcast(column.lt(filled), [filled.shape[0]!, 1, queries, keys]);
  if (call.int("is_causal", 0) === 0) return inside && biasOf(inside, q);
  const offset = filled && !call.has(4) ? filled.sub(queries) : past;
  const seen = column.le(row.add(offset));
  return biasOf(inside ? inside.and(seen) : seen, q);
}

function attention(call: Call): (Tensor | undefined)[] {
  const heads = call.int("q_num_heads", call.x(0).shape[1]!);
  const own = call.int("kv_num_heads", call.x(1).shape[1]!);
  const q = inHeads(call.x(0), heads);
  const cached = (input: number, cache: number): Tensor => (call.has(cache) ? core.concat([call.x(cache), inHeads(call.x(input), own)], { axis: 2 }) : inHeads(call.x(input), own));
  const [key, value] = [cached(1, 4), cached(2, 5)];
  const shared = q.shape[1]! / key.shape[1]!;
  const [k, v] = shared === 1 ? [key, value] : [core.repeat_each(key, shared, { axis: 1 }), core.repeat_each(value, shared, { axis: 1 })];
  const [queries, keys] = [q.shape[2]!, k.shape[2]!];
  const biases = [maskBias(call, q, keys), hidden(call, q, queries, keys, call.has(4) ? call.x(4).shape[2]! : 0)].filter((bias) => bias !== undefined);
  const bias = biases.length === 0 ? undefined : biases.reduce((a, b) => a.add(b));
  const options = { softcap: call.float("softcap", 0), ...(call.attribute("scale") ? { scale: call.float("scale", 1) } : {}) };
  const seen = nn.attention(q, k, v, { ...options, ...(bias ? { bias } : {}) });
  // Queries that see no key give 0 in ONNX.
  const y = bias && core.select(core.all(bias.eq(-Infinity), { axis: -1, keepdims: true }), core.zeros([], { dtype: q.dtype }), seen);
  const result = y ?? seen;
  const output = call.x(0).shape.length === 4 ? result : core.reshape(core.transpose(result, { axes: [0, 2, 1, 3] }), [...call.x(0).shape.slice(0, 2), heads * v.shape[3]!]);
  return [output, call.wants(1) ? key : undefined, call.wants(2) ? value : undefined, call.wants(3) ? scores(call, q, k, bias, options) : undefined];
}

/** The scores at one of four points of the way to the weights. */
function scores(call: Call, q: Tensor, k: Tensor, bias: Tensor | undefined, { scale, softcap }: { readonly scale?: number; readonly softcap: number }): Tensor {
  const mode = call.int("qk_matmul_output_mode", 0);
  const plain = q.matmul(core.transpose(k, { axes: [0, 1, 3, 2] })).mul(scale ?? 1 / Math.sqrt(q.shape[3]!));
  if (mode === 0) return plain;
  const capped = softcap === 0 ? plain : core.tanh(plain.div(softcap)).mul(softcap);
  if (mode === 1) return capped;
  const biased = bias ? capped.add(bias) : capped;
  if (mode === 2) return core.broadcast(biased, [...q.shape.slice(0, 3), k.shape[2]!]);
  const weights = nn.softmax(biased, { axis: -1 });
  return bias ? core.select(core.all(bias.eq(-Infinity), { axis: -1, keepdims: true }), core.zeros([], { dtype: q.dtype }), weights) : weights;
}

/** Angles come for each position, or in a table by positions; only the first `rotary_embedding_dim` elements turn. */
function rotary(call: Call): Tensor {
  const given = call.x(0);
  const x = given.shape.length === 4 ? given : inHeads(given, call.int("num_heads", 1));
  const turned = call.int("rotary_embedding_dim", 0) || x.shape[3]!;
  const angles = (input: number): Tensor => core.expand(call.has(3) ? core.gather(call.x(input), call.x(3)) : call.x(input), 1);
  const y = nn.rotary_embedding(x.at("...", `:${turned}`), angles(1), angles(2), { interleaved: call.int("interleaved", 0) === 1 });
  const whole = turned === x.shape[3] ? y : core.concat([y, x.at("...", `${turned}:`)], { axis: 3 });
  return given.shape.length === 4 ? whole : core.reshape(core.transpose(whole, { axes: [0, 2, 1, 3] }), given.shape);
}

/** A convolution of each channel with what was before; gives also the last inputs, for the next call. */
function causalConvolution(call: Call): Tensor[] {
  const [x, w] = [call.x(0), call.x(1)];
  const [batch, channels] = x.shape as [number, number];
  const before = w.shape[2]! - 1;
  const past = call.maybe(3) ?? core.zeros([batch, channels, before], { dtype: x.dtype });
  const whole = core.concat([past, x], { axis: 2 });
  const bias = call.maybe(2);
  const y = nn.conv1d(whole, w, { groups: channels, ...(bias ? { bias } : {}) });
  const activation = call.text("activation", "none");
  call.requires(["none", "silu", "swish"].includes(activation), `the activation ${activation}`);
  return [activation === "none" ? y : nn.silu(y), whole.at(":", ":", `${whole.shape[2]! - before}:`)];
}

/** [batch, t, heads · d] → [t, batch, heads, d]. */
function inSteps(x: Tensor, heads: number): Tensor {
  const [batch, steps, width] = x.shape as [number, number, number];
  return as("f32", core.transpose(core.reshape(x, [batch, steps, heads, width / heads]), { axes: [1, 0, 2, 3] }));
}

/** In f32 throughout, as the operator's definition is. Several heads of queries may share one of keys, values and state. */
function linearAttention(call: Call): Tensor[] {
  const [heads, own] = [call.int("q_num_heads", 1), call.int("kv_num_heads", 1)];
  const rule = call.text("update_rule", "gated_delta");
  const [q, k, v] = [inSteps(call.x(0), heads), inSteps(call.x(1), own), inSteps(call.x(2), own)];
  const [steps, batch] = k.shape as [number, number];
  const [d, e] = [k.shape[3]!, v.shape[3]!];
  const shared = heads / own;
  // Each head of keys once for every head of queries: their states stay equal.
  const wide = (x: Tensor, axis: number): Tensor => (shared === 1 ? x : core.repeat_each(x, shared, { axis }));
  const start = call.has(3) ? as("f32", call.x(3)) : core.zeros<"f32">([batch, own, d, e], { dtype: "f32" });
  const decay = call.has(4) ? wide(inSteps(call.x(4), own), 2) : core.zeros([steps, 1, 1, 1], { dtype: "f32" });
  const rate = call.has(5) ? scaled(inSteps(call.x(5), call.x(5).shape[2] === 1 ? 1 : own), wide) : core.ones([steps, 1, 1, 1], { dtype: "f32" });
  const [all, last] = nn.linear_attention(q, wide(k, 2), wide(v, 2), wide(start, 1), decay, rate, { delta: rule.includes("delta") });
  const result = core.reshape(core.transpose(all.mul(call.float("scale", 0) || 1 / Math.sqrt(d)), { axes: [1, 0, 2, 3] }), [batch, steps, heads * e]);
  const state = shared === 1 ? last : last.at(":", `::${shared}`);
  return [as(call.x(0).dtype, result), as(call.x(0).dtype, state)];
}

/** A rate for each head, or one for all. */
const scaled = (rate: Tensor, wide: (x: Tensor, axis: number) => Tensor): Tensor => (rate.shape[2] === 1 ? rate : wide(rate, 2));

export const attentions: Family = { Attention: attention, RotaryEmbedding: rotary, CausalConvWithState: causalConvolution, LinearAttention: linearAttention };
