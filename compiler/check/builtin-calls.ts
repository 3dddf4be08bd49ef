/** The calls that are neither ops nor functions, described for people: `gph ops` and spec/ops.md list them with the others. */

export interface BuiltinCall {
  /** As it is written: `split(x, parts, axis = 0)`. */
  readonly text: string;
  readonly summary: string;
  /** A statement with it, about tensors x: [4], a: [2, 3] and b: [3, 2], streams `images` and `losses`. */
  readonly example: string;
}

const described = {
  next: { text: "next(stream)", summary: "The next element of a `stream in`. A run that wants one more than there are ends there.", example: "let image = next(images);" },
  grad: { text: "grad(loss, wrt)", summary: "The gradients of a float scalar: by a tensor, or a tuple of them by a tuple of tensors.", example: "let (da, db) = grad(sum(a @ b), (a, b));" },
  tile_of: { text: "tile_of(slice)", summary: "The tile on which `map` says that a slice lies, if it is one; known when compiling.", example: "const tile = tile_of(x[0]);" },
  send: { text: "send(stream, value)", summary: "A statement: gives a value to a `stream out`.", example: "send(losses, sum(x));" },
  print: { text: "print(label?, values…)", summary: "A statement: shows values, behind a label if the first argument is a string.", example: 'print("x", x, sum(x));' },
  assert: { text: "assert(condition, why?)", summary: "A statement: ends the run, or compiling, where a bool scalar is false.", example: 'assert(all(is_finite(x)), "x has an end");' },
  int: { text: "int(x)", summary: "A compile-time number as an int, truncated.", example: "const half = int(len(x) * 0.5);" },
  float: { text: "float(x)", summary: "A compile-time number as a float.", example: "const scale = 1 / float(len(x));" },
  len: { text: "len(x)", summary: "How many elements a tuple or range has, or the first extent of a tensor; known when compiling.", example: "const n = len(x);" },
  einsum: { text: "einsum(equation, tensors…)", summary: "Products of tensors whose dimensions the equation names, summed over the names that the result does not have.", example: 'let y = einsum("ij,jk->ik", a, b);' },
  partition: { text: "partition(e, parts)", summary: "e, whose op is cut over the tiles as said: into how many parts for each dimension, and with one number more for the one summed over.", example: "let y = partition(a @ b, (2, 1));" },
  recompute: { text: "recompute(e)", summary: "e, of which a gradient keeps nothing that is computed inside, and computes it again.", example: "let y = recompute(tanh(exp(x)));" },
  split: { text: "split(x, parts, axis = 0)", summary: "A tuple of slices side by side: as many equal ones as `parts` says, or of the extents that it lists.", example: "let (first, rest) = split(x, (1, 3));" },
} as const satisfies { readonly [name: string]: BuiltinCall };

export type Builtin = keyof typeof described;

export const builtinCalls: Readonly<Record<Builtin, BuiltinCall>> = described;

export const builtins = Object.keys(described) as readonly Builtin[];
