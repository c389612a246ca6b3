#include "cmd/status_look.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/courier_file.h"
#include "cmd/filterd_status.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "core/must.h"
#include "core/rand.h"
#include "crypto/cert_check.h"
#include "crypto/cert_source.h"
#include "crypto/cert_status.h"
#include "crypto/gateway.pb-c.h"
#include "store/apply_cert.h"
#include "store/apply_status.h"
#include "store/view_cert.h"
#include "store/view_key.h"
#include "store/view_status.h"
#include "store/view_trust.h"

/* FRAME: octets of a question in it. SLACK_MS: until fetch itself must have said that it took
 * too long. SPREAD_MS, PAUSE_MS: the addresses of a look are spread over the one, with at most
 * the other before each. */
enum {
	FRAME = 64 * 1024,
	SLACK_MS = 2000,
	BUSY_MS = 500,
	AGAIN_MS = 500,
	TRIES_MAX = 5,
	SPREAD_MS = 1800000,
	PAUSE_MS = 60000,
	HOUR_SEC = 3600,
	DAY_SEC = 86400,
	ISSUER_MAX = APPLY_STATUS_DER_MAX,
	ENTRIES = 50, /* of a command: with their texts they fit a frame */
	GROUP_MAX = FILTERD_STATUS_SERIALS_MAX
};

/* Who signed some of the certificates; each once. */
struct issuer {
	struct issuer *next;
	uint8_t sha256[SEAL_HASH];
	struct slice der;
};
/* A certificate that somebody is to be asked about. */
struct want {
	struct want *next;
	const struct issuer *issuer;
	struct slice sha256, serial, request; /* request: of OCSP */
	char *url;
	bool is_authority, is_taken;
	uint64_t until_sec;
	uint32_t tries;
};
struct status_look {
	struct status_look_how how;
	struct arena arena, turn; /* turn: until the next certificate or address */
	struct status_look_cert *cert;
	size_t certs, at;
	unsigned fetched;	   /* issuers of that one */
	struct slice asked_issuer; /* the last of them */
	unsigned tries;		   /* to read about that one */
	/* Authorities that came along with this look. */
	ProtobufCBinaryData extra[APPLY_STATUS_AUTHORITIES_MAX];
	size_t extras;
	struct issuer *issuers;
	struct want *wants;
	size_t waiting;
	struct want *group[GROUP_MAX]; /* who is asked about now */
	size_t grouped;
	struct cert_source_url url; /* that is asked now */
	bool is_asking;
	int fd; /* what came of it; -1: none */
	/* What goes to the log. */
	Commands__StatusEntry *entry[GROUP_MAX + 1];
	size_t entries, told;
	Commands__Authority *authority[APPLY_STATUS_AUTHORITIES_MAX];
	size_t authorities;
	void (*next)(struct status_look *l); /* when the log has it */
};

static void next_cert(struct status_look *l);
static void next_target(struct status_look *l);

static void
step(void *arg)
{
	next_cert(arg);
}

static void
close_file(struct status_look *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

static uint64_t
now_sec(const struct status_look *l)
{
	return courier_now_sec(l->how.c);
}

/* --- when to look again --- */

/* Failed so often in a row: an hour, twice that, up to a day; and not all at once. */
static uint64_t
after_failures(const struct status_look *l, uint32_t tries)
{
	uint64_t wait = tries < 6 ? (uint64_t)HOUR_SEC << tries : DAY_SEC;

	wait = wait < DAY_SEC ? wait : DAY_SEC;
	return now_sec(l) + wait + rand_below(HOUR_SEC / 2);
}

/* Each day, before its time is over, but not more often than each hour. */
static uint64_t
after_success(const struct status_look *l, uint64_t next_sec)
{
	uint64_t now = now_sec(l), left = next_sec > now ? next_sec - now : 0;
	uint32_t wait = left < DAY_SEC ? (uint32_t)left : DAY_SEC;

	wait = wait / 2 + rand_below(wait / 4 + 1);
	return now + (wait > HOUR_SEC ? wait : HOUR_SEC);
}

/* --- to the log --- */

static void tell(struct status_look *l);

static void
on_told(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct status_look *l = arg;
	const Commands__Result *r = e ? NULL : courier_result(answer, &l->turn);

	/* It is looked for again. */
	if (!r || r->code)
		log_warn("revocation: what was found isn't kept: %s",
			r ? r->text : err_text(e ? e : ERR_CORRUPT));
	l->authorities = 0;
	tell(l);
}

/* In commands that fit; then next. */
static void
tell(struct status_look *l)
{
	Commands__Command cmd = COMMANDS__COMMAND__INIT;
	Commands__StatusPut put = COMMANDS__STATUS_PUT__INIT;
	size_t left = l->entries - l->told;

	if (!left && !l->authorities) {
		l->entries = l->told = 0;
		l->next(l);
		return;
	}
	/* Apart: there may be no room for another authority. */
	put.authority = l->authority;
	put.n_authority = l->authorities;
	put.entry = l->entry + l->told;
	if (!l->authorities)
		put.n_entry = left < ENTRIES ? left : ENTRIES;
	l->told += put.n_entry;
	cmd.body_case = COMMANDS__COMMAND__BODY_STATUS_PUT;
	cmd.status_put = &put;
	courier_propose(l->how.c, &cmd, SLICE_EMPTY, on_told, l);
}

static void
tell_then(struct status_look *l, void (*next)(struct status_look *l))
{
	l->next = next;
	tell(l);
}

static Commands__Status *
add_entry(struct status_look *l, struct slice sha256, uint64_t until_sec)
{
	Commands__StatusEntry *entry = arena_alloc(&l->turn, sizeof *entry);

	commands__status_entry__init(entry);
	entry->sha256 = codec_bytes(sha256);
	entry->status = arena_alloc(&l->turn, sizeof *entry->status);
	commands__status__init(entry->status);
	entry->status->until_sec = until_sec;
	l->entry[l->entries++] = entry;
	return entry->status;
}

/* Nobody can say, now. */
static void
add_unknown(struct status_look *l, Commands__Status *s, const char *why, uint32_t wait_sec)
{
	(void)l;
	s->state = COMMANDS__STATUS__STATE__UNKNOWN;
	s->why = (char *)(uintptr_t)why;
	s->look_sec = now_sec(l) + wait_sec + rand_below(HOUR_SEC);
}

/* --- its end --- */

static void
end(struct status_look *l)
{
	struct status_look_how how = l->how;

	close_file(l);
	arena_reset(&l->turn);
	arena_reset(&l->arena);
	free(l);
	how.done(how.arg);
}

struct slice
status_look_host(const struct status_look *l)
{
	return l->is_asking ? l->url.host : SLICE_EMPTY;
}

/* --- fetching --- */

static void
fetch(struct status_look *l, struct slice ocsp, size_t size_max, ipc_answer_cb cb)
{
	Ipc__Fetch q = IPC__FETCH__INIT;

	l->is_asking = true;
	q.host = arena_str(&l->turn, l->url.host);
	q.path = arena_str(&l->turn, l->url.path);
	q.plain = l->url.plain;
	q.ocsp = codec_bytes(ocsp);
	q.size_max = (uint32_t)size_max;
	q.timeout_ms = STATUS_LOOK_FETCH_MS;
	ipc_ask(l->how.c->p->ipc, IPC_FETCH, &q.base, l->fd,
		(struct ipc_wait){STATUS_LOOK_FETCH_MS + SLACK_MS, cb, l});
}

/* NULL: it is in the file, which nobody changes any more. */
static const char *
judge(struct status_look *l, enum err e, const Ipc__Fetched *f)
{
	char *why = arena_alloc(&l->turn, APPLY_STATUS_TEXT_MAX + 1);

	l->is_asking = false;
	if (e)
		return err_text(e);
	if (!f->status)
		snprintf(why, APPLY_STATUS_TEXT_MAX + 1, "%s", f->why);
	else if (f->status != 200)
		snprintf(why, APPLY_STATUS_TEXT_MAX + 1, "the web server's status is %u",
			f->status);
	else if (courier_file_seal(l->fd))
		return "no room for it in memory";
	else
		return NULL;
	return why;
}

/* False: another one asks that host, or there is no room: later. */
static bool
may_ask(struct status_look *l)
{
	if (l->how.is_busy && l->how.is_busy(l->how.arg, l->url.host))
		return false;
	close_file(l);
	return courier_file_new(&l->fd) == ERR_OK;
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
	x->q->now_sec = now_sec(l);
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
	Commands__Status *s = add_entry(l, one->sha256, cert->until_sec);

	add_unknown(l, s, why, DAY_SEC);
	tell_then(l, go_on);
}

/* --- what is wanted --- */

static const struct issuer *
issuer_of(struct status_look *l, struct slice der)
{
	uint8_t hash[SEAL_HASH];
	struct issuer *i;

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
	for (const struct want *w = l->wants; w; w = w->next)
		if (slice_eq(w->sha256, sha256))
			return true;
	return false;
}

static void
add_want(struct status_look *l, const Ipc__FilterChained__Link *link, struct slice issuer,
	struct slice sha256, uint32_t tries)
{
	struct want *w = arena_zalloc(&l->arena, sizeof *w);
	bool is_ocsp = !*link->crl;

	*w = (struct want){.next = l->wants,
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
	if (is_wanted(l, sha256) || (!e && !is_due && row->look_sec > now_sec(l)))
		return ERR_OK;
	if (can_ask(link, issuer)) {
		add_want(l, link, issuer, sha256, e ? 0 : row->tries);
		return ERR_OK;
	}
	seal_sha256(issuer, hash);
	s = add_entry(l, sha256, link->until_sec);
	s->issuer = codec_bytes(arena_dup(&l->turn, slice_of(hash, sizeof hash)));
	add_unknown(l, s, "it names no list, and nobody to ask", DAY_SEC);
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
		link->until_sec <= now_sec(l) || l->authorities == APPLY_STATUS_AUTHORITIES_MAX)
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
	const char *why = judge(l, e, f);
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
	close_file(l);
	arena_reset(&l->turn);
	ask_chain(l);
}

static void
fetch_issuer(struct status_look *l, struct slice url)
{
	must(cert_source_url_parse(url, &l->url));
	if (!may_ask(l)) {
		loop_after(l->how.c->p->loop, BUSY_MS, step, l);
		return;
	}
	l->fetched++;
	l->asked_issuer = url;
	fetch(l, SLICE_EMPTY, ISSUER_MAX, on_issuer);
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
		tell_then(l, go_on);
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

static void
next_cert(struct status_look *l)
{
	arena_reset(&l->turn);
	if (l->at < l->certs)
		ask_chain(l);
	else
		next_target(l);
}

/* --- an address --- */

static const char *
silence_text(const struct want *w, uint64_t next_sec, uint64_t now)
{
	if (next_sec <= now)
		return "what it says is past its time";
	return w->request.n ? "it doesn't know the certificate"
			    : "its list isn't for that certificate";
}

static void
add_failure(struct status_look *l, const struct want *w, const char *why)
{
	Commands__Status *s = add_entry(l, w->sha256, w->until_sec);

	add_unknown(l, s, why, 0);
	s->source = w->url;
	s->issuer = (ProtobufCBinaryData){SEAL_HASH, (uint8_t *)(uintptr_t)w->issuer->sha256};
	s->tries = w->tries + 1;
	s->look_sec = after_failures(l, w->tries);
}

static void
add_finding(struct status_look *l, const struct want *w, const Ipc__FilterStated *f, size_t i)
{
	bool is_revoked = f->says[i] == CERT_STATUS_REVOKED;
	Commands__Status *s;

	if (!is_revoked && f->says[i] != CERT_STATUS_GOOD) {
		add_failure(l, w, silence_text(w, f->next_sec, now_sec(l)));
		return;
	}
	s = add_entry(l, w->sha256, w->until_sec);
	s->state = is_revoked ? COMMANDS__STATUS__STATE__REVOKED
			      : COMMANDS__STATUS__STATE__GOOD;
	s->since_sec = f->since_sec[i];
	s->reason = f->reason[i];
	s->source = w->url;
	s->issuer = (ProtobufCBinaryData){SEAL_HASH, (uint8_t *)(uintptr_t)w->issuer->sha256};
	s->this_sec = f->this_sec;
	s->next_sec = f->next_sec;
	/* Revoked for good needs no second look. */
	s->look_sec = is_revoked && s->reason != SCHEMA_REASON_HOLD
			      ? w->until_sec
			      : after_success(l, f->next_sec);
}

static void
fail_group(struct status_look *l, const char *why)
{
	log_warn("revocation: %s: %s", l->group[0]->url, why);
	for (size_t i = 0; i < l->grouped; i++)
		add_failure(l, l->group[i], why);
	close_file(l);
	tell_then(l, next_target);
}

static void
on_stated(void *arg, enum err e, const ProtobufCMessage *msg)
{
	struct status_look *l = arg;
	const Ipc__FilterStated *f = (const Ipc__FilterStated *)msg;
	size_t revoked = 0;

	if (e || *f->why) {
		fail_group(l, e ? err_text(e) : arena_str(&l->turn, slice_str(f->why)));
		return;
	}
	if (f->n_says != l->grouped || f->n_since_sec != l->grouped ||
		f->n_reason != l->grouped) {
		fail_group(l, err_text(ERR_CORRUPT));
		return;
	}
	for (size_t i = 0; i < l->grouped; i++) {
		add_finding(l, l->group[i], f, i);
		revoked += f->says[i] == CERT_STATUS_REVOKED;
	}
	log_info("revocation: %s: certificates=%zu, revoked=%zu", l->group[0]->url, l->grouped,
		revoked);
	close_file(l);
	tell_then(l, next_target);
}

/* Who doesn't answer isn't asked again, one by one, about all the others. */
static void
take_host(struct status_look *l)
{
	struct cert_source_url url;

	for (struct want *w = l->wants; w && l->grouped < GROUP_MAX; w = w->next)
		if (!w->is_taken && cert_source_url_parse(slice_str(w->url), &url) &&
			slice_eq_nocase(url.host, l->url.host)) {
			w->is_taken = true;
			l->waiting--;
			l->group[l->grouped++] = w;
		}
}

static void
on_fetched(void *arg, enum err e, const ProtobufCMessage *msg)
{
	struct status_look *l = arg;
	const Ipc__Fetched *f = (const Ipc__Fetched *)msg;
	const char *why = judge(l, e, f);
	Ipc__FilterStatus q = IPC__FILTER_STATUS__INIT;

	if (why) {
		if (!e && f->silent)
			take_host(l);
		fail_group(l, why);
		return;
	}
	q.ocsp = l->group[0]->request.n > 0;
	q.size = f->size;
	q.url = l->group[0]->url;
	q.issuer = codec_bytes(l->group[0]->issuer->der);
	q.now_sec = now_sec(l);
	q.n_serial = q.n_authority = l->grouped;
	q.serial = arena_alloc(&l->turn, l->grouped * sizeof *q.serial);
	q.authority = arena_alloc(&l->turn, l->grouped * sizeof *q.authority);
	for (size_t i = 0; i < l->grouped; i++) {
		q.serial[i] = codec_bytes(l->group[i]->serial);
		q.authority[i] = l->group[i]->is_authority;
	}
	ipc_ask(l->how.c->p->ipc, IPC_FILTER_STATUS, &q.base, l->fd,
		(struct ipc_wait){COURIER_ASK_MS, on_stated, l});
}

static void
ask_target(void *arg)
{
	struct status_look *l = arg;

	must(cert_source_url_parse(slice_str(l->group[0]->url), &l->url));
	if (!may_ask(l)) {
		loop_after(l->how.c->p->loop, BUSY_MS, ask_target, l);
		return;
	}
	fetch(l, l->group[0]->request, CERT_STATUS_LIST_MAX, on_fetched);
}

/* One of those that wait, by chance, and all others that the same list is about. */
static void
choose(struct status_look *l)
{
	uint32_t skip = rand_below((uint32_t)l->waiting);
	struct want *first = l->wants;

	while (first->is_taken || skip--)
		first = first->next;
	l->grouped = 0;
	for (struct want *w = first->request.n ? first : l->wants; w; w = w->next) {
		if (w->is_taken || w->issuer != first->issuer || l->grouped == GROUP_MAX ||
			(w->request.n > 0) != (first->request.n > 0) ||
			strcmp(w->url, first->url) != 0)
			continue;
		w->is_taken = true;
		l->waiting--;
		l->group[l->grouped++] = w;
		if (first->request.n)
			break;
	}
}

static void
next_target(struct status_look *l)
{
	size_t left = l->waiting;
	uint32_t pause_ms;

	arena_reset(&l->turn);
	if (!left) {
		end(l);
		return;
	}
	choose(l);
	pause_ms = (uint32_t)(SPREAD_MS / left);
	pause_ms = l->how.in_haste ? 0
				   : rand_below(pause_ms < PAUSE_MS ? pause_ms + 1 : PAUSE_MS);
	loop_after(l->how.c->p->loop, pause_ms, ask_target, l);
}

/* --- its beginning --- */

struct status_look *
status_look_start(
	const struct status_look_how *how, const struct status_look_cert *list, size_t n)
{
	struct status_look *l = must_zalloc(sizeof *l);

	l->how = *how;
	l->fd = -1;
	arena_init(&l->arena, 16384);
	arena_init(&l->turn, 16384);
	l->certs = n < STATUS_LOOK_CERTS_MAX ? n : STATUS_LOOK_CERTS_MAX;
	l->cert = arena_alloc(&l->arena, (n + 1) * sizeof *l->cert);
	for (size_t i = 0; i < l->certs; i++) {
		l->cert[i].sha256 = arena_dup(&l->arena, list[i].sha256);
		l->cert[i].address = arena_dup(&l->arena, list[i].address);
	}
	loop_after(how->c->p->loop, 0, step, l);
	return l;
}
