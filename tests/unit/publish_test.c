#include "tests/test.h"

#include "cmd/publish.h"

static void
a_domain_has_this_list(void **state)
{
	static const struct {
		enum publish_kind kind;
		const char *line;
	} want[] = {
		{PUBLISH_MX, "d.test. IN MX 10 mail.d.test."},
		{PUBLISH_ADDRESS, "mail.d.test. IN A <address of this machine>"},
		{PUBLISH_SPF, "d.test. IN TXT \"v=spf1 mx -all\""},
		{PUBLISH_DKIM, "rsa._domainkey.d.test. IN TXT \"one\""},
		{PUBLISH_DKIM, "ed25519._domainkey.d.test. IN TXT \"two\""},
		{PUBLISH_DMARC, "_dmarc.d.test. IN TXT \"v=DMARC1; p=quarantine; "
				"rua=mailto:postmaster@d.test\""},
	};
	struct publish_domain d = {SLICE_LIT("d.test"), SLICE_LIT("mail.d.test"),
		{[DKIM_KEY_RSA] = {SLICE_LIT("rsa"), SLICE_LIT("one")},
			[DKIM_KEY_ED25519] = {SLICE_LIT("ed25519"), SLICE_LIT("two")}}};
	struct publish_record list[PUBLISH_MAX];
	struct arena a;
	struct buf line;

	(void)state;
	arena_init(&a, 0);
	buf_init(&line, PUBLISH_LINE);
	assert_int_equal(publish_list(&d, &a, list), sizeof want / sizeof *want);
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		buf_clear(&line);
		publish_format(&list[i], &line);
		assert_int_equal(list[i].kind, want[i].kind);
		assert_true(slice_eq(buf_slice(&line), slice_str(want[i].line)));
	}
	d.dkim[DKIM_KEY_RSA].text = SLICE_EMPTY;
	assert_int_equal(publish_list(&d, &a, list), sizeof want / sizeof *want - 1);
	assert_slice(list[3].name, "ed25519._domainkey.d.test");
	buf_fini(&line);
	arena_reset(&a);
}

static void
keys_that_sign_are_taken_of_rows(void **state)
{
	json_t *rows = json_pack("[{s:s, s:s, s:s, s:s}, {s:s, s:s, s:s, s:s}, {}]", "selector",
		"a", "key", "Ed25519", "state", "signs", "text", "t", "selector", "b", "key",
		"RSA", "state", "waits", "text", "u");
	struct publish_key key[PUBLISH_KEYS] = {0};

	(void)state;
	publish_take_keys(rows, key);
	assert_slice(key[DKIM_KEY_ED25519].selector, "a");
	assert_slice(key[DKIM_KEY_ED25519].text, "t");
	assert_int_equal(key[DKIM_KEY_RSA].text.n, 0);
	json_decref(rows);
}

static void
a_long_text_is_several_strings(void **state)
{
	uint8_t octets[2 * 255 + 1];
	struct publish_record r = {
		.kind = PUBLISH_DKIM, .name = SLICE_LIT("d.test"), .type = "TXT"};
	static const size_t sizes[] = {255, 256, 510, 511};
	static const size_t strings[] = {1, 2, 2, 3};
	struct buf line;

	(void)state;
	memset(octets, 'a', sizeof octets);
	buf_init(&line, PUBLISH_LINE);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		r.data = slice_of(octets, sizes[i]);
		buf_clear(&line);
		publish_format(&r, &line);
		assert_int_equal(line.n, strlen("d.test. IN TXT") + sizes[i] + 3 * strings[i]);
	}
	buf_fini(&line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_domain_has_this_list),
		cmocka_unit_test(keys_that_sign_are_taken_of_rows),
		cmocka_unit_test(a_long_text_is_several_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
