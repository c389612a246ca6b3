#include "crypto/pgp_cert.h"

#include <stdlib.h>

#include "core/must.h"
#include "crypto/pgp_packet.h"

enum { ROWS = 8 };

/* Where signatures go that come next. */
struct builder {
	struct pgp_cert *cert;
	struct pgp_cert_sigs *sigs; /* NULL: nowhere */
};

/* Room for another row of a list that doubles. */
static void *
grown(void *rows, size_t n, size_t size)
{
	if (n == 0)
		return must_alloc(ROWS * size);
	if (n >= ROWS && (n & (n - 1)) == 0)
		return must_realloc(rows, 2 * n * size);
	return rows;
}

static bool
is_primary(uint8_t tag)
{
	return tag == PGP_TAG_PUBLIC_KEY || tag == PGP_TAG_SECRET_KEY;
}

static bool
is_subkey(uint8_t tag)
{
	return tag == PGP_TAG_PUBLIC_SUBKEY || tag == PGP_TAG_SECRET_SUBKEY;
}

static enum err
parse_public(const struct pgp_packet_whole *p, struct pgp_public *key)
{
	struct slice rest = p->body;

	if (p->tag == PGP_TAG_SECRET_KEY || p->tag == PGP_TAG_SECRET_SUBKEY)
		return pgp_public_take(&rest, key);
	return pgp_public_parse(p->body, key);
}

static enum err
add_key(struct builder *b, const struct pgp_packet_whole *p)
{
	struct pgp_cert *c = b->cert;
	struct pgp_public key = {0};
	enum err e = parse_public(p, &key);

	b->sigs = NULL;
	if (e != ERR_OK)
		return c->n_keys == 0 ? e : ERR_OK;
	/* "every subkey for a version 6 primary key MUST be a version 6 subkey" and so on. */
	if (c->n_keys ? key.version != c->key[0].public.version
		      : key.version != 4 && key.version != 6) {
		pgp_public_fini(&key);
		return c->n_keys ? ERR_OK : ERR_UNSUPPORTED;
	}
	if (c->n_keys > PGP_SUBKEYS_MAX) {
		pgp_public_fini(&key);
		return ERR_LIMIT;
	}
	c->key = grown(c->key, c->n_keys, sizeof *c->key);
	c->key[c->n_keys] = (struct pgp_cert_key){
		.public = key, .tag = p->tag, .body = p->body, .sigs = {c->n_sigs, 0}};
	b->sigs = &c->key[c->n_keys++].sigs;
	return ERR_OK;
}

static enum err
add_user(struct builder *b, const struct pgp_packet_whole *p)
{
	struct pgp_cert *c = b->cert;

	b->sigs = NULL;
	if (p->tag == PGP_TAG_USER_ID && p->body.n > PGP_USER_ID_MAX)
		return ERR_OK;
	if (c->n_users == PGP_USER_IDS_MAX)
		return ERR_LIMIT;
	c->user = grown(c->user, c->n_users, sizeof *c->user);
	c->user[c->n_users] = (struct pgp_cert_user){
		.tag = p->tag, .text = p->body, .sigs = {c->n_sigs, 0}};
	b->sigs = &c->user[c->n_users++].sigs;
	return ERR_OK;
}

static enum err
add_sig(struct builder *b, const struct pgp_packet_whole *p)
{
	struct pgp_cert *c = b->cert;
	struct pgp_sig sig;

	if (!b->sigs || pgp_sig_parse(p->body, &sig) != ERR_OK ||
		!pgp_sig_names(&sig, &c->key[0].public))
		return ERR_OK;
	if (c->n_sigs == PGP_CERT_SIGNATURES_MAX)
		return ERR_LIMIT;
	c->sig = grown(c->sig, c->n_sigs, sizeof *c->sig);
	c->sig[c->n_sigs++] = (struct pgp_cert_sig){.sig = sig, .body = p->body};
	b->sigs->n++;
	return ERR_OK;
}

static enum err
add(struct builder *b, const struct pgp_packet_whole *p)
{
	if (is_primary(p->tag) || is_subkey(p->tag))
		return add_key(b, p);
	switch (p->tag) {
	case PGP_TAG_USER_ID:
	case PGP_TAG_USER_ATTRIBUTE:
		return add_user(b, p);
	case PGP_TAG_SIGNATURE:
		return add_sig(b, p);
	case PGP_TAG_TRUST:
	case PGP_TAG_MARKER:
	case PGP_TAG_PADDING:
		return ERR_OK;
	default:
		b->sigs = NULL;
		return pgp_packet_is_critical(p->tag) ? ERR_SYNTAX : ERR_OK;
	}
}

/* The octets of the first certificate, which begins with a primary key. */
static enum err
cut(struct slice *rest, struct slice *one)
{
	struct slice at = *rest;
	struct pgp_packet_whole p;
	enum err e = pgp_packet_next(&at, &p);

	if (e != ERR_OK || !is_primary(p.tag))
		return e == ERR_OK ? ERR_SYNTAX : e;
	for (;;) {
		struct slice next = at;

		e = pgp_packet_next(&next, &p);
		if (e != ERR_OK || is_primary(p.tag))
			break;
		at = next;
	}
	if (e != ERR_OK && e != ERR_END)
		return e;
	*one = slice_cut(*rest, 0, rest->n - at.n);
	*rest = at;
	return one->n > PGP_CERT_MAX ? ERR_LIMIT : ERR_OK;
}

enum err
pgp_cert_parse(struct slice *rest, struct pgp_cert **cert)
{
	struct builder b = {0};
	struct pgp_packet_whole p;
	struct slice one;
	enum err e = cut(rest, &one);

	if (e != ERR_OK)
		return e;
	b.cert = must_zalloc(sizeof *b.cert);
	buf_init(&b.cert->octets, PGP_CERT_MAX);
	buf_put_slice(&b.cert->octets, one);
	one = buf_slice(&b.cert->octets);
	while (e == ERR_OK && (e = pgp_packet_next(&one, &p)) == ERR_OK)
		e = add(&b, &p);
	if (e != ERR_END) {
		pgp_cert_free(b.cert);
		return e;
	}
	b.cert->is_secret = b.cert->key[0].tag == PGP_TAG_SECRET_KEY;
	*cert = b.cert;
	return ERR_OK;
}

void
pgp_cert_free(struct pgp_cert *cert)
{
	if (!cert)
		return;
	for (size_t i = 0; i < cert->n_keys; i++)
		pgp_public_fini(&cert->key[i].public);
	free(cert->key);
	free(cert->user);
	free(cert->sig);
	buf_fini_secret(&cert->octets);
	free(cert);
}
