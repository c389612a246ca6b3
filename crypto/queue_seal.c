#include "crypto/queue_seal.h"

#include <string.h>

#include "core/big_endian.h"

enum { HEADER = 36, CHAINS = 16 };

/* A chain as the opener knows it: its first key, and the one that it reached last. */
struct chain {
	uint8_t ephemeral[32];
	struct seal_key first, key;
	uint32_t link;
};

struct queue_seal_opener {
	uint8_t to[32];
	struct chain chain[CHAINS];
	uint32_t count, oldest;
};

static void
derive(const struct seal_key *chain, const char *what, struct seal_key *out)
{
	struct slice text = slice_str(what);

	seal_hash(chain, &text, 1, out->b);
}

/* The link after this one; the key before it can't be had from it. */
static void
advance(struct seal_key *chain)
{
	struct seal_key next;

	derive(chain, "next link", &next);
	*chain = next;
	seal_wipe(&next, sizeof next);
}

static enum err
begin(struct queue_seal *s, const uint8_t public_key[32])
{
	struct seal_pair pair;
	enum err e;

	seal_pair_new(&pair);
	memcpy(s->to, public_key, sizeof s->to);
	memcpy(s->ephemeral, pair.public_key, sizeof s->ephemeral);
	e = seal_pair_shared(&pair, public_key, true, &s->chain);
	seal_wipe(&pair, sizeof pair);
	s->link = 0;
	s->is_begun = !e;
	return e;
}

enum err
queue_seal(struct queue_seal *s, const uint8_t public_key[32], const struct seal_key *key,
	uint8_t out[QUEUE_SEAL_SIZE])
{
	struct seal_key mine;
	enum err e;

	if (!s->is_begun || s->link == QUEUE_SEAL_LINKS ||
		memcmp(s->to, public_key, sizeof s->to)) {
		e = begin(s, public_key);
		if (e)
			return e;
	}
	memcpy(out, s->ephemeral, sizeof s->ephemeral);
	big_endian_put_u32(out + 32, s->link++);
	derive(&s->chain, "data key", &mine);
	advance(&s->chain);
	seal_wrap(&mine, slice_of(out, HEADER), key, out + HEADER);
	seal_wipe(&mine, sizeof mine);
	return ERR_OK;
}

void
queue_seal_wipe(struct queue_seal *s)
{
	seal_wipe(s, sizeof *s);
}

/* --- opening --- */

struct queue_seal_opener *
queue_seal_opener_new(void)
{
	struct queue_seal_opener *o = seal_secret_new(sizeof *o);

	memset(o, 0, sizeof *o);
	return o;
}

void
queue_seal_opener_free(struct queue_seal_opener *o)
{
	seal_secret_free(o);
}

static enum err
find_chain(struct queue_seal_opener *o, const struct seal_pair *pair, const uint8_t *ephemeral,
	struct chain **out)
{
	struct seal_key first;
	struct chain *c;
	enum err e;

	if (memcmp(o->to, pair->public_key, sizeof o->to)) {
		seal_wipe(o, sizeof *o);
		memcpy(o->to, pair->public_key, sizeof o->to);
	}
	for (uint32_t i = 0; i < o->count; i++)
		if (memcmp(o->chain[i].ephemeral, ephemeral, 32) == 0) {
			*out = &o->chain[i];
			return ERR_OK;
		}
	e = seal_pair_shared(pair, ephemeral, false, &first);
	if (e)
		return e;
	if (o->count < CHAINS) {
		c = &o->chain[o->count++];
	} else {
		c = &o->chain[o->oldest];
		o->oldest = (o->oldest + 1) % CHAINS;
	}
	memcpy(c->ephemeral, ephemeral, 32);
	c->first = c->key = first;
	c->link = 0;
	seal_wipe(&first, sizeof first);
	*out = c;
	return ERR_OK;
}

enum err
queue_seal_open(struct queue_seal_opener *o, const struct seal_pair *pair, struct slice sealed,
	struct seal_key *key)
{
	struct seal_key mine;
	struct chain *c;
	uint32_t link;
	enum err e;

	if (sealed.n != QUEUE_SEAL_SIZE ||
		(link = big_endian_get_u32(sealed.p + 32)) >= QUEUE_SEAL_LINKS)
		return ERR_CRYPTO;
	e = find_chain(o, pair, sealed.p, &c);
	if (e)
		return e;
	if (link < c->link) {
		c->key = c->first;
		c->link = 0;
	}
	for (; c->link < link; c->link++)
		advance(&c->key);
	derive(&c->key, "data key", &mine);
	e = seal_unwrap(&mine, slice_cut(sealed, 0, HEADER), slice_from(sealed, HEADER), key);
	seal_wipe(&mine, sizeof mine);
	return e;
}
