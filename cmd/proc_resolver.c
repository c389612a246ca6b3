/* resolver: asks the DNS for the others, and validates the answers.
 *
 * Owns:     the cache of answers. No secret of ours is in it.
 * Hears:    courier (RESOLVE), name servers.
 * Touches:  sockets of UDP and TCP, to connect; no file after its start, which of the host's
 *           reads /etc/resolv.conf at most. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/proc.h"
#include "core/clock.h"
#include "core/dns.h"
#include "core/dns_record.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "core/must.h"

/* TIMEOUT_MS: less than whoever asks waits for us. TELL_MS: behind a server that passes no
 * signatures on all is bogus; that is said so often. */
enum { RESOLV_CONF_MAX = 65536, TIMEOUT_MS = 25000, TELL_MS = 60000 };

struct resolver {
	struct proc *p;
	struct dns *dns;
	struct dns_setting_server server[DNS_SETTING_SERVERS_MAX];
	size_t servers;
	struct dns_setting_stub stub[CONFIG_LIST_MAX];
	const char *anchor[CONFIG_LIST_MAX];
	uint64_t tell_at_ms;
};

struct asked {
	struct resolver *r;
	struct ipc_ticket ticket;
};

/* --- still privileged --- */

/* Of the host, whose settings may come from DHCP: whoever changes them starts us anew. */
static void
read_host(struct resolver *r)
{
	int fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC);
	struct buf text;
	ssize_t n = -1;

	buf_init(&text, RESOLV_CONF_MAX);
	if (fd >= 0)
		n = read(fd, buf_room(&text, RESOLV_CONF_MAX), RESOLV_CONF_MAX);
	if (n > 0)
		buf_grow(&text, (size_t)n);
	if (fd >= 0)
		close(fd);
	r->servers = dns_setting_resolv_conf(buf_slice(&text), r->server);
	buf_fini(&text);
}

static void
read_servers(struct resolver *r)
{
	const char *text = r->p->config.dns_servers;

	if (!strcmp(text, "host"))
		read_host(r);
	else if (strcmp(text, "recursive") != 0)
		must(!dns_setting_servers(slice_str(text), r->server, &r->servers));
}

static void
tell(const struct resolver *r)
{
	struct buf list;

	buf_init(&list, DNS_SETTING_SERVERS_MAX * (DNS_SETTING_SERVER_TEXT + 1));
	for (size_t i = 0; i < r->servers; i++)
		buf_printf(&list, " %s", r->server[i].text);
	if (r->servers)
		log_info("name servers:%.*s", SLICE_FMT(buf_slice(&list)));
	else if (!strcmp(r->p->config.dns_servers, "host"))
		log_info("name servers: /etc/resolv.conf names none: the root's, and who they "
			 "name");
	else
		log_info("name servers: the root's, and who they name");
	buf_fini(&list);
}

static void
prepare(struct proc *p)
{
	struct resolver *r = must_zalloc(sizeof *r);

	r->p = p;
	p->state = r;
	read_servers(r);
}

/* --- questions --- */

static void
tell_bogus(struct resolver *r, const char *why)
{
	uint64_t now_ms = clock_ms();

	if (now_ms < r->tell_at_ms)
		return;
	r->tell_at_ms = now_ms + TELL_MS;
	log_warn("bogus: %s", why);
}

static void
on_answer(void *arg, const struct dns_answer *answer)
{
	struct asked *a = arg;
	const struct dns_message *m = &answer->message;
	Ipc__Resolved out = IPC__RESOLVED__INIT;
	ProtobufCBinaryData *rdata = must_alloc((m->n + 1) * sizeof *rdata);

	for (size_t i = 0; i < m->n; i++)
		rdata[i] = (ProtobufCBinaryData){
			m->rdata[i].n, (uint8_t *)(uintptr_t)m->rdata[i].p};
	if (answer->security == DNS_BOGUS)
		tell_bogus(a->r, answer->why);
	out.rcode = m->rcode;
	out.security = (Ipc__Resolved__Security)answer->security;
	out.canonical = (ProtobufCBinaryData){
		m->canonical.n, (uint8_t *)(uintptr_t)m->canonical.octets};
	out.ttl_sec = m->ttl_sec;
	out.rdata = rdata;
	out.n_rdata = m->n;
	out.why = (char *)(uintptr_t)answer->why;
	ipc_answer(a->r->p->ipc, a->ticket, ERR_OK, &out.base);
	free(rdata);
	free(a);
}

static void
on_resolve(void *arg, struct ipc_frame *f)
{
	struct resolver *r = arg;
	const Ipc__Resolve *q = (const Ipc__Resolve *)f->msg;
	struct dns_question question = {
		.type = q->type, .timeout_ms = TIMEOUT_MS, .cb = on_answer};
	struct slice name = slice_of(q->name.data, q->name.len);
	struct asked *a;
	size_t at = 0;

	if (dns_name_read(name, &at, &question.name) || at != name.n ||
		!dns_record_is_type(q->type)) {
		ipc_answer(r->p->ipc, ipc_ticket(f), ERR_SYNTAX, NULL);
		return;
	}
	a = must_alloc(sizeof *a);
	*a = (struct asked){r, ipc_ticket(f)};
	question.arg = a;
	dns_ask(r->dns, &question);
}

/* --- life --- */

static void
start(struct proc *p)
{
	struct resolver *r = p->state;
	const struct config *c = &p->config;
	struct dns_settings s = {.server = r->server,
		.servers = r->servers,
		.stub = r->stub,
		.stubs = c->dns_stub.n,
		.anchor = r->anchor,
		.anchors = c->dns_anchor.n,
		.validate = c->dns_validate};

	for (size_t i = 0; i < s.stubs; i++)
		must(!dns_setting_stub(slice_str(c->dns_stub.text[i]), &r->stub[i]));
	for (size_t i = 0; i < s.anchors; i++)
		r->anchor[i] = c->dns_anchor.text[i];
	tell(r);
	r->dns = dns_new(p->loop, &s);
	ipc_on(p->ipc, IPC_RESOLVE, on_resolve, r);
}

const struct proc_role proc_resolver_role = {
	.role = ROLE_RESOLVER,
	.needs = PROC_NEED_DNS,
	.prepare = prepare,
	.start = start,
};
