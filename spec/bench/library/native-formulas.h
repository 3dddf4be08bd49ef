/** What native.c and native-products.c have in common: fused products, and the exponential with what is made of it. */
#include "native.h"

INLINE Floats f(float x) { return _mm_set1_ps(x); }
INLINE Floats fused(Floats a, Floats b, Floats c) { return _mm_fmadd_ps(a, b, c); }
INLINE Floats minus(Floats c, Floats a, Floats b) { return _mm_fnmadd_ps(a, b, c); }
INLINE Floats choose(Floats mask, Floats then, Floats otherwise) { return _mm_blendv_ps(otherwise, then, mask); }
INLINE Floats size(Floats x) { return _mm_andnot_ps(f(-0.0f), x); }
INLINE Floats with_sign(Floats of, Floats size) { return _mm_or_ps(size, _mm_and_ps(of, f(-0.0f))); }
INLINE Ints add(Ints a, Ints b) { return _mm_add_epi32(a, b); }
INLINE Ints sub(Ints a, Ints b) { return _mm_sub_epi32(a, b); }
INLINE Floats power_of_two(Ints n) { return (Floats)add(_mm_slli_epi32(n, 23), i(0x3f800000)); }

INLINE Floats polynomial(Floats x, const float *c, int terms) {
  Floats sum = f(c[terms - 1]);
  for (int k = terms - 2; k >= 0; k--) sum = fused(sum, x, f(c[k]));
  return sum;
}
#define POLYNOMIAL(x, ...) polynomial(x, (const float[]){__VA_ARGS__}, sizeof((const float[]){__VA_ARGS__}) / sizeof(float))

INLINE float total(Floats x) {
  x += _mm_movehl_ps(x, x);
  return x[0] + x[1];
}

// ---- the exponential family ----

/** e^x of x <= 0. */
INLINE Floats exp_below(Floats x) {
  x = _mm_max_ps(x, f(-104));
  Floats shifted = fused(x, f(1.4426950216293335f), f(12583103));
  Floats n = shifted - f(12583103);
  Floats scale = (Floats)_mm_slli_epi32((Ints)shifted, 23);
  Floats r = minus(minus(x, n, f(0.693145751953125f)), n, f(1.428606765330187e-6f));
  Floats quotient = POLYNOMIAL(r, 1, 0.4999999403953552f, 0.16666431725025177f, 0.04166800156235695f, 0.008374171331524849f, 0.0013843635097146034f);
  return fused(r * scale, quotient, scale) * f(5.421010862427522e-20f);
}

typedef struct { Floats r; Ints bits; } Reduced;
INLINE Reduced reduce(Floats x) {
  Floats shifted = fused(x, f(1.4426950216293335f), f(12582912));
  Floats n = shifted - f(12582912);
  return (Reduced){minus(minus(x, n, f(0.693145751953125f)), n, f(1.428606765330187e-6f)), (Ints)shifted};
}
INLINE Floats exp_of_reduced(Floats r) {
  return fused(r * r, POLYNOMIAL(r, 0.4999999403953552f, 0.1666652113199234f, 0.04166838899254799f, 0.00836874544620514f, 0.0013814540579915047f), r) + f(1);
}
INLINE Floats scale_by_power(Floats value, Ints bits) {
  Ints first = _mm_srai_epi32(bits, 1);
  return value * power_of_two(first) * power_of_two(sub(bits, first));
}
INLINE Floats exp_any(Floats x) {
  Reduced e = reduce(_mm_min_ps(_mm_max_ps(x, f(-104)), f(89)));
  return scale_by_power(exp_of_reduced(e.r), e.bits);
}
INLINE Floats exp_in_range(Floats x) {
  Reduced e = reduce(x);
  return exp_of_reduced(e.r) * power_of_two(e.bits);
}
INLINE Floats sigmoid_of(Floats x) {
  Floats e = exp_below(_mm_or_ps(x, f(-0.0f)));
  return choose(x, e, f(1)) / (f(1) + e);
}
INLINE Floats tanh_of(Floats x) {
  Floats a = size(x), square = x * x;
  Floats big = f(1) - f(2) / (exp_in_range(_mm_min_ps(a, f(10)) * f(2)) + f(1));
  Floats small = x * fused(square, POLYNOMIAL(square, -0.3333328366279602f, 0.13331490755081177f, -0.05374349653720856f, 0.020650586113333702f, -0.00571704376488924f), f(1));
  return choose(_mm_cmplt_ps(a, f(0.625f)), small, with_sign(x, big));
}
