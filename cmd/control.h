/* control: the command line's socket. One request a connection: a line of JSON
 * {"verb": "user add", ...}; one line of JSON comes back: {"ok": true, ...}
 * or {"ok": false, "error": "words", "code": sysexits}. The socket's mode
 * lets in root and our own user only. Verbs are rows of one table. */
#ifndef CMD_CONTROL_H
#define CMD_CONTROL_H

#include <jansson.h>

#include "cmd/courier.h"

struct conn;
struct control;
/* A request being worked on. Ends with exactly one control_reply or control_fail. */
struct control_request {
	struct control *control;
	struct courier *courier;
	struct conn *conn; /* NULL once the client has gone: the work ends all the same */
	struct arena arena;
	json_t *in;
	const struct control_verb *verb;
	/* What verbs with several steps keep: */
	Commands__Command command;
	uint64_t account;
	unsigned tries;
	json_t *done; /* what control_propose replies when it is done; NULL: nothing but ok */
	void *state;
};
struct control_verb {
	const char *name;
	void (*run)(struct control_request *r);
};

struct control *control_new(struct courier *c);
/* Takes fd, a listening socket. */
void control_listen(struct control *control, int fd);

/* result is taken; may be NULL: nothing but ok. */
void control_reply(struct control_request *r, json_t *result);
void control_fail(struct control_request *r, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Of the store's answer: was it done? False: the request has failed, and said why. */
bool control_is_done(struct control_request *r, enum err e, const ProtobufCMessage *answer);
/* Proposes r->command; then replies r->done, or says why not. */
void control_propose(struct control_request *r);
/* A text of the request, or NULL. */
const char *control_text(const struct control_request *r, const char *name);
/* The named text as a canonical address local@domain (or @domain when catch_all). Empty: it
 * failed, and said so. */
struct slice control_address(struct control_request *r, const char *name, bool catch_all);
/* The named array (or one text) as canonical addresses. False: failed. */
bool control_addresses(
	struct control_request *r, const char *name, ProtobufCBinaryData **list, size_t *n);
/* The same, of who is to get mail: those elsewhere keep their local part as it was given. */
bool control_targets(
	struct control_request *r, const char *name, ProtobufCBinaryData **list, size_t *n);
/* A domain in canonical form; empty: failed. */
struct slice control_domain(struct control_request *r, const char *name);
/* A view's transaction; NULL: failed and said so. End with view_end(r->courier->view). */
struct db_txn *control_read(struct control_request *r);
json_t *control_json(struct slice s);

#ifdef HAIRPIN_NEXT
extern const struct control_verb control_note_verbs[];
#endif
extern const struct control_verb control_directory_verbs[], control_account_verbs[],
	control_group_verbs[], control_queue_verbs[], control_cluster_verbs[],
	control_dns_verbs[], control_sts_verbs[], control_why_verbs[], control_policy_verbs[],
	control_explain_verbs[], control_policy_check_verbs[], control_key_verbs[],
	control_cert_verbs[], control_dkim_verbs[], control_status_verbs[];

#endif
