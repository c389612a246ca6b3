/* survey: what `hairpin check` has to know of the world: answers of the DNS, and what servers
 * say when they are called. Judges ask it for facts. What isn't known yet is noted as wanted,
 * and the judges are run again from their beginning when more is known: so a judge is plain
 * code from facts to findings, and all that is wanted is asked for at once. Pure. */
#ifndef CMD_SURVEY_H
#define CMD_SURVEY_H

#include "core/dns.h"
#include "core/dns_record.h"
#include "crypto/tls_cert.h"
#include "crypto/tls_client.h"

/* Facts beyond these are answered with "too many"; RECORDS: of one answer that count. */
enum {
	SURVEY_QUESTIONS_MAX = 20000,
	SURVEY_CALLS_MAX = 100,
	SURVEY_RECORDS_MAX = 100,
	SURVEY_NAME_MAX = 256,
	SURVEY_WHY_MAX = 400
};
/* Asked for, not judged: the record that shows whether answers are validated. */
enum { SURVEY_DNSKEY = 48 };

struct survey;

/* --- for the judges: facts live as long as the survey --- */

struct survey_answer {
	struct dns_message message; /* whatever went wrong: an rcode of SERVFAIL */
	enum dns_security security;
	const struct dns_record *record; /* of those that have their type's shape */
	size_t n;
	const char *why; /* without an answer */
};
/* NULL: not known yet. */
const struct survey_answer *survey_ask(
	struct survey *s, const struct dns_name *name, unsigned type);
/* The same of text; what isn't a name of the DNS isn't answered. */
const struct survey_answer *survey_ask_text(struct survey *s, struct slice name, unsigned type);
/* NOERROR or NXDOMAIN? */
bool survey_has_answer(const struct survey_answer *a);
/* Did the DNS answer anything at all so far? */
bool survey_has_answers(const struct survey *s);

enum survey_protocol { SURVEY_SMTP, SURVEY_LMTP, SURVEY_SMTPS, SURVEY_IMAP, SURVEY_IMAPS };
struct survey_target {
	enum survey_protocol protocol;
	struct slice address; /* 4 or 16 octets */
	uint16_t port;
	bool wants_tls;			 /* STARTTLS, if it is offered */
	struct tls_client_demand demand; /* of that TLS; noted, never enforced */
};
/* What came of a call. Texts are printable ASCII. */
struct survey_said {
	bool is_connected, is_greeted, offers_tls, is_secure;
	unsigned mechanisms;	    /* of SMTP's AUTH: bits 1 << enum sasl_mechanism */
	char name[SURVEY_NAME_MAX]; /* SMTP: what it calls itself */
	char why[SURVEY_WHY_MAX];   /* it ended before its time; "" */
	/* With TLS: */
	char version[SURVEY_NAME_MAX]; /* "TLSv1.3 with cipher ..." */
	enum tls_client_fault fault;
	char fault_why[SURVEY_WHY_MAX];
	bool has_cert, is_for_name; /* the first of the demand's */
	struct tls_cert_facts cert;
};
/* NULL: not known yet. Copies the target. Calls to the same protocol, address and port are one,
 * the first one's. */
const struct survey_said *survey_call(struct survey *s, const struct survey_target *target);

/* --- for who finds the facts out --- */

struct survey *survey_new(void);
/* NULL is fine. */
void survey_free(struct survey *s);
struct survey_question;
struct survey_visit;
/* The next one that is wanted and wasn't given yet; NULL: none. */
struct survey_question *survey_next_question(struct survey *s);
const struct dns_name *survey_question_name(const struct survey_question *q, unsigned *type);
struct survey_visit *survey_next_visit(struct survey *s);
const struct survey_target *survey_visit_target(const struct survey_visit *v);
/* The answer is copied. */
void survey_answer(
	struct survey *s, struct survey_question *q, const struct dns_answer *answer);
void survey_tell(struct survey *s, struct survey_visit *v, const struct survey_said *said);
/* Is anything wanted that isn't known? */
bool survey_is_open(const struct survey *s);
/* All that isn't known now, or is wanted from now on, is answered with why (static). */
void survey_end(struct survey *s, const char *why);

#endif
