/**
 * Gradient of `execute`: a compute set of the vertices' own gradient rules (their `grad` clauses), on the same tiles. What a
 * vertex wrote had a gradient, which its rule reads and uses up; what it read gets one. Several vertices may read the same
 * elements, but none may write where another does: vertices that would are given layers of their own, which are summed.
 */
import { isFloat } from "../../../../runtime/dtype.ts";
import type { ComputeSet, Node, Placement, Slice, TensorType, ValueId, Vertex } from "../../graph.ts";
import type { Reached, Site } from "./site.ts";

/** An operand of the gradient's compute set: of the old values, of the new ones, of gradients. */
interface Operand {
  readonly name: string;
  readonly value: ValueId;
  readonly type: TensorType;
}

/** No name that a user gives ends so. */
const gradientSuffix = ".grad";

export function executeGradient(site: Site, { node, gradients, adjoints }: Reached): void {
  const set = site.computeSets[node.attributes["computeSet"] as number]!;
  const without = set.placements.map(({ vertex }) => site.vertices[vertex]!).find((vertex) => vertex.gradient === undefined);
  if (without?.name.endsWith(gradientSuffix)) {
    const name = without.name.slice(0, -gradientSuffix.length);
    return site.fail(node, "not-supported", `the gradient goes through the gradient of the vertex ${name}: a second derivative through a vertex is not supported`, "written with tensors it has derivatives of every order; stop_gradient(x) takes a value as constant");
  }
  if (without) return site.fail(node, "no-gradient", `the gradient goes through the vertex ${without.name}, which says none`, `a \`grad { }\` clause in ${without.name} computes it; stop_gradient(x) takes a value as constant`);
  const build = new GradientSet(site, node, set, gradients);
  const { outputs, operands } = build.append();
  for (const { operand, position, layers } of operands) {
    const value = node.inputs[operand]!;
    if (!site.active.has(value)) continue;
    const whole = outputs[position]!;
    adjoints.add(value, layers === undefined ? whole : site.construction.apply("reduce", [whole], { op: "add", axes: [0], keepdims: false }, node.origin));
  }
}

class GradientSet {
  readonly #site: Site;
  readonly #node: Node;
  readonly #set: ComputeSet;
  readonly #gradients: readonly (ValueId | undefined)[];
  readonly #operands: Operand[] = [];
  readonly #indices = new Map<string, number>();
  readonly #layers: readonly (Layers | undefined)[];

  constructor(site: Site, node: Node, set: ComputeSet, gradients: readonly (ValueId | undefined)[]) {
    this.#site = site;
    this.#node = node;
    this.#set = set;
    this.#gradients = gradients;
    this.#layers = set.operands.map(({ type }, operand) => (isFloat(type.dtype) ? layersOf(site.vertices, set, operand) : undefined));
  }

  /** The gradient by each operand: where among the outputs, and in how many layers when they are still to be summed. */
  append(): { readonly outputs: readonly ValueId[]; readonly operands: readonly { readonly operand: number; readonly position: number; readonly layers?: number }[] } {
    const { construction, computeSets } = this.#site;
    const placements = this.#set.placements.map((placement, k) => this.#placement(placement, k));
    const gradientOf = this.#set.operands.flatMap((_, operand) => [
      { operand, index: this.#indices.get(`gradient ${operand}`), layered: false }, { operand, index: this.#indices.get(`layers ${operand}`), layered: true },
    ]).flatMap(({ operand, index, layered }) => (index === undefined ? [] : [{ operand, index, layered }])).sort((a, b) => a.index - b.index);
    computeSets.push({
      name: `${this.#set.name}.gradient`, operands: this.#operands.map(({ name, type }) => ({ name, type })), written: gradientOf.map(({ index }) => index), placements, origin: this.#set.origin,
    });
    const outputs = gradientOf.map(({ index }) => construction.builder.value(this.#operands[index]!.type, this.#node.origin));
    construction.append({ op: "execute", inputs: this.#operands.map(({ value }) => value), attributes: { computeSet: computeSets.length - 1 }, regions: [], outputs, origin: this.#node.origin });
    const operands = gradientOf.map(({ operand, layered }, position) => ({ operand, position, ...(layered ? { layers: this.#layers[operand]!.count } : {}) }));
    return { outputs, operands };
  }

  /** The gradient's vertex of a placement: values of all fields, then gradients of the float ones, as `Vertex.gradient` says. */
  #placement(placement: Placement, k: number): Placement {
    const { vertices } = this.#site;
    const vertex = vertices[placement.vertex]!;
    const { buffers } = vertex.kernel;
    const values = placement.fields.map((field, f) => ({ ...field, operand: buffers[f]!.access === "out" ? this.#after(field.operand) : this.#before(field.operand) }));
    const gradients = placement.fields.flatMap((field, f) => {
      if (!isFloat(buffers[f]!.dtype)) return [];
      if (buffers[f]!.access !== "in") return [{ ...field, operand: this.#written(field.operand) }];
      const layer = { start: this.#layers[field.operand]!.of(k, f), length: 1, step: 1, drop: true };
      return [{ ...field, operand: this.#read(field.operand), slice: [layer, ...field.slice] }];
    });
    return { ...placement, vertex: gradientVertex(vertices, placement.vertex), fields: [...values, ...gradients] };
  }

  #operand(key: string, make: () => Operand): number {
    let index = this.#indices.get(key);
    if (index === undefined) {
      index = this.#operands.push(make()) - 1;
      this.#indices.set(key, index);
    }
    return index;
  }

  #before(operand: number): number {
    return this.#operand(`before ${operand}`, () => ({ ...this.#set.operands[operand]!, value: this.#node.inputs[operand]! }));
  }

  #after(operand: number): number {
    return this.#operand(`after ${operand}`, () => ({ ...this.#set.operands[operand]!, value: this.#node.outputs[this.#set.written.indexOf(operand)]! }));
  }

  /** The gradient by what an operand that is written became; the vertices make of it the gradient by what it was. */
  #written(operand: number): number {
    const { name, type } = this.#set.operands[operand]!;
    return this.#operand(`gradient ${operand}`, () => {
      const known = this.#gradients[this.#set.written.indexOf(operand)];
      return { name: `d_${name}`, type, value: known ?? this.#site.construction.filled(type, 0, this.#node.origin) };
    });
  }

  /** The gradient by what is read of an operand, a layer for vertices that read the same elements. */
  #read(operand: number): number {
    const { name, type: { dtype, shape } } = this.#set.operands[operand]!;
    return this.#operand(`layers ${operand}`, () => {
      const layered: TensorType = { dtype, shape: [this.#layers[operand]!.count, ...shape] };
      return { name: `d_${name}`, type: layered, value: this.#site.construction.filled(layered, 0, this.#node.origin) };
    });
  }
}

/** Index of the vertex that is another one's gradient. */
function gradientVertex(vertices: Vertex[], vertex: number): number {
  const { name, gradient, origin } = vertices[vertex]!;
  const known = vertices.findIndex(({ kernel }) => kernel === gradient);
  return known >= 0 ? known : vertices.push({ name: `${name}${gradientSuffix}`, kernel: gradient!, origin }) - 1;
}

interface Layers {
  readonly count: number;
  /** The layer of a placement's field. */
  of(placement: number, field: number): number;
}

/** A layer for every read of an operand, the first where it meets no other. */
function layersOf(vertices: readonly Vertex[], set: ComputeSet, operand: number): Layers | undefined {
  const layers: Slice[][] = [];
  const chosen = new Map<string, number>();
  set.placements.forEach(({ vertex, fields }, k) => fields.forEach((field, f) => {
    if (field.operand !== operand || vertices[vertex]!.kernel.buffers[f]!.access !== "in") return;
    const free = layers.findIndex((slices) => slices.every((slice) => !meet(slice, field.slice)));
    const layer = free >= 0 ? free : layers.push([]) - 1;
    layers[layer]!.push(field.slice);
    chosen.set(`${k} ${f}`, layer);
  }));
  return layers.length === 0 ? undefined : { count: layers.length, of: (placement, field) => chosen.get(`${placement} ${field}`)! };
}

/** Whether the ranges of two slices overlap in every dimension; steps are not looked at. */
function meet(a: Slice, b: Slice): boolean {
  return a.every((one, d) => {
    const [[low, high], [least, most]] = [one, b[d]!].map(({ start, length, step }) => [Math.min(start, start + (length - 1) * step), Math.max(start, start + (length - 1) * step)]) as [[number, number], [number, number]];
    return one.length > 0 && b[d]!.length > 0 && low <= most && least <= high;
  });
}

