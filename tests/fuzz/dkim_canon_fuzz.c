/* A message that is signed: the first octet says how long the pieces are. Its canonical form is
 * the same in pieces of any size, and its own canonical form; it has no white space at a line's
 * end, no two blanks in a row, and no empty line at the end. What is signed of it is signed. */
#include <stdlib.h>

#include "core/must.h"
#include "crypto/dkim_canon.h"
#include "crypto/dkim_sign.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const char *const names[] = {"from", "to", "subject"};

/* Kept fields, an empty line, the body. */
static enum err
canon(struct slice in, size_t step, struct buf *out)
{
	struct dkim_canon *c = must_alloc(sizeof *c);
	struct buf body;
	enum err e;

	buf_init(&body, 1 << 20);
	dkim_canon_init(c, names, 3, text_into(&body));
	for (size_t at = 0; at < in.n; at += step)
		dkim_canon_feed(c, slice_cut(in, at, at + step));
	e = dkim_canon_finish(c);
	for (size_t i = 0; i < c->fields; i++) {
		buf_put_str(out, names[c->field[i].name]);
		buf_put_u8(out, ':');
		buf_put_slice(out, dkim_canon_value(c, i));
		buf_put_str(out, "\r\n");
	}
	buf_put_str(out, "\r\n");
	buf_put_slice(out, buf_slice(&body));
	must(!out->overflow && !body.overflow);
	must(body.n == 0 || (body.n > 2 && slice_ends(buf_slice(&body), SLICE_LIT("\r\n")) &&
				    !slice_ends(buf_slice(&body), SLICE_LIT("\r\n\r\n"))));
	dkim_canon_fini(c);
	buf_fini(&body);
	free(c);
	return e;
}

static void
check_form(struct slice s)
{
	for (size_t i = 1; i < s.n; i++) {
		must(s.p[i] != '\t');
		must(s.p[i] != ' ' || s.p[i - 1] != ' ');
		must(s.p[i] != '\r' || s.p[i - 1] != ' ');
		must((s.p[i] == '\n') == (s.p[i - 1] == '\r'));
	}
}

static void
sign(struct slice in, enum err want)
{
	const struct dkim_sign_as as = {.kind = DKIM_KEY_ED25519,
		.domain = SLICE_LIT("example.org"),
		.selector = SLICE_LIT("s")};
	struct dkim_sign *s = dkim_sign_new();
	uint8_t hash[DKIM_KEY_HASH];
	struct arena a;
	struct buf out;

	arena_init(&a, 0);
	buf_init(&out, DKIM_SIGN_FIELD_MAX);
	dkim_sign_feed(s, in);
	if (dkim_sign_finish(s) == ERR_OK) {
		must(want == ERR_OK);
		must(!dkim_sign_from(s, &a).n || dkim_sign_has_from(s));
		must(dkim_sign_begin(s, &as, &out, hash) == ERR_OK);
		must(dkim_sign_end(slice_of(hash, sizeof hash), &out) == ERR_OK);
	}
	arena_reset(&a);
	buf_fini(&out);
	dkim_sign_free(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf whole, pieces, again;
	struct slice in;
	enum err e;

	if (n < 1 || n > 8192)
		return 0;
	in = slice_of(p + 1, n - 1);
	buf_init(&whole, 1 << 20);
	buf_init(&pieces, 1 << 20);
	buf_init(&again, 1 << 20);
	e = canon(in, n, &whole);
	must(canon(in, (size_t)p[0] + 1, &pieces) == e);
	must(slice_eq(buf_slice(&whole), buf_slice(&pieces)));
	check_form(buf_slice(&whole));
	canon(buf_slice(&whole), n, &again);
	must(slice_eq(buf_slice(&whole), buf_slice(&again)));
	sign(in, e);
	buf_fini(&whole);
	buf_fini(&pieces);
	buf_fini(&again);
	return 0;
}
