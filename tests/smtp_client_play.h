/* smtp_client_play: an SMTP client and a driver that plays server, queue and TLS, so that a
 * test is a dialog. Its lines begin with "S" (the server says the rest), "C" (the client must
 * have said the rest by now), "T" (it must have begun TLS, which is then made), "I" (it must be
 * idle; the next mail is given), "D" (it must be idle), "X" (it must have closed). */
#ifndef TESTS_SMTP_CLIENT_PLAY_H
#define TESTS_SMTP_CLIENT_PLAY_H

#include <stdio.h>
#include <stdlib.h>

#include "smtp/smtp_client.h"
#include "tests/test.h"

struct cplay {
	struct smtp_client *c;
	struct smtp_client_limits lim;
	struct smtp_client_setup su;
	struct smtp_client_mail mail; /* given at once, and at each "I" */
	const char *text;	      /* of each mail */
	size_t step;	/* octets of the server, and of the text, in one event; 0: all */
	bool is_late;	/* the first mail is given at the first "I" */
	bool stops;	/* DOT is answered with no */
	bool loses;	/* the text can't be read behind its first piece */
	bool is_silent; /* neither BODY nor DOT is answered */
	void (*end)(struct cplay *p); /* when the server's octets are cut */
	/* what came of it */
	struct buf said; /* not compared yet */
	size_t text_at;
	uint64_t now_ms;
	unsigned dones, given, asked, wanted, tls_begun, idles;
	bool is_wanting_tls, is_idle, is_closed, is_ended_early;
	bool has_asked;	     /* for the dot of the last mail */
	struct buf outcomes; /* of all mails, as text */
};

#define CPLAY_RCPT(a)                                                                          \
	{                                                                                      \
		.address = {(const uint8_t *)a, sizeof(a) - 1 }                                \
	}

static inline void cplay_give(struct cplay *p, struct smtp_client_event ev);

static inline const char *
cplay_result(enum smtp_client_result r)
{
	static const char *const names[] = {"none", "sent", "deferred", "failed", "lost",
		"unknown", "convert", "left", "stopped"};

	return names[r];
}

/* "sent RCPT/DOT 250 2.0.0; " for each recipient. */
static inline void
cplay_note(struct buf *out, const struct smtp_client_outcome *o)
{
	static const char *const scopes[] = {"host", "mail", "rcpt"};
	static const char *const stages[] = {"greeting", "hello", "starttls", "tls", "auth",
		"idle", "xforward", "mail", "rcpt", "data", "body", "dot", "rset", "quit"};

	buf_printf(
		out, "%s %s@%s", cplay_result(o->result), scopes[o->scope], stages[o->stage]);
	if (o->code)
		buf_printf(out, " %u", o->code);
	if (o->enhanced[0])
		buf_printf(out, " %s", o->enhanced);
	buf_put_str(out, "; ");
}

static inline void
cplay_done(struct cplay *p)
{
	p->dones++;
	assert_int_equal(p->dones, p->given);
	for (size_t i = 0; i < p->mail.rcpt_n; i++) {
		const struct smtp_client_outcome *o = smtp_client_outcome(p->c, i);

		assert_int_not_equal(o->result, SMTP_CLIENT_NONE);
		cplay_note(&p->outcomes, o);
	}
	buf_put_str(&p->outcomes, "| ");
}

static inline void
cplay_mail(struct cplay *p)
{
	p->is_idle = p->has_asked = false;
	p->text_at = 0;
	p->given++;
	cplay_give(
		p, (struct smtp_client_event){.kind = SMTP_CLIENT_EV_MAIL, .mail = &p->mail});
}

static inline void
cplay_body(struct cplay *p)
{
	struct smtp_client_event ev = {.kind = SMTP_CLIENT_EV_BODY};
	struct slice text = slice_str(p->text);
	size_t end = p->step ? p->text_at + p->step : text.n;

	ev.body.is_lost = p->loses && p->text_at;
	ev.body.octets = slice_cut(text, p->text_at, end);
	ev.body.is_last = end >= text.n;
	p->text_at = end;
	cplay_give(p, ev);
}

static inline void
cplay_act(struct cplay *p, enum smtp_client_act act)
{
	switch (act) {
	case SMTP_CLIENT_ACT_START_TLS:
		p->tls_begun++;
		p->is_wanting_tls = true;
		break;
	case SMTP_CLIENT_ACT_WANT_BODY:
		p->wanted++;
		if (!p->is_silent)
			cplay_body(p);
		break;
	case SMTP_CLIENT_ACT_ASK_DOT:
		p->asked++;
		p->has_asked = true;
		if (!p->is_silent)
			cplay_give(p, (struct smtp_client_event){.kind = SMTP_CLIENT_EV_DOT,
					      .may_send = !p->stops});
		break;
	case SMTP_CLIENT_ACT_DONE:
		cplay_done(p);
		break;
	case SMTP_CLIENT_ACT_IDLE:
		assert_int_equal(p->dones, p->given);
		p->idles++;
		p->is_idle = true;
		break;
	case SMTP_CLIENT_ACT_CLOSE:
		assert_false(p->is_closed);
		assert_int_equal(p->dones, p->given);
		p->is_closed = true;
		break;
	}
}

static inline void
cplay_give(struct cplay *p, struct smtp_client_event ev)
{
	struct smtp_client_acts acts;

	ev.now_ms = p->now_ms;
	smtp_client_step(p->c, &ev, &acts);
	buf_put_slice(&p->said, acts.output);
	for (size_t i = 0; i < acts.n; i++)
		cplay_act(p, acts.act[i]);
}

/* p: zeros but for what the test sets. */
static inline void
cplay_begin(struct cplay *p)
{
	if (p->lim.rcpt_max == 0)
		smtp_client_limits_default(&p->lim);
	p->su.limits = &p->lim;
	if (!p->su.hostname.n)
		p->su.hostname = SLICE_LIT("me.example");
	p->c = smtp_client_new(&p->su);
	p->now_ms = 1000000;
	buf_init(&p->said, 1 << 24);
	buf_init(&p->outcomes, 1 << 20);
	cplay_give(p, (struct smtp_client_event){.kind = SMTP_CLIENT_EV_OPEN});
	if (!p->is_late)
		cplay_mail(p);
}

static inline void
cplay_end(struct cplay *p)
{
	smtp_client_free(p->c);
	buf_fini(&p->said);
	buf_fini(&p->outcomes);
}

static inline void
cplay_input(struct cplay *p, struct slice s)
{
	cplay_give(p, (struct smtp_client_event){.kind = SMTP_CLIENT_EV_INPUT, .input = s});
}

static inline void
cplay_lose(struct cplay *p)
{
	cplay_give(p, (struct smtp_client_event){.kind = SMTP_CLIENT_EV_END});
}

static inline void
cplay_tick(struct cplay *p, uint64_t after_ms)
{
	p->now_ms += after_ms;
	cplay_give(p, (struct smtp_client_event){.kind = SMTP_CLIENT_EV_TICK});
}

static inline void
cplay_secure(struct cplay *p, bool is_done, const char *words)
{
	struct smtp_client_event ev = {.kind = SMTP_CLIENT_EV_SECURE};

	p->is_wanting_tls = false;
	ev.secure.is_done = is_done;
	ev.secure.words = slice_str(words);
	cplay_give(p, ev);
}

/* What the client said must be this line; it is taken off. */
static inline void
cplay_expect(struct cplay *p, struct slice line)
{
	struct slice said = buf_slice(&p->said);
	size_t lf = slice_find(said, '\n');

	if (lf == said.n || !slice_eq(slice_cut(said, 0, lf ? lf - 1 : 0), line))
		fail_msg("said \"%.*s\", not \"%.*s\"", SLICE_FMT(slice_cut(said, 0, 200)),
			SLICE_FMT(line));
	buf_drop(&p->said, lf + 1);
}

static inline void
cplay_quiet(struct cplay *p)
{
	if (p->said.n)
		fail_msg("said more: \"%.*s\"", SLICE_FMT(buf_slice(&p->said)));
}

/* Lines of the server that stand together come together, or in pieces; *left octets at most,
 * then the connection ends. */
static inline void
cplay_serve(struct cplay *p, struct slice in, size_t *left)
{
	bool is_cut = in.n >= *left;
	size_t step = p->step ? p->step : in.n;

	in = slice_cut(in, 0, *left);
	for (size_t at = 0; at < in.n; at += step)
		cplay_input(p, slice_cut(in, at, at + step));
	*left -= in.n;
	if (!is_cut)
		return;
	p->is_ended_early = true;
	p->end(p);
}

static inline void
cplay_line(struct cplay *p, struct slice line, struct buf *in, size_t *left)
{
	if (line.p[0] != 'S' && in->n) {
		cplay_serve(p, buf_slice(in), left);
		buf_clear(in);
	}
	if (p->is_ended_early)
		return;
	switch (line.p[0]) {
	case 'S':
		cplay_quiet(p);
		buf_put_slice(in, slice_from(line, 2));
		buf_put_str(in, "\r\n");
		break;
	case 'C':
		cplay_expect(p, slice_from(line, 2));
		break;
	case 'T':
		assert_true(p->is_wanting_tls);
		cplay_secure(p, true, "");
		break;
	case 'I':
	case 'D':
		assert_true(p->is_idle);
		cplay_quiet(p);
		if (line.p[0] == 'I')
			cplay_mail(p);
		break;
	default:
		assert_true(p->is_closed);
		cplay_quiet(p);
		break;
	}
}

/* The first `left` octets of what the server says. */
static inline void
cplay_run_cut(struct cplay *p, const char *script, size_t left)
{
	struct slice rest = slice_str(script);
	struct buf in;

	buf_init(&in, 1 << 20);
	while (rest.n && !p->is_ended_early) {
		size_t lf = slice_find(rest, '\n');
		cplay_line(p, slice_cut(rest, 0, lf), &in, &left);
		rest = slice_from(rest, lf + 1);
	}
	if (in.n && !p->is_ended_early)
		cplay_serve(p, buf_slice(&in), &left);
	buf_fini(&in);
}

static inline void
cplay_run(struct cplay *p, const char *script)
{
	cplay_run_cut(p, script, SIZE_MAX);
}

/* Octets that the server says in it. */
static inline size_t
cplay_served(const char *script)
{
	struct slice rest = slice_str(script);
	size_t n = 0;

	while (rest.n) {
		size_t lf = slice_find(rest, '\n');
		if (rest.p[0] == 'S')
			n += lf - 2 + 2;
		rest = slice_from(rest, lf + 1);
	}
	return n;
}

static inline void
cplay_came_to(struct cplay *p, const char *outcomes)
{
	if (!slice_eq(buf_slice(&p->outcomes), slice_str(outcomes)))
		fail_msg("came to \"%.*s\", not \"%s\"", SLICE_FMT(buf_slice(&p->outcomes)),
			outcomes);
}

#endif
