#include "crypto/pgp_armor.h"

#include "core/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum { OUT_MAX = 1 << 22 };

/* Armor, at once and octet by octet alike; what came out, written, is read again. */
static enum err
read_in(struct slice all, size_t piece, struct pgp_unarmor *u, struct buf *out)
{
	enum err e = ERR_OK;

	pgp_unarmor_init(u, text_into(out));
	for (; e == ERR_OK && all.n; all = slice_from(all, piece))
		e = pgp_unarmor_feed(u, slice_cut(all, 0, piece));
	return e == ERR_OK ? pgp_unarmor_finish(u) : e;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice all = slice_of(p, n);
	struct pgp_unarmor u, v;
	struct buf one, other, armored;
	struct pgp_armor a;
	enum err e;

	buf_init(&one, OUT_MAX);
	buf_init(&other, OUT_MAX);
	buf_init(&armored, OUT_MAX);
	e = read_in(all, n ? n : 1, &u, &one);
	must(read_in(all, 1, &v, &other) == e);
	must(u.kind == v.kind && u.blocks == v.blocks && u.has_text == v.has_text);
	must(e != ERR_OK || slice_eq(buf_slice(&one), buf_slice(&other)));
	if (e == ERR_OK && u.kind != PGP_ARMOR_NONE) {
		pgp_armor_init(&a, u.kind, n % 2, text_into(&armored));
		must(pgp_armor_feed(&a, buf_slice(&one)) == ERR_OK);
		must(pgp_armor_finish(&a) == ERR_OK);
		buf_clear(&other);
		must(read_in(buf_slice(&armored), 777, &v, &other) == ERR_OK);
		must(v.kind == u.kind && slice_eq(buf_slice(&one), buf_slice(&other)));
	}
	buf_fini(&one);
	buf_fini(&other);
	buf_fini(&armored);
	return 0;
}
