#include "crypto/pgp_cleartext.h"

#define BEGIN "-----BEGIN PGP SIGNED MESSAGE-----"
#define SIGNATURE "-----BEGIN PGP SIGNATURE-----"

enum state { AT_BEGIN, AT_HEADERS, AT_TEXT, AT_SIGNATURE };
enum { SIGNATURE_MAX = 1 << 20 };

static struct slice
without_end(struct slice line)
{
	while (line.n && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t' ||
				 line.p[line.n - 1] == '\r' || line.p[line.n - 1] == '\n'))
		line.n--;
	return line;
}

bool
pgp_cleartext_is(struct slice front)
{
	struct slice begin = SLICE_LIT(BEGIN);

	return slice_starts(front, begin) && (front.n == begin.n || front.p[begin.n] <= ' ');
}

/* --- reading ----------------------------------------------------------------------------- */

void
pgp_cleartext_init(struct pgp_cleartext *c, struct text_sink shown, struct text_sink hashed)
{
	*c = (struct pgp_cleartext){.shown = shown, .hashed = hashed};
	buf_init(&c->line, PGP_CLEARTEXT_LINE_MAX);
	buf_init(&c->signature, SIGNATURE_MAX);
	pgp_unarmor_init(&c->armor, text_into(&c->signature));
}

void
pgp_cleartext_fini(struct pgp_cleartext *c)
{
	buf_fini_secret(&c->line);
	buf_fini(&c->signature);
}

static enum err
put(const struct text_sink *to, struct slice octets)
{
	return octets.n ? to->put(to->arg, octets) : ERR_OK;
}

/* line: whole, with its end, unescaped; the end of the last one isn't signed, and shown. */
static enum err
text_line(struct pgp_cleartext *c, struct slice line)
{
	struct slice text = without_end(line);
	enum err e = c->has_line ? put(&c->hashed, SLICE_LIT("\r\n")) : ERR_OK;

	c->has_line = true;
	if (e == ERR_OK)
		e = put(&c->hashed, text);
	if (e == ERR_OK)
		e = put(&c->shown, text);
	if (e == ERR_OK)
		e = put(&c->shown, slice_ends(line, SLICE_LIT("\r\n")) ? SLICE_LIT("\r\n")
								       : SLICE_LIT("\n"));
	return e;
}

static enum err
on_text(struct pgp_cleartext *c, struct slice line)
{
	if (slice_eq(without_end(line), SLICE_LIT(SIGNATURE))) {
		c->state = AT_SIGNATURE;
		return pgp_unarmor_feed(&c->armor, line);
	}
	/* "dash-escaped": what begins with a dash and isn't is a border, and none is due. */
	if (slice_starts(line, SLICE_LIT("- ")))
		line = slice_from(line, 2);
	else if (slice_starts(line, SLICE_LIT("-----")))
		return ERR_SYNTAX;
	return text_line(c, line);
}

static bool
is_hash(struct slice name)
{
	/* The text names of section 9.5. */
	static const char *const names[] = {"SHA256", "SHA384", "SHA512", "SHA224", "SHA3-256",
		"SHA3-512", "SHA1", "MD5", "RIPEMD160"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_eq_nocase(name, slice_str(names[i])))
			return true;
	return false;
}

/* Hash headers alone, with names of hashes and commas alone: anything else might be taken for
 * text that was signed by whoever sees the message as it stands. */
static enum err
on_header(struct pgp_cleartext *c, struct slice line)
{
	struct slice key = SLICE_LIT("Hash: "), rest = without_end(line);

	if (rest.n == 0) {
		c->state = AT_TEXT;
		return ERR_OK;
	}
	if (!slice_starts(rest, key))
		return ERR_SYNTAX;
	for (rest = slice_from(rest, key.n);; rest = slice_from(rest, 1)) {
		size_t n = slice_find(rest, ',');

		if (!is_hash(slice_trim(slice_cut(rest, 0, n))))
			return ERR_SYNTAX;
		rest = slice_from(rest, n);
		if (rest.n == 0)
			return ERR_OK;
	}
}

static enum err
on_line(struct pgp_cleartext *c, struct slice line)
{
	switch ((enum state)c->state) {
	case AT_BEGIN:
		c->state = AT_HEADERS;
		return slice_eq(without_end(line), SLICE_LIT(BEGIN)) ? ERR_OK : ERR_SYNTAX;
	case AT_HEADERS:
		return on_header(c, line);
	case AT_TEXT:
		return on_text(c, line);
	case AT_SIGNATURE:
		if (c->armor.blocks)
			c->has_more |= without_end(line).n > 0;
		return c->armor.blocks ? ERR_OK : pgp_unarmor_feed(&c->armor, line);
	}
	return ERR_SYNTAX;
}

static enum err
feed_lines(struct buf *line, struct slice octets, enum err (*on)(void *arg, struct slice line),
	void *arg)
{
	enum err e = ERR_OK;

	while (e == ERR_OK && octets.n) {
		size_t n = slice_find(octets, '\n');
		bool is_whole = n < octets.n;

		if (!buf_put(line, octets.p, n + is_whole))
			return ERR_LIMIT;
		octets = slice_from(octets, n + is_whole);
		if (!is_whole)
			break;
		e = on(arg, buf_slice(line));
		buf_clear(line);
	}
	return e;
}

static enum err
on_line_in(void *arg, struct slice line)
{
	return on_line(arg, line);
}

enum err
pgp_cleartext_feed(struct pgp_cleartext *c, struct slice octets)
{
	if (c->error == ERR_OK)
		c->error = feed_lines(&c->line, octets, on_line_in, c);
	return c->error;
}

enum err
pgp_cleartext_finish(struct pgp_cleartext *c)
{
	if (c->error == ERR_OK && c->line.n)
		c->error = on_line(c, buf_slice(&c->line));
	if (c->error == ERR_OK && c->state != AT_SIGNATURE)
		c->error = ERR_SYNTAX;
	if (c->error == ERR_OK)
		c->error = pgp_unarmor_finish(&c->armor);
	return c->error;
}

/* --- writing ----------------------------------------------------------------------------- */

void
pgp_cleartext_out_init(struct pgp_cleartext_out *c, const char *hash, struct text_sink out,
	struct text_sink hashed)
{
	*c = (struct pgp_cleartext_out){.out = out, .hashed = hashed, .hash = hash};
	/* With "- " and the end that the last one may lack, it must be one that can be read. */
	buf_init(&c->line, PGP_CLEARTEXT_LINE_MAX - 3);
}

void
pgp_cleartext_out_fini(struct pgp_cleartext_out *c)
{
	buf_fini_secret(&c->line);
}

static enum err
begin(struct pgp_cleartext_out *c)
{
	enum err e = put(&c->out, SLICE_LIT(BEGIN "\n"));

	c->is_begun = true;
	if (e == ERR_OK && c->hash)
		e = put(&c->out, SLICE_LIT("Hash: "));
	if (e == ERR_OK && c->hash)
		e = put(&c->out, slice_str(c->hash));
	return e == ERR_OK ? put(&c->out, c->hash ? SLICE_LIT("\n\n") : SLICE_LIT("\n")) : e;
}

static enum err
on_line_out(void *arg, struct slice line)
{
	struct pgp_cleartext_out *c = arg;
	struct slice text = without_end(line);
	bool is_escaped = slice_starts(text, SLICE_LIT("-")) ||
			  slice_starts(text, SLICE_LIT("From "));
	enum err e = c->has_line ? put(&c->hashed, SLICE_LIT("\r\n")) : ERR_OK;

	c->has_line = true;
	if (e == ERR_OK)
		e = put(&c->hashed, text);
	if (e == ERR_OK && is_escaped)
		e = put(&c->out, SLICE_LIT("- "));
	if (e == ERR_OK)
		e = put(&c->out, text);
	return e == ERR_OK ? put(&c->out, SLICE_LIT("\n")) : e;
}

enum err
pgp_cleartext_out_feed(struct pgp_cleartext_out *c, struct slice text)
{
	if (c->error == ERR_OK && !c->is_begun)
		c->error = begin(c);
	if (c->error == ERR_OK)
		c->error = feed_lines(&c->line, text, on_line_out, c);
	return c->error;
}

enum err
pgp_cleartext_out_finish(struct pgp_cleartext_out *c)
{
	if (c->error == ERR_OK && !c->is_begun)
		c->error = begin(c);
	if (c->error == ERR_OK && (c->line.n || !c->has_line))
		c->error = on_line_out(c, buf_slice(&c->line));
	return c->error;
}
