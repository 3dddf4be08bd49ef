/**
 * The best that is known for rows of this benchmark, in C: the same formulas as compiler/kernel/passes/math-formulas*.ts, in
 * vectors of 128 bits with 16 registers, which is what an engine has, compiled by gcc where there is one (native.ts). Each
 * function has its operands, then its results, then sizes. Inside of a formula, and in sums of products, a product and a sum
 * are one operation (`fused`); elsewhere each is rounded for itself, as the language wants it. So many vectors at once as
 * was fastest of 1, 2, 4 and 8; gcc orders their operations.
 */
#include "native-formulas.h"

/** Whether the processor has what this is compiled for. */
int supported(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

INLINE float largest(Floats x) {
  x = _mm_max_ps(x, _mm_movehl_ps(x, x));
  return fmaxf(x[0], x[1]);
}

// ---- functions of each element ----

INLINE Floats tanh_chain_of(Floats x) { return tanh_of(x * f(0.5f) + f(1)) * f(2) - x; }
INLINE Floats erf_of(Floats x) {
  Floats a = _mm_min_ps(size(x), f(3.93f)), square = a * a;
  Floats exponent = -(a * POLYNOMIAL(a, 1.1285101175308228f, 0.6357329487800598f, 0.10524198412895203f, -0.022876907140016556f, 0.0032107895240187645f, -0.00021346918947529048f));
  Floats big = f(1) - exp_in_range(exponent);
  Floats small = fused(x, POLYNOMIAL(square, 0.128379225730896f, -0.37612634897232056f, 0.11283701658248901f, -0.026859702542424202f, 0.0052017164416611195f, -0.0008149808272719383f, 8.397804776905105e-5f), x);
  return choose(_mm_cmplt_ps(a, f(0.921875f)), small, with_sign(x, big));
}
INLINE Floats gelu_of(Floats x) { return x * f(0.5f) * (f(1) + erf_of(x * f(0.70710678f))); }

// ---- trigonometric functions and powers ----

INLINE Floats sin_of(Floats x) {
  Floats shifted = fused(x, f(0.6366197466850281f), f(12582912));
  Floats n = shifted - f(12582912);
  Ints bits = (Ints)shifted;
  Floats exact = minus(minus(x, n, f(1.5703125f)), n, f(0.0004837512969970703f));
  Floats small = n * f(7.549533620476723e-8f);
  Floats r = exact - small, low = minus(exact - r - small, n, f(2.5633440682570896e-12f)), square = r * r;
  Floats sine = r + fused(r * square, POLYNOMIAL(square, -0.16666655242443085f, 0.008332176133990288f, -0.00019516977772582322f), low);
  Floats halved = square * f(0.5f), leading = f(1) - halved;
  Floats cosine = leading + (f(1) - leading - halved + fused(square * square, POLYNOMIAL(square, 0.04166664555668831f, -0.0013887364184483886f, 2.443809171381872e-5f), -(r * low)));
  Floats even = (Floats)_mm_cmpeq_epi32(_mm_and_si128(bits, i(1)), i(0));
  Floats value = _mm_xor_ps(choose(even, sine, cosine), (Floats)_mm_slli_epi32(_mm_and_si128(bits, i(2)), 30));
  value = choose(_mm_cmpeq_ps(x, f(0)), x, value);
  if (_mm_movemask_ps(_mm_cmpgt_ps(size(x), f(12800)))) EACH(k, 4) if (fabsf(x[k]) > 12800) value[k] = sinf(x[k]);
  return value;
}

/** Bits of a float that are dropped so that products with another are exact. */
INLINE Floats short_of(Floats x) { return _mm_and_ps(x, (Floats)i(-4096)); }

/** x^y in sums of two numbers, as math-formulas-power-pairs.ts has it: by products that are exact, since not every machine fuses. */
INLINE Floats pow_of(Floats x, float y) {
  Floats a = size(x), tiny = _mm_cmplt_ps(a, f(1.1754943508222875e-38f));
  Ints bits = (Ints)choose(tiny, a * f(8388608), a);
  Ints exponent = _mm_srai_epi32(add(bits, i(4913933)), 23);
  Floats part = (Floats)add(sub(bits, _mm_slli_epi32(exponent, 23)), i(0x3f800000)) - f(1);
  Floats e = (Floats)_mm_or_si128(exponent, i(1258291200)) - choose(tiny, f(8388758), f(8388735));
  Floats sum = part + f(2), sum_high = short_of(sum), inverse = f(1) / sum, s = part * inverse, high = short_of(s);
  Floats low = (part - high * sum_high - high * (part - (sum_high - f(2)))) * inverse;
  Floats square = s * s, high_square = high * high;
  Floats rest = fused(square * square, POLYNOMIAL(square, 0.6000022888183594f, 0.42820701003074646f, 0.3512786328792572f), low * (high + s));
  Floats series_high = short_of(high_square + f(3) + rest), series_low = rest - (series_high - f(3) - high_square);
  Floats product = high * series_high, product_rest = fused(low, series_high, series_low * s), product_high = short_of(product + product_rest);
  Floats log_high = product_high * f(0.961669921875f);
  Floats log_low = fused(product_high, f(0.00012677205086220056f), (product_rest - (product_high - product)) * f(0.9617967009544373f));
  Floats logarithm = short_of(log_high + log_low + e), log_rest = log_low - (logarithm - e - log_high);
  Floats times = f(y), times_high = short_of(times);
  Floats ordinary = _mm_and_ps(_mm_cmpgt_ps(a, f(0)), _mm_cmplt_ps(a, f(INFINITY)));
  Floats whole = choose(ordinary, times_high * logarithm, times * choose(_mm_cmpeq_ps(a, f(0)), f(-INFINITY), a));
  Floats inside = _mm_max_ps(_mm_min_ps(f(160), whole), f(-160));
  Floats added = _mm_and_ps(_mm_cmplt_ps(size(whole), f(160)), fused(times - times_high, logarithm, times * log_rest));
  Floats shifted = inside + f(12582912);
  Floats r = (inside - (shifted - f(12582912)) + added) * f(0.6931471824645996f);
  Floats power = scale_by_power(exp_of_reduced(r), (Ints)shifted);
  Floats broken = _mm_and_ps(_mm_cmplt_ps(x, f(0)), _mm_cmpgt_ps(x, f(-INFINITY)));
  return _mm_or_ps(broken, power);
}
INLINE Floats power_of(Floats x) { return pow_of(size(x), 2.3f); }
INLINE Floats axpy_of(Floats x) { return _mm_max_ps(f(0), (x * f(0.5f) + f(1)) * x - f(0.25f)); }

/** y = function(x), `at_once` vectors at a time. */
#define MAP(name, function, at_once)                                 \
  void name(const float *x, float *y, int count) {                   \
    for (int k = 0; k < count; k += 4 * at_once) {                    \
      Floats values[at_once];                                         \
      EACH(v, at_once) values[v] = function(load(x + k + 4 * v));     \
      EACH(v, at_once) store(y + k + 4 * v, values[v]);               \
    }                                                                 \
  }

MAP(exponential, exp_any, 4)
MAP(sigmoid, sigmoid_of, 4)
MAP(tanh_chain, tanh_chain_of, 4)
MAP(gelu, gelu_of, 4)
MAP(sine, sin_of, 4)
MAP(power, power_of, 4)
MAP(axpy_chain, axpy_of, 4)

// ---- rows ----

INLINE float row_largest(const float *x, int width) {
  Floats most[4] = {f(-INFINITY), f(-INFINITY), f(-INFINITY), f(-INFINITY)};
  for (int k = 0; k < width; k += 16) EACH(v, 4) most[v] = _mm_max_ps(most[v], load(x + k + 4 * v));
  return largest(_mm_max_ps(_mm_max_ps(most[0], most[1]), _mm_max_ps(most[2], most[3])));
}
/** Sum of e^(x - most), each of which is stored if y is not null. */
INLINE float row_exponentials(const float *x, float *y, float most, int width) {
  Floats sums[4] = {f(0), f(0), f(0), f(0)};
  for (int k = 0; k < width; k += 16) EACH(v, 4) {
    Floats e = exp_below(_mm_min_ps(f(0), load(x + k + 4 * v) - f(most)));
    if (y) store(y + k + 4 * v, e);
    sums[v] += e;
  }
  return total(sums[0] + sums[1] + (sums[2] + sums[3]));
}
void softmax(const float *x, float *y, int rows, int width) {
  EACH(row, rows) {
    float scale = 1 / row_exponentials(x, y, row_largest(x, width), width);
    for (int k = 0; k < width; k += 16) EACH(v, 4) store(y + k + 4 * v, load(y + k + 4 * v) * f(scale));
    x += width, y += width;
  }
}
void cross_entropy(const float *x, const int *labels, float *y, int rows, int width) {
  float sum = 0;
  EACH(row, rows) {
    float most = row_largest(x, width);
    sum += most + logf(row_exponentials(x, 0, most, width)) - x[labels[row]];
    x += width;
  }
  *y = sum / rows;
}

INLINE Floats four(const Floats *sums) { return sums[0] + sums[1] + (sums[2] + sums[3]); }
INLINE float row_sum(const float *x, int width) {
  Floats sums[4] = {f(0), f(0), f(0), f(0)};
  for (int k = 0; k < width; k += 16) EACH(v, 4) sums[v] += load(x + k + 4 * v);
  return total(four(sums));
}
void row_means(const float *x, float *y, int rows, int width) {
  EACH(row, rows) y[row] = row_sum(x + (long)row * width, width) / width;
}
INLINE float row_squares(const float *x, float mean, int width) {
  Floats sums[4] = {f(0), f(0), f(0), f(0)};
  for (int k = 0; k < width; k += 16) EACH(v, 4) {
    Floats deviation = load(x + k + 4 * v) - f(mean);
    sums[v] = fused(deviation, deviation, sums[v]);
  }
  return total(four(sums));
}
void layer_norm(const float *x, float *y, int rows, int width) {
  static float weight[8192], bias[8192];
  EACH(k, width) weight[k] = 1, bias[k] = 0;
  EACH(row, rows) {
    float mean = row_sum(x, width) / width, scale = 1 / sqrtf(row_squares(x, mean, width) / width + 1e-5f);
    for (int k = 0; k < width; k += 4) store(y + k, (load(x + k) - f(mean)) * f(scale) * load(weight + k) + load(bias + k));
    x += width, y += width;
  }
}
void rms_norm(const float *x, float *y, int rows, int width) {
  static float weight[8192];
  EACH(k, width) weight[k] = 1;
  EACH(row, rows) {
    float scale = 1 / sqrtf(row_squares(x, 0, width) / width + 1e-5f);
    for (int k = 0; k < width; k += 4) store(y + k, load(x + k) * f(scale) * load(weight + k));
    x += width, y += width;
  }
}
/** Groups of so many runs, each `apart` elements after the other: mean 0 and variance 1. Groups follow each other. */
INLINE void normalise(const float *x, float *y, int runs, int run, int apart) {
  float sum = 0, squares = 0;
  EACH(k, runs) sum += row_sum(x + (long)k * apart, run);
  float mean = sum / ((float)runs * run);
  EACH(k, runs) squares += row_squares(x + (long)k * apart, mean, run);
  float scale = 1 / sqrtf(squares / ((float)runs * run) + 1e-5f);
  EACH(k, runs) {
    const float *from = x + (long)k * apart;
    float *to = y + (long)k * apart;
    for (int j = 0; j < run; j += 4) store(to + j, (load(from + j) - f(mean)) * f(scale) * f(1) + f(0));
  }
}
void group_norm(const float *x, float *y, int groups, int length) {
  EACH(k, groups) normalise(x + (long)k * length, y + (long)k * length, 1, length, 0);
}
void batch_norm(const float *x, float *y, int images, int channels, int area) {
  EACH(c, channels) normalise(x + c * area, y + c * area, images, area, channels * area);
}

// ---- an optimiser, casts, moves ----

void adam(float *w, const float *gradient, float *first, float *second, const int *step, int count) {
  Floats c1 = f(1 / (1 - powf(0.9f, (float)*step))), c2 = f(1 / sqrtf(1 - powf(0.999f, (float)*step)));
  for (int k = 0; k < count; k += 4) {
    Floats g = load(gradient + k);
    Floats m = f(0.9f) * load(first + k) + f(0.1f) * g, v = f(0.999f) * load(second + k) + f(0.001f) * g * g;
    store(first + k, m);
    store(second + k, v);
    store(w + k, load(w + k) - f(0.001f) * (c1 * m / (c2 * _mm_sqrt_ps(v) + f(1e-8f))));
  }
}
INLINE Ints to_ints(Floats x) {
  x = _mm_min_ps(_mm_max_ps(x, f(-128)), f(127));
  return _mm_cvttps_epi32(_mm_and_ps(x, _mm_cmpord_ps(x, x)));
}
void cast_to_i8(const float *x, signed char *y, int count) {
  for (int k = 0; k < count; k += 16) {
    Ints low = _mm_packs_epi32(to_ints(load(x + k)), to_ints(load(x + k + 4))), high = _mm_packs_epi32(to_ints(load(x + k + 8)), to_ints(load(x + k + 12)));
    _mm_storeu_si128((Ints *)(y + k), _mm_packs_epi16(low, high));
  }
}
/** Eight bytes are words of 16 bits in one load, which are words of 32 by one more instruction, the upper ones by two. */
void cast_from_i8(const signed char *x, float *y, int count) {
  for (int k = 0; k < count; k += 16) EACH(half, 2) {
    Ints eight = _mm_cvtepi8_epi16(_mm_loadu_si64(x + k + 8 * half));
    store(y + k + 8 * half, _mm_cvtepi32_ps(_mm_cvtepi16_epi32(eight)));
    store(y + k + 8 * half + 4, _mm_cvtepi32_ps(_mm_cvtepi16_epi32(_mm_srli_si128(eight, 8))));
  }
}

INLINE void copy(const float *from, float *to, int count) {
  for (int k = 0; k < count; k += 16) EACH(v, 4) store(to + k + 4 * v, load(from + k + 4 * v));
}
/** y[b, h, s] = x[b, s, h], rows of `width` elements. */
void permute_heads(const float *x, float *y, int batches, int length, int heads, int width) {
  EACH(b, batches) for (int s = 0; s < length; s++) EACH(h, heads) {
    copy(x, y + (((long)b * heads + h) * length + s) * width, width);
    x += width;
  }
}
void concat_columns(const float *left, const float *right, float *y, int rows, int half) {
  for (int row = 0; row < rows; row++, left += half, right += half, y += 2 * half) copy(left, y, half), copy(right, y + half, half);
}

// ---- random numbers ----

typedef struct { Ints words[4]; } Words;

/** Upper words of products of unsigned words: products of 64 bits of words side by side, of which each second word is moved. */
INLINE Ints upper_words(Ints a, Ints factor) {
  Ints low = _mm_mul_epu32(_mm_unpacklo_epi32(a, a), factor), high = _mm_mul_epu32(_mm_unpackhi_epi32(a, a), factor);
  const Ints to_lower = _mm_setr_epi8(4, 5, 6, 7, 12, 13, 14, 15, -1, -1, -1, -1, -1, -1, -1, -1), to_upper = _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, 4, 5, 6, 7, 12, 13, 14, 15);
  return _mm_or_si128(_mm_shuffle_epi8(low, to_lower), _mm_shuffle_epi8(high, to_upper));
}
/** Philox4x32-10 of four counters, in vectors of one word each. */
INLINE Words philox_four(int counter, unsigned seed, unsigned step) {
  Ints a = add(i(counter), _mm_setr_epi32(0, 1, 2, 3)), b = i(0), c = i(step), d = i(0);
  unsigned k0 = seed, k1 = 0;
  EACH(round, 10) {
    const Ints first = i(0xd2511f53), second = i(0xcd9e8d57);
    Ints p = upper_words(a, first), q = upper_words(c, second), p_low = _mm_mullo_epi32(a, first), q_low = _mm_mullo_epi32(c, second);
    a = _mm_xor_si128(q, _mm_xor_si128(b, i(k0)));
    c = _mm_xor_si128(p, _mm_xor_si128(d, i(k1)));
    b = q_low, d = p_low;
    k0 += 0x9e3779b9, k1 += 0xbb67ae85;
  }
  return (Words){{a, b, c, d}};
}
INLINE Floats to_uniform(Ints word) { return _mm_cvtepi32_ps(_mm_srli_epi32(word, 8)) * f(0x1p-24f); }
/** What four words give of each of four counters, counter after counter: pairs between each other, without a shuffle of two vectors. */
INLINE Ints pairs(Floats a, Floats b, int upper) {
  Ints p = upper ? _mm_shuffle_epi32((Ints)a, 0xfa) : _mm_shuffle_epi32((Ints)a, 0x50), q = upper ? _mm_shuffle_epi32((Ints)b, 0xfa) : _mm_shuffle_epi32((Ints)b, 0x50);
  return _mm_blend_epi16(p, q, 0xcc);
}
INLINE void store_halves(float *low, float *high, Ints value) { _mm_storel_pd((double *)low, (__m128d)value), _mm_storeh_pd((double *)high, (__m128d)value); }
INLINE void store_turned(float *y, Floats a, Floats b, Floats c, Floats d) {
  store_halves(y, y + 4, pairs(a, b, 0)), store_halves(y + 2, y + 6, pairs(c, d, 0));
  store_halves(y + 8, y + 12, pairs(a, b, 1)), store_halves(y + 10, y + 14, pairs(c, d, 1));
}
INLINE void uniforms(Words all, float *y) { store_turned(y, to_uniform(all.words[0]), to_uniform(all.words[1]), to_uniform(all.words[2]), to_uniform(all.words[3])); }
/** Groups of four counters at once. */
#define GROUPS 4
void uniform(const int *step, const float *x, float *y, int count) {
  for (int k = 0; k < count; k += 16 * GROUPS) {
    Words all[GROUPS];
    EACH(g, GROUPS) all[g] = philox_four(k / 4 + 4 * g, 7, *step);
    EACH(g, GROUPS) uniforms(all[g], y + k + 16 * g);
  }
}
void dropout(const int *step, const float *x, float *y, int count) {
  for (int k = 0; k < count; k += 16 * GROUPS) {
    Words all[GROUPS];
    float drawn[16 * GROUPS];
    EACH(g, GROUPS) all[g] = philox_four(k / 4 + 4 * g, 7, *step);
    EACH(g, GROUPS) uniforms(all[g], drawn + 16 * g);
    EACH(v, 4 * GROUPS) store(y + k + 4 * v, _mm_andnot_ps(_mm_cmplt_ps(load(drawn + 4 * v), f(0.25f)), load(x + k + 4 * v) / f(0.75f)));
  }
}
/** ln x of (w + 1) / 2^32, w a word: near 1 by what it is below 1. */
INLINE Floats log_of_unit(Ints word) {
  Floats upper = (Floats)word, below = _mm_cvtepi32_ps(add(word, i(1))) * f(0x1p-32f);
  Floats unit = choose(upper, below + f(1), (_mm_cvtepi32_ps(word) + f(1)) * f(0x1p-32f));
  Ints bits = (Ints)unit, exponent = _mm_srai_epi32(add(bits, i(4913933)), 23);
  Floats part = (Floats)add(sub(bits, _mm_slli_epi32(exponent, 23)), i(0x3f800000)) - f(1);
  Floats e = (Floats)_mm_or_si128(exponent, i(1258291200)) - f(8388735);
  part = choose(_mm_and_ps((Floats)_mm_srai_epi32(word, 31), _mm_cmpeq_ps(e, f(0))), below, part);
  Floats square = part * part;
  Floats tail = POLYNOMIAL(part, 0.3333331048488617f, -0.24999986588954926f, 0.20002226531505585f, -0.16669249534606934f, 0.14218655228614807f,
                           -0.12384367734193802f, 0.11873020976781845f, -0.11789712309837341f, 0.06915155798196793f);
  return fused(e, f(0.693145751953125f), fused(-f(0.5f), square, fused(square * part, tail, e * f(1.428606765330187e-6f))) + part);
}
INLINE void normal_pair(Ints first, Ints second, Floats *one, Floats *other) {
  Floats radius = _mm_sqrt_ps(f(-2) * log_of_unit(first));
  second = add(second, i(1));
  Ints quarter = _mm_srli_epi32(add(second, i(536870912)), 30);
  Floats rest = _mm_cvtepi32_ps(sub(second, _mm_slli_epi32(quarter, 30))) * f(1.4629180792671596e-9f), square = rest * rest;
  Floats sine = fused(rest * square, POLYNOMIAL(square, -0.16666655242443085f, 0.008332176133990288f, -0.00019516977772582322f), rest);
  Floats cosine = fused(square * square, POLYNOMIAL(square, 0.04166664555668831f, -0.0013887364184483886f, 2.443809171381872e-5f), minus(f(1), f(0.5f), square));
  Floats even = (Floats)_mm_cmpeq_epi32(_mm_and_si128(quarter, i(1)), i(0));
  Ints next = add(quarter, i(1));
  *one = radius * _mm_xor_ps(choose(even, cosine, sine), (Floats)_mm_slli_epi32(_mm_and_si128(next, i(2)), 30));
  *other = radius * _mm_xor_ps(choose(even, sine, cosine), (Floats)_mm_slli_epi32(_mm_and_si128(quarter, i(2)), 30));
}
void normal(const int *step, const float *x, float *y, int count) {
  for (int k = 0; k < count; k += 16 * GROUPS) {
    Words all[GROUPS];
    EACH(g, GROUPS) all[g] = philox_four(k / 4 + 4 * g, 7, *step);
    EACH(g, GROUPS) {
      Floats a, b, c, d;
      normal_pair(all[g].words[0], all[g].words[1], &a, &b);
      normal_pair(all[g].words[2], all[g].words[3], &c, &d);
      store_turned(y + k + 16 * g, a, b, c, d);
    }
  }
}
