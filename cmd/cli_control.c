#include "cmd/cli_control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/cli_table.h"
#include "cmd/cli_verbs.h"

/* How the options of the server's verbs stand in the request. */
static const struct {
	const char *option, *name;
	/* t text, n number, w number or "default", s size, d duration, l list of texts
	 * (commas), y true, f false */
	char kind;
} options[] = {{"--full-name", "full_name", 't'}, {"--quota-bytes", "quota_bytes", 's'},
	{"--quota-messages", "quota_messages", 'n'},
	{"--recipients-per-hour", "recipients_per_hour", 'w'},
	{"--recipients-per-day", "recipients_per_day", 'w'}, {"--send-as", "send_as", 'l'},
	{"--from-network", "from_network", 'l'}, {"--posters", "posters", 'l'},
	{"--disable", "disabled", 'y'}, {"--enable", "disabled", 'f'}, {"--keep", "keep", 'y'},
	{"--password", "password", 't'}, {"--arbiter", "arbiter", 'y'},
	{"--hours", "hours", 'n'}, {"--undo", "undo", 'y'}, {"--sender", "sender", 't'},
	{"--to", "to", 't'}, {"--hop", "hop", 't'}, {"--stage", "stage", 't'},
	{"--node", "node", 'n'}, {"--held", "held", 'y'}, {"--older-than", "older_than", 'd'},
	{"--status", "status", 't'}, {"--all", "all", 'y'}, {"--via", "via", 't'},
	{"--trusted", "trusted", 'y'}, {"--comment", "comment", 't'}, {"--pem", "pem", 'y'},
	{"--force", "force", 'y'}};
enum { OPTIONS = sizeof options / sizeof *options };

/* --- asking --- */

/* EX_OK and *out, or why not, which was said. */
static int
connect_socket(const char *config_path, int *out)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct config_error why;
	struct config config;
	int fd, code = EX_OK;

	if (config_load(config_path, &config, &why))
		return cli_fail(EX_CONFIG, "%s", why.text);
	if ((size_t)snprintf(at.sun_path, sizeof at.sun_path, "%s/run/control.sock",
		    config.data_dir) >= sizeof at.sun_path)
		return cli_fail(EX_CONFIG,
			"data_dir %s is too long for a Unix socket below it: choose a shorter "
			"one",
			config.data_dir);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0) {
		*out = fd;
		return EX_OK;
	}
	if (errno == EACCES)
		code = cli_fail(EX_NOPERM,
			"%s lets in root and the server's own user only: try with sudo",
			at.sun_path);
	else
		code = cli_fail(EX_UNAVAILABLE,
			"no server answers at %s: start it with `hairpin serve -c %s`",
			at.sun_path, config_path);
	if (fd >= 0)
		close(fd);
	return code;
}

static bool
send_all(int fd, const char *text)
{
	size_t n = strlen(text), done = 0;

	while (done < n) {
		ssize_t got = send(fd, text + done, n - done, MSG_NOSIGNAL);

		if (got < 0 && errno != EINTR)
			return false;
		done += got > 0 ? (size_t)got : 0;
	}
	return true;
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
cli_control_ask(const char *config_path, json_t *request, json_t **answer)
{
	int fd, code = connect_socket(config_path, &fd);
	char *text;

	*answer = NULL;
	if (code)
		return code;
	text = json_dumps(request, JSON_COMPACT);
	if (!text || !send_all(fd, text) || !send_all(fd, "\n"))
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

/* The letters that may stand behind a number, and what each stands for. */
struct units {
	const char *letters, *example;
	long long factor[4];
};

static const struct units *
units_of(char kind)
{
	static const struct units none = {"", "", {0}};
	static const struct units or_default = {"", ", or default", {0}};
	static const struct units sizes = {
		"KMGT", ", like 500M or 5G", {1LL << 10, 1LL << 20, 1LL << 30, 1LL << 40}};
	static const struct units times = {"smhd", ", like 30m or 2d", {1, 60, 3600, 86400}};

	return kind == 's' ? &sizes : kind == 'd' ? &times : kind == 'w' ? &or_default : &none;
}

static bool
put_number(json_t *request, const char *name, const char *text, const struct units *units)
{
	const char *unit;
	char *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 10);
	unit = *end && !end[1] ? strchr(units->letters, *end) : NULL;
	if (*text < '0' || *text > '9' || errno || (*end && !unit))
		return false;
	if (unit && __builtin_mul_overflow(n, units->factor[unit - units->letters], &n))
		return false;
	json_object_set_new(request, name, json_integer(n));
	return true;
}

/* False: the value won't do; that was said. */
static bool
put_option(json_t *request, const struct cli_line *line, const char *option, const char *value)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		const char *name = options[i].name;
		char kind = options[i].kind;

		if (strcmp(options[i].option, option))
			continue;
		if (kind == 'y' || kind == 'f')
			json_object_set_new(request, name, json_boolean(kind == 'y'));
		else if (kind == 'l')
			put_list(request, name, value);
		else if (kind == 't' || (kind == 'w' && !strcmp(value, "default")))
			json_object_set_new(request, name, json_string(value));
		else if (!put_number(request, name, value, units_of(kind)))
			return cli_misused(line->verb, "%s %s: a number is needed%s", option,
				       value, units_of(kind)->example) == 0;
	}
	return true;
}

/* Addresses from standard input, one a line; # begins a comment. */
static void
read_words(json_t *list)
{
	char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, stdin) > 0) {
		line[strcspn(line, " \t\r\n")] = '\0';
		if (*line && *line != '#')
			json_array_append_new(list, json_string(line));
	}
	free(line);
}

/* The words by the names that the verb's args give them: "ADDRESS TARGET..." becomes "address"
 * and the list "targets". */
static void
put_words(json_t *request, const struct cli_line *line)
{
	const char *at = line->verb->args;
	char name[32];

	for (size_t i = 0; i < line->words; i++) {
		size_t n = strcspn(at, " ");
		bool is_list = memmem(at, n, "...", 3) != NULL;

		if (is_list) {
			json_t *list = json_object_get(request, "targets");

			if (!list)
				json_object_set_new(request, "targets", list = json_array());
			if (strcmp(line->word[i], "-") != 0)
				json_array_append_new(list, json_string(line->word[i]));
			else
				read_words(list);
			continue;
		}
		/* "@DOMAIN" is an address without a local part, "[TYPE]" may be missing. */
		snprintf(name, sizeof name, "%.*s", (int)strcspn(at + (*at == '['), " ]"),
			*at == '@' ? "ADDRESS" : at + (*at == '['));
		for (char *c = name; *c; c++)
			*c |= 0x20;
		json_object_set_new(request, name, json_string(line->word[i]));
		at += n + strspn(at + n, " ");
	}
}

json_t *
cli_control_request(const struct cli_line *line)
{
	json_t *request = json_object();
	char *password;

	json_object_set_new(request, "verb", json_string(line->verb->name));
	put_words(request, line);
	for (size_t i = 0; i < line->options; i++)
		if (!put_option(request, line, line->option[i].name, line->option[i].value)) {
			json_decref(request);
			return NULL;
		}
	if (cli_verbs_option(line->verb, "--password") &&
		!json_object_get(request, "password")) {
		password = cli_password(line);
		if (password)
			json_object_set_new(request, "password", json_string(password));
		free(password);
	}
	return request;
}

static bool
is_verb(const json_t *request, const char *verb)
{
	return !strcmp(json_string_value(json_object_get(request, "verb")), verb);
}

static void
print_table(const json_t *request, const json_t *rows)
{
	static const char *const steps[] = {
		"time", "node", "id", "stage", "event", "recipient", "where", NULL};

	static const char *const keys[] = {
		"id", "kind", "addresses", "key", "ends", "state", NULL};
	static const char *const certs[] = {
		"name", "address", "state", "trust", "key", "ends", NULL};
	static const char *const trusted[] = {"name", "state", "ends", "subject", NULL};
	const char *verb = json_string_value(json_object_get(request, "verb"));

	if (!strcmp(verb, "why"))
		cli_table_put_columns(rows, steps, "text");
	else if (!strcmp(verb, "key list") && json_array_size(rows))
		cli_table_put_columns(rows, keys, "selector");
	else if (!strcmp(verb, "cert list") && json_array_size(rows))
		cli_table_put_columns(rows,
			json_object_get(request, "trusted") ? trusted : certs,
			json_object_get(request, "trusted") ? "comment" : "revocation");
	else
		cli_table_put_rows(rows);
}

static void
print_json_rows(json_t *page, bool is_first)
{
	json_t *row;
	size_t i;

	json_array_foreach(page, i, row)
	{
		fputs(is_first && i == 0 ? "{\"rows\": [\n  " : ",\n  ", stdout);
		json_dumpf(row, stdout, JSON_COMPACT);
	}
}

static int
by_waiting(const void *a, const void *b)
{
	json_t *const *left = a, *const *right = b;
	json_int_t n = json_integer_value(json_object_get(*left, "waiting"));
	json_int_t m = json_integer_value(json_object_get(*right, "waiting"));

	return n < m ? 1 : n > m ? -1 : 0;
}

/* The most wanted first; takes the rows. */
static json_t *
sort_hops(json_t *rows)
{
	size_t n = json_array_size(rows);
	json_t **list = calloc(n + 1, sizeof(json_t *)), *sorted = json_array();

	for (size_t i = 0; list && i < n; i++)
		list[i] = json_array_get(rows, i);
	if (list)
		qsort(list, n, sizeof(json_t *), by_waiting);
	for (size_t i = 0; list && i < n; i++)
		json_array_append(sorted, list[i]);
	free(list);
	json_decref(rows);
	return sorted;
}

/* The pages of a list; takes the first. JSON goes out as it comes, as one document; a table
 * when the widest of each column is known, and hops when all are. */
static int
show_list(const char *config_path, json_t *request, json_t *answer, bool as_json)
{
	bool is_hops = is_verb(request, "queue hops");
	json_t *all = json_array();
	size_t count = 0;
	int code = EX_OK;

	while (answer) {
		json_t *page = json_object_get(answer, "rows");
		json_t *next = json_object_get(answer, "next");

		if (as_json && !is_hops)
			print_json_rows(page, count == 0);
		else
			json_array_extend(all, page);
		count += json_array_size(page);
		if (next)
			json_object_set(request, "after", next);
		json_decref(answer);
		answer = NULL;
		if (next)
			code = cli_control_ask(config_path, request, &answer);
	}
	if (is_hops)
		all = sort_hops(all);
	if (as_json && is_hops)
		print_json_rows(all, true);
	if (as_json)
		fputs(count ? "\n]}\n" : "{\"rows\": []}\n", stdout);
	else if (!code)
		print_table(request, all);
	json_decref(all);
	if (fflush(stdout) && !code)
		return cli_fail(EX_IOERR, "the answer can't be written");
	return code;
}

/* What a verb did page by page becomes one answer; takes the first. NULL: *code says why. */
static json_t *
sum_pages(const char *config_path, json_t *request, json_t *answer, int *code)
{
	json_int_t count = 0;
	json_t *next;

	while (answer && (next = json_object_get(answer, "next"))) {
		count += json_integer_value(json_object_get(answer, "count"));
		json_object_set(request, "after", next);
		json_object_set(request, "until", json_object_get(answer, "until"));
		json_decref(answer);
		*code = cli_control_ask(config_path, request, &answer);
	}
	if (answer && count)
		json_object_set_new(answer, "count",
			json_integer(
				count + json_integer_value(json_object_get(answer, "count"))));
	else if (count)
		cli_fail(*code, "%lld were done before that", (long long)count);
	return answer;
}

/* Takes the answer. */
static int
show(const char *config_path, json_t *request, json_t *answer, bool as_json)
{
	bool is_violated;
	int code = EX_OK;

	if (json_is_array(json_object_get(answer, "rows")))
		return show_list(config_path, request, answer, as_json);
	answer = sum_pages(config_path, request, answer, &code);
	if (!answer)
		return code;
	is_violated = json_array_size(json_object_get(answer, "violations")) > 0;
	/* It says something only where nothing else does. */
	if (json_object_size(answer) > 1 || !as_json)
		json_object_del(answer, "ok");
	if (as_json) {
		code = cli_put_json(answer);
	} else {
		cli_table_put_record(answer);
		json_decref(answer);
	}
	return code ? code : is_violated ? EX_DATAERR : EX_OK;
}

int
cli_control_run(const struct cli_line *line)
{
	const char *config_path = cli_config_path(line);
	json_t *request = cli_control_request(line), *answer;
	int code;

	if (!request)
		return EX_USAGE;
	code = cli_control_ask(config_path, request, &answer);
	if (!code)
		code = show(config_path, request, answer, cli_has(line, "--json"));
	json_decref(request);
	return code;
}
