#include "cmd/survey_talk.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/conn.h"
#include "core/must.h"
#include "smtp/smtp_client.h"

enum { IN_MAX = 65536, OUT_MAX = 65536, CERT_MAX = 1 << 20 };

struct talk {
	const struct survey_talk_settings *s;
	const struct survey_target *target;
	survey_talk_cb cb;
	void *arg;
	struct survey_said said;
	int fd; /* while it is being connected, else -1 */
	struct loop_fd *watch;
	struct loop_timer *timer;
	struct conn *conn;
	struct smtp_client *client; /* of SMTP and LMTP */
	bool is_done;		    /* all is known: what comes is only the farewell */
	bool has_asked_tls;	    /* of IMAP */
	bool has_close, wants_tls, is_idle;
};

static bool
is_imap(const struct talk *k)
{
	return k->target->protocol == SURVEY_IMAP || k->target->protocol == SURVEY_IMAPS;
}

/* --- its end --- */

static void
finish(struct talk *k)
{
	loop_unwatch(k->watch);
	loop_cancel(k->timer);
	if (k->fd >= 0)
		close(k->fd);
	conn_free(k->conn);
	smtp_client_free(k->client);
	k->cb(k->arg, &k->said);
	free(k);
}

/* What a stranger says may hold anything. */
static void
keep(char *to, size_t room, struct slice text)
{
	size_t n = text.n < room ? text.n : room - 1;

	for (size_t i = 0; i < n; i++)
		to[i] = text.p[i] >= ' ' && text.p[i] < 127 ? (char)text.p[i] : '?';
	to[n] = '\0';
}

static void
fail(struct talk *k, const char *why)
{
	if (!k->is_done && !*k->said.why)
		keep(k->said.why, sizeof k->said.why, slice_str(why));
	finish(k);
}

static void
on_time(void *arg)
{
	struct talk *k = arg;

	k->timer = NULL;
	fail(k, !k->said.is_connected ? "no answer to the call"
		: !k->said.is_greeted ? "it took the call, and said nothing"
				      : "it stopped answering");
}

/* --- SMTP --- */

static void start_tls(struct talk *k);

static void
note_hello(struct talk *k)
{
	const struct smtp_client_hello *hello = smtp_client_offers(k->client);

	k->said.is_greeted = true;
	k->said.offers_tls = k->said.offers_tls || (hello->offers & SMTP_CLIENT_STARTTLS);
	k->said.mechanisms = hello->offers & SMTP_CLIENT_AUTH ? hello->mechanisms : 0;
	keep(k->said.name, sizeof k->said.name, hello->name);
}

static void
close_client(struct talk *k)
{
	const struct smtp_client_outcome *o = smtp_client_end(k->client);
	struct buf why;

	k->said.is_greeted = k->said.is_greeted || o->cause == SMTP_CLIENT_BY_REPLY;
	if (k->is_done || *k->said.why) {
		finish(k);
		return;
	}
	buf_init(&why, sizeof k->said.why - 1);
	smtp_client_explain(o, SLICE_LIT("it"), &why);
	keep(k->said.why, sizeof k->said.why, buf_slice(&why));
	buf_fini(&why);
	finish(k);
}

static void
tell(struct talk *k, struct smtp_client_event *ev)
{
	struct smtp_client_acts acts;

	ev->now_ms = clock_ms();
	smtp_client_step(k->client, ev, &acts);
	if (acts.output.n)
		conn_write(k->conn, acts.output);
	for (size_t i = 0; i < acts.n; i++) {
		k->wants_tls |= acts.act[i] == SMTP_CLIENT_ACT_START_TLS;
		k->is_idle |= acts.act[i] == SMTP_CLIENT_ACT_IDLE;
		k->has_close |= acts.act[i] == SMTP_CLIENT_ACT_CLOSE;
	}
}

/* May end the talk. */
static void
step(struct talk *k, struct smtp_client_event *ev)
{
	struct smtp_client_event leave = {.kind = SMTP_CLIENT_EV_SHUTDOWN};

	tell(k, ev);
	if (k->is_idle || k->wants_tls)
		note_hello(k);
	if (k->is_idle) {
		k->is_idle = false;
		k->is_done = true;
		tell(k, &leave);
	}
	if (k->has_close) {
		close_client(k);
	} else if (k->wants_tls) {
		k->wants_tls = false;
		k->said.offers_tls = true;
		start_tls(k);
	}
}

static void
begin_smtp(struct talk *k)
{
	struct smtp_client_limits limits;
	struct smtp_client_setup setup = {.is_lmtp = k->target->protocol == SURVEY_LMTP,
		.hostname = k->s->hostname,
		.tls = k->target->wants_tls ? SMTP_CLIENT_TLS_MAY : SMTP_CLIENT_TLS_NONE,
		.is_secure = k->target->protocol == SURVEY_SMTPS,
		.limits = &limits};
	struct smtp_client_event ev = {.kind = SMTP_CLIENT_EV_OPEN};

	smtp_client_limits_default(&limits);
	k->client = smtp_client_new(&setup);
	step(k, &ev);
}

/* --- IMAP --- */

/* RFC 9051 section 7.1. */
static bool
is_ok(struct slice line, const char *tag)
{
	return slice_starts(line, slice_str(tag)) &&
	       slice_starts_nocase(slice_from(line, strlen(tag)), SLICE_LIT(" OK"));
}

/* May end the talk. */
static void
on_imap_line(struct talk *k, struct slice line)
{
	bool is_tagged = slice_starts(line, SLICE_LIT("1 "));

	if (!k->said.is_greeted && !is_ok(line, "*")) {
		keep(k->said.why, sizeof k->said.why, line);
		finish(k);
	} else if (!k->said.is_greeted) {
		k->said.is_greeted = true;
		k->has_asked_tls = k->target->wants_tls;
		k->is_done = !k->has_asked_tls;
		conn_write(k->conn, k->has_asked_tls ? SLICE_LIT("1 STARTTLS\r\n")
						     : SLICE_LIT("2 LOGOUT\r\n"));
	} else if (is_ok(line, "1") && k->has_asked_tls && !k->said.offers_tls) {
		k->said.offers_tls = true;
		start_tls(k);
	} else if (is_tagged || (k->is_done && slice_starts(line, SLICE_LIT("2 ")))) {
		k->is_done = true;
		finish(k);
	}
}

/* --- the wire --- */

static size_t
on_input(void *arg, struct slice in)
{
	struct talk *k = arg;
	struct smtp_client_event ev = {.kind = SMTP_CLIENT_EV_INPUT, .input = in};
	size_t end = slice_find(in, '\n');

	if (!is_imap(k)) {
		step(k, &ev);
		return in.n;
	}
	if (end == in.n)
		return 0;
	on_imap_line(k, slice_trim(slice_cut(in, 0, end)));
	return end + 1;
}

static void
on_end(void *arg, enum err e)
{
	struct talk *k = arg;

	fail(k, e == ERR_END ? "it ended the connection" : err_text(e));
}

static void
note_certificate(struct talk *k, const struct tls_stream *s)
{
	struct tls_client_verdict verdict = tls_client_verdict(s);
	struct buf text, pem;

	buf_init(&text, 256);
	buf_init(&pem, CERT_MAX);
	tls_describe(s, &text);
	keep(k->said.version, sizeof k->said.version, buf_slice(&text));
	keep(k->said.fault_why, sizeof k->said.fault_why, verdict.why);
	k->said.fault = verdict.fault;
	k->said.has_cert = tls_client_certificate(s, &pem) &&
			   !tls_cert_read(buf_slice(&pem), &k->said.cert);
	k->said.is_for_name = k->said.has_cert && k->target->demand.n_names &&
			      tls_cert_is_for(buf_slice(&pem), k->target->demand.names[0]);
	buf_fini(&text);
	buf_fini(&pem);
}

static void
on_secure(void *arg, enum err e)
{
	struct talk *k = arg;
	struct smtp_client_event ev = {.kind = SMTP_CLIENT_EV_SECURE, .secure.is_done = !e};
	const struct tls_stream *s = conn_tls(k->conn);

	if (e) {
		fail(k, tls_why(s));
		return;
	}
	k->said.is_secure = true;
	note_certificate(k, s);
	if (k->client) {
		step(k, &ev);
	} else if (!is_imap(k)) {
		begin_smtp(k);
	} else if (k->said.is_greeted) {
		k->is_done = true;
		conn_write(k->conn, SLICE_LIT("2 LOGOUT\r\n"));
	}
}

/* May end the talk. */
static void
start_tls(struct talk *k)
{
	struct tls_stream *s;
	enum err e = tls_client_connect(k->s->tls, conn_fd(k->conn), &k->target->demand, &s);

	if (e)
		fail(k, err_text(e));
	else
		conn_start_tls(k->conn, &tls_conn_stream, s);
}

static void
on_connected(void *arg)
{
	static const struct conn_events events = {
		.on_input = on_input, .on_secure = on_secure, .on_end = on_end};
	static const struct conn_limits limits = {
		.in_max = IN_MAX, .out_high = OUT_MAX, .out_max = OUT_MAX};
	struct talk *k = arg;
	socklen_t n = sizeof(int);
	int error = 0, fd = k->fd;

	loop_unwatch(k->watch);
	k->watch = NULL;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n))
		error = errno;
	if (error) {
		fail(k, strerror(error));
		return;
	}
	k->fd = -1;
	k->said.is_connected = true;
	k->conn = conn_new(k->s->loop, fd, &events, k, &limits);
	if (k->target->protocol == SURVEY_SMTPS || k->target->protocol == SURVEY_IMAPS)
		start_tls(k);
	else if (!is_imap(k))
		begin_smtp(k);
}

/* -1 and errno: it can't be called. */
static int
open_socket(struct slice a, uint16_t port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	bool is_v4 = a.n == 4;
	int fd = socket(
		is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error;

	memcpy(is_v4 ? (void *)&v4.sin_addr : (void *)&v6.sin6_addr, a.p, a.n);
	if (fd < 0)
		return -1;
	if (connect(fd, is_v4 ? (void *)&v4 : (void *)&v6, is_v4 ? sizeof v4 : sizeof v6) ==
			0 ||
		errno == EINPROGRESS)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static void
on_no_call(void *arg)
{
	struct talk *k = arg;

	k->timer = NULL;
	finish(k);
}

void
survey_talk_start(const struct survey_talk_settings *s, const struct survey_target *target,
	survey_talk_cb cb, void *arg)
{
	struct talk *k = must_zalloc(sizeof *k);

	k->s = s;
	k->target = target;
	k->cb = cb;
	k->arg = arg;
	k->fd = open_socket(target->address, target->port);
	if (k->fd < 0) {
		keep(k->said.why, sizeof k->said.why, slice_str(strerror(errno)));
		k->timer = loop_after(s->loop, 0, on_no_call, k);
		return;
	}
	k->watch = loop_watch(s->loop, k->fd, NULL, on_connected, k);
	k->timer = loop_after(s->loop, s->timeout_ms, on_time, k);
}
