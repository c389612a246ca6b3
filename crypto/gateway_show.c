#include "crypto/gateway_show.h"

#include "core/codec.h"
#include "core/utf8.h"
#include "crypto/gateway_subject.h"

enum { HEAD_ROOM = 4096 };

static bool
wants_tag(const struct gateway_work *w, uint32_t recipient)
{
	const Gateway__Settings *settings = w->e->q->recipient[recipient]->settings;

	return settings && settings->tag_subject;
}

static bool
is_unproved(const struct gateway_show *s)
{
	return s->is_open_to_change && s->mark.result != GATEWAY_MARK_PASS;
}

static bool
has_tag(const struct gateway_show *s)
{
	return s->was_opened || s->mark.result != GATEWAY_MARK_NONE;
}

static void
put_tags(struct gateway_work *w, const struct gateway_show *s, struct gateway_head *h)
{
	if (is_unproved(s))
		gateway_subject_tag(h, SLICE_LIT("decrypted, not authenticated"));
	else if (s->was_opened)
		gateway_subject_tag(h, SLICE_LIT("decrypted"));
	if (s->mark.result == GATEWAY_MARK_PASS && utf8_is_ascii(s->mark.signer))
		gateway_subject_tag(h, slice_str(gateway_answer_text(w, "signed by %.*s",
					       SLICE_FMT(s->mark.signer))));
	else if (s->mark.result != GATEWAY_MARK_NONE && s->mark.result != GATEWAY_MARK_PASS)
		gateway_subject_tag(h, SLICE_LIT("invalid signature"));
}

static enum err
put_mark(struct gateway_work *w, const struct gateway_show *s, Gateway__Group *g)
{
	struct gateway_mark m = s->mark;
	struct slice id = slice_str(w->e->q->authserv_id);
	struct buf field, head;
	bool ok;

	if (s->closed && m.words.n == 0)
		m.words = slice_str(s->closed);
	if (s->was_opened)
		m.words = slice_str(gateway_answer_text(w, "%.*s%sdecrypted, %s%s",
			SLICE_FMT(m.words), m.words.n ? "; " : "", s->algorithm,
			is_unproved(s) ? ", not authenticated" : ""));
	buf_init(&field, HEAD_ROOM);
	buf_init(&head, g->head.len + HEAD_ROOM);
	ok = gateway_mark_write(&m, id, &field) &&
	     gateway_mark_put_on_head(codec_slice(g->head), buf_slice(&field), &head);
	if (ok)
		g->head = codec_bytes(arena_dup(w->e->arena, buf_slice(&head)));
	buf_fini(&field);
	buf_fini(&head);
	return ok ? ERR_OK : ERR_TOO_BIG;
}

static enum err
write_head(
	const struct gateway_show *s, const struct gateway_head *h, const struct text_sink *to)
{
	const char *end_line = gateway_head_line_end(h);
	enum err e;

	if (!s->is_rebuilt) {
		e = gateway_head_write(h, GATEWAY_HEAD_ALL, to);
	} else {
		e = gateway_head_write(h, GATEWAY_HEAD_OUTER, to);
		e = e ? e : to->put(to->arg, SLICE_LIT("MIME-Version: 1.0"));
		e = e ? e : to->put(to->arg, slice_str(end_line));
		e = e ? e : gateway_head_write(&s->head, GATEWAY_HEAD_INNER, to);
	}
	return e ? e : to->put(to->arg, slice_str(end_line));
}

static enum err
write_body(struct gateway_work *w, const struct gateway_show *s, const struct gateway_head *h,
	Gateway__Group *g)
{
	uint64_t at = s->head.body_at;
	struct text_sink to;
	enum err e = gateway_answer_open(w, &to), closing;

	if (e)
		return e;
	e = write_head(s, h, &to);
	if (!e)
		e = text_copy(s->text, at, s->text->size - at, &to);
	closing = gateway_answer_close(w, g);
	return e ? e : closing;
}

static enum err
answer_some(struct gateway_work *w, const struct gateway_show *s,
	const struct gateway_some *some, const struct gateway_head *outer)
{
	Gateway__Group *g = gateway_answer_group(w, some);
	struct gateway_head h;
	enum err e = put_mark(w, s, g);

	gateway_head_copy(outer, &h);
	if (s->subject.n)
		gateway_subject_put(&h, s->subject);
	if (wants_tag(w, some->i[0]))
		put_tags(w, s, &h);
	if (!e && (h.is_changed || s->is_rebuilt))
		e = write_body(w, s, &h, g);
	return e;
}

enum err
gateway_show_answer(
	struct gateway_work *w, const struct gateway_show *s, const struct gateway_head *outer)
{
	struct gateway_some tagged = {.n = 0}, others = {.n = 0};
	enum err e = ERR_OK;

	for (size_t i = 0; i < s->some.n; i++) {
		bool is_tagged = has_tag(s) && wants_tag(w, s->some.i[i]);
		struct gateway_some *to = is_tagged ? &tagged : &others;

		to->i[to->n++] = s->some.i[i];
	}
	if (tagged.n)
		e = answer_some(w, s, &tagged, outer);
	if (others.n && !e)
		e = answer_some(w, s, &others, outer);
	return e;
}
