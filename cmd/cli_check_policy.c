#include "cmd/cli_check_policy.h"

#include <string.h>

#include "cmd/cli_control.h"

static const char *
text(const json_t *one, const char *name)
{
	const char *s = json_string_value(json_object_get(one, name));

	return s ? s : "";
}

void
cli_check_policy(struct cli_findings *f)
{
	json_t *request = json_pack("{s:s}", "verb", "policy check"), *answer = NULL, *one;
	size_t i;

	if (!cli_control_ask(f->config_path, request, &answer)) {
		json_array_foreach(json_object_get(answer, "findings"), i, one)
		{
			f->subject = text(one, "level");
			if (!strcmp(text(one, "severity"), "error"))
				cli_finding_add(f, text(one, "cure"), "%s", text(one, "what"));
			else
				cli_finding_warn(f, text(one, "cure"), "%s", text(one, "what"));
		}
		f->subject = NULL;
		json_decref(answer);
	}
	json_decref(request);
}
