/* imapd: IMAP.
 *
 * Owns:     its sessions, and the key pairs of the accounts that are logged in here.
 * Hears:    clients; WATCH from the store; answers of store, keyd and auth.
 * Touches:  accepted sockets, database and vault read-only, unnamed files in the spool. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/client_address.h"
#include "cmd/proc.h"
#include "cmd/rest.h"
#include "cmd/server_tls.h"
#include "core/arena.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/conn.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "core/mail_addr.h"
#include "core/must.h"
#include "crypto/auth_client.h"
#include "crypto/keyd_client.h"
#include "imap/imap_session.h"
#include "store/view.h"
#include "store/view_vault.h"
#include "store/view_directory.h"

enum {
	IN_MAX = 65536,
	OUT_HIGH = 262144,
	OUT_MAX = 64 << 20,
	WRITE_MS = 300000,
	ASK_MS = 30000,
	LOOK_UP_TRIES = 3,
	BEFORE_LOGIN_MS = 60000,
	ACCEPTS_A_TURN = 16
};

struct imapd;

struct client {
	struct client *next, *prev;
	struct imapd *d;
	const struct config_listener *listener;
	struct conn *conn;
	struct imap_session *session;
	struct client_address address;
	uint64_t id;
	bool closing, dead, in_session;
	/* What is asked now. */
	struct ipc_question *question;
	struct loop_timer *timer; /* auth's delay; work that goes on */
	struct auth_client_result result;
	struct buf message; /* of the result */
	uint64_t account;
	struct buf name, public_key, wrapped;
	uint32_t wrap_kind;
	uint8_t permit[PERMIT_SIZE];
	bool has_permit;
	bool is_account_gone; /* changed while it logs in */
};

struct listening {
	struct imapd *d;
	uint32_t index;
	int fd;
	struct loop_fd *watch;
};

struct imapd {
	struct proc *p;
	struct view *view;
	struct view_vault *vault;
	struct rest rest;
	struct server_tls tls;
	struct client clients; /* ring */
	uint32_t count;
	bool is_drained; /* clients go elsewhere, once no command of theirs is at hand */
	uint64_t next_id;
	struct listening listening[CONFIG_LISTENERS_MAX];
};

/* --- life of a client --- */

static void
free_client(struct client *c)
{
	/* Inside a call of the session or the conn: when that has returned. */
	c->dead = true;
	if (c->in_session)
		return;
	c->prev->next = c->next;
	c->next->prev = c->prev;
	c->d->count--;
	ipc_cancel(c->question);
	loop_cancel(c->timer);
	imap_session_free(c->session);
	conn_free(c->conn);
	buf_fini(&c->message);
	buf_fini(&c->name);
	buf_fini(&c->public_key);
	buf_fini(&c->wrapped);
	seal_wipe(c->permit, sizeof c->permit);
	free(c);
}

/* Around each call into the session: it may ask for its own end. */
static bool
enter(struct client *c)
{
	bool outer = c->in_session;

	c->in_session = true;
	return outer;
}

static void
leave(struct client *c, bool outer)
{
	c->in_session = outer;
	if (outer)
		return;
	if (c->dead) {
		free_client(c);
		return;
	}
	conn_pause(c->conn, !imap_session_wants_input(c->session));
}

/* --- what the session asks of us --- */

static void
host_write(void *arg, struct slice s)
{
	struct client *c = arg;

	if (!c->dead && conn_write(c->conn, s))
		c->dead = true;
}

static bool
host_is_full(void *arg)
{
	struct client *c = arg;

	return conn_pending(c->conn) > OUT_HIGH;
}

static void
host_close(void *arg)
{
	struct client *c = arg;

	c->closing = true;
	conn_finish(c->conn);
}

static void
host_start_tls(void *arg)
{
	struct client *c = arg;

	conn_start_tls(
		c->conn, &tls_conn_stream, tls_accept(c->d->tls.server, conn_fd(c->conn)));
}

static struct db_txn *
host_begin(void *arg)
{
	struct client *c = arg;
	struct imapd *d = c->d;
	struct db_txn *txn;
	char dir[512];

	proc_path(d->p, "db", dir);
	if (!d->view && view_open(dir, d->p->floor_page, &d->view)) {
		d->view = NULL;
		return NULL;
	}
	rest_later(&d->rest);
	return view_begin(d->view, &txn) ? NULL : txn;
}

static bool
host_is_valid(void *arg)
{
	struct client *c = arg;

	return view_is_valid(c->d->view);
}

static void
host_end(void *arg)
{
	struct client *c = arg;

	view_end(c->d->view);
}

static void
on_proposed(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct client *c = arg;
	const Ipc__Proposed *p = (const Ipc__Proposed *)answer;
	const Commands__Result *r = NULL;
	struct arena a;
	bool outer;

	c->question = NULL;
	arena_init(&a, 0);
	if (!e) {
		r = codec_unpack(&commands__result__descriptor, codec_slice(p->result), &a);
		e = r ? ERR_OK : ERR_CORRUPT;
	}
	outer = enter(c);
	imap_session_proposed(c->session, e, r);
	leave(c, outer);
	arena_reset(&a);
}

static void
host_propose(
	void *arg, const Commands__Command *cmd, struct slice body, int fd, uint64_t fd_size)
{
	struct client *c = arg;
	Ipc__Propose q = IPC__PROPOSE__INIT;
	struct arena a;

	arena_init(&a, 4096);
	q.command = codec_bytes(codec_pack(cmd, &a));
	q.body = codec_bytes(body);
	q.fd_size = fd_size;
	c->question = ipc_ask(c->d->p->ipc, IPC_PROPOSE, &q.base, fd,
		(struct ipc_wait){ASK_MS, on_proposed, c});
	if (fd >= 0)
		close(fd);
	arena_reset(&a);
}

static void
drop_answer(void *arg, enum err e, const ProtobufCMessage *answer)
{
	(void)arg;
	(void)answer;
	if (e)
		log_warn("epoch key not logged: %s", err_text(e));
}

static void
on_wrapped(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct client *c = arg;
	struct keyd_client_wrapped w = {0};
	Commands__Command cmd = COMMANDS__COMMAND__INIT;
	Commands__EpochNew epoch = COMMANDS__EPOCH_NEW__INIT;
	Ipc__Propose q = IPC__PROPOSE__INIT;
	struct arena a;
	bool outer;

	c->question = NULL;
	e = keyd_client_read_wrap(e, answer, &w);
	if (!e && w.sealed_epoch.n) {
		/* One proposer's proposals are taken in order: logged before the mail that
		 * needs it. */
		arena_init(&a, 4096);
		epoch.account = c->account;
		epoch.epoch = w.epoch;
		epoch.sealed_key = codec_bytes(w.sealed_epoch);
		cmd.body_case = COMMANDS__COMMAND__BODY_EPOCH_NEW;
		cmd.epoch_new = &epoch;
		q.command = codec_bytes(codec_pack(&cmd, &a));
		ipc_ask(c->d->p->ipc, IPC_PROPOSE, &q.base, -1,
			(struct ipc_wait){ASK_MS, drop_answer, NULL});
		arena_reset(&a);
	}
	outer = enter(c);
	imap_session_wrapped(c->session, e, w.epoch, w.wrapped_key);
	leave(c, outer);
}

static void
host_wrap(void *arg, const struct seal_key *key, bool fresh)
{
	struct client *c = arg;
	struct keyd_client_wrap w = {.permit = slice_of(c->permit, sizeof c->permit),
		.account = c->account,
		.public_key = buf_slice(&c->public_key),
		.data_key = key,
		.fresh = fresh};

	c->question = keyd_client_ask_wrap(c->d->p->ipc, &w, on_wrapped, c);
}

static int
host_spool(void *arg)
{
	struct client *c = arg;

	return proc_spool_file(c->d->p);
}

static void
on_later(void *arg)
{
	struct client *c = arg;
	bool outer = enter(c);

	c->timer = NULL;
	imap_session_drained(c->session);
	leave(c, outer);
}

static void
host_later(void *arg)
{
	struct client *c = arg;

	loop_cancel(c->timer);
	c->timer = loop_after(c->d->p->loop, 0, on_later, c);
}

/* --- logging in: directory, auth, then keyd --- */

static void
say_login(const struct client *c, bool good)
{
	log_info("%s: user=<%.*s>, rip=%s%s", good ? "login" : "login failed",
		SLICE_FMT(buf_slice(&c->name)), c->address.text,
		conn_is_secure(c->conn) ? ", TLS" : "");
}

static void
give_result(struct client *c, const struct seal_pair *pair)
{
	struct imap_login login = {.account = c->account, .name = buf_slice(&c->name)};
	enum sasl_outcome outcome = c->result.outcome;
	bool outer;

	if (c->is_account_gone)
		pair = NULL;
	if (pair)
		login.pair = *pair;
	else if (outcome == SASL_OUTCOME_ACCEPTED)
		outcome = SASL_OUTCOME_REFUSED;
	if (outcome != SASL_OUTCOME_CONTINUE)
		say_login(c, pair != NULL);
	if (pair)
		conn_set_idle_ms(c->conn, c->d->p->config.imap_idle_sec * 1000);
	outer = enter(c);
	imap_session_authenticated(
		c->session, outcome, buf_slice(&c->message), pair ? &login : NULL);
	leave(c, outer);
	seal_wipe(&login.pair, sizeof login.pair);
}

static void
say_unavailable(struct client *c, const char *what, enum err e)
{
	bool outer;

	log_warn("%s of <%.*s>: %s", what, SLICE_FMT(buf_slice(&c->name)), err_text(e));
	outer = enter(c);
	imap_session_auth_unavailable(c->session);
	leave(c, outer);
}

static void
on_account(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct client *c = arg;
	struct seal_pair pair;

	c->question = NULL;
	e = keyd_client_read_account(e, answer, buf_slice(&c->public_key), &pair);
	if (e) {
		say_unavailable(c, "account key", e);
		return;
	}
	give_result(c, &pair);
	seal_wipe(&pair, sizeof pair);
}

static void
on_delayed(void *arg)
{
	struct client *c = arg;
	struct keyd_client_account of = {.permit = slice_of(c->permit, sizeof c->permit),
		.account = c->account,
		.wrap_kind = c->wrap_kind,
		.wrapped = buf_slice(&c->wrapped)};

	c->timer = NULL;
	if (c->result.outcome == SASL_OUTCOME_ACCEPTED && c->has_permit)
		c->question = keyd_client_ask_account(c->d->p->ipc, &of, on_account, c);
	else
		give_result(c, NULL);
}

static void
on_auth(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct client *c = arg;

	c->question = NULL;
	e = auth_client_read(e, answer, &c->result);
	if (e) {
		say_unavailable(c, "login", e);
		return;
	}
	buf_clear(&c->message);
	buf_put_slice(&c->message, c->result.message);
	c->has_permit = c->result.has_permit;
	memcpy(c->permit, c->result.permit, sizeof c->permit);
	if (c->result.delay_ms)
		c->timer = loop_after(c->d->p->loop, c->result.delay_ms, on_delayed, c);
	else
		on_delayed(c);
}

/* What the directory knows of the name. ERR_BUSY: the snapshot was taken away. ERR_UNAVAILABLE:
 * there is none. */
static enum err
read_account(struct client *c, struct arena *a, struct buf *verifier)
{
	struct db_txn *txn = host_begin(c);
	struct vault_row secret;
	Commands__Account *r;
	bool is_valid;

	buf_clear(verifier);
	buf_clear(&c->wrapped);
	buf_clear(&c->public_key);
	c->account = 0;
	if (!txn)
		return ERR_UNAVAILABLE;
	if (!view_directory_login(txn, buf_slice(&c->name), a, &c->account, &r) &&
		!view_vault_get(c->d->vault, VAULT_ACCOUNT, c->account, &secret) &&
		!r->disabled && r->kind == 0) {
		buf_put_slice(verifier, codec_slice(r->verifier));
		buf_put_slice(&c->public_key, codec_slice(r->public_key));
		buf_put(&c->wrapped, secret.secret, secret.n);
		c->wrap_kind = secret.wrap_kind;
	} else {
		c->account = 0;
	}
	is_valid = host_is_valid(c);
	host_end(c);
	return is_valid ? ERR_OK : ERR_BUSY;
}

/* Nothing known of the name is ERR_OK: the same question goes out without it. */
static enum err
look_up(struct client *c, struct slice user, struct arena *a, struct buf *verifier)
{
	struct mail_addr given, folded;
	enum err e = ERR_BUSY;

	buf_clear(&c->name);
	c->account = 0;
	if (mail_addr_parse(user, a, &given) || mail_addr_canonical(&given, a, &folded)) {
		buf_put_slice(&c->name, slice_cut(user, 0, 300));
		return ERR_OK;
	}
	buf_put_slice(&c->name, folded.local);
	buf_put_u8(&c->name, '@');
	buf_put_slice(&c->name, folded.domain);
	for (int i = 0; i < LOOK_UP_TRIES && e == ERR_BUSY; i++)
		e = read_account(c, a, verifier);
	return e;
}

static void
on_unreadable(void *arg)
{
	struct client *c = arg;

	c->timer = NULL;
	say_unavailable(c, "account", ERR_UNAVAILABLE);
}

static void
host_auth(void *arg, const struct sasl *sasl)
{
	struct client *c = arg;
	struct auth_client_session s = {.session = c->id, .service = "imap"};
	struct arena a;
	struct buf verifier;
	enum err e;

	arena_init(&a, 0);
	buf_init(&verifier, 65536);
	if (sasl->question.step == 0)
		c->is_account_gone = false;
	e = look_up(c, sasl->question.user, &a, &verifier);
	s.user = buf_slice(&c->name);
	s.account = c->account;
	s.verifier = buf_slice(&verifier);
	s.client_address = client_address_octets(&c->address);
	s.tls = conn_is_secure(c->conn) ? conn_tls(c->conn) : NULL;
	/* Answers come after the return. */
	if (e)
		c->timer = loop_after(c->d->p->loop, 0, on_unreadable, c);
	else
		c->question = auth_client_ask(c->d->p->ipc, sasl, &s, on_auth, c);
	buf_fini(&verifier);
	arena_reset(&a);
}

static const struct imap_host host = {.write = host_write,
	.is_full = host_is_full,
	.close = host_close,
	.start_tls = host_start_tls,
	.begin = host_begin,
	.is_valid = host_is_valid,
	.end = host_end,
	.propose = host_propose,
	.auth = host_auth,
	.wrap = host_wrap,
	.spool = host_spool,
	.later = host_later};

/* --- the connection --- */

static size_t
on_input(void *arg, struct slice in)
{
	struct client *c = arg;
	bool outer = enter(c);
	size_t used = imap_session_input(c->session, in);

	if (imap_session_is_between(c->session))
		conn_acknowledge(c->conn);
	leave(c, outer);
	return used;
}

static void
on_drained(void *arg)
{
	struct client *c = arg;
	bool outer = enter(c);

	imap_session_drained(c->session);
	leave(c, outer);
}

static unsigned
bindings_of(const struct client *c)
{
	static const enum tls_binding kinds[] = {
		TLS_BINDING_EXPORTER, TLS_BINDING_SERVER_END_POINT};
	unsigned bits = 0;
	struct buf b;

	for (size_t i = 0; i < 2; i++) {
		buf_init(&b, 128);
		if (!tls_channel_binding(conn_tls(c->conn), kinds[i], &b))
			bits |= 1u << kinds[i];
		buf_fini(&b);
	}
	return bits;
}

static void
on_secure(void *arg, enum err e)
{
	struct client *c = arg;
	bool outer = enter(c), greet = c->listener->kind == CONFIG_IMAPS;

	if (!e) {
		imap_session_secured(c->session, bindings_of(c));
		if (greet)
			imap_session_greet(c->session);
	}
	leave(c, outer);
}

static void
on_end(void *arg, enum err e)
{
	struct client *c = arg;
	bool outer;

	if (e == ERR_TIMEOUT && !c->closing && imap_session_is_logged_in(c->session)) {
		outer = enter(c);
		imap_session_bye(c->session, "[INACTIVE] You were idle for too long");
		leave(c, outer);
		return;
	}
	if (imap_session_is_logged_in(c->session) || imap_session_account(c->session))
		log_info("logout: user=<%.*s>, rip=%s", SLICE_FMT(buf_slice(&c->name)),
			c->address.text);
	free_client(c);
}

static void
serve(struct listening *l, int fd, const struct client_address *address)
{
	static const struct conn_events events = {.on_input = on_input,
		.on_drained = on_drained,
		.on_secure = on_secure,
		.on_end = on_end};
	static const struct conn_limits limits = {.in_max = IN_MAX,
		.out_high = OUT_HIGH,
		.out_max = OUT_MAX,
		.idle_ms = BEFORE_LOGIN_MS,
		.write_ms = WRITE_MS};
	struct imapd *d = l->d;
	struct client *c = must_zalloc(sizeof *c);
	struct imap_settings set = {.append_max = d->p->config.message_size,
		.may_tls = d->tls.server != NULL,
		.scram = d->p->config.scram};

	c->d = d;
	c->listener = &d->p->config.listener[l->index];
	c->address = *address;
	c->id = ++d->next_id;
	set.allow_plaintext_auth = c->listener->allow_plaintext_auth &&
				   client_address_is_loopback(address);
	buf_init(&c->message, 65536);
	buf_init(&c->name, 1024);
	buf_init(&c->public_key, 64);
	buf_init(&c->wrapped, 1024);
	c->next = d->clients.next;
	c->prev = &d->clients;
	c->next->prev = c->prev->next = c;
	d->count++;
	c->conn = conn_new(d->p->loop, fd, &events, c, &limits);
	c->session = imap_session_new(&host, c, &set);
	if (c->listener->kind == CONFIG_IMAPS)
		host_start_tls(c);
	else
		imap_session_greet(c->session);
}

static bool
is_too_many(const struct imapd *d, const struct client_address *address)
{
	uint32_t same = 0;

	if (d->count >= d->p->config.connections)
		return true;
	for (const struct client *c = d->clients.next; c != &d->clients; c = c->next)
		same += client_address_equal(&c->address, address);
	return same >= d->p->config.imap_connections_per_client;
}

static void
on_accept(void *arg)
{
	static const char too_many[] = "* BYE Too many connections from you\r\n";
	static const char elsewhere[] = "* BYE [UNAVAILABLE] Another server has your mail\r\n";
	struct listening *l = arg;
	struct client_address address;
	int fd;

	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		fd = client_address_accept(l->fd, &address);
		if (fd < 0)
			return;
		if (l->d->is_drained) {
			send(fd, elsewhere, sizeof elsewhere - 1, MSG_NOSIGNAL);
			close(fd);
			continue;
		}
		if (is_too_many(l->d, &address) ||
			(l->d->p->config.listener[l->index].kind == CONFIG_IMAPS &&
				!l->d->tls.server)) {
			send(fd, too_many, sizeof too_many - 1, MSG_NOSIGNAL);
			close(fd);
			continue;
		}
		serve(l, fd, &address);
	}
}

/* --- what the store tells --- */

static bool
is_in(const uint64_t *list, size_t n, uint64_t id)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == id)
			return true;
	return false;
}

static bool
has_unread(const struct client *c)
{
	int n = 0;

	return ioctl(conn_fd(c->conn), FIONREAD, &n) == 0 && n > 0;
}

/* The store says it each second while it lasts: who is busy now will be asked again. */
static void
drain(struct imapd *d, bool on)
{
	struct client *next;
	bool outer;

	d->is_drained = on;
	for (struct client *c = d->clients.next; c != &d->clients && on; c = next) {
		next = c->next;
		outer = enter(c);
		if (imap_session_is_quiet(c->session) && !has_unread(c))
			imap_session_bye(
				c->session, "[UNAVAILABLE] Another server has your mail");
		leave(c, outer);
	}
}

static void
on_watch(void *arg, struct ipc_frame *f)
{
	struct imapd *d = arg;
	const Ipc__Watch *w = (const Ipc__Watch *)f->msg;
	struct client *next;
	bool outer;

	if (w->clients)
		drain(d, w->clients == IPC__WATCH__CLIENTS__LEAVE);

	if (!w->n_mailbox && !w->n_account_gone)
		return;
	for (struct client *c = d->clients.next; c != &d->clients; c = next) {
		next = c->next;
		outer = enter(c);
		/* Who is just proving it with the old password proves nothing. */
		c->is_account_gone |= is_in(w->account_gone, w->n_account_gone, c->account);
		if (is_in(w->account_gone, w->n_account_gone,
			    imap_session_account(c->session)) &&
			imap_session_account(c->session))
			imap_session_bye(
				c->session, "[EXPIRED] Your account or password was changed");
		else if (is_in(w->mailbox, w->n_mailbox, imap_session_mailbox(c->session)))
			imap_session_touched(c->session);
		leave(c, outer);
	}
}

/* --- the process --- */

static void
prepare(struct proc *p)
{
	struct imapd *d = must_zalloc(sizeof *d);

	d->p = p;
	p->state = d;
	d->clients.next = d->clients.prev = &d->clients;
	server_tls_read(&d->tls, p, SLICE_LIT("imap"));
}

static void
start(struct proc *p)
{
	struct imapd *d = p->state;
	char vault[512];

	proc_path(p, "vault", vault);
	d->vault = view_vault_open(vault);
	server_tls_start(&d->tls);
	rest_init(&d->rest, p->loop, &d->view);
	ipc_on(p->ipc, IPC_WATCH, on_watch, d);
}

static void
listener(struct proc *p, uint32_t index, int fd)
{
	struct imapd *d = p->state;
	struct listening *l = &d->listening[index];

	loop_unwatch(l->watch);
	*l = (struct listening){.d = d, .index = index, .fd = fd};
	l->watch = loop_watch(p->loop, fd, on_accept, NULL, l);
}

static void
on_stopped(void *arg)
{
	struct proc *p = arg;

	loop_stop(p->loop);
}

static void
stop(struct proc *p)
{
	enum { GRACE_MS = 300 };
	struct imapd *d = p->state;
	struct client *next;
	bool outer;

	for (struct client *c = d->clients.next; c != &d->clients; c = next) {
		next = c->next;
		outer = enter(c);
		imap_session_bye(c->session, "[UNAVAILABLE] The server stops");
		leave(c, outer);
	}
	loop_after(p->loop, GRACE_MS, on_stopped, p);
}

const struct proc_role proc_imapd_role = {
	.role = ROLE_IMAPD,
	.needs = PROC_NEED_DB_READ | PROC_NEED_VAULT | PROC_NEED_SPOOL | PROC_NEED_ACCEPT,
	.prepare = prepare,
	.start = start,
	.listener = listener,
	.stop = stop,
};
