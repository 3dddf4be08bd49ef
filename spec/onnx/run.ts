/**
 * `npm run onnx [-- PATTERN]`: every case of ../shared/onnx by the interpreter and compiled for both machines, those whose names
 * fit the pattern if there is one; then the networks of the group `light`, compiled alone, and those of ../shared/models with their
 * times. `--write` puts the table into README.md. Ends with 1 if a case is wrong.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { target } from "../../compiler/targets/targets.ts";
import { cases, compiledFor, present, runCase, type Case, type Runner } from "./cases.ts";
import { interpret } from "./import.ts";
import { machines } from "./machines.ts";
import { measureModels } from "./models.ts";
import { report, withReport, type Result } from "./report.ts";

const readme = new URL("README.md", import.meta.url);
const [pattern] = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const write = process.argv.includes("--write");

if (!present) {
  console.error("the cases are not in ../shared/onnx");
  process.exit(1);
}

async function runAll(list: readonly Case[], ...runners: readonly Runner[]): Promise<Result[]> {
  const results: Result[] = [];
  for (const one of list) {
    const outcome = await runCase(one, ...runners);
    results.push({ one, outcome });
    if (outcome.status === "wrong") console.log(`wrong: ${one.name}: ${outcome.reason}`);
  }
  return results;
}

const chosen = cases().filter(({ name }) => pattern === undefined || new RegExp(pattern).test(name));
const small = await runAll(chosen.filter(({ group }) => group !== "light"), interpret, ...machines.map(compiledFor));
const text = report(small);
console.log(text);
const light = await runAll(chosen.filter(({ group }) => group === "light"), compiledFor(target("wasm")));
for (const { one, outcome } of light) console.log(`${one.name}: ${outcome.status}`);
if (pattern === undefined) for (const line of await measureModels()) console.log(line);
if (write && pattern === undefined) writeFileSync(readme, withReport(readFileSync(readme, "utf8"), text));
process.exitCode = [...small, ...light].some(({ outcome }) => outcome.status === "wrong") ? 1 : 0;
