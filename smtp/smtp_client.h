/* smtp_client: one connection to an SMTP or LMTP server, from its greeting to
 * QUIT (RFC 5321, RFC 2033; 2920 PIPELINING, 1870 SIZE, 6152 8BITMIME, 6531
 * SMTPUTF8, 2034 enhanced codes, 3207 STARTTLS, 4954 AUTH, 3030 CHUNKING and
 * BINARYMIME, 3461 DSN, 9422 LIMITS, Postfix's XFORWARD) as
 * step(client, event) -> output and actions. Pure: time, octets and answers
 * come in events. Never reads the message but to write it, never sends a bare
 * CR or LF, never says a login in the clear unless it is told to.
 *
 * The driver connects, gives OPEN, and then one event at a time; each INPUT is
 * taken whole. It sends the output, then carries the actions out in order; what
 * they ask may be answered at once, a next mail is given at IDLE. The server is
 * hostile: it can end the connection by what it says, and nothing else.
 *
 * A mail is in hand from MAIL until DONE: by then each of its recipients has
 * exactly one outcome. Several mails go over one connection, one after another. */
#ifndef SMTP_CLIENT_H
#define SMTP_CLIENT_H

#include "core/buf.h"
#include "smtp/smtp_client_body.h"
#include "smtp/smtp_client_hello.h"
#include "smtp/smtp_client_reply.h"
#include "smtp/smtp_parse.h"

/* How long a whole reply may take, counted from the command, or from the reply before it; RFC
 * 5321 4.5.3.2 and Postfix's defaults. */
struct smtp_client_limits {
	uint32_t hello_ms; /* the greeting; EHLO, HELO, LHLO; AUTH */
	uint32_t tls_ms;   /* STARTTLS; then the handshake */
	uint32_t xforward_ms, mail_ms, rcpt_ms;
	uint32_t data_init_ms;	/* DATA */
	uint32_t data_block_ms; /* the message: without progress (BODY, WROTE); a chunk */
	uint32_t data_done_ms;	/* the final dot, the last chunk */
	uint32_t rset_ms, quit_ms;
	uint32_t transaction_ms; /* from a mail's first command to its final dot */
	uint32_t rcpt_max;	 /* recipients of a transaction */
	uint32_t chunk_least; /* octets of a chunk but the last one: at most CHUNK_LEAST_MAX */
};
/* 300 s each; DATA 120 s, block 180 s, done 600 s, RSET 20 s, QUIT 5 s, transaction 7,200 s;
 * 50 recipients; chunks of 32 KiB. */
enum { SMTP_CLIENT_CHUNK_LEAST_MAX = 32 << 10 };
void smtp_client_limits_default(struct smtp_client_limits *l);

enum smtp_client_tls {
	SMTP_CLIENT_TLS_NONE,
	SMTP_CLIENT_TLS_MAY, /* STARTTLS if it is offered; refused, in the clear */
	SMTP_CLIENT_TLS_MUST
};
struct smtp_client_setup {
	bool is_lmtp;
	struct slice hostname; /* ours, for EHLO: checked */
	enum smtp_client_tls tls;
	bool is_secure; /* the connection began with TLS */
	/* A login that is wanted: without it no mail is sent. Empty user: none. nonce: for
	 * SCRAM, printable without commas, new, unguessable. */
	struct slice user, password, nonce;
	bool may_auth_in_clear;
	bool sends_xforward; /* if it is offered; for servers that are trusted with it */
	unsigned discards; /* bits of enum smtp_client_offer: the server isn't believed these */
	const struct smtp_client_limits *limits;
};

struct smtp_client;
/* Copies the setup. */
struct smtp_client *smtp_client_new(const struct smtp_client_setup *setup);
/* NULL is fine. A mail in hand is forgotten. Wipes the login. */
void smtp_client_free(struct smtp_client *c);

struct smtp_client_rcpt {
	struct slice address; /* as in a path, quotes where they are needed */
	struct slice orcpt;   /* "type;address" decoded, or empty */
	unsigned notify;      /* SMTP_NOTIFY_*, 0: not said */
};
struct smtp_client_mail {
	struct slice sender; /* empty: the null path */
	const struct smtp_client_rcpt *rcpt;
	size_t rcpt_n;
	uint64_t size_bytes; /* about; 0: not known */
	bool is_8bit;	     /* it has octets above 127; clear it to send them all the same */
	bool is_binary;	     /* it has NULs */
	bool smtputf8;	     /* a header field has them; addresses are looked at */
	enum smtp_ret ret;
	struct slice envid;
	struct slice forward[SMTP_CLIENT_FORWARDS]; /* for XFORWARD; empty: unknown */
};

enum smtp_client_event_kind {
	SMTP_CLIENT_EV_OPEN,  /* first of all: it is connected */
	SMTP_CLIENT_EV_INPUT, /* octets, behind TLS if that is active */
	SMTP_CLIENT_EV_WROTE, /* some of the output has left */
	SMTP_CLIENT_EV_END,   /* the server closed, or the connection broke */
	SMTP_CLIENT_EV_TICK,  /* when smtp_client_due_ms says so, or more often */
	SMTP_CLIENT_EV_SECURE,
	SMTP_CLIENT_EV_MAIL, /* none is in hand; may come before IDLE, and waits for it then */
	SMTP_CLIENT_EV_BODY, /* after WANT_BODY, for this mail, before DONE */
	SMTP_CLIENT_EV_DOT,
	/* End as soon as nothing is lost by it: at once before the final dot, after the
	 * server's answer to it, with QUIT when no mail is in hand. */
	SMTP_CLIENT_EV_SHUTDOWN
};
enum { SMTP_CLIENT_BODY_MAX = 256 << 10 }; /* octets of one BODY */
struct smtp_client_event {
	enum smtp_client_event_kind kind;
	uint64_t now_ms; /* monotonic */
	union {
		struct slice input;
		struct slice end; /* words for people; empty: the server closed */
		struct {
			bool is_done;
			struct slice words; /* why not */
		} secure;
		const struct smtp_client_mail *mail; /* borrowed, all of it, until DONE */
		struct {
			struct slice octets;
			bool is_last;
			bool is_lost; /* the text can't be had: nothing of it is delivered */
		} body;
		bool may_send; /* DOT; false: the connection is closed without it */
	};
};

enum smtp_client_act {
	SMTP_CLIENT_ACT_START_TLS, /* begin the handshake -> SECURE */
	SMTP_CLIENT_ACT_WANT_BODY, /* once the output has drained -> BODY */
	/* The text has left but for its last piece, which the final dot or the LAST chunk goes
	 * with: may it? -> DOT. From then on the mail may have been delivered. */
	SMTP_CLIENT_ACT_ASK_DOT,
	SMTP_CLIENT_ACT_DONE, /* outcomes are final; BODY and DOT are wanted no more */
	SMTP_CLIENT_ACT_IDLE, /* ready for a mail, and none is in hand */
	SMTP_CLIENT_ACT_CLOSE /* once the output is sent; smtp_client_end says why */
};
enum { SMTP_CLIENT_ACTS_MAX = 6 };
/* The output lives until the next step. */
struct smtp_client_acts {
	struct slice output;
	enum smtp_client_act act[SMTP_CLIENT_ACTS_MAX];
	size_t n;
};

void smtp_client_step(struct smtp_client *c, const struct smtp_client_event *ev,
	struct smtp_client_acts *out);
/* When the next TICK is due; UINT64_MAX: nothing of the server's is awaited. */
uint64_t smtp_client_due_ms(const struct smtp_client *c);

/* --- outcomes --- */

enum smtp_client_result {
	SMTP_CLIENT_NONE, /* none yet */
	SMTP_CLIENT_SENT,
	SMTP_CLIENT_DEFERRED, /* refused for now */
	SMTP_CLIENT_FAILED,   /* refused for good */
	SMTP_CLIENT_LOST,     /* the connection ended before the final dot: not sent */
	SMTP_CLIENT_UNKNOWN,  /* it ended after the final dot: maybe sent. To be deferred */
	SMTP_CLIENT_CONVERT,  /* it has 8-bit octets, which the server can't take */
	SMTP_CLIENT_LEFT,     /* not tried: the server takes no more recipients at once, or
				 no more mails on this connection. To be given again */
	SMTP_CLIENT_STOPPED   /* by the driver, before the final dot: not sent */
};
/* Whose failure it is. HOST: the server's, or the way to it: another mail would fare no better,
 * another host may. MAIL: this mail's for all that were left of its recipients (also a 4xx to
 * MAIL, which may be the server's all the same). */
enum smtp_client_scope { SMTP_CLIENT_OF_HOST, SMTP_CLIENT_OF_MAIL, SMTP_CLIENT_OF_RCPT };
/* What was answered, or awaited. */
enum smtp_client_stage {
	SMTP_CLIENT_AT_GREETING,
	SMTP_CLIENT_AT_HELLO,
	SMTP_CLIENT_AT_STARTTLS,
	SMTP_CLIENT_AT_TLS,
	SMTP_CLIENT_AT_AUTH,
	SMTP_CLIENT_AT_IDLE,
	SMTP_CLIENT_AT_XFORWARD,
	SMTP_CLIENT_AT_MAIL,
	SMTP_CLIENT_AT_RCPT,
	SMTP_CLIENT_AT_DATA,
	SMTP_CLIENT_AT_BODY, /* a chunk that isn't the last too */
	SMTP_CLIENT_AT_DOT,  /* the last chunk too */
	SMTP_CLIENT_AT_RSET,
	SMTP_CLIENT_AT_QUIT
};
enum smtp_client_cause {
	SMTP_CLIENT_BY_REPLY,
	SMTP_CLIENT_BY_LOSS, /* the connection ended */
	SMTP_CLIENT_BY_TIME, /* a deadline */
	SMTP_CLIENT_BY_RULE, /* what the server said isn't SMTP, or out of turn */
	SMTP_CLIENT_BY_TLS,  /* the handshake failed, or TLS isn't to be had */
	SMTP_CLIENT_BY_US    /* ours, or the driver's decision; the server said nothing */
};
struct smtp_client_outcome {
	enum smtp_client_result result;
	enum smtp_client_scope scope;
	enum smtp_client_stage stage;
	enum smtp_client_cause cause;
	unsigned code; /* BY_REPLY: as the server said it, else 0 */
	/* RFC 3463, never empty but with NONE and LEFT: "5.1.1". Its class is that of the
	 * result: of a 5xx that only defers (STARTTLS, AUTH, XFORWARD) it is 4. */
	char enhanced[SMTP_CLIENT_REPLY_ENHANCED];
	/* BY_REPLY: "550 5.1.1 words", else words for people, or empty. Printable ASCII, at
	 * most SMTP_CLIENT_REPLY_TEXT_MAX octets. */
	struct slice text;
};
/* Of recipient i of the mail in hand, or of the last one. Lives until the next MAIL. */
const struct smtp_client_outcome *smtp_client_outcome(const struct smtp_client *c, size_t i);
/* Why the connection ended: scope HOST, or MAIL if the driver or its mail was the reason.
 * Result NONE: it hasn't, or with QUIT, nothing being wrong. A greeting of 521 (RFC 7504) is
 * FAILED: this host never takes mail; any other one that isn't 2xx is DEFERRED. */
const struct smtp_client_outcome *smtp_client_end(const struct smtp_client *c);
/* Appends "host NAME said: 550 5.1.1 words (in reply to RCPT TO command)", "lost connection
 * with NAME while sending DATA command", or the like. */
void smtp_client_explain(
	const struct smtp_client_outcome *o, struct slice host, struct buf *out);
/* Back from those words: whose reply it was, and the reply. False: not a server's reply. */
bool smtp_client_explained(struct slice words, struct slice *host, struct slice *reply);

/* What the server said to EHLO; zeros before. Lives until the next step. */
const struct smtp_client_hello *smtp_client_offers(const struct smtp_client *c);
/* What was mended in the text of the mail in hand, or of the last one: for the log. */
const struct smtp_client_body *smtp_client_mended(const struct smtp_client *c);

#endif
