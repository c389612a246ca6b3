#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/ipc_private.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/must.h"
#include "crypto/auth_client.h"
#include "crypto/keyd_client.h"
#include "store/commands.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Frames from a process that was broken into: any role hears any frames of any other. A frame
 * is taken by its handler or asker, or cuts that peer off; what a process reads out of a
 * message is read here too. Input: who we are, who speaks, then frames: u8 type, u8 flags, u8
 * id (those of our questions are small), u8 err, u16 payload size, payload. */
enum { SMALL = 4096, HEAD = 6, WIRE_HEAD = 12 };

static const enum ipc_type questions[] = {IPC_PROPOSE, IPC_STORE_ADMIN, IPC_KEYD_SIGN,
	IPC_KEYD_LOG_KEY, IPC_KEYD_NAMED_KEY, IPC_KEYD_NEW_PAIR, IPC_KEYD_ACCOUNT,
	IPC_KEYD_WRAP, IPC_KEYD_RESEAL, IPC_AUTH_STEP, IPC_AUTH_HASH, IPC_FILTER_SCORE,
	IPC_FILTER_PASS};
enum { QUESTIONS = sizeof questions / sizeof *questions };

static struct ipc *ipc;

/* What was decoded must be fit to be packed again. */
static void
read_whole(const ProtobufCMessage *m)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	uint8_t *p = malloc(n + 1);

	if (protobuf_c_message_pack(m, p) != n)
		__builtin_trap();
	free(p);
}

static void
read_command(struct slice raw, const ProtobufCMessageDescriptor *type)
{
	struct arena a;
	ProtobufCMessage *m;

	arena_init(&a, SMALL);
	m = codec_unpack(type, raw, &a);
	if (m)
		read_whole(m);
	arena_reset(&a);
}

static void
on_frame(void *arg, struct ipc_frame *f)
{
	(void)arg;
	read_whole(f->msg);
	if (f->type == IPC_PROPOSE)
		read_command(codec_slice(((const Ipc__Propose *)f->msg)->command),
			&commands__command__descriptor);
	if (f->request_id)
		ipc_answer(ipc, ipc_ticket(f), ERR_DENIED, NULL);
	if (f->fd >= 0)
		close(f->fd);
}

static void
on_answer(void *arg, enum err e, const ProtobufCMessage *answer)
{
	const enum ipc_type *type = arg;
	struct auth_client_result result;
	struct keyd_client_wrapped wrapped;
	struct seal_pair pair;
	struct seal_key key;

	if (!e)
		read_whole(answer);
	if (*type == IPC_AUTH_STEP)
		(void)auth_client_read(e, answer, &result);
	else if (*type == IPC_KEYD_WRAP)
		(void)keyd_client_read_wrap(e, answer, &wrapped);
	else if (*type == IPC_KEYD_ACCOUNT)
		(void)keyd_client_read_account(e, answer, SLICE_LIT("key"), &pair);
	else if (*type == IPC_KEYD_NAMED_KEY)
		(void)keyd_client_read_named_key(e, answer, &key);
	else if (*type == IPC_PROPOSE && !e)
		read_command(codec_slice(((const Ipc__Proposed *)answer)->result),
			&commands__result__descriptor);
}

/* One question each to whoever speaks, if it is one that answers such. */
static void
ask(enum role speaker)
{
	struct arena a;

	arena_init(&a, SMALL);
	for (size_t i = 0; i < QUESTIONS; i++)
		if (ipc_table_answerer(questions[i]) == speaker)
			ipc_ask(ipc, questions[i],
				codec_unpack(ipc_table_rule(questions[i])->question,
					SLICE_EMPTY, &a),
				-1,
				(struct ipc_wait){
					60000, on_answer, (void *)(uintptr_t)&questions[i]});
	arena_reset(&a);
}

static void
give(struct slice *in, struct ipc_peer *from)
{
	size_t n = (size_t)(in->p[4] << 8 | in->p[5]);
	size_t payload = n < in->n - HEAD ? n : in->n - HEAD;
	uint8_t *frame = malloc(WIRE_HEAD + payload);

	memset(frame, 0, WIRE_HEAD);
	frame[1] = in->p[0];
	frame[3] = in->p[1];
	frame[7] = in->p[2];
	frame[11] = in->p[3];
	memcpy(frame + WIRE_HEAD, in->p + HEAD, payload);
	/* The shortest frames are shorter than a header. */
	ipc_peer_got(from, slice_of(frame, n == 0xffff ? 5 : WIRE_HEAD + payload), -1);
	free(frame);
	*in = slice_from(*in, HEAD + payload);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice in = slice_of(p, n);
	struct loop *loop;
	enum role speaker;
	int fd[2];

	if (n < 2)
		return 0;
	log_init("fuzz", "fuzz", LOG_LEVEL_ERROR);
	speaker = (enum role)(p[1] % ROLE_COUNT);
	loop = loop_new();
	ipc = ipc_new(loop, (enum role)(p[0] % ROLE_COUNT), 0);
	for (int t = 1; t < IPC_TYPE_MAX; t++)
		if (ipc_table_rule((unsigned)t))
			ipc_on(ipc, (enum ipc_type)t, on_frame, NULL);
	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) == 0);
	ipc_add_peer(ipc, speaker, 0, fd[0]);
	ask(speaker);
	in = slice_from(in, 2);
	while (in.n >= HEAD && ipc_peer(ipc, speaker, 0))
		give(&in, ipc_peer(ipc, speaker, 0));
	ipc_free(ipc);
	loop_free(loop);
	close(fd[1]);
	return 0;
}
