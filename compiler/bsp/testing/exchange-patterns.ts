/** The exchanges that programs make, by name and number of tiles: what schedules are tested and measured with. */
import { affineIndex, identityMap } from "../../support/affine.ts";
import { randomNumbers } from "../../support/testing/random-numbers.ts";
import { distribute, onOneTile } from "../../tiled/distribution.ts";
import type { Copy, Distribution } from "../../tiled/tiled.ts";
import { transfersOf, type Transfers } from "../exchange/transfers.ts";
import { copyOf, tensor } from "./exchanges.ts";

export interface Pattern {
  readonly name: string;
  /** The largest number of tiles worth asking for: some have as many transfers as pairs of tiles. */
  readonly mostTiles: number;
  make(tiles: number, seed: number): Transfers;
}

const inOrder = { kind: "blocked", first: 0, perTile: 1 } as const;

/** rows × columns = tiles, as square as can be. */
function square(tiles: number): readonly [number, number] {
  for (let rows = Math.floor(Math.sqrt(tiles)); ; rows--) if (tiles % rows === 0) return [rows, tiles / rows];
}

/** Whole numbers below a bound, always the same from one seed. */
function random(seed: number): (below: number) => number {
  const next = randomNumbers(seed);
  return (below) => Math.floor(next() * below);
}

/** Pieces that each go to one tile. */
function unicast(tiles: number, sends: readonly { readonly from: number; readonly to: number; readonly words: number }[]): Transfers {
  const real = sends.filter(({ from, to }) => from !== to);
  return {
    tiles, pieces: real.length, hostBytes: 0,
    from: Int32Array.from(real, ({ from }) => from), to: Int32Array.from(real, ({ to }) => to),
    bytes: Uint32Array.from(real, ({ words }) => 4 * words), start: Int32Array.from({ length: real.length + 1 }, (_, i) => i),
  };
}

function permutation(tiles: number, below: (bound: number) => number): number[] {
  const order = Array.from({ length: tiles }, (_, tile) => tile);
  for (let i = tiles - 1; i > 0; i--) {
    const j = below(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

function allToAll(tiles: number): Transfers {
  const shape = [tiles, 4 * tiles];
  const tensors = [tensor("columns", shape, distribute(shape, [tiles, 4], inOrder)), tensor("rows", shape, distribute(shape, [1, 4 * tiles], inOrder))];
  return transfersOf({ tiles, tensors }, [copyOf(tensors, 0, 1, identityMap(2))]);
}

function transpose(tiles: number): Transfers {
  const [rows, columns] = square(tiles);
  const side = rows * columns;
  const placed = distribute([side, side], [columns, rows], inOrder);
  const tensors = [tensor("turned", [side, side], placed), tensor("matrix", [side, side], placed)];
  return transfersOf({ tiles, tensors }, [copyOf(tensors, 0, 1, [affineIndex(1, 2), affineIndex(0, 2)])]);
}

/** Every tile reads its part of a line and two elements on either side. */
function halo1d(tiles: number): Transfers {
  const part = 100;
  const line = tensor("line", [tiles * part], distribute([tiles * part], [part], inOrder));
  const inner = tiles - 2;
  const window = tensor("windows", [inner, part + 4], distribute([inner, part + 4], [1, part + 4], { kind: "blocked", first: 1, perTile: 1 }));
  const tensors = [window, line];
  return transfersOf({ tiles, tensors }, [copyOf(tensors, 0, 1, [{ constant: part - 2, coefficients: [part, 1] }])]);
}

/** Every inner tile of a grid reads its part of a plate and one element around it, corners too. */
function halo2d(tiles: number): Transfers {
  const [rows, columns] = square(tiles);
  const part = 20;
  const shape = [rows * part, columns * part];
  const plate = tensor("plate", shape, distribute(shape, [part, part], inOrder));
  const windows = [rows - 2, columns - 2, part + 2, part + 2];
  const owners = Array.from({ length: (rows - 2) * (columns - 2) }, (_, k) => (Math.floor(k / (columns - 2)) + 1) * columns + (k % (columns - 2)) + 1);
  const tensors = [tensor("windows", windows, distribute(windows, [1, 1, part + 2, part + 2], { kind: "list", tiles: owners })), plate];
  return transfersOf({ tiles, tensors }, [copyOf(tensors, 0, 1, [{ constant: part - 1, coefficients: [part, 0, 1, 0] }, { constant: part - 1, coefficients: [0, part, 0, 1] }])]);
}

/** Everybody reads a vector that lies in `owners` parts on the first tiles. */
function broadcast(tiles: number, owners: number): Transfers {
  const length = 64 * owners;
  const tensors = [tensor("copies", [tiles, length], distribute([tiles, length], [1, length], inOrder)), tensor("vector", [length], distribute([length], [64], inOrder))];
  return transfersOf({ tiles, tensors }, [copyOf(tensors, 0, 1, [affineIndex(1, 2)])]);
}

/** A vector on one tile, and its parts on all. */
function scatter(tiles: number, direction: Copy["direction"]): Transfers {
  const length = 32 * tiles;
  const tensors = [tensor("parts", [length], distribute([length], [32], inOrder)), tensor("whole", [length], onOneTile([length], tiles >> 1))];
  return transfersOf({ tiles, tensors }, [copyOf(tensors, 0, 1, identityMap(1), direction)]);
}

/** One level of a tree: each group of eight brings its parts to its first tile. */
function treeLevel(tiles: number): Transfers {
  return unicast(tiles, Array.from({ length: tiles }, (_, tile) => ({ from: tile, to: tile - (tile % 8), words: 50 })));
}

/** Partial sums of a group: every tile of a row of the grid gets its share of the partial results of the others. */
function reduceScatter(tiles: number): Transfers {
  const [rows, columns] = square(tiles);
  const sends = Array.from({ length: rows }, (_, row) => Array.from({ length: columns * columns }, (__, pair) => ({ from: row * columns + Math.floor(pair / columns), to: row * columns + (pair % columns), words: 12 }))).flat();
  return unicast(tiles, sends);
}

/** Every tile of a grid needs the panels of its row and of its column: a matrix product. */
function panels(tiles: number): Transfers {
  const [rows, columns] = square(tiles);
  const part = 8;
  const shape = [rows * part, columns * part];
  const placed = distribute(shape, [part, part], inOrder);
  const left = [rows, columns, part, columns * part];
  const right = [rows, columns, rows * part, part];
  const tensors = [
    tensor("a", shape, placed), tensor("b", shape, placed),
    tensor("rows of a", left, distribute(left, [1, 1, part, columns * part], inOrder)),
    tensor("columns of b", right, distribute(right, [1, 1, rows * part, part], inOrder)),
  ];
  return transfersOf({ tiles, tensors }, [
    copyOf(tensors, 2, 0, [{ constant: 0, coefficients: [part, 0, 1, 0] }, affineIndex(3, 4)]),
    copyOf(tensors, 3, 1, [affineIndex(2, 4), { constant: 0, coefficients: [0, part, 0, 1] }]),
  ]);
}

/** The same, of matrices that lie in blocks of other sizes than the panels: every panel is put together from many parts. */
function unalignedPanels(tiles: number): Transfers {
  const [rows, columns] = square(tiles);
  const inner = 150;
  const [left, right] = [[13 * rows, inner], [inner, 11 * columns]];
  const even = (shape: readonly number[]): Distribution => distribute(shape, [3, 40], { kind: "scaled", tiles });
  const grid = [rows, columns];
  const tensors = [
    tensor("a", left, even(left)), tensor("b", right, even(right)),
    tensor("rows of a", [...grid, 13, inner], distribute([...grid, 13, inner], [1, 1, 13, inner], inOrder)),
    tensor("columns of b", [...grid, inner, 11], distribute([...grid, inner, 11], [1, 1, inner, 11], inOrder)),
  ];
  return transfersOf({ tiles, tensors }, [
    copyOf(tensors, 2, 0, [{ constant: 0, coefficients: [13, 0, 1, 0] }, affineIndex(3, 4)]),
    copyOf(tensors, 3, 1, [affineIndex(2, 4), { constant: 0, coefficients: [0, 11, 0, 1] }]),
  ]);
}

/** Everybody gets what everybody has. */
const allGather = (tiles: number): Transfers => broadcast(tiles, tiles);

function permutations(tiles: number, seed: number, count: number, words: (which: number) => number): Transfers {
  const below = random(seed);
  return unicast(tiles, Array.from({ length: count }, (_, which) => {
    const size = words(which);
    return permutation(tiles, below).map((to, from) => ({ from, to, words: size }));
  }).flat());
}

function sparse(tiles: number, seed: number, hot: boolean): Transfers {
  const below = random(seed);
  const sends = Array.from({ length: 8 * tiles }, (_, i) => ({ from: i % tiles, to: below(tiles), words: 1 + below(100) }));
  if (hot) for (let tile = 0; tile < tiles; tile++) sends.push({ from: tile, to: 0, words: 1 + below(20) });
  return unicast(tiles, sends);
}

/** Every tile multicasts two pieces of random sizes to some random others. */
function randomMulticast(tiles: number, seed: number): Transfers {
  const below = random(seed);
  const pieces = Array.from({ length: 2 * tiles }, (_, i) => {
    const to = new Set(Array.from({ length: 1 + below(8) }, () => below(tiles)));
    to.delete(i % tiles);
    return { from: i % tiles, words: 1 + below(100), to: [...to].sort((a, b) => a - b) };
  }).filter(({ to }) => to.length > 0);
  const start = new Int32Array(pieces.length + 1);
  pieces.forEach(({ to }, i) => { start[i + 1] = start[i]! + to.length; });
  return { tiles, pieces: pieces.length, hostBytes: 0, from: Int32Array.from(pieces, ({ from }) => from), bytes: Uint32Array.from(pieces, ({ words }) => 4 * words), start, to: Int32Array.from(pieces.flatMap(({ to }) => to)) };
}

const many = Infinity;

export const patterns: readonly Pattern[] = [
  { name: "all-to-all", mostTiles: many, make: allToAll },
  { name: "transpose, 2-D blocks", mostTiles: many, make: transpose },
  { name: "halo, 1-D", mostTiles: many, make: halo1d },
  { name: "halo, 2-D", mostTiles: many, make: halo2d },
  { name: "broadcast from one tile", mostTiles: many, make: (tiles) => broadcast(tiles, 1) },
  { name: "broadcast from four tiles", mostTiles: many, make: (tiles) => broadcast(tiles, 4) },
  { name: "scatter", mostTiles: many, make: (tiles) => scatter(tiles, "pull") },
  { name: "gather", mostTiles: many, make: (tiles) => scatter(tiles, "push") },
  { name: "reduction tree, one level", mostTiles: many, make: treeLevel },
  { name: "reduction in rows", mostTiles: many, make: reduceScatter },
  { name: "matrix product panels", mostTiles: many, make: panels },
  { name: "unaligned matrix product panels", mostTiles: many, make: unalignedPanels },
  { name: "all-gather", mostTiles: 256, make: allGather },
  { name: "random permutation", mostTiles: many, make: (tiles, seed) => permutations(tiles, seed, 1, () => 100) },
  { name: "8 random permutations", mostTiles: many, make: (tiles, seed) => permutations(tiles, seed, 8, () => 100) },
  { name: "8 permutations of different sizes", mostTiles: many, make: (tiles, seed) => permutations(tiles, seed, 8, (which) => 13 * which + 10) },
  { name: "random sparse", mostTiles: many, make: (tiles, seed) => sparse(tiles, seed, false) },
  { name: "random sparse, one hot receiver", mostTiles: many, make: (tiles, seed) => sparse(tiles, seed, true) },
  { name: "random multicasts", mostTiles: many, make: randomMulticast },
];
