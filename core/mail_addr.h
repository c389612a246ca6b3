/* mail_addr: addresses. The path and mailbox of the envelope (RFC 5321 section
 * 4.1.2, RFC 6531 section 3.3) and their canonical form. The address lists of a
 * header are in core/mail_list. The home of libidn2. Pure. */
#ifndef CORE_MAIL_ADDR_H
#define CORE_MAIL_ADDR_H

#include "core/arena.h"
#include "core/buf.h"

/* RFC 5321 section 4.5.3.1, in octets; a path counts its angle brackets. */
enum {
	MAIL_ADDR_LOCAL_MAX = 64,   /* as written, quotes included */
	MAIL_ADDR_DOMAIN_MAX = 255, /* as written, and as A-labels */
	MAIL_ADDR_LABEL_MAX = 63,
	MAIL_ADDR_PATH_MAX = 256,
};

/* A checked address; only this module fills it. Slices live in the arena that
 * was given (never in the raw text). */
struct mail_addr {
	struct slice local;  /* without quotes and backslashes; may hold spaces and '@' */
	struct slice domain; /* as given; a literal with its brackets */
	bool is_null;	     /* <> */
	bool is_literal;     /* [192.0.2.1] or [IPv6:...] */
	bool is_utf8;	     /* has octets above 127: needs SMTPUTF8 */
};

/* These return NULL, or what is wrong: a static sentence without a full stop,
 * fit for a reply. *out is written on success only. */

/* local@domain, the whole of raw, nothing around it. */
const char *mail_addr_parse(struct slice raw, struct arena *a, struct mail_addr *out);
/* "<...>" at the start of raw, as in MAIL and RCPT: source routes are read over,
 * <> is the null path, <postmaster> alone has an empty domain. *used: octets
 * taken, to the closing bracket. */
const char *mail_addr_parse_path(
	struct slice raw, struct arena *a, size_t *used, struct mail_addr *out);
/* A domain name in its canonical form: lower-case A-labels. */
const char *mail_addr_parse_domain(struct slice raw, struct arena *a, struct slice *out);

/* The form by which the directory knows it: local part folded (mail_fold_name),
 * domain as lower-case A-labels. NULL, or what is wrong. The null path stays. */
const char *mail_addr_canonical(
	const struct mail_addr *from, struct arena *a, struct mail_addr *out);
/* local@domain as such a form, as text and without quotes. */
const char *mail_addr_canonical_text(struct slice raw, struct arena *a, struct slice *out);
/* local@domain whose local part stays as it was written, quotes too, as its own server alone
 * knows what is the same (RFC 5321 2.4); the domain's canonical form. */
const char *mail_addr_foreign_text(struct slice raw, struct arena *a, struct slice *out);
/* Splits a local part at the first of the delimiter's octets that isn't its
 * first octet: "a+b" gives "a" and "b". False: none; base is all, detail empty. */
bool mail_addr_split(
	struct slice local, struct slice delimiters, struct slice *base, struct slice *detail);
/* local@domain with quotes where they are needed, nothing for the null path;
 * only the local part when the domain is empty. False: out is full. */
bool mail_addr_format(const struct mail_addr *m, struct buf *out);

/* The text of an address literal, without brackets, "IPv6:" included for version
 * 6. Gives 4, 6, or 0: neither. */
int mail_addr_literal(struct slice text, uint8_t address[16]);

#endif
