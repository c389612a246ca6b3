/* control_group: verbs of groups. A list of members may be longer than one command: then it is
 * brought in parts, the new ones first and those that go last, so that whoever was a member and
 * stays one never misses a mail in between. */
#include <stdlib.h>
#include <sysexits.h>

#include "cmd/control_list.h"
#include "core/codec.h"
#include "smtp/smtp_poster.h"
#include "store/apply_directory.h"
#include "store/view_directory.h"

enum { PART_OCTETS = 60000 };

struct part {
	ProtobufCBinaryData *member;
	size_t n;
	uint32_t mode; /* APPLY_DIRECTORY_* */
};
struct change {
	struct control_request *r;
	struct slice address;
	struct part part[2];
	size_t now; /* which of them */
	ProtobufCBinaryData *poster;
	size_t n_poster;
	bool sets_poster, has_set; /* posters are given; the log has them */
};

static void propose_next(struct change *c);

static void
on_part(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct change *c = arg;

	if (control_is_done(c->r, e, answer))
		propose_next(c);
}

/* Takes from the front of the list what one command holds. */
static void
take(struct part *p, Commands__Address *record)
{
	size_t octets = 0;

	record->target = p->member;
	while (p->n && octets < PART_OCTETS) {
		octets += p->member->len + 4;
		record->n_target++;
		p->member++;
		p->n--;
	}
}

static void
propose_next(struct change *c)
{
	struct control_request *r = c->r;
	Commands__AddressPut put = COMMANDS__ADDRESS_PUT__INIT;
	Commands__Address record = COMMANDS__ADDRESS__INIT;

	while (c->now < 2 && !c->part[c->now].n)
		c->now++;
	if (c->now == 2 && (!c->sets_poster || c->has_set)) {
		control_reply(r, NULL);
		return;
	}
	put.mode = APPLY_DIRECTORY_WITH;
	if (c->now < 2) {
		take(&c->part[c->now], &record);
		put.mode = c->part[c->now].mode;
	}
	/* With the first part, so that a new group is never open to anyone for a while. */
	record.n_poster = c->n_poster;
	record.poster = c->poster;
	record.kind = COMMANDS__ADDRESS__KIND__GROUP;
	put.address = codec_bytes(c->address);
	put.record = &record;
	put.sets_poster = c->sets_poster;
	c->has_set = true;
	r->command.body_case = COMMANDS__COMMAND__BODY_ADDRESS_PUT;
	r->command.address_put = &put;
	courier_propose(r->courier, &r->command, SLICE_EMPTY, on_part, c);
}

static bool
is_word(const char *text)
{
	return text &&
	       (!strcmp(text, SMTP_POSTER_MEMBERS) || !strcmp(text, SMTP_POSTER_OWN_DOMAIN));
}

/* Words stand as they are, all else is an address or @domain. False: failed. */
static bool
read_posters(struct change *c)
{
	json_t *list = json_object_get(c->r->in, "posters"), *one;
	json_t *addresses = json_array();
	ProtobufCBinaryData *more;
	size_t i, n;

	c->sets_poster = list != NULL;
	c->poster = arena_alloc(&c->r->arena, (json_array_size(list) + 1) * sizeof *c->poster);
	json_array_foreach(list, i, one)
	{
		const char *text = json_string_value(one);

		if (is_word(text))
			c->poster[c->n_poster++] = codec_bytes(
				arena_dup(&c->r->arena, slice_str(text)));
		else if (!text || strcmp(text, SMTP_POSTER_ANYONE) != 0 ||
			 json_array_size(list) > 1)
			json_array_append(addresses, one);
	}
	json_object_set_new(c->r->in, "posters", addresses);
	if (!control_addresses(c->r, "posters", &more, &n))
		return false;
	for (i = 0; i < n; i++)
		c->poster[c->n_poster++] = more[i];
	return true;
}

/* NULL: failed. */
static struct change *
begin(struct control_request *r, struct part *first)
{
	struct change *c = arena_zalloc(&r->arena, sizeof *c);

	c->r = r;
	c->address = control_address(r, "address", false);
	if (!c->address.n || !control_targets(r, "targets", &first->member, &first->n) ||
		!read_posters(c))
		return NULL;
	if (first->n || c->sets_poster)
		return c;
	control_fail(r, EX_USAGE, "at least one member's address is needed");
	return NULL;
}

static void
change(struct control_request *r, uint32_t mode)
{
	struct part named = {.mode = mode};
	struct change *c = begin(r, &named);

	if (!c)
		return;
	c->part[0] = named;
	propose_next(c);
}

static void
group_add(struct control_request *r)
{
	change(r, APPLY_DIRECTORY_WITH);
}

static void
group_remove(struct control_request *r)
{
	change(r, APPLY_DIRECTORY_WITHOUT);
}

/* Those of old who aren't named. */
static struct part
leavers(struct control_request *r, const Commands__Address *old, const struct part *named)
{
	struct part out = {.mode = APPLY_DIRECTORY_WITHOUT};
	ProtobufCBinaryData *sorted = arena_alloc(&r->arena, (named->n + 1) * sizeof *sorted);

	memcpy(sorted, named->member, named->n * sizeof *sorted);
	qsort(sorted, named->n, sizeof *sorted, apply_directory_compare_targets);
	out.member = arena_alloc(&r->arena, (old->n_target + 1) * sizeof *out.member);
	for (size_t i = 0; i < old->n_target; i++)
		if (!bsearch(&old->target[i], sorted, named->n, sizeof *sorted,
			    apply_directory_compare_targets))
			out.member[out.n++] = old->target[i];
	return out;
}

/* NULL: there is none, or it failed and said so. */
static Commands__Address *
read_old(struct change *c, bool *failed)
{
	struct db_txn *txn = control_read(c->r);
	Commands__Address *old = NULL;
	enum err e;

	*failed = !txn;
	if (!txn)
		return NULL;
	e = view_directory_address(txn, c->address, &c->r->arena, &old);
	if ((e && e != ERR_NOT_FOUND) || !view_is_valid(c->r->courier->view)) {
		*failed = true;
		control_fail(c->r, EX_TEMPFAIL, "the database is busy; try again");
	}
	view_end(c->r->courier->view);
	return *failed || e ? NULL : old;
}

static void
group_set(struct control_request *r)
{
	struct part named = {.mode = APPLY_DIRECTORY_WHOLE};
	struct change *c = begin(r, &named);
	Commands__Address *old;
	size_t octets = 0;
	bool failed;

	if (!c)
		return;
	for (size_t i = 0; i < named.n; i++)
		octets += named.member[i].len + 4;
	if (octets >= PART_OCTETS) {
		old = read_old(c, &failed);
		if (failed)
			return;
		named.mode = APPLY_DIRECTORY_WITH;
		if (old)
			c->part[1] = leavers(r, old, &named);
	}
	c->part[0] = named;
	propose_next(c);
}

static json_t *
group_json(struct slice address, const Commands__Address *at)
{
	json_t *row = json_object();

	json_object_set_new(row, "address", control_json(address));
	json_object_set_new(row, "members", json_integer((json_int_t)at->n_target));
	json_object_set_new(row, "targets", control_list_texts(at->n_target, at->target));
	json_object_set_new(row, "posters", control_list_texts(at->n_poster, at->poster));
	return row;
}

static void
group_show(struct control_request *r)
{
	struct change c = {.r = r, .address = control_address(r, "address", false)};
	Commands__Address *at;
	bool failed;

	if (!c.address.n)
		return;
	at = read_old(&c, &failed);
	if (failed)
		return;
	if (at && at->kind == COMMANDS__ADDRESS__KIND__GROUP)
		control_reply(r, group_json(c.address, at));
	else
		control_fail(r, EX_NOUSER,
			"%.*s: no such group (`hairpin group list` shows them)",
			SLICE_FMT(c.address));
}

const struct control_verb control_group_verbs[] = {
	{"group set", group_set},
	{"group add", group_add},
	{"group remove", group_remove},
	{"group show", group_show},
	{NULL, NULL},
};
