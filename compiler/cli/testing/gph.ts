/** Runs command lines in this process, with what they write caught: as good as a process of their own, and far quicker. */
import { vi } from "vitest";
import { main } from "../main.ts";

export interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export const words = (line: string): string[] => line.split(" ").filter((word) => word !== "");

export async function gph(line: string): Promise<Result> {
  const caught = { out: "", err: "" };
  const catching = (name: keyof typeof caught) => (text: unknown) => {
    caught[name] += String(text);
    return true;
  };
  const spies = [vi.spyOn(process.stdout, "write").mockImplementation(catching("out")), vi.spyOn(process.stderr, "write").mockImplementation(catching("err"))];
  try {
    return { code: await main(words(line)), ...caught };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
