#include "cmd/control_cert_merge.h"

#include "core/codec.h"
#include "crypto/pgp_info.h"
#include "crypto/pgp_merge.h"
#include "store/apply_cert.h"
#include "store/view_cert.h"
#include "store/view_trust.h"

_Static_assert(PGP_MERGE_MAX == (int)APPLY_CERT_DER_MAX, "what is put together is kept");

struct copies {
	struct pgp_cert *cert[APPLY_CERT_PER_ADDRESS_MAX + 1]; /* the last: the new one */
	size_t n;
	struct pgp_cert *fresh;
	struct db_txn *txn;
	struct arena *a;
	bool is_blocked; /* one of them */
	enum err e;
};

static bool
take(void *arg, struct slice sha256, Commands__Cert *row)
{
	struct copies *c = arg;
	struct pgp_cert *cert = pgp_info_parse(codec_slice(row->der));
	bool is_blocked = false;

	if (!cert || !slice_eq(cert->key[0].public.body, c->fresh->key[0].public.body)) {
		pgp_cert_free(cert);
		return true;
	}
	c->e = view_trust_is_blocked(c->txn, sha256, c->a, &is_blocked);
	c->is_blocked |= is_blocked;
	c->cert[c->n++] = cert;
	return !c->e && c->n < APPLY_CERT_PER_ADDRESS_MAX;
}

static enum err
merge(struct copies *c, struct arena *a, struct slice *der)
{
	struct buf out;
	bool has_news;
	enum err e;

	c->cert[c->n++] = c->fresh;
	buf_init(&out, PGP_MERGE_MAX);
	e = pgp_merge(c->cert, c->n, PGP_MERGE_MAX, &out, &has_news);
	if (!e)
		*der = arena_dup(a, buf_slice(&out));
	buf_fini(&out);
	return e;
}

enum err
control_cert_merge(struct db_txn *txn, struct slice address, struct arena *a, struct slice *der)
{
	struct copies c = {.fresh = pgp_info_parse(*der), .txn = txn, .a = a};
	enum err e;

	if (!c.fresh)
		return ERR_OK;
	e = view_cert_each(txn, address, a, take, &c);
	e = e ? e : c.e;
	if (!e && c.is_blocked)
		e = ERR_DENIED;
	e = e ? e : merge(&c, a, der);
	for (size_t i = 0; i < c.n; i++)
		if (c.cert[i] != c.fresh)
			pgp_cert_free(c.cert[i]);
	pgp_cert_free(c.fresh);
	return e;
}
