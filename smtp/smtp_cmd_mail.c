/* MAIL, RCPT, DATA and BDAT. */
#include "smtp/smtp_cmd.h"
#include "smtp/smtp_session_inner.h"

enum { RCPT_ROOM_FIRST = 4 };

/* --- MAIL --- */

enum smtp_reply
smtp_cmd_mail_check(struct smtp_session *s, struct slice args)
{
	enum smtp_reply r = smtp_policy_mail(&s->who);

	s->mail = (struct smtp_mail){0};
	if (r == SMTP_REPLY_NONE)
		r = smtp_parse_mail(args, &s->line, &s->mail, &s->arg);
	if (r == SMTP_REPLY_NONE && s->mail.size_bytes > s->lim.size_max_bytes)
		return SMTP_REPLY_TOO_BIG;
	return r;
}

void
smtp_cmd_mail_refuse(struct smtp_session *s, enum smtp_reply r)
{
	if (s->state == SMTP_ST_READY) {
		s->out->sender = arena_dup(&s->line, s->mail.from.raw);
		s->has_refused_mail = true;
	}
	smtp_session_say(s, r);
}

/* The line's octets are only borrowed: the transaction gets copies. */
static void
begin(struct smtp_session *s)
{
	const struct smtp_mail *m = &s->mail;

	s->env.sender = arena_dup(&s->tx, m->from.raw);
	s->env.envid = arena_dup(&s->tx, m->envid);
	s->env.ret = m->ret;
	s->env.smtputf8 = m->smtputf8;
	s->has_refused_mail = false;
	s->env.size_bytes = m->size_bytes;
	s->tx_from_ms = s->now_ms;
}

static void
ask(struct smtp_session *s, enum smtp_act_kind what, struct slice about)
{
	smtp_session_act(s, what, about);
	s->mode = SMTP_MODE_WAIT;
}

static void
ask_sender(struct smtp_session *s)
{
	if (smtp_policy_asks_sender(&s->who, s->mail.from.is_null))
		ask(s, SMTP_ACT_ASK_SENDER, s->env.sender);
	else
		smtp_session_say(s, SMTP_REPLY_SENDER_OK);
}

void
smtp_cmd_mail_proceed(struct smtp_session *s, struct slice args)
{
	(void)args;
	begin(s);
	s->state = SMTP_ST_MAIL;
	if (s->who.is_authenticated)
		ask(s, SMTP_ACT_ASK_SENDING, SLICE_EMPTY);
	else
		ask_sender(s);
}

void
smtp_cmd_mail_sender(struct smtp_session *s, enum smtp_sender_class c)
{
	enum smtp_reply r = smtp_policy_sender(&s->who, c);

	s->mode = SMTP_MODE_COMMAND;
	if (r != SMTP_REPLY_NONE) {
		smtp_session_reset(s);
		s->has_refused_mail = true;
	}
	smtp_session_say(s, r == SMTP_REPLY_NONE ? SMTP_REPLY_SENDER_OK : r);
}

/* --- RCPT --- */

enum smtp_reply
smtp_cmd_mail_rcpt_check(struct smtp_session *s, struct slice args)
{
	enum smtp_reply r = smtp_parse_rcpt(args, s->env.smtputf8, &s->line, &s->rcpt, &s->arg);

	if (r == SMTP_REPLY_NONE && s->env.rcpt_n >= s->lim.rcpt_max)
		return SMTP_REPLY_TOO_MANY_RCPT;
	if (r == SMTP_REPLY_NONE && s->rcpt_most && s->env.rcpt_n >= s->rcpt_most)
		return SMTP_REPLY_TOO_MANY_TO_SEND;
	return r;
}

void
smtp_cmd_mail_rcpt_proceed(struct smtp_session *s, struct slice args)
{
	(void)args;
	/* The answer comes in another step, when the line is gone. */
	s->rcpt.to.raw = arena_dup(&s->line, s->rcpt.to.raw);
	s->rcpt.orcpt_type = arena_dup(&s->line, s->rcpt.orcpt_type);
	ask(s, SMTP_ACT_ASK_RCPT, s->rcpt.to.raw);
}

static struct slice
join_orcpt(struct smtp_session *s)
{
	const struct smtp_rcpt_args *r = &s->rcpt;
	uint8_t *p;

	if (r->orcpt.n == 0)
		return SLICE_EMPTY;
	p = arena_alloc(&s->tx, r->orcpt_type.n + 1 + r->orcpt.n);
	memcpy(p, r->orcpt_type.p, r->orcpt_type.n);
	p[r->orcpt_type.n] = ';';
	memcpy(p + r->orcpt_type.n + 1, r->orcpt.p, r->orcpt.n);
	return slice_of(p, r->orcpt_type.n + 1 + r->orcpt.n);
}

static struct smtp_rcpt *
rcpt_row(struct smtp_session *s)
{
	struct smtp_envelope *e = &s->env;

	if (e->rcpt_n == s->rcpt_room) {
		size_t room = s->rcpt_room ? 2 * s->rcpt_room : RCPT_ROOM_FIRST;
		struct smtp_rcpt *more = arena_alloc(&s->tx, room * sizeof *more);
		if (e->rcpt_n)
			memcpy(more, e->rcpt, e->rcpt_n * sizeof *more);
		e->rcpt = more;
		s->rcpt_room = room;
	}
	return &e->rcpt[e->rcpt_n++];
}

void
smtp_cmd_mail_rcpt_answer(struct smtp_session *s, const struct smtp_event *ev)
{
	enum smtp_reply r = smtp_policy_rcpt(&s->who, ev->rcpt.rcpt_class);
	struct slice address = ev->rcpt.address.n ? ev->rcpt.address : s->rcpt.to.raw;

	s->mode = SMTP_MODE_COMMAND;
	if (r == SMTP_REPLY_NONE) {
		struct smtp_rcpt *row = rcpt_row(s);
		row->address = arena_dup(&s->tx, address);
		row->orcpt = join_orcpt(s);
		row->notify = s->rcpt.notify;
		row->is_ours = ev->rcpt.rcpt_class != SMTP_RCPT_REMOTE;
		s->state = SMTP_ST_RCPT;
		r = SMTP_REPLY_RCPT_OK;
	} else {
		s->refused_rcpts++;
	}
	smtp_session_say(s, r);
}

/* --- DATA and BDAT --- */

static void
begin_data(struct smtp_session *s)
{
	smtp_session_body_begin(s);
	s->mode = SMTP_MODE_DATA;
	smtp_session_say(s, SMTP_REPLY_DATA_GO);
}

void
smtp_cmd_mail_data(struct smtp_session *s, struct slice args)
{
	(void)args;
	if (s->who.is_authenticated)
		ask(s, SMTP_ACT_ASK_SENDING, SLICE_EMPTY);
	else
		begin_data(s);
}

enum smtp_reply
smtp_cmd_mail_bdat_check(struct smtp_session *s, struct slice args)
{
	enum smtp_reply r = smtp_parse_bdat(args, &s->chunk_left, &s->chunk_is_last);

	if (r == SMTP_REPLY_NONE && s->has_failed_chunk)
		return SMTP_REPLY_CHUNK_FAILED;
	return r;
}

static void
begin_chunk(struct smtp_session *s)
{
	/* Octets that we can't take at all leave nothing to go on with. */
	if (s->chunk_left > 2 * s->lim.size_max_bytes) {
		s->arg = SLICE_EMPTY;
		smtp_session_close(s, SMTP_REPLY_TOO_BIG);
		return;
	}
	s->mode = SMTP_MODE_CHUNK;
	s->window_from_ms = s->now_ms;
	s->window_octets = 0;
	if (s->chunk_left == 0)
		smtp_session_body_input(s, SLICE_EMPTY);
}

void
smtp_cmd_mail_bdat(struct smtp_session *s, struct slice args)
{
	bool is_first = s->state == SMTP_ST_RCPT;

	(void)args;
	s->state = SMTP_ST_CHUNKS;
	if (is_first && s->who.is_authenticated) {
		ask(s, SMTP_ACT_ASK_SENDING, SLICE_EMPTY);
		return;
	}
	if (is_first)
		smtp_session_body_begin(s);
	begin_chunk(s);
}

/* --- the sending limit --- */

/* Before MAIL is answered, so that who is at the limit needn't name recipients, and before the
 * octets come. What is refused is the whole mail: no part of it was taken. */
static void
refuse_sending(struct smtp_session *s, enum smtp_reply why)
{
	if (s->state == SMTP_ST_CHUNKS) { /* the chunk's octets are on their way */
		s->has_failed_chunk = true;
		s->doom = why;
		begin_chunk(s);
		return;
	}
	smtp_session_say(s, why);
	smtp_session_reset(s);
	s->has_refused_mail = true;
}

void
smtp_cmd_mail_sending(struct smtp_session *s, const struct smtp_event *ev)
{
	s->mode = SMTP_MODE_COMMAND;
	s->rcpt_most = ev->sending.rcpt_max;
	s->full = arena_dup(&s->tx, ev->sending.full);
	if (ev->sending.e != ERR_OK)
		refuse_sending(s, SMTP_REPLY_LOOKUP_ERROR);
	else if (s->full.n)
		refuse_sending(s, SMTP_REPLY_SENDING_LIMIT);
	else if (s->state == SMTP_ST_MAIL)
		ask_sender(s);
	else if (s->state == SMTP_ST_RCPT)
		begin_data(s);
	else {
		smtp_session_body_begin(s);
		begin_chunk(s);
	}
}

void
smtp_cmd_mail_bdat_refuse(struct smtp_session *s, struct slice args, enum smtp_reply why)
{
	/* Without the chunk's size its octets would be taken for commands. */
	if (smtp_parse_bdat(args, &s->chunk_left, &s->chunk_is_last) != SMTP_REPLY_NONE) {
		smtp_session_close(s, SMTP_REPLY_SYNTAX_BDAT);
		return;
	}
	s->doom = why;
	begin_chunk(s);
}
