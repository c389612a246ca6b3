/* smtp_cmd: a command line of the client, checked and carried out by the row
 * of its verb. Private to smtp_session*.c and smtp_cmd*.c. Pure. */
#ifndef SMTP_CMD_H
#define SMTP_CMD_H

#include "smtp/smtp_session.h"

/* smtp_cmd.c: one command line without its end; is_bare: it had bare CR, LF or NUL. */
void smtp_cmd_line(struct smtp_session *s, struct slice line, bool is_bare);
/* The rest: rows' functions, and answers to what they asked. */
enum smtp_reply smtp_cmd_mail_check(struct smtp_session *s, struct slice args);
void smtp_cmd_mail_proceed(struct smtp_session *s, struct slice args);
void smtp_cmd_mail_sending(struct smtp_session *s, const struct smtp_event *ev);
void smtp_cmd_mail_sender(struct smtp_session *s, enum smtp_sender_class c);
enum smtp_reply smtp_cmd_mail_rcpt_check(struct smtp_session *s, struct slice args);
void smtp_cmd_mail_rcpt_proceed(struct smtp_session *s, struct slice args);
void smtp_cmd_mail_rcpt_answer(struct smtp_session *s, const struct smtp_event *ev);
void smtp_cmd_mail_data(struct smtp_session *s, struct slice args);
enum smtp_reply smtp_cmd_mail_bdat_check(struct smtp_session *s, struct slice args);
void smtp_cmd_mail_bdat(struct smtp_session *s, struct slice args);
/* MAIL that isn't taken. */
void smtp_cmd_mail_refuse(struct smtp_session *s, enum smtp_reply r);
/* BDAT that must not be: its octets are swallowed, then `why` is said. */
void smtp_cmd_mail_bdat_refuse(struct smtp_session *s, struct slice args, enum smtp_reply why);
enum smtp_reply smtp_cmd_auth_check(struct smtp_session *s, struct slice args);
void smtp_cmd_auth_proceed(struct smtp_session *s, struct slice args);
void smtp_cmd_auth_line(struct smtp_session *s, struct slice line, bool is_bare);
void smtp_cmd_auth_answer(struct smtp_session *s, const struct smtp_event *ev);

#endif
