/** Several results of the same elements in one pass: complex numbers, and simulations of several fields on a torus. See native.c. */
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
