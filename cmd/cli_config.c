#include "cmd/cli_config.h"

#include <stdio.h>
#include <sysexits.h>

enum { TEXT_MAX = 1 << 20 };

int
cli_config_run(const struct cli_line *line)
{
	bool defaults = cli_has(line, "--defaults"), ok;
	struct config_error why;
	struct config config;
	struct buf out;

	if (defaults)
		config_preset(&config);
	else if (config_load(cli_config_path(line), &config, &why))
		return cli_fail(EX_CONFIG, "%s", why.text);
	buf_init(&out, TEXT_MAX);
	config_format(&config, defaults, &out);
	ok = fwrite(out.p, 1, out.n, stdout) == out.n && fflush(stdout) == 0;
	buf_fini(&out);
	return ok ? EX_OK : cli_fail(EX_IOERR, "the answer can't be written");
}
