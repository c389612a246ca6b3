#include "tests/test.h"

#include <dirent.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/ipc.h"
#include "core/ipc.pb-c.h"
#include "core/ipc_table.h"
#include "core/loop.h"

/* Two ipcs on one loop: an smtpd and the store. */
struct pair {
	struct loop *loop;
	struct ipc *smtpd, *store;
	int raw; /* the smtpd's end, when the test speaks itself */
	enum err e;
	uint64_t index;
	int answers, questions, fds;
	bool mute;
};

static void
on_propose(void *arg, struct ipc_frame *f)
{
	struct pair *p = arg;
	const Ipc__Propose *q = (const Ipc__Propose *)f->msg;
	Ipc__Proposed a = IPC__PROPOSED__INIT;

	p->questions++;
	if (f->fd >= 0) {
		p->fds++;
		close(f->fd);
	}
	a.index = q->command.len;
	if (!p->mute)
		ipc_answer(p->store, ipc_ticket(f), ERR_OK, &a.base);
}

static void
on_answer(void *arg, enum err e, const ProtobufCMessage *msg)
{
	struct pair *p = arg;

	p->answers++;
	p->e = e;
	p->index = e ? 0 : ((const Ipc__Proposed *)msg)->index;
	loop_stop(p->loop);
}

static void
stop(void *arg)
{
	struct pair *p = arg;

	loop_stop(p->loop);
}

static void
setup(struct pair *p, bool with_smtpd)
{
	int fd[2];

	*p = (struct pair){.loop = loop_new(), .raw = -1};
	p->store = ipc_new(p->loop, ROLE_STORE, 0);
	ipc_on(p->store, IPC_PROPOSE, on_propose, p);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0);
	ipc_add_peer(p->store, ROLE_SMTPD, 0, fd[0]);
	p->smtpd = ipc_new(p->loop, ROLE_SMTPD, 0);
	if (with_smtpd)
		ipc_add_peer(p->smtpd, ROLE_STORE, 0, fd[1]);
	else
		p->raw = fd[1];
}

static void
teardown(struct pair *p)
{
	ipc_free(p->smtpd);
	ipc_free(p->store);
	loop_free(p->loop);
	if (p->raw >= 0)
		close(p->raw);
}

static void
a_question_gets_its_answer_and_its_fd_arrives(void **state)
{
	struct pair p;
	Ipc__Propose q = IPC__PROPOSE__INIT;
	uint8_t body[100000] = {1};

	(void)state;
	setup(&p, true);
	q.command = (ProtobufCBinaryData){7, body};
	q.body = (ProtobufCBinaryData){sizeof body, body};
	ipc_ask(p.smtpd, IPC_PROPOSE, &q.base, 0, (struct ipc_wait){5000, on_answer, &p});
	loop_run(p.loop);
	assert_int_equal(p.e, ERR_OK);
	assert_int_equal(p.index, 7);
	assert_int_equal(p.fds, 1);
	teardown(&p);
}

static void
every_question_has_one_role_that_answers_it(void **state)
{
	const struct ipc_rule *rule;

	(void)state;
	for (unsigned type = 0; type < IPC_TYPE_MAX; type++) {
		rule = ipc_table_rule(type);
		if (rule && rule->answer)
			assert_int_equal(rule->to, 1u << ipc_table_answerer(rule->type));
	}
}

static void
a_lost_peer_ends_the_question_once(void **state)
{
	struct pair p;
	Ipc__Propose q = IPC__PROPOSE__INIT;

	(void)state;
	setup(&p, true);
	p.mute = true;
	ipc_ask(p.smtpd, IPC_PROPOSE, &q.base, -1, (struct ipc_wait){5000, on_answer, &p});
	ipc_free(p.store);
	loop_run(p.loop);
	assert_int_equal(p.e, ERR_PEER);
	assert_int_equal(p.answers, 1);
	p.store = NULL;
	teardown(&p);
}

static void
a_mute_peer_ends_the_question_at_its_deadline(void **state)
{
	struct pair p;
	Ipc__Propose q = IPC__PROPOSE__INIT;

	(void)state;
	setup(&p, true);
	p.mute = true;
	ipc_ask(p.smtpd, IPC_PROPOSE, &q.base, -1, (struct ipc_wait){60, on_answer, &p});
	loop_run(p.loop);
	assert_int_equal(p.e, ERR_TIMEOUT);
	assert_int_equal(p.questions, 1);
	teardown(&p);
}

static void
a_cancelled_question_never_calls_back(void **state)
{
	struct pair p;
	Ipc__Propose q = IPC__PROPOSE__INIT;

	(void)state;
	setup(&p, true);
	ipc_cancel(ipc_ask(
		p.smtpd, IPC_PROPOSE, &q.base, -1, (struct ipc_wait){60, on_answer, &p}));
	loop_after(p.loop, 150, stop, &p);
	loop_run(p.loop);
	assert_int_equal(p.questions, 1);
	assert_int_equal(p.answers, 0);
	teardown(&p);
}

static void
a_question_waits_for_a_peer_that_comes_later(void **state)
{
	struct pair p;
	Ipc__Propose q = IPC__PROPOSE__INIT;

	(void)state;
	setup(&p, false);
	ipc_ask(p.smtpd, IPC_PROPOSE, &q.base, -1, (struct ipc_wait){5000, on_answer, &p});
	ipc_add_peer(p.smtpd, ROLE_STORE, 0, p.raw);
	p.raw = -1;
	loop_run(p.loop);
	assert_int_equal(p.e, ERR_OK);
	teardown(&p);
}

static void
a_blocking_question_times_out(void **state)
{
	struct pair p;
	Ipc__KeydSign q = IPC__KEYD_SIGN__INIT;
	ProtobufCMessage *answer = NULL;

	(void)state;
	setup(&p, true);
	assert_int_equal(ipc_ask_now(ipc_peer(p.smtpd, ROLE_STORE, 0), IPC_KEYD_SIGN, &q.base,
				 50, &answer),
		ERR_TIMEOUT);
	teardown(&p);
}

/* Each of these frames from a broken-in smtpd costs its connection, and nothing else. */
static void
a_frame_against_the_table_cuts_the_peer_off(void **state)
{
	static const uint8_t bad[][16] = {
		{0, 16, 0},					    /* short */
		{0, 99, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0},		    /* unknown type */
		{0, 18, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0},		    /* STORE_ADMIN: courier's */
		{0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},		    /* a question as a note */
		{0, 16, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 255, 255, 1}, /* not protobuf */
		{0, 17, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0},		    /* answer to a note */
	};
	static const size_t size[] = {3, 12, 12, 12, 15, 12};
	struct pair p;
	char octet;

	(void)state;
	for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
		setup(&p, false);
		assert_int_equal(send(p.raw, bad[i], size[i], 0), size[i]);
		loop_after(p.loop, 20, stop, &p);
		loop_run(p.loop);
		assert_null(ipc_peer(p.store, ROLE_SMTPD, 0));
		assert_int_equal(recv(p.raw, &octet, 1, MSG_DONTWAIT), 0);
		assert_int_equal(p.questions, 0);
		teardown(&p);
	}
}

static int
open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* As somebody sends who doesn't keep to ipc_wire_send. */
static void
send_with_fds(int to, struct slice frame, const int *fd, size_t n)
{
	struct iovec iov = {(void *)(uintptr_t)frame.p, frame.n};
	union {
		char room[CMSG_SPACE(4 * sizeof(int))];
		struct cmsghdr align;
	} control = {{0}};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room};
	struct cmsghdr *c = &control.align;

	assert_true(n <= 4);
	m.msg_controllen = CMSG_SPACE(n * sizeof *fd);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof *fd);
	memcpy(CMSG_DATA(c), fd, n * sizeof *fd);
	assert_int_equal(sendmsg(to, &m, 0), frame.n);
}

static void
fds_beyond_the_first_stay_outside(void **state)
{
	static const uint8_t propose[12] = {0, 16, 0, 0, 0, 0, 0, 1};
	static const int fds[4] = {0, 0, 0, 0};
	struct pair p;
	int before = open_fds();

	(void)state;
	for (size_t n = 1; n <= 4; n++) {
		setup(&p, false);
		p.mute = true;
		send_with_fds(p.raw, slice_of(propose, sizeof propose), fds, n);
		loop_after(p.loop, 20, stop, &p);
		loop_run(p.loop);
		assert_int_equal(p.questions, 1);
		assert_int_equal(p.fds, 1);
		teardown(&p);
		assert_int_equal(open_fds(), before);
	}
}

static void
on_note(void *arg, struct ipc_frame *f)
{
	struct pair *p = arg;

	(void)f;
	p->questions++;
	loop_stop(p->loop);
}

static void
a_blocking_question_keeps_what_came_before_its_answer(void **state)
{
	static const uint8_t note[12] = {0, IPC_WATCH};
	static const uint8_t answer[12] = {0, IPC_KEYD_SIGN, 0, 1, 0, 0, 0, 1};
	Ipc__KeydSign q = IPC__KEYD_SIGN__INIT;
	ProtobufCMessage *got = NULL;
	struct ipc_peer *peer;
	struct pair p;
	int end[2], fd = 0, before;

	(void)state;
	setup(&p, false);
	ipc_on(p.smtpd, IPC_WATCH, on_note, &p);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, end), 0);
	peer = ipc_add_peer(p.smtpd, ROLE_STORE, 0, end[1]);
	before = open_fds();
	assert_int_equal(send(end[0], note, sizeof note, 0), sizeof note);
	send_with_fds(end[0], slice_of(answer, sizeof answer), &fd, 1);
	assert_int_equal(ipc_ask_now(peer, IPC_KEYD_SIGN, &q.base, 5000, &got), ERR_OK);
	assert_ptr_equal(got->descriptor, &ipc__keyd_signed__descriptor);
	protobuf_c_message_free_unpacked(got, NULL);
	assert_int_equal(open_fds(), before);
	assert_int_equal(p.questions, 0);
	loop_run(p.loop);
	assert_int_equal(p.questions, 1);
	close(end[0]);
	teardown(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_gets_its_answer_and_its_fd_arrives),
		cmocka_unit_test(every_question_has_one_role_that_answers_it),
		cmocka_unit_test(a_lost_peer_ends_the_question_once),
		cmocka_unit_test(a_mute_peer_ends_the_question_at_its_deadline),
		cmocka_unit_test(a_cancelled_question_never_calls_back),
		cmocka_unit_test(a_question_waits_for_a_peer_that_comes_later),
		cmocka_unit_test(a_blocking_question_times_out),
		cmocka_unit_test(a_frame_against_the_table_cuts_the_peer_off),
		cmocka_unit_test(fds_beyond_the_first_stay_outside),
		cmocka_unit_test(a_blocking_question_keeps_what_came_before_its_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
