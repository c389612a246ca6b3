#include "crypto/dkim_sign.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "core/mail_addr.h"
#include "core/mail_list.h"
#include "core/must.h"
#include "crypto/dkim_canon.h"
#include "crypto/seal.h"
#include "crypto/tls.h"

/* FOLD: where lines of the field are folded. */
enum { FOLD = 76, BASE64_MAX = 2048 };

/* What readers are shown, what says how the body is to be read, and what threads go by. Not
 * Sender, List-* and Resent-*: who passes a mail on adds them by right. */
static const char *const names[] = {"from", "subject", "content-type", "mime-version",
	"content-transfer-encoding", "to", "cc", "date", "message-id", "reply-to",
	"in-reply-to", "references"};
enum { NAMES = sizeof names / sizeof *names, FROM = 0 };

struct dkim_sign {
	struct dkim_canon canon;
	EVP_MD_CTX *body;
	uint8_t body_hash[DKIM_KEY_HASH];
};

static enum err
hash_body(void *arg, struct slice octets)
{
	return EVP_DigestUpdate(arg, octets.p, octets.n) == 1 ? ERR_OK : ERR_CRYPTO;
}

static EVP_MD_CTX *
new_hash(void)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	must(c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1);
	return c;
}

struct dkim_sign *
dkim_sign_new(void)
{
	struct dkim_sign *s = must_alloc(sizeof *s);

	tls_init();
	s->body = new_hash();
	dkim_canon_init(&s->canon, names, NAMES, (struct text_sink){hash_body, s->body});
	return s;
}

void
dkim_sign_free(struct dkim_sign *s)
{
	if (!s)
		return;
	EVP_MD_CTX_free(s->body);
	dkim_canon_fini(&s->canon);
	free(s);
}

void
dkim_sign_feed(struct dkim_sign *s, struct slice piece)
{
	dkim_canon_feed(&s->canon, piece);
}

bool
dkim_sign_has_header(const struct dkim_sign *s)
{
	return s->canon.in_body;
}

enum err
dkim_sign_finish(struct dkim_sign *s)
{
	enum err e = dkim_canon_finish(&s->canon);

	must(EVP_DigestFinal_ex(s->body, s->body_hash, NULL) == 1);
	return e;
}

const uint8_t *
dkim_sign_body_hash(const struct dkim_sign *s)
{
	return s->body_hash;
}

/* --- whose mail it is --- */

static size_t
count(const struct dkim_canon *c, uint32_t name)
{
	size_t n = 0;

	for (size_t i = 0; i < c->fields; i++)
		n += c->field[i].name == name;
	return n;
}

bool
dkim_sign_has_from(const struct dkim_sign *s)
{
	return count(&s->canon, FROM) > 0;
}

static struct slice
one_domain(const struct mail_list *list, struct arena *a)
{
	struct slice domain = SLICE_EMPTY, one;

	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].kind != MAIL_LIST_MAILBOX)
			continue;
		if (mail_addr_parse_domain(list->items[i].domain, a, &one) ||
			(domain.n && !slice_eq(domain, one)))
			return SLICE_EMPTY;
		domain = one;
	}
	return list->is_cut ? SLICE_EMPTY : domain;
}

struct slice
dkim_sign_from(const struct dkim_sign *s, struct arena *a)
{
	const struct dkim_canon *c = &s->canon;
	struct mail_list list;
	size_t at = 0;

	if (count(c, FROM) != 1)
		return SLICE_EMPTY;
	while (c->field[at].name != FROM)
		at++;
	mail_list_parse(dkim_canon_value(c, at), a, MAIL_LIST_MAX, &list);
	return one_domain(&list, a);
}

bool
dkim_sign_is_selector(struct slice text)
{
	bool in_label = false;

	if (text.n > DKIM_SIGN_SELECTOR_MAX)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		bool is_last = i + 1 == text.n || text.p[i + 1] == '.';

		if (text.p[i] == '.' ? !in_label
				     : !isalnum(text.p[i]) &&
					       (text.p[i] != '-' || !in_label || is_last))
			return false;
		in_label = text.p[i] != '.';
	}
	return in_label;
}

/* --- what is signed --- */

static void
add(EVP_MD_CTX *hash, struct slice s)
{
	must(EVP_DigestUpdate(hash, s.p, s.n) == 1);
}

/* The lowest of that name that is above `from`; SIZE_MAX: none. */
static size_t
next_up(const struct dkim_canon *c, struct slice name, size_t from)
{
	while (from-- > 0)
		if (slice_eq_nocase(name, slice_str(c->names[c->field[from].name])))
			return from;
	return SIZE_MAX;
}

/* RFC 6376 5.4.2: from the bottom up; one that isn't there is the null string. */
static void
add_fields(EVP_MD_CTX *hash, const struct dkim_canon *c, struct slice h)
{
	size_t at[NAMES], k;

	for (k = 0; k < NAMES; k++)
		at[k] = c->fields;
	for (struct slice rest = h; rest.n;) {
		size_t n = slice_find(rest, ':');
		struct slice name = slice_trim(slice_cut(rest, 0, n));

		rest = slice_from(rest, n + 1);
		for (k = 0; k < NAMES && !slice_eq_nocase(name, slice_str(names[k])); k++)
			;
		if (k == NAMES || at[k] == SIZE_MAX)
			continue;
		at[k] = next_up(c, name, at[k]);
		if (at[k] == SIZE_MAX)
			continue;
		add(hash, slice_str(names[k]));
		add(hash, SLICE_LIT(":"));
		add(hash, dkim_canon_value(c, at[k]));
		add(hash, SLICE_LIT("\r\n"));
	}
}

/* The signature's own field, which has no line end then (RFC 6376 section 3.7). */
static void
add_own(EVP_MD_CTX *hash, struct slice field)
{
	static const char *const own[] = {"dkim-signature"};
	struct dkim_canon *c = must_alloc(sizeof *c);
	struct buf none;

	buf_init(&none, 1);
	dkim_canon_init(c, own, 1, text_into(&none));
	dkim_canon_feed(c, field);
	must(c->fields == 1);
	add(hash, SLICE_LIT("dkim-signature:"));
	add(hash, dkim_canon_value(c, 0));
	dkim_canon_fini(c);
	buf_fini(&none);
	free(c);
}

void
dkim_sign_hash(const struct dkim_sign *s, struct slice h, struct slice field,
	uint8_t hash[DKIM_KEY_HASH])
{
	EVP_MD_CTX *c = new_hash();

	add_fields(c, &s->canon, h);
	add_own(c, field);
	must(EVP_DigestFinal_ex(c, hash, NULL) == 1);
	EVP_MD_CTX_free(c);
}

/* --- the field --- */

static void
put_h(const struct dkim_canon *c, struct buf *out)
{
	size_t column = 0;

	for (uint32_t i = 0; i < NAMES; i++) {
		size_t n = strlen(names[i]) + 1;

		for (size_t k = count(c, i) + 1; k > 0; k--) {
			bool is_last = i + 1 == NAMES && k == 1;

			if (column + n > FOLD) {
				buf_put_str(out, "\r\n\t ");
				column = 0;
			}
			buf_printf(out, "%s%s", names[i], is_last ? "" : ":");
			column += n;
		}
	}
}

static void
put_base64(struct slice octets, struct buf *out)
{
	struct buf text;
	struct slice rest;

	buf_init(&text, BASE64_MAX);
	must(seal_b64(octets, &text));
	for (rest = buf_slice(&text); rest.n; rest = slice_from(rest, FOLD)) {
		buf_put_slice(out, slice_cut(rest, 0, FOLD));
		if (rest.n > FOLD)
			buf_put_str(out, "\r\n\t ");
	}
	buf_fini(&text);
}

static void
put_tags(const struct dkim_sign *s, const struct dkim_sign_as *as, struct slice h,
	struct buf *out)
{
	buf_printf(out, "DKIM-Signature: v=1; a=%s-sha256; c=relaxed/relaxed;\r\n\td=%.*s;",
		as->kind == DKIM_KEY_RSA ? "rsa" : "ed25519", SLICE_FMT(as->domain));
	buf_printf(out, "\r\n\ts=%.*s;", SLICE_FMT(as->selector));
	if (as->now_sec)
		buf_printf(out, " t=%llu;", (unsigned long long)as->now_sec);
	if (as->until_sec)
		buf_printf(out, " x=%llu;", (unsigned long long)as->until_sec);
	buf_printf(out, "\r\n\th=%.*s;\r\n\tbh=", SLICE_FMT(h));
	put_base64(slice_of(s->body_hash, sizeof s->body_hash), out);
	buf_put_str(out, ";\r\n\tb=");
}

enum err
dkim_sign_begin(const struct dkim_sign *s, const struct dkim_sign_as *as, struct buf *field,
	uint8_t hash[DKIM_KEY_HASH])
{
	size_t at = field->n;
	struct buf h;
	enum err e;

	buf_init(&h, DKIM_SIGN_FIELD_MAX);
	put_h(&s->canon, &h);
	put_tags(s, as, buf_slice(&h), field);
	e = h.overflow || field->overflow ? ERR_LIMIT : ERR_OK;
	if (!e)
		dkim_sign_hash(s, buf_slice(&h), slice_from(buf_slice(field), at), hash);
	buf_fini(&h);
	return e;
}

enum err
dkim_sign_end(struct slice signature, struct buf *field)
{
	if (signature.n > DKIM_KEY_SIGNATURE_MAX)
		return ERR_LIMIT;
	put_base64(signature, field);
	buf_put_str(field, "\r\n");
	return field->overflow ? ERR_LIMIT : ERR_OK;
}
