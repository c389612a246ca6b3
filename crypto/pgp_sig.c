#include "crypto/pgp_sig.h"

#include "core/big_endian.h"
#include "crypto/pgp_algorithm.h"

enum {
	V3_HASHED = 5, /* octets of a version 3 signature that are hashed: type, time */
	CRITICAL = 0x80,
	CLOCK_SEC = 300 /* that a signer's clock may be ahead of ours */
};

static bool
take(struct slice *rest, size_t n, struct slice *octets)
{
	if (rest->n < n)
		return false;
	*octets = slice_cut(*rest, 0, n);
	*rest = slice_from(*rest, n);
	return true;
}

static bool
take_number(struct slice *rest, size_t octets, size_t *n)
{
	struct slice s;

	if (!take(rest, octets, &s))
		return false;
	*n = 0;
	for (size_t i = 0; i < octets; i++)
		*n = *n << 8 | s.p[i];
	return true;
}

/* --- subpackets -------------------------------------------------------------------------- */

static bool
set_number(struct slice body, uint32_t *value)
{
	if (body.n != sizeof *value)
		return false;
	*value = big_endian_get_u32(body.p);
	return true;
}

/* The first octet of flags, of which there may be more; none are no flags. */
static bool
set_flags(struct slice body, bool *has, uint8_t *value)
{
	*has = true;
	*value = body.n ? body.p[0] : 0;
	return true;
}

static bool
set_reason(struct pgp_sig *s, struct slice body)
{
	s->has_reason = body.n > 0;
	s->reason = body.n ? body.p[0] : PGP_SIG_NO_REASON;
	s->reason_words = slice_from(body, 1);
	return body.n > 0;
}

static bool
set_fingerprint(struct pgp_sig *s, struct slice body)
{
	if (body.n < 1 || (body.p[0] == 4 && body.n != 21) || (body.p[0] == 6 && body.n != 33))
		return false;
	s->issuer_fingerprint = slice_from(body, 1);
	return true;
}

/* What may stand in either area. */
static bool
set_anywhere(struct pgp_sig *s, uint8_t type, struct slice body, bool *is_known)
{
	*is_known = true;
	switch (type) {
	case PGP_SIG_ISSUER:
		s->issuer = body;
		return body.n == PGP_KEY_ID;
	case PGP_SIG_ISSUER_FINGERPRINT:
		return set_fingerprint(s, body);
	case PGP_SIG_EMBEDDED:
		s->embedded = body;
		return true;
	default:
		*is_known = false;
		return true;
	}
}

static bool
set_list(struct slice *list, struct slice body)
{
	*list = body;
	return true;
}

/* Of the hashed area. */
static bool
set_hashed(struct pgp_sig *s, uint8_t type, struct slice body, bool *is_known)
{
	*is_known = true;
	switch (type) {
	case PGP_SIG_CREATED:
		s->has_created = true;
		return set_number(body, &s->created_sec);
	case PGP_SIG_EXPIRES:
		return set_number(body, &s->expires_sec);
	case PGP_SIG_KEY_EXPIRES:
		s->has_key_expires = true;
		return set_number(body, &s->key_expires_sec);
	case PGP_SIG_PRIMARY_USER_ID:
		s->is_primary_user_id = body.n == 1 && body.p[0];
		return body.n == 1;
	case PGP_SIG_KEY_FLAGS:
		return set_flags(body, &s->has_flags, &s->flags);
	case PGP_SIG_FEATURES:
		return set_flags(body, &s->has_features, &s->features);
	case PGP_SIG_REASON:
		return set_reason(s, body);
	case PGP_SIG_CIPHERS:
		return set_list(&s->ciphers, body);
	case PGP_SIG_HASHES:
		return set_list(&s->hashes, body);
	case PGP_SIG_COMPRESSIONS:
		return set_list(&s->compressions, body);
	case PGP_SIG_SUITES:
		return set_list(&s->suites, body) && body.n % 2 == 0;
	case PGP_SIG_SIGNER:
		return set_list(&s->signer, body);
	case PGP_SIG_RECIPIENT:
		s->has_recipients = true;
		return true;
	default:
		return set_anywhere(s, type, body, is_known);
	}
}

static bool
take_subpacket(struct slice *rest, struct slice *subpacket)
{
	size_t n, more;

	if (!take_number(rest, 1, &n))
		return false;
	if (n >= 192 && n < 255) {
		if (!take_number(rest, 1, &more))
			return false;
		n = ((n - 192) << 8) + more + 192;
	} else if (n == 255 && !take_number(rest, 4, &n)) {
		return false;
	}
	return n > 0 && take(rest, n, subpacket);
}

/* Known to do no harm, whatever they say: exportable, trust, regular expression, revocable,
 * revocation key, key server preferences, key server, policy, target, GnuPG's AEAD, attested.
 * None of them changes what a self-signature or a text's means here. */
static bool
is_harmless(uint8_t type)
{
	static const uint8_t types[] = {4, 5, 6, 7, 12, 23, 24, 26, 31, 34, 37};

	return memchr(types, type, sizeof types) != NULL;
}

static bool
read_area(struct pgp_sig *s, struct slice area, bool is_hashed)
{
	struct slice subpacket;
	bool is_known;

	while (area.n) {
		if (!take_subpacket(&area, &subpacket))
			return false;
		uint8_t type = subpacket.p[0] & (uint8_t)~CRITICAL;
		struct slice body = slice_from(subpacket, 1);

		if (!(is_hashed ? set_hashed : set_anywhere)(s, type, body, &is_known))
			return false;
		/* "If a subpacket is encountered that is marked critical but is unknown ... the
		 * evaluator SHOULD consider the signature to be in error." */
		if (is_hashed && !is_known && (subpacket.p[0] & CRITICAL) && !is_harmless(type))
			s->is_unknown = true;
	}
	return true;
}

/* --- the packet -------------------------------------------------------------------------- */

static enum err
parse_v3(struct slice body, struct pgp_sig *s)
{
	struct slice rest = slice_from(body, 1), left;
	size_t n, algorithm, hash;

	if (!take_number(&rest, 1, &n) || n != V3_HASHED ||
		!take(&rest, V3_HASHED, &s->hashed) || !take(&rest, PGP_KEY_ID, &s->issuer) ||
		!take_number(&rest, 1, &algorithm) || !take_number(&rest, 1, &hash) ||
		!take(&rest, 2, &left))
		return ERR_SYNTAX;
	s->type = s->hashed.p[0];
	s->has_created = true;
	s->created_sec = big_endian_get_u32(s->hashed.p + 1);
	s->algorithm = (uint8_t)algorithm;
	s->hash = (uint8_t)hash;
	memcpy(s->left, left.p, sizeof s->left);
	s->fields = rest;
	return ERR_OK;
}

/* Versions 4 and 6 differ in the size of lengths, and in the salt. */
static enum err
parse_v4(struct slice body, struct pgp_sig *s)
{
	struct slice rest = slice_from(body, 1), head, area, left;
	size_t octets = s->version == 6 ? 4 : 2, n;

	if (!take(&rest, 3, &head) || !take_number(&rest, octets, &n) || !take(&rest, n, &area))
		return ERR_SYNTAX;
	s->type = head.p[0];
	s->algorithm = head.p[1];
	s->hash = head.p[2];
	s->hashed = slice_cut(body, 0, body.n - rest.n);
	s->area = area;
	if (!read_area(s, area, true))
		return ERR_SYNTAX;
	struct slice issuer = s->issuer, fingerprint = s->issuer_fingerprint;
	struct slice embedded = s->embedded;

	if (!take_number(&rest, octets, &n) || !take(&rest, n, &area) ||
		!read_area(s, area, false) || !take(&rest, 2, &left))
		return ERR_SYNTAX;
	/* What is hashed wins. */
	s->issuer = issuer.n ? issuer : s->issuer;
	s->issuer_fingerprint = fingerprint.n ? fingerprint : s->issuer_fingerprint;
	s->embedded = embedded.n ? embedded : s->embedded;
	memcpy(s->left, left.p, sizeof s->left);
	if (s->version == 6 && (!take_number(&rest, 1, &n) || !take(&rest, n, &s->salt) ||
				       n != pgp_algorithm_salt_size(s->hash)))
		return ERR_SYNTAX;
	s->fields = rest;
	return ERR_OK;
}

enum err
pgp_sig_parse(struct slice body, struct pgp_sig *s)
{
	struct pgp_sig found = {0};
	enum err e;

	if (body.n < 1)
		return ERR_SYNTAX;
	found.version = body.p[0];
	if (found.version == 3)
		e = parse_v3(body, &found);
	else if (found.version == 4 || found.version == 6)
		e = parse_v4(body, &found);
	else
		e = ERR_UNSUPPORTED;
	if (e == ERR_OK)
		*s = found;
	return e;
}

bool
pgp_sig_names(const struct pgp_sig *s, const struct pgp_public *key)
{
	struct slice fingerprint = slice_of(key->fingerprint, key->n_fingerprint);
	struct slice id = slice_of(key->key_id, PGP_KEY_ID);

	if (s->issuer_fingerprint.n)
		return slice_eq(s->issuer_fingerprint, fingerprint);
	return s->issuer.n == 0 || slice_eq(s->issuer, id);
}

bool
pgp_sig_is_for_others(const struct pgp_sig *s, const struct pgp_public *key)
{
	struct slice area = s->area, subpacket;

	while (s->has_recipients && key && take_subpacket(&area, &subpacket))
		if ((subpacket.p[0] & (uint8_t)~CRITICAL) == PGP_SIG_RECIPIENT &&
			slice_eq(slice_from(subpacket, 2),
				slice_of(key->fingerprint, key->n_fingerprint)))
			return false;
	return s->has_recipients;
}

bool
pgp_sig_is_current(const struct pgp_sig *s, uint64_t at_sec)
{
	if (!s->has_created || s->created_sec > at_sec + CLOCK_SEC)
		return false;
	return s->expires_sec == 0 || (uint64_t)s->created_sec + s->expires_sec > at_sec;
}

bool
pgp_sig_fits(const struct pgp_sig *s, const struct pgp_public *key, struct slice digest)
{
	bool is_same = s->version == 6 ? key->version == 6 : key->version == 4;

	return is_same && s->algorithm == key->algorithm && !s->is_unknown && s->has_created &&
	       digest.n >= sizeof s->left && memcmp(s->left, digest.p, sizeof s->left) == 0;
}

enum err
pgp_sig_check(const struct pgp_sig *s, const struct pgp_public *key, struct slice digest)
{
	return pgp_sig_fits(s, key, digest) ? pgp_public_verify(key, s->hash, digest, s->fields)
					    : ERR_CRYPTO;
}
