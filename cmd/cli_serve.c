#include "cmd/cli_serve.h"

#include "cmd/proc_parent.h"

int
cli_serve_run(const struct cli_line *line)
{
	return proc_parent_run(cli_config_path(line));
}
