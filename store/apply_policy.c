#include "store/apply_policy.h"

#include "store/apply_row.h"

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

enum err
apply_policy_put(struct apply *a, const Commands__PolicyPut *c)
{
	struct slice level = codec_slice(c->level);
	struct schema_name_key k;

	if ((level.n && !schema_is_name(level)) || (c->record && !are_settings(c->record)))
		return apply_refuse(a, COMMAND_INVALID, "not the settings of a level");
	a->touched->directory = true;
	if (!c->record || !c->record->n_setting)
		return apply_row_del(a, DB_POLICY, schema_policy(&k, level));
	return apply_row_put(a, DB_POLICY, schema_policy(&k, level), c->record);
}
