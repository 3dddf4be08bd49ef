/** Every workload, in the order of the report. */
import { attentionWorkloads } from "./attention.ts";
import { networks } from "./networks.ts";
import { products } from "./products.ts";
import { rowWorkloads } from "./rows.ts";
import type { Workload } from "./workload.ts";

export const workloads: readonly Workload[] = [...products, ...networks, ...attentionWorkloads, ...rowWorkloads];
