#include "crypto/gateway_mark.h"

#include "core/mail_addr.h"
#include "core/mail_header.h"
#include "core/mail_word.h"
#include "core/utf8.h"
#include "crypto/gateway_subject.h"

/* WORDS_MAX: a line has at most 998 octets (RFC 5322 section 2.1.1). ID_MAX: of an
 * authserv-id with all its comments; what is longer is nobody's name and goes. */
enum { WORDS_MAX = 600, SIGNER_MAX = 320, ID_MAX = 1024 };

const char *
gateway_mark_result_text(enum gateway_mark_result r)
{
	static const char *const texts[] = {
#define X(id, text) text,
		GATEWAY_MARK_RESULTS(X)
#undef X
	};

	return texts[r];
}

/* --- whose is it? --- */

/* Comments nest and may hold quoted pairs (RFC 5322 section 3.2.2); s begins with '('. */
static struct slice
skip_comment(struct slice s)
{
	size_t depth = 0, i;

	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '(')
			depth++;
		else if (s.p[i] == ')' && --depth == 0)
			return slice_from(s, i + 1);
	}
	return SLICE_EMPTY;
}

static bool
is_same_name(struct slice a, struct slice b)
{
	struct slice one, two;
	struct arena arena;
	bool same = slice_eq_nocase(a, b);

	/* Punycode or not. */
	if (same || a.n > ID_MAX || (utf8_is_ascii(a) && utf8_is_ascii(b)))
		return same;
	arena_init(&arena, 0);
	if (!mail_addr_parse_domain(a, &arena, &one) &&
		!mail_addr_parse_domain(b, &arena, &two))
		same = slice_eq(one, two);
	arena_reset(&arena);
	return same;
}

/* Octets up to the next blank, comment or quote. */
static size_t
plain_run(struct slice s, bool is_quoted)
{
	size_t n = 0;

	while (n < s.n && s.p[n] > ' ' && s.p[n] != '"' && s.p[n] != '\\' &&
		(is_quoted || (s.p[n] != '(' && s.p[n] != ';')))
		n++;
	return n;
}

static struct slice
without_dots(struct slice s)
{
	while (s.n && s.p[s.n - 1] == '.')
		s.n--;
	return s;
}

/* authserv-id is a token or a quoted string, with comments and folds around it (RFC 8601
 * section 2.2); old mailers let them stand within, too. So what is left without them is
 * compared at each place where a word may end. Nothing at all, or too much, claims nothing
 * that can be read, and counts as ours. */
static bool
is_our_id(struct slice s, struct slice ours)
{
	struct buf id;
	bool is_quoted = false, is_it = false;
	size_t n;

	buf_init(&id, ID_MAX);
	while (s.n && !is_it && !id.overflow && (is_quoted || s.p[0] != ';')) {
		n = plain_run(s, is_quoted);
		buf_put_slice(&id, slice_cut(s, 0, n));
		s = slice_from(s, n);
		is_it = n && is_same_name(without_dots(buf_slice(&id)), ours);
		if (s.n && !is_quoted && s.p[0] == '(') {
			s = skip_comment(s);
		} else if (s.n && s.p[0] == '\\') {
			buf_put_slice(&id, slice_cut(s, 1, 2));
			s = slice_from(s, 2);
		} else if (s.n && (is_quoted || s.p[0] != ';')) {
			is_quoted ^= s.p[0] == '"';
			s = slice_from(s, 1);
		}
	}
	is_it |= id.n == 0 || id.overflow || is_same_name(without_dots(buf_slice(&id)), ours);
	buf_fini(&id);
	return is_it;
}

static bool
is_our_results(struct slice body, struct slice ours)
{
	struct buf decoded;
	bool is_it = is_our_id(body, ours);

	if (!is_it && slice_find_slice(body, SLICE_LIT("=?")) < body.n) {
		buf_init(&decoded, 3 * body.n + 16);
		is_it = mail_word_decode(body, &decoded) &&
			is_our_id(buf_slice(&decoded), ours);
		buf_fini(&decoded);
	}
	return is_it;
}

static bool
claims(struct slice name, struct slice body, struct slice ours)
{
	if (slice_starts_nocase(name, SLICE_LIT("X-Hairpin-")))
		return true;
	return slice_eq_nocase(name, SLICE_LIT("Authentication-Results")) &&
	       is_our_results(body, ours);
}

/* s: what stands behind a CR, up to the next one. */
static bool
claims_inside(struct slice s, struct slice ours)
{
	struct mail_header h;
	struct mail_field f;

	mail_header_begin(&h, s);
	return mail_header_next(&h, &f) && claims(f.name, f.body, ours);
}

bool
gateway_mark_is_ours(const struct gateway_field *f, struct slice authserv_id)
{
	bool is_it = claims(f->name, f->body, authserv_id);

	for (struct slice s = f->raw; s.n && !is_it;) {
		s = slice_from(s, slice_find(s, '\r') + 1);
		if (s.n && s.p[0] != '\n')
			is_it = claims_inside(
				slice_cut(s, 0, slice_find(s, '\r')), authserv_id);
	}
	return is_it;
}

unsigned
gateway_mark_strip(struct gateway_head *h, struct slice authserv_id)
{
	unsigned forged = 0;

	for (size_t i = 0; i < h->n; i++) {
		if (h->field[i].raw.n == 0 || !gateway_mark_is_ours(&h->field[i], authserv_id))
			continue;
		forged |= slice_starts_nocase(h->field[i].name, SLICE_LIT("X-"))
				  ? GATEWAY_MARK_FORGED_FIELD
				  : GATEWAY_MARK_FORGED_RESULTS;
		gateway_head_drop(h, i);
	}
	if (gateway_subject_strip(h))
		forged |= GATEWAY_MARK_FORGED_TAG;
	return forged;
}

/* --- ours --- */

/* A comment's text holds no brackets and no backslash, so that it ends where it ends. */
static void
put_comment(struct slice s, struct buf *out)
{
	buf_put_str(out, " (");
	for (size_t i = 0; i < s.n && i < WORDS_MAX; i++) {
		uint8_t c = s.p[i];

		if (c < ' ' || c > '~' || c == '\\')
			c = '?';
		buf_put_u8(out, c == '(' ? '[' : c == ')' ? ']' : c);
	}
	buf_put_u8(out, ')');
}

/* local-part "@" domain as RFC 8601's pvalue has it. */
static bool
is_plain_address(struct slice s)
{
	static const char odd[] = "()<>[]:;\\,\"?=/";

	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || memchr(odd, s.p[i], sizeof odd - 1))
			return false;
	return s.n > 0 && s.n <= SIGNER_MAX;
}

bool
gateway_mark_write(const struct gateway_mark *m, struct slice authserv_id, struct buf *out)
{
	buf_put_str(out, "Authentication-Results: ");
	buf_put_slice(out, authserv_id);
	buf_put_str(out, m->is_openpgp ? ";\r\n\tx-openpgp=" : ";\r\n\tsmime=");
	buf_put_str(out, gateway_mark_result_text(m->result));
	if (m->words.n)
		put_comment(m->words, out);
	if (is_plain_address(m->signer)) {
		buf_put_str(out, m->is_openpgp ? "\r\n\tbody.x-openpgp-identifier="
					       : "\r\n\tbody.smime-identifier=");
		buf_put_slice(out, m->signer);
	}
	return buf_put_str(out, "\r\n");
}

bool
gateway_mark_put_on_head(struct slice head, struct slice field, struct buf *out)
{
	struct mail_header h;
	struct mail_field f;
	size_t at = 0;

	mail_header_begin(&h, head);
	if (mail_header_next(&h, &f) && slice_eq_nocase(f.name, SLICE_LIT("Return-Path")))
		at = f.raw.n;
	buf_put_slice(out, slice_cut(head, 0, at));
	buf_put_slice(out, field);
	return buf_put_slice(out, slice_from(head, at));
}
