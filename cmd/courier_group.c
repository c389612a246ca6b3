#include "cmd/courier_group.h"

#include "cmd/courier_hairpin.h"
#include "cmd/courier_harvest.h"
#include "cmd/courier_late.h"
#include "core/codec.h"
#include "crypto/loop_guard.h"
#include "store/schema_trace.h"

enum { FACTS_MAX = 128, STATUS_MAX = 900, SEALED_HEAD_MAX = 131072 };

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

/* With the first who get it. */
static void
fill_harvest(struct courier_filter *f, Commands__Passed *p)
{
	struct view *view = f->s->c->view;
	struct db_txn *txn;

	if (f->has_passed_one || !f->answer->n_harvest || view_begin(view, &txn))
		return;
	courier_harvest_fill(
		&(struct courier_harvest){f->question, f->answer, txn, f->s->arena}, p);
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
