#include "cmd/cli_dkim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/cli_control.h"
#include "cmd/cli_table.h"
#include "cmd/cli_verbs.h"
#include "core/clock.h"
#include "core/mail_addr.h"
#include "crypto/dkim_sign.h"
#include "crypto/seal.h"

enum { CHUNK = 65536, MAIL_MAX = 1 << 30, PEM_MAX = 65536 };

struct sign {
	const struct cli_line *line;
	struct arena arena;
	struct buf mail, out;
	struct dkim_sign *sign;
	struct dkim_sign_as as;
};

/* Appends all of it. False: said. */
static bool
read_all(int fd, const char *name, struct buf *out)
{
	ssize_t n = -1;
	uint8_t *room;

	while ((room = buf_room(out, CHUNK)) && (n = read(fd, room, CHUNK)) != 0) {
		if (n < 0 && errno != EINTR)
			break;
		buf_grow(out, n > 0 ? (size_t)n : 0);
	}
	if (n == 0)
		return true;
	cli_fail(EX_IOERR, "%s: %s", name, room ? strerror(errno) : "too large");
	return false;
}

static int
read_key(const char *path, struct dkim_key **key)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), code = EX_OK;
	struct buf pem;
	enum err e = ERR_OK;

	if (fd < 0)
		return cli_fail(EX_NOINPUT, "%s: %s", path, strerror(errno));
	buf_init(&pem, PEM_MAX + CHUNK);
	if (!read_all(fd, path, &pem))
		code = EX_IOERR;
	else
		e = dkim_key_parse(buf_slice(&pem), key);
	close(fd);
	buf_fini_secret(&pem);
	if (e)
		return cli_fail(EX_DATAERR, "%s: %s", path,
			e == ERR_UNSUPPORTED ? "neither RSA of 1024 to 8192 bits nor Ed25519"
					     : "not a private key in PEM");
	return code;
}

/* The field for the key of one option. */
static int
add_field(struct sign *s, const char *path, const char *selector)
{
	uint8_t hash[DKIM_KEY_HASH];
	struct dkim_key *key = NULL;
	struct buf signature;
	int code = read_key(path, &key);
	enum err e;

	if (code)
		return code;
	buf_init(&signature, DKIM_KEY_SIGNATURE_MAX);
	s->as.kind = dkim_key_kind(key);
	s->as.selector = slice_str(selector);
	e = dkim_sign_begin(s->sign, &s->as, &s->out, hash);
	if (!e)
		e = dkim_key_sign(key, hash, &signature);
	if (!e)
		e = dkim_sign_end(buf_slice(&signature), &s->out);
	dkim_key_free(key);
	buf_fini(&signature);
	return e ? cli_fail(EX_SOFTWARE, "%s: can't sign: %s", path, err_text(e)) : EX_OK;
}

/* Two keys have a record each (RFC 8463 section 5). */
static int
check_options(struct sign *s)
{
	const struct cli_line *line = s->line;
	const char *one = cli_value(line, "--selector"),
		   *two = cli_value(line, "--ed25519-selector"), *why;
	struct slice now = slice_str(cli_value(line, "--now"));

	if (!cli_value(line, "--domain") || !one || !cli_value(line, "--key"))
		return cli_misused(line->verb, "--domain, --selector and --key are needed");
	if (!two != !cli_value(line, "--ed25519-key"))
		return cli_misused(
			line->verb, "--ed25519-key and --ed25519-selector go together");
	if (!dkim_sign_is_selector(slice_str(one)) ||
		(two && !dkim_sign_is_selector(slice_str(two))))
		return cli_misused(line->verb, "a selector has letters, digits and hyphens");
	if (two && !strcmp(one, two))
		return cli_misused(line->verb, "two keys can't have the same selector");
	s->as.now_sec = clock_wall_sec();
	if (now.n && !slice_u64(now, INT64_MAX, &s->as.now_sec))
		return cli_misused(line->verb, "--now wants seconds since 1970");
	why = mail_addr_parse_domain(
		slice_str(cli_value(line, "--domain")), &s->arena, &s->as.domain);
	return why ? cli_fail(EX_USAGE, "%s: %s", cli_value(line, "--domain"), why) : EX_OK;
}

static int
read_mail(struct sign *s)
{
	struct slice mail;
	enum err e;

	if (!read_all(STDIN_FILENO, "standard input", &s->mail))
		return EX_IOERR;
	mail = buf_slice(&s->mail);
	s->sign = dkim_sign_new();
	dkim_sign_feed(s->sign, mail);
	e = dkim_sign_finish(s->sign);
	if (e)
		return cli_fail(EX_DATAERR, "the header can't be signed: %s", err_text(e));
	/* RFC 6376 section 5.4; and a field on top would swallow a line that goes on. */
	if (!dkim_sign_has_from(s->sign) || mail.p[0] == ' ' || mail.p[0] == '\t')
		return cli_fail(EX_DATAERR, "that isn't a mail with a From field");
	return EX_OK;
}

/* The fields get the line ends that the mail has. */
static int
put_all(struct sign *s)
{
	struct slice mail = buf_slice(&s->mail), rest = buf_slice(&s->out);
	size_t lf = slice_find(mail, '\n');
	bool has_cr = lf < mail.n && lf > 0 && mail.p[lf - 1] == '\r';

	for (size_t n; rest.n; rest = slice_from(rest, n)) {
		n = slice_find(rest, '\n') + 1;
		fwrite(rest.p, 1, has_cr ? n : n - 2, stdout);
		if (!has_cr)
			putchar('\n');
	}
	fwrite(mail.p, 1, mail.n, stdout);
	return fflush(stdout) || ferror(stdout)
		       ? cli_fail(EX_IOERR, "the mail can't be written")
		       : EX_OK;
}

int
cli_dkim_sign(const struct cli_line *line)
{
	struct sign s = {.line = line};
	int code;

	seal_init();
	arena_init(&s.arena, 0);
	buf_init(&s.mail, MAIL_MAX);
	buf_init(&s.out, 2 * DKIM_SIGN_FIELD_MAX);
	code = check_options(&s);
	if (!code)
		code = read_mail(&s);
	if (!code)
		code = add_field(&s, cli_value(line, "--key"), cli_value(line, "--selector"));
	if (!code && cli_value(line, "--ed25519-key"))
		code = add_field(&s, cli_value(line, "--ed25519-key"),
			cli_value(line, "--ed25519-selector"));
	if (!code)
		code = put_all(&s);
	dkim_sign_free(s.sign);
	buf_fini(&s.mail);
	buf_fini(&s.out);
	arena_reset(&s.arena);
	return code;
}

int
cli_dkim_import(const struct cli_line *line)
{
	json_t *request = cli_control_request(line), *answer;
	struct buf pem;
	int code = EX_OK;

	buf_init(&pem, PEM_MAX + CHUNK);
	if (!read_all(STDIN_FILENO, "standard input", &pem))
		code = EX_IOERR;
	else if (json_object_set_new(
			 request, "pem", json_stringn(pem.n ? (const char *)pem.p : "", pem.n)))
		code = cli_fail(EX_DATAERR, "that isn't a private key in PEM");
	if (!code)
		code = cli_control_ask(cli_config_path(line), request, &answer);
	if (!code && cli_has(line, "--json"))
		code = cli_put_json(answer);
	else if (!code) {
		cli_table_put_rows(json_object_get(answer, "rows"));
		json_decref(answer);
	}
	buf_fini_secret(&pem);
	json_decref(request);
	return code;
}
