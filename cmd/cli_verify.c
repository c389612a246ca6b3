#include "cmd/cli_verify.h"

#include <stdio.h>
#include <sysexits.h>

#include "cmd/cli_control.h"
#include "cmd/cli_table.h"
#include "cmd/cli_verbs.h"

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
			equal ? "all nodes are equal" : "the nodes are not all equal",
			(long long)json_integer_value(json_object_get(answer, "index")));
	}
	json_decref(answer);
	return code ? code : equal ? EX_OK : 1;
}
