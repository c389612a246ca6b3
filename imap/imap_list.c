#include "imap/imap_list.h"

static const struct option {
	const char *name;
	uint16_t bit;
} SELECTS[] = {{"SUBSCRIBED", IMAP_LIST_SUBSCRIBED}, {"REMOTE", IMAP_LIST_REMOTE},
	{"RECURSIVEMATCH", IMAP_LIST_RECURSIVE}, {"SPECIAL-USE", IMAP_LIST_SPECIAL}, {NULL, 0}},
  RETURNS[] = {{"SUBSCRIBED", IMAP_LIST_RETURN_SUBSCRIBED},
	  {"CHILDREN", IMAP_LIST_RETURN_CHILDREN}, {"SPECIAL-USE", IMAP_LIST_RETURN_SPECIAL},
	  {"STATUS", IMAP_LIST_RETURN_STATUS}, {NULL, 0}},
  ITEMS[] = {{"MESSAGES", IMAP_STATUS_MESSAGES}, {"RECENT", IMAP_STATUS_RECENT},
	  {"UIDNEXT", IMAP_STATUS_UIDNEXT}, {"UIDVALIDITY", IMAP_STATUS_UIDVALIDITY},
	  {"UNSEEN", IMAP_STATUS_UNSEEN}, {"DELETED", IMAP_STATUS_DELETED},
	  {"SIZE", IMAP_STATUS_SIZE}, {"HIGHESTMODSEQ", IMAP_STATUS_HIGHESTMODSEQ},
	  {"APPENDLIMIT", IMAP_STATUS_APPENDLIMIT}, {NULL, 0}};

static const char *const uses[] = {
	NULL, "\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash", "\\Flagged", "\\All"};
enum { USES = sizeof uses / sizeof *uses };

const char *
imap_list_use_name(uint32_t use)
{
	return use < USES ? uses[use] : NULL;
}

uint32_t
imap_list_use(struct slice word)
{
	for (uint32_t i = 1; i < USES; i++)
		if (slice_eq_nocase(word, slice_str(uses[i] + 1)))
			return i;
	return UINT32_MAX;
}

static uint16_t
option(struct imap_parse *p, const struct option *table)
{
	for (; table->name; table++)
		if (imap_parse_word(p, table->name))
			return table->bit;
	return 0;
}

bool
imap_list_parse_status(struct imap_parse *p, uint16_t *out)
{
	uint16_t bits = 0, bit;

	if (!imap_parse_char(p, '('))
		return false;
	do {
		bit = option(p, ITEMS);
		if (!bit)
			return imap_parse_fail(p, "Unknown STATUS item");
		bits |= bit;
	} while (imap_parse_skip(p, ' '));
	*out = bits;
	return imap_parse_char(p, ')');
}

static bool
selection(struct imap_parse *p, struct imap_list *l)
{
	uint16_t bit;

	l->is_extended = true;
	while (!imap_parse_is(p, ')')) {
		bit = option(p, SELECTS);
		if (!bit)
			return imap_parse_fail(p, "Unknown LIST selection option");
		l->select |= (uint8_t)bit;
		if (!imap_parse_skip(p, ' '))
			break;
	}
	/* "RECURSIVEMATCH MUST NOT occur as the only selection option (or only with
	 * REMOTE)". */
	if ((l->select & IMAP_LIST_RECURSIVE) &&
		!(l->select & (IMAP_LIST_SUBSCRIBED | IMAP_LIST_SPECIAL)))
		return imap_parse_fail(p, "RECURSIVEMATCH needs another selection option");
	return imap_parse_char(p, ')') && imap_parse_space(p);
}

static bool
returns(struct imap_parse *p, struct imap_list *l)
{
	uint16_t bit;

	l->is_extended = true;
	if (!imap_parse_space(p) || !imap_parse_char(p, '('))
		return false;
	while (!imap_parse_is(p, ')')) {
		bit = option(p, RETURNS);
		if (!bit)
			return imap_parse_fail(p, "Unknown LIST return option");
		l->returns |= (uint8_t)bit;
		if (bit == IMAP_LIST_RETURN_STATUS &&
			(!imap_parse_space(p) || !imap_list_parse_status(p, &l->status)))
			return false;
		if (!imap_parse_skip(p, ' '))
			break;
	}
	return imap_parse_char(p, ')');
}

static void
fold_inbox(struct slice pattern)
{
	uint8_t *p = (uint8_t *)(uintptr_t)pattern.p;

	if (slice_starts_nocase(pattern, SLICE_LIT("INBOX")) &&
		(pattern.n == 5 || pattern.p[5] == '/' || pattern.p[5] == '%' ||
			pattern.p[5] == '*'))
		memcpy(p, "INBOX", 5);
}

static bool
pattern(struct imap_parse *p, struct slice reference, struct imap_list *l)
{
	struct slice text;
	uint8_t *to;

	if (l->n_patterns == IMAP_LIST_PATTERNS_MAX)
		return imap_parse_fail(p, "Too many patterns");
	if (!imap_parse_pattern(p, &text))
		return false;
	/* Matching costs each mailbox's octets times all of the patterns'. */
	l->octets += (uint32_t)(reference.n + text.n);
	if (l->octets > IMAP_LIST_PATTERN_OCTETS_MAX)
		return imap_parse_fail(p, "Patterns too long");
	to = arena_alloc(p->arena, reference.n + text.n);
	if (reference.n)
		memcpy(to, reference.p, reference.n);
	if (text.n)
		memcpy(to + reference.n, text.p, text.n);
	l->patterns[l->n_patterns] = slice_of(to, reference.n + text.n);
	fold_inbox(l->patterns[l->n_patterns++]);
	return true;
}

static bool
patterns(struct imap_parse *p, struct slice reference, struct imap_list *l)
{
	if (!imap_parse_skip(p, '('))
		return pattern(p, reference, l);
	l->is_extended = true;
	do {
		if (!pattern(p, reference, l))
			return false;
	} while (imap_parse_skip(p, ' '));
	return imap_parse_char(p, ')');
}

static bool
reference_of(struct imap_parse *p, struct slice *out)
{
	/* reference name: a mailbox, which may be empty and is taken as it is. */
	return imap_parse_pattern(p, out) && imap_parse_space(p);
}

bool
imap_list_parse(struct imap_parse *p, struct imap_list *out)
{
	struct slice reference;

	*out = (struct imap_list){0};
	if (imap_parse_skip(p, '(') && !selection(p, out))
		return false;
	if (!reference_of(p, &reference) || !patterns(p, reference, out))
		return false;
	if (!imap_parse_skip(p, ' '))
		return true;
	if (!imap_parse_word(p, "RETURN"))
		return imap_parse_fail(p, "Unexpected text after the patterns");
	return returns(p, out);
}

bool
imap_list_parse_lsub(struct imap_parse *p, struct imap_list *out)
{
	struct slice reference;

	*out = (struct imap_list){.select = IMAP_LIST_SUBSCRIBED, .is_lsub = true};
	return reference_of(p, &reference) && pattern(p, reference, out);
}

/* The states of the pattern's automaton that are reached, as one flag an octet of the
 * pattern: no backtracking, whatever the pattern. */
static void
spread(struct slice pattern, uint8_t *at)
{
	/* A wildcard matches nothing too. */
	for (size_t i = 0; i < pattern.n; i++)
		if (at[i] && (pattern.p[i] == '*' || pattern.p[i] == '%'))
			at[i + 1] = 1;
}

bool
imap_list_matches(struct slice pattern, struct slice name)
{
	uint8_t at[IMAP_LIST_PATTERN_OCTETS_MAX + 1] = {1};
	bool has_any = true;
	uint8_t c;

	if (pattern.n > IMAP_LIST_PATTERN_OCTETS_MAX)
		return false;
	spread(pattern, at);
	for (size_t k = 0; k < name.n && has_any; k++) {
		has_any = false;
		/* From the end, so that a state set by this octet isn't moved by it again. */
		at[pattern.n] = 0;
		for (size_t i = pattern.n; i-- > 0;) {
			if (!at[i])
				continue;
			c = pattern.p[i];
			if (c != '*' && (c != '%' || name.p[k] == '/'))
				at[i] = 0;
			if (c != '*' && c != '%' && c == name.p[k])
				at[i + 1] = 1;
			has_any = true;
		}
		spread(pattern, at);
	}
	return has_any && at[pattern.n];
}

bool
imap_list_has(const struct imap_list *l, struct slice name)
{
	for (uint32_t i = 0; i < l->n_patterns; i++)
		if (imap_list_matches(l->patterns[i], name))
			return true;
	return false;
}
