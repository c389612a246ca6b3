#include "crypto/text_sealed.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/test.h"

static uint8_t
octet(uint64_t at)
{
	return (uint8_t)(at * 31 + at / SEAL_PART_PLAIN);
}

/* Writes n octets in pieces of `piece`. */
static enum err
make(struct text_room *room, uint64_t n, size_t piece, struct text *text)
{
	uint8_t *p = malloc(piece);
	struct text_sink sink;
	enum err e = room->open(room->arg, &sink);

	for (uint64_t at = 0; at < n && !e;) {
		size_t some = n - at < piece ? (size_t)(n - at) : piece;

		for (size_t i = 0; i < some; i++)
			p[i] = octet(at + i);
		e = sink.put(sink.arg, slice_of(p, some));
		at += some;
	}
	free(p);
	return e ? e : room->close(room->arg, text);
}

static void
assert_is(const struct text *t, uint64_t n)
{
	static uint8_t p[70000];

	assert_int_equal(t->size, n);
	for (uint64_t at = 0; at < n;) {
		size_t some = n - at < sizeof p ? (size_t)(n - at) : sizeof p;

		assert_int_equal(t->read(t->arg, at, p, some), ERR_OK);
		for (size_t i = 0; i < some; i++)
			if (p[i] != octet(at + i))
				fail_msg("octet %llu", (unsigned long long)(at + i));
		at += some;
	}
}

static const uint64_t sizes[] = {0, 1, SEAL_PART_PLAIN - 1, SEAL_PART_PLAIN,
	SEAL_PART_PLAIN + 1, 2 * SEAL_PART_PLAIN, 2 * SEAL_PART_PLAIN + 77, 300000};

static void
what_was_written_is_read_and_lies_sealed(void **state)
{
	struct text_sealed_room *r = text_sealed_room_new(100 << 20);
	struct text_room room = text_sealed_room(r);
	struct text_sealed_octets o;
	struct text text, copy;
	struct text_sealed *again;

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		assert_int_equal(make(&room, sizes[i], 1000 + i * 30000, &text), ERR_OK);
		assert_is(&text, sizes[i]);
		assert_true(text_sealed_room_find(r, &text, &o));
		assert_int_equal(o.size, sizes[i]);
		assert_int_equal(o.fd >= 0, sizes[i] > SEAL_PART_PLAIN);
		if (o.fd >= 0)
			assert_int_equal(lseek(o.fd, 0, SEEK_END), o.sealed_size);
		else
			assert_int_equal(o.sealed.n, o.sealed_size);
		again = text_sealed_new(&o);
		copy = text_sealed_text(again);
		assert_is(&copy, sizes[i]);
		text_sealed_free(again);
	}
	text_sealed_room_free(r);
}

static void
what_is_made_can_t_be_changed(void **state)
{
	struct text_sealed_room *r = text_sealed_room_new(100 << 20);
	struct text_room room = text_sealed_room(r);
	struct text_sealed_octets o;
	struct text text;

	(void)state;
	assert_int_equal(make(&room, 200000, 5000, &text), ERR_OK);
	assert_true(text_sealed_room_find(r, &text, &o));
	assert_int_equal(pwrite(o.fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(o.fd, 5), -1);
	assert_int_equal(ftruncate(o.fd, 5000000), -1);
	text_sealed_room_free(r);
}

static void
each_text_has_its_own_key_and_several_may_be_open(void **state)
{
	struct text_sealed_room *r = text_sealed_room_new(100 << 20);
	struct text_room room = text_sealed_room(r);
	struct text_sealed_octets a, b;
	struct text_sink outer, inner;
	struct text text[2], other;
	struct slice none = SLICE_LIT("x");

	(void)state;
	assert_int_equal(room.open(room.arg, &outer), ERR_OK);
	assert_int_equal(room.open(room.arg, &inner), ERR_OK);
	assert_int_equal(outer.put(outer.arg, SLICE_LIT("outer")), ERR_OK);
	assert_int_equal(inner.put(inner.arg, SLICE_LIT("in")), ERR_OK);
	assert_int_equal(room.close(room.arg, &text[0]), ERR_OK);
	assert_int_equal(outer.put(outer.arg, SLICE_LIT(" text")), ERR_OK);
	assert_int_equal(room.close(room.arg, &text[1]), ERR_OK);
	assert_int_equal(text[0].size, 2);
	assert_int_equal(text[1].size, 10);
	assert_true(text_sealed_room_find(r, &text[0], &a));
	assert_true(text_sealed_room_find(r, &text[1], &b));
	assert_memory_not_equal(a.key.b, b.key.b, sizeof a.key.b);
	other = text_of(&none);
	assert_false(text_sealed_room_find(r, &other, &a));
	text_sealed_room_free(r);
}

static void
a_room_that_is_full_says_so(void **state)
{
	uint64_t need[] = {SEAL_TAG + 5, 3 * SEAL_PART_PLAIN + 3 * SEAL_TAG};
	uint64_t n[] = {5, 3 * SEAL_PART_PLAIN};
	struct text_sealed_room *r;
	struct text_room room;
	struct text text;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		for (uint64_t less = 0; less < 2; less++) {
			r = text_sealed_room_new(need[i] - less);
			room = text_sealed_room(r);
			assert_int_equal(
				make(&room, n[i], 5000, &text), less ? ERR_FULL : ERR_OK);
			text_sealed_room_free(r);
		}
}

static void
sizes_that_no_text_has_are_refused(void **state)
{
	static const struct {
		uint64_t sealed, plain;
		bool ok;
	} given[] = {{0, 0, false}, {1, 0, false}, {SEAL_TAG - 1, 0, false},
		{SEAL_TAG, 0, true}, {SEAL_TAG + 1, 1, true},
		{SEAL_PART, SEAL_PART_PLAIN, true}, {SEAL_PART + 1, 0, false},
		{SEAL_PART + SEAL_TAG - 1, 0, false},
		{SEAL_PART + SEAL_TAG, SEAL_PART_PLAIN, true},
		{UINT64_C(1000) * SEAL_PART + 20, UINT64_C(1000) * SEAL_PART_PLAIN + 4, true},
		{UINT64_MAX - UINT64_MAX % SEAL_PART + 3, 0, false}};
	uint64_t size;

	(void)state;
	for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
		struct text_sealed_octets o = {.sealed_size = given[i].sealed, .fd = 99};
		struct text_sealed *t = text_sealed_new(&o);

		assert_int_equal(text_sealed_size(given[i].sealed, &size), given[i].ok);
		assert_int_equal(t != NULL, given[i].ok);
		if (given[i].ok)
			assert_int_equal(size, given[i].plain);
		text_sealed_free(t);
	}
}

/* A copy of what lies behind a text, in a file that may be harmed. */
static int
copy_of(const struct text_sealed_octets *o)
{
	char name[] = "/tmp/text_sealed.XXXXXX";
	int fd = mkstemp(name);
	uint8_t *p = malloc(o->sealed_size);

	unlink(name);
	assert_int_equal(pread(o->fd, p, o->sealed_size, 0), o->sealed_size);
	assert_int_equal(pwrite(fd, p, o->sealed_size, 0), o->sealed_size);
	free(p);
	return fd;
}

static void
what_is_damaged_isn_t_read(void **state)
{
	struct text_sealed_room *r = text_sealed_room_new(100 << 20);
	struct text_room room = text_sealed_room(r);
	struct text_sealed_octets o;
	struct text_sealed *t;
	struct text text;
	uint8_t p[10];

	(void)state;
	assert_int_equal(make(&room, 3 * SEAL_PART_PLAIN + 50, 5000, &text), ERR_OK);
	assert_true(text_sealed_room_find(r, &text, &o));
	o.fd = copy_of(&o);
	assert_int_equal(pread(o.fd, p, 1, SEAL_PART + 7), 1);
	p[0] ^= 1;
	assert_int_equal(pwrite(o.fd, p, 1, SEAL_PART + 7), 1);
	t = text_sealed_new(&o);
	text = text_sealed_text(t);
	assert_int_equal(text.read(text.arg, 0, p, sizeof p), ERR_OK);
	assert_int_equal(text.read(text.arg, SEAL_PART_PLAIN - 5, p, 5), ERR_OK);
	assert_int_equal(text.read(text.arg, SEAL_PART_PLAIN - 5, p, 6), ERR_CORRUPT);
	assert_int_equal(text.read(text.arg, SEAL_PART_PLAIN + 90, p, 1), ERR_CORRUPT);
	assert_int_equal(text.read(text.arg, 2 * SEAL_PART_PLAIN, p, 1), ERR_OK);
	/* Cut short, behind our back. */
	assert_int_equal(ftruncate(o.fd, 3 * SEAL_PART + 20), 0);
	assert_int_equal(text.read(text.arg, 3 * SEAL_PART_PLAIN, p, 1), ERR_IO);
	text_sealed_free(t);
	/* A text that ends with the part before its last isn't that text. */
	o.sealed_size = 3 * SEAL_PART;
	t = text_sealed_new(&o);
	text = text_sealed_text(t);
	assert_int_equal(text.read(text.arg, 2 * SEAL_PART_PLAIN, p, 1), ERR_CORRUPT);
	text_sealed_free(t);
	o.key.b[0] ^= 1;
	t = text_sealed_new(&o);
	text = text_sealed_text(t);
	assert_int_equal(text.read(text.arg, 0, p, 1), ERR_CORRUPT);
	text_sealed_free(t);
	close(o.fd);
	text_sealed_room_free(r);
}

/* ASan has an allocator of its own. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t
allocated(void)
{
	return __sanitizer_get_current_allocated_bytes
		       ? __sanitizer_get_current_allocated_bytes()
		       : mallinfo2().uordblks;
}

static void
memory_doesn_t_grow_with_the_text(void **state)
{
	struct text_sealed_room *r = text_sealed_room_new(100 << 20);
	struct text_room room = text_sealed_room(r);
	size_t before = allocated();
	struct text text;

	(void)state;
	assert_int_equal(make(&room, 20 << 20, 60000, &text), ERR_OK);
	assert_true(before > 0 && allocated() < before + 4096);
	assert_is(&text, 20 << 20);
	text_sealed_room_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read_and_lies_sealed),
		cmocka_unit_test(what_is_made_can_t_be_changed),
		cmocka_unit_test(each_text_has_its_own_key_and_several_may_be_open),
		cmocka_unit_test(a_room_that_is_full_says_so),
		cmocka_unit_test(sizes_that_no_text_has_are_refused),
		cmocka_unit_test(what_is_damaged_isn_t_read),
		cmocka_unit_test(memory_doesn_t_grow_with_the_text),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
