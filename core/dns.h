/* dns: questions to the DNS, answered with their DNSSEC validation (RFC 4033 to 4035), over
 * libunbound, whose one home this is. Asynchronous on our loop, without threads or processes
 * of its own; one cache for all that is asked. What is bogus is never handed out. It opens no
 * file: the root's hints and trust anchors are built in. libunbound's lines go to log_debug. */
#ifndef CORE_DNS_H
#define CORE_DNS_H

#include "core/dns_message.h"
#include "core/dns_setting.h"
#include "core/loop.h"

/* RUNNING: questions that libunbound works on at once; WAITING: further ones that wait for
 * them. */
enum { DNS_RUNNING_MAX = 256, DNS_WAITING_MAX = 4096 };

struct dns;

struct dns_settings {
	const struct dns_setting_server *server; /* who does the work for us */
	size_t servers;				 /* 0: we do, from the root's servers down */
	const struct dns_setting_stub *stub;
	size_t stubs;
	const char *const *anchor; /* as dns_setting_anchor takes them, beside the root's */
	size_t anchors;
	bool validate;
};

enum dns_security {
	DNS_INSECURE, /* not signed, provably; or nothing is validated */
	DNS_SECURE,   /* validated up to a trust anchor, also that there is nothing */
	DNS_BOGUS     /* the signatures are wrong or missing: rcode SERVFAIL, no records */
};

/* Borrowed until the callback returns. Whatever goes wrong (no answer in time, too many
 * questions) is an rcode of SERVFAIL, and why says what. */
struct dns_answer {
	struct dns_message message;
	enum dns_security security;
	const char *why; /* "" when there is nothing to say */
};
typedef void (*dns_cb)(void *arg, const struct dns_answer *answer);

/* A stub zone is taken for unsigned, unless an anchor is for it, for a zone above it (the root
 * doesn't count), or below. Ends the process when libunbound doesn't take the settings. */
struct dns *dns_new(struct loop *loop, const struct dns_settings *settings);
/* Questions that aren't answered never will be. NULL is fine. */
void dns_free(struct dns *dns);
/* What is asked, how long the answer may take, who hears it. type: of dns_record_type_parse. */
struct dns_question {
	struct dns_name name;
	unsigned type;
	uint32_t timeout_ms;
	dns_cb cb;
	void *arg;
};
/* question is copied. Its callback comes exactly once, maybe before the return. */
void dns_ask(struct dns *dns, const struct dns_question *question);

#endif
