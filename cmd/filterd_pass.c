#include "cmd/filterd_pass.h"

#include <sys/stat.h>
#include <unistd.h>

#include "cmd/filterd_keys.h"
#include "cmd/filterd_read.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/mail_header.h"
#include "crypto/cert_info.h"
#include "crypto/gateway.h"
#include "crypto/text_sealed.h"
#include "imap/imap_index.h"
#include "smtp/smtp_guard.h"
#include "store/schema_trace.h"

enum { HEAD_MAX = 65536, ANSWER_MAX = IPC_FRAME_MAX - 1024 };

struct passing {
	struct ipc *ipc;
	struct ipc_frame *frame;
	const Ipc__FilterPass *q;
	struct arena arena;
	struct seal_key key;
	struct buf head; /* plain */
	Gateway__Question *question;
	struct text_sealed *body;
	struct text text;
	struct text_sealed_room *sealed_room;
	struct gateway_answer out;
	struct seal_key made_key[GATEWAY_BODIES_MAX];
	Ipc__FilterPassed answer;
	uint8_t message_id[SCHEMA_TRACE_HASH];
};

/* --- what came --- */

static bool
is_sound(const struct passing *p)
{
	const Ipc__FilterPass *q = p->q;
	struct stat st;

	if (q->data_key.len != sizeof p->key.b || (q->body.len > 0) == (q->fd_size > 0) ||
		(q->question.len > 0) == (q->question_size > 0) ||
		q->question_size > FILTERD_PASS_QUESTION_MAX)
		return false;
	if (p->frame->fd < 0)
		return !q->fd_size && !q->question_size;
	return fstat(p->frame->fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       q->fd_size <= (uint64_t)st.st_size &&
	       q->question_size <= (uint64_t)st.st_size - q->fd_size;
}

static enum err
read_question(struct passing *p)
{
	struct slice packed = codec_slice(p->q->question);
	uint8_t *room;
	ssize_t got;

	if (p->q->question_size) {
		packed.n = (size_t)p->q->question_size;
		packed.p = room = arena_alloc(&p->arena, packed.n);
		for (size_t done = 0; done < packed.n; done += (size_t)got) {
			got = pread(p->frame->fd, room + done, packed.n - done,
				(off_t)(p->q->fd_size + done));
			if (got <= 0)
				return ERR_IO;
		}
	}
	p->question = codec_unpack(&gateway__question__descriptor, packed, &p->arena);
	return p->question ? ERR_OK : ERR_SYNTAX;
}

static enum err
read_mail(struct passing *p)
{
	struct text_sealed_octets o = {.fd = p->q->fd_size ? p->frame->fd : -1,
		.sealed = codec_slice(p->q->body),
		.sealed_size = p->q->fd_size ? p->q->fd_size : p->q->body.len};
	struct slice head = codec_slice(p->q->sealed_head);
	enum err e = head.n ? seal_blob_open(&p->key, "head", head, &p->head) : ERR_OK;

	if (e)
		return e;
	p->question->head = codec_bytes(buf_slice(&p->head));
	o.key = p->key;
	p->body = text_sealed_new(&o);
	seal_wipe(&o.key, sizeof o.key);
	if (!p->body)
		return ERR_SYNTAX;
	p->text = text_sealed_text(p->body);
	return ERR_OK;
}

/* --- the engine --- */

static enum err
run(struct passing *p)
{
	struct gateway_keys keys = filterd_keys(p->ipc);
	struct text_room room = text_sealed_room(p->sealed_room);
	struct gateway g = {.q = p->question,
		.body = &p->text,
		.keys = &keys,
		.room = &room,
		.arena = &p->arena};

	return gateway_run(&g, &p->out);
}

/* What the log is to know of certificates, which reads none itself. */
static void
read_harvest(struct passing *p)
{
	Gateway__Answer *a = &p->out.answer;
	size_t kept = 0;

	for (size_t i = 0; i < a->n_harvest; i++) {
		Gateway__Harvest *h = a->harvest[i];
		struct cert_info info;

		if (cert_info_read(codec_slice(h->der), &p->arena, &info) ||
			info.until_sec <= 0)
			continue;
		h->public_key = codec_bytes(arena_dup(
			&p->arena, slice_of(info.key_sha256, sizeof info.key_sha256)));
		h->until_sec = (uint64_t)info.until_sec;
		h->from_sec = info.from_sec > 0 ? (uint64_t)info.from_sec : 0;
		a->harvest[kept++] = h;
	}
	a->n_harvest = kept;
}

/* --- what was made --- */

static enum err
hash_body(const struct text *t, uint64_t from, struct buf *out)
{
	struct seal_hasher h;
	uint8_t *chunk = buf_room(out, SEAL_HASH), piece[4096];
	enum err e = ERR_OK;

	seal_hasher_init(&h, NULL);
	while (from < t->size && !e) {
		size_t n = t->size - from < sizeof piece ? (size_t)(t->size - from)
							 : sizeof piece;

		e = t->read(t->arg, from, piece, n);
		seal_hasher_add(&h, slice_of(piece, n));
		from += n;
	}
	seal_hasher_done(&h, chunk);
	buf_grow(out, SEAL_HASH);
	seal_wipe(piece, sizeof piece);
	return e;
}

/* The first id of a mail that was decrypted: what answers to it name. */
static void
note_message_id(struct passing *p, const struct filterd_read *r)
{
	struct slice id = SLICE_EMPTY;

	if (!p->out.answer.was_decrypted || p->answer.message_id.len)
		return;
	if (!mail_header_message_id(filterd_read_header(r), &id) &&
		!mail_header_message_id(buf_slice(&p->head), &id))
		return;
	schema_trace_hash(id, p->message_id);
	p->answer.message_id = (ProtobufCBinaryData){sizeof p->message_id, p->message_id};
}

static enum err
tell_read(struct passing *p, size_t n, const struct text_sealed_octets *o,
	const struct filterd_read *r)
{
	Ipc__FilterMade made = IPC__FILTER_MADE__INIT;
	struct ipc_peer *to = p->frame->from;
	struct buf index, hash;
	uint32_t count;
	enum err e;

	buf_init(&index, IMAP_INDEX_MAX + 256);
	buf_init(&hash, SEAL_HASH);
	e = filterd_read_index(r, &o->key, &index);
	if (!e && p->q->wants_body_hash)
		e = hash_body(
			&p->out.body[n], mail_scan_parts(r->scan, &count)[0].body_at, &hash);
	made.token = p->q->token;
	made.data_key = codec_bytes(slice_of(o->key.b, sizeof o->key.b));
	made.size = o->size;
	made.body = codec_bytes(o->fd < 0 ? o->sealed : SLICE_EMPTY);
	made.fd_size = o->fd < 0 ? 0 : o->sealed_size;
	made.sealed_index = codec_bytes(buf_slice(&index));
	made.body_8bit = r->is_8bit;
	made.header_8bit = filterd_read_is_header_8bit(r);
	made.body_hash = codec_bytes(buf_slice(&hash));
	if (!e)
		ipc_tell(to, IPC_FILTER_MADE, &made.base, o->fd);
	buf_fini(&index);
	buf_fini(&hash);
	return e;
}

static enum err
tell_body(struct passing *p, size_t n)
{
	struct text_sealed_octets o;
	struct filterd_read r;
	enum err e;

	if (!text_sealed_room_find(p->sealed_room, &p->out.body[n], &o))
		return ERR_CORRUPT;
	p->made_key[n] = o.key;
	e = filterd_read(&r, &p->out.body[n]);
	if (!e)
		note_message_id(p, &r);
	if (!e)
		e = tell_read(p, n, &o, &r);
	filterd_read_fini(&r);
	seal_wipe(&o.key, sizeof o.key);
	return e;
}

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
seal_head(struct passing *p, Gateway__Group *g, uint32_t *size)
{
	const struct seal_key *key = g->body ? &p->made_key[g->body - 1] : &p->key;
	struct buf marked, sealed;
	enum err e = ERR_TOO_BIG;

	buf_init(&marked, HEAD_MAX);
	buf_init(&sealed, HEAD_MAX + 256);
	if (put_marked(codec_slice(g->head), p->question->way == GATEWAY__QUESTION__WAY__IN,
		    &marked))
		e = seal_blob(key, "head", buf_slice(&marked), &sealed);
	*size = (uint32_t)marked.n;
	g->head = codec_bytes(arena_dup(&p->arena, buf_slice(&sealed)));
	buf_fini_secret(&marked);
	buf_fini(&sealed);
	return e;
}

static enum err
seal_heads(struct passing *p)
{
	Gateway__Answer *a = &p->out.answer;
	enum err e = ERR_OK;

	p->answer.head_size = arena_zalloc(
		&p->arena, (a->n_group + 1) * sizeof *p->answer.head_size);
	p->answer.n_head_size = a->n_group;
	for (size_t i = 0; i < a->n_group && !e; i++) {
		if (a->group[i]->body > p->out.bodies)
			return ERR_CORRUPT;
		if (a->group[i]->action == GATEWAY__GROUP__ACTION__PASS)
			e = seal_head(p, a->group[i], &p->answer.head_size[i]);
	}
	return e;
}

static enum err
pass(struct passing *p)
{
	enum err e = is_sound(p) ? ERR_OK : ERR_SYNTAX;

	if (e)
		return e;
	memcpy(p->key.b, p->q->data_key.data, sizeof p->key.b);
	e = read_question(p);
	if (!e)
		e = read_mail(p);
	if (!e)
		e = run(p);
	for (size_t i = 0; i < p->out.bodies && !e; i++)
		e = tell_body(p, i);
	if (!e)
		e = seal_heads(p);
	if (!e) {
		read_harvest(p);
		p->answer.answer = codec_bytes(codec_pack(&p->out.answer, &p->arena));
		if (p->answer.answer.len > ANSWER_MAX)
			e = ERR_TOO_BIG;
	}
	return e;
}

void
filterd_pass(struct ipc *ipc, struct ipc_frame *frame)
{
	struct passing p = {
		.ipc = ipc, .frame = frame, .q = (const Ipc__FilterPass *)frame->msg};
	enum err e;

	arena_init(&p.arena, 16384);
	buf_init(&p.head, HEAD_MAX);
	ipc__filter_passed__init(&p.answer);
	p.sealed_room = text_sealed_room_new(FILTERD_PASS_ROOM_MAX);
	e = pass(&p);
	ipc_answer(ipc, ipc_ticket(frame), e, &p.answer.base);
	text_sealed_room_free(p.sealed_room);
	text_sealed_free(p.body);
	seal_wipe(&p.key, sizeof p.key);
	seal_wipe(p.made_key, sizeof p.made_key);
	buf_fini_secret(&p.head);
	arena_reset(&p.arena);
	if (frame->fd >= 0)
		close(frame->fd);
}
