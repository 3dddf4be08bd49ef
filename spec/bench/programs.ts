/** The nine programs by name, each with the path of its source from the repository's root. */
export const ninePrograms: readonly (readonly [name: string, path: string])[] = [
  ...["heat", "life", "mandelbrot", "matvec", "mlp", "encoder", "solve"].map((name) => [name, `examples/${name}/${name}.gph`] as const),
  ...["cnn", "train"].map((name) => [name, `compiler/check/testing/${name}.gph`] as const),
];
