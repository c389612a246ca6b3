#include "cmd/link_frame.h"

#include "core/big_endian.h"

static const char magic[] = "hairpin peer";
/* No cluster has this id. */
static const uint8_t nobody[LINK_FRAME_CLUSTER];
enum { MAGIC = sizeof magic - 1, VERSION_AT = MAGIC, CLUSTER_AT = MAGIC + 4 };

static bool
is_known(unsigned flags)
{
	return flags == LINK_FRAME_PING || flags <= (LINK_FRAME_BULK | LINK_FRAME_MORE);
}

enum err
link_frame_parse(struct slice in, struct link_frame *f, size_t *used)
{
	uint32_t n;

	if (in.n < LINK_FRAME_HEAD)
		return ERR_MORE;
	n = big_endian_get_u32(in.p);
	if (n > LINK_FRAME_MAX)
		return ERR_TOO_BIG;
	if (!is_known(in.p[4]) || (n == 0) != (in.p[4] == LINK_FRAME_PING))
		return ERR_SYNTAX;
	if (in.n - LINK_FRAME_HEAD < n)
		return ERR_MORE;
	*f = (struct link_frame){in.p[4], slice_of(in.p + LINK_FRAME_HEAD, n)};
	*used = LINK_FRAME_HEAD + n;
	return ERR_OK;
}

void
link_frame_head(unsigned flags, size_t n, uint8_t head[LINK_FRAME_HEAD])
{
	big_endian_put_u32(head, (uint32_t)n);
	head[4] = (uint8_t)flags;
}

void
link_frame_hello(const uint8_t cluster[LINK_FRAME_CLUSTER], uint8_t hello[LINK_FRAME_HELLO])
{
	memcpy(hello, magic, MAGIC);
	big_endian_put_u32(hello + VERSION_AT, LINK_FRAME_VERSION);
	memcpy(hello + CLUSTER_AT, cluster, LINK_FRAME_CLUSTER);
}

void
link_frame_gone(uint8_t hello[LINK_FRAME_HELLO])
{
	link_frame_hello(nobody, hello);
}

enum err
link_frame_parse_hello(struct slice in, const uint8_t cluster[LINK_FRAME_CLUSTER])
{
	size_t n = in.n < MAGIC ? in.n : MAGIC;

	if (n && memcmp(in.p, magic, n))
		return ERR_SYNTAX;
	if (in.n < LINK_FRAME_HELLO)
		return ERR_MORE;
	if (big_endian_get_u32(in.p + VERSION_AT) != LINK_FRAME_VERSION)
		return ERR_VERSION;
	if (!memcmp(in.p + CLUSTER_AT, nobody, LINK_FRAME_CLUSTER))
		return ERR_DENIED;
	return memcmp(in.p + CLUSTER_AT, cluster, LINK_FRAME_CLUSTER) ? ERR_STALE : ERR_OK;
}
