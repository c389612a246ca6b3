/* demo_mail: mail for the demo: numbered, each sent until it was answered 250, and found again
 * by its number. */
#ifndef CMD_DEMO_MAIL_H
#define CMD_DEMO_MAIL_H

#include "cmd/demo.h"
#include "cmd/demo_talk.h"

enum { DEMO_MAIL_LINE = 81 };

/* By SMTP from outside, to ann. False: t->line says what was heard instead of 250. */
bool demo_mail_send(struct demo_talk *t, unsigned number);
/* By submission, from ann to bob, through that node. */
bool demo_mail_submit(const struct demo *d, const struct demo_node *node, struct demo_talk *t,
	unsigned number);
/* Different numbers in a mailbox, and how many mails it holds; false: it can't be read. */
struct demo_mail_count {
	unsigned mails, numbers;
};
bool demo_mail_count(const struct demo *d, const struct demo_node *node, const char *user,
	struct demo_mail_count *count);

#endif
