#include "store/apply_trust.h"

#include "crypto/seal.h"
#include "store/apply_cert.h"
#include "store/apply_late.h"
#include "store/apply_row.h"
#include "store/view_trust.h"

enum err
apply_trust_is_blocked(struct apply *a, struct slice sha256, bool *is_blocked)
{
	return view_trust_is_blocked(a->txn, sha256, a->arena, is_blocked);
}

static const char *
check(const Commands__TrustPut *c)
{
	struct slice anchor = c->record ? codec_slice(c->record->anchor) : SLICE_EMPTY;
	uint8_t sha256[SEAL_HASH];

	if (c->sha256.len != SCHEMA_SHA256)
		return "not the hash of a certificate";
	if (anchor.n > APPLY_CERT_DER_MAX ||
		(c->record && strlen(c->record->comment) > APPLY_TRUST_COMMENT_MAX))
		return "too long";
	seal_sha256(anchor, sha256);
	if (anchor.n && !slice_eq(slice_of(sha256, sizeof sha256), codec_slice(c->sha256)))
		return "not the certificate of that hash";
	return NULL;
}

struct counting {
	struct slice but; /* that one */
	size_t rows, anchors;
};

static bool
count(void *arg, struct slice sha256, Commands__Trust *row)
{
	struct counting *n = arg;

	if (!slice_eq(sha256, n->but)) {
		n->rows++;
		n->anchors += row->anchor.len > 0;
	}
	return true;
}

/* Who waits may have waited for that one. */
static enum err
unblock(struct apply *a, struct slice sha256)
{
	enum err e = apply_row_del(a, DB_TRUST, sha256);

	return e ? e : apply_late_hurry(a, SLICE_EMPTY);
}

enum err
apply_trust_put(struct apply *a, const Commands__TrustPut *c)
{
	struct counting n = {.but = codec_slice(c->sha256)};
	const char *why = check(c);
	Commands__Trust row;
	struct arena rows;
	enum err e;

	if (why)
		return apply_refuse(a, COMMAND_INVALID, why);
	if (!c->record || (!c->record->blocked && !c->record->anchor.len))
		return unblock(a, n.but);
	arena_init(&rows, 0);
	e = view_trust_each(a->txn, &rows, count, &n);
	arena_reset(&rows);
	if (e)
		return e;
	if (n.rows >= APPLY_TRUST_MAX ||
		(c->record->anchor.len && n.anchors >= APPLY_TRUST_ANCHORS_MAX))
		return apply_refuse(a, COMMAND_LIMIT, "too many trusted or blocked ones");
	row = *c->record;
	row.added_sec = a->time_sec;
	e = apply_row_put(a, DB_TRUST, n.but, &row);
	return e || row.blocked ? e : apply_late_hurry(a, SLICE_EMPTY);
}
