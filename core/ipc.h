/* ipc: frames between our processes over SOCK_SEQPACKET socketpairs.
 * A frame is one packet: u16 type, u16 flags, u32 request id, u32 err, then the
 * protobuf payload (core/ipc.proto), big-endian, plus at most one fd. One
 * message table says for each type who may send it to whom, the largest
 * payload, and whether it carries an fd. A frame that breaks the table cuts
 * that peer off (logged); the process survives. Every question has a
 * deadline; its callback comes exactly once: with the answer, ERR_TIMEOUT, or
 * ERR_PEER when the other process died. No callback comes before ipc_ask
 * returns. Not thread-safe; one loop. */
#ifndef CORE_IPC_H
#define CORE_IPC_H

#include <protobuf-c/protobuf-c.h>

#include "core/err.h"
#include "core/slice.h"

struct loop;
struct ipc;	 /* this process's set of peers */
struct ipc_peer; /* one edge's end */

enum role {
	ROLE_PARENT,
	ROLE_STORE,
	ROLE_KEYD,
	ROLE_AUTH,
	ROLE_SMTPD,
	ROLE_IMAPD,
	ROLE_FILTERD,
	ROLE_COURIER,
	ROLE_LINK,
	ROLE_RESOLVER,
	ROLE_FETCH,
	ROLE_COUNT
};
const char *ipc_role_name(enum role r);

enum { IPC_FRAME_MAX = 160 * 1024, IPC_INSTANCE_MAX = 16 };

/* The numbers on the wire; core/ipc_table has each one's rule. */
enum ipc_type {
	IPC_START = 1,
	IPC_LISTENER,
	IPC_PEER,
	IPC_FLOOR_PAGE,
	IPC_READY,
	IPC_TLS_FILE,
	IPC_PROPOSE = 16,
	IPC_WATCH,
	IPC_STORE_ADMIN,
	IPC_LINK_MEMBERS,
	IPC_LINK_PART,
	IPC_LINK_PEER,
	IPC_LINK_JOIN,
	IPC_KEYD_SIGN = 32,
	IPC_KEYD_LOG_KEY,
	IPC_KEYD_NAMED_KEY,
	IPC_KEYD_NEW_PAIR,
	IPC_KEYD_ACCOUNT,
	IPC_KEYD_WRAP,
	IPC_KEYD_RESEAL,
	IPC_KEYD_TOKEN,
	IPC_KEYD_JOIN,
	IPC_KEYD_OPEN,
	IPC_KEYD_SEAL_KEY,
	IPC_KEYD_UNWRAP,
	IPC_KEYD_USE,
	IPC_AUTH_STEP = 48,
	IPC_AUTH_HASH,
	IPC_FILTER_SCORE = 64,
	IPC_FILTER_PASS,
	IPC_FILTER_MADE,
	IPC_FILTER_CHAIN,
	IPC_FILTER_STATUS,
	IPC_RESOLVE = 72,
	IPC_FETCH,
	IPC_TYPE_MAX = 80
};

/* A received question or note. msg is the unpacked payload of the table's type, owned by
 * the ipc until the handler returns. fd is -1 or owned by the handler. A question must
 * be answered exactly once, now or later, through ipc_answer with its id; a note
 * (request_id 0) never. */
struct ipc_frame {
	struct ipc_peer *from;
	enum ipc_type type;
	uint32_t request_id;
	const ProtobufCMessage *msg;
	int fd;
};
typedef void (*ipc_handler)(void *arg, struct ipc_frame *frame);
/* answer is NULL unless e is ERR_OK; borrowed until return. */
typedef void (*ipc_answer_cb)(void *arg, enum err e, const ProtobufCMessage *answer);

/* role, instance: who we are. Takes nothing; free ends all peers. */
struct ipc *ipc_new(struct loop *loop, enum role self, uint32_t instance);
void ipc_free(struct ipc *ipc);
void ipc_on(struct ipc *ipc, enum ipc_type type, ipc_handler handler, void *arg);
/* Called when a peer is added (up) or lost. May be NULL. */
void ipc_on_peer(
	struct ipc *ipc, void (*cb)(void *arg, struct ipc_peer *p, bool up), void *arg);
/* Takes fd (SEQPACKET, made non-blocking here). An older peer of the same role and instance is
 * ended. */
struct ipc_peer *ipc_add_peer(struct ipc *ipc, enum role role, uint32_t instance, int fd);
/* NULL when there is none. ipc_any: the least busy instance of a role. */
struct ipc_peer *ipc_peer(struct ipc *ipc, enum role role, uint32_t instance);
struct ipc_peer *ipc_any(struct ipc *ipc, enum role role);
enum role ipc_peer_role(const struct ipc_peer *p);
uint32_t ipc_peer_instance(const struct ipc_peer *p);

/* Octets that wait because the other process doesn't read. At 64 MiB it is cut off. */
size_t ipc_waiting(const struct ipc_peer *p);

/* How long an asker waits, and who hears the answer. */
struct ipc_wait {
	uint32_t timeout_ms;
	ipc_answer_cb cb;
	void *arg;
};
/* Asks the least busy instance of the role that answers the type; when there is none, waits for
 * one until the deadline. fd is duplicated by the kernel: the caller keeps and closes its own;
 * -1 = none. Returns a handle for ipc_cancel (callback never comes then); the handle dies with
 * the callback. */
struct ipc_question *ipc_ask(struct ipc *ipc, enum ipc_type type, const ProtobufCMessage *msg,
	int fd, struct ipc_wait wait);
void ipc_cancel(struct ipc_question *q);
/* One way. */
void ipc_tell(struct ipc_peer *to, enum ipc_type type, const ProtobufCMessage *msg, int fd);
/* e other than ERR_OK: msg is ignored. The peer may be gone by now: then nothing happens, so
 * hold (role, instance, request id) with struct ipc_ticket rather than the pointer. */
struct ipc_ticket {
	enum role role;
	uint32_t instance, request_id, generation;
	enum ipc_type type;
};
struct ipc_ticket ipc_ticket(const struct ipc_frame *frame);
void ipc_answer(struct ipc *ipc, struct ipc_ticket t, enum err e, const ProtobufCMessage *msg);
/* Blocking question for TLS signatures only: waits at most timeout_ms, other frames that arrive
 * meanwhile are queued. Answer is malloc'ed protobuf, free with
 * protobuf_c_message_free_unpacked. */
enum err ipc_ask_now(struct ipc_peer *to, enum ipc_type type, const ProtobufCMessage *msg,
	uint32_t timeout_ms, ProtobufCMessage **answer);

#endif
