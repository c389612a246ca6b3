#include "crypto/cert_check.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/codec.h"
#include "core/must.h"
#include "crypto/cert_x509.h"
#include "crypto/tls.h"
#include "crypto/tls_pem.h"
#include "crypto/tls_trust.h"

enum { EC_BITS_MIN = 256, HASH = 32 };

struct cert_check {
	const Gateway__Question *q;
	uint32_t rsa_bits_min;
	STACK_OF(X509) * anchors, *others, *blocked, *revoked;
};

static void
worsen(enum smime_problem *worst, enum smime_problem p)
{
	if (p != SMIME_PROBLEM_NONE && (*worst == SMIME_PROBLEM_NONE || p < *worst))
		*worst = p;
}

/* --- its key --------------------------------------------------------------------------- */

static bool
is_rsa(EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS");
}

/* Parameters that the certificate brings itself may be anything (CVE-2020-0601). */
static bool
is_named_curve(EVP_PKEY *key)
{
	int explicit = 1;

	return EVP_PKEY_is_a(key, "EC") &&
	       EVP_PKEY_get_int_param(
		       key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &explicit) == 1 &&
	       !explicit;
}

static bool
is_strong(EVP_PKEY *key, uint32_t rsa_bits_min)
{
	int bits = key ? EVP_PKEY_get_bits(key) : 0;

	if (bits <= 0)
		return false;
	if (is_rsa(key))
		return bits >= CERT_CHECK_RSA_MIN && (uint32_t)bits >= rsa_bits_min;
	if (is_named_curve(key))
		return bits >= EC_BITS_MIN;
	return EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "X25519");
}

static void
describe(EVP_PKEY *key, char text[CERT_CHECK_KEY_TEXT])
{
	static const struct {
		const char *theirs, *ours;
	} curves[] = {{"prime256v1", "P-256"}, {"secp384r1", "P-384"}, {"secp521r1", "P-521"}};
	char name[64] = "";
	const char *shown = name;

	snprintf(text, CERT_CHECK_KEY_TEXT, "unknown");
	if (is_rsa(key))
		snprintf(text, CERT_CHECK_KEY_TEXT, "%s %d",
			EVP_PKEY_is_a(key, "RSA") ? "RSA" : "RSA-PSS", EVP_PKEY_get_bits(key));
	else if (EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "X25519"))
		snprintf(text, CERT_CHECK_KEY_TEXT, "%s",
			EVP_PKEY_is_a(key, "X25519") ? "X25519" : "Ed25519");
	else if (EVP_PKEY_get_group_name(key, name, sizeof name, NULL) == 1) {
		for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++)
			shown = !strcmp(name, curves[i].theirs) ? curves[i].ours : shown;
		snprintf(text, CERT_CHECK_KEY_TEXT, "%.*s", CERT_CHECK_KEY_TEXT - 1, shown);
	}
}

void
cert_check_key(struct slice der, char text[CERT_CHECK_KEY_TEXT])
{
	X509 *cert = cert_x509_parse(der);
	EVP_PKEY *key = cert ? X509_get0_pubkey(cert) : NULL;

	snprintf(text, CERT_CHECK_KEY_TEXT, "unknown");
	if (key)
		describe(key, text);
	X509_free(cert);
	ERR_clear_error();
}

/* --- what it says of itself ------------------------------------------------------------- */

/* RFC 8550 section 4.4.4: emailProtection or any. */
static bool
may_mail(X509 *cert)
{
	uint32_t usage;

	if (!(X509_get_extension_flags(cert) & EXFLAG_XKUSAGE))
		return true;
	usage = X509_get_extended_key_usage(cert);
	return usage & (XKU_SMIME | XKU_ANYEKU);
}

static bool
may_sign(X509 *cert, EVP_PKEY *key)
{
	/* All bits if there is no keyUsage. */
	uint32_t usage = X509_get_key_usage(cert);

	return usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION) &&
	       (is_rsa(key) || EVP_PKEY_is_a(key, "EC") || EVP_PKEY_is_a(key, "ED25519"));
}

static bool
may_encrypt(X509 *cert, EVP_PKEY *key)
{
	uint32_t usage = X509_get_key_usage(cert);

	if (EVP_PKEY_is_a(key, "RSA"))
		return usage & KU_KEY_ENCIPHERMENT;
	return usage & KU_KEY_AGREEMENT &&
	       (EVP_PKEY_is_a(key, "EC") || EVP_PKEY_is_a(key, "X25519"));
}

static bool
is_in_time(X509 *cert, uint64_t now_sec)
{
	time_t now = (time_t)now_sec;

	/* 0: it can't be read. */
	return X509_cmp_time(X509_get0_notBefore(cert), &now) < 0 &&
	       X509_cmp_time(X509_get0_notAfter(cert), &now) > 0;
}

static enum smime_problem
check_alone(X509 *cert, const struct cert_check_rules *rules)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);
	bool may;

	if (!is_strong(key, rules->rsa_bits_min))
		return SMIME_PROBLEM_ALGORITHM;
	if (!is_in_time(cert, rules->now_sec))
		return SMIME_PROBLEM_EXPIRED;
	may = rules->use == CERT_CHECK_TO_SIGN ? may_sign(cert, key) : may_encrypt(cert, key);
	/* Extensions that are malformed, or critical and unknown, may say anything. */
	if (X509_get_extension_flags(cert) & (EXFLAG_INVALID | EXFLAG_CRITICAL))
		may = false;
	return may && may_mail(cert) ? SMIME_PROBLEM_NONE : SMIME_PROBLEM_PURPOSE;
}

enum smime_problem
cert_check_alone(struct slice der, const struct cert_check_rules *rules)
{
	X509 *cert = cert_x509_parse(der);
	enum smime_problem p = SMIME_PROBLEM_NO_CERTIFICATE;

	if (cert)
		p = check_alone(cert, rules);
	X509_free(cert);
	ERR_clear_error();
	return p;
}

/* --- who is believed -------------------------------------------------------------------- */

/* The authorities in the program. Parsed once: it takes milliseconds. */
static STACK_OF(X509) * built_in(void)
{
	static STACK_OF(X509) * roots;
	BIO *bio;
	X509 *cert;

	if (roots)
		return roots;
	roots = sk_X509_new_null();
	must(roots != NULL);
	bio = tls_pem_open(tls_trust_roots());
	while (bio && (cert = tls_pem_cert(bio)) != NULL)
		must(sk_X509_push(roots, cert) > 0);
	BIO_free(bio);
	return roots;
}

static const Gateway__Verdict *
verdict(const Gateway__Question *q, X509 *cert)
{
	const Gateway__Verdict *found = NULL;
	uint8_t hash[HASH];

	if (q->n_verdict)
		must(X509_digest(cert, EVP_sha256(), hash, NULL) == 1);
	for (size_t i = 0; i < q->n_verdict; i++) {
		const Gateway__Verdict *v = q->verdict[i];

		if (slice_eq(codec_slice(v->sha256), slice_of(hash, HASH)) &&
			(!found || v->blocked))
			found = v;
	}
	return found;
}

static bool
is_blocked(const Gateway__Question *q, X509 *cert)
{
	const Gateway__Verdict *v = verdict(q, cert);

	return v && v->blocked;
}

static bool
is_manual_trust(const Gateway__Question *q, X509 *cert, struct slice der)
{
	const Gateway__Verdict *v = verdict(q, cert);

	for (size_t i = 0; i < q->n_anchor; i++)
		if (slice_eq(codec_slice(q->anchor[i]), der))
			return true;
	return v && !v->blocked;
}

static bool
is_known_revoked(const Gateway__Question *q, X509 *cert)
{
	uint8_t hash[HASH];

	if (q->n_revoked)
		must(X509_digest(cert, EVP_sha256(), hash, NULL) == 1);
	for (size_t i = 0; i < q->n_revoked; i++)
		if (slice_eq(codec_slice(q->revoked[i]->sha256), slice_of(hash, HASH)))
			return true;
	return false;
}

/* One that is blocked or revoked leads nowhere: another way to an authority may be left. Takes
 * cert. */
static void
put(struct cert_check *c, STACK_OF(X509) * to, X509 *cert)
{
	if (!cert)
		return;
	if (is_blocked(c->q, cert))
		to = c->blocked;
	else if (is_known_revoked(c->q, cert))
		to = c->revoked;
	must(sk_X509_push(to, cert) > 0);
}

/* Only what may have signed it becomes an anchor: OpenSSL looks at each of them for each step
 * of a chain, which takes longer than to verify it. */
static void
add_built_in(struct cert_check *c, X509 *below)
{
	for (int i = 0; c->q->system_anchors && i < sk_X509_num(built_in()); i++) {
		X509 *root = sk_X509_value(built_in(), i);

		if (X509_NAME_cmp(X509_get_subject_name(root), X509_get_issuer_name(below)))
			continue;
		must(X509_up_ref(root) == 1);
		put(c, c->anchors, root);
	}
}

struct cert_check *
cert_check_new(const Gateway__Question *q, uint32_t rsa_bits_min)
{
	struct cert_check *c = must_zalloc(sizeof *c);

	*c = (struct cert_check){.q = q,
		.rsa_bits_min = rsa_bits_min,
		.anchors = sk_X509_new_null(),
		.others = sk_X509_new_null(),
		.blocked = sk_X509_new_null(),
		.revoked = sk_X509_new_null()};
	must(c->anchors && c->others && c->blocked && c->revoked);
	for (size_t i = 0; i < q->n_anchor; i++)
		put(c, c->anchors, cert_x509_parse(codec_slice(q->anchor[i])));
	for (size_t i = 0; i < q->n_intermediate; i++)
		cert_check_add(c, codec_slice(q->intermediate[i]));
	return c;
}

void
cert_check_free(struct cert_check *c)
{
	if (!c)
		return;
	sk_X509_pop_free(c->anchors, X509_free);
	sk_X509_pop_free(c->others, X509_free);
	sk_X509_pop_free(c->blocked, X509_free);
	sk_X509_pop_free(c->revoked, X509_free);
	free(c);
}

void
cert_check_add(struct cert_check *c, struct slice der)
{
	X509 *cert = cert_x509_parse(der);

	if (cert)
		add_built_in(c, cert);
	put(c, c->others, cert);
}

/* --- the chain -------------------------------------------------------------------------- */

/* Notes what is wrong and lets OpenSSL go on, so that the worst is known in the end. */
static int
on_verify(int ok, X509_STORE_CTX *ctx)
{
	enum smime_problem *worst = X509_STORE_CTX_get_ex_data(ctx, 0);
	int error = X509_STORE_CTX_get_error(ctx);

	if (!ok)
		worsen(worst, error == X509_V_ERR_CERT_HAS_EXPIRED ||
					      error == X509_V_ERR_CERT_NOT_YET_VALID
				      ? SMIME_PROBLEM_EXPIRED
				      : SMIME_PROBLEM_CHAIN);
	return 1;
}

/* *chain: as far as it could be built, the certificate first; free with all that is in it. */
static enum smime_problem
build(struct cert_check *c, X509 *cert, STACK_OF(X509) * *chain)
{
	enum smime_problem worst = SMIME_PROBLEM_NONE;
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_STORE *store = X509_STORE_new();
	X509_VERIFY_PARAM *param;

	must(ctx && store && X509_STORE_CTX_init(ctx, store, cert, c->others) == 1);
	X509_STORE_CTX_set0_trusted_stack(ctx, c->anchors);
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_time(param, (time_t)c->q->now_sec);
	X509_VERIFY_PARAM_set_depth(param, CERT_CHECK_DEPTH_MAX);
	must(X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN) == 1);
	must(X509_STORE_CTX_set_ex_data(ctx, 0, &worst) == 1);
	X509_STORE_CTX_set_verify_cb(ctx, on_verify);
	if (X509_verify_cert(ctx) != 1)
		worsen(&worst, SMIME_PROBLEM_CHAIN);
	*chain = X509_STORE_CTX_get1_chain(ctx);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return worst;
}

static bool
is_weakly_signed(X509 *cert)
{
	int digest = NID_undef, key;

	/* RSASSA-PSS has its digest in the parameters, which OpenSSL has read for this. */
	if (X509_get_signature_info(cert, &digest, &key, NULL, NULL) != 1)
		return true;
	if (digest == NID_undef)
		return key != NID_ED25519;
	return digest != NID_sha256 && digest != NID_sha384 && digest != NID_sha512;
}

/* An authority's key, and how it was signed itself, unless it is the trusted one. */
static void
check_authority(const struct cert_check *c, X509 *cert, bool is_top, enum smime_problem *worst)
{
	if (!is_strong(X509_get0_pubkey(cert), c->rsa_bits_min) ||
		(!is_top && is_weakly_signed(cert)))
		worsen(worst, SMIME_PROBLEM_ALGORITHM);
	if (!is_top && !may_mail(cert))
		worsen(worst, SMIME_PROBLEM_PURPOSE);
	if (is_blocked(c->q, cert))
		worsen(worst, SMIME_PROBLEM_BLOCKED);
}

/* Would one of those have been its issuer? */
static bool
ends_at(const STACK_OF(X509) * list, X509 *last)
{
	for (int i = 0; i < sk_X509_num(list); i++)
		if (X509_check_issued(sk_X509_value(list, i), last) == X509_V_OK)
			return true;
	return false;
}

static void
check_chain(const struct cert_check *c, STACK_OF(X509) * chain, enum smime_problem *worst)
{
	int n = sk_X509_num(chain);

	if (n > 1 && is_weakly_signed(sk_X509_value(chain, 0)))
		worsen(worst, SMIME_PROBLEM_ALGORITHM);
	for (int i = 1; i < n; i++)
		check_authority(c, sk_X509_value(chain, i), i + 1 == n, worst);
	if (*worst != SMIME_PROBLEM_CHAIN || n == 0)
		return;
	if (ends_at(c->blocked, sk_X509_value(chain, n - 1)))
		*worst = SMIME_PROBLEM_BLOCKED;
	else if (ends_at(c->revoked, sk_X509_value(chain, n - 1)))
		*worst = SMIME_PROBLEM_REVOKED;
}

/* --- revoked ---------------------------------------------------------------------------- */

bool
cert_check_is_crl(struct slice der)
{
	const uint8_t *p = der.p;
	X509_CRL *crl;

	tls_init();
	crl = der.n ? d2i_X509_CRL(NULL, &p, (long)der.n) : NULL;
	X509_CRL_free(crl);
	ERR_clear_error();
	return crl && p == der.p + der.n;
}

static bool
names(X509_CRL *crl, X509 *cert, X509 *issuer)
{
	X509_REVOKED *entry;
	EVP_PKEY *key = X509_get0_pubkey(issuer);

	/* 2: it was on hold, and is good again. What a list doesn't cover it doesn't name: a
	 * finding holds without a look at its scope and date. */
	return X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(issuer)) == 0 &&
	       X509_get_key_usage(issuer) & KU_CRL_SIGN &&
	       X509_CRL_get0_by_cert(crl, &entry, cert) == 1 && key &&
	       X509_CRL_verify(crl, key) == 1 && X509_verify(cert, key) == 1;
}

static bool
is_revoked(const struct cert_check *c, STACK_OF(X509) * chain)
{
	bool is = sk_X509_num(chain) > 0 && is_known_revoked(c->q, sk_X509_value(chain, 0));

	for (size_t i = 0; i < c->q->n_crl && !is; i++) {
		const uint8_t *p = c->q->crl[i].data;
		X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)c->q->crl[i].len);

		for (int k = 0; crl && k + 1 < sk_X509_num(chain) && !is; k++)
			is = names(crl, sk_X509_value(chain, k), sk_X509_value(chain, k + 1));
		X509_CRL_free(crl);
	}
	return is;
}

/* --- all of it -------------------------------------------------------------------------- */

static enum smime_problem
run(struct cert_check *c, X509 *cert, enum cert_check_use use, bool is_manual)
{
	struct cert_check_rules rules = {use, c->q->now_sec, c->rsa_bits_min};
	enum smime_problem worst = check_alone(cert, &rules), of_chain;
	STACK_OF(X509) * chain;

	if (is_blocked(c->q, cert))
		worsen(&worst, SMIME_PROBLEM_BLOCKED);
	of_chain = build(c, cert, &chain);
	check_chain(c, chain, &of_chain);
	if (!is_manual || of_chain == SMIME_PROBLEM_REVOKED)
		worsen(&worst, of_chain);
	if (is_revoked(c, chain))
		worsen(&worst, SMIME_PROBLEM_REVOKED);
	sk_X509_pop_free(chain, X509_free);
	return worst;
}

enum smime_problem
cert_check_run(struct cert_check *c, struct slice der, enum cert_check_use use, bool *is_manual)
{
	X509 *cert = cert_x509_parse(der);
	enum smime_problem p;

	*is_manual = false;
	if (!cert)
		return SMIME_PROBLEM_NO_CERTIFICATE;
	add_built_in(c, cert);
	*is_manual = is_manual_trust(c->q, cert, der);
	p = run(c, cert, use, *is_manual);
	X509_free(cert);
	ERR_clear_error();
	return p;
}

static struct slice
der_of(X509 *cert, struct arena *a)
{
	uint8_t *der = NULL;
	int n = i2d_X509(cert, &der);
	struct slice out;

	must(n > 0);
	out = arena_dup(a, slice_of(der, (size_t)n));
	OPENSSL_free(der);
	return out;
}

enum smime_problem
cert_check_chain(
	struct cert_check *c, struct slice der, struct arena *a, struct cert_check_links *out)
{
	X509 *cert = cert_x509_parse(der);
	enum smime_problem worst = SMIME_PROBLEM_NO_CERTIFICATE;
	STACK_OF(X509) * chain;

	out->n = 0;
	if (!cert)
		return worst;
	add_built_in(c, cert);
	worst = build(c, cert, &chain);
	check_chain(c, chain, &worst);
	for (int i = 0; i < sk_X509_num(chain) && out->n < CERT_CHECK_LINKS_MAX; i++)
		out->der[out->n++] = der_of(sk_X509_value(chain, i), a);
	sk_X509_pop_free(chain, X509_free);
	X509_free(cert);
	ERR_clear_error();
	return worst;
}
