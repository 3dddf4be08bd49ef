/** Every mistake the checker tells, in the smallest text that shows it, with the expectation on its line. */
import { describe, expect, test } from "vitest";
import { checkText, disagreements, type TextOptions } from "./testing/check-text.ts";

/** Statements of a program over some states. */
const inProgram = (body: string): string => `graph g(n: int = 3) {
  in x: f32[4, 3]; in v: f32[3]; in i: i32[4]; in k: i32; in c: bool; in b: u8[4];
  stream in images: u8[4]; stream out losses: f32;
  param w.a: f32[3, 2];
  out y: f32[4, 3]; out s: f32; out j: i32; out q: u8[4];
  var m: f32[3] = 0;
  program main {
${body}
  }
}
`;

const inVertex = (body: string): string => `vertex V<n>(limit: int = 3) {
  in a: f32[n]; in t: f32; in p: i32[n]; out o: f32[n]; inout z: f32[2, n];
  compute {
    for r in 0..n { o[r] = a[r]; }
${body}
  }
}
graph g {
  in x: f32[4]; in t: f32; in p: i32[4]; out o: f32[4]; var z: f32[2, 4] = 0;
  compute set all { place V { a = x, t = t, p = p, o = o, z = z } on 0; }
  program main { execute all; }
}
`;

const inGraph = (members: string): string => `graph g(n: int = 4) {
${members}
}
`;

const cases: { readonly [name: string]: string | readonly [string, TextOptions] } = {
  // names and modules
  "an unknown name": inProgram("s = sum(vv); // error: unknown-name: did you mean v?"),
  "an unknown name, once": inProgram("s = sum(vv); // error: unknown-name: did you mean v?\ns = sum(vv) + sum(vv);"),
  "an unknown name of three parts, once": inProgram("s = sum(w.b.c); // error: unknown-name: nothing is called w.b.c"),
  "another library's value": inProgram("s = np.pi; // error: unknown-name: it is written 3.14\ny = v[:, np.newaxis]; // error: unknown-name: x.expand(axis) adds a dimension"),
  "another library's prefix, and not what it would be as an argument": inProgram("s = np.sum(v); // error: unknown-name: functions are called by their own name\ns = torch.nn.functional.pad(v); // error: unknown-name: functions are called by their own name"),
  "another library's prefix in a vertex, once": inVertex("o[0] = np.exp(a[0]); // error: unknown-name: functions are called by their own name\no[1] = torch.special.exp(a[0]); // error: unknown-name: functions are called by their own name"),
  "an unknown dotted name": inProgram("s = sum(w.b); // error: unknown-name: nothing is called w.b"),
  "an unknown function": inProgram("s = sumn(v); // error: unknown-name: did you mean sum?"),
  "a function of the library that was not imported": inProgram('y = relu(x); // error: unknown-name: import { relu } from "std/nn";'),
  "an op of the library that was not imported": inProgram('y = gelu(x); // error: unknown-name: import { gelu } from "std/nn";'),
  "a seed that is known at run time only": `import { uniform } from "std/random";\n${inProgram("s = sum(uniform<f32>(k, 0, 4)); // error: not-compile-time: the stream, behind the seed, may be an i32")}`,
  "an unknown type": `fn f(x: f23[3]) -> f32 { return 1; } // error: unknown-name: did you mean f32?\n${inProgram("s = 1;")}`,
  "a dtype of another language": inGraph("in x: float32[n]; // error: unknown-name: did you mean f32?\nin z: uint8; // error: unknown-name: did you mean u8?\nin d: double[n]; // error: unknown-name: did you mean f64?"),
  "a compile-time type as a dtype": inGraph("in x: float[n]; // error: type-mismatch: did you mean f32?"),
  "a dtype no one has": [`graph g(T: dtype) { in x: T[3]; program main { } } // error: bad-argument: T is a dtype, and was set to "f15"`, { parameters: { T: "f15" } }],
  "a missing type is told once": inGraph("in x: [n]f32; // error: syntax: expected a type"),
  "a function of the library, mistyped": inProgram('y = softmx(x); // error: unknown-name: did you mean softmax? import { softmax } from "std/nn";'),
  "a function by its module": inProgram("y = np.exp(x); // error: unknown-name: functions are called by their own name"),
  "an unknown bound": `fn f<T: flot>(x: T) -> T { return x; } // error: unknown-name: did you mean float?\n${inProgram("s = 1;")}`,
  "an unknown module": `import { relu } from "std/nm"; // error: unknown-module: "std/nm"\n${inProgram("y = relu(x);")}`,
  "a name that is not exported": [`import { half } from "./other.gph"; // error: unknown-name: write \`export\` before it\n${inProgram("s = half(s);")}`, { files: { "./other.gph": "fn half(x: f32) -> f32 { return x / 2; }" } }],
  "a name of another module": `import { cholesky } from "std/nn"; // error: unknown-name: import { cholesky } from "std/linalg";\n${inProgram("y = cholesky(x);")}`,
  "a name that needs no import": `import { top_k } from "std/nn"; // error: unknown-name: top_k is known without an import\n${inProgram("y = x;")}`,
  "a name no module has": `import { rely } from "std/nn"; // error: unknown-name: did you mean relu?\n${inProgram("y = rely(x);")}`,
  "a range as a call": inProgram("for q in range(4) { s += 1; } // error: unknown-name: the range 0..n does it"),
  "not a number": inProgram("s = nan; // error: unknown-name: it is written 0.0 / 0.0"),
  "infinity": inProgram("s = -inf; // error: unknown-name: it is written 1.0 / 0.0"),
  "a bool of another language": inProgram("let b = True; // error: unknown-name: it is written true"),
  "a name of another library": inProgram("s = where(c, 1, 2); // error: unknown-name: select(condition, a, b)"),
  "a fill that does not fit": inProgram("q = full<u8>(300, 4); // error: out-of-range: 300 does not fit u8"),
  "a name twice in one scope": inProgram("let a = v; let a = x; // error: duplicate-name: declared twice"),
  "a name twice in one graph": inGraph("in x: f32; out x: f32; // error: duplicate-name: x"),
  "a name twice in one file": `const a = 1;\nconst a = 2; // error: duplicate-name: a\n${inProgram("s = 1;")}`,
  "names in a function nobody calls": `fn f(x: f32) -> f32 { return x + z; } // error: unknown-name: z\n${inProgram("s = 1;")}`,
  "names in a vertex nobody places": `vertex V { in a: f32; out b: f32; compute { b = a + z; } } // error: unknown-name: z\n${inProgram("s = 1;")}`,
  "names in the side that is not chosen": inProgram("if n == 3 { s = 1; } else { s = zz; } // error: unknown-name: zz"),

  // dtypes
  "two dtypes": inProgram("let a = v + cast<f16>(v); // error: dtype-mismatch: f32 (v) and f16"),
  "a tensor of another dtype assigned": inProgram("j = s; // error: dtype-mismatch: cast<i32>(s) converts"),
  "a float for an integer tensor": inProgram("q = b * 2.5; // error: type-mismatch: 2.5 is a float, and the neighbour is u8"),
  "a literal that does not fit": inProgram("q = b + 300; // error: out-of-range: 300 does not fit u8, which holds 0 to 255"),
  "a negative literal for an unsigned tensor": inProgram("q = b + -1; // error: out-of-range: -1 does not fit u8"),
  "a number where a bool is needed": inProgram("let a = c && 1; // error: type-mismatch: 1 is a number"),
  "logic on numbers": inProgram("let a = v && v; // error: dtype-mismatch: `&&` takes bool"),
  "not of a number": inProgram("let a = !v; // error: dtype-mismatch: `!` takes bool"),
  "bits of a bool": inProgram("let a = ~c; // error: dtype-mismatch: `~` takes integers"),
  "bits of floats": inProgram("let a = v & v; // error: dtype-mismatch: `&&` joins comparisons"),
  "shifted floats": inProgram("let a = v << 2; // error: dtype-mismatch: `<<` shifts the bits of integers, and these are f32"),
  "a function of NumPy": inProgram("let a = zeros_like(v); // error: unknown-name: zeros(x.shape) does it"),
  "a function of which the shape is not known": inProgram("let a = unique(v); // error: unknown-name: this one would depend on values"),
  "a function of PopLibs, spelled otherwise": inProgram("let a = triangularSolve(v, v); // error: unknown-name: did you mean triangular_solve? import { triangular_solve } from \"std/linalg\";"),
  "the square root of integers": inProgram("let a = sqrt(i); // error: dtype-mismatch: floats, not i32"),

  // shapes
  "shapes that do not broadcast": inProgram("let a = x + i; // error: dtype-mismatch"),
  "shapes that do not broadcast, of one dtype": inProgram("let a = x.transpose() + v; // error: shape-mismatch: f32[3, 4] and f32[3] (v)"),
  "inner extents": inProgram("let a = x @ x; // error: shape-mismatch: inner extents differ, 3 (x) and 4 (x)"),
  "a matrix product with a scalar": inProgram("let a = x @ s; // error: shape-mismatch: vectors and matrices"),
  "batches that do not broadcast": inProgram("let a = zeros<f32>(2, 4, 3) @ zeros<f32>(5, 3, 4); // error: shape-mismatch: batch dimensions"),
  "a slice that begins at run time": inProgram("let a = v[k:]; // error: not-compile-time: dynamic_slice(x, i, length) takes"),
  "complex numbers": inGraph("in x: complex64[n]; // error: unknown-name: there is no complex dtype"),
  "a tuple as a tensor": inProgram("m = (1, 2, 3); // error: type-mismatch: stack((a, b, c)) is the tensor of a tuple's elements"),
  "a tuple of rows as a tensor": inProgram("m = ((1, 2), (3, 4)); // error: type-mismatch: stack(stack(a, b), stack(c, d))"),
  "several values as one": inProgram("m = top_k(v, 1); // error: type-mismatch: `let (a, b) = …;`"),
  "an extent below 0 of a result, once": `fn f(n: int) -> f32[n] { // error: out-of-range: a dimension is -1\n  return zeros<f32>(n);\n}\n${inProgram("let a = f(-1);")}`,
  "a tuple as an index": inProgram("let a = v[(0, 2)]; // error: type-mismatch: stack((a, b, c)) is the tensor"),
  "a tuple given to an op": inProgram("let a = gather(v, (0, 2)); // error: type-mismatch: stack((a, b, c)) is the tensor"),
  "a tuple given to a function": `fn f(x: f32[2]) -> f32 { return sum(x); }\n${inProgram("s = f((1.0, 2.0)); // error: type-mismatch: stack((a, b, c)) is the tensor")}`,
  "constants of a tuple that has fewer": inProgram("const (a, b, d) = (1, 2); // error: type-mismatch: (a, b, d) needs a tuple of 3, and this is one of 2"),
  "constants of a tuple of tensors": inProgram("const (a, b) = (v, 2); // error: not-compile-time"),
  "another shape assigned": inProgram("s = v; // error: shape-mismatch: s is f32, and this is f32[3]"),
  "an impossible reshape": inProgram("let a = x.reshape(5, 3); // error: shape-mismatch"),
  "parts for dimensions that are not there": inProgram("let a = partition(x * 2, (2, 1, 1, 1)); // error: bad-argument: 4 numbers of parts are given for f32[4, 3], which takes 2, or 3"),
  "more parts than elements": inProgram("let a = partition(x * 2, (5, 1)); // error: out-of-range: dimension 0 cannot be cut into 5 parts, it has 4 elements"),
  "parts of what computes nothing": inProgram("let a = partition(x[0], 3); // error: bad-argument: nothing is computed here"),
  "an axis that does not exist": inProgram("let a = sum(x, axis = 2); // error: out-of-range: axis 2"),
  "a tensor too large": inProgram("let a = zeros<f32>(1048576, 1048577); // error: tensor-too-large: at most 2^40"),
  "a negative dimension": inGraph("in x: f32[n - 5]; // error: out-of-range: -1"),
  "a dimension that does not divide": inGraph("in x: f32[n / 3]; // error: indivisible: 4 does not divide by 3"),
  "a dimension of floats": inGraph("in x: f32[n / 2.0]; // error: type-mismatch: must be an int"),

  // slices
  "an index beyond the extent": inProgram("let a = x[4]; // error: out-of-range: index 4 is outside dimension 0, which has extent 4"),
  "a negative index beyond the extent": inProgram("let a = x[:, -4]; // error: out-of-range: index -4"),
  "a bound beyond the extent": inProgram("let a = v[0:5]; // error: out-of-range: 5 is outside dimension 0"),
  "an index beyond a tuple": inProgram("let a = v.shape[1]; // error: out-of-range: index 1 is outside a tuple of 1"),
  "a bound beyond a range": inProgram("let a = (0..n)[4:]; // error: out-of-range: 4 is outside the range 0..3"),
  "a new dimension as elsewhere": inProgram("let a = sum(v[:, None]); // error: unknown-name: x.expand(axis) adds a dimension"),
  "a step of zero": inProgram("let a = v[::0]; // error: out-of-range: step"),
  "too many indices": inProgram("let a = v[0, 0]; // error: shape-mismatch: 2 indices for v, which has rank 1"),
  "a float index": inProgram("let a = v[0.5]; // error: type-mismatch: the float 0.5"),
  "a float tensor as an index": inProgram("let a = v[s]; // error: dtype-mismatch: cast<i32>"),
  "a mask as an index": inProgram("let a = v[v > 0]; // error: not-supported: select(mask"),
  "a bound known only at run time": inProgram("let a = v[k:]; // error: not-compile-time: bounds of a slice"),
  "two ellipses": inProgram("let a = x[..., ...]; // error: bad-argument: only once"),
  "assignment where bools point": inProgram("y[v > 0] = v; // error: not-supported"),
  "a slice of another shape assigned": inProgram("y[0] = i; // error: dtype-mismatch"),

  "two labels of a print": inProgram('print("a", v, "b", s); // error: type-mismatch: one label, its first argument'),

  // assignment
  "a let assigned": inProgram("let a = v; a = v; // error: not-assignable: declare it with var"),
  "an in assigned": inProgram("x = y; // error: not-assignable: the in x"),
  "a param assigned": inProgram("w.a[0] = 1; // error: not-assignable: the param w.a"),
  "a stream assigned": inProgram("losses = s; // error: not-assignable: send(losses, value)"),
  "an unknown name assigned": inProgram("zz = s; // error: unknown-name: declares it"),
  "a program called like a function": inGraph("program other { }\nprogram main { other(); } // error: type-mismatch: `call other;` runs it"),
  "a value assigned": inProgram("sum(v) = s; // error: not-assignable"),
  "a state assigned in a function": inGraph("out s: f32;\nfn f(a: f32) -> f32 {\ns = a; // error: not-assignable: changes nothing outside\nreturn a; }\nprogram main { s = f(1); }"),
  "a compile-time variable in a loop": inProgram("var a: int = 0;\nrepeat 3 {\na += 1; // error: not-compile-time\n}"),

  // compile-time values
  "a division by zero": inProgram("let a = n / 0; // error: out-of-range: divides by zero"),
  "an int beyond 64 bits": inProgram("let a = 18446744073709551615 + n; // error: out-of-range: beyond 64 bits"),
  "a run-time range": inProgram("for a in 0..k { } // error: not-compile-time: the ends of a range"),
  "a loop over an int": inProgram("for a in n { } // error: type-mismatch: 0..3 is a range"),
  "a choice at run time": inProgram("let a = c ? 1 : 2; // error: not-compile-time: select("),
  "an assertion that fails": inProgram('assert(n > 3, "n is too small"); // error: assertion-failed: n is too small'),
  "a const that is no constant": `const a = b; // error: limit-exceeded: depends on itself\nconst b = a;\n${inProgram("s = a;")}`,
  "a member of a number": inProgram("let a = n.shape; // error: unknown-name: has no member shape"),

  // parameters of graphs
  "a parameter without a value": "graph g(n: int) { out s: f32[n]; program main { s = 0; } } // error: missing-parameter: n",
  "a parameter that does not exist": ["graph g(count: int = 2) { } // error: unknown-parameter: did you mean count?", { parameters: { cuont: 3 } }],
  "a parameter of another kind": ["graph g(n: int = 2) { } // error: bad-argument: 1.5", { parameters: { n: "1.5" } }],
  "no graph": ["fn f(x: f32) -> f32 { return x; } // error: unknown-name: has no graph", {}],
  "several graphs": ["graph a { }\ngraph b { } // error: bad-argument: several graphs: a, b", {}],
  "another graph": ["graph a { } // error: unknown-name: no graph c", { graph: "c" }],

  // calls
  "an argument too many": inProgram("let a = exp(v, v); // error: bad-argument: takes 1 argument"),
  "an argument too few": inProgram("let a = concat(); // error: bad-argument: concat needs tensors"),
  "an argument by a wrong name": inProgram("let a = sum(v, axs = 0); // error: bad-argument: did you mean axis?"),
  "an argument twice": inProgram("let a = sum(v, x = v); // error: bad-argument: x is given twice"),
  "a position after a name": inProgram("let a = sum(x = v, 0); // error: bad-argument: cannot follow"),
  "an argument of another kind": inProgram('let a = sum(v, axis = "x"); // error: type-mismatch: axis of sum'),
  "a tensor for a compile-time argument": inProgram("let a = roll(v, k); // error: not-compile-time: shift of roll"),
  "a dtype that is missing": inProgram("let a = cast(v); // error: bad-argument: cast<f32>"),
  "a dtype too many": inProgram("let a = exp<f32>(v); // error: bad-argument: takes no dtype"),
  "a call of what a state hides": inGraph("in sum: f32[3]; out z: f32; program main { z = sum(sum); } // error: type-mismatch: it hides the library's sum"),
  "a call of a value": inProgram("let a = v(3); // error: type-mismatch: the in v cannot be called"),
  "a function as a value": inProgram("let a = sum; // error: type-mismatch: the function sum is no value"),
  "a stream as a value": inProgram("let a = images; // error: type-mismatch: next(images)"),
  "next of what is no stream": inProgram("let a = next(x); // error: type-mismatch: the in x"),
  "send of another type": inProgram("send(losses, v); // error: shape-mismatch: an element of losses"),
  "send as a value": inProgram("let a = send(losses, s); // error: type-mismatch: gives no value"),
  "the gradient of a tensor": inProgram("let a = grad(v, v); // error: shape-mismatch: float scalar"),
  "the gradient by integers": inProgram("let a = grad(s, i); // error: dtype-mismatch: float tensors"),
  "a result that is not used": inProgram("sum(v); // error: type-mismatch: not used"),

  // functions
  "a generic with two values": `fn f<a>(x: f32[a], y: f32[a]) -> f32[a] { return x + y; }\n${inProgram("let a = f(v, zeros<f32>(4)); // error: shape-mismatch: a is 3 (v), and y has 4")}`,
  "a dtype out of its bound": `fn f<T: float>(x: T) -> T { return x; }\n${inProgram("let a = f(k); // error: dtype-mismatch: T takes only floats")}`,
  "a generic nothing binds": `fn f<a>(x: int) -> f32[a] { return zeros<f32>(a); }\n${inProgram("let a = f(3); // error: bad-argument: nothing says what a of f is")}`,
  "a generic nothing binds, for a result of another rank": `fn f<a>(x: int) -> f32[a] { return zeros<f32>(a); }\n${inProgram("let a: f32[2, 2] = f(3); // error: bad-argument: its result is [a], and [2, 2] is wanted")}`,
  "an argument of another rank": `fn f<a>(x: f32[a]) -> f32[a] { return x; }\n${inProgram("let a = f(x); // error: shape-mismatch: rank 1 is needed")}`,
  "an argument of another dtype": `fn f<a>(x: f32[a]) -> f32[a] { return x; }\n${inProgram("let a = f(i); // error: dtype-mismatch: f32 is needed")}`,
  "a result of another shape": `fn f<a>(x: f32[a]) -> f32[2 * a] {\nreturn x; // error: shape-mismatch: f32[6]\n}\n${inProgram("let a = f(v);")}`,
  "no return": `fn f(x: f32) -> f32 { let y = x; } // error: type-mismatch: without a return\n${inProgram("s = f(1);")}`,
  "a return in a loop": `fn f(x: f32) -> f32 {\nrepeat 3 { return x; } // error: not-supported: decided at run time\nreturn x; }\n${inProgram("s = f(1);")}`,
  "a return in a program": inProgram("return s; // error: type-mismatch: a program gives nothing back"),
  "a recursion without end": `fn f(x: f32) -> f32 {\nreturn f(x); // error: limit-exceeded: nested more than\n}\n${inProgram("s = f(1);")}`,
  "a tensor for an int": `fn f(n: int) -> f32 { return 1; }\n${inProgram("s = f(k); // error: not-compile-time: compile-time int")}`,
  "a tuple of another length": inProgram("let (a, d) = (v, v, v); // error: type-mismatch: a tuple of 2"),

  // control
  "a condition that is no bool": inProgram("if k { s = 1; } // error: dtype-mismatch: compare"),
  "a condition that is no scalar": inProgram("if v > 0 { s = 1; } // error: shape-mismatch: any(x)"),
  "a loop that never ends": inProgram("while n == 3 { s += 1; } // error: limit-exceeded: never end"),
  "a count of floats": inProgram("repeat s { } // error: type-mismatch: i32 scalar"),
  "a switch of floats": inProgram("switch s { default => { } } // error: type-mismatch: i32 scalar"),
  "a case twice": inProgram("switch k { 0 => { } 0 => { } } // error: duplicate-name: case 0"),
  "another type at the end of a branch": inProgram("var a = v; if c { a = i; } // error: dtype-mismatch: a is f32[3]"),
  "programs in a circle": inGraph("program a {\ncall b; // error: limit-exceeded: b → a → b\n}\nprogram b {\ncall a; // error: limit-exceeded: a → b → a\n}"),
  "an unknown program": inProgram("call mian; // error: unknown-name: did you mean main?"),
  "an unknown compute set": inProgram("execute main; // error: type-mismatch: no compute set"),

  // tiles
  "a tile that does not exist": inGraph("in x: f32[n];\nmap x on 4; // error: unknown-tile: tiles 0 to 3"),
  "a slice that is not mapped": inGraph("in x: f32[n];\nmap x[0:2] on tile_of(x[0]); // error: unknown-tile: x is not mapped"),
  "a slice on several tiles": inGraph("in x: f32[n];\nmap x[0:2] on 0;\nmap x[2:] on 1;\nmap x on tile_of(x[1:3]); // error: unknown-tile: several tiles: 0, 1"),
  "a let that is mapped": inGraph("let x = zeros<f32>(n);\nmap x on 0; // error: not-supported: only states"),
  "a state in a loop": inGraph("for i in 0..2 {\nin x: f32; // error: not-supported: with one more dimension\n}"),
};

const placing = (statement: string): string => `vertex Add<n>(by: int) { in a: f32[n]; out b: f32[n]; compute { for i in 0..n { b[i] = a[i] + by; } } }
vertex Twice<n> { inout s: f32[n]; compute { for i in 0..n { s[i] *= 2; } } }
graph g {
  in x: f32[6]; out y: f32[6]; var t: f32[6] = 0; param p: f32[6];
  let c = x * 2;
  compute set all {
    ${statement}
  }
  program main { execute all; }
}
`;

const placements: typeof cases = {
  "a field that is missing": placing("place Add(1) { a = x } on 0; // error: unconnected-field: the field b of Add"),
  "a field that does not exist": placing("place Add(1) { a = x, c = y } on 0; // error: unknown-name: Add has no field c"),
  "a field twice": placing("place Add(1) { a = x, a = x, b = y } on 0; // error: bad-argument: twice"),
  "a vertex that does not exist": placing("place Ad(1) { a = x, b = y } on 0; // error: unknown-name: did you mean Add?"),
  "an argument that is missing": placing("place Add { a = x, b = y } on 0; // error: bad-argument: Add needs by"),
  "an argument of another kind": placing("place Add(1.5) { a = x, b = y } on 0; // error: type-mismatch: compile-time int"),
  "an argument known at run time": placing("place Add(x) { a = x, b = y } on 0; // error: not-compile-time"),
  "shapes that do not unify": placing("place Add(1) { a = x, b = y[0:3] } on 0; // error: shape-mismatch: n is 6 (the field a), and the field b has 3"),
  "an in that would be written": placing("place Add(1) { a = y, b = x } on 0; // error: not-assignable: which is an in"),
  "a param that would be written": placing("place Twice { s = p } on 0; // error: not-assignable: which is a param"),
  "a let that would be written": placing("place Twice { s = c } on 0; // error: not-assignable: which is a let"),
  "a value in place of a slice": placing("place Add(1) { a = x * 2, b = y } on 0; // error: type-mismatch: give the value a name first"),
  "a tile beyond the last": placing("place Add(1) { a = x, b = y } on 99; // error: unknown-tile: there is no tile 99"),
  "two writers of one element": placing("for i in 0..2 { place Add(1) { a = x[0:4], b = y[2 * i : 2 * i + 4] } on i; } // error: vertex-clash: one vertex writes y[0:4] and another writes y[2:6]"),
  "a reader of what another writes": placing("place Twice { s = t[0:3] } on 0;\nplace Add(1) { a = t[2:5], b = y[0:3] } on 1; // error: vertex-clash: writes t[0:3] and another reads t[2:5]"),
  "one vertex with two fields on one element": placing("place Add(1) { a = t, b = t } on 0; // error: vertex-clash: an `inout` field"),
  "stepped slices that meet": placing("place Twice { s = t[0::2] } on 0;\nplace Twice { s = t[1::3] } on 1; // error: vertex-clash"),
};

const vertices: typeof cases = {
  "an in field written": inVertex("a[0] = 1; // error: not-assignable: a is an in field"),
  "a constant index beyond the field": inVertex("o[4] = 1; // error: out-of-range: index 4 is outside dimension 0 of o"),
  "a field without an index": inVertex("let u = a; // error: type-mismatch: index it: a[i]"),
  "an index too few": inVertex("z[0] = 1; // error: shape-mismatch: 1 index for z"),
  "a slice in a vertex": inVertex("let u = a[0:2]; // error: not-supported: slices are not supported in vertices"),
  "two dtypes in a vertex": inVertex("let u = a[0] + p[0]; // error: dtype-mismatch: f32 and i32"),
  "an index of floats": inVertex("let u = a[t]; // error: dtype-mismatch: cast<i32>"),
  "a float for an i32": inVertex("var u: i32 = 1.5; // error: type-mismatch: 1.5 is a float"),
  "a let assigned in a vertex": inVertex("let u = t; u = 1; // error: not-assignable: declare it with var"),
  "a loop variable assigned": inVertex("for r in 0..3 { r = 1; } // error: not-assignable"),
  "a parameter assigned": inVertex("limit = 1; // error: not-assignable"),
  "an unknown name in a vertex": inVertex("o[0] = tt; // error: unknown-name: did you mean t?"),
  "a tensor function in a vertex": inVertex("let u = softmax(t); // error: unknown-name: std/nn"),
  "a reduction in a vertex": inVertex("let u = sum(t); // error: not-supported: works on tensors"),
  "a matrix product in a vertex": inVertex("let u = t @ t; // error: not-supported: `@`"),
  "an index that runs out of a field": inVertex("for r in 0..n { o[r] = a[r + 1]; } // error: out-of-range: the index of a runs from 1 to 4, and a has 4 elements"),
  "repeat in a vertex": inVertex("repeat 3 { } // error: not-supported: `for i in 0..n { }` loops"),
  "a condition of floats in a vertex": inVertex("if t { } // error: dtype-mismatch: a condition must be a bool"),
  "logic on floats in a vertex": inVertex("let u = t && t > 0; // error: dtype-mismatch: `&&` takes bool"),
  "print in a vertex": inVertex("print(t); // error: not-supported: print"),
  "an out field that is never written": inVertex("").replace("inout z", "out z").replace("out z: f32[2, n];", "out z: f32[2, n]; // warning: unwritten-field: z is never written"),
  "an out field read but never written": inVertex("let u = z[0, 0];").replace("inout z", "out z").replace("out z: f32[2, n];", "out z: f32[2, n]; // error: unwritten-field: read but never written"),
};

for (const [group, list] of Object.entries({ "programs": cases, "placements": placements, "vertices": vertices })) {
  describe(group, () => {
    test.each(Object.entries(list))("%s", (_name, one) => {
      const [text, options] = typeof one === "string" ? [one, {}] : one;
      expect(disagreements(text, options)).toEqual([]);
    });
  });
}

test("several mistakes are told, each on its line", () => {
  expect(disagreements(`import { rely } from "std/nn"; // error: unknown-name: did you mean relu?
graph g(n: int = 4) {
  in x: f32[n];
  in z: f32[n / 3]; // error: indivisible
  out y: f32[n];
  out k: i32;
  program main {
    let a = x + cast<f64>(x); // error: dtype-mismatch
    y = a * 2;
    y = x[5]; // error: out-of-range
    k = sum(x); // error: dtype-mismatch
    z[0] = 1;
    y = rely(x);
  }
}
`)).toEqual([]);
});

test("imports in a circle are told once, in the file that closes the circle", () => {
  const files = { "./a.gph": 'import { b } from "./b.gph";\nexport const a = 1;', "./b.gph": 'import { a } from "./a.gph";\nexport const b = 1;' };
  const { diagnostics } = checkText(`import { a } from "./a.gph";\n${inProgram("s = 1;")}`, { files });
  expect(diagnostics.map((one) => [one.problem, one.labels[0]!.span.file])).toEqual([["import-cycle", "./b.gph"]]);
});

test("a mistake in an inlined function tells the call", () => {
  const text = `fn f<n>(x: f32[n]) -> f32[n] {
  return x[0:4]; // error: out-of-range
}
${inProgram("let a = f(v);\nlet d = f(v + 1);")}`;
  expect(disagreements(text)).toEqual([]);
  expect(checkText(text).diagnostics[0]!.labels.map((label) => label.text)).toContain("in this call of f");
});

test("a mistake in a call of the library is told at the call, not in the library", () => {
  const { diagnostics } = checkText(`import { attention } from "std/nn";\n${inProgram("let a = attention(zeros<f32>(2, 3, 4), zeros<f32>(2, 5, 4), zeros<f32>(2, 6, 4));")}`);
  expect(diagnostics.map((one) => [one.labels[0]!.span.file, one.message])).toEqual([["main.gph", "n is 5 (k), and v has 6 there"]]);
});

test("vertex mistakes are told once for thousands of placements", () => {
  expect(disagreements(`vertex V { in a: f32; out b: f32; compute { b = a + z; } } // error: unknown-name: z
graph g { in x: f32[500]; out y: f32[500];
  compute set all { for i in 0..500 { place V { a = x[i], b = y[i] } on 0; } }
  program main { execute all; }
}`)).toEqual([]);
});
