/** What stopped a worker is an error that says so, whatever came from its thread. */
import { describe, expect, it } from "vitest";
import { GphError, TrapError } from "./errors.ts";
import { explain } from "./trap.ts";

describe("explain", () => {
  it("says what a trap means", () => {
    expect(explain({ name: "RuntimeError", message: "divide by zero", stack: "" }, {}, undefined)).toBeInstanceOf(TrapError);
  });

  it("makes an error of a thread's report that is no trap", () => {
    const error = explain({ worker: 1, name: "TypeError", message: "x is not a function", stack: "" }, {}, undefined) as GphError;
    expect(error).toBeInstanceOf(GphError);
    expect(error).toMatchObject({ code: "worker-lost", message: "a worker thread failed: TypeError: x is not a function" });
  });

  it("tells where a thread did not say why it stopped", () => {
    expect(explain(undefined, {}, undefined)).toMatchObject({ code: "worker-lost" });
  });

  it("leaves an error of the caller's own as it is", () => {
    const own = new TypeError("mine");
    expect(explain(own, {}, undefined)).toBe(own);
  });
});
