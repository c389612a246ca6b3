/* control_policy: verbs of the encryption engine's policy: what each level says, and what of it
 * holds. What is for a sender and a recipient together: control_explain. */
#include <sysexits.h>

#include "cmd/control_list.h"
#include "cmd/control_policy.h"
#include "core/codec.h"
#include "store/view_directory.h"
#include "store/view_policy.h"

/* --- for all of its verbs --- */

struct slice
control_policy_of(const struct policy_level *level)
{
	return level ? policy_level_text(level->name) : SLICE_LIT("factory");
}

struct slice
control_policy_value(enum policy_name name, const struct policy_value *value, struct arena *a)
{
	struct slice out;
	struct buf text;

	buf_init(&text, POLICY_VALUE_MAX);
	policy_format(name, value, &text);
	out = arena_dup(a, buf_slice(&text));
	buf_fini(&text);
	return out;
}

bool
control_policy_is_for_ours(enum policy_name name)
{
	return policy_settings[name].whose == POLICY_SENDERS || name == POLICY_TAG_SUBJECT;
}

void
control_policy_fail(struct control_request *r, enum err e)
{
	if (e == ERR_VERSION)
		control_fail(r, EX_TEMPFAIL,
			"a level has a setting that this program doesn't know: a younger one "
			"wrote it; upgrade this node");
	else
		control_fail(r, EX_TEMPFAIL, "the policy can't be read: %s", err_text(e));
}

/* --- set --- */

struct words {
	struct control_request *r;
	struct buf why;
	Commands__Policy *policy;
	struct policy_level level;
};

static bool
put_word(struct words *w, struct slice word)
{
	size_t equals = slice_find(word, '=');
	struct slice value = slice_trim(slice_from(word, equals + 1));
	Commands__PolicySetting *one = arena_alloc(&w->r->arena, sizeof *one);
	enum policy_name name;

	if (equals == word.n) {
		buf_printf(&w->why,
			"%.*s: expected NAME=VALUE, like mode=must; NAME= inherits "
			"it again",
			SLICE_FMT(slice_cut(word, 0, POLICY_VALUE_MAX / 2)));
		return false;
	}
	name = policy_find(slice_trim(slice_cut(word, 0, equals)), &w->why);
	if (name == POLICY_COUNT || !policy_put(&w->level, name, value, &w->why))
		return false;
	commands__policy_setting__init(one);
	one->name = arena_str(&w->r->arena, slice_str(policy_settings[name].name));
	one->value = arena_str(&w->r->arena, value);
	w->policy->setting[w->policy->n_setting++] = one;
	return true;
}

static bool
is_twice(const Commands__Policy *p, struct buf *why)
{
	for (size_t i = 0; i < p->n_setting; i++)
		for (size_t j = 0; j < i; j++)
			if (!strcmp(p->setting[i]->name, p->setting[j]->name)) {
				buf_printf(why, "%s is there twice; say it once",
					p->setting[i]->name);
				return true;
			}
	return false;
}

static bool
read_words(struct words *w)
{
	json_t *list = json_object_get(w->r->in, "targets"), *one;
	size_t i, n = json_array_size(list);

	if (!n || n > POLICY_COUNT) {
		buf_printf(&w->why, "expected 1 to %d words NAME=VALUE, like mode=must",
			POLICY_COUNT);
		return false;
	}
	w->policy->setting = arena_alloc(&w->r->arena, n * sizeof *w->policy->setting);
	json_array_foreach(list, i, one) if (!json_is_string(one) ||
					     !put_word(w, slice_str(json_string_value(one))))
	{
		if (!w->why.n)
			buf_put_str(&w->why, "expected texts NAME=VALUE");
		return false;
	}
	return !is_twice(w->policy, &w->why);
}

/* Is it a level of a domain of ours? False for one that is above domains. */
static enum err
is_ours(struct control_request *r, struct slice level, bool *is)
{
	size_t at = slice_find(level, '@');
	struct slice domain = at < level.n ? slice_from(level, at + 1) : level;
	struct db_txn *txn = control_read(r);
	Commands__Domain *ours;
	enum err e;

	if (!txn)
		return ERR_UNAVAILABLE;
	e = view_directory_domain(txn, domain, &r->arena, &ours);
	view_end(r->courier->view);
	*is = e == ERR_OK;
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* What is set where nobody looks for it. False: failed, and said so. */
static bool
put_note(struct control_request *r, const Commands__Policy *p, struct slice level)
{
	bool is = false;

	if (!level.n || level.p[0] == '.')
		return true;
	if (is_ours(r, level, &is))
		return false;
	for (size_t i = 0; !is && i < p->n_setting; i++) {
		enum policy_name name = policy_find(slice_str(p->setting[i]->name), NULL);
		char note[300];

		if (!control_policy_is_for_ours(name) || !p->setting[i]->value[0])
			continue;
		snprintf(note, sizeof note,
			"%s does nothing here, as %.*s is no domain or user of ours: say it of "
			"yours, or of cluster",
			p->setting[i]->name, SLICE_FMT(slice_cut(level, 0, 100)));
		r->done = json_pack("{s:o}", "note", control_json(slice_str(note)));
		return true;
	}
	return true;
}

static void
policy_set(struct control_request *r)
{
	Commands__PolicyPut *put = arena_alloc(&r->arena, sizeof *put);
	struct words w = {.r = r, .policy = arena_alloc(&r->arena, sizeof *w.policy)};
	struct slice level;
	bool ok;

	commands__policy_put__init(put);
	commands__policy__init(w.policy);
	buf_init(&w.why, POLICY_WHY_MAX);
	ok = policy_parse_level(
		     slice_str(control_text(r, "level")), &r->arena, &level, &w.why) &&
	     read_words(&w);
	if (ok) {
		put->level = codec_bytes(level);
		put->record = w.policy;
		put->change = true;
		r->command.body_case = COMMANDS__COMMAND__BODY_POLICY_PUT;
		r->command.policy_put = put;
		if (put_note(r, w.policy, level))
			control_propose(r);
	} else {
		control_fail(r, EX_USAGE, "%.*s", SLICE_FMT(buf_slice(&w.why)));
	}
	buf_fini(&w.why);
}

/* --- get --- */

static const char *
whose(enum policy_name name)
{
	static const char *const words[] = {"sender", "recipient", "both"};

	return words[policy_settings[name].whose];
}

static json_t *
get_rows(const struct policy_decision *d, struct arena *a)
{
	json_t *rows = json_array(), *row;

	for (enum policy_name i = 0; i < POLICY_COUNT; i++) {
		row = json_object();
		json_object_set_new(row, "setting", json_string(policy_settings[i].name));
		json_object_set_new(row, "value",
			control_json(control_policy_value(i, &d->sender[i].value, a)));
		json_object_set_new(
			row, "level", control_json(control_policy_of(d->sender[i].level)));
		json_object_set_new(row, "of", json_string(whose(i)));
		json_array_append_new(rows, row);
	}
	return rows;
}

static void
policy_get(struct control_request *r)
{
	const char *text = control_text(r, "level");
	struct policy_side *side = arena_zalloc(&r->arena, sizeof *side);
	struct policy_decision *d = arena_alloc(&r->arena, sizeof *d);
	struct slice level = SLICE_EMPTY;
	struct db_txn *txn;
	struct buf why;
	enum err e;
	bool ok;

	buf_init(&why, POLICY_WHY_MAX);
	ok = !text || policy_parse_level(slice_str(text), &r->arena, &level, &why);
	if (!ok)
		control_fail(r, EX_USAGE, "%.*s", SLICE_FMT(buf_slice(&why)));
	buf_fini(&why);
	if (!ok || !(txn = control_read(r)))
		return;
	e = courier_policy_side(r->courier, txn, level, &r->arena, side);
	view_end(r->courier->view);
	if (e) {
		control_policy_fail(r, e);
		return;
	}
	policy_decide(side, side, d);
	control_reply(r, json_pack("{s:o}", "rows", get_rows(d, &r->arena)));
}

/* --- list --- */

static json_t *
list_row(struct control_request *r, struct db_txn *txn, struct slice k, struct slice v)
{
	const Commands__Policy *p = codec_unpack(&commands__policy__descriptor, v, &r->arena);
	json_t *row, *settings;
	struct buf text;

	(void)txn;
	if (!p || !k.n)
		return NULL;
	row = json_object();
	settings = json_array();
	json_object_set_new(row, "level", control_json(policy_level_text(slice_from(k, 1))));
	for (size_t i = 0; i < p->n_setting; i++) {
		buf_init(&text, 2 * POLICY_VALUE_MAX);
		buf_printf(&text, "%s=%s", p->setting[i]->name, p->setting[i]->value);
		json_array_append_new(settings, control_json(buf_slice(&text)));
		buf_fini(&text);
	}
	json_object_set_new(row, "settings", settings);
	return row;
}

static void
policy_list(struct control_request *r)
{
	control_list(r, DB_POLICY, list_row);
}

const struct control_verb control_policy_verbs[] = {
	{"policy set", policy_set},
	{"policy get", policy_get},
	{"policy list", policy_list},
	{NULL, NULL},
};
