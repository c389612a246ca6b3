/* smtp_xforward: what the command XFORWARD says of a mail's first client (Postfix's
 * XFORWARD_README; LOGIN as in its XCLIENT). Pure. Who may say it is for the policy: the facts
 * are believed. */
#ifndef SMTP_XFORWARD_H
#define SMTP_XFORWARD_H

#include "core/arena.h"
#include "smtp/smtp_client_hello.h"
#include "smtp/smtp_reply.h"

enum { SMTP_XFORWARD_LINE_MAX = 512, SMTP_XFORWARD_VALUE_MAX = 255 };

/* By enum smtp_client_forward; empty: unknown. Printable ASCII. NAME is a host name, ADDR an
 * IPv4 or IPv6 address as text, PORT a number from 1 to 65535, SOURCE LOCAL or REMOTE. */
struct smtp_xforward {
	struct slice fact[SMTP_CLIENT_FORWARDS];
};

/* args: "NAME=value ADDR=value"; values are xtext, "[UNAVAILABLE]" is unknown, and so is what
 * isn't as said above, or is longer than SMTP_XFORWARD_VALUE_MAX. What isn't named stays as it
 * was in io, which is written on NONE alone and borrows from a. Refused are names that are
 * unknown, come twice, or have no value; *bad: the attribute's name for the reply. */
enum smtp_reply smtp_xforward_parse(
	struct slice args, struct arena *a, struct smtp_xforward *io, struct slice *bad);
/* Appends the keyword of EHLO with all attributes. */
void smtp_xforward_put_keyword(struct buf *out);

#endif
