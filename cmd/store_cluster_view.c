/* store_cluster_view: what `cluster status` says: numbers, and in words what is wrong. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "cmd/store_cluster.h"

enum { WORDS = 400, TIME_TEXT = 32 };

static const char *
kind_name(enum raft_kind kind)
{
	return kind == RAFT_VOTER ? "voter" : kind == RAFT_ARBITER ? "arbiter" : "learner";
}

static const char *
role_name(enum raft_role role)
{
	return role == RAFT_LEADER     ? "leader"
	       : role == RAFT_FOLLOWER ? "follower"
				       : "candidate";
}

static void
format_time(uint64_t sec, char text[TIME_TEXT])
{
	time_t t = (time_t)sec;
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static json_t *
hex(const uint8_t *p, size_t n)
{
	char text[2 * 16 + 1] = "";

	for (size_t i = 0; i < n && i < 16; i++)
		snprintf(text + 2 * i, 3, "%02x", p[i]);
	return json_string(text);
}

/* --- one node --- */

static bool
is_self(const struct store_cluster_view *v, uint32_t i)
{
	return v->members->node[i].id == v->status->node;
}

/* A new member counts as heard when it is added: without the connection that says nothing. */
bool
store_cluster_is_there(const struct engine_status *status, const struct members *m, uint32_t i)
{
	const struct engine_peer_status *p = &status->peer[i];

	return m->node[i].id == status->node ||
	       (p->is_up && (status->role != RAFT_LEADER || p->is_answering));
}

bool
store_cluster_may_remove(const struct engine_status *status, const struct members *m,
	const struct members_node *node, char why[STORE_CLUSTER_WORDS])
{
	uint32_t all = 0, there = 0, data = 0, lost = 0;

	for (uint32_t i = 0; i < m->n; i++) {
		const struct members_node *other = &m->node[i];
		bool is_lost = !store_cluster_is_there(status, m, i);

		if (other == node || other->kind == RAFT_LEARNER)
			continue;
		all++;
		there += !is_lost;
		data += members_is_data(other);
		lost = is_lost ? other->id : lost;
	}
	if (node->kind == RAFT_LEARNER || (data && there > all / 2))
		return true;
	if (!data)
		snprintf(why, STORE_CLUSTER_WORDS,
			"node %u (%s) is the last one that holds the mail and votes: join "
			"another "
			"data node first, and wait until that votes",
			node->id, node->name);
	else
		snprintf(why, STORE_CLUSTER_WORDS,
			"without node %u (%s) only %u of the %u that vote would be there: "
			"nothing "
			"could be taken in, nor this be undone. Bring the others back first, "
			"or "
			"remove who is lost: hairpin cluster remove %u",
			node->id, node->name, there, all, lost);
	return false;
}

static bool
is_there(const struct store_cluster_view *v, uint32_t i)
{
	return store_cluster_is_there(v->status, v->members, i);
}

static json_t *
node_json(const struct store_cluster_view *v, uint32_t i)
{
	const struct members_node *m = &v->members->node[i];
	const struct engine_peer_status *p = &v->status->peer[i];
	bool known = v->status->role == RAFT_LEADER && !is_self(v, i);
	uint64_t match = is_self(v, i) ? v->status->last : p->match;
	uint64_t applied = is_self(v, i) ? v->status->applied : p->applied;
	json_t *j = json_object();
	char since[TIME_TEXT];

	json_object_set_new(j, "id", json_integer(m->id));
	json_object_set_new(j, "name", json_string(m->name));
	json_object_set_new(j, "kind", json_string(kind_name(m->kind)));
	json_object_set_new(j, "goal", json_string(kind_name(m->goal)));
	json_object_set_new(j, "address", json_string(m->address));
	json_object_set_new(j, "up", json_boolean(is_there(v, i)));
	json_object_set_new(j, "self", json_boolean(is_self(v, i)));
	json_object_set_new(j, "role",
		json_string(m->id == v->status->leader ? "leader"
			    : is_self(v, i)	       ? role_name(v->status->role)
						       : "follower"));
	if (known || is_self(v, i)) {
		json_object_set_new(j, "match", json_integer((json_int_t)match));
		json_object_set_new(j, "applied", json_integer((json_int_t)applied));
	}
	json_object_set_new(j, "heard", json_boolean(is_there(v, i) || v->seen[i].was_heard));
	if (v->seen[i].away_since_sec) {
		format_time(v->seen[i].away_since_sec, since);
		json_object_set_new(j, "away_since", json_string(since));
	}
	return j;
}

/* --- in words --- */

/* One problem: what it is. Its cure is put there by the next call. */
static json_t *__attribute__((format(printf, 2, 3))) say(json_t *list, const char *format, ...)
{
	json_t *problem = json_object();
	char words[WORDS];
	va_list ap;

	va_start(ap, format);
	vsnprintf(words, sizeof words, format, ap);
	va_end(ap);
	json_object_set_new(problem, "what", json_string(words));
	json_array_append_new(list, problem);
	return problem;
}

static void __attribute__((format(printf, 2, 3))) cure(json_t *problem, const char *format, ...)
{
	char words[WORDS];
	va_list ap;

	va_start(ap, format);
	vsnprintf(words, sizeof words, format, ap);
	va_end(ap);
	json_object_set_new(problem, "cure", json_string(words));
}

struct votes {
	uint32_t all, there, data;
};

static struct votes
count(const struct store_cluster_view *v)
{
	struct votes n = {0};

	for (uint32_t i = 0; i < v->members->n; i++) {
		const struct members_node *m = &v->members->node[i];

		n.all += m->kind != RAFT_LEARNER;
		n.there += m->kind != RAFT_LEARNER && is_there(v, i);
		n.data += members_is_data(m);
	}
	return n;
}

/* It has joined, and did nothing else yet as far as this node knows. */
static bool
is_awaited(const struct store_cluster_view *v, uint32_t i)
{
	return v->members->node[i].kind == RAFT_LEARNER && !v->seen[i].was_heard &&
	       !is_there(v, i);
}

static void
say_away(json_t *list, const struct store_cluster_view *v, uint32_t i)
{
	const struct members_node *m = &v->members->node[i];
	const char *address = m->address[0] ? m->address : "its port";
	char since[TIME_TEXT];

	if (is_there(v, i))
		return;
	if (is_awaited(v, i)) {
		cure(say(list, "node %u (%s) has joined and wasn't heard yet", m->id, m->name),
			"start it there (hairpin serve); if it runs, see whether %s can be "
			"reached; if it is not to come: hairpin cluster remove %u",
			address, m->id);
		return;
	}
	format_time(v->seen[i].away_since_sec, since);
	cure(say(list, "node %u (%s) %s%s", m->id, m->name,
		     v->seen[i].was_heard ? "is away since "
					  : "wasn't heard since this one started",
		     v->seen[i].was_heard ? since : ""),
		"see whether its machine runs and %s can be reached; if it will never come "
		"back: hairpin cluster remove %u",
		address, m->id);
}

static void
say_learner(json_t *list, const struct store_cluster_view *v, uint32_t i, struct votes n)
{
	const struct members_node *m = &v->members->node[i];
	uint64_t match = v->status->peer[i].match;
	bool leads = v->status->role == RAFT_LEADER;

	if (m->kind != RAFT_LEARNER || m->goal == RAFT_LEARNER || is_awaited(v, i))
		return;
	if (leads && is_there(v, i) && !is_self(v, i) && match >= v->status->commit &&
		n.all < 2) {
		cure(say(list, "node %u (%s) has caught up and has no vote", m->id, m->name),
			"a second one comes with a third, as two are worse than one: join "
			"another node, or an arbiter");
		return;
	}
	if (leads && match < v->status->commit)
		cure(say(list, "node %u (%s) has no vote yet", m->id, m->name),
			"it gets one when it has caught up; it lacks %" PRIu64
			" of the log's entries",
			v->status->commit - match);
	else
		cure(say(list, "node %u (%s) has no vote yet", m->id, m->name),
			"it gets one when it has caught up");
}

static void
say_votes(json_t *list, const struct store_cluster_view *v, struct votes n)
{
	uint32_t majority = n.all / 2 + 1;

	if (n.all == 2)
		cure(say(list, "only two nodes vote: both are needed"),
			"join a third one, or an arbiter");
	else if (v->status->leader && n.all > 2 && n.there == majority)
		cure(say(list, "%u of the %u that vote are there: all of these are needed",
			     n.there, n.all),
			"bring the others back");
	if (n.all > 2 && n.data < 2)
		cure(say(list, "one node alone holds the mail"), "join another data node");
}

static void
say_no_leader(json_t *list, struct votes n)
{
	static const char works[] = "no node leads: mail can be read, and nothing is taken in";

	if (n.all == 2)
		cure(say(list, "%s until both that vote can reach each other", works),
			"bring back who is away");
	else if (n.all > 1)
		cure(say(list, "%s until %u of the %u that vote can reach each other", works,
			     n.all / 2 + 1, n.all),
			"bring back who is away");
	else
		cure(say(list, "%s until the one that votes can be reached", works),
			"bring it back");
}

/* [{what, cure}] */
static json_t *
problems(const struct store_cluster_view *v)
{
	struct votes n = count(v);
	json_t *list = json_array();

	if (v->is_removed) {
		cure(say(list, STORE_CLUSTER_REMOVED), STORE_CLUSTER_COME_BACK);
		return list;
	}
	if (!v->status->leader)
		say_no_leader(list, n);
	for (uint32_t i = 0; i < v->members->n; i++) {
		say_away(list, v, i);
		say_learner(list, v, i, n);
	}
	say_votes(list, v, n);
	if (v->is_draining)
		cure(say(list, "this node is drained: it takes no clients"),
			"hairpin cluster drain --undo; it also ends with its next start");
	return list;
}

/* The same, a line each. */
static json_t *
lines(const json_t *list)
{
	json_t *out = json_array(), *one;
	char text[2 * WORDS];
	size_t i;

	json_array_foreach(list, i, one)
	{
		snprintf(text, sizeof text, "%s: %s",
			json_string_value(json_object_get(one, "what")),
			json_string_value(json_object_get(one, "cure")));
		json_array_append_new(out, json_string(text));
	}
	return out;
}

json_t *
store_cluster_json(const struct store_cluster_view *v)
{
	json_t *j = json_object(), *nodes = json_array(), *found = problems(v);

	for (uint32_t i = 0; i < v->members->n; i++)
		json_array_append_new(nodes, node_json(v, i));
	json_object_set_new(j, "cluster", hex(v->cluster, 16));
	json_object_set_new(j, "node", json_integer(v->status->node));
	json_object_set_new(j, "role", json_string(role_name(v->status->role)));
	json_object_set_new(j, "leader", json_integer(v->status->leader));
	json_object_set_new(j, "term", json_integer((json_int_t)v->status->term));
	json_object_set_new(j, "last", json_integer((json_int_t)v->status->last));
	json_object_set_new(j, "commit", json_integer((json_int_t)v->status->commit));
	json_object_set_new(j, "applied", json_integer((json_int_t)v->status->applied));
	json_object_set_new(j, "draining", json_boolean(v->is_draining));
	json_object_set_new(j, "nodes", nodes);
	json_object_set_new(j, "removed", json_boolean(v->is_removed));
	json_object_set_new(j, "problems", lines(found));
	json_object_set_new(j, "findings", found);
	return j;
}
