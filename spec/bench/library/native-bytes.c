/**
 * The best that is known, in C, for products of bytes, summed in 32 bits: as pairs of words of 16 bits, of which an instruction
 * multiplies and adds up four. Vectors of 128 bits, 16 registers, and nothing that WebAssembly has no instruction for.
 *
 * What was tried. Matrices: 2 × 4 sums 2.4 ms, 4 × 2 2.5, 8 × 1 2.8; where gcc orders additions as it likes 2.7 to 3.1.
 */
#include "native.h"

/** Functions of their own: within others gcc keeps sums in memory. */
#define ALONE static __attribute__((noinline))

// ---- matrices ----

enum { BYTES = 512 };
/** In place: gcc else moves sums between registers. */
INLINE Ints plus(Ints sum, Ints more) {
  __asm__("vpaddd %1, %0, %0" : "+x"(sum) : "x"(more));
  return sum;
}
/** Two rows of b as pairs of words of 16 bits, in panels of 16 columns. */
INLINE void pair_rows(const signed char *b, int *to) {
  for (int k = 0; k < BYTES; k += 2) for (int j = 0; j < BYTES; j += 4) {
    Ints even = _mm_cvtepi8_epi32(_mm_loadu_si32(b + k * BYTES + j)), odd = _mm_cvtepi8_epi32(_mm_loadu_si32(b + (k + 1) * BYTES + j));
    store_ints(to + (j / 16 * BYTES / 2 + k / 2) * 16 + j % 16, _mm_blend_epi16(even, _mm_slli_epi32(odd, 16), 0xaa));
  }
}
/** Two rows and 16 columns, by sums of two products each. */
ALONE void block_of_bytes(const int *pairs, const int *panel, int *y) {
  Ints sum[2][4] = {};
  for (int k = 0; k < BYTES / 2; k++, panel += 16) {
    Ints own[4];
    EACH(j, 4) own[j] = load_ints(panel + 4 * j);
    EACH(r, 2) EACH(j, 4) sum[r][j] = plus(sum[r][j], _mm_madd_epi16(own[j], (Ints)_mm_broadcast_ss((const float *)pairs + r * BYTES / 2 + k)));
  }
  EACH(r, 2) EACH(j, 4) store_ints(y + r * BYTES + 4 * j, sum[r][j]);
}
void matmul_i32(const signed char *a, const signed char *b, int *y, int rows) {
  static int pairs[BYTES * BYTES / 2], panels[BYTES * BYTES / 2];
  for (int k = 0; k < rows * BYTES; k += 8) store_ints(pairs + k / 2, _mm_cvtepi8_epi16(_mm_loadl_epi64((const Ints *)(a + k))));
  pair_rows(b, panels);
  for (int column = 0; column < BYTES; column += 16) for (int row = 0; row < rows; row += 2)
    block_of_bytes(pairs + row * BYTES / 2, panels + column * BYTES / 2, y + row * BYTES + column);
}

// ---- convolutions of 3 × 3, padded by one: 32 channels of 28 × 28 ----

enum { CHANNELS = 32, FILTERS = 32, SIZE = 28, PITCH = SIZE + 2, AREA = SIZE * SIZE, WORDS_OF = CHANNELS / 2, TERMS = 9 * WORDS_OF };
/** Channels last, two in a word, with their border. */
static int words[PITCH * PITCH * WORDS_OF];
/** Filters of 16 in a panel. */
static int filters_of[FILTERS / 16][TERMS][16];

/** Two neighbouring channels of eight positions in a row as words. */
INLINE void pair_bytes(const signed char *x, Ints *low, Ints *high) {
  Ints both = _mm_unpacklo_epi8(_mm_loadl_epi64((const Ints *)x), _mm_loadl_epi64((const Ints *)(x + AREA)));
  *low = _mm_cvtepi8_epi16(both), *high = _mm_cvtepi8_epi16(_mm_srli_si128(both, 8));
}
INLINE void pair_image(const signed char *x) {
  for (int row = 0; row < SIZE; row++) for (int column = 0; column < SIZE; column += 4) {
    // The last eight of a row begin earlier.
    const int from = column + 8 > SIZE ? SIZE - 8 : column, late = from != column;
    for (int c = 0; c < WORDS_OF; c += 4) {
      Floats part[4];
      EACH(k, 4) {
        Ints low, high;
        pair_bytes(x + 2 * (c + k) * AREA + row * SIZE + from, &low, &high);
        part[k] = (Floats)(late ? high : low);
      }
      float columns[16];
      store_columns(columns, part[0], part[1], part[2], part[3]);
      int *to = words + ((row + 1) * PITCH + column + 1) * WORDS_OF + c;
      EACH(k, 4) store((float *)to + k * WORDS_OF, load(columns + 4 * k));
    }
  }
}
INLINE void pair_filters(const signed char *w) {
  for (int o = 0; o < FILTERS; o++) for (int tap = 0; tap < 9; tap++) for (int c = 0; c < WORDS_OF; c++)
    filters_of[o / 16][tap * WORDS_OF + c][o % 16] = (w[(o * CHANNELS + 2 * c) * 9 + tap] & 0xffff) | (w[(o * CHANNELS + 2 * c + 1) * 9 + tap] << 16);
}
/** Four positions and eight filters, stored with channels second. */
ALONE void block_of_image(const int *from, const int *panel, int *y) {
  Ints sum[4][2] = {};
  for (int u = 0; u < 3; u++, from += PITCH * WORDS_OF) for (int k = 0; k < 3 * WORDS_OF; k++, panel += 16) {
    Ints own[2];
    EACH(j, 2) own[j] = load_ints(panel + 4 * j);
    EACH(r, 4) EACH(j, 2) sum[r][j] = plus(sum[r][j], _mm_madd_epi16(own[j], (Ints)_mm_broadcast_ss((const float *)from + r * WORDS_OF + k)));
  }
  EACH(j, 2) {
    float columns[16];
    store_columns(columns, (Floats)sum[0][j], (Floats)sum[1][j], (Floats)sum[2][j], (Floats)sum[3][j]);
    EACH(l, 4) store((float *)y + (4 * j + l) * AREA, load(columns + 4 * l));
  }
}
void conv2d_i32(const signed char *x, const signed char *w, int *y, int images) {
  pair_filters(w);
  for (int n = 0; n < images; n++, x += CHANNELS * AREA, y += FILTERS * AREA) {
    pair_image(x);
    for (int o = 0; o < FILTERS; o += 8) for (int row = 0; row < SIZE; row++) for (int column = 0; column < SIZE; column += 4)
      block_of_image(words + (row * PITCH + column) * WORDS_OF, &filters_of[o / 16][0][o % 16], y + o * AREA + row * SIZE + column);
  }
}
