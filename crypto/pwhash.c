#include "crypto/pwhash.h"

#include <sodium.h>

_Static_assert(crypto_pwhash_argon2id_STRBYTES == PWHASH_TEXT_MAX, "text");
_Static_assert(crypto_hash_sha256_BYTES == PWHASH_SHA256, "sha256");

/* libsodium wants a pointer even for nothing. */
static const char *
text_of(struct slice s)
{
	return s.n ? (const char *)s.p : "";
}

static bool
is_possible(const struct pwhash_cost *cost)
{
	return cost->memory_kib >= crypto_pwhash_argon2id_MEMLIMIT_MIN / 1024 &&
	       cost->memory_kib <= 4u * 1024 * 1024 - 1 && cost->passes >= 1 &&
	       cost->passes <= INT32_MAX;
}

enum err
pwhash_new(struct slice password, const struct pwhash_cost *cost, struct buf *out)
{
	char text[crypto_pwhash_argon2id_STRBYTES];

	if (!is_possible(cost))
		return ERR_CONFIG;
	if (crypto_pwhash_argon2id_str(text, text_of(password), password.n, cost->passes,
		    (size_t)cost->memory_kib * 1024))
		return ERR_SYSTEM;
	return buf_put_str(out, text) ? ERR_OK : ERR_LIMIT;
}

/* NUL-terminated copy, as libsodium wants it. */
static bool
copy_text(struct slice text, char out[PWHASH_TEXT_MAX])
{
	if (text.n >= PWHASH_TEXT_MAX || !slice_starts(text, SLICE_LIT("$argon2id$")) ||
		slice_has(text, 0))
		return false;
	memset(out, 0, PWHASH_TEXT_MAX);
	memcpy(out, text.p, text.n);
	return true;
}

enum err
pwhash_check(struct slice text, struct slice password)
{
	char copy[PWHASH_TEXT_MAX];
	int known;

	if (!copy_text(text, copy))
		return ERR_CORRUPT;
	/* Tells a damaged text from a wrong password, and takes no time. */
	known = crypto_pwhash_argon2id_str_needs_rehash(copy, 1, 8192);
	if (known < 0)
		return ERR_CORRUPT;
	return crypto_pwhash_argon2id_str_verify(copy, text_of(password), password.n) ? ERR_AUTH
										      : ERR_OK;
}

bool
pwhash_is_outdated(struct slice text, const struct pwhash_cost *cost)
{
	char copy[PWHASH_TEXT_MAX];

	return !copy_text(text, copy) ||
	       crypto_pwhash_argon2id_str_needs_rehash(
		       copy, cost->passes, (size_t)cost->memory_kib * 1024) != 0;
}

void
pwhash_sha256(const struct slice *parts, size_t n, uint8_t out[PWHASH_SHA256])
{
	crypto_hash_sha256_state state;

	crypto_hash_sha256_init(&state);
	for (size_t i = 0; i < n; i++)
		crypto_hash_sha256_update(&state, parts[i].p, parts[i].n);
	crypto_hash_sha256_final(&state, out);
	sodium_memzero(&state, sizeof state);
}

void
pwhash_hmac_sha256(
	struct slice key, const struct slice *parts, size_t n, uint8_t out[PWHASH_SHA256])
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, (const uint8_t *)text_of(key), key.n);
	for (size_t i = 0; i < n; i++)
		crypto_auth_hmacsha256_update(&state, parts[i].p, parts[i].n);
	crypto_auth_hmacsha256_final(&state, out);
	sodium_memzero(&state, sizeof state);
}

void
pwhash_pbkdf2(struct slice password, struct slice salt, uint32_t iterations,
	uint8_t out[PWHASH_SHA256])
{
	static const uint8_t block_one[4] = {0, 0, 0, 1};
	crypto_auth_hmacsha256_state keyed, state;
	uint8_t u[PWHASH_SHA256];

	/* The key's two blocks are hashed once, not once an iteration. */
	crypto_auth_hmacsha256_init(&keyed, (const uint8_t *)text_of(password), password.n);
	state = keyed;
	crypto_auth_hmacsha256_update(&state, salt.p, salt.n);
	crypto_auth_hmacsha256_update(&state, block_one, sizeof block_one);
	crypto_auth_hmacsha256_final(&state, u);
	memcpy(out, u, sizeof u);
	for (uint32_t i = 1; i < iterations; i++) {
		state = keyed;
		crypto_auth_hmacsha256_update(&state, u, sizeof u);
		crypto_auth_hmacsha256_final(&state, u);
		for (size_t k = 0; k < sizeof u; k++)
			out[k] ^= u[k];
	}
	sodium_memzero(&keyed, sizeof keyed);
	sodium_memzero(&state, sizeof state);
	sodium_memzero(u, sizeof u);
}

void
pwhash_scram_fill(struct slice password, struct pwhash_scram *record)
{
	struct slice client = SLICE_LIT("Client Key"), server = SLICE_LIT("Server Key"), key;
	uint8_t salted[PWHASH_SHA256], client_key[PWHASH_SHA256];

	pwhash_pbkdf2(password, slice_of(record->salt, sizeof record->salt), record->iterations,
		salted);
	key = slice_of(salted, sizeof salted);
	pwhash_hmac_sha256(key, &server, 1, record->server_key);
	pwhash_hmac_sha256(key, &client, 1, client_key);
	key = slice_of(client_key, sizeof client_key);
	pwhash_sha256(&key, 1, record->stored_key);
	sodium_memzero(salted, sizeof salted);
	sodium_memzero(client_key, sizeof client_key);
}

enum err
pwhash_scram_new(struct slice password, uint32_t iterations, struct pwhash_scram *out)
{
	if (iterations < PWHASH_ITERATIONS_MIN || iterations > PWHASH_ITERATIONS_MAX)
		return ERR_CONFIG;
	randombytes_buf(out->salt, sizeof out->salt);
	out->iterations = iterations;
	pwhash_scram_fill(password, out);
	return ERR_OK;
}
