/* courier_call: calls the servers of a next hop, one after another, until its user is content
 * with one. For each target of the hop: where it is (courier_where), what its domain demands
 * (courier_sts), what TLS has to prove (smtp_tls_policy), then the call (core/dial). */
#ifndef CMD_COURIER_CALL_H
#define CMD_COURIER_CALL_H

#include "cmd/courier_relay.h"
#include "smtp/smtp_client.h"
#include "smtp/smtp_hop.h"
#include "smtp/smtp_tls_policy.h"

struct courier_call;
struct courier_hop;

struct courier_call_events {
	/* A server takes the call: fd, connected, is the user's now. */
	void (*on_taken)(void *arg, int fd);
	/* Nobody is left; why: "4.4.1 words" of the server that may be better later. The call
	 * may be freed in it. */
	void (*on_failed)(void *arg, const char *why);
};

/* Nothing is called back before the return. */
struct courier_call *courier_call_new(
	struct courier_hop *hop, const struct courier_call_events *events, void *arg);
/* Nothing is called back after it; NULL is fine. */
void courier_call_free(struct courier_call *k);

/* --- of the hop --- */
enum smtp_hop_transport courier_call_transport(const struct courier_call *k);

/* --- of the server that is called, or that was taken --- */
/* Its name, or the address of what has none. */
struct slice courier_call_host(const struct courier_call *k);
/* "mx.example.org[192.0.2.1]:25" */
void courier_call_put_relay(const struct courier_call *k, struct buf *out);
/* What TLS with it has to be, and has to prove. */
enum smtp_client_tls courier_call_tls(const struct courier_call *k);
const struct tls_client_demand *courier_call_demand(const struct courier_call *k);

/* --- it is of no use; the connection to it has been closed --- */
/* why: "4.x.x words". The next one is called, or on_failed comes at once. */
void courier_call_next(struct courier_call *k, struct slice why);
/* TLS failed: the next one, or the same without TLS, as the policy says. words say more. */
void courier_call_without_tls(
	struct courier_call *k, enum smtp_tls_policy_event what, const char *words);

#endif
