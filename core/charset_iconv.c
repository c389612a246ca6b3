#include "core/charset_iconv.h"

#include <errno.h>
#include <stdlib.h>

#include "core/charset.h"

struct charset_iconv {
	struct charset_decoder from;
	struct charset_encoder to;
	bool is_lossy, is_skipping;
};

/* One step's output, before it is known to fit. */
struct step {
	uint8_t octets[2 * CHARSET_ENCODED_MAX];
	size_t n;
	bool is_lost;
};

static struct slice
take_suffix(const char *name, bool *is_lossy, bool *is_skipping)
{
	struct slice s = slice_str(name);
	size_t at = slice_find_slice(s, SLICE_LIT("//"));
	struct slice suffix = slice_from(s, at);

	*is_lossy |= slice_find_slice(suffix, SLICE_LIT("TRANSLIT")) < suffix.n;
	*is_skipping |= slice_find_slice(suffix, SLICE_LIT("IGNORE")) < suffix.n;
	return slice_cut(s, 0, at);
}

struct charset_iconv *
charset_iconv_open(const char *to, const char *from)
{
	struct charset_iconv c = {0}, *p;
	enum charset source, target;
	bool unused = false;

	target = charset_find(take_suffix(to, &c.is_lossy, &c.is_skipping));
	source = charset_find(take_suffix(from, &unused, &unused));
	if (source == CHARSET_UNKNOWN || !charset_encode_init(&c.to, target)) {
		errno = EINVAL;
		return NULL;
	}
	charset_decode_init(&c.from, source);
	p = malloc(sizeof *p);
	if (p)
		*p = c;
	return p;
}

void
charset_iconv_close(struct charset_iconv *c)
{
	free(c);
}

/* False: a character that `to` doesn't have, and nobody said what to do then. */
static bool
encode(struct charset_iconv *c, const uint32_t *code_points, unsigned count, struct step *s)
{
	int n;

	s->n = 0;
	s->is_lost = false;
	for (unsigned i = 0; i < count; i++) {
		n = charset_encode(&c->to, code_points[i], s->octets + s->n);
		if (n < 0 && c->is_lossy)
			n = charset_encode(&c->to, '?', s->octets + s->n);
		if (n < 0 && !c->is_skipping)
			return false;
		s->is_lost |= n < 0;
		s->n += n > 0 ? (size_t)n : 0;
	}
	return true;
}

static size_t
fail(int code)
{
	errno = code;
	return (size_t)-1;
}

static size_t
reset(struct charset_iconv *c, char **out, size_t *out_left)
{
	struct charset_encoder before = c->to;
	uint8_t octets[CHARSET_ENCODED_MAX];
	size_t n;

	if (out && *out) {
		n = (size_t)charset_encode_end(&c->to, octets);
		if (n > *out_left) {
			c->to = before;
			return fail(E2BIG);
		}
		memcpy(*out, octets, n);
		*out += n;
		*out_left -= n;
	}
	charset_decode_init(&c->from, c->from.charset);
	charset_encode_init(&c->to, c->to.charset);
	return 0;
}

/* One step. 0: done; else the errno, with nothing changed. */
static int
step(struct charset_iconv *c, struct slice in, struct slice room, size_t *taken, size_t *given)
{
	struct charset_decoder from = c->from;
	struct charset_encoder to = c->to;
	uint32_t code_points[2] = {0, 0};
	unsigned count;
	struct step s;
	int n, code = 0;

	n = charset_decode_step(&c->from, in, code_points, &count);
	if (n == 0)
		code = EINVAL;
	else if (n < 0 && !c->is_skipping)
		code = EILSEQ;
	else if (!encode(c, code_points, count, &s))
		code = EILSEQ;
	else if (s.n > room.n)
		code = E2BIG;
	if (code) {
		c->from = from;
		c->to = to;
		return code;
	}
	memcpy((uint8_t *)(uintptr_t)room.p, s.octets, s.n);
	*taken = n < 0 ? 1 : (size_t)n;
	*given = s.n;
	return 0;
}

size_t
charset_iconv_run(
	struct charset_iconv *c, char **in, size_t *in_left, char **out, size_t *out_left)
{
	size_t taken = 0, given = 0;
	int code;

	if (!in || !*in)
		return reset(c, out, out_left);
	while (*in_left) {
		code = step(
			c, slice_of(*in, *in_left), slice_of(*out, *out_left), &taken, &given);
		if (code)
			return fail(code);
		*in += taken;
		*in_left -= taken;
		*out += given;
		*out_left -= given;
	}
	return 0;
}
