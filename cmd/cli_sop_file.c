#include "cmd/cli_sop_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cli_scratch.h"
#include "core/must.h"
#include "core/utf8.h"
#include "crypto/pgp_packet.h"

enum { CHUNK = 65536, KEY_SIZE = 4096 }; /* read at once; a key is short */

/* --- octets ------------------------------------------------------------------------------ */

static int
read_fd(const struct cli_sop_line *line, const char *name, int fd, struct buf *out)
{
	ssize_t n = 1;

	while (n > 0) {
		size_t want = out->n < KEY_SIZE ? KEY_SIZE : CHUNK;

		if (!buf_room(out, want))
			break;
		n = read(fd, buf_room(out, want), want);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			buf_grow(out, (size_t)n);
	}
	if (n < 0)
		return cli_sop_fail(line, SOP_MISSING_INPUT, "%s: %s", name, strerror(errno));
	return out->overflow ? cli_sop_fail(line, SOP_BAD_DATA, "%s: too large", name) : SOP_OK;
}

static int
read_env(const struct cli_sop_line *line, const char *name, struct buf *out)
{
	const char *value = getenv(name);

	if (!value)
		return cli_sop_fail(line, SOP_MISSING_INPUT, "the environment has no %s", name);
	buf_put_str(out, value);
	return out->overflow ? cli_sop_fail(line, SOP_BAD_DATA, "%s: too large", name) : SOP_OK;
}

static bool
is_number(const char *text, int *fd)
{
	char *end;
	long n = strtol(text, &end, 10);

	*fd = (int)n;
	return *text && !*end && n >= 0 && n <= 65535;
}

/* A file may have such a name: nobody knows then which is meant. */
static int
check_prefix(const struct cli_sop_line *line, const char *name)
{
	struct stat st;

	if (name[0] == '@' && lstat(name, &st) == 0)
		return cli_sop_fail(line, SOP_AMBIGUOUS_INPUT,
			"%s is a file, too, which is ./%s", name, name);
	return SOP_OK;
}

int
cli_sop_file_read(const struct cli_sop_line *line, const char *name, struct buf *out)
{
	int fd, code = check_prefix(line, name);

	if (code)
		return code;
	if (!strncmp(name, "@ENV:", 5))
		return read_env(line, name + 5, out);
	if (!strncmp(name, "@FD:", 4)) {
		if (!is_number(name + 4, &fd))
			return cli_sop_fail(line, SOP_MISSING_INPUT, "%s: no number", name);
		return read_fd(line, name, fd, out);
	}
	if (name[0] == '@')
		return cli_sop_fail(line, SOP_UNSUPPORTED_SPECIAL_PREFIX,
			"%s: only @ENV: and @FD: are known; a file is ./%s", name, name);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return cli_sop_fail(line, SOP_MISSING_INPUT, "%s: %s", name, strerror(errno));
	code = read_fd(line, name, fd, out);
	close(fd);
	return code;
}

static bool
is_fd(const char *name, int *fd)
{
	return !strncmp(name, "@FD:", 4) && is_number(name + 4, fd);
}

int
cli_sop_file_check_new(const struct cli_sop_line *line, const char *name)
{
	struct stat st;
	int fd, code = check_prefix(line, name);

	if (!code && name[0] == '@' && !is_fd(name, &fd))
		code = cli_sop_fail(line, SOP_UNSUPPORTED_SPECIAL_PREFIX,
			"%s: only @FD:N is known here", name);
	if (!code && name[0] != '@' && lstat(name, &st) == 0)
		code = cli_sop_fail(line, SOP_OUTPUT_EXISTS, "%s: %s", name, strerror(EEXIST));
	return code;
}

int
cli_sop_file_write(const struct cli_sop_line *line, const char *name, struct slice octets)
{
	int fd;

	if (is_fd(name, &fd))
		fd = dup(fd);
	else
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return cli_sop_fail(line, errno == EEXIST ? SOP_OUTPUT_EXISTS : SOP_FAILURE,
			"%s: %s", name, strerror(errno));
	while (octets.n) {
		ssize_t n = write(fd, octets.p, octets.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			close(fd);
			return cli_sop_fail(line, SOP_FAILURE, "%s: %s", name, strerror(errno));
		}
		octets = slice_from(octets, (size_t)n);
	}
	return close(fd) ? cli_sop_fail(line, SOP_FAILURE, "%s: %s", name, strerror(errno))
			 : SOP_OK;
}

int
cli_sop_file_input(const struct cli_sop_line *line,
	enum err (*feed)(void *arg, struct slice octets), void *arg, enum err *e)
{
	uint8_t *chunk = must_alloc(CHUNK);
	ssize_t n = 1;
	size_t most = 0;

	*e = ERR_OK;
	while (*e == ERR_OK && n) {
		n = read(STDIN_FILENO, chunk, CHUNK);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n < 0)
			break;
		else if (n)
			*e = feed(arg, slice_of(chunk, (size_t)n));
		most = n > 0 && (size_t)n > most ? (size_t)n : most;
	}
	explicit_bzero(chunk, most);
	free(chunk);
	return n < 0 ? cli_sop_fail(
			       line, SOP_MISSING_INPUT, "standard input: %s", strerror(errno))
		     : SOP_OK;
}

int
cli_sop_file_input_all(const struct cli_sop_line *line, struct buf *out)
{
	return read_fd(line, "standard input", STDIN_FILENO, out);
}

int
cli_sop_file_unarmor(
	const struct cli_sop_line *line, const char *what, struct slice in, struct buf *out)
{
	struct pgp_unarmor u;
	enum err e;

	pgp_unarmor_init(&u, text_into(out));
	e = pgp_unarmor_feed(&u, in);
	if (e == ERR_OK)
		e = pgp_unarmor_finish(&u);
	return e == ERR_OK ? SOP_OK
			   : cli_sop_fail(line, SOP_BAD_DATA, "%s: no OpenPGP data", what);
}

/* --- keys -------------------------------------------------------------------------------- */

static int
add_certs(const struct cli_sop_line *line, const char *name, struct slice rest,
	struct cli_sop_certs *certs)
{
	enum err e = ERR_OK;
	size_t before = certs->n;
	bool is_unsupported = false;

	while (e == ERR_OK || e == ERR_UNSUPPORTED) {
		if (certs->n == CLI_SOP_CERTS_MAX)
			return cli_sop_fail(line, SOP_BAD_DATA, "%s: too many keys", name);
		e = pgp_cert_parse(&rest, &certs->cert[certs->n]);
		certs->n += e == ERR_OK;
		is_unsupported |= e == ERR_UNSUPPORTED;
	}
	if (e == ERR_END && certs->n > before)
		return SOP_OK;
	if (e == ERR_END && is_unsupported)
		return cli_sop_fail(line, SOP_UNSUPPORTED_ASYMMETRIC_ALGO,
			"%s: a key of an algorithm or version that isn't known here", name);
	return cli_sop_fail(line, SOP_BAD_DATA, "%s: no OpenPGP key or certificate", name);
}

int
cli_sop_file_parse(const struct cli_sop_line *line, const char *name, struct slice octets,
	struct cli_sop_certs *certs)
{
	struct buf binary;
	int code;

	buf_init(&binary, CLI_SOP_FILE_MAX);
	code = cli_sop_file_unarmor(line, name, octets, &binary);
	if (!code)
		code = add_certs(line, name, buf_slice(&binary), certs);
	buf_fini_secret(&binary);
	return code;
}

int
cli_sop_file_certs(const struct cli_sop_line *line, const char *name, bool wants_secret,
	struct cli_sop_certs *certs)
{
	struct buf octets;
	size_t before = certs->n;
	int code;

	buf_init(&octets, CLI_SOP_FILE_MAX);
	code = cli_sop_file_read(line, name, &octets);
	if (!code)
		code = cli_sop_file_parse(line, name, buf_slice(&octets), certs);
	buf_fini_secret(&octets);
	/* Who handles private keys where a certificate will do had better know it. */
	for (size_t i = before; !code && i < certs->n; i++)
		if (certs->cert[i]->is_secret != wants_secret)
			code = cli_sop_fail(line, SOP_BAD_DATA, "%s: %s", name,
				wants_secret ? "a certificate, and its private key is wanted"
					     : "a private key, and its certificate is wanted; "
					       "see `hairpin sop extract-cert`");
	return code;
}

void
cli_sop_file_certs_fini(struct cli_sop_certs *certs)
{
	for (size_t i = 0; i < certs->n; i++)
		pgp_cert_free(certs->cert[i]);
	certs->n = 0;
}

/* --- passwords --------------------------------------------------------------------------- */

static struct slice
trimmed(struct slice s)
{
	while (s.n && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\r' || s.p[s.n - 1] == ' ' ||
			      s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* Can somebody type it? */
static bool
is_readable(struct slice word)
{
	for (size_t i = 0; i < word.n; i++)
		if (word.p[i] < ' ' || word.p[i] == 0x7f)
			return false;
	return word.n && utf8_is_valid(word);
}

static int
add_password(const struct cli_sop_line *line, const char *name, bool is_new,
	struct cli_sop_passwords *p)
{
	struct buf *b = &p->octets[p->files];
	struct slice whole, cut;
	int code;

	if (p->files == CLI_SOP_PASSWORDS_MAX)
		return cli_sop_fail(line, SOP_INCOMPATIBLE_OPTIONS, "too many passwords");
	p->files++;
	buf_init(b, CLI_SOP_FILE_MAX);
	code = cli_sop_file_read(line, name, b);
	if (code)
		return code;
	whole = buf_slice(b);
	cut = trimmed(whole);
	if (is_new && !is_readable(cut))
		return cli_sop_fail(line, SOP_PASSWORD_NOT_HUMAN_READABLE,
			"%s: a password is one line of UTF-8, and not empty", name);
	if (!is_new && cut.n != whole.n)
		p->word[p->n++] = whole;
	p->word[p->n++] = cut;
	return SOP_OK;
}

int
cli_sop_file_passwords(const struct cli_sop_line *line, const char *option, bool is_new,
	struct cli_sop_passwords *p)
{
	int code = SOP_OK;

	p->n = p->files = 0;
	for (size_t i = 0; !code && i < line->options; i++)
		if (!strcmp(line->option[i].name, option))
			code = add_password(line, line->option[i].value, is_new, p);
	return code;
}

void
cli_sop_file_passwords_fini(struct cli_sop_passwords *p)
{
	for (size_t i = 0; i < p->files; i++)
		buf_fini_secret(&p->octets[i]);
	p->n = p->files = 0;
}

/* --- output ------------------------------------------------------------------------------ */

static enum err
flush(struct cli_sop_out *o)
{
	enum err e = o->line.n ? cli_scratch_put(o->fd, buf_slice(&o->line)) : ERR_OK;

	buf_clear(&o->line);
	return e;
}

static enum err
put_scratch(void *arg, struct slice octets)
{
	struct cli_sop_out *o = arg;
	enum err e = ERR_OK;

	if (o->line.n + octets.n > CHUNK)
		e = flush(o);
	if (e != ERR_OK || octets.n > CHUNK)
		return e == ERR_OK ? cli_scratch_put(o->fd, octets) : e;
	buf_put_slice(&o->line, octets);
	return ERR_OK;
}

static enum err
put_armor(void *arg, struct slice octets)
{
	struct cli_sop_out *o = arg;

	return pgp_armor_feed(&o->armor, octets);
}

void
cli_sop_file_out_init(struct cli_sop_out *o, const struct cli_sop_line *line,
	enum pgp_armor_kind kind, bool has_checksum)
{
	struct text_sink scratch = {put_scratch, o};

	o->fd = cli_scratch_new();
	buf_init(&o->line, CHUNK);
	pgp_armor_init(&o->armor, cli_sop_has(line, "no-armor") ? PGP_ARMOR_NONE : kind,
		has_checksum, scratch);
}

bool
cli_sop_file_has_checksum(struct slice packets)
{
	struct pgp_packet_whole p;

	while (pgp_packet_next(&packets, &p) == ERR_OK)
		if (p.body.n && p.body.p[0] == 6)
			return false;
	return true;
}

struct text_sink
cli_sop_file_sink(struct cli_sop_out *o)
{
	return (struct text_sink){put_armor, o};
}

int
cli_sop_file_out_end(struct cli_sop_out *o, const struct cli_sop_line *line, int code)
{
	if (!code && (pgp_armor_finish(&o->armor) != ERR_OK || flush(o) != ERR_OK))
		code = cli_sop_fail(line, SOP_FAILURE, "there is no room for the output");
	if (!code && cli_scratch_show(o->fd))
		code = SOP_FAILURE;
	close(o->fd);
	buf_fini_secret(&o->line);
	return code;
}

int
cli_sop_file_out_again(struct cli_sop_out *o, const struct cli_sop_line *line)
{
	buf_clear(&o->line);
	return ftruncate(o->fd, 0)
		       ? cli_sop_fail(line, SOP_FAILURE, "the spool can't be emptied")
		       : SOP_OK;
}

int
cli_sop_file_out_cut(struct cli_sop_out *o, const struct cli_sop_line *line)
{
	char last[2] = {0};
	off_t end = flush(o) == ERR_OK ? lseek(o->fd, 0, SEEK_END) : -1,
	      at = end > 1 ? end - 2 : 0;
	ssize_t n = end < 0 ? -1 : pread(o->fd, last, sizeof last, at);

	if (n > 0 && last[n - 1] == '\n')
		end -= n > 1 && last[0] == '\r' ? 2 : 1;
	return n < 0 || ftruncate(o->fd, end)
		       ? cli_sop_fail(line, SOP_FAILURE, "the spool can't be cut")
		       : SOP_OK;
}
