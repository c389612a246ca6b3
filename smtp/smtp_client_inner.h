/* smtp_client_inner: a connection's state, and what the files of the client
 * (smtp_client*.c) share; only they include it. Pure. */
#ifndef SMTP_CLIENT_INNER_H
#define SMTP_CLIENT_INNER_H

#include "core/arena.h"
#include "crypto/sasl.h"
#include "crypto/scram.h"
#include "smtp/smtp_client.h"

enum smtp_client_state {
	SMTP_CLIENT_ST_NEW,
	SMTP_CLIENT_ST_OPENING, /* greeting, EHLO, STARTTLS, AUTH */
	SMTP_CLIENT_ST_TLS,	/* the handshake */
	SMTP_CLIENT_ST_IDLE,
	SMTP_CLIENT_ST_ENVELOPE, /* also what is left to hear of a mail that was refused */
	SMTP_CLIENT_ST_BODY,	 /* the driver owes a BODY */
	SMTP_CLIENT_ST_CHUNK,	 /* replies to chunks are awaited before it goes on */
	SMTP_CLIENT_ST_ASK,	 /* the driver owes a DOT */
	SMTP_CLIENT_ST_DOT,	 /* the final dot was sent */
	SMTP_CLIENT_ST_RESET,
	SMTP_CLIENT_ST_QUIT,
	SMTP_CLIENT_ST_CLOSED
};
/* What a reply that is awaited will answer. */
enum smtp_client_command {
	SMTP_CLIENT_CMD_GREETING,
	SMTP_CLIENT_CMD_EHLO, /* LHLO too */
	SMTP_CLIENT_CMD_HELO,
	SMTP_CLIENT_CMD_STARTTLS,
	SMTP_CLIENT_CMD_AUTH,
	SMTP_CLIENT_CMD_XFORWARD,
	SMTP_CLIENT_CMD_MAIL,
	SMTP_CLIENT_CMD_RCPT,
	SMTP_CLIENT_CMD_DATA,
	SMTP_CLIENT_CMD_CHUNK,
	SMTP_CLIENT_CMD_DOT,
	SMTP_CLIENT_CMD_LONE_DOT, /* RFC 2920 3.1: no recipient was accepted, but DATA was */
	SMTP_CLIENT_CMD_RSET,
	SMTP_CLIENT_CMD_QUIT
};
struct smtp_client_awaited {
	enum smtp_client_command command;
	size_t rcpt; /* of RCPT; of DOT with LMTP */
};
/* Which command of the envelope is the next to be written. */
enum smtp_client_next {
	SMTP_CLIENT_NEXT_XFORWARD,
	SMTP_CLIENT_NEXT_MAIL,
	SMTP_CLIENT_NEXT_RCPT,
	SMTP_CLIENT_NEXT_DATA,
	SMTP_CLIENT_NEXT_NONE
};
enum {
	SMTP_CLIENT_CHUNKS_MAX = 16, /* whose replies are awaited at a time */
	SMTP_CLIENT_CLOSING = 421    /* RFC 5321 3.8: it may come at any time; the host's */
};

struct smtp_client {
	struct smtp_client_limits lim;
	struct smtp_client_setup su;	 /* its slices are in keep */
	struct arena keep, greeting, tx; /* connection, since EHLO, mail */
	enum smtp_client_state state;
	bool is_secure, is_leaving;
	uint64_t now_ms;
	uint64_t wait_from_ms;	   /* of the first reply that is awaited; of the handshake */
	uint64_t progress_from_ms; /* of the message */
	uint64_t tx_from_ms;
	struct smtp_client_reply reply;
	struct smtp_client_hello hello;
	struct smtp_client_awaited *awaited; /* a ring */
	size_t awaited_first, awaited_n, awaited_room;
	struct smtp_client_outcome end;

	enum sasl_mechanism mechanism;
	unsigned auth_step;
	struct scram_client scram;

	/* the mail in hand; outcomes outlive it */
	const struct smtp_client_mail *mail;
	struct smtp_client_outcome *outcomes;
	size_t outcomes_n;
	struct slice sender, *paths; /* without brackets */
	uint32_t mails;		     /* begun on this connection */
	enum smtp_client_next next;
	unsigned forwards; /* attributes of XFORWARD that are to be written */
	size_t next_rcpt;
	size_t accepted;	  /* recipients, with MAIL */
	bool has_rcpt_ok;	  /* RCPT was answered with yes, whatever became of MAIL */
	bool is_refused;	  /* all of it: nothing more is written */
	bool uses_bdat, has_utf8; /* an address or a header field */
	bool has_last;		  /* the text is whole */
	bool is_dot_sent;
	bool is_clean; /* the server is as after EHLO */
	struct smtp_client_body body;
	struct buf chunk; /* to be sent with the next BDAT, or with the final dot */

	unsigned acts; /* bits 1 << enum smtp_client_act, of this step */
	struct buf out;
};

/* --- smtp_client.c --- */
void smtp_client_act(struct smtp_client *c, enum smtp_client_act act);
/* A reply to what was just put into c->out is awaited. */
void smtp_client_await(struct smtp_client *c, enum smtp_client_command command, size_t rcpt);
/* The connection ends now; a mail in hand gets the outcome. What was to be sent isn't. */
void smtp_client_fail(struct smtp_client *c, const struct smtp_client_outcome *why);
/* The same with QUIT, for servers that wait for our next command. why: NULL: nothing is wrong,
 * and no mail is in hand. */
void smtp_client_leave(struct smtp_client *c, const struct smtp_client_outcome *why);

/* --- smtp_client_outcome.c --- */
/* Of the reply that has come; its text is in a. 421 is the host's, whatever the scope. */
struct smtp_client_outcome smtp_client_of_reply(struct smtp_client *c, struct arena *a,
	enum smtp_client_stage stage, enum smtp_client_scope scope);
/* The class of its code isn't for the mail: deferred. */
void smtp_client_soften(struct smtp_client_outcome *o);
/* Ours, of scope MAIL. words: static. */
struct smtp_client_outcome smtp_client_of_us(enum smtp_client_result result,
	enum smtp_client_stage stage, const char *enhanced, const char *words);
/* Printable, at most SMTP_CLIENT_REPLY_TEXT_MAX octets; in a. */
struct slice smtp_client_clean(struct arena *a, struct slice words);
/* Sets an outcome unless there is one. */
void smtp_client_judge(struct smtp_client *c, size_t i, const struct smtp_client_outcome *o);
/* All that have none yet. */
void smtp_client_judge_all(struct smtp_client *c, const struct smtp_client_outcome *o);

/* --- smtp_client_open.c: replies, then the handshake's end --- */
void smtp_client_on_greeting(struct smtp_client *c, size_t rcpt, bool is_ok);
void smtp_client_on_ehlo(struct smtp_client *c, size_t rcpt, bool is_ok);
void smtp_client_on_helo(struct smtp_client *c, size_t rcpt, bool is_ok);
void smtp_client_on_starttls(struct smtp_client *c, size_t rcpt, bool is_ok);
void smtp_client_on_secure(struct smtp_client *c, bool is_done, struct slice words);

/* --- smtp_client_auth.c --- */
void smtp_client_auth_begin(struct smtp_client *c);
void smtp_client_on_auth(struct smtp_client *c, size_t rcpt, bool is_ok);

/* --- smtp_client_mail.c --- */
/* Takes a mail in hand; begins it if the connection is idle. */
void smtp_client_take_mail(struct smtp_client *c, const struct smtp_client_mail *mail);
/* Between mails: the next one begins, or is awaited. */
void smtp_client_go_idle(struct smtp_client *c);
/* Each recipient has its outcome, and no reply is awaited. */
void smtp_client_finish(struct smtp_client *c);
void smtp_client_on_xforward(struct smtp_client *c, size_t rcpt, bool is_ok);
void smtp_client_on_mail(struct smtp_client *c, size_t rcpt, bool is_ok);
void smtp_client_on_rcpt(struct smtp_client *c, size_t rcpt, bool is_ok);
void smtp_client_on_data(struct smtp_client *c, size_t rcpt, bool is_ok);
void smtp_client_on_lone_dot(struct smtp_client *c, size_t rcpt, bool is_ok);
void smtp_client_on_rset(struct smtp_client *c, size_t rcpt, bool is_ok);

/* --- smtp_client_send.c --- */
void smtp_client_begin_body(struct smtp_client *c);
void smtp_client_on_body(struct smtp_client *c, const struct smtp_client_event *ev);
void smtp_client_on_may_send(struct smtp_client *c, bool may_send);
void smtp_client_on_chunk(struct smtp_client *c, size_t rcpt, bool is_ok);
void smtp_client_on_dot(struct smtp_client *c, size_t rcpt, bool is_ok);

/* --- smtp_client_command.c: lines into c->out --- */
/* The inside of the brackets, checked, as that server may be told it; false: it isn't a path.
 * Lives in tx. */
bool smtp_client_path(struct smtp_client *c, struct slice address, struct slice *path);
void smtp_client_put_mail(struct smtp_client *c);
void smtp_client_put_rcpt(struct smtp_client *c, size_t i);
/* As many of c->forwards as a line holds. */
void smtp_client_put_xforward(struct smtp_client *c);

#endif
