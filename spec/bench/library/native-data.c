/**
 * The best that is known, in C, for what moves, picks, sorts or transforms elements: the same ways as those of compiler/ops, in
 * vectors of 128 bits, and with nothing that WebAssembly has no instruction for. Compiled and called as native.c is.
 */
#include <stdint.h>
#include <string.h>
#include <immintrin.h>

typedef __m128 Floats;
typedef __m128i Ints;

#define EACH(k, n) _Pragma("GCC unroll 16") for (int k = 0; k < (n); k++)
#define INLINE static inline __attribute__((always_inline))

INLINE Floats load(const float *x) { return _mm_loadu_ps(x); }
INLINE void store(float *y, Floats value) { _mm_storeu_ps(y, value); }
INLINE Ints load_ints(const int *x) { return _mm_loadu_si128((const Ints *)x); }
INLINE void store_ints(int *y, Ints value) { _mm_storeu_si128((Ints *)y, value); }
INLINE Ints i(int x) { return _mm_set1_epi32(x); }

// ---- the K largest of rows of N ----

enum { N = 1024, K = 8, GROUPS = 2 * K };

/** Signed numbers in the elements' order: NaN above all, -0 as 0. */
INLINE Ints keys_of(Floats x) {
  Ints bits = (Ints)x, order = _mm_xor_si128(bits, _mm_and_si128(_mm_srai_epi32(bits, 31), i(INT32_MAX)));
  order = _mm_sub_epi32(order, _mm_cmpeq_epi32(order, i(-1)));
  return (Ints)_mm_blendv_ps((Floats)order, (Floats)i(INT32_MAX), _mm_cmpunord_ps(x, x));
}
/** Fills the keys; no more than the K-th of them: that of the largest of groups, which are in the lanes of vectors. */
INLINE int bound_of(const float *x, int *key) {
  Ints most[GROUPS / 4], smaller[GROUPS / 4];
  int group[GROUPS], count[GROUPS], found = INT32_MIN;
  EACH(g, GROUPS / 4) most[g] = i(INT32_MIN), smaller[g] = i(0);
  for (int k = 0; k < N; k += GROUPS) EACH(g, GROUPS / 4) {
    Ints own = keys_of(load(x + k + 4 * g));
    store_ints(key + k + 4 * g, own);
    most[g] = _mm_max_epi32(most[g], own);
  }
  EACH(g, GROUPS / 4) store_ints(group + 4 * g, most[g]);
  for (int k = 0; k < GROUPS; k++) EACH(g, GROUPS / 4) smaller[g] = _mm_sub_epi32(smaller[g], _mm_cmpgt_epi32(most[g], i(group[k])));
  EACH(g, GROUPS / 4) store_ints(count + 4 * g, smaller[g]);
  for (int k = 0; k < GROUPS; k++)
    if (count[k] >= GROUPS - K && (found == INT32_MIN || group[k] < found)) found = group[k];
  return found;
}
/** The few elements that are no less find their ranks by being compared with all of them. */
INLINE void largest_of_row(const float *x, float *values, int *places) {
  static int key[N], from[N], own[N + 4], rank[N + 4], ranked[N + 4];
  Ints bound = i(bound_of(x, key));
  int count = 0;
  for (int k = 0; k < N; k += 16) {
    unsigned below = 0;
    EACH(h, 4) below |= (unsigned)_mm_movemask_ps((Floats)_mm_cmpgt_epi32(bound, load_ints(key + k + 4 * h))) << (4 * h);
    for (unsigned mask = ~below & 0xffff; mask; mask &= mask - 1) from[count++] = k + __builtin_ctz(mask);
  }
  for (int k = 0; k < count; k++) own[k] = key[from[k]];
  for (int k = 0; k < count; k += 4) {
    Ints mine = load_ints(own + k), before = i(0), place = _mm_add_epi32(i(k), _mm_setr_epi32(0, 1, 2, 3));
    for (int j = 0; j < count; j++) {
      Ints other = i(own[j]), tied = _mm_and_si128(_mm_cmpeq_epi32(other, mine), _mm_cmpgt_epi32(place, i(j)));
      before = _mm_sub_epi32(before, _mm_or_si128(_mm_cmpgt_epi32(other, mine), tied));
    }
    store_ints(rank + k, before);
  }
  for (int k = 0; k < count; k++) ranked[rank[k]] = from[k];
  for (int k = 0; k < K; k++) places[k] = ranked[k], values[k] = x[ranked[k]];
}
void top_k(const float *x, float *values, int *places, int rows) {
  for (int row = 0; row < rows; row++) largest_of_row(x + row * N, values + row * K, places + row * K);
}

// ---- pools of windows of 2 × 2, and their gradients ----

/** Elements by words of one vector: what WebAssembly's swizzle does. */
#define WORDS(v, a, b, c, d) ((Floats)_mm_shuffle_epi32((Ints)(v), _MM_SHUFFLE(d, c, b, a)))
INLINE Floats swapped(Floats v) { return WORDS(v, 1, 0, 3, 2); }

/** Two vectors of pairs as their first elements and their second ones, without a shuffle of both. */
INLINE Floats halves(const float *x, const float *z) { return (Floats)_mm_loadh_pi(_mm_castpd_ps(_mm_load_sd((const double *)x)), (const __m64 *)z); }
#define FIRSTS(p, q) _mm_blend_ps(p, (Floats)_mm_slli_epi64((Ints)(q), 32), 10)
#define SECONDS(p, q) _mm_blend_ps((Floats)_mm_srli_epi64((Ints)(p), 32), q, 10)

/** The larger; NaN if one is, and 0 rather than -0. */
INLINE Floats larger(Floats a, Floats b) {
  Floats one = _mm_max_ps(a, b), other = _mm_max_ps(b, a);
  return _mm_or_ps(one, other) - _mm_xor_ps(one, other);
}
void max_pool(const float *x, float *y, int rows, int width) {
  for (int row = 0; row < rows; row++, x += 4 * width) for (int k = 0; k < width; k += 4, y += 4) {
    Floats p = larger(halves(x + 2 * k, x + 2 * k + 4), halves(x + 2 * width + 2 * k, x + 2 * width + 2 * k + 4));
    Floats q = larger(halves(x + 2 * k + 2, x + 2 * k + 6), halves(x + 2 * width + 2 * k + 2, x + 2 * width + 2 * k + 6));
    store(y, larger(FIRSTS(p, q), SECONDS(p, q)));
  }
}

/** Two windows, of which rows a and b are; their largest ones take what belongs to them, the first of equals, if none is NaN. */
INLINE void give_two(Floats a, Floats b, Floats y, float *above, float *below) {
  const Floats seconds = (Floats)_mm_setr_epi32(0, -1, 0, -1);
  Floats most = _mm_max_ps(a, b);
  most = _mm_max_ps(most, swapped(most));
  Floats in_a = _mm_cmpeq_ps(a, most), in_b = _mm_andnot_ps(_mm_or_ps(in_a, swapped(in_a)), _mm_cmpeq_ps(b, most));
  store(above, _mm_and_ps(_mm_andnot_ps(_mm_and_ps(swapped(in_a), seconds), in_a), y) + _mm_setzero_ps());
  store(below, _mm_and_ps(_mm_andnot_ps(_mm_and_ps(swapped(in_b), seconds), in_b), y) + _mm_setzero_ps());
}
static void give_with_nan(const float *x, const float *z, float y, float *above, float *below) {
  float all[4] = {x[0], x[1], z[0], z[1]};
  int best = 0;
  for (int k = 1; k < 4; k++) if (all[best] == all[best] && !(all[best] >= all[k])) best = k;
  above[0] = above[1] = below[0] = below[1] = 0;
  (best < 2 ? above : below)[best & 1] = y + 0.0f;
}
void max_pool_back(const float *x, const float *y, float *result, int rows, int width) {
  for (int row = 0; row < rows; row++, x += 4 * width, result += 4 * width, y += width) for (int k = 0; k < width; k += 4) {
    const float *above = x + 2 * k, *below = above + 2 * width;
    float *to = result + 2 * k;
    Floats a = load(above), b = load(below), c = load(above + 4), d = load(below + 4), own = load(y + k);
    if (__builtin_expect(_mm_movemask_ps(_mm_or_ps(_mm_cmpunord_ps(a, b), _mm_cmpunord_ps(c, d))), 0)) {
      for (int w = 0; w < 4; w++) give_with_nan(above + 2 * w, below + 2 * w, y[k + w], to + 2 * w, to + 2 * width + 2 * w);
      continue;
    }
    give_two(a, b, WORDS(own, 0, 0, 1, 1), to, to + 2 * width);
    give_two(c, d, WORDS(own, 2, 2, 3, 3), to + 4, to + 2 * width + 4);
  }
}
void avg_pool_back(const float *x, const float *y, float *result, int rows, int width) {
  for (int row = 0; row < rows; row++, result += 4 * width, y += width) for (int k = 0; k < width; k += 4) {
    Floats own = load(y + k) * _mm_set1_ps(0.25f) + _mm_setzero_ps();
    for (int half = 0; half < 2; half++) for (int below = 0; below < 2; below++)
      store(result + 2 * k + 2 * width * below + 4 * half, half ? WORDS(own, 2, 2, 3, 3) : WORDS(own, 0, 0, 1, 1));
  }
}
