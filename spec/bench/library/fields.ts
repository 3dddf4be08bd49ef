/** Several results of the same elements: complex numbers, and a step of simulations of several fields on a torus. */
import { line, million, waves, type Case, type Cases } from "./case.ts";

function complexQuotient(): Case {
  const [ar, ai, br, bi] = [waves(million), waves(million, 1), waves(million, 2), waves(million, 3)];
  const results = { cr: new Float32Array(million), ci: new Float32Array(million) };
  return {
    operands: { ar: line(ar), ai: line(ai), br: line(br), bi: line(bi) }, results: { cr: `f32[${million}]`, ci: `f32[${million}]` }, tolerance: 1e-5,
    main: "let d = br * br + bi * bi; cr = (ar * br + ai * bi) / d; ci = (ai * br - ar * bi) / d;",
    limit: { read: 16 * million, written: 8 * million, steps: 9 * million, quotients: 2 * million }, native: { name: "complex_quotient", sizes: [million] },
    plain() {
      for (let i = 0; i < million; i++) {
        const [a, b, c, d] = [ar[i]!, ai[i]!, br[i]!, bi[i]!];
        const square = c * c + d * d;
        results.cr[i] = (a * c + b * d) / square;
        results.ci[i] = (b * c - a * d) / square;
      }
      return results;
    },
  };
}

const side = 512;
const points = side * side;
const type = `f32[${side}, ${side}]`;

/** A field between 0.2 and 0.8. */
const field = (seed: number): Float32Array => Float32Array.from({ length: points }, (_, i) => 0.5 + 0.3 * Math.sin(i * 0.37 + seed));

/** Calls `visit` for each point with it, those above and below it and the columns left and right of it, around the ends. */
function forPoints(visit: (at: number, up: number, down: number, left: number, right: number) => void): void {
  for (let y = 0; y < side; y++) {
    const [row, above, below] = [y, (y + side - 1) % side, (y + 1) % side].map((each) => each * side) as [number, number, number];
    for (let x = 0; x < side; x++) visit(row + x, above + x, below + x, ((x + side - 1) % side) - x, ((x + 1) % side) - x);
  }
}

/** Gray and Scott's reaction and diffusion (1984). */
function grayScott(): Case {
  const [u, v] = [field(0), field(1)];
  const results = { p: new Float32Array(points), q: new Float32Array(points) };
  const around = (x: string): string => `(roll(${x}, (1, 0)) + roll(${x}, (-1, 0)) + roll(${x}, (0, 1)) + roll(${x}, (0, -1)) - 4 * ${x})`;
  return {
    operands: { u: { type, data: u }, v: { type, data: v } }, results: { p: type, q: type }, tolerance: 1e-5,
    main: `let reaction = u * v * v; p = u + 0.16 * ${around("u")} - reaction + 0.037 * (1 - u); q = v + 0.08 * ${around("v")} + reaction - 0.097 * v;`,
    limit: { read: 8 * points, written: 8 * points, steps: 23 * points }, native: { name: "gray_scott", sizes: [side] },
    plain() {
      forPoints((at, up, down, left, right) => {
        const [a, b] = [u[at]!, v[at]!];
        const reaction = a * b * b;
        results.p[at] = a + 0.16 * (u[up]! + u[down]! + u[at + left]! + u[at + right]! - 4 * a) - reaction + 0.037 * (1 - a);
        results.q[at] = b + 0.08 * (v[up]! + v[down]! + v[at + left]! + v[at + right]! - 4 * b) + reaction - 0.097 * b;
      });
      return results;
    },
  };
}

/** The nine directions of a lattice, and the weight of each. */
const directions = [[0, 0, 4 / 9], [1, 0, 1 / 9], [0, 1, 1 / 9], [-1, 0, 1 / 9], [0, -1, 1 / 9], [1, 1, 1 / 36], [-1, 1, 1 / 36], [-1, -1, 1 / 36], [1, -1, 1 / 36]] as const;

/** A lattice Boltzmann step in two dimensions, nine populations (Qian, d'Humières and Lallemand, 1992): stream, then collide. */
function lattice(): Case {
  const from = directions.map((_, k) => field(k));
  const to = directions.map(() => new Float32Array(points));
  const sum = (coordinate: 0 | 1): string => directions.map((direction, k) => (direction[coordinate] === 0 ? "" : `${direction[coordinate] > 0 ? "+" : "-"} h${k} `)).join("").replace("+", "");
  const along = directions.map(([x, y]) => [`${x < 0 ? "-u" : x > 0 ? "u" : ""}`, `${y < 0 ? "- v" : y > 0 ? "+ v" : ""}`].join(" ").replace(/^ \+/, "").trim());
  const relaxed = directions.map(([x, y, weight], k) => `g${k} = h${k} + 1.2 * (${weight} * rho * (rest${x === 0 && y === 0 ? "" : ` + 3 * (${along[k]}) + 4.5 * (${along[k]}) * (${along[k]})`}) - h${k});`);
  return {
    operands: Object.fromEntries(from.map((data, k) => [`f${k}`, { type, data }])), results: Object.fromEntries(to.map((_, k) => [`g${k}`, type])), tolerance: 1e-5,
    main: [
      ...directions.map(([x, y], k) => `let h${k} = ${x === 0 && y === 0 ? `f${k}` : `roll(f${k}, (${y}, ${x}))`};`),
      `let rho = ${directions.map((_, k) => `h${k}`).join(" + ")};`, `let u = (${sum(0)}) / rho;`, `let v = (${sum(1)}) / rho;`, "let rest = 1 - 1.5 * (u * u + v * v);", ...relaxed,
    ].join(" "),
    limit: { read: 36 * points, written: 36 * points, steps: 110 * points, quotients: 2 * points }, native: { name: "lattice", sizes: [side] },
    plain() {
      const h = new Float64Array(9);
      forPoints((at, up, down, left, right) => {
        let [rho, u, v] = [0, 0, 0];
        for (let k = 0; k < 9; k++) {
          const [x, y] = directions[k]!;
          const value = from[k]![(y > 0 ? up : y < 0 ? down : at) + (x > 0 ? left : x < 0 ? right : 0)]!;
          h[k] = value;
          rho += value;
          u += x * value;
          v += y * value;
        }
        u /= rho;
        v /= rho;
        for (let k = 0; k < 9; k++) {
          const [x, y, weight] = directions[k]!;
          const speed = x * u + y * v;
          to[k]![at] = h[k]! + 1.2 * (weight * rho * (1 - 1.5 * (u * u + v * v) + 3 * speed + 4.5 * speed * speed) - h[k]!);
        }
      });
      return Object.fromEntries(to.map((data, k) => [`g${k}`, data]));
    },
  };
}

export const fieldCases: Cases = {
  "complex quotient, 1M": complexQuotient,
  "Gray–Scott, 512 × 512": grayScott,
  "lattice Boltzmann, 512 × 512": lattice,
};
