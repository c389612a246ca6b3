/* gateway_head: a header as a list of raw fields (RFC 5322 section 2.2): look up, take out,
 * replace, put on top. What isn't touched is written as it came, octet for octet. Never fails
 * on what a header holds: a line that is no field stays where it was. Pure. */
#ifndef CRYPTO_GATEWAY_HEAD_H
#define CRYPTO_GATEWAY_HEAD_H

#include "core/arena.h"
#include "core/text.h"

/* All borrowed: from the arena that the header was read into, or from who replaced it. */
struct gateway_field {
	struct slice name; /* empty: a line that is no field */
	struct slice body; /* behind the colon, folds kept, without the last line end */
	struct slice raw;  /* the whole, with its line end; empty: taken out */
};
struct gateway_head {
	struct gateway_field *field;
	size_t n, room;
	struct arena *arena;
	uint64_t body_at; /* of the text: behind the empty line, or its end */
	bool is_crlf;	  /* how new lines end: as the first one does */
	bool is_changed;
	/* A line that is no field, a CR alone or a NUL: other programs may see another header
	 * than we do, one that ends there above all. */
	bool is_odd;
};
enum {
	GATEWAY_HEAD_INNER_MAX = 32 /* Content-* fields taken over from an opened part */
};

/* The header at the text's beginning. ERR_TOO_BIG: it has more than GATEWAY_HEADER_MAX
 * octets, its empty line among them; ERR_IO, ERR_CORRUPT: the text. Lives as long as the
 * arena. */
enum err gateway_head_read(const struct text *t, struct arena *a, struct gateway_head *h);
/* One that has the same fields, and can be changed on its own; same arena. */
void gateway_head_copy(const struct gateway_head *from, struct gateway_head *to);
/* The index of the first field of that name (any case) from `from` on; h->n: none. */
size_t gateway_head_find(const struct gateway_head *h, struct slice name, size_t from);
/* How many there are. */
size_t gateway_head_count(const struct gateway_head *h, struct slice name);
void gateway_head_drop(struct gateway_head *h, size_t i);
/* All whose name begins so, in any case. */
void gateway_head_drop_all(struct gateway_head *h, struct slice prefix);
/* The field's body is this now, which has no line end at its end; copied. */
void gateway_head_set(struct gateway_head *h, size_t i, struct slice body);
/* One more, in front of the others or behind them; copied. */
void gateway_head_put_first(struct gateway_head *h, struct slice name, struct slice body);
void gateway_head_put_last(struct gateway_head *h, struct slice name, struct slice body);
const char *gateway_head_line_end(const struct gateway_head *h);
/* Content-* and MIME-Version: they go with the body. */
bool gateway_head_is_mime(struct slice name);
/* OUTER: the fields that go with no body; lines that are none are left out, as a reader could
 * take what follows them for the body's front. INNER: Content-* alone, and of each the first:
 * no other fields, no second meaning. */
enum gateway_head_part { GATEWAY_HEAD_ALL, GATEWAY_HEAD_OUTER, GATEWAY_HEAD_INNER };
/* The empty line isn't written. ERR_FULL, ERR_IO, ERR_TOO_BIG: the sink. */
enum err gateway_head_write(
	const struct gateway_head *h, enum gateway_head_part part, const struct text_sink *to);

#endif
