/** Runs a command line of gph in this process and gives what it writes, to stdout and stderr alike, without colours. */
import process from "node:process";
import { main } from "../../compiler/cli/main.ts";

export async function outputOf(line: string): Promise<string> {
  const [command, ...words] = line.split(" ").filter((word) => word !== "");
  if (command !== "gph") throw new Error(`not a command line of gph: ${line}`);
  const { stdout, stderr } = process;
  const writes = [stdout, stderr].map((stream) => ({ stream, write: stream.write }));
  const { NO_COLOR: noColor, FORCE_COLOR: forceColor } = process.env;
  process.env["NO_COLOR"] = "1";
  delete process.env["FORCE_COLOR"];
  let written = "";
  for (const { stream } of writes) {
    stream.write = (text: string | Uint8Array): boolean => {
      written += typeof text === "string" ? text : new TextDecoder().decode(text);
      return true;
    };
  }
  try {
    await main(words);
  } finally {
    for (const { stream, write } of writes) stream.write = write;
    restore("NO_COLOR", noColor);
    restore("FORCE_COLOR", forceColor);
  }
  return written;
}

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}
