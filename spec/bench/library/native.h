/** What the C files beside this have in common: vectors of 128 bits, with nothing that WebAssembly has no instruction for. */
#include <math.h>
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

/** Elements by words of one vector: what WebAssembly's swizzle does. */
#define WORDS(v, a, b, c, d) ((Floats)_mm_shuffle_epi32((Ints)(v), _MM_SHUFFLE(d, c, b, a)))
INLINE Floats swapped(Floats v) { return WORDS(v, 1, 0, 3, 2); }

/** Two vectors of pairs as their first elements and their second ones, without a shuffle of both. */
INLINE Floats halves(const float *x, const float *z) { return (Floats)_mm_loadh_pi(_mm_castpd_ps(_mm_load_sd((const double *)x)), (const __m64 *)z); }
#define FIRSTS(p, q) _mm_blend_ps(p, (Floats)_mm_slli_epi64((Ints)(q), 32), 10)
#define SECONDS(p, q) _mm_blend_ps((Floats)_mm_srli_epi64((Ints)(p), 32), q, 10)
/** Rows of four vectors as columns: of two each the words between each other, then the halves. */
INLINE void store_columns(float *to, Floats a, Floats b, Floats c, Floats d) {
  Floats ab = _mm_blend_ps(WORDS(a, 0, 0, 1, 1), WORDS(b, 0, 0, 1, 1), 10), cd = _mm_blend_ps(WORDS(c, 0, 0, 1, 1), WORDS(d, 0, 0, 1, 1), 10);
  Floats ef = _mm_blend_ps(WORDS(a, 2, 2, 3, 3), WORDS(b, 2, 2, 3, 3), 10), gh = _mm_blend_ps(WORDS(c, 2, 2, 3, 3), WORDS(d, 2, 2, 3, 3), 10);
  _mm_storel_pi((__m64 *)to, ab), _mm_storel_pi((__m64 *)(to + 2), cd), _mm_storeh_pi((__m64 *)(to + 4), ab), _mm_storeh_pi((__m64 *)(to + 6), cd);
  _mm_storel_pi((__m64 *)(to + 8), ef), _mm_storel_pi((__m64 *)(to + 10), gh), _mm_storeh_pi((__m64 *)(to + 12), ef), _mm_storeh_pi((__m64 *)(to + 14), gh);
}
