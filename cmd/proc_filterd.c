/* filterd: all that parses mail deeply.
 *
 * Owns:     the mail in hand and its data key, while it is in hand.
 * Hears:    smtpd (FILTER_SCORE: data key and sealed body), courier (FILTER_PASS: data key and
 *           sealed head of a mail that passes this node's engine).
 * Touches:  no network, no database, no file but the sealed one that came with the question.
 *           Ends after so many mails, so that whatever a mail did to it doesn't last. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/proc.h"
#include "core/ipc.pb-c.h"
#include "core/mail_header.h"
#include "core/mail_scan.h"
#include "core/must.h"
#include "crypto/seal.h"
#include "imap/imap_index.h"
#include "smtp/smtp_guard.h"

enum { MAILS_MAX = 200000, HEADER_KEPT = 262144, HEAD_MAX = 65536 };

struct filterd {
	struct proc *p;
	uint64_t mails;
	uint8_t *sealed, *plain; /* one part each */
};

/* A mail being read: what the scan and the header facts need. */
struct reading {
	struct mail_scan *scan;
	struct buf header; /* the beginning of the message, up to HEADER_KEPT */
};

static void
feed(struct reading *r, struct slice text)
{
	size_t room = r->header.cap - r->header.n;

	mail_scan_feed(r->scan, text);
	buf_put_slice(&r->header, slice_cut(text, 0, room));
}

/* Part n of the body, from the frame or the spool file. */
static enum err
read_part(struct filterd *f, const Ipc__FilterScore *q, int fd, uint64_t n, struct slice *part)
{
	uint64_t at = n * SEAL_PART, size = fd >= 0 ? q->fd_size : q->body.len;
	size_t want = size - at < SEAL_PART ? (size_t)(size - at) : SEAL_PART;
	ssize_t got;

	if (fd < 0) {
		*part = slice_of(q->body.data + at, want);
		return ERR_OK;
	}
	for (size_t done = 0; done < want; done += (size_t)got) {
		got = pread(fd, f->sealed + done, want - done, (off_t)(at + done));
		if (got <= 0)
			return ERR_IO;
	}
	*part = slice_of(f->sealed, want);
	return ERR_OK;
}

static enum err
read_body(struct filterd *f, const Ipc__FilterScore *q, int fd, struct reading *r)
{
	uint64_t size = fd >= 0 ? q->fd_size : q->body.len;
	uint64_t parts = (size + SEAL_PART - 1) / SEAL_PART;
	struct seal_key key;
	struct slice part;
	enum err e = ERR_OK;

	memcpy(key.b, q->data_key.data, sizeof key.b);
	for (uint64_t n = 0; n < parts && !e; n++) {
		e = read_part(f, q, fd, n, &part);
		if (!e)
			e = seal_part_open(&key, n, n + 1 == parts, part, f->plain);
		if (!e)
			feed(r, slice_of(f->plain, part.n - SEAL_TAG));
	}
	seal_wipe(&key, sizeof key);
	mail_scan_finish(r->scan);
	return e;
}

/* The header alone: up to and with its empty line. */
static struct slice
header_of(const struct reading *r)
{
	uint32_t count;
	const struct mail_part *parts = mail_scan_parts(r->scan, &count);

	return slice_cut(buf_slice(&r->header), 0, (size_t)parts[0].body_at);
}

static enum err
build_index(const Ipc__FilterScore *q, const struct reading *r, struct buf *sealed)
{
	struct seal_key key;
	struct buf index;
	enum err e = ERR_OK;

	buf_init(&index, IMAP_INDEX_MAX + 1);
	memcpy(key.b, q->data_key.data, sizeof key.b);
	if (imap_index_build(r->scan, &index))
		e = seal_blob(&key, "index", buf_slice(&index), sealed);
	buf_fini_secret(&index);
	seal_wipe(&key, sizeof key);
	return e;
}

static void
answer(struct filterd *f, struct ipc_frame *frame, const struct reading *r)
{
	const Ipc__FilterScore *q = (const Ipc__FilterScore *)frame->msg;
	Ipc__FilterScored a = IPC__FILTER_SCORED__INIT;
	struct slice header = header_of(r), id = SLICE_EMPTY;
	struct buf sealed;
	enum err e;

	buf_init(&sealed, IMAP_INDEX_MAX + 256);
	e = build_index(q, r, &sealed);
	a.message_ids = (uint32_t)mail_header_message_id(header, &id);
	a.message_id = (ProtobufCBinaryData){id.n, (uint8_t *)(uintptr_t)id.p};
	a.received = (uint32_t)mail_header_count(header, SLICE_LIT("Received"));
	a.index = (ProtobufCBinaryData){sealed.n, sealed.p};
	ipc_answer(f->p->ipc, ipc_ticket(frame), e, &a.base);
	buf_fini(&sealed);
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

static void
on_score(void *arg, struct ipc_frame *frame)
{
	struct filterd *f = arg;
	const Ipc__FilterScore *q = (const Ipc__FilterScore *)frame->msg;
	struct reading r = {0};
	enum err e = is_sound(q, frame->fd) ? ERR_OK : ERR_SYNTAX;

	if (!e) {
		r.scan = mail_scan_new();
		buf_init(&r.header, HEADER_KEPT);
		e = read_body(f, q, frame->fd, &r);
		if (!e)
			answer(f, frame, &r);
		mail_scan_free(r.scan);
		buf_fini_secret(&r.header);
	}
	if (e)
		ipc_answer(f->p->ipc, ipc_ticket(frame), e, NULL);
	if (frame->fd >= 0)
		close(frame->fd);
	count_mail(f);
}

/* --- the engine --- */

/* The field stands on top, but Return-Path stays the first one (RFC 5321 4.4). */
static bool
put_marked(struct slice head, bool is_inward, struct buf *out)
{
	size_t at = slice_starts(head, SLICE_LIT("Return-Path:")) ? slice_find(head, '\n') + 1
								  : 0;

	buf_put_slice(out, slice_cut(head, 0, at));
	smtp_guard_put_mark(is_inward, out);
	return buf_put_slice(out, slice_from(head, at));
}

static enum err
pass(const Ipc__FilterPass *q, const struct seal_key *key, struct buf *sealed, size_t *size)
{
	struct buf before, after;
	enum err e;

	buf_init(&before, HEAD_MAX);
	buf_init(&after, HEAD_MAX);
	e = seal_blob_open(
		key, "head", slice_of(q->sealed_head.data, q->sealed_head.len), &before);
	if (!e && !put_marked(buf_slice(&before), q->is_inward, &after))
		e = ERR_TOO_BIG;
	if (!e)
		e = seal_blob(key, "head", buf_slice(&after), sealed);
	*size = after.n;
	buf_fini_secret(&before);
	buf_fini_secret(&after);
	return e;
}

static void
on_pass(void *arg, struct ipc_frame *frame)
{
	struct filterd *f = arg;
	const Ipc__FilterPass *q = (const Ipc__FilterPass *)frame->msg;
	Ipc__FilterPassed a = IPC__FILTER_PASSED__INIT;
	struct seal_key key;
	struct buf sealed;
	enum err e = ERR_SYNTAX;
	size_t size = 0;

	buf_init(&sealed, HEAD_MAX + 256);
	if (q->data_key.len == sizeof key.b) {
		memcpy(key.b, q->data_key.data, sizeof key.b);
		e = pass(q, &key, &sealed, &size);
		seal_wipe(&key, sizeof key);
	}
	a.sealed_head = (ProtobufCBinaryData){sealed.n, sealed.p};
	a.head_size = (uint32_t)size;
	ipc_answer(f->p->ipc, ipc_ticket(frame), e, &a.base);
	buf_fini(&sealed);
	count_mail(f);
}

static void
start(struct proc *p)
{
	struct filterd *f = must_zalloc(sizeof *f);

	f->p = p;
	f->sealed = must_alloc(SEAL_PART);
	f->plain = must_alloc(SEAL_PART);
	p->state = f;
	ipc_on(p->ipc, IPC_FILTER_SCORE, on_score, f);
	ipc_on(p->ipc, IPC_FILTER_PASS, on_pass, f);
}

const struct proc_role proc_filterd_role = {
	.role = ROLE_FILTERD,
	.start = start,
};
