#include "cmd/cli_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cli_control.h"
#include "core/buf.h"
#include "crypto/tls_cert.h"

enum { DAY_SEC = 86400, CERT_SOON_DAYS = 21, PATH_ROOM = 600, FILE_MAX = 1 << 20 };

struct check {
	struct config config;
	const char *config_path;
	json_t *found; /* {what, cure} */
	bool json;
};

static void __attribute__((format(printf, 3, 4)))
find(struct check *c, const char *cure, const char *format, ...)
{
	char what[700];
	va_list ap;

	va_start(ap, format);
	vsnprintf(what, sizeof what, format, ap);
	va_end(ap);
	json_array_append_new(c->found, json_pack("{s:s, s:s}", "what", what, "cure", cure));
}

static void
check_secret(struct check *c, const char *below)
{
	char path[PATH_ROOM];
	struct stat st;

	snprintf(path, sizeof path, "%s/%s", c->config.data_dir, below);
	if (stat(path, &st))
		find(c,
			"restore it from your backup; `hairpin init` makes one for a new "
			"set-up only",
			"%s is missing", path);
	else if (st.st_mode & 077)
		find(c, "chmod 600 it", "%s can be read by others", path);
}

static void
check_certificate(struct check *c)
{
	struct tls_cert_facts facts;
	char path[PATH_ROOM];
	struct buf text;
	FILE *f;
	int64_t left;

	snprintf(path, sizeof path, "%s/tls/cert.pem", c->config.data_dir);
	f = fopen(path, "r");
	if (!f) {
		find(c, "put a certificate chain there (PEM), its key beside it as key.pem",
			"%s can't be read", path);
		return;
	}
	buf_init(&text, FILE_MAX);
	buf_grow(&text, fread(buf_room(&text, FILE_MAX), 1, FILE_MAX, f));
	fclose(f);
	if (tls_cert_read(buf_slice(&text), &facts)) {
		find(c, "it must hold PEM certificates, the server's own first",
			"%s holds no certificate", path);
	} else {
		left = (facts.not_after_sec - (int64_t)time(NULL)) / DAY_SEC;
		if (left < CERT_SOON_DAYS)
			find(c, "renew it, then send the server SIGHUP", "%s ends in %lld days",
				path, (long long)left);
		if (!tls_cert_is_for(buf_slice(&text), slice_str(c->config.hostname)))
			find(c, "get one for the host name, or mend `hostname` in [node]",
				"%s isn't for %s", path, c->config.hostname);
	}
	buf_fini(&text);
}

static void
check_listeners(struct check *c)
{
	bool mx = false;

	for (uint32_t i = 0; i < c->config.listeners; i++) {
		const struct config_listener *l = &c->config.listener[i];

		mx = mx || l->kind == CONFIG_MX;
		if (l->allow_plaintext_auth && strncmp(l->address, "127.", 4) &&
			strcmp(l->address, "::1"))
			find(c,
				"set allow_plaintext_auth = no there; it is meant for tests on "
				"loopback",
				"listener %s lets passwords cross the network in the clear",
				l->name);
	}
	if (!mx)
		find(c, "add a [listener] of kind mx",
			"no listener takes mail from other servers");
}

static void
check_server(struct check *c)
{
	json_t *request = json_pack("{s:s}", "verb", "store stats"), *answer = NULL;

	if (cli_control_ask(c->config_path, request, &answer)) {
		find(c, "start it: hairpin serve", "the server doesn't answer");
	} else {
		if (json_is_true(json_object_get(answer, "full")))
			find(c,
				"make space on the disk of the data folder; it goes on by "
				"itself then",
				"the disk is full: new mail is refused");
		json_decref(answer);
	}
	json_decref(request);
}

static void
print_found(struct check *c)
{
	size_t i;
	json_t *one;

	if (c->json) {
		cli_put_json(json_incref(c->found));
		return;
	}
	json_array_foreach(c->found, i, one)
	{
		printf("- %s\n  to mend: %s\n", json_string_value(json_object_get(one, "what")),
			json_string_value(json_object_get(one, "cure")));
	}
	if (json_array_size(c->found) == 0)
		puts("nothing wrong was found");
}

int
cli_check_run(const struct cli_line *line)
{
	struct check c = {.config_path = cli_config_path(line),
		.found = json_array(),
		.json = cli_has(line, "--json")};
	struct config_error why;
	int code;

	if (config_load(c.config_path, &c.config, &why)) {
		find(&c, "mend the file, or run `hairpin init`", "%s", why.text);
	} else {
		check_secret(&c, "keys/master.key");
		check_secret(&c, "tls/key.pem");
		check_certificate(&c);
		check_listeners(&c);
		check_server(&c);
	}
	print_found(&c);
	code = json_array_size(c.found) ? 1 : EX_OK;
	json_decref(c.found);
	return code;
}
