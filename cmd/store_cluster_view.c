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

static void __attribute__((format(printf, 2, 3))) say(json_t *list, const char *format, ...)
{
	char words[WORDS];
	va_list ap;

	va_start(ap, format);
	vsnprintf(words, sizeof words, format, ap);
	va_end(ap);
	json_array_append_new(list, json_string(words));
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
	char since[TIME_TEXT];

	if (is_there(v, i))
		return;
	if (is_awaited(v, i)) {
		say(list,
			"node %u (%s) has joined and wasn't heard yet: start it there (hairpin "
			"serve); if it runs, see whether %s can be reached; if it is not to "
			"come: hairpin cluster remove %u",
			m->id, m->name, m->address[0] ? m->address : "its port", m->id);
		return;
	}
	format_time(v->seen[i].away_since_sec, since);
	say(list,
		"node %u (%s) %s%s: see whether its machine runs and %s can be "
		"reached; if it will never come back: hairpin cluster remove %u",
		m->id, m->name,
		v->seen[i].was_heard ? "is away since " : "wasn't heard since this one started",
		v->seen[i].was_heard ? since : "", m->address[0] ? m->address : "its port",
		m->id);
}

static void
say_learner(json_t *list, const struct store_cluster_view *v, uint32_t i, struct votes n)
{
	const struct members_node *m = &v->members->node[i];
	uint64_t match = v->status->peer[i].match;

	if (m->kind != RAFT_LEARNER || m->goal == RAFT_LEARNER || is_awaited(v, i))
		return;
	if (v->status->role == RAFT_LEADER && is_there(v, i) && !is_self(v, i) &&
		match >= v->status->commit && n.all < 2)
		say(list,
			"node %u (%s) has caught up and has no vote: a second one comes with a "
			"third, as two are worse than one (join another node, or an arbiter)",
			m->id, m->name);
	else if (v->status->role == RAFT_LEADER && match < v->status->commit)
		say(list,
			"node %u (%s) has no vote yet: it lacks %" PRIu64
			" of the log's entries",
			m->id, m->name, v->status->commit - match);
	else
		say(list, "node %u (%s) has no vote yet", m->id, m->name);
}

static json_t *
problems(const struct store_cluster_view *v)
{
	struct votes n = count(v);
	uint32_t majority = n.all / 2 + 1;
	json_t *list = json_array();

	if (!v->status->leader && n.all > 1)
		say(list,
			"no node leads: mail can be read, and nothing is taken in until %u of "
			"the %u that vote can reach each other",
			majority, n.all);
	else if (!v->status->leader)
		say(list, "no node leads: mail can be read, and nothing is taken in until the "
			  "one "
			  "that votes can be reached");
	for (uint32_t i = 0; i < v->members->n; i++) {
		say_away(list, v, i);
		say_learner(list, v, i, n);
	}
	if (n.all == 2)
		say(list, "only two nodes vote: both are needed");
	else if (v->status->leader && n.all > 2 && n.there == majority)
		say(list, "%u of the %u that vote are there: all of these are needed", n.there,
			n.all);
	if (n.all > 2 && n.data < 2)
		say(list, "one node alone holds the mail: join another data node");
	if (v->is_draining)
		say(list, "this node is drained: it takes no clients until `hairpin cluster "
			  "drain --undo` or its next start");
	return list;
}

json_t *
store_cluster_json(const struct store_cluster_view *v)
{
	json_t *j = json_object(), *nodes = json_array();

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
	json_object_set_new(j, "problems", problems(v));
	return j;
}
