/** For tests: engines of functions in text, closed after each test, and the errors that they throw. */
import { availableParallelism } from "node:os";
import { afterEach, expect } from "vitest";
import { Engine, type LoadOptions } from "../engine.ts";
import { GphError, type ErrorCode } from "../errors.ts";
import type { Manifest } from "../executable.ts";
import { build } from "./build.ts";

const engines: Engine[] = [];
afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.close()));
});

export async function load(functions: string, manifest: Partial<Manifest> = {}, options?: LoadOptions): Promise<Engine> {
  const engine = await Engine.load(build(functions, manifest), options);
  engines.push(engine);
  return engine;
}

export const several = { workers: Math.max(2, availableParallelism()) };

/** The error that `work` throws, which must be one of ours with this code. */
export async function failing(code: ErrorCode, work: () => unknown): Promise<GphError> {
  try {
    await work();
  } catch (error) {
    expect(error).toBeInstanceOf(GphError);
    expect((error as GphError).code).toBe(code);
    return error as GphError;
  }
  throw new Error(`nothing was thrown, where ${code} was expected`);
}
