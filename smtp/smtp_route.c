#include "smtp/smtp_route.h"

#include "store/view_directory.h"

static Commands__Rcpt *
next_rcpt(struct arena *a, const Commands__Rcpt *from, ProtobufCBinaryData address)
{
	Commands__Rcpt *r = arena_alloc(a, sizeof *r);

	commands__rcpt__init(r);
	r->address = address;
	r->via = from->via.len ? from->via : from->address;
	r->orcpt = from->orcpt;
	r->notify = from->notify;
	r->depth = from->depth + 1;
	r->stage = COMMANDS__STAGE__STAGE_ROUTE;
	return r;
}

static void
add(struct smtp_route *out, Commands__Rcpt *r)
{
	out->into[out->n_into++] = r;
}

/* An account: its mailbox unless it only forwards, and each forward. */
static void
expand_account(const struct view_directory_rcpt *found, const Commands__Rcpt *rcpt,
	struct arena *a, struct smtp_route *out)
{
	const Commands__Address *at = found->address;
	Commands__Rcpt *box;

	out->into = arena_alloc(a, (at->n_forward + 1) * sizeof(Commands__Rcpt *));
	if (!at->forward_only || at->n_forward == 0) {
		box = next_rcpt(a, rcpt, rcpt->address);
		box->account = at->account;
		box->stage = COMMANDS__STAGE__STAGE_DELIVER;
		add(out, box);
	}
	for (size_t i = 0; i < at->n_forward; i++)
		add(out, next_rcpt(a, rcpt, at->forward[i]));
}

static void
expand_targets(const Commands__Address *at, const Commands__Rcpt *rcpt, struct arena *a,
	struct smtp_route *out)
{
	out->into = arena_alloc(a, (at->n_target + 1) * sizeof(Commands__Rcpt *));
	for (size_t i = 0; i < at->n_target; i++)
		add(out, next_rcpt(a, rcpt, at->target[i]));
}

enum err
smtp_route(struct db_txn *txn, const Commands__Rcpt *rcpt, char delimiter, struct arena *a,
	struct smtp_route *out)
{
	struct view_directory_rcpt found;
	enum err e = view_directory_rcpt(
		txn, slice_of(rcpt->address.data, rcpt->address.len), delimiter, a, &found);

	if (e)
		return e;
	*out = (struct smtp_route){.kind = SMTP_ROUTE_FAIL};
	if (found.kind == VIEW_NOT_OURS) {
		out->kind = SMTP_ROUTE_RELAY;
	} else if (found.kind == VIEW_NO_USER) {
		out->status = "5.1.1 no such user here; check the address for typing mistakes";
	} else if (rcpt->depth >= SMTP_ROUTE_DEPTH_MAX) {
		out->status = "5.4.6 aliases lead in a circle; the postmaster has to mend them";
	} else {
		out->kind = SMTP_ROUTE_EXPAND;
		if (found.address->kind == COMMANDS__ADDRESS__KIND__ACCOUNT)
			expand_account(&found, rcpt, a, out);
		else
			expand_targets(found.address, rcpt, a, out);
	}
	return ERR_OK;
}
