/** Members of a graph: states, shared definitions, mappings, compute sets and programs, in the order they are written; `for` and `if` unfold. */
import { GraphBuilder } from "../graph/build.ts";
import type { Attribute, Block, Graph, Program, ValueId } from "../graph/graph.ts";
import type * as ast from "../syntax/ast.ts";
import { unreachable } from "../support/bug.ts";
import { helpForParameter } from "./arguments.ts";
import { report, spend, type Build, type Frame } from "./frame.ts";
import { expectedOf, fitted, declaredValues } from "./let.ts";
import { mapMember } from "./mapping.ts";
import { fileFrame, type Module } from "./modules.ts";
import { written } from "./operators.ts";
import { isMisfit, readParameter, type GivenParameter, type GivenParameters } from "./parameters.ts";
import { elaborateSet } from "./place.ts";
import { Scope, spanOf, type Binding, type Variable } from "./scope.ts";
import { coerce } from "./tensors.ts";
import { isCompileTimeType, resolveType } from "./types.ts";
import { describe, hasPoison, isCompileTime, poison, type Value } from "./value.ts";

/** What a graph's members have declared. */
interface Declared {
  readonly vars: { readonly declaration: ast.StateDeclaration; readonly binding: Extract<Binding, { kind: "state" }> }[];
  readonly sets: Extract<Binding, { kind: "compute-set" }>[];
  readonly programs: Extract<Binding, { kind: "program" }>[];
}

export function elaborateGraph(module: Module, outer: Frame, declaration: ast.GraphDeclaration, given: GivenParameters): Graph {
  const { session } = outer;
  const scope = new Scope(module.scope);
  const frame = fileFrame(session, scope);
  const parameters = bindParameters(frame, declaration, given);
  const declared: Declared = { vars: [], sets: [], programs: [] };
  hoist(frame, declaration.members);
  members(frame, declaration.members, declared, false);

  const builder = new GraphBuilder();
  for (const set of declared.sets) elaborateSet(frame, set);
  const programs = declared.programs.map((program) => elaborateProgram(frame, builder, program));
  const initial = elaborateInitial(frame, builder, declared, declaration);
  return {
    name: declaration.name.name,
    ...(declaration.doc === undefined ? {} : { doc: declaration.doc }),
    parameters,
    values: builder.values,
    states: session.states.map((state, id) => {
      const pieces = session.mappings.get(id);
      return pieces ? { ...state, mapping: { pieces } } : state;
    }),
    vertices: session.vertices,
    computeSets: session.computeSets,
    programs,
    initial,
    origin: declaration.name.span,
  };
}

function attributeOf(value: Value): Attribute {
  if (value.kind === "tuple") return value.elements.map(attributeOf);
  return value.kind === "int" || value.kind === "wide" || value.kind === "float" || value.kind === "bool" || value.kind === "string" || value.kind === "dtype" ? value.value : null;
}

/** Values of the graph's parameters: what was given, else the default. */
function bindParameters(frame: Frame, declaration: ast.GraphDeclaration, given: GivenParameters): Graph["parameters"] {
  const names = declaration.parameters.map((parameter) => parameter.name.name);
  for (const name of Object.keys(given)) {
    if (names.includes(name)) continue;
    report(frame, "unknown-parameter", declaration.name.span, `the graph ${declaration.name.name} has no parameter ${name}`, { help: helpForParameter(name, names) });
  }
  return declaration.parameters.map((parameter) => {
    const name = parameter.name.name;
    const value = parameterValue(frame, declaration, parameter, Object.hasOwn(given, name) ? given[name] : undefined);
    if (frame.scope.own(name)) report(frame, "duplicate-name", parameter.name.span, `the parameter ${name} is declared twice`);
    frame.scope.define(name, { kind: "value", value, span: parameter.name.span, what: "parameter" });
    return { name, value: attributeOf(value) };
  });
}

function parameterValue(frame: Frame, declaration: ast.GraphDeclaration, parameter: ast.Parameter, given: GivenParameter | undefined): Value {
  const { name: { name }, type } = parameter;
  if (!isCompileTimeType(type)) return report(frame, "type-mismatch", type.span, "a parameter of a graph is an int, a float, a bool, a string, a dtype or a tuple of these", { help: "tensors are `in` or `param` members" });
  if (given !== undefined) {
    const value = readParameter(name, type, given);
    return isMisfit(value) ? report(frame, "bad-argument", parameter.span, value.misfit, { help: value.help }) : value;
  }
  if (!parameter.default) {
    return report(frame, "missing-parameter", parameter.span, `the graph ${declaration.name.name} needs a value for ${name}`, { help: `set it: --set ${name}=…` });
  }
  return fitted(frame, written(parameter.default, frame.session.rules.expression(frame, parameter.default)), parameter.type, name);
}

/** Functions, programs and compute sets can be used before they are written. */
function hoist(frame: Frame, list: readonly ast.Member[]): void {
  for (const member of list) {
    if (member.kind === "fn" && !frame.scope.own(member.name.name)) frame.scope.define(member.name.name, { kind: "function", declaration: member, scope: frame.scope });
  }
}

function define(frame: Frame, name: ast.Identifier, binding: Binding): void {
  const other = frame.scope.own(name.name);
  if (other && !(other.kind === "function" && binding.kind === "function" && other.declaration === binding.declaration)) {
    const at = spanOf(other);
    report(frame, "duplicate-name", name.span, `${name.name} is declared twice in this graph`, { related: at ? [{ span: at, text: "first here" }] : [] });
    return;
  }
  frame.scope.define(name.name, binding);
}

function members(frame: Frame, list: readonly ast.Member[], declared: Declared, inLoop: boolean): void {
  for (const member of list) {
    if (!spend(frame, member.span)) return;
    elaborateMember(frame, member, declared, inLoop);
  }
}

function elaborateMember(frame: Frame, member: ast.Member, declared: Declared, inLoop: boolean): void {
  switch (member.kind) {
    case "state": return outsideLoops(frame, member, inLoop, () => state(frame, member, declared));
    case "let": return graphLet(frame, member);
    case "const": {
      const values = declaredValues(frame, member);
      return member.names.forEach((name, k) => define(frame, name, { kind: "value", value: values[k]!, span: name.span, what: "const" }));
    }
    case "fn": return define(frame, member.name, { kind: "function", declaration: member, scope: frame.scope });
    case "member-for":
      for (const value of frame.session.rules.iterate(frame, member.iterable)) {
        const scope = new Scope(frame.scope);
        scope.define(member.name.name, { kind: "value", value, span: member.name.span, what: "loop variable" });
        if (!spend(frame, member.span)) return;
        members({ ...frame, scope }, member.body, declared, true);
      }
      return;
    case "member-if": {
      const condition = frame.session.rules.expression(frame, member.condition);
      if (condition.kind === "poison") return;
      if (condition.kind !== "bool") return void report(frame, condition.kind === "tensor" ? "not-compile-time" : "type-mismatch", member.condition.span, `a condition between the members of a graph must be a compile-time bool, and this is ${describe(condition)}`);
      const chosen = condition.value ? member.then : member.otherwise;
      hoist(frame, chosen);
      return members(frame, chosen, declared, inLoop);
    }
    case "map": return mapMember(frame, member);
    case "compute-set": return outsideLoops(frame, member, inLoop, () => {
      const binding: Extract<Binding, { kind: "compute-set" }> = { kind: "compute-set", declaration: member, scope: frame.scope, elaborated: undefined };
      define(frame, member.name, binding);
      declared.sets.push(binding);
    });
    case "program": return outsideLoops(frame, member, inLoop, () => {
      const binding: Extract<Binding, { kind: "program" }> = { kind: "program", declaration: member, scope: frame.scope };
      define(frame, member.name, binding);
      declared.programs.push(binding);
    });
    default: return unreachable(member);
  }
}

/** States, compute sets and programs have names the outside knows: a loop would declare them again and again. */
function outsideLoops(frame: Frame, member: Extract<ast.Member, { name: ast.Identifier }>, inLoop: boolean, work: () => void): void {
  if (inLoop) report(frame, "not-supported", member.name.span, `${member.name.name} cannot be declared in a loop of the graph`, { help: "declare it outside, with one more dimension" });
  else work();
}

function state(frame: Frame, declaration: ast.StateDeclaration, declared: Declared): void {
  const { name, role } = declaration;
  const type = resolveType(frame, declaration.type);
  if (!type) return define(frame, name, { kind: "poison" });
  const { states } = frame.session;
  const binding: Extract<Binding, { kind: "state" }> = { kind: "state", state: states.length, role, type, span: name.span };
  define(frame, name, binding);
  states.push({ role, name: name.name, type, origin: name.span });
  if (role === "var") declared.vars.push({ declaration, binding });
  else if (declaration.value) report(frame, "not-assignable", declaration.value.span, `only a var has an initial value, and ${name.name} is ${role === "in" || role === "out" ? "an" : "a"} ${role}`);
}

/** A build that is thrown away: to learn what values an expression has. */
function scratch(): Build {
  return { builder: new GraphBuilder(), prelude: [], starts: new Map(), cells: new Map(), lets: new Map(), assigned: new Map(), region: 0 };
}

/** Compile-time values are kept; what is made of tensors is elaborated again in each program that uses it. */
function graphLet(frame: Frame, declaration: ast.Let): void {
  let types: readonly Value[] = [];
  const build = scratch();
  build.builder.block([], () => {
    types = declaredValues({ ...frame, build, atTop: true }, declaration);
    return [];
  });
  const group = { declaration, scope: frame.scope, types };
  declaration.names.forEach((name, position) => {
    const value = types[position] ?? poison;
    if (hasPoison(value) || isCompileTime(value)) define(frame, name, { kind: "value", value, span: name.span, what: "let" });
    else define(frame, name, { kind: "graph-let", group, position, span: name.span });
  });
}

function elaborateProgram(frame: Frame, builder: GraphBuilder, { declaration, scope }: Declared["programs"][number]): Program {
  const build: Build = { ...scratch(), builder };
  const inner: Frame = { ...frame, scope, build, programs: [declaration.name.name] };
  const block = builder.block([], () => {
    frame.session.rules.statements(inner, declaration.body);
    writeStates(build);
    return [];
  });
  return {
    name: declaration.name.name, body: withoutUnusedReads({ parameters: [], nodes: [...build.prelude, ...block.nodes], results: [] }),
    ...(declaration.doc === undefined ? {} : { doc: declaration.doc }), origin: declaration.name.span,
  };
}

/** A state that is only assigned was read for nothing. */
function withoutUnusedReads(body: Block): Block {
  const used = new Set<ValueId>();
  const collect = (block: Block): void => {
    for (const node of block.nodes) {
      for (const input of node.inputs) used.add(input);
      node.regions.forEach(collect);
    }
    for (const result of block.results) used.add(result);
  };
  collect(body);
  return { ...body, nodes: body.nodes.filter((node) => node.op !== "read" || used.has(node.outputs[0]!)) };
}

/** Writes every state whose value is another than at the start. */
function writeStates(build: Build): void {
  for (const [state, cell] of [...build.cells].sort(([a], [b]) => a - b)) {
    if (cell.value.kind !== "tensor" || cell.value.id === build.starts.get(state)?.id) continue;
    build.builder.node("write", { inputs: [cell.value.id], attributes: { state }, outputs: [], origin: cell.span });
  }
}

/** The program that gives every var its initial value; one without a value starts as zeros. */
function elaborateInitial(frame: Frame, builder: GraphBuilder, declared: Declared, graph: ast.GraphDeclaration): Program {
  const build: Build = { ...scratch(), builder };
  const inner: Frame = { ...frame, build, programs: [] };
  for (const { declaration, binding } of declared.vars) {
    const name = declaration.name.name;
    const block = builder.block([], () => {
      const given = declaration.value
        ? written(declaration.value, frame.session.rules.expression(inner, declaration.value, expectedOf(inner, declaration.type)))
        : { value: zeroOf(binding.type.dtype), span: declaration.span };
      const value = coerce(inner, given, binding.type, name);
      if (value.kind === "tensor") {
        builder.node("write", { inputs: [value.id], attributes: { state: binding.state }, outputs: [], origin: declaration.name.span });
        const cell: Variable = build.cells.get(binding.state) ?? { name, span: binding.span, value, region: 0, call: 0 };
        cell.value = value;
        build.cells.set(binding.state, cell);
        build.starts.set(binding.state, value);
      }
      return [];
    });
    build.prelude.push(...block.nodes);
  }
  return { name: "initial", body: { parameters: [], nodes: build.prelude, results: [] }, origin: graph.name.span };
}

const zeroOf = (dtype: string): Value => (dtype === "bool" ? { kind: "bool", value: false } : { kind: "int", value: 0 });

