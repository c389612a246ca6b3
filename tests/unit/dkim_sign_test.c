#include "tests/test.h"

#include "crypto/dkim_sign.h"
#include "crypto/seal.h"

/* RFC 8463 appendix A. */
static const char vector_text[] =
	"From: Joe SixPack <joe@football.example.com>\r\n"
	"To: Suzie Q <suzie@shopping.example.net>\r\n"
	"Subject: Is dinner ready?\r\n"
	"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
	"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
	"\r\n"
	"Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n\r\n";
static const char vector_bh[] = "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=";

struct vector {
	const char *key, *h, *field, *signature;
};
static const struct vector ed25519 = {
	/* The secret of A.2 with the 16 octets of PKCS#8 before it. */
	"-----BEGIN PRIVATE KEY-----\n"
	"MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	"-----END PRIVATE KEY-----\n",
	"from : to :\r\n subject : date : message-id : from : subject : date",
	"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
	" d=football.example.com; i=@football.example.com;\r\n"
	" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
	" subject : date : message-id : from : subject : date;\r\n"
	" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
	" b=",
	"/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus"
	"Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw=="};
static const struct vector rsa = {
	"-----BEGIN RSA PRIVATE KEY-----\n"
	"MIICXQIBAAKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi\n"
	"Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqM\n"
	"KrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB\n"
	"AoGAH0cxOhFZDgzXWhDhnAJDw5s4roOXN4OhjiXa8W7Y3rhX3FJqmJSPuC8N9vQm\n"
	"6SVbaLAE4SG5mLMueHlh4KXffEpuLEiNp9Ss3O4YfLiQpbRqE7Tm5SxKjvvQoZZe\n"
	"zHorimOaChRL2it47iuWxzxSiRMv4c+j70GiWdxXnxe4UoECQQDzJB/0U58W7RZy\n"
	"6enGVj2kWF732CoWFZWzi1FicudrBFoy63QwcowpoCazKtvZGMNlPWnC7x/6o8Gc\n"
	"uSe0ga2xAkEA8C7PipPm1/1fTRQvj1o/dDmZp243044ZNyxjg+/OPN0oWCbXIGxy\n"
	"WvmZbXriOWoSALJTjExEgraHEgnXssuk7QJBALl5ICsYMu6hMxO73gnfNayNgPxd\n"
	"WFV6Z7ULnKyV7HSVYF0hgYOHjeYe9gaMtiJYoo0zGN+L3AAtNP9huqkWlzECQE1a\n"
	"licIeVlo1e+qJ6Mgqr0Q7Aa7falZ448ccbSFYEPD6oFxiOl9Y9se9iYHZKKfIcst\n"
	"o7DUw1/hz2Ck4N5JrgUCQQCyKveNvjzkkd8HjYs0SwM0fPjK16//5qDZ2UiDGnOe\n"
	"uEzxBDAr518Z8VFbR41in3W4Y3yCDgQlLlcETrS+zYcL\n"
	"-----END RSA PRIVATE KEY-----\n",
	"from : to : subject :\r\n date : message-id : from : subject : date",
	"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"
	" d=football.example.com; i=@football.example.com;\r\n"
	" q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"
	" date : message-id : from : subject : date;\r\n"
	" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
	" b=",
	"F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3"
	"DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz"
	"dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8="};

static struct dkim_sign *
fed(const char *text)
{
	struct dkim_sign *s = dkim_sign_new();

	dkim_sign_feed(s, slice_str(text));
	assert_int_equal(dkim_sign_finish(s), ERR_OK);
	return s;
}

static void
assert_base64(struct slice octets, const char *want)
{
	struct buf text;

	buf_init(&text, 4096);
	assert_true(seal_b64(octets, &text));
	assert_true(slice_eq(buf_slice(&text), slice_str(want)));
	buf_fini(&text);
}

static void
assert_vector(const struct vector *v)
{
	struct dkim_sign *s = fed(vector_text);
	uint8_t hash[DKIM_KEY_HASH];
	struct dkim_key *key;
	struct buf signature;

	buf_init(&signature, DKIM_KEY_SIGNATURE_MAX);
	assert_int_equal(dkim_key_parse(slice_str(v->key), &key), ERR_OK);
	assert_base64(slice_of(dkim_sign_body_hash(s), DKIM_KEY_HASH), vector_bh);
	dkim_sign_hash(s, slice_str(v->h), slice_str(v->field), hash);
	assert_int_equal(dkim_key_sign(key, hash, &signature), ERR_OK);
	assert_base64(buf_slice(&signature), v->signature);
	dkim_key_free(key);
	buf_fini(&signature);
	dkim_sign_free(s);
}

static void
the_ed25519_vector_of_rfc_8463_comes_out(void **state)
{
	(void)state;
	assert_vector(&ed25519);
}

static void
the_rsa_vector_of_rfc_8463_comes_out(void **state)
{
	(void)state;
	assert_vector(&rsa);
}

static const struct dkim_sign_as as = {.kind = DKIM_KEY_ED25519,
	.domain = {(const uint8_t *)"example.org", 11},
	.selector = {(const uint8_t *)"s1", 2}};

static void
each_field_is_named_once_more_than_it_is_there(void **state)
{
	struct dkim_sign *s = fed("To: a@b.c\r\nFrom: x@y.z\r\nTo: d@e.f\r\n\r\nbody\r\n");
	uint8_t hash[DKIM_KEY_HASH];
	struct buf out;

	(void)state;
	buf_init(&out, DKIM_SIGN_FIELD_MAX);
	assert_int_equal(dkim_sign_begin(s, &as, &out, hash), ERR_OK);
	assert_int_equal(dkim_sign_end(SLICE_LIT("signature"), &out), ERR_OK);
	assert_slice(buf_slice(&out),
		"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
		"\td=example.org;\r\n"
		"\ts=s1;\r\n"
		"\th=from:from:subject:content-type:mime-version:content-transfer-encoding:to:"
		"to:\r\n"
		"\t to:cc:date:message-id:reply-to:in-reply-to:references;\r\n"
		"\tbh=Ck5SoRNWUpSR4X0COv7R5ub2pUTtl6xz4dTFz++ji4M=;\r\n"
		"\tb=c2lnbmF0dXJl\r\n");
	buf_fini(&out);
	dkim_sign_free(s);
}

static void
times_are_in_it_if_they_are_given(void **state)
{
	struct dkim_sign *s = fed("From: x@y.z\r\n\r\n");
	struct dkim_sign_as timed = as;
	uint8_t hash[DKIM_KEY_HASH];
	struct buf out;

	(void)state;
	timed.now_sec = 1528637909;
	timed.until_sec = 1528638909;
	timed.kind = DKIM_KEY_RSA;
	buf_init(&out, DKIM_SIGN_FIELD_MAX);
	assert_int_equal(dkim_sign_begin(s, &timed, &out, hash), ERR_OK);
	assert_true(slice_find_slice(buf_slice(&out),
			    SLICE_LIT("\ts=s1; t=1528637909; x=1528638909;\r\n")) < out.n);
	assert_true(slice_find_slice(buf_slice(&out), SLICE_LIT("a=rsa-sha256;")) < out.n);
	buf_fini(&out);
	dkim_sign_free(s);
}

static void
hash_of(const char *text, uint8_t hash[DKIM_KEY_HASH])
{
	struct dkim_sign *s = fed(text);
	struct buf out;

	buf_init(&out, DKIM_SIGN_FIELD_MAX);
	assert_int_equal(dkim_sign_begin(s, &as, &out, hash), ERR_OK);
	buf_fini(&out);
	dkim_sign_free(s);
}

static void
assert_hashes(const char *a, const char *b, bool same)
{
	uint8_t one[DKIM_KEY_HASH], two[DKIM_KEY_HASH];

	hash_of(a, one);
	hash_of(b, two);
	assert_int_equal(memcmp(one, two, sizeof one) == 0, same);
}

static void
what_is_signed_is_what_readers_see(void **state)
{
	const char *text = "From: x@y.z\r\nSubject: s\r\nTo: 1\r\nTo: 2\r\n\r\nbody\r\n";

	(void)state;
	assert_hashes(text, "From: x@y.z\nSubject:  s \nTo: 1\nTo: 2\n\nbody", true);
	assert_hashes(text,
		"X: 1\r\nTo: 1\r\nFrom: x@y.z\r\nTo: 2\r\nSubject: s\r\n\r\nbody\r\n", true);
	assert_hashes(
		text, "From: x@y.z\r\nSubject: s\r\nTo: 2\r\nTo: 1\r\n\r\nbody\r\n", false);
	assert_hashes(
		text, "From: x@y.z\r\nSubject: t\r\nTo: 1\r\nTo: 2\r\n\r\nbody\r\n", false);
	assert_hashes(
		text, "From: x@y.z\r\nSubject: s\r\nTo: 1\r\nTo: 2\r\n\r\nBody\r\n", false);
	assert_hashes(text,
		"From: x@y.z\r\nSubject: s\r\nTo: 1\r\nTo: 2\r\nCc: 3\r\n\r\nbody\r\n", false);
}

static void
assert_from(const char *header, const char *domain)
{
	struct dkim_sign *s = dkim_sign_new();
	struct arena a;

	arena_init(&a, 0);
	dkim_sign_feed(s, slice_str(header));
	assert_false(dkim_sign_has_header(s));
	dkim_sign_feed(s, SLICE_LIT("\r\n"));
	assert_true(dkim_sign_has_header(s));
	assert_true(slice_eq(dkim_sign_from(s, &a), slice_str(domain)));
	arena_reset(&a);
	dkim_sign_free(s);
}

static void
the_domain_of_the_one_from_is_told(void **state)
{
	(void)state;
	assert_from("From: Joe <joe@Example.ORG>\r\n", "example.org");
	assert_from("From: \"a@example.com\" (b@example.net)\r\n <joe@example.org>\r\n",
		"example.org");
	assert_from("From: j\xc3\xb6@b\xc3\xbc"
		    "cher.example\r\n",
		"xn--bcher-kva.example");
	assert_from("From: a@example.org, b@EXAMPLE.org\r\n", "example.org");
	assert_from("From: team: a@example.org, b@example.org;\r\n", "example.org");
	assert_from("From: a@example.org, b@example.net\r\n", "");
	assert_from("From: a@example.org\r\nFrom: a@example.org\r\n", "");
	assert_from("From: somebody\r\n", "");
	assert_from("From: a@example.org, somebody\r\n", "");
	assert_from("From:\r\n", "");
	assert_from("Sender: a@example.org\r\n", "");
}

static void
lines_of_the_field_are_short(void **state)
{
	struct dkim_sign *s;
	struct buf text, out;
	uint8_t hash[DKIM_KEY_HASH], signature[DKIM_KEY_SIGNATURE_MAX] = {0};
	struct slice rest;

	(void)state;
	buf_init(&text, 100000);
	for (unsigned i = 0; i < 199; i++)
		buf_put_str(&text, "Content-Transfer-Encoding: 7bit\r\n");
	buf_put_str(&text, "From: x@y.z\r\n\r\n");
	buf_put_u8(&text, 0);
	s = fed((const char *)text.p);
	buf_init(&out, DKIM_SIGN_FIELD_MAX);
	assert_int_equal(dkim_sign_begin(s, &as, &out, hash), ERR_OK);
	assert_int_equal(dkim_sign_end(slice_of(signature, sizeof signature), &out), ERR_OK);
	for (rest = buf_slice(&out); rest.n;
		rest = slice_from(rest, slice_find(rest, '\n') + 1))
		assert_true(slice_find(rest, '\n') <= 90);
	assert_int_equal(
		dkim_sign_end(slice_of(signature, sizeof signature + 1), &out), ERR_LIMIT);
	buf_fini(&text);
	buf_fini(&out);
	dkim_sign_free(s);
}

static void
a_full_buffer_and_a_header_without_end_are_told(void **state)
{
	struct dkim_sign *s = fed("From: x@y.z\r\n\r\n");
	uint8_t hash[DKIM_KEY_HASH];
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	assert_int_equal(dkim_sign_begin(s, &as, &out, hash), ERR_LIMIT);
	assert_int_equal(dkim_sign_end(SLICE_LIT("signature"), &out), ERR_LIMIT);
	buf_fini(&out);
	dkim_sign_free(s);
	s = dkim_sign_new();
	for (unsigned i = 0; i < 201; i++)
		dkim_sign_feed(s, SLICE_LIT("To: x\r\n"));
	assert_int_equal(dkim_sign_finish(s), ERR_LIMIT);
	dkim_sign_free(s);
}

static void
selectors_are_labels(void **state)
{
	static const char *const good[] = {"a", "s1", "rsa-2026.mail", "A-b"};
	static const char *const bad[] = {"", ".", "a.", ".a", "a..b", "-a", "a-", "a_b", "a b",
		"a.-b", "a-.b", "\xc3\xbc",
		"1234567890123456789012345678901234567890123456789012345678901234"};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(dkim_sign_is_selector(slice_str(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(dkim_sign_is_selector(slice_str(bad[i])));
	assert_true(dkim_sign_is_selector(slice_from(slice_str(bad[12]), 1)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_ed25519_vector_of_rfc_8463_comes_out),
		cmocka_unit_test(the_rsa_vector_of_rfc_8463_comes_out),
		cmocka_unit_test(each_field_is_named_once_more_than_it_is_there),
		cmocka_unit_test(times_are_in_it_if_they_are_given),
		cmocka_unit_test(what_is_signed_is_what_readers_see),
		cmocka_unit_test(the_domain_of_the_one_from_is_told),
		cmocka_unit_test(lines_of_the_field_are_short),
		cmocka_unit_test(a_full_buffer_and_a_header_without_end_are_told),
		cmocka_unit_test(selectors_are_labels),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
