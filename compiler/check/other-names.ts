/** What NumPy, PyTorch and PopLibs call what has another name here, or is written with operators, or cannot be. */

const names: { readonly [name: string]: string } = {
  // elementwise
  where: "select(condition, a, b)", masked_fill: "select(mask, value, x)", clip: "clamp(x, low, high)", hardtanh: "clamp(x, -1, 1)", relu6: "clamp(x, 0, 6)",
  maximum: "max(a, b)", minimum: "min(a, b)", fmax: "max(a, b)", fmin: "min(a, b)", add: "a + b", subtract: "a - b", multiply: "a * b", divide: "a / b",
  true_divide: "a / b", floor_divide: "floor(a / b)", mod: "a % b", fmod: "a % b", negative: "-x", reciprocal: "1 / x", square: "x * x", cube: "x * x * x",
  power: "pow(x, y)", float_power: "pow(x, y)", absolute: "abs(x)", fabs: "abs(x)", sgn: "sign(x)", rint: "round(x)", fix: "trunc(x)", hypot: "sqrt(a * a + b * b)",
  lerp: "a + t * (b - a)", logaddexp: "log_sum_exp(stack(a, b), axis = 0)", equal: "a == b", not_equal: "a != b", greater: "a > b", less: "a < b", not: "!x",
  logical_and: "a && b", logical_or: "a || b", logical_not: "!x", logical_xor: "a != b", bitwise_and: "a & b", bitwise_or: "a | b", bitwise_xor: "a ^ b",
  bitwise_not: "~x", invert: "~x", left_shift: "a << n", right_shift: "a >> n", isclose: "abs(a - b) <= tolerance", allclose: "all(abs(a - b) <= tolerance)",
  array_equal: "all(a == b)", deg2rad: "x * 0.017453292519943295", radians: "x * 0.017453292519943295", swish: "silu(x) of std/nn", logsigmoid: "-softplus(-x) of std/nn",
  log_sigmoid: "-softplus(-x) of std/nn", threshold: "select(x > limit, x, value)", gammaln: "lgamma(x) of std/special", loggamma: "lgamma(x) of std/special",
  log_gamma: "lgamma(x) of std/special", psi: "digamma(x) of std/special", polygamma: "digamma(x) of std/special", gamma: "the exponential of lgamma(x) of std/special",
  erf_inv: "erfinv(x) of std/special", norm_cdf: "ndtr(x) of std/special", norm_ppf: "ndtri(x) of std/special", arccos: "acos(x)", arcsin: "asin(x)", arctan: "atan(x)",
  arctan2: "atan2(y, x)", arccosh: "acosh(x)", arcsinh: "asinh(x)", arctanh: "atanh(x)", eq: "a == b", ne: "a != b", gt: "a > b", ge: "a >= b", greater_equal: "a >= b",
  lt: "a < b", le: "a <= b", less_equal: "a <= b", sub: "a - b", mul: "a * b", div: "a / b", rsub: "b - a", positive: "x itself", remainder: "a - b * floor(a / b)",
  divmod: "floor(a / b)", addcmul: "x + value * a * b", addcdiv: "x + value * a / b", clamp_min: "max(x, low)", clamp_max: "min(x, high)", around: "round(x)",
  modf: "trunc(x)", frac: "x - trunc(x)", rad2deg: "x * 57.29577951308232", degrees: "x * 57.29577951308232", bitwise_count: "popcount(x)", bitwise_invert: "~x",
  bitwise_left_shift: "a << n", bitwise_right_shift: "a >> n", logaddexp2: "log2(exp2(a) + exp2(b))", ldexp: "x * exp2(f32(n))",
  sinc: "select(x == 0, 1, sin(pi * x) / (pi * x))", heaviside: "select(x > 0, 1, select(x == 0, h, 0))", copysign: "select(b < 0, -abs(a), abs(a))", signbit: "x < 0",
  nan_to_num: "select(is_finite(x), x, 0)", isneginf: "x == -1.0 / 0.0", isposinf: "x == 1.0 / 0.0", isin: "any(x.expand(-1) == values, axis = -1)",
  expit: "sigmoid(x) of std/nn", tanhshrink: "x - tanh(x)", softmin: "softmax(-x) of std/nn", prelu: "select(x > 0, x, slope * x)", xlog1py: "x * log1p(y)",
  entr: "-xlogy(x, x) of std/special", rel_entr: "xlogy(x, x / y) of std/special", betaln: "lgamma(a) + lgamma(b) - lgamma(a + b) of std/special",
  log1mexp: "log(-expm1(x))", log_expit: "-softplus(-x) of std/nn", map: "a formula of whole tensors", vectorize: "a formula of whole tensors",
  // dtypes and values
  astype: "cast<f32>(x)", type: "cast<f32>(x)", to: "cast<f32>(x)", half: "f16(x)", double: "f64(x)", long: "i64(x)", detach: "stop_gradient(x)",
  clone: "x itself, which nothing else changes,", copy: "x itself, which nothing else changes,", contiguous: "x itself",
  // reductions
  amax: "max(x)", amin: "min(x)", average: "mean(x)", ptp: "max(x) - min(x)", count_nonzero: "sum(i32(x != 0))", logsumexp: "log_sum_exp(x)", cumsum: "cum_sum(x)",
  cumprod: "cum_prod(x)", cummax: "cum_max(x)", cummin: "cum_min(x)", nansum: "sum(select(is_nan(x), 0, x))",
  cov: "(x - mean(x, axis = 0)).transpose() @ (x - mean(x, axis = 0)) / (n - 1)", diff: "x[1:] - x[:-1]", percentile: "quantile(x, q / 100)",
  nanmax: "max(select(is_nan(x), -1.0 / 0.0, x))", nanmin: "min(select(is_nan(x), 1.0 / 0.0, x))", nanprod: "prod(select(is_nan(x), 1, x))",
  nanmean: "sum(select(is_nan(x), 0, x)) / sum(f32(!is_nan(x)))", nancumsum: "cum_sum(select(is_nan(x), 0, x))", nanargmax: "argmax(select(is_nan(x), -1.0 / 0.0, x))",
  nanargmin: "argmin(select(is_nan(x), 1.0 / 0.0, x))", aminmax: "min(x) beside max(x)", std_mean: "std(x) beside mean(x)", var_mean: "var(x) beside mean(x)",
  kthvalue: "an element of sort(x)", msort: "sort(x, axis = 0)", argpartition: "argsort(x)", lexsort: "argsort(y), then argsort of what that puts in order,",
  histc: "histogram(x, bins, low, high)", trapezoid: "sum((y[1:] + y[:-1]) / 2) * dx", trapz: "sum((y[1:] + y[:-1]) / 2) * dx",
  cumulative_trapezoid: "cum_sum((y[1:] + y[:-1]) / 2) * dx", corrcoef: "einsum(\"ki,kj->ij\", z, z) / n of normalised columns", logcumsumexp: "cum_log_sum_exp(x)",
  cumulative_sum: "cum_sum(x)", cumulative_prod: "cum_prod(x)", ediff1d: "x[1:] - x[:-1]", nanstd: "norm(select(is_nan(x), 0, x - mean)) / sqrt(count)",
  reduce: "sum(x, axis), or max, min, prod, any and all,", mode: "argmax(scatter_add(zeros<i32>(n), x, ones<i32>(len(x))))", l2: "sum(x * x)",
  renorm: "x * min(1, most / norm(x, axis = 0, keepdims = true))",
  // shapes and data
  concatenate: "concat((a, b), axis = 0)", cat: "concat((a, b), axis = 0)", hstack: "concat((a, b), axis = 1)", vstack: "concat((a, b), axis = 0)",
  append: "concat((a, b), axis = 0)", column_stack: "stack((a, b), axis = 1)", chunk: "split(x, parts)", array_split: "split(x, parts)", view: "reshape(x, shape)",
  unsqueeze: "expand(x, axis)", expand_dims: "expand(x, axis)", permute: "transpose(x, axes)", swapaxes: "transpose(x, axes)", moveaxis: "transpose(x, axes)",
  broadcast_to: "broadcast(x, shape)", flip: "reverse(x)", flipud: "reverse(x, axis = 0)", fliplr: "reverse(x, axis = 1)", sliding_window_view: "windows(x, size)",
  as_strided: "windows(x, size)", rolling: "windows(x, size)", im2col: "unfold(x, size) of std/nn", col2im: "fold(x, extents, size) of std/nn",
  unpool: "the gradient of max_pool2d(x, window) of std/nn", repeat_interleave: "repeat_each(x, count)", index_select: "gather(x, indices)", take: "gather(x, indices)",
  take_along_axis: "take_along(x, indices)", index_add: "scatter_add(x, indices, updates)", scatter: "scatter_update(x, indices, updates)",
  put: "scatter_update(x, indices, updates)", bincount: "scatter_add(zeros<i32>(n), x, ones<i32>(len(x)))", arange: "iota<i32>(n)", range: "the range 0..n",
  full_like: "full(value, shape)", zeros_like: "zeros(x.shape)", ones_like: "ones(x.shape)", identity: "eye(n)", array: "stack((a, b, c))", tensor: "stack((a, b, c))",
  as_tensor: "stack((a, b, c))", meshgrid: "x.expand(1) beside y, which broadcast,", topk: "top_k(x, k)", searchsorted: "search_sorted(sorted, x)",
  digitize: "search_sorted(edges, x, right = true)", bucketize: "search_sorted(edges, x)", shape: "x.shape", size: "x.shape", dtype: "x.dtype",
  fftshift: "roll(x, n / 2)", ravel: "flatten(x)", resize: "reshape(x, shape)", unflatten: "reshape(x, shape)", view_as: "reshape(x, y.shape)",
  expand_as: "broadcast(x, y.shape)", broadcast_arrays: "a beside b, which broadcast,", broadcast_tensors: "a beside b, which broadcast,",
  permute_dims: "transpose(x, axes)", movedim: "transpose(x, axes)", rollaxis: "transpose(x, axes)", t: "transpose(x)", rot90: "reverse(x.transpose(1, 0), axis = 0)",
  numel: "x.shape", ndim: "len(x.shape)", dstack: "concat((a, b), axis = 2)", row_stack: "concat((a, b), axis = 0)", block: "concat((a, b), axis = 1)",
  insert: "concat((x[:i], y, x[i:]))", hsplit: "split(x, parts, axis = 1)", vsplit: "split(x, parts)", dsplit: "split(x, parts, axis = 2)",
  tensor_split: "split(x, parts)", unbind: "split(x, len(x))", unstack: "split(x, len(x))", narrow: "the slice x[start:stop]", take_along_dim: "take_along(x, indices)",
  put_along_axis: "scatter_update_along(x, indices, updates)", scatter_reduce: "scatter_add_along(x, indices, updates)",
  index_copy: "scatter_update(x, indices, updates)", index_fill: "scatter_update(x, indices, full(value, shape))", index_reduce: "scatter_max(x, indices, updates)",
  index_put: "scatter_update(x, indices, updates)", slice_scatter: "the statement x[a:b] = y", diagonal_scatter: "select(eye<bool>(n), y, x)",
  fill_diagonal: "select(eye<bool>(n), value, x)", tri: "tril(ones(n, n))", putmask: "select(mask, value, x)", place: "select(mask, value, x)",
  copyto: "select(mask, value, x)", choose: "take_along(x, indices)", piecewise: "select(condition, a, b)", fill: "full(value, shape)", zero: "zeros(shape)",
  empty: "zeros(shape)", empty_like: "zeros(x.shape)", geomspace: "exp(linspace(log(a), log(b), n))",
  logspace: "exp2(linspace(a, b, n)), or pow(base, exponents) of them,", ifftshift: "roll(x, -(n / 2))", fftfreq: "iota<f32>(n) / n",
  rfftfreq: "iota<f32>(n / 2 + 1) / n", asarray: "stack((a, b, c))", atleast_1d: "reshape(x, shape)", atleast_2d: "reshape(x, shape)", atleast_3d: "reshape(x, shape)",
  delete: "concat((x[:i], x[i + 1:]))", rearrange: "transpose(x, axes)", ascontiguousarray: "x itself", asanyarray: "stack((a, b, c))", tril_indices: "tril(x)",
  triu_indices: "triu(x)", diag_indices: "select(eye<bool>(n), a, b)", unravel_index: "i / columns beside i % columns", ravel_multi_index: "row * columns + column",
  indices: "iota<i32>(rows).expand(1) beside iota<i32>(columns), which broadcast,", cartesian_prod: "x.expand(1) beside y, which broadcast,",
  // linear algebra
  mm: "a @ b", bmm: "a @ b", mv: "a @ b", inner: "sum(a * b)", vdot: "sum(a * b)", addmm: "c + a @ b", baddbmm: "c + a @ b", tensordot: "einsum(\"…\", a, b)",
  det: "determinant(a) of std/linalg", slogdet: "log_determinant(a) of std/linalg", inv: "inverse(a) of std/linalg", pinv: "pseudo_inverse(a) of std/linalg",
  lstsq: "least_squares(a, b) of std/linalg", cond: "condition_number(a) of std/linalg", eigvalsh: "eigh(a) of std/linalg", diag: "diagonal(a) of std/linalg",
  diagflat: "diagonal_matrix(x) of std/linalg", lu: "solve(a, b) of std/linalg", matvec: "a @ x", vecmat: "x @ a", addmv: "c + a @ x", addbmm: "c + sum(a @ b, axis = 0)",
  multi_dot: "a @ b @ c", vecdot: "dot(a, b) of std/linalg", ger: "outer(a, b) of std/linalg", addr: "c + x.expand(1) * y", svdvals: "singular_values(a) of std/linalg",
  eigvals: "eigh(a) of std/linalg", eig: "eigh(a) of std/linalg", logdet: "log_determinant(a) of std/linalg", pinverse: "pseudo_inverse(a) of std/linalg",
  cholesky_inverse: "cholesky_solve(l, eye) of std/linalg", lu_solve: "solve(a, b) of std/linalg", diag_embed: "diagonal_matrix(x) of std/linalg",
  expm: "matrix_exp(a) of std/linalg", dist: "norm(a - b)", pairwise_distance: "norm(a - b, axis = -1)", pdist: "cdist(x, x) of std/linalg",
  vander: "pow(x.expand(1), iota<f32>(n))", convolve: "conv1d(x, filters) of std/nn", correlate: "conv1d(x, filters) of std/nn", hamming: "hamming_window(n) of std/fft",
  hanning: "hann_window(n) of std/fft", blackman: "blackman_window(n) of std/fft", rfft2: "fft2(x, zeros) of std/fft", fftn: "fft2(re, im) of std/fft",
  ifftn: "ifft2(re, im) of std/fft", block_diag: "concat((concat((a, zeros), axis = 1), concat((zeros, b), axis = 1)))", bilinear: "einsum(\"bi,oij,bj->bo\", x, w, y)",
  geqrf: "qr(a) of std/linalg", tensorsolve: "solve(a, b) of std/linalg", tensorinv: "inverse(a) of std/linalg", irfft2: "ifft2(re, im) of std/fft",
  rfftn: "fft2(re, im) of std/fft",
  // networks
  linear: "dense(x, w, bias) of std/nn", mse_loss: "mse(prediction, target) of std/nn", l1_loss: "l1(prediction, target) of std/nn",
  smooth_l1_loss: "huber(prediction, target) of std/nn", huber_loss: "huber(prediction, target) of std/nn", nll_loss: "nll(log_probabilities, labels) of std/nn",
  bce_with_logits: "binary_cross_entropy(logits, target) of std/nn", bce: "binary_cross_entropy(logits, target) of std/nn",
  scaled_dot_product_attention: "attention(q, k, v) of std/nn", multi_head_attention: "attention(q, k, v) of std/nn", upsample: "resize2d(x, height, width) of std/images",
  clip_grad_norm: "clip_norm(gradient, most) of std/optim", clip_grad_norm_: "clip_norm(gradient, most) of std/optim", gradient: "grad(loss, x)",
  binary_cross_entropy_with_logits: "binary_cross_entropy(logits, target) of std/nn", ctc_loss: "ctc(log_probabilities, labels) of std/nn",
  kl_div: "kl_divergence(log_probabilities, target) of std/nn", gaussian_nll_loss: "gaussian_nll(prediction, target, variance) of std/nn",
  poisson_nll_loss: "poisson_nll(log_rate, target) of std/nn", triplet_margin_loss: "triplet_margin(anchor, positive, negative) of std/nn",
  cosine_embedding_loss: "cosine_similarity(a, b) of std/nn", margin_ranking_loss: "mean(max(0, margin - target * (a - b)))",
  hinge_embedding_loss: "mean(select(target > 0, x, max(0, margin - x)))", soft_margin_loss: "mean(log1p(exp(-target * x)))",
  multi_margin_loss: "mean(max(0, margin - right + x))", multilabel_soft_margin_loss: "binary_cross_entropy(logits, target) of std/nn",
  dropout2d: "dropout(x, rate, seed, step) of std/nn", alpha_dropout: "dropout(x, rate, seed, step) of std/nn", embedding_bag: "sum(table[indices], axis = -2)",
  gumbel_softmax: "categorical(logits, seed, stream) of std/random", max_unpool2d: "the gradient of max_pool2d(x, window) of std/nn",
  adaptive_max_pool2d: "max_pool2d(x, window) of std/nn", lp_pool2d: "avg_pool2d(x, window) of std/nn", sequence_mask: "iota<i32>(n) < lengths.expand(1)",
  pool: "max_pool2d(x, window) of std/nn", quantize_per_tensor: "quantize(x, scale) of std/quantised",
  fake_quantize_per_tensor_affine: "fake_quantize(x, scale) of std/quantised",
  // random numbers
  randn: "normal(seed, stream, shape) of std/random", rand: "uniform(seed, stream, shape) of std/random", random: "uniform(seed, stream, shape) of std/random",
  randperm: "permutation(seed, stream) of std/random", multinomial: "categorical(logits, seed, stream) of std/random",
  standard_normal: "normal(seed, stream, shape) of std/random", integers: "randint(seed, stream, low, high) of std/random",
  rand_like: "uniform(seed, stream, x.shape) of std/random", choice: "categorical(logits, seed, stream) of std/random",
  permuted: "shuffle(x, seed, stream) of std/random", xavier_uniform: "glorot_uniform(seed, stream) of std/random",
  xavier_normal: "glorot_normal(seed, stream) of std/random", kaiming_uniform: "he_uniform(seed, stream) of std/random",
  kaiming_normal: "he_normal(seed, stream) of std/random", trunc_normal: "truncated_normal(seed, stream) of std/random", gumbel: "-log(-log(u)) of uniform numbers u",
  laplace: "-sign(u) * log1p(-abs(u)) of numbers u from -1 to 1", lognormal: "the exponential of normal(seed, stream, shape) of std/random",
  cauchy: "tan(u) of uniform angles u",
  // PopLibs
  nonLinearity: "relu(x) of std/nn", reduceMany: "sum(x, axis)", swapElements: "x[::-1]", multiSlice: "gather(x, indices)",
  multiUpdate: "scatter_update(x, indices, updates)", multiUpdateAdd: "scatter_add(x, indices, updates)", multiUpdateMax: "scatter_max(x, indices, updates)",
  selectScalarFromRows: "pick(x, indices)", updateScalarInRows: "scatter_update_along(x, indices, updates)", encodeOneHot: "one_hot(x, classes)",
  scaledAddTo: "a + scale * b", scaledSubtractFrom: "a - scale * b", addTo: "the statement a += b", sortKeyValue: "take_along(values, argsort(keys))",
  matMulGrouped: "a @ b", matMulAcc: "c + a @ b", sparseDenseMatMul: "sparse_matmul(values, columns, starts, b) of std/sparse",
  calcAccuracy: "mean(f32(argmax(logits) == labels))", convolution: "conv2d(x, filters) of std/nn", fullyConnected: "dense(x, w, bias) of std/nn",
  lstmFwd: "lstm(x, start, cell, wx, wh, bias) of std/nn", gruFwd: "gru(x, start, wx, wh, bx, bh) of std/nn",
  batchNormalise: "batch_norm(x, gain, bias, average, variance) of std/nn", groupNormalise: "group_norm(x, gain, bias, groups) of std/nn",
  pooling: "max_pool2d(x, window) of std/nn", globalMax: "global_max_pool(x) of std/nn", triangularMask: "tril(x)", nanToNum: "select(is_finite(x), x, 0)",
  sequenceSlice: "dynamic_slice(x, start, length)", flipSpatialDimension: "reverse(x, axis)", ctcLoss: "ctc(log_probabilities, labels) of std/nn",
  normaliseImage: "(x - average) * scale", embeddingSlice: "gather(table, indices)", spatialSoftMax: "softmax(x, axis = -1) of std/nn",
  logUniform: "the exponential of uniform(seed, stream, shape) of std/random",
  // control
  fori_loop: "the statement `repeat n { }`", while_loop: "the statement `while condition { }`", scan: "the statement `repeat n { }`",
  vmap: "a dimension more, which broadcasts,", print_tensor: "the statement `print(x);`",
};

const shapeOfValues = "every shape is known when compiling, and this one would depend on values: select(mask, x, 0) and sort(x) keep the shape of x";
const noComplex = "there is no complex dtype: real and imaginary parts are two tensors, and atan2(im, re) is the angle";
const filesOutside = "files are read and written by what runs a program: gph run --in x=x.npy --out y=y.npy";
const seedsInCalls = "random numbers take their seed with each call: uniform(seed, stream, shape) of std/random";

/** What nothing does here, and why. */
const reasons: { readonly [name: string]: string } = {
  nonzero: shapeOfValues, argwhere: shapeOfValues, flatnonzero: shapeOfValues, masked_select: shapeOfValues, compress: shapeOfValues, extract: shapeOfValues, unique: shapeOfValues,
  unique_consecutive: shapeOfValues, unique_values: shapeOfValues, unique_counts: shapeOfValues, unique_inverse: shapeOfValues, union1d: shapeOfValues, intersect1d: shapeOfValues,
  setdiff1d: shapeOfValues, setxor1d: shapeOfValues, trim_zeros: shapeOfValues, dynamic_partition: shapeOfValues,
  real: noComplex, imag: noComplex, conj: noComplex, conjugate: noComplex, angle: noComplex, complex: noComplex, polar: noComplex, view_as_real: noComplex, view_as_complex: noComplex,
  save: filesOutside, load: filesOutside, savetxt: filesOutside, loadtxt: filesOutside, savez: filesOutside, fromfile: filesOutside,
  seed: seedsInCalls, setSeed: seedsInCalls, manual_seed: seedsInCalls,
};

const own = (table: { readonly [name: string]: string }, name: string): string | undefined => (Object.hasOwn(table, name) ? table[name] : undefined);

/** What does here what another library calls so; undefined for names no one has. */
export const otherName = (name: string): string | undefined => own(names, name);

/** Why nothing here does what another library calls so. */
export const reasonWithout = (name: string): string | undefined => own(reasons, name);

/** All of them. */
export const otherNames: readonly (readonly [name: string, here: string])[] = Object.entries(names);
export const reasonsWithout: readonly (readonly [name: string, why: string])[] = Object.entries(reasons);
