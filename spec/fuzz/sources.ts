/** Random well-typed .gph sources: both layers, several programs, control, states, streams. */
import { isFloat, sizeOf, type DType } from "../../runtime/dtype.ts";
import { Decisions } from "../../compiler/support/testing/decisions.ts";
import { Expressions, imported, type Variable } from "./expressions.ts";
import { exact, type Written } from "./quality.ts";
import { indent, placements, randomVertex, type RandomVertex } from "./vertices.ts";
import { typeText } from "./writing.ts";

export interface RandomSource {
  readonly text: string;
  /** How far an out or a sent element may be from the interpreter's; absent: not a bit. */
  readonly errors: ReadonlyMap<string, number>;
}

/** What float states hold: see quality.ts. */
const held = { bound: 8, grain: 0.25, error: 0 };

interface Scope {
  readonly variables: Variable[];
  /** Whether the values here are carried around a loop or come from one of several branches: errors would grow unseen. */
  readonly steady: boolean;
}

export function randomSource(list: readonly number[]): RandomSource {
  return new SourceWriter(new Decisions(list)).write();
}

/** As many decisions as an ordinary source takes. */
export function randomDecisions(seed: number): number[] {
  let state = Math.imul(seed, 2_654_435_761) >>> 0;
  // Of a linear generator only the high bits are random.
  const next = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 8;
  return Array.from({ length: 100 + (next() % 500) }, next);
}

class SourceWriter {
  readonly #decisions: Decisions;
  readonly #expressions: Expressions;
  readonly #errors = new Map<string, number>();
  readonly #functions: { readonly name: string; readonly call: (dtype: DType, shape: readonly number[]) => string | undefined; readonly text: string }[] = [];
  readonly #vertices: RandomVertex[] = [];
  readonly #sets: string[] = [];
  readonly #states: Variable[] = [];
  readonly #streamsIn: Variable[] = [];
  #scopes: Scope[] = [];
  #counter = 0;
  /** Statements that run, loops counted: interpreting is slow. */
  #weight = 1;
  #roughOuts = 0;

  constructor(decisions: Decisions) {
    this.#decisions = decisions;
    this.#expressions = new Expressions(decisions, () => this.#visible());
  }

  write(): RandomSource {
    const members: string[] = [];
    this.#declareStates(members);
    if (this.#decisions.below(2) === 1) this.#functionTemplates();
    const programs = this.#decisions.below(3) === 2 ? ["other", "main"] : ["main"];
    const sets: string[] = [];
    for (let k = this.#decisions.below(3); k > 0; k--) this.#vertexLayer(members, sets);
    if (this.#decisions.below(2) === 1) this.#maps(members);
    const bodies: string[] = [];
    const roughDeclarations: string[] = [];
    for (const [k, name] of programs.entries()) {
      this.#scopes = [{ variables: [...this.#states], steady: false }];
      const calls = k > 0 && this.#decisions.below(2) === 1;
      const share = name === "main" ? 0.3 : 0.5;
      const statements = this.#decisions.holdingBack(share, () => this.#statements(4 + this.#decisions.below(6), 3));
      if (calls) statements.splice(this.#decisions.below(statements.length + 1), 0, `call ${programs[0]};`);
      if (name === "main") statements.push(...this.#results(roughDeclarations));
      bodies.push(`program ${name} {\n${indent(statements.join("\n"), 2)}\n}`);
    }
    // Main may read an out before it writes it, or without writing it: then something else has to.
    const outs = members.flatMap((member) => [...member.matchAll(/^out (\w+): (\w+)/g)]);
    if (outs.length > 0) bodies.push(`program clear {\n${indent(outs.map(([, name, dtype]) => `${name} = ${dtype === "bool" ? "false" : "0"};`).join("\n"), 2)}\n}`);
    const lines = [...members, ...roughDeclarations, ...sets, ...bodies];
    const body = lines.join("\n");
    const names = imported.filter((name) => new RegExp(`\\b${name}\\(`).test(body));
    return {
      text: [
        names.length > 0 ? `import { ${names.join(", ")} } from "std/nn";` : "",
        ...this.#functions.map(({ text }) => text),
        ...this.#vertices.map(({ text }) => text),
        `graph g {\n${indent(body, 2)}\n}\n`,
      ].filter((part) => part !== "").join("\n\n"),
      errors: this.#errors,
    };
  }

  #visible(): readonly Variable[] {
    return this.#scopes.flatMap(({ variables }) => variables);
  }

  #name(prefix: string): string {
    return `${prefix}${this.#counter++}`;
  }

  #declareStates(members: string[]): void {
    const roles = ["in", "var", "out", "in", "param", "var", "in"] as const;
    const count = 4 + this.#decisions.below(5);
    const shapes = [this.#expressions.shape(), this.#expressions.shape(), [4, 6]];
    for (let k = 0; k < count; k++) {
      const role = roles[k % roles.length]!;
      const dtype = this.#expressions.dtype();
      const shape = this.#decisions.rarely(3) ? this.#expressions.shape() : this.#decisions.pick(shapes);
      const variable: Variable = { name: this.#name(role === "param" ? "w" : role[0]!), dtype, shape, assignable: role === "var" || role === "out", ...(isFloat(dtype) ? held : exact) };
      const initial = role === "var" && this.#decisions.below(2) === 1 && dtype !== "bool" ? ` = ${this.#decisions.below(4)}` : "";
      members.push(`${role} ${variable.name}: ${typeText(dtype, shape)}${initial};`);
      this.#states.push(variable);
    }
    if (this.#decisions.below(3) === 2) {
      const dtype = this.#expressions.dtype();
      const stream: Variable = { name: this.#name("next"), dtype, shape: this.#decisions.pick(shapes), assignable: false, ...(isFloat(dtype) ? held : exact) };
      members.push(`stream in ${stream.name}: ${typeText(dtype, stream.shape)};`);
      this.#streamsIn.push(stream);
    }
    members.push("stream out sink: i32;", "stream out floats: f32[2];");
  }

  /** Generic functions, called at types that fit. */
  #functionTemplates(): void {
    const op = (list: readonly string[]): string => this.#decisions.pick(list);
    this.#functions.push(
      { name: "mixed", text: `fn mixed<T: int, ...s>(a: T[...s], b: T[...s]) -> T[...s] {\n  let c = a ${op(["+", "-", "^", "&"])} b;\n  return c ${op(["*", "|", "-"])} a;\n}`, call: (dtype, shape) => (isFloat(dtype) || dtype === "bool" ? undefined : this.#call("mixed", dtype, [shape, shape])) },
      { name: "turned", text: `fn turned<T: any, m, n>(a: T[m, n]) -> T[n, m] {\n  return a[${op([":", "::-1"])}, ${op(["::-1", ":"])}].transpose(1, 0);\n}`.replace(": any", ""), call: () => undefined },
      { name: "folded", text: `fn folded<m, n>(a: i32[m, n], times: int = 2) -> i32[n] {\n  var total = a[0];\n  for k in 0..times {\n    total = total ${op(["+", "^", "-"])} ${op(["sum", "max", "min"])}(a, axis = 0);\n  }\n  return total;\n}`, call: (dtype, shape) => (dtype === "i32" && shape.length === 1 ? this.#call("folded", dtype, [[1 + this.#decisions.below(5), ...shape]]) : undefined) },
    );
    this.#functions.splice(1, 1);
  }

  #call(name: string, dtype: DType, shapes: readonly (readonly number[])[]): string {
    return `${name}(${shapes.map((shape) => this.#expressions.tensor(dtype, shape, 1, true).text).join(", ")})`;
  }

  #vertexLayer(members: string[], sets: string[]): void {
    const vertex = randomVertex(this.#decisions, this.#name("V"));
    const rows = 1 + this.#decisions.below(9);
    const columns = 1 + this.#decisions.below(7);
    const { dtype } = vertex;
    const quality = isFloat(dtype) ? held : exact;
    const state = (prefix: string, role: string, shape: readonly number[], assignable: boolean): string => {
      const name = this.#name(prefix);
      members.push(`${role} ${name}: ${typeText(dtype, shape)};`);
      this.#states.push({ name, dtype, shape, assignable, ...quality });
      return name;
    };
    const matrix = state("m", "var", [rows, columns], true);
    const result = state("r", "out", [rows, columns], true);
    const vector = state("v", "in", [rows], false);
    const elements = state("e", "out", [rows], true);
    const scalar = state("c", "in", [], false);
    const name = this.#name("set");
    const needed = vertex.fields.some(({ shape }) => shape === "block") ? rows > 1 && columns > 1 : true;
    if (!needed) return;
    this.#vertices.push(vertex);
    sets.push(`compute set ${name} {\n${indent(placements(this.#decisions, vertex, { rows, columns, matrix, result, vector, elements, scalar }), 2)}\n}`);
    this.#sets.push(name);
  }

  #maps(members: string[]): void {
    for (const { name, shape } of this.#states) {
      if (shape.length === 0 || sizeOf(shape) === 0 || this.#decisions.below(2) === 0) continue;
      const [rows] = shape as [number];
      const last = shape.at(-1)!;
      const rest = ", :".repeat(shape.length - 1);
      switch (this.#decisions.below(6)) {
        case 0: members.push(`for r in 0..${rows} {\n  map ${name}[r] on r * tiles / ${rows};\n}`); break;
        case 1: members.push(`for r in 0..${rows} {\n  map ${name}[r] on r % tiles;\n}`); break;
        case 2: members.push(`for r in 0..${last} {\n  map ${name}[..., r] on (r * 3 + 1) % tiles;\n}`); break;
        case 3: members.push(`map ${name} on tiles - 1;\nmap ${name}[${Math.floor(rows / 2)}:${rest}] on 0;`); break;
        case 4: members.push(`map ${name}[::2${rest}] on 1 % tiles;`); break;
        default: members.push(`map ${name}[0${rest}] on 2 % tiles;`);
      }
    }
  }

  // Statements

  #statements(count: number, depth: number): string[] {
    const list: string[] = [];
    for (let k = 0; k < count && !this.#decisions.exhausted; k++) list.push(...this.#statement(depth));
    return list;
  }

  #block(count: number, depth: number, extra: readonly Variable[] = [], before: (lines: string[]) => void = () => {}): string {
    this.#scopes.push({ variables: [...extra], steady: true });
    const lines = this.#statements(count, depth);
    before(lines);
    this.#scopes.pop();
    return `{\n${indent(lines.join("\n"), 2)}\n}`;
  }

  #define(variable: Variable): void {
    this.#scopes.at(-1)!.variables.push(variable);
  }

  /** A value that can be kept in a variable of the type. */
  #value(dtype: DType, shape: readonly number[], depth = 3): Written | undefined {
    for (const { call } of this.#functions) {
      if (!this.#decisions.rarely(8)) continue;
      const text = call(dtype, shape);
      if (text !== undefined) return { text, ...exact };
    }
    return this.#expressions.fit(dtype, this.#expressions.tensor(dtype, shape, depth, true), held.bound, held.grain);
  }

  #statement(depth: number): string[] {
    const choice = this.#decisions.below(24);
    switch (choice) {
      case 0: case 1: case 2: return this.#let();
      case 3: case 4: return this.#var();
      case 5: case 6: return this.#assign();
      case 7: case 8: return this.#assignSlice();
      case 9: return this.#assignWith();
      case 10: return this.#swap();
      case 11: case 12: return depth > 0 ? this.#if(depth) : this.#assign();
      case 13: case 14: return depth > 0 ? this.#repeat(depth) : this.#assign();
      case 15: return depth > 0 ? this.#while(depth) : this.#assign();
      case 16: return depth > 0 ? this.#switch(depth) : this.#assign();
      case 17: return depth > 0 ? this.#for(depth) : this.#assign();
      case 18: case 19: case 20: return this.#sets.length > 0 ? [`execute ${this.#decisions.pick(this.#sets)};`] : this.#assign();
      case 21: return this.#send();
      case 22: return this.#print();
      default: return this.#next();
    }
  }

  #let(): string[] {
    const dtype = this.#expressions.dtype();
    const shape = this.#expressions.shape();
    const steady = this.#scopes.some((scope) => scope.steady);
    const { text, ...quality } = this.#expressions.tensor(dtype, shape, 3, steady);
    const name = this.#name("a");
    this.#define({ name, dtype, shape, assignable: false, ...quality });
    return [`let ${name} = ${text};`];
  }

  #var(): string[] {
    const dtype = this.#expressions.dtype();
    const shape = this.#expressions.shape();
    const value = this.#value(dtype, shape);
    if (!value) return [];
    const name = this.#name("t");
    this.#define({ name, dtype, shape, assignable: true, ...(isFloat(dtype) ? held : exact) });
    return [`var ${name}: ${typeText(dtype, shape)} = ${value.text};`];
  }

  #target(): Variable | undefined {
    const assignable = this.#visible().filter((variable) => variable.assignable);
    return assignable.length > 0 ? this.#decisions.pick(assignable.slice(-10)) : undefined;
  }

  #assign(): string[] {
    const target = this.#target();
    const value = target && this.#value(target.dtype, target.shape);
    return value ? [`${target.name} = ${value.text};`] : [];
  }

  #assignWith(): string[] {
    const target = this.#target();
    if (!target || target.dtype === "bool") return [];
    const value = this.#value(target.dtype, this.#decisions.below(2) === 1 ? [] : target.shape, 1);
    if (!value) return [];
    if (isFloat(target.dtype)) return [`${target.name} = clamp(${target.name} ${this.#decisions.pick(["+", "-"])} ${value.text}, -8, 8);`];
    return [`${target.name} ${this.#decisions.pick(["+=", "-=", "*=", "&=", "|=", "^="])} ${value.text};`];
  }

  #assignSlice(): string[] {
    const target = this.#target();
    if (!target || target.shape.length === 0 || sizeOf(target.shape) === 0) return this.#assign();
    const items: string[] = [];
    const shape: number[] = [];
    for (const extent of target.shape) {
      const start = this.#decisions.below(extent);
      const length = 1 + this.#decisions.below(extent - start);
      switch (this.#decisions.below(5)) {
        case 0: items.push(":"); shape.push(extent); break;
        case 1: items.push(`${start}:${start + length}`); shape.push(length); break;
        case 2: items.push(String(this.#decisions.below(2) === 1 ? start - extent : start)); break;
        case 3: items.push(`${start}::2`); shape.push(Math.ceil((extent - start) / 2)); break;
        default: items.push("::-1"); shape.push(extent);
      }
    }
    // Elements of the target itself, shifted, are the interesting right side.
    const value = this.#value(target.dtype, shape, 2);
    if (!value) return [];
    const integer = !isFloat(target.dtype) && target.dtype !== "bool" && this.#decisions.below(3) === 2;
    return [`${target.name}[${items.join(", ")}] ${integer ? this.#decisions.pick(["+=", "-=", "^="]) : "="} ${value.text};`];
  }

  #swap(): string[] {
    const assignable = this.#visible().filter((variable) => variable.assignable);
    for (const first of assignable.slice(-8)) {
      const second = assignable.find((other) => other.name !== first.name && typeText(other.dtype, other.shape) === typeText(first.dtype, first.shape));
      if (!second) continue;
      const held = this.#name("h");
      return [`let ${held} = ${first.name};`, `${first.name} = ${second.name};`, `${second.name} = ${held};`];
    }
    return this.#var();
  }

  #scalarCondition(): string {
    return this.#decisions.below(3) === 2
      ? `${this.#decisions.pick(["any", "all"])}(${this.#expressions.tensor("bool", [3], 1).text})`
      : `(${this.#expressions.tensor("i32", [], 1, true).text} ${this.#decisions.pick(["<", ">", "==", "<="])} ${this.#decisions.below(4)})`;
  }

  #if(depth: number): string[] {
    const otherwise = this.#decisions.below(2) === 1 ? ` else ${this.#block(2, depth - 1)}` : "";
    return [`if ${this.#scalarCondition()} ${this.#block(2, depth - 1)}${otherwise}`];
  }

  #heavier<T>(by: number, work: () => T, instead: T): T {
    if (this.#weight * by > 40) return instead;
    this.#weight *= by;
    const result = work();
    this.#weight /= by;
    return result;
  }

  #repeat(depth: number): string[] {
    return this.#heavier(4, () => {
      const count = this.#decisions.below(2) === 1 ? `clamp(${this.#expressions.tensor("i32", [], 1, true).text}, -1, 4)` : String(this.#decisions.below(5));
      return [`repeat ${count} ${this.#block(1 + this.#decisions.below(3), depth - 1)}`];
    }, []);
  }

  #while(depth: number): string[] {
    return this.#heavier(4, () => {
      const counter = this.#name("k");
      const fresh: Variable = { name: counter, dtype: "i32", shape: [], assignable: false, ...exact };
      const condition = this.#decisions.below(2) === 1 ? ` && ${this.#scalarCondition()}` : "";
      const block = this.#block(2, depth - 1, [fresh], (lines) => lines.splice(this.#decisions.below(lines.length + 1), 0, `${counter} += 1;`));
      return [`var ${counter}: i32 = 0;`, `while ${counter} < ${1 + this.#decisions.below(4)}${condition} ${block}`];
    }, []);
  }

  #switch(depth: number): string[] {
    const subject = this.#expressions.tensor("i32", [], 1, true).text;
    const cases = Array.from({ length: 1 + this.#decisions.below(3) }, (_, k) => `  ${k === 2 ? -1 : k} => ${indent(this.#block(2, depth - 1), 2).trimStart()}`);
    if (this.#decisions.below(2) === 1) cases.push(`  default => ${indent(this.#block(1, depth - 1), 2).trimStart()}`);
    return [`switch ${subject} {\n${cases.join("\n")}\n}`];
  }

  #for(depth: number): string[] {
    return this.#heavier(3, () => {
      const index = this.#name("i");
      const block = this.#block(2, depth - 1, [], (lines) => {
        const target = this.#visible().find((variable) => variable.assignable && variable.dtype === "i32" && variable.shape.length === 1 && variable.shape[0]! >= 3);
        if (target) lines.push(`${target.name}[${index}] += ${index} * 2;`);
      });
      return [`for ${index} in 0..3 ${block}`];
    }, []);
  }

  #send(): string[] {
    if (this.#decisions.below(2) === 1) return [`send(sink, ${this.#expressions.tensor("i32", [], 2, true).text});`];
    const steady = this.#scopes.some((scope) => scope.steady);
    const value = this.#expressions.tensor("f32", [2], 2, steady);
    this.#tolerate("floats", value);
    return [`send(floats, ${value.text});`];
  }

  #print(): string[] {
    const value = this.#expressions.tensor(this.#expressions.dtype(), this.#decisions.below(2) === 1 ? [] : [3], 1, true);
    if (this.#decisions.below(3) === 2) return [`assert(${this.#scalarCondition()} || true == true, "always");`.replace(" || true == true", ` || ${this.#expressions.tensor("i32", [], 0, true).text} < 100000 || true`).replace(" || true,", ",")];
    return [`print("p", ${value.text});`];
  }

  #next(): string[] {
    const stream = this.#streamsIn[0];
    if (!stream) return this.#let();
    const name = this.#name("n");
    this.#define({ ...stream, name });
    return [`let ${name} = next(${stream.name});`];
  }

  #tolerate(name: string, { error }: { readonly error: number }): void {
    if (error > 0) this.#errors.set(name, Math.max(this.#errors.get(name) ?? 0, error));
  }

  /** Outs of any float quality, written once at the end of main. */
  #results(declarations: string[]): string[] {
    return Array.from({ length: 2 + this.#decisions.below(3) }, () => {
      const dtype = this.#decisions.pick(["f32", "f32", "f16", "f64", "i32", "bf16", "u8"] as const);
      const shape = this.#expressions.shape();
      const value = this.#expressions.tensor(dtype, shape, 4);
      const name = `y${this.#roughOuts++}`;
      declarations.push(`out ${name}: ${typeText(dtype, shape)};`);
      this.#tolerate(name, value);
      return `${name} = ${value.text};`;
    });
  }
}
