#include "cmd/cli_sop.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cli_help.h"
#include "cmd/cli_sop_armor.h"
#include "cmd/cli_sop_file.h"
#include "cmd/cli_sop_key.h"
#include "cmd/cli_sop_message.h"
#include "cmd/cli_sop_sign.h"
#include "crypto/openssl_init.h"

#define VERIFY "not-before= not-after= "

static int run_help(const struct cli_sop_line *line);

static const struct cli_sop_verb verbs[] = {
	{"version", "backend extended sop-spec sopv", "", cli_sop_version},
	{"list-profiles", "", "SUBCOMMAND", cli_sop_key_profiles},
	{"generate-key", "no-armor with-key-password= profile= signing-only", "[USERID...]",
		cli_sop_key_generate},
	{"change-key-password", "no-armor new-key-password= old-key-password=*", "<KEYS",
		cli_sop_key_password},
	{"revoke-key", "no-armor with-key-password=*", "<KEYS", cli_sop_key_revoke},
	{"extract-cert", "no-armor", "<KEYS", cli_sop_key_extract},
	{"sign", "no-armor micalg-out= with-key-password=* as=", "KEYS... <DATA", cli_sop_sign},
	{"verify", VERIFY, "SIGNATURES CERTS... <DATA", cli_sop_sign_verify},
	{"encrypt",
		"as= no-armor with-password=* sign-with=* with-key-password=* profile= for= "
		"session-key-out=",
		"[CERTS...] <DATA", cli_sop_message_encrypt},
	{"decrypt",
		"session-key-out= with-session-key=* with-password=* with-key-password=* "
		"verify-with=* "
		"verifications-out= verify-out= verify-not-before= verify-not-after=",
		"[KEYS...] <CIPHERTEXT", cli_sop_message_decrypt},
	{"armor", "label=", "<OCTETS", cli_sop_armor},
	{"dearmor", "", "<ARMORED", cli_sop_armor_off},
	{"inline-detach", "no-armor signatures-out=", "<INLINESIGNED", cli_sop_sign_detach},
	{"inline-verify", VERIFY "verifications-out=", "CERTS... <INLINESIGNED",
		cli_sop_sign_inline_verify},
	{"inline-sign", "no-armor with-key-password=* as=", "KEYS... <DATA",
		cli_sop_sign_inline},
	{"help", "", "[VERB]", run_help},
	{0},
};

int
cli_sop_fail(const struct cli_sop_line *line, int code, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "hairpin sop%s%s: ", line->verb ? " " : "",
		line->verb ? line->verb->name : "");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return code;
}

bool
cli_sop_has(const struct cli_sop_line *line, const char *name)
{
	for (size_t i = 0; i < line->options; i++)
		if (!strcmp(line->option[i].name, name))
			return true;
	return false;
}

const char *
cli_sop_value(const struct cli_sop_line *line, const char *name)
{
	for (size_t i = 0; i < line->options; i++)
		if (!strcmp(line->option[i].name, name))
			return line->option[i].value;
	return NULL;
}

/* --- the line ---------------------------------------------------------------------------- */

/* What follows the option's name in the verb's list, or NULL: it has none of that name. */
static const char *
takes(const struct cli_sop_verb *verb, const char *name, size_t n)
{
	for (const char *at = verb->options; *at; at += strcspn(at, " "), at += *at == ' ')
		if (strcspn(at, "= ") == n && !strncmp(at, name, n))
			return at + n;
	return NULL;
}

/* --name or --name=value. The name is cut in argv's own octets. */
static int
read_option(struct cli_sop_line *line, char *word)
{
	char *name = word + 2, *equals = strchr(name, '=');
	size_t n = equals ? (size_t)(equals - name) : strlen(name);
	const char *how = takes(line->verb, name, n);
	bool has_value = how && *how == '=';

	if (word[1] != '-' || !how)
		return cli_sop_fail(line, SOP_UNSUPPORTED_OPTION, "no option %s here", word);
	if (has_value != (equals != NULL))
		return cli_sop_fail(line, SOP_UNSUPPORTED_OPTION,
			has_value ? "--%.*s wants a value: --%.*s=VALUE"
				  : "--%.*s has no value: --%.*s",
			(int)n, name, (int)n, name);
	if (line->options == CLI_SOP_OPTIONS_MAX)
		return cli_sop_fail(line, SOP_INCOMPATIBLE_OPTIONS, "too many options");
	if (equals)
		*equals = '\0';
	if (has_value && how[1] != '*' && cli_sop_has(line, name))
		return cli_sop_fail(line, SOP_INCOMPATIBLE_OPTIONS, "--%s stands twice", name);
	line->option[line->options++] = (struct cli_sop_option){
		name, equals ? equals + 1 : NULL};
	return SOP_OK;
}

static int
read_words(struct cli_sop_line *line, const struct cli_line *from)
{
	bool words_only = false;
	int code = SOP_OK;

	for (size_t i = 1; !code && i < from->words; i++) {
		char *word = (char *)(uintptr_t)from->word[i];

		if (!words_only && !strcmp(word, "--"))
			words_only = true;
		else if (!words_only && word[0] == '-' && word[1])
			code = read_option(line, word);
		else
			line->word[line->words++] = word;
	}
	return code;
}

/* The words against the verb's args: how many there must be and may be. */
static int
check_words(const struct cli_sop_line *line)
{
	size_t least = 0, most = 0;

	for (const char *at = line->verb->args; *at; at += strcspn(at, " "), at += *at == ' ') {
		size_t n = strcspn(at, " ");

		least += *at != '[' && *at != '<';
		most += *at != '<';
		if (memmem(at, n, "...", 3))
			most = CLI_WORDS_MAX;
	}
	if (line->words < least)
		return cli_sop_fail(line, SOP_MISSING_ARG, "it wants %s", line->verb->args);
	if (line->words > most)
		return cli_sop_fail(
			line, SOP_UNSUPPORTED_OPTION, "`%s` is too much", line->word[most]);
	return SOP_OK;
}

static const struct cli_sop_verb *
find_verb(const char *name)
{
	for (const struct cli_sop_verb *v = verbs; v->name; v++)
		if (!strcmp(v->name, name))
			return v;
	return NULL;
}

/* Files that come out must be new: said before there is work to lose. */
static int
check_outputs(const struct cli_sop_line *line)
{
	int code = SOP_OK;

	for (size_t i = 0; !code && i < line->options; i++) {
		const char *name = line->option[i].name;
		size_t n = strlen(name);

		if (n > 4 && !strcmp(name + n - 4, "-out"))
			code = cli_sop_file_check_new(line, line->option[i].value);
	}
	return code;
}

/* What stdio still has may find no room. */
static int
end_run(const struct cli_sop_line *line, int code)
{
	if ((fflush(stdout) || ferror(stdout)) && !code)
		code = cli_sop_fail(line, SOP_FAILURE, "standard output: %m");
	return code;
}

int
cli_sop_run(const struct cli_line *from)
{
	static struct cli_sop_line line;
	int code;

	if (from->words == 0)
		return cli_sop_fail(&line, SOP_UNSUPPORTED_SUBCOMMAND,
			"a verb is wanted; `hairpin sop help` lists them");
	if (from->word[0][0] == '-')
		return cli_sop_fail(&line, SOP_UNSUPPORTED_OPTION,
			"no option %s here: a verb is wanted first", from->word[0]);
	line.verb = find_verb(from->word[0]);
	if (!line.verb)
		return cli_sop_fail(&line, SOP_UNSUPPORTED_SUBCOMMAND,
			"no verb `%s`; `hairpin sop help` lists them", from->word[0]);
	code = read_words(&line, from);
	if (!code)
		code = check_words(&line);
	if (!code)
		code = check_outputs(&line);
	if (code)
		return code;
	openssl_init_bare();
	return end_run(&line, line.verb->run(&line));
}

/* --- help, version ----------------------------------------------------------------------- */

static void
print_options(const char *options)
{
	for (const char *at = options; *at; at += strcspn(at, " "), at += *at == ' ') {
		size_t n = strcspn(at, "= ");

		printf(" [--%.*s%s]", (int)n, at, at[n] == '=' ? "=..." : "");
	}
}

static int
run_help(const struct cli_sop_line *line)
{
	const char *one = line->words ? line->word[0] : NULL;

	if (one && !find_verb(one))
		return cli_sop_fail(line, SOP_UNSUPPORTED_SUBCOMMAND,
			"no verb `%s`; `hairpin sop help` lists them", one);
	puts("Stateless OpenPGP: keys and passwords are files, @ENV:NAME or @FD:N; data is "
	     "standard\n"
	     "input. See draft-dkg-openpgp-stateless-cli.\n");
	for (const struct cli_sop_verb *v = verbs; v->name; v++) {
		if (one && strcmp(v->name, one))
			continue;
		printf("hairpin sop %s", v->name);
		print_options(v->options);
		printf("%s%s\n", *v->args ? " " : "", v->args);
	}
	return SOP_OK;
}

int
cli_sop_version(const struct cli_sop_line *line)
{
	if (line->options > 1)
		return cli_sop_fail(line, SOP_INCOMPATIBLE_OPTIONS, "one option at a time");
	if (cli_sop_has(line, "sop-spec"))
		puts("draft-dkg-openpgp-stateless-cli-11");
	else if (cli_sop_has(line, "sopv"))
		puts("1.0");
	else
		printf("hairpin %s\n", cli_help_number);
	if (cli_sop_has(line, "extended"))
		puts("RFC 9580 and RFC 4880, written for hairpin, on OpenSSL and zlib");
	return SOP_OK;
}
