#include "cmd/why_row.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <time.h>

#include "cmd/control.h"
#include "core/buf.h"
#include "core/codec.h"
#include "store/view_queue.h"

enum { TEXT_MAX = 4096, TIME_MAX = 40 };

/* --- pieces --- */

static void
put_time(struct buf *out, uint64_t ms, bool has_ms)
{
	time_t sec = (time_t)(ms / 1000);
	char text[TIME_MAX] = "?";
	struct tm t;

	if (gmtime_r(&sec, &t))
		strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &t);
	buf_put_str(out, text);
	if (has_ms)
		buf_printf(out, ".%03u", (unsigned)(ms % 1000));
	buf_put_u8(out, 'Z');
}

/* False: there is none, nothing was put. */
static bool
put_address(struct buf *out, struct slice octets, uint32_t port)
{
	char text[INET6_ADDRSTRLEN];

	if ((octets.n != 4 && octets.n != 16) ||
		!inet_ntop(octets.n == 4 ? AF_INET : AF_INET6, octets.p, text, sizeof text))
		return false;
	buf_printf(out, "[%s]", text);
	if (port)
		buf_printf(out, ":%u", port);
	return true;
}

static void
put_id(struct buf *out, uint64_t item)
{
	char id[VIEW_QUEUE_ID_MAX];

	view_queue_id_format(item, id);
	buf_put_str(out, id);
}

/* ", name=<text>", unless there is none. */
static void
put_fact(struct buf *out, const char *name, struct slice text)
{
	if (text.n)
		buf_printf(out, ", %s=<%.*s>", name, SLICE_FMT(text));
}

static void
put_next_try(struct buf *out, uint64_t sec)
{
	if (!sec)
		return;
	buf_put_str(out, out->n ? "; next try " : "next try ");
	put_time(out, sec * 1000, false);
}

static void
put_tls(struct buf *out, const char *tls)
{
	if (*tls)
		buf_printf(out, " (TLS: %s)", tls);
}

static void
put_node(struct buf *out, const struct why_row_nodes *nodes, uint32_t id)
{
	const struct members_node *m = members_find(nodes->members, id);

	if (m && m->name[0])
		buf_put_str(out, m->name);
	else if (id == nodes->own)
		buf_put_str(out, nodes->own_name);
	else
		buf_printf(out, "node %u", id);
}

static json_t *
take_text(struct buf *text)
{
	json_t *out = control_json(buf_slice(text));

	buf_fini(text);
	return out;
}

/* --- what happened, in words --- */

static void
put_taken(struct buf *out, const Commands__Trace *t)
{
	const Commands__Intake *in = t->intake;

	if (t->report) {
		buf_put_str(out, "a report about ");
		put_id(out, t->report);
	} else {
		buf_put_str(out, "client=");
		if (!in || !put_address(out, codec_slice(in->client_address), in->client_port))
			buf_put_str(out, "local");
	}
	buf_printf(out, ", from=<%.*s>, nrcpt=%u, size=%llu",
		SLICE_FMT(codec_slice(t->address)), t->count, (unsigned long long)t->size);
	if (!t->ident[0]) {
		put_fact(out, "helo", slice_str(t->helo));
		put_fact(out, "sasl_username", slice_str(t->login));
	} else {
		buf_printf(out, ", orig_id=<%s>, orig_client=", t->ident);
		if (!put_address(out, codec_slice(t->client_address), 0))
			buf_put_str(out, "unknown");
		put_fact(out, "orig_helo", slice_str(t->helo));
		put_fact(out, "orig_login", slice_str(t->login));
	}
	if (in)
		put_tls(out, in->tls);
}

static void
put_expanded(struct buf *out, const Commands__Trace *t)
{
	static const char *const by[] = {[COMMANDS__ADDRESS__KIND__ACCOUNT] = "forward",
		[COMMANDS__ADDRESS__KIND__ALIAS] = "alias",
		[COMMANDS__ADDRESS__KIND__GROUP] = "group",
		[COMMANDS__ADDRESS__KIND__CATCH_ALL] = "catch-all"};

	buf_printf(out, "%s: %s; %u new",
		(size_t)t->expanded_by < sizeof by / sizeof *by ? by[t->expanded_by] : "?",
		t->text, t->count);
}

static void
put_delivered(struct buf *out, const Commands__Trace *t)
{
	struct slice box = codec_slice(t->mailbox), account = codec_slice(t->account);

	buf_printf(out, "%.*s", SLICE_FMT(box.n ? box : SLICE_LIT("INBOX")));
	if (account.n)
		buf_printf(out, " of %.*s", SLICE_FMT(account));
	buf_printf(out, ", uid %u", t->uid);
}

static void
put_by_hand(struct buf *out, enum schema_trace_kind kind, const Commands__Trace *t)
{
	buf_put_str(out, "by hand");
	if (kind == SCHEMA_TRACE_REROUTED && !t->hop.len)
		buf_put_str(out, ": routed anew");
	if (t->count > 1)
		buf_printf(out, ", %u recipients", t->count);
}

static void
put_status(struct buf *out, const Commands__Trace *t)
{
	buf_put_str(out, t->text);
	put_tls(out, t->tls);
	put_next_try(out, t->next_try_sec);
}

static void
put_text(struct buf *out, const struct why_row_nodes *nodes, const struct schema_trace *row,
	const Commands__Trace *t)
{
	switch ((int)row->kind) {
	case SCHEMA_TRACE_REPEATED:
		buf_put_str(out, "the same mail came again, and wasn't taken twice: ");
		put_taken(out, t);
		return;
	case SCHEMA_TRACE_TAKEN:
		put_taken(out, t);
		return;
	case SCHEMA_TRACE_EXPANDED:
		put_expanded(out, t);
		return;
	case SCHEMA_TRACE_DELIVERED:
		put_delivered(out, t);
		break;
	case SCHEMA_TRACE_HELD:
	case SCHEMA_TRACE_RELEASED:
	case SCHEMA_TRACE_RETRIED:
	case SCHEMA_TRACE_DELETED:
	case SCHEMA_TRACE_REROUTED:
	case SCHEMA_TRACE_HOP_RETRIED:
		put_by_hand(out, row->kind, t);
		return;
	case SCHEMA_TRACE_ADOPTED:
		buf_put_str(out, "goes on with the queue of ");
		put_node(out, nodes, t->owner_node);
		buf_put_str(out, ", which fell silent");
		return;
	case SCHEMA_TRACE_GIVEN_BACK:
		buf_put_str(out, "is back, and has its queue again");
		return;
	default:
		put_status(out, t);
		break;
	}
	if (t->report) {
		buf_put_str(out, "; the sender is told by ");
		put_id(out, t->report);
	}
}

/* --- columns --- */

static const char *
stage_of(const struct schema_trace *row, const Commands__Trace *t)
{
	static const char *const names[] = {"filter", "route", "deliver", "relay", "hold"};

	switch ((int)row->kind) {
	case SCHEMA_TRACE_TAKEN:
	case SCHEMA_TRACE_REPEATED:
		return t->report ? "report" : "intake";
	case SCHEMA_TRACE_EXPANDED:
		return "route";
	case SCHEMA_TRACE_DELIVERED:
		return "deliver";
	case SCHEMA_TRACE_HOP_FAILED:
		return "relay";
	case SCHEMA_TRACE_ADOPTED:
	case SCHEMA_TRACE_GIVEN_BACK:
		return "cluster";
	case SCHEMA_TRACE_HELD:
	case SCHEMA_TRACE_RELEASED:
	case SCHEMA_TRACE_RETRIED:
	case SCHEMA_TRACE_DELETED:
	case SCHEMA_TRACE_REROUTED:
	case SCHEMA_TRACE_HOP_RETRIED:
		return "queue";
	default:
		return (size_t)t->stage < sizeof names / sizeof *names ? names[t->stage] : "?";
	}
}

static json_t *
where_of(const struct schema_trace *row, const Commands__Trace *t)
{
	struct buf text;

	buf_init(&text, TEXT_MAX);
	if (t->intake)
		buf_printf(&text, "%s %s", t->intake->kind, t->intake->at);
	else if (t->relay[0])
		buf_put_str(&text, t->relay);
	else if (row->kind != SCHEMA_TRACE_TAKEN)
		buf_put_slice(&text, codec_slice(t->hop));
	return take_text(&text);
}

static json_t *
columns(const struct why_row_nodes *nodes, uint64_t time_ms, uint32_t node, uint64_t item)
{
	json_t *o = json_object();
	struct buf text;

	buf_init(&text, TEXT_MAX);
	put_time(&text, time_ms, true);
	json_object_set_new(o, "time", take_text(&text));
	put_node(&text, nodes, node);
	json_object_set_new(o, "node", take_text(&text));
	if (item)
		put_id(&text, item);
	json_object_set_new(o, "id", take_text(&text));
	return o;
}

/* What a program may want without reading the text. */
static void
add_facts(json_t *o, const struct schema_trace *row, const Commands__Trace *t)
{
	char id[VIEW_QUEUE_ID_MAX];

	if (row->kind == SCHEMA_TRACE_TAKEN) {
		json_object_set_new(o, "sender", control_json(codec_slice(t->address)));
		json_object_set_new(o, "recipients", json_integer(t->count));
		json_object_set_new(o, "size", json_integer((json_int_t)t->size));
		json_object_set_new(o, "filter", control_json(codec_slice(t->hop)));
		json_object_set_new(o, "ident", control_json(slice_str(t->ident)));
		json_object_set_new(o, "login", control_json(slice_str(t->login)));
	}
	if (row->kind == SCHEMA_TRACE_DELIVERED)
		json_object_set_new(o, "uid", json_integer(t->uid));
	if (row->kind == SCHEMA_TRACE_EXPANDED)
		json_object_set_new(o, "made", json_integer(t->count));
	if (t->next_try_sec)
		json_object_set_new(o, "next_try", json_integer((json_int_t)t->next_try_sec));
	if (t->tls[0] || (t->intake && t->intake->tls[0]))
		json_object_set_new(
			o, "tls", control_json(slice_str(t->tls[0] ? t->tls : t->intake->tls)));
	if (t->report) {
		view_queue_id_format(t->report, id);
		json_object_set_new(o, "report", json_string(id));
	}
}

json_t *
why_row_of(const struct why_row_nodes *nodes, const struct schema_trace *row,
	const Commands__Trace *t)
{
	bool has_rcpt = row->kind != SCHEMA_TRACE_TAKEN && row->kind != SCHEMA_TRACE_REPEATED;
	json_t *o = columns(nodes, row->time_ms, row->node, row->item);
	struct buf text;

	json_object_set_new(o, "stage", json_string(stage_of(row, t)));
	json_object_set_new(o, "where", where_of(row, t));
	json_object_set_new(
		o, "recipient", control_json(has_rcpt ? codec_slice(t->address) : SLICE_EMPTY));
	json_object_set_new(o, "event", json_string(schema_trace_name(row->kind)));
	buf_init(&text, TEXT_MAX);
	put_text(&text, nodes, row, t);
	json_object_set_new(o, "text", take_text(&text));
	add_facts(o, row, t);
	return o;
}

json_t *
why_row_of_now(const struct why_row_nodes *nodes, const struct why_row_now *now)
{
	json_t *o = columns(nodes, now->time_ms, now->node, now->item);
	struct buf text;

	json_object_set_new(o, "stage", json_string(now->stage));
	json_object_set_new(o, "where", control_json(now->hop));
	json_object_set_new(o, "recipient", control_json(now->recipient));
	json_object_set_new(o, "event", json_string(now->event));
	buf_init(&text, TEXT_MAX);
	if (now->tries)
		buf_printf(&text, "after %u tries", now->tries);
	put_next_try(&text, now->next_try_sec);
	if (*now->status)
		buf_printf(&text, "%s%.1000s", text.n ? "; " : "", now->status);
	json_object_set_new(o, "text", take_text(&text));
	if (now->next_try_sec)
		json_object_set_new(o, "next_try", json_integer((json_int_t)now->next_try_sec));
	return o;
}
