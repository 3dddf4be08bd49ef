/** The table: every operator of ONNX that is expressed in gph, by domain and name. */
import type { Operators } from "../import.ts";
import { activations } from "./activations.ts";
import { attentions } from "./attention.ts";
import { control } from "./control.ts";
import { elementwise } from "./elementwise.ts";
import { images } from "./images.ts";
import { indexing } from "./indices.ts";
import { losses } from "./losses.ts";
import { networks } from "./networks.ts";
import { normalisation } from "./normalisation.ts";
import { quantisation } from "./quantised.ts";
import { recurrent } from "./recurrent.ts";
import { reductions } from "./reductions.ts";
import { shapes } from "./shapes.ts";
import { signals } from "./signals.ts";
import { training } from "./training.ts";

export const operators: Operators = new Map(Object.entries({
  ...elementwise, ...activations, ...reductions, ...shapes, ...indexing, ...networks, ...normalisation,
  ...attentions, ...losses, ...images, ...recurrent, ...quantisation, ...signals, ...control, ...training,
}));
