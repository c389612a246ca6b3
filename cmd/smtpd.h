/* smtpd: what the parts of the process smtpd share: the process (proc_smtpd), one
 * client's connection (smtpd_client), its questions to the directory and to auth
 * (smtpd_lookup, smtpd_auth), and the mail's way to filterd and store
 * (smtpd_queue). */
#ifndef CMD_SMTPD_H
#define CMD_SMTPD_H

#include "cmd/client_address.h"
#include "cmd/proc.h"
#include "cmd/rest.h"
#include "cmd/server_tls.h"
#include "cmd/smtpd_body.h"
#include "cmd/smtpd_limits.h"
#include "core/arena.h"
#include "core/conn.h"
#include "crypto/queue_seal.h"
#include "crypto/sasl.h"
#include "crypto/tls_caller.h"
#include "smtp/smtp_session.h"
#include "store/sending.h"
#include "store/view.h"

enum {
	SMTPD_ASK_MS = 60000, /* filterd, store */
	SMTPD_AUTH_MS = 20000,
	SMTPD_NAME = 10, /* letters of a session's name */
	SMTPD_LIFTS_MAX = 64,
	SMTPD_ALARMS = 64
};

struct smtpd_listener {
	struct smtpd *d;
	uint32_t index;
	int fd;
	struct loop_fd *watch;
};

struct smtpd_alarm {
	uint64_t account, hour;
};

struct smtpd {
	struct proc *p;
	struct server_tls tls;
	struct view *view; /* NULL until the database could be opened */
	struct rest rest;
	struct seal_key repeat_key, srs_key;
	struct seal_key guard_key; /* of the loop guard; for listeners of kind filter */
	bool has_keys, has_guard_key, is_leaving, is_full;
	bool is_drained; /* clients go elsewhere, once nothing of theirs is at hand */
	struct smtpd_limits *limits;
	struct smtp_limits session_limits;
	struct smtpd_listener listener[CONFIG_LISTENERS_MAX];
	/* Beside the configuration's listeners: whom they know by certificates, or NULL. */
	struct tls_caller *callers[CONFIG_LISTENERS_MAX];
	size_t listeners;
	struct smtpd_client *clients; /* list */
	uint32_t client_count;
	uint64_t next_session;
	struct arena scratch;	      /* of one lookup */
	struct queue_seal queue_seal; /* towards keyd: one chain for many mails */
	/* repeat keys to be lifted: told in one command, soon, or before an equal mail is
	 * proposed */
	uint8_t lift[SMTPD_LIFTS_MAX][SEAL_HASH];
	size_t lifts;
	/* whose sending limits the log was told of lately */
	struct smtpd_alarm alarm[SMTPD_ALARMS];
	size_t alarms;
	struct loop_timer *lift_timer, *accept_timer, *leave_timer;
};

struct smtpd_client {
	struct smtpd *d;
	struct smtpd_client *next, *prev;
	const struct config_listener *at;
	const struct tls_caller *callers; /* NULL: it needs no certificate */
	struct client_address from;
	char name[SMTPD_NAME + 1];
	bool is_refused, is_denied, is_waiting, is_paused, is_finishing;
	struct conn *conn;
	struct smtp_session *session; /* NULL until implicit TLS stands */
	struct loop_timer *timer, *delay;
	struct ipc_question *question;
	uint64_t number; /* unique here, for auth */
	/* login */
	struct sasl sasl;
	bool has_sasl;
	enum smtp_auth_outcome outcome; /* held back for auth's delay */
	struct buf challenge;
	uint64_t account; /* who logs in; then who is logged in */
	bool may_relay;
	struct sending_limits sending; /* the account's, as of its mail */
	bool is_account_gone;	       /* changed while it logs in */
	bool is_elsewhere;	       /* not in a network that the account may log in from */
	struct buf user;	       /* canonical */
	/* mail */
	struct smtpd_body body;
	struct buf head, index; /* sealed */
	struct buf author;	/* the one address in From, canonical, or empty */
	bool answers_decrypted;
	uint32_t head_size;
	uint8_t sealed_key[QUEUE_SEAL_SIZE];
	uint64_t queue_key;
	unsigned guard_ways; /* of its loop guard, if that is good */
	uint8_t repeat_key[SEAL_HASH], last_repeat_key[SEAL_HASH];
	bool has_repeat_key, has_last_repeat_key;
	struct buf asked_rcpt; /* for log lines */
};

/* smtpd_client.c */
/* Takes fd. */
void smtpd_client_new(struct smtpd *d, const struct smtpd_listener *l, int fd,
	const struct client_address *from);
/* Frees at once, without a word. */
void smtpd_client_free(struct smtpd_client *c);
/* One event; carries out what comes of it. The client may be finishing afterwards, but is never
 * freed within. */
void smtpd_client_step(struct smtpd_client *c, struct smtp_event *ev);
/* An answer that came through the loop: reading goes on after it. */
void smtpd_client_answer(struct smtpd_client *c, struct smtp_event *ev);
/* Nothing is read from the client until smtpd_client_answer. */
void smtpd_client_wait(struct smtpd_client *c);
/* Octets have come that the session was not given yet. */
bool smtpd_client_has_unread(const struct smtpd_client *c);

/* proc_smtpd.c: one client fewer. */
void smtpd_client_gone(struct smtpd *d);

/* smtpd_lookup.c: synchronous questions to the directory. */
bool smtpd_lookup_open(struct smtpd *d);
/* Canonical form as the directory has it, in a; false: no such address can be ours. */
bool smtpd_lookup_canonical(struct slice path, struct arena *a, struct slice *out);
void smtpd_lookup_sender(struct smtpd_client *c, struct slice path);
void smtpd_lookup_rcpt(struct smtpd_client *c, struct slice path);
/* ERR_OK; ERR_QUOTA when not one of the recipients has room for the mail as it is now. */
enum err smtpd_lookup_room(struct smtpd_client *c);
/* Of who is logged in: its limits, and what it sent as of now. */
enum err smtpd_lookup_sending(
	struct smtpd_client *c, struct sending_limits *limits, struct sending *use);
/* Is one of these mails, by their hashes, known as decrypted here? */
enum err smtpd_lookup_opened(struct smtpd *d, struct slice hashes, bool *is_known);
enum err smtpd_lookup_queue_key(struct smtpd *d, uint64_t *id, uint8_t public_key[32]);
struct smtpd_login {
	uint64_t account; /* 0: unknown or disabled */
	bool may_relay, is_elsewhere;
	struct slice user, verifier; /* in d->scratch */
};
enum err smtpd_lookup_login(struct smtpd_client *c, struct slice user, struct smtpd_login *out);

/* smtpd_auth.c: a login; each call leads to one SMTP_EV_AUTH. */
/* initial: base64 as sent, empty if none was. */
void smtpd_auth_begin(struct smtpd_client *c, struct slice mechanism, struct slice initial);
/* The client's answer to a challenge, without its line end. */
void smtpd_auth_line(struct smtpd_client *c, struct slice line);
/* Gives the login up and wipes what it held; no event comes of it. */
void smtpd_auth_drop(struct smtpd_client *c);

/* smtpd_sending.c: how many the account may send to. */
/* Leads to SMTP_EV_SENDING. */
void smtpd_sending_ask(struct smtpd_client *c);
/* The store refused its mail: the limit that is reached, as SMTP_EV_QUEUED wants it. */
void smtpd_sending_put_full(struct smtpd_client *c, struct buf *out);

/* smtpd_queue.c: a mail that has arrived whole. */
/* head: plain, borrowed. Leads to SMTP_EV_SCORED. */
void smtpd_queue_score(struct smtpd_client *c, struct slice head);
/* After a good score. Leads to SMTP_EV_QUEUED. */
void smtpd_queue_propose(struct smtpd_client *c);
/* The client has read the last 250: an equal mail is a new one from now on. */
void smtpd_queue_lift(struct smtpd_client *c);
/* Forgets the mail and wipes its key. */
void smtpd_queue_drop(struct smtpd_client *c);

#endif
