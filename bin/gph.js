#!/usr/bin/env node
// The command `gph`. Plain JavaScript that old Nodes can read, so that they get a sentence instead of a syntax error.
import { existsSync } from "node:fs";

const oldest = 24;

if (Number(process.versions.node.split(".")[0]) < oldest) {
  process.stderr.write(`gph needs Node ${oldest} or newer (this is ${process.versions.node})\n`);
  process.exitCode = 2;
} else {
  // The sources when they are beside this file (a checkout), else what `npm run build` made of them (an installed package).
  const source = new URL("../compiler/cli/main.ts", import.meta.url);
  const built = new URL("../dist/compiler/cli/main.js", import.meta.url);
  import("node:module")
    .then(({ enableCompileCache }) => {
      enableCompileCache();
      return import((existsSync(source) ? source : built).href);
    })
    .then(({ start }) => start(process.argv.slice(2)))
    .then((code) => {
      process.exitCode = code;
    })
    .catch((error) => {
      process.stderr.write(`this is a bug in gph: it could not be loaded\n${error.stack}\n`);
      process.exitCode = 70;
    });
}
