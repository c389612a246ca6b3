#include "crypto/pgp_secret.h"

#include "core/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Bodies of key packets, public, secret, and secret behind a password whose key costs nothing:
 * what is read is written as it was, and read again as the same. */

static void
try_public(struct slice body)
{
	struct pgp_public k, again;
	struct slice rest = body;

	if (!pgp_public_parse(body, &k)) {
		must(slice_eq(k.body, body));
		must(!pgp_public_parse(k.body, &again));
		must(again.n_fingerprint == k.n_fingerprint &&
			memcmp(again.fingerprint, k.fingerprint, k.n_fingerprint) == 0);
		(void)pgp_public_verify(
			&k, PGP_SHA256, SLICE_LIT("01234567890123456789012345678901"), body);
		pgp_public_fini(&again);
		pgp_public_fini(&k);
	}
	if (!pgp_public_take(&rest, &k)) {
		must(k.body.n + rest.n == body.n);
		pgp_public_fini(&k);
	}
}

static void
try_secret(uint8_t tag, struct slice body, struct slice password)
{
	struct pgp_secret s, again;
	struct buf b;

	buf_init(&b, 2 * PGP_SECRET_BODY_MAX);
	if (!pgp_secret_parse(tag, body, password, &s)) {
		pgp_secret_put(&s, tag, SLICE_EMPTY, &b);
		must(!pgp_secret_check(buf_slice(&b)));
		must(!pgp_secret_parse(tag, buf_slice(&b), SLICE_EMPTY, &again));
		must(memcmp(again.public.fingerprint, s.public.fingerprint,
			     s.public.n_fingerprint) == 0);
		pgp_secret_fini(&again);
		pgp_secret_fini(&s);
	}
	buf_fini(&b);
}

/* A public part, and a private one that MD5 and CFB make of the octets. */
static void
try_locked(struct slice octets)
{
	static const uint8_t head[] = {0xff, PGP_AES128, 0, PGP_MD5};
	struct pgp_public k;
	struct slice rest = octets;
	struct buf b;

	if (pgp_public_take(&rest, &k))
		return;
	buf_init(&b, 2 * PGP_SECRET_BODY_MAX);
	buf_put_slice(&b, k.body);
	buf_put(&b, head, sizeof head);
	buf_put_slice(&b, rest);
	try_secret(PGP_TAG_SECRET_KEY, buf_slice(&b), SLICE_LIT("word"));
	pgp_public_fini(&k);
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice all = slice_of(p, n);

	if (n > PGP_SECRET_BODY_MAX)
		return 0;
	try_public(all);
	(void)pgp_secret_check(all);
	try_secret(PGP_TAG_SECRET_SUBKEY, all, SLICE_EMPTY);
	try_locked(all);
	return 0;
}
