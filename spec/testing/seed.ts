/**
 * One seed for every random test, so that a checkout passes or fails, and not a run of it. `GPH_SEED=n` takes another one,
 * `GPH_SEED=random` a new one each run (as `npm run fuzz` does); fast-check prints the seed of what failed.
 */
import fc from "fast-check";

const wanted = process.env.GPH_SEED ?? "20261128";
if (wanted !== "random") fc.configureGlobal({ seed: Number(wanted) });
