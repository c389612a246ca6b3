/* smtp_reply: every reply of the SMTP and LMTP servers, as one table, and its
 * form on the wire (RFC 5321 4.2, RFC 2034 enhanced codes, RFC 3463). Pure.
 * Never copies a client's octets into a reply unchecked: an argument's octets
 * outside printable ASCII become "?", and it is cut at 400 octets. */
#ifndef SMTP_REPLY_H
#define SMTP_REPLY_H

#include "core/buf.h"

/* name, code, enhanced code ("" where the RFC wants none), text. A "%" in the
 * text stands for the argument. */
#define SMTP_REPLY_LIST(X)                                                                     \
	X(GREETING, 220, "", "% ESMTP hairpin")                                                \
	X(GREETING_LMTP, 220, "", "% LMTP hairpin")                                            \
	X(GREETING_BUSY, 421, "4.7.0",                                                         \
		"% Too many connections or too much mail from you, try later")                 \
	X(HELP, 214, "2.0.0",                                                                  \
		"EHLO HELO LHLO MAIL RCPT DATA BDAT RSET NOOP VRFY AUTH STARTTLS QUIT")        \
	X(READY_TLS, 220, "2.0.0", "Ready to start TLS")                                       \
	X(BYE, 221, "2.0.0", "Bye")                                                            \
	X(AUTH_OK, 235, "2.7.0", "Authentication successful")                                  \
	X(HELO, 250, "", "%")                                                                  \
	X(OK, 250, "2.0.0", "Ok")                                                              \
	X(SENDER_OK, 250, "2.1.0", "Ok")                                                       \
	X(RCPT_OK, 250, "2.1.5", "Ok")                                                         \
	X(QUEUED, 250, "2.0.0", "Ok: queued as %")                                             \
	X(CHUNK_OK, 250, "2.0.0", "Ok: % octets received")                                     \
	X(VRFY, 252, "2.5.2", "Cannot tell; send some mail and see")                           \
	X(AUTH_CHALLENGE, 334, "", "%")                                                        \
	X(DATA_GO, 354, "", "End data with <CR><LF>.<CR><LF>")                                 \
	X(TIMEOUT, 421, "4.4.2", "% Timeout, closing connection")                              \
	X(TOO_SLOW, 421, "4.4.2", "% Data comes too slowly, closing connection")               \
	X(TOO_MANY_ERRORS, 421, "4.7.0", "% Too many errors, closing connection")              \
	X(NOT_SMTP, 421, "4.7.0", "% This is not a web server, closing connection")            \
	X(SHUTDOWN, 421, "4.3.2", "% Service is restarting, try again")                        \
	X(ACCOUNT_CHANGED, 421, "4.7.0", "% Your account was changed, log in again")           \
	X(TLS_FAILED, 454, "4.7.0", "TLS not available now")                                   \
	X(AUTH_BUSY, 454, "4.7.0", "Authentication not available now")                         \
	X(AUTH_THROTTLED, 454, "4.7.0", "Too many failed logins, try later")                   \
	X(SENDING_LIMIT, 450, "4.7.1", "You have reached your sending limit of %")             \
	X(STRANGER, 450, "4.7.1", "Your client certificate isn't one that is known here")      \
	X(LOCAL_ERROR, 451, "4.3.0", "Internal error, nothing was taken, try again")           \
	X(LOOKUP_ERROR, 451, "4.3.0", "Address lookup failed, try again")                      \
	X(UNAVAILABLE, 451, "4.4.0", "Nothing can be taken in now, try again")                 \
	X(UNCONFIRMED, 451, "4.4.0", "Not confirmed in time, send it again")                   \
	X(NO_SPACE, 452, "4.3.1", "Insufficient system storage, try later")                    \
	X(TOO_MANY_RCPT, 452, "4.5.3", "Too many recipients")                                  \
	X(TOO_MANY_TO_SEND, 452, "4.5.3",                                                      \
		"Too many recipients: your sending limit is % at a time")                      \
	X(OVER_QUOTA, 452, "4.2.2", "Mailbox is full")                                         \
	X(UNKNOWN_COMMAND, 500, "5.5.1", "Command not recognized")                             \
	X(LINE_TOO_LONG, 500, "5.5.2", "Line too long")                                        \
	X(LINE_BARE, 500, "5.5.2", "Bare CR, bare LF or NUL in a command; lines end in CRLF")  \
	X(AUTH_TOO_LONG, 500, "5.5.6", "Authentication exchange line is too long")             \
	X(BAD_UTF8, 501, "5.5.2", "Malformed UTF-8 or 8-bit octets where none may be")         \
	X(NEEDS_DOMAIN, 501, "5.5.4", "Say your host name: EHLO host.example")                 \
	X(NO_ARGUMENT, 501, "5.5.4", "This command takes no argument")                         \
	X(NEEDS_ARGUMENT, 501, "5.5.4", "This command needs an argument")                      \
	X(SYNTAX_MAIL, 501, "5.5.4", "Syntax: MAIL FROM:<address> [parameters]")               \
	X(SYNTAX_RCPT, 501, "5.5.4", "Syntax: RCPT TO:<address> [parameters]")                 \
	X(SYNTAX_BDAT, 501, "5.5.4", "Syntax: BDAT size [LAST]")                               \
	X(SYNTAX_AUTH, 501, "5.5.4", "Syntax: AUTH mechanism [initial-response]")              \
	X(BAD_SENDER, 501, "5.1.7", "Bad sender address syntax")                               \
	X(BAD_RCPT, 501, "5.1.3", "Bad recipient address syntax")                              \
	X(BAD_PARAM, 501, "5.5.4", "Bad value of parameter %")                                 \
	X(TWICE_PARAM, 501, "5.5.4", "Parameter % is given twice")                             \
	X(AUTH_MALFORMED, 501, "5.5.2", "Cannot decode the authentication response")           \
	X(AUTH_CANCELLED, 501, "5.7.0", "Authentication cancelled")                            \
	X(NOT_HERE, 502, "5.5.1", "Command not implemented here")                              \
	X(BAD_SEQUENCE, 503, "5.5.1", "Bad sequence of commands")                              \
	X(HELLO_FIRST, 503, "5.5.1", "Say % first")                                            \
	X(MAIL_FIRST, 503, "5.5.1", "Need MAIL first")                                         \
	X(RCPT_FIRST, 503, "5.5.1", "Need RCPT first")                                         \
	X(NESTED_MAIL, 503, "5.5.1", "Sender was already given")                               \
	X(ALREADY_TLS, 503, "5.5.1", "TLS is already active")                                  \
	X(ALREADY_AUTH, 503, "5.5.1", "Already authenticated")                                 \
	X(CHUNK_FAILED, 503, "5.5.1", "An earlier chunk was refused, say RSET")                \
	X(IN_CHUNKS, 503, "5.5.1", "The message has begun with BDAT and must end with it")     \
	X(BAD_MECHANISM, 504, "5.5.4", "Authentication mechanism is not supported")            \
	X(NEEDS_TLS, 530, "5.7.0", "Must issue a STARTTLS command first")                      \
	X(NEEDS_AUTH, 530, "5.7.0", "Authentication required")                                 \
	X(AUTH_FAILED, 535, "5.7.8", "Authentication failed")                                  \
	X(AUTH_ELSEWHERE, 535, "5.7.1",                                                        \
		"This account may not log in from the address that you come from")             \
	X(AUTH_NEEDS_TLS, 538, "5.7.11", "Encryption required for authentication")             \
	X(UNKNOWN_USER, 550, "5.1.1", "Recipient address rejected: no such user here")         \
	X(MAILBOX_DISABLED, 550, "5.2.1", "Recipient address rejected: mailbox is disabled")   \
	X(NOT_POSTER, 550, "5.7.1",                                                            \
		"Recipient address rejected: you may not write to this group")                 \
	X(BARE_CR, 550, "5.6.0", "Message refused: bare CR in it; lines end in CRLF")          \
	X(BARE_LF, 550, "5.6.0", "Message refused: bare LF in it; lines end in CRLF")          \
	X(HAS_NUL, 550, "5.6.0", "Message refused: NUL octet in it")                           \
	X(TOO_BIG, 552, "5.3.4", "Message size exceeds the limit of % octets")                 \
	X(NEEDS_UTF8, 553, "5.6.7", "Address has non-ASCII characters, SMTPUTF8 required")     \
	X(NOT_YOUR_SENDER, 553, "5.7.1",                                                       \
		"Sender address rejected: not owned by the "                                   \
		"authenticated user")                                                          \
	X(GREETING_DENIED, 554, "5.7.1", "% No service for you here")                          \
	X(RELAY_DENIED, 554, "5.7.1", "Relay access denied")                                   \
	X(NO_VALID_RCPT, 554, "5.5.1", "No valid recipients")                                  \
	X(TOO_MANY_HOPS, 554, "5.4.6", "Too many hops: the mail is looping")                   \
	X(REFUSED, 550, "5.7.1", "Message refused")                                            \
	X(UNKNOWN_PARAM, 555, "5.5.4", "Parameter % is not supported")

enum smtp_reply {
	SMTP_REPLY_NONE, /* no reply: go on */
#define X(name, code, enhanced, text) SMTP_REPLY_##name,
	SMTP_REPLY_LIST(X)
#undef X
		SMTP_REPLY_COUNT
};

/* 0 for NONE. */
unsigned smtp_reply_code(enum smtp_reply r);
/* Static, "" where there is none. */
const char *smtp_reply_enhanced(enum smtp_reply r);
/* Appends one whole reply with CRLF; arg stands for "%". NONE appends nothing. */
void smtp_reply_put(struct buf *out, enum smtp_reply r, struct slice arg);
/* Appends one line of a multi-line reply without an enhanced code:
 * "250-text" or, the last, "250 text". */
void smtp_reply_line(struct buf *out, unsigned code, bool is_last, struct slice text);
/* Appends a text that another process chose: `text` must begin with a code of
 * 400 to 599, else LOCAL_ERROR is said. Cleaned as arguments are. Returns the
 * code that was said. */
unsigned smtp_reply_foreign(struct buf *out, struct slice text);

#endif
