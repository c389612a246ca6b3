#include "crypto/cms_walk.h"

#include <stdlib.h>

#include "core/must.h"
#include "crypto/cms_der.h"

enum { PRIMITIVE_0 = 0x80, CONSTRUCTED = 0x20, STRING_IN_PIECES = 0x24, LENGTH_OCTETS_MAX = 8 };

/* What an open constructed element is. */
enum role {
	CONTENT_INFO, /* SEQUENCE { contentType, content [0] EXPLICIT } */
	EXPLICIT,     /* that [0] */
	MAIN,	      /* SignedData and its like */
	HOLDER,	      /* EncapsulatedContentInfo, EncryptedContentInfo */
	STRING_IN,    /* [0] EXPLICIT around the content's OCTET STRING */
	STRING,	      /* the content, in pieces */
	KEPT
};
struct frame {
	enum role role;
	bool is_indefinite;
	uint64_t end; /* where it must be over; of an indefinite one its parent's */
	size_t at;    /* KEPT: where its body begins in `kept` */
	uint8_t tag;
	unsigned children;
};
enum state { AT_TAG, AT_LENGTH, AT_LENGTH_OCTETS, IN_KEPT, IN_CONTENT, DONE };

struct cms_walk {
	struct cms_walk_to to;
	struct frame frame[SMIME_DEPTH_MAX];
	size_t depth;
	size_t kept_depth; /* of the outermost KEPT frame; 0: none */
	struct buf kept;
	uint64_t at;	 /* octets that came */
	uint64_t others; /* of them, those that aren't content */
	enum state state;
	uint8_t tag, length_octets;
	uint64_t length;
	uint64_t left; /* of the primitive element in hand */
	enum cms_walk_place place;
	unsigned sequences; /* children of MAIN */
	bool has_holder, has_content;
	enum smime_kind kind;
	enum err error;
};

struct cms_walk *
cms_walk_new(const struct cms_walk_to *to)
{
	struct cms_walk *w = must_zalloc(sizeof *w);

	w->to = *to;
	/* Where definite lengths are longer than indefinite ones it can grow, a bit. */
	buf_init(&w->kept, 2 * SMIME_STRUCTURE_MAX);
	return w;
}

void
cms_walk_free(struct cms_walk *w)
{
	if (!w)
		return;
	buf_fini(&w->kept);
	free(w);
}

static struct frame *
top(struct cms_walk *w)
{
	return w->depth ? &w->frame[w->depth - 1] : NULL;
}

static uint64_t
limit(struct cms_walk *w)
{
	return w->depth ? top(w)->end : UINT64_MAX;
}

/* --- an element's end ------------------------------------------------------------------ */

static enum err
deliver(struct cms_walk *w)
{
	struct slice der = buf_slice(&w->kept), oid;
	enum err e = ERR_OK;

	w->kept_depth = 0;
	if (w->kept.overflow)
		return ERR_LIMIT;
	if (top(w)->role != CONTENT_INFO)
		e = w->to.element(w->to.arg, w->place, der);
	else if (cms_der_take(&der, CMS_DER_OID, &oid))
		w->kind = smime_look_type(oid);
	if (w->kind == SMIME_UNKNOWN)
		e = ERR_UNSUPPORTED;
	buf_clear(&w->kept);
	return e;
}

static enum err
end_frame(struct cms_walk *w)
{
	struct frame *f = top(w);

	if (f->role == KEPT)
		cms_der_wrap(&w->kept, f->at, f->tag);
	if ((f->role == CONTENT_INFO && f->children != 2) ||
		(f->role == MAIN && !w->has_holder) ||
		((f->role == EXPLICIT || f->role == STRING_IN) && f->children != 1))
		return ERR_SYNTAX;
	w->depth--;
	if (w->depth == 0) {
		w->state = DONE;
		return ERR_OK;
	}
	w->state = AT_TAG;
	return w->kept_depth && w->depth < w->kept_depth ? deliver(w) : ERR_OK;
}

/* After each element: all those that end here with it. */
static enum err
end_here(struct cms_walk *w)
{
	enum err e = ERR_OK;

	while (!e && w->state == AT_TAG && !top(w)->is_indefinite && top(w)->end == w->at)
		e = end_frame(w);
	return e;
}

static enum err
end_primitive(struct cms_walk *w)
{
	bool is_alone = w->state == IN_KEPT && w->kept_depth == 0;
	enum err e;

	w->state = AT_TAG;
	e = is_alone ? deliver(w) : ERR_OK;
	return e ? e : end_here(w);
}

/* --- its beginning --------------------------------------------------------------------- */

static enum err
push(struct cms_walk *w, enum role role)
{
	bool is_indefinite = w->length_octets == 0x80;
	uint64_t end = is_indefinite ? limit(w) : w->at + w->length;

	if (w->depth == SMIME_DEPTH_MAX)
		return ERR_LIMIT;
	w->frame[w->depth++] = (struct frame){
		.role = role,
		.is_indefinite = is_indefinite,
		.end = end,
		.at = w->kept.n,
		.tag = w->tag,
	};
	w->state = AT_TAG;
	return end_here(w);
}

static enum err
begin_kept(struct cms_walk *w)
{
	if (w->tag & CONSTRUCTED) {
		if (w->kept_depth == 0)
			w->kept_depth = w->depth + 1;
		return push(w, KEPT);
	}
	if (w->length > SMIME_STRUCTURE_MAX)
		return ERR_LIMIT;
	cms_der_put_header(&w->kept, w->tag, (size_t)w->length);
	w->left = w->length;
	w->state = IN_KEPT;
	return w->left ? ERR_OK : end_primitive(w);
}

static enum err
begin_content(struct cms_walk *w)
{
	w->left = w->length;
	w->state = IN_CONTENT;
	return w->left ? ERR_OK : end_primitive(w);
}

static enum err
begin_in_main(struct cms_walk *w)
{
	/* The one before it in CompressedData is the algorithm. */
	unsigned before = w->kind == SMIME_COMPRESSED ? 1 : 0;

	w->place = CMS_WALK_MAIN;
	if (w->tag == CMS_DER_SEQUENCE && w->sequences++ == before) {
		w->has_holder = true;
		return push(w, HOLDER);
	}
	return begin_kept(w);
}

static enum err
begin_in_holder(struct cms_walk *w)
{
	bool is_encrypted = w->kind == SMIME_ENVELOPED || w->kind == SMIME_AUTH_ENVELOPED;

	w->place = CMS_WALK_HOLDER;
	if (w->tag != CMS_DER_0 && !(is_encrypted && w->tag == PRIMITIVE_0))
		return w->has_content ? ERR_SYNTAX : begin_kept(w);
	if (w->has_content)
		return ERR_SYNTAX;
	w->has_content = true;
	if (w->tag == PRIMITIVE_0)
		return begin_content(w);
	return push(w, is_encrypted ? STRING : STRING_IN);
}

static enum err
begin_string(struct cms_walk *w)
{
	if (w->tag == STRING_IN_PIECES)
		return push(w, STRING);
	return w->tag == CMS_DER_OCTET_STRING ? begin_content(w) : ERR_SYNTAX;
}

/* Tag and length are known. */
static enum err
begin(struct cms_walk *w)
{
	struct frame *f = top(w);
	unsigned child = f ? f->children++ : 0;

	if (w->length_octets != 0x80 && w->length > limit(w) - w->at)
		return ERR_SYNTAX;
	if (w->length_octets == 0x80 && !(w->tag & CONSTRUCTED))
		return ERR_SYNTAX;
	if (!f)
		return w->tag == CMS_DER_SEQUENCE ? push(w, CONTENT_INFO) : ERR_SYNTAX;
	switch (f->role) {
	case CONTENT_INFO:
		if (child == 0 && w->tag == CMS_DER_OID)
			return begin_kept(w);
		return child == 1 && w->tag == CMS_DER_0 ? push(w, EXPLICIT) : ERR_SYNTAX;
	case EXPLICIT:
		if (child != 0 || w->tag != CMS_DER_SEQUENCE)
			return ERR_SYNTAX;
		return push(w, MAIN);
	case MAIN:
		return begin_in_main(w);
	case HOLDER:
		return begin_in_holder(w);
	case STRING_IN:
		return child == 0 ? begin_string(w) : ERR_SYNTAX;
	case STRING:
		return begin_string(w);
	case KEPT:
		return begin_kept(w);
	}
	return ERR_SYNTAX;
}

/* --- octets ---------------------------------------------------------------------------- */

static enum err
take_tag(struct cms_walk *w, uint8_t c)
{
	w->tag = c;
	w->state = AT_LENGTH;
	w->length = 0;
	if (c == 0)
		return w->depth && top(w)->is_indefinite ? ERR_OK : ERR_SYNTAX;
	return (c & 0x1f) == 0x1f ? ERR_SYNTAX : ERR_OK;
}

static enum err
take_length(struct cms_walk *w, uint8_t c)
{
	enum err e;

	w->length_octets = c;
	if (w->tag == 0) {
		if (c != 0)
			return ERR_SYNTAX;
		e = end_frame(w);
		return e ? e : end_here(w);
	}
	if (c <= 0x80) {
		w->length = c & 0x7f;
		return begin(w);
	}
	w->length_octets &= 0x7f;
	w->state = AT_LENGTH_OCTETS;
	return w->length_octets > LENGTH_OCTETS_MAX ? ERR_SYNTAX : ERR_OK;
}

static enum err
take_length_octet(struct cms_walk *w, uint8_t c)
{
	w->length = w->length << 8 | c;
	return --w->length_octets ? ERR_OK : begin(w);
}

static enum err
take_octet(struct cms_walk *w, uint8_t c)
{
	/* An indefinite element that isn't over where its parent is. */
	if (w->at == limit(w))
		return ERR_SYNTAX;
	w->at++;
	/* A content may come in as many pieces as it likes. */
	if (w->depth == 0 || top(w)->role != STRING)
		w->others++;
	if (w->others > SMIME_STRUCTURE_MAX)
		return ERR_LIMIT;
	if (w->state == AT_TAG)
		return take_tag(w, c);
	return w->state == AT_LENGTH ? take_length(w, c) : take_length_octet(w, c);
}

static enum err
take_body(struct cms_walk *w, struct slice octets)
{
	enum err e;

	w->at += octets.n;
	w->left -= octets.n;
	if (w->state == IN_CONTENT) {
		e = w->to.content(w->to.arg, octets);
	} else {
		w->others += octets.n;
		e = w->others > SMIME_STRUCTURE_MAX ? ERR_LIMIT : ERR_OK;
		buf_put_slice(&w->kept, octets);
	}
	return e || w->left ? e : end_primitive(w);
}

enum err
cms_walk_feed(struct cms_walk *w, struct slice ber)
{
	while (ber.n && !w->error && w->state != DONE) {
		size_t n = 1;

		if (w->state == IN_KEPT || w->state == IN_CONTENT) {
			n = ber.n < w->left ? ber.n : (size_t)w->left;
			w->error = take_body(w, slice_cut(ber, 0, n));
		} else {
			w->error = take_octet(w, *ber.p);
		}
		ber = slice_from(ber, n);
	}
	return w->error;
}

enum err
cms_walk_finish(const struct cms_walk *w)
{
	if (w->error)
		return w->error;
	return w->state == DONE ? ERR_OK : ERR_SYNTAX;
}

enum smime_kind
cms_walk_kind(const struct cms_walk *w)
{
	return w->kind;
}

bool
cms_walk_has_content(const struct cms_walk *w)
{
	return w->has_content;
}
