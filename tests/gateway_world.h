/* gateway_world: a database, and the commands of the encryption engine's tables, for the tests
 * of apply_cert, apply_key and their like. */
#ifndef TESTS_GATEWAY_WORLD_H
#define TESTS_GATEWAY_WORLD_H

#include "tests/test.h"

#include "crypto/gateway.pb-c.h"
#include "crypto/seal.h"
#include "store/apply_cert.h"
#include "store/apply_key.h"
#include "store/view_cert.h"
#include "store/view_key.h"
#include "tests/golden.h"

enum { GATEWAY_NOW = 1800000000, GATEWAY_ROOM = 70000 };
#define BOB "bob@example.net"

static struct golden g;
static char gateway_dir[48];
static uint8_t gateway_octets[GATEWAY_ROOM];

static inline int
gateway_setup(void **state)
{
	(void)state;
	snprintf(gateway_dir, sizeof gateway_dir, "/tmp/gateway_world.XXXXXX");
	assert_non_null(mkdtemp(gateway_dir));
	golden_open(&g, gateway_dir);
	g.node = 1;
	g.time_sec = GATEWAY_NOW;
	memset(gateway_octets, 'x', sizeof gateway_octets);
	return 0;
}

static inline int
gateway_teardown(void **state)
{
	char command[80];

	(void)state;
	golden_close(&g);
	snprintf(command, sizeof command, "rm -r %s", gateway_dir);
	return system(command);
}

#define GATEWAY_TEST(name)                                                                     \
	cmocka_unit_test_setup_teardown(name, gateway_setup, gateway_teardown)

static inline uint32_t
gateway_apply(Commands__Command *c)
{
	g.index++;
	golden_apply(&g, c);
	return g.result.code;
}

/* Octets that live until the end. */
static inline ProtobufCBinaryData
gateway_some(size_t n)
{
	return (ProtobufCBinaryData){n, gateway_octets};
}

static inline ProtobufCBinaryData
gateway_text(const char *s)
{
	return codec_bytes(slice_str(s));
}

/* A certificate named by a word, of a key named by another. */
struct gateway_cert {
	const char *address, *name, *key;
	int trust;	  /* gateway.Trust */
	bool may_replace; /* hold is off */
	int days;	  /* that it is valid; 0: 100 */
	uint64_t private_key;
};

static inline void
gateway_fill(Commands__Cert *cert, const struct gateway_cert *q)
{
	uint8_t *hash = arena_alloc(&g.a, SEAL_HASH);

	commands__cert__init(cert);
	seal_sha256(slice_str(q->key), hash);
	cert->der = gateway_text(q->name);
	cert->public_key = (ProtobufCBinaryData){SEAL_HASH, hash};
	cert->trust = (uint32_t)q->trust;
	cert->until_sec = g.time_sec + (uint64_t)(q->days ? q->days : 100) * 86400;
	cert->key = q->private_key;
}

static inline uint32_t
gateway_put_cert(const char *address, Commands__Cert *cert, bool hold)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__CertPut q = COMMANDS__CERT_PUT__INIT;

	q.address = gateway_text(address);
	q.cert = cert;
	q.hold = hold;
	c.body_case = COMMANDS__COMMAND__BODY_CERT_PUT;
	c.cert_put = &q;
	return gateway_apply(&c);
}

static inline uint32_t
gateway_put(struct gateway_cert q)
{
	Commands__Cert cert;

	gateway_fill(&cert, &q);
	return gateway_put_cert(q.address ? q.address : BOB, &cert, !q.may_replace);
}

static inline struct db_txn *
gateway_look(void)
{
	struct db_txn *txn;

	assert_int_equal(db_begin(g.db, false, &txn), ERR_OK);
	return txn;
}

/* NULL: there is none. */
static inline Commands__Cert *
gateway_cert_of(const char *address, const char *name)
{
	struct db_txn *txn = gateway_look();
	uint8_t sha256[SEAL_HASH];
	Commands__Cert *out = NULL;
	enum err e;

	seal_sha256(slice_str(name), sha256);
	e = view_cert_get(txn, slice_str(address), slice_of(sha256, sizeof sha256), &g.a, &out);
	assert_true(!e || e == ERR_NOT_FOUND);
	db_abort(txn);
	return out;
}

/* 'G', 'P', 'O', or '-': there is none. */
static inline char
gateway_state(const char *name)
{
	const Commands__Cert *c = gateway_cert_of(BOB, name);

	return c ? "GPO"[c->state] : '-';
}

/* An S/MIME key of that address. */
static inline uint32_t
gateway_put_key(uint64_t id, const char *address)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__KeyPut q = COMMANDS__KEY_PUT__INIT;
	Commands__Key key = COMMANDS__KEY__INIT;

	key.kind = COMMANDS__KEY__KIND__SMIME;
	key.address = gateway_text(address);
	key.public_key = key.sealed = q.wrapped_secret = gateway_some(80);
	q.id = id;
	q.record = &key;
	c.body_case = COMMANDS__COMMAND__BODY_KEY_PUT;
	c.key_put = &q;
	return gateway_apply(&c);
}

static inline uint32_t
gateway_del_key(uint64_t id)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__KeyDel q = COMMANDS__KEY_DEL__INIT;

	q.id = id;
	c.body_case = COMMANDS__COMMAND__BODY_KEY_DEL;
	c.key_del = &q;
	return gateway_apply(&c);
}

static inline uint64_t
gateway_rows(enum db_table t)
{
	struct db_txn *txn = gateway_look();
	uint64_t n = 0;

	assert_int_equal(db_count(txn, t, &n), ERR_OK);
	db_abort(txn);
	return n;
}

/* --- who waits for a certificate --- */

/* A hop of node's that failed, to be tried much later; or one that nothing is known against. */
static inline void
gateway_put_hop(uint32_t node, const char *name, uint32_t tries)
{
	Commands__Hop hop = COMMANDS__HOP__INIT;
	struct schema_hop_key k;
	struct db_txn *txn;

	hop.waiting = 1;
	hop.tries = tries;
	hop.next_try_sec = GATEWAY_NOW + 1000000;
	assert_int_equal(db_begin(g.db, true, &txn), ERR_OK);
	assert_int_equal(db_put(txn, DB_HOP, schema_hop(&k, node, slice_str(name)),
				 codec_pack(&hop, &g.a)),
		ERR_OK);
	assert_int_equal(db_put(txn, DB_HOP_DUE,
				 schema_hop_due(&k, node, hop.next_try_sec, slice_str(name)),
				 SLICE_EMPTY),
		ERR_OK);
	assert_int_equal(db_commit(txn), ERR_OK);
}

static inline void
gateway_put_owner(uint32_t node)
{
	struct schema_owner o = {.runs_node = node, .boot = 1, .epoch = 1};
	uint8_t row[SCHEMA_OWNER_SIZE];
	struct schema_key k;
	struct db_txn *txn;

	assert_int_equal(db_begin(g.db, true, &txn), ERR_OK);
	assert_int_equal(
		db_put(txn, DB_OWNER, schema_u32(&k, node), schema_owner_write(&o, row)),
		ERR_OK);
	assert_int_equal(db_commit(txn), ERR_OK);
}

static inline bool
gateway_is_due(uint32_t node, const char *name)
{
	struct db_txn *txn = gateway_look();
	struct schema_hop_key k;
	struct slice v;
	enum err e = db_get(
		txn, DB_HOP_DUE, schema_hop_due(&k, node, g.time_sec, slice_str(name)), &v);

	db_abort(txn);
	return !e;
}

#endif
