#include "tests/test.h"

#include "core/codec.h"
#include "store/trace_pack.h"

static struct arena a;

static ProtobufCBinaryData
text(const char *s)
{
	return codec_bytes(slice_str(s));
}

static void
assert_packed_alike(const Commands__Trace *t)
{
	struct slice intake = t->intake ? trace_pack_intake(t->intake, &a) : SLICE_EMPTY;
	struct slice ours = trace_pack(t, intake, &a), theirs = codec_pack(t, &a);

	assert_int_equal(ours.n, theirs.n);
	assert_memory_equal(ours.p, theirs.p, ours.n);
}

static void
fill(Commands__Trace *t, Commands__Intake *in, uint64_t number)
{
	t->address = text("u@example.org");
	t->hop = text("smtp:[192.0.2.1]:25");
	t->relay = "mx.out.test[192.0.2.5]:25";
	t->tls = "TLSv1.3";
	t->text = "2.0.0 250 Ok";
	t->count = t->uid = t->owner_node = (uint32_t)number;
	t->mailbox = text("Work");
	t->account = text("v@example.org");
	t->next_try_sec = t->report = t->size = number;
	t->expanded_by = COMMANDS__ADDRESS__KIND__CATCH_ALL;
	t->helo = "out.test";
	t->login = "w@example.org";
	t->ident = "4F";
	t->client_address = text("1234");
	t->stage = COMMANDS__STAGE__STAGE_HOLD;
	in->kind = "mx";
	in->at = "192.0.2.1:25";
	in->client_address = text("5678");
	in->client_port = (uint32_t)number;
	in->tls = "TLSv1.2";
	t->intake = in;
}

static void
every_field_is_packed_as_the_codec_does_it(void **state)
{
	static const uint64_t numbers[] = {
		0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX};
	Commands__Trace t = COMMANDS__TRACE__INIT;
	Commands__Intake in = COMMANDS__INTAKE__INIT;

	(void)state;
	arena_init(&a, 0);
	/* A field that is new here is one that the packer has to know. */
	assert_int_equal(commands__trace__descriptor.n_fields, 20);
	assert_int_equal(commands__intake__descriptor.n_fields, 5);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		fill(&t, &in, numbers[i]);
		assert_packed_alike(&t);
	}
	arena_reset(&a);
}

static void
a_field_that_is_not_there_takes_no_room(void **state)
{
	Commands__Trace t = COMMANDS__TRACE__INIT;
	Commands__Intake in = COMMANDS__INTAKE__INIT;

	(void)state;
	arena_init(&a, 0);
	assert_packed_alike(&t);
	assert_int_equal(trace_pack(&t, SLICE_EMPTY, &a).n, 0);
	assert_int_equal(trace_pack_intake(&in, &a).n, 0);
	arena_reset(&a);
}

static void
a_long_text_has_a_long_length(void **state)
{
	static char long_text[40001];
	Commands__Trace t = COMMANDS__TRACE__INIT;
	Commands__Intake in = COMMANDS__INTAKE__INIT;

	(void)state;
	arena_init(&a, 0);
	t.intake = &in;
	for (size_t n = 100; n <= 40000; n += n < 300 ? 1 : 7919) {
		memset(long_text, 'x', n);
		long_text[n] = '\0';
		t.text = t.ident = in.tls = long_text;
		t.address = text(long_text);
		assert_packed_alike(&t);
	}
	arena_reset(&a);
}

/* The codec is the judge. */
static bool
is_readable(struct slice s)
{
	return codec_unpack(&commands__intake__descriptor, s, &a) != NULL;
}

static void
an_intake_is_one_whole_and_not_cut_or_bent(void **state)
{
	Commands__Trace t = COMMANDS__TRACE__INIT;
	Commands__Intake in = COMMANDS__INTAKE__INIT;
	struct slice packed;
	uint8_t bent[100];

	(void)state;
	arena_init(&a, 0);
	fill(&t, &in, 4711);
	packed = trace_pack_intake(&in, &a);
	for (size_t n = 0; n <= packed.n; n++)
		if (trace_pack_is_intake(slice_cut(packed, 0, n)))
			assert_true(is_readable(slice_cut(packed, 0, n)));
	assert_true(trace_pack_is_intake(packed));
	assert_false(trace_pack_is_intake(slice_cut(packed, 0, packed.n - 1)));
	for (size_t i = 0; i < packed.n; i++)
		for (int octet = 0; octet < 256; octet++) {
			memcpy(bent, packed.p, packed.n);
			bent[i] = (uint8_t)octet;
			if (trace_pack_is_intake(slice_of(bent, packed.n)))
				assert_true(is_readable(slice_of(bent, packed.n)));
		}
	arena_reset(&a);
}

static void
an_intake_has_its_most_octets_and_no_more(void **state)
{
	static char path[TRACE_PACK_INTAKE_MAX];
	Commands__Intake in = COMMANDS__INTAKE__INIT;
	struct slice packed;

	(void)state;
	arena_init(&a, 0);
	in.at = path;
	memset(path, '/', TRACE_PACK_INTAKE_MAX - 3);
	packed = trace_pack_intake(&in, &a);
	assert_int_equal(packed.n, TRACE_PACK_INTAKE_MAX);
	assert_true(trace_pack_is_intake(packed));
	path[TRACE_PACK_INTAKE_MAX - 3] = '/';
	assert_false(trace_pack_is_intake(trace_pack_intake(&in, &a)));
	arena_reset(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_packed_as_the_codec_does_it),
		cmocka_unit_test(a_field_that_is_not_there_takes_no_room),
		cmocka_unit_test(a_long_text_has_a_long_length),
		cmocka_unit_test(an_intake_is_one_whole_and_not_cut_or_bent),
		cmocka_unit_test(an_intake_has_its_most_octets_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
