#include "crypto/cert_status.h"

#include <openssl/ocsp.h>

#include "tests/pki.h"
#include "tests/test.h"

#define URL "http://ca.test/1.crl"

static struct pki root, other, ann, bob, middle;

static int
set_up(void **state)
{
	(void)state;
	pki_authority(&root, "root", NULL);
	pki_authority(&other, "other", NULL);
	pki_make(&ann, &(struct pki_how){.by = &root});
	pki_make(&bob, &(struct pki_how){.by = &root});
	pki_authority(&middle, "middle", &root);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	pki_free(&root);
	pki_free(&other);
	pki_free(&ann);
	pki_free(&bob);
	pki_free(&middle);
	return 0;
}

/* What isn't set is as it should be: of root, revoking ann. */
struct how {
	const struct pki *named, *signer; /* issuer; whose key */
	int from_sec, to_sec;		  /* from now on; to_sec -1: none; 0: in a day */
	int reason;
	const EVP_MD *digest;
	const char *point; /* IDP, as openssl.cnf has it */
	int extension;	   /* NID of a further one, critical */
	bool revokes_nobody;
};

static void
put_point(X509_CRL *crl, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	if (!value)
		return;
	X509V3_set_ctx(&ctx, root.cert, NULL, NULL, crl, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, NID_issuing_distribution_point, value);
	must(ext && X509_CRL_add_ext(crl, ext, -1) == 1);
	X509_EXTENSION_free(ext);
}

static void
put_critical(X509_CRL *crl, int nid)
{
	ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext;

	must(octets && ASN1_OCTET_STRING_set(octets, (const uint8_t *)"\x02\x01\x01", 3));
	ext = X509_EXTENSION_create_by_NID(NULL, nid, 1, octets);
	must(ext && X509_CRL_add_ext(crl, ext, -1) == 1);
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(octets);
}

static void
put_entry(X509_CRL *crl, int reason)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_ENUMERATED *number = ASN1_ENUMERATED_new();
	time_t now = (time_t)PKI_NOW;
	ASN1_TIME *at = X509_time_adj_ex(NULL, -3, 0, &now);

	must(entry && number && at);
	X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(ann.cert));
	X509_REVOKED_set_revocationDate(entry, at);
	if (reason) {
		ASN1_ENUMERATED_set(number, reason);
		X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, number, 0, 0);
	}
	X509_CRL_add0_revoked(crl, entry);
	ASN1_ENUMERATED_free(number);
	ASN1_TIME_free(at);
}

static struct slice
make_list(const struct how *h)
{
	X509_CRL *crl = X509_CRL_new();
	time_t now = (time_t)PKI_NOW;
	ASN1_TIME *from = X509_time_adj_ex(NULL, 0, h->from_sec ? h->from_sec : -60, &now);
	ASN1_TIME *to = X509_time_adj_ex(NULL, 0, h->to_sec ? h->to_sec : 86400, &now);
	const struct pki *named = h->named ? h->named : &root;
	uint8_t *der = NULL;
	int n;

	X509_CRL_set_version(crl, 1);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(named->cert));
	X509_CRL_set1_lastUpdate(crl, from);
	if (h->to_sec != -1)
		X509_CRL_set1_nextUpdate(crl, to);
	if (!h->revokes_nobody)
		put_entry(crl, h->reason);
	put_point(crl, h->point);
	if (h->extension)
		put_critical(crl, h->extension);
	must(X509_CRL_sign(crl, (h->signer ? h->signer : named)->key,
		     h->digest ? h->digest : EVP_sha256()) > 0);
	n = i2d_X509_CRL(crl, &der);
	must(n > 0);
	X509_CRL_free(crl);
	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
	return slice_of(der, (size_t)n);
}

struct world {
	struct cert_status_question q;
	struct cert_status_known known[3]; /* ann, bob, middle */
	struct cert_status_answer out;
};

static struct slice
serial_of(const struct pki *c)
{
	const ASN1_INTEGER *s = X509_get0_serialNumber(c->cert);

	return slice_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
}

static enum err
read_octets(struct world *w, struct slice octets)
{
	*w = (struct world){.q = {.octets = octets,
				    .issuer = root.der,
				    .url = SLICE_LIT(URL),
				    .now_sec = PKI_NOW,
				    .known = w->known,
				    .n = 3}};
	w->q.known = w->known;
	w->known[0].serial = serial_of(&ann);
	w->known[1].serial = serial_of(&bob);
	w->known[2] = (struct cert_status_known){
		.serial = serial_of(&middle), .is_authority = true};
	return cert_status_read(&w->q, &w->out);
}

static enum err
read_list(struct world *w, struct how how)
{
	struct slice der = make_list(&how);
	enum err e = read_octets(w, der);

	OPENSSL_free((uint8_t *)(uintptr_t)der.p);
	assert_int_equal(ERR_peek_error(), 0);
	if (e)
		for (size_t i = 0; i < 3; i++)
			assert_int_equal(w->known[i].says, CERT_STATUS_NOTHING);
	assert_int_equal(e != ERR_OK, w->out.why[0] != '\0');
	return e;
}

static void
a_list_of_the_issuer_says_who_is_revoked_since_when(void **state)
{
	struct world w;

	(void)state;
	assert_int_equal(read_list(&w, (struct how){.reason = 1}), ERR_OK);
	assert_int_equal(w.known[0].says, CERT_STATUS_REVOKED);
	assert_int_equal(w.known[0].reason, 1);
	assert_int_equal(w.known[0].since_sec, PKI_NOW - 3 * (uint64_t)PKI_DAY);
	assert_int_equal(w.known[1].says, CERT_STATUS_GOOD);
	assert_int_equal(w.known[2].says, CERT_STATUS_GOOD);
	assert_int_equal(w.out.this_sec, PKI_NOW - 60);
	assert_int_equal(w.out.next_sec, PKI_NOW + 86400);
	assert_int_equal(read_list(&w, (struct how){.reason = CERT_STATUS_HOLD}), ERR_OK);
	assert_int_equal(w.known[0].says, CERT_STATUS_REVOKED);
	assert_int_equal(w.known[0].reason, CERT_STATUS_HOLD);
	/* removeFromCRL */
	assert_int_equal(read_list(&w, (struct how){.reason = 8}), ERR_OK);
	assert_int_equal(w.known[0].says, CERT_STATUS_GOOD);
	assert_int_equal(read_list(&w, (struct how){.revokes_nobody = true}), ERR_OK);
	assert_int_equal(w.known[0].says, CERT_STATUS_GOOD);
	assert_int_equal(w.known[0].since_sec, 0);
}

static void
a_list_of_somebody_else_says_nothing(void **state)
{
	struct world w;

	(void)state;
	assert_int_equal(read_list(&w, (struct how){.signer = &other}), ERR_DENIED);
	assert_int_equal(read_list(&w, (struct how){.named = &other}), ERR_DENIED);
	assert_int_equal(
		read_list(&w, (struct how){.named = &other, .signer = &root}), ERR_DENIED);
	assert_int_equal(read_list(&w, (struct how){.digest = EVP_sha1()}), ERR_DENIED);
	assert_int_equal(read_list(&w, (struct how){.digest = EVP_sha384()}), ERR_OK);
}

static void
an_issuer_that_may_not_sign_lists_says_nothing(void **state)
{
	struct how how = {.named = NULL};
	struct slice der;
	struct world w;
	struct pki c;

	(void)state;
	pki_make(&c, &(struct pki_how){.name = "root",
			     .same = &root,
			     .basic = "critical,CA:TRUE",
			     .usage = "critical,keyCertSign"});
	der = make_list(&how);
	assert_int_equal(read_octets(&w, der), ERR_OK);
	w.q.issuer = c.der;
	assert_int_equal(cert_status_read(&w.q, &w.out), ERR_DENIED);
	w.q.issuer = SLICE_LIT("x");
	assert_int_equal(cert_status_read(&w.q, &w.out), ERR_SYNTAX);
	OPENSSL_free((uint8_t *)(uintptr_t)der.p);
	pki_free(&c);
}

static void
a_list_past_its_time_only_says_who_is_revoked(void **state)
{
	struct world w;

	(void)state;
	assert_int_equal(
		read_list(&w, (struct how){.from_sec = -2 * 86400, .to_sec = -60}), ERR_OK);
	assert_int_equal(w.known[0].says, CERT_STATUS_REVOKED);
	assert_int_equal(w.known[1].says, CERT_STATUS_NOTHING);
	/* nextUpdate is in this second, and in the next one. */
	assert_int_equal(read_list(&w, (struct how){.to_sec = 1}), ERR_OK);
	assert_int_equal(w.known[1].says, CERT_STATUS_GOOD);
	w.q.octets = SLICE_EMPTY;
	/* Without one: a day. */
	assert_int_equal(read_list(&w, (struct how){.from_sec = -86399, .to_sec = -1}), ERR_OK);
	assert_int_equal(w.known[1].says, CERT_STATUS_GOOD);
	assert_int_equal(w.out.next_sec, PKI_NOW + 1);
	assert_int_equal(read_list(&w, (struct how){.from_sec = -86400, .to_sec = -1}), ERR_OK);
	assert_int_equal(w.known[0].says, CERT_STATUS_REVOKED);
	assert_int_equal(w.known[1].says, CERT_STATUS_NOTHING);
}

static void
a_list_of_the_future_says_nothing(void **state)
{
	struct world w;

	(void)state;
	assert_int_equal(read_list(&w, (struct how){.from_sec = CERT_STATUS_SKEW_SEC}), ERR_OK);
	assert_int_equal(
		read_list(&w, (struct how){.from_sec = CERT_STATUS_SKEW_SEC + 1}), ERR_STALE);
}

static void
a_list_of_another_kind_is_not_read(void **state)
{
	struct world w;

	(void)state;
	assert_int_equal(
		read_list(&w, (struct how){.extension = NID_delta_crl}), ERR_UNSUPPORTED);
	assert_int_equal(read_list(&w, (struct how){.extension = NID_netscape_comment}),
		ERR_UNSUPPORTED);
	assert_int_equal(read_list(&w, (struct how){.point = "critical,indirectCRL:TRUE"}),
		ERR_UNSUPPORTED);
	assert_int_equal(
		read_list(&w, (struct how){.point = "critical,onlyAA:TRUE"}), ERR_UNSUPPORTED);
	assert_int_equal(
		read_list(&w, (struct how){.point = "critical,onlysomereasons:keyCompromise"}),
		ERR_UNSUPPORTED);
}

static void
a_list_for_one_address_counts_from_there_alone(void **state)
{
	struct world w;

	(void)state;
	assert_int_equal(
		read_list(&w, (struct how){.point = "critical,fullname:URI:" URL}), ERR_OK);
	assert_int_equal(w.known[1].says, CERT_STATUS_GOOD);
	assert_int_equal(read_list(&w, (struct how){.point = "critical,fullname:URI:" URL "2"}),
		ERR_DENIED);
}

static void
a_list_for_users_or_authorities_says_nothing_of_the_others(void **state)
{
	struct world w;

	(void)state;
	assert_int_equal(
		read_list(&w, (struct how){.point = "critical,onlyuser:TRUE"}), ERR_OK);
	assert_int_equal(w.known[0].says, CERT_STATUS_REVOKED);
	assert_int_equal(w.known[1].says, CERT_STATUS_GOOD);
	assert_int_equal(w.known[2].says, CERT_STATUS_NOTHING);
	assert_int_equal(read_list(&w, (struct how){.point = "critical,onlyCA:TRUE"}), ERR_OK);
	assert_int_equal(w.known[0].says, CERT_STATUS_NOTHING);
	assert_int_equal(w.known[2].says, CERT_STATUS_GOOD);
}

static void
what_is_no_list_is_refused(void **state)
{
	struct slice der = make_list(&(struct how){.reason = 1});
	uint8_t *bent = must_alloc(CERT_STATUS_LIST_MAX + 1);
	struct world w;

	(void)state;
	for (size_t n = 0; n < der.n; n++)
		assert_int_equal(read_octets(&w, slice_cut(der, 0, n)), ERR_SYNTAX);
	memcpy(bent, der.p, der.n);
	bent[der.n] = 0;
	assert_int_equal(read_octets(&w, slice_of(bent, der.n + 1)), ERR_SYNTAX);
	for (size_t i = 0; i < der.n; i++) {
		bent[i] ^= 0x10;
		assert_int_not_equal(read_octets(&w, slice_of(bent, der.n)), ERR_OK);
		bent[i] ^= 0x10;
	}
	memset(bent, 0x30, CERT_STATUS_LIST_MAX + 1);
	assert_int_equal(read_octets(&w, slice_of(bent, CERT_STATUS_LIST_MAX)), ERR_SYNTAX);
	assert_string_equal(w.out.why, "not a list");
	assert_int_equal(read_octets(&w, slice_of(bent, CERT_STATUS_LIST_MAX + 1)), ERR_SYNTAX);
	assert_string_equal(w.out.why, "it is too large");
	free(bent);
	OPENSSL_free((uint8_t *)(uintptr_t)der.p);
}

/* --- OCSP --- */

struct answer {
	int says; /* V_OCSP_CERTSTATUS_ */
	int reason, from_sec, to_sec;
	const struct pki *about, *of; /* none: ann, root */
	const struct pki *signer;     /* none: root */
	const EVP_MD *digest;
	int response; /* 0: successful */
};

static struct slice
make_answer(const struct answer *h)
{
	OCSP_BASICRESP *b = OCSP_BASICRESP_new();
	time_t now = (time_t)PKI_NOW;
	ASN1_TIME *from = X509_time_adj_ex(NULL, 0, h->from_sec ? h->from_sec : -60, &now);
	ASN1_TIME *to = X509_time_adj_ex(NULL, 0, h->to_sec ? h->to_sec : 3600, &now);
	ASN1_TIME *since = X509_time_adj_ex(NULL, -3, 0, &now);
	const struct pki *signer = h->signer ? h->signer : &root;
	const struct pki *about = h->about ? h->about : &ann, *of = h->of ? h->of : &root;
	OCSP_CERTID *id = OCSP_cert_id_new(EVP_sha1(), X509_get_subject_name(of->cert),
		X509_get0_pubkey_bitstr(of->cert), X509_get0_serialNumber(about->cert));
	OCSP_RESPONSE *answer;
	uint8_t *der = NULL;
	int n;

	must(b && from && to && since && id);
	must(OCSP_basic_add1_status(b, id, h->says, h->reason, since, from,
		     h->to_sec == -1 ? NULL : to) != NULL);
	must(OCSP_basic_sign(b, signer->cert, signer->key, h->digest ? h->digest : EVP_sha256(),
		     NULL, 0) == 1);
	answer = OCSP_response_create(h->response, h->response ? NULL : b);
	n = i2d_OCSP_RESPONSE(answer, &der);
	must(n > 0);
	OCSP_RESPONSE_free(answer);
	OCSP_BASICRESP_free(b);
	OCSP_CERTID_free(id);
	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
	ASN1_TIME_free(since);
	return slice_of(der, (size_t)n);
}

static enum err
ask(struct world *w, struct answer how)
{
	struct slice der = make_answer(&how);
	enum err e;

	(void)read_octets(w, der);
	w->q.is_ocsp = true;
	w->q.n = 1;
	e = cert_status_read(&w->q, &w->out);
	OPENSSL_free((uint8_t *)(uintptr_t)der.p);
	assert_int_equal(ERR_peek_error(), 0);
	assert_int_equal(e != ERR_OK, w->out.why[0] != '\0');
	assert_true(!e || w->known[0].says == CERT_STATUS_NOTHING);
	return e;
}

static void
an_answer_of_the_issuer_counts(void **state)
{
	struct world w;

	(void)state;
	assert_int_equal(ask(&w, (struct answer){.says = V_OCSP_CERTSTATUS_GOOD}), ERR_OK);
	assert_int_equal(w.known[0].says, CERT_STATUS_GOOD);
	assert_int_equal(w.out.next_sec, PKI_NOW + 3600);
	assert_int_equal(
		ask(&w, (struct answer){.says = V_OCSP_CERTSTATUS_REVOKED, .reason = 1}),
		ERR_OK);
	assert_int_equal(w.known[0].says, CERT_STATUS_REVOKED);
	assert_int_equal(w.known[0].reason, 1);
	assert_int_equal(w.known[0].since_sec, PKI_NOW - 3 * (uint64_t)PKI_DAY);
	assert_int_equal(ask(&w, (struct answer){.says = V_OCSP_CERTSTATUS_UNKNOWN}), ERR_OK);
	assert_int_equal(w.known[0].says, CERT_STATUS_NOTHING);
	/* Past its time, of the future, without a time. */
	assert_int_equal(ask(&w, (struct answer){.to_sec = -1, .from_sec = -86400}), ERR_OK);
	assert_int_equal(w.known[0].says, CERT_STATUS_NOTHING);
	assert_int_equal(ask(&w, (struct answer){.to_sec = -2}), ERR_OK);
	assert_int_equal(w.known[0].says, CERT_STATUS_NOTHING);
	assert_int_equal(ask(&w, (struct answer){.from_sec = 3601, .to_sec = 7200}), ERR_STALE);
}

static void
an_answer_of_somebody_else_or_about_another_one_does_not(void **state)
{
	struct world w;

	(void)state;
	assert_int_equal(ask(&w, (struct answer){.signer = &other}), ERR_DENIED);
	assert_int_equal(ask(&w, (struct answer){.signer = &bob}), ERR_DENIED);
	assert_int_equal(ask(&w, (struct answer){.digest = EVP_sha1()}), ERR_DENIED);
	assert_int_equal(ask(&w, (struct answer){.about = &bob}), ERR_SYNTAX);
	assert_int_equal(ask(&w, (struct answer){.of = &other}), ERR_SYNTAX);
	assert_int_equal(ask(&w, (struct answer){.response = OCSP_RESPONSE_STATUS_TRYLATER}),
		ERR_UNAVAILABLE);
	assert_string_equal(w.out.why, "trylater");
}

static enum err
ask_delegate(struct world *w, struct pki_how how)
{
	struct pki c;
	enum err e;

	pki_make(&c, &how);
	e = ask(w, (struct answer){.signer = &c});
	pki_free(&c);
	return e;
}

static void
an_answer_of_whom_the_issuer_gave_the_right_to_counts(void **state)
{
	struct world w;

	(void)state;
	assert_int_equal(
		ask_delegate(&w, (struct pki_how){.by = &root, .extended = "OCSPSigning"}),
		ERR_OK);
	assert_int_equal(w.known[0].says, CERT_STATUS_GOOD);
	assert_int_equal(
		ask_delegate(&w, (struct pki_how){.by = &other, .extended = "OCSPSigning"}),
		ERR_DENIED);
	assert_int_equal(
		ask_delegate(&w, (struct pki_how){.by = &middle, .extended = "OCSPSigning"}),
		ERR_DENIED);
	assert_int_equal(ask_delegate(&w, (struct pki_how){.by = &root,
						  .extended = "anyExtendedKeyUsage"}),
		ERR_DENIED);
	assert_int_equal(ask_delegate(&w, (struct pki_how){.by = &root}), ERR_DENIED);
	assert_int_equal(ask_delegate(&w, (struct pki_how){.by = &root,
						  .extended = "OCSPSigning",
						  .from_days = -9,
						  .to_days = -1}),
		ERR_DENIED);
	assert_int_equal(ask_delegate(&w, (struct pki_how){.by = &root,
						  .extended = "OCSPSigning",
						  .digest = EVP_sha1()}),
		ERR_DENIED);
}

static void
what_is_no_answer_is_refused(void **state)
{
	struct slice der = make_answer(&(struct answer){.says = V_OCSP_CERTSTATUS_GOOD});
	struct world w;

	(void)state;
	for (size_t n = 0; n < der.n; n++) {
		(void)read_octets(&w, slice_cut(der, 0, n));
		w.q.is_ocsp = true;
		w.q.n = 1;
		assert_int_not_equal(cert_status_read(&w.q, &w.out), ERR_OK);
	}
	OPENSSL_free((uint8_t *)(uintptr_t)der.p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_of_the_issuer_says_who_is_revoked_since_when),
		cmocka_unit_test(a_list_of_somebody_else_says_nothing),
		cmocka_unit_test(an_issuer_that_may_not_sign_lists_says_nothing),
		cmocka_unit_test(a_list_past_its_time_only_says_who_is_revoked),
		cmocka_unit_test(a_list_of_the_future_says_nothing),
		cmocka_unit_test(a_list_of_another_kind_is_not_read),
		cmocka_unit_test(a_list_for_one_address_counts_from_there_alone),
		cmocka_unit_test(a_list_for_users_or_authorities_says_nothing_of_the_others),
		cmocka_unit_test(what_is_no_list_is_refused),
		cmocka_unit_test(an_answer_of_the_issuer_counts),
		cmocka_unit_test(an_answer_of_somebody_else_or_about_another_one_does_not),
		cmocka_unit_test(an_answer_of_whom_the_issuer_gave_the_right_to_counts),
		cmocka_unit_test(what_is_no_answer_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
