/* The DKIM signatures of a mail that leaves (crypto/dkim_sign): its text is read once, some
 * parts in each turn of the loop, when nothing more is done to it; keyd signs the hashes. The
 * fields stay with the mail in hand, whichever hosts it is offered to. */
#include <stdlib.h>

#include "cmd/courier_relay_inner.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "core/must.h"
#include "crypto/dkim_sign.h"
#include "crypto/permit.h"
#include "store/view_key.h"
#include "store/view_queue.h"

enum { PARTS_AT_ONCE = 8, KINDS = 2, WORDS_MAX = 512 };

struct key {
	uint64_t id;
	enum dkim_key_kind kind;
	struct slice selector, sealed;
	struct vault_row secret;
};

struct courier_dkim {
	struct dkim_sign *sign;
	bool has_looked; /* for keys */
	struct key key[KINDS];
	size_t keys, at;
	struct slice domain;
	uint64_t now_sec;
	struct buf field; /* of the key that is being asked for */
	struct buf fields;
};

void
courier_dkim_free(struct courier_dkim *d)
{
	if (!d)
		return;
	dkim_sign_free(d->sign);
	buf_fini(&d->field);
	buf_fini(&d->fields);
	free(d);
}

struct slice
courier_dkim_fields(const struct courier_dkim *d)
{
	return d ? buf_slice(&d->fields) : SLICE_EMPTY;
}

/* --- is it to be signed? --- */

/* Somebody who may, or something of ours, wrote it: what came from outside with our domain in
 * From isn't made believable. */
static bool
is_from_inside(const Commands__Enqueue *env)
{
	return env->is_bounce || env->auth_account || *env->login ||
	       (!strcmp(env->source, "LOCAL") && strcmp(env->protocol, "LMTP") != 0);
}

/* To a mailbox's server, or into a filter, it goes as it is: it hasn't left yet. */
static bool
wants(const struct courier_mail *m)
{
	const struct config *config = &m->s.c->p->config;
	struct smtp_hop hop;

	if (!config->relay_dkim || smtp_hop_parse(m->hop->name, &hop) ||
		hop.transport != SMTP_HOP_SMTP || !is_from_inside(m->s.item->envelope))
		return false;
	return config->gateway_dkim || !*config->gateway_hop ||
	       !slice_eq(m->hop->name, slice_str(config->gateway_hop));
}

/* --- keys --- */

static enum err
take_key(struct courier_mail *m, const struct view_key *from, enum dkim_key_kind kind)
{
	struct courier_dkim *d = m->dkim;
	struct key *key = &d->key[d->keys];

	*key = (struct key){.id = from->id,
		.kind = kind,
		.selector = slice_str(from->key->selector),
		.sealed = codec_slice(from->key->sealed)};
	d->keys++;
	return view_vault_get(m->s.c->vault, VAULT_KEY, from->id, &key->secret);
}

static enum err
find_keys_of(struct courier_mail *m, struct db_txn *txn, struct slice domain)
{
	static const Commands__Key__Kind kinds[KINDS] = {
		[DKIM_KEY_RSA] = COMMANDS__KEY__KIND__DKIM_RSA,
		[DKIM_KEY_ED25519] = COMMANDS__KEY__KIND__DKIM_ED25519};
	struct view_keys found;
	enum err e = ERR_OK;

	for (unsigned kind = 0; kind < KINDS && !e; kind++) {
		e = view_key_of(txn, domain, kinds[kind], &m->arena, &found);
		if (!e && found.n && !found.list[0].key->old)
			e = take_key(m, &found.list[0], (enum dkim_key_kind)kind);
	}
	return e;
}

/* Of the domain, or of the next one above it: reports are from this host's name, and what is
 * below a domain is its own (RFC 7489 section 3.1.1). */
static enum err
find_keys(struct courier_mail *m)
{
	struct courier_dkim *d = m->dkim;
	struct db_txn *txn;
	enum err e = view_begin(m->s.c->view, &txn);

	if (e)
		return e;
	d->domain = dkim_sign_from(d->sign, &m->arena);
	while (!e && d->domain.n) {
		e = find_keys_of(m, txn, d->domain);
		if (e || d->keys)
			break;
		d->domain = slice_from(d->domain, slice_find(d->domain, '.') + 1);
	}
	if (!e && !view_is_valid(m->s.c->view))
		e = ERR_UNAVAILABLE;
	view_end(m->s.c->view);
	return e;
}

/* --- signing --- */

static void
finish(struct courier_mail *m)
{
	courier_mail_rewind(m);
	courier_relay_ready(m);
}

static void
leave_unsigned(struct courier_mail *m)
{
	courier_dkim_free(m->dkim);
	m->dkim = NULL;
	finish(m);
}

static void
say_signed(const struct courier_mail *m)
{
	const struct courier_dkim *d = m->dkim;
	char id[VIEW_QUEUE_ID_MAX];
	struct buf words;

	buf_init(&words, WORDS_MAX);
	courier_dkim_words(d, &words);
	view_queue_id_format(m->s.id, id);
	log_info("%s: %.*s", id, SLICE_FMT(buf_slice(&words)));
	buf_fini(&words);
}

void
courier_dkim_words(const struct courier_dkim *d, struct buf *out)
{
	buf_printf(out, "signed for %.*s with", SLICE_FMT(d->domain));
	for (size_t i = 0; i < d->keys; i++)
		buf_printf(out, "%s %.*s (%s)", i ? "," : "", SLICE_FMT(d->key[i].selector),
			dkim_key_name(d->key[i].kind));
}

static void
fail(struct courier_mail *m, enum err e)
{
	char id[VIEW_QUEUE_ID_MAX];

	/* Who is asked may be starting. */
	if (e == ERR_PEER || e == ERR_TIMEOUT || e == ERR_UNAVAILABLE) {
		courier_mail_give_up(m, "DKIM signature", e);
		return;
	}
	view_queue_id_format(m->s.id, id);
	log_error("%s: it can't be signed with DKIM, so it waits: %s", id, err_text(e));
	courier_mail_end(m, e == ERR_LIMIT
				    ? "5.6.0 the header has more than can be signed with DKIM"
				    : "4.7.5 the mail can't be signed with DKIM now");
}

static void ask(struct courier_mail *m);

static void
on_signed(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct courier_mail *m = arg;
	struct courier_dkim *d = m->dkim;

	m->question = NULL;
	if (!e)
		e = dkim_sign_end(
			codec_slice(((const Ipc__KeydSigned *)answer)->signature), &d->field);
	if (!e && !buf_put_slice(&d->fields, buf_slice(&d->field)))
		e = ERR_LIMIT;
	if (e) {
		fail(m, e);
		return;
	}
	if (++d->at < d->keys) {
		ask(m);
		return;
	}
	m->mail.size_bytes += d->fields.n;
	say_signed(m);
	finish(m);
}

static void
ask(struct courier_mail *m)
{
	struct courier_dkim *d = m->dkim;
	struct key *key = &d->key[d->at];
	const struct dkim_sign_as as = {.kind = key->kind,
		.domain = d->domain,
		.selector = key->selector,
		.now_sec = d->now_sec};
	Ipc__KeydUse q = IPC__KEYD_USE__INIT;
	Ipc__PrivateKey private = IPC__PRIVATE_KEY__INIT;
	uint8_t hash[DKIM_KEY_HASH], permit[PERMIT_SIZE];
	enum err e;

	buf_clear(&d->field);
	e = dkim_sign_begin(d->sign, &as, &d->field, hash);
	if (e) {
		fail(m, e);
		return;
	}
	courier_permit_key(m->s.c, key->id, m->s.id, permit);
	private.id = key->id;
	private.permit = codec_bytes(slice_of(permit, sizeof permit));
	private.wrapped = codec_bytes(slice_of(key->secret.secret, key->secret.n));
	private.sealed = codec_bytes(key->sealed);
	q.key = &private;
	q.message = codec_bytes(slice_of(hash, sizeof hash));
	q.digest = dkim_key_digest(key->kind);
	/* RFC 8463 section 3: Ed25519 signs the hash as its message. */
	q.is_hash = q.digest != 0;
	m->question = ipc_ask(m->s.c->p->ipc, IPC_KEYD_USE, &q.base, -1,
		(struct ipc_wait){COURIER_ASK_MS, on_signed, m});
}

/* --- the text --- */

static void on_turn(void *arg);

static void
go_on(struct courier_mail *m)
{
	m->again = loop_after(m->s.c->p->loop, 0, on_turn, m);
}

static enum err
read_parts(struct courier_mail *m, bool *is_last)
{
	struct courier_dkim *d = m->dkim;
	struct buf text;
	enum err e = ERR_OK;

	buf_init(&text, SMTP_CLIENT_BODY_MAX);
	*is_last = false;
	for (unsigned i = 0; i < PARTS_AT_ONCE && !e && !*is_last; i++) {
		buf_clear(&text);
		e = courier_mail_text(m, &text, is_last);
		if (!e)
			dkim_sign_feed(d->sign, buf_slice(&text));
		if (!d->has_looked && dkim_sign_has_header(d->sign))
			break;
	}
	buf_fini_secret(&text);
	return e;
}

static void
on_turn(void *arg)
{
	struct courier_mail *m = arg;
	struct courier_dkim *d = m->dkim;
	enum err e = ERR_OK, signable;
	bool is_last;

	m->again = NULL;
	if (m->hop->relay->is_stopping) {
		courier_mail_free(m);
		return;
	}
	if (read_parts(m, &is_last)) {
		courier_mail_end(m, "4.3.0 the message can't be read");
		return;
	}
	signable = is_last ? dkim_sign_finish(d->sign) : ERR_OK;
	if (!d->has_looked && dkim_sign_has_header(d->sign)) {
		d->has_looked = true;
		e = find_keys(m);
	}
	if (!e && d->has_looked && !d->keys)
		leave_unsigned(m);
	else if (e || signable)
		fail(m, e ? e : signable);
	else if (is_last)
		ask(m);
	else
		go_on(m);
}

void
courier_dkim_begin(struct courier_mail *m)
{
	struct courier_dkim *d;

	courier_dkim_free(m->dkim);
	m->dkim = NULL;
	if (!wants(m)) {
		finish(m);
		return;
	}
	d = must_zalloc(sizeof *d);
	d->sign = dkim_sign_new();
	d->now_sec = clock_wall_sec();
	buf_init(&d->field, DKIM_SIGN_FIELD_MAX);
	buf_init(&d->fields, KINDS * DKIM_SIGN_FIELD_MAX);
	m->dkim = d;
	courier_mail_rewind(m);
	on_turn(m);
}
