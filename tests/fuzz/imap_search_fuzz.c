/* A SEARCH as sent, and what it says of messages whose slow answers aren't known yet: once it
 * has decided, no later answer may change its mind. */
#include "core/must.h"
#include "imap/imap_search.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
judge(const struct imap_search *s, uint32_t seed)
{
	struct slice names[] = {SLICE_LIT("a"), SLICE_LIT("$b")};
	struct imap_search_facts f = {.seq = 1 + seed % 5,
		.uid = 1 + seed % 7,
		.flags = (uint8_t)(seed % 32),
		.keywords = seed % 4,
		.modseq = seed,
		.size = seed * 100,
		.internal_sec = (int64_t)seed * 86400 * 365,
		.zone_min = 60,
		.keyword_names = names,
		.n_keyword_names = 2};
	uint8_t texts[IMAP_SEARCH_TEXTS_MAX];
	enum imap_search_answer before = IMAP_SEARCH_OPEN, now;

	memset(texts, IMAP_SEARCH_OPEN, sizeof texts);
	for (uint32_t known = 0; known <= s->n_texts; known++) {
		now = imap_search_eval(s, &f, texts);
		must(before == IMAP_SEARCH_OPEN || now == before);
		before = now;
		if (known < s->n_texts)
			texts[known] = seed >> known % 8 & 1;
	}
	must(before != IMAP_SEARCH_OPEN);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct imap_search s;
	struct imap_parse parse;
	struct arena a;

	arena_init(&a, 0);
	imap_parse_init(&parse, slice_of(p, n), &a);
	if (imap_search_parse(&parse, &s)) {
		must(s.n > 0 && s.n <= IMAP_SEARCH_KEYS_MAX);
		must(s.n_texts <= IMAP_SEARCH_TEXTS_MAX);
		for (uint32_t i = 0; i < s.n; i++)
			if (s.keys[i].op == IMAP_SEARCH_SEQ || s.keys[i].op == IMAP_SEARCH_UID)
				imap_seqset_resolve(&s.keys[i].set, 5);
		for (uint32_t seed = 0; seed < 8; seed++)
			judge(&s, seed * 37);
	} else {
		must(parse.error != NULL);
	}
	arena_reset(&a);
	return 0;
}
