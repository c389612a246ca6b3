#include "crypto/keyring.h"

#include <stdlib.h>

#include "core/big_endian.h"
#include "core/must.h"
#include "core/rand.h"

enum { DAY_SEC = 86400, SLOTS = 1 << 17 };

/* Open addressing over (account, day, public key): an account that was made anew under the same
 * id gets a new epoch. */
struct epoch {
	uint64_t account, day, id;
	uint8_t public_key[32];
	struct seal_key key;
};

struct keyring {
	struct seal_key *master; /* locked memory */
	struct seal_pair *queue; /* the queue key's pair that was used last; locked memory */
	uint8_t queue_wrapped[KEYRING_SECRET_WRAPPED];
	uint64_t queue_id; /* 0: none yet */
	struct queue_seal_opener *opener;
	struct epoch **slot;
	size_t n;
};

static const char magic[] = "hairpin-master-1 ";

struct keyring *
keyring_new(const struct seal_key *master)
{
	struct keyring *k = must_zalloc(sizeof *k);

	k->master = seal_secret_new(sizeof *k->master);
	*k->master = *master;
	k->queue = seal_secret_new(sizeof *k->queue);
	k->opener = queue_seal_opener_new();
	k->slot = must_zalloc(SLOTS * sizeof *k->slot);
	return k;
}

static void
forget_epochs(struct keyring *k)
{
	for (size_t i = 0; i < SLOTS; i++) {
		if (!k->slot[i])
			continue;
		seal_wipe(k->slot[i], sizeof *k->slot[i]);
		free(k->slot[i]);
		k->slot[i] = NULL;
	}
	k->n = 0;
}

void
keyring_free(struct keyring *k)
{
	if (!k)
		return;
	forget_epochs(k);
	free(k->slot);
	seal_secret_free(k->master);
	seal_secret_free(k->queue);
	queue_seal_opener_free(k->opener);
	free(k);
}

bool
keyring_format_master(const struct seal_key *master, struct buf *out)
{
	return buf_put_str(out, magic) &&
	       seal_b64(slice_of(master->b, sizeof master->b), out) && buf_put_str(out, "\n");
}

enum err
keyring_parse_master(struct slice text, struct seal_key *master)
{
	struct buf raw;
	enum err e = ERR_SYNTAX;

	buf_init(&raw, 256);
	text = slice_trim(text);
	if (slice_starts(text, slice_str(magic)))
		e = seal_b64_open(slice_trim(slice_from(text, sizeof magic - 1)), &raw);
	if (!e && raw.n != sizeof master->b)
		e = ERR_SYNTAX;
	if (!e)
		memcpy(master->b, raw.p, raw.n);
	buf_fini_secret(&raw);
	return e;
}

void
keyring_named(const struct keyring *k, enum keyring_named which, struct seal_key *out)
{
	static const char *const labels[] = {[KEYRING_AUTH] = "auth verifiers",
		[KEYRING_REPEAT] = "repeat keys",
		[KEYRING_GUARD] = "loop guard",
		[KEYRING_SRS] = "srs addresses"};

	seal_subkey(k->master, labels[which], out);
}

struct peer_ca *
keyring_peer_ca(const struct keyring *k)
{
	return peer_ca_new(k->master);
}

enum err
keyring_log_key(const struct keyring *k, struct slice wrapped, struct seal_key *out,
	uint8_t new_wrapped[SEAL_WRAPPED], bool *is_new)
{
	struct seal_key with;
	enum err e = ERR_OK;

	seal_subkey(k->master, "log key", &with);
	*is_new = wrapped.n == 0;
	if (*is_new) {
		seal_key_new(out);
		seal_wrap(&with, SLICE_LIT("log key"), out, new_wrapped);
	} else {
		e = seal_unwrap(&with, SLICE_LIT("log key"), wrapped, out);
	}
	seal_wipe(&with, sizeof with);
	return e;
}

void
keyring_join_secret(const struct keyring *k, const uint8_t id[16], uint64_t until_sec,
	bool arbiter, uint8_t secret[16])
{
	uint8_t rest[9] = {[8] = arbiter}, hash[SEAL_HASH];
	struct slice parts[] = {slice_of(id, 16), slice_of(rest, sizeof rest)};
	struct seal_key with;

	big_endian_put_u64(rest, until_sec);
	seal_subkey(k->master, "join tokens", &with);
	seal_hash(&with, parts, 2, hash);
	memcpy(secret, hash, 16);
	seal_wipe(&with, sizeof with);
	seal_wipe(hash, sizeof hash);
}

void
keyring_master(const struct keyring *k, struct seal_key *out)
{
	*out = *k->master;
}

static struct slice
pair_aad(enum keyring_pair kind, uint64_t id, uint8_t aad[9])
{
	aad[0] = (uint8_t)kind;
	for (int i = 8; i >= 1; i--, id >>= 8)
		aad[i] = (uint8_t)id;
	return slice_of(aad, 9);
}

static void
pair_key(const struct keyring *k, enum keyring_pair kind, struct seal_key *with)
{
	seal_subkey(k->master, kind == KEYRING_ACCOUNT ? "account keys" : "queue keys", with);
}

void
keyring_new_pair(const struct keyring *k, enum keyring_pair kind, uint64_t id,
	uint8_t public_key[32], uint8_t wrapped[KEYRING_SECRET_WRAPPED])
{
	struct seal_key with, secret;
	struct seal_pair pair;
	uint8_t aad[9];

	seal_pair_new(&pair);
	memcpy(public_key, pair.public_key, 32);
	memcpy(secret.b, pair.secret, 32);
	pair_key(k, kind, &with);
	seal_wrap(&with, pair_aad(kind, id, aad), &secret, wrapped);
	seal_wipe(&with, sizeof with);
	seal_wipe(&secret, sizeof secret);
	seal_wipe(&pair, sizeof pair);
}

enum err
keyring_open_secret(const struct keyring *k, enum keyring_pair kind, uint64_t id,
	struct slice wrapped, uint8_t secret[32])
{
	struct seal_key with, out;
	uint8_t aad[9];
	enum err e;

	pair_key(k, kind, &with);
	e = seal_unwrap(&with, pair_aad(kind, id, aad), wrapped, &out);
	if (!e)
		memcpy(secret, out.b, 32);
	seal_wipe(&with, sizeof with);
	seal_wipe(&out, sizeof out);
	return e;
}

/* --- private keys --- */

/* 'k' and the id, for the wrapped octets; 'p' for what is sealed under them. */
static struct slice
private_aad(char what, uint64_t id, uint8_t aad[9])
{
	aad[0] = (uint8_t)what;
	big_endian_put_u64(aad + 1, id);
	return slice_of(aad, 9);
}

enum err
keyring_seal_private(const struct keyring *k, uint64_t id, struct slice pkcs8,
	uint8_t wrapped[KEYRING_SECRET_WRAPPED], struct buf *sealed)
{
	struct seal_key with, own;
	uint8_t aad[9];
	enum err e;

	if (!pkcs8.n || pkcs8.n > KEYRING_PRIVATE_MAX)
		return ERR_TOO_BIG;
	seal_subkey(k->master, "private keys", &with);
	seal_key_new(&own);
	seal_wrap(&with, private_aad('k', id, aad), &own, wrapped);
	e = seal_box_key(&own, private_aad('p', id, aad), pkcs8, sealed);
	seal_wipe(&with, sizeof with);
	seal_wipe(&own, sizeof own);
	return e;
}

enum err
keyring_open_private(const struct keyring *k, uint64_t id, struct slice wrapped,
	struct slice sealed, struct keyring_private *out)
{
	struct keyring_private private = {.n = sealed.n - SEAL_AEAD_EXTRA};
	struct seal_key with, own;
	uint8_t aad[9];
	enum err e;

	if (sealed.n <= SEAL_AEAD_EXTRA || private.n > KEYRING_PRIVATE_MAX)
		return ERR_CRYPTO;
	seal_subkey(k->master, "private keys", &with);
	e = seal_unwrap(&with, private_aad('k', id, aad), wrapped, &own);
	seal_wipe(&with, sizeof with);
	if (e)
		return e;
	private.p = seal_secret_new(private.n);
	e = seal_box_key_open_to(&own, private_aad('p', id, aad), sealed, private.p);
	seal_wipe(&own, sizeof own);
	if (e)
		keyring_private_free(&private);
	else
		*out = private;
	return e;
}

void
keyring_private_free(struct keyring_private *private)
{
	seal_secret_free(private->p);
	*private = (struct keyring_private){.p = NULL};
}

/* Mail after mail comes under the same key: it is unwrapped, and its public half
 * computed, once. */
static enum err
queue_pair(struct keyring *k, const struct keyring_sealed *s)
{
	enum err e;

	if (k->queue_id == s->queue_key && s->wrapped_secret.n == sizeof k->queue_wrapped &&
		memcmp(k->queue_wrapped, s->wrapped_secret.p, sizeof k->queue_wrapped) == 0)
		return ERR_OK;
	k->queue_id = 0;
	e = keyring_open_secret(
		k, KEYRING_QUEUE, s->queue_key, s->wrapped_secret, k->queue->secret);
	if (e)
		return e;
	seal_pair_public(k->queue);
	memcpy(k->queue_wrapped, s->wrapped_secret.p, sizeof k->queue_wrapped);
	k->queue_id = s->queue_key;
	return ERR_OK;
}

enum err
keyring_open_sealed(
	struct keyring *k, const struct keyring_sealed *s, struct seal_key *data_key)
{
	enum err e = queue_pair(k, s);

	return e ? e : queue_seal_open(k->opener, k->queue, s->sealed_key, data_key);
}

enum err
keyring_reseal(struct keyring *k, const struct keyring_sealed *s, uint64_t to_id,
	struct slice to_wrapped, uint8_t out[QUEUE_SEAL_SIZE])
{
	struct queue_seal sealer = {0};
	struct seal_pair to;
	struct seal_key data_key;
	enum err e = keyring_open_sealed(k, s, &data_key);

	if (!e)
		e = keyring_open_secret(k, KEYRING_QUEUE, to_id, to_wrapped, to.secret);
	if (!e) {
		seal_pair_public(&to);
		e = queue_seal(&sealer, to.public_key, &data_key, out);
	}
	queue_seal_wipe(&sealer);
	seal_wipe(&to, sizeof to);
	seal_wipe(&data_key, sizeof data_key);
	return e;
}

static struct epoch **
find_slot(struct keyring *k, uint64_t account, uint64_t day, const uint8_t public_key[32])
{
	uint64_t h = (account ^ day << 40) * UINT64_C(0x9E3779B97F4A7C15);
	size_t i = (size_t)(h >> 40) & (SLOTS - 1);
	struct epoch *e;

	for (; (e = k->slot[i]); i = (i + 1) & (SLOTS - 1))
		if (e->account == account && e->day == day &&
			memcmp(e->public_key, public_key, 32) == 0)
			break;
	return &k->slot[i];
}

/* A fresh epoch in its slot, with its copy for the account. */
static enum err
begin_epoch(struct keyring *k, struct epoch **slot, const struct epoch *named,
	uint8_t sealed[KEYRING_EPOCH_SEALED])
{
	struct epoch *e = must_alloc(sizeof *e);

	*e = *named;
	e->id = rand_u64();
	seal_key_new(&e->key);
	if (seal_to(e->public_key, slice_of(e->key.b, sizeof e->key.b), sealed)) {
		free(e);
		return ERR_CRYPTO;
	}
	if (*slot) {
		seal_wipe(*slot, sizeof **slot);
		free(*slot);
		k->n--;
	}
	*slot = e;
	k->n++;
	return ERR_OK;
}

enum err
keyring_wrap(struct keyring *k, const struct keyring_target *to, uint64_t now_sec,
	const struct seal_key *data_key, struct keyring_wrap *out)
{
	struct epoch named = {.account = to->account, .day = now_sec / DAY_SEC};
	struct seal_aad aad;
	struct epoch **slot;
	enum err e = ERR_OK;

	if (k->n >= KEYRING_EPOCHS_MAX)
		forget_epochs(k);
	memcpy(named.public_key, to->public_key, sizeof named.public_key);
	slot = find_slot(k, to->account, named.day, to->public_key);
	out->is_new = !*slot || to->fresh;
	if (out->is_new)
		e = begin_epoch(k, slot, &named, out->sealed_epoch);
	if (e)
		return e;
	out->epoch = (*slot)->id;
	seal_wrap(&(*slot)->key, seal_aad_epoch(&aad, to->account, out->epoch), data_key,
		out->wrapped);
	return ERR_OK;
}
