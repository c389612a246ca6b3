/* Every command of a released version still does what it did: the recorded ones come to the
 * recorded digests (tests/tools/golden_record.c). */
#include "tests/golden.h"

#include <glob.h>

#include "tests/store_world.h"

static bool seen[1000];

static void
replay(FILE *f)
{
	struct golden g;
	char dir[] = "/tmp/golden_test.XXXXXX", command[64];
	char *line = NULL;
	size_t room = 0;
	int at;

	assert_non_null(mkdtemp(dir));
	golden_open(&g, dir);
	while (getline(&line, &room, f) > 0) {
		Commands__Command *c;
		uint8_t *packed, *digest;
		size_t n, digest_n;

		assert_int_equal(
			sscanf(line,
				"%" SCNu64 " %" SCNu64 " %" SCNu64 " %u %" SCNu64 " %" SCNu64
				" %n",
				&g.index, &g.term, &g.time_sec, &g.node, &g.boot, &g.body, &at),
			6);
		packed = golden_read_hex(&g.a, line + at, &n);
		digest = golden_read_hex(&g.a, line + at + 2 * n + 1, &digest_n);
		assert_int_equal(digest_n, GOLDEN_DIGEST);
		c = codec_unpack(&commands__command__descriptor, slice_of(packed, n), &g.a);
		assert_non_null(c);
		seen[c->body_case] = true;
		golden_apply(&g, c);
		if (memcmp(g.digest, digest, GOLDEN_DIGEST) != 0)
			fail_msg("entry %" PRIu64
				 ", a command of type %d, has another effect than "
				 "when it was released",
				g.index, (int)c->body_case);
	}
	free(line);
	golden_close(&g);
	snprintf(command, sizeof command, "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

static void
recorded_commands_come_to_the_recorded_digests(void **state)
{
	glob_t found;

	(void)state;
	assert_int_equal(glob("tests/data/golden/v*.log", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		FILE *f = fopen(found.gl_pathv[i], "r");

		assert_non_null(f);
		replay(f);
		fclose(f);
	}
	globfree(&found);
}

static void
every_command_is_among_them(void **state)
{
	const ProtobufCMessageDescriptor *d = &commands__command__descriptor;

	(void)state;
	for (unsigned i = 0; i < d->n_fields; i++)
		if (d->fields[i].id >= COMMANDS__COMMAND__BODY_BOOT_NODE &&
			!seen[d->fields[i].id])
			fail_msg("no %s is recorded: see tests/tools/golden_record.c",
				d->fields[i].name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recorded_commands_come_to_the_recorded_digests),
		cmocka_unit_test(every_command_is_among_them),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
