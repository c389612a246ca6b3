#include "crypto/gateway_in.h"

#include <openssl/evp.h>

#include "core/codec.h"
#include "core/must.h"
#include "core/mail_addr.h"
#include "crypto/gateway_autocrypt.h"
#include "crypto/gateway_mime_pgp.h"
#include "crypto/gateway_pgp_judge.h"
#include "crypto/gateway_show.h"
#include "crypto/pgp_algorithm.h"
#include "crypto/pgp_cleartext.h"
#include "crypto/pgp_info.h"
#include "crypto/pgp_verify.h"
#include "crypto/smime_open.h"

/* Of one mail, each of which may read it once for each recipient. */
enum { SPLITS_MAX = 4 };

/* A mail or part whose layers are looked at. */
struct entity {
	const struct text *text;
	struct gateway_head head;
};
/* How far the mail of some recipients was looked into. */
struct reading {
	struct reading *next;
	struct gateway_show show;
	struct entity now; /* what is looked at: shown, or the first part of multipart/signed */
	size_t layers;
	bool is_over; /* no layer any more that could be taken off */
};
struct in {
	struct gateway_work *w;
	struct gateway_judge_from from;
	struct reading *todo, *done;
	unsigned splits;
	uint32_t rsa_bits_min;
	struct gateway_pgp_ring signers; /* OpenPGP's certificates of From */
	struct pgp_opened *pgp;		 /* what the last message was found to be */
	size_t attempt;
};

static const struct gateway *
engine(const struct in *in)
{
	return in->w->e;
}

static void
end(struct reading *r)
{
	r->is_over = true;
}

/* --- an entity out of a text --- */

/* What isn't MIME has no header: all of it is text. */
static enum err
read_entity(struct in *in, const struct text *t, struct entity *out)
{
	enum err e = gateway_head_read(t, engine(in)->arena, &out->head);

	out->text = t;
	if (!e && out->head.n && out->head.field[0].name.n == 0) {
		out->head.n = 0;
		out->head.body_at = 0;
	}
	return e;
}

/* It takes the place of all that was around it. ERR_TOO_BIG, its header's: it doesn't. */
static enum err
show(struct in *in, struct reading *r, const struct text *t)
{
	struct entity opened;
	enum err e = read_entity(in, t, &opened);

	if (e == ERR_TOO_BIG) {
		gateway_answer_fact(in->w, &r->show.some,
			"the part inside has too large a header: left as it is");
		end(r);
		return ERR_OK;
	}
	if (e)
		return e;
	r->now = opened;
	r->show.text = opened.text;
	r->show.head = opened.head;
	r->show.is_rebuilt = true;
	return ERR_OK;
}

/* A sink of the room, in canonical lines. */
static enum err
begin_text(struct in *in, struct gateway_mime_canon *canon, struct text_sink *to)
{
	struct text_sink room;
	enum err e = gateway_answer_open(in->w, &room);

	if (!e)
		*to = gateway_mime_canon_into(canon, room);
	return e;
}

static void
tell_octets(struct in *in, const struct reading *r, const struct gateway_mime_canon *canon)
{
	if (canon->odd)
		gateway_answer_fact(in->w, &r->show.some,
			"%llu octets in it are none of a mail's text: it may have been "
			"tampered "
			"with",
			(unsigned long long)canon->odd);
}

/* --- signatures --- */

static struct smime_verify_setup
verify_setup(const struct in *in)
{
	return (struct smime_verify_setup){.trust = {engine(in)->q, in->rsa_bits_min}};
}

static enum err
feed_verify(void *arg, struct slice octets)
{
	return smime_verify_feed(arg, octets);
}

static bool
is_ours(enum err e)
{
	return e == ERR_UNAVAILABLE || e == ERR_FULL || e == ERR_IO || e == ERR_CORRUPT;
}

static void
cannot_be_read(struct in *in, struct reading *r, const char *why)
{
	struct gateway_mark m = {.result = GATEWAY_MARK_NEUTRAL,
		.words = slice_str(why),
		.is_openpgp = r->show.mark.is_openpgp};

	gateway_answer_fact(in->w, &r->show.some, "signature: it can't be looked at: %s", why);
	if (m.result > r->show.mark.result)
		r->show.mark = m;
	end(r);
}

/* What the machine says in the end; no signers where it says nothing. */
static enum err
finish_verify(struct in *in, struct reading *r, struct smime_verify *v, enum err e)
{
	struct smime_signer *signers = NULL;
	struct gateway_judge_layer layer;
	size_t n = 0;

	if (!is_ours(e))
		e = smime_verify_finish(v, engine(in)->arena, &signers, &n);
	layer = (struct gateway_judge_layer){signers, n};
	if (!e)
		gateway_judge_signers(in->w, &r->show.some, &in->from, &layer, &r->show.mark);
	smime_verify_free(v);
	return e;
}

static enum err
read_signature(const struct entity *n, const struct gateway_mime_two *two, struct buf *out)
{
	struct text_sink to = text_into(out);

	return gateway_mime_decode(n->text, two->second_body, two->second_encoding, &to);
}

/* The signed part may itself be encrypted: it is looked at next, and stays what is shown as
 * long as it isn't opened. */
static enum err
enter_signed(struct in *in, struct reading *r, struct gateway_mime_range range)
{
	struct text_span *span = arena_alloc(engine(in)->arena, sizeof *span);
	struct text *part = arena_alloc(engine(in)->arena, sizeof *part);
	struct gateway_mime m;
	enum smime_kind kind = SMIME_UNKNOWN;
	enum err e;

	*span = (struct text_span){r->now.text, range.at};
	*part = text_part(span, range.end - range.at);
	e = read_entity(in, part, &r->now);
	if (e == ERR_TOO_BIG) {
		end(r);
		return ERR_OK;
	}
	if (e)
		return e;
	gateway_mime_look(&r->now.head, part, &m);
	if (m.kind == GATEWAY_MIME_CMS)
		e = gateway_mime_cms(part, &m, &kind);
	if (kind != SMIME_ENVELOPED && kind != SMIME_AUTH_ENVELOPED &&
		m.kind != GATEWAY_MIME_PGP_ENCRYPTED)
		end(r);
	return e;
}

static enum err
verify_detached(struct in *in, struct reading *r)
{
	struct smime_verify_setup setup = verify_setup(in);
	const struct text *t = r->now.text;
	struct gateway_mime_two two;
	struct smime_verify *v;
	struct buf signature;
	enum err e = gateway_mime_split(t, &two);

	buf_init(&signature, SMIME_SIGNATURE_MAX);
	if (!e)
		e = read_signature(&r->now, &two, &signature);
	if (!e) {
		setup.detached = buf_slice(&signature);
		v = smime_verify_new(&setup);
		e = gateway_mime_lines(t, two.first, &(struct text_sink){feed_verify, v});
		e = finish_verify(in, r, v, e);
	}
	buf_fini(&signature);
	if (e && !is_ours(e)) {
		cannot_be_read(in, r, "multipart/signed is malformed");
		return ERR_OK;
	}
	return e ? e : enter_signed(in, r, two.first);
}

/* --- OpenPGP's detached ones --- */

static enum err
feed_unarmor(void *arg, struct slice octets)
{
	return pgp_unarmor_feed(arg, octets);
}

/* Packets. ERR_SYNTAX: it isn't one armored block, and nothing else. */
static enum err
read_pgp_signature(const struct entity *n, const struct gateway_mime_two *two, struct buf *out)
{
	struct pgp_unarmor u;
	enum err e;

	pgp_unarmor_init(&u, text_into(out));
	e = gateway_mime_decode(n->text, two->second_body, two->second_encoding,
		&(struct text_sink){feed_unarmor, &u});
	e = e ? e : pgp_unarmor_finish(&u);
	if (!e && (u.blocks != 1 || u.kind != PGP_ARMOR_SIGNATURE))
		e = ERR_SYNTAX;
	return e == ERR_NOT_FOUND ? ERR_SYNTAX : e;
}

static enum err
feed_pgp(void *arg, struct slice octets)
{
	pgp_verify_feed(arg, octets);
	return ERR_OK;
}

static void
judge_verified(struct in *in, struct reading *r, struct pgp_verify *v)
{
	struct pgp_verdict *verdict = arena_alloc(
		engine(in)->arena, (v->n + 1) * sizeof *verdict);
	const struct gateway_pgp_judge_layer layer = {&in->signers, verdict, v->n};

	pgp_verify_finish(v, verdict);
	gateway_pgp_judge(in->w, &r->show.some, &in->from, &layer, &r->show.mark);
}

static enum err
judge_detached(struct in *in, struct reading *r, const struct gateway_mime_two *two,
	struct slice signature)
{
	struct pgp_verify *v = arena_zalloc(engine(in)->arena, sizeof *v);
	const struct pgp_judge judge = {&in->signers.ring, engine(in)->q->now_sec};
	enum err e = pgp_verify_begin(v, signature, &judge);

	if (!e)
		e = gateway_mime_lines(
			r->now.text, two->first, &(struct text_sink){feed_pgp, v});
	if (!e)
		judge_verified(in, r, v);
	pgp_verify_fini(v);
	return e;
}

static enum err
verify_pgp(struct in *in, struct reading *r)
{
	struct gateway_mime_two two;
	struct buf signature;
	enum err e = gateway_mime_split(r->now.text, &two);

	buf_init(&signature, SMIME_SIGNATURE_MAX);
	if (!e)
		e = read_pgp_signature(&r->now, &two, &signature);
	if (!e)
		e = judge_detached(in, r, &two, buf_slice(&signature));
	buf_fini(&signature);
	if (e && !is_ours(e)) {
		r->show.mark.is_openpgp |= r->show.mark.result == GATEWAY_MARK_NONE;
		cannot_be_read(in, r, "multipart/signed is malformed");
		return ERR_OK;
	}
	return e ? e : enter_signed(in, r, two.first);
}

/* --- and that of a text which stands as it is --- */

static enum err
feed_cleartext(void *arg, struct slice octets)
{
	return pgp_cleartext_feed(arg, octets);
}

static enum err
forget(void *arg, struct slice octets)
{
	(void)arg;
	(void)octets;
	return ERR_OK;
}

/* ERR_SYNTAX: it isn't one, or something stands behind it that nobody signed. */
static enum err
read_cleartext(const struct entity *n, const struct gateway_mime *m, struct text_sink hashed,
	struct buf *signature)
{
	struct pgp_cleartext c;
	enum err e;

	pgp_cleartext_init(&c, (struct text_sink){forget, NULL}, hashed);
	e = gateway_mime_decode(
		n->text, m->body, m->encoding, &(struct text_sink){feed_cleartext, &c});
	e = e ? e : pgp_cleartext_finish(&c);
	if (!e && c.has_more)
		e = ERR_SYNTAX;
	if (!e && signature && !buf_put_slice(signature, buf_slice(&c.signature)))
		e = ERR_LIMIT;
	pgp_cleartext_fini(&c);
	return e;
}

/* The signature stands behind the text, so it is read twice. */
static enum err
judge_cleartext(
	struct in *in, struct reading *r, const struct gateway_mime *m, struct buf *signature)
{
	struct pgp_verify *v = arena_zalloc(engine(in)->arena, sizeof *v);
	const struct pgp_judge judge = {&in->signers.ring, engine(in)->q->now_sec};
	enum err e = read_cleartext(&r->now, m, (struct text_sink){forget, NULL}, signature);

	e = e ? e : pgp_verify_begin(v, buf_slice(signature), &judge);
	e = e ? e : read_cleartext(&r->now, m, (struct text_sink){feed_pgp, v}, NULL);
	if (!e)
		judge_verified(in, r, v);
	pgp_verify_fini(v);
	return e;
}

static enum err
verify_cleartext(struct in *in, struct reading *r, const struct gateway_mime *m)
{
	struct buf signature;
	enum err e;

	buf_init(&signature, SMIME_SIGNATURE_MAX);
	e = judge_cleartext(in, r, m, &signature);
	buf_fini(&signature);
	end(r);
	if (e && !is_ours(e)) {
		gateway_answer_fact(in->w, &r->show.some,
			"it says OpenPGP, but isn't wholly one signed text: left as it is");
		r->show.mark.is_openpgp |= r->show.mark.result == GATEWAY_MARK_NONE;
		return ERR_OK;
	}
	return e;
}

static enum err
verify_opaque(struct in *in, struct reading *r, const struct gateway_mime *m)
{
	struct smime_verify_setup setup = verify_setup(in);
	struct gateway_mime_canon canon;
	struct smime_verify *v;
	struct text *content;
	enum err e = begin_text(in, &canon, &setup.to), closing;

	if (e)
		return e;
	v = smime_verify_new(&setup);
	e = gateway_mime_decode(
		r->now.text, m->body, m->encoding, &(struct text_sink){feed_verify, v});
	e = finish_verify(in, r, v, e);
	if (!e)
		e = gateway_mime_canon_end(&canon);
	closing = gateway_answer_room(in->w, &content);
	if (e && !is_ours(e)) {
		cannot_be_read(in, r, "application/pkcs7-mime is malformed");
		return ERR_OK;
	}
	e = e ? e : closing;
	if (!e && content->size == 0)
		end(r);
	else if (!e)
		e = show(in, r, content);
	return e;
}

/* --- encryption --- */

static bool
has_key(const struct in *in, uint32_t recipient, const Gateway__Key *key)
{
	const Gateway__Party *p = engine(in)->q->recipient[recipient];

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
gather_keys(const struct in *in, const struct gateway_some *some, Gateway__Key ***keys)
{
	const Gateway__Question *q = engine(in)->q;
	size_t room = 1, n = 0;

	for (size_t i = 0; i < some->n; i++)
		room += q->recipient[some->i[i]]->n_key;
	*keys = arena_alloc(engine(in)->arena, room * sizeof **keys);
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

/* What was inline becomes a part of its own. */
#define INLINE_FIELDS                                                                          \
	"Content-Type: text/plain; charset=utf-8\r\n"                                          \
	"Content-Transfer-Encoding: 8bit\r\n\r\n"

static enum err
try_pgp(struct in *in, const struct entity *n, const struct gateway_some *some,
	struct text_sink to, struct smime_opened *facts)
{
	struct gateway_pgp_ring *keys = arena_alloc(engine(in)->arena, sizeof *keys);
	struct gateway_pgp_message message = {.text = n->text,
		.keys = keys,
		.signers = &in->signers,
		.now_sec = engine(in)->q->now_sec,
		.attempt = in->attempt,
		.to = to};
	struct gateway_mime_pgp where;
	struct gateway_mime m;
	Gateway__Key **list;
	size_t n_keys = gather_keys(in, some, &list);
	enum err e;

	gateway_pgp_init(keys, engine(in)->arena, engine(in)->keys);
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
	in->pgp = arena_zalloc(engine(in)->arena, sizeof *in->pgp);
	e = gateway_pgp_open(&message, in->pgp);
	say_as_smime(keys, in->pgp, facts);
	return e;
}

/* It names no key, and the one that was tried opened it not. */
static bool
is_another_try(struct in *in, enum err e)
{
	return e == ERR_CRYPTO && in->pgp && in->attempt + 1 < in->pgp->attempts &&
	       ++in->attempt < GATEWAY_PGP_ATTEMPTS_MAX;
}

static bool
is_pgp(const struct entity *n)
{
	struct gateway_mime m;

	gateway_mime_look(&n->head, n->text, &m);
	return m.kind == GATEWAY_MIME_PGP_ENCRYPTED || m.kind == GATEWAY_MIME_PGP_INLINE;
}

/* One try with the keys of some of them. */
static enum err
try_keys(struct in *in, const struct entity *n, const struct gateway_some *some,
	struct text_sink to, struct smime_opened *facts)
{
	struct smime_open_setup setup = {.keys = engine(in)->keys, .to = to};
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
open_once(struct in *in, struct reading *r, struct smime_opened *facts, struct text **content)
{
	struct gateway_mime_canon canon;
	struct text_sink to;
	enum err e = begin_text(in, &canon, &to), closing;

	if (e)
		return e;
	e = try_keys(in, &r->now, &r->show.some, to, facts);
	if (!e)
		e = gateway_mime_canon_end(&canon);
	closing = gateway_answer_room(in->w, content);
	if (!e && closing)
		e = closing;
	if (!e)
		tell_octets(in, r, &canon);
	return e;
}

static enum err
open_text(struct in *in, struct reading *r, struct smime_opened *facts, struct text **content)
{
	enum err e;

	in->attempt = 0;
	do
		e = open_once(in, r, facts, content);
	while (is_another_try(in, e));
	return e;
}

static void
stay_closed(struct in *in, struct reading *r, enum err e)
{
	r->show.closed = "encrypted, not opened here";
	if (in->pgp && r->show.mark.result == GATEWAY_MARK_NONE)
		r->show.mark.is_openpgp = true;
	if (in->pgp && e == ERR_SYNTAX)
		gateway_answer_fact(in->w, &r->show.some,
			"it says OpenPGP, but isn't wholly one message: left as it is");
	else if (e == ERR_NOT_FOUND)
		gateway_answer_fact(in->w, &r->show.some,
			"encrypted to nobody whose key is here: passed on as it is");
	else if (e == ERR_UNSUPPORTED)
		gateway_answer_fact(in->w, &r->show.some,
			"encrypted by an algorithm that isn't known here: passed on as it is");
	else
		gateway_answer_fact(in->w, &r->show.some,
			"encrypted, and can't be opened: passed on as it is");
	end(r);
}

/* Of what one's keys give. */
static enum err
hash_once(
	struct in *in, const struct entity *n, const struct gateway_some *one, EVP_MD_CTX *hash)
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
opens_the_same(
	struct in *in, const struct reading *r, uint32_t recipient, const struct text *content)
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
keep_entitled(struct in *in, struct reading *r, const struct smime_opened *facts,
	const struct text *content)
{
	struct reading *others = arena_alloc(engine(in)->arena, sizeof *others);
	struct gateway_some some = r->show.some;
	enum err e;

	*others = *r;
	others->show.some.n = r->show.some.n = 0;
	for (size_t i = 0; i < some.n; i++) {
		e = has_key(in, some.i[i], facts->key)
			    ? ERR_OK
			    : opens_the_same(in, others, some.i[i], content);
		if (is_ours(e))
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
tell_opened(struct in *in, struct reading *r, const struct smime_opened *facts)
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
judge_opened(struct in *in, struct reading *r, const struct pgp_opened *pgp)
{
	const struct gateway_pgp_judge_layer layer = {
		&in->signers, pgp->verdict, pgp->n_verdicts};

	if (r->show.mark.result == GATEWAY_MARK_NONE)
		r->show.mark.is_openpgp = true;
	if (pgp->n_verdicts)
		gateway_pgp_judge(in->w, &r->show.some, &in->from, &layer, &r->show.mark);
}

static enum err
open_layer(struct in *in, struct reading *r)
{
	const struct pgp_opened *pgp;
	struct smime_opened facts;
	struct text *content;
	enum err e = open_text(in, r, &facts, &content);

	if (is_ours(e) || e == ERR_TOO_BIG)
		return e;
	if (e) {
		stay_closed(in, r, e);
		return ERR_OK;
	}
	pgp = in->pgp;
	if (!pgp || pgp->is_encrypted)
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
	return show(in, r, content);
}

/* --- layer by layer --- */

static enum err
peel_cms(struct in *in, struct reading *r, const struct gateway_mime *m)
{
	enum smime_kind kind;
	enum err e = gateway_mime_cms(r->now.text, m, &kind);

	if (e)
		return e;
	switch (kind) {
	case SMIME_SIGNED:
		return verify_opaque(in, r, m);
	case SMIME_ENVELOPED:
	case SMIME_AUTH_ENVELOPED:
		return open_layer(in, r);
	case SMIME_COMPRESSED:
		gateway_answer_fact(in->w, &r->show.some, "compressed: left as it is");
		break;
	case SMIME_UNKNOWN:
		gateway_answer_fact(in->w, &r->show.some,
			"it says application/pkcs7-mime, but is something else: left as it is");
		break;
	}
	end(r);
	return ERR_OK;
}

static void
tell_flaw(struct in *in, struct reading *r, const char *flaw)
{
	gateway_answer_fact(
		in->w, &r->show.some, "signed or encrypted, but not for sure: %s", flaw);
	if (r->show.mark.result == GATEWAY_MARK_NONE)
		r->show.mark.words = slice_str(flaw);
}

static enum err
peel_layer(struct in *in, struct reading *r, const struct gateway_mime *m)
{
	switch (m->kind) {
	case GATEWAY_MIME_SIGNED:
		return verify_detached(in, r);
	case GATEWAY_MIME_CMS:
		return peel_cms(in, r, m);
	case GATEWAY_MIME_PGP_SIGNED:
		return verify_pgp(in, r);
	case GATEWAY_MIME_PGP_ENCRYPTED:
	case GATEWAY_MIME_PGP_INLINE:
		return open_layer(in, r);
	case GATEWAY_MIME_PGP_CLEARTEXT:
		return verify_cleartext(in, r, m);
	case GATEWAY_MIME_PLAIN:
		break;
	}
	end(r);
	return ERR_OK;
}

/* Has one of them this method? */
static bool
is_switched_on(const struct in *in, const struct reading *r, enum gateway_mime_kind kind)
{
	bool is_smime = kind == GATEWAY_MIME_SIGNED || kind == GATEWAY_MIME_CMS;
	Gateway__Settings__Methods other = is_smime ? GATEWAY__SETTINGS__METHODS__OPENPGP
						    : GATEWAY__SETTINGS__METHODS__SMIME;

	for (size_t i = 0; i < r->show.some.n; i++) {
		const Gateway__Party *p = engine(in)->q->recipient[r->show.some.i[i]];

		if (!p->settings || p->settings->methods != other)
			return true;
	}
	return false;
}

static enum err
peel(struct in *in, struct reading *r)
{
	struct gateway_mime m;
	bool is_layer, is_on;

	gateway_mime_look(&r->now.head, r->now.text, &m);
	is_layer = m.kind != GATEWAY_MIME_PLAIN;
	is_on = is_layer && is_switched_on(in, r, m.kind);
	if (is_on && r->layers++ < GATEWAY_LAYERS_MAX)
		return peel_layer(in, r, &m);
	if (m.flaw)
		tell_flaw(in, r, m.flaw);
	else if (is_layer && !is_on)
		gateway_answer_fact(in->w, &r->show.some,
			"the policy switches this method off: left as it is");
	else if (is_layer)
		gateway_answer_fact(in->w, &r->show.some,
			"more than %d layers: the rest is left as it is", GATEWAY_LAYERS_MAX);
	end(r);
	return ERR_OK;
}

static enum err
peel_all(struct in *in, struct reading *r)
{
	enum err e = ERR_OK;

	while (!r->is_over && !e)
		e = peel(in, r);
	r->next = in->done;
	in->done = r;
	return e;
}

static void
tell_forged(struct in *in, unsigned forged)
{
	if (forged & GATEWAY_MARK_FORGED_RESULTS)
		gateway_answer_fact(in->w, NULL,
			"taken out: an Authentication-Results in the name of this gateway");
	if (forged & GATEWAY_MARK_FORGED_FIELD)
		gateway_answer_fact(in->w, NULL, "taken out: X-Hairpin- fields");
	if (forged & GATEWAY_MARK_FORGED_TAG)
		gateway_answer_fact(in->w, NULL,
			"taken out: a tag in the subject as this gateway writes it");
}

/* The strictest of all: one verdict for the mail. */
static uint32_t
rsa_bits_min(const Gateway__Question *q)
{
	uint32_t most = 0;

	for (size_t i = 0; i < q->n_recipient; i++)
		if (q->recipient[i]->settings && q->recipient[i]->settings->rsa_bits_min > most)
			most = q->recipient[i]->settings->rsa_bits_min;
	return most;
}

/* --- OpenPGP's certificates of From --- */

/* Is there a copy of it that is as new? An older one says less: that it was revoked, above
 * all. */
static bool
is_news(const struct in *in, const struct pgp_cert *cert)
{
	for (size_t i = 0; i < in->signers.ring.n; i++) {
		const struct pgp_cert *known = in->signers.cert[i];

		if (known != cert &&
			!memcmp(known->key[0].public.fingerprint,
				cert->key[0].public.fingerprint, PGP_FINGERPRINT_MAX) &&
			pgp_info_newest_sec(known) >= pgp_info_newest_sec(cert))
			return false;
	}
	return true;
}

static void
learn(struct in *in, struct slice canonical, struct slice octets)
{
	struct gateway_pgp_ring *r = &in->signers;
	Gateway__Harvest h;

	if (!gateway_pgp_add(r, octets, GATEWAY__TRUST__TRUST_NONE))
		return;
	if (!is_news(in, r->cert[r->ring.n - 1]) ||
		gateway_pgp_fault(octets, engine(in)->q->now_sec) ||
		!gateway_pgp_is_for(r->cert[r->ring.n - 1], canonical, engine(in)->q->now_sec))
		return;
	gateway__harvest__init(&h);
	h.address = codec_bytes(canonical);
	h.der = codec_bytes(octets);
	h.trust = GATEWAY__TRUST__HARVESTED;
	gateway_answer_harvest(in->w, &h);
	gateway_answer_fact(in->w, NULL, "Autocrypt: a key of %.*s", SLICE_FMT(canonical));
}

/* Those that are known, then the mail's own, which is nobody's word but the mail's. */
static void
gather_signers(struct in *in, const struct gateway_head *head)
{
	const Gateway__Party *from = engine(in)->q->sender;
	struct slice canonical, octets;

	gateway_pgp_init(&in->signers, engine(in)->arena, engine(in)->keys);
	for (size_t i = 0; from && i < from->n_certificate; i++)
		gateway_pgp_add(&in->signers, codec_slice(from->certificate[i]->der),
			from->certificate[i]->trust);
	if (in->from.why ||
		mail_addr_canonical_text(in->from.address, engine(in)->arena, &canonical))
		return;
	octets = gateway_autocrypt_read(head, canonical, engine(in)->arena);
	if (octets.n)
		learn(in, canonical, octets);
}

enum err
gateway_in_run(struct gateway_work *w, const struct gateway_head *head)
{
	const struct gateway *e = w->e;
	struct in in = {.w = w, .rsa_bits_min = rsa_bits_min(e->q)};
	struct reading first = {.now = {e->body, *head}}, *r;
	struct gateway_head outer;
	enum err err = ERR_OK;

	for (; first.show.some.n < e->q->n_recipient; first.show.some.n++)
		first.show.some.i[first.show.some.n] = (uint32_t)first.show.some.n;
	first.show.text = e->body;
	first.show.head = *head;
	gateway_head_copy(head, &outer);
	tell_forged(&in, gateway_mark_strip(&outer, slice_str(e->q->authserv_id)));
	gateway_judge_read(head, e->arena, &in.from);
	gather_signers(&in, head);
	in.todo = &first;
	while ((r = in.todo) && !err) {
		in.todo = r->next;
		err = peel_all(&in, r);
	}
	for (r = in.done; r && !err; r = r->next)
		err = gateway_show_answer(w, &r->show, &outer);
	return err;
}
