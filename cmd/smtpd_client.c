/* One client: a connection and a session, and what the session's acts mean. */
#include <stdlib.h>
#include <sys/ioctl.h>

#include "cmd/smtpd.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/must.h"
#include "core/rand.h"
#include "smtp/smtp_guard.h"

enum {
	IN_MAX = 64 * 1024,
	OUT_HIGH = 64 * 1024,
	OUT_MAX = 1 << 20,
	HANDSHAKE_MS = 60000,
	WRITE_MS = 120000,
	CHALLENGE_MAX = 8192,
	TURNED_MAX = 1000 << 20, /* sealed, it is less than the store's 1 GiB */
	USER_MAX = 1024
};

/* --- time --- */

static void on_timer(void *arg);

/* Deadlines move with each command; the timer catches up with them when it fires. */
static void
arm(struct smtpd_client *c)
{
	uint64_t now = clock_ms(), due = smtp_session_due_ms(c->session);
	const struct smtp_limits *lim = &c->d->session_limits;
	uint64_t most = lim->idle_ms < lim->transaction_ms ? lim->idle_ms : lim->transaction_ms;
	uint64_t wait = due > now ? due - now : 0;

	loop_cancel(c->timer);
	c->timer = loop_after(
		c->d->p->loop, (uint32_t)(wait < most ? wait : most) + 1, on_timer, c);
}

static void
on_timer(void *arg)
{
	struct smtpd_client *c = arg;
	struct smtp_event ev = {.kind = SMTP_EV_TICK};

	c->timer = NULL;
	smtpd_client_step(c, &ev);
	if (!c->is_finishing)
		arm(c);
}

/* --- acts --- */

static void
start_tls(struct smtpd_client *c)
{
	struct tls_stream *s = tls_accept(
		c->callers ? c->d->tls.asking : c->d->tls.server, conn_fd(c->conn));

	conn_start_tls(c->conn, &tls_conn_stream, s);
}

static void
finish(struct smtpd_client *c)
{
	c->is_finishing = true;
	loop_cancel(c->timer);
	c->timer = NULL;
	conn_finish(c->conn);
}

static void
carry_out(struct smtpd_client *c, const struct smtp_act *act)
{
	switch (act->kind) {
	case SMTP_ACT_ASK_SENDING:
		smtpd_sending_ask(c);
		break;
	case SMTP_ACT_ASK_SENDER:
		smtpd_lookup_sender(c, act->slice);
		break;
	case SMTP_ACT_ASK_RCPT:
		smtpd_lookup_rcpt(c, act->slice);
		break;
	case SMTP_ACT_AUTH_BEGIN:
		smtpd_auth_begin(c, act->slice, act->slice2);
		break;
	case SMTP_ACT_AUTH_LINE:
		smtpd_auth_line(c, act->slice);
		break;
	case SMTP_ACT_AUTH_DROP:
		smtpd_auth_drop(c);
		break;
	case SMTP_ACT_START_TLS:
		start_tls(c);
		break;
	case SMTP_ACT_BODY_BEGIN:
		smtpd_body_begin(&c->body);
		break;
	case SMTP_ACT_BODY:
		smtpd_body_add(&c->body, c->d->p, act->slice);
		break;
	case SMTP_ACT_BODY_DROP:
		smtpd_queue_drop(c);
		break;
	case SMTP_ACT_ASK_SCORE:
		smtpd_queue_score(c, act->slice);
		break;
	case SMTP_ACT_ASK_QUEUE:
		smtpd_queue_propose(c);
		break;
	case SMTP_ACT_LIFT:
		smtpd_queue_lift(c);
		break;
	case SMTP_ACT_CLOSE:
		finish(c);
		break;
	}
}

static void
log_refusal(const struct smtpd_client *c, const struct smtp_acts *acts)
{
	const struct smtp_envelope *e = smtp_session_envelope(c->session);
	struct slice sender = acts->sender.n ? acts->sender : e->sender;
	struct slice line = slice_cut(acts->reply, 0, slice_find(acts->reply, '\r'));

	log_info("NOQUEUE: reject: client=unknown[%s]%s%.*s, session=%s, %.*s; from=<%.*s>, "
		 "to=<%.*s>, "
		 "helo=<%.*s>",
		c->from.text, e->user.n ? ", sasl_username=" : "", SLICE_FMT(e->user), c->name,
		SLICE_FMT(line), SLICE_FMT(sender), SLICE_FMT(buf_slice(&c->asked_rcpt)),
		SLICE_FMT(e->helo));
}

static size_t
step(struct smtpd_client *c, struct smtp_event *ev)
{
	struct smtp_acts acts;

	ev->now_ms = clock_ms();
	ev->now_sec = (int64_t)clock_wall_sec();
	smtp_session_step(c->session, ev, &acts);
	if (acts.code >= 400 && !acts.follows)
		log_refusal(c, &acts);
	if (smtp_session_is_quiet(c->session))
		buf_clear(&c->asked_rcpt);
	if (acts.reply.n && conn_write(c->conn, acts.reply) != ERR_OK && !c->is_finishing)
		finish(c);
	for (size_t i = 0; i < acts.n; i++)
		carry_out(c, &acts.act[i]);
	return acts.consumed;
}

void
smtpd_client_step(struct smtpd_client *c, struct smtp_event *ev)
{
	step(c, ev);
}

void
smtpd_client_wait(struct smtpd_client *c)
{
	c->is_waiting = true;
}

void
smtpd_client_answer(struct smtpd_client *c, struct smtp_event *ev)
{
	c->is_waiting = false;
	step(c, ev);
	if (c->is_paused && !c->is_waiting && !c->is_finishing) {
		c->is_paused = false;
		conn_pause(c->conn, false);
	}
}

bool
smtpd_client_has_unread(const struct smtpd_client *c)
{
	int n = 0;

	return ioctl(conn_fd(c->conn), FIONREAD, &n) == 0 && n > 0;
}

/* --- the session --- */

static struct slice
cipher_of(const struct smtpd_client *c, struct buf *text)
{
	struct slice all, name;

	if (!conn_is_secure(c->conn))
		return SLICE_EMPTY;
	tls_describe(conn_tls(c->conn), text);
	/* "TLSv1.3 with cipher NAME (...)" */
	all = buf_slice(text);
	name = slice_from(all, slice_find_slice(all, SLICE_LIT("cipher ")) + 7);
	name = slice_cut(name, 0, slice_find(name, ' '));
	return name.n ? name : SLICE_LIT("TLS");
}

static enum smtp_kind
kind_of(enum config_kind k)
{
	static const enum smtp_kind kinds[] = {[CONFIG_MX] = SMTP_KIND_MX,
		[CONFIG_SUBMISSION] = SMTP_KIND_SUBMISSION,
		[CONFIG_SUBMISSIONS] = SMTP_KIND_SUBMISSION,
		[CONFIG_LMTP] = SMTP_KIND_LMTP,
		[CONFIG_REINJECT] = SMTP_KIND_REINJECT,
		[CONFIG_FILTER] = SMTP_KIND_FILTER};

	return kinds[k];
}

/* Is the client one of those that give back what they had in hand? */
static bool
is_gateway(const struct smtpd_client *c)
{
	const struct config *config = &c->d->p->config;

	for (uint32_t i = 0; i < config->listeners; i++)
		if (config->listener[i].kind == CONFIG_REINJECT &&
			config_is_from(&config->listener[i], client_address_octets(&c->from)))
			return true;
	return false;
}

/* Does a mail that is taken here go to a content filter on another machine, or may it? */
static bool
may_hand_on(const struct smtpd_client *c)
{
	struct smtp_hop hop;

	if (c->at->kind == CONFIG_FILTER || c->at->kind == CONFIG_REINJECT)
		return false;
	return !smtp_hop_parse(slice_str(c->at->filter_hop), &hop) ||
	       config_filter_has_hosts(&c->d->p->config.filters);
}

/* Nothing that an outsider could have forged comes in. A loop guard stays where it shows the
 * gateway that its mail goes round in a circle: it came back to a port that hands it on. */
static unsigned
strips_of(const struct smtpd_client *c)
{
	if (c->at->kind == CONFIG_REINJECT)
		return SMTP_GUARD_STRIP_FIELD;
	if (may_hand_on(c) && is_gateway(c))
		return 0;
	return SMTP_GUARD_STRIP_FIELD | SMTP_GUARD_STRIP_MARK;
}

/* A mail that was taken must not fail where it is turned round: it has more fields there, and
 * what an engine makes of it is larger. */
static void
widen(const struct smtpd_client *c, struct smtp_limits *l)
{
	l->hop_max = c->at->hops;
	l->size_max_bytes *= 2;
	if (l->size_max_bytes > TURNED_MAX)
		l->size_max_bytes = TURNED_MAX;
}

static void
open_session(struct smtpd_client *c)
{
	const struct config *config = &c->d->p->config;
	struct smtp_event ev = {.kind = SMTP_EV_OPEN};
	struct smtp_limits limits = c->d->session_limits;
	struct smtp_setup setup = {.kind = kind_of(c->at->kind),
		.hostname = slice_str(config->hostname),
		.client_ip = c->from.n ? slice_str(c->from.text) : SLICE_EMPTY,
		.id = slice_str(c->name),
		.may_starttls = c->d->tls.server != NULL && c->from.n > 0,
		.trusts_loopback = c->at->allow_plaintext_auth &&
				   client_address_is_loopback(&c->from),
		.offers_scram = config->scram,
		.is_stranger = c->callers != NULL,
		.strips = strips_of(c),
		.limits = &limits};
	struct buf text;

	if (c->at->kind == CONFIG_REINJECT || c->at->kind == CONFIG_FILTER)
		widen(c, &limits);
	ev.open.is_refused = c->is_refused;
	ev.open.is_denied = c->is_denied;
	buf_init(&text, 256);
	setup.tls_cipher = cipher_of(c, &text);
	c->session = smtp_session_new(&setup);
	buf_fini(&text);
	step(c, &ev);
	ev.kind = SMTP_EV_SHUTDOWN;
	if (c->d->is_drained && !c->is_finishing)
		step(c, &ev);
	if (!c->is_finishing)
		arm(c);
}

/* --- the connection --- */

static size_t
on_input(void *arg, struct slice in)
{
	struct smtpd_client *c = arg;
	struct smtp_event ev = {.kind = SMTP_EV_INPUT};

	if (!c->session || c->is_finishing)
		return in.n;
	/* Whoever sends on while we ask is read no further; most wait for the reply. */
	if (c->is_waiting) {
		c->is_paused = true;
		conn_pause(c->conn, true);
		return 0;
	}
	ev.input = in;
	return step(c, &ev);
}

static bool
is_known(const struct smtpd_client *c)
{
	struct buf who;
	bool ok;

	if (!c->callers)
		return false;
	buf_init(&who, TLS_CALLER_WHO_MAX);
	ok = tls_caller_is_known(c->callers, conn_tls(c->conn), &who);
	log_info("%s: client=unknown[%s], certificate=%.*s: %s", c->name, c->from.text,
		SLICE_FMT(buf_slice(&who)), ok ? "known" : "not known");
	buf_fini(&who);
	return ok;
}

static void
on_secure(void *arg, enum err e)
{
	struct smtpd_client *c = arg;
	struct smtp_event ev = {.kind = SMTP_EV_SECURE};
	struct buf text;

	if (e) {
		/* the end comes right after this */
		log_info("%s: TLS handshake with unknown[%s] failed: %s", c->name, c->from.text,
			tls_why(conn_tls(c->conn)));
		return;
	}
	conn_set_idle_ms(c->conn, 0);
	if (!c->session) {
		open_session(c);
		return;
	}
	buf_init(&text, 256);
	ev.secure.is_done = true;
	ev.secure.is_known = is_known(c);
	ev.secure.cipher = cipher_of(c, &text);
	smtpd_auth_drop(c);
	step(c, &ev);
	buf_fini(&text);
}

static void
on_end(void *arg, enum err e)
{
	struct smtpd_client *c = arg;

	if (e != ERR_END)
		log_info("%s: lost connection with unknown[%s]: %s", c->name, c->from.text,
			err_text(e));
	smtpd_client_free(c);
}

static const struct conn_events events = {
	.on_input = on_input,
	.on_secure = on_secure,
	.on_end = on_end,
};

void
smtpd_client_new(struct smtpd *d, const struct smtpd_listener *l, int fd,
	const struct client_address *from)
{
	struct conn_limits lim = {.in_max = IN_MAX,
		.out_high = OUT_HIGH,
		.out_max = OUT_MAX,
		.write_ms = WRITE_MS};
	struct smtpd_client *c = must_zalloc(sizeof *c);
	bool is_from;

	c->d = d;
	c->at = &d->p->config.listener[l->index];
	c->number = ++d->next_session;
	c->from = *from;
	rand_text(c->name, SMTPD_NAME);
	smtpd_body_init(&c->body);
	buf_init(&c->challenge, CHALLENGE_MAX);
	buf_init(&c->user, USER_MAX);
	buf_init(&c->asked_rcpt, SMTP_PARSE_LINE_MAX);
	c->next = d->clients;
	if (c->next)
		c->next->prev = c;
	d->clients = c;
	d->client_count++;
	/* Those whom the listener names are as many as they have to be. */
	is_from = config_is_from(c->at, client_address_octets(from));
	c->callers = is_from ? NULL : d->callers[l->index];
	c->is_refused = !smtpd_limits_enter(d->limits, from->octets, from->n, clock_ms()) &&
			!is_from;
	c->is_denied = c->at->networks && !is_from && !c->callers;
	c->conn = conn_new(d->p->loop, fd, &events, c, &lim);
	if (c->at->kind == CONFIG_SUBMISSIONS) {
		conn_set_idle_ms(c->conn, HANDSHAKE_MS);
		start_tls(c);
	} else {
		open_session(c);
	}
}

void
smtpd_client_free(struct smtpd_client *c)
{
	struct smtpd *d = c->d;

	if (c->question)
		ipc_cancel(c->question);
	loop_cancel(c->timer);
	loop_cancel(c->delay);
	smtpd_auth_drop(c);
	smtpd_queue_drop(c);
	smtp_session_free(c->session);
	conn_free(c->conn);
	buf_fini(&c->challenge);
	buf_fini(&c->user);
	buf_fini(&c->asked_rcpt);
	smtpd_limits_leave(d->limits, c->from.octets, c->from.n, clock_ms());
	if (c->prev)
		c->prev->next = c->next;
	else
		d->clients = c->next;
	if (c->next)
		c->next->prev = c->prev;
	d->client_count--;
	free(c);
	smtpd_client_gone(d);
}
