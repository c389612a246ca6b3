#include <openssl/evp.h>
#include <stdio.h>

#include "core/codec.h"
#include "core/must.h"
#include "crypto/gateway_charset.h"
#include "crypto/gateway_in_inner.h"
#include "crypto/gateway_mime_pgp.h"
#include "crypto/gateway_pgp_judge.h"
#include "crypto/pgp_algorithm.h"
#include "crypto/pgp_info.h"
#include "crypto/smime_open.h"

/* Of one mail, each of which may read it once for each recipient. */
enum { SPLITS_MAX = 4, INLINE_TYPE_MAX = 80 };

/* --- encryption --- */

static bool
has_key(const struct gateway_in *in, uint32_t recipient, const Gateway__Key *key)
{
	const Gateway__Party *p = in->w->e->q->recipient[recipient];

	for (size_t i = 0; i < p->n_key; i++)
		if (p->key[i] == key || p->key[i]->id == key->id)
			return true;
	return false;
}

static bool
has_any(Gateway__Key *const *list, size_t n, const Gateway__Key *key)
{
	for (size_t i = 0; i < n; i++)
		if (list[i]->id == key->id)
			return true;
	return false;
}

/* All keys of some, each once. */
static size_t
gather_keys(const struct gateway_in *in, const struct gateway_some *some, Gateway__Key ***keys)
{
	const Gateway__Question *q = in->w->e->q;
	size_t room = 1, n = 0;

	for (size_t i = 0; i < some->n; i++)
		room += q->recipient[some->i[i]]->n_key;
	*keys = arena_alloc(in->w->e->arena, room * sizeof **keys);
	for (size_t i = 0; i < some->n; i++) {
		const Gateway__Party *p = q->recipient[some->i[i]];

		for (size_t k = 0; k < p->n_key; k++)
			if (!has_any(*keys, n, p->key[k]))
				(*keys)[n++] = p->key[k];
	}
	return n;
}

static enum err
feed_open(void *arg, struct slice octets)
{
	return smime_open_feed(arg, octets);
}

static enum err
feed_hash(void *arg, struct slice octets)
{
	must(EVP_DigestUpdate(arg, octets.p, octets.n) == 1);
	return ERR_OK;
}

/* What else is to be said of it than of S/MIME's is in in->pgp. */
static void
say_as_smime(const struct gateway_pgp_ring *keys, const struct pgp_opened *pgp,
	struct smime_opened *facts)
{
	const struct gateway_pgp_one *one = pgp->key ? gateway_pgp_with(keys, pgp->key) : NULL;
	const char *cipher = pgp_algorithm_cipher_name(pgp->cipher);

	*facts = (struct smime_opened){.key = one ? one->key : NULL,
		.algorithm = cipher ? cipher : "unknown cipher",
		.recipient = pgp->key ? pgp_info_kind(pgp->key) : "",
		.recipients = pgp->recipients,
		.is_authenticated = true};
}

/* What was inline becomes a part of its own, of whatever charset it is then. */
#define INLINE_TYPE "text/plain; charset="
#define INLINE_FIELDS                                                                          \
	"Content-Type: " INLINE_TYPE "utf-8\r\n"                                               \
	"Content-Transfer-Encoding: 8bit\r\n\r\n"

static enum err
try_pgp(struct gateway_in *in, const struct gateway_in_entity *n,
	const struct gateway_some *some, struct text_sink to, struct smime_opened *facts)
{
	struct gateway_pgp_ring *keys = arena_alloc(in->w->e->arena, sizeof *keys);
	struct gateway_pgp_message message = {.text = n->text,
		.keys = keys,
		.signers = gateway_learn_signers(&in->learn),
		.now_sec = in->w->e->q->now_sec,
		.attempt = in->attempt,
		.to = to};
	struct gateway_mime_pgp where;
	struct gateway_mime m;
	Gateway__Key **list;
	size_t n_keys = gather_keys(in, some, &list);
	enum err e;

	gateway_pgp_init(keys, in->w->e->arena, in->w->e->keys);
	for (size_t i = 0; i < n_keys; i++)
		gateway_pgp_add_key(keys, list[i]);
	gateway_mime_look(&n->head, n->text, &m);
	e = gateway_mime_pgp_find(n->text, &m, &where);
	if (!e && m.kind == GATEWAY_MIME_PGP_INLINE)
		e = to.put(to.arg, SLICE_LIT(INLINE_FIELDS));
	if (e)
		return e;
	message.range = where.range;
	message.encoding = where.encoding;
	in->pgp = arena_zalloc(in->w->e->arena, sizeof *in->pgp);
	e = gateway_pgp_open(&message, in->pgp);
	say_as_smime(keys, in->pgp, facts);
	return e;
}

/* It names no key, and the one that was tried opened it not. */
static bool
is_another_try(struct gateway_in *in, enum err e)
{
	return e == ERR_CRYPTO && in->pgp && in->attempt + 1 < in->pgp->attempts &&
	       ++in->attempt < GATEWAY_PGP_ATTEMPTS_MAX;
}

static bool
is_pgp(const struct gateway_in_entity *n)
{
	struct gateway_mime m;

	gateway_mime_look(&n->head, n->text, &m);
	return m.kind == GATEWAY_MIME_PGP_ENCRYPTED || m.kind == GATEWAY_MIME_PGP_INLINE;
}

/* One try with the keys of some of them. */
static enum err
try_keys(struct gateway_in *in, const struct gateway_in_entity *n,
	const struct gateway_some *some, struct text_sink to, struct smime_opened *facts)
{
	struct smime_open_setup setup = {.keys = in->w->e->keys, .to = to};
	struct gateway_mime m;
	struct smime_open *o;
	Gateway__Key **keys;
	enum err e;

	in->pgp = NULL;
	if (is_pgp(n))
		return try_pgp(in, n, some, to, facts);
	setup.n_key = gather_keys(in, some, &keys);
	setup.key = keys;
	if (setup.n_key == 0)
		return ERR_NOT_FOUND;
	gateway_mime_look(&n->head, n->text, &m);
	o = smime_open_new(&setup);
	e = gateway_mime_decode(n->text, m.body, m.encoding, &(struct text_sink){feed_open, o});
	/* A feed's error is the machine's own, or the text's. */
	if (e != ERR_IO && e != ERR_CORRUPT)
		e = smime_open_finish(o, facts);
	smime_open_free(o);
	return e;
}

static enum err
open_once(struct gateway_in *in, struct gateway_in_reading *r, struct smime_opened *facts,
	struct text **content)
{
	struct gateway_mime_canon canon;
	struct text_sink to;
	enum err e = gateway_in_begin_text(in, &canon, &to), closing;

	if (e)
		return e;
	e = try_keys(in, &r->now, &r->show.some, to, facts);
	if (!e)
		e = gateway_mime_canon_end(&canon);
	closing = gateway_answer_room(in->w, content);
	if (!e && closing)
		e = closing;
	if (!e)
		gateway_in_tell_octets(in, r, &canon);
	return e;
}

static enum err
open_text(struct gateway_in *in, struct gateway_in_reading *r, struct smime_opened *facts,
	struct text **content)
{
	enum err e;

	in->attempt = 0;
	do
		e = open_once(in, r, facts, content);
	while (is_another_try(in, e));
	return e;
}

static void
stay_closed(struct gateway_in *in, struct gateway_in_reading *r, enum err e)
{
	bool is_openpgp = is_pgp(&r->now);

	r->show.closed = "encrypted, not opened here";
	if (is_openpgp && r->show.mark.result == GATEWAY_MARK_NONE)
		r->show.mark.is_openpgp = true;
	if (is_openpgp && e == ERR_SYNTAX)
		gateway_answer_fact(in->w, &r->show.some,
			"it says OpenPGP, but isn't wholly one message: left as it is");
	else if (e == ERR_NOT_FOUND)
		gateway_answer_fact(in->w, &r->show.some,
			"encrypted to nobody whose key is here: passed on as it is");
	else if (e == ERR_LIMIT)
		gateway_answer_fact(in->w, &r->show.some,
			"encrypted, and too large inside to be opened here: passed on as it "
			"is");
	else if (e == ERR_UNSUPPORTED)
		gateway_answer_fact(in->w, &r->show.some,
			"encrypted by an algorithm that isn't known here: passed on as it is");
	else
		gateway_answer_fact(in->w, &r->show.some,
			"encrypted, and can't be opened: passed on as it is");
	r->is_over = true;
}

/* Of what one's keys give. */
static enum err
hash_once(struct gateway_in *in, const struct gateway_in_entity *n,
	const struct gateway_some *one, EVP_MD_CTX *hash)
{
	struct gateway_mime_canon canon;
	struct smime_opened facts;
	enum err e;

	must(EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1);
	e = try_keys(in, n, one,
		gateway_mime_canon_into(&canon, (struct text_sink){feed_hash, hash}), &facts);
	return e ? e : gateway_mime_canon_end(&canon);
}

/* One more recipient's own keys give the very text that was opened: to name him in a
 * RecipientInfo isn't enough, nor that what his key gives has a good padding by chance, as
 * whoever has seen a ciphertext could add an entry for himself. */
static enum err
opens_the_same(struct gateway_in *in, const struct gateway_in_reading *r, uint32_t recipient,
	const struct text *content)
{
	EVP_MD_CTX *hash[2] = {EVP_MD_CTX_new(), EVP_MD_CTX_new()};
	struct gateway_some one = {{recipient}, 1};
	uint8_t sum[2][EVP_MAX_MD_SIZE];
	enum err e;

	must(hash[0] && hash[1] && EVP_DigestInit_ex(hash[1], EVP_sha256(), NULL) == 1);
	in->attempt = 0;
	do
		e = hash_once(in, &r->now, &one, hash[0]);
	while (is_another_try(in, e));
	e = e ? e
	      : text_copy(content, 0, content->size, &(struct text_sink){feed_hash, hash[1]});
	for (int i = 0; i < 2; i++) {
		must(EVP_DigestFinal_ex(hash[i], sum[i], NULL) == 1);
		EVP_MD_CTX_free(hash[i]);
	}
	return e ? e : memcmp(sum[0], sum[1], 32) ? ERR_NOT_FOUND : ERR_OK;
}

/* Those to whom it was encrypted too. The others get a reading of their own: nobody reads what
 * wasn't encrypted to him, and nobody is kept from his own by another one's entry. */
static enum err
keep_entitled(struct gateway_in *in, struct gateway_in_reading *r,
	const struct smime_opened *facts, const struct text *content)
{
	struct gateway_in_reading *others = arena_alloc(in->w->e->arena, sizeof *others);
	struct gateway_some some = r->show.some;
	enum err e;

	*others = *r;
	others->show.some.n = r->show.some.n = 0;
	for (size_t i = 0; i < some.n; i++) {
		e = has_key(in, some.i[i], facts->key)
			    ? ERR_OK
			    : opens_the_same(in, others, some.i[i], content);
		if (gateway_in_is_ours(e))
			return e;
		if (e)
			others->show.some.i[others->show.some.n++] = some.i[i];
		else
			r->show.some.i[r->show.some.n++] = some.i[i];
	}
	if (others->show.some.n) {
		others->next = in->todo;
		in->todo = others;
		if (in->splits++ < SPLITS_MAX)
			others->layers--; /* it is looked at anew, with their keys */
		else
			stay_closed(in, others, ERR_NOT_FOUND);
	}
	return ERR_OK;
}

static void
tell_opened(
	struct gateway_in *in, struct gateway_in_reading *r, const struct smime_opened *facts)
{
	char print[GATEWAY_ANSWER_PRINT] = "unknown";
	bool is_openpgp = in->pgp && in->pgp->key;

	if (is_openpgp)
		gateway_pgp_print(in->pgp->key, print);
	else if (facts->key->n_certificate)
		gateway_answer_print(codec_slice(facts->key->certificate[0]), print);
	gateway_answer_fact(in->w, &r->show.some,
		"decrypted: %s, %s, %s %s, for %zu recipient%s%s", facts->algorithm,
		facts->recipient, is_openpgp ? "OpenPGP key" : "certificate", print,
		facts->recipients, facts->recipients == 1 ? "" : "s",
		facts->is_authenticated ? "" : "; nothing proves that it wasn't changed");
	r->show.was_opened = true;
	r->show.is_open_to_change |= !facts->is_authenticated;
	r->show.algorithm = facts->algorithm;
}

/* The signatures that were inside of the encryption, or alone. */
static void
judge_opened(struct gateway_in *in, struct gateway_in_reading *r, const struct pgp_opened *pgp)
{
	const struct gateway_pgp_judge_layer layer = {
		gateway_learn_signers(&in->learn), pgp->verdict, pgp->n_verdicts};

	if (r->show.mark.result == GATEWAY_MARK_NONE)
		r->show.mark.is_openpgp = true;
	if (pgp->n_verdicts)
		gateway_pgp_judge(in->w, &r->show.some, &in->from, &layer, &r->show.mark);
}

/* *name: NULL if it wasn't inline. */
static enum err
find_charset(const struct gateway_in_entity *n, const struct text *content, const char **name)
{
	struct gateway_mime m;
	const struct gateway_charset_mail mail = {&n->head, n->text, &m};

	gateway_mime_look(&n->head, n->text, &m);
	*name = NULL;
	return m.kind == GATEWAY_MIME_PGP_INLINE ? gateway_charset_inline(&mail, content, name)
						 : ERR_OK;
}

static void
name_charset(struct gateway_in_reading *r, const char *charset)
{
	struct gateway_head *h = &r->show.head;
	size_t i = gateway_head_find(h, SLICE_LIT("Content-Type"), 0);
	char body[INLINE_TYPE_MAX];

	snprintf(body, sizeof body, INLINE_TYPE "%s", charset);
	gateway_head_set(h, i, slice_str(body));
}

enum err
gateway_in_open(struct gateway_in *in, struct gateway_in_reading *r)
{
	const struct pgp_opened *pgp;
	struct smime_opened facts;
	const char *charset;
	struct text *content;
	enum err e = open_text(in, r, &facts, &content);

	if (gateway_in_is_ours(e) || e == ERR_TOO_BIG)
		return e;
	if (e) {
		stay_closed(in, r, e);
		return ERR_OK;
	}
	pgp = in->pgp;
	e = find_charset(&r->now, content, &charset);
	if (!e && (!pgp || pgp->is_encrypted))
		e = keep_entitled(in, r, &facts, content);
	if (e)
		return e;
	in->pgp = (struct pgp_opened *)(uintptr_t)pgp;
	if (!pgp || pgp->is_encrypted) {
		tell_opened(in, r, &facts);
		in->w->out->answer.was_decrypted = true;
	}
	if (pgp)
		judge_opened(in, r, pgp);
	e = gateway_in_show(in, r, content);
	if (!e && charset)
		name_charset(r, charset);
	return e;
}
