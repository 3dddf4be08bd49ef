/**
 * The best that is known, in C, for convolutions whose filters change in each call, their gradients, and a step of an LSTM:
 * images as they come, with channels second, vectors of 128 bits, 16 registers, and nothing that WebAssembly
 * has no instruction for. Compiled and called as native.c is.
 *
 * What was tried, as parts of what fused products allow. Twelve sums in registers, of 3 × 4, 4 × 3 or 6 × 2 vectors, are best;
 * eight wait for each other (2 × 4 0.72, 4 × 2 0.88 to 0.91). Gradients by filters, with nothing reordered but borders: sums of
 * lanes kept in memory 0.98, added up after each image 0.95 to 0.97; rows padded 0.99, three shifted copies 0.98; 1 × 1 in
 * blocks of 6 × 2 0.95. Three channels: 0.985 if rows of the window outside of the image are left out, else 0.955; filters
 * repeated in vectors 0.8. By two: in place 0.95, copied side by side for each block 0.93; its image both columns at once 0.94,
 * without copies a row further 0.92, each of the four phases by itself 0.74 to 0.83. 1 × 1 by its image: in place 0.95 to 0.98,
 * copied 0.93 to 0.96. LSTM: weights as they are 0.66, since their rows meet in one set of the cache; panels of 16, 64 and 256
 * columns 0.77, 0.87, 0.82; of four columns of each gate, whose formulas follow at once, 0.83. The formulas are 0.06 of it.
 */
#include "native-formulas.h"

// ---- blocks of sums in registers ----

enum { MOST = 12 };
/** Functions of their own: within others gcc keeps sums in memory. */
#define ALONE static __attribute__((noinline))

/** sum[r][j] += w[r apart] x[j], of R elements and V vectors. */
INLINE void multiply(int R, int V, Floats *sum, const float *x, const float *w, int apart) {
  if (R < V) {
    Floats one[4];
    EACH(r, R) one[r] = f(w[r * apart]);
    EACH(j, V) EACH(r, R) sum[r * V + j] = fused(load(x + 4 * j), one[r], sum[r * V + j]);
  } else {
    Floats own[4];
    EACH(j, V) own[j] = load(x + 4 * j);
    EACH(r, R) {
      Floats one = f(w[r * apart]);
      EACH(j, V) sum[r * V + j] = fused(own[j], one, sum[r * V + j]);
    }
  }
}
INLINE void store_block(int R, int V, const Floats *sum, float *y, int apart) {
  EACH(r, R) EACH(j, V) store(y + r * apart + 4 * j, sum[r * V + j]);
}

// ---- gradients by filters: products of all positions summed up ----

/** Sums of each element, in the lanes of a vector. */
static float lanes[64 * 32 * 9 * 4];
INLINE void finish(float *result, int count) {
  for (int k = 0; k < count; k++) result[k] = total(load(lanes + 4 * k));
}
typedef struct { const float *at; int apart, row; } Rows;
/** Of four planes of y, or eight, and T of x: runs of `length` elements, a row after the other. Sums are `apart` vectors apart. */
INLINE void dots(int R, int T, Rows y, Rows x, int rows, int length, float *sums, int apart) {
  Floats sum[MOST];
  EACH(r, R) EACH(t, T) sum[r * T + t] = load(sums + 4 * (r * apart + t));
  for (int row = 0; row < rows; row++, y.at += y.row, x.at += x.row) EACH(k, length / 4) {
    Floats own[3];
    EACH(t, T) own[t] = load(x.at + t * x.apart + 4 * k);
    EACH(r, R) {
      Floats other = load(y.at + r * y.apart + 4 * k);
      EACH(t, T) sum[r * T + t] = fused(other, own[t], sum[r * T + t]);
    }
  }
  EACH(r, R) EACH(t, T) store(sums + 4 * (r * apart + t), sum[r * T + t]);
}

static float padded[32 * 34 * 36];
/** Rows with a column of zeros before and after, four elements longer. */
INLINE void pad(const float *x, float *to, int rows, int size) {
  for (int row = 0; row < rows; row++, x += size, to += size + 4) {
    to[0] = to[size + 1] = 0;
    for (int k = 0; k < size; k += 4) store(to + 1 + k, load(x + k));
  }
}
INLINE void by_filters(const float *x, const float *y, float *result, int images, int channels, int filters, int size) {
  const int area = size * size, pitch = size + 4;
  memset(lanes, 0, 16L * filters * channels * 9);
  for (int n = 0; n < images; n++, x += channels * area, y += filters * area) {
    pad(x, padded, channels * size, size);
    for (int o = 0; o < filters; o += 4) for (int c = 0; c < channels; c++) for (int u = 0; u < 3; u++) {
      Rows from = {y + o * area + (u == 0 ? size : 0), area, size}, to = {padded + (c * size + (u == 2)) * pitch, 1, pitch};
      dots(4, 3, from, to, size - (u != 1), size, lanes + 4 * ((o * channels + c) * 9 + 3 * u), 9 * channels);
    }
  }
  finish(result, filters * channels * 9);
}
void conv_by_filters(const float *x, const float *w, const float *y, float *result, int images) { by_filters(x, y, result, images, 32, 32, 28); }
void conv_first_by_filters(const float *x, const float *w, const float *y, float *result, int images) { by_filters(x, y, result, images, 3, 32, 32); }

/** Of 1 × 1: four filters and three channels at once, and eight filters of the last channel. */
void conv_point_by_filters(const float *x, const float *w, const float *y, float *result, int images) {
  enum { CHANNELS = 64, SIZE = 28, AREA = SIZE * SIZE };
  memset(lanes, 0, 16 * CHANNELS * CHANNELS);
  for (int n = 0; n < images; n++, x += CHANNELS * AREA, y += CHANNELS * AREA) {
    for (int o = 0; o < CHANNELS; o += 4) for (int c = 0; c + 3 <= CHANNELS; c += 3)
      dots(4, 3, (Rows){y + o * AREA, AREA, SIZE}, (Rows){x + c * AREA, AREA, SIZE}, SIZE, SIZE, lanes + 4 * (o * CHANNELS + c), CHANNELS);
    for (int o = 0; o < CHANNELS; o += 8)
      dots(8, 1, (Rows){y + o * AREA, AREA, SIZE}, (Rows){x + (CHANNELS - 1) * AREA, AREA, SIZE}, SIZE, SIZE, lanes + 4 * (o * CHANNELS + CHANNELS - 1), CHANNELS);
  }
  finish(result, CHANNELS * CHANNELS);
}

// ---- windows of 3 × 3 that move by two, padded by one: 32 channels of 28 × 28 to 64 of 14 × 14 ----

enum { NARROW_CHANNELS = 32, NARROW_FILTERS = 64, WIDE = 28, HALF = WIDE / 2, HALF_AREA = HALF * HALF, PART = HALF_AREA + HALF + 6, WEIGHTS = 9 * NARROW_CHANNELS };
/** Of each channel the even rows and the odd ones, after one of zeros: their columns -1, 1 …, 0, 2 …, and 1, 3 …; no gaps, so that vectors run on. */
static float halved[NARROW_CHANNELS][2][3][PART];
INLINE void halve(const float *x) {
  for (int c = 0; c < NARROW_CHANNELS; c++) for (int row = 0; row < WIDE; row++, x += WIDE) {
    float (*to)[PART] = halved[c][row & 1];
    const int start = HALF * (1 + row / 2);
    to[0][start] = 0;
    EACH(k, 4) {
      const int from = k == 3 ? HALF - 4 : 4 * k;
      Floats p = halves(x + 2 * from, x + 2 * from + 4), q = halves(x + 2 * from + 2, x + 2 * from + 6), odd = SECONDS(p, q);
      store(to[0] + start + 1 + from, odd), store(to[1] + start + from, FIRSTS(p, q)), store(to[2] + start + from, odd);
    }
  }
}
/** Where a row of the window is: the upper one in the odd rows before, of which there is none for the first row. */
INLINE const float *window_row(int c, int u) { return halved[c][u != 1][0] + (u == 0 ? 0 : HALF); }

void conv_stride_by_filters(const float *x, const float *w, const float *y, float *result, int images) {
  memset(lanes, 0, 16 * NARROW_FILTERS * WEIGHTS);
  for (int n = 0; n < images; n++, x += NARROW_CHANNELS * WIDE * WIDE, y += NARROW_FILTERS * HALF_AREA) {
    halve(x);
    for (int o = 0; o < NARROW_FILTERS; o += 4) for (int c = 0; c < NARROW_CHANNELS; c++) {
      const float *from = y + o * HALF_AREA;
      float *sums = lanes + 4 * (o * WEIGHTS + 9 * c);
      // Without the first twelve positions, which meet zeros.
      dots(4, 3, (Rows){from + 12, HALF_AREA, 8}, (Rows){window_row(c, 0) + 12, PART, 8}, (HALF_AREA - 12) / 8, 8, sums, WEIGHTS);
      for (int u = 1; u < 3; u++) dots(4, 3, (Rows){from, HALF_AREA, WIDE}, (Rows){window_row(c, u), PART, WIDE}, HALF_AREA / WIDE, WIDE, sums + 12 * u, WEIGHTS);
    }
  }
  finish(result, NARROW_FILTERS * WEIGHTS);
}
INLINE void windows(int R, int V, const float *w, int at, float *y) {
  Floats sum[MOST] = {};
  const float *x = window_row(0, 1) + at;
  for (int c = 0; c < NARROW_CHANNELS; c++, x += 6 * PART, w += 9) EACH(u, 3) EACH(v, 3)
    multiply(R, V, sum, x + (u == 1 ? 0 : 3 * PART) - (u == 0 ? HALF : 0) + v * PART, w + 3 * u + v, WEIGHTS);
  store_block(R, V, sum, y + at, HALF_AREA);
}
ALONE void windows_of_four(const float *w, int at, float *y) { windows(4, 3, w, at, y); }
ALONE void windows_of_eight(const float *w, int at, float *y) { windows(8, 1, w, at, y); }
/** Twelve positions at once, and the last four. */
void conv_stride(const float *x, const float *w, const float *unused, float *y, int images) {
  for (int n = 0; n < images; n++, x += NARROW_CHANNELS * WIDE * WIDE, y += NARROW_FILTERS * HALF_AREA) {
    halve(x);
    for (int o = 0; o < NARROW_FILTERS; o += 4) for (int at = 0; at + 12 <= HALF_AREA; at += 12) windows_of_four(w + o * WEIGHTS, at, y + o * HALF_AREA);
    for (int o = 0; o < NARROW_FILTERS; o += 8) windows_of_eight(w + o * WEIGHTS, HALF_AREA - 4, y + o * HALF_AREA);
  }
}

/** The results' gradient as it is, a column further, a row further, and both; zeros behind the last ones. */
enum { SHIFTED = HALF_AREA + 28 };
static float further[NARROW_FILTERS][4][SHIFTED];
INLINE void shift(const float *y) {
  for (int o = 0; o < NARROW_FILTERS; o++, y += HALF_AREA) {
    float (*to)[SHIFTED] = further[o];
    for (int k = 0; k < HALF_AREA; k += 4) store(to[0] + k, load(y + k));
    for (int k = 0; k < HALF_AREA; k += 4) store(to[1] + k, load(to[0] + k + 1));
    for (int k = HALF - 1; k < HALF_AREA; k += HALF) to[1][k] = 0;
    for (int k = 0; k < HALF_AREA; k += 4) store(to[2] + k, load(to[0] + k + HALF)), store(to[3] + k, load(to[1] + k + HALF));
  }
}
/** Weights in the order of their use: of each R channels and filter those of the middle row; those of the other two. */
static float middle_row[2][NARROW_FILTERS * NARROW_CHANNELS * 3], other_rows[2][NARROW_FILTERS * NARROW_CHANNELS * 6];
INLINE void order_weights(int R, const float *w, float *middle, float *others) {
  for (int c = 0; c < NARROW_CHANNELS; c += R) for (int o = 0; o < NARROW_FILTERS; o++, middle += 3 * R, others += 6 * R) for (int r = 0; r < R; r++) for (int v = 0; v < 3; v++) {
    const float *from = w + o * WEIGHTS + (c + r) * 9 + v;
    middle[3 * r + v] = from[3], others[3 * r + v] = from[0], others[3 * (R + r) + v] = from[6];
  }
}
/** Where two elements of each of two rows of the image begin, for every second position. */
static int places[HALF_AREA / 2];
/** Even and odd columns of even rows, which one row of the window reaches, or of odd ones, which two do. */
INLINE void phases(int R, int V, int reach, const float *w, int at, float *x) {
  Floats even[MOST / 2] = {}, odd[MOST / 2] = {};
  const float *y = further[0][0] + at;
  for (int o = 0; o < NARROW_FILTERS; o++, y += 4 * SHIFTED, w += 3 * R * reach) EACH(u, reach) {
    const float *here = y + (u + 1 == reach ? 0 : 2 * SHIFTED), *weight = w + 3 * R * u;
    Floats own[3], next[3];
    EACH(j, V) own[j] = load(here + 4 * j);
    EACH(r, R) {
      Floats middle = f(weight[3 * r + 1]), last = f(weight[3 * r + 2]);
      EACH(j, V) even[r * V + j] = fused(own[j], middle, even[r * V + j]), odd[r * V + j] = fused(own[j], last, odd[r * V + j]);
    }
    EACH(j, V) next[j] = load(here + SHIFTED + 4 * j);
    EACH(r, R) EACH(j, V) odd[r * V + j] = fused(next[j], f(weight[3 * r]), odd[r * V + j]);
  }
  EACH(r, R) EACH(j, V) {
    Floats a = even[r * V + j], b = odd[r * V + j];
    const int *to = places + at / 2 + 2 * j;
    store(x + r * WIDE * WIDE + to[0], _mm_blend_ps(WORDS(a, 0, 0, 1, 1), WORDS(b, 0, 0, 1, 1), 10));
    store(x + r * WIDE * WIDE + to[1], _mm_blend_ps(WORDS(a, 2, 2, 3, 3), WORDS(b, 2, 2, 3, 3), 10));
  }
}
ALONE void even_rows(const float *w, int at, float *x) { phases(2, 3, 1, w, at, x); }
ALONE void odd_rows(const float *w, int at, float *x) { phases(2, 3, 2, w, at, x); }
ALONE void last_of_even_rows(const float *w, float *x) { phases(4, 1, 1, w, HALF_AREA - 4, x); }
ALONE void last_of_odd_rows(const float *w, float *x) { phases(4, 1, 2, w, HALF_AREA - 4, x); }
void conv_stride_by_image(const float *unused, const float *w, const float *y, float *x, int images) {
  for (int k = 0; k < HALF_AREA / 2; k++) places[k] = 2 * k / HALF * 2 * WIDE + 2 * k % HALF * 2;
  order_weights(2, w, middle_row[0], other_rows[0]), order_weights(4, w, middle_row[1], other_rows[1]);
  for (int n = 0; n < images; n++, x += NARROW_CHANNELS * WIDE * WIDE, y += NARROW_FILTERS * HALF_AREA) {
    shift(y);
    for (int at = 0; at + 12 <= HALF_AREA; at += 12) for (int c = 0; c < NARROW_CHANNELS; c += 2) {
      even_rows(middle_row[0] + c * NARROW_FILTERS * 3, at, x + c * WIDE * WIDE);
      odd_rows(other_rows[0] + c * NARROW_FILTERS * 6, at, x + c * WIDE * WIDE + WIDE);
    }
    for (int c = 0; c < NARROW_CHANNELS; c += 4) {
      last_of_even_rows(middle_row[1] + c * NARROW_FILTERS * 3, x + c * WIDE * WIDE);
      last_of_odd_rows(other_rows[1] + c * NARROW_FILTERS * 6, x + c * WIDE * WIDE + WIDE);
    }
  }
}

// ---- three channels of 32 × 32, windows of 3 × 3 ----

enum { FIRST_CHANNELS = 3, FIRST_FILTERS = 32, FIRST = 32, FIRST_WEIGHTS = 9 * FIRST_CHANNELS };
/** A row of R filters, by rows of the window that are inside. */
INLINE void first_row(int R, const float *w, int row, int from, int to, float *y) {
  for (int k = 0; k < FIRST; k += 16) {
    Floats sum[MOST] = {};
    EACH(c, FIRST_CHANNELS) _Pragma("GCC unroll 3") for (int u = from; u < to; u++) EACH(v, 3)
      multiply(R, 4, sum, padded + (c * FIRST + row + u - 1) * (FIRST + 4) + k + v, w + 9 * c + 3 * u + v, FIRST_WEIGHTS);
    store_block(R, 4, sum, y + row * FIRST + k, FIRST * FIRST);
  }
}
INLINE void first_filters(int R, const float *w, float *y) {
  first_row(R, w, 0, 1, 3, y);
  for (int row = 1; row < FIRST - 1; row++) first_row(R, w, row, 0, 3, y);
  first_row(R, w, FIRST - 1, 0, 2, y);
}
void conv_first(const float *x, const float *w, const float *unused, float *y, int images) {
  for (int n = 0; n < images; n++, x += FIRST_CHANNELS * FIRST * FIRST, y += FIRST_FILTERS * FIRST * FIRST) {
    pad(x, padded, FIRST_CHANNELS * FIRST, FIRST);
    for (int o = 0; o + 3 <= FIRST_FILTERS; o += 3) first_filters(3, w + o * FIRST_WEIGHTS, y + o * FIRST * FIRST);
    first_filters(2, w + (FIRST_FILTERS - 2) * FIRST_WEIGHTS, y + (FIRST_FILTERS - 2) * FIRST * FIRST);
  }
}

// ---- 1 × 1: a product of matrices for each image ----

enum { POINTS = 64, POINT_AREA = 28 * 28 };
INLINE void points(int R, int V, const float *w, const float *y, float *x) {
  Floats sum[MOST] = {};
  for (int o = 0; o < POINTS; o++) multiply(R, V, sum, y + o * POINT_AREA, w + o * POINTS, 1);
  store_block(R, V, sum, x, POINT_AREA);
}
void conv_point_by_image(const float *unused, const float *w, const float *y, float *x, int images) {
  for (int n = 0; n < images; n++, x += POINTS * POINT_AREA, y += POINTS * POINT_AREA) {
    for (int c = 0; c < POINTS; c += 4) for (int at = 0; at + 12 <= POINT_AREA; at += 12) points(4, 3, w + c, y + at, x + c * POINT_AREA + at);
    for (int c = 0; c < POINTS; c += 8) points(8, 1, w + c, y + POINT_AREA - 4, x + c * POINT_AREA + POINT_AREA - 4);
  }
}

// ---- a step of an LSTM ----

enum { HIDDEN = 256, GATES = 4 * HIDDEN, PANEL = 64 };
/** Panels of 16 columns, which follow each other: of the weights of both sides, side by side for each row. */
static float panels[2 * HIDDEN * PANEL], gates[64 * GATES];
INLINE void gate_rows(int R, const float *x, const float *start, const float *panel, const float *bias, float *to) {
  Floats sum[MOST];
  EACH(r, R) EACH(j, 4) sum[r * 4 + j] = load(bias + 4 * j);
  for (int k = 0; k < HIDDEN; k++) multiply(R, 4, sum, panel + 16 * k, x + k, HIDDEN);
  for (int k = 0; k < HIDDEN; k++) multiply(R, 4, sum, panel + 16 * (HIDDEN + k), start + k, HIDDEN);
  store_block(R, 4, sum, to, GATES);
}
/** Rows are 3 k + 2. */
void lstm_step(const float *x, const float *start, const float *cell, const float *wx, const float *wh, const float *bias, float *y, int rows) {
  for (int column = 0; column < GATES; column += PANEL) {
    for (int side = 0; side < 2; side++) for (int k = 0; k < HIDDEN; k++) EACH(p, PANEL / 16) EACH(v, 4)
      store(panels + ((2 * p + side) * HIDDEN + k) * 16 + 4 * v, load((side ? wh : wx) + k * GATES + column + 16 * p + 4 * v));
    for (int p = 0; p < PANEL; p += 16) {
      const float *panel = panels + p * 2 * HIDDEN;
      for (int row = 0; row + 2 < rows; row += 3) gate_rows(3, x + row * HIDDEN, start + row * HIDDEN, panel, bias + column + p, gates + row * GATES + column + p);
      gate_rows(2, x + (rows - 2) * HIDDEN, start + (rows - 2) * HIDDEN, panel, bias + column + p, gates + (rows - 2) * GATES + column + p);
    }
  }
  for (int row = 0; row < rows; row++) for (int k = 0; k < HIDDEN; k += 8) EACH(v, 2) {
    const float *gate = gates + row * GATES + k + 4 * v;
    const int at = row * HIDDEN + k + 4 * v;
    Floats memory = sigmoid_of(load(gate + HIDDEN)) * load(cell + at) + sigmoid_of(load(gate)) * tanh_of(load(gate + 2 * HIDDEN));
    store(y + at, sigmoid_of(load(gate + 3 * HIDDEN)) * tanh_of(memory));
  }
}
