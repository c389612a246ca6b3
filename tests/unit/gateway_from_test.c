#include "tests/test.h"

#include "core/mail_addr.h"
#include "crypto/gateway_from.h"

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

static void
one_address_is_the_one(void **state)
{
	static const char *const all[][2] = {
		{"From: ann@example.org\r\n\r\n", "ann@example.org"},
		{"from: Ann <Ann@EXAMPLE.org>\r\n\r\n", "Ann@example.org"},
		{"From: \"Ann, of (Example)\"\r\n <ann@example.org>\r\n\r\n",
			"ann@example.org"},
		{"From: ann@example.org <ann@example.org>\r\n\r\n", "ann@example.org"},
		{"From: ann@example.org (Ann)\r\n\r\n", "ann@example.org"},
		{"From: =?utf-8?q?J=C3=BCrgen?= <j@b\xc3\xbc"
		 "cher.example>\r\n\r\n",
			"j@xn--bcher-kva.example"},
	};
	struct slice address;

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		struct gateway_head h = read_head(all[i][0]);

		print_message("%s", all[i][0]);
		assert_null(gateway_from_read(&h, &arena, &address));
		assert_true(slice_eq(address, slice_str(all[i][1])));
	}
}

/* "Johnny, you are fired!", section 4.4. */
static void
tricks_with_it_leave_none(void **state)
{
	static const char *const all[] = {
		"To: x@y.example\r\n\r\n",
		"From: ann@example.org\r\nFrom: eve@evil.example\r\n\r\n",
		"From: ann@example.org\r\nFROM : ann@example.org\r\n\r\n",
		"From: ann@example.org, eve@evil.example\r\n\r\n",
		"From: ann@example.org,\r\n eve@evil.example\r\n\r\n",
		"From: friends: ann@example.org;\r\n\r\n",
		"From: nobody:;\r\n\r\n",
		"From: Ann\r\n\r\n",
		"From:\r\n\r\n",
		"From: <>\r\n\r\n",
		"From: <@evil.example:ann@example.org>\r\n\r\n",
		"From: \"ann@example.org\" <eve@evil.example>\r\n\r\n",
		"From: ann@example.org <eve@evil.example>\r\n\r\n",
		"From: eve@evil.example (ann@example.org)\r\n\r\n",
		"From: =?utf-8?q?ann=40example.org?= <eve@evil.example>\r\n\r\n",
		"From: =?utf-8?b?YW5uQGV4YW1wbGUub3Jn?= <eve@evil.example>\r\n\r\n",
		"From: \"ann\xef\xbc\xa0"
		"example.org\" <eve@evil.example>\r\n\r\n",
		"From: \"<ann@example.org>\" <eve@evil.example>\r\n\r\n",
		"From: ann@example.org <ann@example.org> <eve@evil.example>\r\n\r\n",
	};
	struct slice address;

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		struct gateway_head h = read_head(all[i]);
		const char *why = gateway_from_read(&h, &arena, &address);

		print_message("%s -> %s\n", all[i], why ? why : "none");
		assert_non_null(why);
	}
}

static bool
is_named(const char *header, const char *address)
{
	struct gateway_head h = read_head(header);

	return gateway_from_is_named(&h, slice_str(address), &arena);
}

static void
to_and_cc_name_a_recipient_and_bcc_does_not(void **state)
{
	const char *h = "To: Bob <BOB@Partner.example>, carl@x.example\r\n"
			"Cc: all: dora@x.example, eva@x.example;\r\ncc: fred@x.example\r\n"
			"Bcc: gil@x.example\r\nReply-To: hal@x.example\r\n\r\n";

	(void)state;
	assert_true(is_named(h, "bob@partner.example"));
	assert_true(is_named(h, "carl@x.example"));
	assert_true(is_named(h, "eva@x.example"));
	assert_true(is_named(h, "fred@x.example"));
	assert_false(is_named(h, "gil@x.example"));
	assert_false(is_named(h, "hal@x.example"));
	assert_false(is_named("Subject: x\r\n\r\n", "hal@x.example"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(one_address_is_the_one, forget),
		cmocka_unit_test_teardown(tricks_with_it_leave_none, forget),
		cmocka_unit_test_teardown(to_and_cc_name_a_recipient_and_bcc_does_not, forget),
	};

	return cmocka_run_group_tests_name("gateway_from", tests, NULL, NULL);
}
