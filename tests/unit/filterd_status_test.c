#include "cmd/filterd_status.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/courier_file.h"
#include "core/ipc.pb-c.h"
#include "core/loop.h"
#include "crypto/cert_status.h"
#include "tests/pki.h"
#include "tests/test.h"

/* Both ends in one loop. */
static struct {
	struct loop *loop;
	struct ipc *courier, *filterd;
	struct pki root, ann;
	enum err e;
	void (*look)(const ProtobufCMessage *answer);
} t;

static void
on_chain(void *arg, struct ipc_frame *frame)
{
	(void)arg;
	filterd_status_chain(t.filterd, frame);
}

static void
on_list(void *arg, struct ipc_frame *frame)
{
	(void)arg;
	filterd_status_list(t.filterd, frame);
}

static int
setup(void **state)
{
	int pair[2];

	(void)state;
	pki_authority(&t.root, "root", NULL);
	pki_make(&t.ann, &(struct pki_how){.by = &t.root, .serial = 0x1234});
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	t.loop = loop_new();
	t.courier = ipc_new(t.loop, ROLE_COURIER, 0);
	t.filterd = ipc_new(t.loop, ROLE_FILTERD, 0);
	ipc_on(t.filterd, IPC_FILTER_CHAIN, on_chain, NULL);
	ipc_on(t.filterd, IPC_FILTER_STATUS, on_list, NULL);
	ipc_add_peer(t.courier, ROLE_FILTERD, 0, pair[0]);
	ipc_add_peer(t.filterd, ROLE_COURIER, 0, pair[1]);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	ipc_free(t.courier);
	ipc_free(t.filterd);
	loop_free(t.loop);
	pki_free(&t.root);
	pki_free(&t.ann);
	return 0;
}

static void
on_answer(void *arg, enum err e, const ProtobufCMessage *answer)
{
	(void)arg;
	t.e = e;
	if (!e && t.look)
		t.look(answer);
	loop_stop(t.loop);
}

static enum err
ask(enum ipc_type type, const ProtobufCMessage *q, int fd)
{
	ipc_ask(t.courier, type, q, fd, (struct ipc_wait){20000, on_answer, NULL});
	loop_run(t.loop);
	return t.e;
}

/* --- chains --- */

static struct slice
question(bool has_anchor, struct arena *a)
{
	Gateway__Question q = GATEWAY__QUESTION__INIT;
	ProtobufCBinaryData anchor = codec_bytes(t.root.der);

	q.now_sec = PKI_NOW;
	q.anchor = &anchor;
	q.n_anchor = has_anchor;
	return codec_pack(&q, a);
}

static void
is_trusted(const ProtobufCMessage *answer)
{
	const Ipc__FilterChained *c = (const Ipc__FilterChained *)answer;

	assert_true(c->trusted);
	assert_int_equal(c->n_link, 2);
	assert_true(slice_eq(codec_slice(c->link[0]->der), t.ann.der));
	assert_true(slice_eq(codec_slice(c->link[0]->serial), SLICE_LIT("\x12\x34")));
	assert_false(c->link[0]->authority);
	assert_true(slice_eq(codec_slice(c->link[1]->der), t.root.der));
	assert_true(c->link[1]->authority);
	assert_string_equal(c->why, "");
}

static void
is_not_trusted(const ProtobufCMessage *answer)
{
	const Ipc__FilterChained *c = (const Ipc__FilterChained *)answer;

	assert_false(c->trusted);
	assert_int_equal(c->n_link, 1);
	assert_string_not_equal(c->why, "");
}

static void
a_chain_is_told_if_it_ends_at_an_anchor(void **state)
{
	Ipc__FilterChain q = IPC__FILTER_CHAIN__INIT;
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	q.certificate = codec_bytes(t.ann.der);
	q.question = codec_bytes(question(true, &a));
	t.look = is_trusted;
	assert_int_equal(ask(IPC_FILTER_CHAIN, &q.base, -1), ERR_OK);
	q.question = codec_bytes(question(false, &a));
	t.look = is_not_trusted;
	assert_int_equal(ask(IPC_FILTER_CHAIN, &q.base, -1), ERR_OK);
	t.look = NULL;
	q.question = codec_bytes(SLICE_LIT("\xff"));
	assert_int_equal(ask(IPC_FILTER_CHAIN, &q.base, -1), ERR_SYNTAX);
	arena_reset(&a);
}

static void
a_long_question_comes_in_a_file_that_nobody_changes(void **state)
{
	Ipc__FilterChain q = IPC__FILTER_CHAIN__INIT;
	struct slice packed;
	struct arena a;
	int fd, open_fd;

	(void)state;
	arena_init(&a, 0);
	packed = question(true, &a);
	assert_int_equal(courier_file_make(packed, &fd), ERR_OK);
	q.certificate = codec_bytes(t.ann.der);
	q.question_size = packed.n;
	t.look = is_trusted;
	assert_int_equal(ask(IPC_FILTER_CHAIN, &q.base, fd), ERR_OK);
	t.look = NULL;
	assert_int_equal(ask(IPC_FILTER_CHAIN, &q.base, -1), ERR_SYNTAX);
	assert_int_equal(courier_file_new(&open_fd), ERR_OK);
	assert_int_equal(courier_file_put(open_fd, 0, packed), ERR_OK);
	assert_int_equal(ask(IPC_FILTER_CHAIN, &q.base, open_fd), ERR_SYNTAX);
	q.question_size = packed.n + 1;
	assert_int_equal(ask(IPC_FILTER_CHAIN, &q.base, fd), ERR_SYNTAX);
	q.question_size = FILTERD_STATUS_QUESTION_MAX + 1;
	assert_int_equal(ask(IPC_FILTER_CHAIN, &q.base, fd), ERR_TOO_BIG);
	/* As long as may be: read, and then it is no question. */
	assert_int_equal(ftruncate(open_fd, FILTERD_STATUS_QUESTION_MAX), 0);
	assert_int_equal(courier_file_seal(open_fd), ERR_OK);
	q.question_size = FILTERD_STATUS_QUESTION_MAX;
	assert_int_equal(ask(IPC_FILTER_CHAIN, &q.base, open_fd), ERR_SYNTAX);
	close(fd);
	close(open_fd);
	arena_reset(&a);
}

/* --- lists --- */

static void
ann_is_revoked(const ProtobufCMessage *answer)
{
	const Ipc__FilterStated *s = (const Ipc__FilterStated *)answer;

	assert_string_equal(s->why, "");
	assert_true(s->n_says >= 1 && s->n_since_sec == s->n_says && s->n_reason == s->n_says);
	assert_int_equal(s->says[0], CERT_STATUS_REVOKED);
	assert_int_equal(s->since_sec[0], PKI_NOW - (uint64_t)PKI_DAY);
}

static void
it_says_nothing(const ProtobufCMessage *answer)
{
	const Ipc__FilterStated *s = (const Ipc__FilterStated *)answer;

	assert_string_equal(s->why, "not a list");
	assert_int_equal(s->n_says, 0);
}

static void
a_list_is_read_for_so_many_serial_numbers(void **state)
{
	enum { MAX = FILTERD_STATUS_SERIALS_MAX };
	static ProtobufCBinaryData serial[MAX + 1];
	static protobuf_c_boolean authority[MAX + 1];
	struct slice list = pki_crl(&t.root, &t.ann, t.root.key);
	Ipc__FilterStatus q = IPC__FILTER_STATUS__INIT;
	int fd, open_fd;

	(void)state;
	for (size_t i = 0; i <= MAX; i++)
		serial[i] = codec_bytes(i ? SLICE_LIT("\x7f") : SLICE_LIT("\x12\x34"));
	assert_int_equal(courier_file_make(list, &fd), ERR_OK);
	q.size = list.n;
	q.url = "http://ca.test/1";
	q.issuer = codec_bytes(t.root.der);
	q.now_sec = PKI_NOW;
	q.serial = serial;
	q.authority = authority;
	q.n_serial = q.n_authority = 1;
	t.look = ann_is_revoked;
	assert_int_equal(ask(IPC_FILTER_STATUS, &q.base, fd), ERR_OK);
	q.n_serial = q.n_authority = MAX;
	assert_int_equal(ask(IPC_FILTER_STATUS, &q.base, fd), ERR_OK);
	t.look = NULL;
	q.n_serial = q.n_authority = MAX + 1;
	assert_int_equal(ask(IPC_FILTER_STATUS, &q.base, fd), ERR_SYNTAX);
	q.n_serial = 2;
	q.n_authority = 1;
	assert_int_equal(ask(IPC_FILTER_STATUS, &q.base, fd), ERR_SYNTAX);
	q.n_serial = 1;
	q.size = list.n + 1;
	assert_int_equal(ask(IPC_FILTER_STATUS, &q.base, fd), ERR_SYNTAX);
	assert_int_equal(ask(IPC_FILTER_STATUS, &q.base, -1), ERR_SYNTAX);
	q.size = list.n - 1;
	t.look = it_says_nothing;
	assert_int_equal(ask(IPC_FILTER_STATUS, &q.base, fd), ERR_OK);
	assert_int_equal(courier_file_new(&open_fd), ERR_OK);
	assert_int_equal(ftruncate(open_fd, CERT_STATUS_LIST_MAX + 1), 0);
	q.size = CERT_STATUS_LIST_MAX;
	assert_int_equal(ask(IPC_FILTER_STATUS, &q.base, open_fd), ERR_SYNTAX);
	assert_int_equal(courier_file_seal(open_fd), ERR_OK);
	assert_int_equal(ask(IPC_FILTER_STATUS, &q.base, open_fd), ERR_OK);
	q.size = CERT_STATUS_LIST_MAX + 1;
	assert_int_equal(ask(IPC_FILTER_STATUS, &q.base, open_fd), ERR_SYNTAX);
	close(fd);
	close(open_fd);
	OPENSSL_free((uint8_t *)(uintptr_t)list.p);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_chain_is_told_if_it_ends_at_an_anchor),
		T(a_long_question_comes_in_a_file_that_nobody_changes),
		T(a_list_is_read_for_so_many_serial_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
