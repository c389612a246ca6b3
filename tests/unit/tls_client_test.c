/* Against `openssl s_server`, with certificates made here. */
#include "tests/test.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "core/must.h"
#include "crypto/tls_client.h"

enum { DAY = 86400, PATIENCE_MS = 10000 };
#define HOST "mail.example.org"
#define FIFTY "12345678901234567890123456789012345678901234567890"

struct identity {
	X509 *cert;
	EVP_PKEY *key;
};
enum who {
	ROOT,
	INTER,
	LEAF,
	WILD,
	PARTIAL,
	EXPIRED,
	EARLY,
	CN_ONLY,
	SELF,
	OTHER,
	MANY,
	ODD,
	WEAK,
	N_WHO
};
static const struct recipe {
	const char *cn, *names;
	int from_day, to_day, rsa_bits;
	enum who issuer;
} recipes[N_WHO] = {
	[ROOT] = {"Root", NULL, -9, 9, 0, ROOT},
	[INTER] = {"Inter", NULL, -9, 9, 0, ROOT},
	[LEAF] = {"leaf", "DNS:" HOST, -9, 9, 0, INTER},
	[WILD] = {"wild", "DNS:*.example.org", -9, 9, 0, INTER},
	[PARTIAL] = {"partial", "DNS:m*.example.org,DNS:mail.*.org", -9, 9, 0, INTER},
	[EXPIRED] = {"old", "DNS:" HOST, -9, -1, 0, INTER},
	[EARLY] = {"new", "DNS:" HOST, 1, 9, 0, INTER},
	[CN_ONLY] = {HOST, NULL, -9, 9, 0, INTER},
	[SELF] = {"self", "DNS:" HOST, -9, 9, 0, SELF},
	[OTHER] = {"other", "DNS:a.example.net,DNS:b.example.net", -9, 9, 0, INTER},
	[MANY] = {"many", "DNS:1.test,DNS:2.test,DNS:3.test,DNS:4.test,DNS:5.test,DNS:6.test",
		-9, 9, 0, INTER},
	[ODD] = {"odd", "DNS:a\x01\x7fz.test,DNS:" FIFTY "." FIFTY ".test", -9, 9, 0, INTER},
	[WEAK] = {"weak", "DNS:" HOST, -9, 9, 512, INTER},
};
static struct identity people[N_WHO];
static char folder[] = "/tmp/tls_client.XXXXXX";
static struct tls_client *ours, *public_roots;

static void
add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	must(e && X509_add_ext(cert, e, -1) == 1);
	X509_EXTENSION_free(e);
}

static void
write_pem(enum who who)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof path, "%s/%d.pem", folder, who);
	f = fopen(path, "w");
	must(f && PEM_write_PrivateKey(f, people[who].key, NULL, NULL, 0, NULL, NULL) == 1);
	must(PEM_write_X509(f, people[who].cert) == 1);
	fclose(f);
}

static void
make_identity(enum who who)
{
	const struct recipe *r = &recipes[who];
	struct identity *p = &people[who], *issuer = &people[r->issuer];
	X509_NAME *name;

	p->key = r->rsa_bits ? EVP_RSA_gen((unsigned)r->rsa_bits) : EVP_EC_gen("P-256");
	p->cert = X509_new();
	must(p->key && p->cert && X509_set_version(p->cert, 2) == 1);
	ASN1_INTEGER_set(X509_get_serialNumber(p->cert), 1 + (long)who);
	X509_gmtime_adj(X509_getm_notBefore(p->cert), (long)r->from_day * DAY);
	X509_gmtime_adj(X509_getm_notAfter(p->cert), (long)r->to_day * DAY);
	name = X509_get_subject_name(p->cert);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)r->cn, -1, -1, 0);
	X509_set_issuer_name(p->cert, X509_get_subject_name(issuer->cert));
	X509_set_pubkey(p->cert, p->key);
	if (who == ROOT || who == INTER)
		add_extension(p->cert, NID_basic_constraints, "critical,CA:TRUE");
	if (r->names)
		add_extension(p->cert, NID_subject_alt_name, r->names);
	must(X509_sign(p->cert, issuer->key, EVP_sha256()) > 0);
	write_pem(who);
}

static int
set_up(void **state)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char command[100], *p;
	long n;

	(void)state;
	tls_init();
	must(mkdtemp(folder) != NULL);
	for (enum who who = ROOT; who < N_WHO; who++)
		make_identity(who);
	snprintf(command, sizeof command, "cat %s/%d.pem %s/%d.pem >%s/chain.pem", folder,
		INTER, folder, ROOT, folder);
	must(system(command) == 0);
	PEM_write_bio_X509(bio, people[ROOT].cert);
	n = BIO_get_mem_data(bio, &p);
	must(tls_client_new(slice_of(p, (size_t)n), &ours) == ERR_OK);
	must(tls_client_new(SLICE_EMPTY, &public_roots) == ERR_OK);
	BIO_free(bio);
	return 0;
}

static int
tear_down(void **state)
{
	char command[64];

	(void)state;
	for (enum who who = ROOT; who < N_WHO; who++) {
		X509_free(people[who].cert);
		EVP_PKEY_free(people[who].key);
	}
	tls_client_free(ours);
	tls_client_free(public_roots);
	snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command);
}

/* ---- a server ---- */

struct server {
	pid_t pid;
	struct sockaddr_un at;
};

/* Up to six words more for s_server; NULL ends. */
static struct server
start(enum who who, const char *const more[])
{
	struct server s = {.at = {.sun_family = AF_UNIX}};
	char own[64], chain[64];
	const char *words[20] = {"openssl", "s_server", "-quiet", "-unix", s.at.sun_path,
		"-cert", own, "-key", own, "-cert_chain", chain};

	snprintf(s.at.sun_path, sizeof s.at.sun_path, "%s/socket", folder);
	snprintf(own, sizeof own, "%s/%d.pem", folder, who);
	snprintf(chain, sizeof chain, "%s/chain.pem", folder);
	for (size_t i = 0; more && more[i]; i++)
		words[11 + i] = more[i];
	unlink(s.at.sun_path);
	s.pid = fork();
	if (s.pid == 0) {
		int nowhere = open("/dev/null", O_RDWR);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(nowhere, 0);
		dup2(nowhere, 1);
		dup2(nowhere, 2);
		execvp("openssl", (char *const *)(uintptr_t)words);
		_exit(127);
	}
	return s;
}

static void
stop(struct server *s)
{
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
}

static int
reach(const struct server *s)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	for (int ms = 0; ms < PATIENCE_MS; ms += 5) {
		if (connect(fd, (const struct sockaddr *)&s->at, sizeof s->at) == 0) {
			must(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
			return fd;
		}
		poll(NULL, 0, 5);
	}
	fail_msg("s_server doesn't come up");
	return -1;
}

/* What came of one connection. */
struct outcome {
	enum err e;
	enum tls_client_proof proof;
	enum tls_client_fault fault;
	char why[TLS_CLIENT_WHY_MAX + 1], described[128];
};

static enum err
shake(struct tls_stream *s, int fd)
{
	enum conn_want want;
	enum err e;

	while ((e = tls_handshake(s, &want)) == ERR_MORE) {
		struct pollfd p = {fd, want == CONN_WANT_READ ? POLLIN : POLLOUT, 0};

		if (poll(&p, 1, PATIENCE_MS) <= 0)
			return ERR_TIMEOUT;
	}
	return e;
}

static struct outcome
meet_as(struct tls_client *client, const struct server *server,
	const struct tls_client_demand *demand)
{
	struct tls_client_verdict v;
	struct outcome got = {0};
	struct tls_stream *s;
	struct buf words;
	int fd = reach(server);

	got.e = tls_client_connect(client, fd, demand, &s);
	if (!got.e) {
		got.e = shake(s, fd);
		v = tls_client_verdict(s);
		got.proof = v.proof;
		got.fault = v.fault;
		snprintf(got.why, sizeof got.why, "%.*s", SLICE_FMT(v.why));
		buf_init(&words, sizeof got.described - 1);
		tls_describe(s, &words);
		snprintf(got.described, sizeof got.described, "%.*s",
			SLICE_FMT(buf_slice(&words)));
		buf_fini(&words);
		tls_close(s);
	}
	close(fd);
	return got;
}

static struct outcome
meet(const struct server *server, const struct tls_client_demand *demand)
{
	return meet_as(ours, server, demand);
}

static const struct slice host = SLICE_LIT(HOST);
static const struct tls_client_demand nothing = {.server_name = SLICE_LIT(HOST)};
static const struct tls_client_demand by_name = {
	.check = TLS_CLIENT_PKIX, .server_name = SLICE_LIT(HOST), .names = &host, .n_names = 1};

/* Starts a server, demands the name of it, stops it. */
static struct outcome
check_name(enum who who, const char *name)
{
	struct slice wanted = slice_str(name);
	struct tls_client_demand d = by_name;
	struct server s = start(who, NULL);
	struct outcome got;

	d.names = &wanted;
	got = meet(&s, &d);
	stop(&s);
	return got;
}

static void
assert_outcome(const struct outcome *got, enum tls_client_fault fault, const char *why)
{
	assert_int_equal(got->e, ERR_CRYPTO);
	assert_int_equal(got->proof, TLS_CLIENT_UNPROVED);
	assert_int_equal(got->fault, fault);
	assert_string_equal(got->why, why);
}

/* ---- PKIX ---- */

static void
a_chain_to_a_root_with_the_name_is_proof(void **state)
{
	struct outcome got = check_name(LEAF, HOST);

	(void)state;
	assert_int_equal(got.e, ERR_OK);
	assert_int_equal(got.proof, TLS_CLIENT_BY_PKIX);
	assert_int_equal(got.fault, TLS_CLIENT_NO_FAULT);
	assert_string_equal(
		got.described, "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)");
	got = check_name(LEAF, "MAIL.Example.ORG");
	assert_int_equal(got.proof, TLS_CLIENT_BY_PKIX);
}

static void
a_wildcard_stands_for_one_left_most_label(void **state)
{
	struct outcome got = check_name(WILD, HOST);

	(void)state;
	assert_int_equal(got.proof, TLS_CLIENT_BY_PKIX);
	got = check_name(WILD, "a.mail.example.org");
	assert_outcome(&got, TLS_CLIENT_WRONG_NAME,
		"certificate is for another name: it has *.example.org");
	got = check_name(WILD, "example.org");
	assert_int_equal(got.fault, TLS_CLIENT_WRONG_NAME);
	got = check_name(PARTIAL, HOST);
	assert_int_equal(got.fault, TLS_CLIENT_WRONG_NAME);
}

static void
another_name_is_refused_and_those_that_it_has_are_said(void **state)
{
	struct outcome got = check_name(OTHER, HOST);

	(void)state;
	assert_outcome(&got, TLS_CLIENT_WRONG_NAME,
		"certificate is for another name: it has a.example.net, b.example.net");
	got = check_name(MANY, HOST);
	assert_outcome(&got, TLS_CLIENT_WRONG_NAME,
		"certificate is for another name: it has 1.test, 2.test, 3.test, 4.test, 5.test"
		" and 1 more");
	got = check_name(ODD, HOST);
	assert_outcome(&got, TLS_CLIENT_WRONG_NAME,
		"certificate is for another name: it has a??z.test, " FIFTY
		".1234567890123456789012345678901234567890123456789...");
	got = check_name(CN_ONLY, HOST);
	assert_outcome(
		&got, TLS_CLIENT_WRONG_NAME, "certificate is for another name: it has none");
}

static void
any_of_the_names_will_do(void **state)
{
	struct slice names[] = {SLICE_LIT("c.example.net"), SLICE_LIT("b.example.net")};
	struct tls_client_demand d = by_name;
	struct server s = start(OTHER, NULL);
	struct outcome got;

	(void)state;
	d.names = names;
	d.n_names = 2;
	got = meet(&s, &d);
	assert_int_equal(got.proof, TLS_CLIENT_BY_PKIX);
	d.n_names = 1;
	got = meet(&s, &d);
	assert_int_equal(got.fault, TLS_CLIENT_WRONG_NAME);
	stop(&s);
}

static void
a_certificate_out_of_its_time_is_refused(void **state)
{
	struct outcome got = check_name(EXPIRED, HOST);
	char words[100];
	struct tm tm;

	(void)state;
	ASN1_TIME_to_tm(X509_get0_notAfter(people[EXPIRED].cert), &tm);
	strftime(words, sizeof words, "certificate expired at %Y-%m-%d %H:%M:%S UTC", &tm);
	assert_outcome(&got, TLS_CLIENT_EXPIRED, words);
	got = check_name(EARLY, HOST);
	ASN1_TIME_to_tm(X509_get0_notBefore(people[EARLY].cert), &tm);
	strftime(words, sizeof words, "certificate isn't valid before %Y-%m-%d %H:%M:%S UTC",
		&tm);
	assert_outcome(&got, TLS_CLIENT_EXPIRED, words);
}

static void
who_isnt_vouched_for_is_refused(void **state)
{
	struct outcome got = check_name(SELF, HOST);
	struct server s = start(LEAF, NULL);

	(void)state;
	assert_outcome(&got, TLS_CLIENT_SELF_SIGNED, "self-signed certificate");
	got = meet_as(public_roots, &s, &by_name);
	assert_outcome(
		&got, TLS_CLIENT_UNKNOWN_ISSUER, "unknown issuer of the certificate: /CN=Root");
	stop(&s);
}

static void
a_check_that_is_noted_only_lets_the_handshake_go_on(void **state)
{
	struct tls_client_demand d = by_name;
	struct server s = start(OTHER, NULL);
	struct outcome got;

	(void)state;
	d.is_noted = true;
	got = meet(&s, &d);
	assert_int_equal(got.e, ERR_OK);
	assert_int_equal(got.proof, TLS_CLIENT_UNPROVED);
	assert_int_equal(got.fault, TLS_CLIENT_WRONG_NAME);
	assert_true(strlen(got.described) > 0);
	stop(&s);
}

/* ---- nothing demanded ---- */

static void
without_a_demand_anybody_will_do_and_nothing_is_proved(void **state)
{
	static const enum who all[] = {LEAF, SELF, EXPIRED, OTHER};

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct server s = start(all[i], NULL);
		struct outcome got = meet(&s, &nothing);

		assert_int_equal(got.e, ERR_OK);
		assert_int_equal(got.proof, TLS_CLIENT_UNPROVED);
		assert_int_equal(got.fault, TLS_CLIENT_NO_FAULT);
		stop(&s);
	}
}

static void
old_suites_and_weak_keys_are_taken_only_where_nothing_is_demanded(void **state)
{
	const char *more[] = {"-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0", NULL};
	const char *sha1[] = {"-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA:@SECLEVEL=0",
		"-sigalgs", "RSA+SHA1", NULL};
	struct server s = start(WEAK, more);
	struct outcome got = meet(&s, &nothing);

	(void)state;
	assert_int_equal(got.e, ERR_OK);
	assert_string_equal(got.described, "TLSv1.2 with cipher AES128-SHA (128/128 bits)");
	got = meet(&s, &by_name);
	assert_outcome(&got, TLS_CLIENT_OTHER_FAULT, "EE certificate key too weak");
	stop(&s);
	s = start(WEAK, sha1);
	got = meet(&s, &nothing);
	assert_int_equal(got.e, ERR_OK);
	stop(&s);
}

static void
old_versions_and_suites_without_a_key_are_refused(void **state)
{
	const char *old[] = {"-tls1_1", "-cipher", "ALL:@SECLEVEL=0", NULL};
	const char *anonymous[] = {"-tls1_2", "-cipher", "ADH:AECDH:@SECLEVEL=0", NULL};
	struct server s = start(LEAF, old);
	struct outcome got = meet(&s, &nothing);

	(void)state;
	assert_int_equal(got.e, ERR_CRYPTO);
	assert_int_equal(got.fault, TLS_CLIENT_NO_FAULT);
	stop(&s);
	s = start(LEAF, anonymous);
	got = meet(&s, &nothing);
	assert_int_equal(got.e, ERR_CRYPTO);
	stop(&s);
}

/* ---- DANE ---- */

/* What a record of that selector and matching type says of somebody. */
struct data {
	uint8_t p[2000];
	size_t n;
};

static struct data
data_of(enum who who, uint8_t selector, uint8_t matching)
{
	uint8_t *der = NULL;
	int n = selector ? i2d_PUBKEY(people[who].key, &der) : i2d_X509(people[who].cert, &der);
	struct data d;
	unsigned hash_n;

	must(n > 0 && (size_t)n <= sizeof d.p);
	d.n = (size_t)n;
	if (matching == 0) {
		memcpy(d.p, der, d.n);
	} else {
		const EVP_MD *md = matching == 1 ? EVP_sha256() : EVP_sha512();

		must(EVP_Digest(der, d.n, d.p, &hash_n, md, NULL) == 1);
		d.n = hash_n;
	}
	OPENSSL_free(der);
	return d;
}

static struct tls_client_tlsa
record(uint8_t usage, uint8_t selector, uint8_t matching, const struct data *d)
{
	return (struct tls_client_tlsa){usage, selector, matching, slice_of(d->p, d->n)};
}

static struct outcome
meet_by_dane(
	const struct server *s, struct slice name, const struct tls_client_tlsa *tlsa, size_t n)
{
	struct tls_client_demand d = {.check = TLS_CLIENT_DANE,
		.server_name = host,
		.names = &name,
		.n_names = 1,
		.tlsa = tlsa,
		.n_tlsa = n};

	return meet(s, &d);
}

static struct outcome
meet_by(const struct server *s, enum who who, uint8_t usage, int form)
{
	uint8_t selector = (uint8_t)(form / 3), matching = (uint8_t)(form % 3);
	struct data d = data_of(who, selector, matching);
	struct tls_client_tlsa tlsa = record(usage, selector, matching, &d);

	return meet_by_dane(s, host, &tlsa, 1);
}

static void
each_form_of_dane_ee_matches_its_certificate_and_no_other(void **state)
{
	struct server s = start(LEAF, NULL);
	struct outcome got;

	(void)state;
	for (int form = 0; form < 6; form++) {
		got = meet_by(&s, LEAF, 3, form);
		assert_int_equal(got.e, ERR_OK);
		assert_int_equal(got.proof, TLS_CLIENT_BY_DANE_EE);
		got = meet_by(&s, OTHER, 3, form);
		assert_outcome(
			&got, TLS_CLIENT_TLSA_MISMATCH, "certificate matches no TLSA record");
	}
	stop(&s);
}

static void
each_form_of_dane_ta_matches_its_issuers_and_no_others(void **state)
{
	struct server s = start(LEAF, NULL);
	struct outcome got;

	(void)state;
	for (int form = 0; form < 6; form++) {
		got = meet_by(&s, INTER, 2, form);
		assert_int_equal(got.proof, TLS_CLIENT_BY_DANE_TA);
		got = meet_by(&s, ROOT, 2, form);
		assert_int_equal(got.e, ERR_OK);
		assert_int_equal(got.proof, TLS_CLIENT_BY_DANE_TA);
		got = meet_by(&s, SELF, 2, form);
		assert_outcome(
			&got, TLS_CLIENT_TLSA_MISMATCH, "certificate matches no TLSA record");
	}
	stop(&s);
}

static void
dane_ee_looks_neither_at_names_nor_at_time(void **state)
{
	static const enum who all[] = {SELF, EXPIRED, EARLY, OTHER, CN_ONLY};

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct server s = start(all[i], NULL);
		struct outcome got = meet_by(&s, all[i], 3, 4);

		assert_int_equal(got.proof, TLS_CLIENT_BY_DANE_EE);
		stop(&s);
	}
}

static void
dane_ta_wants_a_name_and_the_time(void **state)
{
	struct slice names[] = {SLICE_LIT("example.net"), SLICE_LIT("a.example.net")};
	struct data d = data_of(ROOT, 1, 1);
	struct tls_client_tlsa tlsa = record(2, 1, 1, &d);
	struct tls_client_demand demand = {
		TLS_CLIENT_DANE, false, false, host, names, 2, &tlsa, 1};
	struct server s = start(OTHER, NULL);
	struct outcome got = meet(&s, &demand);

	(void)state;
	assert_int_equal(got.proof, TLS_CLIENT_BY_DANE_TA);
	got = meet_by(&s, ROOT, 2, 4);
	assert_outcome(&got, TLS_CLIENT_WRONG_NAME,
		"certificate is for another name: it has a.example.net, b.example.net");
	stop(&s);
	s = start(EXPIRED, NULL);
	got = meet_by(&s, ROOT, 2, 4);
	assert_int_equal(got.e, ERR_CRYPTO);
	assert_int_equal(got.fault, TLS_CLIENT_EXPIRED);
	stop(&s);
}

static void
one_record_of_several_is_enough(void **state)
{
	struct data mine = data_of(LEAF, 1, 1), old = data_of(OTHER, 1, 1);
	struct tls_client_tlsa tlsa[] = {
		record(1, 1, 1, &mine), record(3, 1, 1, &old), record(3, 1, 1, &mine)};
	struct server s = start(LEAF, NULL);
	struct outcome got = meet_by_dane(&s, host, tlsa, 3);

	(void)state;
	assert_int_equal(got.proof, TLS_CLIENT_BY_DANE_EE);
	got = meet_by_dane(&s, host, tlsa, 2);
	assert_int_equal(got.fault, TLS_CLIENT_TLSA_MISMATCH);
	/* Nothing but what is unusable never falls back to PKIX. */
	got = meet_by_dane(&s, host, tlsa, 1);
	assert_int_equal(got.e, ERR_UNSUPPORTED);
	stop(&s);
}

static void
records_not_for_smtp_are_unusable(void **state)
{
	struct data cert = data_of(LEAF, 0, 0), key = data_of(LEAF, 1, 0);
	struct tls_client_tlsa r = record(3, 1, 1, &(struct data){.n = 32});

	(void)state;
	for (unsigned usage = 0; usage < 256; usage++) {
		r.usage = (uint8_t)usage;
		assert_int_equal(tls_client_tlsa_is_usable(&r), usage == 2 || usage == 3);
	}
	r.usage = 3;
	for (unsigned selector = 0; selector < 256; selector++) {
		r.selector = (uint8_t)selector;
		assert_int_equal(tls_client_tlsa_is_usable(&r), selector < 2);
	}
	for (unsigned matching = 0; matching < 256; matching++)
		for (size_t n = 0; n <= 80; n++) {
			struct data d = {.n = n};

			r = record(3, 0, (uint8_t)matching, &d);
			assert_int_equal(tls_client_tlsa_is_usable(&r),
				(matching == 1 && n == 32) || (matching == 2 && n == 64));
		}
	for (size_t n = 0; n <= cert.n + 1; n++) {
		r = (struct tls_client_tlsa){3, 0, 0, slice_of(cert.p, n)};
		assert_int_equal(tls_client_tlsa_is_usable(&r), n == cert.n);
		r.selector = 1;
		r.data.p = key.p;
		assert_int_equal(tls_client_tlsa_is_usable(&r), n == key.n);
	}
}

static void
the_server_name_is_sent(void **state)
{
	char self[64];
	const char *more[] = {"-servername", HOST, "-cert2", self, "-key2", self, NULL};
	struct tls_client_demand d = by_name;
	struct outcome got;
	struct server s;

	(void)state;
	snprintf(self, sizeof self, "%s/%d.pem", folder, SELF);
	s = start(LEAF, more);
	got = meet(&s, &d);
	assert_int_equal(got.fault, TLS_CLIENT_SELF_SIGNED);
	d.server_name = SLICE_EMPTY;
	got = meet(&s, &d);
	assert_int_equal(got.proof, TLS_CLIENT_BY_PKIX);
	d.server_name = SLICE_LIT("another.example.org");
	got = meet(&s, &d);
	assert_int_equal(got.proof, TLS_CLIENT_BY_PKIX);
	stop(&s);
}

/* ---- demands that can't be met by anybody ---- */

static enum err
ask_for(struct slice name, struct slice server_name)
{
	struct tls_client_demand d = {.check = TLS_CLIENT_PKIX,
		.server_name = server_name,
		.names = &name,
		.n_names = 1};
	struct tls_stream *s;
	enum err e = tls_client_connect(ours, -1, &d, &s);

	if (!e)
		tls_close(s);
	return e;
}

static void
what_is_no_host_name_is_refused_before_it_could_mean_any(void **state)
{
	struct tls_client_demand d = by_name;
	struct tls_stream *s;
	char longest[255];

	(void)state;
	memset(longest, 'a', sizeof longest);
	assert_int_equal(ask_for(slice_of(longest, 253), slice_of(longest, 253)), ERR_OK);
	assert_int_equal(ask_for(slice_of(longest, 254), host), ERR_CONFIG);
	assert_int_equal(ask_for(host, slice_of(longest, 254)), ERR_CONFIG);
	assert_int_equal(ask_for(host, SLICE_EMPTY), ERR_OK);
	assert_int_equal(ask_for(SLICE_EMPTY, host), ERR_CONFIG);
	assert_int_equal(ask_for(SLICE_LIT(".example.org"), host), ERR_CONFIG);
	assert_int_equal(ask_for(SLICE_LIT("example.org."), host), ERR_CONFIG);
	assert_int_equal(ask_for(SLICE_LIT("a\0.example.org"), host), ERR_CONFIG);
	assert_int_equal(ask_for(host, SLICE_LIT("a b")), ERR_CONFIG);
	d.n_names = 0;
	assert_int_equal(tls_client_connect(ours, -1, &d, &s), ERR_CONFIG);
	d = by_name;
	d.check = TLS_CLIENT_DANE;
	assert_int_equal(tls_client_connect(ours, -1, &d, &s), ERR_UNSUPPORTED);
	d.server_name = SLICE_EMPTY;
	assert_int_equal(tls_client_connect(ours, -1, &d, &s), ERR_CONFIG);
}

/* ---- records and a chain by PEM ---- */

static void
put_cert(enum who who, struct buf *chain)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *p;
	long n;

	must(PEM_write_bio_X509(bio, people[who].cert) == 1);
	n = BIO_get_mem_data(bio, &p);
	buf_put(chain, p, (size_t)n);
	BIO_free(bio);
}

static bool
fits(enum who who, uint8_t usage, int form, const struct buf *chain)
{
	uint8_t selector = (uint8_t)(form / 3), matching = (uint8_t)(form % 3);
	struct data d = data_of(who, selector, matching);
	struct tls_client_tlsa tlsa = record(usage, selector, matching, &d);

	return tls_client_tlsa_fits(&tlsa, buf_slice(chain));
}

static void
a_record_fits_its_certificate_of_a_chain(void **state)
{
	struct data d = data_of(LEAF, 1, 1);
	struct buf chain, found;

	(void)state;
	buf_init(&chain, 20000);
	buf_init(&found, 100);
	put_cert(LEAF, &chain);
	put_cert(INTER, &chain);
	for (int form = 0; form < 6; form++) {
		assert_true(fits(LEAF, 3, form, &chain));
		assert_true(fits(INTER, 2, form, &chain));
		assert_false(fits(LEAF, 2, form, &chain));
		assert_false(fits(INTER, 3, form, &chain));
		assert_false(fits(ROOT, 2, form, &chain));
		assert_false(fits(LEAF, 1, form, &chain));
	}
	assert_true(tls_client_tlsa_of(buf_slice(&chain), &found));
	assert_true(slice_eq(buf_slice(&found), slice_of(d.p, d.n)));
	buf_clear(&chain);
	assert_false(fits(LEAF, 3, 0, &chain));
	assert_false(tls_client_tlsa_of(buf_slice(&chain), &found));
	buf_fini(&chain);
	buf_fini(&found);
}

static void
proofs_have_names(void **state)
{
	(void)state;
	assert_string_equal(tls_client_proof_name(TLS_CLIENT_UNPROVED), "none");
	assert_string_equal(tls_client_proof_name(TLS_CLIENT_BY_PKIX), "pkix");
	assert_string_equal(tls_client_proof_name(TLS_CLIENT_BY_DANE_TA), "dane-ta");
	assert_string_equal(tls_client_proof_name(TLS_CLIENT_BY_DANE_EE), "dane-ee");
}

static void
roots_that_arent_certificates_are_refused(void **state)
{
	struct tls_client *client;

	(void)state;
	assert_int_equal(tls_client_new(SLICE_LIT("rubbish"), &client), ERR_SYNTAX);
	tls_client_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chain_to_a_root_with_the_name_is_proof),
		cmocka_unit_test(a_wildcard_stands_for_one_left_most_label),
		cmocka_unit_test(another_name_is_refused_and_those_that_it_has_are_said),
		cmocka_unit_test(any_of_the_names_will_do),
		cmocka_unit_test(a_certificate_out_of_its_time_is_refused),
		cmocka_unit_test(who_isnt_vouched_for_is_refused),
		cmocka_unit_test(a_check_that_is_noted_only_lets_the_handshake_go_on),
		cmocka_unit_test(without_a_demand_anybody_will_do_and_nothing_is_proved),
		cmocka_unit_test(
			old_suites_and_weak_keys_are_taken_only_where_nothing_is_demanded),
		cmocka_unit_test(old_versions_and_suites_without_a_key_are_refused),
		cmocka_unit_test(each_form_of_dane_ee_matches_its_certificate_and_no_other),
		cmocka_unit_test(each_form_of_dane_ta_matches_its_issuers_and_no_others),
		cmocka_unit_test(dane_ee_looks_neither_at_names_nor_at_time),
		cmocka_unit_test(dane_ta_wants_a_name_and_the_time),
		cmocka_unit_test(one_record_of_several_is_enough),
		cmocka_unit_test(records_not_for_smtp_are_unusable),
		cmocka_unit_test(the_server_name_is_sent),
		cmocka_unit_test(what_is_no_host_name_is_refused_before_it_could_mean_any),
		cmocka_unit_test(a_record_fits_its_certificate_of_a_chain),
		cmocka_unit_test(proofs_have_names),
		cmocka_unit_test(roots_that_arent_certificates_are_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
