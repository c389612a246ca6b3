#include "crypto/pgp_armor.h"

#include <openssl/evp.h>

#include "core/big_endian.h"

static const char *const LABEL[PGP_ARMOR_KINDS] = {
	[PGP_ARMOR_MESSAGE] = "PGP MESSAGE",
	[PGP_ARMOR_PUBLIC_KEY] = "PGP PUBLIC KEY BLOCK",
	[PGP_ARMOR_PRIVATE_KEY] = "PGP PRIVATE KEY BLOCK",
	[PGP_ARMOR_SIGNATURE] = "PGP SIGNATURE",
	[PGP_ARMOR_CLEARTEXT] = "PGP SIGNED MESSAGE",
};
#define DASHES "-----"

enum state { START, BINARY, OUTSIDE, HEADERS, BASE64, CHECKSUM, END_LINE };
enum {
	CRC_INIT = 0xb704ce, /* section 6.1.1 */
	CRC_POLYNOMIAL = 0x864cfb,
	QUADS = 1024 /* decoded at once */
};

const char *
pgp_armor_label(enum pgp_armor_kind kind)
{
	return LABEL[kind];
}

/* --- reading ----------------------------------------------------------------------------- */

void
pgp_unarmor_init(struct pgp_unarmor *u, struct text_sink to)
{
	*u = (struct pgp_unarmor){.to = to, .state = START};
}

/* One that isn't kept to its end: who knows what stands behind the blanks. */
static bool
is_long(const struct pgp_unarmor *u)
{
	return u->n_line == sizeof u->line;
}

static struct slice
line_of(const struct pgp_unarmor *u)
{
	struct slice s = slice_of(u->line, u->n_line);

	while (!is_long(u) && s.n &&
		(s.p[s.n - 1] == '\r' || s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* Is the line "-----WHICH LABEL-----"? */
static bool
is_border(struct slice line, const char *which, const char *label)
{
	struct slice dashes = SLICE_LIT(DASHES);
	struct slice word = slice_str(which), name = slice_str(label);

	if (line.n != 2 * dashes.n + word.n + name.n || !slice_starts(line, dashes) ||
		!slice_ends(line, dashes))
		return false;
	line = slice_cut(line, dashes.n, line.n - dashes.n);
	return slice_starts(line, word) && slice_eq(slice_from(line, word.n), name);
}

static enum err
outside_line(struct pgp_unarmor *u)
{
	struct slice line = line_of(u);
	unsigned kind = PGP_ARMOR_MESSAGE;

	while (kind < PGP_ARMOR_KINDS && !is_border(line, "BEGIN ", LABEL[kind]))
		kind++;
	if (kind == PGP_ARMOR_KINDS) {
		u->has_text |= is_long(u) || slice_trim(line).n > 0;
		return ERR_OK;
	}
	if (u->blocks && kind != u->kind)
		return ERR_SYNTAX;
	u->kind = (enum pgp_armor_kind)kind;
	u->state = HEADERS;
	u->headers = 0;
	return kind == PGP_ARMOR_CLEARTEXT ? ERR_UNSUPPORTED : ERR_OK;
}

static enum err
header_line(struct pgp_unarmor *u)
{
	struct slice line = line_of(u);

	u->headers += u->n_line + 1;
	if (u->headers > PGP_ARMOR_HEADERS_MAX)
		return ERR_LIMIT;
	if (line.n == 0) {
		u->state = BASE64;
		u->is_at_line = true;
		return ERR_OK;
	}
	/* "Armor Headers ... a colon (':' 0x3A) and a single space". */
	return slice_has(line, ':') ? ERR_OK : ERR_SYNTAX;
}

static enum err
end_line(struct pgp_unarmor *u)
{
	if (!is_border(line_of(u), "END ", LABEL[u->kind]))
		return ERR_SYNTAX;
	u->blocks++;
	u->state = OUTSIDE;
	return ERR_OK;
}

/* A whole line is there, without its LF. */
static enum err
line_ends(struct pgp_unarmor *u)
{
	enum err e = u->state == OUTSIDE   ? outside_line(u)
		     : u->state == HEADERS ? header_line(u)
					   : end_line(u);

	u->n_line = 0;
	return e;
}

static enum err
line_octets(struct pgp_unarmor *u, struct slice *octets)
{
	size_t n = slice_find(*octets, '\n');
	size_t kept = PGP_ARMOR_LINE_MAX - u->n_line;
	bool is_whole = n < octets->n;

	kept = kept < n ? kept : n;
	memcpy(u->line + u->n_line, octets->p, kept);
	u->n_line += kept;
	if (u->state == HEADERS && (u->headers += n - kept) > PGP_ARMOR_HEADERS_MAX)
		return ERR_LIMIT;
	*octets = slice_from(*octets, n + is_whole);
	return is_whole ? line_ends(u) : ERR_OK;
}

/* What an octet below 128 stands for; 67: nothing. */
enum { SPACE = 64, PAD = 65, DASH = 66, OTHER = 67, ASCII = 128 };
static const uint8_t VALUE[ASCII] = {67, 67, 67, 67, 67, 67, 67, 67, 67, 64, 64, 67, 67, 64, 67,
	67, 67, 67, 67, 67, 67, 67, 67, 67, 67, 67, 67, 67, 67, 67, 67, 67, 64, 67, 67, 67, 67,
	67, 67, 67, 67, 67, 67, 62, 67, 66, 67, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 67,
	67, 67, 65, 67, 67, 67, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17,
	18, 19, 20, 21, 22, 23, 24, 25, 67, 67, 67, 67, 67, 67, 26, 27, 28, 29, 30, 31, 32, 33,
	34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 67, 67, 67, 67,
	67};

static unsigned
value_of(uint8_t c)
{
	return c < ASCII ? VALUE[c] : OTHER;
}

struct decoded {
	size_t n;
	uint8_t octets[QUADS * 3];
};

static void
quad_ends(struct pgp_unarmor *u, struct decoded *out)
{
	for (unsigned i = 0; i < 3 - u->padding; i++)
		out->octets[out->n++] = (uint8_t)(u->quad >> (16 - 8 * i));
	u->quad = u->n_quad = 0;
}

static enum err
base64_octet(struct pgp_unarmor *u, uint8_t c, struct decoded *out)
{
	unsigned v = value_of(c);
	bool is_at_line = u->is_at_line;

	if (v == SPACE) {
		u->is_at_line |= c == '\n';
		return ERR_OK;
	}
	u->is_at_line = false;
	if (v == DASH && is_at_line && u->n_quad == 0) {
		u->state = END_LINE;
		u->line[0] = c;
		u->n_line = 1;
		return ERR_OK;
	}
	if (v == PAD && u->n_quad == 0) {
		u->state = CHECKSUM;
		return is_at_line ? ERR_OK : ERR_SYNTAX;
	}
	if (v > PAD || (v == PAD && u->n_quad < 2) || (v != PAD && u->padding))
		return ERR_SYNTAX;
	u->padding += v == PAD;
	u->quad = u->quad << 6 | (v == PAD ? 0 : v);
	if (++u->n_quad == 4)
		quad_ends(u, out);
	return ERR_OK;
}

/* Fours that are nothing but digits, which nearly all are. */
static size_t
whole_quads(const struct pgp_unarmor *u, struct slice octets, struct decoded *out)
{
	size_t i = 0;

	if (u->n_quad || u->padding)
		return 0;
	while (octets.n - i >= 4 && out->n + 3 <= sizeof out->octets) {
		const uint8_t *p = octets.p + i;
		uint32_t a = value_of(p[0]), b = value_of(p[1]), c = value_of(p[2]),
			 d = value_of(p[3]), v = a << 18 | b << 12 | c << 6 | d;

		if ((a | b | c | d) >= SPACE)
			break;
		out->octets[out->n++] = (uint8_t)(v >> 16);
		out->octets[out->n++] = (uint8_t)(v >> 8);
		out->octets[out->n++] = (uint8_t)v;
		i += 4;
	}
	return i;
}

static enum err
base64_octets(struct pgp_unarmor *u, struct slice *octets)
{
	struct decoded out;
	enum err e = ERR_OK;
	size_t i = 0;

	out.n = 0;
	while (e == ERR_OK && i < octets->n && u->state == BASE64 &&
		out.n + 3 <= sizeof out.octets) {
		size_t n = whole_quads(u, slice_from(*octets, i), &out);

		u->is_at_line &= n == 0;
		i += n;
		if (i < octets->n && out.n + 3 <= sizeof out.octets)
			e = base64_octet(u, octets->p[i++], &out);
	}
	*octets = slice_from(*octets, i);
	return e == ERR_OK && out.n ? u->to.put(u->to.arg, slice_of(out.octets, out.n)) : e;
}

/* "the CRC24 footer ... MUST NOT reject": up to the line's end, whatever it is. */
static void
checksum_octets(struct pgp_unarmor *u, struct slice *octets)
{
	size_t n = slice_find(*octets, '\n');

	if (n < octets->n) {
		u->state = BASE64;
		u->is_at_line = true;
		u->padding = 1; /* nothing but the last line may come */
	}
	*octets = slice_from(*octets, n + (n < octets->n));
}

static enum err
step(struct pgp_unarmor *u, struct slice *octets)
{
	struct slice all = *octets;

	switch ((enum state)u->state) {
	case START:
		u->state = all.p[0] & 0x80 ? BINARY : OUTSIDE;
		return ERR_OK;
	case BINARY:
		*octets = SLICE_EMPTY;
		return u->to.put(u->to.arg, all);
	case BASE64:
		return base64_octets(u, octets);
	case CHECKSUM:
		checksum_octets(u, octets);
		return ERR_OK;
	case OUTSIDE:
	case HEADERS:
	case END_LINE:
		break;
	}
	return line_octets(u, octets);
}

enum err
pgp_unarmor_feed(struct pgp_unarmor *u, struct slice octets)
{
	while (u->error == ERR_OK && octets.n) {
		u->error = step(u, &octets);
		if (u->state == OUTSIDE)
			u->padding = 0;
	}
	return u->error;
}

enum err
pgp_unarmor_finish(struct pgp_unarmor *u)
{
	if (u->error == ERR_OK && u->n_line && (u->state == OUTSIDE || u->state == END_LINE))
		u->error = line_ends(u);
	if (u->error == ERR_OK && u->state == BINARY)
		u->blocks = 1;
	else if (u->error == ERR_OK && u->state != OUTSIDE && u->state != START)
		u->error = ERR_SYNTAX;
	if (u->error == ERR_OK && u->blocks == 0)
		u->error = ERR_NOT_FOUND;
	return u->error;
}

/* --- writing ----------------------------------------------------------------------------- */

/* CRC-24 (section 6.1.1), its highest bit in the word's: by an octet, and by four of them. */
static uint32_t crc[4][256];

static void
make_crc(void)
{
	if (crc[0][1])
		return;
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i << 24;

		for (int bit = 0; bit < 8; bit++)
			c = c << 1 ^ (c >> 31 ? (uint32_t)CRC_POLYNOMIAL << 8 : 0);
		crc[0][i] = c;
	}
	for (size_t k = 1; k < 4; k++)
		for (size_t i = 0; i < 256; i++)
			crc[k][i] = crc[k - 1][i] << 8 ^ crc[0][crc[k - 1][i] >> 24];
}

void
pgp_armor_init(
	struct pgp_armor *a, enum pgp_armor_kind kind, bool has_checksum, struct text_sink to)
{
	*a = (struct pgp_armor){.to = to,
		.kind = kind,
		.has_checksum = has_checksum,
		.checksum = (uint32_t)CRC_INIT << 8};
	if (has_checksum)
		make_crc();
}

static enum err
put_str(struct pgp_armor *a, const char *s)
{
	return a->to.put(a->to.arg, slice_str(s));
}

static enum err
put_border(struct pgp_armor *a, const char *which, const char *end)
{
	enum err e = put_str(a, which);

	if (e == ERR_OK)
		e = put_str(a, LABEL[a->kind]);
	return e == ERR_OK ? put_str(a, end) : e;
}

static void
add_checksum(struct pgp_armor *a)
{
	const uint8_t *p = a->octets, *end = p + a->n;
	uint32_t c = a->checksum;

	for (; end - p >= 4; p += 4) {
		c ^= big_endian_get_u32(p);
		c = crc[3][c >> 24] ^ crc[2][c >> 16 & 255] ^ crc[1][c >> 8 & 255] ^
		    crc[0][c & 255];
	}
	for (; p < end; p++)
		c = c << 8 ^ crc[0][c >> 24 ^ *p];
	a->checksum = c;
}

static enum err
put_line(struct pgp_armor *a)
{
	uint8_t line[PGP_ARMOR_LINE + 2];
	int n = EVP_EncodeBlock(line, a->octets, (int)a->n);

	if (a->has_checksum)
		add_checksum(a);
	line[n] = '\n';
	a->n = 0;
	return a->to.put(a->to.arg, slice_of(line, (size_t)n + 1));
}

static enum err
begin(struct pgp_armor *a)
{
	if (a->is_begun)
		return ERR_OK;
	a->is_begun = true;
	return put_border(a, DASHES "BEGIN ", DASHES "\n\n");
}

enum err
pgp_armor_feed(struct pgp_armor *a, struct slice octets)
{
	enum err e;

	if (a->kind == PGP_ARMOR_NONE)
		return a->to.put(a->to.arg, octets);
	e = begin(a);
	while (e == ERR_OK && octets.n) {
		size_t n = sizeof a->octets - a->n;

		n = n < octets.n ? n : octets.n;
		memcpy(a->octets + a->n, octets.p, n);
		a->n += n;
		octets = slice_from(octets, n);
		if (a->n == sizeof a->octets)
			e = put_line(a);
	}
	return e;
}

static enum err
put_checksum(struct pgp_armor *a)
{
	const uint8_t sum[3] = {(uint8_t)(a->checksum >> 24), (uint8_t)(a->checksum >> 16),
		(uint8_t)(a->checksum >> 8)};
	uint8_t line[8] = "=";

	EVP_EncodeBlock(line + 1, sum, sizeof sum);
	line[5] = '\n';
	return a->to.put(a->to.arg, slice_of(line, 6));
}

enum err
pgp_armor_finish(struct pgp_armor *a)
{
	enum err e;

	if (a->kind == PGP_ARMOR_NONE)
		return ERR_OK;
	e = begin(a);
	if (e == ERR_OK && a->n)
		e = put_line(a);
	if (e == ERR_OK && a->has_checksum)
		e = put_checksum(a);
	return e == ERR_OK ? put_border(a, DASHES "END ", DASHES "\n") : e;
}
