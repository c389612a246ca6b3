#include "cmd/filterd_read.h"

#include "core/mail_addr.h"
#include "core/mail_header.h"
#include "core/mail_list.h"
#include "core/utf8.h"
#include "imap/imap_index.h"
#include "store/schema_trace.h"

static enum err
feed(void *arg, struct slice octets)
{
	struct filterd_read *r = arg;
	size_t room = r->kept.cap - r->kept.n;

	mail_scan_feed(r->scan, octets);
	buf_put_slice(&r->kept, slice_cut(octets, 0, room));
	r->is_8bit = r->is_8bit || !utf8_is_ascii(octets);
	return ERR_OK;
}

enum err
filterd_read(struct filterd_read *r, const struct text *mail)
{
	struct text_sink sink = {feed, r};
	enum err e;

	*r = (struct filterd_read){.scan = mail_scan_new()};
	buf_init(&r->kept, FILTERD_READ_HEADER_MAX);
	e = text_copy(mail, 0, mail->size, &sink);
	mail_scan_finish(r->scan);
	return e;
}

void
filterd_read_fini(struct filterd_read *r)
{
	mail_scan_free(r->scan);
	buf_fini_secret(&r->kept);
}

struct slice
filterd_read_header(const struct filterd_read *r)
{
	uint32_t count;
	const struct mail_part *parts = mail_scan_parts(r->scan, &count);

	return slice_cut(buf_slice(&r->kept), 0, (size_t)parts[0].body_at);
}

bool
filterd_read_is_header_8bit(const struct filterd_read *r)
{
	uint32_t count;

	/* Of one that is longer nothing better is known. */
	if (mail_scan_parts(r->scan, &count)[0].body_at > FILTERD_READ_HEADER_MAX)
		return r->is_8bit;
	return !utf8_is_ascii(filterd_read_header(r));
}

enum err
filterd_read_index(const struct filterd_read *r, const struct seal_key *key, struct buf *sealed)
{
	struct buf index;
	enum err e = ERR_OK;

	buf_init(&index, IMAP_INDEX_MAX + 1);
	if (imap_index_build(r->scan, &index))
		e = seal_blob(key, "index", buf_slice(&index), sealed);
	buf_fini_secret(&index);
	return e;
}

struct slice
filterd_read_from(const struct filterd_read *r, struct arena *a)
{
	struct slice header = filterd_read_header(r), address;
	struct mail_list list;
	struct mail_field f;
	struct buf text;

	if (mail_header_count(header, SLICE_LIT("From")) != 1 ||
		!mail_header_find(header, SLICE_LIT("From"), &f))
		return SLICE_EMPTY;
	mail_list_parse(f.body, a, 2, &list);
	if (list.count != 1 || list.is_cut || list.items[0].kind != MAIL_LIST_MAILBOX ||
		!list.items[0].local.n || !list.items[0].domain.n)
		return SLICE_EMPTY;
	buf_init(&text, 4096);
	buf_printf(&text, "%.*s@%.*s", SLICE_FMT(list.items[0].local),
		SLICE_FMT(list.items[0].domain));
	if (text.overflow || mail_addr_canonical_text(buf_slice(&text), a, &address))
		address = SLICE_EMPTY;
	buf_fini(&text);
	return address;
}

/* Words in angle brackets; the last ones are nearest to what is answered. */
static void
put_ids(struct slice body, struct buf *hashes)
{
	uint8_t hash[SCHEMA_TRACE_HASH];
	struct slice id;

	while ((body = slice_from(body, slice_find(body, '<'))).n) {
		id = slice_cut(body, 0, slice_find(body, '>') + 1);
		body = slice_from(body, id.n);
		if (hashes->n + sizeof hash >
			(size_t)FILTERD_READ_ANSWERED_MAX * SCHEMA_TRACE_HASH)
			buf_drop(hashes, sizeof hash);
		schema_trace_hash(id, hash);
		buf_put_slice(hashes, slice_of(hash, sizeof hash));
	}
}

static void
put_all(const struct filterd_read *r, struct slice name, struct buf *hashes)
{
	struct mail_header h;
	struct mail_field f;

	mail_header_begin(&h, filterd_read_header(r));
	while (mail_header_next(&h, &f))
		if (slice_eq_nocase(f.name, name))
			put_ids(f.body, hashes);
}

void
filterd_read_answered(const struct filterd_read *r, struct buf *hashes)
{
	put_all(r, SLICE_LIT("References"), hashes);
	put_all(r, SLICE_LIT("In-Reply-To"), hashes);
}
