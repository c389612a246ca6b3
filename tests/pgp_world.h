/* pgp_world: what the tests of OpenPGP's primitives have in common: armored samples, their
 * packets, and those of RFC 9580 appendix A. */
#ifndef TESTS_PGP_WORLD_H
#define TESTS_PGP_WORLD_H

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/buf.h"
#include "core/must.h"
#include "tests/test.h"

enum { PGP_WORLD_MAX = 1 << 20 };

/* Base64 in lines, without the lines around it. */
static inline void
pgp_world_decode(const char *base64, struct buf *out)
{
	size_t n = strlen(base64), kept = 0;
	uint8_t *text = must_alloc(n + 1);
	int got;

	for (size_t i = 0; i < n; i++)
		if (base64[i] != '\n')
			text[kept++] = (uint8_t)base64[i];
	assert_non_null(buf_room(out, kept));
	got = EVP_DecodeBlock(buf_room(out, kept), text, (int)kept);
	assert_true(got > 0);
	for (size_t i = kept; i > 0 && text[i - 1] == '='; i--)
		got--;
	buf_grow(out, (size_t)got);
	free(text);
}

static inline void
pgp_world_hex(const char *hex, uint8_t *out, size_t n)
{
	assert_int_equal(strlen(hex), 2 * n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(sscanf(hex + 2 * i, "%2hhx", &out[i]), 1);
}

/* tests/data/pgp: what GnuPG 2.2 made, "text" being what it signed and encrypted, and locked
 * keys of others. */
static inline void
pgp_world_file(const char *name, const char *suffix, struct buf *out)
{
	char path[128];
	FILE *f;
	size_t n;

	snprintf(path, sizeof path, "tests/data/pgp/%s%s", name, suffix);
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(buf_room(out, PGP_WORLD_MAX - 1), 1, PGP_WORLD_MAX - 1, f);
	buf_grow(out, n);
	fclose(f);
}

static inline void
pgp_world_put_mpi(struct slice number, struct buf *out)
{
	size_t bits;

	while (number.n && number.p[0] == 0)
		number = slice_from(number, 1);
	bits = number.n * 8;
	if (number.n)
		bits -= (size_t)__builtin_clz(number.p[0]) - 24;
	buf_put_u8(out, (uint8_t)(bits >> 8));
	buf_put_u8(out, (uint8_t)bits);
	buf_put_slice(out, number);
}

/* Packets of definite length. False: the end. */
static inline bool
pgp_world_packet(struct slice *rest, uint8_t *tag, struct slice *body)
{
	const uint8_t *p = rest->p;
	size_t n, head;

	if (!rest->n)
		return false;
	assert_true(rest->n >= 2);
	if (p[0] & 0x40) {
		*tag = p[0] & 0x3f;
		head = p[1] < 192 ? 2 : p[1] < 224 ? 3 : 6;
		assert_true(rest->n >= head && (p[1] < 224 || p[1] == 255));
		n = head == 2	? p[1]
		    : head == 3 ? (size_t)((p[1] - 192) << 8) + p[2] + 192
				: (size_t)(p[2] << 24 | p[3] << 16 | p[4] << 8 | p[5]);
	} else {
		*tag = p[0] >> 2 & 0xf;
		assert_true((p[0] & 3) < 2);
		head = p[0] & 3 ? 3 : 2;
		n = head == 2 ? p[1] : (size_t)(p[1] << 8 | p[2]);
	}
	assert_true(rest->n >= head + n);
	*body = slice_cut(*rest, head, head + n);
	*rest = slice_from(*rest, head + n);
	return true;
}

/* The body of the first packet of that kind, skipping some. */
static inline struct slice
pgp_world_find(struct slice packets, uint8_t tag, size_t skip)
{
	struct slice body;
	uint8_t got;

	while (pgp_world_packet(&packets, &got, &body))
		if (got == tag && skip-- == 0)
			return body;
	fail();
	return SLICE_EMPTY;
}

/* --- RFC 9580 appendix A ------------------------------------------------------------------ */

/* A.1, A.2: version 4, EdDSA legacy; "OpenPGP", signed. */
#define PGP_WORLD_V4_KEY                                                                       \
	"xjMEU/NfCxYJKwYBBAHaRw8BAQdAPwmJlL3ZFu1AUxl5NOSofIBzOhKA1i+AEJku"                     \
	"Q+47JAY="
#define PGP_WORLD_V4_SIGNATURE                                                                 \
	"iF4EABYIAAYFAlX5X5UACgkQjP3hIZeWWpr2IgD/VvkMypjiECY3vZg/2xbBMd/S"                     \
	"ftgr9N3lYG4NdWrtM2YBANCcT6EVJ/A44PV/IgHYLy6iyQMyZfps60iehUuuYbQE"
/* A.4: version 6, Ed25519 and X25519. */
#define PGP_WORLD_V6_SECRET                                                                    \
	"xUsGY4d/4xsAAAAg+U2nu0jWCmHlZ3BqZYfQMxmZu52JGggkLq2EVD34laMAGXKB"                     \
	"exK+cH6NX1hs5hNhIB00TrJmosgv3mg1ditlsLfCsQYfGwoAAABCBYJjh3/jAwsJ"                     \
	"BwUVCg4IDAIWAAKbAwIeCSIhBssYbE8GCaaX5NUt+mxyKwwfHifBilZwj2Ul7Ce6"                     \
	"2azJBScJAgcCAAAAAK0oIBA+LX0ifsDm185Ecds2v8lwgyU2kCcUmKfvBXbAf6rh"                     \
	"RYWzuQOwEn7E/aLwIwRaLsdry0+VcallHhSu4RN6HWaEQsiPlR4zxP/TP7mhfVEe"                     \
	"7XWPxtnMUMtf15OyA51YBMdLBmOHf+MZAAAAIIaTJINn+eUBXbki+PSAld2nhJh/"                     \
	"LVmFsS+60WyvXkQ1AE1gCk95TUR3XFeibg/u/tVY6a//1q0NWC1X+yui3O24wpsG"                     \
	"GBsKAAAALAWCY4d/4wKbDCIhBssYbE8GCaaX5NUt+mxyKwwfHifBilZwj2Ul7Ce6"                     \
	"2azJAAAAAAQBIKbpGG2dWTX8j+VjFM21J0hqWlEg+bdiojWnKfA5AQpWUWtnNwDE"                     \
	"M0g12vYxoWM8Y81W+bHBw805I8kWVkXU6vFOi+HWvv/ira7ofJu16NnoUkhclkUr"                     \
	"k0mXubZvyl4GBg=="
/* A.5: the same, locked by Argon2 (2 GiB) and OCB. */
#define PGP_WORLD_V6_LOCKED                                                                    \
	"xYIGY4d/4xsAAAAg+U2nu0jWCmHlZ3BqZYfQMxmZu52JGggkLq2EVD34laP9JgkC"                     \
	"FARdb9ccngltHraRe25uHuyuAQQVtKipJ0+r5jL4dacGWSAheCWPpITYiyfyIOPS"                     \
	"3gIDyg8f7strd1OB4+LZsUhcIjOMpVHgmiY/IutJkulneoBYwrEGHxsKAAAAQgWC"                     \
	"Y4d/4wMLCQcFFQoOCAwCFgACmwMCHgkiIQbLGGxPBgmml+TVLfpscisMHx4nwYpW"                     \
	"cI9lJewnutmsyQUnCQIHAgAAAACtKCAQPi19In7A5tfORHHbNr/JcIMlNpAnFJin"                     \
	"7wV2wH+q4UWFs7kDsBJ+xP2i8CMEWi7Ha8tPlXGpZR4UruETeh1mhELIj5UeM8T/"                     \
	"0z+5oX1RHu11j8bZzFDLX9eTsgOdWATHggZjh3/jGQAAACCGkySDZ/nlAV25Ivj0"                     \
	"gJXdp4SYfy1ZhbEvutFsr15ENf0mCQIUBA5hhGgp2oaavg6mFUXcFMwBBBUuE8qf"                     \
	"9Ock+xwusd+GAglBr5LVyr/lup3xxQvHXFSjjA2haXfoN6xUGRdDEHI6+uevKjVR"                     \
	"v5oAxgu7eJpaXNjCmwYYGwoAAAAsBYJjh3/jApsMIiEGyxhsTwYJppfk1S36bHIr"                     \
	"DB8eJ8GKVnCPZSXsJ7rZrMkAAAAABAEgpukYbZ1ZNfyP5WMUzbUnSGpaUSD5t2Ki"                     \
	"Nacp8DkBClZRa2c3AMQzSDXa9jGhYzxjzVb5scHDzTkjyRZWRdTq8U6L4da+/+Kt"                     \
	"ruh8m7Xo2ehSSFyWRSuTSZe5tm/KXgYG"
#define PGP_WORLD_V6_PASSWORD "correct horse battery staple"
#define PGP_WORLD_V6_FINGERPRINT                                                               \
	"cb186c4f0609a697e4d52dfa6c722b0c1f1e27c18a56708f6525ec27bad9acc9"
#define PGP_WORLD_V6_SUBKEY "12c83f1e706f6308fe151a417743a1f033790e93e9978488d1db378da9930885"
/* A.8: to the subkey of A.4. A.9 to A.11: EAX, OCB, GCM, with "password". "Hello, world!" */
#define PGP_WORLD_TO_X25519                                                                    \
	"wV0GIQYSyD8ecG9jCP4VGkF3Q6HwM3kOk+mXhIjR2zeNqZMIhRmHzxjV8bU/gXzO"                     \
	"WgBM85PMiVi93AZfJfhK9QmxfdNnZBjeo1VDeVZheQHgaVf7yopqR6W1FT6NOrfS"                     \
	"aQIHAgZhZBZTW+CwcW1g4FKlbExAf56zaw76/prQoN+bAzxpohup69LA7JW/Vp0l"                     \
	"yZnuSj3hcFj0DfqLTGgr4/u717J+sPWbtQBfgMfG9AOIwwrUBqsFE9zW+f1zdlYo"                     \
	"bhF30A+IitsxxA=="
#define PGP_WORLD_EAX                                                                          \
	"w0AGHgcBCwMIpa5XnR/F2Cv/aSJPkZmTs1Bvo7WaanPP+MXvxfQcV/tU4cImgV14"                     \
	"KPX5LEVOtl6+AKtZhsaObnxV0mkCBwEGn/kOOzIZZPOkKRPI3MZhkyUBUifvt+rq"                     \
	"pJ8EwuZ0F11KPSJu1q/LnKmsEiwUcOEcY9TAqyQcapOK1Iv5mlqZuQu6gyXeYQR1"                     \
	"QCWKt5Wala0FHdqW6xVDHf719eIlXKeCYVRuM5o="
#define PGP_WORLD_OCB                                                                          \
	"wz8GHQcCCwMIVqKY0vXjZFP/z8xcEWZO2520JZDX3EawckG2EsOBLP/76gDyNHsl"                     \
	"ZBEj+IeuYNT9YU4IN9gZ02zSaQIHAgYgpmH3MfyaMDK1YjMmAn46XY21dI6+/wsM"                     \
	"WRDQns3WQf+f04VidYA1vEl1TOG/P/+n2tCjuBBPUTPPQqQQCoPu9MobSAGohGv0"                     \
	"K82nyM6dZeIS8wHLzZj9yt5pSod61CRzI/boVw=="
#define PGP_WORLD_GCM                                                                          \
	"wzwGGgcDCwMI6dOXhbIHAAj/tC58SD70iERXyzcmubPbn/d25fTZpAlS4kRymIUa"                     \
	"v/91Jt8t1VRBdXmneZ/SaQIHAwb8uUSQvLmLvcnRBsYJAmaUD3LontwhtVlrFXax"                     \
	"Ae0Pn/xvxtZbv9JNzQeQlm5tHoWjAFN4TLHYtqBpnvEhVaeyrWJYUxtXZR/Xd3kS"                     \
	"+pXjXZtAIW9ppMJI2yj/QzHxYykHOZ5v+Q=="
/* A.12: Argon2 (2 GiB) and AES-128, 192, 256, SEIPD version 1, with "password". */
#define PGP_WORLD_ARGON2_128                                                                   \
	"wycEBwScUvg8J/leUNU1RA7N/zE2AQQVnlL8rSLPP5VlQsunlO+ECxHSPgGYGKY+"                     \
	"YJz4u6F+DDlDBOr5NRQXt/KJIf4m4mOlKyC/uqLbpnLJZMnTq3o79GxBTdIdOzhH"                     \
	"XfA3pqV4mTzF"
#define PGP_WORLD_ARGON2_192                                                                   \
	"wy8ECAThTKxHFTRZGKli3KNH4UP4AQQVhzLJ2va3FG8/pmpIPd/H/mdoVS5VBLLw"                     \
	"F9I+AdJ1Sw56PRYiKZjCvHg+2bnq02s33AJJoyBexBI4QKATFRkyez2gldJldRys"                     \
	"LVg77Mwwfgl2n/d572WciAM="
#define PGP_WORLD_ARGON2_256                                                                   \
	"wzcECQS4eJUgIG/3mcaILEJFpmJ8AQQVnZ9l7KtagdClm9UaQ/Z6M/5roklSGpGu"                     \
	"623YmaXezGj80j4B+Ku1sgTdJo87X1Wrup7l0wJypZls21Uwd67m9koF60eefH/K"                     \
	"95D1usliXOEm8ayQJQmZrjf6K6v9PWwqMQ=="

#endif
