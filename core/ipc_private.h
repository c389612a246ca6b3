/* ipc_private: what core/ipc.c (the peers, and what comes from them) and core/ipc_question.c
 * (what we asked) share. Nobody else includes it. */
#ifndef CORE_IPC_PRIVATE_H
#define CORE_IPC_PRIVATE_H

#include "core/arena.h"
#include "core/ipc.h"
#include "core/ipc_table.h"
#include "core/ipc_wire.h"

struct ipc_question {
	struct ipc_question *next, *prev;
	struct ipc *ipc;
	struct ipc_peer *to;	       /* NULL: waits for a peer of role */
	struct ipc_wire_frame *parked; /* while it waits */
	enum role role;
	enum ipc_type type;
	uint32_t id;
	uint64_t deadline_ms;
	ipc_answer_cb cb;
	void *arg;
};

struct ipc_peer {
	struct ipc_peer *next;
	struct ipc *ipc;
	enum role role;
	uint32_t instance, generation, asked;
	int fd;
	struct loop_fd *watch;
	struct ipc_wire_queue out;   /* what the socket didn't take yet */
	struct ipc_wire_queue stash; /* came while ipc_ask_now waited */
	struct loop_timer *unstash;
	bool lost;
};

struct ipc {
	struct loop *loop;
	enum role self;
	uint32_t instance, next_id, generations;
	struct ipc_peer *peers;
	struct ipc_question questions; /* ring */
	struct loop_timer *tick, *reap;
	struct {
		ipc_handler handler;
		void *arg;
	} on[IPC_TYPE_MAX];
	void (*on_peer)(void *arg, struct ipc_peer *p, bool up);
	void *on_peer_arg;
	struct arena arena;
	uint8_t frame[IPC_FRAME_MAX], in[IPC_FRAME_MAX]; /* formatted here; received here */
};

/* Cuts p off, once; its memory lives until the loop's next turn. why is logged; NULL: it left
 * by itself. */
void ipc_peer_lose(struct ipc_peer *p, const char *why);
/* Sends, now or when the socket takes it. Nothing happens when p is lost. */
void ipc_peer_post(struct ipc_peer *p, struct slice frame, int fd);
/* Takes f, which was parked: goes out at the loop's next turn. */
void ipc_peer_post_later(struct ipc_peer *p, struct ipc_wire_frame *f);
/* What came: to its handler or asker, or the peer is cut off. Takes fd. */
void ipc_peer_got(struct ipc_peer *p, struct slice raw, int fd);

void ipc_question_got_answer(struct ipc_peer *p, const struct ipc_rule *rule,
	struct ipc_wire_header h, struct slice payload);
/* Questions that wait for p's role go to it. */
void ipc_question_peer_up(struct ipc_peer *p);
/* Those to lost peers end with ERR_PEER. */
void ipc_question_end_lost(struct ipc *ipc);
/* No callbacks. */
void ipc_question_free_all(struct ipc *ipc);

#endif
