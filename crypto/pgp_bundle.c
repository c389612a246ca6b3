#include "crypto/pgp_bundle.h"

#include <stdlib.h>

#include "core/must.h"
#include "crypto/pgp_packet.h"

static bool
is_secret(uint8_t tag)
{
	return tag == PGP_TAG_SECRET_KEY || tag == PGP_TAG_SECRET_SUBKEY;
}

enum err
pgp_bundle_parse(struct slice packets, struct pgp_bundle **out)
{
	struct pgp_bundle *b = must_zalloc(sizeof *b);
	struct pgp_packet_whole p;
	enum err e;

	while ((e = pgp_packet_next(&packets, &p)) == ERR_OK) {
		if (!is_secret(p.tag))
			e = ERR_SYNTAX;
		else if (b->n > PGP_SUBKEYS_MAX)
			e = ERR_LIMIT;
		else
			e = pgp_secret_parse(p.tag, p.body, SLICE_EMPTY, &b->secret[b->n]);
		if (e)
			break;
		b->n++;
	}
	if (e == ERR_END)
		e = b->n ? ERR_OK : ERR_SYNTAX;
	if (e)
		pgp_bundle_free(b);
	else
		*out = b;
	return e;
}

void
pgp_bundle_free(struct pgp_bundle *b)
{
	for (size_t i = 0; b && i < b->n; i++)
		pgp_secret_fini(&b->secret[i]);
	free(b);
}

const struct pgp_secret *
pgp_bundle_find(const struct pgp_bundle *b, struct slice fingerprint)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct pgp_public *k = &b->secret[i].public;

		if (slice_eq(slice_of(k->fingerprint, k->n_fingerprint), fingerprint))
			return &b->secret[i];
	}
	return NULL;
}

static void
put_secret(const struct pgp_secret *s, uint8_t tag, struct slice password, struct buf *out)
{
	struct buf body;

	buf_init_secret(&body, PGP_SECRET_BODY_MAX);
	pgp_secret_put(s, tag, password, &body);
	pgp_packet_put(out, tag, buf_slice(&body));
	buf_fini_secret(&body);
}

enum err
pgp_bundle_take(
	const struct pgp_cert *cert, const struct pgp_make_passwords *p, struct buf *out)
{
	bool has_any = false;

	for (size_t i = 0; i < cert->n_keys; i++) {
		struct pgp_secret s;
		enum err e = pgp_make_open(cert, i, p, &s);

		if (e == ERR_NOT_FOUND)
			continue;
		if (e)
			return e;
		put_secret(&s, cert->key[i].tag, SLICE_EMPTY, out);
		pgp_secret_fini(&s);
		has_any = true;
	}
	if (!has_any)
		return ERR_NOT_FOUND;
	return out->overflow ? ERR_TOO_BIG : ERR_OK;
}

static const struct pgp_secret *
secret_of(const struct pgp_packet_whole *p, const struct pgp_bundle *b)
{
	const struct pgp_secret *found;
	struct pgp_public key;

	if ((p->tag != PGP_TAG_PUBLIC_KEY && p->tag != PGP_TAG_PUBLIC_SUBKEY) ||
		pgp_public_parse(p->body, &key))
		return NULL;
	found = pgp_bundle_find(b, slice_of(key.fingerprint, key.n_fingerprint));
	pgp_public_fini(&key);
	return found;
}

enum err
pgp_bundle_join(const struct pgp_cert *cert, const struct pgp_bundle *b, struct slice password,
	struct buf *out)
{
	struct slice rest = buf_slice(&cert->octets);
	struct pgp_packet_whole p;

	while (pgp_packet_next(&rest, &p) == ERR_OK) {
		const struct pgp_secret *s = secret_of(&p, b);

		if (s)
			put_secret(s,
				p.tag == PGP_TAG_PUBLIC_KEY ? PGP_TAG_SECRET_KEY
							    : PGP_TAG_SECRET_SUBKEY,
				password, out);
		else
			buf_put_slice(out, p.raw);
	}
	return out->overflow ? ERR_TOO_BIG : ERR_OK;
}
