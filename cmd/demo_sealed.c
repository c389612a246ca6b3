#include "cmd/demo_sealed.h"

#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/demo_estate.h"
#include "cmd/demo_mail.h"

enum {
	PATH = 160,
	WORDS_MAX = 12,
	LINE = 1024,
	TRIES = 200,
	WAIT_US = 50000,
	BODY_MAX = 16384
};
#define LATE "<late.ann@company.test>"
#define SECRET "The offer stands at 4 million."

/* --- the documented commands --- */

struct path {
	char text[PATH];
};

static struct path
file(const struct demo *d, const char *name)
{
	struct path p;

	snprintf(p.text, sizeof p.text, "%s/%.60s", d->dir, name);
	return p;
}

/* Standard input and output are files of the demo's folder. node: NULL: it needs no server. */
static bool
command(const struct demo *d, const struct demo_node *node, const char *in, const char *out,
	const char *words)
{
	char copy[LINE], *argv[WORDS_MAX + 4] = {(char *)"hairpin"}, *rest = copy;
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
		int from = open(in ? file(d, in).text : "/dev/null", O_RDONLY);
		int to = open(file(d, out).text, O_WRONLY | O_CREAT | O_TRUNC, 0600);

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

/* --- keys --- */

/* A key of that address at that node; NAME.crt gets its certificate, NAME.json its row. */
static bool
make_key(const struct demo *d, const struct demo_node *node, const char *address,
	const char *name, char id[PATH])
{
	char words[LINE], answer[PATH], certificate[PATH];
	const char *key, *sha256;
	json_t *root, *row;

	snprintf(answer, sizeof answer, "%s.json", name);
	snprintf(certificate, sizeof certificate, "%s.crt", name);
	snprintf(words, sizeof words, "key create %s --kind p256 --json", address);
	if (!command(d, node, NULL, answer, words))
		return false;
	root = json_load_file(file(d, answer).text, 0, NULL);
	row = json_array_get(json_object_get(root, "rows"), 0);
	key = json_string_value(json_object_get(row, "id"));
	sha256 = json_string_value(json_object_get(row, "certificate"));
	snprintf(id, PATH, "%s", key ? key : "");
	snprintf(words, sizeof words, "cert show %s --pem", sha256 ? sha256 : "");
	demo_step(d, "    on %s: hairpin key create %s: certificate %.16s...", node->role->name,
		address, sha256 ? sha256 : "?");
	json_decref(root);
	return command(d, node, NULL, certificate, words);
}

bool
demo_sealed_keys(struct demo *d)
{
	const struct demo_node *gw = &d->node[DEMO_ESTATE_GW1];
	const struct demo_node *partner = &d->node[DEMO_ESTATE_PARTNER];
	char id[PATH], words[LINE];

	demo_step(d, "mail to the partner is to be encrypted and signed, by the gateways:");
	if (!make_key(d, gw, DEMO_ESTATE_ANN, "ann", id) ||
		!make_key(d, partner, DEMO_ESTATE_PAT, "pat", id))
		return false;
	snprintf(words, sizeof words, "key export %s --pem", id);
	if (!command(d, partner, NULL, "pat.key", words))
		return false;
	snprintf(words, sizeof words, "cert trust %s", file(d, "pat.crt").text);
	if (!command(d, gw, NULL, "trusted", words) ||
		!command(d, gw, NULL, "set",
			"policy set partner.test mode=must sign=when-encrypted"))
		return false;
	demo_step(d, "    on gw1: hairpin cert trust pat.crt; "
		     "hairpin policy set partner.test mode=must sign=when-encrypted");
	return true;
}

/* --- mail --- */

static bool
send_body(const struct demo *d, const struct demo_node *node, const char *const who[2],
	const char *id, const char *rest)
{
	struct demo_talk t;
	bool ok = demo_mail_login(&t, d, node, who[0]) &&
		  demo_talk_smtp(&t, "250", "MAIL FROM:<%s>", who[0]) &&
		  demo_talk_smtp(&t, "250", "RCPT TO:<%s>", who[1]) &&
		  demo_talk_smtp(&t, "354", "DATA") &&
		  demo_talk_smtp(&t, "250",
			  "From: <%s>\r\nTo: <%s>\r\nSubject: our offer\r\n"
			  "Message-ID: %s\r\nMIME-Version: 1.0\r\n%s\r\n.",
			  who[0], who[1], id, rest);

	demo_step(d, "%s writes to %s, on %s:  S: %.100s", who[0], who[1], node->role->name,
		t.line);
	demo_talk_hang_up(&t);
	return ok;
}

/* The newest mail of the user there into a file, once its Message-ID is this one. */
static bool
fetch(const struct demo *d, const struct demo_node *node, const char *user, const char *id,
	const char *name)
{
	struct demo_talk t;
	bool is_it = false;

	for (int i = 0; i < TRIES && !is_it; i++) {
		FILE *out = fopen(file(d, name).text, "w");

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

/* Shows the file's lines from the first that begins with `from` to the end of that field or
 * line. False: it has none. */
static bool
show(const struct demo *d, const char *name, const char *from)
{
	FILE *in = fopen(file(d, name).text, "r");
	char line[LINE];
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

/* Does that node know of mail that waits for pat's certificate? */
static bool
waits(const struct demo_node *node)
{
	json_t *answer = demo_ask(node, "queue hops", NULL), *row;
	bool found = false;
	size_t i;

	json_array_foreach(json_object_get(answer, "rows"), i, row)
	{
		const char *hop = json_string_value(json_object_get(row, "hop"));

		found = found || (hop && !strcmp(hop, "key:" DEMO_ESTATE_PAT));
	}
	json_decref(answer);
	return found;
}

bool
demo_sealed_late(struct demo *d)
{
	static const char *const who[] = {DEMO_ESTATE_ANN, DEMO_ESTATE_PAT};
	const struct demo_node *gw = &d->node[DEMO_ESTATE_GW1];
	char words[LINE];
	int tries = 0;

	if (!send_body(d, &d->node[DEMO_ESTATE_MAIL1], who, LATE,
		    "Content-Type: text/plain\r\n\r\n" SECRET))
		return false;
	while (!waits(gw) && tries++ < TRIES)
		usleep(WAIT_US);
	if (tries > TRIES) {
		demo_step(d, "    it doesn't wait on %s", gw->role->name);
		return false;
	}
	demo_step(d, "    it waits: hairpin queue hops has key:" DEMO_ESTATE_PAT);
	snprintf(words, sizeof words, "cert add %s %s", file(d, "pat.crt").text,
		DEMO_ESTATE_PAT);
	if (!command(d, gw, NULL, "added", words) ||
		!fetch(d, &d->node[DEMO_ESTATE_PARTNER], DEMO_ESTATE_PAT, LATE, "late.eml"))
		return false;
	demo_step(d, "    on gw1: hairpin cert add pat.crt; what pat has on partner then:");
	return show(d, "late.eml", "Content-Type: application/pkcs7-mime");
}

bool
demo_sealed_out(struct demo *d)
{
	static const char *const who[] = {DEMO_ESTATE_ANN, DEMO_ESTATE_PAT};
	const struct demo_node *partner = &d->node[DEMO_ESTATE_PARTNER];
	char words[LINE];

	if (!send_body(d, &d->node[DEMO_ESTATE_MAIL1], who, DEMO_SEALED_OUT,
		    "Content-Type: text/plain\r\n\r\n" SECRET) ||
		!fetch(d, partner, DEMO_ESTATE_PAT, DEMO_SEALED_OUT, "out.eml"))
		return false;
	demo_step(d, "    what pat has on partner:");
	if (!show(d, "out.eml", "Content-Type: application/pkcs7-mime"))
		return false;
	snprintf(words, sizeof words, "smime decrypt %s %s", file(d, "pat.key").text,
		file(d, "pat.crt").text);
	if (!command(d, NULL, "out.eml", "out.open", words))
		return false;
	snprintf(words, sizeof words, "smime verify %s", file(d, "ann.crt").text);
	if (!command(d, NULL, "out.open", "out.text", words))
		return false;
	demo_step(
		d, "    hairpin smime decrypt pat.key pat.crt, hairpin smime verify ann.crt:");
	return show(d, "out.text", SECRET);
}

bool
demo_sealed_in(struct demo *d)
{
	static const char *const who[] = {DEMO_ESTATE_PAT, DEMO_ESTATE_ANN};
	const struct demo_node *mail2 = &d->node[DEMO_ESTATE_MAIL2];
	char words[LINE], body[BODY_MAX];
	FILE *f = fopen(file(d, "in.part").text, "w");
	size_t n;

	if (!f || fputs("Content-Type: text/plain\r\n\r\nWe take it.\r\n", f) < 0 || fclose(f))
		return false;
	snprintf(words, sizeof words, "smime sign %s %s", file(d, "pat.key").text,
		file(d, "pat.crt").text);
	if (!command(d, NULL, "in.part", "in.signed", words))
		return false;
	snprintf(words, sizeof words, "smime encrypt %s", file(d, "ann.crt").text);
	if (!command(d, NULL, "in.signed", "in.sealed", words) ||
		!(f = fopen(file(d, "in.sealed").text, "r")))
		return false;
	n = fread(body, 1, sizeof body - 1, f);
	fclose(f);
	body[n] = '\0';
	demo_step(d, "pat answers: hairpin smime sign pat.key pat.crt, hairpin smime encrypt "
		     "ann.crt:");
	if (!send_body(d, &d->node[DEMO_ESTATE_PARTNER], who, DEMO_SEALED_IN, body) ||
		!fetch(d, mail2, DEMO_ESTATE_ANN, DEMO_SEALED_IN, "in.eml"))
		return false;
	demo_step(d, "    what ann has on mail2:");
	return show(d, "in.eml", "Authentication-Results: gw") &&
	       show(d, "in.eml", "We take it.");
}
