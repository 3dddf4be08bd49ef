/** Compile times after start: the nine programs and ResNet-50, once each in the order given; a line of JSON. Of the compiler's one thread. */
import { readFileSync } from "node:fs";
import process from "node:process";
import { compile } from "../../../../compiler/index.ts";
import { loadBinaryen } from "../../../../compiler/emit/binaryen.ts";
import { ninePrograms } from "../../programs.ts";
import { resnetSource } from "../../resnet.ts";

await loadBinaryen();
const sources = [...ninePrograms.map(([name, path]) => [name, readFileSync(new URL(`../../../../${path}`, import.meta.url), "utf8")] as const), ["resnet-50", resnetSource()] as const];
const seconds: { [name: string]: number } = {};
for (const [name, text] of sources.filter(([name]) => process.argv.includes(name))) {
  const { user, system } = process.threadCpuUsage();
  const { executable } = await compile(`${name}.gph`, { readFile: () => text });
  if (executable === undefined) throw new Error(`${name} does not compile`);
  const used = process.threadCpuUsage();
  seconds[name] = (used.user + used.system - user - system) / 1e6;
}
process.stdout.write(`${JSON.stringify(seconds)}\n`);
