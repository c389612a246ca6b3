/* sim_client: what clients want, at any data node, and what they were told. Each command bears
 * its number in the clear, in a place that apply doesn't read, so that the log can be asked
 * about it, and so that an arbiter's disk can be searched for it. */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/codec.h"
#include "core/must.h"
#include "store/pace.h"
#include "store/schema.h"
#include "store/view_directory.h"

enum {
	NOWHERE = 4000000000,
	LARGE = 300000,
	LARGE_MORE = 700000,
	SMALL = 40000,
	LATE_MS = 500
};

uint64_t
sim_client_hash(struct slice s)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ s.p[i]) * UINT64_C(1099511628211);
	return h;
}

uint8_t
sim_client_octet(uint32_t op, uint64_t at)
{
	return (uint8_t)(op * 31 + at * 7 + at / 251);
}

static struct slice
body_of(uint32_t op, uint64_t n)
{
	uint8_t *p = must_alloc(n);

	for (uint64_t i = 0; i < n; i++)
		p[i] = sim_client_octet(op, i);
	return slice_of(p, n);
}

static ProtobufCBinaryData
bytes(const char *s)
{
	return codec_bytes(slice_str(s));
}

static uint32_t
number_in(const char *s, size_t n)
{
	uint32_t op = 0;
	size_t at = sizeof SIM_SECRET - 1;

	if (n <= at || memcmp(s, SIM_SECRET, at) != 0)
		return 0;
	for (; at < n && s[at] >= '0' && s[at] <= '9'; at++)
		op = op * 10 + (uint32_t)(s[at] - '0');
	return op <= SIM_OPS ? op : 0;
}

static uint32_t
number_of_uids(const Commands__Uids *u)
{
	return u && u->n_first && u->first[u->n_first - 1] > NOWHERE
		       ? u->first[u->n_first - 1] - (uint32_t)NOWHERE
		       : 0;
}

/* A large body whose command is refused: what comes instead ends its upload, and no more. */
static bool
is_abandon(const Commands__Body *b)
{
	return b->sealed_size == UINT64_MAX;
}

uint32_t
sim_client_op_of(const Commands__Command *c)
{
	ProtobufCBinaryData text = {0};

	/* Without a seq it only ends an upload. */
	if (!c->seq)
		return 0;
	switch ((int)c->body_case) {
	case COMMANDS__COMMAND__BODY_APPEND:
		if (!is_abandon(c->append->body))
			text = c->append->sealed_index;
		break;
	case COMMANDS__COMMAND__BODY_ENQUEUE:
		if (!is_abandon(c->enqueue->body))
			text = c->enqueue->sealed_index;
		break;
	case COMMANDS__COMMAND__BODY_MAILBOX_CREATE:
		text = c->mailbox_create->name;
		break;
	case COMMANDS__COMMAND__BODY_ACCOUNT_PUT:
		return number_in(c->account_put->record->full_name,
			strlen(c->account_put->record->full_name));
	case COMMANDS__COMMAND__BODY_STEP:
		return number_in(c->step->step[0]->status, strlen(c->step->step[0]->status));
	case COMMANDS__COMMAND__BODY_FLAGS_STORE:
		return number_of_uids(c->flags_store->uids);
	case COMMANDS__COMMAND__BODY_EXPUNGE:
		return number_of_uids(c->expunge->uids);
	default:
		return 0;
	}
	return number_in((const char *)text.data, text.len);
}

/* --- being told --- */

static void
on_done(void *arg, enum err e, uint64_t index, const Commands__Result *r)
{
	struct sim_op *op = &sim.op[(uintptr_t)arg];
	uint32_t number = (uint32_t)(uintptr_t)arg;
	struct arena a;

	/* A dead node tells nobody. */
	if (!sim_disk_lives() || op->is_lost)
		return;
	if (op->is_told)
		sim_fail("op %u was told twice", number);
	op->is_told = true;
	op->told_ms = sim.now_ms;
	op->e = e;
	op->index = index;
	if (!e) {
		arena_init(&a, 0);
		op->code = r->code;
		op->id = r->id;
		op->uid = r->n_uid ? r->uid[0] : 0;
		op->result = sim_client_hash(codec_pack(r, &a));
		arena_reset(&a);
		sim.told_done++;
		if (engine_applied(sim.node[op->node].e) < index)
			sim_fail("op %u: done, and its own node doesn't show it", number);
	} else if (e != ERR_TIMEOUT && op->at) {
		sim_fail("op %u: its client was told %s, and it is entry %llu", number,
			err_text(e), (unsigned long long)op->at);
	}
	sim.refused += e == ERR_FULL;
	sim_say("op %u is told %s, code %u, index %llu", number, err_text(e), op->code,
		(unsigned long long)index);
}

void __real_pace_sent(struct pace *p, uint64_t octets, uint64_t now_us);
void __wrap_pace_sent(struct pace *p, uint64_t octets, uint64_t now_us);

void
__wrap_pace_sent(struct pace *p, uint64_t octets, uint64_t now_us)
{
	sim.turning->chunk_ms = sim.now_ms;
	__real_pace_sent(p, octets, now_us);
}

/* Of a large body the time begins anew with each piece; whose it is isn't seen from here. */
static uint64_t
begun_ms(const struct sim_node *n, const struct sim_op *op)
{
	bool is_large = op->size > SCHEMA_ENTRY_BODY_MAX;

	return is_large && n->chunk_ms > op->asked_ms ? n->chunk_ms : op->asked_ms;
}

void
sim_client_look(const struct sim_node *n)
{
	for (uint32_t i = 1; n->members.n > 1 && i <= sim.ops; i++)
		if (sim.op[i].node == n->id && !sim.op[i].is_told && !sim.op[i].is_lost &&
			sim.now_ms > begun_ms(n, &sim.op[i]) + ENGINE_DEADLINE_MS + LATE_MS)
			sim_fail("op %u is past its deadline, and n%u says nothing", i, n->id);
}

void
sim_client_lost(uint32_t node)
{
	for (uint32_t i = 1; i <= sim.ops; i++)
		if (sim.op[i].node == node && !sim.op[i].is_told)
			sim.op[i].is_lost = true;
}

/* --- wanting --- */

struct want {
	struct sim_node *n;
	uint32_t number;
	struct sim_op *op;
	char text[40];
	Commands__Command c;
	Commands__Body body;
	bool has_body;
};

static void
propose(struct want *w)
{
	struct engine_proposal p = {
		.fd = -1, .done = on_done, .arg = (void *)(uintptr_t)w->number};
	struct slice body = SLICE_EMPTY;
	struct arena a;
	enum err e;

	arena_init(&a, 0);
	p.command = codec_pack(&w->c, &a);
	if (w->has_body)
		body = body_of(w->number, w->op->size);
	if (w->op->size > SCHEMA_ENTRY_BODY_MAX) {
		p.fd = memfd_create("body", MFD_CLOEXEC);
		p.fd_size = body.n;
		must(p.fd >= 0 && write(p.fd, body.p, body.n) == (ssize_t)body.n);
	} else {
		p.body = body;
	}
	sim_node_set_clock(w->n);
	e = engine_propose(w->n->e, &p);
	if (e) {
		w->op->is_told = true;
		w->op->e = e;
	}
	free((void *)(uintptr_t)body.p);
	arena_reset(&a);
	w->n->wants_turn = true;
}

static void
want_append(struct want *w)
{
	static uint8_t wrapped[SCHEMA_WRAPPED_KEY];
	Commands__Append a = COMMANDS__APPEND__INIT;

	a.account = SIM_ACCOUNT;
	a.mailbox = sim.inbox;
	a.body = &w->body;
	a.epoch = 1;
	a.flags = SCHEMA_DELETED;
	a.wrapped_key = (ProtobufCBinaryData){sizeof wrapped, wrapped};
	a.sealed_index = bytes(w->text);
	w->c.body_case = COMMANDS__COMMAND__BODY_APPEND;
	w->c.append = &a;
	w->has_body = true;
	propose(w);
}

static void
want_enqueue(struct want *w)
{
	Commands__Enqueue q = COMMANDS__ENQUEUE__INIT;
	Commands__Rcpt one = COMMANDS__RCPT__INIT, *rcpt[] = {&one};

	one.address = bytes("u0@example.org");
	one.stage = COMMANDS__STAGE__STAGE_DELIVER;
	one.account = SIM_ACCOUNT;
	q.sender = bytes(w->text);
	q.n_rcpt = 1;
	q.rcpt = rcpt;
	q.body = &w->body;
	q.sealed_key = bytes("a sealed key");
	q.queue_key = 1;
	q.sealed_index = bytes(w->text);
	w->c.body_case = COMMANDS__COMMAND__BODY_ENQUEUE;
	w->c.enqueue = &q;
	w->has_body = true;
	propose(w);
}

/* A courier's: delivers an item that some client was told of. */
static void
want_step(struct want *w)
{
	static uint8_t wrapped[SCHEMA_WRAPPED_KEY];
	Commands__Step s = COMMANDS__STEP__INIT;
	Commands__RcptStep one = COMMANDS__RCPT_STEP__INIT, *steps[] = {&one};
	Commands__Delivery d = COMMANDS__DELIVERY__INIT;

	s.item = w->op->target;
	s.epoch = 1;
	s.n_step = 1;
	s.step = steps;
	one.status = w->text;
	one.outcome = COMMANDS__OUTCOME__OUTCOME_DELIVER;
	one.delivery = &d;
	d.account = SIM_ACCOUNT;
	d.epoch = 1;
	d.mailbox = bytes("INBOX");
	d.wrapped_key = (ProtobufCBinaryData){sizeof wrapped, wrapped};
	w->c.body_case = COMMANDS__COMMAND__BODY_STEP;
	w->c.step = &s;
	propose(w);
}

static void
want_mailbox(struct want *w)
{
	Commands__MailboxCreate m = COMMANDS__MAILBOX_CREATE__INIT;

	m.account = SIM_ACCOUNT;
	m.name = bytes(w->text);
	w->c.body_case = COMMANDS__COMMAND__BODY_MAILBOX_CREATE;
	w->c.mailbox_create = &m;
	propose(w);
}

static void
want_account(struct want *w)
{
	static uint8_t public_key[32] = {9};
	Commands__AccountPut put = COMMANDS__ACCOUNT_PUT__INIT;
	Commands__Account record = COMMANDS__ACCOUNT__INIT;
	char name[40];

	snprintf(name, sizeof name, "a%u@example.org", w->number);
	record.name = bytes(name);
	record.full_name = w->text;
	record.public_key = (ProtobufCBinaryData){32, public_key};
	put.account = 1000 + w->number;
	put.record = &record;
	put.wrapped_secret = bytes("the wrapped secret of the account");
	w->c.body_case = COMMANDS__COMMAND__BODY_ACCOUNT_PUT;
	w->c.account_put = &put;
	propose(w);
}

static void
want_uids(struct want *w)
{
	Commands__FlagsStore f = COMMANDS__FLAGS_STORE__INIT;
	Commands__Expunge x = COMMANDS__EXPUNGE__INIT;
	Commands__Uids u = COMMANDS__UIDS__INIT;
	uint32_t ranges[] = {(uint32_t)w->op->target, (uint32_t)NOWHERE + w->number};

	u.n_first = u.n_last = 2;
	u.first = u.last = ranges;
	f.mailbox = x.mailbox = sim.inbox;
	f.uids = x.uids = &u;
	f.mode = 1;
	f.flags = SCHEMA_SEEN;
	if (w->op->kind == SIM_FLAGS) {
		w->c.body_case = COMMANDS__COMMAND__BODY_FLAGS_STORE;
		w->c.flags_store = &f;
	} else {
		w->c.body_case = COMMANDS__COMMAND__BODY_EXPUNGE;
		w->c.expunge = &x;
	}
	propose(w);
}

/* The outcome of an older one, for one that needs it: an item, or a UID. */
static uint64_t
any_outcome(enum sim_kind wanted)
{
	for (int tries = 0; tries < 20 && sim.ops; tries++) {
		const struct sim_op *op = &sim.op[1 + sim_random(sim.ops)];
		bool is_item = op->kind == SIM_ENQUEUE || op->kind == SIM_ENQUEUE_LARGE;
		bool is_mail = op->kind == SIM_APPEND || op->kind == SIM_APPEND_LARGE;

		if (!op->is_told || op->e || op->code)
			continue;
		if (wanted == SIM_STEP && is_item)
			return op->id;
		if (wanted != SIM_STEP && is_mail && op->uid)
			return op->uid;
	}
	return 0;
}

static uint64_t
any_size(enum sim_kind kind)
{
	if (kind == SIM_APPEND_LARGE || kind == SIM_ENQUEUE_LARGE)
		return LARGE + sim_random(LARGE_MORE);
	return 1 + sim_random(sim_chance(100)	? SCHEMA_ENTRY_BODY_MAX
			      : sim_chance(300) ? SMALL
						: 3000);
}

uint32_t
sim_client_propose(struct sim_node *n, enum sim_kind kind)
{
	static void (*const wants[])(struct want *) = {want_append, want_append, want_enqueue,
		want_enqueue, want_step, want_mailbox, want_account, want_uids, want_uids};
	struct want w = {.n = n, .number = sim.ops + 1, .op = &sim.op[sim.ops + 1]};
	uint64_t target = kind == SIM_STEP || kind == SIM_FLAGS || kind == SIM_EXPUNGE
				  ? any_outcome(kind)
				  : 1;

	if (!target || sim.ops == SIM_OPS)
		return 0;
	*w.op = (struct sim_op){.kind = kind,
		.node = n->id,
		.target = target,
		.asked_ms = sim.now_ms,
		.asked_at = sim.applied};
	sim.ops++;
	commands__command__init(&w.c);
	commands__body__init(&w.body);
	if (kind <= SIM_ENQUEUE_LARGE)
		w.op->size = any_size(kind);
	w.body.size = w.body.sealed_size = w.op->size;
	snprintf(w.text, sizeof w.text, SIM_SECRET "%u", w.number);
	sim_say("op %u: kind %d, %llu octets, on %llu, at n%u", w.number, (int)kind,
		(unsigned long long)w.op->size, (unsigned long long)target, n->id);
	wants[kind](&w);
	return w.number;
}

/* --- the beginning --- */

static void
propose_now(Commands__Command *c)
{
	Commands__Result *r;
	struct arena a;

	arena_init(&a, 0);
	if (engine_propose_now(sim.node[1].e, c, SLICE_EMPTY, &a, &r) || r->code)
		sim_fail("the first node takes no command");
	arena_reset(&a);
}

static void
add_keys(void)
{
	static uint8_t public_key[SCHEMA_PUBLIC_KEY] = {7};
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__EpochNew epoch = COMMANDS__EPOCH_NEW__INIT;
	Commands__QueueKey key = COMMANDS__QUEUE_KEY__INIT;

	epoch.account = SIM_ACCOUNT;
	epoch.epoch = 1;
	epoch.sealed_key = bytes("sealed epoch key");
	c.body_case = COMMANDS__COMMAND__BODY_EPOCH_NEW;
	c.epoch_new = &epoch;
	propose_now(&c);
	key.id = 1;
	key.public_key = (ProtobufCBinaryData){sizeof public_key, public_key};
	key.wrapped_secret = bytes("the wrapped secret of a queue key");
	c.body_case = COMMANDS__COMMAND__BODY_QUEUE_KEY;
	c.queue_key = &key;
	propose_now(&c);
}

void
sim_client_set_up(void)
{
	static uint8_t public_key[32] = {9};
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__DomainPut domain = COMMANDS__DOMAIN_PUT__INIT;
	Commands__AccountPut put = COMMANDS__ACCOUNT_PUT__INIT;
	Commands__Account record = COMMANDS__ACCOUNT__INIT, *r;
	struct db_txn *txn;
	struct arena a;

	domain.name = bytes("example.org");
	c.body_case = COMMANDS__COMMAND__BODY_DOMAIN_PUT;
	c.domain_put = &domain;
	propose_now(&c);
	record.name = bytes("u0@example.org");
	record.public_key = (ProtobufCBinaryData){32, public_key};
	put.account = SIM_ACCOUNT;
	put.record = &record;
	put.wrapped_secret = bytes("the wrapped secret of the account");
	c.body_case = COMMANDS__COMMAND__BODY_ACCOUNT_PUT;
	c.account_put = &put;
	propose_now(&c);
	add_keys();
	arena_init(&a, 0);
	must(!db_begin(engine_db(sim.node[1].e), false, &txn));
	must(!view_directory_account(txn, SIM_ACCOUNT, &a, &r));
	sim.inbox = r->inbox;
	db_abort(txn);
	arena_reset(&a);
}
