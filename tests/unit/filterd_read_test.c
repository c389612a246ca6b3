#include "cmd/filterd_read.h"

#include "store/schema_trace.h"
#include "tests/test.h"

static struct arena a;

static void
read_mail(struct filterd_read *r, const char *mail)
{
	struct slice octets = slice_str(mail);
	struct text text = text_of(&octets);

	assert_int_equal(filterd_read(r, &text), ERR_OK);
}

static void
from_is_the_one_address_of_the_one_field(void **state)
{
	static const struct {
		const char *mail, *from;
	} given[] = {
		{"From: Ann <Ann@Example.ORG>\r\n\r\nx", "ann@example.org"},
		{"From: ann@example.org\r\nSender: b@x.test\r\n\r\nx", "ann@example.org"},
		{"From: \"a b\" <ann@example.org>\r\n\r\n", "ann@example.org"},
		{"From: ann@example.org, bob@example.org\r\n\r\n", ""},
		{"From: ann@example.org\r\nFrom: bob@example.org\r\n\r\n", ""},
		{"from: ann@example.org\r\nFROM: ann@example.org\r\n\r\n", ""},
		{"From: us: ann@example.org;\r\n\r\n", ""},
		{"From: Ann\r\n\r\n", ""},
		{"Subject: x\r\n\r\nFrom: ann@example.org\r\n", ""},
		{"", ""},
	};
	struct filterd_read r;

	(void)state;
	for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
		struct slice from;

		read_mail(&r, given[i].mail);
		from = filterd_read_from(&r, &a);
		if (!slice_eq(from, slice_str(given[i].from)))
			fail_msg("%s: %.*s", given[i].mail, SLICE_FMT(from));
		filterd_read_fini(&r);
	}
}

static bool
has(const struct buf *hashes, const char *id)
{
	uint8_t hash[SCHEMA_TRACE_HASH];

	schema_trace_hash(slice_str(id), hash);
	for (size_t at = 0; at + sizeof hash <= hashes->n; at += sizeof hash)
		if (memcmp(hashes->p + at, hash, sizeof hash) == 0)
			return true;
	return false;
}

static void
what_it_answers_are_the_ids_of_both_fields(void **state)
{
	struct filterd_read r;
	struct buf hashes;

	(void)state;
	buf_init(&hashes, FILTERD_READ_ANSWERED_MAX * SCHEMA_TRACE_HASH);
	read_mail(&r, "In-Reply-To: <c@x>\r\nReferences: <a@x> <b@x>\r\n <c@x> bad <\r\n"
		      "X-References: <d@x>\r\n\r\nReferences: <e@x>\r\n");
	filterd_read_answered(&r, &hashes);
	assert_true(has(&hashes, "<a@x>") && has(&hashes, "<b@x>") && has(&hashes, "<c@x>"));
	assert_false(has(&hashes, "<d@x>") || has(&hashes, "<e@x>"));
	filterd_read_fini(&r);
	buf_fini(&hashes);
}

static void
of_many_ids_the_last_ones_count(void **state)
{
	struct filterd_read r;
	struct buf hashes, mail;

	(void)state;
	buf_init(&mail, 4096);
	buf_init(&hashes, FILTERD_READ_ANSWERED_MAX * SCHEMA_TRACE_HASH);
	buf_put_str(&mail, "In-Reply-To: <reply@x>\r\nReferences:");
	for (int i = 0; i < FILTERD_READ_ANSWERED_MAX; i++)
		buf_printf(&mail, " <%d@x>\r\n", i);
	buf_put_u8(&mail, 0);
	read_mail(&r, (const char *)mail.p);
	filterd_read_answered(&r, &hashes);
	assert_int_equal(hashes.n, FILTERD_READ_ANSWERED_MAX * SCHEMA_TRACE_HASH);
	assert_false(has(&hashes, "<0@x>"));
	assert_true(has(&hashes, "<1@x>") && has(&hashes, "<19@x>"));
	assert_true(has(&hashes, "<reply@x>"));
	filterd_read_fini(&r);
	buf_fini(&hashes);
	buf_fini(&mail);
}

static void
octets_above_127_are_seen_where_they_are(void **state)
{
	static const struct {
		const char *mail;
		bool anywhere, in_header;
	} given[] = {
		{"Subject: x\r\n\r\ny", false, false},
		{"Subject: x\r\n\r\n\xe4", true, false},
		{"Subject: \xe4\r\n\r\ny", true, true},
	};
	struct filterd_read r;

	(void)state;
	for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
		read_mail(&r, given[i].mail);
		assert_int_equal(r.is_8bit, given[i].anywhere);
		assert_int_equal(filterd_read_is_header_8bit(&r), given[i].in_header);
		filterd_read_fini(&r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_is_the_one_address_of_the_one_field),
		cmocka_unit_test(what_it_answers_are_the_ids_of_both_fields),
		cmocka_unit_test(of_many_ids_the_last_ones_count),
		cmocka_unit_test(octets_above_127_are_seen_where_they_are),
	};
	int failed;

	arena_init(&a, 0);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_reset(&a);
	return failed;
}
