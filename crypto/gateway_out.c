#include "crypto/gateway_out.h"

#include "core/codec.h"
#include "core/mail_addr.h"
#include "crypto/gateway_autocrypt.h"
#include "crypto/gateway_build_pgp.h"
#include "crypto/gateway_from.h"
#include "crypto/gateway_mark.h"
#include "crypto/gateway_plan.h"
#include "crypto/gateway_subject.h"
#include "crypto/pgp_info.h"
#include "crypto/smime_seal.h"
#include "crypto/smime_verify.h"

struct out {
	struct gateway_work *w;
	struct gateway_plan *plan;
	struct gateway_build build;
	struct smime_sign_setup sign;	 /* key NULL: there is none for this mail */
	struct gateway_pgp_ring ring;	 /* the sender's keys of OpenPGP */
	struct gateway_build_signer pgp; /* cert NULL: none */
	struct slice from;		 /* the one; or empty, and why */
	const char *why;
	bool is_told[2]; /* of the signatures */
};

/* --- who signs --- */

/* A key of the sender's that may sign, and whose certificate is for the one From. */
static void
find_smime(struct out *o)
{
	const Gateway__Question *q = o->w->e->q;
	size_t n = q->sender && !o->why ? q->sender->n_key : 0;

	o->sign = (struct smime_sign_setup){.keys = o->w->e->keys, .now_sec = q->now_sec};
	for (size_t i = 0; i < n; i++) {
		struct smime_signer who = {0};

		o->sign.key = q->sender->key[i];
		if (!o->sign.key->may_sign || !o->sign.key->n_certificate)
			continue;
		who.certificate = codec_slice(o->sign.key->certificate[0]);
		if (!pgp_info_is(who.certificate) && smime_signer_is(&who, o->from) &&
			smime_sign_micalg(&o->sign))
			return;
	}
	o->sign.key = NULL;
}

static void
find_pgp(struct out *o)
{
	const Gateway__Question *q = o->w->e->q;
	size_t n = q->sender && !o->why ? q->sender->n_key : 0;

	gateway_pgp_init(&o->ring, o->w->e->arena, o->w->e->keys);
	for (size_t i = 0; i < n; i++)
		if (q->sender->key[i]->may_sign)
			gateway_pgp_add_key(&o->ring, q->sender->key[i]);
	o->pgp = (struct gateway_build_signer){.ring = &o->ring, .now_sec = q->now_sec};
	for (size_t i = 0; i < o->ring.ring.n && !o->pgp.cert; i++) {
		struct pgp_cert *cert = o->ring.cert[i];

		if (gateway_pgp_is_for(cert, o->from, q->now_sec) &&
			pgp_valid_signer(cert, q->now_sec, &o->pgp.key))
			o->pgp.cert = cert;
	}
}

/* Can it be signed so? What is only signed may be by the other method, if that isn't off. */
static bool
choose_signer(const struct out *o, size_t i)
{
	Gateway__Settings__Methods methods = gateway_plan_settings(o->w, i)->methods;
	struct gateway_plan_one *one = &o->plan->one[i];
	bool has[2] = {o->sign.key != NULL, o->pgp.cert != NULL};
	bool is_alone = methods == GATEWAY__SETTINGS__METHODS__SMIME ||
			methods == GATEWAY__SETTINGS__METHODS__OPENPGP;

	if (!one->certificate && !has[one->is_openpgp] && !is_alone)
		one->is_openpgp = !one->is_openpgp;
	return has[one->is_openpgp];
}

static void
decide_signer(struct out *o, const struct gateway_head *h)
{
	const Gateway__Question *q = o->w->e->q;
	bool is_wanted = false, is_missed = false, has_autocrypt = false;

	for (size_t i = 0; i < q->n_recipient; i++)
		is_wanted |= o->plan->one[i].sign;
	for (size_t i = 0; i < o->plan->variants; i++)
		has_autocrypt |= o->plan->variant[i].settings->autocrypt;
	/* To read a key, and check what it says of itself, takes longer than all else. */
	if (!is_wanted && !has_autocrypt)
		return;
	o->why = gateway_from_read(h, o->w->e->arena, &o->from);
	find_smime(o);
	find_pgp(o);
	for (size_t i = 0; i < q->n_recipient; i++) {
		struct gateway_plan_one *one = &o->plan->one[i];

		if (one->sign)
			one->sign = choose_signer(o, i);
		is_missed |= is_wanted && !one->sign && one->fate == GATEWAY_PLAN_PASS;
	}
	if (is_wanted && o->why)
		gateway_answer_fact(o->w, NULL, "not signed: %s", o->why);
	else if (is_missed && !o->sign.key && !o->pgp.cert)
		gateway_answer_fact(o->w, NULL,
			"not signed: no key with a valid certificate for %.*s is here",
			SLICE_FMT(o->from));
	else if (is_missed)
		gateway_answer_fact(o->w, NULL,
			"not signed for all: %.*s has no key of %s here", SLICE_FMT(o->from),
			o->pgp.cert ? "S/MIME" : "OpenPGP");
}

/* The sender's certificate for whom it interests. */
static void
put_autocrypt(struct out *o)
{
	for (size_t i = 0; i < o->plan->variants; i++) {
		struct gateway_plan_variant *v = &o->plan->variant[i];
		const struct gateway_pgp_one *one = o->pgp.cert ? gateway_pgp_of(
									  &o->ring, o->pgp.cert)
								: NULL;

		if (one && v->settings->autocrypt && one->octets.n <= GATEWAY_AUTOCRYPT_MAX)
			gateway_autocrypt_put(&v->head, o->from, one->octets);
	}
}

static void
tell_signed(struct out *o, bool is_opaque)
{
	char print[GATEWAY_ANSWER_PRINT];

	if (!o->is_told[0])
		gateway_answer_fact(o->w, NULL, "signed: %s, %s, certificate %s",
			is_opaque ? "opaque" : "detached", smime_sign_micalg(&o->sign),
			gateway_answer_print(codec_slice(o->sign.key->certificate[0]), print));
	o->is_told[0] = true;
}

static void
tell_signed_pgp(struct out *o)
{
	char print[GATEWAY_PGP_PRINT];

	if (!o->is_told[1])
		gateway_answer_fact(o->w, NULL, "signed: OpenPGP, key %s",
			gateway_pgp_print(&o->pgp.cert->key[o->pgp.key].public, print));
	o->is_told[1] = true;
}

/* Those of one group. A signature that can't be made isn't worth a bounce: whoever reads it
 * misses a mark, that's all. */
static void
go_unsigned(struct out *o, const struct gateway_some *some)
{
	gateway_answer_fact(o->w, some, "not signed: the key doesn't sign");
	for (size_t i = 0; i < some->n; i++)
		o->plan->one[some->i[i]].sign = false;
}

/* What is encrypted is signed inside. */
static enum err
pgp_entity_for(struct out *o, const struct gateway_some *some, const struct text **entity)
{
	const struct gateway_plan_one *one = &o->plan->one[some->i[0]];
	enum err e;

	if (!one->sign || one->certificate)
		return gateway_build_plain(&o->build, entity);
	e = gateway_build_pgp_signed(&o->build, &o->pgp, entity);
	if (e == ERR_CRYPTO) {
		go_unsigned(o, some);
		return gateway_build_plain(&o->build, entity);
	}
	if (!e)
		tell_signed_pgp(o);
	return e;
}

/* The entity that their mail is made of. */
static enum err
entity_for(struct out *o, const struct gateway_some *some, const struct text **entity)
{
	const struct gateway_plan_one *one = &o->plan->one[some->i[0]];
	bool is_opaque = one->opaque;
	enum err e;

	if (one->is_openpgp)
		return pgp_entity_for(o, some, entity);
	if (!one->sign)
		return gateway_build_plain(&o->build, entity);
	o->sign.is_pss = one->pss;
	e = gateway_build_signed(&o->build, &o->sign, &is_opaque, entity);
	if (e == ERR_CRYPTO) {
		go_unsigned(o, some);
		return gateway_build_plain(&o->build, entity);
	}
	if (!e)
		tell_signed(o, is_opaque);
	return e;
}

/* --- what they get --- */

static const char *
cipher_text(Gateway__Settings__Cipher c)
{
	static const char *const texts[] = {
		"unknown", "AES-128-CBC", "AES-256-CBC", "AES-128-GCM", "AES-256-GCM"};

	return (unsigned)c < 5 ? texts[c] : texts[0];
}

/* What came encrypted, its subject too, leaves so. */
static enum err
write_outer(const struct out *o, const struct gateway_head *h, bool is_encrypted,
	const struct text_sink *to)
{
	struct gateway_head shown;
	enum err e;

	gateway_head_copy(h, &shown);
	if (is_encrypted && o->build.subject.n)
		gateway_subject_put(&shown, SLICE_LIT("..."));
	e = gateway_head_write(&shown, GATEWAY_HEAD_OUTER, to);

	e = e ? e : to->put(to->arg, SLICE_LIT("MIME-Version: 1.0"));
	return e ? e : to->put(to->arg, slice_str(gateway_head_line_end(h)));
}

static enum err
write_sealed(struct out *o, const struct gateway_some *some, const struct text *entity,
	const struct text_sink *to)
{
	Gateway__Certificate *certificates[GATEWAY_RECIPIENTS_MAX];
	struct gateway_build_seal seal = {.to = certificates, .n = some->n};
	Gateway__Settings__Cipher wanted = gateway_plan_settings(o->w, some->i[0])->cipher;
	enum err e;

	for (size_t i = 0; i < some->n; i++)
		certificates[i] = o->plan->one[some->i[i]].certificate;
	seal.cipher = smime_seal_cipher(certificates, some->n, wanted);
	e = gateway_build_sealed(entity, &seal, to);
	if (!e)
		gateway_answer_fact(o->w, some, "encrypted: %s, for %zu recipient%s",
			cipher_text(seal.cipher), some->n, some->n == 1 ? "" : "s");
	return e;
}

static enum err
write_pgp(struct out *o, const struct gateway_some *some, const struct text *entity,
	const struct text_sink *to)
{
	const struct gateway_plan_one *one = &o->plan->one[some->i[0]];
	Gateway__Certificate *certificates[GATEWAY_RECIPIENTS_MAX];
	struct gateway_build_pgp seal = {.to = certificates,
		.n = some->n,
		.certs = &o->plan->certs,
		.signer = one->sign ? &o->pgp : NULL,
		.now_sec = o->w->e->q->now_sec};
	enum err e;

	for (size_t i = 0; i < some->n; i++)
		certificates[i] = o->plan->one[some->i[i]].certificate;
	e = gateway_build_pgp_sealed(entity, &seal, to);
	if (!e && one->sign)
		tell_signed_pgp(o);
	if (!e)
		gateway_answer_fact(o->w, some, "encrypted: OpenPGP, %s, for %zu recipient%s",
			seal.cipher, some->n, some->n == 1 ? "" : "s");
	return e;
}

static enum err
write_plain(struct out *o, const struct gateway_head *h, const struct text_sink *to)
{
	const struct text *body = o->w->e->body;
	enum err e = gateway_head_write(h, GATEWAY_HEAD_ALL, to);

	e = e ? e : to->put(to->arg, slice_str(gateway_head_line_end(h)));
	return e ? e : text_copy(body, h->body_at, body->size - h->body_at, to);
}

static enum err
write_body(struct out *o, const struct gateway_some *some, const struct text *entity,
	Gateway__Group *g)
{
	const struct gateway_plan_one *one = &o->plan->one[some->i[0]];
	const struct gateway_head *h = &o->plan->variant[one->variant].head;
	struct text_sink to;
	struct text *unused;
	enum err e = gateway_answer_open(o->w, &to), closing;

	if (e)
		return e;
	if (!entity) {
		e = write_plain(o, h, &to);
	} else {
		e = write_outer(o, h, one->certificate != NULL, &to);
		if (!e && one->certificate && one->is_openpgp)
			e = write_pgp(o, some, entity, &to);
		else if (!e && one->certificate)
			e = write_sealed(o, some, entity, &to);
		else if (!e)
			e = text_copy(entity, 0, entity->size, &to);
	}
	closing = e ? gateway_answer_room(o->w, &unused) : gateway_answer_close(o->w, g);
	return e ? e : closing;
}

static void
bounce(struct out *o, Gateway__Group *g, const char *words)
{
	g->action = GATEWAY__GROUP__ACTION__BOUNCE;
	g->body = 0;
	g->status = (char *)(uintptr_t) "5.7.5";
	g->words = (char *)(uintptr_t)words;
	(void)o;
}

static enum err
pass(struct out *o, const struct gateway_some *some)
{
	struct gateway_plan_one *one = &o->plan->one[some->i[0]];
	const struct gateway_head *h = &o->plan->variant[one->variant].head;
	Gateway__Group *g = gateway_answer_group(o->w, some);
	const struct text *entity = NULL;
	enum err e = ERR_OK;

	if (one->certificate || one->sign)
		e = entity_for(o, some, &entity);
	if (!e && !one->certificate && !one->sign)
		entity = NULL;
	if (!e && (entity || h->is_changed))
		e = write_body(o, some, entity, g);
	if (e == ERR_DENIED) {
		go_unsigned(o, some);
		e = write_body(o, some, entity, g);
	}
	if (e == ERR_CRYPTO) {
		gateway_answer_fact(o->w, some, "bounces: it can't be encrypted");
		bounce(o, g,
			"it couldn't be encrypted, although a certificate is known: see "
			"hairpin why");
		e = ERR_OK;
	}
	return e;
}

static void
hold_back(struct out *o, uint32_t i)
{
	const struct gateway_plan_one *one = &o->plan->one[i];
	struct gateway_some some = {{i}, 1};
	Gateway__Group *g = gateway_answer_group(o->w, &some);
	struct slice canonical, address = codec_slice(o->w->e->q->recipient[i]->address);

	bounce(o, g, one->words);
	if (one->fate == GATEWAY_PLAN_BOUNCE)
		return;
	if (mail_addr_canonical_text(address, o->w->e->arena, &canonical))
		return;
	g->action = GATEWAY__GROUP__ACTION__WAIT;
	g->status = (char *)(uintptr_t) "4.7.5";
	g->wait_for = codec_bytes(canonical);
	g->keep_sec = gateway_plan_settings(o->w, i)->keep_sec;
}

static bool
get_the_same(const struct gateway_plan_one *a, const struct gateway_plan_one *b)
{
	return b->fate == GATEWAY_PLAN_PASS && a->variant == b->variant && a->sign == b->sign &&
	       a->is_openpgp == b->is_openpgp &&
	       (!a->sign || (a->opaque == b->opaque && a->pss == b->pss)) &&
	       !a->certificate == !b->certificate &&
	       (!a->certificate || (a->cipher == b->cipher && !a->alone && !b->alone));
}

static enum err
answer(struct out *o)
{
	size_t n = o->w->e->q->n_recipient;
	bool is_done[GATEWAY_RECIPIENTS_MAX] = {false};
	enum err e = ERR_OK;

	for (uint32_t i = 0; i < n && !e; i++) {
		struct gateway_some some = {{i}, 1};

		if (is_done[i])
			continue;
		if (o->plan->one[i].fate != GATEWAY_PLAN_PASS) {
			hold_back(o, i);
			continue;
		}
		for (uint32_t k = i + 1; k < n; k++) {
			if (is_done[k] || !get_the_same(&o->plan->one[i], &o->plan->one[k]))
				continue;
			some.i[some.n++] = k;
			is_done[k] = true;
		}
		e = pass(o, &some);
	}
	return e;
}

static void
hide_subject(struct out *o, const struct gateway_head *h)
{
	size_t i = gateway_head_find(h, SLICE_LIT("Subject"), 0);

	if (i < h->n && o->w->e->q->answers_decrypted && gateway_subject_is_protected(h))
		o->build.subject = h->field[i].body;
}

enum err
gateway_out_run(struct gateway_work *w, const struct gateway_head *head)
{
	struct out o = {.w = w};
	struct gateway_head stripped;
	enum err e;

	gateway_head_copy(head, &stripped);
	if (gateway_mark_strip(&stripped, slice_str(w->e->q->authserv_id)))
		gateway_answer_fact(w, NULL, "taken out: marks that look like this gateway's");
	gateway_build_init(&o.build, w, head);
	hide_subject(&o, &stripped);
	e = gateway_plan_make(w, head, &stripped, &o.plan);
	if (e)
		return e;
	decide_signer(&o, &stripped);
	put_autocrypt(&o);
	return answer(&o);
}
