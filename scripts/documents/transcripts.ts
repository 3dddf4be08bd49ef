/**
 * Transcripts in documents: a fenced block of the language `console` whose first line is a command of gph after `$ `, and
 * whose other lines are what it writes. They are written by people with the command alone; the output is filled in here,
 * and held against what the command writes now.
 */
import { outputOf } from "./command-line.ts";

const block = /^```console\n\$ (gph .*)\n([^]*?)^```$/gm;

/** The document with the output of every command as it is now. */
export async function refreshTranscripts(text: string): Promise<string> {
  const outputs = new Map<string, string>();
  for (const [, command] of text.matchAll(block)) {
    if (!outputs.has(command!)) outputs.set(command!, await outputOf(command!));
  }
  return text.replace(block, (_, command: string) => transcript(command, outputs.get(command)!));
}

export const transcript = (command: string, output: string): string => `\`\`\`console\n$ ${command}\n${output.trimEnd()}\n\`\`\``;
