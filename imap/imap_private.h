/* imap_private: what the session's files share. Nobody else includes it. */
#ifndef IMAP_PRIVATE_H
#define IMAP_PRIVATE_H

#include "core/arena.h"
#include "core/buf.h"
#include "imap/imap_att.h"
#include "imap/imap_lex.h"
#include "imap/imap_list.h"
#include "imap/imap_parse.h"
#include "imap/imap_search.h"
#include "imap/imap_session.h"
#include "store/view_mailbox.h"

enum imap_state {
	IMAP_NOT_AUTHENTICATED = 1,
	IMAP_AUTHENTICATED = 2,
	IMAP_SELECTED = 4,
	IMAP_LOGOUT = 8
};
enum {
	IMAP_ANY = IMAP_NOT_AUTHENTICATED | IMAP_AUTHENTICATED | IMAP_SELECTED,
	IMAP_IN = IMAP_AUTHENTICATED | IMAP_SELECTED
};
enum imap_command_flag {
	IMAP_UID_FORM = 1,  /* UID before it changes its meaning */
	IMAP_NO_EXPUNGE = 2 /* RFC 9051 7.5.1: no EXPUNGE responses while it runs */
};

struct imap_command {
	const char *name;
	unsigned states, flags;
	/* Arguments are in s->parse. Ends with imap_ok, imap_no, imap_bad, or goes on later (a
	 * question is out). */
	void (*run)(struct imap_session *s);
};

enum { IMAP_OWN_MAX = 16 };

/* The selected mailbox as this client knows it. */
struct imap_box {
	uint64_t id, modseq; /* modseq: up to which the picture was brought */
	uint32_t *uid;	     /* rising; sequence number = index + 1 */
	uint32_t count, room;
	uint32_t uidvalidity, uidnext;
	bool read_only;
	/* Changes of our own STOREs, told already or asked to be silent: not told again. */
	uint64_t own[IMAP_OWN_MAX];
	uint32_t own_n;
	uint32_t keywords; /* how many of the mailbox's the client was told */
	/* Flags newer than late_modseq are still to be told from late_uid on; 0: none. */
	uint32_t late_uid;
	uint64_t late_modseq;
};

struct imap_epoch {
	uint64_t id;
	struct seal_key key;
};

struct imap_session {
	const struct imap_host *ops;
	void *host;
	struct imap_settings set;
	struct imap_lex lex;
	struct arena arena; /* of a command */
	struct buf out;	    /* collected, then written */
	size_t out_mark;    /* what of it came before the transaction at hand */
	enum imap_state state;
	bool starting_tls; /* what the client sent behind STARTTLS is not ours to read */
	bool rev2, condstore, closing, idling, uid_form;
	uint64_t account;
	struct slice name;	/* malloc'ed */
	struct seal_pair *pair; /* secret memory */
	struct imap_epoch *epoch;
	uint32_t epochs, epoch_last;
	/* The epoch that keyd used for our last message: it does for so many more. */
	uint64_t wrap_epoch;
	uint32_t wraps_left;
	struct imap_box box;
	struct sasl sasl;
	bool in_sasl;
	uint32_t errors; /* BADs before the login */
	/* The command at hand: */
	const struct imap_command *command;
	struct slice tag;
	struct imap_parse parse;
	/* Goes on when the answer to a question comes; NULL: none is out. */
	void (*then)(struct imap_session *s, enum err e, const Commands__Result *result);
	/* Goes on when output has drained. */
	void (*more)(struct imap_session *s);
	void *work;		    /* the command's own, in its arena */
	struct imap_append *append; /* a literal is being taken */
	/* SEARCHRES: UIDs of the last SEARCH RETURN (SAVE). */
	uint32_t *saved;
	uint32_t saved_n;
};

/* --- replies (imap_reply.c) --- */
/* Appends to s->out; big outputs are handed over by imap_flush. */
void imap_put(struct imap_session *s, const char *text);
void imap_printf(struct imap_session *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void imap_flush(struct imap_session *s);
/* Tagged; they end the command. text: with its response code in brackets, if any. */
void imap_ok(struct imap_session *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* OK with a response code of any length, without its brackets; empty: none. */
void imap_ok_code(struct imap_session *s, struct slice code, const char *text);
void imap_no(struct imap_session *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void imap_bad(struct imap_session *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* BAD with the parser's sentence. */
void imap_bad_syntax(struct imap_session *s);
/* The end of the command's line, else BAD. */
bool imap_end(struct imap_session *s);
/* Asks the store; then comes with the answer. What isn't DONE: imap_refused says it. */
void imap_propose(struct imap_session *s, Commands__Command *c,
	void (*then)(struct imap_session *s, enum err e, const Commands__Result *result));
/* Why the store refused: "[CODE] words", in the arena or static; NULL: it didn't; "": nobody
 * knows what became of it. */
const char *imap_refusal(struct imap_session *s, enum err e, const Commands__Result *result);
/* True: the answer is an error, the command was ended (NO with the right code, or BYE when
 * nobody knows what became of it). */
bool imap_refused(struct imap_session *s, enum err e, const Commands__Result *result);
/* A transaction; NULL: NO was said. */
struct db_txn *imap_begin(struct imap_session *s);
/* False: what was read is torn; output since imap_begin was dropped, and NO was said. */
bool imap_end_txn(struct imap_session *s);
/* A mailbox name as this session writes it (UTF-8 or modified UTF-7), as astring. */
void imap_put_mailbox(struct imap_session *s, struct slice name);
void imap_put_string(struct imap_session *s, struct slice text);
void imap_capabilities(struct imap_session *s);
void imap_login(struct imap_session *s, const struct imap_login *login);

/* --- the selected mailbox (imap_view.c) --- */
void imap_view_close(struct imap_session *s);
/* Fills the picture. ERR_NOT_FOUND: gone. */
enum err imap_view_open(struct imap_session *s, struct db_txn *txn, uint64_t mailbox);
/* FLAGS and PERMANENTFLAGS. */
void imap_view_put_keywords(struct imap_session *s, const Commands__Mailbox *m);
/* Tells the client what changed: EXPUNGE (unless may_expunge is false), EXISTS, FETCH FLAGS.
 * False: the connection is full before all is told. */
bool imap_view_sync(struct imap_session *s, bool may_expunge);
/* Sequence number of a UID, 0: not in the picture. */
uint32_t imap_view_seq(const struct imap_session *s, uint32_t uid);
/* Index of the first UID >= uid. */
uint32_t imap_view_from(const struct imap_session *s, uint32_t uid);
/* The UIDs that a parsed set means, in the arena, rising. False: BAD was said. */
bool imap_view_uids(struct imap_session *s, struct imap_seqset *set, bool is_uid,
	uint32_t **uids, uint32_t *n);
void imap_view_put_flags(
	struct imap_session *s, const Commands__Mailbox *m, const struct schema_message *row);

/* --- a message's text (imap_message.c) --- */
enum err imap_message_key(struct imap_session *s, struct db_txn *txn,
	const struct schema_message *row, struct seal_key *key);

/* Wraps a new message's key by an epoch that is in the log. */
enum err imap_message_wrap(struct imap_session *s, uint64_t epoch, const struct seal_key *key,
	uint8_t wrapped[SEAL_WRAPPED]);

/* --- the commands, by file --- */
extern const struct imap_command imap_cmd_auth[], imap_cmd_mailbox[], imap_cmd_list[],
	imap_cmd_select[], imap_cmd_fetch[], imap_cmd_store[], imap_cmd_copy[],
	imap_cmd_expunge[], imap_cmd_append[], imap_cmd_search[];
/* A literal of APPEND: announced (true: it is a message: streamed, refused, or it waits for the
 * one before), its octets, the command's end. refused: the command ended after a literal that
 * fell, or is too long; false: no APPEND was at hand. */
bool imap_cmd_append_begin(struct imap_session *s);
void imap_cmd_append_data(struct imap_session *s, struct slice data);
void imap_cmd_append_end(struct imap_session *s);
bool imap_cmd_append_refused(struct imap_session *s);
void imap_cmd_append_free(struct imap_session *s);
void imap_cmd_append_wrapped(
	struct imap_session *s, enum err e, uint64_t epoch, struct slice wrapped);
/* A SASL response; one that was too long to be read ends the exchange by BAD. */
void imap_cmd_auth_line(struct imap_session *s, struct slice line);
void imap_cmd_auth_cancel(struct imap_session *s, const char *why);

#endif
