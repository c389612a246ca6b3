/* hairpin: the program. `serve` is the parent, `role` one of its children, the rest is the
 * command line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cli.h"
#include "cmd/proc.h"
#include "cmd/proc_parent.h"

static const char *
config_path(int argc, char **argv)
{
	const char *from_env = getenv("HAIRPIN_CONFIG");

	for (int i = 0; i + 1 < argc; i++)
		if (!strcmp(argv[i], "-c"))
			return argv[i + 1];
	return from_env ? from_env : "/etc/hairpin/hairpin.conf";
}

int
main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "role"))
		proc_main(argv[2], (uint32_t)strtoul(argv[3], NULL, 10), argv[4]);
	if (argc >= 2 && !strcmp(argv[1], "serve"))
		return proc_parent_run(config_path(argc, argv));
	return cli_run(argc - 1, argv + 1);
}
