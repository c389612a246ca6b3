#include "store/apply_directory.h"

#include <stdlib.h>

#include "store/apply_row.h"
#include "store/view_directory.h"

static bool
is_name(struct slice s)
{
	if (s.n == 0 || s.n > APPLY_DIRECTORY_NAME_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] == 127)
			return false;
	return true;
}

enum err
apply_directory_setting(struct apply *a, const Commands__Setting *c)
{
	struct slice name = slice_str(c->name), value = codec_slice(c->value);

	if (!is_name(name) || value.n > APPLY_DIRECTORY_SETTING_MAX)
		return apply_refuse(a, COMMAND_INVALID, "bad setting");
	a->touched->directory = true;
	return value.n ? db_put(a->txn, DB_SETTING, name, value)
		       : apply_row_del(a, DB_SETTING, name);
}

enum err
apply_directory_domain_put(struct apply *a, const Commands__DomainPut *c)
{
	struct slice name = codec_slice(c->name), old;
	enum err e;

	if (!is_name(name) || slice_has(name, '@') ||
		!codec_unpack(&commands__domain__descriptor, codec_slice(c->record), a->arena))
		return apply_refuse(a, COMMAND_INVALID, "bad domain");
	e = db_get(a->txn, DB_DOMAIN, name, &old);
	if (e && e != ERR_NOT_FOUND)
		return e;
	if (!e && c->create_only)
		return apply_refuse(a, COMMAND_EXISTS, "the domain exists already");
	a->touched->directory = true;
	return db_put(a->txn, DB_DOMAIN, name, codec_slice(c->record));
}

static struct slice
domain_of(struct slice address)
{
	size_t at = address.n;

	while (at && address.p[at - 1] != '@')
		at--;
	return at ? slice_from(address, at) : SLICE_EMPTY;
}

enum err
apply_directory_domain_del(struct apply *a, const Commands__DomainDel *c)
{
	struct slice name = codec_slice(c->name), k, v;
	struct db_cursor *cursor;
	bool used = false;
	enum err e;

	if (!is_name(name))
		return apply_refuse(a, COMMAND_NOT_FOUND, "no such domain");
	e = db_get(a->txn, DB_DOMAIN, name, &v);
	if (e)
		return e == ERR_NOT_FOUND ? apply_refuse(a, COMMAND_NOT_FOUND, "no such domain")
					  : e;
	e = db_cursor_open(a->txn, DB_ADDRESS, &cursor);
	if (e)
		return e;
	for (e = db_seek(cursor, SLICE_EMPTY, &k, &v); !e && !used; e = db_next(cursor, &k, &v))
		used = slice_eq(domain_of(k), name);
	db_cursor_close(cursor);
	if (e && e != ERR_NOT_FOUND)
		return e;
	if (used)
		return apply_refuse(a, COMMAND_EXISTS, "the domain still has addresses");
	a->touched->directory = true;
	return db_del(a->txn, DB_DOMAIN, name);
}

/* Why the record can't stand there, or NULL. */
static const char *
address_problem(struct apply *a, struct slice address, const Commands__Address *r)
{
	struct slice domain = domain_of(address), v;
	bool catch_all = address.n && address.p[0] == '@';
	Commands__Account *account;

	if (!is_name(address) || domain.n == 0)
		return "bad address";
	if (catch_all != (r->kind == COMMANDS__ADDRESS__KIND__CATCH_ALL))
		return "a catch-all is written @domain";
	if (db_get(a->txn, DB_DOMAIN, domain, &v))
		return "the domain isn't ours: add it first";
	if (r->kind == COMMANDS__ADDRESS__KIND__ACCOUNT)
		return apply_row_account(a, r->account, &account) ? "no such account" : NULL;
	if (r->n_target == 0)
		return "no target";
	return NULL;
}

int
apply_directory_compare_targets(const void *x, const void *y)
{
	struct slice a = codec_slice(*(const ProtobufCBinaryData *)x);
	struct slice b = codec_slice(*(const ProtobufCBinaryData *)y);

	for (size_t i = 0; i < a.n && i < b.n; i++)
		if (slice_lower(a.p[i]) != slice_lower(b.p[i]))
			return slice_lower(a.p[i]) < slice_lower(b.p[i]) ? -1 : 1;
	return (a.n > b.n) - (a.n < b.n);
}

/* The old targets that aren't named, in their order; then, unless these go, the named ones. */
static void
merge_targets(struct apply *a, const Commands__Address *old, bool without, Commands__Address *r)
{
	size_t n = r->n_target, kept = 0, all = old->n_target + n;
	ProtobufCBinaryData *sorted = arena_alloc(a->arena, (n + 1) * sizeof *sorted);
	ProtobufCBinaryData *out = arena_alloc(a->arena, (all + 1) * sizeof *out);

	if (n)
		memcpy(sorted, r->target, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, apply_directory_compare_targets);
	for (size_t i = 0; i < old->n_target; i++)
		if (!bsearch(&old->target[i], sorted, n, sizeof *sorted,
			    apply_directory_compare_targets))
			out[kept++] = old->target[i];
	for (size_t i = 0; i < n && !without; i++)
		if (i == 0 || apply_directory_compare_targets(&sorted[i - 1], &sorted[i]) != 0)
			out[kept++] = sorted[i];
	r->target = out;
	r->n_target = kept;
}

/* An account is reached by its name as long as it is there: only its own commands make such an
 * address, and lead it elsewhere. */
static bool
keeps_primary(const Commands__Address *old, const Commands__Address *r)
{
	if (!old || !old->primary)
		return !r->primary;
	return r->primary && r->account == old->account;
}

/* Why it is too much, or NULL. */
static const char *
excess(const Commands__Address *r)
{
	if (r->n_target > APPLY_DIRECTORY_TARGETS_MAX)
		return "too many targets: 10,000 at most; put some into a group of their own";
	if (r->n_forward > APPLY_DIRECTORY_FORWARDS_MAX)
		return "too many targets: 100 at most; make a group and forward to that";
	if (r->n_poster > APPLY_DIRECTORY_POSTERS_MAX)
		return "too many posters: 100 at most";
	return NULL;
}

/* What the command leaves as it was. */
static void
keep_old(struct apply *a, const Commands__AddressPut *c, const Commands__Address *old,
	Commands__Address *r)
{
	if (c->mode)
		merge_targets(a, old, c->mode == APPLY_DIRECTORY_WITHOUT, r);
	if (c->sets_poster)
		return;
	r->n_poster = old->n_poster;
	r->poster = old->poster;
}

static enum err
put_address(struct apply *a, const Commands__AddressPut *c, bool is_account)
{
	struct slice address = codec_slice(c->address);
	const char *problem;
	Commands__Address *old, record;
	enum err e;

	if (!c->record)
		return apply_refuse(a, COMMAND_INVALID, "no record");
	record = *c->record;
	e = view_directory_address(a->txn, address, a->arena, &old);
	if (e && e != ERR_NOT_FOUND)
		return e;
	if (!e && (c->create_only || old->kind != record.kind))
		return apply_refuse(a, COMMAND_EXISTS, "the address exists already");
	if (e && c->mode == APPLY_DIRECTORY_WITHOUT)
		return apply_refuse(a, COMMAND_NOT_FOUND, "no such address");
	if (!e)
		keep_old(a, c, old, &record);
	problem = excess(&record);
	if (problem)
		return apply_refuse(a, COMMAND_LIMIT, problem);
	problem = address_problem(a, address, &record);
	if (problem)
		return apply_refuse(a, COMMAND_INVALID, problem);
	if (!is_account && !keeps_primary(e ? NULL : old, &record))
		return apply_refuse(
			a, COMMAND_INVALID, "the primary address goes with its account");
	a->touched->directory = true;
	return apply_row_put(a, DB_ADDRESS, address, &record);
}

enum err
apply_directory_address_put(struct apply *a, const Commands__AddressPut *c)
{
	return put_address(a, c, false);
}

enum err
apply_directory_primary_put(struct apply *a, const Commands__AddressPut *c)
{
	return put_address(a, c, true);
}

enum err
apply_directory_address_del(struct apply *a, const Commands__AddressDel *c)
{
	struct slice address = codec_slice(c->address);
	Commands__Address *old;
	enum err e = view_directory_address(a->txn, address, a->arena, &old);

	if (e == ERR_NOT_FOUND || (!e && (uint32_t)old->kind != c->kind))
		return apply_refuse(a, COMMAND_NOT_FOUND, "no such address");
	if (e)
		return e;
	if (old->primary)
		return apply_refuse(
			a, COMMAND_INVALID, "the primary address goes with its account");
	a->touched->directory = true;
	return db_del(a->txn, DB_ADDRESS, address);
}
