#include "crypto/gateway_build_pgp.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/codec.h"
#include "core/must.h"
#include "core/rand.h"
#include "crypto/gateway_mime.h"
#include "crypto/pgp_algorithm.h"
#include "crypto/pgp_armor.h"
#include "crypto/pgp_info.h"
#include "crypto/pgp_seal.h"
#include "crypto/pgp_sign.h"

/* CHANCE: letters of 5 bits. */
enum { CHANCE = 26, BOUNDARY = 40, FIELDS = 512, SIGNATURE_MAX = 16384 };

static enum err
put(const struct text_sink *to, const char *text)
{
	return to->put(to->arg, slice_str(text));
}

/* By chance in no text. */
static void
make_boundary(char boundary[BOUNDARY])
{
	char chance[CHANCE + 1];

	rand_text(chance, CHANCE);
	snprintf(boundary, BOUNDARY, "=_hairpin-%s", chance);
}

/* The key can't, whatever the reason is, or keyd isn't there. */
static enum err
signing_error(enum err e)
{
	switch ((int)e) {
	case ERR_OK:
	case ERR_UNAVAILABLE:
	case ERR_FULL:
	case ERR_IO:
	case ERR_CORRUPT:
	case ERR_TOO_BIG:
		return e;
	default:
		return ERR_CRYPTO;
	}
}

/* Armor, its lines as mail has them. */
struct armoring {
	struct pgp_armor armor;
	struct gateway_mime_canon canon;
};

static void
armor_into(struct armoring *a, enum pgp_armor_kind kind, bool is_v6, struct text_sink to)
{
	pgp_armor_init(&a->armor, kind, !is_v6, gateway_mime_canon_into(&a->canon, to));
}

static enum err
feed_armor(void *arg, struct slice octets)
{
	struct armoring *a = arg;

	return pgp_armor_feed(&a->armor, octets);
}

static enum err
end_armor(struct armoring *a)
{
	enum err e = pgp_armor_finish(&a->armor);

	return e ? e : gateway_mime_canon_end(&a->canon);
}

/* --- signed --- */

static enum err
feed_sign(void *arg, struct slice octets)
{
	pgp_sign_feed(arg, octets);
	return ERR_OK;
}

static struct pgp_signer
signer_of(const struct gateway_build_signer *s, const struct pgp_private *private)
{
	return (struct pgp_signer){.key = &s->cert->key[s->key].public, .private = private};
}

static enum err
sign_text(const struct text *t, const struct gateway_build_signer *by, struct buf *signature,
	uint8_t *hash)
{
	struct gateway_mime_range all = {0, t->size};
	struct pgp_private private = gateway_pgp_private(by->ring);
	struct pgp_signer signer = signer_of(by, &private);
	struct pgp_sign_setup setup = {
		.signer = &signer, .n = 1, .created_sec = (uint32_t)by->now_sec};
	struct pgp_sign s;
	enum err e = pgp_sign_begin(&s, &setup);

	if (!e)
		e = gateway_mime_decode(
			t, all, MAIL_ENCODING_BINARY, &(struct text_sink){feed_sign, &s});
	if (!e) {
		*hash = pgp_sign_hash(&s, 0);
		e = pgp_sign_finish(&s, signature);
	}
	pgp_sign_fini(&s);
	return signing_error(e);
}

/* RFC 3156 section 5. */
static enum err
write_signed(const struct text *t, struct slice signature, uint8_t hash, bool is_v6,
	const struct text_sink *to)
{
	struct gateway_mime_range all = {0, t->size};
	char boundary[BOUNDARY], fields[FIELDS];
	struct armoring armor;
	enum err e;

	make_boundary(boundary);
	snprintf(fields, sizeof fields,
		"Content-Type: multipart/signed; protocol=\"application/pgp-signature\";\r\n"
		"\tmicalg=%s; boundary=\"%s\"\r\n\r\n--%s\r\n",
		pgp_algorithm_micalg(hash), boundary, boundary);
	e = put(to, fields);
	e = e ? e : gateway_mime_decode(t, all, MAIL_ENCODING_BINARY, to);
	snprintf(fields, sizeof fields,
		"\r\n--%s\r\nContent-Type: application/pgp-signature; "
		"name=\"signature.asc\"\r\n"
		"Content-Disposition: attachment; filename=\"signature.asc\"\r\n\r\n",
		boundary);
	e = e ? e : put(to, fields);
	armor_into(&armor, PGP_ARMOR_SIGNATURE, is_v6, *to);
	e = e ? e : feed_armor(&armor, signature);
	e = e ? e : end_armor(&armor);
	snprintf(fields, sizeof fields, "\r\n--%s--\r\n", boundary);
	return e ? e : put(to, fields);
}

enum err
gateway_build_pgp_signed(struct gateway_build *b, const struct gateway_build_signer *signer,
	const struct text **entity)
{
	bool is_v6 = signer->cert->key[0].public.version == 6;
	const struct text *t;
	struct text_sink room;
	struct text *made;
	struct buf signature;
	uint8_t hash = 0;
	enum err e = b->signed_pgp ? ERR_OK : gateway_build_7bit(b, &t), closing;

	if (!e && b->signed_pgp) {
		*entity = b->signed_pgp;
		return ERR_OK;
	}
	buf_init(&signature, SIGNATURE_MAX);
	e = e ? signing_error(e) : sign_text(t, signer, &signature, &hash);
	if (!e)
		e = gateway_answer_open(b->w, &room);
	if (!e) {
		e = write_signed(t, buf_slice(&signature), hash, is_v6, &room);
		closing = gateway_answer_room(b->w, &made);
		e = e ? e : closing;
	}
	if (!e)
		*entity = b->signed_pgp = made;
	buf_fini(&signature);
	return e;
}

/* --- encrypted --- */

static enum err
feed_seal(void *arg, struct slice octets)
{
	return pgp_seal_feed(arg, octets);
}

static enum err
seal_text(const struct text *t, const struct gateway_build_pgp *q,
	const struct pgp_seal_plan *plan, struct text_sink to)
{
	struct gateway_mime_range all = {0, t->size};
	struct pgp_private private = {NULL, NULL, NULL};
	struct pgp_signer signer;
	struct pgp_seal_setup setup = {.plan = plan, .format = 'b', .to = to};
	struct pgp_seal *s;
	enum err e;

	if (q->signer) {
		private = gateway_pgp_private(q->signer->ring);
		signer = signer_of(q->signer, &private);
		setup.sign = (struct pgp_sign_setup){
			.signer = &signer, .n = 1, .created_sec = (uint32_t)q->now_sec};
	}
	s = pgp_seal_new(&setup);
	if (!s)
		return ERR_CRYPTO;
	e = gateway_mime_decode(
		t, all, MAIL_ENCODING_BINARY, &(struct text_sink){feed_seal, s});
	e = e ? e : pgp_seal_finish(s);
	pgp_seal_free(s);
	e = signing_error(e);
	return e == ERR_CRYPTO && q->signer ? ERR_DENIED : e;
}

struct recipients {
	struct pgp_cert *cert[GATEWAY_RECIPIENTS_MAX];
	size_t n;
	struct pgp_seal_plan plan;
};

static enum err
choose(const struct gateway_build_pgp *q, struct recipients *r)
{
	for (; r->n < q->n; r->n++) {
		r->cert[r->n] = gateway_pgp_cert(q->certs, codec_slice(q->to[r->n]->der));
		if (!r->cert[r->n])
			return ERR_CRYPTO;
	}
	return pgp_seal_choose(r->cert, r->n, q->now_sec, true, &r->plan) ? ERR_CRYPTO : ERR_OK;
}

/* RFC 3156 section 4. */
static enum err
write_encrypted(const struct text *t, const struct gateway_build_pgp *q,
	const struct pgp_seal_plan *plan, const struct text_sink *to)
{
	char boundary[BOUNDARY], fields[2 * FIELDS];
	struct armoring armor;
	enum err e;

	make_boundary(boundary);
	snprintf(fields, sizeof fields,
		"Content-Type: multipart/encrypted; "
		"protocol=\"application/pgp-encrypted\";\r\n"
		"\tboundary=\"%s\"\r\n\r\n--%s\r\n"
		"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n--%s\r\n"
		"Content-Type: application/octet-stream; name=\"encrypted.asc\"\r\n"
		"Content-Disposition: inline; filename=\"encrypted.asc\"\r\n\r\n",
		boundary, boundary, boundary);
	e = put(to, fields);
	armor_into(&armor, PGP_ARMOR_MESSAGE, plan->seipd == 2, *to);
	e = e ? e : seal_text(t, q, plan, (struct text_sink){feed_armor, &armor});
	e = e ? e : end_armor(&armor);
	snprintf(fields, sizeof fields, "\r\n--%s--\r\n", boundary);
	return e ? e : put(to, fields);
}

enum err
gateway_build_pgp_sealed(
	const struct text *entity, struct gateway_build_pgp *seal, const struct text_sink *to)
{
	struct recipients *r = must_zalloc(sizeof *r);
	enum err e = choose(seal, r);

	if (!e) {
		seal->cipher = pgp_algorithm_cipher_name(r->plan.cipher);
		e = write_encrypted(entity, seal, &r->plan, to);
	}
	free(r);
	return e;
}
