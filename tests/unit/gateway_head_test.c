#include "tests/test.h"

#include "crypto/gateway.h"
#include "crypto/gateway_head.h"

static struct arena arena;

static int
forget(void **state)
{
	(void)state;
	arena_reset(&arena);
	return 0;
}

static struct gateway_head
read_head(const char *mail)
{
	struct slice s = slice_str(mail);
	struct text t = text_of(&s);
	struct gateway_head h;

	assert_int_equal(gateway_head_read(&t, &arena, &h), ERR_OK);
	return h;
}

static struct slice
written(const struct gateway_head *h, enum gateway_head_part part)
{
	struct buf out;
	struct text_sink to = text_into(&out);
	struct slice s;

	buf_init(&out, 1 << 20);
	assert_int_equal(gateway_head_write(h, part, &to), ERR_OK);
	s = arena_dup(&arena, buf_slice(&out));
	buf_fini(&out);
	return s;
}

static const char sample[] = "From: a@b\r\n"
			     "Subject : folded\r\n line\r\n"
			     "no field here\r\n"
			     "CONTENT-TYPE: text/plain\r\n"
			     "Mime-Version:1.0\r\n"
			     "subject: second\n"
			     "\r\n"
			     "Body: not seen\r\n";

static void
what_is_not_touched_is_written_as_it_came(void **state)
{
	struct gateway_head h = read_head(sample);

	(void)state;
	assert_int_equal(h.body_at, sizeof sample - 1 - 16);
	assert_true(h.is_crlf);
	assert_true(h.is_odd);
	assert_false(h.is_changed);
	assert_true(slice_eq(
		written(&h, GATEWAY_HEAD_ALL), slice_of(sample, (size_t)h.body_at - 2)));
}

static void
fields_are_found_in_any_case_and_taken_out_for_good(void **state)
{
	struct gateway_head h = read_head(sample);
	size_t i = gateway_head_find(&h, SLICE_LIT("SUBJECT"), 0);

	(void)state;
	assert_int_equal(i, 1);
	assert_int_equal(gateway_head_find(&h, SLICE_LIT("Subject"), i + 1), 5);
	assert_int_equal(gateway_head_count(&h, SLICE_LIT("Subject")), 2);
	assert_int_equal(gateway_head_count(&h, SLICE_LIT("Body")), 0);
	gateway_head_drop(&h, i);
	assert_int_equal(gateway_head_count(&h, SLICE_LIT("Subject")), 1);
	gateway_head_drop_all(&h, SLICE_LIT("sub"));
	assert_int_equal(gateway_head_count(&h, SLICE_LIT("Subject")), 0);
	assert_true(h.is_changed);
	assert_slice(written(&h, GATEWAY_HEAD_ALL),
		"From: a@b\r\nno field here\r\nCONTENT-TYPE: "
		"text/plain\r\nMime-Version:1.0\r\n");
}

static void
fields_are_replaced_and_put_at_both_ends(void **state)
{
	struct gateway_head h = read_head("A: 1\nB: 2\n\nbody"), other;

	(void)state;
	gateway_head_copy(&h, &other);
	gateway_head_set(&h, 1, SLICE_LIT(" two"));
	gateway_head_put_first(&h, SLICE_LIT("X"), SLICE_LIT("first"));
	gateway_head_put_last(&h, SLICE_LIT("Y"), SLICE_LIT("last"));
	assert_slice(written(&h, GATEWAY_HEAD_ALL), "X: first\nA: 1\nB: two\nY: last\n");
	assert_slice(h.field[2].body, " two");
	assert_slice(written(&other, GATEWAY_HEAD_ALL), "A: 1\nB: 2\n");
	assert_false(other.is_changed);
}

static void
outer_fields_leave_out_mime_and_lines_that_are_no_field(void **state)
{
	struct gateway_head h = read_head(sample);

	(void)state;
	assert_slice(written(&h, GATEWAY_HEAD_OUTER),
		"From: a@b\r\nSubject : folded\r\n line\r\nsubject: second\n");
}

static void
inner_fields_are_content_fields_and_each_of_them_once(void **state)
{
	struct gateway_head h = read_head("From: forged@b\r\nContent-Type: text/html\r\n"
					  "Subject: forged\r\ncontent-type: text/plain\r\n"
					  "MIME-Version: 1.0\r\nContent-Language: de\r\n\r\n");

	(void)state;
	assert_slice(written(&h, GATEWAY_HEAD_INNER),
		"Content-Type: text/html\r\nContent-Language: de\r\n");
}

static void
of_inner_fields_only_so_many_are_taken(void **state)
{
	struct buf b;
	struct gateway_head h;
	struct slice out;
	size_t lines = 0;

	(void)state;
	buf_init(&b, 1 << 16);
	for (int i = 0; i < GATEWAY_HEAD_INNER_MAX + 1; i++)
		buf_printf(&b, "Content-X%d: y\r\n", i);
	buf_put(&b, "\r\n", 3);
	h = read_head((char *)b.p);
	out = written(&h, GATEWAY_HEAD_INNER);
	for (size_t i = 0; i < out.n; i++)
		lines += out.p[i] == '\n';
	assert_int_equal(lines, GATEWAY_HEAD_INNER_MAX);
	buf_fini(&b);
}

static void
a_header_without_its_end_is_all_there_is(void **state)
{
	struct gateway_head h = read_head("A: 1\r\nB: 2");

	(void)state;
	assert_int_equal(h.body_at, 10);
	gateway_head_put_last(&h, SLICE_LIT("C"), SLICE_LIT("3"));
	assert_slice(written(&h, GATEWAY_HEAD_ALL), "A: 1\r\nB: 2\r\nC: 3\r\n");
	h = read_head("");
	assert_int_equal(h.n, 0);
	assert_true(h.is_crlf);
	h = read_head("\r\nbody");
	assert_int_equal(h.body_at, 2);
	h = read_head("\nbody");
	assert_int_equal(h.body_at, 1);
}

static void
a_header_is_odd_where_others_may_see_another_one(void **state)
{
	(void)state;
	assert_false(read_head("A: 1\r\nB: 2\r\n x\r\n\r\nnobody: x\rY").is_odd);
	assert_false(read_head("A: 1\nB: 2\n\n").is_odd);
	assert_true(read_head("A: 1\r\nno field\r\n\r\n").is_odd);
	assert_true(read_head("A: 1\rB: 2\r\n\r\n").is_odd);
	assert_true(read_head("A: 1\r\r\n\r\n").is_odd);
}

static enum err
read_of_size(size_t size, const char *end)
{
	struct buf b;
	struct slice s;
	struct text t;
	struct gateway_head h;
	enum err e;

	buf_init(&b, size + 16);
	buf_put_str(&b, "A: ");
	while (b.n + strlen(end) < size)
		buf_put_u8(&b, 'x');
	buf_put_str(&b, end);
	buf_put_str(&b, "body");
	s = buf_slice(&b);
	t = text_of(&s);
	e = gateway_head_read(&t, &arena, &h);
	if (!e)
		assert_int_equal(h.body_at, size);
	buf_fini(&b);
	return e;
}

static void
a_header_has_a_greatest_size(void **state)
{
	(void)state;
	for (size_t size = 8180; size < 8200; size++)
		assert_int_equal(read_of_size(size, "\r\n\r\n"), ERR_OK);
	assert_int_equal(read_of_size(GATEWAY_HEADER_MAX, "\r\n\r\n"), ERR_OK);
	assert_int_equal(read_of_size(GATEWAY_HEADER_MAX, "\n\n"), ERR_OK);
	assert_int_equal(read_of_size(GATEWAY_HEADER_MAX + 1, "\r\n\r\n"), ERR_TOO_BIG);
	assert_int_equal(read_of_size(GATEWAY_HEADER_MAX + 1, "\n\n"), ERR_TOO_BIG);
}

static enum err
broken(void *arg, uint64_t at, uint8_t *p, size_t n)
{
	(void)arg, (void)at, (void)p, (void)n;
	return ERR_CORRUPT;
}

static enum err
full(void *arg, struct slice octets)
{
	(void)arg, (void)octets;
	return ERR_FULL;
}

static void
what_the_text_or_the_sink_says_comes_back(void **state)
{
	struct text t = {10, broken, NULL};
	struct text_sink to = {full, NULL};
	struct gateway_head h;

	(void)state;
	assert_int_equal(gateway_head_read(&t, &arena, &h), ERR_CORRUPT);
	h = read_head(sample);
	assert_int_equal(gateway_head_write(&h, GATEWAY_HEAD_ALL, &to), ERR_FULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(what_is_not_touched_is_written_as_it_came, forget),
		cmocka_unit_test_teardown(
			fields_are_found_in_any_case_and_taken_out_for_good, forget),
		cmocka_unit_test_teardown(fields_are_replaced_and_put_at_both_ends, forget),
		cmocka_unit_test_teardown(
			outer_fields_leave_out_mime_and_lines_that_are_no_field, forget),
		cmocka_unit_test_teardown(
			inner_fields_are_content_fields_and_each_of_them_once, forget),
		cmocka_unit_test_teardown(of_inner_fields_only_so_many_are_taken, forget),
		cmocka_unit_test_teardown(a_header_without_its_end_is_all_there_is, forget),
		cmocka_unit_test_teardown(
			a_header_is_odd_where_others_may_see_another_one, forget),
		cmocka_unit_test_teardown(a_header_has_a_greatest_size, forget),
		cmocka_unit_test_teardown(what_the_text_or_the_sink_says_comes_back, forget),
	};

	return cmocka_run_group_tests_name("gateway_head", tests, NULL, NULL);
}
