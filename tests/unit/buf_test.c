#include "tests/test.h"

#include "core/buf.h"

static void
an_append_past_the_cap_changes_nothing_and_is_remembered(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4);
	assert_true(buf_put_str(&b, "abcd"));
	assert_false(buf_put_str(&b, "e"));
	assert_slice(buf_slice(&b), "abcd");
	assert_true(b.overflow);
	assert_false(buf_put(&b, NULL, 0));
	buf_clear(&b);
	assert_true(buf_put_dec(&b, 1234));
	assert_slice(buf_slice(&b), "1234");
	buf_fini(&b);
}

#ifdef __SANITIZE_ADDRESS__
/* As sanitizer/allocator_interface.h has it, which gcc doesn't bring along. */
int __sanitizer_install_malloc_and_free_hooks(
	void (*malloc_hook)(const volatile void *, size_t),
	void (*free_hook)(const volatile void *));

static const volatile void *left;
static bool was_wiped;

static void
on_malloc(const volatile void *p, size_t n)
{
	(void)p;
	(void)n;
}

static void
on_free(const volatile void *p)
{
	if (p == left)
		was_wiped = *(const volatile uint8_t *)p == 0;
}

static void
a_secret_that_grows_leaves_nothing_behind(void **state)
{
	struct buf b;

	(void)state;
	__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
	for (int is_secret = 0; is_secret < 2; is_secret++) {
		(is_secret ? buf_init_secret : buf_init)(&b, 100000);
		buf_put_str(&b, "secret");
		left = b.p;
		assert_non_null(buf_room(&b, 50000));
		assert_ptr_not_equal(b.p, left);
		assert_int_equal(was_wiped, is_secret);
		assert_slice(buf_slice(&b), "secret");
		left = b.p;
		buf_fini_secret(&b);
		assert_true(was_wiped);
		/* And as it was. */
		assert_int_equal(b.is_secret, is_secret);
	}
	left = NULL;
}
#endif

static void
dropping_at_the_front_keeps_the_rest(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_true(buf_printf(&b, "%s-%d", "abc", 7));
	buf_drop(&b, 2);
	assert_slice(buf_slice(&b), "c-7");
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_append_past_the_cap_changes_nothing_and_is_remembered),
#ifdef __SANITIZE_ADDRESS__
		cmocka_unit_test(a_secret_that_grows_leaves_nothing_behind),
#endif
		cmocka_unit_test(dropping_at_the_front_keeps_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
