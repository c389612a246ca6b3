/* control_dns: the verb that asks the resolver, and shows what it says. */
#include <sysexits.h>

#include "cmd/control.h"
#include "cmd/resolve.h"
#include "core/dns_record.h"
#include "core/utf8.h"
#include "crypto/seal.h"

static json_t *
json_text(struct buf *text)
{
	json_t *out = control_json(buf_slice(text));

	buf_fini(text);
	return out;
}

static json_t *
name_json(const struct dns_name *name)
{
	struct buf text;

	buf_init(&text, DNS_NAME_TEXT_MAX);
	dns_name_format(name, &text);
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

static json_t *
records_json(unsigned type, const struct dns_message *m)
{
	json_t *out = json_array();
	struct buf text;

	for (size_t i = 0; i < m->n; i++) {
		buf_init(&text, DNS_RECORD_TEXT_MAX);
		dns_record_format(type, m->rdata[i], &text);
		json_array_append_new(out, json_text(&text));
	}
	return out;
}

/* As they are on the wire, in base64. */
static json_t *
raw_json(const struct dns_message *m)
{
	json_t *out = json_array();
	struct buf text;

	for (size_t i = 0; i < m->n; i++) {
		buf_init(&text, 2 * DNS_MESSAGE_MAX);
		seal_b64(m->rdata[i], &text);
		json_array_append_new(out, json_text(&text));
	}
	return out;
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
outcome(const struct dns_message *m)
{
	if (m->rcode == DNS_MESSAGE_NXDOMAIN)
		return "there is no such name";
	return m->rcode == DNS_MESSAGE_NOERROR && !m->n
		       ? "the name is there, but no record of this type"
		       : "";
}

/* 0: there is none of that name. */
static unsigned
asked_type(const struct control_request *r)
{
	const char *type = control_text(r, "type");

	return type ? dns_record_type_parse(slice_str(type)) : DNS_RECORD_A;
}

static void
on_answer(void *arg, const struct dns_answer *answer)
{
	static const char *const security[] = {"insecure", "secure", "bogus"};
	struct control_request *r = arg;
	const struct dns_message *m = &answer->message;
	json_t *out = json_object();

	json_object_set_new(out, "name", name_json(&m->canonical));
	json_object_set_new(out, "type", type_json(asked_type(r)));
	json_object_set_new(out, "answer", json_string(rcode_name(m->rcode)));
	json_object_set_new(out, "security", json_string(security[answer->security]));
	json_object_set_new(out, "ttl", json_integer(m->ttl_sec));
	json_object_set_new(
		out, "why", control_json(slice_str(answer->why[0] ? answer->why : outcome(m))));
	json_object_set_new(out, "records", records_json(asked_type(r), m));
	/* For a program that asks: `hairpin check`. */
	if (json_is_true(json_object_get(r->in, "raw")))
		json_object_set_new(out, "rdata", raw_json(m));
	control_reply(r, out);
}

/* A name of the DNS, or a domain in Unicode. False: failed. */
static bool
read_name(struct control_request *r, struct dns_name *out)
{
	struct slice text = slice_str(control_text(r, "name"));

	if (!utf8_is_ascii(text)) {
		text = control_domain(r, "name");
		if (!text.n)
			return false;
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
	struct dns_question q = {
		.type = asked_type(r), .timeout_ms = RESOLVE_MS, .cb = on_answer, .arg = r};

	if (!q.type)
		control_fail(r, EX_USAGE,
			"%.20s: not a type of record; known are A, AAAA, CNAME, MX, NS, PTR, "
			"SOA, SRV, TLSA, TXT, and TYPE with a number",
			control_text(r, "type"));
	else if (read_name(r, &q.name))
		resolve_ask(r->courier->p->ipc, &q);
}

const struct control_verb control_dns_verbs[] = {
	{"dns", dns},
	{NULL, NULL},
};
