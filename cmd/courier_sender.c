#include "cmd/courier_sender.h"

#include "core/codec.h"
#include "core/mail_addr.h"
#include "crypto/keyd_client.h"
#include "smtp/smtp_srs.h"
#include "store/view_directory.h"

enum { AGAIN_MS = 1000 };

/* --- the key --- */

static void
on_key(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct courier *c = arg;

	if (keyd_client_read_named_key(e, answer, &c->srs_key)) {
		loop_after(c->p->loop, AGAIN_MS, courier_sender_start, c);
		return;
	}
	c->has_srs_key = true;
	courier_pump(c);
}

void
courier_sender_start(void *courier)
{
	struct courier *c = courier;

	keyd_client_ask_named_key(c->p->ipc, KEYRING_SRS, on_key, c);
}

/* --- the sender --- */

static struct slice
domain_of(struct slice address)
{
	size_t at = address.n;

	while (at && address.p[at - 1] != '@')
		at--;
	return slice_from(address, at);
}

static bool
is_ours(struct courier_step *s, struct db_txn *txn, struct slice domain)
{
	struct slice canonical;
	Commands__Domain *found;

	return !mail_addr_parse_domain(domain, s->arena, &canonical) &&
	       !view_directory_domain(txn, canonical, s->arena, &found);
}

struct slice
courier_sender_of(struct courier_step *s, struct db_txn *txn, const Commands__Rcpt *r)
{
	const struct courier *c = s->c;
	struct slice sender = codec_slice(s->item->envelope->sender);
	struct slice via = domain_of(codec_slice(r->via));
	struct buf text;

	if (!c->p->config.srs || !sender.n || !via.n || !is_ours(s, txn, via) ||
		is_ours(s, txn, domain_of(sender)))
		return sender;
	buf_init(&text, SMTP_SRS_ADDRESS_MAX);
	if (!smtp_srs_forward(&c->srs_key, courier_now_sec(c), sender, via, &text))
		sender = arena_dup(s->arena, buf_slice(&text));
	buf_fini(&text);
	return sender;
}
