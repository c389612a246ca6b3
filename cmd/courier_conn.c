#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "cmd/courier_call.h"
#include "cmd/courier_login.h"
#include "cmd/courier_relay_inner.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/must.h"
#include "core/rand.h"

/* LINGER: how long an idle connection waits for the hop's next mail; MAILS, LIFE: then it ends
 * in any case (as Postfix's connection cache). */
enum {
	LINGER_MS = 2000,
	MAILS_MAX = 1000,
	LIFE_MS = 300000,
	IN_MAX = 65536,
	OUT_HIGH = 65536,
	OUT_MAX = 1 << 20,
	WRITE_MS = 180000,
	RELAY_MAX = 400,
	TLS_MAX = 256,
	NONCE = 32
};

struct courier_conn {
	struct courier_conn *next;
	struct courier_hop *hop;
	struct courier_call *call;
	uint64_t began_ms, ready_ms; /* the first call; the first time idle */
	struct loop_timer *timer, *linger;
	struct conn *conn;
	struct smtp_client *client;
	struct courier_mail *mail;
	uint32_t mails;
	bool is_ready;	   /* it was idle once */
	bool has_lingered; /* so its server may have gone in the meantime */
	bool is_idle, is_stepping, is_closing;
	/* what the client wants, until it is done */
	bool wants_tls, wants_body, wants_dot, has_done, has_idle, has_close, has_mail;
};

static void advance(struct courier_conn *x);

struct courier_hop *
courier_conn_hop(const struct courier_conn *x)
{
	return x->hop;
}

struct courier_conn *
courier_conn_next(const struct courier_conn *x)
{
	return x->next;
}

bool
courier_conn_is_idle(const struct courier_conn *x)
{
	return x->is_idle;
}

bool
courier_conn_is_live(const struct courier_conn *x)
{
	return x->is_ready && !x->is_closing;
}

static struct loop *
loop_of(const struct courier_conn *x)
{
	return x->hop->relay->c->p->loop;
}

/* "TLSv1.3 with cipher ..., proof: pkix"; nothing if there is no TLS. */
static void
put_tls(const struct courier_conn *x, struct buf *out)
{
	const struct tls_stream *s;

	if (!x->conn || !conn_is_secure(x->conn))
		return;
	s = conn_tls(x->conn);
	tls_describe(s, out);
	buf_printf(out, ", proof: %s", tls_client_proof_name(tls_client_verdict(s).proof));
}

/* --- its end --- */

static void
hang_up(struct courier_conn *x)
{
	loop_cancel(x->timer);
	loop_cancel(x->linger);
	x->timer = x->linger = NULL;
	conn_free(x->conn);
	x->conn = NULL;
	smtp_client_free(x->client);
	x->client = NULL;
	x->is_idle = x->wants_tls = x->wants_body = x->wants_dot = false;
	x->has_done = x->has_idle = x->has_close = x->has_mail = false;
}

static void
forget(struct courier_conn *x)
{
	struct courier_hop *hop = x->hop;
	struct courier_conn **at = &hop->conns;

	hang_up(x);
	courier_call_free(x->call);
	while (*at != x)
		at = &(*at)->next;
	*at = x->next;
	hop->calling -= !x->is_ready;
	free(x);
	courier_relay_serve(hop);
	courier_relay_forget_hop(hop);
}

/* Nobody is left who could be called. A mail that every host dropped may be what they don't
 * bear: it alone is put off, or it would hold up all that waits behind it. */
static void
on_failed(void *arg, const char *why)
{
	struct courier_conn *x = arg;
	struct courier_mail *m = x->mail;

	x->mail = NULL;
	if (m)
		courier_mail_defer(m, why);
	else
		courier_relay_failed(x->hop, x->began_ms, why);
	forget(x);
}

/* --- what the client wants --- */

static void
note(struct courier_conn *x, const struct smtp_client_acts *acts)
{
	for (size_t i = 0; i < acts->n; i++) {
		x->wants_tls |= acts->act[i] == SMTP_CLIENT_ACT_START_TLS;
		x->wants_body |= acts->act[i] == SMTP_CLIENT_ACT_WANT_BODY;
		x->wants_dot |= acts->act[i] == SMTP_CLIENT_ACT_ASK_DOT;
		x->has_done |= acts->act[i] == SMTP_CLIENT_ACT_DONE;
		x->has_idle |= acts->act[i] == SMTP_CLIENT_ACT_IDLE;
		x->has_close |= acts->act[i] == SMTP_CLIENT_ACT_CLOSE;
	}
	if (x->has_done)
		x->wants_body = x->wants_dot = false;
}

/* Its output leaves; what it wants is noted. */
static void
tell(struct courier_conn *x, struct smtp_client_event *ev)
{
	struct smtp_client_acts acts;

	ev->now_ms = clock_ms();
	smtp_client_step(x->client, ev, &acts);
	if (acts.output.n)
		conn_write(x->conn, acts.output);
	note(x, &acts);
}

static void
step(struct courier_conn *x, struct smtp_client_event *ev)
{
	tell(x, ev);
	if (!x->is_stepping)
		advance(x);
}

static void
on_tick(void *arg)
{
	struct courier_conn *x = arg;
	struct smtp_client_event ev = {.kind = SMTP_CLIENT_EV_TICK};

	x->timer = NULL;
	step(x, &ev);
}

static void
set_timer(struct courier_conn *x)
{
	uint64_t due_ms = smtp_client_due_ms(x->client), now_ms = clock_ms();

	loop_cancel(x->timer);
	x->timer = NULL;
	if (due_ms != UINT64_MAX)
		x->timer = loop_after(loop_of(x),
			(uint32_t)(due_ms > now_ms ? due_ms - now_ms + 1 : 0), on_tick, x);
}

static void
send_body(struct courier_conn *x)
{
	struct smtp_client_event ev = {.kind = SMTP_CLIENT_EV_BODY};
	struct buf text;
	enum err e;

	x->wants_body = false;
	buf_init(&text, SMTP_CLIENT_BODY_MAX);
	e = courier_mail_text(x->mail, &text, &ev.body.is_last);
	ev.body.is_lost = e != ERR_OK;
	ev.body.octets = buf_slice(&text);
	if (e)
		log_warn("the text of a mail can't be read now: %s", err_text(e));
	tell(x, &ev);
	buf_fini_secret(&text);
}

static void
ask_dot(struct courier_conn *x)
{
	struct smtp_client_event ev = {
		.kind = SMTP_CLIENT_EV_DOT, .may_send = courier_mail_is_ours(x->mail)};

	x->wants_dot = false;
	tell(x, &ev);
}

/* The server ended the connection before it had the mail, and said nothing of any recipient. */
static bool
was_dropped(const struct courier_conn *x)
{
	const struct smtp_client_outcome *o;

	for (size_t i = 0; i < x->mail->s.n; i++) {
		o = smtp_client_outcome(x->client, i);
		if (o->scope != SMTP_CLIENT_OF_HOST ||
			(o->result != SMTP_CLIENT_LOST && o->result != SMTP_CLIENT_DEFERRED))
			return false;
	}
	return x->has_close;
}

/* On a connection that isn't new it was perhaps too late, or one mail too many: a new one is
 * made. Else another host may take it: the mail stays with this call. */
static void
mail_dropped(struct courier_conn *x)
{
	struct courier_mail *m = x->mail;

	if (x->mails > 1 || x->has_lingered) {
		x->mail = NULL;
		courier_mail_begin_anew(m);
		return;
	}
	courier_mail_rewind(m);
	x->mails = 0;
	x->is_ready = false;
	x->hop->calling++;
}

static void
mail_done(struct courier_conn *x)
{
	struct courier_mail *m = x->mail;
	struct courier_mail_server server;
	struct buf relay, tls;

	x->has_done = false;
	if (was_dropped(x)) {
		mail_dropped(x);
		return;
	}
	x->mail = NULL;
	if (smtp_client_outcome(x->client, 0)->result == SMTP_CLIENT_CONVERT) {
		courier_convert_begin(m, courier_call_host(x->call));
		return;
	}
	buf_init(&relay, RELAY_MAX);
	buf_init(&tls, TLS_MAX);
	courier_call_put_relay(x->call, &relay);
	put_tls(x, &tls);
	server = (struct courier_mail_server){
		courier_call_host(x->call), buf_slice(&relay), buf_slice(&tls)};
	courier_mail_judge(m, x->client, &server);
	buf_fini(&relay);
	buf_fini(&tls);
}

static void
on_linger(void *arg)
{
	struct courier_conn *x = arg;

	x->linger = NULL;
	courier_conn_shutdown(x);
}

static void
become_idle(struct courier_conn *x)
{
	bool is_worn;

	if (!x->is_ready) {
		x->is_ready = true;
		x->ready_ms = clock_ms();
		x->hop->calling--;
	}
	is_worn = x->mails >= MAILS_MAX || clock_ms() - x->ready_ms > LIFE_MS ||
		  x->hop->relay->is_stopping;
	x->has_idle = false;
	x->has_mail = x->mail != NULL;
	x->is_idle = !is_worn && !x->mail;
	if (x->mail || (!is_worn && courier_relay_give(x)))
		return;
	x->linger = loop_after(loop_of(x), is_worn ? 0 : LINGER_MS, on_linger, x);
}

static void
begin_mail(struct courier_conn *x)
{
	struct smtp_client_event ev = {
		.kind = SMTP_CLIENT_EV_MAIL, .mail = courier_mail_envelope(x->mail)};

	x->has_mail = false;
	x->mails++;
	tell(x, &ev);
}

/* False: x is gone, or its turn is over. */
static bool
advance_once(struct courier_conn *x)
{
	if (x->has_done)
		mail_done(x);
	else if (x->has_close || x->wants_tls)
		return false;
	else if (x->wants_dot)
		ask_dot(x);
	else if (x->wants_body && conn_pending(x->conn) <= OUT_HIGH)
		send_body(x);
	else if (x->has_idle)
		become_idle(x);
	else if (x->has_mail)
		begin_mail(x);
	else
		return false;
	return true;
}

/* The mail of this route waits until somebody mends it. */
static void
warn_of_login(const struct courier_conn *x, struct slice why)
{
	const struct config_route *route = x->hop->route;

	log_warn("[relay%s%s]: login as %s: %.*s; mail waits: look at user and password_file, "
		 "which are read at the start",
		*route->domain ? " " : "", route->domain, route->user, SLICE_FMT(why));
}

/* The client is through, by QUIT or by what its end says. */
static void
close_client(struct courier_conn *x)
{
	const struct smtp_client_outcome *o = smtp_client_end(x->client);
	struct buf text;
	bool is_late;

	loop_cancel(x->linger);
	loop_cancel(x->timer);
	x->linger = x->timer = NULL;
	if (x->is_ready || o->result == SMTP_CLIENT_NONE) {
		x->is_idle = false;
		x->is_closing = true;
		conn_finish(x->conn);
		return;
	}
	if (o->stage == SMTP_CLIENT_AT_TLS) {
		is_late = o->cause == SMTP_CLIENT_BY_TIME;
		hang_up(x);
		courier_call_without_tls(x->call, SMTP_TLS_POLICY_NO_HANDSHAKE,
			is_late ? "timed out" : "broken off");
		return;
	}
	buf_init(&text, COURIER_STATUS_MAX - 1);
	buf_printf(&text, "%s ", o->enhanced);
	smtp_client_explain(o, courier_call_host(x->call), &text);
	if (o->stage == SMTP_CLIENT_AT_AUTH && o->cause != SMTP_CLIENT_BY_LOSS)
		warn_of_login(x, buf_slice(&text));
	else
		log_info("%.*s", SLICE_FMT(buf_slice(&text)));
	hang_up(x);
	courier_call_next(x->call, buf_slice(&text));
	buf_fini(&text);
}

static void start_tls(struct courier_conn *x);

static void
advance(struct courier_conn *x)
{
	x->is_stepping = true;
	while (advance_once(x))
		;
	x->is_stepping = false;
	if (x->has_close)
		close_client(x);
	else if (x->wants_tls)
		start_tls(x);
	else
		set_timer(x);
}

void
courier_conn_mail(struct courier_conn *x, struct courier_mail *m)
{
	x->has_lingered = x->linger != NULL;
	loop_cancel(x->linger);
	x->linger = NULL;
	x->is_idle = false;
	x->mail = m;
	x->has_mail = true;
	if (!x->is_stepping)
		advance(x);
}

void
courier_conn_shutdown(struct courier_conn *x)
{
	struct smtp_client_event ev = {.kind = SMTP_CLIENT_EV_SHUTDOWN};
	struct courier_mail *m = x->mail;

	x->is_idle = false;
	if (!x->is_ready) {
		x->mail = NULL;
		if (m)
			courier_mail_free(m);
		forget(x);
	} else if (!x->is_closing) {
		step(x, &ev);
	}
}

/* --- the wire --- */

static size_t
on_input(void *arg, struct slice in)
{
	struct courier_conn *x = arg;
	struct smtp_client_event ev = {.kind = SMTP_CLIENT_EV_INPUT, .input = in};

	if (!x->is_closing)
		step(x, &ev);
	return in.n;
}

static void
on_drained(void *arg)
{
	struct courier_conn *x = arg;
	struct smtp_client_event ev = {.kind = SMTP_CLIENT_EV_WROTE};

	if (!x->is_closing)
		step(x, &ev);
}

static void
on_end(void *arg, enum err e)
{
	struct courier_conn *x = arg;
	struct smtp_client_event ev = {.kind = SMTP_CLIENT_EV_END,
		.end = e == ERR_END ? SLICE_EMPTY : slice_str(err_text(e))};

	if (x->is_closing)
		forget(x);
	else
		step(x, &ev);
}

/* --- TLS --- */

static void
tls_failed(struct courier_conn *x, enum smtp_tls_policy_event what, struct slice why)
{
	char words[TLS_CLIENT_WHY_MAX + 1];

	snprintf(words, sizeof words, "%.*s", SLICE_FMT(why));
	hang_up(x);
	courier_call_without_tls(x->call, what, words);
}

static void
on_secure(void *arg, enum err e)
{
	struct courier_conn *x = arg;
	struct smtp_client_event ev = {.kind = SMTP_CLIENT_EV_SECURE, .secure.is_done = !e};
	const struct tls_stream *s = conn_tls(x->conn);
	struct tls_client_verdict verdict = tls_client_verdict(s);
	struct slice host = courier_call_host(x->call);
	struct buf text;

	if (!e) {
		if (verdict.fault)
			log_info("TLS to %.*s: the MTA-STS policy, in testing, isn't met: %.*s",
				SLICE_FMT(host), SLICE_FMT(verdict.why));
		buf_init(&text, TLS_MAX);
		tls_describe(s, &text);
		log_info("TLS to %.*s: %s, %.*s", SLICE_FMT(host),
			tls_client_proof_name(verdict.proof), SLICE_FMT(buf_slice(&text)));
		buf_fini(&text);
		step(x, &ev);
		return;
	}
	if (verdict.fault)
		tls_failed(x, SMTP_TLS_POLICY_UNPROVED, verdict.why);
	else
		tls_failed(x, SMTP_TLS_POLICY_NO_HANDSHAKE, slice_str(tls_why(s)));
}

static void
start_tls(struct courier_conn *x)
{
	struct tls_stream *s;
	enum err e = tls_client_connect(
		x->hop->relay->tls, conn_fd(x->conn), courier_call_demand(x->call), &s);

	x->wants_tls = false;
	if (e) {
		tls_failed(x, SMTP_TLS_POLICY_NO_HANDSHAKE, slice_str(err_text(e)));
		return;
	}
	conn_start_tls(x->conn, &tls_conn_stream, s);
	set_timer(x);
}

/* --- its beginning --- */

/* For SCRAM: printable, without a comma. */
static void
make_nonce(char out[NONCE + 1])
{
	snprintf(out, NONCE + 1, "%016llx%016llx", (unsigned long long)rand_u64(),
		(unsigned long long)rand_u64());
}

/* A gateway, or the mail server that one hands its mail back to. */
static bool
is_trusted(const struct courier_conn *x)
{
	return courier_call_transport(x->call) == SMTP_HOP_FILTER ||
	       slice_eq(x->hop->name, slice_str(x->hop->relay->c->p->config.gateway_hop));
}

static void
on_taken(void *arg, int fd)
{
	static const struct conn_events events = {on_input, on_drained, on_secure, on_end};
	static const struct conn_limits limits = {.in_max = IN_MAX,
		.out_high = OUT_HIGH,
		.out_max = OUT_MAX,
		.write_ms = WRITE_MS};
	struct courier_conn *x = arg;
	struct courier_relay *r = x->hop->relay;
	struct smtp_client_setup setup = {
		.is_lmtp = courier_call_transport(x->call) == SMTP_HOP_LMTP,
		.hostname = slice_str(r->c->p->config.hostname),
		.tls = courier_call_tls(x->call),
		.sends_xforward = is_trusted(x),
		.discards = config_route_discards(&r->c->p->config.relay, x->hop->route),
		.limits = &r->limits};
	struct smtp_client_event ev = {.kind = SMTP_CLIENT_EV_OPEN};
	char nonce[NONCE + 1];
	int yes = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	x->conn = conn_new(loop_of(x), fd, &events, x, &limits);
	/* A filter, or a hop by hand, has [relay]'s route without being its host. */
	if (config_route_leads_to(x->hop->route, x->hop->name))
		courier_login_get(r->c->login, x->hop->route, &setup.user, &setup.password);
	make_nonce(nonce);
	setup.nonce = slice_str(nonce);
	x->client = smtp_client_new(&setup);
	step(x, &ev);
}

void
courier_conn_new(struct courier_hop *hop)
{
	static const struct courier_call_events events = {on_taken, on_failed};
	struct courier_conn *x = must_zalloc(sizeof *x);

	x->hop = hop;
	x->began_ms = clock_ms();
	x->next = hop->conns;
	hop->conns = x;
	hop->calling++;
	x->call = courier_call_new(hop, &events, x);
}
