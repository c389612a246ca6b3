/* The client against the server of this program: what one says, the other takes. */
#include "tests/smtp_client_play.h"
#include "tests/smtp_play.h"

enum { ROUNDS = 400, TEXT_MAX = 3000 };

static uint32_t
chance(uint64_t *seed, uint32_t bound)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33) % bound;
}

/* Few octets, so that dots and line ends meet often. No NUL: the text is a string. */
static void
make_text(uint64_t *seed, char *text)
{
	static const char octets[] = "\r\n.\r\n.ab";
	size_t n = chance(seed, TEXT_MAX);

	for (size_t i = 0; i < n; i++)
		text[i] = octets[chance(seed, sizeof octets - 1)];
	text[n] = 0;
}

struct pair {
	struct cplay client;
	struct play server;
	size_t step; /* octets in one go */
};

static bool
carry(struct pair *p, struct buf *from, bool is_client)
{
	struct buf copy;
	size_t step = p->step ? p->step : from->n;

	if (from->n == 0)
		return false;
	buf_init(&copy, 1 << 24);
	buf_put_slice(&copy, buf_slice(from));
	buf_clear(from);
	for (size_t at = 0; at < copy.n; at += step) {
		struct slice piece = slice_cut(buf_slice(&copy), at, at + step);

		if (is_client)
			play_feed(&p->server, piece);
		else
			cplay_input(&p->client, piece);
	}
	buf_fini(&copy);
	return true;
}

static void
talk(struct pair *p)
{
	bool goes_on = true;

	while (goes_on) {
		goes_on = carry(p, &p->server.said, false);
		goes_on |= carry(p, &p->client.said, true);
		if (!p->client.is_wanting_tls)
			continue;
		play_secure(&p->server);
		cplay_secure(&p->client, true, "");
		goes_on = true;
	}
}

static const struct smtp_client_rcpt rcpts[] = {CPLAY_RCPT("u@example.org"),
	CPLAY_RCPT("nobody@example.org"), CPLAY_RCPT("\"a b\"@example.org")};

static void
begin(struct pair *p, uint64_t *seed, const char *text)
{
	bool is_lmtp = chance(seed, 2);
	struct smtp_setup su = play_setup(is_lmtp ? SMTP_KIND_LMTP : SMTP_KIND_MX);

	p->step = chance(seed, 3) ? 1 + chance(seed, 60) : 0;
	p->client.su.is_lmtp = is_lmtp;
	p->client.su.discards = chance(seed, 2) ? 0 : SMTP_CLIENT_CHUNKING;
	p->client.su.tls = chance(seed, 2) ? SMTP_CLIENT_TLS_MUST : SMTP_CLIENT_TLS_NONE;
	p->client.step = chance(seed, 2) ? 1 + chance(seed, 100) : 0;
	p->client.text = text;
	p->client.mail.sender = SLICE_LIT("s@b.example");
	p->client.mail.rcpt = rcpts;
	p->client.mail.rcpt_n = 3;
	p->client.mail.size_bytes = strlen(text);
	p->client.mail.envid = SLICE_LIT("id + =");
	p->client.mail.ret = SMTP_RET_HDRS;
	play_begin_with(&p->server, &su);
	cplay_begin(&p->client);
}

/* What the server has to have got. */
static void
look(struct pair *p, const char *text)
{
	struct smtp_client_body b;
	struct buf want;

	buf_init(&want, 4 * TEXT_MAX);
	smtp_client_body_init(&b, false);
	smtp_client_body_feed(&b, slice_str(text), &want);
	smtp_client_body_finish(&b, &want);
	assert_true(slice_eq(buf_slice(&p->server.body), buf_slice(&want)));
	buf_fini(&want);
	assert_slice(buf_slice(&p->server.seen),
		"from=s@b.example to=u@example.org to=\"a b\"@example.org;");
}

static void
each_mail_arrives_as_it_is_but_for_its_bare_line_ends(void **state)
{
	static char text[TEXT_MAX + 1];
	uint64_t seed = 1;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct pair p = {0};

		make_text(&seed, text);
		begin(&p, &seed, text);
		for (unsigned mails = 1; mails <= 2; mails++) {
			buf_clear(&p.server.seen);
			buf_clear(&p.client.outcomes);
			talk(&p);
			assert_int_equal(p.client.dones, mails);
			assert_true(p.client.is_idle);
			look(&p, text);
			cplay_came_to(&p.client, p.client.su.is_lmtp
							 ? "sent rcpt@dot 250 2.0.0; failed "
							   "rcpt@rcpt 550 5.1.1; "
							   "sent rcpt@dot 250 2.0.0; | "
							 : "sent mail@dot 250 2.0.0; failed "
							   "rcpt@rcpt 550 5.1.1; "
							   "sent mail@dot 250 2.0.0; | ");
			if (mails == 1)
				cplay_mail(&p.client);
		}
		assert_int_equal(p.server.queued, 2);
		cplay_give(
			&p.client, (struct smtp_client_event){.kind = SMTP_CLIENT_EV_SHUTDOWN});
		talk(&p);
		assert_true(p.client.is_closed && p.server.is_closed);
		assert_int_equal(smtp_client_end(p.client.c)->result, SMTP_CLIENT_NONE);
		cplay_end(&p.client);
		play_end(&p.server);
	}
}

static void
parameters_come_across(void **state)
{
	static struct smtp_client_rcpt rcpt[] = {CPLAY_RCPT("u@example.org")};
	struct pair p = {0};
	uint64_t seed = 7;

	(void)state;
	rcpt[0].notify = SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_DELAY;
	rcpt[0].orcpt = SLICE_LIT("rfc822;a+b=c d@x");
	begin(&p, &seed, "x\r\n");
	cplay_end(&p.client);
	p.client.mail.rcpt = rcpt;
	p.client.mail.rcpt_n = 1;
	p.client.given = 0;
	cplay_begin(&p.client);
	/* The envelope's slices die with the transaction: it is looked at before its end. */
	p.client.stops = true;
	talk(&p);
	assert_slice(smtp_session_envelope(p.server.s)->envid, "id + =");
	assert_int_equal(smtp_session_envelope(p.server.s)->ret, SMTP_RET_HDRS);
	assert_int_equal(smtp_session_envelope(p.server.s)->rcpt_n, 1);
	assert_slice(smtp_session_envelope(p.server.s)->rcpt[0].orcpt, "rfc822;a+b=c d@x");
	assert_int_equal(smtp_session_envelope(p.server.s)->rcpt[0].notify,
		SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_DELAY);
	cplay_came_to(&p.client, "stopped mail@body 4.3.2; | ");
	assert_int_equal(p.server.queued, 0);
	cplay_end(&p.client);
	play_end(&p.server);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mail_arrives_as_it_is_but_for_its_bare_line_ends),
		cmocka_unit_test(parameters_come_across),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
