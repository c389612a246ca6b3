#include "crypto/pgp_seal.h"

#include <stdlib.h>

#include "core/must.h"
#include "crypto/pgp_packet.h"
#include "crypto/pgp_skesk.h"
#include "crypto/pgp_symmetric.h"

enum { HEAD_MAX = 1 << 21, LITERAL_HEAD = 6 };

struct pgp_seal {
	struct pgp_seal_setup setup;
	struct pgp_session session;
	struct pgp_sign sign;
	struct buf head; /* packets before the encrypted one; then those around the literal */
	struct pgp_symmetric *symmetric;
	struct pgp_packet_parts sealed, literal;
	bool is_begun;
	enum err error;
};

/* --- what all can read ------------------------------------------------------------------- */

static bool
prefers(struct slice list, uint8_t cipher)
{
	return slice_has(list, cipher);
}

static bool
has_suite(struct slice suites, uint8_t cipher, uint8_t aead)
{
	for (size_t i = 0; i + 1 < suites.n; i += 2)
		if (suites.p[i] == cipher && suites.p[i + 1] == aead)
			return true;
	return false;
}

enum err
pgp_seal_choose(struct pgp_cert *const *cert, size_t n, uint64_t at_sec, bool may_seipd2,
	struct pgp_seal_plan *plan)
{
	size_t keys[PGP_VALID_RECIPIENTS_MAX];
	bool all_seipd2 = may_seipd2, all_256 = true, all_suites = true;

	plan->n = 0;
	for (size_t i = 0; i < n; i++) {
		struct pgp_valid_facts f;
		size_t found = pgp_valid_recipients(cert[i], at_sec, keys);

		if (found == 0 || !pgp_valid_facts(cert[i], at_sec, &f))
			return ERR_NOT_FOUND;
		if (found > PGP_RECIPIENTS_MAX - plan->n)
			return ERR_LIMIT;
		for (size_t k = 0; k < found; k++)
			plan->key[plan->n++] = &cert[i]->key[keys[k]].public;
		all_seipd2 &= f.has_seipd2;
		all_256 &= prefers(f.ciphers, PGP_AES256);
		all_suites &= has_suite(f.suites, PGP_AES256, PGP_OCB);
	}
	plan->seipd = all_seipd2 ? 2 : 1;
	plan->aead = all_seipd2 ? PGP_OCB : 0;
	plan->cipher = (all_seipd2 ? all_suites : all_256) ? PGP_AES256 : PGP_AES128;
	return ERR_OK;
}

/* --- before the text --------------------------------------------------------------------- */

/* RFC 9580 section 5.1. */
static enum err
put_recipient(struct pgp_seal *s, const struct pgp_public *key)
{
	uint8_t version = s->setup.plan->seipd == 2 ? 6 : 3;
	struct buf body, fields;
	enum err e;

	buf_init(&body, PGP_PACKET_BODY_MAX);
	buf_init(&fields, PGP_PUBLIC_FIELDS_MAX);
	e = pgp_public_wrap(key, version, &s->session, &fields);
	buf_put_u8(&body, version);
	if (version == 6) {
		buf_put_u8(&body, (uint8_t)(key->n_fingerprint + 1));
		buf_put_u8(&body, key->version);
		buf_put(&body, key->fingerprint, key->n_fingerprint);
	} else {
		buf_put(&body, key->key_id, PGP_KEY_ID);
	}
	buf_put_u8(&body, key->algorithm);
	buf_put_slice(&body, buf_slice(&fields));
	if (e == ERR_OK && !pgp_packet_put(&s->head, PGP_TAG_PKESK, buf_slice(&body)))
		e = ERR_TOO_BIG;
	buf_fini(&body);
	buf_fini(&fields);
	return e;
}

static void
put_password(struct pgp_seal *s, struct slice password)
{
	struct buf body;

	buf_init(&body, PGP_SKESK_BODY_MAX);
	pgp_skesk_make(s->setup.plan->seipd == 2 ? 6 : 4, password, &s->session, &body);
	pgp_packet_put(&s->head, PGP_TAG_SKESK, buf_slice(&body));
	buf_fini(&body);
}

static enum err
on_sealed(void *arg, struct slice octets)
{
	struct pgp_seal *s = arg;

	return pgp_packet_parts_feed(&s->sealed, octets);
}

static enum err
on_literal(void *arg, struct slice octets)
{
	struct pgp_seal *s = arg;

	return s->symmetric ? pgp_symmetric_feed(s->symmetric, octets)
			    : s->setup.to.put(s->setup.to.arg, octets);
}

static enum err
begin_encryption(struct pgp_seal *s)
{
	const struct pgp_seal_plan *plan = s->setup.plan;
	enum err e = ERR_OK;

	pgp_symmetric_session(plan->cipher, &s->session);
	for (size_t i = 0; e == ERR_OK && i < plan->n; i++)
		e = put_recipient(s, plan->key[i]);
	for (size_t i = 0; e == ERR_OK && i < s->setup.n_passwords; i++)
		put_password(s, s->setup.password[i]);
	if (e != ERR_OK || s->head.overflow)
		return e == ERR_OK ? ERR_TOO_BIG : e;
	pgp_packet_parts_init(&s->sealed, PGP_TAG_SEIPD, s->setup.to);
	s->symmetric = pgp_symmetric_encrypt(
		plan->aead, &s->session, (struct text_sink){on_sealed, s});
	return ERR_OK;
}

struct pgp_seal *
pgp_seal_new(const struct pgp_seal_setup *setup)
{
	struct pgp_seal *s = must_zalloc(sizeof *s);

	s->setup = *setup;
	buf_init(&s->head, HEAD_MAX);
	pgp_packet_parts_init(&s->literal, PGP_TAG_LITERAL, (struct text_sink){on_literal, s});
	if (pgp_sign_begin(&s->sign, &setup->sign) == ERR_OK &&
		(setup->plan->seipd == 0 || begin_encryption(s) == ERR_OK))
		return s;
	pgp_seal_free(s);
	return NULL;
}

void
pgp_seal_free(struct pgp_seal *s)
{
	if (!s)
		return;
	pgp_symmetric_free(s->symmetric);
	pgp_sign_fini(&s->sign);
	buf_fini(&s->head);
	explicit_bzero(s, sizeof *s);
	free(s);
}

const struct pgp_session *
pgp_seal_session(const struct pgp_seal *s)
{
	return &s->session;
}

/* --- the text, and what is around it ----------------------------------------------------- */

static enum err
begin(struct pgp_seal *s)
{
	/* No name, and no date: a text's are nobody's business. */
	uint8_t literal[LITERAL_HEAD] = {s->setup.format};
	enum err e = ERR_OK;

	s->is_begun = true;
	if (s->head.n)
		e = s->setup.to.put(s->setup.to.arg, buf_slice(&s->head));
	buf_clear(&s->head);
	pgp_sign_announce(&s->sign, &s->head);
	if (e == ERR_OK && s->head.n)
		e = on_literal(s, buf_slice(&s->head));
	return e == ERR_OK ? pgp_packet_parts_feed(&s->literal, slice_of(literal, LITERAL_HEAD))
			   : e;
}

enum err
pgp_seal_feed(struct pgp_seal *s, struct slice text)
{
	if (s->error == ERR_OK && !s->is_begun)
		s->error = begin(s);
	if (s->error == ERR_OK && text.n) {
		pgp_sign_feed(&s->sign, text);
		s->error = pgp_packet_parts_feed(&s->literal, text);
	}
	return s->error;
}

static enum err
end(struct pgp_seal *s)
{
	enum err e = pgp_packet_parts_finish(&s->literal);

	buf_clear(&s->head);
	if (e == ERR_OK)
		e = pgp_sign_finish(&s->sign, &s->head);
	if (e == ERR_OK && s->head.n)
		e = on_literal(s, buf_slice(&s->head));
	if (e == ERR_OK && s->symmetric) {
		e = pgp_symmetric_finish(s->symmetric);
		if (e == ERR_OK)
			e = pgp_packet_parts_finish(&s->sealed);
	}
	return e;
}

enum err
pgp_seal_finish(struct pgp_seal *s)
{
	if (pgp_seal_feed(s, SLICE_EMPTY) == ERR_OK)
		s->error = end(s);
	return s->error;
}
