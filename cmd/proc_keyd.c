/* keyd: private-key operations, wrapping and opening of data keys.
 *
 * Owns:     the master key, the TLS private key, the epoch keys of this life.
 * Hears:    store (log keys); auth, smtpd and courier (their named keys); smtpd, imapd and, as
 *           a client, courier (TLS signatures); imapd (an account's secret, against a LOGIN
 *           permit); imapd and courier (wrapping, against LOGIN and ITEM permits); courier (new
 *           pairs, sealing of private keys and to another queue key, secrets of join tokens);
 *           link (who wants to join: keyd_join).
 * Touches:  no file and no network after its start; new TLS files come as fds from the parent.
 *           It keeps nothing but keys in use (keyd_private): whoever asks brings the
 *           wrapped blob. */
#include <fcntl.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/keyd_join.h"
#include "cmd/keyd_private.h"
#include "cmd/proc.h"
#include "core/arena.h"
#include "core/clock.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "core/must.h"
#include "crypto/keyring.h"
#include "crypto/tls_key.h"

enum { FILE_MAX = 65536, WRAP_TARGETS_MAX = 700 };

struct keyd {
	struct proc *p;
	struct keyring *ring;
	struct keyd_join *join;
	/* The key of the certificate that is served; the one before it, for handshakes that
	 * were begun with that; the one that has come and waits for its certificate. NULL:
	 * none. */
	struct tls_key *tls, *tls_before, *tls_next;
};

static void
prepare(struct proc *p)
{
	struct keyd *k = must_zalloc(sizeof *k);
	struct seal_key master;
	struct buf text;
	char path[512];

	k->p = p;
	p->state = k;
	buf_init(&text, FILE_MAX + 1);
	proc_path(p, "keys/master.key", path);
	proc_read_file(path, PROC_FILE_SECRET, FILE_MAX, &text);
	if (keyring_parse_master(buf_slice(&text), &master))
		must_fatal("%s: not a master key", path);
	k->ring = keyring_new(&master);
	k->join = keyd_join_new(k->ring);
	seal_wipe(&master, sizeof master);
	buf_fini_secret(&text);
	proc_path(p, "tls/key.pem", path);
	proc_read_file(path, PROC_FILE_SECRET | PROC_FILE_OPTIONAL, FILE_MAX, &text);
	if (text.n && tls_key_parse(buf_slice(&text), &k->tls))
		must_fatal("%s: not a private key in PEM form", path);
	buf_fini_secret(&text);
}

/* --- the key of TLS anew (SIGHUP) --- */

/* Appends the file in a frame; false: empty, unreadable, or a key that others may read. */
static bool
read_file(const struct ipc_frame *f, bool is_key, struct buf *out)
{
	struct stat st;
	ssize_t n;

	if (f->fd < 0 || fstat(f->fd, &st) || (is_key && (st.st_mode & 077)))
		return false;
	n = pread(f->fd, buf_room(out, FILE_MAX), FILE_MAX, 0);
	buf_grow(out, n > 0 ? (size_t)n : 0);
	return n > 0;
}

static void
take_key(struct keyd *k, struct slice pem)
{
	tls_key_free(k->tls_next);
	k->tls_next = NULL;
	if (!pem.n || tls_key_parse(pem, &k->tls_next))
		log_error("tls/key.pem: not a private key in PEM form, or others may read it: "
			  "the old one stays");
}

/* The parent gives the certificate to those who serve it when it has heard Ready. */
static void
take_chain(struct keyd *k, struct ipc_peer *parent, struct slice pem)
{
	Ipc__Ready ready = IPC__READY__INIT;

	if (!k->tls_next)
		return;
	if (!tls_key_matches(k->tls_next, pem)) {
		log_error("tls/key.pem isn't the key of tls/cert.pem: the old ones stay");
		return;
	}
	tls_key_free(k->tls_before);
	k->tls_before = k->tls;
	k->tls = k->tls_next;
	k->tls_next = NULL;
	ipc_tell(parent, IPC_READY, &ready.base, -1);
}

static void
on_tls_file(void *arg, struct ipc_frame *f)
{
	struct keyd *k = arg;
	bool is_key = ((const Ipc__TlsFile *)f->msg)->is_key;
	struct buf text;

	buf_init(&text, FILE_MAX);
	if (!read_file(f, is_key, &text))
		buf_fini_secret(&text);
	if (is_key)
		take_key(k, buf_slice(&text));
	else
		take_chain(k, f->from, buf_slice(&text));
	buf_fini_secret(&text);
	if (f->fd >= 0)
		close(f->fd);
}

static const struct tls_key *
tls_key_of(const struct keyd *k, uint32_t id)
{
	if (k->tls && tls_key_id(k->tls) == id)
		return k->tls;
	return k->tls_before && tls_key_id(k->tls_before) == id ? k->tls_before : NULL;
}

static void
refuse(struct keyd *k, const struct ipc_frame *f, enum err e)
{
	log_warn("%s/%u was refused a key: %s", ipc_role_name(ipc_peer_role(f->from)),
		ipc_peer_instance(f->from), err_text(e));
	ipc_answer(k->p->ipc, ipc_ticket(f), e, NULL);
}

static bool
permitted(struct keyd *k, const struct ipc_frame *f, uint64_t id, ProtobufCBinaryData permit)
{
	bool item = ipc_peer_role(f->from) == ROLE_COURIER;
	struct seal_key key;

	memcpy(key.b, item ? k->p->permit_item_key : k->p->permit_login_key, sizeof key.b);
	return !permit_check(&key, item ? PERMIT_ITEM : PERMIT_LOGIN, id, clock_wall_sec(),
		slice_of(permit.data, permit.len));
}

static void
on_log_key(void *arg, struct ipc_frame *f)
{
	struct keyd *k = arg;
	const Ipc__KeydLogKey *q = (const Ipc__KeydLogKey *)f->msg;
	Ipc__KeydKey a = IPC__KEYD_KEY__INIT;
	uint8_t wrapped[SEAL_WRAPPED];
	struct seal_key key;
	bool is_new;
	enum err e = keyring_log_key(
		k->ring, slice_of(q->wrapped.data, q->wrapped.len), &key, wrapped, &is_new);

	if (e) {
		refuse(k, f, e);
		return;
	}
	a.key = (ProtobufCBinaryData){sizeof key.b, key.b};
	if (is_new)
		a.wrapped = (ProtobufCBinaryData){sizeof wrapped, wrapped};
	ipc_answer(k->p->ipc, ipc_ticket(f), ERR_OK, &a.base);
	seal_wipe(&key, sizeof key);
}

static bool
may_hold(enum role role, uint32_t which)
{
	switch (which) {
	case KEYRING_AUTH:
		return role == ROLE_AUTH;
	case KEYRING_REPEAT:
		return role == ROLE_SMTPD;
	case KEYRING_SRS:
		return role == ROLE_SMTPD || role == ROLE_COURIER;
	case KEYRING_GUARD:
		return role == ROLE_SMTPD || role == ROLE_COURIER;
	default:
		return false;
	}
}

static void
on_named_key(void *arg, struct ipc_frame *f)
{
	struct keyd *k = arg;
	const Ipc__KeydNamedKey *q = (const Ipc__KeydNamedKey *)f->msg;
	Ipc__KeydKey a = IPC__KEYD_KEY__INIT;
	struct seal_key key;

	if (!may_hold(ipc_peer_role(f->from), q->which)) {
		refuse(k, f, ERR_DENIED);
		return;
	}
	keyring_named(k->ring, (enum keyring_named)q->which, &key);
	a.key = (ProtobufCBinaryData){sizeof key.b, key.b};
	ipc_answer(k->p->ipc, ipc_ticket(f), ERR_OK, &a.base);
	seal_wipe(&key, sizeof key);
}

static void
on_new_pair(void *arg, struct ipc_frame *f)
{
	struct keyd *k = arg;
	const Ipc__KeydNewPair *q = (const Ipc__KeydNewPair *)f->msg;
	Ipc__KeydPair a = IPC__KEYD_PAIR__INIT;
	uint8_t public_key[32], wrapped[KEYRING_SECRET_WRAPPED];

	if (q->kind != KEYRING_ACCOUNT && q->kind != KEYRING_QUEUE) {
		refuse(k, f, ERR_UNSUPPORTED);
		return;
	}
	keyring_new_pair(k->ring, (enum keyring_pair)q->kind, q->id, public_key, wrapped);
	a.public_key = (ProtobufCBinaryData){sizeof public_key, public_key};
	a.wrapped_secret = (ProtobufCBinaryData){sizeof wrapped, wrapped};
	ipc_answer(k->p->ipc, ipc_ticket(f), ERR_OK, &a.base);
}

static void
on_account(void *arg, struct ipc_frame *f)
{
	struct keyd *k = arg;
	const Ipc__KeydAccount *q = (const Ipc__KeydAccount *)f->msg;
	Ipc__KeydSecret a = IPC__KEYD_SECRET__INIT;
	uint8_t secret[32];
	enum err e = permitted(k, f, q->account, q->permit) ? ERR_OK : ERR_DENIED;

	/* Locked accounts (other wrap kinds) come later. */
	if (!e && q->wrap_kind != 0)
		e = ERR_UNSUPPORTED;
	if (!e)
		e = keyring_open_secret(k->ring, KEYRING_ACCOUNT, q->account,
			slice_of(q->wrapped_secret.data, q->wrapped_secret.len), secret);
	if (e) {
		refuse(k, f, e);
		return;
	}
	a.secret = (ProtobufCBinaryData){sizeof secret, secret};
	ipc_answer(k->p->ipc, ipc_ticket(f), ERR_OK, &a.base);
	seal_wipe(secret, sizeof secret);
}

static enum err
data_key(
	struct keyd *k, const struct ipc_frame *f, const Ipc__KeydWrap *q, struct seal_key *key)
{
	struct keyring_sealed s = {slice_of(q->sealed_key.data, q->sealed_key.len),
		slice_of(q->queue_wrapped_secret.data, q->queue_wrapped_secret.len),
		q->queue_key};

	if (ipc_peer_role(f->from) == ROLE_COURIER)
		return permitted(k, f, q->item, q->permit)
			       ? keyring_open_sealed(k->ring, &s, key)
			       : ERR_DENIED;
	/* A session wraps its own new mail for its own account. */
	if (q->n_target != 1 || q->sealed_key.len != sizeof key->b ||
		!permitted(k, f, q->target[0]->account, q->permit))
		return ERR_DENIED;
	memcpy(key->b, q->sealed_key.data, sizeof key->b);
	return ERR_OK;
}

/* One target: its wrapped key, and its epoch when that is new. */
static enum err
wrap_one(struct keyd *k, const struct keyring_target *to, const struct seal_key *key,
	struct arena *a, Ipc__KeydWrapped *out)
{
	struct keyring_wrap *w = arena_alloc(a, sizeof *w);
	Ipc__Wrapped *wrapped = arena_alloc(a, sizeof *wrapped);
	Ipc__NewEpoch *epoch = arena_alloc(a, sizeof *epoch);
	enum err e = keyring_wrap(k->ring, to, clock_wall_sec(), key, w);

	if (e)
		return e;
	ipc__wrapped__init(wrapped);
	wrapped->account = to->account;
	wrapped->epoch = w->epoch;
	wrapped->wrapped_key = (ProtobufCBinaryData){sizeof w->wrapped, w->wrapped};
	out->wrapped[out->n_wrapped++] = wrapped;
	if (!w->is_new)
		return ERR_OK;
	ipc__new_epoch__init(epoch);
	epoch->account = to->account;
	epoch->epoch = w->epoch;
	epoch->sealed_key = (ProtobufCBinaryData){sizeof w->sealed_epoch, w->sealed_epoch};
	out->epoch[out->n_epoch++] = epoch;
	return ERR_OK;
}

static void
on_wrap(void *arg, struct ipc_frame *f)
{
	struct keyd *k = arg;
	const Ipc__KeydWrap *q = (const Ipc__KeydWrap *)f->msg;
	Ipc__KeydWrapped a = IPC__KEYD_WRAPPED__INIT;
	struct seal_key key;
	struct arena arena;
	enum err e = q->n_target <= WRAP_TARGETS_MAX ? data_key(k, f, q, &key) : ERR_LIMIT;

	if (e) {
		refuse(k, f, e);
		return;
	}
	arena_init(&arena, 4096);
	a.wrapped = arena_alloc(&arena, (q->n_target + 1) * sizeof *a.wrapped);
	a.epoch = arena_alloc(&arena, (q->n_target + 1) * sizeof *a.epoch);
	for (size_t i = 0; i < q->n_target && !e; i++) {
		const Ipc__WrapTarget *t = q->target[i];
		struct keyring_target to = {t->account, t->public_key.data, q->fresh_epoch};

		e = t->public_key.len == 32 ? wrap_one(k, &to, &key, &arena, &a) : ERR_CRYPTO;
	}
	if (e)
		refuse(k, f, e);
	else
		ipc_answer(k->p->ipc, ipc_ticket(f), ERR_OK, &a.base);
	arena_reset(&arena);
	seal_wipe(&key, sizeof key);
}

static void
on_open(void *arg, struct ipc_frame *f)
{
	struct keyd *k = arg;
	const Ipc__KeydOpen *q = (const Ipc__KeydOpen *)f->msg;
	Ipc__KeydSecret a = IPC__KEYD_SECRET__INIT;
	struct keyring_sealed sealed = {slice_of(q->sealed_key.data, q->sealed_key.len),
		slice_of(q->queue_wrapped_secret.data, q->queue_wrapped_secret.len),
		q->queue_key};
	struct seal_key key;
	enum err e = ERR_DENIED;

	if (permitted(k, f, q->item, q->permit))
		e = keyring_open_sealed(k->ring, &sealed, &key);
	a.secret = (ProtobufCBinaryData){sizeof key.b, key.b};
	if (e)
		refuse(k, f, e);
	else
		ipc_answer(k->p->ipc, ipc_ticket(f), ERR_OK, &a.base);
	seal_wipe(&key, sizeof key);
}

static void
on_reseal(void *arg, struct ipc_frame *f)
{
	struct keyd *k = arg;
	const Ipc__KeydReseal *q = (const Ipc__KeydReseal *)f->msg;
	Ipc__KeydResealed a = IPC__KEYD_RESEALED__INIT;
	struct keyring_sealed from = {slice_of(q->sealed_key.data, q->sealed_key.len),
		slice_of(q->from_wrapped_secret.data, q->from_wrapped_secret.len), q->from};
	uint8_t sealed[QUEUE_SEAL_SIZE];
	enum err e = ERR_DENIED;

	if (permitted(k, f, q->item, q->permit))
		e = keyring_reseal(k->ring, &from, q->to,
			slice_of(q->to_wrapped_secret.data, q->to_wrapped_secret.len), sealed);
	a.sealed_key = (ProtobufCBinaryData){sizeof sealed, sealed};
	if (e)
		refuse(k, f, e);
	else
		ipc_answer(k->p->ipc, ipc_ticket(f), ERR_OK, &a.base);
}

static void
on_sign(void *arg, struct ipc_frame *f)
{
	struct keyd *k = arg;
	const Ipc__KeydSign *q = (const Ipc__KeydSign *)f->msg;
	Ipc__KeydSigned a = IPC__KEYD_SIGNED__INIT;
	const struct tls_key *key = tls_key_of(k, q->key);
	struct buf signature;
	enum err e;

	buf_init(&signature, 4096);
	e = key ? tls_key_sign(key,
			  ipc_peer_role(f->from) == ROLE_COURIER ? TLS_KEY_CLIENT
								 : TLS_KEY_SERVER,
			  q->scheme, slice_of(q->message.data, q->message.len), &signature)
		: ERR_NOT_FOUND;
	a.signature = (ProtobufCBinaryData){signature.n, signature.p};
	if (e)
		refuse(k, f, e);
	else
		ipc_answer(k->p->ipc, ipc_ticket(f), ERR_OK, &a.base);
	buf_fini(&signature);
}

static void
on_seal_key(void *arg, struct ipc_frame *f)
{
	struct keyd *k = arg;
	const Ipc__KeydSealKey *q = (const Ipc__KeydSealKey *)f->msg;
	Ipc__KeydSealedKey a = IPC__KEYD_SEALED_KEY__INIT;
	uint8_t wrapped[KEYRING_SECRET_WRAPPED];
	struct buf sealed;
	enum err e;

	buf_init(&sealed, KEYRING_PRIVATE_MAX + SEAL_AEAD_EXTRA);
	e = keyring_seal_private(
		k->ring, q->id, slice_of(q->pkcs8.data, q->pkcs8.len), wrapped, &sealed);
	a.wrapped_secret = (ProtobufCBinaryData){sizeof wrapped, wrapped};
	a.sealed = (ProtobufCBinaryData){sealed.n, sealed.p};
	if (e)
		refuse(k, f, e);
	else
		ipc_answer(k->p->ipc, ipc_ticket(f), ERR_OK, &a.base);
	seal_wipe(q->pkcs8.data, q->pkcs8.len);
	buf_fini(&sealed);
}

static void
start(struct proc *p)
{
	struct keyd *k = p->state;
	struct seal_key permit_key;

	ipc_on(p->ipc, IPC_KEYD_LOG_KEY, on_log_key, k);
	ipc_on(p->ipc, IPC_KEYD_NAMED_KEY, on_named_key, k);
	ipc_on(p->ipc, IPC_KEYD_NEW_PAIR, on_new_pair, k);
	ipc_on(p->ipc, IPC_KEYD_ACCOUNT, on_account, k);
	ipc_on(p->ipc, IPC_KEYD_WRAP, on_wrap, k);
	ipc_on(p->ipc, IPC_KEYD_RESEAL, on_reseal, k);
	ipc_on(p->ipc, IPC_KEYD_OPEN, on_open, k);
	ipc_on(p->ipc, IPC_KEYD_SEAL_KEY, on_seal_key, k);
	ipc_on(p->ipc, IPC_KEYD_SIGN, on_sign, k);
	ipc_on(p->ipc, IPC_TLS_FILE, on_tls_file, k);
	memcpy(permit_key.b, p->permit_item_key, sizeof permit_key.b);
	keyd_private_new(p->loop, p->ipc, k->ring, &permit_key);
	seal_wipe(&permit_key, sizeof permit_key);
	keyd_join_start(k->join, p->ipc);
}

const struct proc_role proc_keyd_role = {
	.role = ROLE_KEYD,
	.prepare = prepare,
	.start = start,
};
