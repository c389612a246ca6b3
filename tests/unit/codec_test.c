#include "tests/test.h"

#include <stdlib.h>

#include "core/codec.h"
#include "core/ipc.pb-c.h"

static struct slice
packed(struct arena *a)
{
	Ipc__KeydSecret m = IPC__KEYD_SECRET__INIT;

	m.secret = codec_bytes(SLICE_LIT("octets"));
	return codec_pack(&m, a);
}

static void
what_is_packed_is_unpacked_and_keeps_nothing_of_the_octets(void **state)
{
	struct arena from, to;
	Ipc__KeydSecret *m;
	struct slice raw;

	(void)state;
	arena_init(&from, 0);
	arena_init(&to, 0);
	raw = packed(&from);
	m = codec_unpack(&ipc__keyd_secret__descriptor, raw, &to);
	memset((void *)(uintptr_t)raw.p, 0xff, raw.n);
	arena_reset(&from);
	assert_non_null(m);
	assert_slice(codec_slice(m->secret), "octets");
	arena_reset(&to);
}

static void
a_message_of_nothing_is_no_octets(void **state)
{
	const Ipc__KeydSecret nothing = IPC__KEYD_SECRET__INIT;
	struct arena a;
	Ipc__KeydSecret *m;

	(void)state;
	arena_init(&a, 0);
	assert_int_equal(codec_pack(&nothing, &a).n, 0);
	m = codec_unpack(&ipc__keyd_secret__descriptor, SLICE_EMPTY, &a);
	assert_non_null(m);
	assert_int_equal(codec_slice(m->secret).n, 0);
	arena_reset(&a);
}

static void
a_message_cut_short_is_malformed_at_every_length(void **state)
{
	struct arena a;
	struct slice raw;

	(void)state;
	arena_init(&a, 0);
	raw = packed(&a);
	for (size_t n = 1; n < raw.n; n++)
		assert_null(
			codec_unpack(&ipc__keyd_secret__descriptor, slice_cut(raw, 0, n), &a));
	arena_reset(&a);
}

/* Field 15 as octets, unknown to the message: well-formed at any length. */
static void
a_message_longer_than_the_cap_is_refused(void **state)
{
	uint8_t *raw = calloc(1, CODEC_MAX + 1);
	uint32_t n = CODEC_MAX - 5;
	struct arena a;

	(void)state;
	assert_non_null(raw);
	arena_init(&a, 0);
	raw[0] = 15 << 3 | 2;
	for (int i = 1; i < 5; i++, n >>= 7)
		raw[i] = (uint8_t)(n | 0x80);
	raw[4] &= 0x7f;
	assert_non_null(
		codec_unpack(&ipc__keyd_secret__descriptor, slice_of(raw, CODEC_MAX), &a));
	raw[1]++;
	assert_null(
		codec_unpack(&ipc__keyd_secret__descriptor, slice_of(raw, CODEC_MAX + 1), &a));
	arena_reset(&a);
	free(raw);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_packed_is_unpacked_and_keeps_nothing_of_the_octets),
		cmocka_unit_test(a_message_of_nothing_is_no_octets),
		cmocka_unit_test(a_message_cut_short_is_malformed_at_every_length),
		cmocka_unit_test(a_message_longer_than_the_cap_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
