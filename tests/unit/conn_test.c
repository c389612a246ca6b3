#include "tests/test.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/conn.h"
#include "core/loop.h"

/* A conn on one end of a socket pair; the test is its client. */
struct world {
	struct loop *loop;
	struct conn *conn;
	int client, inputs, ends;
	enum err ended_by;
	bool finish_on_input;
};

static size_t
on_input(void *arg, struct slice in)
{
	struct world *w = arg;

	conn_write(w->conn, in);
	if (w->finish_on_input) {
		conn_finish(w->conn);
		conn_pause(w->conn, true);
	}
	w->inputs++;
	return in.n;
}

static void
on_end(void *arg, enum err e)
{
	struct world *w = arg;

	w->ends++;
	w->ended_by = e;
	conn_free(w->conn);
	w->conn = NULL;
}

static void
setup(struct world *w)
{
	static const struct conn_events events = {.on_input = on_input, .on_end = on_end};
	static const struct conn_limits limits = {
		.in_max = 1024, .out_high = 1 << 22, .out_max = 1 << 22, .write_ms = 60000};
	int fd[2];

	*w = (struct world){.loop = loop_new()};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	w->client = fd[1];
	w->conn = conn_new(w->loop, fd[0], &events, w, &limits);
}

static void
teardown(struct world *w)
{
	conn_free(w->conn);
	close(w->client);
	loop_free(w->loop);
}

static void
stop(void *arg)
{
	loop_stop(arg);
}

/* Some turns of the loop. */
static void
run(struct world *w)
{
	for (int i = 0; i < 4; i++) {
		loop_after(w->loop, 1, stop, w->loop);
		loop_run(w->loop);
	}
}

static void
assert_reads(struct world *w, const char *text)
{
	char got[64];

	assert_int_equal(read(w->client, got, sizeof got), strlen(text));
	assert_memory_equal(got, text, strlen(text));
}

static void
a_conn_that_finishes_after_a_late_answer_ends_although_it_is_paused(void **state)
{
	struct world w;

	(void)state;
	setup(&w);
	/* Not from within a callback of the conn: as when another process has answered. */
	conn_pause(w.conn, true);
	conn_write(w.conn, SLICE_LIT("BYE"));
	conn_finish(w.conn);
	conn_pause(w.conn, true);
	assert_int_equal(w.ends, 0);
	run(&w);
	assert_int_equal(w.ends, 1);
	assert_int_equal(w.ended_by, ERR_END);
	assert_reads(&w, "BYE");
	assert_int_equal(read(w.client, &(char){0}, 1), 0);
	teardown(&w);
}

static void
a_conn_that_finishes_on_input_sends_its_last_words_and_ends(void **state)
{
	struct world w;

	(void)state;
	setup(&w);
	w.finish_on_input = true;
	assert_int_equal(write(w.client, "x", 1), 1);
	run(&w);
	assert_int_equal(w.ends, 1);
	assert_reads(&w, "x");
	teardown(&w);
}

enum { MUCH = 1 << 21 }; /* more than a socket takes */

static void
write_much(struct world *w)
{
	static const uint8_t much[MUCH];

	assert_int_equal(conn_write(w->conn, slice_of(much, sizeof much)), ERR_OK);
}

/* All of it comes, then the end. */
static void
read_much(struct world *w)
{
	uint8_t got[1 << 16];
	size_t sum = 0;
	ssize_t n;

	while (sum < MUCH) {
		n = read(w->client, got, sizeof got);
		if (n > 0)
			sum += (size_t)n;
		assert_true(n > 0 || w->ends == 0);
		run(w);
	}
	assert_int_equal(w->ends, 1);
	assert_int_equal(w->ended_by, ERR_END);
}

static void
a_conn_that_finishes_waits_for_a_slow_reader(void **state)
{
	struct world w;

	(void)state;
	setup(&w);
	write_much(&w);
	conn_finish(w.conn);
	conn_pause(w.conn, true);
	read_much(&w);
	teardown(&w);
}

static void
a_client_that_ends_its_writing_still_reads_what_waits(void **state)
{
	struct world w;

	(void)state;
	setup(&w);
	write_much(&w);
	shutdown(w.client, SHUT_WR);
	read_much(&w);
	teardown(&w);
}

static void
a_paused_conn_reads_nothing_until_it_goes_on(void **state)
{
	struct world w;

	(void)state;
	setup(&w);
	conn_pause(w.conn, true);
	assert_int_equal(write(w.client, "x", 1), 1);
	run(&w);
	assert_int_equal(w.inputs, 0);
	conn_pause(w.conn, false);
	run(&w);
	assert_reads(&w, "x");
	teardown(&w);
}

static void
a_client_that_leaves_ends_its_conn(void **state)
{
	struct world w;

	(void)state;
	setup(&w);
	shutdown(w.client, SHUT_RDWR);
	run(&w);
	assert_int_equal(w.ends, 1);
	assert_int_equal(w.ended_by, ERR_END);
	teardown(&w);
}

/* --- TLS that never gets ready --- */

static enum err
endless_handshake(void *s, enum conn_want *want)
{
	(void)s;
	*want = CONN_WANT_READ;
	return ERR_MORE;
}

static void
close_nothing(void *s)
{
	(void)s;
}

static void
a_conn_that_finishes_within_a_handshake_ends(void **state)
{
	static const struct conn_stream tls = {
		.handshake = endless_handshake, .close = close_nothing};
	struct world w;

	(void)state;
	setup(&w);
	conn_start_tls(w.conn, &tls, &w);
	conn_pause(w.conn, false);
	run(&w);
	conn_write(w.conn, SLICE_LIT("BYE"));
	conn_finish(w.conn);
	run(&w);
	assert_int_equal(w.ends, 1);
	teardown(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_conn_that_finishes_after_a_late_answer_ends_although_it_is_paused),
		cmocka_unit_test(a_conn_that_finishes_on_input_sends_its_last_words_and_ends),
		cmocka_unit_test(a_conn_that_finishes_waits_for_a_slow_reader),
		cmocka_unit_test(a_client_that_ends_its_writing_still_reads_what_waits),
		cmocka_unit_test(a_paused_conn_reads_nothing_until_it_goes_on),
		cmocka_unit_test(a_client_that_leaves_ends_its_conn),
		cmocka_unit_test(a_conn_that_finishes_within_a_handshake_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
