/* A message's octets, and what becomes of it at its end. */
#include "core/utf8.h"
#include "smtp/smtp_session_inner.h"
#include "smtp/smtp_trace.h"

void
smtp_session_body_begin(struct smtp_session *s)
{
	smtp_data_init(&s->data);
	smtp_head_init(&s->head);
	smtp_guard_init(&s->guard, s->strips);
	s->env.size_bytes = 0;
	s->env.is_8bit = false;
	s->doom = SMTP_REPLY_NONE;
	s->is_body_open = true;
	s->window_from_ms = s->now_ms;
	s->window_octets = 0;
	smtp_session_act(s, SMTP_ACT_BODY_BEGIN, SLICE_EMPTY);
}

static void
doom(struct smtp_session *s, enum smtp_reply why)
{
	if (s->doom == SMTP_REPLY_NONE)
		s->doom = why;
	if (s->is_body_open) {
		s->is_body_open = false;
		smtp_session_act(s, SMTP_ACT_BODY_DROP, SLICE_EMPTY);
	}
}

static void
look_at_flaws(struct smtp_session *s)
{
	if (s->data.flaws & SMTP_FLAW_NUL)
		doom(s, SMTP_REPLY_HAS_NUL);
	else if (s->data.flaws & SMTP_FLAW_CR)
		doom(s, SMTP_REPLY_BARE_CR);
	else if (s->data.flaws & SMTP_FLAW_LF)
		doom(s, SMTP_REPLY_BARE_LF);
}

/* The header's octets come by way of s->kept. What an act has of it must not move when the CRLF
 * that a message may lack comes in the same step. */
static void
keep(struct smtp_session *s, struct slice octets)
{
	size_t begin = s->kept.n, used;

	if (begin == 0 && !s->guard.is_over)
		buf_room(&s->kept, octets.n + 2 * SMTP_GUARD_NAME_MAX + 2);
	used = smtp_guard_feed(&s->guard, octets, &s->kept);
	if (s->kept.n > begin)
		smtp_session_act(s, SMTP_ACT_BODY, slice_from(buf_slice(&s->kept), begin));
	if (used < octets.n)
		smtp_session_act(s, SMTP_ACT_BODY, slice_from(octets, used));
}

/* Octets of the message, as they are to be kept. */
static void
take(struct smtp_session *s, struct slice octets)
{
	if (octets.n == 0)
		return;
	/* no overflow: octets.n is memory, and closing comes at twice the limit */
	s->env.size_bytes += octets.n;
	if (s->env.size_bytes > s->lim.size_max_bytes)
		doom(s, SMTP_REPLY_TOO_BIG);
	if (!s->is_body_open)
		return;
	/* What BODY= says is what may come. */
	s->env.is_8bit = s->env.is_8bit || !utf8_is_ascii(octets);
	smtp_head_feed(&s->head, octets);
	keep(s, octets);
}

static bool
is_endless(const struct smtp_session *s)
{
	return s->env.size_bytes > s->lim.size_max_bytes &&
	       s->env.size_bytes - s->lim.size_max_bytes > s->lim.size_max_bytes;
}

/* --- the end --- */

static void
build_head(struct smtp_session *s)
{
	struct smtp_trace t = {.helo = s->helo,
		.client_name = s->client_name,
		.client_ip = s->client_ip,
		.by = s->hostname,
		.id = s->env.id,
		.tls_cipher = s->tls_cipher,
		.is_lmtp = s->who.kind == SMTP_KIND_LMTP,
		.is_esmtp = s->is_esmtp,
		.is_authenticated = s->who.is_authenticated,
		.is_utf8 = s->env.smtputf8,
		.now_sec = s->now_sec};
	size_t at;

	/* All that we write is of 7 bits: so what passes depends on the message alone. */
	if (s->env.rcpt_n == 1 && utf8_is_ascii(s->env.rcpt[0].address))
		t.only_rcpt = s->env.rcpt[0].address;
	buf_clear(&s->head_text);
	smtp_trace_return_path(&s->head_text, s->env.sender);
	smtp_trace_received(&s->head_text, &t);
	/* RFC 6409 8: only for those whose first server we are */
	if (s->who.kind != SMTP_KIND_SUBMISSION)
		return;
	if (s->head.dates == 0)
		smtp_trace_date(&s->head_text, s->now_sec);
	if (s->head.message_ids == 0) {
		struct slice id;

		at = s->head_text.n;
		smtp_trace_message_id(&s->head_text, &t);
		id = slice_from(buf_slice(&s->head_text), at);
		s->env.added_id = arena_dup(
			&s->tx, slice_trim(slice_from(id, slice_find(id, ':') + 1)));
	}
}

static void
name_mail(struct smtp_session *s)
{
	struct buf name;

	buf_init(&name, 128);
	buf_put_slice(&name, slice_cut(s->id, 0, 64));
	buf_put_u8(&name, '.');
	buf_put_dec(&name, ++s->mails);
	s->env.id = arena_dup(&s->tx, buf_slice(&name));
	buf_fini(&name);
}

/* What is said of a message: once, or for each recipient (RFC 2033 4.2). */
static void
say_of_message(struct smtp_session *s, enum smtp_reply r)
{
	size_t times = s->who.kind == SMTP_KIND_LMTP ? s->env.rcpt_n : 1;
	uint32_t errors = s->errors;

	for (size_t i = 0; i < times; i++)
		smtp_session_say(s, r);
	s->errors = s->errors > errors ? errors + 1
				       : errors; /* one mistake, however often said */
}

static void
end_transaction(struct smtp_session *s)
{
	smtp_session_reset(s);
	s->mode = SMTP_MODE_COMMAND;
	if (s->leave) {
		s->arg = s->hostname;
		smtp_session_close(s, s->leave);
	}
}

static void
finish(struct smtp_session *s)
{
	look_at_flaws(s);
	if (s->doom == SMTP_REPLY_NONE && s->head.received > s->lim.hop_max)
		doom(s, SMTP_REPLY_TOO_MANY_HOPS);
	if (s->doom != SMTP_REPLY_NONE) {
		say_of_message(s, s->doom);
		end_transaction(s);
		return;
	}
	name_mail(s);
	s->env.message_id = arena_dup(&s->tx, smtp_head_message_id(&s->head));
	s->env.is_header_8bit = s->head.is_8bit;
	s->env.guard = arena_dup(&s->tx, smtp_guard_value(&s->guard));
	smtp_guard_body_hash(&s->guard, s->body_hash);
	s->env.body_hash = slice_of(s->body_hash, sizeof s->body_hash);
	build_head(s);
	s->is_body_open = false; /* it is the driver's now */
	s->mode = SMTP_MODE_WAIT;
	smtp_session_act(s, SMTP_ACT_ASK_SCORE, buf_slice(&s->head_text));
}

/* --- octets in --- */

static void
end_chunk(struct smtp_session *s)
{
	bool was_refused = s->state != SMTP_ST_CHUNKS || s->has_failed_chunk;

	s->mode = SMTP_MODE_COMMAND;
	if (was_refused) { /* BDAT out of place: nothing but its octets was taken */
		smtp_session_say(s, s->doom);
		s->doom = SMTP_REPLY_NONE;
		if (s->state == SMTP_ST_CHUNKS && s->chunk_is_last)
			smtp_session_reset(s);
		return;
	}
	if (s->chunk_is_last) {
		if (smtp_data_finish(&s->data))
			take(s, SLICE_LIT("\r\n"));
		finish(s);
		return;
	}
	look_at_flaws(s);
	if (s->doom != SMTP_REPLY_NONE) {
		smtp_session_say(s, s->doom);
		s->has_failed_chunk = true;
		return;
	}
	smtp_session_say(s, SMTP_REPLY_OK);
}

static size_t
chunk_input(struct smtp_session *s, struct slice in)
{
	bool is_ours = s->state == SMTP_ST_CHUNKS && !s->has_failed_chunk;

	in = slice_cut(in, 0, s->chunk_left < SIZE_MAX ? (size_t)s->chunk_left : SIZE_MAX);
	s->chunk_left -= in.n;
	if (is_ours) {
		smtp_data_look(&s->data, in);
		if (s->data.flaws)
			look_at_flaws(s);
		take(s, in);
	}
	if (s->chunk_left == 0)
		end_chunk(s);
	return in.n;
}

static size_t
data_input(struct smtp_session *s, struct slice in)
{
	struct slice span;
	bool is_end;
	size_t used = smtp_data_feed(&s->data, in, &span, &is_end);

	if (s->data.flaws)
		look_at_flaws(s);
	take(s, span);
	if (is_end)
		finish(s);
	return used;
}

size_t
smtp_session_body_input(struct smtp_session *s, struct slice in)
{
	size_t used;

	if (s->mode == SMTP_MODE_DATA && s->lift == SMTP_LIFT_BODY && in.n) {
		smtp_session_act(s, SMTP_ACT_LIFT, SLICE_EMPTY);
		s->lift = SMTP_LIFT_NONE;
	}
	s->idle_from_ms = s->now_ms;
	used = s->mode == SMTP_MODE_DATA ? data_input(s, in) : chunk_input(s, in);
	s->window_octets += used;
	if (s->mode != SMTP_MODE_CLOSED && is_endless(s))
		smtp_session_close(s, SMTP_REPLY_TOO_BIG);
	return used;
}

/* --- answers --- */

static enum smtp_reply
reply_of(enum err e)
{
	if (e == ERR_FULL)
		return SMTP_REPLY_NO_SPACE;
	if (e == ERR_QUOTA)
		return SMTP_REPLY_OVER_QUOTA;
	if (e == ERR_LIMIT)
		return SMTP_REPLY_TOO_MANY_RCPT;
	if (e == ERR_UNAVAILABLE)
		return SMTP_REPLY_UNAVAILABLE;
	/* It may be taken yet: sent again, it is one mail. */
	if (e == ERR_TIMEOUT)
		return SMTP_REPLY_UNCONFIRMED;
	return e == ERR_TOO_BIG ? SMTP_REPLY_TOO_BIG : SMTP_REPLY_LOCAL_ERROR;
}

void
smtp_session_body_scored(struct smtp_session *s, enum err e, struct slice refusal)
{
	if (e == ERR_OK && refusal.n == 0) {
		smtp_session_act(s, SMTP_ACT_ASK_QUEUE, buf_slice(&s->head_text));
		return;
	}
	smtp_session_act(s, SMTP_ACT_BODY_DROP, SLICE_EMPTY);
	if (e != ERR_OK) {
		say_of_message(s, reply_of(e));
	} else {
		size_t times = s->who.kind == SMTP_KIND_LMTP ? s->env.rcpt_n : 1;
		for (size_t i = 0; i < times; i++)
			s->out->code = smtp_reply_foreign(&s->reply, refusal);
		s->errors++;
	}
	end_transaction(s);
}

void
smtp_session_body_queued(struct smtp_session *s, const struct smtp_event *ev)
{
	s->full = ev->queued.full;
	if (ev->queued.e != ERR_OK) {
		say_of_message(
			s, s->full.n ? SMTP_REPLY_SENDING_LIMIT : reply_of(ev->queued.e));
		end_transaction(s);
		return;
	}
	s->arg = ev->queued.id;
	say_of_message(s, SMTP_REPLY_QUEUED);
	s->errors = s->junk = 0;
	/* A client that sends in groups may have sent its next commands before it read
	 * this reply; only a body that it holds back until our 354 proves that it did. */
	if (ev->queued.has_unread)
		s->has_pipelined = true;
	s->lift = s->has_pipelined ? SMTP_LIFT_BODY : SMTP_LIFT_COMMAND;
	end_transaction(s);
}
