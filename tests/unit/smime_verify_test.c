#include "crypto/smime_verify.h"

#include "tests/signed.h"

#define ANN "email:ann@example.org"
static const struct slice text = SLICE_LIT("Content-Type: text/plain\r\n\r\nHello.\r\n");

static struct pki root, middle, ann, rsa, ed, p384;

static int
set_up(void **state)
{
	struct pki_how how = {.by = &middle, .san = ANN, .usage = "digitalSignature"};

	(void)state;
	pki_authority(&root, "root", NULL);
	pki_authority(&middle, "middle", &root);
	pki_make(&ann, &how);
	how.key = "RSA 2048";
	pki_make(&rsa, &how);
	how.key = "ED25519";
	pki_make(&ed, &how);
	how.key = "P-384";
	pki_make(&p384, &how);
	return 0;
}

static int
tear_down(void **state)
{
	struct pki *all[] = {&root, &middle, &ann, &rsa, &ed, &p384};

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		pki_free(all[i]);
	return 0;
}

/* --- looking ---------------------------------------------------------------------------- */

static Gateway__Question q;
static ProtobufCBinaryData anchors[2], crls[1];
static Gateway__Verdict verdict, *verdicts[1];

static void
begin(void)
{
	gateway__question__init(&q);
	gateway__verdict__init(&verdict);
	q.now_sec = PKI_NOW;
	q.anchor = anchors;
	q.crl = crls;
	q.verdict = verdicts;
	verdicts[0] = &verdict;
	anchors[0] = codec_bytes(root.der);
	q.n_anchor = 1;
}

static void
believe(const struct pki *whom, bool blocked)
{
	static uint8_t hash[32];

	X509_digest(whom->cert, EVP_sha256(), hash, NULL);
	verdict.sha256 = codec_bytes(slice_of(hash, 32));
	verdict.blocked = blocked;
	q.n_verdict = 1;
}

/* Looked at whole and octet by octet. */
static void
look_at(struct signed_seen *s, const struct signed_data *d)
{
	struct signed_seen again;
	struct buf b;

	buf_init(&b, SIGNED_MAX);
	signed_put(&b, d);
	signed_look(s, &q, buf_slice(&b), d->is_opaque ? NULL : &d->text, SIGNED_MAX);
	signed_look(&again, &q, buf_slice(&b), d->is_opaque ? NULL : &d->text, 1);
	assert_int_equal(s->error, again.error);
	assert_int_equal(s->n, again.n);
	for (size_t i = 0; i < s->n; i++)
		assert_int_equal(s->signer[i].problem, again.signer[i].problem);
	assert_true(slice_eq(buf_slice(&s->text), buf_slice(&again.text)));
	signed_forget(&again);
	buf_fini(&b);
}

/* One signer's problem, detached and opaque alike. */
static enum smime_problem
judge(struct signed_info info)
{
	struct signed_data d = {.info = &info, .infos = 1, .text = text, .certificates = 2};
	enum smime_problem p = SMIME_PROBLEM_COUNT;

	d.certificate[0] = info.named ? info.named : info.by;
	d.certificate[1] = &middle;
	for (int opaque = 0; opaque < 2; opaque++) {
		struct signed_seen s;

		d.is_opaque = opaque;
		look_at(&s, &d);
		assert_int_equal(s.error, ERR_OK);
		assert_int_equal(s.n, 1);
		if (opaque) {
			assert_int_equal(s.signer->problem, p);
			assert_true(slice_eq(buf_slice(&s.text), text));
		}
		p = s.signer->problem;
		signed_forget(&s);
	}
	return p;
}

/* --- good ones -------------------------------------------------------------------------- */

static void
each_kind_of_key_signs(void **state)
{
	(void)state;
	begin();
	assert_int_equal(judge((struct signed_info){.by = &ann}), SMIME_PROBLEM_NONE);
	assert_int_equal(judge((struct signed_info){.by = &ann, .has_key_id = true}),
		SMIME_PROBLEM_NONE);
	assert_int_equal(judge((struct signed_info){.by = &ann, .digest = NID_sha512}),
		SMIME_PROBLEM_NONE);
	assert_int_equal(judge((struct signed_info){.by = &p384, .digest = NID_sha384}),
		SMIME_PROBLEM_NONE);
	assert_int_equal(judge((struct signed_info){.by = &rsa}), SMIME_PROBLEM_NONE);
	assert_int_equal(
		judge((struct signed_info){.by = &rsa, .is_pss = true}), SMIME_PROBLEM_NONE);
	assert_int_equal(judge((struct signed_info){.by = &ed, .digest = NID_sha512}),
		SMIME_PROBLEM_NONE);
	assert_int_equal(judge((struct signed_info){.by = &rsa, .no_attributes = true}),
		SMIME_PROBLEM_NONE);
}

static void
what_is_known_of_a_signer_is_told(void **state)
{
	struct signed_info info = {.by = &rsa};
	struct signed_data d = {.info = &info, .infos = 1, .text = text, .certificates = 2};
	struct signed_seen s;
	struct buf more;

	(void)state;
	begin();
	buf_init(&more, 1000);
	cms_attributes_put(&more, cms_attributes_signing_time,
		SLICE_LIT("\x17\x0d"
			  "270115080000Z"));
	cms_attributes_put(&more, cms_attributes_capabilities, SLICE_LIT("\x30\x00"));
	info.more = buf_slice(&more);
	d.certificate[0] = &rsa;
	d.certificate[1] = &middle;
	look_at(&s, &d);
	assert_int_equal(s.signer->problem, SMIME_PROBLEM_NONE);
	assert_true(slice_eq(s.signer->certificate, rsa.der));
	assert_slice(s.signer->capabilities, "\x30\x00");
	assert_int_equal(s.signer->signed_sec, 1800000000);
	assert_string_equal(s.signer->key, "RSA 2048");
	assert_string_equal(s.signer->digest, "SHA-256");
	assert_int_equal(strlen(s.signer->sha256), 64);
	assert_false(s.signer->is_manual);
	/* It is for signatures only. */
	assert_false(s.signer->may_be_encrypted_to);
	assert_true(smime_signer_is(s.signer, SLICE_LIT("ann@EXAMPLE.org")));
	assert_false(smime_signer_is(s.signer, SLICE_LIT("bob@example.org")));
	signed_forget(&s);
	buf_fini(&more);
}

static void
attributes_are_hashed_as_der_however_they_come(void **state)
{
	struct signed_info info = {.by = &ann, .is_unsorted = true};

	(void)state;
	begin();
	assert_int_equal(judge(info), SMIME_PROBLEM_NONE);
	/* As OpenSSL and NSS forgive it. */
	info.signs_unsorted = true;
	assert_int_equal(judge(info), SMIME_PROBLEM_NONE);
	info.bent = true;
	assert_int_equal(judge(info), SMIME_PROBLEM_SIGNATURE);
}

static void
an_issuer_and_a_signer_may_be_known_already(void **state)
{
	struct signed_info info = {.by = &ann};
	struct signed_data d = {.info = &info, .infos = 1, .text = text};
	ProtobufCBinaryData known[2] = {codec_bytes(middle.der), codec_bytes(ann.der)};
	struct signed_seen s;

	(void)state;
	begin();
	q.intermediate = known;
	q.n_intermediate = 2;
	look_at(&s, &d);
	assert_int_equal(s.signer->problem, SMIME_PROBLEM_NONE);
	signed_forget(&s);
	q.n_intermediate = 1;
	look_at(&s, &d);
	assert_int_equal(s.signer->problem, SMIME_PROBLEM_NO_CERTIFICATE);
	assert_int_equal(s.signer->certificate.n, 0);
	assert_false(smime_signer_is(s.signer, SLICE_LIT("ann@example.org")));
	signed_forget(&s);
}

/* --- one test for each problem ----------------------------------------------------------- */

static void
a_changed_text_has_no_signature(void **state)
{
	struct signed_info info = {.by = &ann, .other_text = true};

	(void)state;
	begin();
	assert_int_equal(judge(info), SMIME_PROBLEM_SIGNATURE);
	info.no_attributes = true;
	assert_int_equal(judge(info), SMIME_PROBLEM_SIGNATURE);
	assert_int_equal(
		judge((struct signed_info){.by = &ann, .bent = true}), SMIME_PROBLEM_SIGNATURE);
	/* Somebody else's signature under her name. */
	assert_int_equal(judge((struct signed_info){.by = &ann, .named = &p384}),
		SMIME_PROBLEM_SIGNATURE);
	assert_int_equal(judge((struct signed_info){.by = &ann, .named = &rsa}),
		SMIME_PROBLEM_SIGNATURE);
}

static void
weak_and_unknown_algorithms_are_none(void **state)
{
	struct pki short_rsa;

	(void)state;
	begin();
	assert_int_equal(judge((struct signed_info){.by = &ann, .digest = NID_sha1}),
		SMIME_PROBLEM_ALGORITHM);
	assert_int_equal(judge((struct signed_info){.by = &rsa, .digest = NID_md5}),
		SMIME_PROBLEM_ALGORITHM);
	assert_int_equal(judge((struct signed_info){.by = &ann, .digest = NID_sha224}),
		SMIME_PROBLEM_ALGORITHM);
	/* RSASSA-PSS that doesn't say its digest means SHA-1. */
	assert_int_equal(judge((struct signed_info){.by = &rsa,
				 .is_pss = true,
				 .algorithm = SLICE_LIT(
					 "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"
					 "\x30\x00")}),
		SMIME_PROBLEM_ALGORITHM);
	assert_int_equal(
		judge((struct signed_info){.by = &rsa,
			.is_pss = true,
			.algorithm = SLICE_LIT(
				"\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a")}),
		SMIME_PROBLEM_ALGORITHM);
	/* ecdsa-with-SHA1, and another digest than the one beside it. */
	assert_int_equal(judge((struct signed_info){.by = &ann,
				 .algorithm = SLICE_LIT(
					 "\x30\x09\x06\x07\x2a\x86\x48\xce\x3d\x04\x01")}),
		SMIME_PROBLEM_ALGORITHM);
	assert_int_equal(judge((struct signed_info){.by = &ann,
				 .algorithm = SLICE_LIT(
					 "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03")}),
		SMIME_PROBLEM_ALGORITHM);
	/* RFC 8419: without attributes it is of the whole text, which isn't kept. */
	assert_int_equal(judge((struct signed_info){
				 .by = &ed, .digest = NID_sha512, .no_attributes = true}),
		SMIME_PROBLEM_ALGORITHM);
	pki_make(&short_rsa, &(struct pki_how){.by = &middle, .san = ANN, .key = "RSA 1024"});
	assert_int_equal(
		judge((struct signed_info){.by = &short_rsa}), SMIME_PROBLEM_ALGORITHM);
	pki_free(&short_rsa);
}

static enum smime_problem
judge_made(struct pki_how how)
{
	struct pki c;
	enum smime_problem p;

	how.by = how.by ? how.by : &middle;
	how.san = ANN;
	pki_make(&c, &how);
	p = judge((struct signed_info){.by = &c});
	pki_free(&c);
	return p;
}

static void
a_certificate_s_problems_are_the_signature_s(void **state)
{
	struct slice list = pki_crl(&middle, &ann, middle.key);

	(void)state;
	begin();
	believe(&ann, true);
	assert_int_equal(judge((struct signed_info){.by = &ann}), SMIME_PROBLEM_BLOCKED);
	begin();
	crls[0] = codec_bytes(list);
	q.n_crl = 1;
	assert_int_equal(judge((struct signed_info){.by = &ann}), SMIME_PROBLEM_REVOKED);
	begin();
	assert_int_equal(judge_made((struct pki_how){.from_days = -9, .to_days = -1}),
		SMIME_PROBLEM_EXPIRED);
	assert_int_equal(judge_made((struct pki_how){.from_days = 1, .to_days = 9}),
		SMIME_PROBLEM_EXPIRED);
	assert_int_equal(
		judge_made((struct pki_how){.extended = "serverAuth"}), SMIME_PROBLEM_PURPOSE);
	q.n_anchor = 0;
	assert_int_equal(judge((struct signed_info){.by = &ann}), SMIME_PROBLEM_CHAIN);
	believe(&ann, false);
	assert_int_equal(judge((struct signed_info){.by = &ann}), SMIME_PROBLEM_NONE);
	OPENSSL_free((uint8_t *)(uintptr_t)list.p);
}

static void
problems_have_words(void **state)
{
	(void)state;
	assert_string_equal(smime_problem_text(SMIME_PROBLEM_ADDRESS),
		"the certificate is for another address than From");
	for (int i = 0; i < SMIME_PROBLEM_COUNT; i++)
		assert_string_not_equal(smime_problem_text((enum smime_problem)i), "unknown");
}

/* --- attributes ------------------------------------------------------------------------- */

static void
type_and_digest_are_there_once_with_one_value(void **state)
{
	(void)state;
	begin();
	assert_int_equal(judge((struct signed_info){.by = &ann, .no_type = true}),
		SMIME_PROBLEM_SIGNATURE);
	assert_int_equal(judge((struct signed_info){.by = &ann, .no_digest = true}),
		SMIME_PROBLEM_SIGNATURE);
	assert_int_equal(judge((struct signed_info){.by = &ann, .two_types = true}),
		SMIME_PROBLEM_SIGNATURE);
	assert_int_equal(judge((struct signed_info){.by = &ann, .two_digests = true}),
		SMIME_PROBLEM_SIGNATURE);
	assert_int_equal(judge((struct signed_info){.by = &ann, .two_values = true}),
		SMIME_PROBLEM_SIGNATURE);
	assert_int_equal(judge((struct signed_info){.by = &ann, .other_type = true}),
		SMIME_PROBLEM_SIGNATURE);
}

static void
a_digest_in_pieces_is_hashed_in_one(void **state)
{
	(void)state;
	begin();
	/* Signed in pieces: not DER, but the octets that came. */
	assert_int_equal(judge((struct signed_info){.by = &ann,
				 .digest_in_pieces = true,
				 .is_unsorted = true,
				 .signs_unsorted = true}),
		SMIME_PROBLEM_NONE);
}

#define SHA256_ID "\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
#define SHA384_ID "\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02"
#define ECDSA_SHA256 "\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"

static void
protected_algorithms_are_the_ones_used(void **state)
{
	struct signed_info info = {.by = &ann};

	(void)state;
	begin();
	info.protection = SLICE_LIT("\x30\x19" SHA256_ID "\xa1\x0a" ECDSA_SHA256);
	assert_int_equal(judge(info), SMIME_PROBLEM_NONE);
	/* NULL for parameters that aren't there. */
	info.protection = SLICE_LIT("\x30\x1b" SHA256_ID "\xa1\x0c" ECDSA_SHA256 "\x05\x00");
	assert_int_equal(judge(info), SMIME_PROBLEM_NONE);
	info.protection = SLICE_LIT("\x30\x19" SHA384_ID "\xa1\x0a" ECDSA_SHA256);
	assert_int_equal(judge(info), SMIME_PROBLEM_SIGNATURE);
	info.protection = SLICE_LIT("\x30\x18" SHA256_ID "\xa1\x09"
				    "\x06\x07\x2a\x86\x48\xce\x3d\x04\x01");
	assert_int_equal(judge(info), SMIME_PROBLEM_SIGNATURE);
	/* [2] is a MAC's. */
	info.protection = SLICE_LIT("\x30\x19" SHA256_ID "\xa2\x0a" ECDSA_SHA256);
	assert_int_equal(judge(info), SMIME_PROBLEM_SIGNATURE);
	info.protection = SLICE_LIT("\x30\x00");
	assert_int_equal(judge(info), SMIME_PROBLEM_SIGNATURE);
	info.protection = SLICE_LIT("\x05\x00");
	assert_int_equal(judge(info), SMIME_PROBLEM_SIGNATURE);
}

static void
somebody_s_attributes_are_no_text(void **state)
{
	struct signed_info info = {.by = &rsa, .no_attributes = true};
	struct signed_data d = {
		.info = &info, .infos = 1, .certificates = 2, .is_opaque = true};
	struct signed_seen s;

	(void)state;
	begin();
	d.certificate[0] = &rsa;
	d.certificate[1] = &middle;
	d.text = SLICE_LIT("\x31\x02\x30\x00");
	look_at(&s, &d);
	assert_int_equal(s.signer->problem, SMIME_PROBLEM_SIGNATURE);
	signed_forget(&s);
}

static void
many_attributes_are_too_many(void **state)
{
	struct signed_info info = {.by = &ann};
	struct buf more;

	(void)state;
	begin();
	buf_init(&more, 10000);
	for (int i = 0; i < CMS_ATTRIBUTES_MAX - 2; i++)
		cms_attributes_put(&more, SLICE_LIT("\x2a\x03\x04"), SLICE_LIT("\x05\x00"));
	info.more = buf_slice(&more);
	assert_int_equal(judge(info), SMIME_PROBLEM_NONE);
	buf_fini(&more);
}

/* --- the layer --------------------------------------------------------------------------- */

static void
nobody_s_signature_is_no_signature(void **state)
{
	struct signed_data d = {.text = text, .certificates = 1, .certificate = {&ann}};
	struct signed_seen s;

	(void)state;
	begin();
	for (int opaque = 0; opaque < 2; opaque++) {
		d.is_opaque = opaque;
		look_at(&s, &d);
		assert_int_equal(s.error, ERR_OK);
		assert_int_equal(s.n, 0);
		signed_forget(&s);
	}
}

static void
each_signer_is_judged_by_itself_up_to_a_limit(void **state)
{
	struct signed_info info[SMIME_SIGNERS_MAX + 1];
	struct signed_data d = {.info = info, .infos = SMIME_SIGNERS_MAX, .text = text};
	struct signed_seen s;

	(void)state;
	begin();
	d.certificate[d.certificates++] = &ann;
	d.certificate[d.certificates++] = &middle;
	for (size_t i = 0; i < SMIME_SIGNERS_MAX + 1; i++)
		info[i] = (struct signed_info){
			.by = i % 3 == 1 ? &rsa : &ann, .bent = i % 3 == 2};
	for (d.is_opaque = false;; d.is_opaque = true) {
		look_at(&s, &d);
		assert_int_equal(s.n, SMIME_SIGNERS_MAX);
		for (size_t i = 0; i < s.n; i++)
			assert_int_equal(
				s.signer[i].problem, i % 3 == 0	  ? SMIME_PROBLEM_NONE
						     : i % 3 == 1 ? SMIME_PROBLEM_NO_CERTIFICATE
								  : SMIME_PROBLEM_SIGNATURE);
		signed_forget(&s);
		d.infos++;
		look_at(&s, &d);
		assert_int_equal(s.error, ERR_SYNTAX);
		signed_forget(&s);
		d.infos--;
		if (d.is_opaque)
			break;
	}
}

static void
certificates_are_counted(void **state)
{
	struct signed_info info = {.by = &ann};
	struct signed_data d = {.info = &info, .infos = 1, .text = text};
	struct signed_seen s;

	(void)state;
	begin();
	d.certificates = SMIME_CERTIFICATES_MAX;
	for (size_t i = 0; i < SMIME_CERTIFICATES_MAX + 1; i++)
		d.certificate[i] = i == 0 ? &ann : i == 1 ? &middle : &p384;
	look_at(&s, &d);
	assert_int_equal(s.signer->problem, SMIME_PROBLEM_NONE);
	signed_forget(&s);
	d.certificates++;
	look_at(&s, &d);
	assert_int_equal(s.error, ERR_SYNTAX);
	signed_forget(&s);
}

/* Two certificates with the same issuer and number: whichever comes first, the right one is
 * found. */
static void
a_look_alike_hides_nobody(void **state)
{
	struct signed_info info = {.by = &ann};
	struct signed_data d = {.info = &info, .infos = 1, .text = text, .certificates = 3};
	struct pki one, two;
	struct signed_seen s;

	(void)state;
	begin();
	pki_make(&one, &(struct pki_how){.by = &middle, .san = ANN, .serial = 77});
	pki_make(&two,
		&(struct pki_how){.by = &middle, .san = "email:eve@example.org", .serial = 77});
	info.by = &one;
	d.certificate[2] = &middle;
	for (int i = 0; i < 2; i++) {
		d.certificate[i] = &one;
		d.certificate[1 - i] = &two;
		look_at(&s, &d);
		assert_int_equal(s.signer->problem, SMIME_PROBLEM_NONE);
		assert_true(smime_signer_is(s.signer, SLICE_LIT("ann@example.org")));
		assert_false(smime_signer_is(s.signer, SLICE_LIT("eve@example.org")));
		signed_forget(&s);
	}
	pki_free(&one);
	pki_free(&two);
}

/* Eve got a certificate for Ann's key; RFC 5035's attribute says whose it was. */
static void
another_certificate_for_the_same_key_is_not_the_signer_s(void **state)
{
	struct signed_info info = {.by = &ann};
	uint8_t hash[32];
	struct pki eve;
	struct buf value, more;

	(void)state;
	begin();
	pki_make(&eve,
		&(struct pki_how){.by = &middle, .san = "email:eve@example.org", .same = &ann});
	buf_init(&value, 1000);
	buf_init(&more, 1000);
	X509_digest(ann.cert, EVP_sha256(), hash, NULL);
	cms_der_put(&value, CMS_DER_OCTET_STRING, slice_of(hash, sizeof hash));
	for (int i = 0; i < 3; i++)
		cms_der_wrap(&value, 0, CMS_DER_SEQUENCE);
	cms_attributes_put(&more, SLICE_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x2f"),
		buf_slice(&value));
	info.more = buf_slice(&more);
	assert_int_equal(judge(info), SMIME_PROBLEM_NONE);
	info.named = &eve;
	assert_int_equal(judge(info), SMIME_PROBLEM_SIGNATURE);
	info.more = SLICE_EMPTY;
	assert_int_equal(judge(info), SMIME_PROBLEM_NONE);
	buf_fini(&value);
	buf_fini(&more);
	pki_free(&eve);
}

static enum err
error_of(struct signed_data d, struct slice detached)
{
	struct signed_info info = {.by = &ann};
	struct signed_seen s;
	struct buf b;
	enum err e;

	d.info = &info;
	d.infos = 1;
	d.text = text;
	buf_init(&b, SIGNED_MAX);
	signed_put(&b, &d);
	signed_look(&s, &q, buf_slice(&b), detached.n ? &detached : NULL, SIGNED_MAX);
	e = s.error ? s.error : s.signer->problem ? ERR_CRYPTO : ERR_OK;
	signed_forget(&s);
	buf_fini(&b);
	return e;
}

static void
a_content_is_inside_or_outside_and_is_data(void **state)
{
	struct signed_data d = {
		.is_opaque = true, .certificates = 2, .certificate = {&ann, &middle}};

	(void)state;
	begin();
	assert_int_equal(error_of(d, SLICE_EMPTY), ERR_OK);
	assert_int_equal(error_of(d, text), ERR_SYNTAX);
	d.type = SLICE_LIT("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02");
	assert_int_equal(error_of(d, SLICE_EMPTY), ERR_SYNTAX);
	d.type = SLICE_EMPTY;
	d.is_opaque = false;
	assert_int_equal(error_of(d, text), ERR_OK);
	assert_int_equal(error_of(d, SLICE_LIT("x")), ERR_CRYPTO);
	/* As if the text were empty. */
	assert_int_equal(error_of(d, SLICE_EMPTY), ERR_CRYPTO);
}

static void
the_list_of_digests_may_say_anything(void **state)
{
	struct signed_data d = {
		.is_opaque = true, .certificates = 2, .certificate = {&ann, &middle}};

	(void)state;
	begin();
	d.digests = SLICE_LIT(
		"\x31\x0e\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x05\x00");
	assert_int_equal(error_of(d, SLICE_EMPTY), ERR_OK);
	d.digests = SLICE_LIT("\x31\x0d" SHA384_ID);
	assert_int_equal(error_of(d, SLICE_EMPTY), ERR_OK);
	d.digests = SLICE_LIT("\x31\x0d" SHA256_ID);
	assert_int_equal(error_of(d, SLICE_EMPTY), ERR_OK);
	d.digests = SLICE_LIT("\x31\x02\x05\x00");
	assert_int_equal(error_of(d, SLICE_EMPTY), ERR_OK);
}

static enum err
refuse(void *arg, struct slice octets)
{
	(void)arg;
	(void)octets;
	return ERR_FULL;
}

static void
a_full_room_is_told(void **state)
{
	struct smime_verify_setup setup = {.trust = {&q, 2048}, .to = {refuse, NULL}};
	struct signed_data d = {.text = text, .is_opaque = true};
	struct smime_signer *signer;
	struct smime_verify *v;
	struct arena a;
	struct buf b;
	size_t n;

	(void)state;
	begin();
	arena_init(&a, 0);
	buf_init(&b, SIGNED_MAX);
	signed_put(&b, &d);
	v = smime_verify_new(&setup);
	assert_int_equal(smime_verify_feed(v, buf_slice(&b)), ERR_FULL);
	assert_int_equal(smime_verify_finish(v, &a, &signer, &n), ERR_FULL);
	smime_verify_free(v);
	buf_fini(&b);
	arena_reset(&a);
}

static void
a_signature_is_not_as_long_as_it_likes(void **state)
{
	uint8_t *p = must_zalloc(SMIME_SIGNATURE_MAX + 1);
	struct signed_data d = {.text = text};
	struct signed_seen s;
	struct buf b;

	(void)state;
	begin();
	buf_init(&b, SIGNED_MAX);
	signed_put(&b, &d);
	memcpy(p, b.p, b.n);
	/* What comes behind its end is left alone. */
	signed_look(&s, &q, slice_of(p, SMIME_SIGNATURE_MAX), &text, SIGNED_MAX);
	assert_int_equal(s.error, ERR_OK);
	signed_forget(&s);
	signed_look(&s, &q, slice_of(p, SMIME_SIGNATURE_MAX + 1), &text, SIGNED_MAX);
	assert_int_equal(s.error, ERR_SYNTAX);
	signed_forget(&s);
	buf_fini(&b);
	free(p);
}

/* --- hostile ----------------------------------------------------------------------------- */

static void
play(const struct signed_data *d, struct slice der, bool must_fail)
{
	struct signed_seen s;

	signed_look(&s, &q, der, d->is_opaque ? NULL : &d->text, SIGNED_MAX);
	for (size_t i = 0; !s.error && i < s.n; i++) {
		if (s.signer[i].problem != SMIME_PROBLEM_NONE)
			continue;
		/* What nobody signed may be bent: the text, and who it was, may not. */
		assert_false(must_fail);
		assert_true(slice_eq(s.signer[i].certificate, ann.der));
		assert_true(!d->is_opaque || slice_eq(buf_slice(&s.text), text));
	}
	signed_forget(&s);
}

static void
cut_off_or_bent_anywhere_it_says_nothing_else(void **state)
{
	struct signed_info info = {.by = &ann};
	struct signed_data d = {.info = &info,
		.infos = 1,
		.text = text,
		.certificates = 2,
		.certificate = {&ann, &middle}};
	struct buf b;

	(void)state;
	begin();
	buf_init(&b, SIGNED_MAX);
	for (int opaque = 0; opaque < 2; opaque++) {
		d.is_opaque = opaque;
		buf_clear(&b);
		signed_put(&b, &d);
		for (size_t n = 1; n < b.n; n++)
			play(&d, slice_cut(buf_slice(&b), 0, n), true);
		/* Each octet once is enough: the structure is the same. */
		for (size_t n = 0; n < b.n; n += opaque ? 7 : 1) {
			b.p[n] ^= 0x5a;
			play(&d, buf_slice(&b), false);
			b.p[n] ^= 0x5a;
		}
	}
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_key_signs),
		cmocka_unit_test(what_is_known_of_a_signer_is_told),
		cmocka_unit_test(attributes_are_hashed_as_der_however_they_come),
		cmocka_unit_test(an_issuer_and_a_signer_may_be_known_already),
		cmocka_unit_test(a_changed_text_has_no_signature),
		cmocka_unit_test(weak_and_unknown_algorithms_are_none),
		cmocka_unit_test(a_certificate_s_problems_are_the_signature_s),
		cmocka_unit_test(problems_have_words),
		cmocka_unit_test(type_and_digest_are_there_once_with_one_value),
		cmocka_unit_test(a_digest_in_pieces_is_hashed_in_one),
		cmocka_unit_test(protected_algorithms_are_the_ones_used),
		cmocka_unit_test(somebody_s_attributes_are_no_text),
		cmocka_unit_test(many_attributes_are_too_many),
		cmocka_unit_test(nobody_s_signature_is_no_signature),
		cmocka_unit_test(each_signer_is_judged_by_itself_up_to_a_limit),
		cmocka_unit_test(certificates_are_counted),
		cmocka_unit_test(a_look_alike_hides_nobody),
		cmocka_unit_test(another_certificate_for_the_same_key_is_not_the_signer_s),
		cmocka_unit_test(a_content_is_inside_or_outside_and_is_data),
		cmocka_unit_test(the_list_of_digests_may_say_anything),
		cmocka_unit_test(a_full_room_is_told),
		cmocka_unit_test(a_signature_is_not_as_long_as_it_likes),
		cmocka_unit_test(cut_off_or_bent_anywhere_it_says_nothing_else),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
