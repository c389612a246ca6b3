#include "store/apply_cert.h"

#include "crypto/seal.h"
#include "store/apply_late.h"
#include "store/apply_row.h"
#include "store/apply_trust.h"
#include "store/view_cert.h"
#include "store/view_key.h"
#include "store/view_status.h"

#define GOOD COMMANDS__CERT__STATE__GOOD
#define PENDING COMMANDS__CERT__STATE__PENDING
#define OLD COMMANDS__CERT__STATE__OLD

struct row {
	struct slice sha256;
	Commands__Cert *cert;
	bool is_blocked, is_changed;
};
/* One address, and the certificate that comes to it. */
struct coming {
	struct apply *a;
	struct slice address;
	struct row row[APPLY_CERT_PER_ADDRESS_MAX]; /* the others */
	size_t n;
	Commands__Cert fresh;
	struct slice sha256;
	Commands__Cert *known; /* the same one, as it was; NULL: it is new */
	bool is_by_hand;
	enum err e;
};

/* X.509 or OpenPGP: the first octet tells. */
static bool
is_openpgp(const Commands__Cert *c)
{
	return c->der.len && c->der.data[0] & 0x80;
}

static bool
take_row(void *arg, struct slice sha256, Commands__Cert *cert)
{
	struct coming *x = arg;
	struct row *r = &x->row[x->n];

	/* The two kinds don't stand in one another's way. */
	if (is_openpgp(cert) != is_openpgp(&x->fresh))
		return true;
	if (slice_eq(sha256, x->sha256)) {
		x->known = cert;
		return true;
	}
	if (x->n == APPLY_CERT_PER_ADDRESS_MAX) {
		x->e = ERR_CORRUPT;
		return false;
	}
	*r = (struct row){.sha256 = arena_dup(x->a->arena, sha256), .cert = cert};
	x->e = apply_trust_is_blocked(x->a, r->sha256, &r->is_blocked);
	/* Who is revoked is in nobody's way. */
	if (!x->e && !r->is_blocked)
		x->e = view_status_is_revoked(
			x->a->txn, r->sha256, x->a->arena, &r->is_blocked);
	x->n++;
	return !x->e;
}

static bool
has_same_key(const struct coming *x, const Commands__Cert *c)
{
	return slice_eq(codec_slice(x->fresh.public_key), codec_slice(c->public_key));
}

static bool
is_valid(const struct coming *x, const Commands__Cert *c)
{
	return c->from_sec <= x->a->time_sec && c->until_sec > x->a->time_sec;
}

/* Does the new one, not by hand, leave it its place, though their keys differ? */
static bool
stands(const struct coming *x, const Commands__Cert *c)
{
	const Commands__Cert *f = &x->fresh;

	return c->trust >= f->trust || !is_valid(x, f) || (c->key && !f->key);
}

/* Is there another one that mail can go to now, with the same key, or in its way? */
static bool
has_good(const struct coming *x, bool same_key)
{
	for (size_t i = 0; i < x->n; i++) {
		const struct row *r = &x->row[i];

		if (r->cert->state != GOOD || r->is_blocked || !is_valid(x, r->cert))
			continue;
		if (has_same_key(x, r->cert) ? same_key : !same_key && stands(x, r->cert))
			return true;
	}
	return false;
}

/* As store/view_cert has it: the best of two PENDING ones. */
static bool
is_better(const struct row *a, const struct row *b)
{
	if (a->cert->trust != b->cert->trust)
		return a->cert->trust > b->cert->trust;
	if (a->cert->added_sec != b->cert->added_sec)
		return a->cert->added_sec > b->cert->added_sec;
	return slice_cmp(a->sha256, b->sha256) < 0;
}

/* Where nothing known is usable any more the best PENDING one is used already, so it is what
 * is known. */
static void
settle(struct coming *x)
{
	struct row same = {.sha256 = x->sha256, .cert = x->known}, *best = NULL;

	for (size_t i = 0; i <= x->n; i++) {
		struct row *r = i < x->n ? &x->row[i] : &same;

		if (!r->cert || r->is_blocked || !is_valid(x, r->cert))
			continue;
		if (r->cert->state == GOOD)
			return;
		if (r->cert->state == PENDING && (!best || is_better(r, best)))
			best = r;
	}
	if (best) {
		best->cert->state = GOOD;
		best->is_changed = true;
	}
}

static Commands__Cert__State
judge(const struct coming *x, bool hold)
{
	if (x->is_by_hand || (x->known && x->known->state == GOOD) || has_good(x, true) ||
		!has_good(x, false))
		return GOOD;
	if (x->known && x->known->state == OLD)
		return OLD;
	return hold ? PENDING : GOOD;
}

/* Whoever sends a copy of an OpenPGP certificate put it together with the known ones (whose key
 * it has): it is that certificate, trusted as before. A private key's is changed by hand. */
static bool
is_copy(const struct coming *x, const Commands__Cert *c)
{
	return is_openpgp(&x->fresh) && has_same_key(x, c) && (!c->key || x->fresh.key);
}

static void
inherit(struct coming *x)
{
	for (size_t i = 0; i < x->n; i++) {
		const struct row *r = &x->row[i];

		if (is_copy(x, r->cert) && r->cert->state == GOOD && !r->is_blocked &&
			r->cert->trust > x->fresh.trust)
			x->fresh.trust = r->cert->trust;
	}
}

/* What was known of the same certificate. */
static void
merge(struct coming *x)
{
	Commands__Cert *f = &x->fresh;

	inherit(x);
	f->added_sec = x->a->time_sec;
	if (!x->known)
		return;
	f->added_sec = x->known->added_sec;
	if (f->trust < x->known->trust)
		f->trust = x->known->trust;
	if (!f->key)
		f->key = x->known->key;
	if (!f->capabilities.len || f->capabilities_sec < x->known->capabilities_sec) {
		f->capabilities = x->known->capabilities;
		f->capabilities_sec = x->known->capabilities_sec;
	}
}

/* Is it worth more than before? */
static bool
has_risen(const struct coming *x)
{
	return !x->known || x->known->state != GOOD || x->known->trust < x->fresh.trust;
}

/* Copies that say less than it, also if it says that the key is over. */
static void
replace(struct coming *x)
{
	for (size_t i = 0; i < x->n && x->fresh.state != OLD; i++) {
		Commands__Cert *c = x->row[i].cert;

		if (!is_copy(x, c) || c->state == OLD ||
			(c->state == GOOD && x->fresh.state != GOOD))
			continue;
		c->state = OLD;
		x->row[i].is_changed = true;
	}
}

/* The others, once it is good. What isn't valid yet leaves them their time. */
static void
give_way(struct coming *x)
{
	const Commands__Cert *f = &x->fresh;

	for (size_t i = 0; i < x->n && is_valid(x, f); i++) {
		Commands__Cert *c = x->row[i].cert;
		bool does = x->is_by_hand;

		if (has_same_key(x, c))
			does = c->trust <= f->trust && c->until_sec <= f->until_sec;
		else if (c->state == GOOD && has_risen(x) && !stands(x, c))
			does = true;

		/* What is encrypted to it must open. */
		if (c->key && !f->key && !x->is_by_hand)
			does = false;
		if (!does || c->state == OLD)
			continue;
		c->state = OLD;
		x->row[i].is_changed = true;
	}
}

/* The first to go: what is old, then what is past its time, then, for one by hand, what is
 * pending; none with a private key. */
static unsigned
worth(const struct coming *x, const Commands__Cert *c)
{
	if (c->key)
		return UINT32_MAX;
	if (c->state == OLD)
		return 0;
	if (c->until_sec <= x->a->time_sec)
		return 1;
	return c->state == PENDING && x->is_by_hand ? 2 : UINT32_MAX;
}

/* Room for one more. */
static bool
make_room(struct coming *x)
{
	struct schema_name_key k;
	size_t first = 0;

	if (x->known || x->n < APPLY_CERT_PER_ADDRESS_MAX)
		return true;
	for (size_t i = 1; i < x->n; i++) {
		const Commands__Cert *c = x->row[i].cert, *f = x->row[first].cert;

		if (worth(x, c) < worth(x, f) ||
			(worth(x, c) == worth(x, f) && c->added_sec < f->added_sec))
			first = i;
	}
	if (worth(x, x->row[first].cert) == UINT32_MAX)
		return false;
	x->e = db_del(x->a->txn, DB_CERT, schema_cert(&k, x->address, x->row[first].sha256));
	x->row[first] = x->row[--x->n];
	return true;
}

static const char *
check(const Commands__CertPut *c)
{
	const Commands__Cert *cert = c->cert;
	struct slice address = codec_slice(c->address);

	if (!schema_is_name(address) || !slice_has(address, '@'))
		return "not an address";
	if (!cert || !cert->der.len || cert->der.len > APPLY_CERT_DER_MAX ||
		cert->public_key.len != SEAL_HASH || !cert->until_sec ||
		cert->capabilities.len > APPLY_CERT_CAPABILITIES_MAX)
		return "not a certificate";
	if (cert->trust < SCHEMA_TRUST_HARVESTED || cert->trust > SCHEMA_TRUST_MANUAL)
		return "no such trust";
	return NULL;
}

/* Is the private key there, and the address's? */
static enum err
check_key(struct apply *a, struct slice address, uint64_t key, bool *has)
{
	Commands__Key *row;
	enum err e = key ? view_key_get(a->txn, key, a->arena, &row) : ERR_OK;

	*has = !e && (!key || ((row->kind == COMMANDS__KEY__KIND__SMIME ||
				       row->kind == COMMANDS__KEY__KIND__OPENPGP) &&
				      view_key_is_of(row, address)));
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err
write(struct coming *x)
{
	struct schema_name_key k;
	enum err e = ERR_OK;

	for (size_t i = 0; i < x->n && !e; i++)
		if (x->row[i].is_changed)
			e = apply_row_put(x->a, DB_CERT,
				schema_cert(&k, x->address, x->row[i].sha256), x->row[i].cert);
	if (!e)
		e = apply_row_put(
			x->a, DB_CERT, schema_cert(&k, x->address, x->sha256), &x->fresh);
	if (e || x->fresh.state != GOOD || !(x->is_by_hand || has_risen(x)))
		return e;
	return apply_late_hurry(x->a, x->address);
}

enum err
apply_cert_put(struct apply *a, const Commands__CertPut *c)
{
	struct coming *x = arena_zalloc(a->arena, sizeof *x);
	const char *why = check(c);
	uint8_t sha256[SEAL_HASH];
	bool has_key = false;
	enum err e;

	if (why)
		return apply_refuse(a, COMMAND_INVALID, why);
	seal_sha256(codec_slice(c->cert->der), sha256);
	x->a = a;
	x->address = codec_slice(c->address);
	x->fresh = *c->cert;
	x->sha256 = slice_of(sha256, sizeof sha256);
	x->is_by_hand = c->cert->trust == SCHEMA_TRUST_MANUAL;
	e = check_key(a, x->address, c->cert->key, &has_key);
	if (!e && !has_key)
		return apply_refuse(a, COMMAND_NOT_FOUND, "no such private key");
	if (!e)
		e = view_cert_each(a->txn, x->address, a->arena, take_row, x);
	if (e || x->e)
		return e ? e : x->e;
	if (!make_room(x))
		return apply_refuse(a, COMMAND_LIMIT, "too many certificates of this address");
	if (x->e)
		return x->e;
	settle(x);
	merge(x);
	x->fresh.state = judge(x, c->hold);
	replace(x);
	if (x->fresh.state == GOOD)
		give_way(x);
	return write(x);
}

enum err
apply_cert_del(struct apply *a, const Commands__CertDel *c)
{
	struct slice address = codec_slice(c->address), sha256 = codec_slice(c->sha256);
	struct schema_name_key k;
	enum err e = ERR_NOT_FOUND;

	if (schema_is_name(address) && sha256.n == SCHEMA_SHA256)
		e = db_del(a->txn, DB_CERT, schema_cert(&k, address, sha256));
	return e == ERR_NOT_FOUND ? apply_refuse(a, COMMAND_NOT_FOUND, "no such certificate")
				  : e;
}

struct forgetting {
	uint64_t key;
	struct slice gone[APPLY_CERT_PER_ADDRESS_MAX];
	size_t n;
	struct arena *arena;
};

static bool
forget_row(void *arg, struct slice sha256, Commands__Cert *cert)
{
	struct forgetting *f = arg;

	if (cert->key == f->key && f->n < APPLY_CERT_PER_ADDRESS_MAX)
		f->gone[f->n++] = arena_dup(f->arena, sha256);
	return true;
}

enum err
apply_cert_forget_key(struct apply *a, struct slice address, uint64_t key)
{
	struct forgetting f = {.key = key, .arena = a->arena};
	struct schema_name_key k;
	enum err e = view_cert_each(a->txn, address, a->arena, forget_row, &f);

	for (size_t i = 0; i < f.n && !e; i++)
		e = apply_row_del(a, DB_CERT, schema_cert(&k, address, f.gone[i]));
	return e;
}
