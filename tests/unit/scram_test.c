#include "tests/test.h"

#include "crypto/scram.h"
#include "crypto/seal.h"

/* RFC 7677 section 3: user "user", password "pencil". */
#define FIRST "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
#define NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define CHALLENGE "r=rOprNGfwEbeRWgbNEkqO" NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
#define FINAL                                                                                  \
	"c=biws,r=rOprNGfwEbeRWgbNEkqO" NONCE ",p=dHzbZapWIk4jUhN+"                            \
	"Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define SIGNED "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

static struct pwhash_scram record = {.iterations = 4096};

static int
set_up(void **state)
{
	struct buf salt;

	(void)state;
	buf_init(&salt, 100);
	assert_int_equal(seal_b64_open(SLICE_LIT("W22ZaJ0SNY7soEsUEjb6gQ=="), &salt), ERR_OK);
	memcpy(record.salt, salt.p, salt.n);
	buf_fini(&salt);
	pwhash_scram_fill(SLICE_LIT("pencil"), &record);
	return 0;
}

static void
begin(struct scram *s, struct slice first)
{
	struct buf out;

	buf_init(&out, SCRAM_MESSAGE_MAX);
	assert_int_equal(scram_begin(s, first, &record, SLICE_LIT(NONCE), &out), ERR_OK);
	buf_fini(&out);
}

static enum err
end(struct scram *s, struct slice final, struct slice binding)
{
	struct buf out;
	enum err e;

	buf_init(&out, SCRAM_MESSAGE_MAX);
	e = scram_end(s, final, binding, &out);
	assert_true(e ? out.n == 0 : out.n == 46);
	buf_fini(&out);
	return e;
}

static void
the_exchange_of_rfc_7677_comes_out_as_printed(void **state)
{
	struct scram s;
	struct buf out;

	(void)state;
	buf_init(&out, SCRAM_MESSAGE_MAX);
	assert_int_equal(
		scram_begin(&s, SLICE_LIT(FIRST), &record, SLICE_LIT(NONCE), &out), ERR_OK);
	assert_slice(buf_slice(&out), CHALLENGE);
	buf_clear(&out);
	assert_int_equal(scram_end(&s, SLICE_LIT(FINAL), SLICE_EMPTY, &out), ERR_OK);
	assert_slice(buf_slice(&out), SIGNED);
	buf_fini(&out);
}

static void
no_changed_octet_of_the_last_message_passes(void **state)
{
	uint8_t text[] = FINAL;
	struct scram s;

	(void)state;
	for (size_t i = 0; i < sizeof text - 1; i++) {
		text[i] ^= 1;
		begin(&s, SLICE_LIT(FIRST));
		assert_int_not_equal(
			end(&s, slice_of(text, sizeof text - 1), SLICE_EMPTY), ERR_OK);
		text[i] ^= 1;
	}
	for (size_t n = 0; n < sizeof text - 1; n++) {
		begin(&s, SLICE_LIT(FIRST));
		assert_int_not_equal(end(&s, slice_of(text, n), SLICE_EMPTY), ERR_OK);
	}
}

/* The client's side, for a message that isn't in the RFC. */
static void
final_of(struct scram *s, struct slice header, struct slice binding, struct buf *out)
{
	struct pwhash_scram *r = &record;
	uint8_t salted[32], key[32], proof[32];
	struct slice label = SLICE_LIT("Client Key"), m;
	struct buf message, channel;

	buf_init(&message, 5000);
	buf_init(&channel, 500);
	buf_put_slice(&channel, header);
	buf_put_slice(&channel, binding);
	buf_put_str(out, "c=");
	seal_b64(buf_slice(&channel), out);
	buf_put_str(out, ",r=");
	buf_put_slice(out, buf_slice(&s->nonce));
	buf_put_slice(&message, buf_slice(&s->auth_message));
	buf_put_u8(&message, ',');
	buf_put_slice(&message, buf_slice(out));
	pwhash_pbkdf2(SLICE_LIT("pencil"), slice_of(r->salt, 16), r->iterations, salted);
	pwhash_hmac_sha256(slice_of(salted, 32), &label, 1, key);
	m = buf_slice(&message);
	pwhash_hmac_sha256(slice_of(r->stored_key, 32), &m, 1, proof);
	for (int i = 0; i < 32; i++)
		proof[i] ^= key[i];
	buf_put_str(out, ",p=");
	seal_b64(slice_of(proof, 32), out);
	buf_fini(&message);
	buf_fini(&channel);
}

static void
a_bound_exchange_holds_on_its_own_channel_only(void **state)
{
	struct slice first = SLICE_LIT("p=tls-exporter,,n=user,r=abc");
	struct slice header = SLICE_LIT("p=tls-exporter,,");
	struct scram s;
	struct buf final;

	(void)state;
	buf_init(&final, 1000);
	begin(&s, first);
	final_of(&s, header, SLICE_LIT("channel one"), &final);
	assert_int_equal(end(&s, buf_slice(&final), SLICE_LIT("channel one")), ERR_OK);
	begin(&s, first);
	assert_int_equal(end(&s, buf_slice(&final), SLICE_LIT("channel two")), ERR_AUTH);
	buf_clear(&final);
	begin(&s, first);
	final_of(&s, header, SLICE_EMPTY, &final);
	assert_int_equal(end(&s, buf_slice(&final), SLICE_EMPTY), ERR_AUTH);
	/* The header of the last message must be the first's. */
	buf_clear(&final);
	begin(&s, first);
	final_of(&s, SLICE_LIT("n,,"), SLICE_EMPTY, &final);
	assert_int_equal(end(&s, buf_slice(&final), SLICE_EMPTY), ERR_AUTH);
	buf_fini(&final);
}

static void
first_messages_are_cut_as_rfc_5802_says(void **state)
{
	struct scram_first f;
	struct buf name;

	(void)state;
	assert_int_equal(
		scram_parse_first(
			SLICE_LIT("p=tls-server-end-point,a=x=2Cy,n=z=3D,r=q,e=1"), &f),
		ERR_OK);
	assert_int_equal(f.flag, 'p');
	assert_slice(f.binding, "tls-server-end-point");
	assert_slice(f.header, "p=tls-server-end-point,a=x=2Cy,");
	assert_slice(f.bare, "n=z=3D,r=q,e=1");
	assert_slice(f.nonce, "q");
	buf_init(&name, 10);
	assert_int_equal(scram_name(f.authzid, &name), ERR_OK);
	assert_int_equal(scram_name(f.user, &name), ERR_OK);
	assert_slice(buf_slice(&name), "x,yz=");
	assert_int_equal(scram_name(SLICE_LIT("=2"), &name), ERR_SYNTAX);
	assert_int_equal(scram_name(SLICE_LIT("=2D"), &name), ERR_SYNTAX);
	assert_int_equal(scram_name(SLICE_LIT("too long"), &name), ERR_LIMIT);
	buf_fini(&name);
}

static void
odd_first_messages_are_refused(void **state)
{
	static const char *const odd[] = {"", "n", "n,", "n,,", "x,,n=a,r=b", "nn,,n=a,r=b",
		"p,,n=a,r=b", "p=,,n=a,r=b", "p=a/b,,n=a,r=b", "n,x=1,n=a,r=b", "n,a=,n=a,r=b",
		"n,,m=1,n=a,r=b", "n,,n=,r=b", "n,,n=a,r=", "n,,n=a", "n,,r=b,n=a",
		"n,,n=a,r=b c", "n,,n=a,r=\x7f", "n,,n=a;r=b"};
	struct scram_first f;
	static uint8_t big[SCRAM_MESSAGE_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		assert_int_equal(scram_parse_first(slice_str(odd[i]), &f), ERR_SYNTAX);
	assert_int_equal(scram_parse_first(slice_of(big, sizeof big), &f), ERR_TOO_BIG);
}

/* --- the client's side --- */

#define CLIENT_NONCE "rOprNGfwEbeRWgbNEkqO"

static enum err
prove(struct scram_client *c, const char *server_first, struct buf *out)
{
	buf_clear(out);
	assert_int_equal(
		scram_client_begin(c, SLICE_LIT("user"), SLICE_LIT(CLIENT_NONCE), out), ERR_OK);
	assert_slice(buf_slice(out), FIRST);
	buf_clear(out);
	return scram_client_prove(c, SLICE_LIT("pencil"), slice_str(server_first), out);
}

static void
a_client_says_what_rfc_7677_prints(void **state)
{
	struct scram_client c;
	struct buf out;

	(void)state;
	buf_init(&out, SCRAM_MESSAGE_MAX);
	assert_int_equal(prove(&c, CHALLENGE, &out), ERR_OK);
	assert_slice(buf_slice(&out), FINAL);
	assert_false(c.is_checked);
	assert_int_equal(scram_client_check(&c, SLICE_LIT(SIGNED)), ERR_OK);
	assert_true(c.is_checked);
	scram_client_fini(&c);
	buf_fini(&out);
}

static void
a_client_trusts_no_server_that_doesnt_know_the_password(void **state)
{
	uint8_t text[] = SIGNED;
	struct scram_client c;
	struct buf out;

	(void)state;
	buf_init(&out, SCRAM_MESSAGE_MAX);
	assert_int_equal(prove(&c, CHALLENGE, &out), ERR_OK);
	for (size_t i = 0; i < sizeof text - 1; i++) {
		text[i] ^= 1;
		assert_int_equal(
			scram_client_check(&c, slice_of(text, sizeof text - 1)), ERR_AUTH);
		text[i] ^= 1;
		assert_int_equal(scram_client_check(&c, slice_of(text, i)), ERR_AUTH);
	}
	assert_int_equal(scram_client_check(&c, SLICE_LIT("e=other-error")), ERR_AUTH);
	assert_false(c.is_checked);
	assert_int_equal(scram_client_check(&c, SLICE_LIT(SIGNED)), ERR_OK);
	scram_client_fini(&c);
	/* nor one that signs before it was proven anything */
	assert_int_equal(scram_client_begin(&c, SLICE_LIT("u"), SLICE_LIT("n"), &out), ERR_OK);
	assert_int_equal(scram_client_check(&c,
				 SLICE_LIT("v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
		ERR_AUTH);
	scram_client_fini(&c);
	buf_fini(&out);
}

static void
odd_server_messages_are_refused(void **state)
{
	static const struct {
		const char *text;
		enum err e;
	} odd[] = {{"", ERR_SYNTAX}, {"r=" CLIENT_NONCE "x,s=QQ==,i=4096", ERR_OK},
		{"r=" CLIENT_NONCE "x,s=QQ==,i=4096,e=1", ERR_OK},
		{"r=" CLIENT_NONCE ",s=QQ==,i=4096", ERR_SYNTAX},
		{"r=xOprNGfwEbeRWgbNEkqO1,s=QQ==,i=4096", ERR_SYNTAX},
		{"m=1,r=" CLIENT_NONCE "x,s=QQ==,i=4096", ERR_SYNTAX},
		{"r=" CLIENT_NONCE "x,s=,i=4096", ERR_SYNTAX},
		{"r=" CLIENT_NONCE "x,s=Q,i=4096", ERR_SYNTAX},
		{"r=" CLIENT_NONCE "x,s=QQ==", ERR_SYNTAX},
		{"r=" CLIENT_NONCE "x,s=QQ==,i=4096x", ERR_SYNTAX},
		{"r=" CLIENT_NONCE "x,s=QQ==,i=4095", ERR_LIMIT},
		{"r=" CLIENT_NONCE "x,s=QQ==,i=200000", ERR_OK},
		{"r=" CLIENT_NONCE "x,s=QQ==,i=200001", ERR_LIMIT},
		{"r=" CLIENT_NONCE "x,s=QQ==,i=99999999999999999999", ERR_SYNTAX}};
	struct scram_client c;
	struct buf out;

	(void)state;
	buf_init(&out, SCRAM_MESSAGE_MAX);
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		assert_int_equal(prove(&c, odd[i].text, &out), odd[i].e);
		scram_client_fini(&c);
	}
	buf_fini(&out);
}

static void
a_name_with_commas_is_escaped_and_one_too_long_is_refused(void **state)
{
	static uint8_t big[SCRAM_MESSAGE_MAX];
	struct scram_client c;
	struct buf out;

	(void)state;
	memset(big, 'x', sizeof big);
	buf_init(&out, SCRAM_MESSAGE_MAX);
	assert_int_equal(
		scram_client_begin(&c, SLICE_LIT("a,b=c"), SLICE_LIT("n"), &out), ERR_OK);
	assert_slice(buf_slice(&out), "n,,n=a=2Cb=3Dc,r=n");
	scram_client_fini(&c);
	assert_int_equal(
		scram_client_begin(&c, slice_of(big, sizeof big), SLICE_LIT("n"), &out),
		ERR_LIMIT);
	scram_client_fini(&c);
	buf_fini(&out);
}

/* Client and server of our own, whose order of fields the RFC's example doesn't fix. */
static void
both_sides_agree(void **state)
{
	struct buf first, challenge, final, signature;
	struct scram_client c;
	struct scram s;

	(void)state;
	buf_init(&first, 1000);
	buf_init(&challenge, 1000);
	buf_init(&final, 1000);
	buf_init(&signature, 1000);
	scram_client_begin(&c, SLICE_LIT("a,b"), SLICE_LIT("nonce"), &first);
	assert_int_equal(
		scram_begin(&s, buf_slice(&first), &record, SLICE_LIT("more"), &challenge),
		ERR_OK);
	assert_int_equal(
		scram_client_prove(&c, SLICE_LIT("pencil"), buf_slice(&challenge), &final),
		ERR_OK);
	assert_int_equal(scram_end(&s, buf_slice(&final), SLICE_EMPTY, &signature), ERR_OK);
	assert_int_equal(scram_client_check(&c, buf_slice(&signature)), ERR_OK);
	scram_client_fini(&c);
	buf_fini(&first);
	buf_fini(&challenge);
	buf_fini(&final);
	buf_fini(&signature);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_exchange_of_rfc_7677_comes_out_as_printed),
		cmocka_unit_test(no_changed_octet_of_the_last_message_passes),
		cmocka_unit_test(a_bound_exchange_holds_on_its_own_channel_only),
		cmocka_unit_test(first_messages_are_cut_as_rfc_5802_says),
		cmocka_unit_test(odd_first_messages_are_refused),
		cmocka_unit_test(a_client_says_what_rfc_7677_prints),
		cmocka_unit_test(a_client_trusts_no_server_that_doesnt_know_the_password),
		cmocka_unit_test(odd_server_messages_are_refused),
		cmocka_unit_test(a_name_with_commas_is_escaped_and_one_too_long_is_refused),
		cmocka_unit_test(both_sides_agree),
	};

	seal_init();
	return cmocka_run_group_tests(tests, set_up, NULL);
}
