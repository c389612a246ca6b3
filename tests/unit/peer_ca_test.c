#include "tests/test.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "crypto/keyring.h"
#include "crypto/peer_ca.h"
#include "crypto/tls_cert.h"

struct world {
	struct peer_ca *ca;
	struct buf key, spki, pem, more;
};

static void
set_up(struct world *w, uint8_t first_octet)
{
	struct seal_key master = {{first_octet}};

	seal_init();
	w->ca = peer_ca_new(&master);
	buf_init(&w->key, PEER_CA_PEM_MAX);
	buf_init(&w->spki, PEER_CA_PEM_MAX);
	buf_init(&w->pem, PEER_CA_PEM_MAX);
	buf_init(&w->more, PEER_CA_PEM_MAX);
	assert_int_equal(peer_ca_new_key(&w->key, &w->spki), ERR_OK);
}

static void
tear_down(struct world *w)
{
	peer_ca_free(w->ca);
	buf_fini(&w->key);
	buf_fini(&w->spki);
	buf_fini(&w->pem);
	buf_fini(&w->more);
}

static X509 *
read_cert(const struct buf *pem)
{
	BIO *bio = BIO_new_mem_buf(pem->p, (int)pem->n);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	assert_non_null(cert);
	return cert;
}

static void
the_authority_is_the_same_octet_by_octet_each_time(void **state)
{
	static const char known[] = "a03412e2";
	struct world w, again, other;
	struct seal_key master = {{1}};
	struct keyring *ring;
	struct peer_ca *third;
	uint8_t hash[3][PEER_CA_HASH];
	struct buf hex;

	(void)state;
	set_up(&w, 1);
	set_up(&again, 1);
	set_up(&other, 2);
	assert_int_equal(peer_ca_certificate(w.ca, &w.pem), ERR_OK);
	assert_int_equal(peer_ca_certificate(again.ca, &again.pem), ERR_OK);
	assert_true(slice_eq(buf_slice(&w.pem), buf_slice(&again.pem)));
	peer_ca_hash(w.ca, hash[0]);
	peer_ca_hash(other.ca, hash[1]);
	assert_memory_not_equal(hash[0], hash[1], PEER_CA_HASH);
	ring = keyring_new(&master);
	third = keyring_peer_ca(ring);
	peer_ca_hash(third, hash[2]);
	assert_memory_equal(hash[0], hash[2], PEER_CA_HASH);
	/* Nor may it change with a new version of this program. */
	buf_init(&hex, 100);
	for (int i = 0; i < 4; i++)
		buf_printf(&hex, "%02x", hash[0][i]);
	buf_put_u8(&hex, 0);
	assert_string_equal(hex.p, known);
	buf_fini(&hex);
	peer_ca_free(third);
	keyring_free(ring);
	tear_down(&w);
	tear_down(&again);
	tear_down(&other);
}

static void
it_signs_for_nodes_and_for_nothing_else(void **state)
{
	struct world w, other;
	X509 *authority, *node, *stranger;

	(void)state;
	set_up(&w, 1);
	set_up(&other, 2);
	assert_int_equal(peer_ca_certificate(w.ca, &w.pem), ERR_OK);
	assert_int_equal(peer_ca_certificate(other.ca, &other.pem), ERR_OK);
	assert_int_equal(peer_ca_issue(w.ca, buf_slice(&w.spki), &w.more), ERR_OK);
	authority = read_cert(&w.pem);
	stranger = read_cert(&other.pem);
	node = read_cert(&w.more);
	assert_int_equal(X509_check_ca(authority), 1);
	assert_int_equal(X509_check_ca(node), 0);
	assert_int_equal(X509_self_signed(authority, 1), 1);
	assert_int_equal(X509_verify(node, X509_get0_pubkey(authority)), 1);
	assert_int_not_equal(X509_verify(node, X509_get0_pubkey(stranger)), 1);
	X509_free(authority);
	X509_free(stranger);
	X509_free(node);
	tear_down(&w);
	tear_down(&other);
}

static void
a_node_is_known_by_the_hash_of_its_public_key(void **state)
{
	struct world w;
	uint8_t of_cert[PEER_CA_HASH], of_key[PEER_CA_HASH], again[PEER_CA_HASH];

	(void)state;
	set_up(&w, 1);
	assert_int_equal(peer_ca_issue(w.ca, buf_slice(&w.spki), &w.pem), ERR_OK);
	assert_int_equal(peer_ca_key_hash(buf_slice(&w.pem), of_cert), ERR_OK);
	assert_int_equal(EVP_Digest(w.spki.p, w.spki.n, of_key, NULL, EVP_sha256(), NULL), 1);
	assert_memory_equal(of_cert, of_key, PEER_CA_HASH);
	/* Another certificate for it changes nothing. */
	assert_int_equal(peer_ca_issue(w.ca, buf_slice(&w.spki), &w.more), ERR_OK);
	assert_false(slice_eq(buf_slice(&w.pem), buf_slice(&w.more)));
	assert_int_equal(peer_ca_key_hash(buf_slice(&w.more), again), ERR_OK);
	assert_memory_equal(of_cert, again, PEER_CA_HASH);
	assert_int_equal(peer_ca_key_hash(buf_slice(&w.key), again), ERR_SYNTAX);
	assert_int_equal(peer_ca_key_hash(SLICE_EMPTY, again), ERR_SYNTAX);
	tear_down(&w);
}

static void
what_is_no_public_key_gets_no_certificate(void **state)
{
	struct world w;
	struct buf other_key, other_cert;
	struct slice name = SLICE_LIT("mail.example.org");
	uint8_t *der = NULL;
	X509 *cert;
	int n;

	(void)state;
	set_up(&w, 1);
	assert_int_equal(peer_ca_issue(w.ca, SLICE_EMPTY, &w.pem), ERR_SYNTAX);
	for (size_t cut = 0; cut < w.spki.n; cut++)
		assert_int_equal(
			peer_ca_issue(w.ca, slice_of(w.spki.p, cut), &w.pem), ERR_SYNTAX);
	buf_put_u8(&w.spki, 0);
	assert_int_equal(peer_ca_issue(w.ca, buf_slice(&w.spki), &w.pem), ERR_SYNTAX);
	/* A P-256 key. */
	buf_init(&other_key, 10000);
	buf_init(&other_cert, 10000);
	assert_int_equal(tls_cert_new(&name, 1, 1700000000, &other_key, &other_cert), ERR_OK);
	cert = read_cert(&other_cert);
	n = i2d_PUBKEY(X509_get0_pubkey(cert), &der);
	assert_int_equal(peer_ca_issue(w.ca, slice_of(der, (size_t)n), &w.pem), ERR_SYNTAX);
	assert_int_equal(w.pem.n, 0);
	OPENSSL_free(der);
	X509_free(cert);
	buf_fini(&other_key);
	buf_fini(&other_cert);
	tear_down(&w);
}

static void
what_does_not_fit_is_said(void **state)
{
	struct world w;
	struct buf small;

	(void)state;
	set_up(&w, 1);
	buf_init(&small, 30);
	assert_int_equal(peer_ca_certificate(w.ca, &small), ERR_LIMIT);
	buf_clear(&small);
	assert_int_equal(peer_ca_issue(w.ca, buf_slice(&w.spki), &small), ERR_LIMIT);
	buf_clear(&small);
	assert_int_equal(peer_ca_new_key(&small, &w.more), ERR_LIMIT);
	buf_clear(&small);
	assert_int_equal(peer_ca_new_key(&w.more, &small), ERR_LIMIT);
	buf_fini(&small);
	tear_down(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_authority_is_the_same_octet_by_octet_each_time),
		cmocka_unit_test(it_signs_for_nodes_and_for_nothing_else),
		cmocka_unit_test(a_node_is_known_by_the_hash_of_its_public_key),
		cmocka_unit_test(what_is_no_public_key_gets_no_certificate),
		cmocka_unit_test(what_does_not_fit_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
