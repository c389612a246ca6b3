#include "cmd/courier_revoked.h"

#include <stdio.h>

#include "cmd/status_text.h"
#include "core/codec.h"
#include "crypto/pgp_info.h"
#include "crypto/seal.h"
#include "store/apply_status.h"
#include "store/view_cert.h"

enum { PRINT = 8, WORDS_MAX = STATUS_TEXT_MAX + 64 };

struct adding {
	struct db_txn *txn;
	struct arena *arena;
	Gateway__Question *q;
	uint64_t now_sec;
	char *words;
	uint32_t trust; /* of the one that words are of */
	enum err e;
};

static bool
add_if_revoked(struct adding *x, struct slice sha256)
{
	struct view_status s = {.kind = VIEW_STATUS_UNKNOWN};
	Gateway__Revoked *r;

	x->e = view_status_judge(x->txn, sha256, 0, x->arena, &s);
	if (x->e || s.kind != VIEW_STATUS_REVOKED)
		return !x->e;
	r = arena_alloc(x->arena, sizeof *r);
	gateway__revoked__init(r);
	r->sha256 = codec_bytes(arena_dup(x->arena, sha256));
	r->words = arena_alloc(x->arena, STATUS_TEXT_MAX);
	status_text(&s, r->words);
	x->q->revoked[x->q->n_revoked++] = r;
	return true;
}

static bool
add_authority(void *arg, struct slice sha256, Commands__Authority *row)
{
	struct adding *x = arg;

	if (x->q->n_intermediate == APPLY_STATUS_AUTHORITIES_MAX)
		return false;
	x->q->intermediate[x->q->n_intermediate++] = row->der;
	return add_if_revoked(x, sha256);
}

static bool
add_known(void *arg, struct slice sha256, Commands__Cert *cert)
{
	struct adding *x = arg;

	(void)cert;
	return x->q->n_revoked < APPLY_STATUS_AUTHORITIES_MAX + 2 * VIEW_CERT_MAX &&
	       add_if_revoked(x, sha256);
}

static struct slice
domain_of(struct slice address)
{
	size_t at = address.n;

	while (at && address.p[at - 1] != '@')
		at--;
	return at ? slice_from(address, at - 1) : SLICE_EMPTY;
}

enum err
courier_revoked_put(
	struct db_txn *txn, struct slice from, struct arena *a, Gateway__Question *q)
{
	struct adding x = {.txn = txn, .arena = a, .q = q};
	enum err e;

	q->intermediate = arena_alloc(
		a, APPLY_STATUS_AUTHORITIES_MAX * sizeof *q->intermediate);
	q->revoked = arena_alloc(
		a, (APPLY_STATUS_AUTHORITIES_MAX + 2 * VIEW_CERT_MAX) * sizeof *q->revoked);
	e = view_status_authorities(txn, a, add_authority, &x);
	if (!e && !x.e && from.n)
		e = view_cert_each(txn, from, a, add_known, &x);
	if (!e && !x.e && from.n)
		e = view_cert_each(txn, domain_of(from), a, add_known, &x);
	return e ? e : x.e;
}

static bool
tell(void *arg, struct slice sha256, Commands__Cert *cert)
{
	struct adding *x = arg;
	struct view_status s = {.kind = VIEW_STATUS_UNKNOWN};
	char text[STATUS_TEXT_MAX], print[2 * PRINT + 1];
	bool is_over = pgp_info_is(codec_slice(cert->der)) && cert->until_sec <= x->now_sec;

	if (cert->state != COMMANDS__CERT__STATE__GOOD ||
		(*x->words && cert->trust <= x->trust))
		return true;
	x->e = view_status_judge(x->txn, sha256, 0, x->arena, &s);
	if (x->e || (s.kind != VIEW_STATUS_REVOKED && !is_over))
		return !x->e;
	for (size_t i = 0; i < PRINT; i++)
		snprintf(print + 2 * i, 3, "%02x", sha256.p[i]);
	status_text(&s, text);
	x->words = arena_alloc(x->arena, WORDS_MAX);
	snprintf(x->words, WORDS_MAX, "%s %s: %s", is_over ? "OpenPGP key" : "certificate",
		print, is_over ? "its owner revoked it, or let it expire" : text);
	x->trust = cert->trust;
	return true;
}

enum err
courier_revoked_words(struct db_txn *txn, struct slice address, uint64_t now_sec,
	struct arena *a, char **words)
{
	struct adding x = {
		.txn = txn, .arena = a, .now_sec = now_sec, .words = (char *)(uintptr_t) ""};
	enum err e = view_cert_each(txn, address, a, tell, &x);

	if (!e && !x.e && !*x.words)
		e = view_cert_each(txn, domain_of(address), a, tell, &x);
	*words = x.words;
	return e ? e : x.e;
}

enum err
courier_revoked_is(struct db_txn *txn, struct slice der, struct arena *a, bool *is_revoked)
{
	uint8_t hash[SEAL_HASH];

	seal_sha256(der, hash);
	return view_status_is_revoked(txn, slice_of(hash, sizeof hash), a, is_revoked);
}
