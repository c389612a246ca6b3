#include "cmd/why_story.h"

#include "core/codec.h"

/* A recipient that waits for a next hop. */
struct why_story_wait {
	struct why_story_wait *next;
	uint64_t item;
	uint32_t rcpt, owner_node;
	struct slice hop;
};

void
why_story_init(struct why_story *s, struct arena *a)
{
	*s = (struct why_story){.a = a};
}

static struct why_story_item *
find(struct why_story *s, uint64_t id)
{
	for (size_t i = 0; id && i < s->items; i++)
		if (s->item[i].id == id)
			return &s->item[i];
	return NULL;
}

bool
why_story_add(struct why_story *s, uint64_t item)
{
	if (find(s, item))
		return true;
	if (s->items == WHY_STORY_ITEMS_MAX)
		return false;
	s->item[s->items++] = (struct why_story_item){.id = item};
	return true;
}

bool
why_story_is_over(const struct why_story *s)
{
	for (size_t i = 0; i < s->items; i++)
		if (!s->item[i].is_over || s->item[i].is_handed_on)
			return false;
	return true;
}

/* --- who waits --- */

static bool
is_of(const struct why_story_wait *w, const struct schema_trace *row)
{
	return w->item == row->item &&
	       (w->rcpt == row->rcpt || row->rcpt == SCHEMA_TRACE_NOBODY);
}

static void
waits_no_more(struct why_story *s, const struct schema_trace *row)
{
	struct why_story_wait **at = &s->waits;

	while (*at)
		if (is_of(*at, row))
			*at = (*at)->next;
		else
			at = &(*at)->next;
}

static void
waits(struct why_story *s, const struct why_story_item *item, const struct schema_trace *row,
	struct slice hop)
{
	struct why_story_wait *w = arena_alloc(s->a, sizeof *w);

	waits_no_more(s, row);
	*w = (struct why_story_wait){.next = s->waits,
		.item = item->id,
		.rcpt = row->rcpt,
		.owner_node = item->owner_node,
		.hop = arena_dup(s->a, hop)};
	s->waits = w;
}

static void
reroute(struct why_story *s, const struct schema_trace *row, struct slice hop)
{
	if (!hop.n) {
		waits_no_more(s, row);
		return;
	}
	hop = arena_dup(s->a, hop);
	for (struct why_story_wait *w = s->waits; w; w = w->next)
		if (is_of(w, row))
			w->hop = hop;
}

/* --- rows --- */

static Commands__Trace *
read_rest(const struct schema_trace *row, struct arena *a)
{
	return codec_unpack(&commands__trace__descriptor, row->rest, a);
}

static bool
is_same_mail(const struct why_story_item *item, const struct schema_trace *row)
{
	static const uint8_t none[SCHEMA_TRACE_HASH];

	return memcmp(item->message_id, row->message_id, sizeof none) == 0 &&
	       memcmp(none, row->message_id, sizeof none) != 0;
}

bool
why_story_is_split(const Commands__Trace *t)
{
	return t->intake && !strcmp(t->intake->kind, SCHEMA_TRACE_SPLIT_KIND) &&
	       !strcmp(t->intake->at, SCHEMA_TRACE_SPLIT_AT);
}

/* What a re-injection port was told is a queue id of ours; elsewhere it may be another
 * server's, which has the same numbers. */
static bool
comes_from(const struct why_story_item *item, const struct schema_trace *row,
	const Commands__Trace *t)
{
	return t->report || is_same_mail(item, row) || why_story_is_split(t) ||
	       (t->intake && !strcmp(t->intake->kind, "reinject"));
}

static bool
take_taken(struct why_story *s, const struct schema_trace *row, struct arena *a,
	Commands__Trace **out)
{
	struct why_story_item *item = find(s, row->item);
	const struct why_story_item *from = item ? NULL : find(s, row->from);

	if (!item && !from)
		return false;
	*out = read_rest(row, a);
	if (!*out || (from && (!comes_from(from, row, *out) || !why_story_add(s, row->item))))
		return false;
	item = find(s, row->item);
	item->owner_node = row->node;
	memcpy(item->message_id, row->message_id, sizeof item->message_id);
	return true;
}

static bool
take_hop(struct why_story *s, const struct schema_trace *row, struct arena *a,
	Commands__Trace **out)
{
	*out = s->waits ? read_rest(row, a) : NULL;
	for (const struct why_story_wait *w = s->waits; *out && w; w = w->next)
		if (slice_eq(w->hop, codec_slice((*out)->hop)) &&
			(!(*out)->owner_node || w->owner_node == (*out)->owner_node))
			return true;
	return false;
}

static bool
take_owner(struct why_story *s, const struct schema_trace *row, struct arena *a,
	Commands__Trace **out)
{
	*out = read_rest(row, a);
	for (size_t i = 0; *out && i < s->items; i++)
		if (!s->item[i].is_over && s->item[i].owner_node == (*out)->owner_node)
			return true;
	return false;
}

static bool
take_step(struct why_story *s, const struct schema_trace *row, struct arena *a,
	Commands__Trace **out)
{
	struct why_story_item *item = find(s, row->item);
	struct slice hop;

	*out = item ? read_rest(row, a) : NULL;
	if (!*out)
		return false;
	hop = codec_slice((*out)->hop);
	switch ((int)row->kind) {
	case SCHEMA_TRACE_WAITS:
	case SCHEMA_TRACE_DEFERRED:
		if (hop.n)
			waits(s, item, row, hop);
		break;
	case SCHEMA_TRACE_REROUTED:
		reroute(s, row, hop);
		break;
	case SCHEMA_TRACE_HANDED_ON:
		item->is_handed_on |= slice_starts(hop, SLICE_LIT("filter:"));
		waits_no_more(s, row);
		break;
	case SCHEMA_TRACE_SENT:
	case SCHEMA_TRACE_FILTERED:
	case SCHEMA_TRACE_DELIVERED:
	case SCHEMA_TRACE_BOUNCED:
		waits_no_more(s, row);
		break;
	case SCHEMA_TRACE_DELETED:
		/* Which of several, it doesn't say. */
		if ((*out)->count <= 1)
			waits_no_more(s, row);
		break;
	default:
		break;
	}
	item->is_over |= row->is_last;
	return true;
}

bool
why_story_take(struct why_story *s, const struct schema_trace *row, struct arena *a,
	Commands__Trace **out)
{
	switch ((int)row->kind) {
	case SCHEMA_TRACE_TAKEN:
		return take_taken(s, row, a, out);
	case SCHEMA_TRACE_HOP_FAILED:
	case SCHEMA_TRACE_HOP_RETRIED:
		return take_hop(s, row, a, out);
	case SCHEMA_TRACE_ADOPTED:
	case SCHEMA_TRACE_GIVEN_BACK:
		return take_owner(s, row, a, out);
	default:
		return take_step(s, row, a, out);
	}
}
