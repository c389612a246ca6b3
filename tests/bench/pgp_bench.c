/* How fast mails of OpenPGP are signed and sealed, and opened and verified, on one core, by the
 * engine's own functions: 16 KiB, and 10 MB. */
#include <stdio.h>
#include <time.h>

#include "crypto/pgp_open.h"
#include "crypto/pgp_seal.h"
#include "tests/pgp_person.h"
#include "tests/pgp_read.h"

enum { MAIL = 16384, LARGE = 10000000, PIECE = 65536, TIME_US = 500000 };

static uint8_t text[LARGE];

struct job {
	struct pgp_person ann;
	struct slice text;
	struct buf message, out;
};

static double
cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Microseconds of processor time that one takes, of many. */
static double
time_of(void (*run)(struct job *j), struct job *j)
{
	double from, now;
	size_t n = 0;

	run(j);
	from = cpu_us();
	do {
		run(j);
		n++;
		now = cpu_us();
	} while (now - from < TIME_US);
	return (now - from) / (double)n;
}

static void
seal(struct job *j)
{
	static struct pgp_seal_plan plan;
	size_t key;
	struct pgp_signer signer = {.private = &j->ann.private};
	struct pgp_seal_setup setup = {.sign = {&signer, 1, false, PGP_PERSON_NOW},
		.plan = &plan,
		.format = 'b',
		.to = text_into(&j->message)};
	struct pgp_seal *s;

	must(pgp_valid_signer(j->ann.cert, PGP_PERSON_NOW, &key));
	signer.key = &j->ann.cert->key[key].public;
	must(pgp_seal_choose(&j->ann.cert, 1, PGP_PERSON_NOW, true, &plan) == ERR_OK);
	buf_clear(&j->message);
	s = pgp_seal_new(&setup);
	must(s && pgp_seal_feed(s, j->text) == ERR_OK && pgp_seal_finish(s) == ERR_OK);
	pgp_seal_free(s);
}

static void
open_it(struct job *j)
{
	struct pgp_open_setup setup = {.keys = &j->ann.ring,
		.private = &j->ann.private,
		.judge = {&j->ann.ring, PGP_PERSON_NOW},
		.to = text_into(&j->out)};
	struct pgp_opened facts;

	buf_clear(&j->out);
	must(pgp_read_message(&setup, buf_slice(&j->message), PIECE, &facts) == ERR_OK);
	must(facts.n_verdicts == 1 && facts.verdict[0].problem == PGP_PROBLEM_NONE);
	must(j->out.n == j->text.n);
}

static void
measure(const char *name, enum pgp_make_kind kind)
{
	static const size_t sizes[] = {MAIL, LARGE};
	static struct job j;

	pgp_person_init(&j.ann, kind);
	buf_init(&j.message, 2 * LARGE);
	buf_init(&j.out, 2 * LARGE);
	for (size_t i = 0; i < 2; i++) {
		double sealed, opened;

		j.text = slice_of(text, sizes[i]);
		sealed = time_of(seal, &j);
		opened = time_of(open_it, &j);
		printf("%-12s %8zu octets: sign and seal %9.1f us (%6.0f MB/s), "
		       "open and verify %9.1f us (%6.0f MB/s)\n",
			name, sizes[i], sealed, (double)sizes[i] / sealed, opened,
			(double)sizes[i] / opened);
	}
	buf_fini(&j.message);
	buf_fini(&j.out);
	pgp_person_fini(&j.ann);
}

int
main(void)
{
	for (size_t i = 0; i < LARGE; i++)
		text[i] = (uint8_t)("the quick brown fox\r\n"[i % 21]);
	measure("Curve25519", PGP_MAKE_CURVE25519);
	measure("RSA 3072", PGP_MAKE_RSA3072);
	measure("version 6", PGP_MAKE_V6);
	return 0;
}
