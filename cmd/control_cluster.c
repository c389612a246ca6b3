/* control_cluster: the cluster's verbs. What the store knows it is asked (cmd/store_cluster);
 * the secret of a token comes from keyd, and stays nowhere. */
#include "cmd/control.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/store_cluster.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/rand.h"
#include "crypto/peer_join.h"

enum { KEYD_MS = 10000 };

/* --- what the store is asked --- */

/* The answer's object, or NULL: it failed, and that was said. */
static json_t *
store_answer(struct control_request *r, enum err e, const ProtobufCMessage *msg)
{
	const Ipc__Json *answer = (const Ipc__Json *)msg;
	json_t *out = e ? NULL : json_loads(answer->text, 0, NULL);
	const char *error = json_string_value(json_object_get(out, "error"));

	if (!out)
		control_fail(r, EX_TEMPFAIL, "the store did not answer: %s; try again",
			err_text(e ? e : ERR_CORRUPT));
	else if (error)
		control_fail(
			r, (int)json_integer_value(json_object_get(out, "code")), "%s", error);
	else
		return out;
	json_decref(out);
	return NULL;
}

static void
on_done(void *arg, enum err e, const ProtobufCMessage *msg)
{
	struct control_request *r = arg;
	json_t *out = store_answer(r, e, msg);

	if (out)
		control_reply(r, out);
}

static void
ask_store(struct control_request *r, const char *verb, ipc_answer_cb cb)
{
	Ipc__StoreAdmin q = IPC__STORE_ADMIN__INIT;
	char *argument = json_dumps(r->in, JSON_COMPACT);

	q.verb = (char *)(uintptr_t)verb;
	q.argument = argument;
	ipc_ask(r->courier->p->ipc, IPC_STORE_ADMIN, &q.base, -1,
		(struct ipc_wait){COURIER_ASK_MS, cb, r});
	free(argument);
}

static void
pass_on(struct control_request *r)
{
	ask_store(r, r->verb->name, on_done);
}

/* --- a token --- */

struct token_asked {
	struct peer_join_token t;
};

static void
reply_token(struct control_request *r, const struct peer_join_token *t)
{
	json_t *out = json_object(), *addresses = json_array();
	struct buf text;

	buf_init(&text, PEER_JOIN_TEXT_MAX);
	if (peer_join_format(t, &text)) {
		json_decref(out);
		json_decref(addresses);
		control_fail(r, EX_SOFTWARE, "too long a token");
		return;
	}
	for (size_t i = 0; i < t->addresses; i++)
		json_array_append_new(addresses, json_string(t->address[i]));
	json_object_set_new(out, "token", json_stringn((const char *)text.p, text.n));
	json_object_set_new(out, "kind", json_string(t->arbiter ? "arbiter" : "data"));
	json_object_set_new(out, "until_sec", json_integer((json_int_t)t->until_sec));
	json_object_set_new(out, "addresses", addresses);
	buf_fini_secret(&text);
	control_reply(r, out);
}

static void
on_secret(void *arg, enum err e, const ProtobufCMessage *msg)
{
	struct control_request *r = arg;
	const Ipc__KeydTokenSecret *a = (const Ipc__KeydTokenSecret *)msg;
	struct token_asked *asked = r->state;

	if (e || a->secret.len != sizeof asked->t.secret ||
		a->authority.len != sizeof asked->t.authority) {
		control_fail(r, EX_SOFTWARE, "the token could not be made: %s",
			err_text(e ? e : ERR_CORRUPT));
		return;
	}
	memcpy(asked->t.secret, a->secret.data, sizeof asked->t.secret);
	memcpy(asked->t.authority, a->authority.data, sizeof asked->t.authority);
	reply_token(r, &asked->t);
	seal_wipe(asked, sizeof *asked);
}

static bool
is_arbiter(const json_t *node)
{
	const char *kind = json_string_value(json_object_get(node, "kind"));
	const char *goal = json_string_value(json_object_get(node, "goal"));

	return !kind || !goal || !strcmp(kind, "arbiter") || !strcmp(goal, "arbiter");
}

/* Where the joiner may ask besides: at the other data nodes. */
static void
add_addresses(struct peer_join_token *t, json_t *nodes)
{
	json_t *one;
	size_t i;

	json_array_foreach(nodes, i, one)
	{
		const char *address = json_string_value(json_object_get(one, "address"));

		if (json_is_true(json_object_get(one, "self")) || !address || is_arbiter(one) ||
			t->addresses == PEER_JOIN_ADDRESSES_MAX ||
			!peer_join_is_address(slice_str(address)))
			continue;
		memcpy(t->address[t->addresses++], address, strlen(address) + 1);
	}
}

/* As it is configured: the others may not have heard of it yet. */
static void
add_own_address(struct peer_join_token *t, const struct config *c)
{
	const struct config_listener *at = config_cluster(c);
	bool is_six = at && strchr(at->address, ':');
	char text[PEER_JOIN_ADDRESS_MAX];

	if (!at)
		return;
	snprintf(text, sizeof text, is_six ? "[%s]:%u" : "%s:%u", at->address, at->port);
	if (peer_join_is_address(slice_str(text)))
		memcpy(t->address[t->addresses++], text, strlen(text) + 1);
}

static void
on_status(void *arg, enum err e, const ProtobufCMessage *msg)
{
	struct control_request *r = arg;
	struct token_asked *asked = r->state;
	Ipc__KeydToken q = IPC__KEYD_TOKEN__INIT;
	json_t *status = store_answer(r, e, msg);
	size_t own;

	if (!status)
		return;
	if (json_is_true(json_object_get(status, "removed"))) {
		control_fail(r, EX_UNAVAILABLE, "%s: %s", STORE_CLUSTER_REMOVED,
			STORE_CLUSTER_COME_BACK);
		json_decref(status);
		return;
	}
	add_own_address(&asked->t, &r->courier->p->config);
	own = asked->t.addresses;
	add_addresses(&asked->t, json_object_get(status, "nodes"));
	json_decref(status);
	if (!own) {
		control_fail(r, EX_CONFIG,
			"other nodes can't reach this one yet. Put this into its "
			"configuration, "
			"with an address of this machine, and start it anew:\n\n"
			"[listener cluster]\nkind = cluster\naddress = 192.0.2.1\nport = "
			"4627\n");
		return;
	}
	q.id = codec_bytes(slice_of(asked->t.id, sizeof asked->t.id));
	q.until_sec = asked->t.until_sec;
	q.arbiter = asked->t.arbiter;
	ipc_ask(r->courier->p->ipc, IPC_KEYD_TOKEN, &q.base, -1,
		(struct ipc_wait){KEYD_MS, on_secret, r});
}

static void
token(struct control_request *r)
{
	json_t *hours = json_object_get(r->in, "hours");
	json_int_t n = hours ? json_integer_value(hours) : 1;
	struct token_asked *asked = arena_zalloc(&r->arena, sizeof *asked);

	if (n < 1 || n > PEER_JOIN_HOURS_MAX) {
		control_fail(r, EX_USAGE, "--hours: a number from 1 to %d is needed",
			PEER_JOIN_HOURS_MAX);
		return;
	}
	if (r->courier->p->config.arbiter) {
		control_fail(r, EX_UNAVAILABLE,
			"an arbiter has no key to make one with: say it on a data node");
		return;
	}
	rand_bytes(asked->t.id, sizeof asked->t.id);
	asked->t.until_sec = clock_wall_sec() + (uint64_t)n * 3600;
	asked->t.arbiter = json_is_true(json_object_get(r->in, "arbiter"));
	r->state = asked;
	ask_store(r, "cluster status", on_status);
}

const struct control_verb control_cluster_verbs[] = {
	{"cluster token", token},
	{"cluster status", pass_on},
	{"cluster remove", pass_on},
	{"cluster promote", pass_on},
	{"cluster drain", pass_on},
	{0},
};
