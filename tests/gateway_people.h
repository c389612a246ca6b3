/* gateway_people: an authority and people with certificates for their addresses, and the
 * engine asked about a mail of theirs: for the tests of crypto/gateway. */
#ifndef TESTS_GATEWAY_PEOPLE_H
#define TESTS_GATEWAY_PEOPLE_H

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "core/arena.h"
#include "core/codec.h"
#include "crypto/gateway.h"
#include "crypto/key_pgp.h"
#include "crypto/pgp_bundle.h"
#include "crypto/private_key.h"
#include "crypto/tls.h"
#include "tests/test.h"

enum { GATEWAY_PEOPLE_MAX = 6, GATEWAY_PEOPLE_ROOM = 64 << 20 };
#define GATEWAY_PEOPLE_NOW 1800000000u

struct gateway_people_person {
	const char *address;
	Gateway__Key key, *keys[1];
	Gateway__Certificate certificate, *certificates[1];
	ProtobufCBinaryData der;
	struct private_key *own;    /* of S/MIME */
	struct pgp_bundle *own_pgp; /* of OpenPGP */
};
struct gateway_people {
	struct arena arena; /* of the whole test */
	EVP_PKEY *ca_key;
	X509 *ca;
	struct gateway_people_person person[GATEWAY_PEOPLE_MAX];
	size_t people;
	bool is_rsa; /* those who are added get RSA keys of 2,048 bits */
	/* the question, as it is built */
	Gateway__Question q;
	Gateway__Settings settings; /* of all recipients that have none of their own */
	ProtobufCBinaryData anchor;
	enum err key_fault; /* what keyd says, if it isn't ERR_OK */
	uint64_t false_for; /* the key for which it gives false_cek, if not 0 */
	uint8_t false_cek[GATEWAY_KEYS_CEK_MAX];
	unsigned room_calls_left; /* then the room is full */
	/* the answer */
	struct text_memory *room;
	struct gateway_answer answer;
};

static inline void
gateway_people_extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(e);
	assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

static inline X509 *
gateway_people_x509(EVP_PKEY *key, const char *name, long serial)
{
	X509 *x = X509_new();

	assert_int_equal(X509_set_version(x, X509_VERSION_3), 1);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
	ASN1_TIME_set_string(X509_getm_notBefore(x), "20200101000000Z");
	ASN1_TIME_set_string(X509_getm_notAfter(x), "20991231235959Z");
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
		(const uint8_t *)name, -1, -1, 0);
	assert_int_equal(X509_set_pubkey(x, key), 1);
	return x;
}

static inline ProtobufCBinaryData
gateway_people_der(struct gateway_people *w, X509 *x)
{
	uint8_t *der = NULL;
	int n = i2d_X509(x, &der);
	ProtobufCBinaryData d = codec_bytes(arena_dup(&w->arena, slice_of(der, (size_t)n)));

	OPENSSL_free(der);
	return d;
}

/* What the question has of the last one that was added. */
static inline void
gateway_people_hold(struct gateway_people *w, struct gateway_people_person *p)
{
	gateway__key__init(&p->key);
	p->key.id = w->people;
	p->key.may_sign = true;
	p->key.n_certificate = 1;
	p->key.certificate = &p->der;
	p->keys[0] = &p->key;
	gateway__certificate__init(&p->certificate);
	p->certificate.der = p->der;
	p->certificate.trust = GATEWAY__TRUST__VERIFIED;
	p->certificates[0] = &p->certificate;
}

/* A key (of P-256) that signs and can be encrypted to; its certificate by the authority, or
 * by itself. */
static inline struct gateway_people_person *
gateway_people_add(struct gateway_people *w, const char *address, bool by_authority)
{
	struct gateway_people_person *p = &w->person[w->people++];
	EVP_PKEY *key = w->is_rsa ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)
				  : EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	X509 *x = gateway_people_x509(key, address, (long)w->people + 1);
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	char san[200];
	uint8_t *der = NULL;
	int n = i2d_PKCS8_PRIV_KEY_INFO(info, &der);

	snprintf(san, sizeof san, "email:%s", address);
	gateway_people_extend(x, x, NID_subject_alt_name, san);
	gateway_people_extend(
		x, x, NID_key_usage, "digitalSignature,keyAgreement,keyEncipherment");
	gateway_people_extend(x, x, NID_subject_key_identifier, "hash");
	X509_set_issuer_name(x, X509_get_subject_name(by_authority ? w->ca : x));
	assert_true(X509_sign(x, by_authority ? w->ca_key : key, EVP_sha256()) > 0);
	assert_int_equal(private_key_parse(slice_of(der, (size_t)n), &p->own), ERR_OK);
	p->address = address;
	p->der = gateway_people_der(w, x);
	gateway_people_hold(w, p);
	OPENSSL_free(der);
	PKCS8_PRIV_KEY_INFO_free(info);
	X509_free(x);
	EVP_PKEY_free(key);
	return p;
}

/* Somebody with a key of OpenPGP; kind: as key_pgp_make has it. */
static inline struct gateway_people_person *
gateway_people_add_pgp(struct gateway_people *w, const char *address, const char *kind)
{
	struct gateway_people_person *p = &w->person[w->people++];
	const struct slice id = slice_str(address);
	const struct key_make q = {.address = &id,
		.addresses = 1,
		.now_sec = GATEWAY_PEOPLE_NOW - 1000,
		.days = 100};
	struct slice bundle, cert;

	assert_int_equal(key_pgp_make(kind, &q, &w->arena, &bundle, &cert), ERR_OK);
	assert_int_equal(pgp_bundle_parse(bundle, &p->own_pgp), ERR_OK);
	p->address = address;
	p->der = codec_bytes(cert);
	gateway_people_hold(w, p);
	return p;
}

static inline void
gateway_people_init(struct gateway_people *w)
{
	tls_init();
	memset(w, 0, sizeof *w);
	arena_init(&w->arena, 0);
	w->ca_key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	w->ca = gateway_people_x509(w->ca_key, "Authority", 1);
	X509_set_issuer_name(w->ca, X509_get_subject_name(w->ca));
	gateway_people_extend(w->ca, w->ca, NID_basic_constraints, "critical,CA:TRUE");
	gateway_people_extend(w->ca, w->ca, NID_key_usage, "keyCertSign,cRLSign");
	gateway_people_extend(w->ca, w->ca, NID_subject_key_identifier, "hash");
	assert_true(X509_sign(w->ca, w->ca_key, EVP_sha256()) > 0);
	w->anchor = gateway_people_der(w, w->ca);
}

static inline void
gateway_people_fini(struct gateway_people *w)
{
	for (size_t i = 0; i < w->people; i++) {
		private_key_free(w->person[i].own);
		pgp_bundle_free(w->person[i].own_pgp);
	}
	text_memory_free(w->room);
	EVP_PKEY_free(w->ca_key);
	X509_free(w->ca);
	arena_reset(&w->arena);
}

/* --- the question --- */

/* Recipients are added to it. */
static inline void
gateway_people_begin(struct gateway_people *w, Gateway__Question__Way way)
{
	Gateway__Party *sender = arena_alloc(&w->arena, sizeof *sender);

	gateway__question__init(&w->q);
	gateway__settings__init(&w->settings);
	gateway__party__init(sender);
	w->settings.rsa_bits_min = 2048;
	w->q.way = way;
	w->q.now_sec = GATEWAY_PEOPLE_NOW;
	w->q.authserv_id = arena_str(&w->arena, SLICE_LIT("gate.example.org"));
	w->q.anchor = &w->anchor;
	w->q.n_anchor = 1;
	w->q.sender = sender;
	w->q.recipient = arena_zalloc(
		&w->arena, (GATEWAY_RECIPIENTS_MAX + 1) * sizeof *w->q.recipient);
	w->key_fault = ERR_OK;
	w->false_for = 0;
	w->room_calls_left = UINT32_MAX;
}

static inline void
gateway_people_sender(struct gateway_people *w, struct gateway_people_person *p)
{
	w->q.sender->address = codec_bytes(slice_str(p->address));
	w->q.sender->n_key = 1;
	w->q.sender->key = p->keys;
}

/* p NULL: somebody without key and certificate. */
static inline Gateway__Party *
gateway_people_to(
	struct gateway_people *w, const char *address, struct gateway_people_person *p)
{
	Gateway__Party *to = arena_alloc(&w->arena, sizeof *to);

	gateway__party__init(to);
	to->address = codec_bytes(slice_str(address));
	to->settings = &w->settings;
	if (p && w->q.way == GATEWAY__QUESTION__WAY__IN) {
		to->n_key = 1;
		to->key = p->keys;
	} else if (p) {
		to->n_certificate = 1;
		to->certificate = p->certificates;
	}
	w->q.recipient[w->q.n_recipient++] = to;
	return to;
}

/* --- who plays keyd and the room --- */

static inline enum err
gateway_people_unwrap(
	void *arg, const Gateway__Key *key, struct slice info, size_t cek_size, uint8_t *cek)
{
	struct gateway_people *w = arg;

	if (w->false_for == key->id && !w->key_fault) {
		memcpy(cek, w->false_cek, cek_size);
		return ERR_OK;
	}
	return w->key_fault ? w->key_fault
			    : private_key_unwrap(w->person[key->id - 1].own,
				      codec_slice(key->certificate[0]), info, cek_size, cek);
}

static inline enum err
gateway_people_sign(
	void *arg, const Gateway__Key *key, const struct gateway_keys_sign *q, struct buf *out)
{
	struct gateway_people *w = arg;

	return w->key_fault ? w->key_fault
			    : private_key_sign(w->person[key->id - 1].own, q, out);
}

static inline enum err
gateway_people_pgp_unwrap(void *arg, const Gateway__Key *key, const struct gateway_keys_pgp *q,
	struct pgp_session *session)
{
	struct gateway_people *w = arg;
	const struct pgp_secret *s = pgp_bundle_find(
		w->person[key->id - 1].own_pgp, q->fingerprint);

	return w->key_fault ? w->key_fault
			    : pgp_secret_unwrap(s, q->number, q->octets, session);
}

static inline enum err
gateway_people_pgp_sign(void *arg, const Gateway__Key *key, const struct gateway_keys_pgp *q,
	struct buf *fields)
{
	struct gateway_people *w = arg;
	const struct pgp_secret *s = pgp_bundle_find(
		w->person[key->id - 1].own_pgp, q->fingerprint);

	return w->key_fault ? w->key_fault : pgp_secret_sign(s, q->number, q->octets, fields);
}

static inline enum err
gateway_people_open(void *arg, struct text_sink *sink)
{
	struct gateway_people *w = arg;
	struct text_room room = text_memory_room(w->room);

	if (w->room_calls_left == 0)
		return ERR_FULL;
	w->room_calls_left--;
	return room.open(room.arg, sink);
}

static inline enum err
gateway_people_close(void *arg, struct text *text)
{
	struct gateway_people *w = arg;
	struct text_room room = text_memory_room(w->room);

	if (w->room_calls_left == 0)
		return ERR_FULL;
	w->room_calls_left--;
	return room.close(room.arg, text);
}

/* The answer lives until the next one. */
static inline enum err
gateway_people_ask_text(struct gateway_people *w, const struct text *mail)
{
	struct gateway_keys keys = {gateway_people_unwrap, gateway_people_sign, w,
		gateway_people_pgp_unwrap, gateway_people_pgp_sign};
	struct text_room room = {gateway_people_open, gateway_people_close, w};
	struct gateway e = {&w->q, mail, &keys, &room, &w->arena};

	text_memory_free(w->room);
	w->room = text_memory_new(GATEWAY_PEOPLE_ROOM);
	return gateway_run(&e, &w->answer);
}

static inline enum err
gateway_people_ask(struct gateway_people *w, struct slice mail)
{
	struct text t = text_of(&mail);

	return gateway_people_ask_text(w, &t);
}

/* --- the answer --- */

static inline const Gateway__Group *
gateway_people_group(const struct gateway_people *w, uint32_t recipient)
{
	const Gateway__Group *found = NULL;

	for (size_t i = 0; i < w->answer.answer.n_group; i++)
		for (size_t n = 0; n < w->answer.answer.group[i]->n_recipient; n++)
			if (w->answer.answer.group[i]->recipient[n] == recipient) {
				assert_null(found); /* each is in one */
				found = w->answer.answer.group[i];
			}
	assert_non_null(found);
	return found;
}

/* The mail's new body; empty: it is the old one. Lives with the world. */
static inline struct slice
gateway_people_body(struct gateway_people *w, const Gateway__Group *g)
{
	const struct text *t;
	struct buf b;
	struct slice s;

	if (g->body == 0)
		return SLICE_EMPTY;
	assert_in_range(g->body, 1, w->answer.bodies);
	t = &w->answer.body[g->body - 1];
	buf_init(&b, (size_t)t->size + 1);
	assert_int_equal(text_get(t, 0, (size_t)t->size, &b), ERR_OK);
	s = arena_dup(&w->arena, buf_slice(&b));
	buf_fini(&b);
	return s;
}

static inline bool
gateway_people_has_fact(const struct gateway_people *w, const char *part)
{
	for (size_t i = 0; i < w->answer.answer.n_fact; i++)
		if (strstr(w->answer.answer.fact[i]->text, part))
			return true;
	return false;
}

#endif
