// Written by `npm run generate`; change what it is made from instead.
/** The modules of the library, for the builder. */
export * as core from "./core.ts";
export * as nn from "./nn.ts";
export * as random from "./random.ts";
