#include "crypto/cert_source.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <stdlib.h>
#include <time.h>

#include "core/must.h"
#include "crypto/cert_x509.h"
#include "crypto/tls.h"

/* --- URLs --- */

static bool
is_host(struct slice host)
{
	size_t top = host.n;

	for (size_t i = 0; i < host.n; i++) {
		uint8_t c = slice_lower(host.p[i]);

		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.')
			return false;
	}
	while (top && host.p[top - 1] != '.')
		top--;
	/* A number behind the last dot: an address. */
	return top < host.n && host.n <= 253 && (host.p[top] < '0' || host.p[top] > '9');
}

static bool
is_path(struct slice path)
{
	for (size_t i = 0; i < path.n; i++)
		if (path.p[i] <= ' ' || path.p[i] >= 0x7f || path.p[i] == '#')
			return false;
	return path.n > 0 && path.n <= CERT_SOURCE_PATH_MAX;
}

bool
cert_source_url_parse(struct slice text, struct cert_source_url *out)
{
	static const struct slice plain = SLICE_LIT("http://"), tls = SLICE_LIT("https://");
	struct cert_source_url u = {.plain = slice_starts_nocase(text, plain)};
	size_t slash, colon;

	if (text.n > CERT_SOURCE_URL_MAX || (!u.plain && !slice_starts_nocase(text, tls)))
		return false;
	text = slice_from(text, u.plain ? plain.n : tls.n);
	slash = slice_find(text, '/');
	u.host = slice_cut(text, 0, slash);
	u.path = slash < text.n ? slice_from(text, slash) : SLICE_LIT("/");
	colon = slice_find(u.host, ':');
	if (colon < u.host.n && !slice_eq(slice_from(u.host, colon),
					u.plain ? SLICE_LIT(":80") : SLICE_LIT(":443")))
		return false;
	u.host = slice_cut(u.host, 0, colon);
	if (!is_host(u.host) || !is_path(u.path))
		return false;
	*out = u;
	return true;
}

/* --- what a certificate says --- */

static struct slice
octets_of(const ASN1_STRING *s)
{
	int n = ASN1_STRING_length(s);

	return slice_of(ASN1_STRING_get0_data(s), n > 0 ? (size_t)n : 0);
}

static void
take(const GENERAL_NAME *g, struct arena *a, struct slice *out)
{
	struct cert_source_url url;

	if (!out->n && g->type == GEN_URI &&
		cert_source_url_parse(octets_of(g->d.uniformResourceIdentifier), &url))
		*out = arena_dup(a, octets_of(g->d.uniformResourceIdentifier));
}

/* Lists for some reasons, or by others than the issuer, are passed over. */
static void
read_points(X509 *cert, struct arena *a, struct cert_source *s)
{
	CRL_DIST_POINTS *points = X509_get_ext_d2i(
		cert, NID_crl_distribution_points, NULL, NULL);

	for (int i = 0; i < sk_DIST_POINT_num(points); i++) {
		const DIST_POINT *p = sk_DIST_POINT_value(points, i);

		if (p->reasons || p->CRLissuer || !p->distpoint || p->distpoint->type != 0)
			continue;
		for (int k = 0; k < sk_GENERAL_NAME_num(p->distpoint->name.fullname); k++)
			take(sk_GENERAL_NAME_value(p->distpoint->name.fullname, k), a, &s->crl);
	}
	CRL_DIST_POINTS_free(points);
}

static void
read_access(X509 *cert, struct arena *a, struct cert_source *s)
{
	AUTHORITY_INFO_ACCESS *list = X509_get_ext_d2i(cert, NID_info_access, NULL, NULL);

	for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(list); i++) {
		const ACCESS_DESCRIPTION *d = sk_ACCESS_DESCRIPTION_value(list, i);
		int method = OBJ_obj2nid(d->method);

		if (method == NID_ad_OCSP)
			take(d->location, a, &s->ocsp);
		else if (method == NID_ad_ca_issuers)
			take(d->location, a, &s->issuer);
	}
	AUTHORITY_INFO_ACCESS_free(list);
}

enum err
cert_source_read(struct slice der, struct arena *a, struct cert_source *out)
{
	X509 *cert = cert_x509_parse(der);
	struct cert_source s = {.serial = SLICE_EMPTY};
	struct tm tm = {0};
	bool is_negative;
	int64_t until;

	if (!cert)
		return ERR_SYNTAX;
	is_negative = ASN1_STRING_type(X509_get0_serialNumber(cert)) == V_ASN1_NEG_INTEGER;
	s.serial = arena_dup(a, octets_of(X509_get0_serialNumber(cert)));
	s.is_authority = X509_check_ca(cert) > 0;
	until = ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) == 1 ? (int64_t)timegm(&tm) : 0;
	s.until_sec = until > 0 ? (uint64_t)until : 0;
	read_points(cert, a, &s);
	read_access(cert, a, &s);
	X509_free(cert);
	ERR_clear_error();
	if (is_negative || !s.serial.n || s.serial.n > CERT_SOURCE_SERIAL_MAX)
		return ERR_SYNTAX;
	*out = s;
	return ERR_OK;
}

/* --- what is asked --- */

static OCSP_REQUEST *
request(X509 *issuer, struct slice serial)
{
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	OCSP_REQUEST *r = OCSP_REQUEST_new();
	OCSP_CERTID *id;

	must(number && r && ASN1_STRING_set(number, serial.p, (int)serial.n) == 1);
	/* SHA-1 names the issuer here and proves nothing; many servers know no other. */
	id = OCSP_cert_id_new(EVP_sha1(), X509_get_subject_name(issuer),
		X509_get0_pubkey_bitstr(issuer), number);
	ASN1_INTEGER_free(number);
	must(id && OCSP_request_add0_id(r, id));
	return r;
}

enum err
cert_source_ask(struct slice issuer_der, struct slice serial, struct buf *out)
{
	X509 *issuer = cert_x509_parse(issuer_der);
	OCSP_REQUEST *r;
	uint8_t *der = NULL;
	int n;

	if (!issuer || !serial.n || serial.n > CERT_SOURCE_SERIAL_MAX) {
		X509_free(issuer);
		return ERR_SYNTAX;
	}
	r = request(issuer, serial);
	n = i2d_OCSP_REQUEST(r, &der);
	must(n > 0);
	buf_put(out, der, (size_t)n);
	OPENSSL_free(der);
	OCSP_REQUEST_free(r);
	X509_free(issuer);
	ERR_clear_error();
	return out->overflow ? ERR_TOO_BIG : ERR_OK;
}
