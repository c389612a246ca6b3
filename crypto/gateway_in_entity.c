#include "crypto/gateway_in_inner.h"
#include "crypto/gateway_subject.h"

/* What isn't MIME has no header: all of it is text. */
enum err
gateway_in_read(struct gateway_in *in, const struct text *t, struct gateway_in_entity *out)
{
	enum err e = gateway_head_read(t, in->w->e->arena, &out->head);

	out->text = t;
	if (!e && out->head.n && out->head.field[0].name.n == 0) {
		out->head.n = 0;
		out->head.body_at = 0;
	}
	return e;
}

bool
gateway_in_take_subject(struct gateway_in *in, struct gateway_in_reading *r)
{
	struct buf utf8;
	bool has;

	if (!r->show.was_opened)
		return false;
	buf_init(&utf8, GATEWAY_HEADER_MAX);
	has = gateway_subject_protected(&r->now.head, &utf8);
	if (has) {
		r->show.subject = arena_dup(in->w->e->arena, buf_slice(&utf8));
		gateway_answer_fact(in->w, &r->show.some, "the subject was encrypted, too");
	}
	buf_fini_secret(&utf8);
	return has;
}

/* It takes the place of all that was around it. ERR_TOO_BIG, its header's: it doesn't. */
enum err
gateway_in_show(struct gateway_in *in, struct gateway_in_reading *r, const struct text *t)
{
	struct gateway_in_entity opened;
	enum err e = gateway_in_read(in, t, &opened);

	if (e == ERR_TOO_BIG) {
		gateway_answer_fact(in->w, &r->show.some,
			"the part inside has too large a header: left as it is");
		r->is_over = true;
		return ERR_OK;
	}
	if (e)
		return e;
	r->now = opened;
	r->show.text = opened.text;
	r->show.head = opened.head;
	r->show.is_rebuilt = true;
	gateway_in_take_subject(in, r);
	return gateway_learn_attached(&in->learn, &opened.head, t);
}

/* A sink of the room, in canonical lines. */
enum err
gateway_in_begin_text(
	struct gateway_in *in, struct gateway_mime_canon *canon, struct text_sink *to)
{
	struct text_sink room;
	enum err e = gateway_answer_open(in->w, &room);

	if (!e)
		*to = gateway_mime_canon_into(canon, room);
	return e;
}

void
gateway_in_tell_octets(struct gateway_in *in, const struct gateway_in_reading *r,
	const struct gateway_mime_canon *canon)
{
	if (canon->odd)
		gateway_answer_fact(in->w, &r->show.some,
			"%llu octets in it are none of a mail's text: it may have been "
			"tampered "
			"with",
			(unsigned long long)canon->odd);
}

bool
gateway_in_is_ours(enum err e)
{
	return e == ERR_UNAVAILABLE || e == ERR_FULL || e == ERR_IO || e == ERR_CORRUPT;
}
