#include "crypto/gateway_in_inner.h"

#include "core/codec.h"
#include "crypto/gateway_mime_pgp.h"

/* --- layer by layer --- */

static enum err
peel_cms(struct gateway_in *in, struct gateway_in_reading *r, const struct gateway_mime *m)
{
	enum smime_kind kind;
	enum err e = gateway_mime_cms(r->now.text, m, &kind);

	if (e)
		return e;
	switch (kind) {
	case SMIME_SIGNED:
		return gateway_in_verify_opaque(in, r, m);
	case SMIME_ENVELOPED:
	case SMIME_AUTH_ENVELOPED:
		return gateway_in_open(in, r);
	case SMIME_COMPRESSED:
		gateway_answer_fact(in->w, &r->show.some, "compressed: left as it is");
		break;
	case SMIME_UNKNOWN:
		gateway_answer_fact(in->w, &r->show.some,
			"it says application/pkcs7-mime, but is something else: left as it is");
		break;
	}
	r->is_over = true;
	return ERR_OK;
}

static void
tell_flaw(struct gateway_in *in, struct gateway_in_reading *r, const char *flaw)
{
	gateway_answer_fact(
		in->w, &r->show.some, "signed or encrypted, but not for sure: %s", flaw);
	if (r->show.mark.result == GATEWAY_MARK_NONE)
		r->show.mark.words = slice_str(flaw);
}

/* A reader may take all of it for that. */
static void
tell_amid(struct gateway_in *in, struct gateway_in_reading *r)
{
	struct gateway_mark *m = &r->show.mark;

	gateway_answer_fact(
		in->w, &r->show.some, "OpenPGP stands in a part of it: left as it is");
	if (m->result == GATEWAY_MARK_NONE && m->words.n == 0) {
		m->words = SLICE_LIT("OpenPGP in a part of it, left as it is");
		m->is_openpgp |= !r->show.was_opened;
	}
}

static enum err
peel_layer(struct gateway_in *in, struct gateway_in_reading *r, const struct gateway_mime *m)
{
	switch (m->kind) {
	case GATEWAY_MIME_SIGNED:
		return gateway_in_verify_detached(in, r);
	case GATEWAY_MIME_CMS:
		return peel_cms(in, r, m);
	case GATEWAY_MIME_PGP_SIGNED:
		return gateway_in_verify_pgp(in, r);
	case GATEWAY_MIME_PGP_ENCRYPTED:
	case GATEWAY_MIME_PGP_INLINE:
		return gateway_in_open(in, r);
	case GATEWAY_MIME_PGP_CLEARTEXT:
		return gateway_in_verify_cleartext(in, r, m);
	case GATEWAY_MIME_PLAIN:
		break;
	}
	r->is_over = true;
	return ERR_OK;
}

/* Has one of them this method? */
static bool
is_switched_on(const struct gateway_in *in, const struct gateway_in_reading *r,
	enum gateway_mime_kind kind)
{
	bool is_smime = kind == GATEWAY_MIME_SIGNED || kind == GATEWAY_MIME_CMS;
	Gateway__Settings__Methods other = is_smime ? GATEWAY__SETTINGS__METHODS__OPENPGP
						    : GATEWAY__SETTINGS__METHODS__SMIME;

	for (size_t i = 0; i < r->show.some.n; i++) {
		const Gateway__Party *p = in->w->e->q->recipient[r->show.some.i[i]];

		if (!p->settings || p->settings->methods != other)
			return true;
	}
	return false;
}

static enum err
peel(struct gateway_in *in, struct gateway_in_reading *r)
{
	struct gateway_mime m;
	bool is_layer, is_on;

	gateway_mime_look(&r->now.head, r->now.text, &m);
	is_layer = m.kind != GATEWAY_MIME_PLAIN;
	is_on = is_layer && is_switched_on(in, r, m.kind);
	if (is_on && r->layers++ < GATEWAY_LAYERS_MAX)
		return peel_layer(in, r, &m);
	if (m.flaw)
		tell_flaw(in, r, m.flaw);
	else if (is_layer && !is_on)
		gateway_answer_fact(in->w, &r->show.some,
			"the policy switches this method off: left as it is");
	else if (is_layer)
		gateway_answer_fact(in->w, &r->show.some,
			"more than %d layers: the rest is left as it is", GATEWAY_LAYERS_MAX);
	else if (gateway_mime_pgp_is_amid(r->now.text, &m))
		tell_amid(in, r);
	r->is_over = true;
	return ERR_OK;
}

static enum err
peel_all(struct gateway_in *in, struct gateway_in_reading *r)
{
	enum err e = ERR_OK;

	while (!r->is_over && !e)
		e = peel(in, r);
	r->next = in->done;
	in->done = r;
	return e;
}

static void
tell_forged(struct gateway_in *in, unsigned forged)
{
	if (forged & GATEWAY_MARK_FORGED_RESULTS)
		gateway_answer_fact(in->w, NULL,
			"taken out: an Authentication-Results in the name of this gateway");
	if (forged & GATEWAY_MARK_FORGED_FIELD)
		gateway_answer_fact(in->w, NULL, "taken out: X-Hairpin- fields");
	if (forged & GATEWAY_MARK_FORGED_TAG)
		gateway_answer_fact(in->w, NULL,
			"taken out: a tag in the subject as this gateway writes it");
}

/* The strictest of all: one verdict for the mail. */
static uint32_t
rsa_bits_min(const Gateway__Question *q)
{
	uint32_t most = 0;

	for (size_t i = 0; i < q->n_recipient; i++)
		if (q->recipient[i]->settings && q->recipient[i]->settings->rsa_bits_min > most)
			most = q->recipient[i]->settings->rsa_bits_min;
	return most;
}

enum err
gateway_in_run(struct gateway_work *w, const struct gateway_head *head)
{
	const struct gateway *e = w->e;
	struct gateway_in in = {.w = w, .rsa_bits_min = rsa_bits_min(e->q)};
	struct gateway_in_reading first = {.now = {e->body, *head}}, *r;
	struct gateway_head outer;
	enum err err = ERR_OK;

	for (; first.show.some.n < e->q->n_recipient; first.show.some.n++)
		first.show.some.i[first.show.some.n] = (uint32_t)first.show.some.n;
	first.show.text = e->body;
	first.show.head = *head;
	gateway_head_copy(head, &outer);
	tell_forged(&in, gateway_mark_strip(&outer, slice_str(e->q->authserv_id)));
	gateway_judge_read(head, e->arena, &in.from);
	gateway_learn_begin(&in.learn, w, &in.from);
	if (!err)
		err = gateway_learn_mail(&in.learn, head, e->body);
	in.todo = &first;
	while ((r = in.todo) && !err) {
		in.todo = r->next;
		err = peel_all(&in, r);
	}
	for (r = in.done; r && !err; r = r->next)
		err = gateway_show_answer(w, &r->show, &outer);
	return err;
}
