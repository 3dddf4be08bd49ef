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
