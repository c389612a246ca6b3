/* imap_session: one IMAP session (RFC 9051, RFC 3501): commands in, responses
 * out. Touches no socket, clock or loop: bytes, answers and wake-ups arrive by
 * the functions below, everything that it wants leaves through struct
 * imap_host. Reads the database through the host's transactions.
 *
 * One question at a time: while one is out, or output waits for room, input is
 * not taken. */
#ifndef IMAP_SESSION_H
#define IMAP_SESSION_H

#include "core/err.h"
#include "core/slice.h"
#include "crypto/sasl.h"
#include "crypto/seal.h"
#include "store/commands.pb-c.h"

struct imap_session;
struct db_txn;

struct imap_host {
	/* Queues output. */
	void (*write)(void *host, struct slice s);
	/* True while output waits: production stops until imap_session_drained. */
	bool (*is_full)(void *host);
	/* Ends after what is queued has left. */
	void (*close)(void *host);
	void (*start_tls)(void *host);
	/* A read transaction, or NULL (try again later). is_valid before what was read is used;
	 * end always. */
	struct db_txn *(*begin)(void *host);
	bool (*is_valid)(void *host);
	void (*end)(void *host);
	/* Answer: imap_session_proposed. fd: taken; -1 none. */
	void (*propose)(void *host, const Commands__Command *c, struct slice body, int fd,
		uint64_t fd_size);
	/* sasl's question. Answer: imap_session_authenticated. */
	void (*auth)(void *host, const struct sasl *sasl);
	/* Wraps a data key for the account. Answer: imap_session_wrapped. */
	void (*wrap)(void *host, const struct seal_key *key, bool fresh);
	/* A spool file without a name, or -1. */
	int (*spool)(void *host);
	/* Calls imap_session_drained in the loop's next turn: long work lets others in
	 * between. */
	void (*later)(void *host);
};

struct imap_settings {
	uint64_t append_max; /* octets of a message */
	bool may_tls;	     /* STARTTLS is offered while is_secure isn't so */
	bool is_secure;
	bool allow_plaintext_auth;
	bool scram;
	unsigned bindings; /* bits of enum tls_binding that the connection can give */
};

struct imap_session *imap_session_new(
	const struct imap_host *ops, void *host, const struct imap_settings *settings);
/* Never calls the host but for end of an open transaction. */
void imap_session_free(struct imap_session *s);
void imap_session_greet(struct imap_session *s);
/* Octets taken from the front. 0: busy, or nothing complete; call again after
 * imap_session_wants_input says so. */
size_t imap_session_input(struct imap_session *s, struct slice in);
bool imap_session_wants_input(const struct imap_session *s);
void imap_session_drained(struct imap_session *s);
/* After start_tls. */
void imap_session_secured(struct imap_session *s, unsigned bindings);

/* Answers. result: borrowed, NULL unless e is ERR_OK. */
void imap_session_proposed(struct imap_session *s, enum err e, const Commands__Result *result);
/* outcome ACCEPTED: account, its name, its key pair. */
struct imap_login {
	uint64_t account;
	struct slice name;
	struct seal_pair pair;
};
void imap_session_authenticated(struct imap_session *s, enum sasl_outcome outcome,
	struct slice message, const struct imap_login *login);
/* Instead: whether the password is right can't be told now, or its account can't be opened. */
void imap_session_auth_unavailable(struct imap_session *s);
void imap_session_wrapped(
	struct imap_session *s, enum err e, uint64_t epoch, struct slice wrapped);

/* What the store told: this mailbox changed (asked for the selected one only). */
void imap_session_touched(struct imap_session *s);
/* BYE and close: the account is gone or its password changed; the server stops; a deadline
 * passed. */
void imap_session_bye(struct imap_session *s, const char *why);
/* True between commands, and in IDLE: closing now loses nothing. */
bool imap_session_is_quiet(const struct imap_session *s);
/* Is a literal in, and the rest of its command not yet? Many clients send that by itself. */
bool imap_session_is_between(const struct imap_session *s);
/* 0: none. */
uint64_t imap_session_account(const struct imap_session *s);
uint64_t imap_session_mailbox(const struct imap_session *s);
/* In IDLE, or between commands? (for autologout) */
bool imap_session_is_logged_in(const struct imap_session *s);
struct slice imap_session_name(const struct imap_session *s);

#endif
