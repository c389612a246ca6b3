#include "tests/gateway_world.h"

#include "cmd/courier_harvest.h"
#include "crypto/key_pgp.h"
#include "crypto/pgp_info.h"

/* Bob's certificate, and somebody else's. */
static struct slice bobs, others;
static struct arena keys;

/* A mail that has brought some certificates, and what the question knew of its sender. */
struct mail {
	Gateway__Question q;
	Gateway__Party sender, recipient, *recipients[1];
	Gateway__Certificate known, *known_list[1];
	Gateway__Answer answer;
	Gateway__Harvest one[COURIER_HARVEST_MAX + 1], *list[COURIER_HARVEST_MAX + 1];
	Commands__Passed passed;
};

static void
make(struct slice *cert)
{
	const struct slice address = SLICE_LIT(BOB);
	const struct key_make q = {
		.address = &address, .addresses = 1, .now_sec = GATEWAY_NOW - 10, .days = 10};
	struct slice bundle;

	assert_int_equal(key_pgp_make("openpgp", &q, &keys, &bundle, cert), ERR_OK);
}

static int
begin(void **state)
{
	(void)state;
	seal_init();
	arena_init(&keys, 0);
	make(&bobs);
	make(&others);
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	arena_reset(&keys);
	return 0;
}

static struct mail *
mail(void)
{
	struct mail *m = arena_zalloc(&g.a, sizeof *m);

	gateway__question__init(&m->q);
	gateway__party__init(&m->sender);
	gateway__party__init(&m->recipient);
	gateway__certificate__init(&m->known);
	gateway__answer__init(&m->answer);
	commands__passed__init(&m->passed);
	m->recipients[0] = &m->recipient;
	m->known_list[0] = &m->known;
	m->q.sender = &m->sender;
	m->q.recipient = m->recipients;
	m->q.n_recipient = 1;
	m->answer.harvest = m->list;
	return m;
}

/* key: whose the hash is that is said of it. */
static Gateway__Harvest *
brings(struct mail *m, struct slice cert, struct slice key)
{
	Gateway__Harvest *h = &m->one[m->answer.n_harvest];
	uint8_t *hash = arena_alloc(&g.a, CERT_INFO_HASH);

	assert_int_equal(pgp_info_key_hash(key, hash), ERR_OK);
	gateway__harvest__init(h);
	h->address = gateway_text(BOB);
	h->der = codec_bytes(cert);
	h->public_key = (ProtobufCBinaryData){CERT_INFO_HASH, hash};
	h->trust = GATEWAY__TRUST__HARVESTED;
	h->until_sec = GATEWAY_NOW + 86400;
	m->list[m->answer.n_harvest++] = h;
	return h;
}

static size_t
kept(struct mail *m)
{
	struct db_txn *txn = gateway_look();

	courier_harvest_fill(
		&(struct courier_harvest){&m->q, &m->answer, txn, &g.a}, &m->passed);
	db_abort(txn);
	return m->passed.n_harvest;
}

/* Another copy of the same key is in the log. */
static ProtobufCBinaryData
put_copy(struct slice of)
{
	Commands__Cert cert = COMMANDS__CERT__INIT;
	uint8_t *copy = arena_alloc(&g.a, of.n + 1), *hash = arena_alloc(&g.a, CERT_INFO_HASH);

	memcpy(copy, of.p, of.n);
	copy[of.n] = 0;
	assert_int_equal(pgp_info_key_hash(of, hash), ERR_OK);
	cert.der = (ProtobufCBinaryData){of.n + 1, copy};
	cert.public_key = (ProtobufCBinaryData){CERT_INFO_HASH, hash};
	cert.trust = GATEWAY__TRUST__MANUAL;
	cert.until_sec = GATEWAY_NOW + 86400;
	assert_int_equal(gateway_put_cert(BOB, &cert, true), COMMAND_DONE);
	return cert.der;
}

static void
what_is_new_is_kept_and_no_more_than_so_many(void **state)
{
	struct mail *m = mail();

	(void)state;
	for (size_t i = 0; i < COURIER_HARVEST_MAX; i++)
		brings(m, bobs, bobs);
	assert_int_equal(kept(m), COURIER_HARVEST_MAX);
	m = mail();
	for (size_t i = 0; i <= COURIER_HARVEST_MAX; i++)
		brings(m, bobs, bobs);
	assert_int_equal(kept(m), COURIER_HARVEST_MAX);
}

static void
by_hand_comes_from_nobody_here(void **state)
{
	struct mail *m = mail();

	(void)state;
	brings(m, bobs, bobs)->trust = GATEWAY__TRUST__MANUAL;
	assert_int_equal(kept(m), 1);
	assert_int_equal(m->passed.harvest[0]->cert->trust, GATEWAY__TRUST__VERIFIED);
}

static void
a_key_is_the_one_that_it_is(void **state)
{
	struct mail *m = mail();

	(void)state;
	brings(m, others, bobs);
	assert_int_equal(kept(m), 0);
	m = mail();
	brings(m, bobs, bobs)->public_key.len = 0;
	assert_int_equal(kept(m), 0);
}

static void
a_copy_without_what_came_meanwhile_is_left_for_the_next_mail(void **state)
{
	ProtobufCBinaryData copy = put_copy(bobs);
	struct mail *m = mail();

	(void)state;
	brings(m, bobs, bobs);
	assert_int_equal(kept(m), 0);
	/* The question had it, in use or not. */
	m = mail();
	brings(m, bobs, bobs);
	m->known.der = copy;
	m->sender.certificate = m->known_list;
	m->sender.n_certificate = 1;
	assert_int_equal(kept(m), 1);
	m = mail();
	brings(m, bobs, bobs);
	m->sender.other = &copy;
	m->sender.n_other = 1;
	assert_int_equal(kept(m), 1);
	/* Another key's is in nobody's way. */
	m = mail();
	brings(m, others, others);
	assert_int_equal(kept(m), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		GATEWAY_TEST(what_is_new_is_kept_and_no_more_than_so_many),
		GATEWAY_TEST(by_hand_comes_from_nobody_here),
		GATEWAY_TEST(a_key_is_the_one_that_it_is),
		GATEWAY_TEST(a_copy_without_what_came_meanwhile_is_left_for_the_next_mail),
	};

	return cmocka_run_group_tests(tests, begin, finish);
}
