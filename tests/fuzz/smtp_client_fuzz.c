/* A whole connection. The first two octets choose setup and mail, each line that follows is the
 * server's next, or, if it begins with "!", what its second octet says: an octet stream without
 * a line end (+), time (t), the end (e), shutdown (s), the next mail (m), the driver's mood (0
 * to 9), or an event that nobody wanted. */
#include "core/must.h"
#include "smtp/smtp_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum { RCPTS = 5 };
static const struct smtp_client_rcpt rcpts[RCPTS] = {
	{.address = {(const uint8_t *)"u@x", 3},
		.orcpt = {(const uint8_t *)"rfc822;u+@x", 11},
		.notify = SMTP_NOTIFY_DELAY | SMTP_NOTIFY_SUCCESS},
	{.address = {(const uint8_t *)"\"a\\\"> \"@y", 9}},
	{.address = {(const uint8_t *)"\xc3\xa4@z", 4}},
	{.address = {(const uint8_t *)"u\r\nRSET", 7}},
	{.address = {(const uint8_t *)"w@x", 3}},
};

struct drive {
	struct smtp_client *c;
	struct smtp_client_mail mail;
	struct smtp_client_outcome seen[RCPTS];
	uint64_t now_ms;
	unsigned mood, pieces;
	uint8_t last; /* octet of the output */
	bool has_mail, is_idle, is_closed, may_send;
};

static void give(struct drive *d, struct smtp_client_event ev);

static void
give_kind(struct drive *d, enum smtp_client_event_kind kind)
{
	give(d, (struct smtp_client_event){.kind = kind});
}

/* No bare CR, no bare LF, a NUL only where it may be. */
static void
look_at_output(struct drive *d, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		must((d->last == '\r') == (s.p[i] == '\n'));
		must(s.p[i] || d->mail.is_binary);
		d->last = s.p[i];
	}
	must(d->last != '\r');
	must(s.n == 0 || !d->is_closed);
}

/* Who has an outcome keeps it; what isn't told is not sent. */
static void
look_at_outcomes(struct drive *d)
{
	for (size_t i = 0; i < d->mail.rcpt_n; i++) {
		const struct smtp_client_outcome *o = smtp_client_outcome(d->c, i);
		struct smtp_client_outcome *was = &d->seen[i];

		if (was->result != SMTP_CLIENT_NONE)
			must(was->result == o->result && was->code == o->code &&
				was->stage == o->stage && slice_eq(was->text, o->text));
		if (o->result == SMTP_CLIENT_SENT || o->result == SMTP_CLIENT_UNKNOWN)
			must(d->may_send);
		must(o->result == SMTP_CLIENT_NONE || o->result == SMTP_CLIENT_LEFT ||
			o->enhanced[0]);
		for (size_t k = 0; k < o->text.n; k++)
			must(o->text.p[k] >= ' ' && o->text.p[k] < 127);
		*was = *o;
	}
}

static void
give_mail(struct drive *d)
{
	if (d->has_mail)
		return;
	d->has_mail = true;
	d->is_idle = d->may_send = false;
	d->pieces = 0;
	memset(d->seen, 0, sizeof d->seen);
	give(d, (struct smtp_client_event){.kind = SMTP_CLIENT_EV_MAIL, .mail = &d->mail});
}

static void
give_body(struct drive *d)
{
	static const struct slice texts[] = {{(const uint8_t *)".\r\n", 3},
		{(const uint8_t *)"a\n.\rb", 5}, {(const uint8_t *)"\r", 1},
		{(const uint8_t *)"\0", 1}, {NULL, 0}};
	struct smtp_client_event ev = {.kind = SMTP_CLIENT_EV_BODY};

	ev.body.octets = texts[(d->mood + d->pieces) % (d->mail.is_binary ? 5 : 3)];
	if (d->mood == 8)
		ev.body.octets = texts[3];
	ev.body.is_lost = d->mood == 9;
	ev.body.is_last = ++d->pieces > d->mood;
	give(d, ev);
}

static void
act(struct drive *d, enum smtp_client_act a)
{
	switch (a) {
	case SMTP_CLIENT_ACT_START_TLS:
		give(d, (struct smtp_client_event){.kind = SMTP_CLIENT_EV_SECURE,
				.secure.is_done = d->mood != 3,
				.secure.words = SLICE_LIT("a\nb")});
		break;
	case SMTP_CLIENT_ACT_WANT_BODY:
		must(d->has_mail);
		if (d->mood != 5)
			give_body(d);
		break;
	case SMTP_CLIENT_ACT_ASK_DOT:
		must(d->has_mail && !d->may_send);
		d->may_send = d->mood != 7;
		give(d, (struct smtp_client_event){
				.kind = SMTP_CLIENT_EV_DOT, .may_send = d->may_send});
		break;
	case SMTP_CLIENT_ACT_DONE:
		must(d->has_mail);
		for (size_t i = 0; i < d->mail.rcpt_n; i++)
			must(smtp_client_outcome(d->c, i)->result != SMTP_CLIENT_NONE);
		d->has_mail = false;
		break;
	case SMTP_CLIENT_ACT_IDLE:
		must(!d->has_mail && !d->is_idle);
		d->is_idle = true;
		break;
	case SMTP_CLIENT_ACT_CLOSE:
		must(!d->has_mail && !d->is_closed);
		d->is_closed = true;
		break;
	}
}

static void
give(struct drive *d, struct smtp_client_event ev)
{
	struct smtp_client_acts acts;
	bool was_closed = d->is_closed;

	ev.now_ms = d->now_ms;
	smtp_client_step(d->c, &ev, &acts);
	must(!was_closed || acts.output.n == 0);
	must(!was_closed || acts.n <= (ev.kind == SMTP_CLIENT_EV_MAIL));
	look_at_output(d, acts.output);
	if (d->has_mail)
		look_at_outcomes(d);
	for (size_t i = 0; i < acts.n; i++)
		act(d, acts.act[i]);
}

static void
give_time(struct drive *d)
{
	uint64_t due = smtp_client_due_ms(d->c);

	if (due != UINT64_MAX && due > d->now_ms)
		d->now_ms = due;
	give_kind(d, SMTP_CLIENT_EV_TICK);
	must(due == UINT64_MAX || d->is_closed);
}

static void
give_other(struct drive *d, struct slice line)
{
	uint8_t what = line.n > 1 ? line.p[1] : 'x';

	if (what == '+')
		give(d, (struct smtp_client_event){
				.kind = SMTP_CLIENT_EV_INPUT, .input = slice_from(line, 2)});
	else if (what == 't')
		give_time(d);
	else if (what == 'e')
		give_kind(d, SMTP_CLIENT_EV_END);
	else if (what == 's')
		give_kind(d, SMTP_CLIENT_EV_SHUTDOWN);
	else if (what == 'm')
		give_mail(d);
	else if (what >= '0' && what <= '9')
		d->mood = what - '0';
	else if (what == 'w')
		give_kind(d, SMTP_CLIENT_EV_WROTE);
	else if (what == 'b' && d->mood == 5)
		give_body(d);
	else if (what == 'T')
		give_kind(d, SMTP_CLIENT_EV_SECURE);
}

static void
give_line(struct drive *d, struct slice line)
{
	struct buf in;

	d->now_ms += 1000;
	if (line.n && line.p[0] == '!') {
		give_other(d, line);
		return;
	}
	buf_init(&in, line.n + 2);
	buf_put_slice(&in, line);
	buf_put_str(&in, "\r\n");
	give(d, (struct smtp_client_event){
			.kind = SMTP_CLIENT_EV_INPUT, .input = buf_slice(&in)});
	buf_fini(&in);
}

static void
set_up(struct drive *d, uint8_t setup, uint8_t mail)
{
	struct smtp_client_limits lim;
	struct smtp_client_setup su = {.is_lmtp = setup & 1,
		.hostname = SLICE_LIT("h"),
		.tls = (enum smtp_client_tls)(setup >> 1 & 3) % 3,
		.is_secure = setup & 8,
		.user = setup & 16 ? SLICE_LIT("user") : SLICE_EMPTY,
		.password = SLICE_LIT("pencil"),
		.nonce = setup & 32 ? SLICE_LIT("rOprNGfwEbeRWgbNEkqO") : SLICE_EMPTY,
		.may_auth_in_clear = true,
		.sends_xforward = setup & 64,
		.discards = setup & 128 ? 0 : SMTP_CLIENT_CHUNKING,
		.limits = &lim};

	smtp_client_limits_default(&lim);
	lim.rcpt_max = mail & 1 ? 2 : 4;
	d->mail = (struct smtp_client_mail){.sender = SLICE_LIT("s@s"),
		.rcpt = rcpts,
		.rcpt_n = mail & 2 ? RCPTS : 2,
		.size_bytes = mail & 4 ? 1000 : 0,
		.is_8bit = mail & 8,
		.is_binary = mail & 16,
		.smtputf8 = mail & 32,
		.ret = SMTP_RET_HDRS,
		.envid = SLICE_LIT("a b")};
	d->mail.forward[SMTP_CLIENT_FORWARD_HELO] = SLICE_LIT("a\r\nb");
	d->c = smtp_client_new(&su);
	give_kind(d, SMTP_CLIENT_EV_OPEN);
	if (mail & 64)
		give_mail(d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct drive d = {.now_ms = 1000};
	struct slice rest;

	if (n < 2 || n > 8192)
		return 0;
	set_up(&d, p[0], p[1]);
	rest = slice_of(p + 2, n - 2);
	while (rest.n) {
		size_t lf = slice_find(rest, '\n');
		give_line(&d, slice_cut(rest, 0, lf));
		rest = slice_from(rest, lf + 1);
	}
	give_kind(&d, SMTP_CLIENT_EV_END);
	must(d.is_closed && !d.has_mail);
	smtp_client_free(d.c);
	return 0;
}
