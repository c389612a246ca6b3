#include "cmd/control_status.h"

#include <stdlib.h>
#include <sysexits.h>

#include "cmd/control_cert_row.h"
#include "cmd/courier_status.h"
#include "cmd/status_text.h"
#include "core/codec.h"
#include "core/must.h"
#include "crypto/pgp_info.h"
#include "store/view_cert.h"

/* The command line's connection lasts for 60 s. */
enum { WAIT_MS = 50000 };

void
control_status_put(json_t *out, const struct view_status *s)
{
	char text[STATUS_TEXT_MAX];

	status_text(s, text);
	json_object_set_new(out, "revocation_state", json_string(status_text_kind(s->kind)));
	json_object_set_new(out, "revocation", control_json(slice_str(text)));
	if (s->kind == VIEW_STATUS_REVOKED)
		json_object_set_new(
			out, "revoked_since", json_integer((json_int_t)s->row->since_sec));
	if (s->row)
		json_object_set_new(
			out, "revocation_looked", json_integer((json_int_t)s->row->looked_sec));
}

/* --- refresh --- */

struct telling {
	struct control_request *r;
	struct db_txn *txn;
	struct slice address; /* empty: all are told by their number alone */
	json_t *rows;
	size_t kind[3];
	enum err e;
};

static bool
tell(void *arg, struct slice address, struct slice sha256, Commands__Cert *cert)
{
	struct telling *t = arg;
	struct view_status s = {.kind = VIEW_STATUS_UNKNOWN};
	uint64_t now_sec = courier_now_sec(t->r->courier);
	json_t *row;

	if (t->address.n && !slice_eq(address, t->address))
		return false;
	/* Of OpenPGP there is nobody to ask: what revokes one comes with it. */
	if (cert->until_sec <= now_sec || pgp_info_is(codec_slice(cert->der)))
		return true;
	t->e = view_status_judge(t->txn, sha256, now_sec, &t->r->arena, &s);
	if (t->e)
		return false;
	t->kind[s.kind]++;
	if (!t->address.n)
		return true;
	row = json_object();
	json_object_set_new(row, "sha256", control_cert_hex(sha256, SIZE_MAX));
	json_object_set_new(row, "address", control_json(address));
	control_status_put(row, &s);
	json_array_append_new(t->rows, row);
	return true;
}

static void
reply(struct control_request *r, struct telling *t)
{
	json_t *out = json_object();

	if (t->address.n) {
		json_object_set(out, "rows", t->rows);
	} else {
		json_object_set_new(
			out, "good", json_integer((json_int_t)t->kind[VIEW_STATUS_GOOD]));
		json_object_set_new(
			out, "revoked", json_integer((json_int_t)t->kind[VIEW_STATUS_REVOKED]));
		json_object_set_new(
			out, "unknown", json_integer((json_int_t)t->kind[VIEW_STATUS_UNKNOWN]));
	}
	control_reply(r, out);
}

static void
tell_all(struct control_request *r)
{
	struct telling t = {.r = r, .address = *(struct slice *)r->state};
	enum err e;

	t.txn = control_read(r);
	if (!t.txn)
		return;
	t.rows = json_array();
	e = view_cert_all(t.txn, t.address, &r->arena, tell, &t);
	if (!view_is_valid(r->courier->view))
		e = ERR_BUSY;
	view_end(r->courier->view);
	if (e || t.e)
		control_fail(r, EX_TEMPFAIL, "what was found can't be read now: %s; try again",
			err_text(e ? e : t.e));
	else
		reply(r, &t);
	json_decref(t.rows);
}

/* The look outlives the request that takes too long. */
struct refreshing {
	struct control_request *r; /* NULL: it was told that it goes on */
	struct loop_timer *timer;
};

static void
on_looked(void *arg)
{
	struct refreshing *x = arg;

	loop_cancel(x->timer);
	if (x->r)
		tell_all(x->r);
	free(x);
}

static void
on_long(void *arg)
{
	struct refreshing *x = arg;
	struct control_request *r = x->r;

	x->timer = NULL;
	x->r = NULL;
	control_fail(r, EX_TEMPFAIL,
		"it takes longer than %d seconds, and goes on: `hairpin cert list` shows what "
		"was found",
		WAIT_MS / 1000);
}

static void
cert_refresh(struct control_request *r)
{
	struct refreshing *x;
	struct slice *address = arena_zalloc(&r->arena, sizeof *address);
	enum err e;

	if (control_text(r, "address")) {
		*address = control_address(r, "address", true);
		if (!address->n)
			return;
	}
	r->state = address;
	x = must_zalloc(sizeof *x);
	e = courier_status_refresh(r->courier->status, *address, on_looked, x);
	if (e) {
		free(x);
	} else {
		x->r = r;
		x->timer = loop_after(r->courier->p->loop, WAIT_MS, on_long, x);
	}
	if (e == ERR_DENIED)
		control_fail(r, EX_CONFIG,
			"nobody is asked: `revocation` in [gateway] is no (hairpin.conf(5))");
	else if (e)
		control_fail(r, EX_TEMPFAIL,
			"somebody else asks for it already, and that isn't over: try again");
}

const struct control_verb control_status_verbs[] = {
	{"cert refresh", cert_refresh},
	{NULL, NULL},
};
