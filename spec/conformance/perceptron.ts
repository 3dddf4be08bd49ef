/**
 * The two-layer perceptron of examples/train once more, in plain loops over f64: images of 784 bytes, ten classes, the mean of
 * −log softmax of the right class, and one step of gradient descent. A reference for what is compiled.
 */
const pixels = 784;
const classes = 10;

export class Perceptron {
  /** w1: [784, hidden], b1: [hidden], w2: [hidden, 10], b2: [10]. */
  readonly weights: { readonly [name: string]: Float64Array };
  readonly #rate: number;

  constructor(weights: { readonly [name: string]: ArrayLike<number> }, rate: number) {
    this.weights = Object.fromEntries(Object.entries(weights).map(([name, values]) => [name, Float64Array.from(values)]));
    this.#rate = rate;
  }

  /** One step on a batch; gives its loss before the step. */
  step(images: Uint8Array, labels: Uint8Array): number {
    const { w1, b1, w2, b2 } = this.weights as { readonly [name in "w1" | "b1" | "w2" | "b2"]: Float64Array };
    const changes = [w1, b1, w2, b2].map((values) => new Float64Array(values.length)) as [Float64Array, Float64Array, Float64Array, Float64Array];
    let loss = 0;
    labels.forEach((label, example) => {
      loss += this.#example(images.subarray(example * pixels, (example + 1) * pixels), label, changes) / labels.length;
    });
    [w1, b1, w2, b2].forEach((values, k) => values.forEach((_, i) => (values[i]! -= (this.#rate * changes[k]![i]!) / labels.length)));
    return loss;
  }

  /** The loss of one image; adds its gradients to `changes`. */
  #example(image: Uint8Array, label: number, [d1, e1, d2, e2]: readonly [Float64Array, Float64Array, Float64Array, Float64Array]): number {
    const { w1, b1, w2, b2 } = this.weights as { readonly [name in "w1" | "b1" | "w2" | "b2"]: Float64Array };
    const width = b1.length;
    const sums = Float64Array.from(b1);
    image.forEach((pixel, p) => pixel > 0 && sums.forEach((_, j) => (sums[j]! += (pixel / 255) * w1[p * width + j]!)));
    const logits = Float64Array.from(b2);
    sums.forEach((sum, j) => sum > 0 && logits.forEach((_, c) => (logits[c]! += sum * w2[j * classes + c]!)));
    const largest = Math.max(...logits);
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
    const slopes = logits.map((logit, c) => Math.exp(logit - largest) / total - Number(c === label));
    slopes.forEach((slope, c) => (e2[c]! += slope));
    sums.forEach((sum, j) => {
      if (sum <= 0) return;
      let slope = 0;
      slopes.forEach((each, c) => {
        slope += each * w2[j * classes + c]!;
        d2[j * classes + c]! += each * sum;
      });
      e1[j]! += slope;
      image.forEach((pixel, p) => (d1[p * width + j]! += (pixel / 255) * slope));
    });
    return Math.log(total) + largest - logits[label]!;
  }
}
