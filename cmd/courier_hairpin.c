#include "cmd/courier_hairpin.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "core/clock.h"
#include "core/codec.h"
#include "core/mail_addr.h"
#include "crypto/keyd_client.h"
#include "crypto/loop_guard.h"
#include "smtp/smtp_guard.h"
#include "store/view_directory.h"
#include "store/view_queue.h"

enum { AGAIN_MS = 200 };

bool
courier_hairpin_is_for(const Commands__Item *item, const Commands__Rcpt *rcpt, struct slice hop)
{
	struct slice filter = view_queue_filter(item, rcpt);

	return filter.n && slice_eq(filter, hop);
}

uint32_t
courier_hairpin_gateway(const Commands__Item *item)
{
	const Commands__Enqueue *env = item->envelope;
	struct smtp_hop hop;

	for (uint32_t i = 0; i < env->n_filter; i++)
		if (!smtp_hop_parse(codec_slice(env->filter[i]), &hop) &&
			hop.transport == SMTP_HOP_SMTP)
			return i + 1;
	return 0;
}

bool
courier_hairpin_is_gateways(const Commands__Item *item)
{
	return courier_hairpin_gateway(item) != 0;
}

/* --- the mail's client --- */

static struct slice
address_text(struct arena *a, struct slice octets)
{
	char text[INET6_ADDRSTRLEN], tagged[sizeof text + 5];

	if (octets.n != 4 && octets.n != 16)
		return SLICE_EMPTY;
	inet_ntop(octets.n == 4 ? AF_INET : AF_INET6, octets.p, text, sizeof text);
	snprintf(tagged, sizeof tagged, "%s%s", octets.n == 4 ? "" : "IPv6:", text);
	return arena_dup(a, slice_str(tagged));
}

static struct slice
number_text(struct arena *a, uint32_t n)
{
	char text[16];

	if (n == 0)
		return SLICE_EMPTY;
	snprintf(text, sizeof text, "%u", n);
	return arena_dup(a, slice_str(text));
}

/* XFORWARD has no place for others. */
static struct slice
ascii(const char *text)
{
	struct slice s = slice_str(text);

	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] > '~')
			return SLICE_EMPTY;
	return s;
}

void
courier_hairpin_forward(
	const Commands__Item *item, struct arena *a, struct slice fact[SMTP_CLIENT_FORWARDS])
{
	const Commands__Enqueue *env = item->envelope;
	char id[VIEW_QUEUE_ID_MAX];

	view_queue_id_format(item->id, id);
	fact[SMTP_CLIENT_FORWARD_NAME] = ascii(env->client_name);
	fact[SMTP_CLIENT_FORWARD_ADDR] = address_text(a, codec_slice(env->client_address));
	fact[SMTP_CLIENT_FORWARD_PORT] = number_text(a, env->client_port);
	fact[SMTP_CLIENT_FORWARD_PROTO] = ascii(env->protocol);
	fact[SMTP_CLIENT_FORWARD_HELO] = ascii(env->helo);
	fact[SMTP_CLIENT_FORWARD_IDENT] = env->ident[0] ? ascii(env->ident)
							: arena_dup(a, slice_str(id));
	fact[SMTP_CLIENT_FORWARD_SOURCE] = ascii(env->source);
	fact[SMTP_CLIENT_FORWARD_LOGIN] = ascii(env->login);
}

/* --- the gateway's side --- */

static void ask_key(void *arg);

static void
on_key(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct courier *c = arg;

	c->has_guard_key = !keyd_client_read_named_key(e, answer, &c->guard_key);
	if (!c->has_guard_key)
		loop_after(c->p->loop, AGAIN_MS, ask_key, c);
}

static void
ask_key(void *arg)
{
	struct courier *c = arg;

	keyd_client_ask_named_key(c->p->ipc, KEYRING_GUARD, on_key, c);
}

void
courier_hairpin_start(struct courier *c)
{
	if (*c->p->config.gateway_hop)
		ask_key(c);
}

enum err
courier_hairpin_way(struct courier *c, struct db_txn *txn, struct slice address, unsigned *way)
{
	struct view_directory_rcpt found;
	struct arena a;
	enum err e;

	arena_init(&a, 0);
	mail_addr_canonical_text(address, &a, &address);
	e = view_directory_rcpt(txn, address, c->p->config.delimiter, &a, &found);
	arena_reset(&a);
	if (!e)
		*way = found.kind == VIEW_NOT_OURS ? LOOP_GUARD_OUT : LOOP_GUARD_IN;
	return e;
}

enum err
courier_hairpin_fields(
	struct courier *c, const Commands__Item *item, unsigned way, struct buf *out)
{
	const Commands__Enqueue *env = item->envelope;
	struct loop_guard_mail mail = {
		codec_slice(env->message_id), codec_slice(env->body_hash)};

	if (!c->has_guard_key)
		return ERR_UNAVAILABLE;
	/* A report of ours has none: the hop limit ends it. */
	if (mail.body_hash.n) {
		buf_put_str(out, SMTP_GUARD_FIELD ": ");
		loop_guard_format(
			&c->guard_key, &mail, way | env->guard_ways, clock_wall_sec(), out);
		buf_put_str(out, "\r\n");
	}
	return out->overflow ? ERR_TOO_BIG : ERR_OK;
}
