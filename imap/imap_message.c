#include "imap/imap_message.h"

#include <stdlib.h>

#include "core/must.h"
#include "imap/imap_private.h"
#include "store/view_directory.h"
#include "store/view_mailbox.h"

/* The epoch's key: opened once with the account's secret, then kept for the session. */
static enum err
find_epoch(struct imap_session *s, struct db_txn *txn, uint64_t id, const struct seal_key **key)
{
	struct slice sealed;
	struct imap_epoch *e;
	enum err err;

	if (s->epochs && s->epoch[s->epoch_last].id == id) {
		*key = &s->epoch[s->epoch_last].key;
		return ERR_OK;
	}
	for (uint32_t i = 0; i < s->epochs; i++)
		if (s->epoch[i].id == id) {
			s->epoch_last = i;
			*key = &s->epoch[i].key;
			return ERR_OK;
		}
	err = view_directory_epoch(txn, s->account, id, &sealed);
	if (err)
		return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
	if (sealed.n != SEAL_KEY + SEAL_BOX_EXTRA)
		return ERR_CORRUPT;
	s->epoch = must_realloc(s->epoch, (s->epochs + 1) * sizeof *s->epoch);
	e = &s->epoch[s->epochs];
	e->id = id;
	if (seal_to_open(s->pair, sealed, e->key.b))
		return ERR_CRYPTO;
	s->epoch_last = s->epochs++;
	*key = &e->key;
	return ERR_OK;
}

enum err
imap_message_key(struct imap_session *s, struct db_txn *txn, const struct schema_message *row,
	struct seal_key *key)
{
	const struct seal_key *epoch;
	struct seal_aad aad;
	enum err e = row->wrap_kind ? ERR_UNSUPPORTED : find_epoch(s, txn, row->epoch, &epoch);

	if (e)
		return e;
	return seal_unwrap(
		epoch, seal_aad_epoch(&aad, s->account, row->epoch), row->wrapped_key, key);
}

enum err
imap_message_wrap(struct imap_session *s, uint64_t epoch, const struct seal_key *key,
	uint8_t wrapped[SEAL_WRAPPED])
{
	const struct seal_key *with;
	struct seal_aad aad;
	struct db_txn *txn = s->ops->begin(s->host);
	enum err e = txn ? find_epoch(s, txn, epoch, &with) : ERR_BUSY;

	if (!e && !s->ops->is_valid(s->host))
		e = ERR_BUSY;
	if (!e)
		seal_wrap(with, seal_aad_epoch(&aad, s->account, epoch), key, wrapped);
	if (txn)
		s->ops->end(s->host);
	return e;
}

void
imap_message_init(struct imap_message *m, struct imap_session *s)
{
	*m = (struct imap_message){.s = s};
	buf_init(&m->top, IMAP_MESSAGE_HEAD_MAX + 2048);
	buf_init(&m->index_text, 2 * IMAP_INDEX_MAX);
	arena_init(&m->arena, 0);
}

static void
forget(struct imap_message *m)
{
	if (m->has_key)
		seal_wipe(&m->key, sizeof m->key);
	m->has_key = m->has_top = m->has_index = m->has_plain = false;
	m->body.parts = NULL;
	mail_scan_free(m->scan);
	m->scan = NULL;
	arena_reset(&m->arena);
}

void
imap_message_fini(struct imap_message *m)
{
	forget(m);
	buf_fini_secret(&m->top);
	buf_fini_secret(&m->index_text);
	if (m->plain)
		seal_wipe(m->plain, SEAL_PART_PLAIN);
	free(m->plain);
	m->plain = NULL;
}

void
imap_message_set(struct imap_message *m, struct db_txn *txn, uint32_t uid,
	const struct schema_message *row)
{
	if (m->uid != uid || !m->has_key)
		forget(m);
	m->txn = txn;
	m->uid = uid;
	m->row = *row;
}

static enum err
open_key(struct imap_message *m)
{
	enum err e = m->has_key ? ERR_OK : imap_message_key(m->s, m->txn, &m->row, &m->key);

	m->has_key = !e;
	return e;
}

enum err
imap_message_top(struct imap_message *m)
{
	size_t before;
	enum err e;

	if (m->has_top)
		return ERR_OK;
	e = open_key(m);
	if (e)
		return e;
	buf_clear(&m->top);
	if (m->row.delivered_to.n) {
		buf_put_str(&m->top, "Delivered-To: ");
		buf_put_slice(&m->top, m->row.delivered_to);
		buf_put_str(&m->top, "\r\n");
	}
	before = m->top.n;
	if (m->row.sealed_head.n)
		e = seal_blob_open(&m->key, "head", m->row.sealed_head, &m->top);
	/* Sizes were promised by the row: the text has to keep them. */
	if (!e && m->top.n - before != m->row.head_size)
		e = ERR_CORRUPT;
	m->has_top = !e;
	return e;
}

/* One part of the payload, opened into m->plain. */
static enum err
open_part(struct imap_message *m, uint64_t part)
{
	struct arena a;
	struct view_mailbox_part got;
	enum err e;

	if (m->has_plain && m->plain_part == part)
		return ERR_OK;
	e = open_key(m);
	if (e)
		return e;
	if (!m->plain)
		m->plain = must_alloc(SEAL_PART_PLAIN);
	arena_init(&a, 8192);
	m->has_plain = false;
	e = view_mailbox_part(m->txn, m->row.payload, (uint32_t)part, &a, &got);
	if (!e)
		e = seal_part_open(&m->key, part, got.is_last, got.sealed, m->plain);
	if (!e) {
		m->plain_n = got.sealed.n - SEAL_TAG;
		m->plain_part = part;
		m->has_plain = true;
	}
	arena_reset(&a);
	return e;
}

enum err
imap_message_read(struct imap_message *m, uint64_t from, uint64_t to, struct slice *out)
{
	uint64_t at, part;
	enum err e = imap_message_top(m);

	if (e)
		return e;
	if (from < m->top.n) {
		*out = slice_cut(buf_slice(&m->top), (size_t)from,
			to < m->top.n ? (size_t)to : m->top.n);
		return ERR_OK;
	}
	at = from - m->top.n;
	part = at / SEAL_PART_PLAIN;
	e = open_part(m, part);
	if (e)
		return e;
	at -= part * SEAL_PART_PLAIN;
	if (at >= m->plain_n)
		return ERR_CORRUPT;
	*out = slice_of(m->plain + at, (size_t)(m->plain_n - at));
	if (out->n > to - from)
		out->n = (size_t)(to - from);
	return ERR_OK;
}

static enum err
scan_payload(struct imap_message *m)
{
	uint64_t at, end;
	struct slice text;
	enum err e;

	if (m->scan)
		return ERR_OK;
	e = imap_message_top(m);
	m->scan = mail_scan_new();
	end = m->top.n + m->row.size;
	for (at = m->top.n; at < end && !e; at += text.n) {
		e = imap_message_read(m, at, end, &text);
		if (!e)
			mail_scan_feed(m->scan, text);
		else
			text.n = 0;
	}
	mail_scan_finish(m->scan);
	return e;
}

enum err
imap_message_index(struct imap_message *m)
{
	enum err e;

	if (m->has_index)
		return ERR_OK;
	e = open_key(m);
	if (e)
		return e;
	buf_clear(&m->index_text);
	if (m->row.sealed_index.n &&
		!seal_blob_open(&m->key, "index", m->row.sealed_index, &m->index_text) &&
		imap_index_read(buf_slice(&m->index_text), &m->index)) {
		m->has_index = true;
		return ERR_OK;
	}
	/* Never made, or by another version: made now, for this look only. */
	buf_clear(&m->index_text);
	e = scan_payload(m);
	if (!e && (!imap_index_build(m->scan, &m->index_text) ||
			  !imap_index_read(buf_slice(&m->index_text), &m->index)))
		e = ERR_CORRUPT;
	m->has_index = !e;
	return e;
}

enum err
imap_message_parts(struct imap_message *m)
{
	uint32_t count;
	enum err e;

	if (m->body.parts)
		return ERR_OK;
	e = imap_message_top(m);
	if (!e)
		e = imap_message_index(m);
	if (e)
		return e;
	if (m->index.has_parts && !m->scan) {
		m->body.parts = imap_index_parts(&m->index, &m->arena);
		m->body.count = m->index.part_count;
	} else {
		e = scan_payload(m);
		m->body.parts = mail_scan_parts(m->scan, &count);
		m->body.count = count;
	}
	m->body.shift = m->top.n;
	return e;
}
