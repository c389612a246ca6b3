#include "crypto/pgp_packet.h"

#include "core/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* The framing alone: at once and octet by octet alike; what is read from memory is what is read
 * from the stream; and written again, in one length or in parts, it is read as it was. */
enum { OUT_MAX = 1 << 22 };

/* What came, with each packet's tag before its octets and its length behind them. */
struct story {
	struct buf told;
	size_t size;
	bool is_in;
};

static enum err
begin(void *arg, uint8_t tag)
{
	struct story *s = arg;

	must(!s->is_in && tag);
	s->is_in = true;
	s->size = 0;
	buf_put_u8(&s->told, tag);
	return ERR_OK;
}

static enum err
body(void *arg, struct slice octets)
{
	struct story *s = arg;

	must(s->is_in && octets.n);
	s->size += octets.n;
	buf_put_slice(&s->told, octets);
	return ERR_OK;
}

static enum err
end(void *arg)
{
	struct story *s = arg;

	must(s->is_in);
	s->is_in = false;
	buf_put_u32(&s->told, (uint32_t)s->size);
	return ERR_OK;
}

static enum err
read_in(struct story *s, struct slice all, size_t piece)
{
	const struct pgp_packet_to to = {begin, body, end, s};
	struct pgp_packet p;
	enum err e = ERR_OK;

	*s = (struct story){.is_in = false};
	buf_init(&s->told, OUT_MAX);
	pgp_packet_init(&p, &to);
	for (; e == ERR_OK && all.n; all = slice_from(all, piece))
		e = pgp_packet_feed(&p, slice_cut(all, 0, piece));
	if (e == ERR_OK)
		e = pgp_packet_finish(&p);
	must(e != ERR_OK || !s->is_in);
	return e;
}

static bool
is_told(struct slice all, const struct story *want)
{
	struct story s;
	bool ok = read_in(&s, all, 7) == ERR_OK &&
		  slice_eq(buf_slice(&s.told), buf_slice(&want->told));

	buf_fini(&s.told);
	return ok;
}

/* Writes each packet anew. ERR_END: all were whole. */
static enum err
write_again(struct slice rest, struct buf *one, struct buf *parts)
{
	struct pgp_packet_parts w;
	struct pgp_packet_whole p;
	enum err e;

	while ((e = pgp_packet_next(&rest, &p)) == ERR_OK) {
		must(pgp_packet_put(one, p.tag, p.body));
		if (!pgp_packet_is_data(p.tag)) {
			must(pgp_packet_put(parts, p.tag, p.body));
			continue;
		}
		pgp_packet_parts_init(&w, p.tag, text_into(parts));
		must(pgp_packet_parts_feed(&w, p.body) == ERR_OK);
		must(pgp_packet_parts_finish(&w) == ERR_OK);
	}
	return e;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice all = slice_of(p, n);
	struct story at_once, by_octets;
	struct buf one, parts;
	enum err e = read_in(&at_once, all, n ? n : 1);

	must(read_in(&by_octets, all, 1) == e);
	must(slice_eq(buf_slice(&at_once.told), buf_slice(&by_octets.told)));
	buf_init(&one, OUT_MAX);
	buf_init(&parts, OUT_MAX);
	if (write_again(all, &one, &parts) == ERR_END && e == ERR_OK) {
		must(is_told(buf_slice(&one), &at_once));
		must(is_told(buf_slice(&parts), &at_once));
	}
	buf_fini(&one);
	buf_fini(&parts);
	buf_fini(&at_once.told);
	buf_fini(&by_octets.told);
	return 0;
}
