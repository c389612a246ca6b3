/* smtp_policy: who may send what to whom: decisions as pure functions of facts
 * that the process looked up. NONE means: go on. Pure. */
#ifndef SMTP_POLICY_H
#define SMTP_POLICY_H

#include "smtp/smtp_reply.h"

/* What a listener is for. */
enum smtp_kind {
	SMTP_KIND_MX,
	SMTP_KIND_SUBMISSION,
	SMTP_KIND_LMTP,
	SMTP_KIND_REINJECT, /* mail that a gateway gives back: for ours, and to be relayed */
	SMTP_KIND_FILTER    /* a gateway's: any mail, which goes back to where it came from */
};

struct smtp_who {
	enum smtp_kind kind;
	bool is_secure;	      /* TLS is active */
	bool trusts_loopback; /* trust_loopback_plain_auth, and the client is on loopback */
	bool is_authenticated;
	bool may_relay; /* a service account with that right */
	/* It must show a certificate that the listener knows, and hasn't. */
	bool is_stranger;
};

/* What the directory said of a sender whom an authenticated client names. */
enum smtp_sender_class {
	SMTP_SENDER_OWN, /* the account may send as it */
	SMTP_SENDER_OTHER,
	SMTP_SENDER_UNKNOWN /* the lookup failed */
};

/* What the directory said of a recipient. */
enum smtp_rcpt_class {
	SMTP_RCPT_LOCAL,   /* a mailbox, alias, group, forward or catch-all of ours */
	SMTP_RCPT_NO_USER, /* our domain, nobody there */
	SMTP_RCPT_REMOTE,  /* not our domain */
	SMTP_RCPT_OVER_QUOTA,
	SMTP_RCPT_DISABLED,
	SMTP_RCPT_NOT_POSTER, /* a group, to which this sender may not write */
	SMTP_RCPT_UNKNOWN     /* the lookup failed */
};

/* May this client log in now? */
enum smtp_reply smtp_policy_auth(const struct smtp_who *w);
/* May it begin a mail at all? */
enum smtp_reply smtp_policy_mail(const struct smtp_who *w);
/* May it say by XFORWARD who its own client was? Those listeners trust their clients, once they
 * know them. */
bool smtp_policy_forwards(const struct smtp_who *w);
/* Must the sender be looked up? Not the null sender: read receipts have it. */
bool smtp_policy_asks_sender(const struct smtp_who *w, bool is_null);
enum smtp_reply smtp_policy_sender(const struct smtp_who *w, enum smtp_sender_class c);
enum smtp_reply smtp_policy_rcpt(const struct smtp_who *w, enum smtp_rcpt_class c);

#endif
