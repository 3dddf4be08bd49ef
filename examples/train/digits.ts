/** Batches for training: every epoch all examples once, in an order that follows from a seed. */

/** Images of 784 bytes, and what they show. */
export interface Digits {
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
}

export interface Batches {
  readonly images: Uint8Array[];
  readonly labels: Uint8Array[];
}

const pixels = 784;

/** The numbers below n in another order: Fisher and Yates, with random words of SplitMix (Steele, Lea and Flood, 2014), in 32 bits. */
function shuffled(n: number, seed: number): number[] {
  const order = Array.from({ length: n }, (_, i) => i);
  let state = Math.imul(seed, 0x1000_0001) >>> 0;
  for (let last = n - 1; last > 0; last--) {
    state = (state + 0x9e37_79b9) >>> 0;
    let word = Math.imul(state ^ (state >>> 16), 0x85eb_ca6b);
    word = Math.imul(word ^ (word >>> 13), 0xc2b2_ae35);
    const chosen = Math.floor((((word ^ (word >>> 16)) >>> 0) / 2 ** 32) * (last + 1));
    [order[last], order[chosen]] = [order[chosen]!, order[last]!];
  }
  return order;
}

/** All examples in batches, shuffled; with `seed` undefined in their own order, from the start again where they run out. */
export function batches({ images, labels }: Digits, size: number, count: number, seed?: number): Batches {
  const order = seed === undefined ? labels.keys().toArray() : shuffled(labels.length, seed);
  const chosen = Array.from({ length: count }, (_, step) => Array.from({ length: size }, (__, i) => order[(step * size + i) % order.length]!));
  return {
    images: chosen.map((list) => {
      const batch = new Uint8Array(size * pixels);
      list.forEach((image, i) => batch.set(images.subarray(image * pixels, (image + 1) * pixels), i * pixels));
      return batch;
    }),
    labels: chosen.map((list) => Uint8Array.from(list, (i) => labels[i]!)),
  };
}
