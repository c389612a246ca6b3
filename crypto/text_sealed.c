#include "crypto/text_sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/must.h"

/* The one part that is in the clear, and a place for its sealed octets. */
struct window {
	const struct text_sealed *of; /* NULL: none */
	uint64_t n;
	size_t size;
	uint8_t *plain, *sealed;
};

struct text_sealed {
	struct text_sealed *next; /* of a room */
	struct text_sealed_octets o;
	struct window *window;
	/* While it is written, and of a room alone: */
	struct text_sealed_room *room;
	uint8_t *part; /* that is being filled; NULL: it is closed */
	size_t filled;
	uint64_t parts;
	uint8_t *own; /* what o.sealed is, if the room holds it */
};

struct text_sealed_room {
	struct text_sealed *newest;
	struct window window;
	uint64_t left;
};

static void
window_init(struct window *w)
{
	*w = (struct window){
		.plain = must_alloc(SEAL_PART_PLAIN), .sealed = must_alloc(SEAL_PART)};
}

static void
window_fini(struct window *w)
{
	seal_wipe(w->plain, SEAL_PART_PLAIN);
	free(w->plain);
	free(w->sealed);
}

/* --- reading --- */

static uint64_t
parts_of(uint64_t sealed_size)
{
	return sealed_size / SEAL_PART + (sealed_size % SEAL_PART != 0);
}

bool
text_sealed_size(uint64_t sealed_size, uint64_t *size)
{
	uint64_t last = sealed_size % SEAL_PART;

	if (sealed_size == 0 || (last && last < SEAL_TAG))
		return false;
	*size = sealed_size - parts_of(sealed_size) * SEAL_TAG;
	return true;
}

/* The sealed octets of a part: where they lie, or in the window. */
static enum err
fetch(const struct text_sealed *t, uint64_t n, struct slice *part)
{
	uint64_t at = n * SEAL_PART, left = t->o.sealed_size - at;
	size_t want = left < SEAL_PART ? (size_t)left : SEAL_PART;
	uint8_t *p = t->window->sealed;
	ssize_t got;

	if (t->o.fd < 0) {
		*part = slice_of(t->o.sealed.p + at, want);
		return ERR_OK;
	}
	for (size_t done = 0; done < want; done += (size_t)got) {
		got = pread(t->o.fd, p + done, want - done, (off_t)(at + done));
		if (got == 0 || (got < 0 && errno != EINTR))
			return ERR_IO;
		got = got < 0 ? 0 : got;
	}
	*part = slice_of(p, want);
	return ERR_OK;
}

static enum err
look_at(const struct text_sealed *t, uint64_t n)
{
	struct window *w = t->window;
	struct slice part;
	enum err e;

	if (w->of == t && w->n == n)
		return ERR_OK;
	w->of = NULL;
	e = fetch(t, n, &part);
	if (e)
		return e;
	if (seal_part_open(&t->o.key, n, n + 1 == parts_of(t->o.sealed_size), part, w->plain))
		return ERR_CORRUPT;
	w->of = t;
	w->n = n;
	w->size = part.n - SEAL_TAG;
	return ERR_OK;
}

static enum err
read_text(void *arg, uint64_t at, uint8_t *p, size_t n)
{
	const struct text_sealed *t = arg;

	while (n) {
		size_t from = (size_t)(at % SEAL_PART_PLAIN), some;
		enum err e = look_at(t, at / SEAL_PART_PLAIN);

		if (e)
			return e;
		some = t->window->size - from;
		some = some < n ? some : n;
		memcpy(p, t->window->plain + from, some);
		p += some;
		at += some;
		n -= some;
	}
	return ERR_OK;
}

struct text_sealed *
text_sealed_new(const struct text_sealed_octets *o)
{
	struct text_sealed *t;
	uint64_t size;

	if (!text_sealed_size(o->sealed_size, &size) ||
		(o->fd < 0 && o->sealed.n != o->sealed_size))
		return NULL;
	t = must_zalloc(sizeof *t);
	t->o = *o;
	t->o.size = size;
	t->window = must_alloc(sizeof *t->window);
	window_init(t->window);
	return t;
}

void
text_sealed_free(struct text_sealed *t)
{
	if (!t)
		return;
	window_fini(t->window);
	free(t->window);
	seal_wipe(t, sizeof *t);
	free(t);
}

struct text
text_sealed_text(struct text_sealed *t)
{
	return (struct text){t->o.size, read_text, t};
}

/* --- making --- */

static enum err
write_whole(int fd, uint64_t at, struct slice octets)
{
	ssize_t put;

	for (size_t done = 0; done < octets.n; done += (size_t)put) {
		put = pwrite(fd, octets.p + done, octets.n - done, (off_t)(at + done));
		if (put < 0 && errno != EINTR)
			return errno == ENOSPC || errno == ENOMEM || errno == EFBIG ? ERR_FULL
										    : ERR_IO;
		put = put < 0 ? 0 : put;
	}
	return ERR_OK;
}

/* Seals the part that was filled. A text of one part stays in memory. */
static enum err
put_part(struct text_sealed *t, bool is_last)
{
	struct slice part = slice_of(t->room->window.sealed, t->filled + SEAL_TAG);
	enum err e = ERR_OK;

	if (part.n > t->room->left)
		return ERR_FULL;
	seal_part(&t->o.key, t->parts, is_last, slice_of(t->part, t->filled),
		t->room->window.sealed);
	if (is_last && t->parts == 0) {
		t->own = must_alloc(part.n);
		memcpy(t->own, part.p, part.n);
		t->o.sealed = slice_of(t->own, part.n);
	} else {
		if (t->o.fd < 0)
			t->o.fd = memfd_create("hairpin-text", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		e = t->o.fd < 0 ? ERR_IO : write_whole(t->o.fd, t->o.sealed_size, part);
	}
	if (e)
		return e;
	t->room->left -= part.n;
	t->o.sealed_size += part.n;
	t->o.size += t->filled;
	t->parts++;
	t->filled = 0;
	return ERR_OK;
}

/* The last part may be full, so one is sealed when there is more than it holds. */
static enum err
put_text(void *arg, struct slice octets)
{
	struct text_sealed *t = arg;
	enum err e = ERR_OK;

	while (octets.n && !e) {
		struct slice some = slice_cut(octets, 0, SEAL_PART_PLAIN - t->filled);

		if (some.n == 0) {
			e = put_part(t, false);
			continue;
		}
		memcpy(t->part + t->filled, some.p, some.n);
		t->filled += some.n;
		octets = slice_from(octets, some.n);
	}
	return e;
}

static void
drop_part(struct text_sealed *t)
{
	seal_wipe(t->part, SEAL_PART_PLAIN);
	free(t->part);
	t->part = NULL;
}

static enum err
open_sink(void *arg, struct text_sink *sink)
{
	struct text_sealed_room *r = arg;
	struct text_sealed *t = must_zalloc(sizeof *t);

	seal_key_new(&t->o.key);
	t->o.fd = -1;
	t->room = r;
	t->window = &r->window;
	t->part = must_alloc(SEAL_PART_PLAIN);
	t->next = r->newest;
	r->newest = t;
	*sink = (struct text_sink){put_text, t};
	return ERR_OK;
}

static enum err
close_sink(void *arg, struct text *text)
{
	struct text_sealed_room *r = arg;
	struct text_sealed *t = r->newest;
	enum err e;

	while (t && !t->part)
		t = t->next;
	must(t);
	e = put_part(t, true);
	drop_part(t);
	if (!e && t->o.fd >= 0 &&
		fcntl(t->o.fd, F_ADD_SEALS,
			F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL))
		e = ERR_IO;
	if (!e)
		*text = text_sealed_text(t);
	return e;
}

struct text_sealed_room *
text_sealed_room_new(uint64_t cap)
{
	struct text_sealed_room *r = must_zalloc(sizeof *r);

	window_init(&r->window);
	r->left = cap;
	return r;
}

void
text_sealed_room_free(struct text_sealed_room *r)
{
	struct text_sealed *next;

	if (!r)
		return;
	for (struct text_sealed *t = r->newest; t; t = next) {
		next = t->next;
		if (t->part)
			drop_part(t);
		if (t->o.fd >= 0)
			close(t->o.fd);
		free(t->own);
		seal_wipe(t, sizeof *t);
		free(t);
	}
	window_fini(&r->window);
	free(r);
}

struct text_room
text_sealed_room(struct text_sealed_room *r)
{
	return (struct text_room){open_sink, close_sink, r};
}

bool
text_sealed_room_find(
	const struct text_sealed_room *r, const struct text *t, struct text_sealed_octets *out)
{
	for (const struct text_sealed *at = r->newest; at; at = at->next) {
		if (at != t->arg || at->part)
			continue;
		*out = at->o;
		return true;
	}
	return false;
}
