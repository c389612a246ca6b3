#include "cmd/courier_question.h"

#include "cmd/courier_hairpin.h"
#include "cmd/courier_policy.h"
#include "cmd/courier_revoked.h"
#include "core/codec.h"
#include "core/mail_addr.h"
#include "crypto/loop_guard.h"
#include "crypto/permit.h"
#include "crypto/pgp_info.h"
#include "store/apply_cert.h"
#include "store/view_cert.h"
#include "store/view_directory.h"
#include "store/view_key.h"
#include "store/view_trust.h"

enum { KEYS_MAX = 16 }; /* of one party */

struct asking {
	struct courier_step *s;
	struct db_txn *txn;
	Gateway__Question *q;
	size_t room; /* of q's lists of trust */
};

static Gateway__Party *
party_of(struct asking *x, ProtobufCBinaryData address)
{
	Gateway__Party *p = arena_zalloc(x->s->arena, sizeof *p);

	gateway__party__init(p);
	p->address = address;
	return p;
}

/* As certificates and keys are filed. Empty: no such address is. */
static struct slice
canonical(struct asking *x, ProtobufCBinaryData address)
{
	struct slice out;

	return mail_addr_canonical_text(codec_slice(address), x->s->arena, &out) ? SLICE_EMPTY
										 : out;
}

/* --- certificates --- */

static Gateway__Certificate *
certificate_of(struct asking *x, const Commands__Cert *cert)
{
	Gateway__Certificate *c = arena_alloc(x->s->arena, sizeof *c);

	gateway__certificate__init(c);
	c->der = cert->der;
	c->trust = (Gateway__Trust)cert->trust;
	c->capabilities = cert->capabilities;
	return c;
}

static enum err
add_certificates(struct asking *x, Gateway__Party *p)
{
	struct arena *a = x->s->arena;
	struct view_certs found;
	struct slice address = canonical(x, p->address);
	enum err e;

	if (!address.n)
		return ERR_OK;
	e = view_cert_usable(x->txn, address, x->q->now_sec, a, &found);
	if (!e && !found.n)
		e = courier_revoked_words(x->txn, address, x->q->now_sec, a, &p->missing);
	if (e)
		return e;
	p->certificate = arena_alloc(a, (found.n + 1) * sizeof *p->certificate);
	for (size_t i = 0; i < found.n; i++)
		p->certificate[p->n_certificate++] = certificate_of(x, found.list[i].cert);
	return ERR_OK;
}

/* --- private keys --- */

/* One whose secret isn't in the vault opens nothing any more. */
static enum err
add_key(struct asking *x, Gateway__Party *p, const struct view_key *found)
{
	struct arena *a = x->s->arena;
	struct vault_row *secret = arena_alloc(a, sizeof *secret);
	Gateway__Key *k = arena_alloc(a, sizeof *k);
	uint8_t *permit = arena_alloc(a, PERMIT_SIZE);
	enum err e = view_vault_get(x->s->c->vault, VAULT_KEY, found->id, secret);

	if (e)
		return e == ERR_NOT_FOUND ? ERR_OK : e;
	gateway__key__init(k);
	courier_permit_key(x->s->c, found->id, x->s->id, permit);
	k->id = found->id;
	k->n_certificate = found->key->n_certificate;
	k->certificate = found->key->certificate;
	k->wrapped = (ProtobufCBinaryData){secret->n, secret->secret};
	k->sealed = found->key->sealed;
	k->permit = (ProtobufCBinaryData){PERMIT_SIZE, permit};
	k->may_sign = !found->key->old;
	p->key[p->n_key++] = k;
	return ERR_OK;
}

/* Nobody believes what a revoked one signs. */
static enum err
may_sign_with(struct asking *x, const Commands__Key *key, bool *may)
{
	bool is_revoked = false;
	enum err e = ERR_OK;

	if (!key->old && key->n_certificate)
		e = courier_revoked_is(
			x->txn, codec_slice(key->certificate[0]), x->s->arena, &is_revoked);
	*may = !key->old && !is_revoked;
	return e;
}

/* to_sign: old and revoked ones are left out. */
static enum err
add_keys_of_kind(struct asking *x, Gateway__Party *p, struct slice address, bool to_sign,
	Commands__Key__Kind kind)
{
	struct view_keys found;
	enum err e = view_key_of(x->txn, address, kind, x->s->arena, &found);

	for (size_t i = 0; i < found.n && !e && p->n_key < KEYS_MAX; i++) {
		bool may = true;

		if (to_sign)
			e = may_sign_with(x, found.list[i].key, &may);
		if (!e && may)
			e = add_key(x, p, &found.list[i]);
	}
	return e;
}

static enum err
add_keys_of(struct asking *x, Gateway__Party *p, struct slice address, bool to_sign)
{
	enum err e = add_keys_of_kind(x, p, address, to_sign, COMMANDS__KEY__KIND__SMIME);

	return e ? e : add_keys_of_kind(x, p, address, to_sign, COMMANDS__KEY__KIND__OPENPGP);
}

/* Of the address, without its subaddress, and of its domain. */
static enum err
add_keys(struct asking *x, Gateway__Party *p, struct slice address, bool to_sign)
{
	size_t at = slice_find(address, '@'), plus;
	char delimiter = x->s->c->p->config.delimiter;
	struct buf base;
	enum err e;

	if (!address.n)
		return ERR_OK;
	p->key = arena_alloc(x->s->arena, KEYS_MAX * sizeof *p->key);
	e = add_keys_of(x, p, address, to_sign);
	plus = delimiter ? slice_find(slice_cut(address, 0, at), (uint8_t)delimiter) : at;
	if (!e && plus && plus < at) {
		buf_init(&base, address.n);
		buf_put_slice(&base, slice_cut(address, 0, plus));
		buf_put_slice(&base, slice_from(address, at));
		e = add_keys_of(x, p, buf_slice(&base), to_sign);
		buf_fini(&base);
	}
	return e ? e : add_keys_of(x, p, slice_from(address, at), to_sign);
}

/* From isn't a proof. Who logged in signs as himself alone; a gateway's mail server has seen to
 * that, if the envelope says the same. */
static enum err
may_sign(struct asking *x, bool *may)
{
	const Commands__Enqueue *env = x->s->item->envelope;
	struct slice from = codec_slice(env->from);

	*may = false;
	if (!from.n)
		return ERR_OK;
	if (env->auth_account)
		return view_directory_may_send_as(
			x->txn, env->auth_account, from, x->s->c->p->config.delimiter, may);
	*may = courier_hairpin_is_gateways(x->s->item) &&
	       slice_eq(canonical(x, env->sender), from);
	return ERR_OK;
}

/* --- trust --- */

static bool
count_trust(void *arg, struct slice sha256, Commands__Trust *row)
{
	struct asking *x = arg;

	(void)sha256;
	(void)row;
	x->room++;
	return true;
}

static void
add_verdict(struct asking *x, struct slice sha256, bool is_blocked)
{
	Gateway__Verdict *v = arena_alloc(x->s->arena, sizeof *v);

	gateway__verdict__init(v);
	v->sha256 = codec_bytes(arena_dup(x->s->arena, sha256));
	v->blocked = is_blocked;
	x->q->verdict[x->q->n_verdict++] = v;
}

static bool
add_trust(void *arg, struct slice sha256, Commands__Trust *row)
{
	struct asking *x = arg;

	if (!x->room)
		return false;
	x->room--;
	if (row->blocked)
		add_verdict(x, sha256, true);
	else if (row->anchor.len)
		x->q->anchor[x->q->n_anchor++] = row->anchor;
	return true;
}

struct others {
	Gateway__Party *party;
	const struct view_certs *used;
};

static bool
add_other(void *arg, struct slice sha256, Commands__Cert *cert)
{
	struct others *o = arg;

	for (size_t i = 0; i < o->used->n; i++)
		if (slice_eq(o->used->list[i].sha256, sha256))
			return true;
	if (pgp_info_is(codec_slice(cert->der)))
		o->party->other[o->party->n_other++] = cert->der;
	return o->party->n_other < APPLY_CERT_PER_ADDRESS_MAX;
}

/* What of OpenPGP isn't used any more may say what a copy that comes again leaves out. */
static enum err
add_others(struct asking *x, struct slice from, const struct view_certs *used)
{
	Gateway__Party *p = x->q->sender;
	struct others o = {p, used};

	p->other = arena_alloc(x->s->arena, APPLY_CERT_PER_ADDRESS_MAX * sizeof *p->other);
	return view_cert_each(x->txn, from, x->s->arena, add_other, &o);
}

/* A certificate that an administrator gave somebody is believed when he signs with it.
 * OpenPGP's signatures don't bring theirs along. */
static enum err
add_known(struct asking *x)
{
	struct view_certs found;
	struct slice from = codec_slice(x->s->item->envelope->from);
	Gateway__Party *p = x->q->sender;
	enum err e;

	if (!from.n || x->q->way != GATEWAY__QUESTION__WAY__IN)
		return ERR_OK;
	e = view_cert_usable(x->txn, from, x->q->now_sec, x->s->arena, &found);
	if (e)
		return e;
	p->certificate = arena_alloc(x->s->arena, (found.n + 1) * sizeof *p->certificate);
	for (size_t i = 0; i < found.n; i++) {
		if (pgp_info_is(codec_slice(found.list[i].cert->der)))
			p->certificate[p->n_certificate++] = certificate_of(
				x, found.list[i].cert);
		else if (found.list[i].cert->trust == GATEWAY__TRUST__MANUAL)
			add_verdict(x, found.list[i].sha256, false);
	}
	return add_others(x, from, &found);
}

static enum err
add_trusts(struct asking *x)
{
	struct arena *a = x->s->arena;
	enum err e = view_trust_each(x->txn, a, count_trust, x);

	if (e)
		return e;
	x->q->anchor = arena_alloc(a, (x->room + 1) * sizeof *x->q->anchor);
	x->q->verdict = arena_alloc(a, (x->room + VIEW_CERT_MAX) * sizeof *x->q->verdict);
	x->q->system_anchors = true;
	e = add_known(x);
	return e ? e : view_trust_each(x->txn, a, add_trust, x);
}

/* --- all of it --- */

static enum err
add_recipient(struct asking *x, ProtobufCBinaryData address)
{
	Gateway__Question *q = x->q;
	Gateway__Party *p = party_of(x, address);
	const struct courier_policy_pair pair = {
		codec_slice(q->sender->address), codec_slice(address)};
	enum err e;

	p->settings = arena_alloc(x->s->arena, sizeof *p->settings);
	e = courier_policy_resolve(x->s->c, x->txn, &pair, x->s->arena, p->settings);
	if (!e && q->way == GATEWAY__QUESTION__WAY__OUT)
		e = add_certificates(x, p);
	else if (!e)
		e = add_keys(x, p, canonical(x, address), false);
	q->recipient[q->n_recipient++] = p;
	return e;
}

static enum err
add_sender(struct asking *x)
{
	const Commands__Enqueue *env = x->s->item->envelope;
	bool may = false;
	enum err e = ERR_OK;

	x->q->sender = party_of(x, env->sender);
	if (x->q->way == GATEWAY__QUESTION__WAY__OUT)
		e = may_sign(x, &may);
	return e || !may ? e : add_keys(x, x->q->sender, codec_slice(env->from), true);
}

enum err
courier_question_make(
	struct courier_step *s, struct db_txn *txn, unsigned way, Gateway__Question **out)
{
	struct asking x = {.s = s, .txn = txn};
	enum err e;

	x.q = arena_alloc(s->arena, sizeof *x.q);
	gateway__question__init(x.q);
	x.q->way = way == LOOP_GUARD_IN ? GATEWAY__QUESTION__WAY__IN
					: GATEWAY__QUESTION__WAY__OUT;
	x.q->now_sec = courier_now_sec(s->c);
	x.q->authserv_id = s->c->p->config.hostname;
	/* What was decrypted leaves as an answer to it does. */
	x.q->answers_decrypted = s->item->envelope->answers_decrypted ||
				 s->item->envelope->was_decrypted;
	x.q->recipient = arena_alloc(s->arena, s->n * sizeof *x.q->recipient);
	e = add_sender(&x);
	for (size_t i = 0; i < s->n && !e; i++)
		e = add_recipient(&x, s->row[i]->rcpt->address);
	if (!e)
		e = add_trusts(&x);
	if (!e)
		e = courier_revoked_put(txn,
			x.q->way == GATEWAY__QUESTION__WAY__IN
				? codec_slice(s->item->envelope->from)
				: SLICE_EMPTY,
			s->arena, x.q);
	*out = x.q;
	return e;
}
