#include "store/command.h"

const char *
command_code_text(enum command_code c)
{
	static const char *const texts[] = {"done", "repeat", "not found", "already exists",
		"overtaken", "over quota", "invalid", "limit reached", "not supported",
		"unknown epoch", "closed queue key", "over the sending limit"};

	return (unsigned)c < sizeof texts / sizeof *texts ? texts[c] : "unknown";
}
