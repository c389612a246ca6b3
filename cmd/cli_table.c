#include "cmd/cli_table.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COLUMNS_MAX = 32, GAP = 2, INDENT = 4 };

static bool
is_time(const char *key)
{
	static const char *const times[] = {"created", "queued", "next_try", "failing_since",
		"begins", "ends", "fetched", "expires", "added", "revoked_since",
		"revocation_looked", NULL};

	for (const char *const *t = times; *t; t++)
		if (!strcmp(key, *t))
			return true;
	return false;
}

static bool
is_records(const json_t *v)
{
	return json_is_array(v) && json_is_object(json_array_get(v, 0));
}

/* The end of the year 9999: "no well-defined expiration date" (RFC 5280 section 4.1.2.5). */
#define NEVER INT64_C(253402300799)

static void
put_time(FILE *to, json_int_t sec)
{
	time_t at = (time_t)sec;
	struct tm t;

	if (sec == 0 || !gmtime_r(&at, &t))
		fputc('-', to);
	else if (sec >= NEVER)
		fputs("never", to);
	else
		fprintf(to, "%04d-%02d-%02d %02d:%02d:%02dZ", t.tm_year + 1900, t.tm_mon + 1,
			t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
}

/* What strangers sent can't move the terminal. */
static void
put_text(FILE *to, const char *s)
{
	if (!*s)
		fputc('-', to);
	for (; *s; s++)
		fputc((unsigned char)*s < ' ' || *s == 127 ? '?' : *s, to);
}

static void
put_value(FILE *to, const char *key, const json_t *v)
{
	size_t i;
	json_t *one;

	if (json_is_integer(v) && is_time(key))
		put_time(to, json_integer_value(v));
	else if (json_is_integer(v))
		fprintf(to, "%lld", (long long)json_integer_value(v));
	else if (json_is_boolean(v))
		fputs(json_is_true(v) ? "yes" : "no", to);
	else if (json_is_string(v))
		put_text(to, json_string_value(v));
	else if (json_is_array(v) && json_array_size(v) == 0)
		fputc('-', to);
	else if (json_is_array(v))
		json_array_foreach(v, i, one)
		{
			fputs(i ? ", " : "", to);
			put_value(to, key, one);
		}
}

/* malloc'ed; a list of records has no text. */
static char *
text_of(const char *key, const json_t *v)
{
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	if (!to)
		abort();
	put_value(to, key, v);
	fclose(to);
	return text;
}

/* Letters, not octets: a name may be UTF-8. */
static int
width_of(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static int
width_of_column(const json_t *rows, const char *key)
{
	int width = width_of(key), n;
	size_t i;
	json_t *row;

	json_array_foreach(rows, i, row)
	{
		char *text = text_of(key, json_object_get(row, key));

		n = width_of(text);
		width = n > width ? n : width;
		free(text);
	}
	return width;
}

static void
put_cell(const char *text, int width, bool is_last)
{
	printf("%s%*s", text, is_last ? 0 : width - width_of(text) + GAP, "");
}

static void put_table(const json_t *rows, int indent);

static void
put_row(json_t *row, const char *const *key, const int *width, size_t columns, int indent)
{
	const char *name;
	json_t *v;

	printf("%*s", indent, "");
	for (size_t i = 0; i < columns; i++) {
		char *text = text_of(key[i], json_object_get(row, key[i]));

		put_cell(text, width[i], i + 1 == columns);
		free(text);
	}
	putchar('\n');
	json_object_foreach(row, name, v)
	{
		if (is_records(v))
			put_table(v, indent + INDENT);
	}
}

static void
put_table(const json_t *rows, int indent)
{
	const char *key[COLUMNS_MAX], *name;
	int width[COLUMNS_MAX];
	size_t columns = 0, i;
	json_t *first = json_array_get(rows, 0), *row, *v;

	json_object_foreach(first, name, v)
	{
		if (is_records(v) || columns == COLUMNS_MAX)
			continue;
		key[columns] = name;
		width[columns++] = width_of_column(rows, name);
	}
	printf("%*s", indent, "");
	for (i = 0; i < columns; i++)
		put_cell(key[i], width[i], i + 1 == columns);
	putchar('\n');
	json_array_foreach(rows, i, row) put_row(row, key, width, columns, indent);
}

void
cli_table_put_columns(const json_t *rows, const char *const *columns, const char *below)
{
	int width[COLUMNS_MAX];
	size_t n = 0, i;
	json_t *row;

	for (; columns[n]; n++) {
		width[n] = width_of_column(rows, columns[n]);
		put_cell(columns[n], width[n], !columns[n + 1]);
	}
	putchar('\n');
	json_array_foreach(rows, i, row)
	{
		const json_t *text = json_object_get(row, below);

		put_row(row, columns, width, n, 0);
		if (json_string_length(text)) {
			printf("%*s", INDENT, "");
			put_value(stdout, below, text);
			putchar('\n');
		}
	}
}

void
cli_table_put_rows(const json_t *rows)
{
	if (json_array_size(rows))
		put_table(rows, 0);
	else
		fputs("(none)\n", stderr);
}

void
cli_table_put_record(json_t *record)
{
	const char *key;
	json_t *v;

	json_object_foreach(record, key, v)
	{
		char *text;

		if (is_records(v)) {
			printf("%s:\n", key);
			put_table(v, INDENT);
			continue;
		}
		text = text_of(key, v);
		printf("%s: %s\n", key, text);
		free(text);
	}
}
