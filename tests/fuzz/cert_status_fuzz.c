#include "crypto/cert_status.h"

#include <openssl/ocsp.h>

#include "crypto/cert_source.h"
#include "tests/pki.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct pki root;

static void
look(struct slice octets, bool is_ocsp)
{
	struct cert_status_known known = {.serial = SLICE_LIT("\x12\x34")};
	struct cert_status_question q = {.octets = octets,
		.is_ocsp = is_ocsp,
		.issuer = root.der,
		.url = SLICE_LIT("http://ca.test/1"),
		.now_sec = PKI_NOW,
		.known = &known,
		.n = 1};
	struct cert_status_answer out;
	enum err e = cert_status_read(&q, &out);

	if ((e && known.says != CERT_STATUS_NOTHING) || (e != ERR_OK) != (out.why[0] != '\0') ||
		(known.says == CERT_STATUS_GOOD && out.next_sec <= PKI_NOW))
		__builtin_trap();
}

/* With a good signature more of it is read. */
static void
look_signed_list(struct slice in)
{
	const uint8_t *p = in.p;
	X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)in.n);
	uint8_t *der = NULL;
	int size;

	if (crl && X509_CRL_set_issuer_name(crl, X509_get_subject_name(root.cert)) &&
		X509_CRL_sign(crl, root.key, EVP_sha256()) > 0 &&
		(size = i2d_X509_CRL(crl, &der)) > 0)
		look(slice_of(der, (size_t)size), false);
	OPENSSL_free(der);
	X509_CRL_free(crl);
}

static void
look_signed_answer(struct slice in)
{
	const uint8_t *p = in.p;
	OCSP_RESPONSE *r = d2i_OCSP_RESPONSE(NULL, &p, (long)in.n), *made = NULL;
	OCSP_BASICRESP *b = r ? OCSP_response_get1_basic(r) : NULL;
	uint8_t *der = NULL;
	int size;

	if (b && OCSP_basic_sign(b, root.cert, root.key, EVP_sha256(), NULL, 0) == 1 &&
		(made = OCSP_response_create(0, b)) &&
		(size = i2d_OCSP_RESPONSE(made, &der)) > 0)
		look(slice_of(der, (size_t)size), true);
	OPENSSL_free(der);
	OCSP_RESPONSE_free(made);
	OCSP_BASICRESP_free(b);
	OCSP_RESPONSE_free(r);
}

/* Whatever a stranger's list, answer, certificate or address is: an err with words, or what it
 * says. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice in = slice_of(p, n);
	struct cert_source source;
	struct cert_source_url url;
	struct arena a;

	if (!root.cert)
		pki_make(&root, &(struct pki_how){.key = "ED25519",
					.basic = "critical,CA:TRUE",
					.usage = "critical,keyCertSign,cRLSign"});
	look(in, false);
	look(in, true);
	look_signed_list(in);
	look_signed_answer(in);
	arena_init(&a, 0);
	if (!cert_source_read(in, &a, &source) &&
		((source.crl.n && !cert_source_url_parse(source.crl, &url)) ||
			source.serial.n > CERT_SOURCE_SERIAL_MAX))
		__builtin_trap();
	if (cert_source_url_parse(in, &url) &&
		(slice_has(url.host, '@') || slice_has(url.path, ' ')))
		__builtin_trap();
	arena_reset(&a);
	ERR_clear_error();
	return 0;
}
