#include "tests/test.h"

#include <sys/socket.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "core/must.h"
#include "crypto/peer_tls.h"

/* A node's three files. */
struct node {
	struct peer_ca *ca;
	struct buf key, spki, cert, authority;
	struct peer_tls *tls;
	uint8_t hash[PEER_CA_HASH];
};

struct pair {
	int fd[2];
	struct tls_stream *at[2]; /* server, client */
};

static void
write_files(struct node *n, uint8_t master_octet)
{
	struct seal_key master = {{master_octet}};

	seal_init();
	*n = (struct node){.ca = peer_ca_new(&master)};
	buf_init(&n->key, PEER_CA_PEM_MAX);
	buf_init(&n->spki, PEER_CA_PEM_MAX);
	buf_init(&n->cert, PEER_CA_PEM_MAX);
	buf_init(&n->authority, PEER_CA_PEM_MAX);
	must(peer_ca_new_key(&n->key, &n->spki) == ERR_OK);
	must(peer_ca_certificate(n->ca, &n->authority) == ERR_OK);
	must(peer_ca_issue(n->ca, buf_slice(&n->spki), &n->cert) == ERR_OK);
	must(peer_ca_key_hash(buf_slice(&n->cert), n->hash) == ERR_OK);
}

static enum err
begin(struct node *n)
{
	struct peer_tls_settings settings = {
		buf_slice(&n->key), buf_slice(&n->cert), buf_slice(&n->authority)};

	return peer_tls_new(&settings, &n->tls);
}

static void
set_up(struct node *n, uint8_t master_octet)
{
	write_files(n, master_octet);
	assert_int_equal(begin(n), ERR_OK);
}

static void
tear_down(struct node *n)
{
	peer_tls_free(n->tls);
	peer_ca_free(n->ca);
	buf_fini(&n->key);
	buf_fini(&n->spki);
	buf_fini(&n->cert);
	buf_fini(&n->authority);
}

static void
connect_pair(struct pair *p, struct peer_tls *server, struct peer_tls *client)
{
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fd) == 0);
	p->at[0] = peer_tls_accept(server, p->fd[0]);
	p->at[1] = peer_tls_connect(client, p->fd[1]);
}

static void
end_pair(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		tls_close(p->at[i]);
		close(p->fd[i]);
	}
}

/* Both handshakes; a side that fails is the answer, the server's first. */
static enum err
shake(struct pair *p)
{
	enum err e[2] = {ERR_MORE, ERR_MORE};
	enum conn_want want;

	for (int turn = 0; turn < 20 && (e[0] == ERR_MORE || e[1] == ERR_MORE); turn++)
		for (int i = 1; i >= 0; i--)
			if (e[i] == ERR_MORE)
				e[i] = tls_handshake(p->at[i], &want);
	return e[0] ? e[0] : e[1];
}

static void
nodes_of_one_cluster_know_each_other_by_their_keys(void **state)
{
	struct node a, b;
	struct pair p;
	uint8_t hash[PEER_CA_HASH];
	enum conn_want want;
	char text[8];
	struct buf how;
	size_t n;

	(void)state;
	set_up(&a, 1);
	set_up(&b, 1);
	connect_pair(&p, a.tls, b.tls);
	peer_tls_read_ahead(p.at[0], 256 << 10);
	assert_int_equal(shake(&p), ERR_OK);
	assert_int_equal(peer_tls_key_hash(p.at[0], hash), ERR_OK);
	assert_memory_equal(hash, b.hash, PEER_CA_HASH);
	assert_int_equal(peer_tls_key_hash(p.at[1], hash), ERR_OK);
	assert_memory_equal(hash, a.hash, PEER_CA_HASH);
	assert_int_equal(tls_write(p.at[1], "hello", 5, &n, &want), ERR_OK);
	assert_int_equal(tls_read(p.at[0], text, sizeof text, &n, &want), ERR_OK);
	assert_slice(slice_of(text, n), "hello");
	assert_int_equal(tls_read(p.at[1], text, sizeof text, &n, &want), ERR_MORE);
	assert_false(tls_is_resumed(p.at[0]));
	buf_init(&how, 200);
	tls_describe(p.at[0], &how);
	assert_true(slice_starts(buf_slice(&how), SLICE_LIT("TLSv1.3 ")));
	buf_fini(&how);
	end_pair(&p);
	tear_down(&a);
	tear_down(&b);
}

static void
a_node_of_another_cluster_is_refused(void **state)
{
	struct node a, b;
	struct pair p;

	(void)state;
	set_up(&a, 1);
	set_up(&b, 2);
	connect_pair(&p, a.tls, b.tls);
	assert_int_not_equal(shake(&p), ERR_OK);
	assert_string_equal(tls_why(p.at[1]), "self-signed certificate in certificate chain");
	end_pair(&p);
	tear_down(&a);
	tear_down(&b);
}

static void
a_client_without_a_certificate_is_a_stranger(void **state)
{
	struct node a;
	struct pair p;
	struct peer_tls *stranger;
	struct buf binding[2];
	uint8_t hash[PEER_CA_HASH];

	(void)state;
	set_up(&a, 1);
	peer_ca_hash(a.ca, hash);
	stranger = peer_tls_new_stranger(hash);
	connect_pair(&p, a.tls, stranger);
	assert_int_equal(shake(&p), ERR_OK);
	assert_int_equal(peer_tls_key_hash(p.at[0], hash), ERR_NOT_FOUND);
	assert_int_equal(peer_tls_key_hash(p.at[1], hash), ERR_OK);
	assert_memory_equal(hash, a.hash, PEER_CA_HASH);
	/* What a token is bound to. */
	for (int i = 0; i < 2; i++) {
		buf_init(&binding[i], 64);
		assert_int_equal(
			tls_channel_binding(p.at[i], TLS_BINDING_EXPORTER, &binding[i]),
			ERR_OK);
	}
	assert_true(slice_eq(buf_slice(&binding[0]), buf_slice(&binding[1])));
	buf_fini(&binding[0]);
	buf_fini(&binding[1]);
	end_pair(&p);
	peer_tls_free(stranger);
	tear_down(&a);
}

static void
a_stranger_refuses_an_authority_of_another_hash(void **state)
{
	struct node a, b;
	struct pair p;
	struct peer_tls *stranger;
	uint8_t hash[PEER_CA_HASH];

	(void)state;
	set_up(&a, 1);
	set_up(&b, 2);
	peer_ca_hash(b.ca, hash);
	stranger = peer_tls_new_stranger(hash);
	connect_pair(&p, a.tls, stranger);
	assert_int_not_equal(shake(&p), ERR_OK);
	assert_string_equal(tls_why(p.at[1]), "unable to get issuer certificate");
	end_pair(&p);
	peer_tls_free(stranger);
	tear_down(&a);
	tear_down(&b);
}

static void
files_that_do_not_belong_together_are_refused(void **state)
{
	struct node a, b;
	struct peer_tls_settings settings;
	struct peer_tls *t;

	(void)state;
	set_up(&a, 1);
	set_up(&b, 2);
	settings = (struct peer_tls_settings){
		buf_slice(&b.key), buf_slice(&a.cert), buf_slice(&a.authority)};
	assert_int_equal(peer_tls_new(&settings, &t), ERR_CRYPTO);
	settings.key_pem = buf_slice(&a.key);
	settings.authority_pem = buf_slice(&b.authority);
	assert_int_equal(peer_tls_new(&settings, &t), ERR_CRYPTO);
	settings.authority_pem = buf_slice(&a.cert);
	assert_int_equal(peer_tls_new(&settings, &t), ERR_CRYPTO);
	settings.authority_pem = SLICE_EMPTY;
	assert_int_equal(peer_tls_new(&settings, &t), ERR_SYNTAX);
	settings.authority_pem = buf_slice(&a.authority);
	settings.key_pem = buf_slice(&a.cert);
	assert_int_equal(peer_tls_new(&settings, &t), ERR_SYNTAX);
	settings.key_pem = buf_slice(&a.key);
	settings.cert_pem = SLICE_LIT("no certificate");
	assert_int_equal(peer_tls_new(&settings, &t), ERR_SYNTAX);
	tear_down(&a);
	tear_down(&b);
}

/* The same authority's signature, but for a day in the year 2001. */
static void
expire(struct node *n)
{
	struct seal_key master = {{1}}, seed;
	BIO *bio = BIO_new_mem_buf(n->cert.p, (int)n->cert.n);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	EVP_PKEY *key;
	char *p;

	BIO_free(bio);
	seal_subkey(&master, "cluster ca", &seed);
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed.b, sizeof seed.b);
	must(ASN1_TIME_set_string(X509_getm_notAfter(cert), "20010101000000Z") == 1);
	must(X509_sign(cert, key, NULL) > 0);
	bio = BIO_new(BIO_s_mem());
	must(PEM_write_bio_X509(bio, cert) == 1);
	buf_clear(&n->cert);
	buf_put(&n->cert, (BIO_get_mem_data(bio, &p), p), (size_t)BIO_get_mem_data(bio, &p));
	BIO_free(bio);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void
a_certificate_that_has_ended_is_refused(void **state)
{
	struct node a, b;
	struct pair p;

	(void)state;
	set_up(&a, 1);
	write_files(&b, 1);
	expire(&b);
	assert_int_equal(begin(&b), ERR_OK);
	connect_pair(&p, a.tls, b.tls);
	assert_int_not_equal(shake(&p), ERR_OK);
	assert_string_equal(tls_why(p.at[0]), "certificate has expired");
	end_pair(&p);
	connect_pair(&p, b.tls, a.tls);
	assert_int_not_equal(shake(&p), ERR_OK);
	assert_string_equal(tls_why(p.at[1]), "certificate has expired");
	end_pair(&p);
	tear_down(&a);
	tear_down(&b);
}

/* A client of OpenSSL's own making, trusting all. */
static enum err
shake_with(struct node *server, SSL_CTX *ctx)
{
	struct tls_stream *s;
	SSL *ssl = SSL_new(ctx);
	enum conn_want want;
	enum err e = ERR_MORE;
	int fd[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == 0);
	s = peer_tls_accept(server->tls, fd[0]);
	SSL_set_fd(ssl, fd[1]);
	for (int turn = 0; turn < 20 && e == ERR_MORE; turn++) {
		SSL_connect(ssl);
		e = tls_handshake(s, &want);
	}
	SSL_free(ssl);
	tls_close(s);
	close(fd[0]);
	close(fd[1]);
	return e;
}

static void
an_older_tls_or_another_protocol_is_refused(void **state)
{
	static const uint8_t ours[] = "\x09hairpin/1", other[] = "\x08http/1.1";
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	struct node a;

	(void)state;
	set_up(&a, 1);
	SSL_CTX_set_alpn_protos(ctx, ours, sizeof ours - 1);
	assert_int_equal(shake_with(&a, ctx), ERR_OK);
	SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	assert_int_equal(shake_with(&a, ctx), ERR_CRYPTO);
	SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION);
	SSL_CTX_set_alpn_protos(ctx, other, sizeof other - 1);
	assert_int_equal(shake_with(&a, ctx), ERR_CRYPTO);
	SSL_CTX_free(ctx);
	tear_down(&a);
}

/* Whatever a client believes of its server. */
static void
a_clients_certificate_of_another_authority_is_refused(void **state)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	struct node a, b;
	BIO *cert, *key;
	EVP_PKEY *secret;
	X509 *own;

	(void)state;
	set_up(&a, 1);
	set_up(&b, 2);
	cert = BIO_new_mem_buf(b.cert.p, (int)b.cert.n);
	key = BIO_new_mem_buf(b.key.p, (int)b.key.n);
	own = PEM_read_bio_X509(cert, NULL, NULL, NULL);
	secret = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
	must(SSL_CTX_use_cert_and_key(ctx, own, secret, NULL, 1) == 1);
	X509_free(own);
	EVP_PKEY_free(secret);
	assert_int_equal(shake_with(&a, ctx), ERR_CRYPTO);
	SSL_CTX_free(ctx);
	BIO_free(cert);
	BIO_free(key);
	tear_down(&a);
	tear_down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_of_one_cluster_know_each_other_by_their_keys),
		cmocka_unit_test(a_node_of_another_cluster_is_refused),
		cmocka_unit_test(a_clients_certificate_of_another_authority_is_refused),
		cmocka_unit_test(a_client_without_a_certificate_is_a_stranger),
		cmocka_unit_test(a_stranger_refuses_an_authority_of_another_hash),
		cmocka_unit_test(files_that_do_not_belong_together_are_refused),
		cmocka_unit_test(a_certificate_that_has_ended_is_refused),
		cmocka_unit_test(an_older_tls_or_another_protocol_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
