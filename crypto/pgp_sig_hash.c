#include "crypto/pgp_sig_hash.h"

#include <openssl/evp.h>

#include "core/big_endian.h"
#include "core/must.h"
#include "crypto/pgp_algorithm.h"

enum { LINES = 8192, RUN_MAX = LINES - 2 };

enum err
pgp_sig_hash_begin(struct pgp_sig_hash *h, uint8_t hash, struct slice salt, bool is_text)
{
	const EVP_MD *md = pgp_algorithm_md(hash);

	*h = (struct pgp_sig_hash){.is_text = is_text};
	if (!md)
		return ERR_UNSUPPORTED;
	h->md = EVP_MD_CTX_new();
	must(h->md && EVP_DigestInit_ex(h->md, md, NULL));
	must(EVP_DigestUpdate(h->md, salt.p, salt.n));
	return ERR_OK;
}

static void
update(struct pgp_sig_hash *h, const void *p, size_t n)
{
	must(EVP_DigestUpdate(h->md, p, n));
}

/* An LF without a CR before it gets one. What a run of lines became is hashed at once: a text
 * of nothing but line ends would otherwise cost two calls for each octet. */
static void
feed_text(struct pgp_sig_hash *h, struct slice octets)
{
	uint8_t lines[LINES];
	size_t n = 0;

	while (octets.n) {
		struct slice run = slice_cut(octets, 0, RUN_MAX);
		size_t some = slice_find(run, '\n');
		bool is_line = some < run.n;

		if (sizeof lines - n < some + 2) {
			update(h, lines, n);
			n = 0;
		}
		memcpy(lines + n, octets.p, some);
		n += some;
		h->was_cr = some ? octets.p[some - 1] == '\r' : h->was_cr;
		if (is_line) {
			if (!h->was_cr)
				lines[n++] = '\r';
			lines[n++] = '\n';
			h->was_cr = false;
		}
		octets = slice_from(octets, some + is_line);
	}
	update(h, lines, n);
	OPENSSL_cleanse(lines, sizeof lines);
}

void
pgp_sig_hash_feed(struct pgp_sig_hash *h, struct slice octets)
{
	if (h->is_text)
		feed_text(h, octets);
	else if (octets.n)
		update(h, octets.p, octets.n);
}

void
pgp_sig_hash_key(struct pgp_sig_hash *h, const struct pgp_public *key)
{
	struct buf b;

	buf_init(&b, PGP_PUBLIC_BODY_MAX + 8);
	pgp_public_put_hashed(key, &b);
	update(h, b.p, b.n);
	buf_fini(&b);
}

void
pgp_sig_hash_user(struct pgp_sig_hash *h, uint8_t tag, struct slice body)
{
	uint8_t head[5] = {tag == PGP_TAG_USER_ID ? 0xb4 : 0xd1};

	big_endian_put_u32(head + 1, (uint32_t)body.n);
	update(h, head, sizeof head);
	update(h, body.p, body.n);
}

void
pgp_sig_hash_copy(const struct pgp_sig_hash *from, struct pgp_sig_hash *to)
{
	*to = *from;
	to->md = EVP_MD_CTX_new();
	must(to->md && EVP_MD_CTX_copy_ex(to->md, from->md));
}

struct slice
pgp_sig_hash_finish(
	struct pgp_sig_hash *h, uint8_t version, struct slice hashed, uint8_t *digest)
{
	uint8_t trailer[6] = {version, 0xff};
	unsigned n = 0;

	update(h, hashed.p, hashed.n);
	big_endian_put_u32(trailer + 2, (uint32_t)hashed.n);
	if (version != 3)
		update(h, trailer, sizeof trailer);
	must(EVP_DigestFinal_ex(h->md, digest, &n));
	pgp_sig_hash_fini(h);
	return slice_of(digest, n);
}

void
pgp_sig_hash_fini(struct pgp_sig_hash *h)
{
	EVP_MD_CTX_free(h->md);
	h->md = NULL;
}
