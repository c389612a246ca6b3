/* courier_relay_inner: hops, mails and connections, for the four files of the relay alone. */
#ifndef CMD_COURIER_RELAY_INNER_H
#define CMD_COURIER_RELAY_INNER_H

#include "cmd/courier_relay.h"
#include "cmd/courier_step.h"
#include "core/conn.h"
#include "crypto/tls_client.h"
#include "smtp/smtp_client.h"
#include "core/mail_downgrade.h"
#include "smtp/smtp_hop.h"
#include "smtp/smtp_slots.h"
#include "smtp/smtp_tls_policy.h"

enum {
	COURIER_HOP_BUCKETS = 256,
	COURIER_MAIL_BUCKETS = 1024,
	COURIER_ENDPOINTS_MAX = 16,
	COURIER_STATUS_MAX = 900
};

struct courier_mail;
struct courier_sts;
struct courier_conn;
struct courier_dkim;

/* A next hop with something in hand, or with a connection. */
struct courier_hop {
	struct courier_hop *next; /* of its bucket */
	struct courier_relay *relay;
	struct slice name; /* its own */
	const struct config_route *route;
	struct smtp_slots slots;
	uint32_t put_offs;	      /* of these, those that put it off */
	uint32_t mails;		      /* in hand */
	uint32_t in_line;	      /* of these, those without a connection yet */
	struct courier_mail *waiting; /* ready, without a connection; oldest first */
	struct courier_conn *conns;
	uint32_t calling;      /* connections that aren't ready yet */
	uint32_t tries;	       /* that failed in a row, as the log has it */
	uint64_t failed_at_ms; /* the newest failure that was proposed; 0: none */
	uint8_t lane;	       /* where the next look begins */
	bool has_more;	       /* than the last look had room for */
};

struct courier_relay {
	struct courier *c;
	struct courier_hop *bucket[COURIER_HOP_BUCKETS];
	struct courier_mail *mails[COURIER_MAIL_BUCKETS]; /* all in hand, by item */
	uint32_t mail_count;
	struct tls_client *tls;
	struct courier_sts *sts;
	struct smtp_client_limits limits;
	uint32_t connect_ms;
	loop_cb stopped;
	void *stopped_arg;
	struct loop_timer *stop_timer;
	bool is_stopping;
};

/* Where a mail in hand is: it waits for its key and a connection, the server has it, or its
 * outcome waits for the log. */
enum courier_mail_place { COURIER_MAIL_IN_LINE, COURIER_MAIL_ON_ITS_WAY, COURIER_MAIL_TOLD };

/* A mail in hand: some recipients of one item, on their way to one hop. */
struct courier_mail {
	struct courier_mail *next; /* of its bucket */
	struct courier_mail *next_waiting;
	struct courier_hop *hop;
	struct arena arena;
	struct courier_step s;
	bool is_filed; /* its recipients wait in relay */
	unsigned way;  /* LOOP_GUARD_x: through a gateway's engine; 0: this is no gateway's */
	uint64_t began_ms;
	bool puts_off; /* that its hop failed is on its way to the log with it */
	enum courier_mail_place place;
	struct courier_dkim *dkim; /* NULL: it isn't signed */
	bool has_sent_dkim, has_sent_head, is_text_lost;
	uint32_t part; /* the next one */
	/* For a server that takes no 8-bit octets: what its text becomes, once is_converted. */
	struct mail_downgrade *downgrade;
	const char *converts_for;
	bool is_converted, has_raw_end;
	struct buf raw; /* read, and not converted yet */
	struct smtp_client_mail mail;
	struct slice sender; /* of these recipients: as it came, or rewritten */
	struct ipc_question *question;
	struct loop_timer *again;
};

/* --- courier_relay.c --- */
/* Its key is open: it may be given to a connection. It is forgotten if the service stops. */
void courier_relay_ready(struct courier_mail *m);
/* The connection is ready for a mail. False: there is none. */
bool courier_relay_give(struct courier_conn *conn);
/* The hop can't be spoken to: status says why. What waits for a connection is put off, unless
 * others of its connections work, which will take it. */
void courier_relay_failed(struct courier_hop *hop, uint64_t since_ms, const char *status);
/* It changes its place: what it held there is free for another one. */
void courier_relay_move(struct courier_mail *m, enum courier_mail_place place);
/* It is forgotten. */
void courier_relay_done(struct courier_mail *m);
/* A connection has gone: what waits, and no other one will take, gets new ones. */
void courier_relay_serve(struct courier_hop *hop);
/* Unless it has something in hand. */
void courier_relay_forget_hop(struct courier_hop *hop);

/* --- courier_mail.c --- */
/* NULL: it can't be begun. */
struct courier_mail *courier_mail_new(struct courier_relay *r, struct courier_hop *hop,
	struct db_txn *txn, const struct courier_relay_work *w);
/* Until courier_mail_judge. */
const struct smtp_client_mail *courier_mail_envelope(const struct courier_mail *m);
/* No server has it: its text begins anew. */
void courier_mail_rewind(struct courier_mail *m);
/* The same, and it is ready once more. */
void courier_mail_begin_anew(struct courier_mail *m);
/* The next piece of its text, at most SMTP_CLIENT_BODY_MAX octets, into out. */
enum err courier_mail_text(struct courier_mail *m, struct buf *out, bool *is_last);
/* The same of the text as it came; at most one part. */
enum err courier_mail_raw(struct courier_mail *m, struct buf *out, bool *is_last);
/* Is it still ours to send, and as it was read? To be asked when it leaves the line, and right
 * before the final dot. */
bool courier_mail_is_ours(struct courier_mail *m);
/* The server has said what there is to say: outcomes become steps. */
struct courier_mail_server {
	struct slice host, relay, tls; /* relay: "host[ip]:port"; tls: words, or empty */
};
void courier_mail_judge(struct courier_mail *m, const struct smtp_client *client,
	const struct courier_mail_server *server);
/* Its hop can't be spoken to. is_first: the hop's failure is to be logged with it. */
void courier_mail_put_off(struct courier_mail *m, const char *status, bool is_first);
/* No server took it, and that may be the mail's fault: it alone is put off. */
void courier_mail_defer(struct courier_mail *m, const char *status);
/* Nothing of it went: with a status of 5 for good, else for now. */
void courier_mail_end(struct courier_mail *m, const char *status);
/* What can't be done now is still due, and looked at again, but not at once. Says what. */
void courier_mail_give_up(struct courier_mail *m, const char *what, enum err e);
/* Forgets it: what is left of it is still due. */
void courier_mail_free(struct courier_mail *m);
/* In the next turn: others are given what it leaves then. */
void courier_mail_free_later(struct courier_mail *m);

/* --- courier_convert.c --- */
/* That host takes no 8-bit octets: the mail is ready once more when it has been looked at; or
 * it bounces. */
void courier_convert_begin(struct courier_mail *m, struct slice host);
/* courier_mail_text of one that is_converted. */
enum err courier_convert_text(struct courier_mail *m, struct buf *out, bool *is_last);

/* --- courier_dkim.c --- */
/* Signs the mail as it is to be sent from now on, if it is one to be signed; then it is
 * ready. */
void courier_dkim_begin(struct courier_mail *m);
/* What goes on top of it. NULL: nothing. */
struct slice courier_dkim_fields(const struct courier_dkim *d);
/* Appends for whom, and with which keys, for people. */
void courier_dkim_words(const struct courier_dkim *d, struct buf *out);
void courier_dkim_free(struct courier_dkim *d); /* NULL is fine */

/* --- courier_conn.c --- */
void courier_conn_new(struct courier_hop *hop);
bool courier_conn_is_idle(const struct courier_conn *conn);
/* Mails go over it, one after another. */
bool courier_conn_is_live(const struct courier_conn *conn);
struct courier_hop *courier_conn_hop(const struct courier_conn *conn);
struct courier_conn *courier_conn_next(const struct courier_conn *conn);
void courier_conn_mail(struct courier_conn *conn, struct courier_mail *m);
/* Ends as soon as nothing is lost by it. */
void courier_conn_shutdown(struct courier_conn *conn);

#endif
