#include "crypto/pgp_symmetric.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "core/must.h"
#include "core/rand.h"
#include "crypto/pgp_symmetric_inner.h"

enum { SALT = 32, HEAD_CFB = 1, HEAD_AEAD = 4 };

struct pgp_symmetric {
	struct text_sink to;
	struct pgp_session session;
	uint8_t tag, aead;
	bool is_encrypt;
	bool is_wrong; /* the session key isn't one for this; said when all was tried */
	enum err e;
	size_t n_head;
	uint8_t head[PGP_SYMMETRIC_HEAD_MAX];
	struct pgp_symmetric_cfb *cfb;
	struct pgp_symmetric_chunks *chunks;
};

/* --- the head ---------------------------------------------------------------------------- */

enum err
pgp_symmetric_peek(uint8_t tag, struct slice body, struct pgp_symmetric_head *head)
{
	bool is_seipd = tag == PGP_TAG_SEIPD;

	memset(head, 0, sizeof *head);
	if (!body.n)
		return ERR_MORE;
	head->version = body.p[0];
	if (is_seipd && head->version == 1) {
		head->n = HEAD_CFB;
		return ERR_OK;
	}
	if (head->version != (is_seipd ? 2 : 1))
		return ERR_UNSUPPORTED;
	if (body.n < HEAD_AEAD)
		return ERR_MORE;
	head->cipher = body.p[1];
	head->aead = body.p[2];
	head->chunk = body.p[3];
	if (!pgp_algorithm_has_aead(head->cipher, head->aead))
		return ERR_UNSUPPORTED;
	if (head->chunk > PGP_SYMMETRIC_CHUNK_MAX)
		return ERR_SYNTAX;
	head->n = HEAD_AEAD + (is_seipd ? SALT : pgp_algorithm_nonce_size(head->aead));
	return body.n < head->n ? ERR_MORE : ERR_OK;
}

/* A session key of another cipher or size is a wrong key like any other: it decrypts, and the
 * tag says no. In version 1 there is nothing to try it with. */
static enum err
begin_decrypt(struct pgp_symmetric *s, const struct pgp_symmetric_head *h)
{
	uint8_t cipher = h->cipher ? h->cipher : s->session.cipher;
	size_t size = pgp_algorithm_key_size(cipher);

	s->is_wrong = s->session.n != size ||
		      (s->session.cipher && s->session.cipher != cipher);
	if (!h->aead && s->is_wrong)
		return ERR_CRYPTO;
	if (!h->aead)
		s->cfb = pgp_symmetric_cfb_new(false, cipher, s->session.key, s->to);
	else
		s->chunks = pgp_symmetric_chunks_new(false, s->tag, slice_of(s->head, h->n),
			slice_of(s->session.key, s->session.n), s->to);
	return ERR_OK;
}

/* Keeps octets until the head is there; takes them off rest. */
static enum err
take_head(struct pgp_symmetric *s, struct slice *rest)
{
	struct pgp_symmetric_head h;
	enum err e = ERR_MORE;

	while (e == ERR_MORE && rest->n) {
		s->head[s->n_head++] = *rest->p;
		*rest = slice_from(*rest, 1);
		e = pgp_symmetric_peek(s->tag, slice_of(s->head, s->n_head), &h);
	}
	if (!e)
		return begin_decrypt(s, &h);
	return e == ERR_SYNTAX ? ERR_CRYPTO : e;
}

/* --- the machine ------------------------------------------------------------------------- */

static struct pgp_symmetric *
make(const struct pgp_session *session, struct text_sink to)
{
	struct pgp_symmetric *s = must_zalloc(sizeof *s);

	s->to = to;
	s->session = *session;
	return s;
}

struct pgp_symmetric *
pgp_symmetric_decrypt(uint8_t tag, const struct pgp_session *session, struct text_sink to)
{
	struct pgp_symmetric *s = make(session, to);

	s->tag = tag;
	return s;
}

struct pgp_symmetric *
pgp_symmetric_encrypt(uint8_t aead, const struct pgp_session *session, struct text_sink to)
{
	struct pgp_symmetric *s = make(session, to);

	must(pgp_algorithm_has_aead(session->cipher, aead ? aead : PGP_OCB) &&
		session->n == pgp_algorithm_key_size(session->cipher));
	s->is_encrypt = true;
	s->tag = PGP_TAG_SEIPD;
	s->aead = aead;
	return s;
}

/* The head of what we write. */
static enum err
begin_encrypt(struct pgp_symmetric *s)
{
	s->head[0] = s->aead ? 2 : 1;
	s->n_head = HEAD_CFB;
	if (s->aead) {
		s->head[1] = s->session.cipher;
		s->head[2] = s->aead;
		s->head[3] = PGP_SYMMETRIC_CHUNK;
		rand_bytes(s->head + HEAD_AEAD, SALT);
		s->n_head = HEAD_AEAD + SALT;
		s->chunks = pgp_symmetric_chunks_new(true, s->tag, slice_of(s->head, s->n_head),
			slice_of(s->session.key, s->session.n), s->to);
	} else {
		s->cfb = pgp_symmetric_cfb_new(true, s->session.cipher, s->session.key, s->to);
	}
	return s->to.put(s->to.arg, slice_of(s->head, s->n_head));
}

static enum err
feed(struct pgp_symmetric *s, struct slice octets)
{
	bool has_begun = s->cfb || s->chunks;
	enum err e = ERR_OK;

	if (!has_begun)
		e = s->is_encrypt ? begin_encrypt(s) : take_head(s, &octets);
	if (e)
		return e == ERR_MORE ? ERR_OK : e;
	if (s->is_encrypt)
		return s->cfb ? pgp_symmetric_cfb_encrypt(s->cfb, octets)
			      : pgp_symmetric_chunks_encrypt(s->chunks, octets);
	return s->cfb ? pgp_symmetric_cfb_decrypt(s->cfb, octets)
		      : pgp_symmetric_chunks_decrypt(s->chunks, octets);
}

enum err
pgp_symmetric_feed(struct pgp_symmetric *s, struct slice octets)
{
	if (!s->e)
		s->e = feed(s, octets);
	return s->e;
}

static enum err
finish(struct pgp_symmetric *s)
{
	enum err e;

	if (s->is_encrypt) {
		e = s->cfb || s->chunks ? ERR_OK : begin_encrypt(s);
		if (e)
			return e;
		return s->cfb ? pgp_symmetric_cfb_encrypt_end(s->cfb)
			      : pgp_symmetric_chunks_encrypt_end(s->chunks);
	}
	if (!s->cfb && !s->chunks)
		return ERR_CRYPTO;
	e = s->cfb ? pgp_symmetric_cfb_decrypt_end(s->cfb)
		   : pgp_symmetric_chunks_decrypt_end(s->chunks);
	return !e && s->is_wrong ? ERR_CRYPTO : e;
}

enum err
pgp_symmetric_finish(struct pgp_symmetric *s)
{
	if (!s->e)
		s->e = finish(s);
	return s->e;
}

void
pgp_symmetric_free(struct pgp_symmetric *s)
{
	if (!s)
		return;
	pgp_symmetric_cfb_free(s->cfb);
	pgp_symmetric_chunks_free(s->chunks);
	OPENSSL_cleanse(s, sizeof *s);
	free(s);
}

void
pgp_symmetric_session(uint8_t cipher, struct pgp_session *session)
{
	session->cipher = cipher;
	session->n = pgp_algorithm_key_size(cipher);
	must(session->n > 0);
	rand_bytes(session->key, session->n);
}
