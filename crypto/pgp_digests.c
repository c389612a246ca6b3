#include "crypto/pgp_digests.h"

static bool
is_same(const struct pgp_digests_kind *a, const struct pgp_digests_kind *b)
{
	return a->hash == b->hash && a->is_text == b->is_text && slice_eq(a->salt, b->salt);
}

enum err
pgp_digests_add(struct pgp_digests *d, const struct pgp_digests_kind *kind, size_t *which)
{
	struct pgp_digests_one *one;
	enum err e;
	size_t i = 0;

	while (i < d->n && !is_same(&d->one[i].kind, kind))
		i++;
	if (i == PGP_DIGESTS_MAX)
		return ERR_LIMIT;
	if (i == d->n) {
		one = &d->one[i];
		one->kind = *kind;
		e = pgp_sig_hash_begin(&one->state, kind->hash, kind->salt, kind->is_text);
		if (e)
			return e;
		d->n++;
	}
	*which = i;
	return ERR_OK;
}

static void
feed_all(struct pgp_digests *d, struct slice text)
{
	for (size_t i = 0; i < d->n; i++)
		pgp_sig_hash_feed(&d->one[i].state, text);
}

static void
flush(struct pgp_digests *d)
{
	if (d->n_held)
		feed_all(d, slice_of(d->held, d->n_held));
	d->n_held = 0;
}

void
pgp_digests_feed(struct pgp_digests *d, struct slice text)
{
	if (!d->n || !text.n)
		return;
	if (text.n > sizeof d->held - d->n_held)
		flush(d);
	if (text.n >= sizeof d->held) {
		feed_all(d, text);
	} else {
		memcpy(d->held + d->n_held, text.p, text.n);
		d->n_held += text.n;
	}
}

void
pgp_digests_take(struct pgp_digests *d, size_t which, struct pgp_sig_hash *to)
{
	flush(d);
	pgp_sig_hash_copy(&d->one[which].state, to);
}

void
pgp_digests_fini(struct pgp_digests *d)
{
	for (size_t i = 0; i < d->n; i++)
		pgp_sig_hash_fini(&d->one[i].state);
	explicit_bzero(d->held, sizeof d->held);
	d->n = d->n_held = 0;
}
