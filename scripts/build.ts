/**
 * `npm run build`: the package as it is published. dist/ gets the sources as JavaScript with their declarations, without
 * tests, and the library modules that are written in .gph.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, globSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");

rmSync(dist, { recursive: true, force: true });

const compiler = join(root, "node_modules/typescript/bin/tsc");
const { status } = spawnSync(process.execPath, [compiler, "-p", join(root, "scripts/tsconfig.build.json")], { stdio: "inherit" });
if (status !== 0) process.exit(status ?? 1);

// What the entries declare must do with an older `lib`, beside the types of Node or those of browsers.
const entries = ["index.d.ts", "compiler/index.d.ts", "runtime/index.d.ts"].map((file) => join(dist, file));
for (const types of [["--lib", "es2022", "--types", "node"], ["--lib", "es2022,dom"]]) {
  const typed = spawnSync(process.execPath, [compiler, "--noEmit", "--target", "es2022", ...types, "--module", "nodenext", "--ignoreConfig", ...entries], { cwd: root, stdio: "inherit" });
  if (typed.status !== 0) process.exit(typed.status ?? 1);
}

const library = globSync("compiler/std/*.gph", { cwd: root });
for (const file of library) cpSync(join(root, file), join(dist, file));

for (const entry of ["index", "compiler/index", "runtime/index", "compiler/cli/main"]) {
  if (!existsSync(join(dist, `${entry}.js`))) throw new Error(`dist/${entry}.js was not made`);
}
const forTests = globSync("**/testing/**", { cwd: dist });
if (forTests.length > 0) throw new Error(`dist/ has what only tests need: ${forTests.join(", ")}`);
console.log(`dist/ is ready: the entries and ${library.length} library modules`);
