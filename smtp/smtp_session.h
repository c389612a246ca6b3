/* smtp_session: one SMTP, submission or LMTP session (RFC 5321, 6409, 2033; 2920
 * PIPELINING, 1870 SIZE, 6152 8BITMIME, 6531 SMTPUTF8, 2034 ENHANCEDSTATUSCODES,
 * 3207 STARTTLS, 4954 AUTH, 3030 CHUNKING, 3461 DSN, 9422 LIMITS) as
 * step(session, event) -> actions. Pure: time, octets and answers come in
 * events; replies, questions and body octets leave as actions.
 *
 * The driver gives one event at a time and carries the actions out in order.
 * An INPUT step takes at most one command line or one run of body octets: call
 * again with the rest while out.consumed is not 0. It takes nothing while a
 * question is open or TLS is being begun. */
#ifndef SMTP_SESSION_H
#define SMTP_SESSION_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/err.h"
#include "smtp/smtp_parse.h"
#include "smtp/smtp_policy.h"
#include "smtp/smtp_xforward.h"

struct smtp_limits {
	uint32_t line_max;	/* octets of a command line, CRLF included */
	uint32_t auth_line_max; /* of AUTH and of its responses */
	uint32_t rcpt_max;
	uint32_t error_max; /* this many 5xx replies since the last accepted mail, then 421 */
	uint32_t auth_failure_max; /* failed logins, then 421 */
	uint32_t junk_max; /* NOOP, RSET, VRFY, HELP, EHLO since the last mail; more are errors
			    */
	uint32_t hop_max;  /* Received fields; more is a loop */
	uint64_t size_max_bytes; /* of a message */
	uint32_t idle_ms;	 /* without a whole command or a body octet */
	uint32_t transaction_ms; /* from MAIL to the end of the message */
	uint32_t data_window_ms; /* the body's rate is looked at over such windows */
	uint32_t data_rate_min;	 /* octets a second in a window; 0: any */
};
/* idle 300 s, 20 errors, 1,000 recipients, 50 MiB, 50 hops, and so on. */
void smtp_session_limits_default(struct smtp_limits *l);

struct smtp_setup {
	enum smtp_kind kind;
	struct slice hostname, client_ip, client_name; /* ip as text; empty: local socket */
	struct slice id;	 /* printable, unique: mails are called id and a number */
	struct slice tls_cipher; /* implicit TLS, already active; else empty */
	bool may_starttls, trusts_loopback, offers_scram;
	bool is_stranger; /* must show a certificate: see smtp_who */
	unsigned strips;  /* SMTP_GUARD_STRIP_x: fields that are taken out of messages */
	const struct smtp_limits *limits;
};

struct smtp_session;
/* Copies the setup. */
struct smtp_session *smtp_session_new(const struct smtp_setup *setup);
/* NULL is fine. */
void smtp_session_free(struct smtp_session *s);

enum smtp_event_kind {
	/* first of all. is_refused: the client is over its limits; is_denied: it isn't of those
	   whom the listener is for */
	SMTP_EV_OPEN,
	SMTP_EV_INPUT,
	SMTP_EV_TICK,	/* when smtp_session_due_ms says so, or more often */
	SMTP_EV_SECURE, /* the handshake ended */
	SMTP_EV_SENDING,
	SMTP_EV_SENDER,
	SMTP_EV_RCPT,
	SMTP_EV_AUTH,
	SMTP_EV_SCORED,
	SMTP_EV_QUEUED,		/* answers */
	SMTP_EV_SHUTDOWN,	/* the service stops: end as soon as nothing is lost by it */
	SMTP_EV_ACCOUNT_CHANGED /* what it logged in with may not count any more: the same */
};
enum smtp_auth_outcome {
	SMTP_AUTH_CONTINUE,
	SMTP_AUTH_ACCEPTED,
	SMTP_AUTH_REFUSED,
	SMTP_AUTH_ELSEWHERE, /* the password is right, the network isn't */
	SMTP_AUTH_MALFORMED,
	SMTP_AUTH_CANCELLED,
	SMTP_AUTH_THROTTLED,
	SMTP_AUTH_UNAVAILABLE
};
struct smtp_event {
	enum smtp_event_kind kind;
	uint64_t now_ms; /* monotonic */
	int64_t now_sec; /* UTC */
	union {
		struct {
			bool is_refused, is_denied;
		} open;
		struct slice input;
		struct {
			bool is_done, is_known; /* by its certificate */
			struct slice cipher;
		} secure;
		enum smtp_sender_class sender;
		/* e: not ERR_OK when it can't be known. full: the limit that is reached, "500
		 * recipients per hour, try again after 12:00", in words behind "sending limit
		 * of"; empty: it may go on. rcpt_max: no mail of more recipients can ever
		 * pass; 0: any. */
		struct {
			enum err e;
			struct slice full;
			uint32_t rcpt_max;
		} sending;
		/* address: what is to be used instead of the path's text; empty: the path as it
		 * is */
		struct {
			enum smtp_rcpt_class rcpt_class;
			struct slice address;
		} rcpt;
		struct {
			enum smtp_auth_outcome outcome;
			struct slice text; /* CONTINUE: the challenge, base64 */
			struct slice user; /* ACCEPTED: canonical login name */
			uint64_t account;
			bool may_relay;
		} auth;
		/* e: not ERR_OK when the body could not be kept or looked at (FULL, QUOTA,
		 * LIMIT: too many recipients for a command, have their replies). reply: a
		 * refusal such as "550 5.7.1 words"; empty: accepted */
		struct {
			enum err e;
			struct slice reply;
		} scored;
		/* id: the queue id. full: as of SENDING, when that is why it was refused (e is
		 * QUOTA then). has_unread: octets of the client have come that the session
		 * wasn't given yet. */
		struct {
			enum err e;
			struct slice id, full;
			bool has_unread;
		} queued;
	};
};

enum smtp_act_kind {
	/* may the account send to as many as the envelope has, or to one? -> SENDING */
	SMTP_ACT_ASK_SENDING,
	SMTP_ACT_ASK_SENDER, /* slice: path; may account send as it? -> SENDER */
	SMTP_ACT_ASK_RCPT,   /* slice: path -> RCPT */
	SMTP_ACT_AUTH_BEGIN, /* slice: mechanism; slice2: initial response as sent, p NULL: none
				-> AUTH */
	SMTP_ACT_AUTH_LINE,  /* slice: the client's line ("*" too) -> AUTH */
	SMTP_ACT_AUTH_DROP,  /* the exchange is over without an answer */
	SMTP_ACT_START_TLS,  /* drop unread input, begin the handshake -> SECURE */
	SMTP_ACT_BODY_BEGIN, /* a message's octets follow */
	SMTP_ACT_BODY,	     /* slice: octets, as they are to be kept */
	SMTP_ACT_BODY_DROP,  /* forget them: no ASK_SCORE will come */
	SMTP_ACT_ASK_SCORE,  /* the body is whole; slice: head fields -> SCORED */
	SMTP_ACT_ASK_QUEUE,  /* slice: head fields -> QUEUED; then body and envelope are
				forgotten */
	SMTP_ACT_LIFT, /* the client has read the last 250: an equal mail is wanted from now on
			*/
	SMTP_ACT_CLOSE /* once the replies are sent */
};
struct smtp_act {
	enum smtp_act_kind kind;
	struct slice slice, slice2;
};
enum { SMTP_ACTS_MAX = 8 };
/* Slices live until the next step. The reply (may be empty) goes out before the acts. code: the
 * last reply's. For the log of a refusal: sender is whose mail it was, though the transaction
 * is over or has not begun; follows: the client was told the reason before, by the reply to an
 * earlier command. */
struct smtp_acts {
	size_t consumed;
	struct slice reply, sender;
	unsigned code;
	bool follows;
	struct smtp_act act[SMTP_ACTS_MAX];
	size_t n;
};

void smtp_session_step(
	struct smtp_session *s, const struct smtp_event *ev, struct smtp_acts *out);
/* When the next TICK is due; UINT64_MAX: no wait of the client's is limited now. */
uint64_t smtp_session_due_ms(const struct smtp_session *s);
/* True between commands and outside of a transaction: closing now loses nothing. */
bool smtp_session_is_quiet(const struct smtp_session *s);

struct smtp_rcpt {
	struct slice address;
	struct slice orcpt; /* "type;address" decoded, or empty */
	unsigned notify;    /* SMTP_NOTIFY_* */
	bool is_ours;	    /* its domain */
};
/* Whole from ASK_SCORE until QUEUED was given; lives as long. */
struct smtp_envelope {
	struct slice sender; /* empty: null path */
	struct smtp_rcpt *rcpt;
	size_t rcpt_n;
	struct slice envid;
	enum smtp_ret ret;
	bool smtputf8;
	bool is_8bit, is_header_8bit; /* the message has octets above 127, its header has */
	uint64_t size_bytes; /* of the body; while recipients are given: what MAIL announced */
	struct slice message_id; /* of the body's only Message-ID; empty: none or several */
	struct slice
		added_id;  /* the Message-ID that we made, which the head brings; or empty */
	struct slice id;   /* the mail's name in our logs until it has a queue id */
	struct slice helo; /* also outside of a transaction */
	struct slice user; /* who sends; empty: not authenticated */
	struct smtp_xforward forward; /* what the client says of its own client */
	struct slice guard;	      /* the loop guard's field, if it is taken out; or empty */
	struct slice body_hash;	      /* of the octets behind the header */
	uint64_t account;
};
const struct smtp_envelope *smtp_session_envelope(const struct smtp_session *s);

#endif
