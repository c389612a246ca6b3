#include "cmd/status_look_inner.h"
#include "core/codec.h"
#include "core/log.h"
#include "core/must.h"
#include "core/rand.h"
#include "crypto/cert_status.h"
#include "store/schema.h"

/* The addresses of a look are spread over SPREAD_MS, with at most PAUSE_MS before each. */
enum { BUSY_MS = 500, SPREAD_MS = 1800000, PAUSE_MS = 60000 };

/* --- an address --- */

static const char *
silence_text(const struct status_look_want *w, uint64_t next_sec, uint64_t now)
{
	if (next_sec <= now)
		return "what it says is past its time";
	return w->request.n ? "it doesn't know the certificate"
			    : "its list isn't for that certificate";
}

static void
add_failure(struct status_look *l, const struct status_look_want *w, const char *why)
{
	Commands__Status *s = status_look_add_entry(l, w->sha256, w->until_sec);

	status_look_add_unknown(l, s, why, 0);
	s->source = w->url;
	s->issuer = (ProtobufCBinaryData){SEAL_HASH, (uint8_t *)(uintptr_t)w->issuer->sha256};
	s->tries = w->tries + 1;
	s->look_sec = status_look_after_failures(l, w->tries);
}

static void
add_finding(struct status_look *l, const struct status_look_want *w, const Ipc__FilterStated *f,
	size_t i)
{
	bool is_revoked = f->says[i] == CERT_STATUS_REVOKED;
	Commands__Status *s;

	if (!is_revoked && f->says[i] != CERT_STATUS_GOOD) {
		add_failure(l, w, silence_text(w, f->next_sec, status_look_now_sec(l)));
		return;
	}
	s = status_look_add_entry(l, w->sha256, w->until_sec);
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
			      : status_look_after_success(l, f->next_sec);
}

static void
fail_group(struct status_look *l, const char *why)
{
	log_warn("revocation: %s: %s", l->group[0]->url, why);
	for (size_t i = 0; i < l->grouped; i++)
		add_failure(l, l->group[i], why);
	status_look_close_file(l);
	status_look_tell_then(l, status_look_next_target);
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
	status_look_close_file(l);
	status_look_tell_then(l, status_look_next_target);
}

/* Who doesn't answer isn't asked again, one by one, about all the others. */
static void
take_host(struct status_look *l)
{
	struct cert_source_url url;

	for (struct status_look_want *w = l->wants; w && l->grouped < STATUS_LOOK_GROUP_MAX;
		w = w->next)
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
	const char *why = status_look_judge(l, e, f);
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
	q.now_sec = status_look_now_sec(l);
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
	if (!status_look_may_ask(l)) {
		loop_after(l->how.c->p->loop, BUSY_MS, ask_target, l);
		return;
	}
	status_look_fetch(l, l->group[0]->request, CERT_STATUS_LIST_MAX, on_fetched);
}

/* One of those that wait, by chance, and all others that the same list is about. */
static void
choose(struct status_look *l)
{
	uint32_t skip = rand_below((uint32_t)l->waiting);
	struct status_look_want *first = l->wants;

	while (first->is_taken || skip--)
		first = first->next;
	l->grouped = 0;
	for (struct status_look_want *w = first->request.n ? first : l->wants; w; w = w->next) {
		if (w->is_taken || w->issuer != first->issuer ||
			l->grouped == STATUS_LOOK_GROUP_MAX ||
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

void
status_look_next_target(struct status_look *l)
{
	size_t left = l->waiting;
	uint32_t pause_ms;

	arena_reset(&l->turn);
	if (!left) {
		status_look_end(l);
		return;
	}
	choose(l);
	pause_ms = (uint32_t)(SPREAD_MS / left);
	pause_ms = l->how.in_haste ? 0
				   : rand_below(pause_ms < PAUSE_MS ? pause_ms + 1 : PAUSE_MS);
	loop_after(l->how.c->p->loop, pause_ms, ask_target, l);
}
