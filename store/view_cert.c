#include "store/view_cert.h"

#include <stdlib.h>

#include "core/codec.h"
#include "store/db.h"
#include "store/view_status.h"
#include "store/view_trust.h"

static Commands__Cert *
read_row(struct slice raw, struct arena *a)
{
	return codec_unpack(&commands__cert__descriptor, raw, a);
}

enum err
view_cert_get(struct db_txn *txn, struct slice address, struct slice sha256, struct arena *a,
	Commands__Cert **out)
{
	struct schema_name_key k;
	struct slice raw;
	Commands__Cert *row;
	enum err e = ERR_NOT_FOUND;

	if (schema_is_name(address) && sha256.n == SCHEMA_SHA256)
		e = db_get(txn, DB_CERT, schema_cert(&k, address, sha256), &raw);
	if (e)
		return e;
	row = read_row(raw, a);
	if (!row)
		return ERR_CORRUPT;
	*out = row;
	return ERR_OK;
}

struct walk {
	struct slice address; /* that alone */
	bool (*each)(void *arg, struct slice sha256, Commands__Cert *cert);
	void *arg;
};

static bool
in_walk(void *arg, struct slice address, struct slice sha256, Commands__Cert *cert)
{
	const struct walk *w = arg;

	return slice_eq(address, w->address) && w->each(w->arg, sha256, cert);
}

enum err
view_cert_each(struct db_txn *txn, struct slice address, struct arena *a,
	bool (*each)(void *arg, struct slice sha256, Commands__Cert *cert), void *arg)
{
	struct walk w = {address, each, arg};

	return schema_is_name(address) ? view_cert_all(txn, address, a, in_walk, &w) : ERR_OK;
}

enum err
view_cert_all(struct db_txn *txn, struct slice from, struct arena *a,
	bool (*each)(
		void *arg, struct slice address, struct slice sha256, Commands__Cert *cert),
	void *arg)
{
	struct schema_name_key key;
	struct db_cursor *c;
	struct slice k, v;
	Commands__Cert *row;
	enum err e = db_cursor_open(txn, DB_CERT, &c);

	if (e)
		return e;
	for (e = db_seek(
		     c, from.n ? schema_cert(&key, from, SLICE_EMPTY) : SLICE_EMPTY, &k, &v);
		!e; e = db_next(c, &k, &v)) {
		size_t at = slice_find(k, '\0');

		row = k.n == at + 1 + SCHEMA_SHA256 ? read_row(v, a) : NULL;
		if (!row) {
			e = ERR_CORRUPT;
			break;
		}
		if (!each(arg, slice_cut(k, 0, at), slice_from(k, at + 1), row))
			break;
	}
	db_cursor_close(c);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

struct gather {
	struct db_txn *txn;
	struct arena *a;
	struct slice address;
	uint64_t now_sec;
	struct view_cert *list;
	size_t n;
	struct view_cert pending; /* the best; cert NULL: none */
	enum err e;
};

static int
better_first(const void *left, const void *right)
{
	const struct view_cert *a = left, *b = right;

	if (a->cert->trust != b->cert->trust)
		return a->cert->trust > b->cert->trust ? -1 : 1;
	if (a->cert->added_sec != b->cert->added_sec)
		return a->cert->added_sec > b->cert->added_sec ? -1 : 1;
	return slice_cmp(a->sha256, b->sha256);
}

static void
add(struct gather *g, const struct view_cert *one)
{
	if (one->cert->state == COMMANDS__CERT__STATE__GOOD)
		g->list[g->n++] = *one;
	else if (!g->pending.cert || better_first(one, &g->pending) < 0)
		g->pending = *one;
}

static bool
take(void *arg, struct slice sha256, Commands__Cert *cert)
{
	struct gather *g = arg;
	bool is_blocked = false, is_revoked = false;

	if (cert->state == COMMANDS__CERT__STATE__OLD || cert->until_sec <= g->now_sec ||
		cert->from_sec > g->now_sec)
		return true;
	g->e = view_trust_is_blocked(g->txn, sha256, g->a, &is_blocked);
	if (!g->e)
		g->e = view_status_is_revoked(g->txn, sha256, g->a, &is_revoked);
	if (g->e)
		return false;
	if (!is_blocked && !is_revoked)
		add(g, &(struct view_cert){g->address, arena_dup(g->a, sha256), cert});
	return g->n < VIEW_CERT_MAX;
}

static enum err
gather(struct gather *g, struct slice address)
{
	enum err e;

	g->list = arena_alloc(g->a, VIEW_CERT_MAX * sizeof *g->list);
	g->address = address;
	e = view_cert_each(g->txn, address, g->a, take, g);
	if (e || g->e)
		return e ? e : g->e;
	if (!g->n && g->pending.cert)
		g->list[g->n++] = g->pending;
	qsort(g->list, g->n, sizeof *g->list, better_first);
	return ERR_OK;
}

enum err
view_cert_usable(struct db_txn *txn, struct slice address, uint64_t now_sec, struct arena *a,
	struct view_certs *out)
{
	struct gather own = {.txn = txn, .a = a, .now_sec = now_sec}, domain = own;
	struct view_cert *all;
	size_t at = address.n;
	enum err e = gather(&own, address);

	while (at && address.p[at - 1] != '@')
		at--;
	if (!e && at > 1)
		e = gather(&domain, slice_from(address, at - 1));
	if (e)
		return e;
	all = arena_alloc(a, (own.n + domain.n + 1) * sizeof *all);
	if (own.n)
		memcpy(all, own.list, own.n * sizeof *all);
	if (domain.n)
		memcpy(all + own.n, domain.list, domain.n * sizeof *all);
	*out = (struct view_certs){all, own.n + domain.n};
	return ERR_OK;
}
