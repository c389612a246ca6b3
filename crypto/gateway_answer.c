#include "crypto/gateway_answer.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "core/codec.h"
#include "core/must.h"

enum { ROOM_FIRST = 8, TEXT_MAX = 1000 };

void
gateway_answer_begin(
	struct gateway_work *w, const struct gateway *e, struct gateway_answer *out)
{
	*w = (struct gateway_work){.e = e, .out = out};
	memset(out, 0, sizeof *out);
	gateway__answer__init(&out->answer);
}

/* The list with room for one more. */
static void *
with_room(struct gateway_work *w, void *list, size_t n, size_t *room)
{
	void **more = list;

	if (n < *room)
		return list;
	*room = *room ? 2 * *room : ROOM_FIRST;
	more = arena_alloc(w->e->arena, *room * sizeof *more);
	if (n)
		memcpy(more, list, n * sizeof *more);
	return more;
}

static void
take_some(struct gateway_work *w, const struct gateway_some *some, uint32_t **list, size_t *n)
{
	*n = some->n;
	*list = arena_alloc(w->e->arena, (some->n + 1) * sizeof **list);
	memcpy(*list, some->i, some->n * sizeof **list);
}

const char *
gateway_answer_text(struct gateway_work *w, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return arena_str(w->e->arena, slice_str(text));
}

void
gateway_answer_fact(
	struct gateway_work *w, const struct gateway_some *some, const char *format, ...)
{
	Gateway__Answer *a = &w->out->answer;
	Gateway__Fact *f = arena_alloc(w->e->arena, sizeof *f);
	char text[GATEWAY_ANSWER_FACT_MAX + 1];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	for (char *c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	gateway__fact__init(f);
	f->text = arena_str(w->e->arena, slice_str(text));
	if (some && some->n < w->e->q->n_recipient)
		take_some(w, some, &f->recipient, &f->n_recipient);
	a->fact = with_room(w, a->fact, a->n_fact, &w->fact_room);
	a->fact[a->n_fact++] = f;
}

Gateway__Group *
gateway_answer_group(struct gateway_work *w, const struct gateway_some *some)
{
	Gateway__Answer *a = &w->out->answer;
	Gateway__Group *g = arena_alloc(w->e->arena, sizeof *g);

	gateway__group__init(g);
	take_some(w, some, &g->recipient, &g->n_recipient);
	g->head = w->e->q->head;
	a->group = with_room(w, a->group, a->n_group, &w->group_room);
	a->group[a->n_group++] = g;
	return g;
}

void
gateway_answer_harvest(struct gateway_work *w, const Gateway__Harvest *h)
{
	Gateway__Answer *a = &w->out->answer;

	for (size_t i = 0; i < a->n_harvest; i++)
		if (slice_eq(codec_slice(a->harvest[i]->der), codec_slice(h->der)))
			return;
	a->harvest = with_room(w, a->harvest, a->n_harvest, &w->harvest_room);
	a->harvest[a->n_harvest] = arena_alloc(w->e->arena, sizeof *h);
	*a->harvest[a->n_harvest++] = *h;
}

enum err
gateway_answer_open(struct gateway_work *w, struct text_sink *to)
{
	return w->e->room->open(w->e->room->arg, to);
}

enum err
gateway_answer_close(struct gateway_work *w, Gateway__Group *g)
{
	struct gateway_answer *out = w->out;
	enum err e;

	must(out->bodies < GATEWAY_BODIES_MAX);
	e = w->e->room->close(w->e->room->arg, &out->body[out->bodies]);
	if (!e)
		g->body = (uint32_t)++out->bodies;
	return e;
}

enum err
gateway_answer_room(struct gateway_work *w, struct text **text)
{
	*text = arena_alloc(w->e->arena, sizeof **text);
	return w->e->room->close(w->e->room->arg, *text);
}

void
gateway_answer_hash(struct slice der, uint8_t hash[32])
{
	must(EVP_Digest(der.p, der.n, hash, NULL, EVP_sha256(), NULL) == 1);
}

bool
gateway_answer_is_blocked(const struct gateway_work *w, struct slice cert)
{
	const Gateway__Question *q = w->e->q;
	uint8_t hash[32];

	gateway_answer_hash(cert, hash);
	for (size_t i = 0; i < q->n_verdict; i++)
		if (q->verdict[i]->blocked && slice_eq(codec_slice(q->verdict[i]->sha256),
						      slice_of(hash, sizeof hash)))
			return true;
	return false;
}

const char *
gateway_answer_print(struct slice der, char out[GATEWAY_ANSWER_PRINT])
{
	uint8_t hash[32];

	gateway_answer_hash(der, hash);
	for (size_t i = 0; i < (GATEWAY_ANSWER_PRINT - 1) / 2; i++)
		snprintf(out + 2 * i, 3, "%02x", hash[i]);
	return out;
}
