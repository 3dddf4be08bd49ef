// Written by `npm run generate`; change what it is made from instead.
/** The modules of the library, for the builder. */
export * as core from "./core.ts";
export * as derivatives from "./derivatives.ts";
export * as fft from "./fft.ts";
export * as images from "./images.ts";
export * as linalg from "./linalg.ts";
export * as nn from "./nn.ts";
export * as optim from "./optim.ts";
export * as quantised from "./quantised.ts";
export * as random from "./random.ts";
export * as sparse from "./sparse.ts";
export * as special from "./special.ts";
