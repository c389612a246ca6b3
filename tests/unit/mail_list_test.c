#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/buf.h"
#include "core/mail_list.h"

/* "name|route|local|domain" for each, groups as "name:" and ";". */
static void
show(struct slice body, size_t max, struct buf *out)
{
	struct arena arena;
	struct mail_list list;

	buf_clear(out);
	arena_init(&arena, 0);
	mail_list_parse(body, &arena, max, &list);
	for (size_t i = 0; i < list.count; i++) {
		const struct mail_list_item *m = &list.items[i];

		if (i)
			buf_put_u8(out, ' ');
		if (m->kind == MAIL_LIST_GROUP)
			buf_printf(out, "%.*s:", SLICE_FMT(m->name));
		else if (m->kind == MAIL_LIST_GROUP_END)
			buf_put_u8(out, ';');
		else
			buf_printf(out, "%.*s|%.*s|%.*s|%.*s", SLICE_FMT(m->name),
				SLICE_FMT(m->route), SLICE_FMT(m->local), SLICE_FMT(m->domain));
	}
	if (list.is_cut)
		buf_put_str(out, " cut");
	arena_reset(&arena);
}

static void
lists_of_every_shape_are_read(void **state)
{
	static const char *const pairs[][2] = {
		{"a@b", "||a|b"},
		{" Ann Lee <a@b> , c@d", "Ann Lee||a|b ||c|d"},
		{"\"Lee, Ann \\\"x\\\"\" <a@b>", "Lee, Ann \"x\"||a|b"},
		{"a@b (Ann \\) (Lee))", "Ann ) (Lee)||a|b"},
		{"(c1) a (c2) @ (c3) b (c4)", "c4||a|b"},
		{"Ann <a@b> (not this)", "Ann||a|b"},
		{"Undisclosed recipients:;", "Undisclosed recipients: ;"},
		{"G: a@b, C <c@d>; e@f", "G: ||a|b C||c|d ; ||e|f"},
		{"G: a@b, H: c@d", "G: ||a|b ; H: ||c|d ;"},
		{"<@x,@y:a@b>", "|@x,@y|a|b"},
		{"\"a b\"@c", "||a b|c"},
		{"a . b @ c . d", "||a.b|c.d"},
		{"a@[1.2.3.4]", "||a|[1.2.3.4]"},
		{"=?utf-8?Q?=C3=A9,?= <a@b>", "||=?utf-8?Q?=C3=A9| ?=||a|b"},
		{"=?utf-8?Q?=C3=A9?=\r\n =?utf-8?Q?x?= <a@b>",
			"=?utf-8?Q?=C3=A9?= =?utf-8?Q?x?=||a|b"},
		{"[List] Dr. X <a@b>", "[List] Dr. X||a|b"},
		{",,, a@b ,, ;; c@d,", "||a|b ||c|d"},
		{"root", "||root|"},
		{"<>", "|||"},
		{"Ann <a@b, c@d", "Ann||a|b ||c|d"},
		{"a@b c@d, e@f", "||a|b ||e|f"},
		{"Ann B a.c@b>, c@d", "Ann B||a.c|b ||c|d"},
		{"\"Lee, Ann\" a@b", "Lee, Ann||a|b"},
		{"nobody at all", "nobody at all|||"},
		{"\"open", "||open|"},
		{"a@b (open", "open||a|b"},
		{"(open", ""},
		{"a@", "||a|"},
		{"@b", "|||b"},
		{"", ""},
	};
	struct buf out;

	(void)state;
	buf_init(&out, 10000);
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		show(slice_str(pairs[i][0]), 100, &out);
		if (!slice_eq(buf_slice(&out), slice_str(pairs[i][1])))
			printf("%s\n  got  %.*s\n  want %s\n", pairs[i][0], (int)out.n,
				(char *)out.p, pairs[i][1]);
	}
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		show(slice_str(pairs[i][0]), 100, &out);
		assert_true(slice_eq(buf_slice(&out), slice_str(pairs[i][1])));
	}
	buf_fini(&out);
}

static void
the_number_of_items_is_capped(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 10000);
	show(SLICE_LIT("a@b, c@d, e@f"), 2, &out);
	assert_slice(buf_slice(&out), "||a|b ||c|d cut");
	show(SLICE_LIT("g: a@b, c@d"), 2, &out);
	assert_slice(buf_slice(&out), "g: ||a|b ; cut");
	show(SLICE_LIT("g: h: i: j:"), 3, &out);
	assert_slice(buf_slice(&out), "g: ; h: ; cut");
	show(SLICE_LIT("a@b, c@d"), 2, &out);
	assert_slice(buf_slice(&out), "||a|b ||c|d");
	buf_fini(&out);
}

static void
hostile_fields_cost_linear_time(void **state)
{
	static const char *const bits[] = {
		",", "<", "(", "\"", "@", ":", ";", "a,", "<a,", "a:b,", "a@[", "\\", ". "};
	const size_t size = 1000000;
	char *text = malloc(size);
	struct arena arena;
	struct mail_list list;
	clock_t start = clock();

	(void)state;
	for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
		for (size_t k = 0; k < size; k++)
			text[k] = bits[i][k % strlen(bits[i])];
		arena_init(&arena, 0);
		mail_list_parse(slice_of(text, size), &arena, MAIL_LIST_MAX, &list);
		assert_true(list.count <= MAIL_LIST_MAX + 1);
		assert_true(arena.used_bytes < 4 * size);
		arena_reset(&arena);
	}
	free(text);
	assert_true(clock() - start < 20 * CLOCKS_PER_SEC);
}

static void
every_truncation_is_survived(void **state)
{
	const char text[] = "G (x): \"a\\\"\" <@r,@s:\"l\\o\"@[d]> (y\\)), b . c @ d . e;";
	struct buf out;

	(void)state;
	buf_init(&out, 10000);
	for (size_t n = 0; n < sizeof text; n++) {
		uint8_t *exact = malloc(n ? n : 1);

		memcpy(exact, text, n);
		show(slice_of(exact, n), 100, &out);
		free(exact);
	}
	assert_true(out.n > 0);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_of_every_shape_are_read),
		cmocka_unit_test(the_number_of_items_is_capped),
		cmocka_unit_test(hostile_fields_cost_linear_time),
		cmocka_unit_test(every_truncation_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
