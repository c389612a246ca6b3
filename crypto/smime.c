#include "crypto/smime.h"

const char *
smime_problem_text(enum smime_problem p)
{
	static const char *const text[] = {
#define X(id, words) words,
		SMIME_PROBLEMS(X)
#undef X
	};

	return p < SMIME_PROBLEM_COUNT ? text[p] : "unknown";
}

/* The header of a BER element with this tag, in DER or not. False: it isn't there. */
static bool
header(struct slice *s, uint8_t tag, size_t *length)
{
	size_t octets;

	if (s->n < 2 || s->p[0] != tag)
		return false;
	octets = s->p[1] < 0x80 ? 0 : s->p[1] & 0x7f;
	*length = octets ? 0 : s->p[1] & 0x7f;
	if (s->n < 2 + octets)
		return false;
	for (size_t i = 0; i < octets; i++) {
		if (*length >> (8 * (sizeof *length - 1)))
			return false;
		*length = *length << 8 | s->p[2 + i];
	}
	*s = slice_from(*s, 2 + octets);
	return true;
}

static const struct {
	struct slice oid;
	enum smime_kind kind;
} kinds[] = {
	{SLICE_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"), SMIME_SIGNED},
	{SLICE_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"), SMIME_ENVELOPED},
	{SLICE_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17"), SMIME_AUTH_ENVELOPED},
	{SLICE_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09"), SMIME_COMPRESSED},
};

enum smime_kind
smime_look_type(struct slice oid)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (slice_eq(oid, kinds[i].oid))
			return kinds[i].kind;
	}
	return SMIME_UNKNOWN;
}

enum smime_kind
smime_look(struct slice front)
{
	size_t length;

	/* ContentInfo ::= SEQUENCE { contentType OBJECT IDENTIFIER, content [0] } */
	if (!header(&front, 0x30, &length) || !header(&front, 0x06, &length))
		return SMIME_UNKNOWN;
	return front.n < length ? SMIME_UNKNOWN : smime_look_type(slice_cut(front, 0, length));
}
