/**
 * The functions of std/special by what mpmath gives in 60 digits: the interpreter and compiled programs, on both kinds of memory,
 * within a few units in the last place; and where they have no number.
 */
import { describe, expect, it } from "vitest";
import { checkFile } from "../../compiler/compile.ts";
import { Interpreter } from "../../compiler/graph/interpret.ts";
import { tensor } from "../../compiler/graph/tensor.ts";
import { target, withTiles } from "../../compiler/targets/targets.ts";
import { engineFor, toHost } from "./support.ts";

/** Arguments, which f32 has too, and results. */
const known: { readonly [name: string]: readonly (readonly [x: number, y: number])[] } = {
  erfc: [[-6, 2], [-2.25, 1.9985372834133188], [-1, 1.8427007929497148], [-0.375, 1.4041169094348223], [9.5367431640625e-07, 0.9999989238937692], [0.25, 0.7236736098317631], [0.46875, 0.507386526782062], [1, 0.15729920705028513], [1.5, 0.033894853524689274], [2.71875, 0.00012060499236929191], [3.75, 1.1372725656979665e-07], [5.125, 4.234563376336224e-13], [8.03125, 6.775167306161878e-30], [9, 4.13703174651381e-37]],
  erfcx: [[-8.5, 4.7731635244483685e+31], [-3, 16205.988853999586], [-0.75, 3.003171663627452], [9.5367431640625e-07, 0.9999989238946787], [0.5, 0.6156903441929259], [1, 0.427583576155807], [2.625, 0.201887554546017], [3.75, 0.14558972127503855], [9.25, 0.06064311514114366], [40, 0.014100335983377814], [1024, 0.0005509661274624838], [1099511627776, 5.131274370321592e-13]],
  ndtr: [[-12.75, 1.5587262888811991e-37], [-7.03125, 1.0234568117762016e-12], [-3.5, 0.00023262907903552504], [-1, 0.15865525393145705], [-0.125, 0.4502617751698871], [0.5, 0.6914624612740131], [1.625, 0.9479187205847804], [4.25, 0.9999893114742251]],
  log_ndtr: [[-4096, -8388617.23670476], [-100.5, -5055.65419524366], [-12.75, -84.75177943450721], [-3, -6.607726221510349], [-1, -1.8410216450092636], [-0.9375, -1.7472601439521884], [-0.25, -0.9130617648111351], [0, -0.6931471805599453], [0.75, -0.25699426683836524], [2.5, -0.006229025485860002], [5, -2.866516129637636e-07]],
  ndtri: [[7.52316384526264e-37, -12.626696560491395], [9.094947017729282e-13, -7.047700256664409], [0.0009765625, -3.0972690781987846], [0.0625, -1.5341205443525463], [0.078125, -1.4177971379962673], [0.25, -0.6744897501960817], [0.5, 0], [0.625, 0.31863936396437514], [0.9375, 1.5341205443525463], [0.999755859375, 3.4871041041144313], [0.9999998807907104, 5.1665781197287535]],
  erfinv: [[-0.9999998807907104, -3.7439211627767994], [-0.96875, -1.523019401996956], [-0.5, -0.4769362762044699], [-9.313225746154785e-10, -8.253631419062224e-10], [7.888609052210118e-31, 6.991097746438969e-31], [0.125, 0.11123545184094996], [0.8125, 0.9319744431610971], [0.875, 1.0847870400692832], [0.9375, 1.3171503349861307], [0.9990234375, 2.331467773621948]],
  erfcinv: [[7.52316384526264e-37, 8.966918645085224], [9.313225746154785e-10, 4.328028275800946], [0.0078125, 1.8809517454731395], [0.125, 1.0847870400692832], [0.25, 0.8134198475976185], [0.875, 0.11123545184094996], [1.125, -0.11123545184094996], [1.75, -0.8134198475976185], [1.9999990463256836, -3.465505025803331]],
  lgamma: [[-7.25, -7.54188344347575], [-2.5, -0.056243716497674054], [-0.5, 1.2655121234846454], [-9.094947017729282e-13, 27.725887222398338], [8.673617379884035e-19, 41.58883083359672], [0.25, 1.2880225246980774], [0.5, 0.5723649429247001], [0.9375, 0.039390901734582304], [1.0000009536743164, -5.504750066148867e-07], [1.25, -0.09827183642181316], [1.46875, -0.12146183058765041], [1.9999990463256836, -4.0319826848018475e-07], [2.5, 0.2846828704729192], [3.25, 0.9358019311087253], [3.5, 1.2009736023470743], [10.125, 13.084114592176066], [171, 706.5730622457874], [1.152921504606847e+18, 4.679573591490311e+19]],
  digamma: [[-7.25, 5.189977214956288], [-2.75, -1.959055264977997], [-0.625, -1.1539990491451395], [-9.094947017729282e-13, 1099511627775.4227], [8.673617379884035e-19, -1.152921504606847e+18], [0.25, -4.2274535333762655], [0.96875, -0.6298277882486886], [1, -0.5772156649015329], [1.4375, -0.023613544005297898], [1.46875, 0.006865411470735777], [2, 0.42278433509846713], [2.75, 0.8189010249754326], [3, 0.9227843350984671], [12.5, 2.4851956512749123], [1.152921504606847e+18, 41.58883083359672]],
  trigamma: [[-5.25, 19.565729569019783], [-0.5, 8.934802200544679], [9.5367431640625e-07, 1099511627777.645], [0.5, 4.934802200544679], [1, 1.6449340668482264], [1.75, 0.7641018698938287], [3, 0.39493406684822646], [10, 0.10516633568168575], [100.5, 0.009999916669583104], [1099511627776, 9.094947017733418e-13]],
};

/** What has no neighbours to be near to. */
const special: typeof known = {
  erfc: [[0, 1], [-0, 1], [Infinity, 0], [-Infinity, 2], [30, 0], [-30, 2], [NaN, NaN]],
  erfcx: [[0, 1], [Infinity, 0], [-Infinity, Infinity], [-40, Infinity], [NaN, NaN]],
  ndtr: [[0, 0.5], [Infinity, 1], [-Infinity, 0], [-60, 0], [NaN, NaN]],
  log_ndtr: [[Infinity, -0], [-Infinity, -Infinity], [NaN, NaN]],
  ndtri: [[0, -Infinity], [1, Infinity], [0.5, 0], [-0.25, NaN], [1.25, NaN], [NaN, NaN]],
  erfinv: [[0, 0], [-0, -0], [1, Infinity], [-1, -Infinity], [1.5, NaN], [-Infinity, NaN], [NaN, NaN]],
  erfcinv: [[0, Infinity], [1, 0], [2, -Infinity], [-0.5, NaN], [2.5, NaN], [NaN, NaN]],
  lgamma: [[1, 0], [2, 0], [0, Infinity], [-0, Infinity], [-1, Infinity], [-100, Infinity], [Infinity, Infinity], [-Infinity, Infinity], [-1e30, Infinity], [NaN, NaN]],
  digamma: [[0, -Infinity], [-0, Infinity], [-1, NaN], [-100, NaN], [Infinity, Infinity], [-Infinity, NaN], [NaN, NaN]],
  trigamma: [[0, Infinity], [-1, Infinity], [-100, Infinity], [Infinity, 0], [NaN, NaN]],
};

const names = Object.keys(known);
const argumentsOf = (name: string): number[] => [...known[name]!, ...special[name]!].map(([x]) => x);

const source = (dtype: string): string => `import { ${names.join(", ")} } from "std/special";
graph special_functions {
${names.map((name) => `  in ${name}_at: ${dtype}[${argumentsOf(name).length}];\n  out ${name}_of: ${dtype}[${argumentsOf(name).length}];`).join("\n")}
  program main {
${names.map((name) => `    ${name}_of = ${name}(${name}_at);`).join("\n")}
  }
}
`;

/** Units in the last place that a result may be away from the known one: of 1 at least where there are zeros that it does not look for. */
const most = 6;
const unit = (name: string, x: number, y: number, fraction: number): number =>
  2 ** (Math.floor(Math.log2(x < 0 && /gamma/.test(name) ? Math.max(1, Math.abs(y)) : Math.abs(y))) - fraction);

function faults(results: { readonly [name: string]: { readonly data: ArrayLike<number | bigint> } }, fraction: number): string[] {
  return names.flatMap((name) => {
    const got = Array.from(results[`${name}_of`]!.data, Number);
    const near = known[name]!.flatMap(([x, y], k) => (y === 0 ? got[k] === 0 : Math.abs(got[k]! - y) <= most * unit(name, x, y, fraction)) ? [] : [`${name}(${x}) = ${got[k]}, not ${y}`]);
    const exact = special[name]!.flatMap(([x, y], k) => (Object.is(got[known[name]!.length + k], y) ? [] : [`${name}(${x}) = ${got[known[name]!.length + k]}, not ${y}`]));
    return [...near, ...exact];
  });
}

describe.each([["f32", 23], ["f64", 52]] as const)("special functions of %s", (dtype, fraction) => {
  it.each([["wasm", 3], ["ipu-mk2", 5]] as const)("on %s with %i tiles", async (machine, tiles) => {
    const machineWith = { ...withTiles(target(machine), tiles), grain: 1 };
    const { graph, diagnostics } = checkFile("special.gph", { target: machineWith, readFile: (path) => (path === "special.gph" ? source(dtype) : undefined) });
    expect(diagnostics).toEqual([]);
    const inputs = Object.fromEntries(names.map((name) => [`${name}_at`, tensor(dtype, [argumentsOf(name).length], argumentsOf(name))]));
    expect(faults(new Interpreter(graph!).run("main", inputs), fraction)).toEqual([]);
    await using one = await engineFor(graph!, machineWith);
    await using two = await engineFor(graph!, machineWith, 2);
    const first = one.runSync("main", toHost(inputs));
    expect(faults(first as never, fraction)).toEqual([]);
    expect(await two.run("main", toHost(inputs))).toEqual(first);
  });
});
