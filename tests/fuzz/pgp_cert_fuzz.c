#include "core/must.h"
#include "crypto/pgp_make.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Certificates and keys, with all that is asked of them; signature packets come in them. What
 * the public part says, the whole says. */
enum { NOW = 1795000000, TIMES = 3 };

static void
ask(struct pgp_cert *c)
{
	static const uint64_t times[TIMES] = {0, NOW, UINT32_MAX};
	size_t keys[PGP_VALID_RECIPIENTS_MAX], at;
	struct pgp_valid_facts facts;

	for (size_t t = 0; t < TIMES; t++) {
		size_t found = pgp_valid_recipients(c, times[t], keys);

		must(found <= PGP_VALID_RECIPIENTS_MAX);
		for (size_t i = 0; i < found; i++)
			must(pgp_valid_key(c, keys[i], PGP_USE_ENCRYPT, times[t]) ==
				PGP_PROBLEM_NONE);
		if (pgp_valid_signer(c, times[t], &at))
			must(pgp_valid_key(c, at, PGP_USE_SIGN, times[t]) == PGP_PROBLEM_NONE);
		if (pgp_valid_primary_user(c, times[t], &at))
			must(pgp_valid_user(c, at, times[t]));
		(void)pgp_valid_facts(c, times[t], &facts);
	}
	for (size_t i = 0; i < c->n_users; i++)
		(void)pgp_valid_address(c->user[i].text);
	must(c->cost <= PGP_CERT_COST_MAX);
}

static void
ask_public(struct pgp_cert *c)
{
	struct buf out;
	struct slice rest;
	struct pgp_cert *public;

	buf_init(&out, PGP_MAKE_MAX);
	if (pgp_make_public(c, &out) == ERR_OK) {
		rest = buf_slice(&out);
		must(pgp_cert_parse(&rest, &public) == ERR_OK);
		must(!public->is_secret && public->n_users == c->n_users);
		pgp_cert_free(public);
	}
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice rest = slice_of(p, n);
	struct pgp_cert *c;
	enum err e = ERR_OK;

	while (e == ERR_OK || e == ERR_UNSUPPORTED || e == ERR_LIMIT) {
		size_t before = rest.n;

		e = pgp_cert_parse(&rest, &c);
		must(rest.n < before || (e != ERR_OK && e != ERR_UNSUPPORTED));
		if (rest.n == before)
			break;
		if (e != ERR_OK)
			continue;
		ask(c);
		ask_public(c);
		pgp_cert_free(c);
	}
	return 0;
}
