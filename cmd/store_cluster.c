#include "cmd/store_cluster.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "core/must.h"
#include "crypto/peer_ca.h"
#include "store/raft_log.h"

enum { MEMBERS_PACKED_MAX = 8192, WORDS = 400 };

struct store_cluster {
	struct proc *p;
	struct engine *engine;
	struct store_cluster_seen seen[RAFT_NODES_MAX]; /* of who is no member: free */
	uint8_t key[MEMBERS_KEY];
	char mark[512];
	bool is_draining, is_describing, is_denied, is_removal_said;
};

/* A question that is answered later. */
struct change_asked {
	struct store_cluster *c;
	struct ipc_ticket ticket;
	uint32_t node;
};

/* --- answers --- */

static void
answer(struct store_cluster *c, struct ipc_ticket t, json_t *taken)
{
	Ipc__Json json = IPC__JSON__INIT;
	char *text = json_dumps(taken, JSON_COMPACT);

	json.text = text;
	ipc_answer(c->p->ipc, t, text ? ERR_OK : ERR_LIMIT, &json.base);
	free(text);
	json_decref(taken);
}

static void __attribute__((format(printf, 4, 5)))
refuse(struct store_cluster *c, struct ipc_ticket t, int code, const char *format, ...)
{
	json_t *out = json_object();
	char words[WORDS];
	va_list ap;

	va_start(ap, format);
	vsnprintf(words, sizeof words, format, ap);
	va_end(ap);
	json_object_set_new(out, "error", json_string(words));
	json_object_set_new(out, "code", json_integer(code));
	answer(c, t, out);
}

static json_t *
named(const struct members_node *node)
{
	json_t *out = json_object();

	json_object_set_new(out, "node", json_integer(node->id));
	json_object_set_new(out, "name", json_string(node->name));
	return out;
}

/* --- status --- */

static bool
is_removed(const struct store_cluster *c)
{
	return c->is_denied ||
	       !members_find(engine_members(c->engine), engine_log(c->engine)->node);
}

/* Of a member: its row, or a new one. */
static struct store_cluster_seen *
seen_of(struct store_cluster *c, uint32_t id)
{
	const struct members *m = engine_members(c->engine);
	struct store_cluster_seen *unused = NULL;

	for (size_t i = 0; i < RAFT_NODES_MAX; i++) {
		if (c->seen[i].id == id)
			return &c->seen[i];
		if (!members_find(m, c->seen[i].id))
			unused = &c->seen[i];
	}
	must(unused);
	*unused = (struct store_cluster_seen){.id = id};
	return unused;
}

static void
see(struct store_cluster *c, uint32_t id, bool is_there)
{
	struct store_cluster_seen *seen = seen_of(c, id);

	seen->was_heard = seen->was_heard || is_there;
	if (is_there && c->is_denied && id != engine_log(c->engine)->node) {
		c->is_denied = c->is_removal_said = false;
		unlink(c->mark);
	}
	if (is_there)
		seen->away_since_sec = 0;
	else if (!seen->away_since_sec)
		seen->away_since_sec = clock_wall_sec();
}

static void
answer_status(struct store_cluster *c, struct ipc_ticket t)
{
	const struct members *m = engine_members(c->engine);
	struct store_cluster_seen seen[RAFT_NODES_MAX];
	struct engine_status status;
	struct store_cluster_view v = {&status, m, engine_log(c->engine)->cluster, seen,
		c->is_draining, is_removed(c)};

	engine_status(c->engine, &status);
	for (uint32_t i = 0; i < m->n; i++)
		seen[i] = *seen_of(c, m->node[i].id);
	answer(c, t, store_cluster_json(&v));
}

/* --- changes --- */

/* The id, or the name. NULL: no such member, or not one alone; it was answered. */
static const struct members_node *
find_node(struct store_cluster *c, struct ipc_ticket t, const char *text)
{
	const struct members *m = engine_members(c->engine);
	const struct members_node *found = NULL;
	uint64_t id;

	if (!text || slice_u64(slice_str(text), UINT32_MAX, &id)) {
		found = text ? members_find(m, (uint32_t)id) : NULL;
	} else {
		for (uint32_t i = 0; i < m->n; i++) {
			if (strcasecmp(m->node[i].name, text) != 0)
				continue;
			if (found) {
				refuse(c, t, EX_DATAERR,
					"more than one node is called %s: say which by its "
					"number (`hairpin cluster status`)",
					text);
				return NULL;
			}
			found = &m->node[i];
		}
	}
	if (!found)
		refuse(c, t, EX_NOUSER,
			"no node %s is in the cluster (`hairpin cluster status` lists them)",
			text ? text : "");
	return found;
}

static void
on_changed(void *arg, enum err e, uint32_t node)
{
	struct change_asked *q = arg;
	struct store_cluster *c = q->c;
	json_t *out;

	if (!e) {
		out = json_object();
		json_object_set_new(out, "node", json_integer(node ? node : q->node));
		answer(c, q->ticket, out);
	} else if (e == ERR_UNAVAILABLE) {
		refuse(c, q->ticket, EX_TEMPFAIL,
			"nothing was changed: no node leads now (`hairpin cluster status`)");
	} else if (e == ERR_TIMEOUT) {
		refuse(c, q->ticket, EX_TEMPFAIL,
			"whether it is done isn't known yet: see `hairpin cluster status`");
	} else if (e == ERR_BUSY) {
		refuse(c, q->ticket, EX_TEMPFAIL,
			"not now: another change is under way, or that node hasn't caught up");
	} else {
		refuse(c, q->ticket, EX_DATAERR, "it was refused: %s", err_text(e));
	}
	free(q);
}

static void
change(struct store_cluster *c, struct ipc_ticket t, enum engine_change_kind kind,
	uint32_t node)
{
	struct change_asked *q = must_alloc(sizeof *q);
	struct engine_change what = {.kind = kind, .node = node};

	*q = (struct change_asked){c, t, node};
	engine_change(c->engine, &what, on_changed, q);
}

static void
remove_node(struct store_cluster *c, struct ipc_ticket t, const char *text)
{
	const struct members_node *node = find_node(c, t, text);
	char why[STORE_CLUSTER_WORDS];
	struct engine_status s;

	if (!node)
		return;
	engine_status(c->engine, &s);
	if (node->id == s.node)
		refuse(c, t, EX_USAGE,
			"this is that node itself: say it on one of the others, so that you "
			"see it done");
	else if (!store_cluster_may_remove(&s, engine_members(c->engine), node, why))
		refuse(c, t, EX_UNAVAILABLE, "%s", why);
	else
		change(c, t, ENGINE_REMOVE, node->id);
}

static void
promote_node(struct store_cluster *c, struct ipc_ticket t, const char *text)
{
	const struct members_node *node = find_node(c, t, text);
	struct engine_status s;
	uint64_t match;

	if (!node)
		return;
	engine_status(c->engine, &s);
	match = s.peer[node - engine_members(c->engine)->node].match;
	if (node->kind != RAFT_LEARNER)
		answer(c, t, named(node));
	else if (s.role == RAFT_LEADER && match < s.commit)
		refuse(c, t, EX_TEMPFAIL,
			"node %u (%s) hasn't caught up: it lacks %" PRIu64
			" of the log's entries. Once it has them it gets its vote by itself",
			node->id, node->name, s.commit - match);
	else
		change(c, t, ENGINE_PROMOTE, node->id);
}

/* --- drain --- */

static void
tell_role(struct store_cluster *c, enum role role)
{
	Ipc__Watch w = IPC__WATCH__INIT;

	w.clients = c->is_draining ? IPC__WATCH__CLIENTS__LEAVE : IPC__WATCH__CLIENTS__COME;
	for (uint32_t i = 0; i < IPC_INSTANCE_MAX; i++) {
		struct ipc_peer *to = ipc_peer(c->p->ipc, role, i);

		if (to)
			ipc_tell(to, IPC_WATCH, &w.base, -1);
	}
}

static void
set_draining(struct store_cluster *c, bool on)
{
	if (c->is_draining != on)
		log_info("cluster: this node %s",
			on ? "is drained: its clients go elsewhere" : "takes clients again");
	c->is_draining = on;
	tell_role(c, ROLE_SMTPD);
	tell_role(c, ROLE_IMAPD);
}

static bool
has_other_voter(const struct store_cluster *c, const struct engine_status *s)
{
	const struct members *m = engine_members(c->engine);

	for (uint32_t i = 0; i < m->n; i++)
		if (m->node[i].id != s->node && m->node[i].kind == RAFT_VOTER &&
			store_cluster_is_there(s, m, i))
			return true;
	return false;
}

static void
drain(struct store_cluster *c, struct ipc_ticket t, bool undo)
{
	const struct members_node *self;
	struct engine_status s;

	engine_status(c->engine, &s);
	self = members_find(engine_members(c->engine), s.node);
	if (!undo && !has_other_voter(c, &s)) {
		refuse(c, t, EX_UNAVAILABLE,
			"no other data node that votes is there: nobody could take this one's "
			"clients. Bring one back or join one first, or just stop the server");
		return;
	}
	set_draining(c, !undo);
	if (!undo && s.role == RAFT_LEADER)
		change(c, t, ENGINE_TRANSFER, 0);
	else
		answer(c, t, self ? named(self) : json_object());
}

bool
store_cluster_admin(struct store_cluster *c, struct slice verb, const char *argument,
	struct ipc_ticket ticket)
{
	json_t *in = argument && *argument ? json_loads(argument, 0, NULL) : NULL;
	const char *node = json_string_value(json_object_get(in, "node"));
	bool is_ours = true;

	if (slice_eq(verb, SLICE_LIT("cluster status")))
		answer_status(c, ticket);
	else if (is_removed(c) && slice_starts(verb, SLICE_LIT("cluster ")))
		refuse(c, ticket, EX_UNAVAILABLE, "%s: %s", STORE_CLUSTER_REMOVED,
			STORE_CLUSTER_COME_BACK);
	else if (slice_eq(verb, SLICE_LIT("cluster remove")))
		remove_node(c, ticket, node);
	else if (slice_eq(verb, SLICE_LIT("cluster promote")))
		promote_node(c, ticket, node);
	else if (slice_eq(verb, SLICE_LIT("cluster drain")))
		drain(c, ticket, json_is_true(json_object_get(in, "undo")));
	else
		is_ours = false;
	json_decref(in);
	return is_ours;
}

/* --- a new node --- */

struct join_asked {
	struct store_cluster *c;
	struct ipc_ticket ticket;
	struct members_node joins;
};

/* Who asks again because our answer was lost, with the same key, gets it again. */
static const struct members_node *
find_joined(const struct store_cluster *c, const struct members_node *joins)
{
	const struct members_node *m = members_by_key(engine_members(c->engine), joins->key);

	return m && !memcmp(m->token, joins->token, sizeof m->token) ? m : NULL;
}

/* True, and answered: it can't be told from a member. Its token stays good. */
static bool
is_held(struct store_cluster *c, const struct join_asked *q)
{
	const struct members *m = engine_members(c->engine);
	const struct members_node *by_name = members_by_name(m, q->joins.name);
	const struct members_node *held = by_name ? by_name
						  : members_by_address(m, q->joins.address);
	Ipc__LinkJoined a = IPC__LINK_JOINED__INIT;
	Ipc__Holder holder = IPC__HOLDER__INIT;

	if (!held || members_is_used(m, q->joins.token))
		return false;
	holder.node = held->id;
	holder.name = (char *)(uintptr_t)held->name;
	holder.by_address = !by_name;
	a.holder = &holder;
	ipc_answer(c->p->ipc, q->ticket, ERR_OK, &a.base);
	return true;
}

static void
on_joined(void *arg, enum err e, uint32_t node)
{
	struct join_asked *q = arg;
	struct store_cluster *c = q->c;
	const struct members_node *again = e == ERR_EXISTS ? find_joined(c, &q->joins) : NULL;
	Ipc__LinkJoined a = IPC__LINK_JOINED__INIT;
	struct buf packed, key;

	if (again) {
		node = again->id;
		e = ERR_OK;
	}
	if (e == ERR_EXISTS && is_held(c, q)) {
		free(q);
		return;
	}
	buf_init(&packed, MEMBERS_PACKED_MAX);
	members_pack(engine_members(c->engine), &packed);
	a.node = node;
	a.cluster = codec_bytes(slice_of(
		engine_log(c->engine)->cluster, sizeof engine_log(c->engine)->cluster));
	a.members = codec_bytes(buf_slice(&packed));
	a.members_index = engine_members(c->engine)->index;
	buf_init(&key, SEAL_WRAPPED);
	if (q->joins.goal != RAFT_ARBITER && !engine_first_key(c->engine, &key))
		a.log_key = codec_bytes(buf_slice(&key));
	ipc_answer(c->p->ipc, q->ticket, e, &a.base);
	if (!e)
		log_info("cluster: node %u (%s) has joined", node, q->joins.name);
	buf_fini(&packed);
	buf_fini(&key);
	free(q);
}

/* What comes from link was said by a stranger. */
static bool
read_joiner(const Ipc__LinkJoin *q, struct members_node *node)
{
	if (q->token.len != sizeof node->token || q->key.len != sizeof node->key ||
		strlen(q->name) >= sizeof node->name ||
		strlen(q->address) >= sizeof node->address)
		return false;
	*node = (struct members_node){
		.kind = RAFT_LEARNER, .goal = q->arbiter ? RAFT_ARBITER : RAFT_VOTER};
	memcpy(node->token, q->token.data, sizeof node->token);
	memcpy(node->key, q->key.data, sizeof node->key);
	memcpy(node->name, q->name, strlen(q->name) + 1);
	memcpy(node->address, q->address, strlen(q->address) + 1);
	return true;
}

static bool
is_described(const struct store_cluster *c)
{
	struct engine_status s;
	const struct members_node *self;

	engine_status(c->engine, &s);
	self = members_find(engine_members(c->engine), s.node);
	return self && !memcmp(self->key, c->key, sizeof c->key);
}

static void
on_join(void *arg, struct ipc_frame *f)
{
	struct store_cluster *c = arg;
	const Ipc__LinkJoin *in = (const Ipc__LinkJoin *)f->msg;
	struct engine_change what = {.kind = ENGINE_JOIN};
	struct join_asked *q;

	enum err e = read_joiner(in, &what.joins) ? ERR_OK : ERR_SYNTAX;

	/* A new node lets in whom its list of members names: it must name us. */
	if (!e && !is_described(c))
		e = ERR_UNAVAILABLE;
	if (e) {
		ipc_answer(c->p->ipc, ipc_ticket(f), e, NULL);
		return;
	}
	q = must_zalloc(sizeof *q);
	q->c = c;
	q->ticket = ipc_ticket(f);
	q->joins = what.joins;
	engine_change(c->engine, &what, on_joined, q);
}

/* --- this node's own row --- */

void
store_cluster_read_key(const struct proc *p, uint8_t key[MEMBERS_KEY])
{
	uint8_t pem[PEER_CA_PEM_MAX];
	char path[512];
	ssize_t n;
	int fd;

	memset(key, 0, MEMBERS_KEY);
	proc_path(p, "tls/node.pem", path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, pem, sizeof pem);
	close(fd);
	if (n <= 0 || peer_ca_key_hash(slice_of(pem, (size_t)n), key))
		log_error("%s: not a certificate", path);
}

static void
on_described(void *arg, enum err e, uint32_t node)
{
	struct store_cluster *c = arg;

	(void)node;
	c->is_describing = false;
	if (!e)
		log_info("cluster: the others know where this node is reached");
}

/* The first node of a cluster was made before anybody asked, and machines move. */
static void
describe(struct store_cluster *c, const struct members_node *self)
{
	const struct config_listener *at = config_cluster(&c->p->config);
	struct engine_change what = {.kind = ENGINE_DESCRIBE, .node = self->id, .joins = *self};
	struct members_node *to = &what.joins;

	if (!at || c->is_describing)
		return;
	memcpy(to->key, c->key, sizeof to->key);
	if (snprintf(to->address, sizeof to->address,
		    strchr(at->address, ':') ? "[%s]:%u" : "%s:%u", at->address,
		    at->port) >= (int)sizeof to->address ||
		snprintf(to->name, sizeof to->name, "%s", c->p->config.hostname) >=
			(int)sizeof to->name)
		return;
	if (!strcmp(to->name, self->name) && !strcmp(to->address, self->address) &&
		!memcmp(to->key, self->key, sizeof to->key))
		return;
	c->is_describing = true;
	engine_change(c->engine, &what, on_described, c);
}

/* Also for `check` when nobody serves, and for the next life. */
static void
say_removed(struct store_cluster *c)
{
	int fd;

	if (c->is_removal_said)
		return;
	c->is_removal_said = true;
	log_error("cluster: " STORE_CLUSTER_REMOVED ": " STORE_CLUSTER_COME_BACK);
	fd = open(c->mark, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd >= 0)
		close(fd);
}

void
store_cluster_denied(struct store_cluster *c)
{
	c->is_denied = true;
	say_removed(c);
}

/* --- now and then --- */

void
store_cluster_tend(struct store_cluster *c)
{
	const struct members *m = engine_members(c->engine);
	struct engine_status s;

	engine_status(c->engine, &s);
	for (uint32_t i = 0; i < m->n; i++)
		see(c, m->node[i].id, store_cluster_is_there(&s, m, i));
	/* Also to those that were started meanwhile. */
	if (c->is_draining)
		set_draining(c, true);
	if (!members_find(m, s.node))
		say_removed(c);
	else if (s.leader)
		describe(c, members_find(m, s.node));
}

struct store_cluster *
store_cluster_new(struct proc *p, struct engine *e, const uint8_t key[MEMBERS_KEY])
{
	struct store_cluster *c = must_zalloc(sizeof *c);

	c->p = p;
	c->engine = e;
	memcpy(c->key, key, sizeof c->key);
	proc_path(p, STORE_CLUSTER_MARK, c->mark);
	c->is_denied = access(c->mark, F_OK) == 0;
	ipc_on(p->ipc, IPC_LINK_JOIN, on_join, c);
	return c;
}
