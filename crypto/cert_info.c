#include "crypto/cert_info.h"

#include <openssl/err.h>
#include <string.h>
#include <time.h>

#include "core/buf.h"
#include "core/mail_addr.h"
#include "core/must.h"
#include "core/utf8.h"
#include "crypto/cert_x509.h"
#include "crypto/pgp_info.h"
#include "crypto/tls.h"

enum { NAME_FLAGS = XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB, SERIAL_MAX = 64 };

/* What changes how a terminal shows the rest: control characters of C1, and of direction. */
static bool
is_odd(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200e || c == 0x200f ||
	       (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

struct slice
cert_info_printable(struct slice raw, struct arena *a)
{
	struct buf out;
	struct slice kept;
	uint32_t c;

	buf_init(&out, CERT_INFO_TEXT_MAX);
	while (raw.n && !out.overflow) {
		size_t n = utf8_get(raw, &c);

		if (!n || is_odd(c))
			buf_put_u8(&out, '?');
		else
			buf_put(&out, raw.p, n);
		raw = slice_from(raw, n ? n : 1);
	}
	kept = arena_dup(a, buf_slice(&out));
	buf_fini(&out);
	return kept;
}

static struct slice
name_text(const X509_NAME *name, struct arena *a)
{
	BIO *bio = BIO_new(BIO_s_mem());
	struct slice text;
	char *p = NULL;
	long n;

	must(bio != NULL);
	n = X509_NAME_print_ex(bio, name, 0, NAME_FLAGS) < 0 ? 0 : BIO_get_mem_data(bio, &p);
	text = cert_info_printable(slice_of(p, n > 0 ? (size_t)n : 0), a);
	BIO_free(bio);
	return text;
}

static struct slice
serial_text(X509 *cert, struct arena *a)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
	struct slice raw = slice_of(
		ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial));
	char *text = arena_zalloc(a, 2 * SERIAL_MAX + 1);

	raw = slice_cut(raw, 0, SERIAL_MAX);
	for (size_t i = 0; i < raw.n; i++)
		snprintf(text + 2 * i, 3, "%02x", raw.p[i]);
	return slice_str(text);
}

static int64_t
seconds_of(const ASN1_TIME *t)
{
	struct tm tm = {0};

	return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static const char *
key_name(const EVP_PKEY *key)
{
	static const struct {
		const char *group, *name;
	} curves[] = {{"prime256v1", "EC P-256"}, {"secp384r1", "EC P-384"},
		{"secp521r1", "EC P-521"}};
	char group[32] = "";
	size_t n;

	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
		return "RSA";
	case EVP_PKEY_RSA_PSS:
		return "RSA-PSS";
	case EVP_PKEY_ED25519:
		return "Ed25519";
	case EVP_PKEY_X25519:
		return "X25519";
	case EVP_PKEY_EC:
		break;
	default:
		return "?";
	}
	if (EVP_PKEY_get_group_name(key, group, sizeof group, &n) == 1)
		for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
			if (!strcmp(group, curves[i].group))
				return curves[i].name;
	return "EC";
}

static void
read_usage(X509 *cert, const EVP_PKEY *key, struct cert_info *out)
{
	uint32_t usage = X509_get_key_usage(cert), flags = X509_get_extension_flags(cert);
	int kind = EVP_PKEY_get_base_id(key);
	bool rsa = kind == EVP_PKEY_RSA,
	     agrees = kind == EVP_PKEY_EC || kind == EVP_PKEY_X25519;

	out->may_sign = (usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) &&
			kind != EVP_PKEY_X25519;
	out->may_encrypt = (rsa && usage & KU_KEY_ENCIPHERMENT) ||
			   (agrees && usage & KU_KEY_AGREEMENT);
	out->is_for_mail = !(flags & EXFLAG_XKUSAGE) ||
			   (X509_get_extended_key_usage(cert) & (XKU_SMIME | XKU_ANYEKU));
	out->is_authority = flags & EXFLAG_CA;
	out->is_self_signed = X509_self_signed(cert, 0) == 1;
}

static bool
was_signed_weakly(const X509 *cert)
{
	int digest;

	if (OBJ_find_sigid_algs(X509_get_signature_nid(cert), &digest, NULL) != 1)
		return true;
	/* No digest of its own: Ed25519; for RSA-PSS the parameters say it. */
	if (digest == NID_undef)
		return X509_get_signature_info(
			       (X509 *)(uintptr_t)cert, &digest, NULL, NULL, NULL) != 1 ||
		       digest == NID_sha1;
	return digest == NID_sha1 || digest == NID_md5 || digest == NID_md4 ||
	       digest == NID_md2;
}

static bool
has(const struct cert_info *info, struct slice address)
{
	for (size_t i = 0; i < info->addresses; i++)
		if (slice_eq(info->address[i], address))
			return true;
	return false;
}

static void
read_addresses(struct slice der, struct arena *a, struct cert_info *out)
{
	struct slice raw[CERT_ADDRESS_MAX], address;
	size_t n = cert_address_list(der, a, raw);

	for (size_t i = 0; i < n; i++)
		if (!mail_addr_canonical_text(raw[i], a, &address) && !has(out, address))
			out->address[out->addresses++] = address;
}

static bool
hash_key(X509 *cert, uint8_t hash[CERT_INFO_HASH])
{
	uint8_t *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	bool ok = n > 0 && EVP_Digest(der, (size_t)n, hash, NULL, EVP_sha256(), NULL) == 1;

	OPENSSL_free(der);
	return ok;
}

enum err
cert_info_read(struct slice der, struct arena *a, struct cert_info *out)
{
	X509 *cert = pgp_info_is(der) ? NULL : cert_x509_parse(der);
	EVP_PKEY *key = cert ? X509_get0_pubkey(cert) : NULL;
	struct cert_info info = {.bits = 0};

	if (pgp_info_is(der))
		return pgp_info_read(der, a, out);
	if (!key || !hash_key(cert, info.key_sha256)) {
		X509_free(cert);
		ERR_clear_error();
		return ERR_SYNTAX;
	}
	must(EVP_Digest(der.p, der.n, info.sha256, NULL, EVP_sha256(), NULL) == 1);
	info.subject = name_text(X509_get_subject_name(cert), a);
	info.issuer = name_text(X509_get_issuer_name(cert), a);
	info.serial = serial_text(cert, a);
	info.from_sec = seconds_of(X509_get0_notBefore(cert));
	info.until_sec = seconds_of(X509_get0_notAfter(cert));
	info.key = key_name(key);
	info.bits = (unsigned)EVP_PKEY_get_bits(key);
	info.signs_weakly = was_signed_weakly(cert);
	read_usage(cert, key, &info);
	read_addresses(der, a, &info);
	*out = info;
	X509_free(cert);
	ERR_clear_error();
	return ERR_OK;
}

enum err
cert_info_key(struct slice spki, const char **kind, unsigned *bits)
{
	const uint8_t *p = spki.p;
	EVP_PKEY *key;

	if (pgp_info_is(spki))
		return pgp_info_key(spki, kind, bits);
	tls_init();
	key = spki.n && spki.n <= CERT_X509_DER_MAX ? d2i_PUBKEY(NULL, &p, (long)spki.n) : NULL;
	ERR_clear_error();
	if (!key)
		return ERR_SYNTAX;
	*kind = key_name(key);
	*bits = (unsigned)EVP_PKEY_get_bits(key);
	EVP_PKEY_free(key);
	return ERR_OK;
}
