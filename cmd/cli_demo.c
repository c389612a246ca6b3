#include "cmd/cli_demo.h"

#include <signal.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/demo_estate.h"
#include "cmd/demo_estate_tour.h"
#include "cmd/demo_tour.h"

static bool
show(struct demo *d, bool is_estate, bool has_keys)
{
	if (is_estate)
		return demo_estate_tour(d, has_keys);
	return has_keys ? demo_tour_board(d) : demo_tour(d);
}

int
cli_demo_run(const struct cli_line *line)
{
	static struct demo d;
	bool has_keys = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO), ok;
	bool is_estate = cli_has(line, "--estate");

	signal(SIGPIPE, SIG_IGN);
	if (!demo_begin(&d, is_estate ? &demo_estate_shape : &demo_tour_shape)) {
		demo_end(&d, false);
		return EX_UNAVAILABLE;
	}
	ok = show(&d, is_estate, has_keys);
	demo_end(&d, !ok);
	if (!ok)
		demo_step(&d, "something did not hold: the logs are in %s", d.dir);
	return ok ? EX_OK : EX_SOFTWARE;
}
