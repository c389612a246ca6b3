#include "crypto/cert_check.h"

#include <stdio.h>

#include "crypto/tls_pem.h"
#include "crypto/tls_trust.h"
#include <openssl/ec.h>

#include "tests/pki.h"
#include "tests/test.h"

#define ANN "email:ann@example.org"
#define SIGNING "critical,digitalSignature"

static struct pki root, middle, ann, other_root;

static int
set_up(void **state)
{
	(void)state;
	pki_authority(&root, "root", NULL);
	pki_authority(&middle, "middle", &root);
	pki_authority(&other_root, "other root", NULL);
	pki_make(&ann, &(struct pki_how){.by = &middle, .san = ANN, .usage = SIGNING});
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	pki_free(&root);
	pki_free(&middle);
	pki_free(&ann);
	pki_free(&other_root);
	return 0;
}

/* A question with one anchor; the rest is put into it. */
struct world {
	Gateway__Question q;
	ProtobufCBinaryData anchor[2], crl[2];
	Gateway__Verdict verdict[2], *verdicts[2];
	uint8_t hash[2][32];
	const struct slice *others; /* that come along, up to an empty one */
	uint32_t rsa_bits_min;
	enum cert_check_use use;
};

static void
begin(struct world *w)
{
	memset(w, 0, sizeof *w);
	gateway__question__init(&w->q);
	w->q.now_sec = PKI_NOW;
	w->q.anchor = w->anchor;
	w->q.crl = w->crl;
	w->q.verdict = w->verdicts;
	w->anchor[w->q.n_anchor++] = codec_bytes(root.der);
	w->rsa_bits_min = 2048;
}

static void
think(struct world *w, const struct pki *of, bool blocked)
{
	size_t i = w->q.n_verdict++;

	X509_digest(of->cert, EVP_sha256(), w->hash[i], NULL);
	gateway__verdict__init(&w->verdict[i]);
	w->verdict[i].sha256 = codec_bytes(slice_of(w->hash[i], 32));
	w->verdict[i].blocked = blocked;
	w->verdicts[i] = &w->verdict[i];
}

static enum smime_problem
run_manual(struct world *w, struct slice der, bool *is_manual)
{
	struct cert_check *c = cert_check_new(&w->q, w->rsa_bits_min);
	enum smime_problem p;

	cert_check_add(c, middle.der);
	for (const struct slice *s = w->others; s && s->n; s++)
		cert_check_add(c, *s);
	p = cert_check_run(c, der, w->use, is_manual);
	cert_check_free(c);
	assert_int_equal(ERR_peek_error(), 0);
	return p;
}

static enum smime_problem
run(struct world *w, const struct pki *of)
{
	bool is_manual;
	enum smime_problem p = run_manual(w, of->der, &is_manual);

	assert_false(is_manual);
	return p;
}

/* Made under `middle`, and judged at once. */
static enum smime_problem
judge(struct world *w, struct pki_how how)
{
	enum smime_problem p;
	struct pki c;

	how.by = how.by ? how.by : &middle;
	how.san = how.san ? how.san : ANN;
	pki_make(&c, &how);
	p = run(w, &c);
	pki_free(&c);
	return p;
}

static void
a_certificate_below_an_authority_below_an_anchor_is_good(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(run(&w, &ann), SMIME_PROBLEM_NONE);
	/* Nothing forbids it to a certificate that says nothing of its use. */
	assert_int_equal(judge(&w, (struct pki_how){0}), SMIME_PROBLEM_NONE);
	/* An anchor need not be a root. */
	w.anchor[0] = codec_bytes(middle.der);
	assert_int_equal(run(&w, &ann), SMIME_PROBLEM_NONE);
}

static void
without_an_anchor_there_is_no_chain(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	w.q.n_anchor = 0;
	assert_int_equal(run(&w, &ann), SMIME_PROBLEM_CHAIN);
	w.q.system_anchors = true;
	assert_int_equal(run(&w, &ann), SMIME_PROBLEM_CHAIN);
	begin(&w);
	w.anchor[0] = codec_bytes(other_root.der);
	assert_int_equal(run(&w, &ann), SMIME_PROBLEM_CHAIN);
	/* Its own word isn't enough, though it is the root of its own chain. */
	assert_int_equal(run(&w, &root), SMIME_PROBLEM_PURPOSE);
	assert_int_equal(judge(&w, (struct pki_how){.by = &other_root}), SMIME_PROBLEM_NONE);
	w.anchor[0] = codec_bytes(SLICE_LIT("rubbish"));
	assert_int_equal(run(&w, &ann), SMIME_PROBLEM_CHAIN);
}

static void
an_issuer_comes_with_the_mail_or_with_the_question(void **state)
{
	ProtobufCBinaryData known = codec_bytes(middle.der);
	struct cert_check *c;
	bool is_manual;
	struct world w;

	(void)state;
	begin(&w);
	c = cert_check_new(&w.q, 2048);
	assert_int_equal(cert_check_run(c, ann.der, CERT_CHECK_TO_SIGN, &is_manual),
		SMIME_PROBLEM_CHAIN);
	cert_check_free(c);
	w.q.intermediate = &known;
	w.q.n_intermediate = 1;
	c = cert_check_new(&w.q, 2048);
	assert_int_equal(
		cert_check_run(c, ann.der, CERT_CHECK_TO_SIGN, &is_manual), SMIME_PROBLEM_NONE);
	cert_check_free(c);
}

static void
a_built_in_authority_counts_if_the_question_says_so(void **state)
{
	BIO *bio = tls_pem_open(tls_trust_roots());
	unsigned good[2] = {0, 0};
	struct world w;
	X509 *cert;

	(void)state;
	begin(&w);
	while ((cert = tls_pem_cert(bio)) != NULL) {
		uint8_t *der = NULL;
		int n = i2d_X509(cert, &der);

		/* Some of them may sign, too. */
		for (int on = 0; on < 2; on++) {
			struct pki root_of_all = {.der = slice_of(der, (size_t)n)};

			w.q.system_anchors = on;
			good[on] += run(&w, &root_of_all) == SMIME_PROBLEM_NONE;
		}
		OPENSSL_free(der);
		X509_free(cert);
	}
	assert_int_equal(good[0], 0);
	assert_true(good[1] > 10);
	BIO_free(bio);
}

static void
time_is_that_of_the_question(void **state)
{
	struct world w;
	struct pki old_middle;
	struct slice along[2] = {SLICE_EMPTY, SLICE_EMPTY};

	(void)state;
	begin(&w);
	assert_int_equal(judge(&w, (struct pki_how){.from_days = -9, .to_days = -1}),
		SMIME_PROBLEM_EXPIRED);
	assert_int_equal(judge(&w, (struct pki_how){.from_days = 1, .to_days = 9}),
		SMIME_PROBLEM_EXPIRED);
	w.q.now_sec = PKI_NOW - 2 * 86400;
	assert_int_equal(run(&w, &ann), SMIME_PROBLEM_EXPIRED);
	w.q.now_sec = PKI_NOW - 86400;
	assert_int_equal(run(&w, &ann), SMIME_PROBLEM_NONE);
	w.q.now_sec = PKI_NOW + 100 * 86400 - 1;
	assert_int_equal(run(&w, &ann), SMIME_PROBLEM_NONE);
	w.q.now_sec = PKI_NOW + 100 * 86400;
	assert_int_equal(run(&w, &ann), SMIME_PROBLEM_EXPIRED);
	/* Of an authority, too. */
	begin(&w);
	pki_make(&old_middle, &(struct pki_how){.by = &root,
				      .name = "old",
				      .basic = "critical,CA:TRUE",
				      .usage = "keyCertSign",
				      .from_days = -9,
				      .to_days = -1});
	along[0] = old_middle.der;
	w.others = along;
	assert_int_equal(judge(&w, (struct pki_how){.by = &old_middle}), SMIME_PROBLEM_EXPIRED);
	pki_free(&old_middle);
}

static void
weak_keys_and_digests_are_refused_all_along(void **state)
{
	struct world w;
	struct pki weak;
	struct slice along[2] = {SLICE_EMPTY, SLICE_EMPTY};

	(void)state;
	begin(&w);
	assert_int_equal(
		judge(&w, (struct pki_how){.key = "RSA 1024"}), SMIME_PROBLEM_ALGORITHM);
	assert_int_equal(judge(&w, (struct pki_how){.key = "RSA 2048"}), SMIME_PROBLEM_NONE);
	w.rsa_bits_min = 2049;
	assert_int_equal(
		judge(&w, (struct pki_how){.key = "RSA 2048"}), SMIME_PROBLEM_ALGORITHM);
	w.rsa_bits_min = 0;
	assert_int_equal(judge(&w, (struct pki_how){.key = "RSA 1024"}), SMIME_PROBLEM_NONE);
	assert_int_equal(
		judge(&w, (struct pki_how){.key = "RSA 1016"}), SMIME_PROBLEM_ALGORITHM);
	assert_int_equal(judge(&w, (struct pki_how){.key = "P-224"}), SMIME_PROBLEM_ALGORITHM);
	assert_int_equal(judge(&w, (struct pki_how){.key = "P-384"}), SMIME_PROBLEM_NONE);
	assert_int_equal(judge(&w, (struct pki_how){.key = "ED25519"}), SMIME_PROBLEM_NONE);
	assert_int_equal(
		judge(&w, (struct pki_how){.digest = EVP_sha1()}), SMIME_PROBLEM_ALGORITHM);
	assert_int_equal(
		judge(&w, (struct pki_how){.digest = EVP_sha224()}), SMIME_PROBLEM_ALGORITHM);
	assert_int_equal(
		judge(&w, (struct pki_how){.digest = EVP_sha512()}), SMIME_PROBLEM_NONE);
	w.rsa_bits_min = 2048;
	pki_make(&weak,
		&(struct pki_how){
			.key = "RSA 1024", .by = &root, .name = "weak", .basic = "CA:TRUE"});
	along[0] = weak.der;
	w.others = along;
	assert_int_equal(judge(&w, (struct pki_how){.by = &weak}), SMIME_PROBLEM_ALGORITHM);
	pki_free(&weak);
	pki_make(&weak,
		&(struct pki_how){
			.digest = EVP_sha1(), .by = &root, .name = "weak", .basic = "CA:TRUE"});
	along[0] = weak.der;
	assert_int_equal(judge(&w, (struct pki_how){.by = &weak}), SMIME_PROBLEM_ALGORITHM);
	/* How an anchor was signed, nobody asks. */
	w.anchor[0] = codec_bytes(weak.der);
	assert_int_equal(judge(&w, (struct pki_how){.by = &weak}), SMIME_PROBLEM_NONE);
	pki_free(&weak);
}

/* CVE-2020-0601: with parameters of its own a key can be made for anybody's point. */
static void
a_curve_has_a_name(void **state)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	struct pki own = {.key = NULL};
	struct world w;

	(void)state;
	begin(&w);
	must(EVP_PKEY_keygen_init(ctx) == 1 && EVP_PKEY_CTX_set_group_name(ctx, "P-256") == 1 &&
		EVP_PKEY_CTX_set_ec_param_enc(ctx, OPENSSL_EC_EXPLICIT_CURVE) == 1 &&
		EVP_PKEY_generate(ctx, &own.key) == 1);
	assert_int_equal(judge(&w, (struct pki_how){.same = &own}), SMIME_PROBLEM_ALGORITHM);
	EVP_PKEY_free(own.key);
	EVP_PKEY_CTX_free(ctx);
}

static void
md5_is_refused(void **state)
{
	struct world w;
	struct pki key;

	(void)state;
	begin(&w);
	pki_make(&key,
		&(struct pki_how){.key = "RSA 2048", .name = "md5 root", .basic = "CA:TRUE"});
	w.anchor[0] = codec_bytes(key.der);
	assert_int_equal(judge(&w, (struct pki_how){.by = &key, .digest = EVP_md5()}),
		SMIME_PROBLEM_ALGORITHM);
	assert_int_equal(judge(&w, (struct pki_how){.by = &key}), SMIME_PROBLEM_NONE);
	pki_free(&key);
}

static void
a_certificate_says_what_it_is_for(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(
		judge(&w, (struct pki_how){.usage = "nonRepudiation"}), SMIME_PROBLEM_NONE);
	assert_int_equal(
		judge(&w, (struct pki_how){.usage = "keyEncipherment"}), SMIME_PROBLEM_PURPOSE);
	assert_int_equal(
		judge(&w, (struct pki_how){.extended = "emailProtection"}), SMIME_PROBLEM_NONE);
	assert_int_equal(judge(&w, (struct pki_how){.extended = "anyExtendedKeyUsage"}),
		SMIME_PROBLEM_NONE);
	assert_int_equal(judge(&w, (struct pki_how){.extended = "serverAuth,clientAuth"}),
		SMIME_PROBLEM_PURPOSE);
	assert_int_equal(judge(&w, (struct pki_how){.key = "X25519"}), SMIME_PROBLEM_PURPOSE);
	w.use = CERT_CHECK_TO_ENCRYPT;
	assert_int_equal(run(&w, &ann), SMIME_PROBLEM_PURPOSE);
	assert_int_equal(
		judge(&w, (struct pki_how){.usage = "keyAgreement"}), SMIME_PROBLEM_NONE);
	assert_int_equal(
		judge(&w, (struct pki_how){.usage = "keyEncipherment"}), SMIME_PROBLEM_PURPOSE);
	assert_int_equal(
		judge(&w, (struct pki_how){.key = "RSA 2048", .usage = "keyEncipherment"}),
		SMIME_PROBLEM_NONE);
	assert_int_equal(
		judge(&w, (struct pki_how){.key = "RSA 2048", .usage = "keyAgreement"}),
		SMIME_PROBLEM_PURPOSE);
	assert_int_equal(judge(&w, (struct pki_how){.key = "X25519"}), SMIME_PROBLEM_NONE);
	assert_int_equal(judge(&w, (struct pki_how){.key = "ED25519"}), SMIME_PROBLEM_PURPOSE);
	assert_int_equal(
		judge(&w, (struct pki_how){.extended = "codeSigning"}), SMIME_PROBLEM_PURPOSE);
}

static enum smime_problem
below(struct world *w, struct pki_how authority, struct pki_how how)
{
	struct slice along[2] = {SLICE_EMPTY, SLICE_EMPTY};
	enum smime_problem p;
	struct pki ca;

	authority.name = "below";
	authority.by = authority.by ? authority.by : &root;
	pki_make(&ca, &authority);
	along[0] = ca.der;
	w->others = along;
	how.by = &ca;
	p = judge(w, how);
	w->others = NULL;
	pki_free(&ca);
	return p;
}

static void
an_authority_has_to_be_one(void **state)
{
	struct world w;
	struct pki_how leaf = {0};

	(void)state;
	begin(&w);
	assert_int_equal(
		below(&w, (struct pki_how){.basic = "CA:TRUE"}, leaf), SMIME_PROBLEM_NONE);
	assert_int_equal(
		below(&w, (struct pki_how){.basic = "CA:FALSE"}, leaf), SMIME_PROBLEM_CHAIN);
	assert_int_equal(below(&w, (struct pki_how){0}, leaf), SMIME_PROBLEM_CHAIN);
	assert_int_equal(
		below(&w, (struct pki_how){.basic = "CA:TRUE", .usage = "digitalSignature"},
			leaf),
		SMIME_PROBLEM_CHAIN);
	assert_int_equal(
		below(&w, (struct pki_how){.basic = "CA:TRUE", .extended = "serverAuth"}, leaf),
		SMIME_PROBLEM_PURPOSE);
	assert_int_equal(
		below(&w, (struct pki_how){.basic = "CA:TRUE", .extended = "emailProtection"},
			leaf),
		SMIME_PROBLEM_NONE);
}

static void
path_length_and_name_constraints_hold(void **state)
{
	struct world w;
	struct pki_how leaf = {0}, ca = {.basic = "critical,CA:TRUE,pathlen:0"};
	struct slice along[2] = {SLICE_EMPTY, SLICE_EMPTY};
	struct pki first;

	(void)state;
	begin(&w);
	assert_int_equal(below(&w, ca, leaf), SMIME_PROBLEM_NONE);
	pki_make(&first,
		&(struct pki_how){
			.name = "first", .by = &root, .basic = "critical,CA:TRUE,pathlen:0"});
	w.anchor[1] = codec_bytes(first.der);
	along[0] = first.der;
	w.others = along;
	ca.by = &first;
	w.q.n_anchor = 1;
	{
		struct pki second, deep;
		struct slice both[3] = {first.der, SLICE_EMPTY, SLICE_EMPTY};

		pki_make(&second,
			&(struct pki_how){.name = "second", .by = &first, .basic = "CA:TRUE"});
		pki_make(&deep, &(struct pki_how){.by = &second, .san = ANN});
		both[1] = second.der;
		w.others = both;
		assert_int_equal(run(&w, &deep), SMIME_PROBLEM_CHAIN);
		pki_free(&second);
		pki_free(&deep);
	}
	pki_free(&first);
	w.others = NULL;
	ca = (struct pki_how){.basic = "CA:TRUE", .constraints = "permitted;email:example.org"};
	assert_int_equal(below(&w, ca, leaf), SMIME_PROBLEM_NONE);
	leaf.san = "email:ann@example.net";
	assert_int_equal(below(&w, ca, leaf), SMIME_PROBLEM_CHAIN);
	leaf.san = "otherName:1.3.6.1.5.5.7.8.9;UTF8:\344nn@example.net";
	assert_int_equal(below(&w, ca, leaf), SMIME_PROBLEM_CHAIN);
}

static void
too_many_authorities_are_no_chain(void **state)
{
	struct pki ca[CERT_CHECK_DEPTH_MAX + 1];
	struct slice along[CERT_CHECK_DEPTH_MAX + 2];
	struct world w;

	(void)state;
	begin(&w);
	for (size_t i = 0; i < CERT_CHECK_DEPTH_MAX + 1; i++) {
		char name[16];

		snprintf(name, sizeof name, "ca %zu", i);
		pki_authority(&ca[i], name, i ? &ca[i - 1] : &root);
		along[i] = ca[i].der;
		along[i + 1] = SLICE_EMPTY;
	}
	w.others = along;
	assert_int_equal(judge(&w, (struct pki_how){.by = &ca[CERT_CHECK_DEPTH_MAX - 1]}),
		SMIME_PROBLEM_NONE);
	assert_int_equal(judge(&w, (struct pki_how){.by = &ca[CERT_CHECK_DEPTH_MAX]}),
		SMIME_PROBLEM_CHAIN);
	for (size_t i = 0; i < CERT_CHECK_DEPTH_MAX + 1; i++)
		pki_free(&ca[i]);
}

static void
blocked_beats_all(void **state)
{
	struct world w;
	bool is_manual;

	(void)state;
	begin(&w);
	think(&w, &ann, true);
	assert_int_equal(run(&w, &ann), SMIME_PROBLEM_BLOCKED);
	/* Also its being trusted, wherever that stands. */
	think(&w, &ann, false);
	assert_int_equal(run(&w, &ann), SMIME_PROBLEM_BLOCKED);
	w.q.n_verdict = 1;
	w.anchor[w.q.n_anchor++] = codec_bytes(ann.der);
	assert_int_equal(run_manual(&w, ann.der, &is_manual), SMIME_PROBLEM_BLOCKED);
	assert_true(is_manual);
	/* Also on its way. */
	begin(&w);
	think(&w, &middle, true);
	assert_int_equal(run(&w, &ann), SMIME_PROBLEM_BLOCKED);
	begin(&w);
	think(&w, &root, true);
	assert_int_equal(run(&w, &ann), SMIME_PROBLEM_BLOCKED);
	begin(&w);
	think(&w, &other_root, true);
	assert_int_equal(run(&w, &ann), SMIME_PROBLEM_NONE);
}

static void
trust_by_hand_stands_for_the_chain_and_nothing_else(void **state)
{
	struct world w;
	struct pki lone, old, wrong, weak;
	bool is_manual;

	(void)state;
	pki_make(&lone, &(struct pki_how){.san = ANN, .digest = EVP_sha1()});
	pki_make(&old, &(struct pki_how){.san = ANN, .from_days = -9, .to_days = -1});
	pki_make(&wrong, &(struct pki_how){.san = ANN, .extended = "serverAuth"});
	pki_make(&weak, &(struct pki_how){.san = ANN, .key = "RSA 1024"});
	begin(&w);
	assert_int_equal(run(&w, &lone), SMIME_PROBLEM_CHAIN);
	think(&w, &lone, false);
	assert_int_equal(run_manual(&w, lone.der, &is_manual), SMIME_PROBLEM_NONE);
	assert_true(is_manual);
	assert_int_equal(run(&w, &ann), SMIME_PROBLEM_NONE);
	begin(&w);
	w.anchor[w.q.n_anchor++] = codec_bytes(lone.der);
	assert_int_equal(run_manual(&w, lone.der, &is_manual), SMIME_PROBLEM_NONE);
	assert_true(is_manual);
	/* It is no authority by that. */
	assert_int_equal(judge(&w, (struct pki_how){.by = &lone}), SMIME_PROBLEM_CHAIN);
	begin(&w);
	think(&w, &old, false);
	think(&w, &wrong, false);
	assert_int_equal(run_manual(&w, old.der, &is_manual), SMIME_PROBLEM_EXPIRED);
	assert_int_equal(run_manual(&w, wrong.der, &is_manual), SMIME_PROBLEM_PURPOSE);
	begin(&w);
	think(&w, &weak, false);
	assert_int_equal(run_manual(&w, weak.der, &is_manual), SMIME_PROBLEM_ALGORITHM);
	pki_free(&lone);
	pki_free(&old);
	pki_free(&wrong);
	pki_free(&weak);
}

static void
a_list_that_the_issuer_signed_revokes(void **state)
{
	struct slice good = pki_crl(&middle, &ann, middle.key),
		     forged = pki_crl(&middle, &ann, root.key),
		     foreign = pki_crl(&root, &ann, root.key),
		     of_middle = pki_crl(&root, &middle, root.key);
	struct slice lists[] = {forged, foreign, SLICE_LIT("rubbish"), good, of_middle};
	struct world w;
	bool is_manual;

	(void)state;
	assert_true(cert_check_is_crl(good));
	assert_false(cert_check_is_crl(slice_cut(good, 0, good.n - 1)));
	assert_false(cert_check_is_crl(ann.der));
	assert_false(cert_check_is_crl(SLICE_EMPTY));
	begin(&w);
	w.q.n_crl = 1;
	for (size_t i = 0; i < 5; i++) {
		w.crl[0] = codec_bytes(lists[i]);
		assert_int_equal(
			run(&w, &ann), i < 3 ? SMIME_PROBLEM_NONE : SMIME_PROBLEM_REVOKED);
	}
	/* It counts for what is trusted by hand, too, and long after its day. */
	w.crl[0] = codec_bytes(SLICE_EMPTY);
	w.crl[1] = codec_bytes(good);
	w.q.n_crl = 2;
	w.q.n_anchor = 0;
	think(&w, &ann, false);
	assert_int_equal(run_manual(&w, ann.der, &is_manual), SMIME_PROBLEM_REVOKED);
	OPENSSL_free((uint8_t *)(uintptr_t)good.p);
	OPENSSL_free((uint8_t *)(uintptr_t)forged.p);
	OPENSSL_free((uint8_t *)(uintptr_t)foreign.p);
	OPENSSL_free((uint8_t *)(uintptr_t)of_middle.p);
}

static void
of_several_problems_the_worst_is_told(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(judge(&w, (struct pki_how){.by = &other_root,
					   .extended = "serverAuth",
					   .from_days = -9,
					   .to_days = -1}),
		SMIME_PROBLEM_EXPIRED);
	assert_int_equal(
		judge(&w, (struct pki_how){.by = &other_root, .extended = "serverAuth"}),
		SMIME_PROBLEM_PURPOSE);
	assert_int_equal(judge(&w, (struct pki_how){.by = &other_root}), SMIME_PROBLEM_CHAIN);
}

static void
cut_off_or_bent_it_is_none_or_not_good(void **state)
{
	uint8_t *bent = must_alloc(ann.der.n);
	struct world w;
	bool is_manual;

	(void)state;
	begin(&w);
	for (size_t n = 0; n < ann.der.n; n++) {
		struct slice cut = slice_cut(ann.der, 0, n);
		struct cert_check_rules rules = {CERT_CHECK_TO_SIGN, PKI_NOW, 2048};

		assert_int_equal(run_manual(&w, cut, &is_manual), SMIME_PROBLEM_NO_CERTIFICATE);
		assert_int_equal(cert_check_alone(cut, &rules), SMIME_PROBLEM_NO_CERTIFICATE);
	}
	for (size_t n = 0; n < ann.der.n; n++) {
		memcpy(bent, ann.der.p, ann.der.n);
		bent[n] ^= 0x11;
		assert_int_not_equal(run_manual(&w, slice_of(bent, ann.der.n), &is_manual),
			SMIME_PROBLEM_NONE);
	}
	free(bent);
}

static void
keys_have_names(void **state)
{
	static const char *const key[] = {"RSA 2048", "P-256", "P-384", "P-521", "ED25519",
		"X25519", "brainpoolP256r1", "RSA-PSS 2048"};
	char text[CERT_CHECK_KEY_TEXT], want[CERT_CHECK_KEY_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof key / sizeof key[0]; i++) {
		struct pki c;

		pki_make(&c, &(struct pki_how){.by = &root, .key = key[i]});
		cert_check_key(c.der, text);
		snprintf(want, sizeof want, "%s",
			strcmp(key[i], "ED25519") ? key[i] : "Ed25519");
		assert_string_equal(text, want);
		pki_free(&c);
	}
	cert_check_key(SLICE_LIT("rubbish"), text);
	assert_string_equal(text, "unknown");
}

static void
what_is_known_to_be_revoked_needs_no_list(void **state)
{
	static const struct pki *const revoked[] = {&ann, &middle, &root};
	Gateway__Revoked known = GATEWAY__REVOKED__INIT, *list = &known;
	uint8_t hash[32];
	struct world w;

	(void)state;
	begin(&w);
	w.q.revoked = &list;
	known.sha256 = (ProtobufCBinaryData){sizeof hash, hash};
	for (size_t i = 0; i < sizeof revoked / sizeof *revoked; i++) {
		w.q.n_revoked = 0;
		X509_digest(revoked[i]->cert, EVP_sha256(), hash, NULL);
		assert_int_equal(run(&w, &ann), SMIME_PROBLEM_NONE);
		w.q.n_revoked = 1;
		assert_int_equal(run(&w, &ann), SMIME_PROBLEM_REVOKED);
	}
	X509_digest(other_root.cert, EVP_sha256(), hash, NULL);
	assert_int_equal(run(&w, &ann), SMIME_PROBLEM_NONE);
	/* Trust by hand stands for the chain alone. */
	X509_digest(ann.cert, EVP_sha256(), hash, NULL);
	think(&w, &ann, false);
	assert_int_equal(run_manual(&w, ann.der, &(bool){false}), SMIME_PROBLEM_REVOKED);
}

/* An authority that two others signed. */
static void
beside_a_revoked_authority_there_may_be_another_way(void **state)
{
	Gateway__Revoked known = GATEWAY__REVOKED__INIT, *list = &known;
	struct slice others[2] = {SLICE_EMPTY, SLICE_EMPTY};
	uint8_t hash[32];
	struct pki twin;
	struct world w;

	(void)state;
	pki_make(&twin, &(struct pki_how){.name = "middle",
				.same = &middle,
				.by = &other_root,
				.basic = "critical,CA:TRUE",
				.usage = "critical,keyCertSign,cRLSign"});
	begin(&w);
	w.anchor[w.q.n_anchor++] = codec_bytes(other_root.der);
	w.q.revoked = &list;
	w.q.n_revoked = 1;
	X509_digest(middle.cert, EVP_sha256(), hash, NULL);
	known.sha256 = (ProtobufCBinaryData){sizeof hash, hash};
	assert_int_equal(run(&w, &ann), SMIME_PROBLEM_REVOKED);
	others[0] = twin.der;
	w.others = others;
	assert_int_equal(run(&w, &ann), SMIME_PROBLEM_NONE);
	/* Trust by hand stands for a chain, not for one that was revoked. */
	w.others = NULL;
	think(&w, &ann, false);
	assert_int_equal(run_manual(&w, ann.der, &(bool){false}), SMIME_PROBLEM_REVOKED);
	pki_free(&twin);
}

static enum smime_problem
chain_of(struct world *w, const struct pki *of, bool with_middle, size_t links)
{
	struct cert_check *c = cert_check_new(&w->q, 0);
	struct cert_check_links out;
	enum smime_problem p;
	struct arena a;

	arena_init(&a, 0);
	if (with_middle)
		cert_check_add(c, middle.der);
	p = cert_check_chain(c, of->der, &a, &out);
	assert_int_equal(out.n, links);
	if (links)
		assert_true(slice_eq(out.der[0], of->der));
	if (links > 1)
		assert_true(slice_eq(out.der[1], middle.der));
	if (links > 2)
		assert_true(slice_eq(out.der[2], root.der));
	cert_check_free(c);
	arena_reset(&a);
	return p;
}

static void
a_chain_is_told_link_by_link(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(chain_of(&w, &ann, true, 3), SMIME_PROBLEM_NONE);
	assert_int_equal(chain_of(&w, &ann, false, 1), SMIME_PROBLEM_CHAIN);
	/* Who is believed by hand has no chain for that. */
	think(&w, &ann, false);
	assert_int_equal(chain_of(&w, &ann, false, 1), SMIME_PROBLEM_CHAIN);
	w.anchor[0] = codec_bytes(middle.der);
	assert_int_equal(chain_of(&w, &ann, false, 2), SMIME_PROBLEM_NONE);
	w.anchor[0] = codec_bytes(other_root.der);
	assert_int_equal(chain_of(&w, &ann, true, 2), SMIME_PROBLEM_CHAIN);
	begin(&w);
	think(&w, &middle, true);
	assert_int_equal(chain_of(&w, &ann, true, 1), SMIME_PROBLEM_BLOCKED);
	begin(&w);
	w.q.now_sec = PKI_NOW + 1000 * (uint64_t)PKI_DAY;
	assert_int_equal(chain_of(&w, &ann, true, 3), SMIME_PROBLEM_EXPIRED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_certificate_below_an_authority_below_an_anchor_is_good),
		cmocka_unit_test(without_an_anchor_there_is_no_chain),
		cmocka_unit_test(an_issuer_comes_with_the_mail_or_with_the_question),
		cmocka_unit_test(a_built_in_authority_counts_if_the_question_says_so),
		cmocka_unit_test(time_is_that_of_the_question),
		cmocka_unit_test(weak_keys_and_digests_are_refused_all_along),
		cmocka_unit_test(a_curve_has_a_name),
		cmocka_unit_test(md5_is_refused),
		cmocka_unit_test(a_certificate_says_what_it_is_for),
		cmocka_unit_test(an_authority_has_to_be_one),
		cmocka_unit_test(path_length_and_name_constraints_hold),
		cmocka_unit_test(too_many_authorities_are_no_chain),
		cmocka_unit_test(blocked_beats_all),
		cmocka_unit_test(what_is_known_to_be_revoked_needs_no_list),
		cmocka_unit_test(beside_a_revoked_authority_there_may_be_another_way),
		cmocka_unit_test(a_chain_is_told_link_by_link),
		cmocka_unit_test(trust_by_hand_stands_for_the_chain_and_nothing_else),
		cmocka_unit_test(a_list_that_the_issuer_signed_revokes),
		cmocka_unit_test(of_several_problems_the_worst_is_told),
		cmocka_unit_test(cut_off_or_bent_it_is_none_or_not_good),
		cmocka_unit_test(keys_have_names),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
