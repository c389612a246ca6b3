/* control_dns: the verb that asks the resolver, and shows what it says. */
#include <sysexits.h>

#include "cmd/control.h"
#include "core/codec.h"
#include "core/dns_message.h"
#include "core/dns_record.h"
#include "core/ipc.pb-c.h"
#include "core/mail_addr.h"

/* More than the resolver takes (cmd/proc_resolver). */
enum { RESOLVER_MS = 30000 };

struct shown {
	unsigned type;
};

static json_t *
json_text(struct buf *text)
{
	json_t *out = control_json(buf_slice(text));

	buf_fini(text);
	return out;
}

static json_t *
name_json(struct slice raw)
{
	struct dns_name name;
	struct buf text;
	size_t at = 0;

	buf_init(&text, DNS_NAME_TEXT_MAX);
	if (!dns_name_read(raw, &at, &name))
		dns_name_format(&name, &text);
	return json_text(&text);
}

static json_t *
type_json(unsigned type)
{
	struct buf text;

	buf_init(&text, 16);
	dns_record_type_format(type, &text);
	return json_text(&text);
}

static const char *
rcode_name(unsigned rcode)
{
	static const char *const names[] = {
		"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};

	return rcode < sizeof names / sizeof *names ? names[rcode] : "unknown";
}

/* In words what the code and the records say together. */
static const char *
outcome(const Ipc__Resolved *a)
{
	if (a->rcode == DNS_MESSAGE_NXDOMAIN)
		return "there is no such name";
	return a->rcode == DNS_MESSAGE_NOERROR && !a->n_rdata
		       ? "the name is there, but no record of this type"
		       : "";
}

static void
on_resolved(void *arg, enum err e, const ProtobufCMessage *msg)
{
	static const char *const security[] = {"insecure", "secure", "bogus"};
	struct control_request *r = arg;
	const Ipc__Resolved *a = (const Ipc__Resolved *)msg;
	const struct shown *shown = r->state;
	json_t *out, *records;
	struct buf text;

	if (e) {
		control_fail(r, EX_TEMPFAIL, "the resolver did not answer: %s; try again",
			err_text(e));
		return;
	}
	out = json_object();
	records = json_array();
	json_object_set_new(out, "name", name_json(codec_slice(a->canonical)));
	json_object_set_new(out, "type", type_json(shown->type));
	json_object_set_new(out, "answer", json_string(rcode_name(a->rcode)));
	json_object_set_new(out, "security",
		json_string(a->security < 3 ? security[a->security] : "unknown"));
	json_object_set_new(out, "ttl", json_integer(a->ttl_sec));
	json_object_set_new(
		out, "why", control_json(slice_str(a->why[0] ? a->why : outcome(a))));
	for (size_t i = 0; i < a->n_rdata; i++) {
		buf_init(&text, DNS_RECORD_TEXT_MAX);
		dns_record_format(shown->type, codec_slice(a->rdata[i]), &text);
		json_array_append_new(records, json_text(&text));
	}
	json_object_set_new(out, "records", records);
	control_reply(r, out);
}

/* A name of the DNS, or a domain in Unicode. False: failed. */
static bool
read_name(struct control_request *r, struct dns_name *out)
{
	struct slice text = slice_str(control_text(r, "name")), domain;

	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] >= 0x80) {
			domain = control_domain(r, "name");
			return domain.n && !dns_name_parse(domain, out);
		}
	if (!dns_name_parse(text, out))
		return true;
	control_fail(
		r, EX_USAGE, "%.*s: not a name of the DNS", SLICE_FMT(slice_cut(text, 0, 300)));
	return false;
}

static void
dns(struct control_request *r)
{
	const char *type = control_text(r, "type");
	struct shown *shown = arena_alloc(&r->arena, sizeof *shown);
	Ipc__Resolve q = IPC__RESOLVE__INIT;
	struct dns_name name;

	shown->type = type ? dns_record_type_parse(slice_str(type)) : DNS_RECORD_A;
	r->state = shown;
	if (!shown->type) {
		control_fail(r, EX_USAGE,
			"%.20s: not a type of record; known are A, AAAA, CNAME, MX, NS, PTR, "
			"SOA, "
			"SRV, TLSA, TXT, and TYPE with a number",
			type);
		return;
	}
	if (!read_name(r, &name))
		return;
	q.name = (ProtobufCBinaryData){name.n, name.octets};
	q.type = shown->type;
	ipc_ask(r->courier->p->ipc, IPC_RESOLVE, &q.base, -1,
		(struct ipc_wait){RESOLVER_MS, on_resolved, r});
}

const struct control_verb control_dns_verbs[] = {
	{"dns", dns},
	{NULL, NULL},
};
