/* Questions to the directory. A transaction lives for one question; its answer
 * counts only if no page under it was overwritten meanwhile. */
#include <stdlib.h>

#include "cmd/smtpd.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/ip_network.h"
#include "core/log.h"
#include "core/mail_addr.h"
#include "smtp/smtp_poster.h"
#include "smtp/smtp_srs.h"
#include "store/view_directory.h"
#include "store/view_opened.h"
#include "store/view_sending.h"

enum { TRIES = 3, ROOM_RCPT_MAX = 16 };

bool
smtpd_lookup_open(struct smtpd *d)
{
	char dir[512];

	rest_later(&d->rest);
	if (d->view)
		return true;
	proc_path(d->p, "db", dir);
	return view_open(dir, d->p->floor_page, &d->view) == ERR_OK;
}

typedef enum err (*lookup)(struct smtpd *d, struct db_txn *txn, void *arg);

/* Results live in d->scratch until the next lookup. */
static enum err
look(struct smtpd *d, lookup fn, void *arg)
{
	enum err e = ERR_BUSY;
	struct db_txn *txn;

	if (!smtpd_lookup_open(d))
		return ERR_UNAVAILABLE;
	for (int i = 0; i < TRIES; i++) {
		bool is_valid;
		e = view_begin(d->view, &txn);
		if (e)
			return e;
		e = fn(d, txn, arg);
		is_valid = view_is_valid(d->view);
		view_end(d->view);
		if (is_valid)
			return e;
		e = ERR_BUSY;
	}
	return e;
}

bool
smtpd_lookup_canonical(struct slice path, struct arena *a, struct slice *out)
{
	return mail_addr_canonical_text(path, a, out) == NULL;
}

/* --- the sending limits --- */

struct sending_use {
	const struct smtpd_client *c;
	struct sending_limits *limits;
	struct sending *use;
};

static enum err
look_sending(struct smtpd *d, struct db_txn *txn, void *arg)
{
	const struct sending_use *u = arg;
	uint64_t id = smtp_session_envelope(u->c->session)->account;
	Commands__Account *a;
	enum err e = view_directory_account(txn, id, &d->scratch, &a);

	if (e)
		return e;
	*u->limits = view_sending_limits(a, &d->p->config.sending);
	return view_sending_get(txn, id, clock_wall_sec(), u->use);
}

enum err
smtpd_lookup_sending(struct smtpd_client *c, struct sending_limits *limits, struct sending *use)
{
	struct sending_use u = {c, limits, use};

	arena_reset(&c->d->scratch);
	return look(c->d, look_sending, &u);
}

/* --- sender --- */

struct sender {
	struct smtpd_client *c;
	struct slice address;
	bool may;
};

static enum err
look_sender(struct smtpd *d, struct db_txn *txn, void *arg)
{
	struct sender *s = arg;

	return view_directory_may_send_as(
		txn, s->c->account, s->address, d->p->config.delimiter, &s->may);
}

void
smtpd_lookup_sender(struct smtpd_client *c, struct slice path)
{
	struct smtp_event ev = {.kind = SMTP_EV_SENDER, .sender = SMTP_SENDER_OTHER};
	struct sender s = {.c = c};
	enum err e;

	arena_reset(&c->d->scratch);
	if (smtpd_lookup_canonical(path, &c->d->scratch, &s.address)) {
		e = look(c->d, look_sender, &s);
		if (e && e != ERR_NOT_FOUND)
			ev.sender = SMTP_SENDER_UNKNOWN;
		else if (!e && s.may)
			ev.sender = SMTP_SENDER_OWN;
	}
	smtpd_client_step(c, &ev);
}

/* --- recipient --- */

struct rcpt {
	const struct smtpd_client *c;
	struct slice address;
	struct view_directory_rcpt found;
	bool may_post;
};

/* By whom the group is written to: an account by its name and as whom it sends; others as
 * what they say. */
static bool
may_post(struct smtpd *d, const struct rcpt *r)
{
	const struct smtp_envelope *env = smtp_session_envelope(r->c->session);
	struct smtp_poster who = {.is_authenticated = env->account, .account = env->user};

	if (env->sender.n)
		smtpd_lookup_canonical(env->sender, &d->scratch, &who.sender);
	return smtp_poster_may(r->found.address, r->address, &who);
}

static enum err
look_rcpt(struct smtpd *d, struct db_txn *txn, void *arg)
{
	struct rcpt *r = arg;
	enum err e = view_directory_rcpt(
		txn, r->address, d->p->config.delimiter, &d->scratch, &r->found);

	if (!e)
		r->may_post = r->found.kind != VIEW_EXPAND || may_post(d, r);
	return e;
}

static enum smtp_rcpt_class
class_of(const struct rcpt *r, uint64_t size)
{
	const Commands__Account *account = r->found.record;

	if (account && account->disabled)
		return SMTP_RCPT_DISABLED;
	switch (r->found.kind) {
	case VIEW_NOT_OURS:
		return SMTP_RCPT_REMOTE;
	case VIEW_NO_USER:
		return SMTP_RCPT_NO_USER;
	case VIEW_ACCOUNT:
		return view_directory_over_quota(account, size) ? SMTP_RCPT_OVER_QUOTA
								: SMTP_RCPT_LOCAL;
	case VIEW_EXPAND:
		break;
	}
	return r->may_post ? SMTP_RCPT_LOCAL : SMTP_RCPT_NOT_POSTER;
}

/* RFC 5321 4.5.1: postmaster without a domain is ours. */
static struct slice
whole_path(struct smtpd *d, struct slice path)
{
	struct slice host = slice_str(d->p->config.hostname);
	uint8_t *p;

	if (slice_has(path, '@'))
		return path;
	p = arena_alloc(&d->scratch, path.n + 1 + host.n);
	memcpy(p, path.p, path.n);
	p[path.n] = '@';
	memcpy(p + path.n + 1, host.p, host.n);
	return slice_of(p, path.n + 1 + host.n);
}

/* The host's own name needn't be a mail domain; then the domain above it may be:
 * mx.example.org, example.org. */
static enum err
look_postmaster(struct smtpd *d, struct rcpt *r)
{
	struct slice host = slice_str(d->p->config.hostname), at;
	enum err e = look(d, look_rcpt, r);

	while (!e && r->found.kind == VIEW_NOT_OURS) {
		size_t dot = slice_find(host, '.');
		if (dot >= host.n)
			break;
		host = slice_from(host, dot + 1);
		at.p = arena_alloc(&d->scratch, host.n + 11);
		memcpy((uint8_t *)(uintptr_t)at.p, "postmaster@", 11);
		memcpy((uint8_t *)(uintptr_t)at.p + 11, host.p, host.n);
		at.n = host.n + 11;
		r->address = at;
		e = look(d, look_rcpt, r);
	}
	return e;
}

/* A bounce for mail that was forwarded under a sender of ours (SRS) goes to the one who sent
 * it; r->address is that one then. Nothing but a bounce does: such an address is no way around
 * the right to relay. */
static enum smtp_rcpt_class
class_of_rewritten(struct rcpt *r, struct slice path)
{
	struct smtpd *d = r->c->d;
	struct buf sender;
	enum smtp_rcpt_class class = SMTP_RCPT_NO_USER;

	buf_init(&sender, SMTP_SRS_ADDRESS_MAX);
	if (smtp_session_envelope(r->c->session)->sender.n == 0 &&
		!smtp_srs_back(&d->srs_key, clock_wall_sec(), path, &sender)) {
		r->address = arena_dup(&d->scratch, buf_slice(&sender));
		class = SMTP_RCPT_LOCAL;
	}
	buf_fini(&sender);
	return class;
}

static enum smtp_rcpt_class
class_of_path(struct rcpt *r, struct slice path)
{
	uint64_t size = smtp_session_envelope(r->c->session)->size_bytes;
	enum err e = slice_has(path, '@') ? look(r->c->d, look_rcpt, r)
					  : look_postmaster(r->c->d, r);

	if (e) {
		log_error("directory: %s", err_text(e));
		return SMTP_RCPT_UNKNOWN;
	}
	if (r->found.kind != VIEW_NOT_OURS && smtp_srs_is_tagged(path))
		return class_of_rewritten(r, path);
	return class_of(r, size);
}

void
smtpd_lookup_rcpt(struct smtpd_client *c, struct slice path)
{
	struct smtp_event ev = {.kind = SMTP_EV_RCPT};
	struct rcpt r = {.c = c};

	arena_reset(&c->d->scratch);
	buf_clear(&c->asked_rcpt);
	buf_put_slice(&c->asked_rcpt, path);
	ev.rcpt.rcpt_class = c->at->kind == CONFIG_FILTER ? SMTP_RCPT_REMOTE
							  : SMTP_RCPT_NO_USER;
	if (smtpd_lookup_canonical(whole_path(c->d, path), &c->d->scratch, &r.address)) {
		ev.rcpt.rcpt_class = class_of_path(&r, path);
		if (c->at->kind == CONFIG_FILTER || ev.rcpt.rcpt_class == SMTP_RCPT_REMOTE)
			mail_addr_foreign_text(path, &c->d->scratch, &r.address);
		ev.rcpt.address = r.address;
	}
	smtpd_client_step(c, &ev);
}

enum err
smtpd_lookup_room(struct smtpd_client *c)
{
	const struct smtp_envelope *env = smtp_session_envelope(c->session);

	/* With many recipients some have room; those without are the courier's to tell. */
	if (env->rcpt_n > ROOM_RCPT_MAX)
		return ERR_OK;
	for (size_t i = 0; i < env->rcpt_n; i++) {
		struct rcpt r = {.c = c, .address = env->rcpt[i].address};
		arena_reset(&c->d->scratch);
		if (look(c->d, look_rcpt, &r) ||
			class_of(&r, env->size_bytes) != SMTP_RCPT_OVER_QUOTA)
			return ERR_OK;
	}
	return ERR_QUOTA;
}

/* --- keys and logins --- */

struct queue_key {
	uint64_t *id;
	uint8_t *public_key;
};

static enum err
look_queue_key(struct smtpd *d, struct db_txn *txn, void *arg)
{
	struct queue_key *k = arg;

	(void)d;
	return view_directory_queue_key(txn, k->id, k->public_key);
}

enum err
smtpd_lookup_queue_key(struct smtpd *d, uint64_t *id, uint8_t public_key[32])
{
	struct queue_key k = {id, public_key};

	return look(d, look_queue_key, &k);
}

struct opened {
	struct slice hashes;
	bool *is_known;
};

static enum err
look_opened(struct smtpd *d, struct db_txn *txn, void *arg)
{
	const struct opened *o = arg;
	uint64_t until_sec;
	enum err e = ERR_NOT_FOUND;

	(void)d;
	for (size_t at = 0; at + SCHEMA_OPENED_HASH <= o->hashes.n && e == ERR_NOT_FOUND;
		at += SCHEMA_OPENED_HASH)
		e = view_opened_until(txn, o->hashes.p + at, &until_sec);
	*o->is_known = !e;
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
smtpd_lookup_opened(struct smtpd *d, struct slice hashes, bool *is_known)
{
	struct opened o = {hashes, is_known};

	*is_known = false;
	return hashes.n ? look(d, look_opened, &o) : ERR_OK;
}

/* A text that is no network holds nobody. */
static bool
is_from_its_network(const struct smtpd_client *c, const Commands__Account *a)
{
	struct ip_network net;

	for (size_t i = 0; i < a->n_from_network; i++)
		if (!ip_network_parse(slice_str(a->from_network[i]), &net) &&
			ip_network_holds(&net, client_address_octets(&c->from)))
			return true;
	return a->n_from_network == 0;
}

struct login {
	struct slice address;
	uint64_t account;
	Commands__Account *record;
};

static enum err
look_login(struct smtpd *d, struct db_txn *txn, void *arg)
{
	struct login *l = arg;

	return view_directory_login(txn, l->address, &d->scratch, &l->account, &l->record);
}

enum err
smtpd_lookup_login(struct smtpd_client *c, struct slice user, struct smtpd_login *out)
{
	struct login l = {0};
	enum err e = ERR_NOT_FOUND;

	arena_reset(&c->d->scratch);
	*out = (struct smtpd_login){.user = user};
	if (smtpd_lookup_canonical(user, &c->d->scratch, &l.address)) {
		out->user = l.address;
		e = look(c->d, look_login, &l);
	}
	if (e)
		return e == ERR_NOT_FOUND ? ERR_OK : e;
	/* Whoever may not log in looks to auth like somebody who doesn't exist. */
	if (l.record->disabled)
		return ERR_OK;
	out->is_elsewhere = !is_from_its_network(c, l.record);
	out->account = l.account;
	out->user = codec_slice(l.record->name);
	out->verifier = codec_slice(l.record->verifier);
	out->may_relay = l.record->kind == 1 && l.record->may_relay;
	return ERR_OK;
}
