#include "core/dns.h"

#include <stdio.h>
#include <stdlib.h>
#include <unbound-event.h>
#include <unbound.h>

#include "core/dns_record.h"
#include "core/log.h"
#include "core/must.h"

enum { CLASS_IN = 1, LINE_MAX_OCTETS = 512, WHY_MAX = 300 };

struct asked {
	struct asked *next; /* while it waits */
	struct dns *dns;
	struct dns_question
		question; /* no cb: it was answered, but libunbound is still at it */
	struct loop_timer *deadline;
	bool is_running;
};

struct dns {
	struct loop *loop;
	struct ub_ctx *ub;
	FILE *log;
	char said[LINE_MAX_OCTETS]; /* libunbound's newest line on a failed question */
	struct asked *first, **last;
	unsigned running, waiting;
	bool is_inside; /* a callback of libunbound's, from where it isn't asked anew */
	bool is_ending;
	struct loop_timer *pump;
};

/* --- libunbound's settings --- */

/* The root's key signing keys of 2017 and 2024 (IANA's root-anchors.xml). */
static const char *const root_anchors[] = {
	". DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
	". DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16"};

static const char *const options[][2] = {
	/* A server that is slow takes no place away from others. */
	{"num-queries-per-thread:", "256"}, {"outgoing-range:", "128"},
	{"outgoing-num-tcp:", "32"},
	/* Memory is bounded by these. */
	{"msg-cache-size:", "4m"}, {"rrset-cache-size:", "8m"}, {"key-cache-size:", "1m"},
	{"neg-cache-size:", "1m"}, {"infra-cache-numhosts:", "10000"},
	/* Why a question failed is said in a log line only. */
	{"log-servfail:", "yes"}, {"val-log-squelch:", "no"},
	/* Nobody needs to be told which anchors we have. */
	{"trust-anchor-signaling:", "no"}};

static void
check(int code, const char *what)
{
	if (code)
		must_fatal("libunbound: %s: %s", what, ub_strerror(code));
}

static void
set(struct dns *dns, const char *name, const char *value)
{
	check(ub_ctx_set_option(dns->ub, name, value), name);
}

static const char *
text_of(const struct dns_name *name, char text[DNS_NAME_TEXT_MAX + 1])
{
	struct buf b;

	buf_init(&b, DNS_NAME_TEXT_MAX);
	dns_name_format(name, &b);
	memcpy(text, b.p, b.n);
	text[b.n] = '\0';
	buf_fini(&b);
	return text;
}

/* Is an anchor for that zone or one above it, which isn't the root? */
static bool
is_anchored(const struct dns_settings *s, const struct dns_name *zone)
{
	struct dns_name owner;

	for (size_t i = 0; i < s->anchors; i++)
		if (!dns_setting_anchor(slice_str(s->anchor[i]), &owner) && owner.n > 1 &&
			dns_name_is_within(zone, &owner))
			return true;
	return false;
}

static void
add_stub(struct dns *dns, const struct dns_settings *s, const struct dns_setting_stub *stub)
{
	char zone[DNS_NAME_TEXT_MAX + 1], local[DNS_NAME_TEXT_MAX + 20];

	text_of(&stub->zone, zone);
	check(ub_ctx_set_stub(dns->ub, zone, stub->server.text, 0), zone);
	/* libunbound answers some zones itself with "no such name", "test" among them. */
	snprintf(local, sizeof local, "%s transparent", zone);
	set(dns, "local-zone:", local);
	if (s->validate && !is_anchored(s, &stub->zone))
		set(dns, "domain-insecure:", zone);
}

static void
add_anchors(struct dns *dns, const struct dns_settings *s)
{
	for (size_t i = 0; i < sizeof root_anchors / sizeof *root_anchors; i++)
		check(ub_ctx_add_ta(dns->ub, root_anchors[i]), "the root's trust anchor");
	for (size_t i = 0; i < s->anchors; i++)
		check(ub_ctx_add_ta(dns->ub, s->anchor[i]), s->anchor[i]);
}

static void
apply(struct dns *dns, const struct dns_settings *s)
{
	bool any_loopback = false;

	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		set(dns, options[i][0], options[i][1]);
	for (size_t i = 0; i < s->servers; i++) {
		any_loopback = any_loopback || s->server[i].is_loopback;
		check(ub_ctx_set_fwd(dns->ub, s->server[i].text), s->server[i].text);
	}
	for (size_t i = 0; i < s->stubs; i++) {
		any_loopback = any_loopback || s->stub[i].server.is_loopback;
		add_stub(dns, s, &s->stub[i]);
	}
	/* A stranger's zone may say that its server is 127.0.0.1. */
	set(dns, "do-not-query-localhost:", any_loopback ? "no" : "yes");
	/* A server that works for us may know the names of private addresses. */
	if (s->servers) {
		set(dns, "unblock-lan-zones:", "yes");
		set(dns, "insecure-lan-zones:", "yes");
	}
	if (s->validate)
		add_anchors(dns, s);
	else
		set(dns, "module-config:", "iterator");
}

/* --- its log --- */

/* "[time] libunbound[pid:0] error: SERVFAIL <name. TYPE CLASS>: why" */
static ssize_t
on_log(void *cookie, const char *p, size_t n)
{
	struct dns *dns = cookie;
	struct slice line = slice_trim(slice_of(p, n));
	size_t at = slice_find_slice(line, SLICE_LIT("SERVFAIL <"));

	log_debug("%.*s", SLICE_FMT(line));
	if (at < line.n)
		snprintf(dns->said, sizeof dns->said, "%.*s", SLICE_FMT(slice_from(line, at)));
	return (ssize_t)n;
}

/* Why it says that a question failed, if its newest line is about that one. */
static const char *
why_failed(const struct dns *dns, const struct dns_question *q)
{
	struct slice said = slice_str(dns->said);
	const char *why = "the name servers gave no usable answer";
	struct buf begin;

	buf_init(&begin, LINE_MAX_OCTETS);
	buf_put_str(&begin, "SERVFAIL <");
	dns_name_format(&q->name, &begin);
	buf_put_str(&begin, q->name.n > 1 ? ". " : " ");
	dns_record_type_format(q->type, &begin);
	buf_put_str(&begin, " IN>: ");
	if (!begin.overflow && slice_starts(said, buf_slice(&begin)))
		why = dns->said + begin.n;
	buf_fini(&begin);
	return why;
}

/* --- life --- */

struct dns *
dns_new(struct loop *loop, const struct dns_settings *settings)
{
	static const cookie_io_functions_t io = {.write = on_log};
	struct dns *dns = must_zalloc(sizeof *dns);

	dns->loop = loop;
	dns->last = &dns->first;
	dns->log = fopencookie(dns, "w", io);
	must(dns->log && setvbuf(dns->log, NULL, _IOLBF, 4096) == 0);
	dns->ub = ub_ctx_create_event(loop_base(loop));
	must(dns->ub != NULL);
	check(ub_ctx_debugout(dns->ub, dns->log), "its log");
	apply(dns, settings);
	return dns;
}

static void
forget(struct asked *a)
{
	loop_cancel(a->deadline);
	free(a);
}

void
dns_free(struct dns *dns)
{
	struct asked *next;

	if (!dns)
		return;
	dns->is_ending = true;
	loop_cancel(dns->pump);
	for (struct asked *a = dns->first; a; a = next) {
		next = a->next;
		forget(a);
	}
	ub_ctx_delete(dns->ub);
	fclose(dns->log);
	free(dns);
}

/* --- questions --- */

/* The callback, once. */
static void
answer(struct asked *a, const struct dns_answer *answer)
{
	dns_cb cb = a->question.cb;

	a->question.cb = NULL;
	loop_cancel(a->deadline);
	a->deadline = NULL;
	if (cb)
		cb(a->question.arg, answer);
}

static void
fail(struct asked *a, enum dns_security security, const char *why)
{
	struct dns_answer failed = {
		.message = {.rcode = DNS_MESSAGE_SERVFAIL, .canonical = a->question.name},
		.security = security,
		.why = why};

	answer(a, &failed);
}

static void pump(void *arg);

static void
finish(struct asked *a)
{
	struct dns *dns = a->dns;

	dns->running--;
	if (dns->first && !dns->pump && !dns->is_ending)
		dns->pump = loop_after(dns->loop, 0, pump, dns);
	forget(a);
}

static void
read_answer(struct asked *a, struct slice raw, int security)
{
	struct dns_answer got = {
		.security = security == 2 ? DNS_SECURE : DNS_INSECURE, .why = ""};
	struct arena arena;
	enum err e;

	arena_init(&arena, 0);
	e = dns_message_parse(raw, &a->question.name, a->question.type, &arena, &got.message);
	if (e)
		fail(a, DNS_INSECURE,
			e == ERR_LIMIT ? "the name is an alias of an alias, without an end"
				       : "the answer is malformed");
	else if (got.message.rcode != DNS_MESSAGE_NOERROR &&
		 got.message.rcode != DNS_MESSAGE_NXDOMAIN)
		fail(a, DNS_INSECURE, why_failed(a->dns, &a->question));
	else
		answer(a, &got);
	arena_reset(&arena);
}

static void
on_answer(void *arg, int rcode, void *packet, int n, int security, char *why, int is_limited)
{
	struct asked *a = arg;
	char text[WHY_MAX];

	(void)is_limited;
	a->dns->is_inside = true;
	if (a->dns->is_ending)
		a->question.cb = NULL;
	if (security == 1) {
		snprintf(text, sizeof text, "%s", why ? why : "validation failure");
		fail(a, DNS_BOGUS, text);
	} else if (rcode || !packet || n < 0) {
		fail(a, DNS_INSECURE, why_failed(a->dns, &a->question));
	} else {
		read_answer(a, slice_of(packet, (size_t)n), security);
	}
	a->dns->is_inside = false;
	finish(a);
}

static void
run(struct asked *a)
{
	char name[DNS_NAME_TEXT_MAX + 1];
	int code;

	a->is_running = true;
	a->dns->running++;
	code = ub_resolve_event(a->dns->ub, text_of(&a->question.name, name),
		(int)a->question.type, CLASS_IN, a, on_answer, NULL);
	if (!code)
		return;
	fail(a, DNS_INSECURE, ub_strerror(code));
	finish(a);
}

static void
pump(void *arg)
{
	struct dns *dns = arg;
	struct asked *a;

	dns->pump = NULL;
	while (dns->running < DNS_RUNNING_MAX && (a = dns->first)) {
		dns->first = a->next;
		if (!dns->first)
			dns->last = &dns->first;
		dns->waiting--;
		run(a);
	}
}

static void
leave_queue(struct asked *a)
{
	struct dns *dns = a->dns;
	struct asked **at = &dns->first;

	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	if (dns->last == &a->next)
		dns->last = at;
	dns->waiting--;
}

/* libunbound goes on: what it finds is in its cache when the question comes again, and its
 * place is taken until it gives up: silent servers don't make it do more and more. */
static void
on_deadline(void *arg)
{
	struct asked *a = arg;

	a->deadline = NULL;
	if (!a->is_running)
		leave_queue(a);
	fail(a, DNS_INSECURE, "no answer in time");
	if (!a->is_running)
		forget(a);
}

void
dns_ask(struct dns *dns, const struct dns_question *question)
{
	struct asked *a = must_zalloc(sizeof *a);

	a->dns = dns;
	a->question = *question;
	if (dns->running < DNS_RUNNING_MAX && !dns->is_inside) {
		a->deadline = loop_after(dns->loop, question->timeout_ms, on_deadline, a);
		run(a);
		return;
	}
	if (dns->waiting == DNS_WAITING_MAX) {
		fail(a, DNS_INSECURE, "too many questions at once");
		forget(a);
		return;
	}
	a->deadline = loop_after(dns->loop, question->timeout_ms, on_deadline, a);
	*dns->last = a;
	dns->last = &a->next;
	dns->waiting++;
}
