/* Greeting, EHLO, STARTTLS, AUTH. */
#include "tests/smtp_client_play.h"

#include "crypto/scram.h"
#include "crypto/seal.h"

static const struct smtp_client_rcpt one[] = {CPLAY_RCPT("u@x.example")};

#define HELLO "S 220 mx.example ESMTP\nC EHLO me.example\n"
#define MAIL "C MAIL FROM:<a@b.example>\n"

static void
begin(struct cplay *p)
{
	p->mail.sender = SLICE_LIT("a@b.example");
	p->mail.rcpt = one;
	p->mail.rcpt_n = 1;
	p->text = "x\r\n";
	cplay_begin(p);
}

/* Script, outcome; the connection has ended by then. */
static void
ends(struct cplay *p, const char *script, const char *outcome)
{
	begin(p);
	cplay_run(p, script);
	cplay_came_to(p, outcome);
	assert_true(p->is_closed);
	assert_int_equal(smtp_client_end(p->c)->scope, SMTP_CLIENT_OF_HOST);
	cplay_end(p);
}

static void
goes_on(struct cplay *p, const char *script)
{
	begin(p);
	cplay_run(p, script);
	cplay_quiet(p);
	assert_false(p->is_closed);
	cplay_end(p);
}

static void
who_is_greeted_with_a_refusal_says_quit(void **state)
{
	(void)state;
	ends(&(struct cplay){0}, "S 554 no mail here\nC QUIT\nS 221 bye\nX\n",
		"deferred host@greeting 554 4.0.0; | ");
	ends(&(struct cplay){0}, "S 550 5.7.1 not you\nC QUIT\nS 221 bye\nX\n",
		"deferred host@greeting 550 4.7.1; | ");
	/* RFC 7504 */
	ends(&(struct cplay){0}, "S 521-5.3.2 never\nS 521 5.3.2 any\nC QUIT\nS 521 no\nX\n",
		"failed host@greeting 521 5.3.2; | ");
	ends(&(struct cplay){0}, "S 450 later\nC QUIT\nS 221 bye\nX\n",
		"deferred host@greeting 450 4.0.0; | ");
}

static void
only_a_5xx_to_ehlo_leads_to_helo(void **state)
{
	(void)state;
	goes_on(&(struct cplay){0}, HELLO "S 500 a\nC HELO me.example\nS 250 mx\n" MAIL);
	goes_on(&(struct cplay){0}, HELLO "S 550 a\nC HELO me.example\nS 250 mx\n" MAIL);
	ends(&(struct cplay){0}, HELLO "S 451 a\nC QUIT\nS 221 bye\nX\n",
		"deferred host@hello 451 4.0.0; | ");
	ends(&(struct cplay){0},
		HELLO "S 502 a\nC HELO me.example\nS 550 5.7.1 b\nC QUIT\nS 221 bye\nX\n",
		"failed host@hello 550 5.7.1; | ");
	/* RFC 2033 4.1: LMTP has no HELO */
	ends(&(struct cplay){.su.is_lmtp = true},
		"S 220 mx\nC LHLO me.example\nS 500 a\nC QUIT\nS 221 bye\nX\n",
		"failed host@hello 500 5.0.0; | ");
}

static void
the_servers_name_and_offers_can_be_seen(void **state)
{
	struct cplay p = {0};

	(void)state;
	begin(&p);
	cplay_run(&p, HELLO "S 250-mx.example hi\nS 250 SIZE 1000\n" MAIL);
	assert_slice(smtp_client_offers(p.c)->name, "mx.example");
	assert_int_equal(smtp_client_offers(p.c)->size_max_bytes, 1000);
	cplay_end(&p);
}

/* --- TLS --- */

#define OFFERED HELLO "S 250-mx.example\nS 250-SIZE 1\nS 250 STARTTLS\n"

static void
tls_is_begun_when_it_is_wanted_and_offered(void **state)
{
	struct cplay p = {.su.tls = SMTP_CLIENT_TLS_MUST};

	(void)state;
	begin(&p);
	cplay_run(&p, OFFERED "C STARTTLS\nS 220 go\nT\nC EHLO me.example\n");
	/* what was offered in the clear is forgotten */
	assert_int_equal(smtp_client_offers(p.c)->offers, 0);
	assert_int_equal(smtp_client_offers(p.c)->size_max_bytes, 0);
	cplay_run(&p, "S 250 mx\n" MAIL);
	cplay_end(&p);
	goes_on(&(struct cplay){.su.tls = SMTP_CLIENT_TLS_NONE, .mail.size_bytes = 1},
		HELLO "S 250-mx\nS 250 STARTTLS\n" MAIL);
	goes_on(&(struct cplay){.su.tls = SMTP_CLIENT_TLS_MAY}, HELLO "S 250 mx\n" MAIL);
	goes_on(&(struct cplay){.su.tls = SMTP_CLIENT_TLS_MUST, .su.is_secure = true},
		HELLO "S 250-mx\nS 250 STARTTLS\n" MAIL);
}

static void
tls_that_must_be_and_cant_defers(void **state)
{
	(void)state;
	ends(&(struct cplay){.su.tls = SMTP_CLIENT_TLS_MUST},
		HELLO "S 250 mx\nC QUIT\nS 221 bye\nX\n", "deferred host@starttls 4.7.4; | ");
	ends(&(struct cplay){.su.tls = SMTP_CLIENT_TLS_MUST},
		HELLO "S 500 a\nC HELO me.example\nS 250-mx\nS 250 STARTTLS\nC QUIT\nS 221 "
		      "bye\nX\n",
		"deferred host@starttls 4.7.4; | ");
	ends(&(struct cplay){.su.tls = SMTP_CLIENT_TLS_MUST},
		OFFERED "C STARTTLS\nS 554 5.7.1 no\nC QUIT\nS 221 bye\nX\n",
		"deferred host@starttls 554 4.7.1; | ");
	goes_on(&(struct cplay){.su.tls = SMTP_CLIENT_TLS_MAY},
		OFFERED "C STARTTLS\nS 554 5.7.1 no\n" MAIL);
}

static void
a_failed_handshake_is_told_and_ends_the_connection(void **state)
{
	struct cplay p = {.su.tls = SMTP_CLIENT_TLS_MAY};
	struct buf words;

	(void)state;
	begin(&p);
	cplay_run(&p, OFFERED "C STARTTLS\nS 220 go\n");
	assert_true(p.is_wanting_tls);
	assert_int_equal(smtp_client_due_ms(p.c) - p.now_ms, 300000);
	cplay_secure(&p, false, "certificate\nhas expired");
	cplay_came_to(&p, "deferred host@tls 4.7.5; | ");
	assert_true(p.is_closed);
	cplay_quiet(&p);
	buf_init(&words, 1000);
	smtp_client_explain(smtp_client_outcome(p.c, 0), SLICE_LIT("mx"), &words);
	assert_slice(buf_slice(&words),
		"no TLS with mx while shaking hands for TLS: certificate?has expired");
	buf_fini(&words);
	cplay_end(&p);
}

static void
octets_in_front_of_tls_are_an_injection(void **state)
{
	struct cplay p = {.su.tls = SMTP_CLIENT_TLS_MAY};

	(void)state;
	/* in the same piece as the reply: TLS isn't even begun */
	begin(&p);
	cplay_run(&p, OFFERED "C STARTTLS\nS 220 go\nS 250 mx\nX\n");
	assert_int_equal(p.tls_begun, 0);
	cplay_came_to(&p, "lost host@tls 4.5.0; | ");
	cplay_end(&p);
	/* or behind it */
	p = (struct cplay){.su.tls = SMTP_CLIENT_TLS_MAY};
	begin(&p);
	cplay_run(&p, OFFERED "C STARTTLS\nS 220 go\n");
	cplay_input(&p, SLICE_LIT("421 x\r\n"));
	assert_true(p.is_closed);
	cplay_came_to(&p, "lost host@tls 4.5.0; | ");
	/* and what the handshake comes to is of no interest any more */
	cplay_secure(&p, true, "");
	cplay_quiet(&p);
	cplay_end(&p);
}

/* --- AUTH --- */

static struct cplay
login(void)
{
	return (struct cplay){.su.is_secure = true,
		.su.user = SLICE_LIT("user"),
		.su.password = SLICE_LIT("pencil"),
		.su.nonce = SLICE_LIT("rOprNGfwEbeRWgbNEkqO")};
}

#define OFFERS(mechanisms) HELLO "S 250-mx\nS 250 AUTH " mechanisms "\n"
#define SCRAM_FIRST "C AUTH SCRAM-SHA-256 biwsbj11c2VyLHI9ck9wck5HZndFYmVSV2diTkVrcU8=\n"
/* RFC 7677 section 3, in base64 */
#define SCRAM_CHALLENGE                                                                        \
	"S 334 cj1yT3ByTkdmd0ViZVJXZ2JORWtxTyVodllEcFdVYTJSYVRDQWZ1eEZJbGopaE5sRiRrMCxzPVcyMl" \
	"phSjBTTlk3c29Fc1VFamI2Z1E9PSxpPTQwOTY=\n"
#define SCRAM_FINAL                                                                            \
	"C Yz1iaXdzLHI9ck9wck5HZndFYmVSV2diTkVrcU8laHZZRHBXVWEyUmFUQ0FmdXhGSWxqKWhObEYkazAscD" \
	"1kSHpiWmFwV0lrNGpVaE4rVXRlOXl0YWc5empmTUhnc3FtbWl6N0FuZFZRPQ==\n"
#define SCRAM_SIGNED                                                                           \
	"S 334 dj02cnJpVFJCaTIzV3BSUi93dHVwK21NaFVaVW4vZEI1bkxUSlJzamw5NUc0PQ==\nC \n"

static void
each_mechanism_logs_in(void **state)
{
	struct cplay p = login();

	(void)state;
	goes_on(&p, OFFERS("LOGIN PLAIN") "C AUTH PLAIN AHVzZXIAcGVuY2ls\nS 235 ok\n" MAIL);
	p = login();
	goes_on(&p, OFFERS("LOGIN") "C AUTH LOGIN\nS 334 VXNlcm5hbWU6\nC dXNlcg==\n"
				    "S 334 UGFzc3dvcmQ6\nC cGVuY2ls\nS 235 ok\n" MAIL);
	p = login();
	goes_on(&p,
		OFFERS("PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS")
			SCRAM_FIRST SCRAM_CHALLENGE SCRAM_FINAL SCRAM_SIGNED "S 235 ok\n" MAIL);
	/* without a nonce there is no SCRAM */
	p = login();
	p.su.nonce = SLICE_EMPTY;
	goes_on(&p,
		OFFERS("PLAIN SCRAM-SHA-256") "C AUTH PLAIN AHVzZXIAcGVuY2ls\nS 235 ok\n" MAIL);
}

static void
a_login_is_made_behind_tls(void **state)
{
	struct cplay p = login();

	(void)state;
	p.su.is_secure = false;
	p.su.tls = SMTP_CLIENT_TLS_MAY;
	goes_on(&p, OFFERED "C STARTTLS\nS 220 go\nT\nC EHLO me.example\nS 250-mx\n"
			    "S 250 AUTH PLAIN\nC AUTH PLAIN AHVzZXIAcGVuY2ls\nS 235 ok\n" MAIL);
	p = login();
	p.su.is_secure = false;
	ends(&p, OFFERS("PLAIN") "C QUIT\nS 221 bye\nX\n", "deferred host@auth 4.7.11; | ");
	p = login();
	p.su.is_secure = false;
	p.su.may_auth_in_clear = true;
	goes_on(&p, OFFERS("PLAIN") "C AUTH PLAIN AHVzZXIAcGVuY2ls\nS 235 ok\n" MAIL);
}

static void
a_login_that_fails_only_defers(void **state)
{
	static const struct {
		const char *script, *outcome;
	} rows[] = {
		{OFFERS("PLAIN") "C AUTH PLAIN AHVzZXIAcGVuY2ls\nS 535 5.7.8 no\nC QUIT\nS 221 "
				 "b\nX\n",
			"deferred host@auth 535 4.7.8; | "},
		{OFFERS("GSSAPI") "C QUIT\nS 221 b\nX\n", "deferred host@auth 4.7.4; | "},
		{HELLO "S 250 mx\nC QUIT\nS 221 b\nX\n", "deferred host@auth 4.7.4; | "},
		/* challenges that no mechanism has */
		{OFFERS("PLAIN") "C AUTH PLAIN AHVzZXIAcGVuY2ls\nS 334 \nX\n",
			"deferred host@auth 4.7.0; | "},
		{OFFERS("LOGIN") "C AUTH LOGIN\nS 334 !\nX\n", "deferred host@auth 4.7.0; | "},
		{OFFERS("LOGIN") "C AUTH LOGIN\nS 334 \nC dXNlcg==\nS 334 \nC cGVuY2ls\nS 334 "
				 "\nX\n",
			"deferred host@auth 4.7.0; | "},
		{OFFERS("SCRAM-SHA-256") SCRAM_FIRST "S 334 cj1h\nX\n",
			"deferred host@auth 4.7.0; | "},
		/* a server that doesn't know the password */
		{OFFERS("SCRAM-SHA-256") SCRAM_FIRST SCRAM_CHALLENGE SCRAM_FINAL
			"S 334 "
			"dj1BQUFB\nX\n",
			"deferred host@auth 4.7.0; | "},
		{OFFERS("SCRAM-SHA-256") SCRAM_FIRST SCRAM_CHALLENGE SCRAM_FINAL
			"S 235 ok\nC QUIT\nS 221 b\nX\n",
			"deferred host@auth 4.7.0; | "},
		{OFFERS("SCRAM-SHA-256") SCRAM_FIRST "S 235 ok\nC QUIT\nS 221 b\nX\n",
			"deferred host@auth 4.7.0; | "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct cplay p = login();

		ends(&p, rows[i].script, rows[i].outcome);
	}
}

static void
a_login_has_4094_octets_at_most(void **state)
{
	static uint8_t big[4094];
	struct cplay p = login();

	(void)state;
	memset(big, 'x', sizeof big);
	p.su.password = slice_of(big, sizeof big - 4);
	begin(&p);
	cplay_run(&p, OFFERS("PLAIN"));
	assert_int_equal(p.said.n, sizeof "AUTH PLAIN \r\n" - 1 + 4096 / 3 * 4 + 4);
	cplay_end(&p);
	p = login();
	p.su.password = slice_of(big, sizeof big - 3);
	ends(&p, OFFERS("PLAIN") "C QUIT\nS 221 b\nX\n", "deferred host@auth 4.7.0; | ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_greeted_with_a_refusal_says_quit),
		cmocka_unit_test(only_a_5xx_to_ehlo_leads_to_helo),
		cmocka_unit_test(the_servers_name_and_offers_can_be_seen),
		cmocka_unit_test(tls_is_begun_when_it_is_wanted_and_offered),
		cmocka_unit_test(tls_that_must_be_and_cant_defers),
		cmocka_unit_test(a_failed_handshake_is_told_and_ends_the_connection),
		cmocka_unit_test(octets_in_front_of_tls_are_an_injection),
		cmocka_unit_test(each_mechanism_logs_in),
		cmocka_unit_test(a_login_is_made_behind_tls),
		cmocka_unit_test(a_login_that_fails_only_defers),
		cmocka_unit_test(a_login_has_4094_octets_at_most),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
