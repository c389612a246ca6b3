#include "store/apply_policy.h"

#include "store/apply_late.h"
#include "store/apply_row.h"
#include "store/view_directory.h"
#include "store/view_policy.h"

static bool
are_settings(const Commands__Policy *p)
{
	if (p->n_setting > APPLY_POLICY_SETTINGS_MAX)
		return false;
	for (size_t i = 0; i < p->n_setting; i++) {
		const Commands__PolicySetting *s = p->setting[i];

		if (!*s->name || strlen(s->name) > APPLY_POLICY_NAME_MAX ||
			strlen(s->value) > APPLY_POLICY_VALUE_MAX)
			return false;
		for (size_t j = 0; j < i; j++)
			if (strcmp(p->setting[j]->name, s->name) == 0)
				return false;
	}
	return true;
}

/* Takes what row has, unless the change has it too, and of the change what has a value. */
static enum err
merge(struct apply *a, const Commands__Policy *row, const Commands__Policy *change,
	Commands__Policy *out)
{
	size_t j;

	out->setting = arena_alloc(
		a->arena, (row->n_setting + change->n_setting) * sizeof *out->setting);
	for (size_t i = 0; i < row->n_setting; i++) {
		for (j = 0; j < change->n_setting; j++)
			if (strcmp(change->setting[j]->name, row->setting[i]->name) == 0)
				break;
		if (j == change->n_setting)
			out->setting[out->n_setting++] = row->setting[i];
	}
	for (j = 0; j < change->n_setting; j++)
		if (*change->setting[j]->value)
			out->setting[out->n_setting++] = change->setting[j];
	return out->n_setting > APPLY_POLICY_SETTINGS_MAX ? ERR_LIMIT : ERR_OK;
}

/* What the level has after the command. */
static enum err
settings_of(struct apply *a, const Commands__PolicyPut *c, Commands__Policy *out)
{
	Commands__Policy none = COMMANDS__POLICY__INIT, *row = &none;
	enum err e;

	commands__policy__init(out);
	if (!c->change || !c->record) {
		*out = c->record ? *c->record : *out;
		return ERR_OK;
	}
	e = view_policy_get(a->txn, codec_slice(c->level), a->arena, &row);
	return e && e != ERR_NOT_FOUND ? e : merge(a, row, c->record, out);
}

/* Whose mail may go now? What is said for senders of ours touches mail to anybody. */
static enum err
hurry(struct apply *a, struct slice level)
{
	size_t at = slice_find(level, '@');
	bool is_domain = at == level.n;
	struct slice domain = is_domain ? level : slice_from(level, at + 1);
	Commands__Domain *ours;
	uint8_t *whom;
	enum err e = ERR_OK;

	if (level.n && level.p[0] != '.') {
		e = view_directory_domain(a->txn, domain, a->arena, &ours);
		if (e && e != ERR_NOT_FOUND)
			return e;
	}
	/* Below a domain there may be one of ours. */
	if (!e)
		return apply_late_hurry(a, SLICE_EMPTY);
	whom = arena_alloc(a->arena, level.n + 1);
	whom[0] = '@';
	memcpy(whom + 1, level.p, level.n);
	return apply_late_hurry(a, is_domain ? slice_of(whom, level.n + 1) : level);
}

enum err
apply_policy_put(struct apply *a, const Commands__PolicyPut *c)
{
	struct slice level = codec_slice(c->level);
	struct schema_name_key k;
	Commands__Policy settings;
	enum err e;

	if ((level.n && !schema_is_name(level)) || (c->record && !are_settings(c->record)))
		return apply_refuse(a, COMMAND_INVALID, "not the settings of a level");
	e = settings_of(a, c, &settings);
	if (e == ERR_LIMIT)
		return apply_refuse(a, COMMAND_INVALID, "too many settings for a level");
	if (e)
		return e;
	a->touched->directory = true;
	if (!settings.n_setting)
		e = apply_row_del(a, DB_POLICY, schema_policy(&k, level));
	else
		e = apply_row_put(a, DB_POLICY, schema_policy(&k, level), &settings);
	return e ? e : hurry(a, level);
}
