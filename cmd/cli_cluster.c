#include "cmd/cli_cluster.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/cli_control.h"
#include "cmd/cli_table.h"
#include "cmd/cli_verbs.h"
#include "cmd/store_cluster.h"

/* *answer is set on EX_OK alone. */
static int
ask(const struct cli_line *line, json_t **answer)
{
	json_t *request = cli_control_request(line);
	int code = request ? cli_control_ask(cli_config_path(line), request, answer) : EX_USAGE;

	json_decref(request);
	if (!code)
		json_object_del(*answer, "ok");
	return code;
}

static const char *
text(const json_t *j, const char *name)
{
	const char *s = json_string_value(json_object_get(j, name));

	return s ? s : "";
}

static json_int_t
number(const json_t *j, const char *name)
{
	return json_integer_value(json_object_get(j, name));
}

/* --- token --- */

/* The token alone on standard output: a script can take it from there. */
int
cli_cluster_token(const struct cli_line *line)
{
	json_t *answer;
	int code = ask(line, &answer);
	const char *hours = cli_value(line, "--hours") ? cli_value(line, "--hours") : "1";
	bool is_arbiter;

	if (code)
		return code;
	if (cli_has(line, "--json"))
		return cli_put_json(answer);
	is_arbiter = !strcmp(text(answer, "kind"), "arbiter");
	printf("%s\n", text(answer, "token"));
	fflush(stdout);
	fprintf(stderr,
		"Good once, for %s, for %s hour%s. Keep it secret, and on the new machine "
		"run:\n    hairpin join %s...\n",
		is_arbiter ? "an arbiter" : "a data node", hours,
		strcmp(hours, "1") != 0 ? "s" : "", is_arbiter ? "--arbiter " : "");
	json_decref(answer);
	return EX_OK;
}

/* --- status --- */

static json_t *
row_of(const json_t *node, json_int_t last)
{
	json_t *row = json_object(), *match = json_object_get(node, "match");
	bool is_up = json_is_true(json_object_get(node, "up"));
	const char *kind = text(node, "kind"), *goal = text(node, "goal");
	const char *since = text(node, "away_since");
	char words[64];

	json_object_set(row, "id", json_object_get(node, "id"));
	json_object_set(row, "name", json_object_get(node, "name"));
	if (strcmp(kind, goal) != 0 && !strcmp(kind, "learner"))
		snprintf(words, sizeof words, "learner, to be %s", goal);
	else
		snprintf(words, sizeof words, "%s", kind);
	json_object_set_new(row, "kind", json_string(words));
	json_object_set_new(row, "role", json_string(is_up ? text(node, "role") : ""));
	if (json_is_true(json_object_get(node, "self")))
		snprintf(words, sizeof words, "this node");
	else if (is_up)
		snprintf(words, sizeof words, "there");
	else if (!json_is_true(json_object_get(node, "heard")))
		snprintf(words, sizeof words, "not heard yet");
	else
		snprintf(words, sizeof words, "away%s%s", *since ? " since " : "", since);
	json_object_set_new(row, "state", json_string(words));
	snprintf(words, sizeof words, "%lld",
		(long long)(last > json_integer_value(match) ? last - json_integer_value(match)
							     : 0));
	json_object_set_new(row, "behind", json_string(match ? words : ""));
	json_object_set(row, "address", json_object_get(node, "address"));
	return row;
}

static void
put_status(const json_t *status)
{
	json_t *rows = json_array(), *one;
	json_t *problems = json_object_get(status, "problems");
	size_t i;

	json_array_foreach(json_object_get(status, "nodes"), i, one)
		json_array_append_new(rows, row_of(one, number(status, "last")));
	cli_table_put_rows(rows);
	json_decref(rows);
	printf("\ncluster %s, term %lld, log %lld, committed %lld, applied here %lld\n",
		text(status, "cluster"), (long long)number(status, "term"),
		(long long)number(status, "last"), (long long)number(status, "commit"),
		(long long)number(status, "applied"));
	json_array_foreach(problems, i, one) printf("! %s\n", json_string_value(one));
}

/* It has a leader to write through, and has become what it shall be. */
static int
judge(const json_t *status)
{
	json_t *one;
	size_t i;

	if (json_is_true(json_object_get(status, "removed")))
		return cli_fail(1, STORE_CLUSTER_REMOVED);
	if (!number(status, "leader"))
		return cli_fail(1, "no node leads");
	json_array_foreach(json_object_get(status, "nodes"), i,
		one) if (json_is_true(json_object_get(one, "self")) &&
			 !strcmp(text(one, "kind"), text(one, "goal"))) return EX_OK;
	return cli_fail(1, "this node has no vote yet");
}

int
cli_cluster_status(const struct cli_line *line)
{
	json_t *answer;
	int code = ask(line, &answer);

	if (code)
		return code;
	if (cli_has(line, "--healthy")) {
		code = judge(answer);
		json_decref(answer);
		return code;
	}
	if (cli_has(line, "--json"))
		return cli_put_json(answer);
	put_status(answer);
	json_decref(answer);
	return EX_OK;
}

/* --- remove, promote, drain --- */

int
cli_cluster_change(const struct cli_line *line)
{
	json_t *answer;
	int code = ask(line, &answer);

	if (code)
		return code;
	if (cli_has(line, "--json"))
		return cli_put_json(answer);
	json_decref(answer);
	if (!strcmp(line->verb->name, "cluster remove"))
		puts("Removed. Its certificate is worth nothing from now on; its data folder "
		     "can "
		     "be deleted.");
	else if (!strcmp(line->verb->name, "cluster promote"))
		puts("It votes.");
	else if (cli_has(line, "--undo"))
		puts("This node takes clients again.");
	else
		puts("Another node leads, and this one sends its clients away, until its next "
		     "start or: hairpin cluster drain --undo");
	return EX_OK;
}
