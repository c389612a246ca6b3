#include "cmd/queue_filter.h"

#include <string.h>

#include "core/buf.h"
#include "core/mail_addr.h"
#include "smtp/smtp_hop.h"

enum { STAGES = 5, ADDRESS_MAX = 1024 };

static const char *const stages[STAGES] = {"filter", "route", "deliver", "relay", "hold"};

const char *
queue_filter_stage_name(int stage)
{
	return stage >= 0 && stage < STAGES ? stages[stage] : "unknown";
}

/* --- reading --- */

static const char *
explain(struct arena *a, const char *name, const char *text, const char *why)
{
	struct buf b;
	const char *out;

	buf_init(&b, ADDRESS_MAX);
	buf_printf(&b, "--%s %.200s: %s", name, text, why);
	out = arena_str(a, buf_slice(&b));
	buf_fini(&b);
	return out;
}

/* local@domain or @domain, in canonical form. */
static const char *
read_address(struct slice raw, struct arena *a, struct slice *out)
{
	struct slice domain;
	const char *why;
	struct buf b;

	if (!raw.n || raw.p[0] != '@')
		return mail_addr_canonical_text(raw, a, out);
	why = mail_addr_parse_domain(slice_from(raw, 1), a, &domain);
	if (why)
		return why;
	buf_init(&b, ADDRESS_MAX);
	buf_put_u8(&b, '@');
	buf_put_slice(&b, domain);
	*out = arena_dup(a, buf_slice(&b));
	buf_fini(&b);
	return NULL;
}

struct slice
queue_filter_hop(const char *text, struct arena *a)
{
	struct slice given = slice_str(text), name = SLICE_EMPTY;
	struct smtp_hop hop;
	struct buf b;

	if (!smtp_hop_parse(given, &hop))
		return arena_dup(a, given);
	buf_init(&b, SMTP_HOP_MAX);
	if (buf_put_str(&b, "smtp:") && buf_put_slice(&b, given) &&
		!smtp_hop_parse(buf_slice(&b), &hop))
		name = arena_dup(a, buf_slice(&b));
	buf_fini(&b);
	return name;
}

static int
find_stage(const char *text)
{
	for (int i = 0; i < STAGES; i++)
		if (!strcmp(stages[i], text))
			return i;
	return QUEUE_FILTER_ANY_STAGE;
}

/* A number from 0 to max. False: it is none. */
static bool
read_number(const json_t *v, uint64_t max, uint64_t *out)
{
	json_int_t n = json_integer_value(v);

	if (!json_is_integer(v) || n < 0 || (uint64_t)n > max)
		return false;
	*out = (uint64_t)n;
	return true;
}

static const char *
read_mail(const json_t *in, struct arena *a, struct queue_filter *f)
{
	const char *sender = json_string_value(json_object_get(in, "sender"));
	const json_t *node = json_object_get(in, "node"),
		     *age = json_object_get(in, "older_than");
	const char *why = NULL;
	uint64_t number = 0;

	f->is_held = json_is_true(json_object_get(in, "held"));
	f->has_sender = sender != NULL;
	if (sender && strcmp(sender, "<>") != 0)
		why = read_address(slice_str(sender), a, &f->sender);
	if (why)
		return explain(a, "sender", sender, why);
	if (node && !read_number(node, UINT32_MAX, &number))
		return "--node: the number of a node is needed";
	f->has_node = node != NULL;
	f->node = (uint32_t)number;
	if (age && !read_number(age, INT64_MAX, &f->older_than_sec))
		return "--older-than: a time like 5m is needed";
	f->has_any = f->has_sender || f->has_node || f->is_held || age;
	return NULL;
}

static const char *
read_rcpt(const json_t *in, struct arena *a, struct queue_filter *f)
{
	const char *to = json_string_value(json_object_get(in, "to"));
	const char *hop = json_string_value(json_object_get(in, "hop"));
	const char *stage = json_string_value(json_object_get(in, "stage"));
	const char *status = json_string_value(json_object_get(in, "status"));
	const char *why = to ? read_address(slice_str(to), a, &f->to) : NULL;

	if (why)
		return explain(a, "to", to, why);
	f->hop = hop ? queue_filter_hop(hop, a) : SLICE_EMPTY;
	if (hop && !f->hop.n)
		return explain(a, "hop", hop,
			"not a next hop (`hairpin queue hops` shows those that somebody "
			"waits for)");
	f->stage = stage ? find_stage(stage) : QUEUE_FILTER_ANY_STAGE;
	if (stage && f->stage == QUEUE_FILTER_ANY_STAGE)
		return explain(a, "stage", stage, "expected route, deliver or relay");
	f->status = slice_str(status ? status : "");
	if (status && (!f->status.n || f->status.n > QUEUE_FILTER_STATUS_MAX))
		return "--status: 1 to 200 letters are needed";
	f->has_rcpt = to || hop || stage || status;
	f->has_any |= f->has_rcpt;
	return NULL;
}

const char *
queue_filter_parse(const json_t *in, struct arena *a, struct queue_filter *out)
{
	struct queue_filter f = {0};
	const char *why = read_mail(in, a, &f);

	if (!why)
		why = read_rcpt(in, a, &f);
	if (!why)
		*out = f;
	return why;
}

/* --- looking --- */

/* Addresses in the queue are as they came, so the filter's fold says nothing of their case. */
static bool
fits_address(struct slice pattern, struct slice address)
{
	if (pattern.n && pattern.p[0] == '@')
		return address.n > pattern.n &&
		       slice_eq_nocase(slice_from(address, address.n - pattern.n), pattern);
	return slice_eq_nocase(pattern, address);
}

static bool
has_words(struct slice text, struct slice words)
{
	for (; text.n >= words.n; text = slice_from(text, 1))
		if (slice_starts_nocase(text, words))
			return true;
	return false;
}

bool
queue_filter_fits_mail(const struct queue_filter *f, const struct queue_filter_mail *m)
{
	return (!f->has_sender || fits_address(f->sender, m->sender)) &&
	       (!f->has_node || f->node == m->node) && (!f->is_held || m->is_held) &&
	       m->age_sec >= f->older_than_sec;
}

bool
queue_filter_fits_rcpt(const struct queue_filter *f, const struct queue_filter_rcpt *r)
{
	return (!f->to.n || fits_address(f->to, r->address)) &&
	       (!f->hop.n || slice_eq(f->hop, r->hop)) &&
	       (f->stage == QUEUE_FILTER_ANY_STAGE || f->stage == r->stage) &&
	       (!f->status.n || has_words(r->status, f->status));
}
