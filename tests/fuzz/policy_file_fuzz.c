/* A policy file: taken or refused with one line of words; what was taken decides. */
#include "cmd/policy_file.h"
#include "core/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
look_at_level(const struct policy_level *level, struct arena *a)
{
	struct policy_value again;
	struct slice name;
	struct buf text, why;

	buf_init(&text, POLICY_VALUE_MAX);
	buf_init(&why, POLICY_WHY_MAX);
	/* Quotes of a local part are gone then. */
	must(slice_has(level->name, '@') ||
		(policy_parse_level(policy_level_text(level->name), a, &name, &why) &&
			slice_eq(name, level->name)));
	for (enum policy_name i = 0; i < POLICY_COUNT; i++) {
		if (!level->text[i].n)
			continue;
		buf_clear(&text);
		policy_format(i, &level->value[i], &text);
		must(!text.overflow && policy_parse(i, buf_slice(&text), &again, &why));
		must(again.number == level->value[i].number);
		must(slice_eq(again.pattern, level->value[i].pattern));
	}
	buf_fini(&text);
	buf_fini(&why);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct policy_decision d;
	Gateway__Settings settings;
	struct policy_file *f;
	struct arena a;
	struct buf why;

	arena_init(&a, 0);
	buf_init(&why, POLICY_WHY_MAX + 100);
	if (policy_file_parse(slice_of(p, n), "f", &a, &f, &why)) {
		must(why.n > 0 && !why.overflow && !slice_has(buf_slice(&why), '\n'));
	} else {
		must(why.n == 0);
		for (size_t i = 0; i < f->n; i++)
			look_at_level(&f->level[i], &a);
		policy_file_decide(f, f->n ? f->level[0].name : SLICE_EMPTY,
			SLICE_LIT("ann@example.com"), &a, &d);
		policy_resolve(&d, &a, &settings);
	}
	buf_fini(&why);
	arena_reset(&a);
	return 0;
}
