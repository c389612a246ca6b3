#include "cmd/demo_way.h"

#include <string.h>

enum { DAY_MS = 86400000 };

static const char *
text_of(const json_t *row, const char *column)
{
	const char *text = json_string_value(json_object_get(row, column));

	return text ? text : "";
}

/* --- reading --- */

/* Times are of one width. What is of the same millisecond stays in the order of its cluster. */
static void
add(struct demo_way *w, const json_t *row)
{
	size_t i = w->rows;

	if (w->rows == DEMO_WAY_ROWS_MAX)
		return;
	for (; i && strcmp(text_of(row, "time"), text_of(w->row[i - 1], "time")) < 0; i--)
		w->row[i] = w->row[i - 1];
	w->row[i] = row;
	w->rows++;
}

void
demo_way_read(struct demo_way *w, const struct demo_node *const *asked, const char *message_id)
{
	json_t *row;
	size_t j;

	*w = (struct demo_way){.rows = 0};
	for (size_t i = 0; i < DEMO_WAY_CLUSTERS_MAX && asked[i]; i++) {
		w->answer[i] = demo_ask(asked[i], "why", json_pack("{s:s}", "id", message_id));
		json_array_foreach(json_object_get(w->answer[i], "rows"), j, row) add(w, row);
	}
}

void
demo_way_free(struct demo_way *w)
{
	for (size_t i = 0; i < DEMO_WAY_CLUSTERS_MAX; i++)
		json_decref(w->answer[i]);
	*w = (struct demo_way){.rows = 0};
}

/* --- showing --- */

/* The short name of the node that did it. */
static const char *
who(const struct demo *d, const json_t *row)
{
	const char *host = text_of(row, "node");

	for (unsigned i = 0; i < d->shape->nodes; i++)
		if (!strcmp(d->node[i].role->host, host))
			return d->node[i].role->name;
	return host;
}

/* "2026-11-27 04:35:20.567Z": of that day. */
static unsigned
day_ms(const json_t *row)
{
	unsigned hour = 0, min = 0, sec = 0, ms = 0;

	sscanf(text_of(row, "time"), "%*10s %2u:%2u:%2u.%3u", &hour, &min, &sec, &ms);
	return ((hour * 60 + min) * 60 + sec) * 1000 + ms;
}

void
demo_way_show(const struct demo_way *w, const struct demo *d)
{
	for (size_t i = 0; i < w->rows; i++) {
		const json_t *row = w->row[i];
		const char *event = text_of(row, "event"), *where = text_of(row, "where");
		/* Which way the engine took it for isn't told by the place. */
		bool has_text = !*where || !strcmp(event, "filtered");

		printf("           %+7d ms  %-7s  %-6s  %-9s  %s%s%.160s\n",
			(int)((day_ms(row) + DAY_MS - day_ms(w->row[0])) % DAY_MS), who(d, row),
			text_of(row, "id"), event, where, *where && has_text ? " " : "",
			has_text ? text_of(row, "text") : "");
	}
	fflush(stdout);
}

/* --- looking --- */

bool
demo_way_has(const struct demo_way *w, const char *event)
{
	for (size_t i = 0; i < w->rows; i++)
		if (!strcmp(text_of(w->row[i], "event"), event))
			return true;
	return false;
}

static bool
is_step(const struct demo *d, const json_t *row, const struct demo_way_step *step)
{
	char what[200];

	snprintf(what, sizeof what, "%s %s", text_of(row, "event"), text_of(row, "where"));
	return !strncmp(what, step->what, strlen(step->what)) &&
	       !strncmp(who(d, row), step->node, strlen(step->node));
}

const struct demo_way_step *
demo_way_missing(const struct demo_way *w, const struct demo *d,
	const struct demo_way_step *steps, size_t n)
{
	size_t found = 0;

	for (size_t i = 0; i < w->rows && found < n; i++)
		found += is_step(d, w->row[i], &steps[found]);
	return found < n ? &steps[found] : NULL;
}
