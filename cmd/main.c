/* hairpin: the program. `role` is one of the parent's children, started by it alone; the rest
 * is the command line. */
#include <stdlib.h>
#include <string.h>

#include "cmd/cli.h"
#include "cmd/proc.h"

int
main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "role"))
		proc_main(argv[2], (uint32_t)strtoul(argv[3], NULL, 10), argv[4]);
	return cli_run(argc - 1, argv + 1);
}
