/** What NumPy, PyTorch and PopLibs call what has another name here, or is written with operators. */

const names: { readonly [name: string]: string } = {
  // elementwise
  where: "select(condition, a, b)", masked_fill: "select(mask, value, x)", clip: "clamp(x, low, high)", hardtanh: "clamp(x, -1, 1)", relu6: "clamp(x, 0, 6)", maximum: "max(a, b)", minimum: "min(a, b)", fmax: "max(a, b)", fmin: "min(a, b)",
  add: "a + b", subtract: "a - b", multiply: "a * b", divide: "a / b", true_divide: "a / b", floor_divide: "floor(a / b)", mod: "a % b", fmod: "a % b", negative: "-x", reciprocal: "1 / x", square: "x * x", cube: "x * x * x",
  power: "pow(x, y)", float_power: "pow(x, y)", absolute: "abs(x)", fabs: "abs(x)", sgn: "sign(x)", rint: "round(x)", fix: "trunc(x)", hypot: "sqrt(a * a + b * b)", lerp: "a + t * (b - a)", logaddexp: "log_sum_exp(stack(a, b), axis = 0)",
  equal: "a == b", not_equal: "a != b", greater: "a > b", less: "a < b", not: "!x", logical_and: "a && b", logical_or: "a || b", logical_not: "!x", logical_xor: "a != b", bitwise_and: "a & b", bitwise_or: "a | b", bitwise_xor: "a ^ b", bitwise_not: "~x", invert: "~x",
  left_shift: "a << n", right_shift: "a >> n", isclose: "abs(a - b) <= tolerance", allclose: "all(abs(a - b) <= tolerance)", array_equal: "all(a == b)", deg2rad: "x * 0.017453292519943295", radians: "x * 0.017453292519943295",
  swish: "silu(x) of std/nn", logsigmoid: "-softplus(-x) of std/nn", log_sigmoid: "-softplus(-x) of std/nn", threshold: "select(x > limit, x, value)",
  gammaln: "lgamma(x) of std/special", loggamma: "lgamma(x) of std/special", log_gamma: "lgamma(x) of std/special", psi: "digamma(x) of std/special", polygamma: "digamma(x) of std/special", gamma: "the exponential of lgamma(x) of std/special", erf_inv: "erfinv(x) of std/special", norm_cdf: "ndtr(x) of std/special", norm_ppf: "ndtri(x) of std/special",
  // dtypes and values
  astype: "cast<f32>(x)", type: "cast<f32>(x)", to: "cast<f32>(x)", half: "f16(x)", double: "f64(x)", long: "i64(x)", detach: "stop_gradient(x)", clone: "x itself, which nothing else changes,", copy: "x itself, which nothing else changes,", contiguous: "x itself",
  // reductions
  amax: "max(x)", amin: "min(x)", average: "mean(x)", ptp: "max(x) - min(x)", count_nonzero: "sum(i32(x != 0))", logsumexp: "log_sum_exp(x)", cumsum: "cum_sum(x)", cumprod: "cum_prod(x)", cummax: "cum_max(x)", cummin: "cum_min(x)", nansum: "sum(select(is_nan(x), 0, x))", median: "the middle of sort(x)", quantile: "an element of sort(x)", percentile: "an element of sort(x)", cov: "(x - mean(x, axis = 0)).transpose() @ (x - mean(x, axis = 0)) / (n - 1)", diff: "x[1:] - x[:-1]",
  // shapes and data
  concatenate: "concat((a, b), axis = 0)", cat: "concat((a, b), axis = 0)", hstack: "concat((a, b), axis = 1)", vstack: "concat((a, b), axis = 0)", append: "concat((a, b), axis = 0)", column_stack: "stack((a, b), axis = 1)", chunk: "split(x, parts)", array_split: "split(x, parts)",
  view: "reshape(x, shape)", unsqueeze: "expand(x, axis)", expand_dims: "expand(x, axis)", permute: "transpose(x, axes)", swapaxes: "transpose(x, axes)", moveaxis: "transpose(x, axes)", broadcast_to: "broadcast(x, shape)", flip: "reverse(x)", flipud: "reverse(x, axis = 0)", fliplr: "reverse(x, axis = 1)",
  sliding_window_view: "windows(x, size)", as_strided: "windows(x, size)", rolling: "windows(x, size)", im2col: "unfold(x, size) of std/nn", col2im: "fold(x, extents, size) of std/nn", unpool: "the gradient of max_pool2d(x, window) of std/nn",
  repeat_interleave: "repeat_each(x, count)", index_select: "gather(x, indices)", take: "gather(x, indices)", take_along_axis: "take_along(x, indices)", index_add: "scatter_add(x, indices, updates)", scatter: "scatter_update(x, indices, updates)", put: "scatter_update(x, indices, updates)", bincount: "scatter_add(zeros<i32>(n), x, ones<i32>(len(x)))",
  arange: "iota<i32>(n)", range: "the range 0..n", full_like: "full(value, shape)", zeros_like: "zeros(x.shape)", ones_like: "ones(x.shape)", identity: "eye(n)", array: "stack((a, b, c))", tensor: "stack((a, b, c))", as_tensor: "stack((a, b, c))", meshgrid: "x.expand(1) beside y, which broadcast,", topk: "top_k(x, k)",
  searchsorted: "search_sorted(sorted, x)", digitize: "search_sorted(edges, x, right = true)", bucketize: "search_sorted(edges, x)", shape: "x.shape", size: "x.shape", dtype: "x.dtype", fftshift: "roll(x, n / 2)",
  // linear algebra
  mm: "a @ b", bmm: "a @ b", mv: "a @ b", inner: "sum(a * b)", vdot: "sum(a * b)", addmm: "c + a @ b", baddbmm: "c + a @ b", tensordot: "einsum(\"…\", a, b)", det: "determinant(a) of std/linalg", slogdet: "log_determinant(a) of std/linalg", inv: "inverse(a) of std/linalg",
  pinv: "pseudo_inverse(a) of std/linalg", lstsq: "least_squares(a, b) of std/linalg", cond: "condition_number(a) of std/linalg", eigvalsh: "eigh(a) of std/linalg", diag: "diagonal(a) of std/linalg", diagflat: "diagonal_matrix(x) of std/linalg", lu: "solve(a, b) of std/linalg",
  // networks
  linear: "dense(x, w, bias) of std/nn", mse_loss: "mse(prediction, target) of std/nn", l1_loss: "l1(prediction, target) of std/nn", smooth_l1_loss: "huber(prediction, target) of std/nn", huber_loss: "huber(prediction, target) of std/nn", nll_loss: "nll(log_probabilities, labels) of std/nn",
  bce_with_logits: "binary_cross_entropy(logits, target) of std/nn", bce: "binary_cross_entropy(logits, target) of std/nn", scaled_dot_product_attention: "attention(q, k, v) of std/nn", multi_head_attention: "attention(q, k, v) of std/nn", upsample: "resize2d(x, height, width) of std/nn",
  clip_grad_norm: "clip_norm(gradient, most) of std/optim", clip_grad_norm_: "clip_norm(gradient, most) of std/optim", gradient: "grad(loss, x)",
  // random numbers
  randn: "normal(seed, stream, shape) of std/random", rand: "uniform(seed, stream, shape) of std/random", random: "uniform(seed, stream, shape) of std/random", randperm: "permutation(seed, stream) of std/random", multinomial: "categorical(logits, seed, stream) of std/random",
  // control
  fori_loop: "the statement `repeat n { }`", while_loop: "the statement `while condition { }`", scan: "the statement `repeat n { }`", vmap: "a dimension more, which broadcasts,", print_tensor: "the statement `print(x);`",
};

/** What does here what another library calls so; undefined for names no one has. */
export const otherName = (name: string): string | undefined => (Object.hasOwn(names, name) ? names[name] : undefined);

/** All of them. */
export const otherNames: readonly (readonly [name: string, here: string])[] = Object.entries(names);
