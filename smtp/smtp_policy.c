#include "smtp/smtp_policy.h"

enum smtp_reply
smtp_policy_auth(const struct smtp_who *w)
{
	if (w->kind != SMTP_KIND_SUBMISSION)
		return SMTP_REPLY_NOT_HERE;
	if (!w->is_secure && !w->trusts_loopback)
		return SMTP_REPLY_AUTH_NEEDS_TLS;
	return SMTP_REPLY_NONE;
}

enum smtp_reply
smtp_policy_mail(const struct smtp_who *w)
{
	if (w->is_stranger)
		return w->is_secure ? SMTP_REPLY_STRANGER : SMTP_REPLY_NEEDS_TLS;
	if (w->kind != SMTP_KIND_SUBMISSION)
		return SMTP_REPLY_NONE;
	if (!w->is_secure && !w->trusts_loopback)
		return SMTP_REPLY_NEEDS_TLS;
	return w->is_authenticated ? SMTP_REPLY_NONE : SMTP_REPLY_NEEDS_AUTH;
}

bool
smtp_policy_forwards(const struct smtp_who *w)
{
	return !w->is_stranger &&
	       (w->kind == SMTP_KIND_REINJECT || w->kind == SMTP_KIND_FILTER);
}

bool
smtp_policy_asks_sender(const struct smtp_who *w, bool is_null)
{
	return w->is_authenticated && !w->may_relay && !is_null;
}

enum smtp_reply
smtp_policy_sender(const struct smtp_who *w, enum smtp_sender_class c)
{
	if (w->may_relay || c == SMTP_SENDER_OWN)
		return SMTP_REPLY_NONE;
	return c == SMTP_SENDER_OTHER ? SMTP_REPLY_NOT_YOUR_SENDER : SMTP_REPLY_LOOKUP_ERROR;
}

enum smtp_reply
smtp_policy_rcpt(const struct smtp_who *w, enum smtp_rcpt_class c)
{
	/* Who is there, and has room, the server knows that the mail goes back to. */
	if (w->kind == SMTP_KIND_FILTER && c != SMTP_RCPT_UNKNOWN)
		return SMTP_REPLY_NONE;
	switch (c) {
	case SMTP_RCPT_LOCAL:
		return SMTP_REPLY_NONE;
	case SMTP_RCPT_NO_USER:
		return SMTP_REPLY_UNKNOWN_USER;
	case SMTP_RCPT_REMOTE:
		return w->is_authenticated || w->kind == SMTP_KIND_REINJECT
			       ? SMTP_REPLY_NONE
			       : SMTP_REPLY_RELAY_DENIED;
	case SMTP_RCPT_OVER_QUOTA:
		return SMTP_REPLY_OVER_QUOTA;
	case SMTP_RCPT_DISABLED:
		return SMTP_REPLY_MAILBOX_DISABLED;
	case SMTP_RCPT_NOT_POSTER:
		return SMTP_REPLY_NOT_POSTER;
	case SMTP_RCPT_UNKNOWN:
		break;
	}
	return SMTP_REPLY_LOOKUP_ERROR;
}
