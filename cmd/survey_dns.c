#include "cmd/survey_dns.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/conn.h"
#include "core/dns_record.h"
#include "core/mail_decode.h"
#include "core/must.h"

/* IN_MAX: an answer's records, in both of their forms. AGAIN: the server has no room for the
 * call now. */
enum { IN_MAX = 1 << 20, OUT_MAX = 8192, AGAIN_MS = 50 };

struct asking {
	struct loop *loop;
	const char *path;
	struct dns_question q;
	struct conn *conn;
	struct loop_timer *end, *again;
};

/* --- the answer --- */

static void
finish(struct asking *a, const struct dns_answer *answer)
{
	conn_free(a->conn);
	loop_cancel(a->end);
	loop_cancel(a->again);
	a->q.cb(a->q.arg, answer);
	free(a);
}

static void
fail(struct asking *a, const char *why)
{
	struct dns_answer answer = {
		.message = {.rcode = DNS_MESSAGE_SERVFAIL, .canonical = a->q.name}, .why = why};

	finish(a, &answer);
}

static unsigned
index_of(const json_t *in, const char *name, const char *const *words, unsigned n)
{
	const char *word = json_string_value(json_object_get(in, name));
	unsigned i = 0;

	while (word && i < n && strcmp(word, words[i]) != 0)
		i++;
	return word ? i : n;
}

static bool
read_records(const json_t *in, struct arena *a, struct dns_answer *out)
{
	const json_t *list = json_object_get(in, "rdata"), *one;
	size_t n = json_array_size(list), i;
	struct slice *rdata = arena_alloc(a, (n + 1) * sizeof *rdata);
	bool ok = true;
	struct buf raw;

	json_array_foreach(list, i, one)
	{
		buf_init(&raw, DNS_MESSAGE_MAX);
		ok = ok && mail_decode_base64(slice_str(json_string_value(one)), &raw);
		rdata[i] = arena_dup(a, buf_slice(&raw));
		buf_fini(&raw);
	}
	out->message.rdata = rdata;
	out->message.n = n;
	return ok;
}

/* False: it isn't what `hairpin dns` answers. */
static bool
read_answer(const json_t *in, struct arena *a, struct dns_answer *out)
{
	static const char *const rcodes[] = {
		"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};
	static const char *const securities[] = {"insecure", "secure", "bogus"};
	const char *name = json_string_value(json_object_get(in, "name"));
	const char *why = json_string_value(json_object_get(in, "why"));
	unsigned rcode = index_of(in, "answer", rcodes, 6);
	unsigned security = index_of(in, "security", securities, 3);

	out->message.rcode = rcode < 6 ? rcode : DNS_MESSAGE_SERVFAIL;
	out->security = security < 3 ? (enum dns_security)security : DNS_INSECURE;
	out->why = why ? why : "";
	return security < 3 && name &&
	       !dns_name_parse(slice_str(name), &out->message.canonical) &&
	       read_records(in, a, out);
}

static size_t
on_input(void *arg, struct slice in)
{
	struct asking *a = arg;
	size_t line = slice_find(in, '\n');
	struct dns_answer answer = {.why = ""};
	struct arena arena;
	json_t *json;

	if (line == in.n)
		return 0;
	arena_init(&arena, 0);
	json = json_loadb((const char *)in.p, line, 0, NULL);
	if (json_is_true(json_object_get(json, "ok")) && read_answer(json, &arena, &answer))
		finish(a, &answer);
	else
		fail(a, "the server gave no answer");
	json_decref(json);
	arena_reset(&arena);
	return 0;
}

/* --- the question --- */

static void
on_end(void *arg, enum err e)
{
	(void)e;
	fail(arg, "the server ended the conversation");
}

static void
on_time(void *arg)
{
	struct asking *a = arg;

	a->end = NULL;
	fail(a, "no answer in time");
}

static void
say(struct asking *a)
{
	struct buf name, type;
	json_t *request;
	char *text;

	buf_init(&name, DNS_NAME_TEXT_MAX);
	buf_init(&type, 16);
	dns_name_format(&a->q.name, &name);
	dns_record_type_format(a->q.type, &type);
	request = json_pack("{s:s, s:s%, s:s%, s:b}", "verb", "dns", "name", name.p, name.n,
		"type", type.p, type.n, "raw", 1);
	text = json_dumps(request, JSON_COMPACT);
	must(text != NULL);
	conn_write(a->conn, slice_str(text));
	conn_write(a->conn, SLICE_LIT("\n"));
	free(text);
	json_decref(request);
	buf_fini(&name);
	buf_fini(&type);
}

static void
call(void *arg)
{
	static const struct conn_events events = {.on_input = on_input, .on_end = on_end};
	static const struct conn_limits limits = {
		.in_max = IN_MAX, .out_high = OUT_MAX, .out_max = OUT_MAX};
	struct asking *a = arg;
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	a->again = NULL;
	snprintf(at.sun_path, sizeof at.sun_path, "%s", a->path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0) {
		a->conn = conn_new(a->loop, fd, &events, a, &limits);
		say(a);
		return;
	}
	if (fd >= 0)
		close(fd);
	a->again = loop_after(a->loop, AGAIN_MS, call, a);
}

void
survey_dns_ask(struct loop *loop, const char *path, const struct dns_question *question)
{
	struct asking *a = must_zalloc(sizeof *a);

	a->loop = loop;
	a->path = path;
	a->q = *question;
	a->again = loop_after(loop, 0, call, a);
	a->end = loop_after(loop, question->timeout_ms, on_time, a);
}
