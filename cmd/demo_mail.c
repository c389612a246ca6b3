#include "cmd/demo_mail.h"

#include <stdlib.h>
#include <string.h>

enum { NUMBERS_MAX = 100000 };

/* NUL ann@demo.test NUL demo, in Base64 (RFC 4616). */
static const char ann[] = "AGFubkBkZW1vLnRlc3QAZGVtbw==";

static bool
data(struct demo_talk *t, const char *from, const char *to, unsigned number)
{
	return demo_talk_smtp(t, "354", "DATA") &&
	       demo_talk_smtp(t, "250",
		       "From: <%s>\r\nTo: <%s>\r\nSubject: mail %u\r\n"
		       "Message-ID: <%u.%s>\r\n\r\nHello, this is mail %u.\r\n.",
		       from, to, number, number, from, number);
}

bool
demo_mail_send(struct demo_talk *t, unsigned number)
{
	return demo_talk_smtp(t, "250", "MAIL FROM:<carol@example.net>") &&
	       demo_talk_smtp(t, "250", "RCPT TO:<ann@demo.test>") &&
	       data(t, "carol@example.net", "ann@demo.test", number);
}

bool
demo_mail_submit(const struct demo *d, const struct demo_node *node, struct demo_talk *t,
	unsigned number)
{
	return demo_talk_greet(t, node->address, demo_port(d, DEMO_SUBMISSION)) &&
	       demo_talk_smtp(t, "235", "AUTH PLAIN %s", ann) &&
	       demo_talk_smtp(t, "250", "MAIL FROM:<ann@demo.test>") &&
	       demo_talk_smtp(t, "250", "RCPT TO:<bob@demo.test>") &&
	       data(t, "ann@demo.test", "bob@demo.test", number);
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
