/* courier_sts: what a domain demands of those who send to it (MTA-STS, RFC 8461): the policy
 * that the log keeps, looked for anew now and then; or the one that is fetched now. */
#ifndef CMD_COURIER_STS_H
#define CMD_COURIER_STS_H

#include "cmd/courier.h"
#include "smtp/smtp_sts.h"

struct courier_sts;
struct courier_sts_question;
/* policy: NULL: the domain has none, or none that could be had in time. It lives as long as the
 * question, which the callback may cancel. */
typedef void (*courier_sts_cb)(void *arg, const struct smtp_sts_policy *policy);

/* For the life of the process. */
struct courier_sts *courier_sts_new(struct courier *c);
/* Copies domain (A-labels, lower case). No callback before the return. A policy that is kept is
 * given at once; else the callback comes in COURIER_STS_WAIT_MS, and what is found later counts
 * for the next question. */
enum { COURIER_STS_WAIT_MS = 10000 };
struct courier_sts_question *courier_sts_ask(
	struct courier_sts *s, struct slice domain, courier_sts_cb cb, void *arg);
/* No callback comes after it. NULL is fine. */
void courier_sts_cancel(struct courier_sts_question *q);

#endif
