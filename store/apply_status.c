#include "store/apply_status.h"

#include "crypto/seal.h"
#include "store/apply_row.h"
#include "store/view_status.h"

#define UNKNOWN COMMANDS__STATUS__STATE__UNKNOWN
#define GOOD COMMANDS__STATUS__STATE__GOOD
#define REVOKED COMMANDS__STATUS__STATE__REVOKED

/* --- what is known of one --- */

static bool
is_sound(const Commands__StatusEntry *entry)
{
	const Commands__Status *s = entry->status;

	return entry->sha256.len == SCHEMA_SHA256 && s && s->state >= UNKNOWN &&
	       s->state <= REVOKED && s->until_sec &&
	       (s->issuer.len == 0 || s->issuer.len == SCHEMA_SHA256) &&
	       strlen(s->source) <= APPLY_STATUS_TEXT_MAX &&
	       strlen(s->why) <= APPLY_STATUS_TEXT_MAX;
}

/* Does what is known stay? Who is on the way to a list can bring an older one. */
static bool
stays(const Commands__Status *known, const Commands__Status *fresh)
{
	return fresh->state == UNKNOWN || fresh->this_sec < known->this_sec ||
	       (known->state == REVOKED && known->reason != SCHEMA_REASON_HOLD &&
		       fresh->state == GOOD);
}

static enum err
put_entry(struct apply *a, const Commands__StatusEntry *entry)
{
	Commands__Status row = *entry->status, *known;
	struct slice sha256 = codec_slice(entry->sha256);
	struct schema_status_due due;
	enum err e = view_status_get(a->txn, sha256, a->arena, &known);

	if (e && e != ERR_NOT_FOUND)
		return e;
	if (!e && stays(known, &row)) {
		row.state = known->state;
		row.since_sec = known->since_sec;
		row.reason = known->reason;
		row.source = known->source;
		row.this_sec = known->this_sec;
		row.next_sec = known->next_sec;
		row.issuer = row.issuer.len ? row.issuer : known->issuer;
	}
	if (!e)
		e = apply_row_del(
			a, DB_STATUS_DUE, schema_status_due(&due, known->until_sec, sha256));
	if (e && e != ERR_NOT_FOUND)
		return e;
	row.looked_sec = a->time_sec;
	e = apply_row_put(a, DB_STATUS, sha256, &row);
	return e ? e
		 : db_put(a->txn, DB_STATUS_DUE, schema_status_due(&due, row.until_sec, sha256),
			   SLICE_EMPTY);
}

/* --- authorities --- */

struct counting {
	uint64_t now_sec;
	struct arena *arena;
	size_t rows, over;
	struct slice gone[APPLY_STATUS_AUTHORITIES_MAX]; /* past their time */
};

static bool
count(void *arg, struct slice sha256, Commands__Authority *row)
{
	struct counting *n = arg;

	n->rows++;
	if (row->until_sec <= n->now_sec && n->over < APPLY_STATUS_AUTHORITIES_MAX)
		n->gone[n->over++] = arena_dup(n->arena, sha256);
	return true;
}

/* Those past their time go. */
static enum err
tidy(struct apply *a, size_t *rows)
{
	struct counting n = {.now_sec = a->time_sec, .arena = a->arena};
	enum err e = view_status_authorities(a->txn, a->arena, count, &n);

	for (size_t i = 0; i < n.over && !e; i++)
		e = db_del(a->txn, DB_AUTHORITY, n.gone[i]);
	*rows = n.rows - n.over;
	return e;
}

static enum err
put_authority(struct apply *a, const Commands__Authority *c)
{
	Commands__Authority row = *c;
	uint8_t hash[SEAL_HASH];

	seal_sha256(codec_slice(c->der), hash);
	row.added_sec = a->time_sec;
	return apply_row_put(a, DB_AUTHORITY, slice_of(hash, sizeof hash), &row);
}

/* How many of them aren't there yet? */
static enum err
count_new(struct apply *a, const Commands__StatusPut *c, size_t *n)
{
	uint8_t hash[SEAL_HASH];
	struct slice raw;
	enum err e = ERR_OK;

	*n = 0;
	for (size_t i = 0; i < c->n_authority && !e; i++) {
		seal_sha256(codec_slice(c->authority[i]->der), hash);
		e = db_get(a->txn, DB_AUTHORITY, slice_of(hash, sizeof hash), &raw);
		if (e == ERR_NOT_FOUND) {
			++*n;
			e = ERR_OK;
		}
	}
	return e;
}

/* --- the command --- */

static bool
are_sound(const struct apply *a, const Commands__StatusPut *c)
{
	if (c->n_entry > APPLY_STATUS_ENTRIES_MAX ||
		c->n_authority > APPLY_STATUS_AUTHORITIES_MAX)
		return false;
	for (size_t i = 0; i < c->n_entry; i++)
		if (!is_sound(c->entry[i]))
			return false;
	for (size_t i = 0; i < c->n_authority; i++)
		if (!c->authority[i]->der.len ||
			c->authority[i]->der.len > APPLY_STATUS_DER_MAX ||
			c->authority[i]->until_sec <= a->time_sec)
			return false;
	return true;
}

enum err
apply_status_put(struct apply *a, const Commands__StatusPut *c)
{
	size_t rows = 0, more;
	enum err e = ERR_OK;

	if (!are_sound(a, c))
		return apply_refuse(a, COMMAND_INVALID, "not what is known of certificates");
	if (c->n_authority)
		e = tidy(a, &rows);
	if (!e)
		e = count_new(a, c, &more);
	if (!e && rows + more > APPLY_STATUS_AUTHORITIES_MAX)
		return apply_refuse(a, COMMAND_LIMIT, "too many authorities");
	for (size_t i = 0; i < c->n_authority && !e; i++)
		e = put_authority(a, c->authority[i]);
	for (size_t i = 0; i < c->n_entry && !e; i++)
		e = put_entry(a, c->entry[i]);
	return e;
}

enum err
apply_status_expire(struct apply *a, uint32_t limit)
{
	struct slice k, v, key;
	enum err e = ERR_OK;

	for (; limit && !e; limit--) {
		e = db_first_from(a->txn, DB_STATUS_DUE, SLICE_EMPTY, &k, &v);
		if (e)
			return e == ERR_NOT_FOUND ? ERR_OK : e;
		if (k.n != 8 + SCHEMA_SHA256)
			return ERR_CORRUPT;
		if (schema_get_u64(k.p) > a->time_sec)
			return ERR_OK;
		key = arena_dup(a->arena, k);
		e = apply_row_del(a, DB_STATUS, slice_from(key, 8));
		if (!e)
			e = db_del(a->txn, DB_STATUS_DUE, key);
	}
	return e;
}
