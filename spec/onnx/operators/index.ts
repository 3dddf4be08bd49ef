/** The table: every operator of ONNX that is expressed in gph, by domain and name. */
import type { Operators } from "../import.ts";
import { activations } from "./activations.ts";
import { elementwise } from "./elementwise.ts";
import { indexing } from "./indices.ts";
import { networks } from "./networks.ts";
import { normalisation } from "./normalisation.ts";
import { reductions } from "./reductions.ts";
import { shapes } from "./shapes.ts";

export const operators: Operators = new Map(Object.entries({ ...elementwise, ...activations, ...reductions, ...shapes, ...indexing, ...networks, ...normalisation }));
