#include "crypto/seal.h"

#include <sodium.h>

#include "core/big_endian.h"
#include "core/must.h"

_Static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == SEAL_TAG, "tag");
_Static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == SEAL_NONCE, "nonce");
_Static_assert(crypto_box_SEALBYTES == SEAL_BOX_EXTRA, "box");
_Static_assert(sizeof(crypto_generichash_state) <= sizeof(struct seal_hasher), "hasher");

void
seal_init(void)
{
	must(sodium_init() >= 0);
}

void
seal_key_new(struct seal_key *key)
{
	randombytes_buf(key->b, sizeof key->b);
}

void
seal_wipe(void *p, size_t n)
{
	sodium_memzero(p, n);
}

void *
seal_secret_new(size_t n)
{
	void *p = sodium_malloc(n);

	must(p != NULL);
	return p;
}

void
seal_secret_free(void *p)
{
	sodium_free(p);
}

struct part_frame {
	uint8_t nonce[SEAL_NONCE], aad[9];
};

static struct part_frame
part_frame(uint64_t n, bool last)
{
	struct part_frame f = {.nonce = "hp1part", .aad = {1}};

	big_endian_put_u64(f.nonce + 8, n);
	f.nonce[16] = last;
	big_endian_put_u64(f.aad + 1, n);
	return f;
}

void
seal_part(const struct seal_key *key, uint64_t n, bool last, struct slice plain, uint8_t *out)
{
	struct part_frame f = part_frame(n, last);

	must(plain.n <= SEAL_PART_PLAIN);
	crypto_aead_xchacha20poly1305_ietf_encrypt(
		out, NULL, plain.p, plain.n, f.aad, sizeof f.aad, NULL, f.nonce, key->b);
}

enum err
seal_part_open(
	const struct seal_key *key, uint64_t n, bool last, struct slice part, uint8_t *out)
{
	struct part_frame f = part_frame(n, last);

	if (part.n < SEAL_TAG || part.n > SEAL_PART)
		return ERR_CRYPTO;
	return crypto_aead_xchacha20poly1305_ietf_decrypt(
		       out, NULL, NULL, part.p, part.n, f.aad, sizeof f.aad, f.nonce, key->b)
		       ? ERR_CRYPTO
		       : ERR_OK;
}

/* Short words in 16 octets. None begins like the nonce of a part, which goes through the same
 * function. */
static void
put_purpose(const char *purpose, uint8_t out[16])
{
	size_t n = strlen(purpose);

	must(n <= 16 && memcmp(purpose, "hp1", n < 3 ? n : 3) != 0);
	memset(out, 0, 16);
	memcpy(out, purpose, n);
}

void
seal_subkey(const struct seal_key *key, const char *purpose, struct seal_key *subkey)
{
	uint8_t in[crypto_core_hchacha20_INPUTBYTES];

	put_purpose(purpose, in);
	crypto_core_hchacha20(subkey->b, in, key->b, NULL);
}

enum err
seal_box_key(const struct seal_key *key, struct slice aad, struct slice plain, struct buf *out)
{
	size_t n;
	uint8_t *to;

	if (__builtin_add_overflow(plain.n, (size_t)SEAL_AEAD_EXTRA, &n))
		return ERR_LIMIT;
	to = buf_room(out, n);
	if (!to)
		return ERR_LIMIT;
	randombytes_buf(to, SEAL_NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(
		to + SEAL_NONCE, NULL, plain.p, plain.n, aad.p, aad.n, NULL, to, key->b);
	buf_grow(out, n);
	return ERR_OK;
}

/* Opens into out, which has room. */
static enum err
open_nonced(const struct seal_key *key, struct slice aad, struct slice sealed, uint8_t *out)
{
	if (sealed.n < SEAL_AEAD_EXTRA)
		return ERR_CRYPTO;
	return crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL,
		       sealed.p + SEAL_NONCE, sealed.n - SEAL_NONCE, aad.p, aad.n, sealed.p,
		       key->b)
		       ? ERR_CRYPTO
		       : ERR_OK;
}

enum err
seal_box_key_open(
	const struct seal_key *key, struct slice aad, struct slice sealed, struct buf *out)
{
	uint8_t *to;
	enum err e;

	if (sealed.n < SEAL_AEAD_EXTRA)
		return ERR_CRYPTO;
	to = buf_room(out, sealed.n - SEAL_AEAD_EXTRA);
	if (!to)
		return ERR_LIMIT;
	e = open_nonced(key, aad, sealed, to);
	if (!e)
		buf_grow(out, sealed.n - SEAL_AEAD_EXTRA);
	return e;
}

enum err
seal_box_key_open_to(
	const struct seal_key *key, struct slice aad, struct slice sealed, uint8_t *out)
{
	return sealed.n < SEAL_AEAD_EXTRA ? ERR_CRYPTO : open_nonced(key, aad, sealed, out);
}

/* XChaCha20 takes its key for the rest from the first 16 octets of the nonce: with the purpose
 * there it is under a subkey of its own. */
static void
blob_nonce(const char *purpose, const uint8_t random[SEAL_BLOB_NONCE], uint8_t out[SEAL_NONCE])
{
	put_purpose(purpose, out);
	memcpy(out + 16, random, SEAL_BLOB_NONCE);
}

enum err
seal_blob(const struct seal_key *key, const char *purpose, struct slice plain, struct buf *out)
{
	uint8_t nonce[SEAL_NONCE], *to;
	size_t n;

	if (__builtin_add_overflow(plain.n, (size_t)SEAL_BLOB_EXTRA, &n))
		return ERR_LIMIT;
	to = buf_room(out, n);
	if (!to)
		return ERR_LIMIT;
	randombytes_buf(to, SEAL_BLOB_NONCE);
	blob_nonce(purpose, to, nonce);
	crypto_aead_xchacha20poly1305_ietf_encrypt(
		to + SEAL_BLOB_NONCE, NULL, plain.p, plain.n, NULL, 0, NULL, nonce, key->b);
	buf_grow(out, n);
	return ERR_OK;
}

enum err
seal_blob_open(
	const struct seal_key *key, const char *purpose, struct slice blob, struct buf *out)
{
	uint8_t nonce[SEAL_NONCE], *to;

	if (blob.n < SEAL_BLOB_EXTRA)
		return ERR_CRYPTO;
	to = buf_room(out, blob.n - SEAL_BLOB_EXTRA);
	if (!to)
		return ERR_LIMIT;
	blob_nonce(purpose, blob.p, nonce);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(to, NULL, NULL, blob.p + SEAL_BLOB_NONCE,
		    blob.n - SEAL_BLOB_NONCE, NULL, 0, nonce, key->b))
		return ERR_CRYPTO;
	buf_grow(out, blob.n - SEAL_BLOB_EXTRA);
	return ERR_OK;
}

void
seal_wrap(const struct seal_key *with, struct slice aad, const struct seal_key *key,
	uint8_t out[SEAL_WRAPPED])
{
	randombytes_buf(out, SEAL_NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(out + SEAL_NONCE, NULL, key->b,
		sizeof key->b, aad.p, aad.n, NULL, out, with->b);
}

enum err
seal_unwrap(const struct seal_key *with, struct slice aad, struct slice wrapped,
	struct seal_key *key)
{
	return wrapped.n == SEAL_WRAPPED ? open_nonced(with, aad, wrapped, key->b) : ERR_CRYPTO;
}

struct slice
seal_aad_epoch(struct seal_aad *aad, uint64_t account, uint64_t epoch)
{
	memcpy(aad->b, "hp1epoch", 8);
	big_endian_put_u64(aad->b + 8, account);
	big_endian_put_u64(aad->b + 16, epoch);
	return slice_of(aad->b, sizeof aad->b);
}

void
seal_pair_new(struct seal_pair *pair)
{
	crypto_box_keypair(pair->public_key, pair->secret);
}

void
seal_pair_public(struct seal_pair *pair)
{
	crypto_scalarmult_base(pair->public_key, pair->secret);
}

enum err
seal_pair_shared(const struct seal_pair *pair, const uint8_t other[32], bool is_sender,
	struct seal_key *out)
{
	struct slice own = slice_of(pair->public_key, 32), theirs = slice_of(other, 32);
	struct slice parts[3];
	uint8_t shared[32];

	if (crypto_scalarmult(shared, pair->secret, other))
		return ERR_CRYPTO;
	parts[0] = slice_of(shared, sizeof shared);
	parts[1] = is_sender ? own : theirs;
	parts[2] = is_sender ? theirs : own;
	seal_hash(NULL, parts, 3, out->b);
	sodium_memzero(shared, sizeof shared);
	return ERR_OK;
}

enum err
seal_to(const uint8_t public_key[32], struct slice plain, uint8_t *out)
{
	/* Fails for a public key of small order only. */
	return crypto_box_seal(out, plain.p, plain.n, public_key) ? ERR_CRYPTO : ERR_OK;
}

enum err
seal_to_open(const struct seal_pair *pair, struct slice box, uint8_t *out)
{
	if (box.n < SEAL_BOX_EXTRA)
		return ERR_CRYPTO;
	return crypto_box_seal_open(out, box.p, box.n, pair->public_key, pair->secret)
		       ? ERR_CRYPTO
		       : ERR_OK;
}

void
seal_hasher_init(struct seal_hasher *h, const struct seal_key *key)
{
	crypto_generichash_init(
		(void *)h->state, key ? key->b : NULL, key ? sizeof key->b : 0, SEAL_HASH);
}

void
seal_hasher_add(struct seal_hasher *h, struct slice s)
{
	crypto_generichash_update((void *)h->state, s.p, s.n);
}

void
seal_hasher_done(struct seal_hasher *h, uint8_t hash[SEAL_HASH])
{
	crypto_generichash_final((void *)h->state, hash, SEAL_HASH);
}

void
seal_hash(const struct seal_key *key, const struct slice *parts, size_t n,
	uint8_t hash[SEAL_HASH])
{
	struct seal_hasher h;

	seal_hasher_init(&h, key);
	for (size_t i = 0; i < n; i++)
		seal_hasher_add(&h, parts[i]);
	seal_hasher_done(&h, hash);
}

void
seal_sha256(struct slice s, uint8_t hash[SEAL_HASH])
{
	crypto_hash_sha256(hash, s.p, s.n);
}

bool
seal_equal(const void *a, const void *b, size_t n)
{
	return sodium_memcmp(a, b, n) == 0;
}

bool
seal_b64(struct slice s, struct buf *out)
{
	size_t n = sodium_base64_ENCODED_LEN(s.n, sodium_base64_VARIANT_ORIGINAL);
	uint8_t *to = buf_room(out, n);

	if (!to)
		return false;
	sodium_bin2base64((char *)to, n, s.p, s.n, sodium_base64_VARIANT_ORIGINAL);
	buf_grow(out, n - 1);
	return true;
}

enum err
seal_b64_open(struct slice text, struct buf *out)
{
	size_t n, room = text.n / 4 * 3 + 3;
	uint8_t *to = buf_room(out, room);

	if (!to)
		return ERR_LIMIT;
	if (sodium_base642bin(to, room, (const char *)text.p, text.n, NULL, &n, NULL,
		    sodium_base64_VARIANT_ORIGINAL))
		return ERR_SYNTAX;
	buf_grow(out, n);
	return ERR_OK;
}

bool
seal_hex(struct slice s, struct buf *out)
{
	static const char digit[] = "0123456789abcdef";

	for (size_t i = 0; i < s.n; i++) {
		buf_put_u8(out, (uint8_t)digit[s.p[i] >> 4]);
		buf_put_u8(out, (uint8_t)digit[s.p[i] & 15]);
	}
	return !out->overflow;
}
