#include "cmd/cli_gateway_show.h"

#include <stdio.h>
#include <sysexits.h>

#include "cmd/cli.h"
#include "core/codec.h"
#include "core/mail_encode.h"
#include "core/must.h"

static struct slice
body_of(const struct cli_gateway_show *s, const Gateway__Group *g, struct buf *out)
{
	const struct text *t;

	if (g->body == 0)
		return s->mail;
	t = &s->answer->body[g->body - 1];
	buf_init(out, (size_t)t->size + 1);
	must(text_get(t, 0, (size_t)t->size, out) == ERR_OK);
	return buf_slice(out);
}

/* The lines end as those of the mail that came; what wasn't changed is as it was. */
static void
put_lines(const struct cli_gateway_show *s, struct slice octets, struct buf *out)
{
	for (size_t i = 0; i < octets.n; i++)
		if (!s->is_unix || octets.p[i] != '\r' || i + 1 == octets.n ||
			octets.p[i + 1] != '\n')
			buf_put_u8(out, octets.p[i]);
}

static void
make_mail(const struct cli_gateway_show *s, const Gateway__Group *g, struct buf *out)
{
	struct buf text;
	struct slice body, head = codec_slice(g->head);

	buf_init(&text, 1);
	body = body_of(s, g, &text);
	buf_init(out, head.n + body.n + 1);
	put_lines(s, head, out);
	if (g->body)
		put_lines(s, body, out);
	else
		buf_put_slice(out, body);
	buf_fini(&text);
}

static json_t *
json_text(struct slice octets)
{
	struct buf b;
	json_t *j;

	buf_init(&b, 4 * octets.n + 8);
	for (size_t i = 0; i < octets.n; i++)
		buf_put_u8(&b, octets.p[i] < 128 ? octets.p[i] : '?');
	j = json_stringn_nocheck(b.n ? (char *)b.p : "", b.n);
	buf_fini(&b);
	return j;
}

static json_t *
json_base64(struct slice octets)
{
	struct mail_encode e;
	struct buf b;
	json_t *j;

	buf_init(&b, 2 * octets.n + 64);
	mail_encode_init(&e, MAIL_ENCODING_BASE64);
	mail_encode_feed(&e, octets, &b);
	mail_encode_end(&e, &b);
	j = json_stringn(b.n ? (char *)b.p : "", b.n);
	buf_fini(&b);
	return j;
}

static json_t *
json_recipients(const struct cli_gateway_show *s, const uint32_t *list, size_t n)
{
	json_t *j = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(
			j, json_text(codec_slice(s->q->recipient[list[i]]->address)));
	return j;
}

static const char *
action_text(Gateway__Group__Action a)
{
	return a == GATEWAY__GROUP__ACTION__PASS     ? "pass"
	       : a == GATEWAY__GROUP__ACTION__BOUNCE ? "bounce"
						     : "wait";
}

static json_t *
json_group(const struct cli_gateway_show *s, const Gateway__Group *g)
{
	json_t *j = json_pack("{s:o, s:s}", "recipients",
		json_recipients(s, g->recipient, g->n_recipient), "action",
		action_text(g->action));
	struct buf mail;

	if (g->action == GATEWAY__GROUP__ACTION__PASS) {
		make_mail(s, g, &mail);
		json_object_set_new(j, "changed", json_boolean(g->body != 0));
		json_object_set_new(j, "mail", json_base64(buf_slice(&mail)));
		buf_fini_secret(&mail);
		return j;
	}
	json_object_set_new(j, "status", json_string(g->status));
	json_object_set_new(j, "words", json_text(slice_str(g->words)));
	if (g->action == GATEWAY__GROUP__ACTION__WAIT) {
		json_object_set_new(j, "wait_for", json_text(codec_slice(g->wait_for)));
		json_object_set_new(j, "keep_sec", json_integer(g->keep_sec));
	}
	return j;
}

static json_t *
json_harvest(const Gateway__Harvest *h)
{
	return json_pack("{s:o, s:s, s:o, s:I}", "address", json_text(codec_slice(h->address)),
		"trust", h->trust == GATEWAY__TRUST__VERIFIED ? "verified" : "harvested",
		"certificate", json_base64(codec_slice(h->der)), "signed_at",
		(json_int_t)h->signed_sec);
}

static int
put_json(const struct cli_gateway_show *s)
{
	const Gateway__Answer *a = &s->answer->answer;
	json_t *groups = json_array(), *facts = json_array(), *harvest = json_array();

	for (size_t i = 0; i < a->n_group; i++)
		json_array_append_new(groups, json_group(s, a->group[i]));
	for (size_t i = 0; i < a->n_fact; i++)
		json_array_append_new(
			facts, json_pack("{s:o, s:o}", "text",
				       json_text(slice_str(a->fact[i]->text)), "recipients",
				       json_recipients(s, a->fact[i]->recipient,
					       a->fact[i]->n_recipient)));
	for (size_t i = 0; i < a->n_harvest; i++)
		json_array_append_new(harvest, json_harvest(a->harvest[i]));
	return cli_put_json(json_pack("{s:o, s:o, s:o, s:b}", "groups", groups, "facts", facts,
		"harvest", harvest, "decrypted", a->was_decrypted));
}

static void
tell(const struct cli_gateway_show *s)
{
	const Gateway__Answer *a = &s->answer->answer;

	for (size_t i = 0; i < a->n_fact; i++)
		fprintf(stderr, "%s\n", a->fact[i]->text);
	for (size_t i = 0; i < a->n_harvest; i++)
		fprintf(stderr, "learned: a certificate for %.*s\n",
			SLICE_FMT(codec_slice(a->harvest[i]->address)));
	for (size_t i = 0; i < a->n_group; i++)
		if (a->group[i]->action != GATEWAY__GROUP__ACTION__PASS)
			cli_fail(0, "%s: %s %s", action_text(a->group[i]->action),
				a->group[i]->status, a->group[i]->words);
}

static int
put_mail(const struct cli_gateway_show *s)
{
	const Gateway__Answer *a = &s->answer->answer;
	const Gateway__Group *only = NULL;
	struct buf mail;
	bool ok;

	for (size_t i = 0; i < a->n_group; i++) {
		if (a->group[i]->action != GATEWAY__GROUP__ACTION__PASS)
			continue;
		if (only)
			return cli_fail(EX_DATAERR,
				"recipients are to get different mails: name one with --to, or "
				"say --json");
		only = a->group[i];
	}
	if (!only)
		return EX_OK;
	make_mail(s, only, &mail);
	ok = fwrite(mail.p, 1, mail.n, stdout) == mail.n && fflush(stdout) == 0;
	buf_fini_secret(&mail);
	return ok ? EX_OK : cli_fail(EX_IOERR, "the mail can't be written");
}

static int
fate(const Gateway__Answer *a)
{
	int code = EX_OK;

	for (size_t i = 0; i < a->n_group; i++)
		if (a->group[i]->action == GATEWAY__GROUP__ACTION__BOUNCE)
			return EX_UNAVAILABLE;
		else if (a->group[i]->action == GATEWAY__GROUP__ACTION__WAIT)
			code = EX_TEMPFAIL;
	return code;
}

int
cli_gateway_show(const struct cli_gateway_show *s)
{
	int code;

	if (s->is_json) {
		code = put_json(s);
	} else {
		tell(s);
		code = put_mail(s);
	}
	return code ? code : fate(&s->answer->answer);
}
