/** hoist-packing: `hoist` again, after pack-convolutions and pack-products, whose packing of weights is what there is to hoist then. */
import { hoist } from "./hoist.ts";

export const hoistPacking: typeof hoist = { ...hoist, name: "hoist-packing", summary: "does for packed operands what hoist did for all else" };
