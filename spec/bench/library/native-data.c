/**
 * The best that is known, in C, for what moves, adds up or transforms elements: the same ways as those of compiler/ops, in
 * vectors of 128 bits, and with nothing that WebAssembly has no instruction for. Compiled and called as native.c is.
 */
#include "native.h"

// ---- reductions ----

/** Of rows that follow each other: NaN if an element is. A comparison finds those; by the integers of compiler/kernel/passes/float-extremes.ts gcc takes longer. */
void row_largest(const float *x, float *y, int rows, int width) {
  for (int row = 0; row < rows; row++, x += width) {
    Floats most[4], nan[4];
    EACH(v, 4) most[v] = load(x), nan[v] = _mm_setzero_ps();
    for (int k = 0; k < width; k += 16) EACH(v, 4) {
      Floats value = load(x + k + 4 * v);
      most[v] = _mm_max_ps(value, most[v]), nan[v] = _mm_or_ps(nan[v], _mm_cmpneq_ps(value, value));
    }
    Floats all = _mm_max_ps(_mm_max_ps(most[0], most[1]), _mm_max_ps(most[2], most[3])), any = _mm_or_ps(_mm_or_ps(nan[0], nan[1]), _mm_or_ps(nan[2], nan[3]));
    y[row] = _mm_movemask_ps(any) ? NAN : fmaxf(fmaxf(all[0], all[1]), fmaxf(all[2], all[3])) + 0.0f;
  }
}
/**
 * So many rows at a time, added to sums that stay in the nearest cache. Of 1, 2, 3, 4, 6, 8, 12 and 16 rows by 1, 2, 4 and 8
 * vectors, and of sums kept in registers along 8 to 256 rows, these were fastest.
 */
void column_sums(const float *x, float *y, int rows, int width) {
  enum { AT_ONCE = 8 };
  memset(y, 0, width * sizeof *y);
  for (int row = 0; row < rows; row += AT_ONCE, x += AT_ONCE * width) for (int k = 0; k < width; k += 8) {
    Floats sums[2];
    EACH(v, 2) sums[v] = load(y + k + 4 * v);
    EACH(r, AT_ONCE) EACH(v, 2) sums[v] += load(x + r * width + k + 4 * v);
    EACH(v, 2) store(y + k + 4 * v, sums[v]);
  }
}

// ---- pools of windows of 2 × 2, and their gradients ----

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

/** Sums of both rows first, then of neighbours. */
void avg_pool(const float *x, float *y, int rows, int width) {
  for (int row = 0; row < rows; row++, x += 4 * width) for (int k = 0; k < width; k += 4, y += 4) {
    const float *above = x + 2 * k, *below = above + 2 * width;
    Floats p = halves(above, above + 4) + halves(below, below + 4), q = halves(above + 2, above + 6) + halves(below + 2, below + 6);
    store(y, (FIRSTS(p, q) + SECONDS(p, q)) * _mm_set1_ps(0.25f));
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
/** Rows of SIDE elements as even and odd ones, with what is before the first: windows of 3 × 3 that move by two, padded by one. */
enum { SIDE = 64, OUT = SIDE / 2 };
static float evens[SIDE + 1][OUT], odds[SIDE + 1][OUT + 4], shares[OUT + 1][OUT + 4];
static int numbers[OUT + 1][OUT + 4];
INLINE void take_over(Floats element, int number, Floats *value, Ints *first) {
  Floats takes = _mm_andnot_ps(_mm_cmpge_ps(*value, element), _mm_cmpord_ps(*value, *value));
  *value = _mm_blendv_ps(*value, element, takes), *first = (Ints)_mm_blendv_ps((Floats)*first, (Floats)i(number), takes);
}
INLINE Floats share(int row, int k, int number) { return _mm_and_ps((Floats)_mm_cmpeq_epi32(load_ints(&numbers[row][k]), i(number)), load(&shares[row][k])); }
INLINE void store_between(float *y, Floats a, Floats b) {
  store(y, _mm_blend_ps(WORDS(a, 0, 0, 1, 1), WORDS(b, 0, 0, 1, 1), 10));
  store(y + 4, _mm_blend_ps(WORDS(a, 2, 2, 3, 3), WORDS(b, 2, 2, 3, 3), 10));
}
static void number_windows(const float *x) {
  const Floats none = _mm_set1_ps(-INFINITY);
  for (int k = 0; k < OUT; k += 4) store(&evens[0][k], none), store(&odds[0][k], none), store(&odds[0][k + 4], none);
  for (int row = 1; row <= SIDE; row++, x += SIDE) {
    odds[row][0] = -INFINITY;
    for (int k = 0; k < OUT; k += 4) {
      Floats p = halves(x + 2 * k, x + 2 * k + 4), q = halves(x + 2 * k + 2, x + 2 * k + 6);
      store(&evens[row][k], FIRSTS(p, q)), store(&odds[row][k + 1], SECONDS(p, q));
    }
  }
  for (int row = 0; row < OUT; row++) for (int k = 0; k < OUT; k += 4) {
    // The first element inside; padding takes over from none.
    Ints first = row == 0 ? (k == 0 ? _mm_setr_epi32(4, 3, 3, 3) : i(3)) : k == 0 ? _mm_setr_epi32(1, 0, 0, 0) : i(0);
    Floats value = none;
    EACH(u, 3) {
      take_over(load(&odds[2 * row + u][k]), 3 * u, &value, &first);
      take_over(load(&evens[2 * row + u][k]), 3 * u + 1, &value, &first);
      take_over(load(&odds[2 * row + u][k + 1]), 3 * u + 2, &value, &first);
    }
    store_ints(&numbers[row][k], first);
  }
}
void max_pool_back_3(const float *x, const float *y, float *result, int planes) {
  for (int plane = 0; plane < planes; plane++, x += SIDE * SIDE, y += OUT * OUT, result += SIDE * SIDE) {
    number_windows(x);
    for (int row = 0; row < OUT; row++) memcpy(shares[row], y + row * OUT, 4 * OUT);
    for (int row = 0; row < OUT; row++) for (int k = 0; k < OUT; k += 4) {
      float *to = result + 2 * row * SIDE + 2 * k;
      store_between(to, share(row, k, 4), share(row, k, 5) + share(row, k + 1, 3));
      store_between(to + SIDE, share(row, k, 7) + share(row + 1, k, 1), share(row, k, 8) + share(row, k + 1, 6) + (share(row + 1, k, 2) + share(row + 1, k + 1, 0)));
    }
  }
}
void avg_pool_back(const float *x, const float *y, float *result, int rows, int width) {
  for (int row = 0; row < rows; row++, result += 4 * width, y += width) for (int k = 0; k < width; k += 4) {
    Floats own = load(y + k) * _mm_set1_ps(0.25f) + _mm_setzero_ps();
    for (int half = 0; half < 2; half++) for (int below = 0; below < 2; below++)
      store(result + 2 * k + 2 * width * below + 4 * half, half ? WORDS(own, 2, 2, 3, 3) : WORDS(own, 0, 0, 1, 1));
  }
}

// ---- running sums ----

/** Four sums at once by two steps (Hillis and Steele, 1986), in words of one vector. */
INLINE Floats sums_of_four(Floats x) {
  x += (Floats)_mm_slli_si128((Ints)x, 4);
  return x + (Floats)_mm_slli_si128((Ints)x, 8);
}
/** Four rows at once: each of their sums waits for the one before. */
void cum_sum_rows(const float *x, float *y, int rows, int width) {
  for (int row = 0; row < rows; row += 4) {
    Floats carry[4] = {};
    for (int k = 0; k < width; k += 4) EACH(r, 4) {
      Floats sums = sums_of_four(load(x + (row + r) * width + k)) ;
      store(y + (row + r) * width + k, carry[r] + sums);
      carry[r] += WORDS(sums, 3, 3, 3, 3);
    }
  }
}
/**
 * In stretches of rows, which workers can share: their sums, and with what is before them each of their elements. Read once it is
 * one worker's alone, in two thirds of the time; cut along the columns, in pieces of every page, it takes a fourth more.
 */
enum { STRETCHES = 16 };
void cum_sum_columns(const float *x, float *y, int rows, int width) {
  static float before[STRETCHES][4096];
  const int length = rows / STRETCHES;
  memset(before, 0, sizeof before);
  for (int s = 1; s < STRETCHES; s++) {
    float *sum = before[s];
    for (const float *from = x + (s - 1) * length * width; from < x + s * length * width; from += 4 * width) for (int k = 0; k < width; k += 16) EACH(v, 4) {
      Floats total = load(sum + k + 4 * v);
      EACH(row, 4) total += load(from + row * width + k + 4 * v);
      store(sum + k + 4 * v, total);
    }
    for (int k = 0; k < width; k += 4) if (s > 1) store(sum + k, load(sum + k) + load(before[s - 1] + k));
  }
  for (int row = 0; row < rows; row++) {
    const float *last = row % length == 0 ? before[row / length] : y + (row - 1) * width;
    for (int k = 0; k < width; k += 16) EACH(v, 4) store(y + row * width + k + 4 * v, load(last + k + 4 * v) + load(x + row * width + k + 4 * v));
  }
}

// ---- a product of a sparse matrix and a vector ----

INLINE Floats picked(const float *b, Ints at) {
  return _mm_setr_ps(b[_mm_extract_epi32(at, 0)], b[_mm_extract_epi32(at, 1)], b[_mm_extract_epi32(at, 2)], b[_mm_extract_epi32(at, 3)]);
}
/** Columns outside are those at the end, as there. */
void sparse_product(const float *values, const int *columns, const int *starts, const float *b, float *y, int rows) {
  const Ints last = i(rows - 1);
  for (int row = 0; row < rows; row++) {
    Floats sums[4] = {};
    int k = starts[row], end = starts[row + 1];
    for (; k + 16 <= end; k += 16) EACH(v, 4)
      sums[v] = _mm_fmadd_ps(load(values + k + 4 * v), picked(b, _mm_min_epu32(load_ints(columns + k + 4 * v), last)), sums[v]);
    Floats all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    float sum = all[0] + all[1] + (all[2] + all[3]);
    for (; k < end; k++) sum += values[k] * b[(unsigned)columns[k] < (unsigned)rows ? columns[k] : rows - 1];
    y[row] = sum;
  }
}

/** Of 64 columns: so many vectors of sums at once, then the others with the same elements; all at once they are not all in registers, and take a seventh more. */
enum { ACROSS = 64, AT_ONCE = 4 };
void sparse_product_wide(const float *values, const int *columns, const int *starts, const float *b, float *y, int rows) {
  const unsigned last = rows - 1;
  for (int row = 0; row < rows; row++, y += ACROSS) for (int j = 0; j < ACROSS; j += 4 * AT_ONCE) {
    Floats sums[AT_ONCE] = {};
    for (int k = starts[row]; k < starts[row + 1]; k++) {
      const float *from = b + ((unsigned)columns[k] < last ? (unsigned)columns[k] : last) * ACROSS + j;
      const Floats value = _mm_set1_ps(values[k]);
      EACH(v, AT_ONCE) sums[v] = _mm_fmadd_ps(value, load(from + 4 * v), sums[v]);
    }
    EACH(v, AT_ONCE) store(y + j + 4 * v, sums[v]);
  }
}

// ---- fast transforms of rows, in stages that put the elements in order (Stockham, 1966) ----

typedef struct { Floats re, im; } Complex;
enum { LONGEST = 4096 };

INLINE Complex plus(Complex a, Complex b) { return (Complex){a.re + b.re, a.im + b.im}; }
INLINE Complex less(Complex a, Complex b) { return (Complex){a.re - b.re, a.im - b.im}; }
INLINE Complex times(Complex a, Complex w) { return (Complex){_mm_fmsub_ps(a.re, w.re, a.im * w.im), _mm_fmadd_ps(a.re, w.im, a.im * w.re)}; }
INLINE Complex turned(Complex a) { return (Complex){a.im, -a.re}; }
INLINE Complex at(const float *re, const float *im, int k) { return (Complex){load(re + k), load(im + k)}; }
INLINE Complex each(const float *re, const float *im, int k) { return (Complex){_mm_set1_ps(re[k]), _mm_set1_ps(im[k])}; }
INLINE void put(float *re, float *im, int k, Complex v) { store(re + k, v.re), store(im + k, v.im); }
INLINE void of_four(Complex *v) {
  Complex even = plus(v[0], v[2]), odd = plus(v[1], v[3]), gap = less(v[0], v[2]), other = turned(less(v[1], v[3]));
  v[0] = plus(even, odd), v[1] = plus(gap, other), v[2] = less(even, odd), v[3] = less(gap, other);
}
static float root_re[3 * LONGEST], root_im[3 * LONGEST];
static int rooted = 0;
/** e^(-2 pi i j p / n), j from 1 to 3, p below n / 4. */
static void make_roots(int n) {
  if (rooted == n) return;
  for (int j = 1; j < 4; j++) for (int p = 0; p < n / 4; p++) root_re[(j - 1) * n / 4 + p] = cos(-6.283185307179586 * j * p / n), root_im[(j - 1) * n / 4 + p] = sin(-6.283185307179586 * j * p / n);
  rooted = n;
}
static void first_stage(const float *re, const float *im, float *to_re, float *to_im, int n) {
  for (int p = 0; p < n / 4; p += 4) {
    Complex v[4];
    EACH(k, 4) v[k] = at(re, im, p + k * n / 4);
    of_four(v);
    EACH(k, 3) v[k + 1] = times(v[k + 1], at(root_re, root_im, k * n / 4 + p));
    store_columns(to_re + 4 * p, v[0].re, v[1].re, v[2].re, v[3].re);
    store_columns(to_im + 4 * p, v[0].im, v[1].im, v[2].im, v[3].im);
  }
}
static void next_stage(const float *re, const float *im, float *to_re, float *to_im, int n, int run) {
  const int runs = n / 4 / run;
  for (int p = 0; p < runs; p++) {
    Complex root[3];
    EACH(k, 3) root[k] = each(root_re, root_im, k * n / 4 + p * run);
    for (int q = 0; q < run; q += 4) {
      Complex v[4];
      EACH(k, 4) v[k] = at(re, im, run * (p + runs * k) + q);
      of_four(v);
      EACH(k, 3) if (runs > 1) v[k + 1] = times(v[k + 1], root[k]);
      EACH(k, 4) put(to_re, to_im, run * (4 * p + k) + q, v[k]);
    }
  }
}
static void transform(const float *re, const float *im, float *to_re, float *to_im, int n) {
  static float space[4][LONGEST + 80];
  make_roots(n);
  first_stage(re, im, space[0], space[1], n);
  float *from = space[0], *next = space[2];
  const int row = LONGEST + 80;
  for (int run = 4; run < n; run *= 4) {
    if (run * 2 == n) {
      for (int k = 0; k < run; k += 4) {
        Complex one = at(from, from + row, k), other = at(from, from + row, k + run);
        put(to_re, to_im, k, plus(one, other)), put(to_re, to_im, k + run, less(one, other));
      }
    } else if (run * 4 == n) next_stage(from, from + row, to_re, to_im, n, run);
    else next_stage(from, from + row, next, next + row, n, run);
    float *last = from;
    from = next, next = last;
  }
}
/** n is a power of two. */
void fft_rows(const float *x, const float *z, float *p, float *q, int rows, int n) {
  for (int row = 0; row < rows; row++) transform(x + row * n, z + row * n, p + row * n, q + row * n, n);
}
/** Of real numbers: even and odd elements as one complex number, and what the spectra of both have in common taken apart. */
void rfft_rows(const float *x, float *p, float *q, int rows, int n) {
  static float even[LONGEST], odd[LONGEST], re[LONGEST + 4], im[LONGEST + 4], c[LONGEST], s[LONGEST];
  const int h = n / 2;
  if (c[0] == 0) for (int k = 0; k <= h; k++) c[k] = cos(-6.283185307179586 * k / n), s[k] = sin(-6.283185307179586 * k / n);
  for (int row = 0; row < rows; row++, x += n, p += h + 1, q += h + 1) {
    for (int k = 0; k < h; k += 4) {
      Floats a = halves(x + 2 * k, x + 2 * k + 4), b = halves(x + 2 * k + 2, x + 2 * k + 6);
      store(even + k, FIRSTS(a, b)), store(odd + k, SECONDS(a, b));
    }
    transform(even, odd, re, im, h);
    p[0] = re[0] + im[0], q[0] = 0, p[h] = re[0] - im[0], q[h] = 0;
    for (int k = 1; k + 4 <= h; k += 4) {
      Complex z = at(re, im, k), y = at(re, im, h - k - 3);
      y = (Complex){WORDS(y.re, 3, 2, 1, 0), WORDS(y.im, 3, 2, 1, 0)};
      const Floats half = _mm_set1_ps(0.5f);
      Complex e = {(z.re + y.re) * half, (z.im - y.im) * half}, o = {(z.im + y.im) * half, (y.re - z.re) * half};
      Complex sum = plus(e, times(o, at(c, s, k)));
      store(p + k, sum.re), store(q + k, sum.im);
    }
    for (int k = h - (h - 1) % 4; k < h; k++) {
      float er = (re[k] + re[h - k]) / 2, ei = (im[k] - im[h - k]) / 2, or = (im[k] + im[h - k]) / 2, oi = (re[h - k] - re[k]) / 2;
      p[k] = er + or * c[k] - oi * s[k], q[k] = ei + or * s[k] + oi * c[k];
    }
  }
}

// ---- running maxima ----

/** Bits in the order of floats, and back; a NaN above all. */
INLINE Ints in_order(Ints bits) { return _mm_xor_si128(bits, _mm_srli_epi32(_mm_srai_epi32(bits, 31), 1)); }
INLINE Ints key_of(Floats x) { return in_order((Ints)_mm_blendv_ps(x, (Floats)i(0x7fc00000), _mm_cmpunord_ps(x, x))); }
/** Four at once by two steps, of keys, below which lies what changes none. */
INLINE Ints maxima_of_four(Ints x) {
  const Ints none = i((int)0x80000000);
  x = _mm_max_epi32(x, _mm_blend_epi16(_mm_slli_si128(x, 4), none, 0x03));
  return _mm_max_epi32(x, _mm_blend_epi16(_mm_slli_si128(x, 8), none, 0x0f));
}
void cum_max_rows(const float *x, float *y, int rows, int width) {
  for (int row = 0; row < rows; row += 4) {
    Ints carry[4];
    EACH(r, 4) carry[r] = i((int)0x80000000);
    for (int k = 0; k < width; k += 4) EACH(r, 4) {
      Ints most = _mm_max_epi32(maxima_of_four(key_of(load(x + (row + r) * width + k))), carry[r]);
      store(y + (row + r) * width + k, (Floats)in_order(most));
      carry[r] = _mm_shuffle_epi32(most, 0xff);
    }
  }
}
/** In stretches of rows, as the sums are. */
void cum_max_columns(const float *x, float *y, int rows, int width) {
  static int before[STRETCHES][4096];
  const int length = rows / STRETCHES;
  for (int k = 0; k < 4096; k++) before[0][k] = (int)0x80000000;
  for (int s = 1; s < STRETCHES; s++) {
    for (int k = 0; k < width; k += 4) store_ints(before[s] + k, load_ints(before[s - 1] + k));
    for (const float *from = x + (s - 1) * length * width; from < x + s * length * width; from += 4 * width) for (int k = 0; k < width; k += 16) EACH(v, 4) {
      Ints most = load_ints(before[s] + k + 4 * v);
      EACH(row, 4) most = _mm_max_epi32(most, key_of(load(from + row * width + k + 4 * v)));
      store_ints(before[s] + k + 4 * v, most);
    }
  }
  for (int s = 0; s < STRETCHES; s++) for (int row = s * length; row < (s + 1) * length; row++) for (int k = 0; k < width; k += 16) EACH(v, 4) {
    Ints most = _mm_max_epi32(load_ints(before[s] + k + 4 * v), key_of(load(x + row * width + k + 4 * v)));
    store_ints(before[s] + k + 4 * v, most), store(y + row * width + k + 4 * v, (Floats)in_order(most));
  }
}
