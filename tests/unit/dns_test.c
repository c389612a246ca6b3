#include "tests/test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/dns.h"
#include "core/dns_record.h"

/* Questions against a name server in the same loop, that answers as the first label wants it.
 * The walk from the root, and signatures: tests/e2e/dns_test.py. */
/* TICK_MS: the loop's clock is a coarse one. */
enum { RAW_MAX = 512, SOON_MS = 200, LATE_MS = 20000, TICK_MS = 10 };

struct world {
	struct loop *loop;
	struct loop_fd *watch;
	struct dns *dns;
	int fd;
	unsigned heard, answered, wanted;
	struct dns_answer last;
	char why[200];
	uint8_t rdata[4];
	bool asks_again;
};

static struct world w;

/* Of silent.* nothing; else the question with an answer behind it, or an rcode. */
static void
on_question(void *arg)
{
	static const uint8_t answer[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1};
	uint8_t raw[RAW_MAX];
	struct sockaddr_in from;
	socklen_t from_n = sizeof from;
	struct dns_name name;
	size_t end = 12;
	ssize_t n = recvfrom(w.fd, raw, sizeof raw, 0, (struct sockaddr *)&from, &from_n);

	(void)arg;
	assert_true(n > 12 && !dns_name_read(slice_of(raw, (size_t)n), &end, &name));
	w.heard++;
	end += 4;
	if (!memcmp(name.octets, "\6silent", 7))
		return;
	raw[2] = 0x84;
	raw[3] = !memcmp(name.octets, "\4none", 5)     ? DNS_MESSAGE_NXDOMAIN
		 : !memcmp(name.octets, "\6failed", 7) ? DNS_MESSAGE_SERVFAIL
						       : 0;
	memset(raw + 6, 0, 6);
	if (!raw[3]) {
		raw[7] = 1;
		memcpy(raw + end, answer, sizeof answer);
		end += sizeof answer;
	}
	assert_true(sendto(w.fd, raw, end, 0, (struct sockaddr *)&from, from_n) > 0);
}

static void
set_up(bool validate)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof at;
	struct dns_setting_stub stub;
	struct dns_settings settings = {.stub = &stub, .stubs = 1, .validate = validate};
	char text[64];

	memset(&w, 0, sizeof w);
	w.loop = loop_new();
	w.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(w.fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(getsockname(w.fd, (struct sockaddr *)&at, &n), 0);
	w.watch = loop_watch(w.loop, w.fd, on_question, NULL, NULL);
	snprintf(text, sizeof text, "zone.test 127.0.0.1@%u", ntohs(at.sin_port));
	assert_null(dns_setting_stub(slice_str(text), &stub));
	w.dns = dns_new(w.loop, &settings);
}

static void
tear_down(void)
{
	dns_free(w.dns);
	loop_unwatch(w.watch);
	loop_free(w.loop);
	close(w.fd);
}

static void ask(const char *name, uint32_t timeout_ms);

static void
on_answer(void *arg, const struct dns_answer *answer)
{
	(void)arg;
	w.last = *answer;
	snprintf(w.why, sizeof w.why, "%s", answer->why);
	if (answer->message.n)
		memcpy(w.rdata, answer->message.rdata[0].p, 4);
	if (w.asks_again) {
		w.asks_again = false;
		ask("again.zone.test", LATE_MS);
	}
	if (++w.answered == w.wanted)
		loop_stop(w.loop);
}

static void
ask(const char *name, uint32_t timeout_ms)
{
	struct dns_question q = {
		.type = DNS_RECORD_A, .timeout_ms = timeout_ms, .cb = on_answer};

	assert_int_equal(dns_name_parse(slice_str(name), &q.name), ERR_OK);
	dns_ask(w.dns, &q);
}

static void
run_until(unsigned answered)
{
	w.wanted = answered;
	if (w.answered < answered)
		loop_run(w.loop);
	assert_int_equal(w.answered, answered);
}

static void
an_answer_has_records_copied_out(void **state)
{
	(void)state;
	set_up(true);
	ask("www.zone.test", LATE_MS);
	run_until(1);
	assert_int_equal(w.last.message.rcode, DNS_MESSAGE_NOERROR);
	assert_int_equal(w.last.security, DNS_INSECURE);
	assert_int_equal(w.last.message.n, 1);
	assert_memory_equal(w.rdata, "\xc0\0\2\1", 4);
	assert_string_equal(w.why, "");
	tear_down();
}

static void
the_second_answer_comes_from_the_cache_and_before_the_return(void **state)
{
	unsigned heard;

	(void)state;
	set_up(true);
	ask("www.zone.test", LATE_MS);
	run_until(1);
	heard = w.heard;
	ask("WWW.zone.test", LATE_MS);
	assert_int_equal(w.answered, 2);
	assert_int_equal(w.heard, heard);
	assert_int_equal(w.last.message.n, 1);
	tear_down();
}

static void
no_such_name_and_failure_are_told_apart(void **state)
{
	(void)state;
	set_up(false);
	ask("none.zone.test", LATE_MS);
	run_until(1);
	assert_int_equal(w.last.message.rcode, DNS_MESSAGE_NXDOMAIN);
	ask("failed.zone.test", LATE_MS);
	run_until(2);
	assert_int_equal(w.last.message.rcode, DNS_MESSAGE_SERVFAIL);
	/* In libunbound's words. */
	assert_non_null(strstr(w.why, "zone.test"));
	tear_down();
}

static void
silence_ends_at_the_deadline(void **state)
{
	uint64_t began_ms = clock_ms(), took_ms;

	(void)state;
	set_up(true);
	ask("silent.zone.test", SOON_MS);
	run_until(1);
	took_ms = clock_ms() - began_ms;
	assert_in_range(took_ms, SOON_MS - TICK_MS, LATE_MS);
	assert_int_equal(w.last.message.rcode, DNS_MESSAGE_SERVFAIL);
	assert_int_equal(w.last.message.n, 0);
	assert_string_equal(w.why, "no answer in time");
	tear_down();
}

/* Each of them another name, so that no two are one question. */
static void
ask_silent(unsigned n)
{
	char name[64];

	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof name, "silent.n%u.zone.test", i);
		ask(name, LATE_MS);
	}
}

static void
so_many_run_so_many_wait_and_the_next_is_refused(void **state)
{
	(void)state;
	set_up(true);
	ask_silent(DNS_RUNNING_MAX + DNS_WAITING_MAX - 1);
	ask("silent.last.zone.test", SOON_MS);
	assert_int_equal(w.answered, 0);
	ask("silent.more.zone.test", LATE_MS);
	assert_int_equal(w.answered, 1);
	assert_int_equal(w.last.message.rcode, DNS_MESSAGE_SERVFAIL);
	assert_string_equal(w.why, "too many questions at once");
	/* Who waits in vain makes room for another one. */
	run_until(2);
	assert_string_equal(w.why, "no answer in time");
	ask("silent.next.zone.test", LATE_MS);
	assert_int_equal(w.answered, 2);
	ask("silent.more.zone.test", LATE_MS);
	assert_int_equal(w.answered, 3);
	tear_down();
	assert_int_equal(w.answered, 3);
}

static void
those_that_wait_are_asked_when_others_are_done(void **state)
{
	char name[64];

	(void)state;
	set_up(true);
	for (unsigned i = 0; i < 3 * DNS_RUNNING_MAX; i++) {
		snprintf(name, sizeof name, "n%u.zone.test", i);
		ask(name, LATE_MS);
	}
	run_until(3 * DNS_RUNNING_MAX);
	assert_memory_equal(w.rdata, "\xc0\0\2\1", 4);
	tear_down();
}

static void
a_callback_may_ask(void **state)
{
	(void)state;
	set_up(true);
	w.asks_again = true;
	ask("www.zone.test", LATE_MS);
	run_until(2);
	assert_int_equal(w.last.message.n, 1);
	tear_down();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_has_records_copied_out),
		cmocka_unit_test(the_second_answer_comes_from_the_cache_and_before_the_return),
		cmocka_unit_test(no_such_name_and_failure_are_told_apart),
		cmocka_unit_test(silence_ends_at_the_deadline),
		cmocka_unit_test(so_many_run_so_many_wait_and_the_next_is_refused),
		cmocka_unit_test(those_that_wait_are_asked_when_others_are_done),
		cmocka_unit_test(a_callback_may_ask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
