/* fetch: GETs over HTTPS for the others, so that nothing else parses HTTP, and nothing that
 * holds keys or mail speaks with web servers. What a certificate names is fetched by HTTP, too,
 * as that is signed itself, but from public addresses alone: a stranger must not make us ask
 * the web servers inside.
 *
 * Owns:     nothing but the authorities that it trusts.
 * Hears:    courier (FETCH), resolver's answers, web servers.
 * Touches:  TCP sockets, to connect, to ports 443 and 80 alone; files in memory that come with
 *           the question.
 *
 * libevent's evhttp was looked at: it takes an end by closing for the end of a body, and has a
 * way of its own into OpenSSL, where crypto/tls_client is the one that proves servers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/courier_file.h"
#include "cmd/proc.h"
#include "cmd/resolve.h"
#include "core/clock.h"
#include "core/conn.h"
#include "core/dial.h"
#include "core/dns_record.h"
#include "core/http_reply.h"
#include "core/ipc.pb-c.h"
#include "core/must.h"
#include "crypto/tls_client.h"

/* SIZE, TIMEOUT: what may be asked for. CALL_MS: for each address, to connect, and
 * for TLS. FILES, FILE: what is written into files. */
enum {
	JOBS_MAX = 256,
	SIZE_MAX_OCTETS = 65536,
	FILES_MAX = 8,
	FILE_MAX_OCTETS = 4 << 20,
	OCSP_MAX = 1024,
	TIMEOUT_MAX_MS = 60000,
	CALL_MS = 10000,
	PORT = 443,
	PORT_PLAIN = 80,
	ADDRESSES_MAX = 4, /* of each family */
	ROOTS_MAX = 1 << 20,
	PATH_MAX_OCTETS = 200,
	REQUEST_MAX = 2048,
	WHY_MAX = 600
};

struct fetch {
	struct proc *p;
	struct buf roots; /* PEM that [relay] tls_ca names; empty: built in */
	struct tls_client *tls;
	uint32_t jobs, files;
};

struct address {
	uint8_t octets[16], n;
};

struct job {
	struct fetch *f;
	struct ipc_ticket ticket;
	struct arena arena;
	struct slice host, path, ocsp;
	int fd; /* -1: into the answer, from any address */
	bool plain;
	struct dns_name name;
	struct http_reply reply;
	uint32_t asked; /* of the resolver, not answered yet: the job lasts until then */
	bool is_over;
	/* IPv6 first, in turn with IPv4 (RFC 8305 section 4). */
	struct address address[2][ADDRESSES_MAX];
	size_t addresses[2], try;
	struct loop_timer *deadline, *timer;
	struct dial *dial;
	struct conn *conn;
	char why[WHY_MAX];
};

static void call_next(struct job *j);

/* --- its end --- */

static void
hang_up(struct job *j)
{
	loop_cancel(j->timer);
	j->timer = NULL;
	dial_cancel(j->dial);
	j->dial = NULL;
	conn_free(j->conn);
	j->conn = NULL;
}

static void
let_go(struct job *j)
{
	if (j->asked || !j->is_over)
		return;
	http_reply_fini(&j->reply);
	arena_reset(&j->arena);
	j->f->jobs--;
	if (j->fd >= 0) {
		close(j->fd);
		j->f->files--;
	}
	free(j);
}

/* why: NULL: the reply is whole. */
static void
finish(struct job *j, const char *why)
{
	Ipc__Fetched out = IPC__FETCHED__INIT;

	hang_up(j);
	if (!why && j->fd >= 0 && courier_file_put(j->fd, 0, buf_slice(&j->reply.body)))
		why = "no room for it in memory";
	out.why = (char *)(uintptr_t)(why ? why : "");
	out.silent = why && (!j->deadline || j->reply.head == 0);
	loop_cancel(j->deadline);
	j->deadline = NULL;
	if (!why) {
		out.status = j->reply.status;
		out.type = arena_str(&j->arena, buf_slice(&j->reply.type));
		if (j->fd < 0)
			out.body = (ProtobufCBinaryData){j->reply.body.n, j->reply.body.p};
		else
			out.size = (uint32_t)j->reply.body.n;
	}
	ipc_answer(j->f->p->ipc, j->ticket, ERR_OK, &out.base);
	j->is_over = true;
	let_go(j);
}

static void
on_deadline(void *arg)
{
	struct job *j = arg;

	j->deadline = NULL;
	finish(j, j->why[0] ? j->why : "no whole answer in time");
}

/* --- what the server says --- */

static size_t
on_input(void *arg, struct slice in)
{
	struct job *j = arg;
	enum err e = http_reply_feed(&j->reply, in);
	char why[100];

	if (e == ERR_MORE)
		return in.n;
	snprintf(why, sizeof why, "the answer of the web server: %s", err_text(e));
	finish(j, e ? why : NULL);
	return in.n;
}

static void
on_drained(void *arg)
{
	(void)arg;
}

/* Another address won't be asked: the server is the right one, and has begun to answer. */
static void
on_end(void *arg, enum err e)
{
	struct job *j = arg;

	snprintf(j->why, sizeof j->why, "the connection ended before the answer did: %s",
		err_text(e));
	finish(j, j->why);
}

static void
write_request(struct job *j)
{
	struct buf out;

	j->why[0] = '\0'; /* of the addresses before */
	buf_init(&out, REQUEST_MAX);
	buf_printf(&out, "%s %.*s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: hairpin\r\n",
		j->ocsp.n ? "POST" : "GET", SLICE_FMT(j->path), SLICE_FMT(j->host));
	if (j->ocsp.n)
		buf_printf(&out,
			"Content-Type: application/ocsp-request\r\nContent-Length: %zu\r\n",
			j->ocsp.n);
	buf_printf(&out, "Accept: */*\r\nConnection: close\r\n\r\n");
	buf_put_slice(&out, j->ocsp);
	conn_write(j->conn, buf_slice(&out));
	buf_fini(&out);
}

static void
on_secure(void *arg, enum err e)
{
	struct job *j = arg;
	const struct tls_stream *s = conn_tls(j->conn);
	struct tls_client_verdict verdict = tls_client_verdict(s);

	if (e) {
		snprintf(j->why, sizeof j->why, "TLS: %.*s",
			SLICE_FMT(verdict.fault ? verdict.why : slice_str(tls_why(s))));
		call_next(j);
		return;
	}
	loop_cancel(j->timer);
	j->timer = NULL;
	write_request(j);
}

/* --- calling --- */

static void
on_no_handshake(void *arg)
{
	struct job *j = arg;

	j->timer = NULL;
	snprintf(j->why, sizeof j->why, "TLS: no handshake in time");
	call_next(j);
}

static void
on_connected(void *arg, int fd, int error)
{
	static const struct conn_events events = {on_input, on_drained, on_secure, on_end};
	static const struct conn_limits limits = {
		.in_max = 16384, .out_high = REQUEST_MAX, .out_max = 4 * REQUEST_MAX};
	struct job *j = arg;
	struct tls_client_demand demand = {.check = TLS_CLIENT_PKIX,
		.server_name = j->host,
		.names = &j->host,
		.n_names = 1};
	struct tls_stream *s;

	j->dial = NULL;
	if (error) {
		snprintf(j->why, sizeof j->why, "connect: %s", strerror(error));
		call_next(j);
		return;
	}
	j->conn = conn_new(j->f->p->loop, fd, &events, j, &limits);
	if (j->plain) {
		write_request(j);
		return;
	}
	if (tls_client_connect(j->f->tls, fd, &demand, &s)) {
		snprintf(j->why, sizeof j->why, "connect: not the name of a host");
		call_next(j);
		return;
	}
	conn_start_tls(j->conn, &tls_conn_stream, s);
	j->timer = loop_after(j->f->p->loop, CALL_MS, on_no_handshake, j);
}

/* NULL: there is none left. */
static const struct address *
next_address(struct job *j)
{
	while (j->try < 2 * (size_t)ADDRESSES_MAX) {
		size_t family = j->try % 2, n = j->try / 2;

		j->try++;
		if (n < j->addresses[family])
			return &j->address[family][n];
	}
	return NULL;
}

static void
call_next(struct job *j)
{
	struct dial_to to = {.port = j->plain ? PORT_PLAIN : PORT, .timeout_ms = CALL_MS};
	const struct address *a;

	hang_up(j);
	a = next_address(j);
	if (!a) {
		finish(j, j->why[0] ? j->why : "the host has no address");
		return;
	}
	to.address = slice_of(a->octets, a->n);
	j->dial = dial_begin(j->f->p->loop, &to, on_connected, j);
}

/* --- where to --- */

/* The one that is judged here is the one that is called: its name isn't asked for again. */
static bool
may_call(struct job *j, struct slice address)
{
	const struct config *c = &j->f->p->config;

	if (j->fd < 0 || ip_network_is_public(address))
		return true;
	for (uint32_t i = 0; i < c->gateway_networks_n; i++)
		if (ip_network_holds(&c->gateway_network[i], address))
			return true;
	snprintf(j->why, sizeof j->why,
		"its address isn't public, nor one of revocation_networks in [gateway]");
	return false;
}

static void
keep_addresses(struct job *j, const struct dns_message *m)
{
	for (size_t i = 0; i < m->n; i++) {
		size_t n = m->rdata[i].n, family = n == 4;
		struct address *a = &j->address[family][j->addresses[family]];

		if ((n != 4 && n != 16) || j->addresses[family] == ADDRESSES_MAX ||
			!may_call(j, m->rdata[i]))
			continue;
		memcpy(a->octets, m->rdata[i].p, n);
		a->n = (uint8_t)n;
		j->addresses[family]++;
	}
}

static void
on_resolved(void *arg, const struct dns_answer *answer)
{
	struct job *j = arg;

	j->asked--;
	if (j->is_over) {
		let_go(j);
		return;
	}
	keep_addresses(j, &answer->message);
	if (answer->message.rcode == DNS_MESSAGE_SERVFAIL)
		snprintf(j->why, sizeof j->why, "the address can't be looked up: %s",
			answer->why);
	if (j->asked)
		return;
	call_next(j);
}

static void
ask(struct job *j, unsigned type)
{
	struct dns_question q = {.name = j->name,
		.type = type,
		.timeout_ms = RESOLVE_MS,
		.cb = on_resolved,
		.arg = j};

	j->asked++;
	resolve_ask(j->f->p->ipc, &q);
}

/* --- questions --- */

/* It goes into the request's first line as it is. */
static bool
is_path(struct slice path)
{
	for (size_t i = 0; i < path.n; i++)
		if (path.p[i] <= ' ' || path.p[i] >= 0x7f)
			return false;
	return path.n > 0 && path.n <= PATH_MAX_OCTETS && path.p[0] == '/';
}

/* Letters, digits, "-" and "." alone: for DNS, certificate and request alike. */
static bool
is_host(struct slice host)
{
	for (size_t i = 0; i < host.n; i++) {
		uint8_t c = slice_lower(host.p[i]);

		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.')
			return false;
	}
	return host.n > 0 && host.n <= TLS_CLIENT_NAME_MAX && host.p[host.n - 1] != '.';
}

/* No number is the last label of a name: 127.1 and 0x7f000001 are addresses. */
static bool
is_name(struct slice host)
{
	size_t top = host.n;

	while (top && host.p[top - 1] != '.')
		top--;
	return top < host.n && (host.p[top] < '0' || host.p[top] > '9');
}

/* What goes into a file, or into the answer. */
static bool
is_sound(const Ipc__Fetch *q, int fd)
{
	struct stat st;

	if (fd < 0)
		return !q->plain && !q->ocsp.len && q->size_max <= SIZE_MAX_OCTETS;
	return q->size_max <= FILE_MAX_OCTETS && q->ocsp.len <= OCSP_MAX &&
	       is_name(slice_str(q->host)) && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       st.st_size == 0;
}

static enum err
check(const struct fetch *f, const struct ipc_frame *frame, struct dns_name *name)
{
	const Ipc__Fetch *q = (const Ipc__Fetch *)frame->msg;
	struct slice host = slice_str(q->host);

	if (!is_host(host) || dns_name_parse(host, name) || !is_path(slice_str(q->path)) ||
		!q->timeout_ms || q->timeout_ms > TIMEOUT_MAX_MS || !is_sound(q, frame->fd))
		return ERR_SYNTAX;
	return f->jobs == JOBS_MAX || (frame->fd >= 0 && f->files == FILES_MAX) ? ERR_BUSY
										: ERR_OK;
}

static void
on_fetch(void *arg, struct ipc_frame *frame)
{
	struct fetch *f = arg;
	const Ipc__Fetch *q = (const Ipc__Fetch *)frame->msg;
	struct slice host = slice_str(q->host), path = slice_str(q->path);
	struct dns_name name;
	struct job *j;
	enum err e = check(f, frame, &name);

	if (e) {
		ipc_answer(f->p->ipc, ipc_ticket(frame), e, NULL);
		if (frame->fd >= 0)
			close(frame->fd);
		return;
	}
	j = must_zalloc(sizeof *j);
	*j = (struct job){.f = f,
		.ticket = ipc_ticket(frame),
		.name = name,
		.fd = frame->fd,
		.plain = q->plain};
	f->files += j->fd >= 0;
	arena_init(&j->arena, 0);
	j->host = arena_dup(&j->arena, host);
	j->path = arena_dup(&j->arena, path);
	j->ocsp = arena_dup(&j->arena, slice_of(q->ocsp.data, q->ocsp.len));
	http_reply_init(&j->reply, q->size_max);
	f->jobs++;
	j->deadline = loop_after(f->p->loop, q->timeout_ms, on_deadline, j);
	ask(j, DNS_RECORD_AAAA);
	ask(j, DNS_RECORD_A);
}

/* --- life --- */

/* Still privileged. */
static void
prepare(struct proc *p)
{
	struct fetch *f = must_zalloc(sizeof *f);

	f->p = p;
	p->state = f;
	buf_init(&f->roots, ROOTS_MAX);
	if (strcmp(p->config.relay_tls_ca, CONFIG_RELAY_CA) != 0)
		proc_read_file(p->config.relay_tls_ca, 0, ROOTS_MAX, &f->roots);
}

static void
start(struct proc *p)
{
	struct fetch *f = p->state;

	tls_init();
	if (tls_client_new(buf_slice(&f->roots), &f->tls))
		must_fatal("tls_ca in [relay]: not certificates in PEM");
	buf_fini(&f->roots);
	ipc_on(p->ipc, IPC_FETCH, on_fetch, f);
}

const struct proc_role proc_fetch_role = {
	.role = ROLE_FETCH,
	.needs = PROC_NEED_CONNECT,
	.prepare = prepare,
	.start = start,
};
