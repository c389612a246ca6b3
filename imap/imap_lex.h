/* imap_lex: cuts a client's octets into commands (RFC 9051 sections 4.3 and 9,
 * RFC 7888 LITERAL+). Pure. A command's text is kept as it came, literals
 * inside it ("{3}" CRLF "abc"), so that imap_parse reads it without a side
 * table. What is announced or sent costs at most `cap` octets of memory: longer
 * text is read to its end and dropped, a literal is kept only when the caller
 * says so and it fits. CRLF and bare LF both end a line; NUL and 8-bit octets
 * are passed on for the parser to judge. */
#ifndef IMAP_LEX_H
#define IMAP_LEX_H

#include "core/buf.h"

enum imap_lex_event {
	IMAP_LEX_MORE, /* all input was taken */
	/* A literal is announced (literal_size, literal_sync, literal_binary); the text so
	 * far ends with its line. Call one of keep, stream, refuse before the next step. */
	IMAP_LEX_LITERAL,
	IMAP_LEX_DATA, /* *data holds octets of a streamed literal, borrowed from the input */
	IMAP_LEX_DATA_END, /* the streamed literal is complete */
	IMAP_LEX_COMMAND,  /* complete: imap_lex_text; call imap_lex_next when it was handled */
	IMAP_LEX_TOO_LONG, /* ended, but longer than cap: the text holds only its beginning */
	IMAP_LEX_REFUSED,  /* ended, after a refused non-synchronising literal was skipped */
	IMAP_LEX_LOST	   /* nobody can know where the next command begins: BYE and close */
};

enum imap_lex_phase {
	IMAP_LEX_IN_LINE,
	IMAP_LEX_IN_CHOICE,
	IMAP_LEX_IN_KEEP,
	IMAP_LEX_IN_STREAM,
	IMAP_LEX_IN_SKIP,
	IMAP_LEX_AT_END,
	IMAP_LEX_IS_LOST
};

enum {
	IMAP_LEX_TAIL = 32,
	IMAP_LEX_HEAD = 128,		  /* octets kept of a command that is too long */
	IMAP_LEX_SKIP_MAX = 256 * 1048576 /* largest refused literal that is read and dropped */
};

struct imap_lex {
	struct buf text; /* its cap is the limit of one command, kept literals included */
	size_t line_at;
	uint64_t literal_size, left;
	enum imap_lex_phase phase;
	bool literal_sync, literal_binary;
	bool is_refused, is_too_long, is_raw_line;
	uint8_t n_tail, tail[IMAP_LEX_TAIL];
};

/* Takes no memory until the first octet. cap: at least 1,024. */
void imap_lex_init(struct imap_lex *l, size_t cap);
/* Wipes and frees the text. */
void imap_lex_fini(struct imap_lex *l);
/* A new limit (call it between commands). */
void imap_lex_cap(struct imap_lex *l, size_t cap);
/* Forgets the last command, wipes it, and gives its memory back; is_raw_line: what follows
 * is one line without literals (a SASL response, DONE). */
void imap_lex_next(struct imap_lex *l, bool is_raw_line);
/* Takes octets from the front of *in. data is set at IMAP_LEX_DATA only. After an event
 * other than MORE call again with what is left of *in. In the end states (COMMAND, TOO_LONG,
 * REFUSED) a step before imap_lex_next takes nothing and says the same again. */
enum imap_lex_event imap_lex_step(struct imap_lex *l, struct slice *in, struct slice *data);

/* Reads the announced literal into the text. False (nothing changed) when it doesn't fit
 * under the cap: refuse it then. */
bool imap_lex_keep(struct imap_lex *l);
/* Hands the announced literal out in IMAP_LEX_DATA pieces, then DATA_END; the text goes
 * on with what follows it. */
void imap_lex_stream(struct imap_lex *l);
/* Lets the rest of a literal that is being streamed fall; REFUSED comes at the end. */
void imap_lex_drop(struct imap_lex *l);
/* True: synchronising, the client sends no more of this command: answer it now, then
 * imap_lex_next. False: REFUSED (or LOST, past IMAP_LEX_SKIP_MAX) comes from a later step. */
bool imap_lex_refuse(struct imap_lex *l);

/* The command as it came, its last line end included. Borrowed until imap_lex_next. */
static inline struct slice
imap_lex_text(const struct imap_lex *l)
{
	return buf_slice(&l->text);
}

/* True between commands, when no octet of the next one has come. */
static inline bool
imap_lex_is_idle(const struct imap_lex *l)
{
	return l->phase == IMAP_LEX_IN_LINE && l->text.n == 0 && !l->is_too_long;
}

#endif
