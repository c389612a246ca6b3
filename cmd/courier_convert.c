/* A mail with 8-bit octets for a server that takes 7-bit ones: mail_downgrade with the mail's
 * text. Two looks at all of it, some parts in each turn of the loop; then it is ready once
 * more, and what is read of it is the converted text. */
#include "cmd/courier_relay_inner.h"
#include "core/log.h"
#include "store/view_queue.h"

enum { PARTS_AT_ONCE = 8, HOST_MAX = 255 };

static void
refuse(struct courier_mail *m)
{
	struct buf why;

	buf_init(&why, COURIER_STATUS_MAX - 1);
	buf_printf(&why, "5.6.3 the message has 8-bit octets, which %.*s doesn't take, and %s",
		HOST_MAX, m->converts_for, mail_downgrade_facts(m->downgrade)->why);
	courier_mail_end(m, arena_str(&m->arena, buf_slice(&why)));
	buf_fini(&why);
}

static void
accept(struct courier_mail *m)
{
	const struct mail_downgrade_facts *facts = mail_downgrade_facts(m->downgrade);
	char id[VIEW_QUEUE_ID_MAX];

	view_queue_id_format(m->s.id, id);
	log_info("%s: converted to 7-bit for %s: quoted-printable=%u, base64=%u%s", id,
		m->converts_for, facts->quoted, facts->base64,
		facts->voids_dkim ? ", its DKIM signature is void now" : "");
	m->is_converted = true;
	m->mail.is_8bit = false;
	m->mail.size_bytes = facts->size_bytes;
	courier_relay_move(m, COURIER_MAIL_IN_LINE);
	courier_dkim_begin(m);
}

static void on_turn(void *arg);

static void
go_on(struct courier_mail *m)
{
	m->again = loop_after(m->s.c->p->loop, 0, on_turn, m);
}

static void
end_look(struct courier_mail *m)
{
	enum err e = mail_downgrade_looked(m->downgrade);

	if (e == ERR_MORE) {
		courier_mail_rewind(m);
		go_on(m);
	} else if (e) {
		refuse(m);
	} else {
		accept(m);
	}
}

static void
on_turn(void *arg)
{
	struct courier_mail *m = arg;
	bool is_last = false;
	enum err e = ERR_OK;

	m->again = NULL;
	if (m->hop->relay->is_stopping) {
		courier_mail_free(m);
		return;
	}
	for (unsigned i = 0; i < PARTS_AT_ONCE && !e && !is_last; i++) {
		buf_clear(&m->raw);
		e = courier_mail_raw(m, &m->raw, &is_last);
		if (!e)
			mail_downgrade_look(m->downgrade, buf_slice(&m->raw));
	}
	if (e)
		courier_mail_end(m, "4.3.0 the message can't be read");
	else if (is_last)
		end_look(m);
	else
		go_on(m);
}

void
courier_convert_begin(struct courier_mail *m, struct slice host)
{
	m->converts_for = arena_str(&m->arena, host);
	m->downgrade = mail_downgrade_new();
	courier_mail_rewind(m);
	go_on(m);
}

enum err
courier_convert_text(struct courier_mail *m, struct buf *out, bool *is_last)
{
	size_t used;
	enum err e = ERR_OK;

	if (m->raw.n == 0 && !m->has_raw_end)
		e = courier_mail_raw(m, &m->raw, &m->has_raw_end);
	if (e)
		return e;
	used = mail_downgrade_write(m->downgrade, buf_slice(&m->raw), out);
	buf_drop(&m->raw, used);
	*is_last = m->has_raw_end && m->raw.n == 0 && out->cap - out->n >= MAIL_DOWNGRADE_ROOM;
	if (*is_last)
		mail_downgrade_end(m->downgrade, out);
	return ERR_OK;
}
