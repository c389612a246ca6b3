/* demo_talk: a client of the demo's servers: SMTP and IMAP, blocking, with patience. */
#ifndef CMD_DEMO_TALK_H
#define CMD_DEMO_TALK_H

#include <stdbool.h>
#include <stdio.h>

enum { DEMO_TALK_LINE = 4096 };

struct demo_talk {
	FILE *in, *out;		   /* NULL: no connection */
	char line[DEMO_TALK_LINE]; /* the newest that was heard, without its end */
};

/* address: numeric IPv4. False: nobody is there, or nobody answers in time. */
bool demo_talk_dial(struct demo_talk *t, const char *address, unsigned port);
void demo_talk_hang_up(struct demo_talk *t);
bool demo_talk_hear(struct demo_talk *t);
/* Sends a command; false unless the reply has that code. */
bool demo_talk_smtp(struct demo_talk *t, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* To an SMTP port, up to the reply to EHLO. */
bool demo_talk_greet(struct demo_talk *t, const char *address, unsigned port);
/* Sends a command, hears up to its tagged line; -1: that isn't OK, or none came. Else how many
 * lines held `wanted` (NULL: any); the last of them, at most 100 octets, is copied to seen (may
 * be NULL). */
int demo_talk_imap(
	struct demo_talk *t, const char *command, const char *wanted, char seen[101]);
/* Logged in, with INBOX selected. */
bool demo_talk_inbox(struct demo_talk *t, const char *address, unsigned port, const char *user);

#endif
