#include "tests/test.h"

#include <stdlib.h>
#include <string.h>

#include "core/http_reply.h"

enum { BODY_MAX = 100 };

/* In pieces of `piece` octets; the last result. A result before the end ends it. */
static enum err
feed(struct http_reply *r, struct slice text, size_t piece)
{
	enum err e = ERR_MORE;

	http_reply_init(r, BODY_MAX);
	for (size_t at = 0; at < text.n && e == ERR_MORE; at += piece) {
		/* Of its own, so that a look behind it is found out. */
		struct slice part = slice_cut(text, at, at + piece);
		uint8_t *own = malloc(part.n);

		memcpy(own, part.p, part.n);
		e = http_reply_feed(r, slice_of(own, part.n));
		free(own);
	}
	return e;
}

/* Whole, octet by octet, in pieces, and cut off at every length. */
static void
gives(const char *text, unsigned status, const char *type, const char *body)
{
	struct slice all = slice_str(text);
	struct http_reply r;

	for (size_t piece = 1; piece < 1000; piece *= 31) {
		if (feed(&r, all, piece))
			fail_msg("%s: not whole in pieces of %zu", text, piece);
		assert_int_equal(r.status, status);
		assert_true(slice_eq(buf_slice(&r.type), slice_str(type)));
		assert_true(slice_eq(buf_slice(&r.body), slice_str(body)));
		http_reply_fini(&r);
	}
	for (size_t n = 1; n < all.n; n++) {
		if (feed(&r, slice_cut(all, 0, n), n) != ERR_MORE)
			fail_msg("%s: whole after %zu octets", text, n);
		http_reply_fini(&r);
	}
}

static void
refused(struct slice all, enum err why)
{
	struct http_reply r;
	enum err e;

	for (size_t piece = 1; piece < 1000; piece *= 31) {
		e = feed(&r, all, piece);
		if (e != why)
			fail_msg("%.*s: %s", SLICE_FMT(all), err_name(e));
		http_reply_fini(&r);
	}
}

#define REFUSED(text, why) refused(SLICE_LIT(text), why)
#define OK "HTTP/1.1 200 OK\r\n"
#define XS "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"

static void
a_reply_with_a_length_is_whole_at_its_end(void **state)
{
	(void)state;
	gives(OK "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\na\r\nbc", 200,
		"text/plain", "a\r\nbc");
	gives("HTTP/1.0 200\r\ncontent-length:0\r\n\r\n", 200, "", "");
	gives("HTTP/1.1 200 \nCONTENT-LENGTH: 1 \nX: y\n\nz", 200, "", "z");
	gives(OK
		"Content-Length: 1\r\nContent-Length: 1\r\nContent-Encoding: identity\r\n\r\nz",
		200, "", "z");
	gives(OK "Content-Type: Text/PLAIN; charset=utf-8\r\nContent-Length: 1\r\n\r\nz", 200,
		"text/plain", "z");
	gives(OK "Content-Type: nonsense\r\nContent-Length: 1\r\n\r\nz", 200, "", "z");
}

static void
a_reply_in_chunks_is_whole_after_its_trailers(void **state)
{
	(void)state;
	gives(OK "Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0b ; x=y\r\ndefghijklmn\r\n"
		 "00\r\nX: trailer\r\n\r\n",
		200, "", "abcdefghijklmn");
	gives(CHUNKED "0\r\n\r\n", 200, "", "");
}

static void
what_is_behind_the_reply_is_not_looked_at(void **state)
{
	struct http_reply r;

	(void)state;
	assert_int_equal(
		feed(&r, SLICE_LIT(OK "Content-Length: 1\r\n\r\nzHTTP/1.1 200 OK"), 1000),
		ERR_OK);
	assert_slice(buf_slice(&r.body), "z");
	http_reply_fini(&r);
}

static void
other_statuses_have_no_body(void **state)
{
	(void)state;
	gives("HTTP/1.1 301 Moved Permanently\r\nLocation: https://elsewhere.test/\r\n"
	      "Content-Encoding: gzip\r\n\r\n",
		301, "", "");
	gives("HTTP/1.1 404 Not Found\r\nContent-Length: 1000000\r\n\r\n", 404, "", "");
	gives("HTTP/1.1 599 \r\n\r\n", 599, "", "");
}

static void
replies_in_between_are_passed_over(void **state)
{
	(void)state;
	gives("HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\nContent-Type: a/b\r\n\r\n"
	      "HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 1\r\n\r\nz",
		200, "", "z");
	REFUSED("HTTP/1.1 101 Switching Protocols\r\n\r\n", ERR_SYNTAX);
}

static void
what_is_no_http_is_refused(void **state)
{
	(void)state;
	REFUSED("220 mail.example.org ESMTP\r\n", ERR_SYNTAX);
	REFUSED("HTTP/2 200 OK\r\n", ERR_SYNTAX);
	REFUSED("HTTP/1.1  200 OK\r\n", ERR_SYNTAX);
	REFUSED("HTTP/1.1 2000 OK\r\n", ERR_SYNTAX);
	REFUSED("HTTP/1.1 099 OK\r\n", ERR_SYNTAX);
	REFUSED("HTTP/1.1 600 OK\r\n", ERR_SYNTAX);
	REFUSED("HTTP/1.1 20\r\n", ERR_SYNTAX);
	REFUSED("\r\n", ERR_SYNTAX);
	REFUSED(OK "no colon\r\n", ERR_SYNTAX);
	REFUSED(OK "A field: x\r\n", ERR_SYNTAX);
	REFUSED(OK "X: y\r\n folded: z\r\n", ERR_SYNTAX);
	REFUSED(OK ": x\r\n", ERR_SYNTAX);
	REFUSED(OK "X: a\rb\r\n", ERR_SYNTAX);
	REFUSED(OK "X: a\0b\r\n", ERR_SYNTAX);
}

static void
a_length_that_is_none_is_refused(void **state)
{
	(void)state;
	REFUSED(OK "Content-Length: -1\r\n", ERR_SYNTAX);
	REFUSED(OK "Content-Length: 5, 5\r\n", ERR_SYNTAX);
	REFUSED(OK "Content-Length:\r\n", ERR_SYNTAX);
	REFUSED(OK "Content-Length: 0x5\r\n", ERR_SYNTAX);
	REFUSED(OK "Content-Length: 18446744073709551616\r\n", ERR_SYNTAX);
	REFUSED(OK "Content-Length: 1\r\nContent-Length: 2\r\n", ERR_SYNTAX);
	REFUSED(OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", ERR_SYNTAX);
	REFUSED("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ERR_SYNTAX);
	REFUSED(CHUNKED "z\r\n", ERR_SYNTAX);
	REFUSED(CHUNKED ";x\r\n", ERR_SYNTAX);
	REFUSED(CHUNKED "1\r\nabc\r\n", ERR_SYNTAX);
}

static void
a_reply_whose_end_cannot_be_told_is_refused(void **state)
{
	(void)state;
	REFUSED(OK "\r\n", ERR_UNSUPPORTED);
	REFUSED(OK "Content-Type: text/plain\r\n\r\n", ERR_UNSUPPORTED);
	REFUSED(OK "Transfer-Encoding: gzip, chunked\r\n\r\n", ERR_UNSUPPORTED);
	REFUSED(OK "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
		ERR_UNSUPPORTED);
	REFUSED(OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		ERR_UNSUPPORTED);
	REFUSED(OK "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\n", ERR_UNSUPPORTED);
}

/* --- limits, from either side --- */

static enum err
feed_text(struct buf *text, size_t piece)
{
	struct http_reply r;
	enum err e = feed(&r, buf_slice(text), piece);

	http_reply_fini(&r);
	buf_fini(text);
	return e;
}

static enum err
body_of(const char *head, bool is_chunked, size_t n)
{
	struct buf text;

	buf_init(&text, 10000);
	buf_put_str(&text, head);
	if (is_chunked)
		buf_printf(&text, "%zx\r\n", n);
	else
		buf_printf(&text, "Content-Length: %zu\r\n\r\n", n);
	for (size_t i = 0; i < n; i++)
		buf_put_u8(&text, 'x');
	buf_put_str(&text, "\r\n0\r\n\r\n");
	return feed_text(&text, 7);
}

static void
a_body_has_at_most_what_the_caller_takes(void **state)
{
	(void)state;
	assert_int_equal(body_of(OK, false, BODY_MAX), ERR_OK);
	assert_int_equal(body_of(OK, false, BODY_MAX + 1), ERR_TOO_BIG);
	assert_int_equal(body_of(CHUNKED, true, BODY_MAX), ERR_OK);
	assert_int_equal(body_of(CHUNKED, true, BODY_MAX + 1), ERR_TOO_BIG);
	assert_int_equal(body_of(CHUNKED "1\r\nx\r\n", true, BODY_MAX), ERR_TOO_BIG);
	REFUSED(CHUNKED "fffffffffffffffff\r\n", ERR_TOO_BIG);
	REFUSED(CHUNKED "000000001\r\n", ERR_TOO_BIG);
}

/* A head of n octets, with a body of one. */
static enum err
head_of(size_t n, const char *line)
{
	static const char first[] = OK "Content-Length: 1\r\n";
	struct buf text;

	buf_init(&text, n + 100);
	buf_put_str(&text, first);
	while (text.n + strlen(line) + 7 <= n)
		buf_put_str(&text, line);
	buf_put_str(&text, "Y: ");
	while (text.n < n - 4)
		buf_put_u8(&text, 'y');
	buf_put_str(&text, "\r\n\r\nz");
	return feed_text(&text, 1000);
}

static void
a_head_has_at_most_its_octets(void **state)
{
	(void)state;
	assert_int_equal(head_of(HTTP_REPLY_HEAD_MAX, "X: y\r\n"), ERR_OK);
	assert_int_equal(head_of(HTTP_REPLY_HEAD_MAX + 1, "X: y\r\n"), ERR_LIMIT);
	/* One line alone too. */
	assert_int_equal(head_of(HTTP_REPLY_HEAD_MAX, "Z: "), ERR_OK);
	assert_int_equal(head_of(HTTP_REPLY_HEAD_MAX + 1, "Z: "), ERR_LIMIT);
}

static void
the_sizes_of_chunks_and_trailers_count_as_head(void **state)
{
	static const char *const part[] = {"1\r\nx\r\n", "0\r\n\r\n"};
	struct buf text;

	(void)state;
	/* The body has room, its chunks don't. */
	buf_init(&text, 100000);
	buf_put_str(&text, CHUNKED);
	while (text.n < HTTP_REPLY_HEAD_MAX)
		buf_put_str(&text, "1;" XS XS XS XS "\r\ny\r\n");
	buf_put_str(&text, part[0]);
	buf_put_str(&text, part[1]);
	assert_int_equal(feed_text(&text, 100), ERR_LIMIT);
	buf_init(&text, 100000);
	buf_put_str(&text, CHUNKED "0\r\n");
	while (text.n < HTTP_REPLY_HEAD_MAX)
		buf_put_str(&text, "X: y\r\n");
	assert_int_equal(feed_text(&text, 100), ERR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reply_with_a_length_is_whole_at_its_end),
		cmocka_unit_test(a_reply_in_chunks_is_whole_after_its_trailers),
		cmocka_unit_test(what_is_behind_the_reply_is_not_looked_at),
		cmocka_unit_test(other_statuses_have_no_body),
		cmocka_unit_test(replies_in_between_are_passed_over),
		cmocka_unit_test(what_is_no_http_is_refused),
		cmocka_unit_test(a_length_that_is_none_is_refused),
		cmocka_unit_test(a_reply_whose_end_cannot_be_told_is_refused),
		cmocka_unit_test(a_body_has_at_most_what_the_caller_takes),
		cmocka_unit_test(a_head_has_at_most_its_octets),
		cmocka_unit_test(the_sizes_of_chunks_and_trailers_count_as_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
