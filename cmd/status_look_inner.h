/* status_look_inner: what the files of status_look share: status_look has the log, fetching and
 * when to look again, status_look_chain asks of which certificate whom, status_look_ask asks
 * them, one address after the other. */
#ifndef CMD_STATUS_LOOK_INNER_H
#define CMD_STATUS_LOOK_INNER_H

#include "cmd/filterd_status.h"
#include "cmd/status_look.h"
#include "core/ipc.pb-c.h"
#include "crypto/cert_source.h"
#include "store/apply_status.h"

enum { STATUS_LOOK_GROUP_MAX = FILTERD_STATUS_SERIALS_MAX };

/* Who signed some of the certificates; each once. */
struct status_look_issuer {
	struct status_look_issuer *next;
	uint8_t sha256[SEAL_HASH];
	struct slice der;
};
/* A certificate that somebody is to be asked about. */
struct status_look_want {
	struct status_look_want *next;
	const struct status_look_issuer *issuer;
	struct slice sha256, serial, request; /* request: of OCSP */
	char *url;
	bool is_authority, is_taken;
	uint64_t until_sec;
	uint32_t tries;
};
struct status_look {
	struct status_look_how how;
	struct arena arena, turn; /* turn: until the next certificate or address */
	struct status_look_cert *cert;
	size_t certs, at;
	unsigned fetched;	   /* issuers of that one */
	struct slice asked_issuer; /* the last of them */
	unsigned tries;		   /* to read about that one */
	/* Authorities that came along with this look. */
	ProtobufCBinaryData extra[APPLY_STATUS_AUTHORITIES_MAX];
	size_t extras;
	struct status_look_issuer *issuers;
	struct status_look_want *wants;
	size_t waiting;
	struct status_look_want *group[STATUS_LOOK_GROUP_MAX]; /* who is asked about now */
	size_t grouped;
	struct cert_source_url url; /* that is asked now */
	bool is_asking;
	int fd; /* what came of it; -1: none */
	/* What goes to the log. */
	Commands__StatusEntry *entry[STATUS_LOOK_GROUP_MAX + 1];
	size_t entries, told;
	Commands__Authority *authority[APPLY_STATUS_AUTHORITIES_MAX];
	size_t authorities;
	void (*next)(struct status_look *l); /* when the log has it */
};

/* In that order, each for all: what is to be asked of each certificate, then each address. */
void status_look_next_cert(struct status_look *l);
void status_look_next_target(struct status_look *l);
void status_look_end(struct status_look *l);

uint64_t status_look_now_sec(const struct status_look *l);
/* Failed so often in a row: an hour, twice that, up to a day; and not all at once. */
uint64_t status_look_after_failures(const struct status_look *l, uint32_t tries);
/* Each day, before its time is over, but not more often than each hour. */
uint64_t status_look_after_success(const struct status_look *l, uint64_t next_sec);

/* What goes to the log, with the turn's memory; then next. */
void status_look_tell_then(struct status_look *l, void (*next)(struct status_look *l));
Commands__Status *status_look_add_entry(
	struct status_look *l, struct slice sha256, uint64_t until_sec);
/* Nobody can say, now. */
void status_look_add_unknown(
	struct status_look *l, Commands__Status *s, const char *why, uint32_t wait_sec);

/* Asks l->url, into the file. */
void status_look_fetch(
	struct status_look *l, struct slice ocsp, size_t size_max, ipc_answer_cb cb);
/* NULL: it is in the file, which nobody changes any more. */
const char *status_look_judge(struct status_look *l, enum err e, const Ipc__Fetched *f);
/* False: another one asks that host, or there is no room: later. */
bool status_look_may_ask(struct status_look *l);
void status_look_close_file(struct status_look *l);

#endif
