/* smtpd: the SMTP, submission and LMTP servers.
 *
 * Owns:     its clients' sessions; a mail's data key while its octets arrive; the key that
 *           recognises repeats.
 * Hears:    clients; WATCH from the store; answers of store (ENQUEUE, LIFT), filterd (SCORE),
 *           auth (logins) and keyd (TLS signatures, its named key).
 * Touches:  accepted sockets, the spool folder, the database read-only, the certificate
 *           (read before the sandbox). It holds no private key, and can't read a mail once that
 *           is with filterd. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/smtpd.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "core/must.h"
#include "crypto/keyd_client.h"

enum {
	ACCEPTS_PER_TURN = 16,
	ACCEPT_PAUSE_MS = 100,
	AGAIN_MS = 200,
	LEAVE_MS = 5000,
	FIRST_KEY_MS = 2000,
	AUTHORITIES_MAX = 1 << 20
};

/* --- start --- */

static struct tls_caller *
read_callers(const struct config_listener *l)
{
	uint8_t pin[CONFIG_LIST_MAX][TLS_CALLER_PIN];
	const char *file = "";
	struct tls_caller *c;
	struct buf pem;
	size_t pins = 0;

	buf_init(&pem, AUTHORITIES_MAX);
	for (uint32_t i = 0; i < l->certificates.n; i++) {
		if (tls_caller_parse_pin(slice_str(l->certificates.text[i]), pin[pins])) {
			pins++;
			continue;
		}
		file = l->certificates.text[i];
		proc_read_file(file, 0, AUTHORITIES_MAX - pem.n, &pem);
	}
	if (tls_caller_new(pin, pins, buf_slice(&pem), &c))
		must_fatal("%s: not certificates in PEM", file);
	buf_fini(&pem);
	return c;
}

static void
prepare(struct proc *p)
{
	struct smtpd *d = must_zalloc(sizeof *d);

	d->p = p;
	p->state = d;
	server_tls_read(&d->tls, p, SLICE_EMPTY);
	for (uint32_t i = 0; i < p->config.listeners; i++)
		if (p->config.listener[i].certificates.n) {
			d->callers[i] = read_callers(&p->config.listener[i]);
			d->tls.has_callers = true;
		}
}

static void
set_limits(struct smtpd *d)
{
	const struct config *c = &d->p->config;
	struct smtp_limits *l = &d->session_limits;

	smtp_session_limits_default(l);
	l->rcpt_max = c->recipients;
	l->error_max = c->errors;
	l->auth_failure_max = c->login_failures;
	l->junk_max = c->junk_commands;
	l->hop_max = c->hops;
	l->size_max_bytes = c->message_size;
	l->idle_ms = c->commands_idle_sec * 1000;
	l->transaction_ms = c->session_sec * 1000;
	l->data_window_ms = l->idle_ms;
	l->data_rate_min = c->min_bytes_per_sec;
	d->limits = smtpd_limits_new(c->connections_per_client, c->rate_per_minute);
}

/* --- the keys that recognise repeats, and SRS addresses --- */

static void ask_repeat_key(void *arg);
static void ask_srs_key(void *arg);
static void listen_again(struct smtpd *d, bool on);

static void
on_repeat_key(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct smtpd *d = arg;

	if (keyd_client_read_named_key(e, answer, &d->repeat_key)) {
		loop_after(d->p->loop, AGAIN_MS, ask_repeat_key, d);
		return;
	}
	ask_srs_key(d);
}

static void
ask_repeat_key(void *arg)
{
	struct smtpd *d = arg;

	keyd_client_ask_named_key(d->p->ipc, KEYRING_REPEAT, on_repeat_key, d);
}

static void
on_srs_key(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct smtpd *d = arg;

	if (keyd_client_read_named_key(e, answer, &d->srs_key)) {
		loop_after(d->p->loop, AGAIN_MS, ask_srs_key, d);
		return;
	}
	d->has_keys = true;
	if (!d->is_full)
		listen_again(d, true);
}

static void
ask_srs_key(void *arg)
{
	struct smtpd *d = arg;

	keyd_client_ask_named_key(d->p->ipc, KEYRING_SRS, on_srs_key, d);
}

/* --- the loop guard's key --- */

static void ask_guard_key(void *arg);

static void
on_guard_key(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct smtpd *d = arg;

	d->has_guard_key = !keyd_client_read_named_key(e, answer, &d->guard_key);
	if (!d->has_guard_key)
		loop_after(d->p->loop, AGAIN_MS, ask_guard_key, d);
}

static void
ask_guard_key(void *arg)
{
	struct smtpd *d = arg;

	keyd_client_ask_named_key(d->p->ipc, KEYRING_GUARD, on_guard_key, d);
}

/* --- what the store tells --- */

/* The store says it each second while it lasts: who is busy now will be asked again. */
static void
drain(struct smtpd *d, bool on)
{
	struct smtpd_client *next;

	d->is_drained = on;
	for (struct smtpd_client *c = d->clients; c && on; c = next) {
		struct smtp_event ev = {.kind = SMTP_EV_SHUTDOWN};

		next = c->next;
		if (c->session && !c->is_finishing && smtp_session_is_quiet(c->session) &&
			!smtpd_client_has_unread(c))
			smtpd_client_step(c, &ev);
	}
}

static void
on_watch(void *arg, struct ipc_frame *f)
{
	struct smtpd *d = arg;
	const Ipc__Watch *w = (const Ipc__Watch *)f->msg;

	if (w->clients)
		drain(d, w->clients == IPC__WATCH__CLIENTS__LEAVE);

	/* A changed password, a disabled or deleted account ends its sessions. */
	for (size_t i = 0; i < w->n_account_gone; i++) {
		struct smtpd_client *next;
		for (struct smtpd_client *c = d->clients; c; c = next) {
			struct smtp_event ev = {.kind = SMTP_EV_ACCOUNT_CHANGED};
			next = c->next;
			/* Who is just proving it with the old password proves nothing. */
			if (c->has_sasl && c->account == w->account_gone[i])
				c->is_account_gone = true;
			if (c->session && !c->is_finishing &&
				smtp_session_envelope(c->session)->account ==
					w->account_gone[i])
				smtpd_client_step(c, &ev);
		}
	}
}

static void
start(struct proc *p)
{
	struct smtpd *d = p->state;

	seal_init();
	arena_init(&d->scratch, 8192);
	set_limits(d);
	server_tls_start(&d->tls);
	rest_init(&d->rest, p->loop, &d->view);
	smtpd_lookup_open(d);
	ipc_on(p->ipc, IPC_WATCH, on_watch, d);
	ask_repeat_key(d);
	if (*p->config.gateway_hop)
		ask_guard_key(d);
}

/* --- accepting --- */

/* Too many clients, or no descriptors: those that come wait in the kernel. */
static void
listen_again(struct smtpd *d, bool on)
{
	for (size_t i = 0; i < d->listeners; i++)
		if (d->listener[i].watch)
			loop_want(d->listener[i].watch, on, false);
}

static void
on_accept_timer(void *arg)
{
	struct smtpd *d = arg;

	d->accept_timer = NULL;
	d->is_full = d->client_count >= d->p->config.connections;
	listen_again(d, !d->is_full);
}

static bool
accept_one(struct smtpd_listener *l)
{
	struct smtpd *d = l->d;
	struct client_address who;
	int fd = client_address_accept(l->fd, &who);

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			listen_again(d, false);
			if (!d->accept_timer)
				d->accept_timer = loop_after(
					d->p->loop, ACCEPT_PAUSE_MS, on_accept_timer, d);
		}
		return false;
	}
	if (d->p->config.listener[l->index].kind == CONFIG_SUBMISSIONS && !d->tls.server)
		close(fd);
	else
		smtpd_client_new(d, l, fd, &who);
	return true;
}

static void
on_connection(void *arg)
{
	struct smtpd_listener *l = arg;
	struct smtpd *d = l->d;

	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		if (d->client_count >= d->p->config.connections) {
			d->is_full = true;
			listen_again(d, false);
			return;
		}
		if (!accept_one(l))
			return;
	}
}

static void
listener(struct proc *p, uint32_t index, int fd)
{
	struct smtpd *d = p->state;
	struct smtpd_listener *l;

	if (d->listeners == CONFIG_LISTENERS_MAX || index >= p->config.listeners ||
		d->is_leaving) {
		close(fd);
		return;
	}
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	l = &d->listener[d->listeners++];
	*l = (struct smtpd_listener){.d = d, .index = index, .fd = fd};
	l->watch = loop_watch(p->loop, fd, on_connection, NULL, l);
	/* Who comes now would be put off, and keyd is about to answer. */
	loop_want(l->watch, d->has_keys, false);
	if (!d->has_keys && !d->accept_timer)
		d->accept_timer = loop_after(p->loop, FIRST_KEY_MS, on_accept_timer, d);
}

/* --- the end --- */

static void
on_leave(void *arg)
{
	struct smtpd *d = arg;

	d->leave_timer = NULL;
	loop_stop(d->p->loop);
}

void
smtpd_client_gone(struct smtpd *d)
{
	if (d->is_leaving && d->client_count == 0) {
		loop_cancel(d->leave_timer);
		d->leave_timer = loop_after(d->p->loop, 0, on_leave, d);
	}
	if (d->is_full && !d->is_leaving) {
		d->is_full = false;
		listen_again(d, true);
	}
}

static void
stop(struct proc *p)
{
	struct smtpd *d = p->state;
	struct smtpd_client *next;

	d->is_leaving = true;
	for (size_t i = 0; i < d->listeners; i++) {
		loop_unwatch(d->listener[i].watch);
		close(d->listener[i].fd);
	}
	d->listeners = 0;
	for (struct smtpd_client *c = d->clients; c; c = next) {
		struct smtp_event ev = {.kind = SMTP_EV_SHUTDOWN};
		next = c->next;
		if (!c->session)
			smtpd_client_free(c);
		else if (!c->is_finishing)
			smtpd_client_step(c, &ev);
	}
	loop_cancel(d->leave_timer);
	d->leave_timer = loop_after(p->loop, d->clients ? LEAVE_MS : 0, on_leave, d);
}

const struct proc_role proc_smtpd_role = {
	.role = ROLE_SMTPD,
	.needs = PROC_NEED_DB_READ | PROC_NEED_SPOOL | PROC_NEED_ACCEPT,
	.prepare = prepare,
	.start = start,
	.listener = listener,
	.stop = stop,
};
