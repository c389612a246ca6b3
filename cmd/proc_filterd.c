/* filterd: all that parses mail deeply.
 *
 * Owns:     the mail in hand and its data key, while it is in hand.
 * Hears:    smtpd (FILTER_SCORE: data key and sealed body), courier (FILTER_PASS: data key and
 *           sealed text of a mail that passes this node's engine; FILTER_CHAIN, FILTER_STATUS:
 *           what is said of certificates).
 * Asks:     keyd, for what private keys do to the mail in hand.
 * Touches:  no network, no database, no file but the sealed one that came with the question,
 *           and memfds of what it makes. Ends after so many mails, so that whatever a mail did
 *           to it doesn't last. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/filterd_pass.h"
#include "cmd/filterd_read.h"
#include "cmd/filterd_status.h"
#include "cmd/proc.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/mail_header.h"
#include "core/must.h"
#include "crypto/text_sealed.h"
#include "imap/imap_index.h"
#include "store/schema_trace.h"

enum { MAILS_MAX = 200000 };

struct filterd {
	struct proc *p;
	uint64_t mails;
};

/* The header alone is looked at. */
static void
answer(struct filterd *f, struct ipc_frame *frame, const struct seal_key *key,
	const struct filterd_read *r)
{
	Ipc__FilterScored a = IPC__FILTER_SCORED__INIT;
	struct slice header = filterd_read_header(r), id = SLICE_EMPTY;
	struct buf sealed, answered;
	struct arena arena;
	enum err e;

	arena_init(&arena, 0);
	buf_init(&sealed, IMAP_INDEX_MAX + 256);
	buf_init(&answered, FILTERD_READ_ANSWERED_MAX * SCHEMA_TRACE_HASH);
	e = filterd_read_index(r, key, &sealed);
	filterd_read_answered(r, &answered);
	a.message_ids = (uint32_t)mail_header_message_id(header, &id);
	a.message_id = codec_bytes(id);
	a.received = (uint32_t)mail_header_count(header, SLICE_LIT("Received"));
	a.index = codec_bytes(buf_slice(&sealed));
	a.from = codec_bytes(filterd_read_from(r, &arena));
	a.answered = codec_bytes(buf_slice(&answered));
	ipc_answer(f->p->ipc, ipc_ticket(frame), e, &a.base);
	buf_fini(&sealed);
	buf_fini(&answered);
	arena_reset(&arena);
}

/* A spool file comes from a less privileged process: regular, and as long as it says. */
static bool
is_sound(const Ipc__FilterScore *q, int fd)
{
	struct stat st;

	if (q->data_key.len != SEAL_KEY)
		return false;
	if (fd < 0)
		return q->body.len > 0;
	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && q->fd_size > 0 &&
	       q->fd_size <= (uint64_t)st.st_size;
}

static void
count_mail(struct filterd *f)
{
	if (++f->mails >= MAILS_MAX)
		loop_stop(f->p->loop);
}

static enum err
score(struct filterd *f, struct ipc_frame *frame)
{
	const Ipc__FilterScore *q = (const Ipc__FilterScore *)frame->msg;
	struct text_sealed_octets o = {.fd = frame->fd,
		.sealed = codec_slice(q->body),
		.sealed_size = frame->fd >= 0 ? q->fd_size : q->body.len};
	struct filterd_read r;
	struct text_sealed *t;
	struct text text;
	enum err e = ERR_SYNTAX;

	if (!is_sound(q, frame->fd))
		return e;
	memcpy(o.key.b, q->data_key.data, sizeof o.key.b);
	t = text_sealed_new(&o);
	if (t) {
		text = text_sealed_text(t);
		e = filterd_read(&r, &text);
		if (!e)
			answer(f, frame, &o.key, &r);
		filterd_read_fini(&r);
	}
	text_sealed_free(t);
	seal_wipe(&o.key, sizeof o.key);
	return e;
}

static void
on_score(void *arg, struct ipc_frame *frame)
{
	struct filterd *f = arg;
	enum err e = score(f, frame);

	if (e)
		ipc_answer(f->p->ipc, ipc_ticket(frame), e, NULL);
	if (frame->fd >= 0)
		close(frame->fd);
	count_mail(f);
}

static void
on_pass(void *arg, struct ipc_frame *frame)
{
	struct filterd *f = arg;

	filterd_pass(f->p->ipc, frame);
	count_mail(f);
}

static void
on_chain(void *arg, struct ipc_frame *frame)
{
	struct filterd *f = arg;

	filterd_status_chain(f->p->ipc, frame);
	count_mail(f);
}

static void
on_list(void *arg, struct ipc_frame *frame)
{
	struct filterd *f = arg;

	filterd_status_list(f->p->ipc, frame);
	count_mail(f);
}

static void
start(struct proc *p)
{
	struct filterd *f = must_zalloc(sizeof *f);

	f->p = p;
	p->state = f;
	ipc_on(p->ipc, IPC_FILTER_SCORE, on_score, f);
	ipc_on(p->ipc, IPC_FILTER_PASS, on_pass, f);
	ipc_on(p->ipc, IPC_FILTER_CHAIN, on_chain, f);
	ipc_on(p->ipc, IPC_FILTER_STATUS, on_list, f);
}

const struct proc_role proc_filterd_role = {
	.role = ROLE_FILTERD,
	.needs = PROC_NEED_MEMFD,
	.start = start,
};
