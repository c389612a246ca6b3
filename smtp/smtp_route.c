#include "smtp/smtp_route.h"

#include "core/codec.h"
#include "core/mail_addr.h"
#include "smtp/smtp_parse.h"
#include "store/view_directory.h"

/* Addresses that a walk looks at before it believes that somebody will be reached. */
enum { WALK_MAX = 200 };

struct routing {
	struct db_txn *txn;
	const Commands__Rcpt *rcpt;
	ProtobufCBinaryData address; /* the recipient's, canonical */
	char delimiter;
	struct arena *a;
	struct smtp_route *out;
	size_t octets; /* of the recipients so far */
};

/* Another server's address is kept as it was given; the directory knows ours by one form. */
static ProtobufCBinaryData
canonical(struct routing *r, ProtobufCBinaryData address)
{
	struct slice form;

	if (mail_addr_canonical_text(codec_slice(address), r->a, &form))
		return address;
	return codec_bytes(form);
}

static enum err
find(struct routing *r, ProtobufCBinaryData address, struct view_directory_rcpt *found)
{
	return view_directory_rcpt(
		r->txn, codec_slice(canonical(r, address)), r->delimiter, r->a, found);
}

/* --- expanding --- */

static Commands__Rcpt *
next_rcpt(struct routing *r, ProtobufCBinaryData address)
{
	const Commands__Rcpt *from = r->rcpt;
	Commands__Rcpt *next = arena_alloc(r->a, sizeof *next);

	commands__rcpt__init(next);
	next->address = address;
	next->via = from->via.len ? from->via : r->address;
	next->orcpt = from->orcpt;
	next->notify = from->notify;
	next->warned = from->warned;
	next->depth = from->depth + 1;
	next->stage = COMMANDS__STAGE__STAGE_ROUTE;
	r->octets += address.len + next->via.len + next->orcpt.len;
	r->out->into[r->out->n_into++] = next;
	return next;
}

static void
deliver_to(Commands__Rcpt *next, uint64_t account)
{
	next->account = account;
	next->stage = COMMANDS__STAGE__STAGE_DELIVER;
}

/* A member; when it is a mailbox and no more, there is nothing left to route. */
static enum err
add_member(struct routing *r, ProtobufCBinaryData address)
{
	struct view_directory_rcpt found;
	enum err e = find(r, address, &found);
	Commands__Rcpt *next = e ? NULL : next_rcpt(r, address);

	if (next && found.kind == VIEW_ACCOUNT)
		deliver_to(next, found.account);
	return e;
}

/* An account: its mailbox unless it only forwards, and each forward. */
static enum err
expand_account(struct routing *r, const Commands__Address *at)
{
	enum err e = ERR_OK;

	r->out->into = arena_alloc(r->a, (at->n_forward + 1) * sizeof(Commands__Rcpt *));
	if (!at->forward_only || at->n_forward == 0)
		deliver_to(next_rcpt(r, r->address), at->account);
	for (size_t i = 0; i < at->n_forward && !e; i++)
		e = add_member(r, at->forward[i]);
	return e;
}

static uint64_t
digest(const Commands__Address *at)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < at->n_target; i++) {
		for (size_t j = 0; j < at->target[i].len; j++)
			h = (h ^ at->target[i].data[j]) * UINT64_C(1099511628211);
		h = (h ^ ',') * UINT64_C(1099511628211);
	}
	return h;
}

/* From where the last part ended, if the list is still the one of then: whoever is met again is
 * known to the item. */
static enum err
expand_targets(struct routing *r, const Commands__Address *at)
{
	struct smtp_route *out = r->out;
	const Commands__Rcpt *rcpt = r->rcpt;
	size_t i = 0;
	enum err e = ERR_OK;

	out->expanded_of = digest(at);
	if (rcpt->expanded_of == out->expanded_of && rcpt->expanded < at->n_target)
		i = rcpt->expanded;
	out->into = arena_alloc(r->a, SMTP_ROUTE_PART_MAX * sizeof(Commands__Rcpt *));
	for (; i < at->n_target && !e && out->n_into < SMTP_ROUTE_PART_MAX &&
		r->octets < SMTP_ROUTE_PART_OCTETS;
		i++)
		e = add_member(r, at->target[i]);
	out->expanded = i < at->n_target ? (uint32_t)i : 0;
	return e;
}

/* RFC 3461 5.2.7.3: of an address with several behind it the sender hears that it was expanded,
 * and no more of success. What is left of the wish isn't nothing: that would mean the default.
 */
static void
strip_success(const struct routing *r)
{
	const struct smtp_route *out = r->out;

	if (!(r->rcpt->notify & SMTP_NOTIFY_SUCCESS) ||
		(out->n_into == 1 && !out->expanded && !r->rcpt->expanded))
		return;
	for (size_t i = 0; i < out->n_into; i++) {
		out->into[i]->notify &= ~(unsigned)SMTP_NOTIFY_SUCCESS;
		if (!out->into[i]->notify)
			out->into[i]->notify = SMTP_NOTIFY_NEVER;
	}
}

/* --- circles --- */

struct walk {
	struct routing *r;
	ProtobufCBinaryData seen[WALK_MAX]; /* those from next on are still to be looked at */
	size_t n, next;
	bool arrives; /* somewhere that isn't just one more address */
};

static void
walk_to(struct walk *w, size_t n, const ProtobufCBinaryData *address)
{
	for (size_t i = 0; i < n && !w->arrives; i++) {
		size_t j = 0;

		while (j < w->n && !slice_eq(codec_slice(w->seen[j]), codec_slice(address[i])))
			j++;
		if (j == WALK_MAX)
			w->arrives = true;
		else if (j == w->n)
			w->seen[w->n++] = address[i];
	}
}

static enum err
walk_from(struct walk *w, ProtobufCBinaryData address)
{
	struct view_directory_rcpt found;
	enum err e = find(w->r, address, &found);
	const Commands__Address *at = found.address;

	if (e)
		return e;
	/* An unknown user counts: that mail gets a bounce of its own. */
	if (found.kind != VIEW_EXPAND) {
		w->arrives = true;
	} else if (at->kind == COMMANDS__ADDRESS__KIND__ACCOUNT) {
		w->arrives = !at->forward_only;
		walk_to(w, at->n_forward, at->forward);
	} else {
		walk_to(w, at->n_target, at->target);
	}
	return ERR_OK;
}

/* Does the address lead to anybody at all? Apply adds no recipient twice to an item, so that a
 * circle ends; a mail that only went round must not end without a word. */
static enum err
leads_somewhere(struct routing *r, bool *yes)
{
	struct walk *w = arena_zalloc(r->a, sizeof *w);
	enum err e = ERR_OK;

	w->r = r;
	walk_to(w, 1, &r->address);
	while (!e && !w->arrives && w->next < w->n)
		e = walk_from(w, w->seen[w->next++]);
	*yes = w->arrives;
	return e;
}

/* --- the whole --- */

static enum err
expand(struct routing *r, const struct view_directory_rcpt *found)
{
	bool yes = true;
	enum err e = leads_somewhere(r, &yes);

	if (e)
		return e;
	if (!yes) {
		r->out->status = "5.4.6 the address leads in a circle, to nobody; its "
				 "postmaster has to mend the alias, group or forward";
		return ERR_OK;
	}
	r->out->kind = SMTP_ROUTE_EXPAND;
	r->out->expanded_by = found->address->kind;
	e = found->address->kind == COMMANDS__ADDRESS__KIND__ACCOUNT
		    ? expand_account(r, found->address)
		    : expand_targets(r, found->address);
	strip_success(r);
	return e;
}

enum err
smtp_route(struct db_txn *txn, const Commands__Rcpt *rcpt, char delimiter, struct arena *a,
	struct smtp_route *out)
{
	struct routing r = {
		.txn = txn, .rcpt = rcpt, .delimiter = delimiter, .a = a, .out = out};
	struct view_directory_rcpt found;
	enum err e;

	r.address = canonical(&r, rcpt->address);
	e = view_directory_rcpt(txn, codec_slice(r.address), delimiter, a, &found);

	if (e)
		return e;
	*out = (struct smtp_route){.kind = SMTP_ROUTE_FAIL};
	if (found.kind == VIEW_NOT_OURS)
		out->kind = SMTP_ROUTE_RELAY;
	else if (found.kind == VIEW_NO_USER && found.record)
		out->status =
			"5.2.1 the mailbox is disabled; ask its owner for another address";
	else if (found.kind == VIEW_NO_USER)
		out->status = "5.1.1 no such user here; check the address for typing mistakes";
	else if (rcpt->depth >= SMTP_ROUTE_DEPTH_MAX)
		out->status = "5.4.6 too many aliases or groups lead on one to the next; the "
			      "postmaster has to shorten the way";
	else
		return expand(&r, &found);
	return ERR_OK;
}
