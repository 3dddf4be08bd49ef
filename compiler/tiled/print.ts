/** Prints the tiled level: tensors with where they live, steps with families and copies. */
import { formatType, programsOf } from "../graph/graph.ts";
import { kernelKey } from "../kernel/key.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { printKernel } from "../kernel/print.ts";
import type { Affine } from "../support/affine.ts";
import { unreachable } from "../support/bug.ts";
import { blockCount, tileOf } from "./distribution.ts";
import { stepsInside, type ComputeSet, type ControlStep, type Copy, type Distribution, type Family, type HostAction, type Placement, type Step, type TensorId, type TiledGraph } from "./tiled.ts";

export function print(tiled: TiledGraph): string {
  const lines = [`tiled ${tiled.graph.name} on ${tiled.tiles} tiles`, ...printTensors(tiled)];
  for (const program of programsOf(tiled)) {
    lines.push("", `program ${program.name}`, ...indent(program.steps.flatMap((step) => printStep(tiled, step))));
  }
  return `${lines.join("\n")}\n`;
}

/** The same, with the kernels of the families. */
export function printWithKernels(tiled: TiledGraph): string {
  return print(tiled) + printKernels(programsOf(tiled).flatMap(({ steps }) => [...computeSetsOf(steps)]));
}

function* computeSetsOf(steps: readonly Step[]): Iterable<ComputeSet> {
  for (const step of steps) {
    switch (step.kind) {
      case "compute": yield step.set; break;
      case "copy": case "host": break;
      default: for (const body of stepsInside(step)) yield* computeSetsOf(body);
    }
  }
}

/** Every kernel once. */
export function printKernels(sets: readonly ComputeSet[]): string {
  const kernels = new Map<string, Kernel>();
  for (const { families } of sets) for (const { kernel } of families) if (!kernels.has(kernelKey(kernel))) kernels.set(kernelKey(kernel), kernel);
  return [...kernels.values()].map((kernel) => `\n${printKernel(kernel)}\n`).join("");
}

export function printTensors(tiled: TiledGraph, note: (id: TensorId) => string = () => ""): string[] {
  return tiled.tensors.map((tensor, id) => {
    const place = tensor.aliasOf === undefined ? `${tensor.storage}${tensor.persistent ? ", kept" : ""}, ${printDistribution(tensor.distribution)}` : `alias of t${tensor.aliasOf}`;
    return `  t${id} ${tensor.name}: ${formatType(tensor.type)}  ${place}${note(id)}`;
  });
}

function printDistribution({ grid, block, placement }: Distribution): string {
  const blocks = blockCount(grid);
  if (blocks === 1) return printPlacement(placement, blocks);
  return `${grid.join("×")} blocks of [${block.join(", ")}] ${printPlacement(placement, blocks)}`;
}

function printPlacement(placement: Placement, blocks: number): string {
  if (blocks === 1) return `on tile ${tileOf(placement, 0, blocks)}`;
  switch (placement.kind) {
    case "blocked": return `${placement.perTile} a tile from tile ${placement.first}`;
    case "scaled": return `dealt evenly over ${placement.tiles} tiles`;
    case "cyclic": return `dealt in turn over ${placement.tiles} tiles`;
    case "list": return `on listed tiles`;
    default: return unreachable(placement);
  }
}

export const indent = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);

function printStep(tiled: TiledGraph, step: Step): string[] {
  switch (step.kind) {
    case "compute": return printComputeSet(step.set);
    case "copy": return step.copies.map((copy) => printCopy(tiled, copy));
    case "host": return [printHost(step.event)];
    default: return printControl(step, (inner) => printStep(tiled, inner));
  }
}

/** A step that holds others, of either level. */
export function printControl<Of>(step: ControlStep<Of>, printStep: (step: Of) => readonly string[]): string[] {
  const nested = (steps: readonly Of[]): string[] => indent(steps.flatMap(printStep));
  switch (step.kind) {
    case "repeat": return [`repeat ${step.counted === "constant" ? step.count : `t${step.count}`}`, ...nested(step.body)];
    case "while": return ["while", ...nested(step.before), `  test t${step.condition}`, "do", ...nested(step.body)];
    case "if": return [`if t${step.condition}`, ...nested(step.then), ...(step.otherwise.length > 0 ? ["else", ...nested(step.otherwise)] : [])];
    case "switch": return [`switch t${step.subject}`, ...step.cases.flatMap((value, i) => [`case ${value}`, ...nested(step.bodies[i]!)]), "default", ...nested(step.otherwise)];
    default: return unreachable(step);
  }
}

export function printHost(event: HostAction): string {
  switch (event.kind) {
    case "next": return `host: next element into t${event.buffer}`;
    case "send": return `host: send t${event.buffer}`;
    case "print": return `host: print ${JSON.stringify(event.label)} ${event.buffers.map((id) => `t${id}`).join(" ")}`;
    case "outside": return `host: outside t${event.condition} t${event.indices} ${event.extent} of ${event.op}`;
    case "assert": return `host: assert t${event.condition} ${JSON.stringify(event.message)}`;
    default: return unreachable(event);
  }
}

export function printComputeSet(set: ComputeSet): string[] {
  return [`compute ${set.name}`, ...indent(set.families.map((family) => printFamily(family)))];
}

export function printFamily(family: Family): string {
  const instances = family.range.map(({ start, count }, i) => (count === family.grid[i] ? `${count}` : `${start}..${start + count}`)).join("×") || "1";
  const fields = family.fields.map((field) => {
    const index = field.map.map((form, t) => printForm(form, family.grid.length, t)).join(", ");
    const arrow = field.access === "in" ? "" : field.access === "out" ? "→ " : "↔ ";
    return `${arrow}t${field.tensor}[${field.perTile ? "own" : index}]${field.local ? "" : " remote"} as [${field.shape.join(", ")}]`;
  });
  return `${instances} × ${family.name} (${fields.join(", ")}) ${printPlacement(family.placement, blockCount(family.grid))}`;
}

/** `4i + f` for instance coordinates i, j, … and the field's own index. */
function printForm(form: Affine, gridRank: number, dimension: number): string {
  const names = form.coefficients.map((_, k) => (k < gridRank ? "ijklmnop"[k] ?? `g${k}` : k - gridRank === dimension ? ":" : `f${k - gridRank}`));
  const terms = form.coefficients.flatMap((coefficient, k) => (coefficient === 0 ? [] : [coefficient === 1 ? names[k]! : `${coefficient}${names[k]}`]));
  if (form.constant !== 0 || terms.length === 0) terms.push(`${form.constant}`);
  return terms.join("+");
}

export function printCopy(tiled: TiledGraph, copy: Copy): string {
  const blocks = copy.range.reduce((product, { count }) => product * count, 1);
  const [to, from] = copy.direction === "pull" ? [copy.driver, copy.other] : [copy.other, copy.driver];
  return `copy t${to} ← t${from}, ${blocks} blocks of [${tiled.tensors[copy.driver]!.distribution.block.join(", ")}]: ${copy.cause}`;
}
