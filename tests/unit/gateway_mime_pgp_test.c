#include "tests/test.h"

#include "crypto/gateway_mime_pgp.h"

static struct arena arena;

static int
forget(void **state)
{
	(void)state;
	arena_reset(&arena);
	return 0;
}

#define ARMOR "-----BEGIN PGP MESSAGE-----\r\n\r\nabcd\r\n-----END PGP MESSAGE-----"
#define CLEARTEXT "-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\nhi\r\n"
#define ENCRYPTED                                                                              \
	"Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; "          \
	"boundary=b\r\n\r\n"
#define MIXED "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
#define VERSION "--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n"
#define MESSAGE "--b\r\nContent-Type: application/octet-stream\r\n\r\n" ARMOR "\r\n"
#define EMPTY "--b\r\nContent-Type: text/plain\r\n\r\n\r\n"
#define BASE64_EMPTY                                                                           \
	"--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n"         \
	"DQo=\r\n"
#define BASE64_VERSION                                                                         \
	"--b\r\nContent-Type: application/pgp-encrypted; name=\"PGPMIME version "              \
	"identification\"\r\nContent-Transfer-Encoding: base64\r\n\r\nVmVyc2lvbjogMQ0K\r\n"
#define END "--b--\r\n"

/* What it is, and, where there is a message, that message. */
static enum gateway_mime_kind
look(const char *mail, struct slice *message, enum err *e)
{
	struct slice s = slice_str(mail);
	struct text t = text_of(&s);
	struct gateway_mime_pgp where = {{0, 0}, MAIL_ENCODING_7BIT};
	struct gateway_head h;
	struct gateway_mime m;

	assert_int_equal(gateway_head_read(&t, &arena, &h), ERR_OK);
	gateway_mime_look(&h, &t, &m);
	*e = ERR_NOT_FOUND;
	if (m.kind == GATEWAY_MIME_PGP_ENCRYPTED || m.kind == GATEWAY_MIME_PGP_INLINE)
		*e = gateway_mime_pgp_find(&t, &m, &where);
	*message = slice_cut(s, where.range.at, where.range.end);
	return m.kind;
}

static void
a_message_is_found_only_in_its_exact_shape(void **state)
{
	static const struct {
		const char *mail;
		enum gateway_mime_kind kind;
		enum err e;
	} all[] = {
		{ENCRYPTED VERSION MESSAGE END, GATEWAY_MIME_PGP_ENCRYPTED, ERR_OK},
		{ENCRYPTED MESSAGE VERSION END, GATEWAY_MIME_PGP_ENCRYPTED, ERR_SYNTAX},
		{ENCRYPTED VERSION END, GATEWAY_MIME_PGP_ENCRYPTED, ERR_SYNTAX},
		{ENCRYPTED VERSION MESSAGE MESSAGE END, GATEWAY_MIME_PGP_ENCRYPTED, ERR_SYNTAX},
		{ENCRYPTED EMPTY VERSION MESSAGE END, GATEWAY_MIME_PGP_ENCRYPTED, ERR_SYNTAX},
		/* Exchange. */
		{MIXED EMPTY VERSION MESSAGE END, GATEWAY_MIME_PGP_ENCRYPTED, ERR_OK},
		{MIXED BASE64_EMPTY BASE64_VERSION MESSAGE END, GATEWAY_MIME_PGP_ENCRYPTED,
			ERR_OK},
		{ENCRYPTED BASE64_VERSION MESSAGE END, GATEWAY_MIME_PGP_ENCRYPTED, ERR_OK},
		{MIXED VERSION MESSAGE END, GATEWAY_MIME_PLAIN, ERR_NOT_FOUND},
		{MIXED EMPTY VERSION MESSAGE EMPTY END, GATEWAY_MIME_PLAIN, ERR_NOT_FOUND},
		{MIXED "--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n" VERSION MESSAGE END,
			GATEWAY_MIME_PLAIN, ERR_NOT_FOUND},
		{MIXED "--b\r\nContent-Type: text/html\r\n\r\n\r\n" VERSION MESSAGE END,
			GATEWAY_MIME_PLAIN, ERR_NOT_FOUND},
	};
	struct slice message;
	enum err e;

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		assert_int_equal(look(all[i].mail, &message, &e), all[i].kind);
		assert_int_equal(e, all[i].e);
		if (!e)
			assert_slice(message, ARMOR);
	}
}

#define ALTERNATIVE "Content-Type: multipart/alternative; boundary=b\r\n\r\n"
#define TEXT "--b\r\nContent-Type: text/plain\r\n\r\n"
#define HTML "--b\r\nContent-Type: text/html\r\n\r\n<p>"

static void
html_beside_an_inline_message_has_to_have_it_too(void **state)
{
	static const struct {
		const char *mail;
		enum gateway_mime_kind kind;
	} all[] = {
		{ALTERNATIVE TEXT ARMOR "\r\n" HTML ARMOR "\r\n" END, GATEWAY_MIME_PGP_INLINE},
		{ALTERNATIVE HTML ARMOR "\r\n" TEXT ARMOR "\r\n" END, GATEWAY_MIME_PLAIN},
		{ALTERNATIVE TEXT ARMOR "\r\n" HTML "hi\r\n" END, GATEWAY_MIME_PLAIN},
		{ALTERNATIVE TEXT "hi\r\n" ARMOR "\r\n" HTML ARMOR "\r\n" END,
			GATEWAY_MIME_PLAIN},
		{ALTERNATIVE TEXT ARMOR "\r\n" HTML ARMOR "\r\n" TEXT END, GATEWAY_MIME_PLAIN},
		{ALTERNATIVE TEXT ARMOR "\r\n" END, GATEWAY_MIME_PLAIN},
		{ALTERNATIVE TEXT CLEARTEXT HTML ARMOR "\r\n" END, GATEWAY_MIME_PLAIN},
		{MIXED TEXT ARMOR "\r\n" HTML ARMOR "\r\n" END, GATEWAY_MIME_PLAIN},
	};
	struct slice message;
	enum err e;

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		assert_int_equal(look(all[i].mail, &message, &e), all[i].kind);
		if (all[i].kind == GATEWAY_MIME_PGP_INLINE)
			assert_slice(message, ARMOR);
	}
}

static void
a_text_that_begins_with_a_message_is_inline(void **state)
{
	struct slice message;
	enum err e;

	(void)state;
	assert_int_equal(look("Content-Type: text/plain\r\n\r\n" ARMOR "\r\n", &message, &e),
		GATEWAY_MIME_PGP_INLINE);
	assert_int_equal(look("Subject: x\r\n\r\n\r\n" ARMOR "\r\n", &message, &e),
		GATEWAY_MIME_PGP_INLINE);
	assert_int_equal(look("Content-Type: text/plain\r\nContent-Transfer-Encoding: "
			      "quoted-printable\r\n\r\n=2D----BEGIN PGP MESSAGE-----\r\n",
				 &message, &e),
		GATEWAY_MIME_PGP_INLINE);
	assert_int_equal(
		look("Content-Type: text/plain\r\n\r\nhi\r\n" ARMOR "\r\n", &message, &e),
		GATEWAY_MIME_PLAIN);
	assert_int_equal(look("Content-Type: text/html\r\n\r\n" ARMOR "\r\n", &message, &e),
		GATEWAY_MIME_PLAIN);
	assert_int_equal(look("Content-Type: text/plain\r\n\r\n" CLEARTEXT, &message, &e),
		GATEWAY_MIME_PGP_CLEARTEXT);
	assert_int_equal(look("Content-Type: text/plain\r\n\r\nhi\r\n" CLEARTEXT, &message, &e),
		GATEWAY_MIME_PLAIN);
	/* Said twice what it is. */
	assert_int_equal(
		look("Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\n" ARMOR,
			&message, &e),
		GATEWAY_MIME_PLAIN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_message_is_found_only_in_its_exact_shape, forget),
		cmocka_unit_test_teardown(
			html_beside_an_inline_message_has_to_have_it_too, forget),
		cmocka_unit_test_teardown(a_text_that_begins_with_a_message_is_inline, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
