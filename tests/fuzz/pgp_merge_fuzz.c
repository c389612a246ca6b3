#include "core/must.h"
#include "crypto/pgp_merge.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* An octet for the limit, then copies of one certificate: put together they fit, can be read,
 * lose no revocation, and once more together with that they say nothing new. */
enum { COPIES = 4, MAX_MIN = 256, MAX_STEP = 64 };

static bool
revokes(struct pgp_cert *c, size_t sig)
{
	bool is_revocation;

	return pgp_valid_own(c, sig, &is_revocation) == PGP_CERT_GOOD && is_revocation;
}

static bool
has(struct pgp_cert *c, const struct pgp_sig *sig)
{
	for (size_t i = 0; i < c->n_sigs; i++)
		if (slice_eq(c->sig[i].sig.hashed, sig->hashed) &&
			slice_eq(c->sig[i].sig.fields, sig->fields))
			return true;
	return false;
}

static void
check(struct pgp_cert *merged, struct pgp_cert *copy)
{
	for (size_t i = 0; i < copy->n_sigs; i++)
		must(!revokes(copy, i) || has(merged, &copy->sig[i].sig));
}

static void
merge(struct pgp_cert **copy, size_t n, size_t max)
{
	struct buf out, again;
	struct slice rest;
	bool has_news;

	buf_init(&out, max);
	buf_init(&again, max);
	if (pgp_merge(copy, n, max, &out, &has_news) == ERR_OK) {
		must(out.n <= max);
		rest = buf_slice(&out);
		must(pgp_cert_parse(&rest, &copy[n]) == ERR_OK && rest.n == 0);
		must(!copy[n]->is_secret);
		for (size_t i = 0; i < n; i++)
			check(copy[n], copy[i]);
		must(pgp_merge(copy, n + 1, max, &again, &has_news) == ERR_OK && !has_news);
		must(slice_eq(buf_slice(&out), buf_slice(&again)));
		pgp_cert_free(copy[n]);
	}
	buf_fini(&out);
	buf_fini(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice rest = slice_from(slice_of(p, n), 1);
	struct pgp_cert *copy[COPIES + 1];
	size_t count = 0;

	while (count < COPIES && pgp_cert_parse(&rest, &copy[count]) == ERR_OK)
		count++;
	if (count)
		merge(copy, count, MAX_MIN + (size_t)p[0] * MAX_STEP);
	while (count)
		pgp_cert_free(copy[--count]);
	return 0;
}
