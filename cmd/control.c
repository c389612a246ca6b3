#include "cmd/control.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/codec.h"
#include "core/conn.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "core/mail_addr.h"
#include "core/must.h"
#include "store/command.h"
#include "store/view_directory.h"

/* COMMAND_MAX: a frame to the store holds a little more. */
enum {
	REQUEST_MAX = 4 << 20,
	REPLY_MAX = 64 << 20,
	IDLE_MS = 60000,
	COMMAND_MAX = IPC_FRAME_MAX - 1024
};

struct control {
	struct courier *courier;
	struct loop_fd *watch;
	int fd;
};

struct control *
control_new(struct courier *c)
{
	struct control *control = must_zalloc(sizeof *control);

	control->courier = c;
	control->fd = -1;
	return control;
}

/* --- replies --- */

static void
finish(struct control_request *r, json_t *out)
{
	char *text = json_dumps(out, JSON_COMPACT);

	if (r->conn && text) {
		conn_write(r->conn, slice_str(text));
		conn_write(r->conn, SLICE_LIT("\n"));
		conn_finish(r->conn);
	}
	free(text);
	json_decref(out);
	json_decref(r->in);
	json_decref(r->done);
	r->in = r->done = NULL;
	r->verb = NULL;
	/* The request lives as long as its connection does. */
	if (!r->conn) {
		arena_reset(&r->arena);
		free(r);
	}
}

void
control_reply(struct control_request *r, json_t *result)
{
	json_t *out = result ? result : json_object();

	json_object_set_new(out, "ok", json_true());
	finish(r, out);
}

/* What filled its room was cut, maybe within a character: JSON takes whole ones alone. */
static void
trim_cut(char *text, size_t room)
{
	size_t n = strlen(text);

	if (n + 1 < room)
		return;
	while (n && ((unsigned char)text[n - 1] & 0xc0) == 0x80)
		n--;
	text[n ? n - 1 : 0] = '\0';
}

void
control_fail(struct control_request *r, int code, const char *format, ...)
{
	char text[512];
	json_t *out = json_object();
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	trim_cut(text, sizeof text);
	json_object_set_new(out, "ok", json_false());
	json_object_set_new(out, "error", json_string(text));
	json_object_set_new(out, "code", json_integer(code));
	finish(r, out);
}

/* The next step, where there is a usual one: the verb's noun has a list. */
static void
refuse(struct control_request *r, const Commands__Result *result)
{
	const char *verb = r->verb->name;
	const char *why = result->text[0] ? result->text
					  : command_code_text((enum command_code)result->code);

	if (result->code == COMMAND_NOT_FOUND)
		control_fail(r, EX_NOUSER, "%s (`hairpin %.*s list` shows what there is)", why,
			(int)strcspn(verb, " "), verb);
	else
		control_fail(r, result->code == COMMAND_EXISTS ? EX_CANTCREAT : EX_DATAERR,
			"%s", why);
}

bool
control_is_done(struct control_request *r, enum err e, const ProtobufCMessage *answer)
{
	const Commands__Result *result = e ? NULL : courier_result(answer, &r->arena);
	bool done = result && result->code == COMMAND_DONE;

	if (!result)
		control_fail(r, EX_TEMPFAIL, "the store did not take it: %s; try again",
			err_text(e ? e : ERR_CORRUPT));
	else if (!done)
		refuse(r, result);
	return done;
}

static void
on_proposed(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct control_request *r = arg;
	json_t *done = r->done;

	if (!control_is_done(r, e, answer))
		return;
	r->done = NULL;
	control_reply(r, done);
}

void
control_propose(struct control_request *r)
{
	if (commands__command__get_packed_size(&r->command) > COMMAND_MAX)
		control_fail(r, EX_DATAERR,
			"too much for one command: name fewer addresses, or a group of them");
	else
		courier_propose(r->courier, &r->command, SLICE_EMPTY, on_proposed, r);
}

/* --- arguments --- */

const char *
control_text(const struct control_request *r, const char *name)
{
	return json_string_value(json_object_get(r->in, name));
}

json_t *
control_json(struct slice s)
{
	json_t *text = json_stringn(s.n ? (const char *)s.p : "", s.n);

	/* Not UTF-8: a name from outside that only looks like text. */
	return text ? text : json_string("?");
}

struct slice
control_domain(struct control_request *r, const char *name)
{
	const char *text = control_text(r, name);
	struct slice domain;
	const char *why = text ? mail_addr_parse_domain(slice_str(text), &r->arena, &domain)
			       : "a domain is needed";

	if (!why)
		return domain;
	control_fail(r, EX_USAGE, "%s: %s", text ? text : name, why);
	return SLICE_EMPTY;
}

/* NULL, or what is wrong. */
static const char *
canonical(struct arena *a, struct slice raw, bool catch_all, struct slice *out)
{
	struct slice domain;
	const char *why;
	uint8_t *p;

	if (!catch_all || !raw.n || raw.p[0] != '@')
		return mail_addr_canonical_text(raw, a, out);
	why = mail_addr_parse_domain(slice_from(raw, 1), a, &domain);
	if (why)
		return why;
	p = arena_alloc(a, 1 + domain.n);
	p[0] = '@';
	memcpy(p + 1, domain.p, domain.n);
	*out = slice_of(p, 1 + domain.n);
	return NULL;
}

struct slice
control_address(struct control_request *r, const char *name, bool catch_all)
{
	const char *text = control_text(r, name);
	struct slice out;
	const char *why = text ? canonical(&r->arena, slice_str(text), catch_all, &out)
			       : "an address is needed";

	if (!why)
		return out;
	control_fail(r, EX_USAGE, "%s: %s", text ? text : name, why);
	return SLICE_EMPTY;
}

bool
control_addresses(
	struct control_request *r, const char *name, ProtobufCBinaryData **list, size_t *n)
{
	json_t *array = json_object_get(r->in, name), *one;
	size_t i, count = json_array_size(array);
	struct slice address;
	const char *why;

	*list = arena_alloc(&r->arena, (count + 1) * sizeof **list);
	*n = 0;
	json_array_foreach(array, i, one)
	{
		why = json_is_string(one)
			      ? canonical(&r->arena, slice_str(json_string_value(one)), true,
					&address)
			      : "an address is needed";
		if (why) {
			control_fail(r, EX_USAGE, "%s: %s",
				json_is_string(one) ? json_string_value(one) : name, why);
			return false;
		}
		(*list)[(*n)++] = codec_bytes(address);
	}
	return true;
}

static bool
is_ours(struct control_request *r, struct db_txn *txn, struct slice address)
{
	size_t at = address.n;
	Commands__Domain *found;

	while (at && address.p[at - 1] != '@')
		at--;
	return !view_directory_domain(txn, slice_from(address, at), &r->arena, &found);
}

bool
control_targets(
	struct control_request *r, const char *name, ProtobufCBinaryData **list, size_t *n)
{
	json_t *array = json_object_get(r->in, name);
	struct db_txn *txn;
	struct slice kept;

	if (!control_addresses(r, name, list, n))
		return false;
	txn = *n ? control_read(r) : NULL;
	if (!txn)
		return *n == 0;
	for (size_t i = 0; i < *n; i++) {
		const char *given = json_string_value(json_array_get(array, i));

		if (!is_ours(r, txn, codec_slice((*list)[i])) &&
			!mail_addr_foreign_text(slice_str(given), &r->arena, &kept))
			(*list)[i] = codec_bytes(kept);
	}
	view_end(r->courier->view);
	return true;
}

struct db_txn *
control_read(struct control_request *r)
{
	struct db_txn *txn;
	char dir[512];

	rest_later(&r->courier->rest);
	proc_path(r->courier->p, "db", dir);
	if (!r->courier->view && view_open(dir, r->courier->p->floor_page, &r->courier->view))
		r->courier->view = NULL;
	if (r->courier->view && !view_begin(r->courier->view, &txn))
		return txn;
	control_fail(r, EX_TEMPFAIL, "the database can't be read now; try again");
	return NULL;
}

/* --- connections --- */

static const struct control_verb *
find_verb(const char *name)
{
	static const struct control_verb *const tables[] = {
#ifdef HAIRPIN_NEXT
		control_note_verbs,
#endif
		control_directory_verbs, control_account_verbs, control_group_verbs,
		control_queue_verbs, control_cluster_verbs, control_dns_verbs,
		control_sts_verbs, control_why_verbs, control_policy_verbs,
		control_explain_verbs, control_policy_check_verbs, control_key_verbs,
		control_cert_verbs, control_status_verbs, control_dkim_verbs};

	for (size_t t = 0; name && t < sizeof tables / sizeof *tables; t++)
		for (const struct control_verb *v = tables[t]; v->name; v++)
			if (!strcmp(v->name, name))
				return v;
	return NULL;
}

/* An arbiter's directory and queue are empty: what it said of them would be untrue. */
static bool
is_for_data_nodes(const char *verb)
{
	return !strcmp(verb, "cluster verify") ||
	       (strncmp(verb, "cluster ", 8) != 0 && strcmp(verb, "store stats") != 0);
}

static void
run_verb(struct control_request *r)
{
	if (r->courier->p->config.arbiter && is_for_data_nodes(r->verb->name))
		control_fail(r, EX_UNAVAILABLE,
			"this node is an arbiter and holds neither mail nor users: say it on a "
			"data node (`hairpin cluster status` lists them)");
	else
		r->verb->run(r);
}

static size_t
on_input(void *arg, struct slice in)
{
	struct control_request *r = arg;
	size_t line = slice_find(in, '\n');
	const char *name;

	if (line == in.n)
		return 0;
	conn_pause(r->conn, true);
	r->in = json_loadb((const char *)in.p, line, JSON_REJECT_DUPLICATES, NULL);
	name = json_string_value(json_object_get(r->in, "verb"));
	r->verb = find_verb(name);
	if (r->verb)
		run_verb(r);
	else
		control_fail(r, EX_USAGE, "no such verb: %s", name ? name : "(none)");
	return line + 1;
}

static void
on_end(void *arg, enum err e)
{
	struct control_request *r = arg;

	(void)e;
	conn_free(r->conn);
	r->conn = NULL;
	if (r->verb)
		return; /* still working: finish() frees */
	json_decref(r->in);
	arena_reset(&r->arena);
	free(r);
}

static void
on_accept(void *arg)
{
	static const struct conn_events events = {.on_input = on_input, .on_end = on_end};
	static const struct conn_limits limits = {.in_max = REQUEST_MAX,
		.out_high = REPLY_MAX,
		.out_max = REPLY_MAX,
		.idle_ms = IDLE_MS,
		.write_ms = IDLE_MS};
	struct control *control = arg;
	struct control_request *r;
	int fd = accept4(control->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	r = must_zalloc(sizeof *r);
	r->control = control;
	r->courier = control->courier;
	arena_init(&r->arena, 4096);
	commands__command__init(&r->command);
	r->conn = conn_new(control->courier->p->loop, fd, &events, r, &limits);
}

void
control_listen(struct control *control, int fd)
{
	loop_unwatch(control->watch);
	if (control->fd >= 0)
		close(control->fd);
	control->fd = fd;
	control->watch = loop_watch(control->courier->p->loop, fd, on_accept, NULL, control);
}
