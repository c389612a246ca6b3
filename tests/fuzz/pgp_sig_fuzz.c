#include "crypto/pgp_sig_hash.h"

#include "core/big_endian.h"
#include "tests/pgp_person.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Bodies of signature packets, and of those that they have in them: without what isn't hashed
 * they say the same, hashed in pieces they hash alike, and whatever their digest's first octets
 * are, nobody made them. */
enum { PEOPLE = 2 };

static struct pgp_person people[PEOPLE];

static void
write_hashed(const struct pgp_sig *s, struct buf *out)
{
	static const uint8_t zeros[4];

	if (s->version == 3) {
		buf_put(out, (const uint8_t[]){3, (uint8_t)s->hashed.n}, 2);
		buf_put_slice(out, s->hashed);
		buf_put_slice(out, s->issuer);
		buf_put(out, (const uint8_t[]){s->algorithm, s->hash}, 2);
	} else {
		buf_put_slice(out, s->hashed);
		buf_put(out, zeros, s->version == 6 ? 4 : 2);
	}
	buf_put(out, s->left, sizeof s->left);
	if (s->version == 6)
		buf_put_u8(out, (uint8_t)s->salt.n);
	buf_put_slice(out, s->salt);
	buf_put_slice(out, s->fields);
}

static bool
is_same(const struct pgp_sig *a, const struct pgp_sig *b)
{
	return a->type == b->type && a->algorithm == b->algorithm && a->hash == b->hash &&
	       a->has_created == b->has_created && a->created_sec == b->created_sec &&
	       a->expires_sec == b->expires_sec && a->has_key_expires == b->has_key_expires &&
	       a->key_expires_sec == b->key_expires_sec && a->has_flags == b->has_flags &&
	       a->flags == b->flags && a->has_features == b->has_features &&
	       a->features == b->features && a->has_reason == b->has_reason &&
	       a->reason == b->reason && a->is_primary_user_id == b->is_primary_user_id &&
	       a->is_unknown == b->is_unknown && slice_eq(a->ciphers, b->ciphers) &&
	       slice_eq(a->hashes, b->hashes) && slice_eq(a->compressions, b->compressions) &&
	       slice_eq(a->suites, b->suites) && slice_eq(a->signer, b->signer) &&
	       slice_eq(a->reason_words, b->reason_words) && slice_eq(a->fields, b->fields);
}

static void
try_hashed_alone(const struct pgp_sig *s)
{
	struct pgp_sig again;
	struct buf b;

	buf_init(&b, PGP_PACKET_BODY_MAX);
	write_hashed(s, &b);
	must(pgp_sig_parse(buf_slice(&b), &again) == ERR_OK && is_same(s, &again));
	/* What is hashed went before what isn't. */
	must(!again.embedded.n || slice_eq(s->embedded, again.embedded));
	must(!again.issuer.n || slice_eq(s->issuer, again.issuer));
	must(!again.issuer_fingerprint.n ||
		slice_eq(s->issuer_fingerprint, again.issuer_fingerprint));
	buf_fini(&b);
}

/* Of what is signed, anything will do. False: no hash of ours. */
static bool
hash_in(const struct pgp_sig *s, size_t piece, uint8_t *room, struct slice *digest)
{
	struct slice text = s->fields;
	struct pgp_sig_hash h;

	if (pgp_sig_hash_begin(&h, s->hash, s->salt, s->type == PGP_SIG_TEXT) != ERR_OK)
		return false;
	for (; text.n; text = slice_from(text, piece))
		pgp_sig_hash_feed(&h, slice_cut(text, 0, piece));
	*digest = pgp_sig_hash_finish(&h, s->version, s->hashed, room);
	return true;
}

static void
try_check(struct pgp_sig s)
{
	uint8_t room[PGP_DIGEST_MAX], other[PGP_DIGEST_MAX];
	struct slice digest, again;

	if (!hash_in(&s, s.fields.n + 1, room, &digest))
		return;
	must(hash_in(&s, 1, other, &again) && slice_eq(digest, again));
	memcpy(s.left, digest.p, sizeof s.left);
	for (size_t i = 0; i < PEOPLE; i++)
		must(pgp_sig_check(&s, &people[i].cert->key[0].public, digest) != ERR_OK);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice body = slice_of(p, n);
	struct pgp_sig s;

	if (!people[0].cert) {
		pgp_person_init(&people[0], PGP_MAKE_CURVE25519);
		pgp_person_init(&people[1], PGP_MAKE_V6);
	}
	if (n > PGP_PACKET_BODY_MAX)
		return 0;
	for (; body.n && pgp_sig_parse(body, &s) == ERR_OK; body = s.embedded) {
		must(s.embedded.n < body.n);
		try_hashed_alone(&s);
		try_check(s);
	}
	return 0;
}
