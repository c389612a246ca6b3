#include "cmd/survey.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/must.h"

enum { BUCKETS = 4096 };

struct survey_question {
	struct survey_question *next_in_bucket, *next;
	struct dns_name name;
	unsigned type;
	bool is_known;
	struct survey_answer answer;
};
struct survey_visit {
	struct survey_visit *next;
	struct survey_target target;
	bool is_known;
	struct survey_said said;
};

struct survey {
	struct arena arena;
	struct survey_question *bucket[BUCKETS];
	/* In the order in which they were wanted; from `new` on they weren't given yet. */
	struct survey_question *question, **last_question, *new_question;
	struct survey_visit *visit, **last_visit, *new_visit;
	size_t questions, visits, open;
	bool has_answers;
	const char *over; /* why nothing more is found out; NULL: it may be */
	struct survey_answer none;
	struct survey_said nothing;
};

struct survey *
survey_new(void)
{
	struct survey *s = must_zalloc(sizeof *s);

	arena_init(&s->arena, 65536);
	s->last_question = &s->question;
	s->last_visit = &s->visit;
	return s;
}

void
survey_free(struct survey *s)
{
	if (!s)
		return;
	arena_reset(&s->arena);
	free(s);
}

bool
survey_is_open(const struct survey *s)
{
	return s->open > 0;
}

bool
survey_has_answers(const struct survey *s)
{
	return s->has_answers;
}

/* --- the DNS --- */

static const struct survey_answer *
without_answer(struct survey *s, const char *why)
{
	s->none = (struct survey_answer){
		.message = {.rcode = DNS_MESSAGE_SERVFAIL}, .why = why};
	return &s->none;
}

static size_t
bucket_of(const struct dns_name *name, unsigned type)
{
	uint32_t hash = 2166136261u ^ type;

	for (size_t i = 0; i < name->n; i++)
		hash = (hash ^ name->octets[i]) * 16777619u;
	return hash % BUCKETS;
}

const struct survey_answer *
survey_ask(struct survey *s, const struct dns_name *name, unsigned type)
{
	struct survey_question **at = &s->bucket[bucket_of(name, type)], *q;

	for (q = *at; q; q = q->next_in_bucket)
		if (q->type == type && dns_name_eq(&q->name, name))
			return q->is_known ? &q->answer : NULL;
	if (s->over)
		return without_answer(s, s->over);
	if (s->questions == SURVEY_QUESTIONS_MAX)
		return without_answer(s, "too many questions");
	q = arena_zalloc(&s->arena, sizeof *q);
	q->name = *name;
	q->type = type;
	q->next_in_bucket = *at;
	*at = q;
	*s->last_question = q;
	s->last_question = &q->next;
	s->new_question = s->new_question ? s->new_question : q;
	s->questions++;
	s->open++;
	return NULL;
}

const struct survey_answer *
survey_ask_text(struct survey *s, struct slice text, unsigned type)
{
	struct dns_name name;

	if (dns_name_parse(text, &name))
		return without_answer(s, "not a name of the DNS");
	return survey_ask(s, &name, type);
}

bool
survey_has_answer(const struct survey_answer *a)
{
	return a->message.rcode == DNS_MESSAGE_NOERROR ||
	       a->message.rcode == DNS_MESSAGE_NXDOMAIN;
}

struct survey_question *
survey_next_question(struct survey *s)
{
	struct survey_question *q = s->new_question;

	if (q)
		s->new_question = q->next;
	return q;
}

const struct dns_name *
survey_question_name(const struct survey_question *q, unsigned *type)
{
	*type = q->type;
	return &q->name;
}

static void
keep_records(struct survey *s, struct survey_question *q, const struct dns_message *m)
{
	size_t most = m->n < SURVEY_RECORDS_MAX ? m->n : SURVEY_RECORDS_MAX;
	struct slice *rdata = arena_alloc(&s->arena, (most + 1) * sizeof *rdata);
	struct dns_record *record = arena_alloc(&s->arena, (most + 1) * sizeof *record);

	for (size_t i = 0; i < most; i++) {
		rdata[i] = arena_dup(&s->arena, m->rdata[i]);
		if (!dns_record_parse(q->type, rdata[i], &s->arena, &record[q->answer.n]))
			q->answer.n++;
	}
	q->answer.message.rdata = rdata;
	q->answer.message.n = most;
	q->answer.record = record;
}

void
survey_answer(struct survey *s, struct survey_question *q, const struct dns_answer *answer)
{
	if (q->is_known)
		return;
	q->is_known = true;
	s->open--;
	q->answer.message = answer->message;
	q->answer.security = answer->security;
	q->answer.why = arena_str(
		&s->arena, slice_cut(slice_str(answer->why), 0, SURVEY_WHY_MAX - 1));
	keep_records(s, q, &answer->message);
	s->has_answers = s->has_answers || survey_has_answer(&q->answer);
}

/* --- calls --- */

static const struct survey_said *
without_call(struct survey *s, const char *why)
{
	s->nothing = (struct survey_said){0};
	snprintf(s->nothing.why, sizeof s->nothing.why, "%s", why);
	return &s->nothing;
}

static void
copy_demand(
	struct survey *s, const struct tls_client_demand *from, struct tls_client_demand *to)
{
	struct slice *names = arena_alloc(&s->arena, (from->n_names + 1) * sizeof *names);
	struct tls_client_tlsa *tlsa = arena_alloc(
		&s->arena, (from->n_tlsa + 1) * sizeof *tlsa);

	*to = *from;
	to->is_noted = true;
	to->server_name = arena_dup(&s->arena, from->server_name);
	for (size_t i = 0; i < from->n_names; i++)
		names[i] = arena_dup(&s->arena, from->names[i]);
	for (size_t i = 0; i < from->n_tlsa; i++) {
		tlsa[i] = from->tlsa[i];
		tlsa[i].data = arena_dup(&s->arena, from->tlsa[i].data);
	}
	to->names = names;
	to->tlsa = tlsa;
}

const struct survey_said *
survey_call(struct survey *s, const struct survey_target *t)
{
	struct survey_visit *v;

	for (v = s->visit; v; v = v->next)
		if (v->target.protocol == t->protocol && v->target.port == t->port &&
			slice_eq(v->target.address, t->address))
			return v->is_known ? &v->said : NULL;
	if (s->over)
		return without_call(s, s->over);
	if (s->visits == SURVEY_CALLS_MAX)
		return without_call(s, "too many calls");
	v = arena_zalloc(&s->arena, sizeof *v);
	v->target = *t;
	v->target.address = arena_dup(&s->arena, t->address);
	copy_demand(s, &t->demand, &v->target.demand);
	*s->last_visit = v;
	s->last_visit = &v->next;
	s->new_visit = s->new_visit ? s->new_visit : v;
	s->visits++;
	s->open++;
	return NULL;
}

struct survey_visit *
survey_next_visit(struct survey *s)
{
	struct survey_visit *v = s->new_visit;

	if (v)
		s->new_visit = v->next;
	return v;
}

const struct survey_target *
survey_visit_target(const struct survey_visit *v)
{
	return &v->target;
}

void
survey_tell(struct survey *s, struct survey_visit *v, const struct survey_said *said)
{
	if (v->is_known)
		return;
	v->is_known = true;
	v->said = *said;
	s->open--;
}

/* --- the end --- */

void
survey_end(struct survey *s, const char *why)
{
	struct dns_answer silence = {.message = {.rcode = DNS_MESSAGE_SERVFAIL}, .why = why};

	s->over = why;
	s->new_question = NULL;
	s->new_visit = NULL;
	for (struct survey_question *q = s->question; q; q = q->next)
		survey_answer(s, q, &silence);
	for (struct survey_visit *v = s->visit; v; v = v->next)
		survey_tell(s, v, without_call(s, why));
}
