/** If, Loop and Scan, as `if`, `repeat` and `while` of a program; what a block gives is carried out by variables. */
import { core, type Tensor, type TypeOf, type Variable } from "../../../compiler/builder/index.ts";
import type { DType } from "../../../runtime/dtype.ts";
import { as, axisOf, sameShape, upTo, type Call, type Family } from "../call.ts";
import { NotCovered } from "../not-covered.ts";

const typeOf = ({ dtype, shape }: Tensor): TypeOf<DType> => ({ dtype, shape });
const zeros = ({ dtype, shape }: TypeOf<DType>): Tensor => core.zeros(shape, { dtype });

/** A variable of the program; its first value is written here. */
function variable(call: Call, initial: Tensor): Variable {
  return call.around.program.variable(call.around.freshName(), initial);
}

/** A condition that depends on no input chooses when building, once it is known; else a block is run. */
function conditional(call: Call): readonly Tensor[] {
  const [then, otherwise] = [call.graph("then_branch"), call.graph("else_branch")];
  if (call.fixed(0)) call.known(0);
  const condition = core.reshape(call.x(0) as Tensor<"bool">, []);
  [then, otherwise].forEach((graph) => call.around.prepare(graph));
  const types = call.around.types();
  const { program } = call.around;
  if (types === undefined) {
    let found: TypeOf<DType>[] = [];
    program.if(condition, () => (found = call.around.inline(then, []).map(typeOf)));
    return call.around.found(found);
  }
  const results = types.map((type) => variable(call, zeros(type)));
  const branch = (graph: typeof then) => (): void => call.around.inline(graph, []).forEach((value, k) => {
    if (value.dtype !== types[k]!.dtype || !sameShape(value.shape, types[k]!.shape)) throw new NotCovered("branches that give different shapes");
    results[k]!.set(value);
  });
  program.if(condition, branch(then), branch(otherwise));
  return results.map((result) => result.snapshot());
}

/** Puts what a round gives into place k of all rounds' results. */
function keep(all: Variable, k: Tensor, value: Tensor): void {
  const place = core.stack([as("i32", k), ...value.shape.map(() => core.zeros<"i32">([], { dtype: "i32" }))]);
  all.set(core.dynamic_update(all, place, core.expand(value, 0)));
}

/** Rounds as long as a condition holds, at most M; what each round gives besides is stacked, for which M must be known. */
function loop(call: Call): readonly Tensor[] {
  const body = call.graph("body");
  const { program } = call.around;
  const carried = call.node.inputs.length - 2;
  const collected = body.outputs.length - 1 - carried;
  const rounds = call.has(0) ? call.numbers(0)[0]! : undefined;
  call.requires(rounds !== undefined || collected === 0, "loops that collect, without a number of rounds");
  call.around.prepare(body);
  const first = upTo(carried).map((k) => call.x(k + 2));
  const start = call.has(1) ? core.reshape(call.x(1) as Tensor<"bool">, []) : core.zeros<"i32">([], { dtype: "i32" }).eq(0);
  const states = first.map((value) => variable(call, value));
  const going = variable(call, start) as Variable as Variable<"bool">;
  const count = variable(call, core.zeros([], { dtype: "i64" }));
  const types = call.around.types();
  const all = types?.map(({ dtype, shape }) => variable(call, core.zeros([rounds!, ...shape], { dtype }))) ?? [];
  let found: TypeOf<DType>[] = [];
  const more = (): Tensor<"bool"> => (rounds === undefined ? going.snapshot() : going.and(count.lt(rounds)));
  program.while(more, () => {
    const [condition, ...values] = call.around.inline(body, [count.snapshot(), going.snapshot(), ...states.map((state) => state.snapshot())]) as [Tensor<"bool">, ...Tensor[]];
    found = values.slice(carried).map(typeOf);
    states.forEach((state, k) => {
      call.requires(sameShape(state.shape, values[k]!.shape), "loops whose values change their shape");
      state.set(values[k]!);
    });
    all.forEach((list, k) => keep(list, count, values[carried + k]!));
    going.set(core.reshape(condition, []));
    count.set(count.add(1));
  });
  if (types === undefined && collected > 0) return call.around.found(found);
  const reached = collected === 0 ? 0 : Number(call.around.elements(count.snapshot()).data[0]);
  return [...states.map((state) => state.snapshot()), ...all.map((list) => list.at(`:${reached}`))];
}

/** Rounds over the slices of inputs. Axes and directions may differ for each. */
function scan(call: Call): readonly Tensor[] {
  const body = call.graph("body");
  call.requires(call.opset >= 9, "scans with a batch");
  const scanned = call.int("num_scan_inputs", 1);
  const carried = call.node.inputs.length - scanned;
  const axisFor = (name: string, k: number, rank: number): number => axisOf(call.ints(name)?.[k] ?? 0, rank);
  const backwards = (name: string, k: number): boolean => call.ints(name)?.[k] === 1;
  call.around.prepare(body);
  const sequences = upTo(scanned).map((k) => {
    const x = call.x(carried + k);
    const axis = axisFor("scan_input_axes", k, x.shape.length);
    const front = axis === 0 ? x : core.transpose(x, { axes: [axis, ...upTo(x.shape.length).filter((other) => other !== axis)] });
    return backwards("scan_input_directions", k) ? core.reverse(front, { axis: 0 }) : front;
  });
  const rounds = sequences[0]!.shape[0]!;
  const states = upTo(carried).map((k) => variable(call, call.x(k)));
  const count = variable(call, core.zeros([], { dtype: "i32" }));
  const types = call.around.types();
  const all = types?.map(({ dtype, shape }) => variable(call, core.zeros([rounds, ...shape], { dtype }))) ?? [];
  let found: TypeOf<DType>[] = [];
  call.around.program.repeat(rounds, () => {
    const slices = sequences.map((x) => core.gather(x, count.snapshot()));
    const values = call.around.inline(body, [...states.map((state) => state.snapshot()), ...slices]);
    found = values.slice(carried).map(typeOf);
    states.forEach((state, k) => state.set(values[k]!));
    all.forEach((list, k) => keep(list, count, values[carried + k]!));
    count.set(count.add(1));
  });
  if (types === undefined && found.length > 0) return call.around.found(found);
  const lists = all.map((list, k) => {
    const whole = backwards("scan_output_directions", k) ? core.reverse(list, { axis: 0 }) : list.snapshot();
    const axis = axisFor("scan_output_axes", k, whole.shape.length);
    if (axis === 0) return whole;
    const axes = upTo(whole.shape.length).slice(1);
    axes.splice(axis, 0, 0);
    return core.transpose(whole, { axes });
  });
  return [...states.map((state) => state.snapshot()), ...lists];
}

export const control: Family = { If: conditional, Loop: loop, Scan: scan };
