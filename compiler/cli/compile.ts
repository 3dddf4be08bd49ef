/** `gph compile`: a source to an executable file. */
import process from "node:process";
import { jsonOption, type Arguments, type Command } from "./command.ts";
import { SourceErrors, UsageError } from "./failure.ts";
import { PassTimes } from "./pass-times.ts";
import { settingOptions } from "./setting-options.ts";

export const compile: Command = {
  name: "compile",
  usage: "FILE.gph -o OUT.wasm [options]",
  summary: "write an executable, one .wasm file",
  files: "one",
  options: [
    { name: "output", letter: "o", value: "OUT.wasm", summary: "where to write it; whole or not at all" },
    { name: "weights", letter: "w", value: "FILE.safetensors", summary: "bake these values of the params into the executable" },
    ...settingOptions,
    { name: "time-passes", summary: "show how long each pass took, on stderr; OUT.wasm may be left out then" },
    jsonOption,
  ],
  details: `
The file is WebAssembly that any tool reads; its last custom section, \`gph\`, says what it takes and gives. Run it with
\`gph run OUT.wasm\`, or from a program with Engine of gph/runtime.

Params that are not baked in are given when it runs.

--time-passes shows where the time went: milliseconds of each pass, those of the verifier that runs after it, and how often it
ran. Passes of kernels are listed under optimise-kernels, which ran them, and files of the library under parse. Starting gph is
not in it.

--json prints {"file", "bytes", "graph", "target", "programs", "states", "diagnostics"}, and with --time-passes
"passes": [{"name", "within", "times", "milliseconds", "verifyMilliseconds"}].`,
  examples: [
    { line: "gph compile heat.gph --set n=512 -o heat.wasm", meaning: "parameters, target and tiles are fixed now" },
    { line: "gph compile mlp.gph --weights mlp.safetensors -o mlp.wasm", meaning: "one file with everything in it" },
    { line: "gph compile mlp.gph --time-passes", meaning: "what takes so long? nothing is written" },
  ],
  run: compileCommand,
};

async function compileCommand(args: Arguments): Promise<number> {
  const output = args.value("output");
  const times = args.has("time-passes") ? new PassTimes() : undefined;
  if (output === undefined && times === undefined) throw new UsageError("gph compile needs to know where to write: -o OUT.wasm");
  const [compiler, { checkKeepsSources, readSource, readWeights, writeWhole }, { settingsOf, withEntry }, { diagnosticsToJson, showDiagnostics, writeJson }] = await Promise.all([
    import("../compile.ts"),
    import("./files.ts"),
    import("./settings.ts"),
    import("./report.ts"),
  ]);
  const path = args.value("weights");
  const weights = path === undefined ? undefined : readWeights(path);
  const settings = withEntry(settingsOf(args), args.file, readSource(args.file));
  const { diagnostics, sources, executable } = await compiler.compile(args.file, { ...settings, ...(weights === undefined ? {} : { weights }), ...(times === undefined ? {} : { watch: times }) });
  if (times !== undefined && !args.has("json")) process.stderr.write(times.table());
  if (executable === undefined) throw new SourceErrors(diagnostics, sources);
  if (output !== undefined) {
    checkKeepsSources(output, [args.file, ...sources.keys(), ...(path === undefined ? [] : [path])]);
    await writeWhole([{ path: output, bytes: executable }]);
  }

  const { readExecutable } = await import("../../runtime/executable.ts");
  const { graph, target, programs, states } = readExecutable(executable).manifest;
  if (args.has("json")) {
    writeJson({
      file: output,
      bytes: executable.length,
      graph,
      target: { name: target.name, tiles: target.tiles },
      programs: programs.map(({ name }) => name),
      states: states.map(({ role, name, dtype, shape, baked }) => ({ role, name, dtype, shape, baked: baked === true })),
      diagnostics: await diagnosticsToJson(diagnostics, sources),
      ...(times === undefined ? {} : { passes: times.list() }),
    });
  } else {
    await showDiagnostics(diagnostics, sources);
    process.stdout.write(`${output ?? "not written"}: graph ${graph} for ${target.name} with ${target.tiles} tiles, ${executable.length.toLocaleString("en")} bytes\n`);
  }
  return 0;
}
