/* control_policy_check: what in the policy is dangerous, for `hairpin check`: findings, each
 * with its cure. Not a verb of the command line. */
#include <sysexits.h>

#include "cmd/control_policy.h"
#include "core/codec.h"
#include "store/view_cert.h"
#include "store/view_directory.h"
#include "store/view_policy.h"
#include "store/view_trust.h"

/* LEVELS_MAX: that are looked at; KNOWN_MAX: addresses with a certificate that are remembered;
 * where there are more, nothing is said of what may be among them. */
enum { LEVELS_MAX = 2000, KNOWN_MAX = 20000, FINDINGS_MAX = 100 };

struct checking {
	struct control_request *r;
	struct db_txn *txn;
	struct arena *a;
	uint64_t now_sec;
	size_t looked, found;
	json_t *findings;
	struct slice
		*known; /* addresses with a certificate that is good; NULL: not looked yet */
	size_t n_known;
};

static void __attribute__((format(printf, 5, 6))) add(struct checking *k, const char *severity,
	struct slice level, const char *cure, const char *format, ...)
{
	json_t *one;
	char what[512];
	va_list ap;

	if (k->found++ >= FINDINGS_MAX)
		return;
	va_start(ap, format);
	vsnprintf(what, sizeof what, format, ap);
	va_end(ap);
	one = json_object();
	json_object_set_new(one, "severity", json_string(severity));
	json_object_set_new(one, "level", control_json(policy_level_text(level)));
	json_object_set_new(one, "what", control_json(slice_str(what)));
	json_object_set_new(one, "cure", json_string(cure));
	json_array_append_new(k->findings, one);
}

/* --- certificates --- */

static struct slice
domain_of(struct slice address)
{
	size_t at = address.n;

	while (at && address.p[at - 1] != '@')
		at--;
	return slice_from(address, at);
}

/* Is it a certificate for somebody whom the level is for? */
static bool
is_of_level(struct slice level, struct slice address)
{
	struct slice domain = domain_of(address);

	if (!level.n || slice_eq(level, address) || slice_eq(level, domain))
		return true;
	if (level.p[0] == '.')
		return domain.n > level.n && slice_ends(domain, level);
	/* One of a domain is one for all of its addresses. */
	return address.n && address.p[0] == '@' && slice_eq(domain_of(level), domain);
}

struct collecting {
	struct checking *k;
	struct arena rows;
};

static bool
collect(void *arg, struct slice address, struct slice sha256, Commands__Cert *cert)
{
	struct collecting *c = arg;
	struct checking *k = c->k;
	bool is_good = cert->state == COMMANDS__CERT__STATE__GOOD &&
		       cert->until_sec > k->now_sec;
	bool is_blocked = false;

	if (is_good && (!k->n_known || !slice_eq(k->known[k->n_known - 1], address)))
		is_good = !view_trust_is_blocked(k->txn, sha256, &c->rows, &is_blocked) &&
			  !is_blocked;
	else
		is_good = false;
	if (is_good)
		k->known[k->n_known++] = arena_dup(k->a, address);
	arena_reset(&c->rows);
	return k->n_known < KNOWN_MAX;
}

static enum err
look_for_certificates(struct checking *k)
{
	struct collecting c = {.k = k};
	enum err e;

	k->known = arena_alloc(k->a, KNOWN_MAX * sizeof *k->known);
	arena_init(&c.rows, 0);
	e = view_cert_all(k->txn, SLICE_EMPTY, &c.rows, collect, &c);
	arena_reset(&c.rows);
	return e;
}

static bool
has_certificate(struct checking *k, struct slice level)
{
	if (!k->known && look_for_certificates(k))
		return true;
	for (size_t i = 0; i < k->n_known; i++)
		if (is_of_level(level, k->known[i]))
			return true;
	return k->n_known == KNOWN_MAX;
}

/* --- levels --- */

static bool
is_ours(struct checking *k, struct slice level)
{
	Commands__Domain *ours;

	return level.n && level.p[0] != '.' &&
	       !view_directory_domain(k->txn, domain_of(level), k->a, &ours);
}

static bool
has_no_trigger(const struct policy_decision *d)
{
	return !d->sender[POLICY_SUBJECT_TRIGGER].value.pattern.n &&
	       !d->sender[POLICY_HEADER_TRIGGER].value.pattern.n;
}

static void
judge_mode(
	struct checking *k, const struct policy_level *level, const struct policy_decision *d)
{
	const struct policy_level *cluster = d->of_sender.n
						     ? d->of_sender.level[d->of_sender.n - 1]
						     : level;
	bool is_for_all = !cluster->name.n && cluster->text[POLICY_MODE].n &&
			  cluster->value[POLICY_MODE].number == GATEWAY__SETTINGS__MODE__MUST;

	if (!level->text[POLICY_MODE].n)
		return;
	if (level->value[POLICY_MODE].number == GATEWAY__SETTINGS__MODE__MUST &&
		!is_ours(k, level->name) && !has_certificate(k, level->name))
		add(k, "warning", level->name,
			"bring their certificates (`hairpin cert add`), or choose "
			"mode=when-possible",
			"mail to %.*s must be encrypted, and there is no certificate of "
			"anybody there: it waits, then bounces",
			SLICE_FMT(level->name.n ? level->name : SLICE_LIT("everybody")));
	if (level->value[POLICY_MODE].number == GATEWAY__SETTINGS__MODE__NEVER && is_for_all &&
		level->name.n)
		add(k, "warning", level->name,
			"take it back (`hairpin policy set LEVEL mode=`) unless it is meant so",
			"the cluster says mode=must, and %.*s is exempt by mode=never: its "
			"mail leaves without encryption",
			SLICE_FMT(level->name));
	if (level->value[POLICY_MODE].number == GATEWAY__SETTINGS__MODE__ON_TRIGGER &&
		has_no_trigger(d))
		add(k, "warning", level->name,
			"set subject_trigger or header_trigger, or another mode",
			"%.*s says mode=on-trigger, and has no trigger: nothing is encrypted",
			SLICE_FMT(policy_level_text(level->name)));
}

static void
judge_place(struct checking *k, const struct policy_level *level)
{
	if (!level->name.n || level->name.p[0] == '.' || is_ours(k, level->name))
		return;
	for (enum policy_name i = 0; i < POLICY_COUNT; i++)
		if (control_policy_is_for_ours(i) && level->text[i].n)
			add(k, "warning", level->name,
				"take it back (`hairpin policy set LEVEL NAME=`), and say it "
				"of "
				"yours, or of cluster",
				"%s of %.*s does nothing, as that is no domain or user of ours",
				policy_settings[i].name, SLICE_FMT(level->name));
}

static bool
judge(void *arg, struct slice name, Commands__Policy *row)
{
	struct checking *k = arg;
	struct policy_side *side = arena_zalloc(k->a, sizeof *side);
	struct policy_decision *d = arena_alloc(k->a, sizeof *d);
	struct slice level = arena_dup(k->a, name);
	struct policy_level *said;
	enum err e = courier_policy_level(level, row, k->a, &said);

	if (!e)
		e = courier_policy_side(k->r->courier, k->txn, level, k->a, side);
	if (e == ERR_VERSION) {
		add(k, "error", level, "upgrade this node",
			"level %.*s has a setting that this program doesn't know: mail that it "
			"is for waits",
			SLICE_FMT(policy_level_text(level)));
	} else if (!e) {
		policy_decide(side, side, d);
		judge_mode(k, said, d);
		judge_place(k, said);
	}
	return ++k->looked < LEVELS_MAX && k->found < FINDINGS_MAX;
}

static void
policy_check(struct control_request *r)
{
	struct checking k = {.r = r, .a = &r->arena, .now_sec = courier_now_sec(r->courier)};
	enum err e;

	k.txn = control_read(r);
	if (!k.txn)
		return;
	k.findings = json_array();
	e = view_policy_each(k.txn, k.a, judge, &k);
	view_end(r->courier->view);
	if (!e) {
		control_reply(r, json_pack("{s:o}", "findings", k.findings));
		return;
	}
	json_decref(k.findings);
	control_policy_fail(r, e);
}

const struct control_verb control_policy_check_verbs[] = {
	{"policy check", policy_check},
	{NULL, NULL},
};
