#include "crypto/pgp_open.h"

#include <stdlib.h>

#include "core/must.h"
#include "crypto/pgp_open_inner.h"

static enum err on_begin(void *arg, uint8_t tag);
static enum err on_body(void *arg, struct slice octets);
static enum err on_end(void *arg);

static void
open_layer(struct pgp_open *o, size_t depth)
{
	struct pgp_open_layer *l = &o->layer[depth];
	struct pgp_packet_to to = {on_begin, on_body, on_end, l};

	*l = (struct pgp_open_layer){.o = o, .first_signer = o->n_signers};
	buf_init(&l->body, PGP_PACKET_BODY_MAX);
	pgp_packet_init(&l->packets, &to);
	o->depth = depth;
}

struct pgp_open *
pgp_open_new(const struct pgp_open_setup *setup)
{
	struct pgp_open *o = must_zalloc(sizeof *o);

	o->setup = *setup;
	if (setup->proved)
		o->facts = *setup->proved;
	buf_init(&o->keys, PGP_OPEN_KEYS_MAX);
	open_layer(o, 0);
	return o;
}

static void
close_layer(struct pgp_open_layer *l)
{
	pgp_symmetric_free(l->symmetric);
	pgp_inflate_free(l->inflate);
	buf_fini_secret(&l->body);
}

void
pgp_open_free(struct pgp_open *o)
{
	if (!o)
		return;
	for (size_t i = 0; i <= PGP_DEPTH_MAX; i++)
		close_layer(&o->layer[i]);
	pgp_open_signers_fini(o);
	buf_fini(&o->keys);
	explicit_bzero(o, sizeof *o);
	free(o);
}

/* --- what is inside a container ---------------------------------------------------------- */

static bool
is_of_world(enum err e)
{
	return e == ERR_FULL || e == ERR_IO || e == ERR_TOO_BIG || e == ERR_UNAVAILABLE ||
	       e == ERR_DENIED;
}

/* All that is wrong inside an encryption is one failure. */
static enum err
hide(const struct pgp_open *o, enum err e)
{
	return e == ERR_OK || !o->facts.is_encrypted || is_of_world(e) ? e : ERR_CRYPTO;
}

/* Of all layers together: each of them may grow, and so would what grew. What isn't text, such
 * as padding, counts. */
static enum err
count_inflated(struct pgp_open *o, size_t n)
{
	uint64_t most = o->setup.limit_bytes;

	o->inflated += n;
	if (o->inflated > PGP_INFLATE_FREE + o->fed * PGP_RATIO_MAX)
		return ERR_LIMIT;
	/* Once as text, and once as what that was compressed to. */
	return most && o->inflated > 2 * most + PGP_INFLATE_FREE ? ERR_TOO_BIG : ERR_OK;
}

/* l[-1]: the container. */
static enum err
on_content(void *arg, struct slice octets)
{
	struct pgp_open_layer *l = arg;
	enum err e = l[-1].inflate ? count_inflated(l->o, octets.n) : ERR_OK;

	return hide(l->o, e ? e : pgp_packet_feed(&l->packets, octets));
}

static enum err
pass_over(void *arg, struct slice octets)
{
	(void)arg;
	(void)octets;
	return ERR_OK;
}

static enum err
begin_content(struct pgp_open *o, struct text_sink *to)
{
	if (o->depth == PGP_DEPTH_MAX)
		return ERR_LIMIT;
	open_layer(o, o->depth + 1);
	*to = (struct text_sink){on_content, &o->layer[o->depth]};
	return ERR_OK;
}

static enum err
layer_ends(struct pgp_open_layer *l)
{
	enum err e = pgp_packet_finish(&l->packets);

	if (e == ERR_OK && !l->has_body)
		e = ERR_SYNTAX;
	return e == ERR_OK ? pgp_open_check_signed(l) : e;
}

/* l: the container; e: its own end. Content that ended too early has left layers open. */
static enum err
end_content(struct pgp_open_layer *l, enum err e)
{
	struct pgp_open *o = l->o;
	size_t depth = (size_t)(l - o->layer);

	if (e == ERR_OK && o->depth > depth)
		e = layer_ends(l + 1);
	for (; o->depth > depth; o->depth--) {
		close_layer(&o->layer[o->depth]);
		o->layer[o->depth] = (struct pgp_open_layer){0};
	}
	return hide(o, e);
}

/* --- encryption -------------------------------------------------------------------------- */

/* The first time: what opens it? */
static enum err
find_session(struct pgp_open_layer *l, const struct pgp_symmetric_head *head)
{
	struct pgp_open *o = l->o;
	enum err e = pgp_open_find(o, l->tag, head, &o->facts.session);

	if (e)
		return e;
	o->facts.is_encrypted = true;
	o->facts.seipd = l->tag == PGP_TAG_OCB ? 0 : head->version;
	o->facts.cipher = head->cipher ? head->cipher : o->facts.session.cipher;
	o->facts.aead = head->aead;
	return ERR_OK;
}

static enum err
begin_symmetric(struct pgp_open_layer *l, const struct pgp_symmetric_head *head)
{
	struct pgp_open *o = l->o;
	struct text_sink to = {pass_over, NULL};
	enum err e;

	if (!o->setup.proved)
		e = find_session(l, head);
	else
		e = o->facts.is_encrypted ? begin_content(o, &to) : ERR_NOT_FOUND;
	if (e == ERR_OK)
		l->symmetric = pgp_symmetric_decrypt(l->tag, &o->facts.session, to);
	return e;
}

static enum err
symmetric_body(struct pgp_open_layer *l, struct slice octets)
{
	struct pgp_symmetric_head head;
	enum err e;

	if (l->symmetric)
		return hide(l->o, pgp_symmetric_feed(l->symmetric, octets));
	size_t n = PGP_SYMMETRIC_HEAD_MAX - l->body.n;

	n = n < octets.n ? n : octets.n;
	buf_put(&l->body, octets.p, n);
	e = pgp_symmetric_peek(l->tag, buf_slice(&l->body), &head);
	if (e == ERR_MORE)
		return ERR_OK;
	if (e == ERR_OK)
		e = begin_symmetric(l, &head);
	if (e == ERR_OK)
		e = symmetric_body(l, buf_slice(&l->body));
	return e == ERR_OK && octets.n > n ? symmetric_body(l, slice_from(octets, n)) : e;
}

static enum err
symmetric_ends(struct pgp_open_layer *l)
{
	enum err e;

	if (!l->symmetric)
		return ERR_SYNTAX;
	e = end_content(l, pgp_symmetric_finish(l->symmetric));
	pgp_symmetric_free(l->symmetric);
	l->symmetric = NULL;
	return e;
}

/* --- the text ---------------------------------------------------------------------------- */

static enum err
put_text(struct pgp_open *o, struct slice text)
{
	if (text.n == 0)
		return ERR_OK;
	o->facts.text_bytes += text.n;
	if (o->setup.limit_bytes && o->facts.text_bytes > o->setup.limit_bytes)
		return ERR_TOO_BIG;
	pgp_digests_feed(&o->digests, text);
	return o->setup.to.put(o->setup.to.arg, text);
}

/* RFC 9580 section 5.9: format, name, date; the text. */
static enum err
literal_body(struct pgp_open_layer *l, struct slice octets)
{
	struct pgp_open *o = l->o;

	while (octets.n && (l->n_head < 2 || l->n_head < 6u + o->literal[1])) {
		o->literal[l->n_head++] = octets.p[0];
		octets = slice_from(octets, 1);
	}
	return put_text(o, octets);
}

static enum err
literal_ends(struct pgp_open_layer *l)
{
	struct pgp_open *o = l->o;

	if (l->n_head < 2 || l->n_head < 6u + o->literal[1])
		return ERR_SYNTAX;
	o->facts.format = o->literal[0];
	o->facts.n_name = o->literal[1];
	memcpy(o->facts.name, o->literal + 2, o->facts.n_name);
	pgp_open_text_ends(o);
	return ERR_OK;
}

/* --- packets ----------------------------------------------------------------------------- */

static enum err
begin_encrypted(struct pgp_open_layer *l)
{
	bool may = l == l->o->layer && !l->has_body && l->o->n_signers == 0;

	if (l->tag == PGP_TAG_PKESK || l->tag == PGP_TAG_SKESK) {
		l->has_keys = true;
		return may ? ERR_OK : ERR_SYNTAX;
	}
	l->has_body = true;
	if (l->tag == PGP_TAG_SED)
		return ERR_UNSUPPORTED;
	return may ? ERR_OK : ERR_SYNTAX;
}

static enum err
begin_plain(struct pgp_open_layer *l)
{
	struct text_sink to;
	enum err e = ERR_OK;

	if (l->has_keys || (l->has_body && l->tag != PGP_TAG_SIGNATURE))
		return ERR_SYNTAX;
	/* Beside an encryption; or in the place of the one that was there the first time. */
	if (l == l->o->layer && l->o->facts.is_encrypted)
		return ERR_SYNTAX;
	if (l->tag == PGP_TAG_LITERAL || l->tag == PGP_TAG_COMPRESSED) {
		l->has_body = true;
		l->n_head = 0;
	}
	if (!l->o->setup.proved) {
		l->tag = 0; /* the first time it is passed over */
	} else if (l->tag == PGP_TAG_COMPRESSED) {
		e = begin_content(l->o, &to);
		if (e == ERR_OK)
			l->inflate = pgp_inflate_new(to);
	}
	return e;
}

static enum err
on_begin(void *arg, uint8_t tag)
{
	struct pgp_open_layer *l = arg;

	l->tag = tag;
	buf_clear(&l->body);
	switch (tag) {
	case PGP_TAG_PKESK:
	case PGP_TAG_SKESK:
	case PGP_TAG_SED:
	case PGP_TAG_SEIPD:
	case PGP_TAG_OCB:
		return begin_encrypted(l);
	case PGP_TAG_ONE_PASS:
	case PGP_TAG_SIGNATURE:
	case PGP_TAG_COMPRESSED:
	case PGP_TAG_LITERAL:
		return begin_plain(l);
	case PGP_TAG_MARKER:
	case PGP_TAG_PADDING:
		return ERR_OK;
	default:
		return pgp_packet_is_critical(tag) ? ERR_SYNTAX : ERR_OK;
	}
}

static enum err
on_body(void *arg, struct slice octets)
{
	struct pgp_open_layer *l = arg;

	switch (l->tag) {
	case PGP_TAG_PKESK:
	case PGP_TAG_SKESK:
	case PGP_TAG_ONE_PASS:
	case PGP_TAG_SIGNATURE:
		return buf_put_slice(&l->body, octets) ? ERR_OK : ERR_LIMIT;
	case PGP_TAG_SEIPD:
	case PGP_TAG_OCB:
		return symmetric_body(l, octets);
	case PGP_TAG_COMPRESSED:
		return pgp_inflate_feed(l->inflate, octets);
	case PGP_TAG_LITERAL:
		return literal_body(l, octets);
	default:
		return ERR_OK;
	}
}

static enum err
keep_keys(struct pgp_open_layer *l)
{
	struct pgp_open *o = l->o;

	if (l->packets.packets > PGP_RECIPIENTS_MAX)
		return ERR_LIMIT;
	return pgp_packet_put(&o->keys, l->tag, buf_slice(&l->body)) ? ERR_OK : ERR_LIMIT;
}

static enum err
on_end(void *arg)
{
	struct pgp_open_layer *l = arg;
	enum err e = ERR_OK;

	switch (l->tag) {
	case PGP_TAG_PKESK:
	case PGP_TAG_SKESK:
		return keep_keys(l);
	case PGP_TAG_ONE_PASS:
		return pgp_open_one_pass(l, buf_slice(&l->body));
	case PGP_TAG_SIGNATURE:
		return pgp_open_signature(l, buf_slice(&l->body));
	case PGP_TAG_SEIPD:
	case PGP_TAG_OCB:
		return symmetric_ends(l);
	case PGP_TAG_COMPRESSED:
		e = end_content(l, pgp_inflate_finish(l->inflate));
		pgp_inflate_free(l->inflate);
		l->inflate = NULL;
		return e;
	case PGP_TAG_LITERAL:
		return literal_ends(l);
	default:
		return ERR_OK;
	}
}

/* --- the whole --------------------------------------------------------------------------- */

enum err
pgp_open_feed(struct pgp_open *o, struct slice octets)
{
	o->fed += octets.n;
	if (o->error == ERR_OK)
		o->error = pgp_packet_feed(&o->layer[0].packets, octets);
	return o->error;
}

enum err
pgp_open_finish(struct pgp_open *o, struct pgp_opened *facts)
{
	if (o->error == ERR_OK)
		o->error = layer_ends(&o->layer[0]);
	if (o->error == ERR_OK)
		*facts = o->facts;
	else
		*facts = (struct pgp_opened){.is_encrypted = o->facts.is_encrypted,
			.attempts = o->facts.attempts,
			.recipients = o->facts.recipients};
	return o->error;
}

static enum err
feed(void *arg, struct slice octets)
{
	return pgp_open_feed(arg, octets);
}

static enum err
read_once(const struct pgp_open_setup *setup, const struct pgp_open_source *source,
	struct pgp_opened *facts)
{
	struct pgp_open *o = pgp_open_new(setup);
	enum err e = source->read(source->arg, (struct text_sink){feed, o});
	enum err opened = pgp_open_finish(o, facts);

	pgp_open_free(o);
	return e == ERR_IO || e == ERR_CORRUPT || opened == ERR_OK ? e : opened;
}

enum err
pgp_open_message(const struct pgp_open_setup *setup, const struct pgp_open_source *source,
	struct pgp_opened *facts)
{
	struct pgp_open_setup how = *setup;
	struct pgp_opened proved;
	enum err e;

	how.proved = NULL;
	e = read_once(&how, source, &proved);
	how.proved = &proved;
	if (e)
		*facts = proved;
	else
		e = read_once(&how, source, facts);
	explicit_bzero(&proved.session, sizeof proved.session);
	return e;
}
