/* The control socket: any octets get one line of JSON and the end, whatever store, keyd and
 * auth answer meanwhile. The first octet is their mood. There is no database: what would read
 * it is told so. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/control.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/loop.h"
#include "core/must.h"
#include "crypto/seal.h"

enum { GUARD_MS = 20000, REPLY_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct {
	struct proc proc;
	struct courier courier;
	struct ipc *other[3];
	struct sockaddr_un at;
	socklen_t at_n;
	int client;
	uint8_t mood;
	struct buf reply;
} w;

static uint8_t octets[64];
static uint64_t floor_page[PROC_FLOOR_PAGE / 8];

static void
answer(void *arg, struct ipc_frame *f)
{
	struct ipc *self = arg;
	Commands__Result result = COMMANDS__RESULT__INIT;
	Ipc__Proposed proposed = IPC__PROPOSED__INIT;
	Ipc__KeydPair pair = IPC__KEYD_PAIR__INIT;
	Ipc__AuthHashed hashed = IPC__AUTH_HASHED__INIT;
	Ipc__Json json = IPC__JSON__INIT;
	const ProtobufCMessage *m = &json.base;
	struct arena a;

	arena_init(&a, 0);
	result.code = w.mood & 7;
	proposed.result = w.mood & 8 ? (ProtobufCBinaryData){sizeof octets, octets}
				     : codec_bytes(codec_pack(&result, &a));
	pair.public_key = (ProtobufCBinaryData){32, octets};
	pair.wrapped_secret = (ProtobufCBinaryData){sizeof octets, octets};
	hashed.verifier = (ProtobufCBinaryData){sizeof octets, octets};
	json.text = (char *)(uintptr_t)(w.mood & 8 ? "[" : "{\"applied\": 1}");
	if (f->type == IPC_PROPOSE)
		m = &proposed.base;
	else if (f->type == IPC_KEYD_NEW_PAIR)
		m = &pair.base;
	else if (f->type == IPC_AUTH_HASH)
		m = &hashed.base;
	ipc_answer(self, ipc_ticket(f), w.mood & 16 ? ERR_TIMEOUT : ERR_OK, m);
	arena_reset(&a);
}

static void
connect_role(size_t i, enum role role, const enum ipc_type *types, size_t n)
{
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	w.other[i] = ipc_new(w.proc.loop, role, 0);
	for (size_t t = 0; t < n; t++)
		ipc_on(w.other[i], types[t], answer, w.other[i]);
	ipc_add_peer(w.other[i], ROLE_COURIER, 0, pair[0]);
	ipc_add_peer(w.proc.ipc, role, 0, pair[1]);
}

static void
set_up(void)
{
	static const enum ipc_type store[] = {IPC_PROPOSE, IPC_STORE_ADMIN};
	static const enum ipc_type keyd[] = {IPC_KEYD_NEW_PAIR}, auth[] = {IPC_AUTH_HASH};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	seal_init();
	w.proc.loop = loop_new();
	w.proc.ipc = ipc_new(w.proc.loop, ROLE_COURIER, 0);
	w.proc.root = "/nonexistent";
	w.proc.floor_page = floor_page;
	w.courier.p = &w.proc;
	rest_init(&w.courier.rest, w.proc.loop, &w.courier.view);
	w.courier.control = control_new(&w.courier);
	connect_role(0, ROLE_STORE, store, 2);
	connect_role(1, ROLE_KEYD, keyd, 1);
	connect_role(2, ROLE_AUTH, auth, 1);
	/* A name of the kernel's choosing. */
	w.at.sun_family = AF_UNIX;
	must(bind(fd, (struct sockaddr *)&w.at, sizeof w.at.sun_family) == 0 &&
		listen(fd, 4) == 0);
	w.at_n = sizeof w.at;
	must(getsockname(fd, (struct sockaddr *)&w.at, &w.at_n) == 0);
	control_listen(w.courier.control, fd);
	buf_init(&w.reply, REPLY_MAX);
}

static void
on_reply(void *arg)
{
	uint8_t *room = buf_room(&w.reply, 4096);
	ssize_t n;

	(void)arg;
	must(room != NULL);
	n = read(w.client, room, 4096);
	if (n > 0)
		buf_grow(&w.reply, (size_t)n);
	else
		loop_stop(w.proc.loop);
}

static void
on_guard(void *arg)
{
	(void)arg;
	must_fatal("a request was never answered");
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct loop_timer *guard;
	struct loop_fd *watch;
	json_t *reply;

	if (n < 1 || n > 16384)
		return 0;
	if (!w.proc.loop)
		set_up();
	w.mood = p[0];
	w.client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(connect(w.client, (struct sockaddr *)&w.at, w.at_n) == 0);
	must(write(w.client, p + 1, n - 1) == (ssize_t)n - 1);
	must(write(w.client, "\n", 1) == 1);
	buf_clear(&w.reply);
	guard = loop_after(w.proc.loop, GUARD_MS, on_guard, NULL);
	watch = loop_watch(w.proc.loop, w.client, on_reply, NULL, NULL);
	loop_run(w.proc.loop);
	loop_unwatch(watch);
	loop_cancel(guard);
	close(w.client);
	reply = json_loadb((const char *)w.reply.p, w.reply.n, 0, NULL);
	must(json_is_boolean(json_object_get(reply, "ok")));
	json_decref(reply);
	return 0;
}
