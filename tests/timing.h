/* timing: does the time of what is done tell what it was done to? All kinds in a random order,
 * thousands of times; then Welch's t-test of each kind against the first, as dudect does it: of
 * all measurements, and of those below some quantiles, where interruptions don't count; the
 * largest |t| is shown. Beyond TIMING_SEEN there is a difference that one would see. The second
 * kind is the first again: what this machine's noise is. */
#ifndef TESTS_TIMING_H
#define TESTS_TIMING_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/must.h"
#include "core/rand.h"

#define TIMING_SEEN 4.5

enum { TIMING_KINDS_MAX = 32, TIMING_QUANTILES = 6 };

struct timing_moments {
	double n, mean, variance;
};
struct timing {
	const char *what;
	size_t kinds, each;
	const char *(*name)(size_t kind);
	bool (*may_differ)(size_t kind); /* shown, and no fault */
	/* Its octets, always to the same place, and so into the cache; not measured. */
	void (*prepare)(size_t kind);
	void (*run)(void);
};

static inline double
timing_once(const struct timing *t, size_t kind)
{
	struct timespec from, to;

	t->prepare(kind);
	clock_gettime(CLOCK_MONOTONIC_RAW, &from);
	t->run();
	clock_gettime(CLOCK_MONOTONIC_RAW, &to);
	return (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
}

/* Each kind once, in any order: what one leaves behind in the caches mustn't always meet the
 * same other one. */
static inline void
timing_round(const struct timing *t, double *const ns[], size_t round)
{
	size_t order[TIMING_KINDS_MAX];

	for (size_t k = 0; k < t->kinds; k++) {
		size_t at = rand_below((uint32_t)k + 1);

		order[k] = order[at];
		order[at] = k;
	}
	for (size_t k = 0; k < t->kinds; k++)
		ns[order[k]][round] = timing_once(t, order[k]);
}

static inline int
timing_by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of those below the limit. */
static inline struct timing_moments
timing_moments_of(const double *ns, size_t n, double limit)
{
	struct timing_moments m = {0, 0, 0};

	for (size_t i = 0; i < n; i++) {
		double delta = ns[i] - m.mean;

		if (ns[i] > limit)
			continue;
		m.n++;
		m.mean += delta / m.n;
		m.variance += delta * (ns[i] - m.mean);
	}
	m.variance = m.n > 1 ? m.variance / (m.n - 1) : 0;
	return m;
}

static inline double
timing_welch(struct timing_moments a, struct timing_moments b)
{
	double error = sqrt(a.variance / a.n + b.variance / b.n);

	return error > 0 ? (a.mean - b.mean) / error : 0;
}

static inline double
timing_largest(const double *a, const double *b, const double *sorted, size_t n)
{
	static const double quantiles[TIMING_QUANTILES] = {0.25, 0.5, 0.75, 0.9, 0.99, 1};
	double largest = 0;

	for (size_t i = 0; i < TIMING_QUANTILES; i++) {
		double limit = sorted[(size_t)((double)(n - 1) * quantiles[i])];
		double t = timing_welch(
			timing_moments_of(a, n, limit), timing_moments_of(b, n, limit));

		largest = fabs(t) > fabs(largest) ? t : largest;
	}
	return largest;
}

static inline bool
timing_show(const struct timing *t, double *const ns[], const double *sorted)
{
	double most = sorted[(size_t)((double)t->each * 0.75)];
	bool is_seen = false;

	printf("%s: %zu of each kind, median %.1f us\n", t->what, t->each,
		sorted[t->each / 2] / 1000);
	printf("%-32s %12s %8s\n", t->name(0), "ns", "t");
	for (size_t k = 1; k < t->kinds; k++) {
		double worst = timing_largest(ns[k], ns[0], sorted, t->each);
		bool is_free = t->may_differ && t->may_differ(k);

		printf("%-32s %+12.0f %+8.2f%s\n", t->name(k),
			timing_moments_of(ns[k], t->each, most).mean -
				timing_moments_of(ns[0], t->each, most).mean,
			worst, is_free ? " (may differ)" : "");
		is_seen |= k > 1 && !is_free && fabs(worst) > TIMING_SEEN;
	}
	return is_seen;
}

/* Is there a difference where there should be none? Says all it saw. */
static inline bool
timing_play(const struct timing *t)
{
	double *ns[TIMING_KINDS_MAX], *sorted = must_alloc(t->each * sizeof *sorted);
	bool is_seen;

	must(t->each > 1 && t->kinds <= TIMING_KINDS_MAX);
	for (size_t k = 0; k < t->kinds; k++)
		ns[k] = must_alloc(t->each * sizeof *ns[k]);
	for (size_t i = 0; i < t->each; i++)
		timing_round(t, ns, i);
	memcpy(sorted, ns[0], t->each * sizeof *sorted);
	qsort(sorted, t->each, sizeof *sorted, timing_by_size);
	is_seen = timing_show(t, ns, sorted);
	for (size_t k = 0; k < t->kinds; k++)
		free(ns[k]);
	free(sorted);
	return is_seen;
}

#endif
