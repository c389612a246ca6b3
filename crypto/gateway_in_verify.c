#include "crypto/gateway_in_inner.h"
#include "crypto/gateway_pgp_judge.h"
#include "crypto/gateway_subject.h"
#include "crypto/pgp_cleartext.h"
#include "crypto/pgp_verify.h"

/* --- signatures --- */

static struct smime_verify_setup
verify_setup(const struct gateway_in *in)
{
	return (struct smime_verify_setup){.trust = {in->w->e->q, in->rsa_bits_min}};
}

static enum err
feed_verify(void *arg, struct slice octets)
{
	return smime_verify_feed(arg, octets);
}

static void
cannot_be_read(struct gateway_in *in, struct gateway_in_reading *r, const char *why)
{
	struct gateway_mark m = {.result = GATEWAY_MARK_NEUTRAL,
		.words = slice_str(why),
		.is_openpgp = r->show.mark.is_openpgp};

	gateway_answer_fact(in->w, &r->show.some, "signature: it can't be looked at: %s", why);
	if (m.result > r->show.mark.result)
		r->show.mark = m;
	r->is_over = true;
}

/* What the machine says in the end; no signers where it says nothing. */
static enum err
finish_verify(
	struct gateway_in *in, struct gateway_in_reading *r, struct smime_verify *v, enum err e)
{
	struct smime_signer *signers = NULL;
	struct gateway_judge_layer layer;
	size_t n = 0;

	if (!gateway_in_is_ours(e))
		e = smime_verify_finish(v, in->w->e->arena, &signers, &n);
	layer = (struct gateway_judge_layer){signers, n};
	if (!e)
		gateway_judge_signers(in->w, &r->show.some, &in->from, &layer, &r->show.mark);
	smime_verify_free(v);
	return e;
}

static enum err
read_signature(
	const struct gateway_in_entity *n, const struct gateway_mime_two *two, struct buf *out)
{
	struct text_sink to = text_into(out);

	return gateway_mime_decode(n->text, two->second_body, two->second_encoding, &to);
}

/* The signed part may itself be encrypted: it is looked at next, and stays what is shown as
 * long as it isn't opened. */
static enum err
enter_signed(
	struct gateway_in *in, struct gateway_in_reading *r, struct gateway_mime_range range)
{
	struct text_span *span = arena_alloc(in->w->e->arena, sizeof *span);
	struct text *part = arena_alloc(in->w->e->arena, sizeof *part);
	struct gateway_mime m;
	enum smime_kind kind = SMIME_UNKNOWN;
	enum err e;

	*span = (struct text_span){r->now.text, range.at};
	*part = text_part(span, range.end - range.at);
	e = gateway_in_read(in, part, &r->now);
	if (e == ERR_TOO_BIG) {
		r->is_over = true;
		return ERR_OK;
	}
	if (e)
		return e;
	if (gateway_in_take_subject(in, r))
		gateway_subject_protect(&r->show.head);
	gateway_mime_look(&r->now.head, part, &m);
	if (m.kind == GATEWAY_MIME_CMS)
		e = gateway_mime_cms(part, &m, &kind);
	if (kind != SMIME_ENVELOPED && kind != SMIME_AUTH_ENVELOPED &&
		m.kind != GATEWAY_MIME_PGP_ENCRYPTED)
		r->is_over = true;
	return e;
}

enum err
gateway_in_verify_detached(struct gateway_in *in, struct gateway_in_reading *r)
{
	struct smime_verify_setup setup = verify_setup(in);
	const struct text *t = r->now.text;
	struct gateway_mime_two two;
	struct smime_verify *v;
	struct buf signature;
	enum err e = gateway_mime_split(t, &two);

	buf_init(&signature, SMIME_SIGNATURE_MAX);
	if (!e)
		e = read_signature(&r->now, &two, &signature);
	if (!e) {
		setup.detached = buf_slice(&signature);
		v = smime_verify_new(&setup);
		e = gateway_mime_lines(t, two.first, &(struct text_sink){feed_verify, v});
		e = finish_verify(in, r, v, e);
	}
	buf_fini(&signature);
	if (e && !gateway_in_is_ours(e)) {
		cannot_be_read(in, r, "multipart/signed is malformed");
		return ERR_OK;
	}
	return e ? e : enter_signed(in, r, two.first);
}

/* --- OpenPGP's detached ones --- */

static enum err
feed_unarmor(void *arg, struct slice octets)
{
	return pgp_unarmor_feed(arg, octets);
}

/* Packets. ERR_SYNTAX: it isn't one armored block, and nothing else. */
static enum err
read_pgp_signature(
	const struct gateway_in_entity *n, const struct gateway_mime_two *two, struct buf *out)
{
	struct pgp_unarmor u;
	enum err e;

	pgp_unarmor_init(&u, text_into(out));
	e = gateway_mime_decode(n->text, two->second_body, two->second_encoding,
		&(struct text_sink){feed_unarmor, &u});
	e = e ? e : pgp_unarmor_finish(&u);
	if (!e && (u.blocks != 1 || u.kind != PGP_ARMOR_SIGNATURE))
		e = ERR_SYNTAX;
	return e == ERR_NOT_FOUND ? ERR_SYNTAX : e;
}

static enum err
feed_pgp(void *arg, struct slice octets)
{
	pgp_verify_feed(arg, octets);
	return ERR_OK;
}

static void
judge_verified(struct gateway_in *in, struct gateway_in_reading *r, struct pgp_verify *v)
{
	struct pgp_verdict *verdict = arena_alloc(
		in->w->e->arena, (v->n + 1) * sizeof *verdict);
	const struct gateway_pgp_judge_layer layer = {
		gateway_learn_signers(&in->learn), verdict, v->n};

	pgp_verify_finish(v, verdict);
	gateway_pgp_judge(in->w, &r->show.some, &in->from, &layer, &r->show.mark);
}

static enum err
judge_detached(struct gateway_in *in, struct gateway_in_reading *r,
	const struct gateway_mime_two *two, struct slice signature)
{
	struct pgp_verify *v = arena_zalloc(in->w->e->arena, sizeof *v);
	const struct pgp_judge judge = {
		&gateway_learn_signers(&in->learn)->ring, in->w->e->q->now_sec};
	enum err e = pgp_verify_begin(v, signature, &judge);

	if (!e)
		e = gateway_mime_lines(
			r->now.text, two->first, &(struct text_sink){feed_pgp, v});
	if (!e)
		judge_verified(in, r, v);
	pgp_verify_fini(v);
	return e;
}

enum err
gateway_in_verify_pgp(struct gateway_in *in, struct gateway_in_reading *r)
{
	struct gateway_mime_two two;
	struct buf signature;
	enum err e = gateway_mime_split(r->now.text, &two);

	buf_init(&signature, SMIME_SIGNATURE_MAX);
	if (!e)
		e = read_pgp_signature(&r->now, &two, &signature);
	if (!e)
		e = judge_detached(in, r, &two, buf_slice(&signature));
	buf_fini(&signature);
	if (e && !gateway_in_is_ours(e)) {
		r->show.mark.is_openpgp |= r->show.mark.result == GATEWAY_MARK_NONE;
		cannot_be_read(in, r, "multipart/signed is malformed");
		return ERR_OK;
	}
	return e ? e : enter_signed(in, r, two.first);
}

/* --- and that of a text which stands as it is --- */

static enum err
feed_cleartext(void *arg, struct slice octets)
{
	return pgp_cleartext_feed(arg, octets);
}

static enum err
forget(void *arg, struct slice octets)
{
	(void)arg;
	(void)octets;
	return ERR_OK;
}

/* ERR_SYNTAX: it isn't one, or something stands behind it that nobody signed. */
static enum err
read_cleartext(const struct gateway_in_entity *n, const struct gateway_mime *m,
	struct text_sink hashed, struct buf *signature)
{
	struct pgp_cleartext c;
	enum err e;

	pgp_cleartext_init(&c, (struct text_sink){forget, NULL}, hashed);
	e = gateway_mime_decode(
		n->text, m->body, m->encoding, &(struct text_sink){feed_cleartext, &c});
	e = e ? e : pgp_cleartext_finish(&c);
	if (!e && c.has_more)
		e = ERR_SYNTAX;
	if (!e && signature && !buf_put_slice(signature, buf_slice(&c.signature)))
		e = ERR_LIMIT;
	pgp_cleartext_fini(&c);
	return e;
}

/* The signature stands behind the text, so it is read twice. */
static enum err
judge_cleartext(struct gateway_in *in, struct gateway_in_reading *r,
	const struct gateway_mime *m, struct buf *signature)
{
	struct pgp_verify *v = arena_zalloc(in->w->e->arena, sizeof *v);
	const struct pgp_judge judge = {
		&gateway_learn_signers(&in->learn)->ring, in->w->e->q->now_sec};
	enum err e = read_cleartext(&r->now, m, (struct text_sink){forget, NULL}, signature);

	e = e ? e : pgp_verify_begin(v, buf_slice(signature), &judge);
	e = e ? e : read_cleartext(&r->now, m, (struct text_sink){feed_pgp, v}, NULL);
	if (!e)
		judge_verified(in, r, v);
	pgp_verify_fini(v);
	return e;
}

enum err
gateway_in_verify_cleartext(
	struct gateway_in *in, struct gateway_in_reading *r, const struct gateway_mime *m)
{
	struct buf signature;
	enum err e;

	buf_init(&signature, SMIME_SIGNATURE_MAX);
	e = judge_cleartext(in, r, m, &signature);
	buf_fini(&signature);
	r->is_over = true;
	if (e && !gateway_in_is_ours(e)) {
		gateway_answer_fact(in->w, &r->show.some,
			"it says OpenPGP, but isn't wholly one signed text: left as it is");
		r->show.mark.is_openpgp |= r->show.mark.result == GATEWAY_MARK_NONE;
		return ERR_OK;
	}
	return e;
}

enum err
gateway_in_verify_opaque(
	struct gateway_in *in, struct gateway_in_reading *r, const struct gateway_mime *m)
{
	struct smime_verify_setup setup = verify_setup(in);
	struct gateway_mime_canon canon;
	struct smime_verify *v;
	struct text *content;
	enum err e = gateway_in_begin_text(in, &canon, &setup.to), closing;

	if (e)
		return e;
	v = smime_verify_new(&setup);
	e = gateway_mime_decode(
		r->now.text, m->body, m->encoding, &(struct text_sink){feed_verify, v});
	e = finish_verify(in, r, v, e);
	if (!e)
		e = gateway_mime_canon_end(&canon);
	closing = gateway_answer_room(in->w, &content);
	if (e && !gateway_in_is_ours(e)) {
		cannot_be_read(in, r, "application/pkcs7-mime is malformed");
		return ERR_OK;
	}
	e = e ? e : closing;
	if (!e && content->size == 0)
		r->is_over = true;
	else if (!e)
		e = gateway_in_show(in, r, content);
	return e;
}
