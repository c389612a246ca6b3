#include "cmd/demo_mail.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "crypto/seal.h"

enum { NUMBERS_MAX = 100000, PLAIN_MAX = 200, WAIT_TRIES = 200, WAIT_US = 50000 };

bool
demo_mail_login(struct demo_talk *t, const struct demo *d, const struct demo_node *node,
	const char *user)
{
	char plain[PLAIN_MAX];
	struct buf coded;
	bool ok;
	int n;

	/* RFC 4616: NUL, who, NUL, password. */
	n = snprintf(plain, sizeof plain, "%c%s%cdemo", 0, user, 0);
	buf_init(&coded, 2 * PLAIN_MAX);
	seal_b64(slice_of(plain, (size_t)n), &coded);
	ok = demo_talk_greet(t, node->address, demo_port(d, DEMO_SUBMISSION)) &&
	     demo_talk_smtp(t, "235", "AUTH PLAIN %.*s", SLICE_FMT(buf_slice(&coded)));
	buf_fini(&coded);
	return ok;
}

bool
demo_mail_send(struct demo_talk *t, const char *from, const char *to, unsigned number)
{
	return demo_talk_smtp(t, "250", "MAIL FROM:<%s>", from) &&
	       demo_talk_smtp(t, "250", "RCPT TO:<%s>", to) &&
	       demo_talk_smtp(t, "354", "DATA") &&
	       demo_talk_smtp(t, "250",
		       "From: <%s>\r\nTo: <%s>\r\nSubject: mail %u\r\n"
		       "Message-ID: <%u.%s>\r\n\r\nHello, this is mail %u.\r\n.",
		       from, to, number, number, from, number);
}

bool
demo_mail_count(const struct demo *d, const struct demo_node *node, const char *user,
	struct demo_mail_count *count)
{
	static bool seen[NUMBERS_MAX];
	struct demo_talk t;
	bool over = false;

	*count = (struct demo_mail_count){0};
	memset(seen, 0, sizeof seen);
	if (!demo_talk_inbox(&t, node->address, demo_port(d, DEMO_IMAP), user) ||
		fputs("a UID FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]\r\n", t.out) < 0 ||
		fflush(t.out)) {
		demo_talk_hang_up(&t);
		return false;
	}
	while (!over && demo_talk_hear(&t)) {
		unsigned long number = strtoul(
			t.line + strcspn(t.line, "0123456789"), NULL, 10);

		over = !strncmp(t.line, "a ", 2);
		if (over || strncmp(t.line, "Subject: mail ", 14))
			continue;
		count->mails++;
		if (number < NUMBERS_MAX && !seen[number]) {
			seen[number] = true;
			count->numbers++;
		}
	}
	demo_talk_hang_up(&t);
	return over;
}

bool
demo_mail_await(const struct demo *d, const struct demo_node *node, const char *user,
	const char *wanted, char seen[101])
{
	struct demo_talk t;
	bool is_there = false;

	for (int i = 0; i < WAIT_TRIES && !is_there; i++) {
		is_there = demo_talk_inbox(&t, node->address, demo_port(d, DEMO_IMAP), user) &&
			   demo_talk_imap(&t, "FETCH 1:* BODY.PEEK[TEXT]", wanted, seen) > 0;
		demo_talk_hang_up(&t);
		if (!is_there)
			usleep(WAIT_US);
	}
	return is_there;
}
