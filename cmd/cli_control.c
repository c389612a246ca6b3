/* cli_control: the verbs that the running server answers: a row of words becomes a request of
 * JSON for the control socket (control.h), and its answer becomes a table, or stays JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/cli.h"
#include "cmd/cli_store.h"

/* args: names of the positional arguments; a last one that ends in "..." takes the rest as a
 * list. */
struct row {
	const char *verb, *args, *help;
	bool wants_password;
};

static const struct row rows[] = {
	{"domain add", "domain", "take mail for a domain", false},
	{"domain delete", "domain", "no longer (its addresses must be gone)", false},
	{"domain list", "", "the domains", false},
	{"user add", "address", "a mailbox; --password, --full-name, --quota-bytes, --send-as",
		true},
	{"user delete", "address", "with all mail; its key is destroyed", false},
	{"user list", "", "the users", false},
	{"user show", "address", "one user", false},
	{"user password", "address", "a new password; ends the user's sessions", true},
	{"user set", "address",
		"--full-name, --quota-bytes, --quota-messages, --send-as, --disable, --enable",
		false},
	{"alias add", "address targets...", "an address that leads to others", false},
	{"alias delete", "address", "", false},
	{"alias list", "", "", false},
	{"group set", "address targets...", "a group and its members, inside and outside",
		false},
	{"group delete", "address", "", false},
	{"group list", "", "", false},
	{"forward set", "address targets...", "send a user's mail on; --keep leaves a copy",
		false},
	{"forward clear", "address", "", false},
	{"forward list", "", "", false},
	{"catch-all set", "address targets...", "where @domain leads when nobody else is meant",
		false},
	{"catch-all delete", "address", "", false},
	{"catch-all list", "", "", false},
	{"service add", "address", "a login for a program that may send", true},
	{"service delete", "address", "", false},
	{"service list", "", "", false},
	{"service password", "address", "", true},
	{"queue list", "", "what waits", false},
	{"queue show", "id", "one item", false},
	{"queue retry", "id", "try now", false},
	{"queue hold", "id", "leave it alone", false},
	{"queue release", "id", "go on with it", false},
	{"queue delete", "id", "throw it away, without a bounce", false},
	{"store stats", "", "sizes and counts", false},
	{"store check", "",
		"prove every invariant of the database (--offline: without a server)", false},
	{"store compact", "",
		"drop the log's prefix and free pages (destroyed keys are gone then)", false},
};
enum { ROWS = sizeof rows / sizeof *rows };

static const struct {
	const char *option, *name;
	char kind; /* t text, n number, l list of texts (commas), y true, f false */
} options[] = {{"--full-name", "full_name", 't'}, {"--quota-bytes", "quota_bytes", 'n'},
	{"--quota-messages", "quota_messages", 'n'}, {"--send-as", "send_as", 'l'},
	{"--disable", "disabled", 'y'}, {"--enable", "disabled", 'f'}, {"--keep", "keep", 'y'},
	{"--password", "password", 't'}, {"-c", NULL, 't'}, {"--json", NULL, 'y'}};
enum { OPTIONS = sizeof options / sizeof *options };

bool
cli_control_knows(const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i < ROWS; i++)
		if (!strncmp(rows[i].verb, word, n) && rows[i].verb[n] == ' ')
			return true;
	return false;
}

void
cli_control_help(void)
{
	char line[128];

	for (size_t i = 0; i < ROWS; i++) {
		snprintf(line, sizeof line, "%s %s", rows[i].verb, rows[i].args);
		printf("  %-42s %s\n", line, rows[i].help);
	}
}

/* --- asking --- */

static int
connect_socket(const char *config_path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct config_error why;
	struct config config;
	int fd;

	if (config_load(config_path, &config, &why)) {
		cli_fail(EX_CONFIG, "%s", why.text);
		return -1;
	}
	if ((size_t)snprintf(at.sun_path, sizeof at.sun_path, "%s/run/control.sock",
		    config.data_dir) >= sizeof at.sun_path)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0)
		return fd;
	cli_fail(EX_UNAVAILABLE, "no server answers at %s: start it with `hairpin serve -c %s`",
		at.sun_path, config_path);
	if (fd >= 0)
		close(fd);
	return -1;
}

/* All that comes until the end; malloc'ed. */
static char *
read_all(int fd)
{
	size_t n = 0, room = 65536;
	char *text = malloc(room);
	ssize_t got;

	while (text && (got = read(fd, text + n, room - n - 1)) > 0) {
		n += (size_t)got;
		if (room - n < 2)
			text = realloc(text, room *= 2);
	}
	if (text)
		text[n] = '\0';
	return text;
}

int
cli_ask(const char *config_path, json_t *request, json_t **answer)
{
	int fd = connect_socket(config_path);
	char *text = json_dumps(request, JSON_COMPACT);
	int code = EX_OK;

	if (fd < 0) {
		free(text);
		return EX_UNAVAILABLE;
	}
	if (dprintf(fd, "%s\n", text) < 0)
		code = EX_IOERR;
	free(text);
	text = read_all(fd);
	close(fd);
	*answer = text ? json_loads(text, 0, NULL) : NULL;
	free(text);
	if (code || !*answer)
		return cli_fail(EX_TEMPFAIL, "the server ended the conversation; see its log");
	if (json_is_true(json_object_get(*answer, "ok")))
		return EX_OK;
	code = (int)json_integer_value(json_object_get(*answer, "code"));
	cli_fail(code, "%s", json_string_value(json_object_get(*answer, "error")));
	json_decref(*answer);
	*answer = NULL;
	return code ? code : EX_SOFTWARE;
}

/* --- building the request --- */

static const struct row *
find_row(int argc, char **argv)
{
	char verb[64];

	if (argc < 2)
		return NULL;
	snprintf(verb, sizeof verb, "%s %s", argv[0], argv[1]);
	for (size_t i = 0; i < ROWS; i++)
		if (!strcmp(rows[i].verb, verb))
			return &rows[i];
	return NULL;
}

static void
put_list(json_t *request, const char *name, const char *text)
{
	json_t *list = json_array();
	char *copy = strdup(text), *rest = copy, *one;

	while ((one = strsep(&rest, ",")))
		if (*one)
			json_array_append_new(list, json_string(one));
	free(copy);
	json_object_set_new(request, name, list);
}

/* How many words the option takes; 0: no such option; -1: bad value. */
static int
put_option(json_t *request, const char *word, const char *value)
{
	char *end;

	for (size_t i = 0; i < OPTIONS; i++) {
		const char *name = options[i].name;

		if (strcmp(options[i].option, word))
			continue;
		if (options[i].kind == 'y' || options[i].kind == 'f') {
			if (name)
				json_object_set_new(
					request, name, json_boolean(options[i].kind == 'y'));
			return 1;
		}
		if (!value)
			return -1;
		if (options[i].kind == 'l')
			put_list(request, name, value);
		else if (options[i].kind == 'n') {
			json_object_set_new(
				request, name, json_integer(strtoll(value, &end, 10)));
			if (*end || !*value)
				return -1;
		} else if (name) {
			json_object_set_new(request, name, json_string(value));
		}
		return 2;
	}
	return 0;
}

/* The next positional argument. False: too many. */
static bool
put_word(json_t *request, const char **args, const char *word)
{
	size_t n = strcspn(*args, " ");
	char name[32];
	json_t *list;

	if (n == 0 || n >= sizeof name)
		return false;
	snprintf(name, sizeof name, "%.*s", (int)n, *args);
	if (n > 3 && !strcmp(name + n - 3, "...")) {
		name[n - 3] = '\0';
		list = json_object_get(request, name);
		if (!list) {
			list = json_array();
			json_object_set_new(request, name, list);
		}
		json_array_append_new(list, json_string(word));
		return true;
	}
	json_object_set_new(request, name, json_string(word));
	*args += n + strspn(*args + n, " ");
	return true;
}

static int
usage(const struct row *row)
{
	return cli_fail(EX_USAGE, "usage: hairpin %s %s%s", row->verb, row->args,
		row->wants_password ? " [--password WORD]" : "");
}

static json_t *
build(const struct row *row, int argc, char **argv)
{
	json_t *request = json_object();
	const char *args = row->args;
	size_t rest;
	int used;

	json_object_set_new(request, "verb", json_string(row->verb));
	for (int i = 2; i < argc; i += used) {
		used = argv[i][0] == '-'
			       ? put_option(request, argv[i], i + 1 < argc ? argv[i + 1] : NULL)
			       : put_word(request, &args, argv[i]);
		if (used <= 0) {
			json_decref(request);
			return NULL;
		}
	}
	/* What is left of the arguments must be a list that has begun. */
	rest = strlen(args);
	if (rest && (rest < 3 || strcmp(args + rest - 3, "...") ||
			    !json_object_get(request, "targets"))) {
		json_decref(request);
		return NULL;
	}
	return request;
}

/* --- showing the answer --- */

static void
print_value(json_t *v)
{
	size_t i;
	json_t *one;

	if (json_is_string(v))
		fputs(json_string_value(v), stdout);
	else if (json_is_integer(v))
		printf("%lld", (long long)json_integer_value(v));
	else if (json_is_boolean(v))
		fputs(json_is_true(v) ? "yes" : "no", stdout);
	else if (json_is_array(v))
		json_array_foreach(v, i, one)
		{
			if (i)
				fputs(", ", stdout);
			print_value(one);
		}
	else if (json_is_object(v)) {
		const char *key;

		json_object_foreach(v, key, one)
		{
			printf("%s=", key);
			print_value(one);
			putchar(' ');
		}
	}
}

static void
print_rows(json_t *list)
{
	size_t i;
	json_t *row, *v;
	const char *key;
	bool first;

	json_array_foreach(list, i, row)
	{
		first = true;
		json_object_foreach(row, key, v)
		{
			if (!first)
				printf("  %s=", key);
			print_value(v);
			first = false;
		}
		putchar('\n');
	}
	if (json_array_size(list) == 0)
		fputs("(none)\n", stderr);
}

static void
print_answer(json_t *answer)
{
	json_t *list = json_object_get(answer, "rows"), *v;
	const char *key;

	if (list) {
		print_rows(list);
		return;
	}
	json_object_del(answer, "ok");
	json_object_foreach(answer, key, v)
	{
		printf("%s: ", key);
		print_value(v);
		putchar('\n');
	}
}

int
cli_control_run(int argc, char **argv)
{
	const struct row *row = find_row(argc, argv);
	json_t *request, *answer;
	char *password;
	int code;

	if (!row)
		return cli_fail(EX_USAGE, "%s what? `hairpin help` lists the verbs", argv[0]);
	if (!strcmp(row->verb, "store check") && cli_flag(argc, argv, "--offline"))
		return cli_store_check(argc, argv);
	request = build(row, argc, argv);
	if (!request)
		return usage(row);
	if (row->wants_password && !json_object_get(request, "password")) {
		password = cli_password(argc, argv);
		if (password)
			json_object_set_new(request, "password", json_string(password));
		free(password);
	}
	code = cli_ask(cli_config_path(argc, argv), request, &answer);
	json_decref(request);
	if (code)
		return code;
	if (cli_flag(argc, argv, "--json")) {
		json_dumpf(answer, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		print_answer(answer);
	}
	code = json_is_array(json_object_get(answer, "violations")) &&
			       json_array_size(json_object_get(answer, "violations"))
		       ? EX_DATAERR
		       : EX_OK;
	json_decref(answer);
	return code;
}
