/** Elements by index, scattered, sorted, chosen. */
import { core, type Tensor } from "../../../compiler/builder/index.ts";
import { as, axisOf, upTo, type Call, type Family, type Surroundings } from "../call.ts";
import { NotCovered } from "../not-covered.ts";

const indices = (x: Tensor): Tensor<"i32"> | Tensor<"i64"> => (x.dtype === "i64" ? (x as Tensor as Tensor<"i64">) : as("i32", x));

function topK(call: Call): Tensor[] {
  const x = call.x(0);
  const rank = x.shape.length;
  const axis = axisOf(call.int("axis", -1), rank);
  const k = call.has(1) ? call.numbers(1)[0]! : call.int("k", 1);
  const descending = call.int("largest", 1) === 1;
  const first = x.shape.map(() => ":").with(axis, `:${k}`);
  if (descending && axis === rank - 1) {
    const [values, places] = core.top_k(x, k);
    return [values, as("i64", places)];
  }
  const order = core.argsort(x, { axis, descending }).at(...first);
  return [core.take_along(x, order, { axis }), as("i64", order)];
}

function oneHot(call: Call): Tensor {
  const given = call.x(0);
  const depth = call.numbers(1)[0]!;
  const values = call.x(2);
  const rank = given.shape.length + 1;
  const axis = axisOf(call.int("axis", -1), rank);
  const index = as("i32", given);
  const wrapped = core.select(index.lt(0), index.add(depth), index);
  const hot = core.one_hot<"u8">(wrapped, depth, { dtype: "u8" });
  const axes = upTo(rank).map((k) => (k === axis ? rank - 1 : k < axis ? k : k - 1));
  const placed = axis === rank - 1 ? hot : core.transpose(hot, { axes });
  return core.select(placed.ne(0), values.at(1), values.at(0));
}

/** Row-major numbers of the elements that rows of indices name in a tensor of this shape. */
function places(index: Tensor, shape: readonly number[]): Tensor<"i32"> {
  const depth = index.shape.at(-1)!;
  const parts = upTo(depth).map((k) => {
    const part = as("i32", index.at("...", k));
    const step = shape.slice(k + 1).reduce((a, b) => a * b, 1);
    return core.select(part.lt(0), part.add(shape[k]!), part).mul(step);
  });
  return parts.reduce((a, b) => a.add(b));
}

const scatters = { none: core.scatter_update, add: core.scatter_add, max: core.scatter_max, min: core.scatter_min } as const;

/** Scattered into one dimension; products are made of these, by one update after the other. */
function scattered({ around }: Call, x: Tensor, index: Tensor<"i32">, updates: Tensor, reduction: string): Tensor {
  switch (reduction) {
    case "none": case "add": case "max": case "min": return scatters[reduction](x, index, updates);
    case "mul": return multiplied(around, x, index, updates);
    default: throw new NotCovered(`scattering with the reduction ${reduction}`);
  }
}

function multiplied({ program, freshName }: Surroundings, x: Tensor, index: Tensor<"i32">, updates: Tensor): Tensor {
  const y = program.variable(freshName(), x);
  const k = program.variable(freshName(), core.zeros<"i32">([1], { dtype: "i32" }));
  program.repeat(index.shape[0]!, () => {
    const place = core.gather(index, k);
    y.set(core.scatter_update(y, place, core.gather(y, place).mul(core.gather(updates, k))));
    k.set(k.add(1));
  });
  return y.snapshot();
}

function scatterNd(call: Call): Tensor {
  const [x, index, updates] = [call.x(0), call.x(1), call.x(2)];
  const depth = index.shape.at(-1)!;
  const outer = x.shape.slice(0, depth);
  const rest = x.shape.slice(depth);
  const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
  const numbers = core.reshape(places(index, outer), [size(index.shape.slice(0, -1))]);
  const flat = scattered(call, core.reshape(x, [size(outer), ...rest]), numbers, core.reshape(updates, [numbers.shape[0]!, ...rest]), call.text("reduction", "none"));
  return core.reshape(flat, x.shape);
}

/** Each update at its own place along an axis: as numbers of elements of the flat tensor. */
function scatterElements(call: Call): Tensor {
  const [x, index, updates] = [call.x(0), call.x(1), call.x(2)];
  const rank = x.shape.length;
  const axis = axisOf(call.int("axis", 0), rank);
  const reduction = call.text("reduction", "none");
  const along = upTo(rank).every((k) => k === axis || index.shape[k] === x.shape[k]);
  if (reduction === "add" && along) return core.scatter_add_along(x, indices(index), updates, { axis });
  const parts = upTo(rank).map((k) => {
    const step = x.shape.slice(k + 1).reduce((a, b) => a * b, 1);
    const own = as("i32", index);
    const place = k === axis ? core.select(own.lt(0), own.add(x.shape[k]!), own) : core.broadcast(core.reshape(core.iota<"i32">(index.shape[k]!, { dtype: "i32" }), upTo(rank).map((j) => (j === k ? index.shape[k]! : 1))), index.shape);
    return place.mul(step);
  });
  const flat = core.flatten(parts.reduce((a, b) => a.add(b)));
  return core.reshape(scattered(call, core.flatten(x), flat, core.flatten(updates), reduction), x.shape);
}

/** Elements of each position of all but the last `batch_dims` dimensions: the batch's number becomes an index. */
function gatherNd(call: Call): Tensor {
  const [x, index] = [call.x(0), call.x(1)];
  const batch = call.int("batch_dims", 0);
  if (batch === 0) return core.gather_nd(x, indices(index));
  const lead = upTo(batch).map((k) => core.broadcast(core.reshape(core.iota<"i32">(index.shape[k]!, { dtype: "i32" }), upTo(index.shape.length).map((j) => (j === k ? index.shape[k]! : 1))), [...index.shape.slice(0, -1), 1]));
  return core.gather_nd(x, core.concat([...lead, as("i32", index)], { axis: index.shape.length - 1 }));
}

/** Where a condition that is known when building holds. */
function compress(call: Call): Tensor {
  const axis = call.attribute("axis")?.int;
  const x = axis === undefined ? core.flatten(call.x(0)) : call.x(0);
  const chosen = call.numbers(1).flatMap((holds, k) => (holds === 1 ? [k] : []));
  const at = axisOf(axis ?? 0, x.shape.length);
  const list = call.around.constant({ dtype: "i32", shape: [chosen.length], data: Int32Array.from(chosen) });
  return core.gather(x, list, { axis: at });
}

/** The first elements of each sequence reversed, as many as its length says. */
function reverseSequence(call: Call): Tensor {
  const x = call.x(0);
  const [time, batch] = [call.int("time_axis", 0), call.int("batch_axis", 1)];
  const [steps, count] = [x.shape[time]!, x.shape[batch]!];
  const spread = (values: Tensor<"i32">, axis: number): Tensor<"i32"> => core.reshape(values, x.shape.map((extent, k) => (k === axis ? extent : 1)));
  const step = spread(core.iota<"i32">(steps, { dtype: "i32" }), time);
  const length = spread(core.reshape(as("i32", call.x(1)), [count]), batch);
  const from = core.select(step.lt(length), length.sub(1).sub(step), step);
  return core.take_along(x, core.broadcast(from, x.shape), { axis: time });
}

/** New elements in a cache, each batch from its own place on; round and round in the mode `circular`. */
function tensorScatter(call: Call): Tensor {
  const [cache, update] = [call.x(0), call.x(1)];
  const rank = cache.shape.length;
  const axis = axisOf(call.int("axis", -2), rank);
  const [length, count] = [cache.shape[axis]!, update.shape[axis]!];
  const along = (values: Tensor<"i32">, k: number): Tensor<"i32"> => core.reshape(values, upTo(rank).map((j) => (j === k ? values.shape[0]! : 1)));
  const start = call.has(2) ? along(as("i32", call.x(2)), 0) : core.zeros<"i32">(upTo(rank).map(() => 1), { dtype: "i32" });
  const offset = along(core.iota<"i32">(length, { dtype: "i32" }), axis).sub(start);
  const circular = call.text("mode", "linear") === "circular";
  const from = circular ? core.select(offset.lt(0), offset.add(length), offset) : offset;
  const inside = from.ge(0).and(from.lt(count));
  const taken = core.take_along(update, core.broadcast(core.clamp(from, 0, count - 1), cache.shape), { axis });
  return core.select(inside, taken, cache);
}

/** Different elements, or parts along an axis; in order, or as they come first. */
function unique(call: Call): Tensor[] {
  const x = call.x(0);
  const axis = call.attribute("axis") && axisOf(call.int("axis", 0), x.shape.length);
  const front = axis === undefined ? core.reshape(x, [-1, 1]) : core.transpose(x, { axes: [axis, ...upTo(x.shape.length).filter((k) => k !== axis)] });
  const rows = core.reshape(front, [front.shape[0]!, -1]);
  const [count, width] = rows.shape as [number, number];
  // Sorted by the last element first: each sort keeps the order of those before.
  let order = core.iota<"i32">(count, { dtype: "i32" }) as Tensor<"i32">;
  for (let k = width - 1; k >= 0; k--) order = core.gather(order, core.argsort(core.gather(rows.at(":", k), order)));
  const sorted = core.gather(rows, order);
  const differs = core.concat([core.full(1, [1], { dtype: "i32" }), as("i32", core.any(sorted.at("1:").ne(sorted.at(":-1")), { axis: 1 }))], { axis: 0 });
  const group = core.cum_sum(differs).sub(1);
  const total = Number(call.around.elements(group.at(count - 1)).data[0]) + 1;
  const none = (): Tensor<"i32"> => core.zeros([total], { dtype: "i32" });
  // The first of equals comes first in a stable order; later ones are put before it is.
  let first = core.scatter_update(none(), core.reverse(group), core.reverse(order));
  let inverse = core.scatter_update(core.zeros<"i32">([count], { dtype: "i32" }), order, group);
  if (call.int("sorted", 1) === 0) {
    const seen = core.argsort(first);
    inverse = core.gather(core.scatter_update(none(), seen, core.iota<"i32">(total, { dtype: "i32" })), inverse);
    first = core.gather(first, seen);
  }
  const counts = core.scatter_add(none(), inverse, core.ones<"i32">([count], { dtype: "i32" }));
  const y = core.gather(axis === undefined ? core.flatten(x) : x, first, { axis: axis ?? 0 });
  return [y, as("i64", first), as("i64", inverse), as("i64", counts)];
}

/** The coordinates [rank, count] of elements that are not 0, in their order. */
function nonZero(call: Call): Tensor {
  const x = call.x(0);
  const shape = x.shape.length === 0 ? [1] : x.shape;
  const zero = as("i32", x.dtype === "bool" ? core.flatten(x).not() : core.flatten(x).eq(0));
  const count = zero.shape[0]! - Number(call.around.elements(core.sum(zero)).data[0]);
  const places = core.argsort(zero).at(`:${count}`);
  const steps = shape.map((_, k) => shape.slice(k + 1).reduce((a, b) => a * b, 1));
  return as("i64", core.stack(shape.map((extent, k) => places.div(steps[k]!).rem(extent))));
}

export const indexing: Family = {
  Gather: (call) => core.gather(call.x(0), indices(call.x(1)), { axis: axisOf(call.int("axis", 0), call.x(0).shape.length) }),
  GatherElements: (call) => core.take_along(call.x(0), indices(call.x(1)), { axis: axisOf(call.int("axis", 0), call.x(0).shape.length) }),
  GatherND: gatherNd,
  ScatterND: scatterNd, ScatterElements: scatterElements, Scatter: scatterElements,
  TopK: topK, OneHot: oneHot, Compress: compress, ReverseSequence: reverseSequence, TensorScatter: tensorScatter, Unique: unique, NonZero: nonZero,
};
