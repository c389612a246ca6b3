#include "cmd/cli_help.h"

#include <string.h>
#include <sysexits.h>

#include "crypto/tls.h"

const char cli_help_number[] = "0.1.0";
enum { COLUMNS = 79, INDENT = 12, FOLD = 6 };

static const struct {
	const char *title, *first; /* the first group below it */
} chapters[] = {
	{"Set up and run", "init"},
	{"Who gets mail (the running server answers)", "domain"},
	{"Mail that waits, and the database", "queue"},
	{"One mail or address looked at, help (no server, no configuration)", "mime"},
};

static size_t
group_length(const struct cli_verb *v)
{
	return strcspn(v->name, " ");
}

static const char *
second_word(const struct cli_verb *v)
{
	const char *space = strchr(v->name, ' ');

	return space ? space + 1 : NULL;
}

static void
put_chapter(FILE *to, const struct cli_verb *v)
{
	for (size_t i = 0; i < sizeof chapters / sizeof *chapters; i++)
		if (!strcmp(chapters[i].first, v->name) ||
			(second_word(v) && group_length(v) == strlen(chapters[i].first) &&
				!strncmp(chapters[i].first, v->name, group_length(v))))
			fprintf(to, "\n%s:\n", chapters[i].title);
}

void
cli_help_all(FILE *to)
{
	const struct cli_verb *v = cli_verbs, *group;

	fputs("hairpin: a whole mail system in one program\n"
	      "usage: hairpin VERB [ARGUMENT...] [OPTION...] [-c FILE]\n",
		to);
	while (v->name) {
		group = v;
		put_chapter(to, group);
		fprintf(to, "  %-*.*s", INDENT, (int)group_length(v), v->name);
		if (!second_word(v))
			fprintf(to, "%s%s%s", v->args, v->args[0] ? "  " : "", v->help);
		for (; v->name && cli_verbs_same_group(v, group); v++)
			if (second_word(v))
				fprintf(to, "%s%s", v == group ? "" : ", ", second_word(v));
		fputc('\n', to);
	}
	fputs("\n`hairpin help VERB` says more, hairpin(1), hairpin.conf(5), "
	      "hairpin(8) all.\nFILE: else $HAIRPIN_CONFIG or /etc/hairpin/hairpin.conf.\n",
		to);
}

/* word in its place, on a new line if it doesn't fit. */
static size_t
put_folded(FILE *to, size_t column, const char *word)
{
	if (column + 1 + strlen(word) > COLUMNS)
		column = (size_t)fprintf(to, "\n%*s", FOLD, "") - 1;
	return column + (size_t)fprintf(to, " %s", word);
}

void
cli_help_usage(FILE *to, const char *first, const struct cli_verb *verb)
{
	size_t column = (size_t)fprintf(to, "%shairpin %s", first, verb->name);
	char word[80];

	if (verb->args[0])
		column = put_folded(to, column, verb->args);
	for (const struct cli_option *o = cli_verbs_options; o->name; o++) {
		if (!cli_verbs_option(verb, o->name) || !strcmp(o->name, "-c"))
			continue;
		snprintf(word, sizeof word, "[%s%s%s]", o->name, o->value ? " " : "",
			o->value ? o->value : "");
		column = put_folded(to, column, word);
	}
	fputc('\n', to);
}

static bool
group_takes(const struct cli_verb *group, const char *option)
{
	for (const struct cli_verb *v = group; v->name && cli_verbs_same_group(v, group); v++)
		if (cli_verbs_option(v, option))
			return true;
	return false;
}

void
cli_help_group(FILE *to, const struct cli_verb *any)
{
	const struct cli_verb *v = cli_verbs;
	char option[40];

	while (!cli_verbs_same_group(v, any))
		v++;
	any = v;
	for (; v->name && cli_verbs_same_group(v, any); v++) {
		cli_help_usage(to, "", v);
		fprintf(to, "    %s\n", v->help);
	}
	fputs("\nOptions:\n", to);
	for (const struct cli_option *o = cli_verbs_options; o->name; o++) {
		if (!group_takes(any, o->name))
			continue;
		snprintf(option, sizeof option, "%s %s", o->name, o->value ? o->value : "");
		fprintf(to, "  %-20s %s\n", option, o->help);
	}
}

int
cli_help_unknown(const char *word, const char *before)
{
	fprintf(stderr,
		"hairpin: no such verb: %s; did you mean `hairpin %s%s`?\n"
		"`hairpin help` lists them all.\n",
		word, before, cli_verbs_nearest(word));
	return EX_USAGE;
}

int
cli_help_run(const struct cli_line *line)
{
	const struct cli_verb *group;

	if (!line->words) {
		cli_help_all(stdout);
		return EX_OK;
	}
	group = cli_verbs_group(line->word[0]);
	if (!group)
		return cli_help_unknown(line->word[0], "help ");
	cli_help_group(stdout, group);
	return EX_OK;
}

int
cli_help_version(const struct cli_line *line)
{
	(void)line;
	printf("hairpin %s (%s)\n", cli_help_number, tls_library());
	return EX_OK;
}
