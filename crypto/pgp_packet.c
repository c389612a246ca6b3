#include "crypto/pgp_packet.h"

#include "core/big_endian.h"

enum {
	ALWAYS = 0x80,
	NEW = 0x40,
	/* The new format's first length octet. */
	TWO = 192,
	PARTIAL = 224,
	FIVE = 255,
	TWO_MAX = 8383,
	/* The legacy format's last two bits. */
	INDETERMINATE = 3,
	PART_MIN = 512, /* "The first partial length MUST be at least 512 octets long" */
	PART_BITS = 13	/* of PGP_PACKET_PART */
};

bool
pgp_packet_is_data(uint8_t tag)
{
	return tag == PGP_TAG_LITERAL || tag == PGP_TAG_COMPRESSED || tag == PGP_TAG_SED ||
	       tag == PGP_TAG_SEIPD || tag == PGP_TAG_OCB;
}

bool
pgp_packet_is_critical(uint8_t tag)
{
	return tag <= PGP_TAG_CRITICAL_MAX;
}

/* --- headers ----------------------------------------------------------------------------- */

struct header {
	uint8_t tag;
	uint64_t size;
	bool is_part, is_open;
};

static uint8_t
tag_of(uint8_t first)
{
	return (uint8_t)(first & NEW ? first & 0x3f : (first & 0x3f) >> 2);
}

/* Octets of a length in the new format. */
static size_t
length_size(uint8_t first)
{
	return first < TWO || (first >= PARTIAL && first != FIVE) ? 1 : first == FIVE ? 5 : 2;
}

static void
read_length(const uint8_t *p, struct header *h)
{
	h->is_part = h->is_open = false;
	if (p[0] < TWO) {
		h->size = p[0];
	} else if (p[0] < PARTIAL) {
		h->size = (((uint64_t)p[0] - TWO) << 8) + p[1] + TWO;
	} else if (p[0] < FIVE) {
		h->size = (uint64_t)1 << (p[0] & 0x1f);
		h->is_part = true;
	} else {
		h->size = big_endian_get_u32(p + 1);
	}
}

/* Octets of a whole header, as far as the n that are there tell. */
static size_t
header_size(const uint8_t *p, size_t n)
{
	static const size_t legacy[] = {2, 3, 5, 1};

	if (n < 1)
		return 1;
	if (!(p[0] & NEW))
		return legacy[p[0] & 3];
	return n < 2 ? 2 : 1 + length_size(p[1]);
}

static enum err
read_header(const uint8_t *p, struct header *h)
{
	if (!(p[0] & ALWAYS) || tag_of(p[0]) == 0)
		return ERR_SYNTAX;
	h->tag = tag_of(p[0]);
	if (p[0] & NEW) {
		read_length(p + 1, h);
		if (h->is_part && h->size < PART_MIN)
			return ERR_SYNTAX;
	} else {
		h->is_part = false;
		h->is_open = (p[0] & 3) == INDETERMINATE;
		h->size = 0;
		for (size_t i = 1, n = header_size(p, 1); i < n; i++)
			h->size = h->size << 8 | p[i];
	}
	return (h->is_part || h->is_open) && !pgp_packet_is_data(h->tag) ? ERR_SYNTAX : ERR_OK;
}

/* --- reading a stream -------------------------------------------------------------------- */

void
pgp_packet_init(struct pgp_packet *p, const struct pgp_packet_to *to)
{
	*p = (struct pgp_packet){.to = *to};
}

static bool
may_be_large(uint8_t tag)
{
	return pgp_packet_is_data(tag) || tag == PGP_TAG_PADDING ||
	       !pgp_packet_is_critical(tag);
}

static enum err
begin(struct pgp_packet *p)
{
	struct header h;
	enum err e = read_header(p->head, &h);

	if (e != ERR_OK)
		return e;
	if (++p->packets > PGP_PACKETS_MAX ||
		(h.size > PGP_PACKET_BODY_MAX && !may_be_large(h.tag)))
		return ERR_LIMIT;
	p->left = h.size;
	p->is_part = h.is_part;
	p->is_open = h.is_open;
	p->is_in_body = true;
	return p->to.begin(p->to.arg, h.tag);
}

/* Another part's length: no tag before it. */
static void
go_on(struct pgp_packet *p)
{
	struct header h;

	read_length(p->head, &h);
	p->left = h.size;
	p->is_part = h.is_part;
}

static enum err
end(struct pgp_packet *p)
{
	p->is_in_body = p->is_open = false;
	return p->to.end(p->to.arg);
}

/* An octet of a header, or of a part's length. */
static enum err
head_octet(struct pgp_packet *p, uint8_t octet)
{
	p->head[p->n_head++] = octet;
	if (p->is_in_body) {
		if (p->n_head == length_size(p->head[0])) {
			p->n_head = 0;
			go_on(p);
		}
		return ERR_OK;
	}
	if (!(p->head[0] & ALWAYS))
		return ERR_SYNTAX;
	if (p->n_head < header_size(p->head, p->n_head))
		return ERR_OK;
	p->n_head = 0;
	return begin(p);
}

static bool
wants_length(const struct pgp_packet *p)
{
	return p->is_in_body && !p->is_open && p->left == 0 && p->is_part;
}

static enum err
step(struct pgp_packet *p, struct slice *octets)
{
	struct slice now = *octets;
	enum err e;

	if (!p->is_in_body || wants_length(p)) {
		e = head_octet(p, octets->p[0]);
		*octets = slice_from(*octets, 1);
	} else {
		if (!p->is_open)
			now = slice_cut(now, 0, p->left < now.n ? (size_t)p->left : now.n);
		*octets = slice_from(*octets, now.n);
		p->left -= p->is_open ? 0 : now.n;
		e = p->to.body(p->to.arg, now);
	}
	if (e == ERR_OK && p->is_in_body && !p->is_open && !p->is_part && p->left == 0 &&
		p->n_head == 0)
		e = end(p);
	return e;
}

enum err
pgp_packet_feed(struct pgp_packet *p, struct slice octets)
{
	while (p->error == ERR_OK && octets.n)
		p->error = step(p, &octets);
	return p->error;
}

enum err
pgp_packet_finish(struct pgp_packet *p)
{
	if (p->error == ERR_OK && p->is_in_body && p->is_open)
		p->error = end(p);
	else if (p->error == ERR_OK && (p->is_in_body || p->n_head))
		p->error = ERR_SYNTAX;
	return p->error;
}

/* --- in memory --------------------------------------------------------------------------- */

enum err
pgp_packet_next(struct slice *rest, struct pgp_packet_whole *packet)
{
	struct header h;
	size_t n = 0, head;
	enum err e;

	if (rest->n == 0)
		return ERR_END;
	while (n < (head = header_size(rest->p, n)))
		if ((n = head) > rest->n)
			return ERR_SYNTAX;
	e = read_header(rest->p, &h);
	if (e != ERR_OK)
		return e;
	if (h.is_part || h.is_open || h.size > rest->n - head)
		return ERR_SYNTAX;
	*packet = (struct pgp_packet_whole){.tag = h.tag,
		.body = slice_cut(*rest, head, head + (size_t)h.size),
		.raw = slice_cut(*rest, 0, head + (size_t)h.size)};
	*rest = slice_from(*rest, packet->raw.n);
	return ERR_OK;
}

/* --- writing ----------------------------------------------------------------------------- */

static void
put_length(struct buf *out, size_t n)
{
	if (n < TWO) {
		buf_put_u8(out, (uint8_t)n);
	} else if (n <= TWO_MAX) {
		buf_put_u8(out, (uint8_t)(((n - TWO) >> 8) + TWO));
		buf_put_u8(out, (uint8_t)(n - TWO));
	} else {
		buf_put_u8(out, FIVE);
		buf_put_u32(out, (uint32_t)n);
	}
}

bool
pgp_packet_put(struct buf *out, uint8_t tag, struct slice body)
{
	buf_put_u8(out, (uint8_t)(ALWAYS | NEW | tag));
	put_length(out, body.n);
	return buf_put_slice(out, body) && !out->overflow;
}

void
pgp_packet_parts_init(struct pgp_packet_parts *w, uint8_t tag, struct text_sink out)
{
	w->out = out;
	w->tag = tag;
	w->is_begun = false;
	w->n = 0;
}

static enum err
put_part(struct pgp_packet_parts *w, struct slice part, bool is_last)
{
	uint8_t room[PGP_PACKET_HEAD_MAX];
	struct buf head = {.p = room, .room = sizeof room, .cap = sizeof room};
	enum err e;

	if (!w->is_begun)
		buf_put_u8(&head, (uint8_t)(ALWAYS | NEW | w->tag));
	w->is_begun = true;
	if (is_last)
		put_length(&head, part.n);
	else
		buf_put_u8(&head, PARTIAL | PART_BITS);
	e = w->out.put(w->out.arg, buf_slice(&head));
	return e == ERR_OK && part.n ? w->out.put(w->out.arg, part) : e;
}

enum err
pgp_packet_parts_feed(struct pgp_packet_parts *w, struct slice octets)
{
	enum err e = ERR_OK;

	while (e == ERR_OK && octets.n) {
		size_t n = PGP_PACKET_PART - w->n;

		if (w->n == 0 && octets.n >= PGP_PACKET_PART) {
			e = put_part(w, slice_cut(octets, 0, PGP_PACKET_PART), false);
		} else {
			n = n < octets.n ? n : octets.n;
			memcpy(w->part + w->n, octets.p, n);
			w->n += n;
			if (w->n == PGP_PACKET_PART) {
				w->n = 0;
				e = put_part(w, slice_of(w->part, PGP_PACKET_PART), false);
			}
		}
		octets = slice_from(octets, n);
	}
	return e;
}

enum err
pgp_packet_parts_finish(struct pgp_packet_parts *w)
{
	return put_part(w, slice_of(w->part, w->n), true);
}
