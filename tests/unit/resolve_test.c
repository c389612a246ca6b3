#include "tests/test.h"

#include <stdio.h>
#include <sys/socket.h>

#include "cmd/resolve.h"
#include "core/clock.h"
#include "core/dns_record.h"
#include "core/ipc.pb-c.h"

/* Both ends of the edge in one loop; the resolver says what the test wants it to. */
static struct loop *loop;
static struct ipc *courier, *resolver;
static Ipc__Resolved says;
static enum err says_err;
static bool is_silent;
static struct dns_answer last;
static char why[100];
static uint8_t rdata[4];
static unsigned answers;

static void
on_resolve(void *arg, struct ipc_frame *f)
{
	const Ipc__Resolve *q = (const Ipc__Resolve *)f->msg;

	(void)arg;
	assert_int_equal(q->type, DNS_RECORD_A);
	assert_int_equal(q->name.len, 8);
	assert_memory_equal(q->name.data, "\1a\4test", 8);
	if (!is_silent)
		ipc_answer(resolver, ipc_ticket(f), says_err, &says.base);
}

static void
on_answer(void *arg, const struct dns_answer *answer)
{
	assert_ptr_equal(arg, &last);
	last = *answer;
	snprintf(why, sizeof why, "%s", answer->why);
	if (answer->message.n)
		memcpy(rdata, answer->message.rdata[0].p, sizeof rdata);
	answers++;
	loop_stop(loop);
}

static void
ask(uint32_t timeout_ms)
{
	struct dns_question q = {
		.type = DNS_RECORD_A, .timeout_ms = timeout_ms, .cb = on_answer, .arg = &last};

	assert_int_equal(dns_name_parse(SLICE_LIT("a.test"), &q.name), ERR_OK);
	answers = 0;
	resolve_ask(courier, &q);
	assert_int_equal(answers, 0);
	loop_run(loop);
	assert_int_equal(answers, 1);
}

static void
failed(const char *words)
{
	ask(5000);
	assert_int_equal(last.message.rcode, DNS_MESSAGE_SERVFAIL);
	assert_int_equal(last.message.n, 0);
	assert_non_null(strstr(why, words));
}

static int
set_up(void **state)
{
	static uint8_t name[] = "\1b\4test";
	static ProtobufCBinaryData record = {4, (uint8_t *)(uintptr_t) "\xc0\0\2\1"};
	int fd[2];

	(void)state;
	ipc__resolved__init(&says);
	says.canonical = (ProtobufCBinaryData){sizeof name, name};
	says.rdata = &record;
	says.n_rdata = 1;
	says.security = IPC__RESOLVED__SECURITY__SECURE;
	says.ttl_sec = 7;
	says_err = ERR_OK;
	is_silent = false;
	loop = loop_new();
	courier = ipc_new(loop, ROLE_COURIER, 0);
	resolver = ipc_new(loop, ROLE_RESOLVER, 0);
	ipc_on(resolver, IPC_RESOLVE, on_resolve, NULL);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd), 0);
	ipc_add_peer(courier, ROLE_RESOLVER, 0, fd[0]);
	ipc_add_peer(resolver, ROLE_COURIER, 0, fd[1]);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	ipc_free(courier);
	ipc_free(resolver);
	loop_free(loop);
	return 0;
}

static void
an_answer_comes_as_the_resolver_has_it(void **state)
{
	(void)state;
	ask(5000);
	assert_int_equal(last.message.rcode, DNS_MESSAGE_NOERROR);
	assert_int_equal(last.security, DNS_SECURE);
	assert_int_equal(last.message.ttl_sec, 7);
	assert_int_equal(last.message.n, 1);
	assert_memory_equal(rdata, "\xc0\0\2\1", 4);
	assert_memory_equal(last.message.canonical.octets, "\1b\4test", 8);
	assert_string_equal(why, "");
}

static void
what_no_resolver_says_is_a_failure(void **state)
{
	(void)state;
	says.security = IPC__RESOLVED__SECURITY__BOGUS;
	failed("malformed");
	says.n_rdata = 0;
	says.rcode = DNS_MESSAGE_SERVFAIL;
	ask(5000);
	assert_int_equal(last.security, DNS_BOGUS);
	says.security = (Ipc__Resolved__Security)3;
	failed("malformed");
	says.security = IPC__RESOLVED__SECURITY__SECURE;
	says.canonical.len = 0;
	failed("malformed");
}

static void
no_answer_is_a_failure(void **state)
{
	(void)state;
	says_err = ERR_SYNTAX;
	failed("the resolver did not answer: malformed input");
	is_silent = true;
	ask(50);
	assert_int_equal(last.message.rcode, DNS_MESSAGE_SERVFAIL);
	assert_int_equal(last.security, DNS_INSECURE);
	assert_non_null(strstr(why, "deadline"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			an_answer_comes_as_the_resolver_has_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_no_resolver_says_is_a_failure, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_answer_is_a_failure, set_up, tear_down),
	};

	clock_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
