#include "crypto/gateway_build.h"

#include <stdio.h>

#include "core/mail_downgrade.h"
#include "core/rand.h"
#include "crypto/gateway_mime.h"
#include "crypto/smime_seal.h"

/* CHANCE: letters of 5 bits. */
enum { CHANCE = 26, BOUNDARY = 40, FIELDS = 512 };

void
gateway_build_init(
	struct gateway_build *b, struct gateway_work *w, const struct gateway_head *head)
{
	*b = (struct gateway_build){.w = w, .head = head};
}

static enum err
put(const struct text_sink *to, const char *text)
{
	return to->put(to->arg, slice_str(text));
}

/* --- the entity --- */

static enum err
put_subject(struct slice body, const struct text_sink *to)
{
	enum err e = put(to, "Subject:");

	e = e ? e : to->put(to->arg, body);
	return e ? e : put(to, "\r\n");
}

static enum err
write_entity(const struct gateway_build *b, const struct text_sink *to)
{
	const struct text *body = b->w->e->body;
	struct gateway_mime_range r = {b->head->body_at, body->size};
	enum err e = gateway_head_write(b->head, GATEWAY_HEAD_INNER, to);

	if (!e && gateway_head_find(b->head, SLICE_LIT("Content-Type"), 0) >= b->head->n)
		e = put(to, "Content-Type: text/plain\r\n");
	if (!e && b->subject.n)
		e = put_subject(b->subject, to);
	e = e ? e : put(to, "\r\n");
	return e ? e : gateway_mime_decode(body, r, MAIL_ENCODING_BINARY, to);
}

enum err
gateway_build_plain(struct gateway_build *b, const struct text **entity)
{
	struct gateway_mime_canon canon;
	struct text_sink room, to;
	struct text *made;
	enum err e = ERR_OK, closing;

	if (!b->plain) {
		e = gateway_answer_open(b->w, &room);
		if (e)
			return e;
		to = gateway_mime_canon_into(&canon, room);
		e = write_entity(b, &to);
		e = e ? e : gateway_mime_canon_end(&canon);
		closing = gateway_answer_room(b->w, &made);
		e = e ? e : closing;
		b->is_frail = canon.high || canon.frail;
		b->plain = e ? NULL : made;
	}
	*entity = b->plain;
	return e;
}

/* --- of 7-bit octets --- */

struct converting {
	struct mail_downgrade *d;
	struct buf out;
	struct text_sink to;
};

static enum err
look(void *arg, struct slice octets)
{
	struct converting *c = arg;

	mail_downgrade_look(c->d, octets);
	return ERR_OK;
}

static enum err
convert(void *arg, struct slice octets)
{
	struct converting *c = arg;
	enum err e = ERR_OK;

	while (octets.n && !e) {
		buf_clear(&c->out);
		octets = slice_from(octets, mail_downgrade_write(c->d, octets, &c->out));
		e = c->to.put(c->to.arg, buf_slice(&c->out));
	}
	return e;
}

static enum err
look_twice(struct converting *c, const struct text *t)
{
	struct gateway_mime_range all = {0, t->size};
	struct text_sink to = {look, c};
	enum err e = ERR_MORE;

	for (int i = 0; i < 2 && e == ERR_MORE; i++) {
		e = gateway_mime_decode(t, all, MAIL_ENCODING_BINARY, &to);
		e = e ? e : mail_downgrade_looked(c->d);
	}
	return e;
}

static enum err
write_converted(
	struct gateway_build *b, struct converting *c, const struct text *t, struct text **made)
{
	struct gateway_mime_range all = {0, t->size};
	enum err e = gateway_answer_open(b->w, &c->to), closing;

	if (e)
		return e;
	mail_downgrade_begin(c->d);
	e = gateway_mime_decode(t, all, MAIL_ENCODING_BINARY, &(struct text_sink){convert, c});
	buf_clear(&c->out);
	mail_downgrade_end(c->d, &c->out);
	e = e ? e : c->to.put(c->to.arg, buf_slice(&c->out));
	closing = gateway_answer_room(b->w, made);
	return e ? e : closing;
}

/* RFC 8551 section 3.1.3, RFC 3156 sections 3 and 5: a signed entity has 7-bit octets, as
 * servers on the way may convert others, short lines, and "no trailing whitespace". */
static enum err
to_7bit(struct gateway_build *b, const struct text **entity)
{
	struct converting c;
	struct text *made;
	enum err e;

	if (!b->is_frail)
		return ERR_OK;
	c.d = mail_downgrade_new();
	mail_downgrade_to_sign(c.d);
	buf_init(&c.out, 2 * MAIL_DOWNGRADE_ROOM);
	e = look_twice(&c, *entity);
	if (!e)
		e = write_converted(b, &c, *entity, &made);
	if (!e)
		*entity = made;
	mail_downgrade_free(c.d);
	buf_fini_secret(&c.out);
	return e;
}

enum err
gateway_build_7bit(struct gateway_build *b, const struct text **entity)
{
	enum err e = gateway_build_plain(b, entity);

	return e ? e : to_7bit(b, entity);
}

/* --- signed --- */

static enum err
feed_sign(void *arg, struct slice octets)
{
	return smime_sign_feed(arg, octets);
}

/* setup->to gets the SignedData. */
static enum err
sign_text(const struct smime_sign_setup *setup, const struct text *t)
{
	struct gateway_mime_range all = {0, t->size};
	struct smime_sign *s = smime_sign_new(setup);
	enum err e;

	if (!s)
		return ERR_CRYPTO;
	e = gateway_mime_decode(
		t, all, MAIL_ENCODING_BINARY, &(struct text_sink){feed_sign, s});
	e = e ? e : smime_sign_finish(s);
	smime_sign_free(s);
	return e;
}

static enum err
put_base64(struct slice octets, const struct text_sink *to)
{
	struct gateway_mime_base64 b;
	struct text_sink in = gateway_mime_base64_into(&b, *to);
	enum err e = in.put(in.arg, octets);

	e = e ? e : gateway_mime_base64_end(&b);
	gateway_mime_base64_fini(&b);
	return e;
}

/* RFC 8551 section 3.5.3.1. The boundary is by chance in no text. */
static enum err
write_detached(const char *micalg, const struct text *t, struct slice signature,
	const struct text_sink *to)
{
	struct gateway_mime_range all = {0, t->size};
	char chance[CHANCE + 1], boundary[BOUNDARY], fields[FIELDS];
	enum err e;

	rand_text(chance, CHANCE);
	snprintf(boundary, sizeof boundary, "=_hairpin-%s", chance);
	snprintf(fields, sizeof fields,
		"Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\";\r\n"
		"\tmicalg=%s; boundary=\"%s\"\r\n\r\n--%s\r\n",
		micalg, boundary, boundary);
	e = put(to, fields);
	e = e ? e : gateway_mime_decode(t, all, MAIL_ENCODING_BINARY, to);
	snprintf(fields, sizeof fields,
		"\r\n--%s\r\nContent-Type: application/pkcs7-signature; name=\"smime.p7s\"\r\n"
		"Content-Transfer-Encoding: base64\r\n"
		"Content-Disposition: attachment; filename=\"smime.p7s\"\r\n\r\n",
		boundary);
	e = e ? e : put(to, fields);
	e = e ? e : put_base64(signature, to);
	snprintf(fields, sizeof fields, "--%s--\r\n", boundary);
	return e ? e : put(to, fields);
}

static enum err
make_detached(struct gateway_build *b, const struct smime_sign_setup *setup,
	const struct text *t, struct text **made)
{
	struct smime_sign_setup with = *setup;
	struct text_sink room;
	struct buf signature;
	enum err e, closing;

	buf_init(&signature, SMIME_SIGNATURE_MAX);
	with.is_opaque = false;
	with.to = text_into(&signature);
	e = sign_text(&with, t);
	if (!e)
		e = gateway_answer_open(b->w, &room);
	if (!e) {
		e = write_detached(smime_sign_micalg(setup), t, buf_slice(&signature), &room);
		closing = gateway_answer_room(b->w, made);
		e = e ? e : closing;
	}
	buf_fini(&signature);
	return e;
}

static enum err
put_cms_fields(const char *type, const struct text_sink *to)
{
	char fields[FIELDS];

	snprintf(fields, sizeof fields,
		"Content-Type: application/pkcs7-mime; smime-type=%s;\r\n"
		"\tname=\"smime.p7m\"\r\nContent-Transfer-Encoding: base64\r\n"
		"Content-Disposition: attachment; filename=\"smime.p7m\"\r\n\r\n",
		type);
	return put(to, fields);
}

static enum err
make_opaque(struct gateway_build *b, const struct smime_sign_setup *setup, const struct text *t,
	struct text **made)
{
	struct smime_sign_setup with = *setup;
	struct gateway_mime_base64 base64;
	struct text_sink room;
	enum err e = gateway_answer_open(b->w, &room), closing;

	if (e)
		return e;
	with.is_opaque = true;
	with.to = gateway_mime_base64_into(&base64, room);
	e = put_cms_fields("signed-data", &room);
	e = e ? e : sign_text(&with, t);
	e = e ? e : gateway_mime_base64_end(&base64);
	gateway_mime_base64_fini(&base64);
	closing = gateway_answer_room(b->w, made);
	return e ? e : closing;
}

enum err
gateway_build_signed(struct gateway_build *b, const struct smime_sign_setup *setup,
	bool *is_opaque, const struct text **entity)
{
	const struct text *t, **as = b->signed_as[setup->is_pss];
	struct text *made;
	enum err e = gateway_build_plain(b, &t);

	if (!e && !*is_opaque && !as[0]) {
		e = gateway_build_7bit(b, &t);
		*is_opaque = e == ERR_UNSUPPORTED;
		e = *is_opaque ? ERR_OK : e;
	}
	if (!e && !as[*is_opaque]) {
		e = *is_opaque ? make_opaque(b, setup, t, &made)
			       : make_detached(b, setup, t, &made);
		as[*is_opaque] = e ? NULL : made;
	}
	*entity = as[*is_opaque];
	return e;
}

/* --- encrypted --- */

static enum err
feed_seal(void *arg, struct slice octets)
{
	return smime_seal_feed(arg, octets);
}

enum err
gateway_build_sealed(const struct text *entity, const struct gateway_build_seal *seal,
	const struct text_sink *to)
{
	bool is_gcm = seal->cipher == GATEWAY__SETTINGS__CIPHER__AES128_GCM ||
		      seal->cipher == GATEWAY__SETTINGS__CIPHER__AES256_GCM;
	struct gateway_mime_range all = {0, entity->size};
	struct gateway_mime_base64 base64;
	struct text_sink in = gateway_mime_base64_into(&base64, *to);
	struct smime_seal *s;
	enum err e = put_cms_fields(is_gcm ? "authEnveloped-data" : "enveloped-data", to);

	s = smime_seal_new(seal->to, seal->n, seal->cipher, in);
	e = s ? e : ERR_CRYPTO;
	e = e ? e
	      : gateway_mime_decode(
			entity, all, MAIL_ENCODING_BINARY, &(struct text_sink){feed_seal, s});
	e = e ? e : smime_seal_finish(s);
	e = e ? e : gateway_mime_base64_end(&base64);
	smime_seal_free(s);
	gateway_mime_base64_fini(&base64);
	return e;
}
