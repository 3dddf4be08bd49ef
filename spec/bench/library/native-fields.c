/** Several results of the same elements in one pass: complex numbers, simulations of several fields on a torus, and windows of images and back. See native.c. */
#include "native.h"

INLINE Floats f(float x) { return _mm_set1_ps(x); }
INLINE float load_one(const float *x) { return *x; }
INLINE void store_one(float *y, float value) { *y = value; }
INLINE float one(float x) { return x; }

void complex_quotient(const float *ar, const float *ai, const float *br, const float *bi, float *cr, float *ci, int count) {
  for (int k = 0; k < count; k += 4) {
    Floats a = load(ar + k), b = load(ai + k), c = load(br + k), d = load(bi + k), square = c * c + d * d;
    store(cr + k, (a * c + b * d) / square);
    store(ci + k, (b * c - a * d) / square);
  }
}

/** Gray and Scott's reaction at one place, or four beside each other: `l` and `r` to the left and right, `up` and `down`. */
#define REACT(T, LOAD, STORE, F, x, l, r) { \
  T a = LOAD(u + at + x), b = LOAD(v + at + x), reaction = a * b * b; \
  T around_a = LOAD(u + up + x) + LOAD(u + down + x) + LOAD(u + at + l) + LOAD(u + at + r) - F(4) * a; \
  T around_b = LOAD(v + up + x) + LOAD(v + down + x) + LOAD(v + at + l) + LOAD(v + at + r) - F(4) * b; \
  STORE(p + at + x, a + F(0.16f) * around_a - reaction + F(0.037f) * (F(1) - a)); \
  STORE(q + at + x, b + F(0.08f) * around_b + reaction - F(0.097f) * b); }

void gray_scott(const float *u, const float *v, float *p, float *q, int n) {
  for (int y = 0; y < n; y++) {
    long at = (long)y * n, up = (long)((y + n - 1) % n) * n, down = (long)((y + 1) % n) * n;
    REACT(float, load_one, store_one, one, 0, n - 1, 1)
    int x = 1;
    for (; x + 4 < n; x += 4) REACT(Floats, load, store, f, x, x - 1, x + 1)
    for (; x < n; x++) REACT(float, load_one, store_one, one, x, x - 1, (x + 1) % n)
  }
}

/** What comes to a place of a lattice from its neighbours, relaxed towards equilibrium (Bhatnagar, Gross and Krook, 1954). */
#define COLLIDE(T, LOAD, STORE, F, x, l, r) { \
  T a = LOAD(f0 + at + x), b = LOAD(f1 + at + l), c = LOAD(f2 + up + x), d = LOAD(f3 + at + r), e = LOAD(f4 + down + x); \
  T g = LOAD(f5 + up + l), h = LOAD(f6 + up + r), i = LOAD(f7 + down + r), j = LOAD(f8 + down + l); \
  T rho = a + b + c + d + e + g + h + i + j, u = (b - d + g - h - i + j) / rho, v = (c - e + g + h - i - j) / rho; \
  T rest = F(1) - F(1.5f) * (u * u + v * v), w0 = F(4.0f / 9) * rho, w1 = F(1.0f / 9) * rho, w2 = F(1.0f / 36) * rho; \
  STORE(g0 + at + x, a + F(1.2f) * (w0 * rest - a)); \
  STORE(g1 + at + x, RELAXED(b, w1, u, F)); STORE(g2 + at + x, RELAXED(c, w1, v, F)); \
  STORE(g3 + at + x, RELAXED(d, w1, -u, F)); STORE(g4 + at + x, RELAXED(e, w1, -v, F)); \
  STORE(g5 + at + x, RELAXED(g, w2, (u + v), F)); STORE(g6 + at + x, RELAXED(h, w2, (v - u), F)); \
  STORE(g7 + at + x, RELAXED(i, w2, (-u - v), F)); STORE(g8 + at + x, RELAXED(j, w2, (u - v), F)); }
#define RELAXED(f, w, along, F) (f + F(1.2f) * (w * (rest + F(3) * along + F(4.5f) * along * along) - f))

void lattice(const float *f0, const float *f1, const float *f2, const float *f3, const float *f4, const float *f5, const float *f6, const float *f7, const float *f8,
             float *g0, float *g1, float *g2, float *g3, float *g4, float *g5, float *g6, float *g7, float *g8, int n) {
  for (int y = 0; y < n; y++) {
    long at = (long)y * n, up = (long)((y + n - 1) % n) * n, down = (long)((y + 1) % n) * n;
    COLLIDE(float, load_one, store_one, one, 0, n - 1, 1)
    int x = 1;
    for (; x + 4 < n; x += 4) COLLIDE(Floats, load, store, f, x, x - 1, x + 1)
    for (; x < n; x++) COLLIDE(float, load_one, store_one, one, x, x - 1, (x + 1) % n)
  }
}

// ---- what windows of 3 × 3 meet in images of n × n with a border of 1, and the way back ----

/** Of the row of an image that `at` is of: each element's neighbour to the left, itself, or the one to the right; zeros behind the ends. */
INLINE void neighbours(const float *at, float *to, int n, int to_the_right) {
  for (int k = 1; k + 4 < n; k += 4) store(to + k, load(at + k + to_the_right));
  store(to + n - 5, load(at + n - 5 + to_the_right));
  to[0] = to_the_right < 0 ? 0 : at[to_the_right], to[n - 1] = to_the_right > 0 ? 0 : at[n - 1 + to_the_right];
}
void unfold_windows(const float *x, float *y, int planes, int n) {
  for (int plane = 0; plane < planes; plane++, x += n * n) for (int down = -1; down <= 1; down++) for (int right = -1; right <= 1; right++, y += n * n) {
    if (down != 0) memset(down < 0 ? y : y + (n - 1) * n, 0, n * sizeof *y);
    for (int row = down < 0 ? 1 : 0; row < (down > 0 ? n - 1 : n); row++) neighbours(x + (row + down) * n, y + row * n, n, right);
  }
}

/** Of the windows' rows from `first` to `last`, those of their columns that meet element `at` of a row; `middle`: all of them. */
#define FOLDED(T, LOAD, at, middle) ({ T sum = {0}; \
  EACH(u, 3) if (u >= first && u <= last) EACH(v, 3) if ((middle) || ((at) > 0 ? v > 0 : v < 2)) sum += LOAD(x + (3 * u + v) * n * n + (1 - u) * n + (at) + 1 - v); \
  sum; })
INLINE void fold_row(const float *x, float *y, int n, int first, int last) {
  for (int k = 1; k + 4 < n; k += 4) store(y + k, FOLDED(Floats, load, k, 1));
  store(y + n - 5, FOLDED(Floats, load, n - 5, 1));
  y[0] = FOLDED(float, load_one, 0, 0), y[n - 1] = FOLDED(float, load_one, n - 1, 0);
}
/** In registers, row by row. Into an image in the nearest cache, window element by element, takes 1.5 times as long. */
void fold_windows(const float *x, float *y, int planes, int n) {
  for (int plane = 0; plane < planes; plane++, x += 9 * n * n, y += n * n) {
    fold_row(x, y, n, 0, 1);
    for (int row = 1; row < n - 1; row++) fold_row(x + row * n, y + row * n, n, 0, 2);
    fold_row(x + (n - 1) * n, y + (n - 1) * n, n, 1, 2);
  }
}
