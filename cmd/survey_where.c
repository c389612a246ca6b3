#include "cmd/survey_where.h"

enum { TRIES_MAX = 8 };

struct way {
	struct smtp_mx *mx;
	struct smtp_mx_question wanted[SMTP_MX_QUESTIONS_MAX];
	size_t n;
	const struct smtp_mx_result *result;
};

static void
note(struct way *w, const struct smtp_mx_actions *acts)
{
	for (size_t i = 0; i < acts->n && w->n < SMTP_MX_QUESTIONS_MAX; i++)
		w->wanted[w->n++] = acts->ask[i];
	w->result = acts->result;
}

/* Those that are known are answered; the others are wanted now. True: some were. */
static bool
go_on(struct survey_site *s, struct way *w)
{
	bool has_gone = false;
	size_t n = w->n, kept = 0;

	for (size_t i = 0; i < n && !w->result; i++) {
		struct smtp_mx_question q = w->wanted[i];
		const struct survey_answer *a = survey_ask(s->survey, &q.name, q.type);
		struct smtp_mx_actions acts;

		if (!a) {
			w->wanted[kept++] = q;
			continue;
		}
		smtp_mx_step(w->mx,
			&(struct smtp_mx_answer){q.id, &a->message, a->security == DNS_SECURE,
				a->security == DNS_BOGUS},
			&acts);
		note(w, &acts);
		has_gone = true;
	}
	/* What came new stands behind the old ones. */
	memmove(&w->wanted[kept], &w->wanted[n], (w->n - n) * sizeof *w->wanted);
	w->n = kept + w->n - n;
	return has_gone;
}

static struct slice
name_of(struct survey_site *s, const struct smtp_hop_target *t)
{
	return slice_str(
		survey_site_text(s, t->is_domain ? "%.*s" : "[%.*s]", SLICE_FMT(t->host)));
}

const struct smtp_mx_result *
survey_where(struct survey_site *s, const struct smtp_hop_target *t, bool wants_tlsa)
{
	static const struct smtp_mx_result no_hop = {
		.status = "5.1.2", .why = {(const uint8_t *)"not the name of a host", 22}};
	struct slice *own = arena_alloc(&s->run, sizeof *own);
	struct smtp_mx_settings *settings = arena_alloc(&s->run, sizeof *settings);
	struct way *w = arena_zalloc(&s->run, sizeof *w);
	struct smtp_mx_actions acts;

	*own = slice_str(s->f->config.hostname);
	/* Always the same order, so that the next run asks what this one did. */
	*settings = (struct smtp_mx_settings){.order = SMTP_MX_ALTERNATE,
		.tries_max = TRIES_MAX,
		.port = t->port,
		.wants_tlsa = wants_tlsa,
		.own_names = own,
		.n_own_names = 1};
	if (smtp_mx_new(settings, name_of(s, t), &s->run, &acts, &w->mx))
		return &no_hop;
	note(w, &acts);
	while (!w->result && go_on(s, w))
		;
	return w->result;
}
