#include "tests/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/dial.h"

enum { QUICK_MS = 20, LONG_MS = 20000, NEVER = -2 };

struct heard {
	struct loop *loop;
	int fd, error, times;
};

static void
on_done(void *arg, int fd, int error)
{
	struct heard *h = arg;

	h->fd = fd;
	h->error = error;
	h->times++;
	loop_stop(h->loop);
}

static void
on_stop(void *arg)
{
	loop_stop(arg);
}

/* A listening socket of the family; its port. */
static uint16_t
listen_at(int family, int *fd)
{
	struct sockaddr_in v4 = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	bool is_v4 = family == AF_INET;
	struct sockaddr *at = is_v4 ? (void *)&v4 : (void *)&v6;
	socklen_t n = is_v4 ? sizeof v4 : sizeof v6;

	*fd = socket(family, SOCK_STREAM, 0);
	assert_true(*fd >= 0);
	assert_int_equal(bind(*fd, at, n), 0);
	assert_int_equal(listen(*fd, 1), 0);
	assert_int_equal(getsockname(*fd, at, &n), 0);
	return ntohs(is_v4 ? v4.sin_port : v6.sin6_port);
}

static struct slice
loopback(int family)
{
	static const uint8_t v4[] = {127, 0, 0, 1};

	return family == AF_INET ? slice_of(v4, 4) : slice_of(&in6addr_loopback, 16);
}

static struct heard
dial(int family, uint16_t port, uint32_t timeout_ms)
{
	struct heard h = {.loop = loop_new(), .fd = NEVER};
	struct dial_to to = {loopback(family), port, timeout_ms};

	dial_begin(h.loop, &to, on_done, &h);
	assert_int_equal(h.times, 0);
	loop_run(h.loop);
	assert_int_equal(h.times, 1);
	loop_free(h.loop);
	return h;
}

static void
check_connects(int family)
{
	int server, peer;
	uint16_t port = listen_at(family, &server);
	struct heard h = dial(family, port, LONG_MS);
	char octet = 'x';

	assert_int_equal(h.error, 0);
	assert_true(h.fd >= 0);
	peer = accept(server, NULL, NULL);
	assert_int_equal(write(h.fd, &octet, 1), 1);
	octet = 0;
	assert_int_equal(read(peer, &octet, 1), 1);
	assert_int_equal(octet, 'x');
	/* It doesn't block, and nobody else watches it. */
	assert_int_equal(read(h.fd, &octet, 1), -1);
	assert_int_equal(errno, EAGAIN);
	close(h.fd);
	close(peer);
	close(server);
}

static void
connects_to_both_families(void **state)
{
	(void)state;
	check_connects(AF_INET);
	check_connects(AF_INET6);
}

static void
says_why_it_is_refused(void **state)
{
	int server;
	uint16_t port = listen_at(AF_INET, &server);
	struct heard h;

	(void)state;
	close(server);
	h = dial(AF_INET, port, LONG_MS);
	assert_int_equal(h.fd, -1);
	assert_int_equal(h.error, ECONNREFUSED);
}

/* Who doesn't accept, and has no room for more to wait: the call stays without an answer. */
static void
ends_in_time(void **state)
{
	int server, waiting[8];
	uint16_t port = listen_at(AF_INET, &server);
	struct sockaddr_in at = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct heard h;

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(waiting[i], (struct sockaddr *)&at, sizeof at);
	}
	h = dial(AF_INET, port, QUICK_MS);
	assert_int_equal(h.fd, -1);
	assert_int_equal(h.error, ETIMEDOUT);
	for (size_t i = 0; i < 8; i++)
		close(waiting[i]);
	close(server);
}

static void
is_silent_once_cancelled(void **state)
{
	int server;
	uint16_t port = listen_at(AF_INET, &server);
	struct heard h = {.loop = loop_new(), .fd = NEVER};
	struct dial_to to = {loopback(AF_INET), port, LONG_MS};

	(void)state;
	dial_cancel(dial_begin(h.loop, &to, on_done, &h));
	dial_cancel(NULL);
	loop_after(h.loop, QUICK_MS, on_stop, h.loop);
	loop_run(h.loop);
	assert_int_equal(h.times, 0);
	loop_free(h.loop);
	close(server);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connects_to_both_families),
		cmocka_unit_test(says_why_it_is_refused),
		cmocka_unit_test(ends_in_time),
		cmocka_unit_test(is_silent_once_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
