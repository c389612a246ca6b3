#include "crypto/cert_status.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <time.h>

#include "core/must.h"
#include "crypto/cert_x509.h"
#include "crypto/tls.h"

struct reading {
	struct cert_status_question *q;
	struct cert_status_answer *out;
	X509 *issuer;
	EVP_PKEY *key;
};

static enum err
refuse(struct reading *r, enum err e, const char *why)
{
	snprintf(r->out->why, sizeof r->out->why, "%s", why);
	return e;
}

/* --- what both have --- */

/* 0: none, or it can't be read. */
static uint64_t
seconds_of(const ASN1_TIME *t)
{
	struct tm tm = {0};
	int64_t sec = t && ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;

	return sec > 0 ? (uint64_t)sec : 0;
}

static int
digest_of(const X509_ALGOR *algorithm)
{
	const ASN1_OBJECT *object;
	const ASN1_STRING *value;
	int type, digest = NID_undef, key = NID_undef, nid;
	RSA_PSS_PARAMS *pss;

	X509_ALGOR_get0(&object, &type, (const void **)&value, algorithm);
	nid = OBJ_obj2nid(object);
	if (nid != NID_rsassaPss) {
		(void)OBJ_find_sigid_algs(nid, &digest, &key);
		return nid == NID_ED25519 ? nid : digest;
	}
	if (type != V_ASN1_SEQUENCE)
		return NID_undef;
	pss = ASN1_item_unpack(value, ASN1_ITEM_rptr(RSA_PSS_PARAMS));
	if (pss && pss->hashAlgorithm)
		digest = OBJ_obj2nid(pss->hashAlgorithm->algorithm);
	RSA_PSS_PARAMS_free(pss);
	return digest;
}

static bool
is_strong(const X509_ALGOR *algorithm)
{
	int digest = digest_of(algorithm);

	return digest == NID_sha256 || digest == NID_sha384 || digest == NID_sha512 ||
	       digest == NID_ED25519;
}

static enum err
read_times(struct reading *r, const ASN1_TIME *from, const ASN1_TIME *to)
{
	r->out->this_sec = seconds_of(from);
	r->out->next_sec = seconds_of(to);
	if (!r->out->this_sec || (to && !r->out->next_sec))
		return refuse(r, ERR_SYNTAX, "its times can't be read");
	if (!to)
		r->out->next_sec = r->out->this_sec + CERT_STATUS_DAY_SEC;
	if (r->out->this_sec > r->q->now_sec + CERT_STATUS_SKEW_SEC)
		return refuse(r, ERR_STALE, "it is of the future");
	return ERR_OK;
}

/* Who isn't named is good, while what doesn't name him is to be believed. */
static bool
is_current(const struct reading *r)
{
	return r->out->next_sec > r->q->now_sec;
}

/* --- lists --- */

static bool
is_from(const struct reading *r, const GENERAL_NAMES *names)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
		const ASN1_STRING *s = g->type == GEN_URI ? g->d.uniformResourceIdentifier
							  : NULL;

		if (s && slice_eq(slice_of(ASN1_STRING_get0_data(s),
					  (size_t)ASN1_STRING_length(s)),
				 r->q->url))
			return true;
	}
	return false;
}

/* RFC 5280 section 6.3.3 (b)(2). */
static enum err
check_scope(struct reading *r, const ISSUING_DIST_POINT *point, bool covers[2])
{
	covers[false] = covers[true] = true;
	if (!point)
		return ERR_OK;
	if (point->indirectCRL > 0 || point->onlysomereasons || point->onlyattr > 0)
		return refuse(r, ERR_UNSUPPORTED, "a list of a kind that isn't read");
	covers[false] = point->onlyCA <= 0;
	covers[true] = point->onlyuser <= 0;
	if (point->distpoint &&
		(point->distpoint->type != 0 || !is_from(r, point->distpoint->name.fullname)))
		return refuse(r, ERR_DENIED, "the list is for another address");
	return ERR_OK;
}

static enum err
check_extensions(struct reading *r, const X509_CRL *crl, bool covers[2])
{
	ISSUING_DIST_POINT *point;
	int found;
	enum err e;

	for (int i = 0; i < X509_CRL_get_ext_count(crl); i++) {
		X509_EXTENSION *ext = X509_CRL_get_ext(crl, i);
		int nid = OBJ_obj2nid(X509_EXTENSION_get_object(ext));

		if (nid == NID_delta_crl || (X509_EXTENSION_get_critical(ext) &&
						    nid != NID_issuing_distribution_point))
			return refuse(r, ERR_UNSUPPORTED, "a list of a kind that isn't read");
	}
	point = X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, &found, NULL);
	/* -1: there is none; else it can't be read, or is there twice. */
	if (!point && found != -1)
		return refuse(r, ERR_SYNTAX, "not a list");
	e = check_scope(r, point, covers);
	ISSUING_DIST_POINT_free(point);
	return e;
}

static enum err
check_list(struct reading *r, X509_CRL *crl)
{
	const X509_ALGOR *algorithm;

	X509_CRL_get0_signature(crl, NULL, &algorithm);
	if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(r->issuer)) ||
		!(X509_get_key_usage(r->issuer) & KU_CRL_SIGN))
		return refuse(r, ERR_DENIED, "the list isn't its issuer's");
	if (!is_strong(algorithm) || X509_CRL_verify(crl, r->key) != 1)
		return refuse(r, ERR_DENIED, "the list's signature isn't good");
	return read_times(r, X509_CRL_get0_lastUpdate(crl), X509_CRL_get0_nextUpdate(crl));
}

static void
look_up(const struct reading *r, X509_CRL *crl, struct cert_status_known *k)
{
	ASN1_INTEGER *serial = ASN1_INTEGER_new();
	ASN1_ENUMERATED *reason = NULL;
	X509_REVOKED *entry = NULL;
	long value;

	must(serial && ASN1_STRING_set(serial, k->serial.p, (int)k->serial.n) == 1);
	/* 2: it was on hold, and is good again. */
	if (X509_CRL_get0_by_serial(crl, &entry, serial) != 1) {
		k->says = is_current(r) ? CERT_STATUS_GOOD : CERT_STATUS_NOTHING;
	} else {
		reason = X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, NULL, NULL);
		value = reason ? ASN1_ENUMERATED_get(reason) : 0;
		k->says = CERT_STATUS_REVOKED;
		k->since_sec = seconds_of(X509_REVOKED_get0_revocationDate(entry));
		k->reason = value > 0 && value <= 10 ? (uint32_t)value : 0;
	}
	ASN1_ENUMERATED_free(reason);
	ASN1_INTEGER_free(serial);
}

static enum err
read_list(struct reading *r)
{
	const uint8_t *p = r->q->octets.p;
	X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)r->q->octets.n);
	bool covers[2];
	enum err e = ERR_OK;

	if (!crl || p != r->q->octets.p + r->q->octets.n)
		e = refuse(r, ERR_SYNTAX, "not a list");
	if (!e)
		e = check_list(r, crl);
	if (!e)
		e = check_extensions(r, crl, covers);
	for (size_t i = 0; i < r->q->n && !e; i++)
		if (covers[r->q->known[i].is_authority])
			look_up(r, crl, &r->q->known[i]);
	X509_CRL_free(crl);
	return e;
}

/* --- OCSP --- */

/* RFC 6960 section 4.2.2.2: the issuer itself, or whom it gave the right to. */
static bool
may_answer(const struct reading *r, X509 *signer)
{
	time_t now = (time_t)r->q->now_sec;
	const X509_ALGOR *algorithm;

	if (X509_cmp(signer, r->issuer) == 0)
		return true;
	X509_get0_signature(NULL, &algorithm, signer);
	return X509_NAME_cmp(X509_get_issuer_name(signer), X509_get_subject_name(r->issuer)) ==
		       0 &&
	       X509_get_extension_flags(signer) & EXFLAG_XKUSAGE &&
	       X509_get_extended_key_usage(signer) & XKU_OCSP_SIGN &&
	       !(X509_get_extension_flags(signer) & (EXFLAG_INVALID | EXFLAG_CRITICAL)) &&
	       X509_cmp_time(X509_get0_notBefore(signer), &now) < 0 &&
	       X509_cmp_time(X509_get0_notAfter(signer), &now) > 0 && is_strong(algorithm) &&
	       X509_verify(signer, r->key) == 1;
}

static enum err
check_signer(struct reading *r, OCSP_BASICRESP *basic)
{
	STACK_OF(X509) *one = sk_X509_new_null();
	X509 *signer = NULL;
	enum err e = ERR_OK;

	must(one && sk_X509_push(one, r->issuer) > 0);
	if (OCSP_resp_get0_signer(basic, &signer, one) != 1 || !may_answer(r, signer))
		e = refuse(r, ERR_DENIED, "whoever signed the answer may not");
	if (!e) {
		/* That one alone, and its signature alone: the rest is looked at above. */
		(void)sk_X509_set(one, 0, signer);
		if (!is_strong(OCSP_resp_get0_tbs_sigalg(basic)) ||
			OCSP_basic_verify(basic, one, NULL, OCSP_NOINTERN | OCSP_NOVERIFY) != 1)
			e = refuse(r, ERR_DENIED, "the answer's signature isn't good");
	}
	sk_X509_free(one);
	return e;
}

static enum err
read_single(struct reading *r, OCSP_BASICRESP *basic, struct cert_status_known *k)
{
	ASN1_GENERALIZEDTIME *since = NULL, *from = NULL, *to = NULL;
	ASN1_INTEGER *serial = ASN1_INTEGER_new();
	OCSP_CERTID *id;
	int status = -1, reason = 0;
	enum err e;

	must(serial && ASN1_STRING_set(serial, k->serial.p, (int)k->serial.n) == 1);
	id = OCSP_cert_id_new(EVP_sha1(), X509_get_subject_name(r->issuer),
		X509_get0_pubkey_bitstr(r->issuer), serial);
	ASN1_INTEGER_free(serial);
	must(id != NULL);
	e = OCSP_resp_find_status(basic, id, &status, &reason, &since, &from, &to) == 1
		    ? read_times(r, from, to)
		    : refuse(r, ERR_SYNTAX, "the answer is about another certificate");
	OCSP_CERTID_free(id);
	if (e)
		return e;
	if (status == V_OCSP_CERTSTATUS_GOOD && is_current(r))
		k->says = CERT_STATUS_GOOD;
	if (status == V_OCSP_CERTSTATUS_REVOKED) {
		k->says = CERT_STATUS_REVOKED;
		k->since_sec = seconds_of(since);
		k->reason = reason > 0 && reason <= 10 ? (uint32_t)reason : 0;
	}
	return ERR_OK;
}

static enum err
read_ocsp(struct reading *r)
{
	const uint8_t *p = r->q->octets.p;
	OCSP_RESPONSE *answer = d2i_OCSP_RESPONSE(NULL, &p, (long)r->q->octets.n);
	OCSP_BASICRESP *basic = NULL;
	enum err e = ERR_OK;

	if (!answer || p != r->q->octets.p + r->q->octets.n || r->q->n != 1)
		e = refuse(r, ERR_SYNTAX, "not an answer of OCSP");
	else if (OCSP_response_status(answer) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
		e = refuse(r, ERR_UNAVAILABLE,
			OCSP_response_status_str(OCSP_response_status(answer)));
	else if (!(basic = OCSP_response_get1_basic(answer)))
		e = refuse(r, ERR_SYNTAX, "not an answer of OCSP");
	if (!e)
		e = check_signer(r, basic);
	if (!e)
		e = read_single(r, basic, &r->q->known[0]);
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(answer);
	return e;
}

/* --- both --- */

enum err
cert_status_read(struct cert_status_question *q, struct cert_status_answer *out)
{
	struct reading r = {.q = q, .out = out};
	enum err e;

	tls_init();
	*out = (struct cert_status_answer){0};
	for (size_t i = 0; i < q->n; i++)
		q->known[i].says = CERT_STATUS_NOTHING;
	r.issuer = cert_x509_parse(q->issuer);
	r.key = r.issuer ? X509_get0_pubkey(r.issuer) : NULL;
	if (!r.key)
		e = refuse(&r, ERR_SYNTAX, "the issuer's certificate can't be read");
	else if (q->octets.n == 0 || q->octets.n > CERT_STATUS_LIST_MAX)
		e = refuse(&r, ERR_SYNTAX, q->octets.n ? "it is too large" : "it is empty");
	else
		e = q->is_ocsp ? read_ocsp(&r) : read_list(&r);
	X509_free(r.issuer);
	ERR_clear_error();
	return e;
}
