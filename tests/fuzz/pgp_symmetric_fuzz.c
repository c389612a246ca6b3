#include "crypto/pgp_symmetric.h"

#include "core/big_endian.h"
#include "core/must.h"
#include "crypto/pgp_s2k.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* First octet: what the rest is. A body as it came, or a text that is encrypted, changed in one
 * octet, and decrypted: it comes back, or the change is seen. In pieces everything is as it is
 * at once. */

enum { OUT_MAX = 1 << 20, HEAD = 6 };

static const struct pgp_session session = {
	PGP_AES128, 16, "\x86\xf1\xef\xb8\x69\x52\x32\x9f\x24\xac\xd3\xbf\xd0\xe5\x34\x6d"};

static enum err
decrypt(uint8_t tag, struct slice body, size_t piece, struct buf *out)
{
	struct pgp_symmetric *s = pgp_symmetric_decrypt(tag, &session, text_into(out));
	enum err e;

	for (size_t at = 0; at < body.n; at += piece)
		pgp_symmetric_feed(s, slice_cut(body, at, at + piece));
	e = pgp_symmetric_finish(s);
	pgp_symmetric_free(s);
	return e;
}

static enum err
decrypt_both(uint8_t tag, struct slice body, struct buf *out)
{
	struct buf other;
	enum err e = decrypt(tag, body, body.n + 1, out);

	buf_init(&other, OUT_MAX);
	must(decrypt(tag, body, 1 + body.n % 13, &other) == e);
	must(slice_eq(buf_slice(out), buf_slice(&other)));
	buf_fini(&other);
	return e;
}

static void
try_change(uint8_t aead, struct slice in, struct buf *out)
{
	struct pgp_symmetric *s;
	struct slice text = slice_from(in, HEAD);
	struct buf body;
	size_t at;
	enum err e;

	buf_init(&body, OUT_MAX);
	s = pgp_symmetric_encrypt(aead, &session, text_into(&body));
	must(!pgp_symmetric_feed(s, text) && !pgp_symmetric_finish(s));
	pgp_symmetric_free(s);
	at = big_endian_get_u32(in.p + 1) % body.n;
	body.p[at] ^= in.p[5];
	e = decrypt_both(PGP_TAG_SEIPD, buf_slice(&body), out);
	must((e == ERR_OK) == (in.p[5] == 0));
	if (!e)
		must(slice_eq(buf_slice(out), text));
	buf_fini(&body);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice all = slice_of(p, n), rest;
	struct pgp_s2k s2k;
	struct buf out;

	if (n < HEAD || n > OUT_MAX / 2)
		return 0;
	buf_init(&out, OUT_MAX);
	rest = slice_from(all, 1);
	if (!pgp_s2k_take(&rest, &s2k)) {
		pgp_s2k_put(&s2k, &out);
		must(slice_eq(buf_slice(&out), slice_cut(all, 1, n - rest.n)));
		buf_clear(&out);
	}
	if (p[0] < 4)
		try_change(p[0], all, &out);
	else
		(void)decrypt_both(
			p[0] & 1 ? PGP_TAG_OCB : PGP_TAG_SEIPD, slice_from(all, 1), &out);
	buf_fini(&out);
	return 0;
}
