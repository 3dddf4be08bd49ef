/** Checked builds: an index that leaves its field ends the run at its line; what stays inside gives the same results. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compile } from "../../compiler/compile.ts";
import { target } from "../../compiler/targets/targets.ts";
import { Engine, TrapError } from "../../runtime/index.ts";

const source = `vertex Pick<n, m> {
  in  a: f32[n];
  in  at: i32[m];
  out y: f32[m];
  compute {
    for i in 0..m {
      y[i] = a[at[i]];
    }
  }
}
graph g {
  in a: f32[8]; in at: i32[4]; out y: f32[4];
  compute set s { place Pick { a = a, at = at, y = y } on 0; }
  program main { execute s; }
}
`;

async function load(text: string, machine: string, checked: boolean): Promise<Engine> {
  const { executable } = await compile("pick.gph", { readFile: () => text, target: target(machine), checked });
  return Engine.load(executable!);
}

describe.each(["wasm", "ipu-mk2"])("checked on %s", (machine) => {
  it("names the line of an index that leaves its field, above and below", async () => {
    await using engine = await load(source, machine, true);
    const a = Float32Array.from({ length: 8 }, (_, i) => i);
    expect([...engine.runSync({ a, at: Int32Array.of(0, 7, 3, 3) })["y"]!.data]).toEqual([0, 7, 3, 3]);
    for (const outside of [8, -1, 2 ** 30]) {
      expect(() => engine.runSync({ a, at: Int32Array.of(0, 1, outside, 2) })).toThrow(expect.objectContaining({ message: `index ${outside} outside dimension 0 of a, whose extent is 8, in Pick.compute, pick.gph:7:7` }) as TrapError);
    }
    // The engine stays usable.
    expect([...engine.runSync({ a, at: Int32Array.of(1, 1, 1, 1) })["y"]!.data]).toEqual([1, 1, 1, 1]);
  });

  it("gives the same results where nothing leaves", async () => {
    const text = readFileSync(new URL("../../examples/matvec/matvec.gph", import.meta.url), "utf8");
    const inputs = { a: Float32Array.from({ length: 300_000 }, (_, i) => Math.fround((i % 17) - 8)), x: Float32Array.from({ length: 300 }, (_, i) => i % 5) };
    const results = await Promise.all([true, false].map(async (checked) => {
      await using engine = await load(text, machine, checked);
      return [...engine.runSync(inputs)["y"]!.data];
    }));
    expect(results[0]).toEqual(results[1]);
  });
});

const divisions = `vertex One { in a: i32; in b: i32; out y: i32;
  compute {
    let twice = 2 * a;
    y = twice / b;
  }
}
vertex Other { in a: i32; in b: i32; out y: i32;
  compute {
    let twice = 2 * a;
    y = twice / b;
  }
}
graph g {
  in a: i32; in b: i32; in c: i32; in v: i32[3];
  out y: i32; out z: i32; out w: i32[3]; out x: i32[3];
  compute set s {
    place One { a = a, b = b, y = y } on 0;
    place Other { a = a, b = c, y = z } on 0;
  }
  program sets { execute s; }
  program tensors {
    w = v / b;
    x = v / c;
  }
}
`;

describe.each(["wasm", "ipu-mk2"])("a division by zero on %s", (machine) => {
  it("names its own line, where another line does the same", async () => {
    await using engine = await load(divisions, machine, false);
    const stopped = (program: string, b: number, c: number): unknown => {
      try {
        return engine.runSync(program, { a: 7, b, c, v: [7, 8, 9] });
      } catch (error) {
        return (error as TrapError).message;
      }
    };
    expect(stopped("sets", 2, 7)).toMatchObject({ y: { data: Int32Array.of(7) }, z: { data: Int32Array.of(2) } });
    expect(stopped("sets", 0, 7)).toBe("integer division by zero in One.compute, pick.gph:4:5");
    expect(stopped("sets", 2, 0)).toBe("integer division by zero in Other.compute, pick.gph:10:5");
    expect(stopped("tensors", 0, 7)).toBe("integer division by zero, pick.gph:22:9");
    expect(stopped("tensors", 2, 0)).toBe("integer division by zero, pick.gph:23:9");
  });
});
