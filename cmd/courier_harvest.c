#include "cmd/courier_harvest.h"

#include "core/codec.h"
#include "crypto/pgp_info.h"
#include "crypto/seal.h"
#include "store/view_cert.h"

/* Does the log know as much of it already? */
static bool
is_known(const struct courier_harvest *x, const Gateway__Harvest *h)
{
	uint8_t sha256[SEAL_HASH];
	Commands__Cert *row;

	seal_sha256(codec_slice(h->der), sha256);
	return !view_cert_get(x->txn, codec_slice(h->address), slice_of(sha256, sizeof sha256),
		       x->arena, &row) &&
	       row->trust >= (uint32_t)h->trust &&
	       (!h->capabilities.len ||
		       slice_eq(codec_slice(row->capabilities), codec_slice(h->capabilities)));
}

struct stale {
	const Gateway__Party *from;
	const Gateway__Harvest *harvest;
	bool is;
};

static bool
was_asked(const Gateway__Party *from, struct slice der)
{
	for (size_t i = 0; i < from->n_certificate; i++)
		if (slice_eq(codec_slice(from->certificate[i]->der), der))
			return true;
	for (size_t i = 0; i < from->n_other; i++)
		if (slice_eq(codec_slice(from->other[i]), der))
			return true;
	return false;
}

static bool
check_row(void *arg, struct slice sha256, Commands__Cert *cert)
{
	struct stale *s = arg;
	struct slice der = codec_slice(cert->der);

	(void)sha256;
	s->is |= pgp_info_is(der) && !was_asked(s->from, der) &&
		 slice_eq(codec_slice(cert->public_key), codec_slice(s->harvest->public_key));
	return !s->is;
}

/* A copy of OpenPGP's is put together with those that the question had. If there is another one
 * by now it waits for the next mail, as it could take what that one says away again. */
static bool
is_stale(const struct courier_harvest *x, const Gateway__Harvest *h)
{
	struct stale s = {x->q->sender, h, false};

	return view_cert_each(x->txn, codec_slice(h->address), x->arena, check_row, &s) || s.is;
}

/* It may take the place, and the trust, of one that an administrator put here: so that it has
 * the same key is nothing that filterd is believed. */
static bool
has_that_key(const Gateway__Harvest *h)
{
	uint8_t hash[CERT_INFO_HASH];

	return !pgp_info_key_hash(codec_slice(h->der), hash) &&
	       slice_eq(codec_slice(h->public_key), slice_of(hash, sizeof hash));
}

static bool
is_to_be_kept(const struct courier_harvest *x, const Gateway__Harvest *h)
{
	if (is_known(x, h))
		return false;
	return !pgp_info_is(codec_slice(h->der)) || (has_that_key(h) && !is_stale(x, h));
}

static Commands__CertPut *
cert_put(const struct courier_harvest *x, const Gateway__Harvest *h)
{
	Commands__CertPut *c = arena_alloc(x->arena, sizeof *c);
	Commands__Cert *cert = arena_alloc(x->arena, sizeof *cert);
	const Gateway__Settings *settings = x->q->recipient[0]->settings;

	commands__cert_put__init(c);
	commands__cert__init(cert);
	/* By hand it comes from people alone. */
	cert->trust = h->trust < GATEWAY__TRUST__VERIFIED ? (uint32_t)h->trust
							  : GATEWAY__TRUST__VERIFIED;
	cert->der = h->der;
	cert->capabilities = h->capabilities;
	cert->capabilities_sec = h->signed_sec;
	cert->public_key = h->public_key;
	cert->until_sec = h->until_sec;
	cert->from_sec = h->from_sec;
	c->address = h->address;
	c->cert = cert;
	c->hold = !settings || settings->hold_changed_keys;
	return c;
}

void
courier_harvest_fill(const struct courier_harvest *x, Commands__Passed *p)
{
	const Gateway__Answer *a = x->answer;

	p->harvest = arena_alloc(x->arena, COURIER_HARVEST_MAX * sizeof *p->harvest);
	for (size_t i = 0; i < a->n_harvest && p->n_harvest < COURIER_HARVEST_MAX; i++)
		if (is_to_be_kept(x, a->harvest[i]))
			p->harvest[p->n_harvest++] = cert_put(x, a->harvest[i]);
}
