#include "core/must.h"
#include "crypto/pgp_make.h"
#include "crypto/pgp_open.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Messages for a session key that is always the same, and for a key that isn't: at once and in
 * small pieces alike, the text no longer than it may be. */
enum { NOW = 1795000000, TEXT_MAX = 1 << 22 };

static struct pgp_cert *cert;
static struct pgp_secret secret[2];
static const struct pgp_secret *one[2] = {&secret[0], &secret[1]};
static struct pgp_secret_ring ring = {one, 2};

static void
setup_once(void)
{
	static bool is_done;
	struct pgp_make_setup setup = {.kind = PGP_MAKE_V6, .created_sec = NOW};
	struct pgp_make_passwords none = {0};
	struct buf out;
	struct slice rest;

	if (is_done)
		return;
	is_done = true;
	buf_init(&out, PGP_MAKE_MAX);
	must(pgp_make_key(&setup, &out) == ERR_OK);
	rest = buf_slice(&out);
	must(pgp_cert_parse(&rest, &cert) == ERR_OK);
	for (size_t i = 0; i < 2; i++)
		must(pgp_make_open(cert, i, &none, &secret[i]) == ERR_OK);
	buf_fini(&out);
}

static enum err
open_in(struct slice all, size_t piece, struct buf *text, struct pgp_opened *facts)
{
	const struct pgp_session session = {PGP_AES128, 16, "0123456789abcdef"};
	const struct pgp_private private = pgp_secret_private(&ring);
	const struct pgp_cert_ring certs = {&cert, 1};
	struct pgp_open_setup setup = {.keys = &certs,
		.private = &private,
		.session = &session,
		.n_sessions = 1,
		.attempt = all.n % 2,
		.judge = {&certs, NOW},
		.limit_bytes = TEXT_MAX / 2,
		.to = text_into(text)};
	struct pgp_open *o = pgp_open_new(&setup);
	enum err e = ERR_OK;

	for (; e == ERR_OK && all.n; all = slice_from(all, piece))
		e = pgp_open_feed(o, slice_cut(all, 0, piece));
	e = pgp_open_finish(o, facts);
	pgp_open_free(o);
	return e;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice all = slice_of(p, n);
	struct pgp_opened facts, again;
	struct buf text, other;
	enum err e;

	setup_once();
	buf_init(&text, TEXT_MAX);
	buf_init(&other, TEXT_MAX);
	e = open_in(all, n ? n : 1, &text, &facts);
	/* Which of two limits comes first may depend on the pieces; whether one does, doesn't. */
	must((open_in(all, 3, &other, &again) == ERR_OK) == (e == ERR_OK));
	must(text.n <= TEXT_MAX / 2);
	if (e == ERR_OK) {
		must(slice_eq(buf_slice(&text), buf_slice(&other)));
		must(facts.text_bytes == text.n && facts.n_verdicts == again.n_verdicts);
		for (size_t i = 0; i < facts.n_verdicts; i++)
			must(facts.verdict[i].problem == again.verdict[i].problem);
	}
	buf_fini(&text);
	buf_fini(&other);
	return 0;
}
