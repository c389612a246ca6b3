#include "crypto/pgp_secret.h"

#include "core/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* The fields of a PKESK and of a signature. What is unwrapped is always some session key, the
 * same for the same octets; no signature is one. First octet: which key. */

static const struct pgp_secret_kind kinds[] = {
	{4, PGP_RSA, 1, 2048, NULL},
	{4, PGP_ECDH, 1, 0, "P-256"},
	{6, PGP_ECDH, 1, 0, "P-521"},
	{4, PGP_ECDH, 1, 0, "Curve25519"},
	{6, PGP_X25519, 1, 0, NULL},
	{6, PGP_X448, 1, 0, NULL},
	{4, PGP_ECDSA, 1, 0, "P-256"},
	{4, PGP_EDDSA_LEGACY, 1, 0, NULL},
	{6, PGP_ED25519, 1, 0, NULL},
	{6, PGP_ED448, 1, 0, NULL},
};
enum { KEYS = sizeof kinds / sizeof *kinds };
static struct pgp_secret keys[KEYS];

static void
unwrap(const struct pgp_secret *s, uint8_t version, struct slice fields)
{
	struct pgp_session a, b;

	must(!pgp_secret_unwrap(s, version, fields, &a) &&
		!pgp_secret_unwrap(s, version, fields, &b));
	must((a.n == 16 || a.n == 24 || a.n == 32) && a.n == b.n && a.cipher == b.cipher &&
		memcmp(a.key, b.key, a.n) == 0);
	must((version == 6) == (a.cipher == 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const uint8_t digest[PGP_DIGEST_MAX];
	const struct pgp_secret *s;
	struct slice fields;

	for (size_t i = 0; i < KEYS && !keys[i].key; i++)
		must(!pgp_secret_generate(&kinds[i], &keys[i]));
	if (!n || n > PGP_PUBLIC_FIELDS_MAX)
		return 0;
	s = &keys[p[0] % KEYS];
	fields = slice_of(p + 1, n - 1);
	if (s->public.may_encrypt) {
		unwrap(s, 3, fields);
		unwrap(s, 6, fields);
	}
	if (s->public.may_sign)
		must(pgp_public_verify(&s->public, PGP_SHA512, slice_of(digest, 64), fields) ==
			ERR_CRYPTO);
	return 0;
}
