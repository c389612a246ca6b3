#include "cmd/cli_verify.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/cli_control.h"
#include "cmd/cli_table.h"
#include "cmd/cli_verbs.h"

/* Nothing is wrong but that some didn't answer. */
static bool
is_silence_all(const json_t *answer)
{
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(answer, "rows"), i, one)
	{
		const char *state = json_string_value(json_object_get(one, "state"));

		if (!state || (strcmp(state, "equal") != 0 && strcmp(state, "no answer") != 0))
			return false;
	}
	return true;
}

int
cli_verify_run(const struct cli_line *line)
{
	json_t *request = json_pack("{s:s}", "verb", line->verb->name), *answer;
	int code = cli_control_ask(cli_config_path(line), request, &answer);
	bool equal;

	json_decref(request);
	if (code)
		return code;
	json_object_del(answer, "ok");
	equal = json_is_true(json_object_get(answer, "equal"));
	if (cli_has(line, "--json")) {
		code = cli_put_json(json_incref(answer));
	} else {
		cli_table_put_rows(json_object_get(answer, "rows"));
		printf("%s as of log entry %lld\n",
			equal			 ? "all nodes are equal"
			: is_silence_all(answer) ? "those that answered are equal"
						 : "the nodes are not all equal",
			(long long)json_integer_value(json_object_get(answer, "index")));
	}
	json_decref(answer);
	return code ? code : equal ? EX_OK : 1;
}
