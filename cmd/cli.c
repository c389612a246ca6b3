#include "cmd/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

#include "cmd/cli_mime.h"

static const char version[] = "0.1.0";

struct verb {
	const char *name, *help;
	int (*run)(int argc, char **argv);
};

static int help(int argc, char **argv);
static int say_version(int argc, char **argv);

static const struct verb verbs[] = {
	{"init", "set up this machine: data folder, keys, certificate, first domain and user",
		cli_init_run},
	{"check", "look for what is wrong, and say how to mend it", cli_check_run},
	{"mime", "mime dump <MAIL: the parts of a mail and where they are, in JSON",
		cli_mime_run},
	{"imap", "imap bodystructure|envelope <MAIL: a mail as IMAP shows it", cli_mime_imap},
	{"addr", "addr parse ADDRESS: is it one, and what is its canonical form",
		cli_mime_addr},
	{"demo", "show the main job: mail in, kept, read, over a crash", cli_demo_run},
	{"help", "this page", help},
	{"version", "say the version", say_version},
};

int
cli_fail(int code, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("hairpin: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	return code;
}

const char *
cli_option(int argc, char **argv, const char *name)
{
	for (int i = 0; i + 1 < argc; i++)
		if (!strcmp(argv[i], name))
			return argv[i + 1];
	return NULL;
}

bool
cli_flag(int argc, char **argv, const char *name)
{
	for (int i = 0; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return false;
}

const char *
cli_config_path(int argc, char **argv)
{
	const char *said = cli_option(argc, argv, "-c");

	if (!said)
		said = getenv("HAIRPIN_CONFIG");
	return said ? said : "/etc/hairpin/hairpin.conf";
}

static char *
read_line(FILE *from)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n = getline(&line, &room, from);

	if (n > 0 && line[n - 1] == '\n')
		line[--n] = '\0';
	if (n > 0)
		return line;
	free(line);
	return NULL;
}

char *
cli_password(int argc, char **argv)
{
	const char *said = cli_option(argc, argv, "--password");
	struct termios saved, silent;
	char *line;

	if (said)
		return strdup(said);
	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &saved))
		return read_line(stdin);
	silent = saved;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	fputs("Password: ", stderr);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	line = read_line(stdin);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved);
	fputc('\n', stderr);
	return line;
}

static int
say_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("hairpin %s\n", version);
	return EX_OK;
}

static int
help(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	puts("hairpin: a whole mail system in one program\n\n"
	     "Start here:\n"
	     "  hairpin init              set up: asks for a domain and a first user\n"
	     "  hairpin serve             run it (stays in the foreground)\n\n"
	     "Verbs:");
	printf("  %-42s %s\n", "serve [-c FILE]", "run the server");
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		printf("  %-42s %s\n", verbs[i].name, verbs[i].help);
	cli_control_help();
	puts("\nEverywhere: -c FILE names the configuration (or the environment's "
	     "HAIRPIN_CONFIG; else\n"
	     "/etc/hairpin/hairpin.conf); --json makes reading verbs answer in JSON.");
	return EX_OK;
}

int
cli_run(int argc, char **argv)
{
	if (argc < 1) {
		help(0, NULL);
		return EX_USAGE;
	}
	if (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h"))
		return help(0, NULL);
	if (!strcmp(argv[0], "--version"))
		return say_version(0, NULL);
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (!strcmp(argv[0], verbs[i].name))
			return verbs[i].run(argc - 1, argv + 1);
	if (cli_control_knows(argv[0]))
		return cli_control_run(argc, argv);
	return cli_fail(EX_USAGE, "no such verb: %s (`hairpin help` lists them)", argv[0]);
}
