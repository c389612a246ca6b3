/* smtp_play: an SMTP session and a driver that plays directory, auth, filter and
 * store, so that a test is a dialog: what is said, and the codes that come back. */
#ifndef TESTS_SMTP_PLAY_H
#define TESTS_SMTP_PLAY_H

#include <stdio.h>
#include <stdlib.h>

#include "smtp/smtp_repeat.h"
#include "smtp/smtp_session.h"
#include "tests/test.h"

struct play {
	struct smtp_session *s;
	struct smtp_limits lim;
	uint64_t now_ms;
	/* How it answers: store and filter; the filter's refusal; silent: not at all. */
	enum err queue_error, score_error;
	const char *refusal;
	/* To how many the account may send in all (0: any), and sent; or that isn't known. */
	uint32_t sending_max, sent;
	enum err sending_error;
	bool has_unread, is_silent;
	/* What the session did with it: */
	struct buf in;		       /* not taken yet */
	struct buf said;	       /* since the last play_say or play_tick */
	struct buf body, head, repeat; /* of the last mail */
	struct buf seen;	       /* sender and recipients of each mail, as text */
	struct smtp_envelope env;      /* its slices die with the transaction */
	unsigned begins, drops, lifts, queued;
	bool is_closed;
	bool is_tls; /* the last input began it */
};

static inline struct smtp_setup
play_setup(enum smtp_kind kind)
{
	return (struct smtp_setup){.kind = kind,
		.hostname = SLICE_LIT("mx.example.org"),
		.client_ip = SLICE_LIT("192.0.2.7"),
		.id = SLICE_LIT("sess"),
		.may_starttls = true,
		.offers_scram = true};
}

/* An event, and the answers to all that it asks. */
static inline void play_give(struct play *p, struct smtp_event ev);

static inline bool
play_has(struct slice in, const char *what)
{
	return slice_find_slice(in, slice_str(what)) < in.n;
}

static inline void
play_answer_rcpt(struct play *p, struct slice path)
{
	struct smtp_event ev = {.kind = SMTP_EV_RCPT};

	ev.rcpt.rcpt_class = SMTP_RCPT_LOCAL;
	if (play_has(path, "nobody"))
		ev.rcpt.rcpt_class = SMTP_RCPT_NO_USER;
	else if (play_has(path, "full"))
		ev.rcpt.rcpt_class = SMTP_RCPT_OVER_QUOTA;
	else if (play_has(path, "elsewhere"))
		ev.rcpt.rcpt_class = SMTP_RCPT_REMOTE;
	else if (slice_eq_nocase(path, SLICE_LIT("postmaster")))
		ev.rcpt.address = SLICE_LIT("postmaster@example.org");
	play_give(p, ev);
}

static inline void
play_answer_auth(struct play *p, const struct smtp_act *act)
{
	struct smtp_event ev = {.kind = SMTP_EV_AUTH};
	struct slice text = act->kind == SMTP_ACT_AUTH_BEGIN ? act->slice2 : act->slice;

	if (!text.p)
		ev.auth.outcome = SMTP_AUTH_CONTINUE;
	else if (slice_eq(text, SLICE_LIT("good")))
		ev.auth.outcome = SMTP_AUTH_ACCEPTED;
	else if (slice_eq(text, SLICE_LIT("service")))
		ev.auth.outcome = SMTP_AUTH_ACCEPTED;
	else if (slice_eq(text, SLICE_LIT("*")))
		ev.auth.outcome = SMTP_AUTH_CANCELLED;
	else if (slice_eq(text, SLICE_LIT("!")))
		ev.auth.outcome = SMTP_AUTH_MALFORMED;
	else if (slice_eq(text, SLICE_LIT("slow")))
		ev.auth.outcome = SMTP_AUTH_THROTTLED;
	else
		ev.auth.outcome = SMTP_AUTH_REFUSED;
	ev.auth.text = SLICE_LIT("Y2hhbGxlbmdl");
	ev.auth.user = SLICE_LIT("u@example.org");
	ev.auth.account = 7;
	ev.auth.may_relay = slice_eq(text, SLICE_LIT("service"));
	play_give(p, ev);
}

static inline void
play_answer_score(struct play *p, struct slice head)
{
	struct smtp_event ev = {.kind = SMTP_EV_SCORED};

	ev.scored.e = p->score_error;
	ev.scored.reply = slice_str(p->refusal);
	buf_clear(&p->head);
	buf_put_slice(&p->head, head);
	play_give(p, ev);
}

static inline void
play_answer_queue(struct play *p)
{
	const struct smtp_envelope *e = smtp_session_envelope(p->s);
	struct smtp_event ev = {.kind = SMTP_EV_QUEUED};
	struct arena a;

	arena_init(&a, 0);
	p->env = *e;
	buf_clear(&p->repeat);
	smtp_repeat_material(e, SLICE_LIT("hash"), &a, &p->repeat);
	arena_reset(&a);
	buf_put_str(&p->seen, "from=");
	buf_put_slice(&p->seen, e->sender);
	for (size_t i = 0; i < e->rcpt_n; i++) {
		buf_put_str(&p->seen, " to=");
		buf_put_slice(&p->seen, e->rcpt[i].address);
	}
	buf_put_str(&p->seen, ";");
	p->queued++;
	ev.queued.e = p->queue_error;
	if (p->queue_error == ERR_QUOTA && p->sending_max)
		ev.queued.full = SLICE_LIT("9 recipients per day");
	ev.queued.id = SLICE_LIT("Q1");
	ev.queued.has_unread = p->has_unread;
	play_give(p, ev);
}

static inline void
play_answer_sending(struct play *p)
{
	struct smtp_event ev = {.kind = SMTP_EV_SENDING};
	size_t n = smtp_session_envelope(p->s)->rcpt_n;

	ev.sending.e = p->sending_error;
	ev.sending.rcpt_max = p->sending_max;
	if (p->sending_max && p->sent + (n ? n : 1) > p->sending_max)
		ev.sending.full = SLICE_LIT("5 recipients per hour, try again after 12:00");
	play_give(p, ev);
}

static inline void
play_act(struct play *p, const struct smtp_act *act)
{
	switch (act->kind) {
	case SMTP_ACT_ASK_SENDING:
		play_answer_sending(p);
		break;
	case SMTP_ACT_ASK_SENDER:
		play_give(p, (struct smtp_event){.kind = SMTP_EV_SENDER,
				     .sender = play_has(act->slice, "u@example.org")
						       ? SMTP_SENDER_OWN
						       : SMTP_SENDER_OTHER});
		break;
	case SMTP_ACT_ASK_RCPT:
		play_answer_rcpt(p, act->slice);
		break;
	case SMTP_ACT_AUTH_BEGIN:
	case SMTP_ACT_AUTH_LINE:
		play_answer_auth(p, act);
		break;
	case SMTP_ACT_AUTH_DROP:
		break;
	case SMTP_ACT_START_TLS:
		buf_clear(&p->in);
		p->is_tls = true;
		break;
	case SMTP_ACT_BODY_BEGIN:
		p->begins++;
		buf_clear(&p->body);
		break;
	case SMTP_ACT_BODY:
		buf_put_slice(&p->body, act->slice);
		break;
	case SMTP_ACT_BODY_DROP:
		p->drops++;
		break;
	case SMTP_ACT_ASK_SCORE:
		play_answer_score(p, act->slice);
		break;
	case SMTP_ACT_ASK_QUEUE:
		play_answer_queue(p);
		break;
	case SMTP_ACT_LIFT:
		p->lifts++;
		break;
	case SMTP_ACT_CLOSE:
		p->is_closed = true;
		break;
	}
}

static inline void
play_act_all(struct play *p, const struct smtp_acts *acts)
{
	for (size_t i = 0; i < acts->n && !p->is_silent; i++)
		play_act(p, &acts->act[i]);
}

/* What the session left of the input stays in p->in, unless it began TLS. The acts borrow from
 * the input, so that it changes only after them. */
static inline void
play_act_on_input(struct play *p, const struct smtp_acts *acts, struct slice left)
{
	struct buf keep;

	buf_init(&keep, 1 << 24);
	p->is_tls = false;
	play_act_all(p, acts);
	if (!p->is_tls)
		buf_put_slice(&keep, left);
	buf_clear(&p->in);
	buf_put_slice(&p->in, buf_slice(&keep));
	buf_fini(&keep);
	if (acts->consumed && p->in.n)
		play_give(p,
			(struct smtp_event){.kind = SMTP_EV_INPUT, .input = buf_slice(&p->in)});
}

static inline void
play_give(struct play *p, struct smtp_event ev)
{
	struct smtp_acts acts;

	ev.now_ms = p->now_ms;
	ev.now_sec = 1795531953;
	smtp_session_step(p->s, &ev, &acts);
	buf_put_slice(&p->said, acts.reply);
	if (ev.kind == SMTP_EV_INPUT)
		play_act_on_input(p, &acts, slice_from(ev.input, acts.consumed));
	else
		play_act_all(p, &acts);
}

/* p: zeros, or its limits and answers set; or played to its end before. */
static inline void
play_begin_with(struct play *p, const struct smtp_setup *setup)
{
	struct smtp_setup su = *setup;

	if (p->lim.line_max == 0)
		smtp_session_limits_default(&p->lim);
	su.limits = &p->lim;
	p->s = smtp_session_new(&su);
	p->now_ms = 1000000;
	buf_init(&p->in, 1 << 24);
	buf_init(&p->said, 1 << 24);
	buf_init(&p->body, 1 << 24);
	buf_init(&p->head, 1 << 20);
	buf_init(&p->seen, 1 << 20);
	buf_init(&p->repeat, 1 << 20);
	play_give(p, (struct smtp_event){.kind = SMTP_EV_OPEN});
}

static inline void
play_begin(struct play *p, enum smtp_kind kind)
{
	struct smtp_setup setup = play_setup(kind);

	play_begin_with(p, &setup);
}

static inline void
play_end(struct play *p)
{
	smtp_session_free(p->s);
	buf_fini(&p->in);
	buf_fini(&p->said);
	buf_fini(&p->body);
	buf_fini(&p->head);
	buf_fini(&p->seen);
	buf_fini(&p->repeat);
}

static inline void
play_feed(struct play *p, struct slice s)
{
	buf_put_slice(&p->in, s);
	play_give(p, (struct smtp_event){.kind = SMTP_EV_INPUT, .input = buf_slice(&p->in)});
}

/* Sends text, expects exactly these codes: "250 354". */
static inline void
play_say(struct play *p, const char *text, const char *codes)
{
	char got[4096] = "";
	struct slice rest;

	buf_clear(&p->said);
	play_feed(p, slice_str(text));
	rest = buf_slice(&p->said);
	while (rest.n) {
		size_t lf = slice_find(rest, '\n');
		assert_true(lf > 3 && lf < rest.n && rest.p[lf - 1] == '\r');
		if (rest.p[3] == ' ' && strlen(got) + 5 < sizeof got) {
			if (got[0])
				strcat(got, " ");
			strncat(got, (const char *)rest.p, 3);
		}
		rest = slice_from(rest, lf + 1);
	}
	if (strcmp(got, codes) != 0)
		fail_msg("to %.60s\n  said %s, not %s", text, got, codes);
}

static inline bool
play_said(const struct play *p, const char *what)
{
	return play_has(buf_slice(&p->said), what);
}

/* A transaction up to one recipient who is there. */
static inline void
play_to_rcpt(struct play *p)
{
	play_say(p, "EHLO c.example\r\n", "250");
	play_say(p, "MAIL FROM:<a@b.example>\r\n", "250");
	play_say(p, "RCPT TO:<u@example.org>\r\n", "250");
}

static inline void
play_secure(struct play *p)
{
	struct smtp_event ev = {.kind = SMTP_EV_SECURE};

	ev.secure.is_done = true;
	ev.secure.cipher = SLICE_LIT("TLS_AES_128_GCM_SHA256");
	play_give(p, ev);
}

static inline void
play_tick(struct play *p, uint64_t after_ms)
{
	buf_clear(&p->said);
	p->now_ms += after_ms;
	play_give(p, (struct smtp_event){.kind = SMTP_EV_TICK});
}

#endif
