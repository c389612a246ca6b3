#include "cmd/demo_talk.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { PATIENCE_SEC = 20 };

bool
demo_talk_dial(struct demo_talk *t, const char *address, unsigned port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct timeval patience = {PATIENCE_SEC, 0};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*t = (struct demo_talk){0};
	if (fd < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (inet_pton(AF_INET, address, &at.sin_addr) != 1 ||
		connect(fd, (struct sockaddr *)&at, sizeof at)) {
		close(fd);
		return false;
	}
	t->in = fdopen(fd, "r");
	t->out = fdopen(fcntl(fd, F_DUPFD_CLOEXEC, 0), "w");
	return t->in && t->out;
}

void
demo_talk_hang_up(struct demo_talk *t)
{
	if (t->in)
		fclose(t->in);
	if (t->out)
		fclose(t->out);
	t->in = t->out = NULL;
}

bool
demo_talk_hear(struct demo_talk *t)
{
	t->line[0] = '\0';
	if (!t->in || !fgets(t->line, sizeof t->line, t->in))
		return false;
	t->line[strcspn(t->line, "\r\n")] = '\0';
	return true;
}

bool
demo_talk_smtp(struct demo_talk *t, const char *code, const char *format, ...)
{
	va_list ap;

	if (!t->out)
		return false;
	va_start(ap, format);
	vfprintf(t->out, format, ap);
	va_end(ap);
	fputs("\r\n", t->out);
	if (fflush(t->out))
		return false;
	do {
		if (!demo_talk_hear(t) || strlen(t->line) < 3)
			return false;
	} while (t->line[3] == '-');
	return !strncmp(t->line, code, 3);
}

bool
demo_talk_greet(struct demo_talk *t, const char *address, unsigned port)
{
	return demo_talk_dial(t, address, port) && demo_talk_hear(t) &&
	       demo_talk_smtp(t, "250", "EHLO demo");
}

int
demo_talk_imap(struct demo_talk *t, const char *command, const char *wanted, char seen[101])
{
	int found = 0;

	if (!t->out || fprintf(t->out, "a %s\r\n", command) < 0 || fflush(t->out))
		return -1;
	while (demo_talk_hear(t)) {
		if (!strncmp(t->line, "a ", 2))
			return strncmp(t->line, "a OK", 4) ? -1 : found;
		if (wanted && !strstr(t->line, wanted))
			continue;
		found++;
		if (seen)
			snprintf(seen, 101, "%.100s", t->line);
	}
	return -1;
}

bool
demo_talk_inbox(struct demo_talk *t, const char *address, unsigned port, const char *user)
{
	char login[200];

	snprintf(login, sizeof login, "LOGIN %s demo", user);
	return demo_talk_dial(t, address, port) && demo_talk_hear(t) &&
	       demo_talk_imap(t, login, NULL, NULL) >= 0 &&
	       demo_talk_imap(t, "SELECT INBOX", NULL, NULL) >= 0;
}
