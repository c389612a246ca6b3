#include "crypto/cert_address.h"

#include "tests/pki.h"
#include "tests/test.h"

/* Is a certificate with these names for this address? */
static bool
is(struct pki_how how, const char *address)
{
	struct pki c;
	bool answer;

	pki_make(&c, &how);
	answer = cert_address_is(c.der, slice_str(address));
	pki_free(&c);
	return answer;
}

static bool
is_in(const char *san, const char *address)
{
	return is((struct pki_how){.san = san}, address);
}

static void
the_local_part_s_case_counts_the_domain_s_does_not(void **state)
{
	(void)state;
	assert_true(is_in("email:ann@example.org", "ann@example.org"));
	assert_true(is_in("email:ann@example.org", "ann@EXAMPLE.org"));
	assert_true(is_in("email:ann@Example.ORG", "ann@example.org"));
	assert_false(is_in("email:ann@example.org", "Ann@example.org"));
	assert_false(is_in("email:ann@example.org", "bob@example.org"));
	assert_false(is_in("email:ann@example.org", "ann@example.net"));
	assert_false(is_in("email:ann@example.org", "ann@sub.example.org"));
}

static void
each_of_the_names_counts(void **state)
{
	const char *san = "email:ann@example.org,DNS:example.net,email:a.n@example.net";

	(void)state;
	assert_true(is_in(san, "ann@example.org"));
	assert_true(is_in(san, "a.n@example.net"));
	assert_false(is_in(san, "example.net"));
	assert_false(is_in(san, "ann@example.net"));
}

/* A certificate whose subject says ann@example.org, too, with an rfc822Name of any octets. */
static bool
is_raw(struct slice name, const char *address)
{
	struct pki c;
	uint8_t *p = NULL;
	GENERAL_NAMES *all = sk_GENERAL_NAME_new_null();
	GENERAL_NAME *one = GENERAL_NAME_new();
	ASN1_STRING *string = ASN1_STRING_type_new(V_ASN1_IA5STRING);
	bool answer;
	int n;

	pki_make(&c, &(struct pki_how){.email = "ann@example.org"});
	ASN1_STRING_set(string, name.p, (int)name.n);
	GENERAL_NAME_set0_value(one, GEN_EMAIL, string);
	sk_GENERAL_NAME_push(all, one);
	must(X509_add1_ext_i2d(c.cert, NID_subject_alt_name, all, 0, 0) == 1);
	must(X509_sign(c.cert, c.key, EVP_sha256()) > 0);
	n = i2d_X509(c.cert, &p);
	answer = cert_address_is(slice_of(p, (size_t)n), slice_str(address));
	OPENSSL_free(p);
	GENERAL_NAMES_free(all);
	pki_free(&c);
	return answer;
}

static void
quotes_are_no_part_of_a_name(void **state)
{
	struct slice strange = SLICE_LIT("\"ann@example.org\"@example.net");

	(void)state;
	assert_true(is_raw(SLICE_LIT("\"ann\"@example.org"), "ann@example.org"));
	assert_false(is_raw(strange, "ann@example.org"));
	assert_true(is_raw(strange, "\"ann@example.org\"@example.net"));
}

static void
there_are_no_wildcards(void **state)
{
	(void)state;
	assert_false(is_in("email:*@example.org", "ann@example.org"));
	assert_false(is_in("email:ann@*.example.org", "ann@sub.example.org"));
	assert_false(is_in("email:example.org", "ann@example.org"));
	assert_false(is_in("email:.example.org", "ann@example.org"));
	assert_false(is_in("email:@example.org", "ann@example.org"));
	assert_false(is_in("DNS:example.org", "ann@example.org"));
	assert_false(is_in("URI:mailto:ann@example.org", "ann@example.org"));
}

static void
a_nul_inside_is_no_end(void **state)
{
	(void)state;
	assert_true(is_raw(SLICE_LIT("ann@example.org"), "ann@example.org"));
	assert_false(is_raw(SLICE_LIT("ann@example.org\0.evil.net"), "ann@example.org"));
	assert_false(is_raw(SLICE_LIT("ann@example.org\0"), "ann@example.org"));
	assert_false(is_raw(SLICE_LIT("ann@example.org "), "ann@example.org"));
	assert_false(is_raw(SLICE_LIT("<ann@example.org>"), "ann@example.org"));
	assert_false(is_raw(SLICE_LIT("ann@example.org,bob@example.org"), "ann@example.org"));
	assert_false(is_raw(SLICE_EMPTY, "ann@example.org"));
	/* RFC 9598: other letters have a name of their own. */
	assert_false(is_raw(SLICE_LIT("\xc3\xa4nn@example.org"), "\xc3\xa4nn@example.org"));
}

/* The values of a SAN are Latin-1 here, the certificate has UTF-8. */
#define UTF8_MAILBOX "otherName:1.3.6.1.5.5.7.8.9;"
#define BUECHER "b\303\274cher.example"

static void
utf8_mailboxes_count(void **state)
{
	const char *address = "\303\244nn@example.org";

	(void)state;
	assert_true(is_in(UTF8_MAILBOX "UTF8:\344nn@example.org", address));
	assert_false(is_in(UTF8_MAILBOX "UTF8:\344nn@example.org", "ann@example.org"));
	assert_false(is_in(UTF8_MAILBOX "IA5:ann@example.org", "ann@example.org"));
	assert_false(is_in("otherName:1.3.6.1.5.5.7.8.8;UTF8:\344nn@example.org", address));
}

static void
a_domain_s_labels_are_the_same_in_both_forms(void **state)
{
	(void)state;
	assert_true(is_in("email:ann@xn--bcher-kva.example", "ann@" BUECHER));
	assert_true(is_in("email:ann@XN--Bcher-KVA.example", "ann@xn--bcher-kva.example"));
	assert_true(is_in(
		UTF8_MAILBOX "UTF8:\344@b\374cher.example", "\303\244@xn--bcher-kva.example"));
	assert_true(is_in(UTF8_MAILBOX "UTF8:\344@xn--bcher-kva.example", "\303\244@" BUECHER));
	assert_false(is_in("email:ann@bucher.example", "ann@" BUECHER));
}

static void
the_subject_counts_only_without_other_names(void **state)
{
	struct pki_how how = {.email = "ann@example.org"};

	(void)state;
	assert_true(is(how, "ann@example.org"));
	assert_true(is(how, "ann@Example.org"));
	assert_false(is(how, "Ann@example.org"));
	how.san = "DNS:example.org";
	assert_false(is(how, "ann@example.org"));
	how.san = "email:bob@example.org";
	assert_false(is(how, "ann@example.org"));
	assert_true(is(how, "bob@example.org"));
	how = (struct pki_how){.name = "ann@example.org"};
	assert_false(is(how, "ann@example.org"));
}

static void
names_that_can_not_be_read_are_not_none(void **state)
{
	struct pki c;
	uint8_t *p = NULL;
	ASN1_OCTET_STRING *bad = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext;
	int n;

	(void)state;
	pki_make(&c, &(struct pki_how){.email = "ann@example.org"});
	ASN1_STRING_set(bad, "\x30\x7f", 2);
	ext = X509_EXTENSION_create_by_NID(NULL, NID_subject_alt_name, 0, bad);
	X509_add_ext(c.cert, ext, -1);
	must(X509_sign(c.cert, c.key, EVP_sha256()) > 0);
	n = i2d_X509(c.cert, &p);
	assert_false(cert_address_is(slice_of(p, (size_t)n), SLICE_LIT("ann@example.org")));
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(bad);
	OPENSSL_free(p);
	pki_free(&c);
}

static void
they_can_be_listed_up_to_a_limit(void **state)
{
	struct slice name[CERT_ADDRESS_MAX];
	struct buf san;
	struct arena a;
	struct pki c;

	(void)state;
	arena_init(&a, 0);
	buf_init(&san, 4096);
	for (int i = 0; i < CERT_ADDRESS_MAX + 1; i++)
		buf_printf(&san, "%semail:a%d@Example.org", i ? "," : "", i);
	buf_put_u8(&san, 0);
	pki_make(&c, &(struct pki_how){.san = (const char *)san.p});
	assert_int_equal(cert_address_list(c.der, &a, name), CERT_ADDRESS_MAX);
	assert_slice(name[0], "a0@Example.org");
	assert_true(cert_address_is(c.der, SLICE_LIT("a63@example.org")));
	assert_false(cert_address_is(c.der, SLICE_LIT("a64@example.org")));
	pki_free(&c);
	buf_fini(&san);
	arena_reset(&a);
}

static void
rubbish_is_nobody_s(void **state)
{
	(void)state;
	assert_false(cert_address_is(SLICE_LIT("rubbish"), SLICE_LIT("ann@example.org")));
	assert_false(cert_address_is(SLICE_EMPTY, SLICE_LIT("ann@example.org")));
	assert_false(is_in("email:ann@example.org", "ann"));
	assert_false(is_in("email:ann@example.org", "<ann@example.org>"));
	assert_false(is_in("email:ann@example.org", "ann@example.org "));
	assert_false(is_in("email:ann@example.org", ""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_local_part_s_case_counts_the_domain_s_does_not),
		cmocka_unit_test(each_of_the_names_counts),
		cmocka_unit_test(quotes_are_no_part_of_a_name),
		cmocka_unit_test(there_are_no_wildcards),
		cmocka_unit_test(a_nul_inside_is_no_end),
		cmocka_unit_test(utf8_mailboxes_count),
		cmocka_unit_test(a_domain_s_labels_are_the_same_in_both_forms),
		cmocka_unit_test(the_subject_counts_only_without_other_names),
		cmocka_unit_test(names_that_can_not_be_read_are_not_none),
		cmocka_unit_test(they_can_be_listed_up_to_a_limit),
		cmocka_unit_test(rubbish_is_nobody_s),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
