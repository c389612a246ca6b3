/* smtp_parse: command lines of SMTP and LMTP (RFC 5321 4.1) and the parameters
 * of MAIL and RCPT (RFC 1870 SIZE, 6152 BODY, 6531 SMTPUTF8, 4954 AUTH, 3461
 * RET, ENVID, NOTIFY, ORCPT). Pure. Never looks past the slice it is given.
 * What a client did wrong comes back as an enum smtp_reply; NONE is success. */
#ifndef SMTP_PARSE_H
#define SMTP_PARSE_H

#include "core/arena.h"
#include "core/err.h"
#include "smtp/smtp_reply.h"

enum {
	/* RFC 5321 4.5.3.1.4, CRLF included, and what the extensions add to MAIL
	 * (SIZE 26, BODY 17, SMTPUTF8 10, AUTH 500, RET and ENVID 118) and RCPT
	 * (NOTIFY 32, ORCPT 509): the larger sum serves for all. */
	SMTP_PARSE_LINE_MAX = 512 + 26 + 17 + 10 + 500 + 118,
	SMTP_PARSE_AUTH_LINE_MAX = 12288, /* RFC 4954 4 */
	SMTP_PARSE_PATH_MAX = 320,	  /* octets between the angle brackets */
	SMTP_PARSE_DOMAIN_MAX = 255,
	SMTP_PARSE_ENVID_MAX = 100, /* RFC 3461 4.4 */
	SMTP_PARSE_ORCPT_MAX = 500  /* RFC 3461 4.2 */
};

/* Finds the first line of `in`. On ERR_OK *line is the line without its end and
 * *consumed counts the end too. *line may hold NUL, bare CR and 8-bit octets;
 * *is_bare is set when it holds NUL or CR, or ended in a bare LF.
 * ERR_MORE: no line end yet. ERR_TOO_BIG: no line end within max octets;
 * *consumed is all of `in` up to a line end, and the caller drops what follows
 * up to and with the next LF (smtp_parse_skip). */
enum err smtp_parse_line(
	struct slice in, size_t max, struct slice *line, bool *is_bare, size_t *consumed);
/* Octets to drop up to and with the first LF; *found says whether it was there. */
size_t smtp_parse_skip(struct slice in, bool *found);

/* A line in two: the verb (letters, any case) and the rest without the blanks
 * around it. Both borrowed from line. */
struct smtp_command {
	struct slice verb, args;
};
struct smtp_command smtp_parse_command(struct slice line);

/* A path's inside. `raw` is local@domain without source route; local keeps its
 * quotes as sent. Borrowed from the line. is_null: "<>". Domain is empty for
 * <postmaster> only. */
struct smtp_path {
	struct slice raw, local, domain;
	bool is_null, has_utf8;
};

enum smtp_ret { SMTP_RET_NONE, SMTP_RET_FULL, SMTP_RET_HDRS };
enum {
	SMTP_NOTIFY_NEVER = 1,
	SMTP_NOTIFY_SUCCESS = 2,
	SMTP_NOTIFY_FAILURE = 4,
	SMTP_NOTIFY_DELAY = 8
};

struct smtp_mail {
	struct smtp_path from;
	uint64_t size_bytes; /* 0: not said */
	enum smtp_ret ret;
	bool smtputf8;
	struct slice envid; /* decoded, printable ASCII */
	struct slice auth;  /* decoded; empty: not said or <> */
};

struct smtp_rcpt_args {
	struct smtp_path to;
	unsigned notify;	 /* SMTP_NOTIFY_*, 0: not said */
	struct slice orcpt_type; /* such as rfc822 */
	struct slice orcpt;	 /* decoded, printable ASCII or UTF-8; empty: not said */
};

/* args: what follows MAIL or RCPT. *bad is the parameter's name where the reply
 * wants one. out borrows from args and from a; written on success only. */
enum smtp_reply smtp_parse_mail(
	struct slice args, struct arena *a, struct smtp_mail *out, struct slice *bad);
/* utf8: the transaction said SMTPUTF8. */
enum smtp_reply smtp_parse_rcpt(struct slice args, bool utf8, struct arena *a,
	struct smtp_rcpt_args *out, struct slice *bad);
/* "size [LAST]" (RFC 3030). */
enum smtp_reply smtp_parse_bdat(struct slice args, uint64_t *size, bool *is_last);
/* A domain or address literal as EHLO wants it; underscores are tolerated. */
bool smtp_parse_is_host(struct slice s);
/* RFC 3461 4: ERR_SYNTAX for malformed xtext and for octets outside printable
 * ASCII once decoded. Result in a. */
enum err smtp_parse_xtext(struct slice in, struct arena *a, struct slice *out);

#endif
