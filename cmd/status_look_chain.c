#include <unistd.h>

#include "cmd/courier_file.h"
#include "cmd/status_look_inner.h"
#include "core/codec.h"
#include "core/log.h"
#include "core/must.h"
#include "crypto/cert_check.h"
#include "crypto/gateway.pb-c.h"
#include "store/apply_cert.h"
#include "store/view_cert.h"
#include "store/view_key.h"
#include "store/view_status.h"
#include "store/view_trust.h"

/* FRAME: octets of a question in it. */
enum {
	FRAME = 64 * 1024,
	BUSY_MS = 500,
	AGAIN_MS = 500,
	TRIES_MAX = 5,
	DAY_SEC = 86400,
	ISSUER_MAX = APPLY_STATUS_DER_MAX
};

static void
step(void *arg)
{
	status_look_next_cert(arg);
}

/* --- a chain --- */

struct asking {
	struct status_look *l;
	struct db_txn *txn;
	Gateway__Question *q;
	size_t room;
	enum err e;
};

static bool
count_trust(void *arg, struct slice sha256, Commands__Trust *row)
{
	struct asking *x = arg;

	(void)sha256;
	(void)row;
	x->room++;
	return true;
}

static bool
add_trust(void *arg, struct slice sha256, Commands__Trust *row)
{
	struct asking *x = arg;
	Gateway__Verdict *v = arena_alloc(&x->l->turn, sizeof *v);

	if (!x->room)
		return false;
	x->room--;
	gateway__verdict__init(v);
	v->sha256 = codec_bytes(arena_dup(&x->l->turn, sha256));
	v->blocked = true;
	if (row->blocked)
		x->q->verdict[x->q->n_verdict++] = v;
	else if (row->anchor.len)
		x->q->anchor[x->q->n_anchor++] = row->anchor;
	return true;
}

/* Another way to a trusted one may be left beside who is revoked for good; who is on hold is to
 * be asked about again. */
static enum err
add_revoked(struct asking *x, struct slice sha256)
{
	struct arena *a = &x->l->turn;
	Commands__Status *row;
	Gateway__Revoked *r;
	enum err e = view_status_get(x->txn, sha256, a, &row);

	if (e)
		return e == ERR_NOT_FOUND ? ERR_OK : e;
	if (row->state != COMMANDS__STATUS__STATE__REVOKED || row->reason == SCHEMA_REASON_HOLD)
		return ERR_OK;
	r = arena_alloc(a, sizeof *r);
	gateway__revoked__init(r);
	r->sha256 = codec_bytes(arena_dup(a, sha256));
	x->q->revoked[x->q->n_revoked++] = r;
	return ERR_OK;
}

static bool
add_authority(void *arg, struct slice sha256, Commands__Authority *row)
{
	struct asking *x = arg;

	if (x->q->n_intermediate == APPLY_STATUS_AUTHORITIES_MAX)
		return false;
	x->q->intermediate[x->q->n_intermediate++] = row->der;
	x->e = add_revoked(x, sha256);
	return !x->e;
}

/* The chain that came with a private key of ours. */
static enum err
add_own_chain(struct asking *x, struct db_txn *txn, uint64_t id)
{
	Commands__Key *key;
	enum err e = id ? view_key_get(txn, id, &x->l->turn, &key) : ERR_NOT_FOUND;

	for (size_t i = 1; !e && i < key->n_certificate && i <= STATUS_LOOK_ISSUERS_MAX; i++)
		x->q->intermediate[x->q->n_intermediate++] = key->certificate[i];
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err
read_question(struct asking *x, struct db_txn *txn, Commands__Cert **cert)
{
	struct status_look *l = x->l;
	const struct status_look_cert *one = &l->cert[l->at];
	size_t room = 2 * APPLY_STATUS_AUTHORITIES_MAX + STATUS_LOOK_ISSUERS_MAX;
	enum err e = view_cert_get(txn, one->address, one->sha256, &l->turn, cert);

	if (!e)
		e = view_trust_each(txn, &l->turn, count_trust, x);
	if (e)
		return e;
	x->q->now_sec = status_look_now_sec(l);
	x->q->system_anchors = true;
	x->q->anchor = arena_alloc(&l->turn, (x->room + 1) * sizeof *x->q->anchor);
	x->q->verdict = arena_alloc(&l->turn, (x->room + 1) * sizeof *x->q->verdict);
	x->q->intermediate = arena_alloc(&l->turn, room * sizeof *x->q->intermediate);
	x->q->revoked = arena_alloc(
		&l->turn, APPLY_STATUS_AUTHORITIES_MAX * sizeof *x->q->revoked);
	x->txn = txn;
	e = view_trust_each(txn, &l->turn, add_trust, x);
	if (!e)
		e = view_status_authorities(txn, &l->turn, add_authority, x);
	e = e ? e : x->e;
	for (size_t i = 0; i < l->extras; i++)
		x->q->intermediate[x->q->n_intermediate++] = l->extra[i];
	return e ? e : add_own_chain(x, txn, (*cert)->key);
}

static enum err
ask_filterd(
	struct status_look *l, struct slice der, const Gateway__Question *q, ipc_answer_cb cb)
{
	Ipc__FilterChain ask = IPC__FILTER_CHAIN__INIT;
	struct slice packed = codec_pack(q, &l->turn);
	int fd = -1;
	enum err e = ERR_OK;

	ask.certificate = codec_bytes(der);
	if (packed.n <= FRAME) {
		ask.question = codec_bytes(packed);
	} else {
		ask.question_size = packed.n;
		e = courier_file_make(packed, &fd);
	}
	if (!e)
		ipc_ask(l->how.c->p->ipc, IPC_FILTER_CHAIN, &ask.base, fd,
			(struct ipc_wait){COURIER_ASK_MS, cb, l});
	if (fd >= 0)
		close(fd);
	return e;
}

/* The next one, or its issuer's certificate beside it. */
static void
go_on(struct status_look *l)
{
	l->at++;
	l->fetched = 0;
	l->asked_issuer = SLICE_EMPTY;
	l->tries = 0;
	loop_after(l->how.c->p->loop, 0, step, l);
}

/* The database is swapped, or read too slowly: once more. It went: the next one. */
static void
read_again(struct status_look *l, enum err e)
{
	if (e == ERR_NOT_FOUND || l->tries++ == TRIES_MAX)
		go_on(l);
	else
		loop_after(l->how.c->p->loop, AGAIN_MS, step, l);
}

static void
give_up(struct status_look *l, const char *why, Commands__Cert *cert)
{
	const struct status_look_cert *one = &l->cert[l->at];
	Commands__Status *s = status_look_add_entry(l, one->sha256, cert->until_sec);

	status_look_add_unknown(l, s, why, DAY_SEC);
	status_look_tell_then(l, go_on);
}

/* --- what is wanted --- */

static const struct status_look_issuer *
issuer_of(struct status_look *l, struct slice der)
{
	uint8_t hash[SEAL_HASH];
	struct status_look_issuer *i;

	seal_sha256(der, hash);
	for (i = l->issuers; i; i = i->next)
		if (!memcmp(i->sha256, hash, sizeof hash))
			return i;
	i = arena_zalloc(&l->arena, sizeof *i);
	memcpy(i->sha256, hash, sizeof hash);
	i->der = arena_dup(&l->arena, der);
	i->next = l->issuers;
	l->issuers = i;
	return i;
}

static bool
is_wanted(const struct status_look *l, struct slice sha256)
{
	for (const struct status_look_want *w = l->wants; w; w = w->next)
		if (slice_eq(w->sha256, sha256))
			return true;
	return false;
}

static void
add_want(struct status_look *l, const Ipc__FilterChained__Link *link, struct slice issuer,
	struct slice sha256, uint32_t tries)
{
	struct status_look_want *w = arena_zalloc(&l->arena, sizeof *w);
	bool is_ocsp = !*link->crl;

	*w = (struct status_look_want){.next = l->wants,
		.issuer = issuer_of(l, issuer),
		.sha256 = arena_dup(&l->arena, sha256),
		.serial = arena_dup(&l->arena, codec_slice(link->serial)),
		.url = arena_str(&l->arena, slice_str(is_ocsp ? link->ocsp : link->crl)),
		.is_authority = link->authority,
		.until_sec = link->until_sec,
		.tries = tries};
	if (is_ocsp)
		w->request = arena_dup(&l->arena, codec_slice(link->ocsp_request));
	l->wants = w;
	l->waiting++;
}

/* What a broken-in filterd says must not bring us down. */
static bool
can_ask(const Ipc__FilterChained__Link *link, struct slice issuer)
{
	struct cert_source_url url;

	if (link->serial.len == 0 || link->serial.len > CERT_SOURCE_SERIAL_MAX ||
		issuer.n > APPLY_CERT_DER_MAX)
		return false;
	return *link->crl ? cert_source_url_parse(slice_str(link->crl), &url)
			  : link->ocsp_request.len &&
				    cert_source_url_parse(slice_str(link->ocsp), &url);
}

/* is_due: whatever was found last. */
static enum err
take_link(struct status_look *l, struct db_txn *txn, const Ipc__FilterChained__Link *link,
	struct slice issuer, bool is_due)
{
	struct slice sha256;
	uint8_t hash[SEAL_HASH];
	Commands__Status *row = NULL, *s;
	enum err e;

	seal_sha256(codec_slice(link->der), hash);
	sha256 = arena_dup(&l->turn, slice_of(hash, sizeof hash));
	e = view_status_get(txn, sha256, &l->turn, &row);
	if (e && e != ERR_NOT_FOUND)
		return e;
	if (is_wanted(l, sha256) || (!e && !is_due && row->look_sec > status_look_now_sec(l)))
		return ERR_OK;
	if (can_ask(link, issuer)) {
		add_want(l, link, issuer, sha256, e ? 0 : row->tries);
		return ERR_OK;
	}
	seal_sha256(issuer, hash);
	s = status_look_add_entry(l, sha256, link->until_sec);
	s->issuer = codec_bytes(arena_dup(&l->turn, slice_of(hash, sizeof hash)));
	status_look_add_unknown(l, s, "it names no list, and nobody to ask", DAY_SEC);
	return ERR_OK;
}

struct knowing {
	struct slice der;
	bool is_known;
};

static bool
compare(void *arg, struct slice sha256, Commands__Authority *row)
{
	struct knowing *k = arg;

	(void)sha256;
	k->is_known = slice_eq(codec_slice(row->der), k->der);
	return !k->is_known;
}

/* One that proved itself is kept for the chains of mails to come. */
static enum err
keep_authority(struct status_look *l, struct db_txn *txn, const Ipc__FilterChained__Link *link)
{
	struct knowing k = {.der = codec_slice(link->der)};
	enum err e = view_status_authorities(txn, &l->turn, compare, &k);
	Commands__Authority *row;

	if (e || k.is_known || k.der.n > APPLY_STATUS_DER_MAX ||
		link->until_sec <= status_look_now_sec(l) ||
		l->authorities == APPLY_STATUS_AUTHORITIES_MAX)
		return e;
	row = arena_alloc(&l->turn, sizeof *row);
	commands__authority__init(row);
	row->der = codec_bytes(arena_dup(&l->turn, k.der));
	row->until_sec = link->until_sec;
	l->authority[l->authorities++] = row;
	return ERR_OK;
}

/* All but the last one, which is trusted for itself. */
static enum err
take_links(struct status_look *l, const Ipc__FilterChained *c)
{
	struct courier *courier = l->how.c;
	struct db_txn *txn;
	enum err e = courier_open_view(courier) ? view_begin(courier->view, &txn)
						: ERR_UNAVAILABLE;

	if (e)
		return e;
	for (size_t i = 0; i + 1 < c->n_link && i < CERT_CHECK_LINKS_MAX && !e; i++) {
		e = take_link(l, txn, c->link[i], codec_slice(c->link[i + 1]->der),
			i == 0 || l->how.in_haste);
		if (!e && i > 0)
			e = keep_authority(l, txn, c->link[i]);
	}
	if (!view_is_valid(courier->view))
		e = ERR_BUSY;
	view_end(courier->view);
	return e;
}

/* --- a missing issuer --- */

static void ask_chain(struct status_look *l);

static void
on_issuer(void *arg, enum err e, const ProtobufCMessage *msg)
{
	struct status_look *l = arg;
	const Ipc__Fetched *f = (const Ipc__Fetched *)msg;
	const char *why = status_look_judge(l, e, f);
	uint8_t *der;
	ssize_t got;

	if (!why) {
		der = arena_alloc(&l->arena, ISSUER_MAX);
		got = pread(l->fd, der, ISSUER_MAX, 0);
		if (got > 0)
			l->extra[l->extras++] = (ProtobufCBinaryData){(size_t)got, der};
	} else {
		log_info("revocation: an issuer's certificate can't be fetched from %.*s: %s",
			SLICE_FMT(l->url.host), why);
		l->fetched = STATUS_LOOK_ISSUERS_MAX;
	}
	status_look_close_file(l);
	arena_reset(&l->turn);
	ask_chain(l);
}

static void
fetch_issuer(struct status_look *l, struct slice url)
{
	must(cert_source_url_parse(url, &l->url));
	if (!status_look_may_ask(l)) {
		loop_after(l->how.c->p->loop, BUSY_MS, step, l);
		return;
	}
	l->fetched++;
	l->asked_issuer = url;
	status_look_fetch(l, SLICE_EMPTY, ISSUER_MAX, on_issuer);
}

/* Only for what a trusted authority stood behind once, or an administrator put here: no
 * stranger's certificate makes us call anybody. */
static bool
may_fetch_issuer(const struct status_look *l, const Ipc__FilterChained *c, uint32_t trust)
{
	struct cert_source_url url;

	return cert_source_url_parse(slice_str(c->issuer), &url) &&
	       !slice_eq(slice_str(c->issuer), l->asked_issuer) &&
	       trust >= SCHEMA_TRUST_VERIFIED && l->fetched < STATUS_LOOK_ISSUERS_MAX &&
	       l->extras < APPLY_STATUS_AUTHORITIES_MAX;
}

static enum err
read_cert(struct status_look *l, Commands__Cert **cert)
{
	const struct status_look_cert *one = &l->cert[l->at];
	struct courier *c = l->how.c;
	struct db_txn *txn;
	enum err e = courier_open_view(c) ? view_begin(c->view, &txn) : ERR_UNAVAILABLE;

	if (e)
		return e;
	e = view_cert_get(txn, one->address, one->sha256, &l->turn, cert);
	if (!view_is_valid(c->view))
		e = ERR_BUSY;
	view_end(c->view);
	return e;
}

static void
on_chained(void *arg, enum err e, const ProtobufCMessage *msg)
{
	struct status_look *l = arg;
	const Ipc__FilterChained *c = (const Ipc__FilterChained *)msg;
	Commands__Cert *cert;

	if (!e && c->trusted)
		e = take_links(l, c);
	if (!e && c->trusted && c->n_link > 1) {
		status_look_tell_then(l, go_on);
		return;
	}
	if (!e)
		e = read_cert(l, &cert);
	if (e)
		read_again(l, e);
	else if (c->trusted)
		give_up(l, "it is trusted for itself: nobody is above it", cert);
	else if (may_fetch_issuer(l, c, cert->trust))
		fetch_issuer(l, arena_dup(&l->arena, slice_str(c->issuer)));
	else
		give_up(l, "no trusted authority stands behind it", cert);
}

static void
ask_chain(struct status_look *l)
{
	struct asking x = {.l = l, .q = arena_alloc(&l->turn, sizeof *x.q)};
	struct courier *c = l->how.c;
	Commands__Cert *cert;
	struct db_txn *txn;
	enum err e = courier_open_view(c) ? view_begin(c->view, &txn) : ERR_UNAVAILABLE;

	gateway__question__init(x.q);
	if (!e) {
		e = read_question(&x, txn, &cert);
		if (!view_is_valid(c->view))
			e = ERR_BUSY;
		view_end(c->view);
	}
	if (!e)
		e = ask_filterd(l, codec_slice(cert->der), x.q, on_chained);
	if (e)
		read_again(l, e);
}

void
status_look_next_cert(struct status_look *l)
{
	arena_reset(&l->turn);
	if (l->at < l->certs)
		ask_chain(l);
	else
		status_look_next_target(l);
}
