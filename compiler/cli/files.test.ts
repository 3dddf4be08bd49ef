import { spawnSync } from "node:child_process";
import { chmodSync, closeSync, existsSync, lstatSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, afterEach, describe, expect, test } from "vitest";
import { readNpy } from "../../runtime/npy.ts";
import { UserError } from "./failure.ts";
import { readFormat, readSource, writeWhole } from "./files.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gph-files-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The beginning of an .npy file with this header. */
const npy = (descr: string): string => {
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (4,), }`.padEnd(117) + "\n";
  return `\x93NUMPY\x01\0v\0${header}`;
};

describe("reading arrays", () => {
  test.each([
    ["cut", npy("<f4") + "abc", "it is cut off or damaged"],
    ["big", npy(">f4") + "a".repeat(16), 'in NumPy: np.save(file, array.astype("<f4"))'],
    ["complex", npy("<c8") + "a".repeat(32), "in NumPy: np.save(file, array.astype(np.float32)), or another dtype of gph"],
  ])("%s", (name, text, help) => {
    const path = join(folder, name);
    writeFileSync(path, Buffer.from(text, "latin1"));
    let told: unknown;
    try {
      readFormat(path, readNpy);
    } catch (error) {
      told = error;
    }
    expect(told).toBeInstanceOf(UserError);
    expect((told as UserError).help).toBe(help);
  });
});

describe("reading", () => {
  test.each([
    ["missing", () => undefined, /does not exist/],
    ["folder", (path: string) => mkdirSync(path), /is a folder, not a file/],
    ["empty", (path: string) => writeFileSync(path, ""), /is empty/],
    ["binary", (path: string) => writeFileSync(path, Uint8Array.of(1, 2, 0, 3)), /is a binary file/],
    ["wasm", (path: string) => writeFileSync(path, "\0asm"), /is a WebAssembly file/],
    ["damaged.wasm", (path: string) => writeFileSync(path, Uint8Array.of(1, 2, 3, 4)), /is no executable/],
    ["latin1", (path: string) => writeFileSync(path, Uint8Array.of(0x66, 0xe9, 0x0a)), /is not UTF-8/],
    ["gigabyte", (path: string) => {
      writeFileSync(path, "");
      truncateSync(path, 2 ** 30);
    }, /has 1,073,741,824 bytes; at most 10,000,000/],
  ] as const)("%s", (name, make, message) => {
    const path = join(folder, name);
    make(path);
    expect(() => readSource(path)).toThrow(message);
  });

  test("a device without end is given up on", () => {
    expect(() => readSource("/dev/zero")).toThrow(/has more bytes; at most/);
  });

  test.skipIf(process.getuid?.() === 0)("without permission", () => {
    const path = join(folder, "secret");
    writeFileSync(path, "x");
    chmodSync(path, 0);
    expect(() => readSource(path)).toThrow(/no permission/);
  });
});

describe("writing", () => {
  test("all or nothing: a failure leaves what was there, and no rest", async () => {
    const good = join(folder, "good");
    writeFileSync(good, "old");
    const files = [{ path: good, bytes: "new" }, { path: join(folder, "no-folder/bad"), bytes: "new" }];
    await expect(writeWhole(files)).rejects.toThrow(/the folder .*no-folder does not exist/);
    expect(readFileSync(good, "utf8")).toBe("old");
    expect(readdirSync(folder)).toEqual(["good"]);
  });

  test("replaces, and keeps the permissions", async () => {
    const path = join(folder, "script");
    writeFileSync(path, "old");
    chmodSync(path, 0o751);
    await writeWhole([{ path, bytes: "new" }]);
    expect(readFileSync(path, "utf8")).toBe("new");
    expect(statSync(path).mode & 0o777).toBe(0o751);
    expect(readdirSync(folder)).toEqual(["script"]);
  });

  test("follows a link and leaves it a link", async () => {
    const [real, link] = [join(folder, "real"), join(folder, "link")];
    writeFileSync(real, "old");
    symlinkSync(real, link);
    await writeWhole([{ path: link, bytes: "new" }]);
    expect(readFileSync(real, "utf8")).toBe("new");
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
  });

  test("a device is written to, never replaced", async () => {
    await writeWhole([{ path: "/dev/null", bytes: "gone" }]);
    expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
  });

  test("a signal in the midst leaves nothing behind", () => {
    const script = `
      import { readdirSync } from "node:fs";
      import { writeWhole } from ${JSON.stringify(fileURLToPath(new URL("files.ts", import.meta.url)))};
      const look = () => readdirSync(".").some((name) => name.endsWith(".part")) ? process.kill(process.pid, "SIGINT") : setImmediate(look);
      setImmediate(look);
      await writeWhole([{ path: "big", bytes: new Uint8Array(2 ** 26) }]);
      console.log("finished");
    `;
    const { status, stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { cwd: folder, encoding: "utf8" });
    expect(stdout).toBe("");
    expect(status).toBe(130);
    expect(readdirSync(folder)).toEqual([]);
  });
});

// A device that is always full, where the system has one.
test.runIf(existsSync("/dev/full"))("output that nothing can hold ends the command with a sentence", () => {
  const command = fileURLToPath(new URL("../../bin/gph.js", import.meta.url));
  const full = openSync("/dev/full", "w");
  try {
    const { status, stderr } = spawnSync(process.execPath, [command, "targets"], { stdio: ["ignore", full, "pipe"], encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 1, stderr: "error: cannot write the output: the disk is full\n" });
  } finally {
    closeSync(full);
  }
});
