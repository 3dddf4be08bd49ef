/**
 * The best that is known, in C, for what sorts elements or finds the largest: the same ways as those of compiler/ops, in
 * vectors of 128 bits, and with nothing that WebAssembly has no instruction for. Compiled and called as native.c is.
 */
#include "native.h"

// ---- the K largest of rows of N ----

enum { N = 1024, K = 8, GROUPS = 2 * K };

/** Signed numbers in the elements' order: NaN above all, -0 as 0. */
INLINE Ints keys_of(Floats x) {
  Ints bits = (Ints)(x + _mm_setzero_ps()), order = _mm_xor_si128(bits, _mm_and_si128(_mm_srai_epi32(bits, 31), i(INT32_MAX)));
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

// ---- sorts by digits ----

enum { BITS = 11, PILES = 1 << BITS, DIGITS = 3, MOST = 1 << 20 };

/** Unsigned numbers in the elements' order, -0 just below 0, NaN above all; and both zeros as one. */
INLINE Ints unsigned_keys(Floats x) {
  Ints bits = (Ints)x, order = _mm_xor_si128(bits, _mm_or_si128(_mm_srai_epi32(bits, 31), i(INT32_MIN)));
  return _mm_or_si128(order, (Ints)_mm_cmpunord_ps(x, x));
}
INLINE Floats elements(Ints keys) { return (Floats)_mm_xor_si128(keys, _mm_or_si128(_mm_srai_epi32(_mm_xor_si128(keys, i(-1)), 31), i(INT32_MIN))); }
INLINE uint32_t order(uint32_t key) { return key + (key == 0x7fffffff); }
INLINE uint32_t pile_of(uint32_t key, int digit) { return order(key) >> (BITS * digit) & (PILES - 1); }

static uint32_t one[MOST], other[MOST];
static void count_piles(const uint32_t *keys, int n, int counts[DIGITS][PILES]) {
  memset(counts, 0, sizeof(int) * DIGITS * PILES);
  for (int k = 0; k < n; k++) EACH(d, DIGITS) counts[d][pile_of(keys[k], d)]++;
  EACH(d, DIGITS) for (int pile = 0, next = 0; pile < PILES; pile++) {
    int held = counts[d][pile];
    counts[d][pile] = next, next += held;
  }
}
/** The keys in order are in `other`. */
static void sort_keys(const float *x, int n) {
  static int counts[DIGITS][PILES];
  for (int k = 0; k < n; k += 4) store_ints((int *)one + k, unsigned_keys(load(x + k)));
  count_piles(one, n, counts);
  EACH(d, DIGITS) {
    const uint32_t *from = d == 1 ? other : one;
    uint32_t *to = d == 1 ? one : other;
    for (int k = 0; k < n; k++) to[counts[d][pile_of(from[k], d)]++] = from[k];
  }
}
/** Of the first `diagonal` elements of a merge those from the left (merge path: Odeh and others, 2012). */
static int left_before(const uint32_t *left, const uint32_t *right, int n, int diagonal) {
  int low = diagonal > n ? diagonal - n : 0, high = diagonal < n ? diagonal : n;
  while (low < high) {
    int middle = (low + high) / 2;
    if (order(left[middle]) <= order(right[diagonal - 1 - middle])) low = middle + 1;
    else high = middle;
  }
  return low;
}
/** Without a branch, whose way nothing foretells. */
INLINE uint32_t either(uint32_t one, uint32_t other, uint32_t takes_one) { return other ^ ((one ^ other) & -takes_one); }
enum { PART = 4096, CHAIN = PART / 4 };
/** Parts, each in four chains of steps: of both halves from both ends. Before both rows are the least keys, behind them the largest. */
static void merge(const uint32_t *left, const uint32_t *right, int n, float *y) {
  for (int start = 0; start < 2 * n; start += PART, y += PART) {
    uint32_t merged[PART];
    const uint32_t *l[3], *r[3];
    EACH(k, 3) {
      int diagonal = start + k * PART / 2, from = left_before(left, right, n, diagonal);
      l[k] = left + from, r[k] = right + diagonal - from;
    }
    const uint32_t *up_l[2] = {l[0], l[1]}, *up_r[2] = {r[0], r[1]}, *down_l[2] = {l[1], l[2]}, *down_r[2] = {r[1], r[2]};
    for (int k = 0; k < CHAIN; k++) EACH(h, 2) {
      uint32_t a = *up_l[h], b = *up_r[h];
      int takes_right = order(b) < order(a);
      merged[h * PART / 2 + k] = either(b, a, takes_right);
      up_r[h] += takes_right, up_l[h] += !takes_right;
      uint32_t c = down_l[h][-1], d = down_r[h][-1];
      int takes_left = order(c) > order(d);
      merged[h * PART / 2 + PART / 2 - 1 - k] = either(c, d, takes_left);
      down_l[h] -= takes_left, down_r[h] -= !takes_left;
    }
    for (int k = 0; k < PART; k += 4) store(y + k, elements(load_ints((int *)merged + k)));
  }
}
/** In two stretches, which two workers can sort, and merged, as ours; in one it takes a worker that is alone a fourth less. */
void sort(const float *x, float *y, int n) {
  static uint32_t rows[2][MOST / 2 + 32];
  EACH(half, 2) {
    sort_keys(x + half * n / 2, n / 2);
    memcpy(rows[half] + 16, other, 2 * n);
    rows[half][15] = 0, rows[half][16 + n / 2] = UINT32_MAX;
  }
  merge(rows[0] + 16, rows[1] + 16, n / 2, y);
}
/** Places go along with the keys. */
void argsort(const float *x, int *y, int n) {
  static int counts[DIGITS][PILES];
  static int places[MOST], others[MOST];
  for (int k = 0; k < n; k += 4) store_ints((int *)one + k, unsigned_keys(load(x + k)));
  count_piles(one, n, counts);
  for (int k = 0; k < n; k++) {
    int to = counts[0][pile_of(one[k], 0)]++;
    other[to] = one[k], places[to] = k;
  }
  for (int k = 0; k < n; k++) {
    int to = counts[1][pile_of(other[k], 1)]++;
    one[to] = other[k], others[to] = places[k];
  }
  for (int k = 0; k < n; k++) y[counts[2][pile_of(one[k], 2)]++] = others[k];
}

// ---- rows of N sorted four side by side: runs of eight by a network, then bitonic merges, three steps at once (Batcher, 1968) ----

static uint32_t column[N][4];
INLINE void compare(Ints *one, Ints *other) {
  Ints low = _mm_min_epu32(*one, *other);
  *other = _mm_max_epu32(*one, *other), *one = low;
}
INLINE void halvings(Ints *key, int count, int distance) {
  for (int d = distance; d > 0; d /= 2) EACH(k, 8) if (k < count && !(k & d)) compare(key + k, key + k + d);
}
INLINE void sort_eight(Ints *key) {
  static const char pairs[][2] = {{0, 2}, {1, 3}, {4, 6}, {5, 7}, {0, 4}, {1, 5}, {2, 6}, {3, 7}, {0, 1}, {2, 3}, {4, 5}, {6, 7}, {2, 4}, {3, 5}, {1, 4}, {3, 6}, {1, 2}, {3, 4}, {5, 6}};
  _Pragma("GCC unroll 19") for (int k = 0; k < 19; k++) compare(key + pairs[k][0], key + pairs[k][1]);
}
INLINE Ints key_at(int place) { return load_ints((int *)column[place]); }
INLINE void fold(int size, int steps) {
  const int count = 1 << steps, apart = size / count;
  for (int run = 0; run < N; run += size) for (int start = 0; start < apart; start++) {
    Ints key[8];
    EACH(k, 8) if (k < count) key[k] = key_at(k < count / 2 ? run + start + k * apart : run - start + (k + 1) * apart - 1);
    EACH(k, 4) if (k < count / 2) compare(key + k, key + count - 1 - k);
    halvings(key, count, count / 4);
    EACH(k, 8) if (k < count) store_ints((int *)column[k < count / 2 ? run + start + k * apart : run - start + (k + 1) * apart - 1], key[k]);
  }
}
static void halve(int apart) {
  for (int block = 0; block < N; block += 8 * apart) for (int start = block; start < block + apart; start++) {
    Ints key[8];
    EACH(k, 8) key[k] = key_at(start + k * apart);
    halvings(key, 8, 4);
    EACH(k, 8) store_ints((int *)column[start + k * apart], key[k]);
  }
}
static void sort_columns(void) {
  for (int run = 0; run < N; run += 8) {
    Ints key[8];
    EACH(k, 8) key[k] = key_at(run + k);
    sort_eight(key);
    EACH(k, 8) store_ints((int *)column[run + k], key[k]);
  }
  for (int steps = 4; 1 << steps <= N; steps++) {
    const int first = (steps - 1) % 3 + 1;
    if (first == 1) fold(1 << steps, 1);
    else if (first == 2) fold(1 << steps, 2);
    else fold(1 << steps, 3);
    for (int left = steps - first; left > 0; left -= 3) halve(1 << (left - 3));
  }
}
/** Zeros are put back as they were where a row has a -0, as a stable sort has them. */
static void restore_zeros(const float *x, float *y) {
  int at = 0;
  while (at < N && y[at] < 0) at++;
  for (int k = 0; k < N; k++) if (x[k] == 0) y[at++] = x[k];
}
void sort_rows(const float *x, float *y, int rows) {
  for (int row = 0; row < rows; row += 4, x += 4 * N, y += 4 * N) {
    Ints negative = i(0);
    for (int k = 0; k < N; k += 4) {
      Ints keys[4];
      EACH(r, 4) keys[r] = unsigned_keys(load(x + r * N + k)), negative = _mm_or_si128(negative, _mm_cmpeq_epi32(keys[r], i(INT32_MAX)));
      store_columns((float *)column[k], (Floats)keys[0], (Floats)keys[1], (Floats)keys[2], (Floats)keys[3]);
    }
    sort_columns();
    for (int k = 0; k < N; k += 4) {
      float turned[16];
      store_columns(turned, elements(key_at(k)), elements(key_at(k + 1)), elements(key_at(k + 2)), elements(key_at(k + 3)));
      EACH(r, 4) store(y + r * N + k, load(turned + 4 * r));
    }
    if (_mm_movemask_epi8(negative)) EACH(r, 4) restore_zeros(x + r * N, y + r * N);
  }
}

// ---- where the elements of rows of N are in order, by digits of eight bits ----

void argsort_rows(const float *x, int *y, int rows) {
  static uint32_t keys[2][N];
  static int places[2][N], counts[4][256];
  for (int row = 0; row < rows; row++, x += N, y += N) {
    for (int k = 0; k < N; k += 4) store_ints((int *)keys[0] + k, unsigned_keys(load(x + k)));
    memset(counts, 0, sizeof counts);
    for (int k = 0; k < N; k++) EACH(d, 4) counts[d][order(keys[0][k]) >> 8 * d & 255]++;
    EACH(d, 4) for (int pile = 0, next = 0; pile < 256; pile++) {
      int held = counts[d][pile];
      counts[d][pile] = next, next += held;
    }
    EACH(d, 4) for (int k = 0; k < N; k++) {
      uint32_t key = keys[d & 1][k];
      int place = d == 0 ? k : places[d & 1][k], to = counts[d][order(key) >> 8 * d & 255]++;
      if (d == 3) y[to] = place;
      else keys[~d & 1][to] = key, places[~d & 1][to] = place;
    }
  }
}
