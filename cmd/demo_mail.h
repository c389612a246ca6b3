/* demo_mail: mail for the demo: numbered, each sent until it was answered 250, and found again
 * by its number. Everybody's password is "demo". */
#ifndef CMD_DEMO_MAIL_H
#define CMD_DEMO_MAIL_H

#include "cmd/demo.h"
#include "cmd/demo_talk.h"

/* To a submission port, up to the login. */
bool demo_mail_login(struct demo_talk *t, const struct demo *d, const struct demo_node *node,
	const char *user);
/* In a session. False: t->line says what was heard instead of 250. Its Message-ID is
 * <NUMBER.FROM>. */
bool demo_mail_send(struct demo_talk *t, const char *from, const char *to, unsigned number);
/* Different numbers in a mailbox, and how many mails it holds; false: it can't be read. */
struct demo_mail_count {
	unsigned mails, numbers;
};
bool demo_mail_count(const struct demo *d, const struct demo_node *node, const char *user,
	struct demo_mail_count *count);
/* Until a line of what `fetch` (an IMAP command) says of the user's INBOX there holds `wanted`;
 * then that line is in seen. False: it doesn't come to that in ten seconds. */
bool demo_mail_await(const struct demo *d, const struct demo_node *node, const char *user,
	const char *wanted, char seen[101]);

#endif
