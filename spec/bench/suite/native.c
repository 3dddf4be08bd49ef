// The heat step in C, compiled by the suite twice: for SSE2, and for the machine it runs on. Reads the initial plate from the
// file argv[1]; then for each number of milliseconds on a line of stdin it runs for that long and prints the
// median of seconds a step.
// "output FILE" writes the plate after as many steps as a call has.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define N 1024
#define STEPS 50

static float *plates[3];

static void step(const float *restrict u, float *restrict v) {
  const float alpha = 0.1f;
  for (int y = 1; y < N - 1; y++)
    for (int x = 1; x < N - 1; x++) {
      int i = y * N + x;
      v[i] = u[i] + alpha * (u[i - N] + u[i + N] + u[i - 1] + u[i + 1] - 4 * u[i]);
    }
}

static const float *call(void) {
  memcpy(plates[1], plates[0], N * N * sizeof(float));
  memcpy(plates[2], plates[0], N * N * sizeof(float));
  for (int k = 0; k < STEPS; k++) step(plates[1 + k % 2], plates[2 - k % 2]);
  return plates[1 + STEPS % 2];
}

// Processor time, as the suite times long calls of one thread.
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  // Three plates a page and some lines apart, so that equal addresses modulo 4096 do not collide.
  for (int k = 0; k < 3; k++) plates[k] = (float *)((char *)aligned_alloc(4096, (N * N + 4096) * sizeof(float)) + k * 320);
  FILE *in = argc > 1 ? fopen(argv[1], "rb") : NULL;
  if (!in || fread(plates[0], sizeof(float), N * N, in) != N * N) return 1;
  fclose(in);
  char line[4096];
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    if (strncmp(line, "output ", 7) == 0) {
      FILE *out = fopen(line + 7, "wb");
      if (!out || fwrite(call(), sizeof(float), N * N, out) != N * N) return 1;
      fclose(out);
      puts("done");
    } else {
      double limit = atof(line) * 1e-3, start = now();
      static double samples[10000];
      int count = 0;
      do {
        double before = now();
        call();
        samples[count++] = (now() - before) / STEPS;
      } while (now() - start < limit && count < 10000);
      qsort(samples, count, sizeof(double), ascending);
      printf("%.9g\n", samples[count / 2]);
    }
    fflush(stdout);
  }
  return 0;
}
