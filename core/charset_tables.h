/* charset_tables: what tools/charset_gen.c writes. A value is a code point of the
 * basic plane, 0 for no character; those of plane 2 are in the list that goes
 * with the table. */
#ifndef CORE_CHARSET_TABLES_H
#define CORE_CHARSET_TABLES_H

#include <stdint.h>

enum {
	CHARSET_TABLES_GBK_SIZE = 126 * 190,  /* lead 81-FE, trail 40-7E 80-FE */
	CHARSET_TABLES_BIG5_SIZE = 126 * 157, /* lead 81-FE, trail 40-7E A1-FE */
	CHARSET_TABLES_UHC_SIZE = 126 * 178,  /* lead 81-FE, trail 41-5A 61-7A 81-FE */
	CHARSET_TABLES_CP932_SIZE = 120 * 94, /* rows 1 to 120 */
	CHARSET_TABLES_JIS_SIZE = 94 * 94,
};

/* Sorted indexes of the entries that stand for U+20000 plus their value. */
struct charset_tables_plane2 {
	const uint16_t *index;
	uint16_t count;
};

/* Four octets of GB18030: linear numbers from `from` on are code points from `to` on. */
struct charset_tables_range {
	uint16_t from, to;
};

extern const uint16_t charset_tables_single[][128];
extern const uint16_t charset_tables_gbk[CHARSET_TABLES_GBK_SIZE];
extern const struct charset_tables_plane2 charset_tables_gbk_plane2;
extern const uint16_t charset_tables_big5[CHARSET_TABLES_BIG5_SIZE];
extern const uint16_t charset_tables_hkscs[CHARSET_TABLES_BIG5_SIZE];
extern const struct charset_tables_plane2 charset_tables_hkscs_plane2;
extern const uint16_t charset_tables_uhc[CHARSET_TABLES_UHC_SIZE];
extern const uint16_t charset_tables_cp932[CHARSET_TABLES_CP932_SIZE];
extern const uint16_t charset_tables_jis0208[CHARSET_TABLES_JIS_SIZE];
extern const uint16_t charset_tables_jis0212[CHARSET_TABLES_JIS_SIZE];
/* Ends with a range whose `to` is 0. */
extern const struct charset_tables_range charset_tables_gb4[];
extern const uint16_t charset_tables_gb4_count;

#endif
