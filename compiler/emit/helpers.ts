/**
 * What kernels call: functions of the host (`math`), and small functions of our own that are added to a module when first
 * needed, once. Names start with `math.` and `gph.`, which no other function of a module may use.
 */
import { mathArity, type MathFunctionName } from "../../runtime/math.ts";
import type { Code, Module, WasmType } from "./binaryen.ts";
import { loadedBinaryen } from "./binaryen.ts";

/** Calls a function of `math` on f64 values, importing it first if no one has. */
export function callMath(module: Module, name: MathFunctionName, args: readonly Code[]): Code {
  const { f64, createType } = loadedBinaryen();
  const internalName = `math.${name}`;
  if (module.getFunction(internalName) === 0) {
    module.addFunctionImport(internalName, "math", name, createType(new Array<WasmType>(mathArity(name)).fill(f64)), f64);
  }
  return module.call(internalName, args, f64);
}

/** A function of our own: called by name, made by `body` (parameters are locals 0, 1, …) when the module has none yet. */
export interface Helper {
  readonly name: string;
  readonly parameters: readonly ("i32" | "i64" | "f32" | "f64")[];
  readonly result: "i32" | "i64" | "f32" | "f64";
  /** Locals beside the parameters. */
  readonly locals: readonly ("i32" | "i64" | "f32" | "f64")[];
  body(module: Module): Code;
}

export function callHelper(module: Module, helper: Helper, args: readonly Code[]): Code {
  const binaryen = loadedBinaryen();
  const internalName = `gph.${helper.name}`;
  if (module.getFunction(internalName) === 0) {
    const parameters = binaryen.createType(helper.parameters.map((type) => binaryen[type]));
    module.addFunction(internalName, parameters, binaryen[helper.result], helper.locals.map((type) => binaryen[type]), helper.body(module));
  }
  return module.call(internalName, args, binaryen[helper.result]);
}

/** Signed division that wraps where the machine's traps: the smallest integer by −1. Division by zero still traps. */
function wrappingDivision(type: "i32" | "i64"): Helper {
  return {
    name: `divide_${type}`,
    parameters: [type, type],
    result: type,
    locals: [],
    body(module) {
      const binaryen = loadedBinaryen();
      const get = (index: number): Code => module.local.get(index, binaryen[type]);
      const number = (value: number): Code => (type === "i32" ? module.i32.const(value) : module.i64.const(BigInt(value)));
      return module.if(module[type].eq(get(1), number(-1)), module[type].sub(number(0), get(0)), module[type].div_s(get(0), get(1)));
    },
  };
}

export const divideI32 = wrappingDivision("i32");
export const divideI64 = wrappingDivision("i64");
