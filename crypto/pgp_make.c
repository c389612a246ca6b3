#include "crypto/pgp_make.h"

#include "core/utf8.h"
#include "crypto/pgp_packet.h"
#include "crypto/pgp_s2k.h"
#include "crypto/pgp_sig_make.h"

enum {
	PREFERENCES_MAX = 256,
	SIGN_FLAGS = PGP_SIG_MAY_CERTIFY | PGP_SIG_MAY_SIGN,
	ENCRYPT_FLAGS = PGP_SIG_MAY_ENCRYPT_MAIL | PGP_SIG_MAY_ENCRYPT_STORAGE
};

static const struct kind {
	uint8_t version, sign, encrypt;
	size_t bits;
	const char *curve, *encrypt_curve;
} KIND[PGP_MAKE_KINDS] = {
	[PGP_MAKE_CURVE25519] = {4, PGP_EDDSA_LEGACY, PGP_ECDH, 0, "Ed25519", "Curve25519"},
	[PGP_MAKE_RSA3072] = {4, PGP_RSA, PGP_RSA, 3072, NULL, NULL},
	[PGP_MAKE_P256] = {4, PGP_ECDSA, PGP_ECDH, 0, "P-256", "P-256"},
	[PGP_MAKE_P384] = {4, PGP_ECDSA, PGP_ECDH, 0, "P-384", "P-384"},
	[PGP_MAKE_V6] = {6, PGP_ED25519, PGP_X25519, 0, NULL, NULL},
};

/* --- a new key --------------------------------------------------------------------------- */

struct maker {
	const struct pgp_make_setup *setup;
	const struct kind *kind;
	struct pgp_secret primary, subkey;
	struct pgp_private private;
	struct buf *out;
};

static void
put_flags(struct buf *out, uint8_t flags)
{
	pgp_sig_make_subpacket(out, PGP_SIG_KEY_FLAGS, true, slice_of(&flags, 1));
}

/* What the primary key's owner wants to get, and what it is for. */
static void
put_properties(const struct maker *m, struct buf *out)
{
	static const uint8_t ciphers[] = {PGP_AES256, PGP_AES192, PGP_AES128};
	static const uint8_t hashes[] = {PGP_SHA512, PGP_SHA384, PGP_SHA256};
	static const uint8_t compressions[] = {PGP_ZLIB, PGP_ZIP, PGP_UNCOMPRESSED};
	static const uint8_t suites[] = {PGP_AES256, PGP_OCB, PGP_AES128, PGP_OCB};
	uint8_t features = PGP_SIG_SEIPD1;

	put_flags(out, SIGN_FLAGS);
	if (m->setup->expires_sec)
		pgp_sig_make_number(out, PGP_SIG_KEY_EXPIRES, m->setup->expires_sec);
	pgp_sig_make_subpacket(out, PGP_SIG_CIPHERS, false, slice_of(ciphers, sizeof ciphers));
	pgp_sig_make_subpacket(out, PGP_SIG_HASHES, false, slice_of(hashes, sizeof hashes));
	pgp_sig_make_subpacket(
		out, PGP_SIG_COMPRESSIONS, false, slice_of(compressions, sizeof compressions));
	if (m->kind->version == 6) {
		features |= PGP_SIG_SEIPD2;
		pgp_sig_make_subpacket(
			out, PGP_SIG_SUITES, false, slice_of(suites, sizeof suites));
	}
	pgp_sig_make_subpacket(out, PGP_SIG_FEATURES, false, slice_of(&features, 1));
}

/* A self-signature over the primary key and what else is given. */
static enum err
put_signature(struct maker *m, uint8_t type, const struct buf *subpackets,
	const struct pgp_public *subkey, const struct slice *user_id)
{
	const struct pgp_public *primary = &m->primary.public;
	struct pgp_sig_make_setup setup = {.key = primary,
		.type = type,
		.hash = pgp_sig_make_hash(primary),
		.created_sec = m->setup->created_sec,
		.subpackets = buf_slice(subpackets)};
	struct pgp_sig_make s;
	struct buf body;
	enum err e = pgp_sig_make_begin(&s, &setup);

	buf_init(&body, PGP_PACKET_BODY_MAX);
	if (e == ERR_OK) {
		pgp_sig_hash_key(&s.hash, primary);
		if (subkey)
			pgp_sig_hash_key(&s.hash, subkey);
		if (user_id)
			pgp_sig_hash_user(&s.hash, PGP_TAG_USER_ID, *user_id);
		e = pgp_sig_make_finish(&s, &m->private, &body);
	}
	if (e == ERR_OK)
		pgp_packet_put(m->out, PGP_TAG_SIGNATURE, buf_slice(&body));
	buf_fini(&body);
	pgp_sig_make_fini(&s);
	return e;
}

static enum err
put_secret(struct maker *m, const struct pgp_secret *s, uint8_t tag)
{
	struct buf body;

	buf_init_secret(&body, PGP_SECRET_BODY_MAX);
	pgp_secret_put(s, tag, m->setup->password, &body);
	pgp_packet_put(m->out, tag, buf_slice(&body));
	buf_fini_secret(&body);
	return ERR_OK;
}

/* A key without user ids, and every one of version 6, says what it is for itself. */
static enum err
put_primary(struct maker *m)
{
	struct buf b;
	enum err e = put_secret(m, &m->primary, PGP_TAG_SECRET_KEY);

	if (e != ERR_OK || (m->kind->version == 4 && m->setup->n_user_ids))
		return e;
	buf_init(&b, PREFERENCES_MAX);
	put_properties(m, &b);
	e = put_signature(m, PGP_SIG_DIRECT, &b, NULL, NULL);
	buf_fini(&b);
	return e;
}

static enum err
put_user(struct maker *m, size_t i)
{
	const struct slice *id = &m->setup->user_id[i];
	struct buf b;
	enum err e;

	pgp_packet_put(m->out, PGP_TAG_USER_ID, *id);
	buf_init(&b, PREFERENCES_MAX);
	if (m->kind->version == 4)
		put_properties(m, &b);
	if (i == 0)
		pgp_sig_make_subpacket(&b, PGP_SIG_PRIMARY_USER_ID, true, slice_of("\x01", 1));
	e = put_signature(m, PGP_SIG_CERT_POSITIVE, &b, NULL, id);
	buf_fini(&b);
	return e;
}

static enum err
put_subkey(struct maker *m)
{
	struct buf b;
	enum err e = put_secret(m, &m->subkey, PGP_TAG_SECRET_SUBKEY);

	buf_init(&b, PREFERENCES_MAX);
	put_flags(&b, ENCRYPT_FLAGS);
	if (e == ERR_OK)
		e = put_signature(m, PGP_SIG_SUBKEY, &b, &m->subkey.public, NULL);
	buf_fini(&b);
	return e;
}

static enum err
generate(struct maker *m)
{
	struct pgp_secret_kind kind = {.version = m->kind->version,
		.algorithm = m->kind->sign,
		.created_sec = m->setup->created_sec,
		.bits = m->kind->bits,
		.curve = m->kind->curve};
	enum err e = pgp_secret_generate(&kind, &m->primary);

	kind.algorithm = m->kind->encrypt;
	kind.curve = m->kind->encrypt_curve;
	if (e == ERR_OK && !m->setup->is_for_signing)
		e = pgp_secret_generate(&kind, &m->subkey);
	return e;
}

static enum err
check_setup(const struct pgp_make_setup *setup)
{
	if (setup->n_user_ids > PGP_MAKE_USER_IDS_MAX ||
		setup->password.n > PGP_S2K_PASSWORD_MAX)
		return ERR_LIMIT;
	for (size_t i = 0; i < setup->n_user_ids; i++)
		if (setup->user_id[i].n == 0 || setup->user_id[i].n > PGP_USER_ID_MAX ||
			!utf8_is_valid(setup->user_id[i]))
			return ERR_SYNTAX;
	return ERR_OK;
}

enum err
pgp_make_key(const struct pgp_make_setup *setup, struct buf *out)
{
	struct maker m = {.setup = setup, .kind = &KIND[setup->kind], .out = out};
	const struct pgp_secret *one = &m.primary;
	struct pgp_secret_ring ring = {&one, 1};
	enum err e = check_setup(setup);

	m.private = pgp_secret_private(&ring);
	if (e == ERR_OK)
		e = generate(&m);
	if (e == ERR_OK)
		e = put_primary(&m);
	for (size_t i = 0; e == ERR_OK && i < setup->n_user_ids; i++)
		e = put_user(&m, i);
	if (e == ERR_OK && !setup->is_for_signing)
		e = put_subkey(&m);
	pgp_secret_fini(&m.primary);
	pgp_secret_fini(&m.subkey);
	return e == ERR_OK && out->overflow ? ERR_TOO_BIG : e;
}

/* --- others of a key --------------------------------------------------------------------- */

static bool
is_secret(uint8_t tag)
{
	return tag == PGP_TAG_SECRET_KEY || tag == PGP_TAG_SECRET_SUBKEY;
}

static enum err
put_public(const struct pgp_packet_whole *p, struct buf *out)
{
	struct pgp_public key;
	struct slice rest = p->body;
	enum err e;

	if (!is_secret(p->tag)) {
		buf_put_slice(out, p->raw);
		return ERR_OK;
	}
	e = pgp_public_take(&rest, &key);
	if (e != ERR_OK)
		return e;
	pgp_packet_put(out,
		p->tag == PGP_TAG_SECRET_KEY ? PGP_TAG_PUBLIC_KEY : PGP_TAG_PUBLIC_SUBKEY,
		key.body);
	pgp_public_fini(&key);
	return ERR_OK;
}

/* extra: put behind the primary key, or empty. */
static enum err
put_certificate(const struct pgp_cert *cert, struct slice extra, struct buf *out)
{
	struct slice rest = buf_slice(&cert->octets);
	struct pgp_packet_whole p;
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && pgp_packet_next(&rest, &p) == ERR_OK; i++) {
		e = put_public(&p, out);
		if (i == 0 && extra.n)
			buf_put_slice(out, extra);
	}
	return e == ERR_OK && out->overflow ? ERR_TOO_BIG : e;
}

enum err
pgp_make_public(const struct pgp_cert *cert, struct buf *out)
{
	return put_certificate(cert, SLICE_EMPTY, out);
}

static enum err
open_with(uint8_t tag, struct slice body, const struct pgp_make_passwords *p,
	struct pgp_secret *secret)
{
	enum err e = pgp_secret_parse(tag, body, SLICE_EMPTY, secret);

	for (size_t i = 0; e == ERR_AUTH && i < p->n_old; i++)
		e = pgp_secret_parse(tag, body, p->old[i], secret);
	return e;
}

enum err
pgp_make_open(const struct pgp_cert *cert, size_t key, const struct pgp_make_passwords *p,
	struct pgp_secret *secret)
{
	const struct pgp_cert_key *k = &cert->key[key];

	return is_secret(k->tag) ? open_with(k->tag, k->body, p, secret) : ERR_NOT_FOUND;
}

/* One whose private part is elsewhere (GnuPG's stubs) stays as it is. *n: of the others. */
static enum err
put_locked(const struct pgp_packet_whole *packet, const struct pgp_make_passwords *p, size_t *n,
	struct buf *out)
{
	struct pgp_secret s;
	struct buf body;
	enum err e;

	if (!is_secret(packet->tag)) {
		buf_put_slice(out, packet->raw);
		return ERR_OK;
	}
	e = open_with(packet->tag, packet->body, p, &s);
	if (e == ERR_NOT_FOUND)
		buf_put_slice(out, packet->raw);
	if (e != ERR_OK)
		return e == ERR_NOT_FOUND ? ERR_OK : e;
	++*n;
	buf_init_secret(&body, PGP_SECRET_BODY_MAX);
	pgp_secret_put(&s, packet->tag, p->new, &body);
	pgp_packet_put(out, packet->tag, buf_slice(&body));
	buf_fini_secret(&body);
	pgp_secret_fini(&s);
	return ERR_OK;
}

enum err
pgp_make_locked(
	const struct pgp_cert *cert, const struct pgp_make_passwords *p, struct buf *out)
{
	struct slice rest = buf_slice(&cert->octets);
	struct pgp_packet_whole packet;
	enum err e = p->new.n > PGP_S2K_PASSWORD_MAX ? ERR_LIMIT : ERR_OK;
	size_t n = 0;

	while (e == ERR_OK && pgp_packet_next(&rest, &packet) == ERR_OK)
		e = put_locked(&packet, p, &n, out);
	if (e == ERR_OK && n == 0)
		e = ERR_NOT_FOUND;
	return e == ERR_OK && out->overflow ? ERR_TOO_BIG : e;
}

enum err
pgp_make_revoked(const struct pgp_cert *cert, const struct pgp_make_passwords *p,
	const struct pgp_make_revocation *revocation, struct buf *out)
{
	struct pgp_make_setup setup = {.created_sec = revocation->created_sec};
	struct buf reason, signature;
	struct maker m = {.setup = &setup, .out = &signature};
	const struct pgp_secret *one = &m.primary;
	struct pgp_secret_ring ring = {&one, 1};
	enum err e = pgp_make_open(cert, 0, p, &m.primary);

	if (e != ERR_OK)
		return e;
	m.private = pgp_secret_private(&ring);
	buf_init(&reason, PGP_SIG_MAKE_SUBPACKETS_MAX);
	buf_init(&signature, PGP_PACKET_BODY_MAX);
	buf_put_u8(&signature, revocation->reason);
	buf_put_slice(&signature, revocation->words);
	pgp_sig_make_subpacket(&reason, PGP_SIG_REASON, false, buf_slice(&signature));
	buf_clear(&signature);
	e = put_signature(&m, PGP_SIG_KEY_REVOKED, &reason, NULL, NULL);
	if (e == ERR_OK)
		e = put_certificate(cert, buf_slice(&signature), out);
	buf_fini(&reason);
	buf_fini(&signature);
	pgp_secret_fini(&m.primary);
	return e;
}
