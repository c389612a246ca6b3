/* charset_gen: writes core/charset_tables.c from this machine's iconv. Runs at
 * build time only. usage: charset_gen >charset_tables.c */
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/charset_list.h"
#include "core/charset_tables.h"

static uint16_t plane2[CHARSET_TABLES_BIG5_SIZE];
static unsigned plane2_count;

static iconv_t
host(const char *name)
{
	iconv_t cd = iconv_open("UCS-4LE", name);

	if (cd == (iconv_t)-1) {
		fprintf(stderr, "charset_gen: this machine's iconv doesn't know %s\n", name);
		exit(1);
	}
	return cd;
}

/* The one character that the octets stand for, or 0. */
static uint32_t
decode(iconv_t cd, const uint8_t *octets, size_t n)
{
	char *in = (char *)octets;
	uint32_t to[4] = {0};
	char *out = (char *)to;
	size_t room = sizeof to;

	iconv(cd, NULL, NULL, NULL, NULL);
	if (iconv(cd, &in, &n, &out, &room) == (size_t)-1 || n)
		return 0;
	/* Some hold a character back in case that a combining one follows. */
	iconv(cd, NULL, NULL, &out, &room);
	return room == sizeof to - 4 ? to[0] : 0;
}

static void
put(uint32_t code_point, unsigned index)
{
	if (code_point > 0xffff && (code_point < 0x20000 || code_point > 0x2ffff)) {
		fprintf(stderr, "charset_gen: U+%X is in no expected plane\n", code_point);
		exit(1);
	}
	if (code_point > 0xffff)
		plane2[plane2_count++] = (uint16_t)index;
	printf("%u,%s", code_point & 0xffff, index % 16 == 15 ? "\n" : "");
}

static void
put_plane2(const char *name)
{
	printf("static const uint16_t %s_index[] = {", name);
	for (unsigned i = 0; i < plane2_count; i++)
		printf("%u,", plane2[i]);
	printf("0};\nconst struct charset_tables_plane2 charset_tables_%s_plane2 = {%s_index, "
	       "%u};\n",
		name, name, plane2_count);
	plane2_count = 0;
}

static void
single(const char *name)
{
	iconv_t cd = host(name);
	uint8_t octet;

	for (unsigned i = 0; i < 128; i++) {
		octet = (uint8_t)i;
		if (i && decode(cd, &octet, 1) != i) {
			fprintf(stderr, "charset_gen: %s isn't ASCII below 128\n", name);
			exit(1);
		}
	}
	printf("{");
	for (unsigned i = 0; i < 128; i++) {
		octet = (uint8_t)(i + 128);
		printf("%u,", decode(cd, &octet, 1) & 0xffff);
	}
	printf("},\n");
	iconv_close(cd);
}

static int
is_trail_gbk(unsigned t)
{
	return (t >= 0x40 && t <= 0x7e) || (t >= 0x80 && t <= 0xfe);
}

static int
is_trail_big5(unsigned t)
{
	return (t >= 0x40 && t <= 0x7e) || (t >= 0xa1 && t <= 0xfe);
}

static int
is_trail_uhc(unsigned t)
{
	return (t >= 0x41 && t <= 0x5a) || (t >= 0x61 && t <= 0x7a) || (t >= 0x81 && t <= 0xfe);
}

static int
is_trail_cp932(unsigned t)
{
	return (t >= 0x40 && t <= 0x7e) || (t >= 0x80 && t <= 0xfc);
}

static int
is_lead_cp932(unsigned lead)
{
	return (lead >= 0x81 && lead <= 0x9f) || (lead >= 0xe0 && lead <= 0xfc);
}

static int
is_lead(unsigned lead)
{
	return lead >= 0x81 && lead <= 0xfe;
}

static void
two_octets(const char *name, const char *from, int (*is_first)(unsigned),
	int (*is_trail)(unsigned))
{
	iconv_t cd = host(from);
	unsigned index = 0;

	printf("const uint16_t charset_tables_%s[] = {\n", name);
	for (unsigned lead = 0x81; lead <= 0xfe; lead++) {
		for (unsigned trail = 0x40; is_first(lead) && trail <= 0xfe; trail++) {
			const uint8_t octets[2] = {(uint8_t)lead, (uint8_t)trail};

			if (is_trail(trail))
				put(decode(cd, octets, 2), index++);
		}
	}
	printf("};\n");
	iconv_close(cd);
}

/* Rows and cells of EUC-JP, behind the octet 8F for JIS X 0212. */
static void
jis(const char *name, int is_0212)
{
	iconv_t cd = host("EUC-JP");
	uint8_t octets[3] = {0x8f, 0, 0};
	unsigned index = 0;

	printf("const uint16_t charset_tables_%s[] = {\n", name);
	for (unsigned row = 0xa1; row <= 0xfe; row++) {
		for (unsigned cell = 0xa1; cell <= 0xfe; cell++) {
			octets[1] = (uint8_t)row;
			octets[2] = (uint8_t)cell;
			put(decode(cd, octets + !is_0212, is_0212 ? 3 : 2), index++);
		}
	}
	printf("};\n");
	iconv_close(cd);
}

static uint32_t
gb4(iconv_t cd, unsigned linear)
{
	const uint8_t octets[4] = {(uint8_t)(0x81 + linear / 12600),
		(uint8_t)(0x30 + linear / 1260 % 10), (uint8_t)(0x81 + linear / 10 % 126),
		(uint8_t)(0x30 + linear % 10)};

	return decode(cd, octets, 4);
}

static void
gb18030_ranges(void)
{
	iconv_t cd = host("GB18030");
	uint32_t before = 0, now;
	unsigned count = 0;

	printf("const struct charset_tables_range charset_tables_gb4[] = {\n");
	for (unsigned linear = 0; linear < 39420; linear++) {
		now = gb4(cd, linear);
		if (linear == 0 || (now ? now != before + 1 : before != 0)) {
			printf("{%u,%u},", linear, now & 0xffff);
			count++;
		}
		before = now;
	}
	printf("{39420,0}};\nconst uint16_t charset_tables_gb4_count = %u;\n", count + 1);
	iconv_close(cd);
}

int
main(void)
{
	printf("#include \"core/charset_tables.h\"\n");
	printf("const uint16_t charset_tables_single[][128] = {\n");
#define X(constant, name, host_name) single(host_name);
	CHARSET_SINGLE(X)
#undef X
	printf("};\n");
	two_octets("gbk", "GB18030", is_lead, is_trail_gbk);
	put_plane2("gbk");
	two_octets("big5", "BIG5", is_lead, is_trail_big5);
	two_octets("hkscs", "BIG5-HKSCS", is_lead, is_trail_big5);
	put_plane2("hkscs");
	two_octets("uhc", "CP949", is_lead, is_trail_uhc);
	two_octets("cp932", "CP932", is_lead_cp932, is_trail_cp932);
	jis("jis0208", 0);
	jis("jis0212", 1);
	gb18030_ranges();
	return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
