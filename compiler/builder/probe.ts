/**
 * What type an expression has: asked of the checker itself, on a graph of that one expression, so that the builder knows
 * no rule of its own. Answers are kept by the types that go in.
 */
import { checkFile } from "../compile.ts";
import { formatType, type TensorType } from "../graph/graph.ts";
import { BuildError } from "./errors.ts";

export class Probe {
  readonly #known = new Map<string, readonly TensorType[]>();
  readonly #readFile: (path: string) => string | undefined;

  constructor(readFile: (path: string) => string | undefined) {
    this.#readFile = readFile;
  }

  /** `header`: imports and declarations that the expression may need. Throws BuildError with what the checker says. */
  typesOf(header: string, expression: string, results: number, operands: ReadonlyMap<string, TensorType>, annotation: string): readonly TensorType[] {
    const places = [...operands.keys()];
    const key = `${header}\n${results}${annotation} ${expression.replace(/[A-Za-z_][\w.]*/g, (word) => (operands.has(word) ? `#${places.indexOf(word)}` : word))}\n${[...operands.values()].map(formatType).join()}`;
    const known = this.#known.get(key);
    if (known) return known;
    const names = Array.from({ length: results }, (_, position) => `result_${position}`);
    const inputs = [...operands].map(([name, type]) => `var ${name}: ${formatType(type)} = 0;\n`.replace(": bool = 0", ": bool = false").replace(/(: bool\[.*\]) = 0/, "$1 = false")).join("");
    const text = `${header}\ngraph probe() {\n${inputs}program main {\nlet ${results === 1 ? names[0] : `(${names.join(", ")})`}${annotation} = ${expression};\n${names.map((name) => `print("", ${name});\n`).join("")}}\n}\n`;
    const { graph, diagnostics } = checkFile("probe.gph", { readFile: (path) => (path === "probe.gph" ? text : this.#readFile(path)) });
    const mistakes = diagnostics.filter(({ severity }) => severity === "error");
    if (!graph) throw new BuildError(`${expression}: ${mistakes.map(({ message, help }) => (help === undefined ? message : `${message} (${help})`)).join("; ")}`, mistakes);
    const shown = graph.programs[0]!.body.nodes.filter(({ op }) => op === "print").flatMap(({ inputs: values }) => values);
    const types = shown.map((value) => graph.values[value]!.type);
    this.#known.set(key, types);
    return types;
  }
}
