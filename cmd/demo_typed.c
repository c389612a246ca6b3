#include "cmd/demo_typed.h"

#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/demo_mail.h"

enum { WORDS_MAX = 12, TRIES = 200, WAIT_US = 50000 };

struct demo_typed_path
demo_typed_file(const struct demo *d, const char *name)
{
	struct demo_typed_path p;

	snprintf(p.text, sizeof p.text, "%s/%.60s", d->dir, name);
	return p;
}

/* --- commands --- */

bool
demo_typed_run(const struct demo *d, const struct demo_node *node, const char *in,
	const char *out, const char *words)
{
	char copy[DEMO_TYPED_LINE], *argv[WORDS_MAX + 4] = {(char *)"hairpin"}, *rest = copy;
	int n = 1, status;
	pid_t pid;

	snprintf(copy, sizeof copy, "%s", words);
	while (n < WORDS_MAX && (argv[n] = strsep(&rest, " ")))
		n++;
	if (node) {
		argv[n++] = (char *)"-c";
		argv[n++] = (char *)(uintptr_t)node->conf;
	}
	argv[n] = NULL;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		int from = open(in ? demo_typed_file(d, in).text : "/dev/null", O_RDONLY);
		int to = open(demo_typed_file(d, out).text, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (from < 0 || to < 0 || dup2(from, 0) < 0 || dup2(to, 1) < 0)
			_exit(1);
		execv("/proc/self/exe", argv);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	demo_step(d, "    it fails: hairpin %s", words);
	return false;
}

bool
demo_typed_key(const struct demo *d, const struct demo_node *node, struct demo_typed_key *k)
{
	char words[DEMO_TYPED_LINE];
	const char *key, *sha256;
	json_t *root, *row;

	snprintf(words, sizeof words, "key create %s --kind %s --json", k->address, k->kind);
	if (!demo_typed_run(d, node, NULL, "key.json", words))
		return false;
	root = json_load_file(demo_typed_file(d, "key.json").text, 0, NULL);
	row = json_array_get(json_object_get(root, "rows"), 0);
	key = json_string_value(json_object_get(row, "id"));
	sha256 = json_string_value(json_object_get(row, "certificate"));
	snprintf(k->id, sizeof k->id, "%s", key ? key : "");
	snprintf(words, sizeof words, "cert show %s --pem", sha256 ? sha256 : "");
	demo_step(d, "    on %s: hairpin key create %s --kind %s: certificate %.16s...",
		node->role->name, k->address, k->kind, sha256 ? sha256 : "?");
	json_decref(root);
	return demo_typed_run(d, node, NULL, k->certificate, words);
}

/* --- mail --- */

bool
demo_typed_send(
	const struct demo *d, const struct demo_node *node, const struct demo_typed_mail *m)
{
	struct demo_talk t;
	bool ok = demo_mail_login(&t, d, node, m->who[0]) &&
		  demo_talk_smtp(&t, "250", "MAIL FROM:<%s>", m->who[0]) &&
		  demo_talk_smtp(&t, "250", "RCPT TO:<%s>", m->who[1]) &&
		  demo_talk_smtp(&t, "354", "DATA") &&
		  demo_talk_smtp(&t, "250",
			  "From: <%s>\r\nTo: <%s>\r\nSubject: our offer\r\n"
			  "Message-ID: %s\r\nMIME-Version: 1.0\r\n%s\r\n.",
			  m->who[0], m->who[1], m->id, m->body);

	demo_step(d, "%s writes to %s, on %s:  S: %.100s", m->who[0], m->who[1],
		node->role->name, t.line);
	demo_talk_hang_up(&t);
	return ok;
}

bool
demo_typed_fetch(const struct demo *d, const struct demo_node *node, const char *user,
	const char *id, const char *name)
{
	struct demo_talk t;
	bool is_it = false;

	for (int i = 0; i < TRIES && !is_it; i++) {
		FILE *out = fopen(demo_typed_file(d, name).text, "w");

		if (out && demo_talk_inbox(&t, node->address, demo_port(d, DEMO_IMAP), user) &&
			fputs("a FETCH * BODY.PEEK[]\r\n", t.out) >= 0 && !fflush(t.out) &&
			demo_talk_hear(&t) && t.line[0] == '*')
			while (demo_talk_hear(&t) && strcmp(t.line, ")") &&
				strncmp(t.line, "a ", 2)) {
				is_it = is_it || strstr(t.line, id);
				fprintf(out, "%s\r\n", t.line);
			}
		demo_talk_hang_up(&t);
		if (out)
			fclose(out);
		if (!is_it)
			usleep(WAIT_US);
	}
	if (!is_it)
		demo_step(d, "    it doesn't arrive on %s", node->role->name);
	return is_it;
}

/* --- files --- */

bool
demo_typed_write(const struct demo *d, const char *name, const char *text)
{
	FILE *f = fopen(demo_typed_file(d, name).text, "w");
	bool ok = f && fputs(text, f) >= 0;

	if (f)
		ok = fclose(f) == 0 && ok;
	if (!ok)
		demo_step(d, "    %s can't be written", name);
	return ok;
}

bool
demo_typed_append(const struct demo *d, const char *name, char *to)
{
	FILE *in = fopen(demo_typed_file(d, name).text, "r");
	char line[DEMO_TYPED_LINE];
	size_t n = strlen(to);
	bool ok = in;

	while (ok && fgets(line, sizeof line, in)) {
		line[strcspn(line, "\r\n")] = '\0';
		n += (size_t)snprintf(to + n, DEMO_TYPED_BODY - n, "%s\r\n", line);
		ok = n < DEMO_TYPED_BODY;
	}
	if (in)
		fclose(in);
	if (!ok)
		demo_step(d, "    %s can't be read, or is too long", name);
	return ok;
}

bool
demo_typed_cut(
	const struct demo *d, const char *name, const char *const from_to[2], const char *out)
{
	FILE *in = fopen(demo_typed_file(d, name).text, "r");
	FILE *to = fopen(demo_typed_file(d, out).text, "w");
	char line[DEMO_TYPED_LINE];
	bool on = false, found = false;

	while (in && to && !found && fgets(line, sizeof line, in)) {
		on = on || !strncmp(line, from_to[0], strlen(from_to[0]));
		if (on)
			fputs(line, to);
		found = on && !strncmp(line, from_to[1], strlen(from_to[1]));
	}
	if (in)
		fclose(in);
	if (to)
		fclose(to);
	if (!found)
		demo_step(d, "    there is no \"%s\" in %s", from_to[0], name);
	return found;
}

bool
demo_typed_show(const struct demo *d, const char *name, const char *from)
{
	FILE *in = fopen(demo_typed_file(d, name).text, "r");
	char line[DEMO_TYPED_LINE];
	bool on = false, found = false;

	while (in && fgets(line, sizeof line, in)) {
		bool is_first = !found && !strncmp(line, from, strlen(from));

		line[strcspn(line, "\r\n")] = '\0';
		on = is_first || (on && (line[0] == ' ' || line[0] == '\t'));
		found = found || on;
		if (on)
			demo_step(d, "        %s", line);
	}
	if (in)
		fclose(in);
	if (!found)
		demo_step(d, "    there is no \"%s\" in %s", from, name);
	return found;
}
