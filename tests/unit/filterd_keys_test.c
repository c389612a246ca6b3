#include "cmd/filterd_keys.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/keyd_private.h"
#include "core/clock.h"
#include "core/loop.h"
#include "crypto/key_make.h"
#include "tests/test.h"

enum { KEY_ID = 77, ITEM = 5, NID_SHA256 = 672 };

static struct {
	struct loop *loop;
	struct ipc *ipc;
	struct seal_key master, permit_key;
	struct arena a;
	struct buf sealed;
	uint8_t wrapped[KEYRING_SECRET_WRAPPED], permit[PERMIT_SIZE];
	Gateway__Key key;
	pid_t keyd;
} t;

/* What keyd is, in a process of its own. */
static void
be_keyd(int fd)
{
	struct loop *loop = loop_new();
	struct ipc *ipc = ipc_new(loop, ROLE_KEYD, 0);

	keyd_private_new(loop, ipc, keyring_new(&t.master), &t.permit_key);
	ipc_add_peer(ipc, ROLE_FILTERD, 0, fd);
	loop_run(loop);
	_exit(0);
}

static void
give_permit(uint8_t kind, uint64_t id, uint64_t expiry_sec)
{
	struct permit p = {kind, id, ITEM, expiry_sec};

	permit_issue(&t.permit_key, &p, t.permit);
}

static int
setup(void **state)
{
	struct keyring *ring;
	struct slice pkcs8;
	int pair[2];

	(void)state;
	arena_init(&t.a, 0);
	seal_key_new(&t.master);
	seal_key_new(&t.permit_key);
	ring = keyring_new(&t.master);
	assert_int_equal(key_make_new("p256", &t.a, &pkcs8), ERR_OK);
	buf_init(&t.sealed, KEYRING_PRIVATE_MAX + SEAL_AEAD_EXTRA);
	assert_int_equal(
		keyring_seal_private(ring, KEY_ID, pkcs8, t.wrapped, &t.sealed), ERR_OK);
	keyring_free(ring);
	gateway__key__init(&t.key);
	t.key.id = KEY_ID;
	t.key.wrapped = (ProtobufCBinaryData){sizeof t.wrapped, t.wrapped};
	t.key.sealed = (ProtobufCBinaryData){t.sealed.n, t.sealed.p};
	t.key.permit = (ProtobufCBinaryData){sizeof t.permit, t.permit};
	give_permit(PERMIT_KEY, KEY_ID, clock_wall_sec() + 60);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	t.keyd = fork();
	if (t.keyd == 0) {
		close(pair[0]);
		be_keyd(pair[1]);
	}
	close(pair[1]);
	t.loop = loop_new();
	t.ipc = ipc_new(t.loop, ROLE_FILTERD, 0);
	ipc_add_peer(t.ipc, ROLE_KEYD, 0, pair[0]);
	return 0;
}

static void
end_keyd(void)
{
	if (t.keyd > 0) {
		kill(t.keyd, SIGKILL);
		waitpid(t.keyd, NULL, 0);
	}
	t.keyd = 0;
}

static int
teardown(void **state)
{
	(void)state;
	end_keyd();
	ipc_free(t.ipc);
	loop_free(t.loop);
	buf_fini(&t.sealed);
	arena_reset(&t.a);
	return 0;
}

static enum err
sign(void)
{
	struct gateway_keys keys = filterd_keys(t.ipc);
	const struct gateway_keys_sign what = {SLICE_LIT("to be signed"), NID_SHA256, false};
	struct buf signature;
	enum err e;

	buf_init(&signature, 4096);
	e = keys.sign(keys.arg, &t.key, &what, &signature);
	assert_int_equal(signature.n > 0, e == ERR_OK);
	buf_fini(&signature);
	return e;
}

static enum err
unwrap(struct slice recipient_info, uint8_t cek[32])
{
	struct gateway_keys keys = filterd_keys(t.ipc);

	return keys.unwrap(keys.arg, &t.key, recipient_info, 32, cek);
}

static void
with_a_permit_keyd_signs(void **state)
{
	(void)state;
	assert_int_equal(sign(), ERR_OK);
	assert_int_equal(sign(), ERR_OK);
}

static void
without_a_permit_for_that_key_it_does_nothing(void **state)
{
	uint64_t soon_sec = clock_wall_sec() + 60;

	(void)state;
	give_permit(PERMIT_KEY, KEY_ID + 1, soon_sec);
	assert_int_equal(sign(), ERR_DENIED);
	give_permit(PERMIT_ITEM, KEY_ID, soon_sec);
	assert_int_equal(sign(), ERR_DENIED);
	give_permit(PERMIT_KEY, KEY_ID, clock_wall_sec() - 2);
	assert_int_equal(sign(), ERR_DENIED);
	give_permit(PERMIT_KEY, KEY_ID, soon_sec);
	t.permit[3] ^= 1;
	assert_int_equal(sign(), ERR_DENIED);
	t.permit[3] ^= 1;
	assert_int_equal(sign(), ERR_OK);
	t.key.permit.len--;
	assert_int_equal(sign(), ERR_DENIED);
}

static void
a_key_that_doesn_t_open_is_of_no_use(void **state)
{
	(void)state;
	/* Also if keyd has it at hand. */
	assert_int_equal(sign(), ERR_OK);
	t.sealed.p[t.sealed.n / 2] ^= 1;
	assert_int_equal(sign(), ERR_DENIED);
	t.sealed.p[t.sealed.n / 2] ^= 1;
	t.wrapped[30] ^= 1;
	assert_int_equal(sign(), ERR_DENIED);
	t.key.wrapped.len = 0;
	assert_int_equal(sign(), ERR_DENIED);
}

/* Each is its own, and none takes another's place so that it would be mistaken for it. */
static void
more_keys_than_are_kept_at_hand_are_used_all_the_same(void **state)
{
	struct keyring *ring = keyring_new(&t.master);
	uint8_t wrapped[KEYRING_SECRET_WRAPPED];
	struct slice pkcs8;
	struct buf sealed;

	(void)state;
	for (uint64_t i = 0; i < KEYD_PRIVATE_KEPT + 4; i++) {
		assert_int_equal(key_make_new("p256", &t.a, &pkcs8), ERR_OK);
		buf_init(&sealed, KEYRING_PRIVATE_MAX + SEAL_AEAD_EXTRA);
		assert_int_equal(
			keyring_seal_private(ring, 100 + i, pkcs8, wrapped, &sealed), ERR_OK);
		t.key.id = 100 + i;
		t.key.wrapped.data = wrapped;
		t.key.sealed = (ProtobufCBinaryData){sealed.n, sealed.p};
		give_permit(PERMIT_KEY, 100 + i, clock_wall_sec() + 60);
		assert_int_equal(sign(), ERR_OK);
		t.key.id = KEY_ID;
		assert_int_equal(sign(), ERR_DENIED);
		buf_fini(&sealed);
	}
	keyring_free(ring);
}

static void
what_opens_nothing_has_the_same_answer_each_time(void **state)
{
	uint8_t cek[2][32] = {{0}};
	struct slice junk = SLICE_LIT("\x30\x03\x02\x01\x00");
	enum err e = unwrap(junk, cek[0]);

	(void)state;
	assert_int_equal(unwrap(junk, cek[1]), e);
	assert_memory_equal(cek[0], cek[1], 32);
	assert_true(e == ERR_OK || e == ERR_UNSUPPORTED);
}

static void
while_keyd_is_away_the_mail_has_to_wait(void **state)
{
	uint8_t cek[32];

	(void)state;
	end_keyd();
	assert_int_equal(sign(), ERR_UNAVAILABLE);
	assert_int_equal(unwrap(SLICE_LIT("x"), cek), ERR_UNAVAILABLE);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(with_a_permit_keyd_signs),
		T(without_a_permit_for_that_key_it_does_nothing),
		T(a_key_that_doesn_t_open_is_of_no_use),
		T(more_keys_than_are_kept_at_hand_are_used_all_the_same),
		T(what_opens_nothing_has_the_same_answer_each_time),
		T(while_keyd_is_away_the_mail_has_to_wait),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
