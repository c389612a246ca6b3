#include "cmd/cli_demo.h"

#include <signal.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/demo_board.h"
#include "cmd/demo_tour.h"

int
cli_demo_run(const struct cli_line *line)
{
	static struct demo d;
	bool has_keys = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO), ok;

	(void)line;
	signal(SIGPIPE, SIG_IGN);
	if (!demo_begin(&d)) {
		demo_end(&d, false);
		return EX_UNAVAILABLE;
	}
	ok = has_keys ? demo_tour_set_up(&d) && demo_board(&d) : demo_tour(&d);
	demo_end(&d, !ok);
	if (!ok)
		demo_step(&d, "something did not hold: the logs are in %s", d.dir);
	else if (!has_keys)
		demo_step(&d, "all of it held");
	return ok ? EX_OK : EX_SOFTWARE;
}
