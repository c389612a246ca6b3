#include "crypto/gateway_mime.h"

#include <stdlib.h>

#include "core/mail_scan.h"
#include "core/must.h"
#include "crypto/gateway_mime_pgp.h"

/* CHUNK: octets of a text in hand. FRONT: of a CMS that says what it is, and what may stand
 * before that many in base64: blanks and line ends. */
enum { CHUNK = 16384, FRONT = 64, FRONT_RAW = 1024, ENCODE_STEP = 4096, LINE_MAX_SMTP = 998 };

/* --- what it is --- */

/* The field's body, if there is exactly one; none is empty. False: several. */
static bool
only_field(const struct gateway_head *h, struct slice name, struct slice *body)
{
	size_t i = gateway_head_find(h, name, 0);

	*body = i < h->n ? h->field[i].body : SLICE_EMPTY;
	return i >= h->n || gateway_head_find(h, name, i + 1) >= h->n;
}

static bool
has_twice(const struct mail_type *t)
{
	for (size_t i = 0; i < t->param_count; i++)
		for (size_t j = 0; j < i; j++)
			if (slice_eq_nocase(t->params[i].name, t->params[j].name))
				return true;
	return false;
}

static bool
is_named_cms(const struct mail_type *t, const struct gateway_head *h, struct arena *a)
{
	struct slice name = SLICE_EMPTY;
	struct mail_type disposition;
	size_t i = gateway_head_find(h, SLICE_LIT("Content-Disposition"), 0);

	if (!mail_type_is(t, SLICE_LIT("application"), SLICE_LIT("octet-stream")))
		return false;
	if (!mail_type_param(t, SLICE_LIT("name"), &name) && i < h->n &&
		mail_type_parse_value(h->field[i].body, a, &disposition))
		mail_type_param(&disposition, SLICE_LIT("filename"), &name);
	return name.n > 4 && slice_eq_nocase(slice_from(name, name.n - 4), SLICE_LIT(".p7m"));
}

static enum gateway_mime_kind
kind_of(const struct mail_type *t)
{
	struct slice protocol = SLICE_EMPTY, application = SLICE_LIT("application");

	mail_type_param(t, SLICE_LIT("protocol"), &protocol);
	if (mail_type_is(t, SLICE_LIT("multipart"), SLICE_LIT("signed"))) {
		if (slice_eq_nocase(protocol, SLICE_LIT("application/pkcs7-signature")) ||
			slice_eq_nocase(protocol, SLICE_LIT("application/x-pkcs7-signature")))
			return GATEWAY_MIME_SIGNED;
		if (slice_eq_nocase(protocol, SLICE_LIT("application/pgp-signature")))
			return GATEWAY_MIME_PGP_SIGNED;
	}
	if (mail_type_is(t, SLICE_LIT("multipart"), SLICE_LIT("encrypted")) &&
		slice_eq_nocase(protocol, SLICE_LIT("application/pgp-encrypted")))
		return GATEWAY_MIME_PGP_ENCRYPTED;
	if (mail_type_is(t, application, SLICE_LIT("pkcs7-mime")) ||
		mail_type_is(t, application, SLICE_LIT("x-pkcs7-mime")))
		return GATEWAY_MIME_CMS;
	return GATEWAY_MIME_PLAIN;
}

/* What only the body tells. */
static void
look_inside(const struct text *t, const struct mail_type *type, struct gateway_mime *m)
{
	struct gateway_mime_pgp message;

	if (!type || mail_type_is(type, SLICE_LIT("text"), SLICE_LIT("plain"))) {
		m->kind = gateway_mime_pgp_inline(t, m);
	} else if (mail_type_is(type, SLICE_LIT("multipart"), SLICE_LIT("alternative"))) {
		gateway_mime_pgp_alternative(t, m);
	} else if (mail_type_is(type, SLICE_LIT("multipart"), SLICE_LIT("mixed")) &&
		   gateway_mime_pgp_may_be_mended(t, &m->body)) {
		m->is_mended = true;
		if (!gateway_mime_pgp_find(t, m, &message))
			m->kind = GATEWAY_MIME_PGP_ENCRYPTED;
	}
}

static const char *
flaw_of(const struct gateway_head *h, const struct gateway_mime *m, const struct mail_type *t)
{
	struct slice body;

	if (h->is_odd)
		return "its header holds what isn't a field";
	if (!only_field(h, SLICE_LIT("Content-Type"), &body) ||
		!only_field(h, SLICE_LIT("Content-Transfer-Encoding"), &body))
		return "it says more than once what it is";
	if (t && has_twice(t))
		return "its Content-Type has a parameter twice";
	if (m->encoding == MAIL_ENCODING_UNKNOWN ||
		(m->kind != GATEWAY_MIME_CMS && m->kind != GATEWAY_MIME_PGP_INLINE &&
			m->kind != GATEWAY_MIME_PGP_CLEARTEXT &&
			m->encoding > MAIL_ENCODING_BINARY))
		return "its encoding isn't one that it may have";
	return NULL;
}

void
gateway_mime_look(const struct gateway_head *h, const struct text *t, struct gateway_mime *out)
{
	size_t type = gateway_head_find(h, SLICE_LIT("Content-Type"), 0);
	size_t encoding = gateway_head_find(h, SLICE_LIT("Content-Transfer-Encoding"), 0);
	struct mail_type parsed;
	struct arena a;
	bool is_typed;

	*out = (struct gateway_mime){.body = {h->body_at, t->size}};
	arena_init(&a, 0);
	if (encoding < h->n)
		out->encoding = (enum mail_encoding)mail_decode_encoding(
			h->field[encoding].body);
	is_typed = type < h->n && mail_type_parse(h->field[type].body, &a, &parsed);
	if (is_typed)
		out->kind = is_named_cms(&parsed, h, &a) ? GATEWAY_MIME_CMS : kind_of(&parsed);
	if (out->kind == GATEWAY_MIME_PLAIN && (is_typed || type >= h->n))
		look_inside(t, is_typed ? &parsed : NULL, out);
	if (out->kind != GATEWAY_MIME_PLAIN)
		out->flaw = flaw_of(h, out, is_typed ? &parsed : NULL);
	if (out->flaw)
		out->kind = GATEWAY_MIME_PLAIN;
	arena_reset(&a);
}

/* --- where its pieces are --- */

static enum err
scan_chunk(void *arg, struct slice octets)
{
	mail_scan_feed(arg, octets);
	return ERR_OK;
}

static enum err
find_two(const struct mail_scan *s, struct gateway_mime_two *out)
{
	uint32_t count;
	const struct mail_part *parts = mail_scan_parts(s, &count), *first, *second;

	if (parts[0].kind != MAIL_PART_MULTIPART || parts[0].child == MAIL_SCAN_NONE)
		return ERR_SYNTAX;
	first = &parts[parts[0].child];
	if (first->next == MAIL_SCAN_NONE)
		return ERR_SYNTAX;
	second = &parts[first->next];
	if (second->next != MAIL_SCAN_NONE || second->kind != MAIL_PART_LEAF)
		return ERR_SYNTAX;
	*out = (struct gateway_mime_two){{first->header_at, first->end_at},
		{first->body_at, first->end_at}, {second->body_at, second->end_at},
		(enum mail_encoding)second->encoding};
	return ERR_OK;
}

enum err
gateway_mime_split(const struct text *t, struct gateway_mime_two *out)
{
	struct mail_scan *s = mail_scan_new();
	struct text_sink to = {scan_chunk, s};
	enum err e = text_copy(t, 0, t->size, &to);

	mail_scan_finish(s);
	if (!e)
		e = find_two(s, out);
	mail_scan_free(s);
	return e;
}

enum err
gateway_mime_cms(const struct text *t, const struct gateway_mime *m, enum smime_kind *kind)
{
	uint8_t plain[FRONT_RAW + MAIL_DECODE_SLACK];
	struct mail_decode d;
	struct buf raw;
	uint64_t size = m->body.end - m->body.at;
	size_t n;
	enum err e;

	buf_init(&raw, FRONT_RAW);
	e = text_get(t, m->body.at, size < FRONT_RAW ? (size_t)size : FRONT_RAW, &raw);
	mail_decode_init(&d, m->encoding);
	n = mail_decode_feed(&d, buf_slice(&raw), plain);
	if (!e)
		*kind = smime_look(slice_of(plain, n < FRONT ? n : FRONT));
	buf_fini(&raw);
	return e;
}

/* --- streams --- */

enum err
gateway_mime_decode(const struct text *t, struct gateway_mime_range r,
	enum mail_encoding encoding, const struct text_sink *to)
{
	uint8_t *raw = must_alloc(2 * CHUNK + MAIL_DECODE_SLACK), *plain = raw + CHUNK;
	struct mail_decode d;
	enum err e = ERR_OK;
	size_t n, got;

	mail_decode_init(&d, encoding);
	for (; r.at < r.end && !e; r.at += n) {
		n = r.end - r.at < CHUNK ? (size_t)(r.end - r.at) : CHUNK;
		e = t->read(t->arg, r.at, raw, n);
		if (e)
			break;
		got = mail_decode_feed(&d, slice_of(raw, n), plain);
		if (got)
			e = to->put(to->arg, slice_of(plain, got));
	}
	got = e ? 0 : mail_decode_end(&d, plain);
	if (got)
		e = to->put(to->arg, slice_of(plain, got));
	explicit_bzero(raw, 2 * CHUNK + MAIL_DECODE_SLACK);
	free(raw);
	return e;
}

static enum err
canon_flush(struct gateway_mime_canon *c, size_t n)
{
	return n ? c->to.put(c->to.arg, slice_of(c->out, n)) : ERR_OK;
}

static void
canon_end_line(struct gateway_mime_canon *c)
{
	c->frail += c->is_blank || c->column > LINE_MAX_SMTP;
	c->column = 0;
	c->is_blank = false;
}

static void
canon_count(struct gateway_mime_canon *c, uint8_t octet)
{
	c->column++;
	c->is_blank = octet == ' ' || octet == '\t';
	c->high += octet > 127;
	c->odd += octet < ' ' && octet != '\t' && octet != '\f' && octet != 27;
}

/* At most three octets for each: the end of a line that a CR began, and one of its own. */
static size_t
canon_octet(struct gateway_mime_canon *c, uint8_t octet, uint8_t *out)
{
	size_t n = 0;

	if (c->has_cr || octet == '\n') {
		c->bare += c->has_cr != (octet == '\n');
		canon_end_line(c);
		out[n++] = '\r';
		out[n++] = '\n';
	}
	if (octet != '\r' && octet != '\n') {
		out[n++] = octet;
		canon_count(c, octet);
	}
	c->has_cr = octet == '\r';
	return n;
}

/* Octets at the front that are plain text. */
static size_t
canon_run(const struct gateway_mime_canon *c, struct slice s)
{
	size_t n = 0;

	while (!c->has_cr && n < s.n && s.p[n] >= ' ' && s.p[n] < 127)
		n++;
	return n;
}

static enum err
canon_put(void *arg, struct slice octets)
{
	struct gateway_mime_canon *c = arg;
	size_t n = 0, run;
	enum err e = ERR_OK;

	while (octets.n && !e) {
		if (n + 3 > sizeof c->out) {
			e = canon_flush(c, n);
			n = 0;
		}
		run = canon_run(c, slice_cut(octets, 0, sizeof c->out - n));
		memcpy(c->out + n, octets.p, run);
		n += run;
		c->column += run;
		if (run)
			c->is_blank = octets.p[run - 1] == ' ';
		if (run == 0) {
			n += canon_octet(c, octets.p[0], c->out + n);
			run = 1;
		}
		octets = slice_from(octets, run);
	}
	return e ? e : canon_flush(c, n);
}

struct text_sink
gateway_mime_canon_into(struct gateway_mime_canon *c, struct text_sink to)
{
	memset(c, 0, sizeof *c);
	c->to = to;
	return (struct text_sink){canon_put, c};
}

enum err
gateway_mime_canon_end(struct gateway_mime_canon *c)
{
	bool has_cr = c->has_cr;

	c->has_cr = false;
	c->bare += has_cr;
	canon_end_line(c);
	return has_cr ? c->to.put(c->to.arg, SLICE_LIT("\r\n")) : ERR_OK;
}

enum err
gateway_mime_lines(
	const struct text *t, struct gateway_mime_range r, const struct text_sink *to)
{
	struct gateway_mime_canon c;
	struct text_sink in = gateway_mime_canon_into(&c, *to);
	enum err e = gateway_mime_decode(t, r, MAIL_ENCODING_BINARY, &in);

	return e ? e : gateway_mime_canon_end(&c);
}

static enum err
base64_put(void *arg, struct slice octets)
{
	struct gateway_mime_base64 *b = arg;
	enum err e = ERR_OK;

	for (; octets.n && !e; octets = slice_from(octets, ENCODE_STEP)) {
		buf_clear(&b->out);
		mail_encode_feed(&b->encode, slice_cut(octets, 0, ENCODE_STEP), &b->out);
		if (b->out.n)
			e = b->to.put(b->to.arg, buf_slice(&b->out));
	}
	return e;
}

struct text_sink
gateway_mime_base64_into(struct gateway_mime_base64 *b, struct text_sink to)
{
	b->to = to;
	mail_encode_init(&b->encode, MAIL_ENCODING_BASE64);
	buf_init(&b->out, ENCODE_STEP * MAIL_ENCODE_GROWTH + MAIL_ENCODE_SLACK);
	return (struct text_sink){base64_put, b};
}

enum err
gateway_mime_base64_end(struct gateway_mime_base64 *b)
{
	buf_clear(&b->out);
	mail_encode_end(&b->encode, &b->out);
	buf_put_str(&b->out, "\r\n");
	return b->to.put(b->to.arg, buf_slice(&b->out));
}

void
gateway_mime_base64_fini(struct gateway_mime_base64 *b)
{
	buf_fini(&b->out);
}
