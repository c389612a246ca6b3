#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/policy_file.h"

struct world {
	struct arena a;
	struct buf why;
	struct policy_file *f;
};

static void
open_world(struct world *w)
{
	arena_init(&w->a, 0);
	buf_init(&w->why, POLICY_WHY_MAX + 100);
	w->f = NULL;
}

static void
close_world(struct world *w)
{
	buf_fini(&w->why);
	arena_reset(&w->a);
}

static void
refused(const char *text, const char *because)
{
	struct world w;

	open_world(&w);
	assert_int_equal(
		policy_file_parse(slice_str(text), "p.ini", &w.a, &w.f, &w.why), ERR_CONFIG);
	if (slice_find_slice(buf_slice(&w.why), slice_str(because)) == w.why.n)
		fail_msg("%s: %.*s", text, SLICE_FMT(buf_slice(&w.why)));
	assert_null(w.f);
	close_world(&w);
}

static void
mode_is(const struct policy_file *f, const char *from, const char *to, int mode)
{
	static struct policy_decision d;
	struct arena a;

	arena_init(&a, 0);
	policy_file_decide(f, slice_str(from), slice_str(to), &a, &d);
	assert_int_equal(policy_decided(&d, POLICY_MODE)->value.number, mode);
	arena_reset(&a);
}

static void
a_file_decides_as_its_sections_say(void **state)
{
	static const char text[] = "\xef\xbb\xbf# the policy\r\n"
				   "; of a test\n"
				   "[cluster]\n mode = on-trigger\n"
				   "subject_trigger = \\[a ;b\\] # not a comment = here\n\n"
				   "[.partner.example]\nmode=must\n"
				   "[Partner.example]\nmode = never\nkeep = 2h\n"
				   "[ann@example.com]\nkeep =\nsign=never\n"
				   "[cluster]\nopaque = yes";
	struct policy_decision d;
	struct world w;

	(void)state;
	open_world(&w);
	assert_int_equal(
		policy_file_parse(slice_str(text), "p.ini", &w.a, &w.f, &w.why), ERR_OK);
	assert_int_equal(w.why.n, 0);
	assert_int_equal(w.f->n, 4);
	mode_is(w.f, "ann@example.com", "bob@elsewhere.example", 1);
	mode_is(w.f, "ann@example.com", "bob@partner.example", 0);
	mode_is(w.f, "ann@example.com", "bob@a.PARTNER.example", 3);
	mode_is(w.f, "", "", 1);
	policy_file_decide(
		w.f, SLICE_LIT("Ann@example.com"), SLICE_LIT("b@partner.example"), &w.a, &d);
	assert_slice(policy_decided(&d, POLICY_SUBJECT_TRIGGER)->value.pattern,
		"\\[a ;b\\] # not a comment = here");
	assert_int_equal(policy_decided(&d, POLICY_KEEP)->value.number, 2 * 3600);
	assert_int_equal(policy_decided(&d, POLICY_SIGN)->value.number, 0);
	assert_int_equal(policy_decided(&d, POLICY_OPAQUE)->value.number, 1);
	close_world(&w);
}

static void
a_mistake_is_said_with_its_line(void **state)
{
	(void)state;
	refused("mode = must\n", "p.ini:1: expected a section first");
	refused("\n\n[exa mple]\n", "p.ini:3: `exa mple` is no level");
	refused("[cluster]\nmode\n", "p.ini:2: expected `[level]` or `name = value`");
	refused("[cluster\n", "p.ini:1: expected `[level]`");
	refused("[]", "it is empty");
	refused("[cluster]\r\nmodes = must\r\n", "p.ini:2: there is no setting `modes`");
	refused("[cluster]\nmode = mus\n", "p.ini:2: mode: `mus` won't do");
	refused("[cluster]\nsubject_trigger = (\n", "p.ini:2: subject_trigger: at its octet");
}

static void
as_many_levels_as_there_is_room_for(void **state)
{
	struct world w;
	struct buf text;

	(void)state;
	buf_init(&text, 1 << 20);
	for (int i = 0; i < POLICY_FILE_LEVELS_MAX; i++)
		buf_printf(&text, "[d%d.example]\n", i);
	open_world(&w);
	assert_int_equal(
		policy_file_parse(buf_slice(&text), "p.ini", &w.a, &w.f, &w.why), ERR_OK);
	close_world(&w);
	buf_put_str(&text, "[one.more]\n");
	buf_put_u8(&text, '\0');
	refused((const char *)text.p, "p.ini:1001: there are 1000 sections already");
	buf_fini(&text);
}

static void
a_file_is_read_whole_or_not_at_all(void **state)
{
	char path[] = "/tmp/policy_file_test.XXXXXX";
	struct world w;
	FILE *out;

	(void)state;
	out = fdopen(mkstemp(path), "w");
	assert_non_null(out);
	fputs("[cluster]\nmode = must\n#", out);
	for (int i = 0; i < POLICY_FILE_SIZE_MAX - 23; i++)
		putc('x', out);
	fflush(out);
	open_world(&w);
	assert_int_equal(policy_file_load(path, &w.a, &w.f, &w.why), ERR_OK);
	mode_is(w.f, "", "", 3);
	putc('x', out);
	fclose(out);
	assert_int_equal(policy_file_load(path, &w.a, &w.f, &w.why), ERR_CONFIG);
	assert_true(slice_find_slice(buf_slice(&w.why), SLICE_LIT("at most")) < w.why.n);
	unlink(path);
	buf_clear(&w.why);
	assert_int_equal(policy_file_load(path, &w.a, &w.f, &w.why), ERR_CONFIG);
	assert_true(slice_find_slice(buf_slice(&w.why), SLICE_LIT("No such file")) < w.why.n);
	close_world(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_decides_as_its_sections_say),
		cmocka_unit_test(a_mistake_is_said_with_its_line),
		cmocka_unit_test(as_many_levels_as_there_is_room_for),
		cmocka_unit_test(a_file_is_read_whole_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
