#include "cmd/courier_group.h"

#include "cmd/courier_hairpin.h"
#include "cmd/courier_late.h"
#include "core/codec.h"
#include "crypto/loop_guard.h"
#include "crypto/pgp_info.h"
#include "store/schema_trace.h"
#include "store/view_cert.h"

enum { HARVEST_MAX = 16, FACTS_MAX = 128, STATUS_MAX = 900, SEALED_HEAD_MAX = 131072 };

/* --- is it sound? --- */

static bool
is_sound(const struct courier_filter *f, size_t i)
{
	const Gateway__Group *g = f->answer->group[i];

	switch ((int)g->action) {
	case GATEWAY__GROUP__ACTION__PASS:
		return g->body <= f->n_made && g->head.len > SEAL_BLOB_EXTRA - 1 &&
		       g->head.len <= SEALED_HEAD_MAX;
	case GATEWAY__GROUP__ACTION__BOUNCE:
		return g->status[0] == '5' || !g->status[0];
	case GATEWAY__GROUP__ACTION__WAIT:
		return g->wait_for.len && courier_late_is_address(codec_slice(g->wait_for));
	default:
		return false;
	}
}

bool
courier_group_are_sound(const struct courier_filter *f)
{
	const Gateway__Answer *a = f->answer;
	uint8_t *seen = arena_zalloc(f->s->arena, f->n);
	size_t found = 0;

	if (f->passed->n_head_size != a->n_group ||
		(f->passed->message_id.len && f->passed->message_id.len != SCHEMA_TRACE_HASH))
		return false;
	for (size_t i = 0; i < a->n_group; i++) {
		const Gateway__Group *g = a->group[i];

		if (!is_sound(f, i))
			return false;
		for (size_t k = 0; k < g->n_recipient; k++) {
			if (g->recipient[k] >= f->n || seen[g->recipient[k]]++)
				return false;
			found++;
		}
	}
	return found == f->n;
}

void
courier_group_sort(struct courier_filter *f)
{
	struct courier_step *s = f->s;
	size_t at = 0;

	s->row = arena_alloc(s->arena, f->n * sizeof(Commands__RcptRow *));
	s->step = arena_alloc(s->arena, f->n * sizeof(Commands__RcptStep *));
	f->group = arena_alloc(s->arena, f->n * sizeof *f->group);
	f->first = s->step;
	for (uint32_t i = 0; i < f->answer->n_group; i++) {
		const Gateway__Group *g = f->answer->group[i];

		for (size_t k = 0; k < g->n_recipient; k++, at++) {
			s->row[at] = f->row[g->recipient[k]];
			s->step[at] = f->step[g->recipient[k]];
			f->group[at] = i;
		}
	}
}

/* --- what was found --- */

/* Of those that it names, which are in hand now? None: it names nobody. */
static Commands__StepFact *
fact_of(struct courier_filter *f, const Gateway__Fact *fact)
{
	struct courier_step *s = f->s;
	Commands__StepFact *out = arena_alloc(s->arena, sizeof *out);

	commands__step_fact__init(out);
	out->text = arena_str(
		s->arena, slice_cut(slice_str(fact->text), 0, SCHEMA_TRACE_TEXT_MAX));
	out->rcpt = arena_alloc(s->arena, s->n * sizeof *out->rcpt);
	for (size_t k = 0; k < fact->n_recipient; k++)
		for (size_t i = 0; i < s->n; i++)
			if (fact->recipient[k] < f->n &&
				f->step[fact->recipient[k]] == s->step[i] && out->n_rcpt < s->n)
				out->rcpt[out->n_rcpt++] = s->step[i]->rcpt;
	return out;
}

/* What is of the whole mail is told with the first group. */
static void
fill_facts(struct courier_filter *f)
{
	const Gateway__Answer *a = f->answer;
	struct courier_step *s = f->s;

	s->n_fact = 0;
	s->fact = arena_alloc(s->arena, (a->n_fact + 1) * sizeof *s->fact);
	for (size_t i = 0; i < a->n_fact && s->n_fact < FACTS_MAX; i++) {
		Commands__StepFact *fact = fact_of(f, a->fact[i]);

		if (a->fact[i]->n_recipient ? fact->n_rcpt > 0 : !f->has_told_all)
			s->fact[s->n_fact++] = fact;
	}
	f->has_told_all = true;
}

/* --- what becomes of them --- */

static struct courier_filter_made *
made_of(const struct courier_filter *f, uint32_t n)
{
	struct courier_filter_made *m = f->made;

	while (m && m->n != n)
		m = m->next;
	return m;
}

static void
fill_body(struct courier_filter *f, Commands__Passed *p, struct courier_filter_made *m)
{
	Commands__Body *body = arena_alloc(f->s->arena, sizeof *body);

	commands__body__init(body);
	body->size = m->body.size;
	body->sealed_size = m->body.sealed_size;
	p->body = body;
	p->sealed_index = codec_bytes(m->sealed_index);
	p->body_hash = codec_bytes(m->body_hash);
	p->body_8bit = m->is_8bit;
	p->header_8bit = m->is_header_8bit;
	f->s->body = &m->body;
}

/* Does the log know as much of it already? */
static bool
is_known(struct courier_filter *f, struct db_txn *txn, const Gateway__Harvest *h)
{
	uint8_t sha256[SEAL_HASH];
	Commands__Cert *row;

	seal_sha256(codec_slice(h->der), sha256);
	return !view_cert_get(txn, codec_slice(h->address), slice_of(sha256, sizeof sha256),
		       f->s->arena, &row) &&
	       row->trust >= (uint32_t)h->trust &&
	       (!h->capabilities.len ||
		       slice_eq(codec_slice(row->capabilities), codec_slice(h->capabilities)));
}

struct stale {
	const Gateway__Party *from;
	const Gateway__Harvest *harvest;
	bool is;
};

static bool
was_asked(const Gateway__Party *from, struct slice der)
{
	for (size_t i = 0; i < from->n_certificate; i++)
		if (slice_eq(codec_slice(from->certificate[i]->der), der))
			return true;
	for (size_t i = 0; i < from->n_other; i++)
		if (slice_eq(codec_slice(from->other[i]), der))
			return true;
	return false;
}

static bool
check_row(void *arg, struct slice sha256, Commands__Cert *cert)
{
	struct stale *s = arg;
	struct slice der = codec_slice(cert->der);

	(void)sha256;
	s->is |= pgp_info_is(der) && !was_asked(s->from, der) &&
		 slice_eq(codec_slice(cert->public_key), codec_slice(s->harvest->public_key));
	return !s->is;
}

/* A copy of OpenPGP's is put together with those that the question had. If there is another one
 * by now it waits for the next mail, as it could take what that one says away again. */
static bool
is_stale(struct courier_filter *f, struct db_txn *txn, const Gateway__Harvest *h)
{
	struct stale s = {f->question->sender, h, false};

	return view_cert_each(txn, codec_slice(h->address), f->s->arena, check_row, &s) || s.is;
}

/* It may take the place, and the trust, of one that an administrator put here: so that it has
 * the same key is nothing that filterd is believed. */
static bool
has_that_key(const Gateway__Harvest *h)
{
	uint8_t hash[CERT_INFO_HASH];

	return !pgp_info_key_hash(codec_slice(h->der), hash) &&
	       slice_eq(codec_slice(h->public_key), slice_of(hash, sizeof hash));
}

static bool
is_to_be_kept(struct courier_filter *f, struct db_txn *txn, const Gateway__Harvest *h)
{
	if (is_known(f, txn, h))
		return false;
	return !pgp_info_is(codec_slice(h->der)) || (has_that_key(h) && !is_stale(f, txn, h));
}

static Commands__CertPut *
cert_put(struct courier_filter *f, const Gateway__Harvest *h)
{
	Commands__CertPut *c = arena_alloc(f->s->arena, sizeof *c);
	Commands__Cert *cert = arena_alloc(f->s->arena, sizeof *cert);
	const Gateway__Settings *settings = f->question->recipient[0]->settings;

	commands__cert_put__init(c);
	commands__cert__init(cert);
	/* By hand it comes from people alone. */
	cert->trust = h->trust < GATEWAY__TRUST__VERIFIED ? (uint32_t)h->trust
							  : GATEWAY__TRUST__VERIFIED;
	cert->der = h->der;
	cert->capabilities = h->capabilities;
	cert->capabilities_sec = h->signed_sec;
	cert->public_key = h->public_key;
	cert->until_sec = h->until_sec;
	cert->from_sec = h->from_sec;
	c->address = h->address;
	c->cert = cert;
	c->hold = !settings || settings->hold_changed_keys;
	return c;
}

/* With the first who get it. */
static void
fill_harvest(struct courier_filter *f, Commands__Passed *p)
{
	const Gateway__Answer *a = f->answer;
	struct view *view = f->s->c->view;
	struct db_txn *txn;

	if (f->has_passed_one || !a->n_harvest || view_begin(view, &txn))
		return;
	p->harvest = arena_alloc(f->s->arena, HARVEST_MAX * sizeof *p->harvest);
	for (size_t i = 0; i < a->n_harvest && p->n_harvest < HARVEST_MAX; i++)
		if (is_to_be_kept(f, txn, a->harvest[i]))
			p->harvest[p->n_harvest++] = cert_put(f, a->harvest[i]);
	view_end(view);
}

static void
pass(struct courier_filter *f, uint32_t group)
{
	const Gateway__Group *g = f->answer->group[group];
	struct courier_step *s = f->s;
	Commands__Passed *p = arena_alloc(s->arena, sizeof *p);

	commands__passed__init(p);
	p->sealed_head = g->head;
	p->head_size = f->passed->head_size[group];
	p->words = (char *)(uintptr_t)(f->way == LOOP_GUARD_IN ? "in" : "out");
	p->filter = courier_hairpin_gateway(s->item);
	if (g->body)
		fill_body(f, p, made_of(f, g->body));
	if (f->passed->message_id.len) {
		p->opened = f->passed->message_id;
		p->opened_until_sec = courier_now_sec(s->c) + COURIER_FILTER_OPENED_SEC;
	}
	fill_harvest(f, p);
	f->has_passed_one = true;
	s->passed = p;
	for (size_t i = 0; i < s->n; i++)
		s->step[i]->outcome = COMMANDS__OUTCOME__OUTCOME_PASS;
}

static const char *
status_of(struct courier_filter *f, const Gateway__Group *g, const char *otherwise)
{
	struct buf text;
	const char *status;

	buf_init(&text, STATUS_MAX);
	buf_printf(&text, "%.9s %.*s", g->status[0] ? g->status : otherwise,
		SLICE_FMT(slice_cut(slice_str(g->words), 0, STATUS_MAX - 20)));
	status = arena_str(f->s->arena, buf_slice(&text));
	buf_fini(&text);
	return status;
}

enum err
courier_group_begin(struct courier_filter *f)
{
	struct courier_step *s = f->s;
	size_t at = (size_t)(s->step - f->first), all = f->n - at, n = 1;
	const Gateway__Group *g = f->answer->group[f->group[at]];

	while (n < all && f->group[at + n] == f->group[at])
		n++;
	s->n = n;
	s->left_out = all - n;
	s->passed = NULL;
	s->body = NULL;
	fill_facts(f);
	if (g->action == GATEWAY__GROUP__ACTION__PASS) {
		pass(f, f->group[at]);
		return ERR_OK;
	}
	if (g->action == GATEWAY__GROUP__ACTION__WAIT)
		return courier_late_wait(s, g, status_of(f, g, "4.7.5"));
	for (size_t i = 0; i < n; i++)
		courier_step_fail(s->step[i], status_of(f, g, "5.7.1"));
	return ERR_OK;
}
