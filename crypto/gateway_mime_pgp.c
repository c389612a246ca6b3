#include "crypto/gateway_mime_pgp.h"

#include "core/mail_scan.h"
#include "crypto/pgp_cleartext.h"

/* VERSION: octets of "Version: 1", and blanks. */
enum { VERSION_MAX = 256, EMPTY_MAX = 256, PARTS_MAX = 4 };

#define BEGIN "-----BEGIN PGP MESSAGE-----"
#define SIGNED "-----BEGIN PGP SIGNED MESSAGE-----"

static bool
get_front(const struct text *t, const struct gateway_mime_range *r, struct buf *out)
{
	uint64_t size = r->end - r->at;

	return !text_get(t, r->at,
		size < GATEWAY_MIME_PGP_FRONT ? (size_t)size : GATEWAY_MIME_PGP_FRONT, out);
}

bool
gateway_mime_pgp_may_be_mended(const struct text *t, const struct gateway_mime_range *body)
{
	struct buf raw;
	bool may;

	buf_init(&raw, GATEWAY_MIME_PGP_FRONT);
	may = get_front(t, body, &raw) &&
	      slice_find_slice(buf_slice(&raw), SLICE_LIT("application/pgp-encrypted")) < raw.n;
	buf_fini(&raw);
	return may;
}

void
gateway_mime_pgp_front(const struct text *t, const struct gateway_mime *m, struct buf *plain)
{
	uint8_t decoded[GATEWAY_MIME_PGP_FRONT + MAIL_DECODE_SLACK];
	struct mail_decode d;
	struct buf raw;

	buf_init(&raw, GATEWAY_MIME_PGP_FRONT);
	if (get_front(t, &m->body, &raw)) {
		mail_decode_init(&d, m->encoding);
		buf_put(plain, decoded, mail_decode_feed(&d, buf_slice(&raw), decoded));
	}
	buf_fini(&raw);
}

enum gateway_mime_kind
gateway_mime_pgp_inline(const struct text *t, const struct gateway_mime *m)
{
	enum gateway_mime_kind kind = GATEWAY_MIME_PLAIN;
	struct buf plain;

	buf_init(&plain, GATEWAY_MIME_PGP_FRONT_MAX);
	gateway_mime_pgp_front(t, m, &plain);
	if (pgp_cleartext_is(buf_slice(&plain)))
		kind = GATEWAY_MIME_PGP_CLEARTEXT;
	else if (slice_starts(slice_trim(buf_slice(&plain)), SLICE_LIT(BEGIN)))
		kind = GATEWAY_MIME_PGP_INLINE;
	buf_fini(&plain);
	return kind;
}

bool
gateway_mime_pgp_is_amid(const struct text *t, const struct gateway_mime *m)
{
	struct slice s;
	struct buf plain;
	bool is = false;
	size_t n;

	buf_init(&plain, GATEWAY_MIME_PGP_FRONT_MAX);
	gateway_mime_pgp_front(t, m, &plain);
	for (s = buf_slice(&plain); s.n && !is; s = slice_from(s, n < s.n ? n + 1 : n)) {
		is = slice_starts(s, SLICE_LIT(BEGIN)) || slice_starts(s, SLICE_LIT(SIGNED));
		n = slice_find(s, '\n');
	}
	buf_fini(&plain);
	return is;
}

/* --- its parts --- */

static enum err
scan_chunk(void *arg, struct slice octets)
{
	mail_scan_feed(arg, octets);
	return ERR_OK;
}

static bool
is_type(const struct mail_part *p, const char *type, const char *sub)
{
	struct mail_type t;
	struct arena a;
	bool is;

	arena_init(&a, 0);
	mail_scan_type(p, &a, &t);
	is = p->kind == MAIL_PART_LEAF && mail_type_is(&t, slice_str(type), slice_str(sub));
	arena_reset(&a);
	return is;
}

/* Out of its encoding: Exchange writes "Version: 1" in base64. */
static struct slice
small_body(const struct text *t, const struct mail_part *p, size_t max, struct buf *plain)
{
	const struct gateway_mime_range body = {p->body_at, p->end_at};
	struct text_sink to = text_into(plain);

	if (body.end - body.at > max || p->encoding == MAIL_ENCODING_UNKNOWN ||
		gateway_mime_decode(t, body, (enum mail_encoding)p->encoding, &to))
		return SLICE_LIT("?");
	return slice_trim(buf_slice(plain));
}

/* RFC 3156 section 4. */
static bool
is_version(const struct text *t, const struct mail_part *p)
{
	struct buf plain;
	bool is;

	buf_init(&plain, VERSION_MAX);
	is = is_type(p, "application", "pgp-encrypted") &&
	     slice_starts_nocase(
		     small_body(t, p, VERSION_MAX, &plain), SLICE_LIT("Version: 1"));
	buf_fini(&plain);
	return is;
}

static bool
is_empty_text(const struct text *t, const struct mail_part *p)
{
	struct buf plain;
	bool is;

	buf_init(&plain, EMPTY_MAX);
	is = is_type(p, "text", "plain") && small_body(t, p, EMPTY_MAX, &plain).n == 0;
	buf_fini(&plain);
	return is;
}

static enum err
find_part(const struct text *t, const struct mail_scan *s, bool is_mended,
	struct gateway_mime_pgp *out)
{
	uint32_t count, at;
	const struct mail_part *parts = mail_scan_parts(s, &count), *part[PARTS_MAX];
	size_t n = 0, first = is_mended ? 1 : 0;

	at = parts[0].kind == MAIL_PART_MULTIPART ? parts[0].child : MAIL_SCAN_NONE;
	for (; at != MAIL_SCAN_NONE && n < PARTS_MAX; at = parts[at].next)
		part[n++] = &parts[at];
	if (n != first + 2 || (is_mended && !is_empty_text(t, part[0])) ||
		!is_version(t, part[first]) ||
		!is_type(part[first + 1], "application", "octet-stream"))
		return ERR_SYNTAX;
	*out = (struct gateway_mime_pgp){{part[first + 1]->body_at, part[first + 1]->end_at},
		(enum mail_encoding)part[first + 1]->encoding};
	return out->encoding == MAIL_ENCODING_UNKNOWN ? ERR_SYNTAX : ERR_OK;
}

enum err
gateway_mime_pgp_find(
	const struct text *t, const struct gateway_mime *m, struct gateway_mime_pgp *out)
{
	struct text_sink to;
	struct mail_scan *s;
	enum err e;

	if (m->kind == GATEWAY_MIME_PGP_INLINE) {
		*out = (struct gateway_mime_pgp){m->body, m->encoding};
		return ERR_OK;
	}
	s = mail_scan_new();
	to = (struct text_sink){scan_chunk, s};
	e = text_copy(t, 0, t->size, &to);
	mail_scan_finish(s);
	e = e ? e : find_part(t, s, m->is_mended, out);
	mail_scan_free(s);
	return e;
}

/* --- web mailers --- */

static struct gateway_mime
as_text(const struct mail_part *p)
{
	return (struct gateway_mime){.kind = GATEWAY_MIME_PGP_INLINE,
		.encoding = (enum mail_encoding)p->encoding,
		.body = {p->body_at, p->end_at},
		.is_alternative = true};
}

static bool
has_message(const struct text *t, const struct gateway_mime *m)
{
	struct buf plain;
	bool has;

	buf_init(&plain, GATEWAY_MIME_PGP_FRONT_MAX);
	gateway_mime_pgp_front(t, m, &plain);
	has = slice_find_slice(buf_slice(&plain), SLICE_LIT(BEGIN)) < plain.n;
	buf_fini(&plain);
	return has;
}

static bool
find_alternative(const struct text *t, const struct mail_scan *s, struct gateway_mime *m)
{
	uint32_t count;
	const struct mail_part *parts = mail_scan_parts(s, &count), *first, *second;
	struct gateway_mime text, html;

	if (parts[0].kind != MAIL_PART_MULTIPART || parts[0].child == MAIL_SCAN_NONE)
		return false;
	first = &parts[parts[0].child];
	if (first->next == MAIL_SCAN_NONE || first->encoding == MAIL_ENCODING_UNKNOWN)
		return false;
	second = &parts[first->next];
	text = as_text(first);
	html = as_text(second);
	if (second->next != MAIL_SCAN_NONE || !is_type(first, "text", "plain") ||
		!is_type(second, "text", "html") || !has_message(t, &html) ||
		gateway_mime_pgp_inline(t, &text) != GATEWAY_MIME_PGP_INLINE)
		return false;
	*m = text;
	return true;
}

bool
gateway_mime_pgp_alternative(const struct text *t, struct gateway_mime *m)
{
	struct mail_scan *s;
	struct text_sink to;
	bool is;

	if (!has_message(t, m))
		return false;
	s = mail_scan_new();
	to = (struct text_sink){scan_chunk, s};
	is = !text_copy(t, 0, t->size, &to);
	mail_scan_finish(s);
	is = is && find_alternative(t, s, m);
	mail_scan_free(s);
	return is;
}
