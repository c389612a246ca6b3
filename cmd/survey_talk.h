/* survey_talk: calls a mail server as far as it shows what it is: greeting, what it offers,
 * TLS and its certificate. No login, no mail. */
#ifndef CMD_SURVEY_TALK_H
#define CMD_SURVEY_TALK_H

#include "cmd/survey.h"
#include "core/loop.h"

/* Borrowed until the last callback. */
struct survey_talk_settings {
	struct loop *loop;
	struct tls_client *tls;
	struct slice hostname; /* ours, for EHLO */
	uint32_t timeout_ms;   /* of a whole call */
};
typedef void (*survey_talk_cb)(void *arg, const struct survey_said *said);

/* Borrows both until the callback, which comes exactly once, never before the return. */
void survey_talk_start(const struct survey_talk_settings *s, const struct survey_target *target,
	survey_talk_cb cb, void *arg);

#endif
