#include "crypto/pgp_info.h"

#include <openssl/evp.h>

#include "core/mail_addr.h"
#include "core/must.h"
#include "crypto/pgp_packet.h"

bool
pgp_info_is(struct slice octets)
{
	return octets.n && octets.p[0] & 0x80;
}

struct pgp_cert *
pgp_info_parse(struct slice octets)
{
	struct slice rest = octets;
	struct pgp_cert *cert;

	if (!pgp_info_is(octets) || pgp_cert_parse(&rest, &cert))
		return NULL;
	if (rest.n == 0)
		return cert;
	pgp_cert_free(cert);
	return NULL;
}

const char *
pgp_info_kind(const struct pgp_public *key)
{
	switch (key->algorithm) {
	case PGP_RSA:
	case PGP_RSA_ENCRYPT:
	case PGP_RSA_SIGN:
		return "RSA";
	case PGP_DSA:
		return "DSA";
	case PGP_ELGAMAL:
		return "ElGamal";
	default:
		return key->curve ? key->curve : "?";
	}
}

uint64_t
pgp_info_newest_sec(const struct pgp_cert *cert)
{
	uint64_t newest = cert->key[0].public.created_sec;

	for (size_t i = 0; i < cert->n_sigs; i++)
		if (cert->sig[i].sig.created_sec > newest)
			newest = cert->sig[i].sig.created_sec;
	return newest;
}

static struct slice
hex_of(struct slice octets, struct arena *a)
{
	char *text = arena_zalloc(a, 2 * octets.n + 1);

	for (size_t i = 0; i < octets.n; i++)
		snprintf(text + 2 * i, 3, "%02x", octets.p[i]);
	return slice_str(text);
}

static bool
has(const struct cert_info *info, struct slice address)
{
	for (size_t i = 0; i < info->addresses; i++)
		if (slice_eq(info->address[i], address))
			return true;
	return false;
}

/* All signed ones, the primary one first: without any nobody knows whose key it is. */
static void
read_users(struct pgp_cert *cert, uint64_t at_sec, struct arena *a, struct cert_info *info)
{
	struct slice address;
	size_t primary = cert->n_users;

	info->subject = SLICE_LIT("(no user id)");
	if (pgp_valid_primary_user(cert, at_sec, &primary))
		info->subject = cert_info_printable(cert->user[primary].text, a);
	for (size_t n = 0; n <= cert->n_users; n++) {
		size_t i = n ? n - 1 : primary;

		if (i >= cert->n_users || cert->user[i].tag != PGP_TAG_USER_ID ||
			info->addresses == CERT_ADDRESS_MAX || !pgp_valid_user(cert, i, at_sec))
			continue;
		address = pgp_valid_address(cert->user[i].text);
		if (address.n && !mail_addr_canonical_text(address, a, &address) &&
			!has(info, address))
			info->address[info->addresses++] = address;
	}
}

static void
hash_key(const struct pgp_public *key, uint8_t hash[CERT_INFO_HASH])
{
	must(EVP_Digest(key->fingerprint, key->n_fingerprint, hash, NULL, EVP_sha256(), NULL) ==
		1);
}

enum err
pgp_info_key_hash(struct slice octets, uint8_t hash[CERT_INFO_HASH])
{
	struct pgp_packet_whole p;
	struct pgp_public key;

	if (pgp_packet_next(&octets, &p) || p.tag != PGP_TAG_PUBLIC_KEY ||
		pgp_public_parse(p.body, &key))
		return ERR_SYNTAX;
	hash_key(&key, hash);
	pgp_public_fini(&key);
	return ERR_OK;
}

enum err
pgp_info_read(struct slice octets, struct arena *a, struct cert_info *out)
{
	struct pgp_cert *cert = pgp_info_parse(octets);
	struct cert_info info = {.is_for_mail = true, .is_self_signed = true};
	size_t keys[PGP_VALID_RECIPIENTS_MAX], key;
	struct pgp_valid_facts facts;
	const struct pgp_public *primary;
	uint64_t at_sec;

	if (!cert || cert->is_secret) {
		pgp_cert_free(cert);
		return ERR_SYNTAX;
	}
	primary = &cert->key[0].public;
	at_sec = pgp_info_newest_sec(cert);
	must(EVP_Digest(octets.p, octets.n, info.sha256, NULL, EVP_sha256(), NULL) == 1);
	hash_key(primary, info.key_sha256);
	info.issuer = SLICE_LIT("OpenPGP");
	info.serial = hex_of(slice_of(primary->fingerprint, primary->n_fingerprint), a);
	info.from_sec = primary->created_sec;
	info.until_sec = PGP_INFO_NEVER;
	if (pgp_valid_facts(cert, at_sec, &facts) && facts.until_sec)
		info.until_sec = (int64_t)facts.until_sec;
	info.is_revoked = pgp_valid_key(cert, 0, PGP_USE_SIGN, at_sec) == PGP_PROBLEM_REVOKED;
	if (info.is_revoked)
		info.until_sec = (int64_t)at_sec;
	info.key = pgp_info_kind(primary);
	info.bits = (unsigned)primary->bits;
	info.may_sign = pgp_valid_signer(cert, at_sec, &key);
	info.may_encrypt = pgp_valid_recipients(cert, at_sec, keys) > 0;
	read_users(cert, at_sec, a, &info);
	*out = info;
	pgp_cert_free(cert);
	return ERR_OK;
}

enum err
pgp_info_key(struct slice packet, const char **kind, unsigned *bits)
{
	struct pgp_packet_whole p;
	struct slice rest = packet;
	struct pgp_public key;

	if (pgp_packet_next(&rest, &p) || p.tag != PGP_TAG_PUBLIC_KEY ||
		pgp_public_parse(p.body, &key))
		return ERR_SYNTAX;
	*kind = pgp_info_kind(&key);
	*bits = (unsigned)key.bits;
	pgp_public_fini(&key);
	return ERR_OK;
}
