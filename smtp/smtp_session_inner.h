/* smtp_session_inner: a session's state, and what the files of the session
 * (smtp_session*.c, smtp_cmd*.c) share; only they include it. Pure. */
#ifndef SMTP_SESSION_INNER_H
#define SMTP_SESSION_INNER_H

#include "smtp/smtp_data.h"
#include "smtp/smtp_guard.h"
#include "smtp/smtp_head.h"
#include "smtp/smtp_session.h"

/* How far the transaction is; bits, for the rows. */
enum smtp_state {
	SMTP_ST_NEW = 1, /* no EHLO yet */
	SMTP_ST_READY = 2,
	SMTP_ST_MAIL = 4, /* sender given, no recipient accepted */
	SMTP_ST_RCPT = 8,
	SMTP_ST_CHUNKS = 16, /* between chunks of a message */
	SMTP_ST_ANY = 31
};
/* What the next octets of the client are. */
enum smtp_mode {
	SMTP_MODE_COMMAND,
	SMTP_MODE_AUTH,
	SMTP_MODE_DATA,
	SMTP_MODE_CHUNK,
	SMTP_MODE_WAIT, /* none: a question is open */
	SMTP_MODE_TLS,	/* none: the handshake's */
	SMTP_MODE_CLOSED
};
/* When the key of the last mail is lifted. */
enum smtp_lift {
	SMTP_LIFT_NONE,
	SMTP_LIFT_COMMAND, /* at the next command: the client waits for replies */
	SMTP_LIFT_BODY	   /* at the next body behind a 354: it sends commands in groups */
};

struct smtp_session {
	struct smtp_limits lim;
	struct smtp_who who;
	struct arena keep, hello, tx, line; /* session, since EHLO, transaction, command */
	struct slice hostname, client_ip, client_name, id;
	struct slice helo, tls_cipher;
	bool may_starttls, offers_scram, is_esmtp;
	unsigned strips;
	bool is_skipping;      /* the rest of a line that was too long */
	enum smtp_reply leave; /* close with this after the answer that is awaited; or NONE */
	bool has_pipelined;
	enum smtp_state state;
	enum smtp_mode mode;
	enum smtp_lift lift;
	uint32_t errors, auth_failures, junk, mails, refused_rcpts;
	uint64_t now_ms, idle_from_ms, tx_from_ms, window_from_ms, window_octets;
	int64_t now_sec;

	/* the transaction */
	struct smtp_envelope env;
	size_t rcpt_room;
	uint32_t rcpt_most;	    /* of its sender's limits; 0: any */
	struct smtp_mail mail;	    /* MAIL, while its question is open */
	struct smtp_rcpt_args rcpt; /* RCPT, likewise */
	struct smtp_data data;
	struct smtp_head head;
	struct smtp_guard guard;
	uint8_t body_hash[SEAL_HASH];
	uint64_t chunk_left;
	bool has_refused_mail; /* the last MAIL */
	bool chunk_is_last, is_body_open, has_failed_chunk;
	enum smtp_reply doom; /* why the message will be refused */
	struct slice full;    /* the sending limit that is reached */

	struct slice arg; /* for the "%" of the reply to come */
	struct buf reply, head_text;
	struct buf kept; /* of the header's octets that came with this step */
	struct smtp_acts *out;
};

/* smtp_session_body.c: octets in DATA and CHUNK mode; gives how many were taken. */
size_t smtp_session_body_input(struct smtp_session *s, struct slice in);
void smtp_session_body_begin(struct smtp_session *s);
void smtp_session_body_scored(struct smtp_session *s, enum err e, struct slice refusal);
void smtp_session_body_queued(struct smtp_session *s, const struct smtp_event *ev);

/* smtp_session.c */
void smtp_session_say(struct smtp_session *s, enum smtp_reply r);
void smtp_session_act(struct smtp_session *s, enum smtp_act_kind kind, struct slice slice);
void smtp_session_close(struct smtp_session *s, enum smtp_reply why);
/* Forgets sender, recipients and body; state READY unless it is NEW. */
void smtp_session_reset(struct smtp_session *s);

#endif
