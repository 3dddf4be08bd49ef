/** Writes runtime/pairing-module.ts: the module of compiler/emit/pairing-module.ts as text, for a runtime without a compiler. */
import { writeFileSync } from "node:fs";
import { pairingModule } from "../compiler/emit/pairing-module.ts";

const text = Buffer.from(await pairingModule()).toString("base64");
const lines = text.match(/.{1,120}/g)!.map((line) => `  "${line}"`);
const source = `/** Made by \`node scripts/pairing-module.ts\`: what compiler/emit/pairing-module.ts builds, in base64. */
export const pairingModule = [
${lines.join(",\n")},
].join("");
`;
writeFileSync(new URL("../runtime/pairing-module.ts", import.meta.url), source);
