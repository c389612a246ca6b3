#include "tests/test.h"

#include "tests/golden.h"

#include <unistd.h>

#include "crypto/seal.h"
#include "store/apply_trace.h"
#include "store/schema.h"
#include "store/view_trace.h"

enum { ACCOUNT = 77, LIFE = 1000, START = 1700000000, MSEC = 123, ROWS = 1000 };

static struct golden g;
static char dir[64];
static uint64_t seq;

/* --- commands --- */

static ProtobufCBinaryData
text(const char *s)
{
	return codec_bytes(slice_str(s));
}

static ProtobufCBinaryData
octets(size_t n)
{
	return (ProtobufCBinaryData){n, memset(arena_alloc(&g.a, n), 7, n)};
}

static enum command_code
play(Commands__Command *c, uint64_t body)
{
	g.index++;
	g.body = body;
	c->time_sec = g.time_sec;
	c->msec = MSEC;
	c->node = g.node;
	c->boot = g.boot;
	c->seq = c->body_case == COMMANDS__COMMAND__BODY_BOOT_NODE ? 0 : ++seq;
	golden_apply(&g, c);
	return (enum command_code)g.result.code;
}

/* member: of the oneof, and a local variable. */
#define PLAY(CASE, member, body)                                                               \
	(play(&(Commands__Command){.base = PROTOBUF_C_MESSAGE_INIT(                            \
					   &commands__command__descriptor),                    \
		      .body_case = COMMANDS__COMMAND__BODY_##CASE,                             \
		      .member = &member},                                                      \
		body))

static void
boot(uint32_t node, uint64_t life)
{
	Commands__Boot boot_node = COMMANDS__BOOT__INIT;

	g.node = node;
	g.boot = life;
	seq = 0;
	boot_node.version = 1;
	assert_int_equal(PLAY(BOOT_NODE, boot_node, 0), COMMAND_DONE);
}

static void
add_account(void)
{
	Commands__DomainPut domain_put = COMMANDS__DOMAIN_PUT__INIT;
	Commands__AccountPut account_put = COMMANDS__ACCOUNT_PUT__INIT;
	Commands__Account record = COMMANDS__ACCOUNT__INIT;
	Commands__EpochNew epoch_new = COMMANDS__EPOCH_NEW__INIT;

	domain_put.name = text("example.org");
	assert_int_equal(PLAY(DOMAIN_PUT, domain_put, 0), COMMAND_DONE);
	record.name = text("u@example.org");
	record.public_key = octets(32);
	account_put.account = ACCOUNT;
	account_put.record = &record;
	account_put.wrapped_secret = octets(72);
	assert_int_equal(PLAY(ACCOUNT_PUT, account_put, 0), COMMAND_DONE);
	epoch_new.account = ACCOUNT;
	epoch_new.epoch = 5;
	epoch_new.sealed_key = octets(80);
	assert_int_equal(PLAY(EPOCH_NEW, epoch_new, 0), COMMAND_DONE);
}

static int
setup(void **state)
{
	Commands__QueueKey queue_key = COMMANDS__QUEUE_KEY__INIT;

	(void)state;
	snprintf(dir, sizeof dir, "/tmp/apply_trace_test.XXXXXX");
	assert_non_null(mkdtemp(dir));
	golden_open(&g, dir);
	g.term = 3;
	g.time_sec = START;
	boot(1, 500);
	add_account();
	queue_key.id = 1;
	queue_key.public_key = octets(32);
	queue_key.wrapped_secret = octets(72);
	assert_int_equal(PLAY(QUEUE_KEY, queue_key, 0), COMMAND_DONE);
	return 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	golden_close(&g);
	snprintf(command, sizeof command, "rm -r %s", dir);
	return system(command);
}

struct mail {
	const char *rcpt[3];
	const char *message_id, *filter, *ident, *repeat_key, *sender, *helo;
	uint32_t life_sec;
};

static Commands__Enqueue *
enqueue_of(const struct mail *m)
{
	Commands__Enqueue *q = arena_alloc(&g.a, sizeof *q);
	Commands__Body *body = arena_alloc(&g.a, sizeof *body);
	Commands__Intake in = COMMANDS__INTAKE__INIT;

	commands__enqueue__init(q);
	commands__body__init(body);
	in.kind = "mx";
	in.at = "192.0.2.1:25";
	in.client_address = octets(4);
	in.client_port = 4711;
	in.tls = "TLSv1.3";
	body->size = 100;
	body->sealed_size = 116;
	q->body = body;
	q->intake = codec_bytes(codec_pack(&in, &g.a));
	q->rcpt = arena_alloc(&g.a, sizeof m->rcpt);
	for (size_t i = 0; i < 3 && m->rcpt[i]; i++) {
		q->rcpt[i] = arena_alloc(&g.a, sizeof *q->rcpt[i]);
		commands__rcpt__init(q->rcpt[i]);
		q->rcpt[i]->address = text(m->rcpt[i]);
		q->rcpt[i]->stage = m->filter ? COMMANDS__STAGE__STAGE_FILTER
					      : COMMANDS__STAGE__STAGE_ROUTE;
		q->rcpt[i]->filter = m->filter != NULL;
		q->n_rcpt = i + 1;
	}
	q->sender = text(m->sender ? m->sender : "a@out.test");
	q->sealed_key = octets(100);
	q->queue_key = 1;
	q->head_size = 20;
	q->message_id = text(m->message_id ? m->message_id : "");
	q->filter = arena_alloc(&g.a, sizeof *q->filter);
	q->filter[0] = text(m->filter ? m->filter : "");
	q->n_filter = m->filter != NULL;
	q->ident = (char *)(uintptr_t)(m->ident ? m->ident : "");
	q->helo = (char *)(uintptr_t)(m->helo ? m->helo : "out.test");
	q->repeat_key = text(m->repeat_key ? m->repeat_key : "");
	q->repeat_until_sec = g.time_sec + 100000;
	q->trace_life_sec = m->life_sec;
	return q;
}

static enum command_code
take(const Commands__Enqueue *q)
{
	Commands__Enqueue enqueue = *q;

	return PLAY(ENQUEUE, enqueue, 116);
}

static uint64_t
enqueue(struct mail m)
{
	assert_int_equal(take(enqueue_of(&m)), COMMAND_DONE);
	return g.result.id;
}

struct step {
	uint64_t item;
	uint32_t rcpt, number;
	Commands__Outcome outcome;
	const char *status, *hop, *relay, *into[3];
	Commands__Address__Kind by;
	Commands__Enqueue *bounce;
	bool hop_failed, passes;
};

static Commands__Delivery *
delivery(void)
{
	Commands__Delivery *d = arena_alloc(&g.a, sizeof *d);

	commands__delivery__init(d);
	d->account = ACCOUNT;
	d->epoch = 5;
	d->wrapped_key = octets(SCHEMA_WRAPPED_KEY);
	return d;
}

static void
fill_into(const struct step *s, Commands__RcptStep *one)
{
	one->into = arena_alloc(&g.a, sizeof s->into);
	for (size_t i = 0; i < 3 && s->into[i]; i++) {
		one->into[i] = arena_alloc(&g.a, sizeof *one->into[i]);
		commands__rcpt__init(one->into[i]);
		one->into[i]->address = text(s->into[i]);
		one->into[i]->stage = COMMANDS__STAGE__STAGE_DELIVER;
		one->into[i]->account = ACCOUNT + i;
		one->n_into = i + 1;
	}
	one->expanded_by = s->by;
}

static enum command_code
step(struct step s)
{
	Commands__Step step = COMMANDS__STEP__INIT;
	Commands__RcptStep one = COMMANDS__RCPT_STEP__INIT, *list = &one;
	Commands__HopStep hop = COMMANDS__HOP_STEP__INIT;
	Commands__Passed passed = COMMANDS__PASSED__INIT;

	passed.words = "in";
	step.passed = s.passes ? &passed : NULL;
	one.rcpt = s.rcpt;
	one.step = s.number;
	one.outcome = s.outcome;
	one.status = (char *)(uintptr_t)(s.status ? s.status : "");
	one.hop = text(s.hop ? s.hop : "");
	one.next_try_sec = g.time_sec + 60;
	if (s.outcome == COMMANDS__OUTCOME__OUTCOME_DELIVER)
		one.delivery = delivery();
	fill_into(&s, &one);
	step.item = s.item;
	step.epoch = 1;
	step.n_step = 1;
	step.step = &list;
	step.bounce = s.bounce;
	step.relay = (char *)(uintptr_t)(s.relay ? s.relay : "");
	step.tls = (char *)(uintptr_t)(s.relay ? "none, TLSv1.3" : "");
	hop.name = text(s.hop ? s.hop : "");
	hop.failed = true;
	hop.status = "4.4.1 no answer";
	hop.next_try_sec = g.time_sec + 60;
	step.hop = s.hop_failed ? &hop : NULL;
	assert_int_equal(PLAY(STEP, step, s.bounce ? 116 : 0), COMMAND_DONE);
	return (enum command_code)g.result.step_code[0];
}

static enum command_code
control(uint64_t item, Commands__QueueControl__Verb verb, const char *hop)
{
	Commands__QueueControl queue_control = COMMANDS__QUEUE_CONTROL__INIT;

	queue_control.item = item;
	queue_control.verb = verb;
	queue_control.hop = text(hop);
	return PLAY(QUEUE_CONTROL, queue_control, 0);
}

/* --- what is in the table --- */

struct row {
	struct schema_trace t;
	Commands__Trace *rest;
};

static size_t
rows(struct row *out)
{
	struct view_trace_page page;
	struct db_txn *txn;

	assert_int_equal(db_begin(g.db, false, &txn), ERR_OK);
	assert_int_equal(
		view_trace_forward(txn, (struct view_trace_at){0, 0}, ROWS, &g.a, &page),
		ERR_OK);
	db_abort(txn);
	for (size_t i = 0; i < page.n; i++) {
		out[i].t = page.row[i];
		out[i].rest = codec_unpack(
			&commands__trace__descriptor, page.row[i].rest, &g.a);
		assert_non_null(out[i].rest);
	}
	return page.n;
}

static struct row
newest(void)
{
	static struct row all[ROWS];
	size_t n = rows(all);

	assert_true(n > 0);
	return all[n - 1];
}

static size_t
count(void)
{
	static struct row all[ROWS];

	return rows(all);
}

#define assert_kind(row, name) assert_int_equal((row).t.kind, SCHEMA_TRACE_##name)
#define assert_bytes(bytes, literal) assert_slice(codec_slice(bytes), literal)

/* --- tests --- */

static void
a_mail_that_is_taken_in_says_from_whom_and_where(void **state)
{
	uint64_t id = enqueue((struct mail){.rcpt = {"u@example.org", "x@out.test"},
		.message_id = "<1@out.test>",
		.ident = "4F",
		.filter = "filter:[192.0.2.9]:10025",
		.life_sec = LIFE});
	uint8_t hash[SCHEMA_TRACE_HASH];
	struct row r = newest();

	(void)state;
	assert_kind(r, TAKEN);
	assert_int_equal(r.t.index, id);
	assert_int_equal(r.t.n, 0);
	assert_int_equal(r.t.item, id);
	assert_int_equal(r.t.node, 1);
	assert_int_equal(r.t.time_ms, UINT64_C(1000) * START + MSEC);
	assert_int_equal(r.t.life_sec, LIFE);
	assert_int_equal(r.t.from, 4 << 5 | 15);
	assert_false(r.t.is_last);
	schema_trace_hash(SLICE_LIT("<1@out.test>"), hash);
	assert_memory_equal(r.t.message_id, hash, sizeof hash);
	assert_bytes(r.rest->address, "a@out.test");
	assert_bytes(r.rest->hop, "filter:[192.0.2.9]:10025");
	assert_int_equal(r.rest->count, 2);
	assert_int_equal(r.rest->size, 120);
	assert_string_equal(r.rest->ident, "4F");
	assert_string_equal(r.rest->intake->kind, "mx");
	assert_string_equal(r.rest->intake->at, "192.0.2.1:25");
	assert_string_equal(r.rest->intake->tls, "TLSv1.3");
	assert_int_equal(r.rest->intake->client_port, 4711);
}

static void
the_message_id_that_we_gave_it_counts_where_it_had_none(void **state)
{
	Commands__Enqueue *q = enqueue_of(
		&(struct mail){.rcpt = {"u@example.org"}, .life_sec = LIFE});
	uint8_t hash[SCHEMA_TRACE_HASH];
	struct row r;

	(void)state;
	q->added_message_id = text("<ours@example.org>");
	assert_int_equal(take(q), COMMAND_DONE);
	r = newest();
	schema_trace_hash(SLICE_LIT("<ours@example.org>"), hash);
	assert_memory_equal(r.t.message_id, hash, sizeof hash);
}

static void
an_intake_that_cannot_be_read_is_left_out(void **state)
{
	Commands__Enqueue *q = enqueue_of(
		&(struct mail){.rcpt = {"u@example.org"}, .life_sec = LIFE});

	(void)state;
	q->intake.len--;
	assert_int_equal(take(q), COMMAND_DONE);
	assert_null(newest().rest->intake);
	assert_bytes(newest().rest->address, "a@out.test");
}

static void
the_item_keeps_nothing_of_where_it_came_in(void **state)
{
	uint64_t id = enqueue((struct mail){.rcpt = {"u@example.org"}, .life_sec = LIFE});
	Commands__Item *item;
	struct schema_key k;
	struct db_txn *txn;
	struct slice raw;

	(void)state;
	assert_int_equal(db_begin(g.db, false, &txn), ERR_OK);
	assert_int_equal(db_get(txn, DB_ITEM, schema_u64(&k, id), &raw), ERR_OK);
	item = codec_unpack(&commands__item__descriptor, raw, &g.a);
	assert_int_equal(item->envelope->intake.len, 0);
	assert_int_equal(item->envelope->added_message_id.len, 0);
	assert_int_equal(item->envelope->trace_life_sec, LIFE);
	db_abort(txn);
}

static void
a_mail_that_is_to_leave_no_trace_leaves_none(void **state)
{
	uint64_t id = enqueue((struct mail){.rcpt = {"u@example.org"}});

	(void)state;
	assert_int_equal(step((struct step){.item = id,
				 .outcome = COMMANDS__OUTCOME__OUTCOME_DEFER,
				 .hop = "smtp:out.test",
				 .hop_failed = true}),
		COMMAND_DONE);
	assert_int_equal(control(id, COMMANDS__QUEUE_CONTROL__VERB__RETRY, ""), COMMAND_DONE);
	assert_int_equal(control(0, COMMANDS__QUEUE_CONTROL__VERB__RETRY, "smtp:out.test"),
		COMMAND_DONE);
	assert_int_equal(control(id, COMMANDS__QUEUE_CONTROL__VERB__DELETE, ""), COMMAND_DONE);
	assert_int_equal(count(), 0);
}

static void
an_alias_is_expanded_and_its_mailbox_gets_it_with_a_uid(void **state)
{
	uint64_t id = enqueue((struct mail){.rcpt = {"all@example.org"}, .life_sec = LIFE});
	struct row r;

	(void)state;
	assert_int_equal(step((struct step){.item = id,
				 .outcome = COMMANDS__OUTCOME__OUTCOME_EXPAND,
				 .into = {"v@example.org", "w@example.org"},
				 .by = COMMANDS__ADDRESS__KIND__GROUP}),
		COMMAND_DONE);
	r = newest();
	assert_kind(r, EXPANDED);
	assert_int_equal(r.t.rcpt, 0);
	assert_bytes(r.rest->address, "all@example.org");
	assert_string_equal(r.rest->text, "v@example.org, w@example.org");
	assert_int_equal(r.rest->count, 2);
	assert_int_equal(r.rest->expanded_by, COMMANDS__ADDRESS__KIND__GROUP);
	assert_int_equal(
		step((struct step){
			.item = id, .rcpt = 1, .outcome = COMMANDS__OUTCOME__OUTCOME_DELIVER}),
		COMMAND_DONE);
	r = newest();
	assert_kind(r, DELIVERED);
	assert_int_equal(r.rest->uid, 1);
	assert_bytes(r.rest->address, "v@example.org");
	assert_bytes(r.rest->account, "u@example.org");
	assert_int_equal(r.rest->mailbox.len, 0);
	assert_false(r.t.is_last);
	assert_int_equal(step((struct step){.item = id,
				 .rcpt = 2,
				 .outcome = COMMANDS__OUTCOME__OUTCOME_FAIL,
				 .status = "5.1.1 gone"}),
		COMMAND_DONE);
	r = newest();
	assert_kind(r, BOUNCED);
	assert_true(r.t.is_last);
	assert_string_equal(r.rest->text, "5.1.1 gone");
	assert_int_equal(r.rest->report, 0);
}

static void
that_an_address_is_its_own_mailbox_is_not_told(void **state)
{
	uint64_t id = enqueue(
		(struct mail){.rcpt = {"u@example.org", "U@example.org"}, .life_sec = LIFE});

	(void)state;
	assert_int_equal(step((struct step){.item = id,
				 .outcome = COMMANDS__OUTCOME__OUTCOME_EXPAND,
				 .into = {"u@example.org"}}),
		COMMAND_DONE);
	assert_int_equal(count(), 1);
	/* Nothing new comes of the other one: that is. */
	assert_int_equal(step((struct step){.item = id,
				 .rcpt = 1,
				 .outcome = COMMANDS__OUTCOME__OUTCOME_EXPAND,
				 .into = {"u@example.org"}}),
		COMMAND_DONE);
	assert_int_equal(newest().rest->count, 0);
	assert_int_equal(count(), 2);
}

static void
a_step_that_is_refused_leaves_nothing(void **state)
{
	uint64_t id = enqueue((struct mail){.rcpt = {"u@example.org"}, .life_sec = LIFE});

	(void)state;
	assert_int_equal(
		step((struct step){
			.item = id, .number = 7, .outcome = COMMANDS__OUTCOME__OUTCOME_FAIL}),
		COMMAND_STALE);
	assert_int_equal(count(), 1);
}

static void
what_waits_for_a_hop_what_failed_and_what_was_sent_is_told(void **state)
{
	uint64_t id = enqueue((struct mail){.rcpt = {"x@out.test"}, .life_sec = LIFE});
	struct row r;

	(void)state;
	step((struct step){.item = id,
		.outcome = COMMANDS__OUTCOME__OUTCOME_RELAY,
		.hop = "smtp:out.test"});
	r = newest();
	assert_kind(r, WAITS);
	assert_bytes(r.rest->hop, "smtp:out.test");
	step((struct step){.item = id,
		.number = 1,
		.outcome = COMMANDS__OUTCOME__OUTCOME_DEFER,
		.status = "4.2.0 later",
		.relay = "mx.out.test[192.0.2.5]:25",
		.hop = "smtp:out.test",
		.hop_failed = true});
	{
		static struct row all[ROWS];
		size_t n = rows(all);

		assert_int_equal(n, 4);
		assert_kind(all[2], DEFERRED);
		assert_string_equal(all[2].rest->text, "4.2.0 later");
		assert_string_equal(all[2].rest->relay, "mx.out.test[192.0.2.5]:25");
		assert_string_equal(all[2].rest->tls, "none, TLSv1.3");
		assert_int_equal(all[2].rest->next_try_sec, START + 60);
		assert_int_equal(all[2].rest->stage, COMMANDS__STAGE__STAGE_RELAY);
		assert_kind(all[3], HOP_FAILED);
		assert_int_equal(all[3].t.index, all[2].t.index);
		assert_int_equal(all[3].t.n, 1);
		assert_int_equal(all[3].t.item, 0);
		assert_int_equal(all[3].t.life_sec, LIFE);
		assert_int_equal(all[3].rest->owner_node, 1);
		assert_bytes(all[3].rest->hop, "smtp:out.test");
		assert_string_equal(all[3].rest->text, "4.4.1 no answer");
	}
	assert_int_equal(control(0, COMMANDS__QUEUE_CONTROL__VERB__RETRY, "smtp:out.test"),
		COMMAND_DONE);
	assert_kind(newest(), HOP_RETRIED);
	step((struct step){.item = id,
		.number = 2,
		.outcome = COMMANDS__OUTCOME__OUTCOME_WARN,
		.status = "4.2.0 later"});
	assert_kind(newest(), WARNED);
	step((struct step){.item = id,
		.number = 3,
		.outcome = COMMANDS__OUTCOME__OUTCOME_SENT,
		.status = "2.0.0 250 Ok",
		.relay = "mx.out.test[192.0.2.5]:25"});
	r = newest();
	assert_kind(r, SENT);
	assert_true(r.t.is_last);
	assert_string_equal(r.rest->text, "2.0.0 250 Ok");
}

static void
to_a_content_filter_it_is_handed_on(void **state)
{
	static const char filter[] = "filter:[192.0.2.9]:10025";
	uint64_t id = enqueue((struct mail){
		.rcpt = {"x@out.test", "y@out.test"}, .filter = filter, .life_sec = LIFE});

	(void)state;
	step((struct step){.item = id,
		.outcome = COMMANDS__OUTCOME__OUTCOME_SENT,
		.status = "2.0.0 250 Ok"});
	assert_kind(newest(), HANDED_ON);
	assert_bytes(newest().rest->hop, "filter:[192.0.2.9]:10025");
	/* From where it waited for it, too. */
	step((struct step){.item = id,
		.rcpt = 1,
		.outcome = COMMANDS__OUTCOME__OUTCOME_RELAY,
		.hop = filter});
	step((struct step){.item = id,
		.rcpt = 1,
		.number = 1,
		.outcome = COMMANDS__OUTCOME__OUTCOME_SENT,
		.status = "2.0.0 250 Ok"});
	assert_kind(newest(), HANDED_ON);
	assert_int_equal(newest().rest->stage, COMMANDS__STAGE__STAGE_FILTER);
	assert_true(newest().t.is_last);
}

static void
who_passes_the_engine_here_is_told_of_and_what_is_split_off(void **state)
{
	static struct row all[ROWS];
	struct step pass = {.outcome = COMMANDS__OUTCOME__OUTCOME_PASS, .passes = true};
	uint64_t id = enqueue((struct mail){.rcpt = {"u@example.org", "y@out.test"},
			 .filter = "local:",
			 .message_id = "<1@x>",
			 .life_sec = LIFE}),
		 made;
	size_t n;

	(void)state;
	pass.item = id;
	step(pass);
	made = g.result.id;
	assert_int_not_equal(made, id);
	n = rows(all);
	assert_kind(all[n - 2], FILTERED);
	assert_int_equal(all[n - 2].t.item, id);
	assert_bytes(all[n - 2].rest->address, "u@example.org");
	assert_bytes(all[n - 2].rest->hop, "local:");
	assert_true(strstr(all[n - 2].rest->text, "in; queued as ") != NULL);
	assert_kind(all[n - 1], TAKEN);
	assert_int_equal(all[n - 1].t.item, made);
	assert_int_equal(all[n - 1].t.from, id);
	assert_int_equal(all[n - 1].rest->count, 1);
	assert_string_equal(all[n - 1].rest->intake->kind, SCHEMA_TRACE_SPLIT_KIND);
	pass.rcpt = 1;
	step(pass);
	assert_kind(newest(), FILTERED);
	assert_string_equal(newest().rest->text, "in");
	/* Delivered by the same step: both are told. */
	id = enqueue(
		(struct mail){.rcpt = {"u@example.org"}, .filter = "local:", .life_sec = LIFE});
	pass = (struct step){
		.item = id, .outcome = COMMANDS__OUTCOME__OUTCOME_DELIVER, .passes = true};
	assert_int_equal(step(pass), COMMAND_DONE);
	n = rows(all);
	assert_kind(all[n - 2], FILTERED);
	assert_false(all[n - 2].t.is_last);
	assert_kind(all[n - 1], DELIVERED);
	assert_true(all[n - 1].t.is_last);
}

static void
a_report_is_told_of_on_both_sides(void **state)
{
	static struct row all[ROWS];
	uint64_t id = enqueue(
		(struct mail){.rcpt = {"x@out.test", "y@out.test"}, .life_sec = LIFE});
	Commands__Enqueue *bounce = enqueue_of(
		&(struct mail){.rcpt = {"a@out.test"}, .sender = "", .life_sec = LIFE});
	size_t n;

	(void)state;
	bounce->intake.len = 0;
	step((struct step){.item = id,
		.outcome = COMMANDS__OUTCOME__OUTCOME_FAIL,
		.status = "5.1.1 no",
		.bounce = bounce});
	n = rows(all);
	assert_int_equal(n, 3);
	assert_kind(all[1], BOUNCED);
	assert_int_equal(all[1].rest->report, g.index);
	assert_kind(all[2], TAKEN);
	assert_int_equal(all[2].t.item, g.index);
	assert_int_equal(all[2].t.n, 1);
	assert_int_equal(all[2].t.from, id);
	assert_int_equal(all[2].rest->report, id);
	assert_null(all[2].rest->intake);
}

static void
who_wants_no_report_has_none_in_its_row(void **state)
{
	static struct row all[ROWS];
	Commands__Enqueue *q = enqueue_of(
		&(struct mail){.rcpt = {"x@out.test"}, .life_sec = LIFE});
	Commands__Enqueue *bounce = enqueue_of(
		&(struct mail){.rcpt = {"a@out.test"}, .sender = "", .life_sec = LIFE});

	(void)state;
	q->rcpt[0]->notify = 1;
	assert_int_equal(take(q), COMMAND_DONE);
	step((struct step){.item = g.result.id,
		.outcome = COMMANDS__OUTCOME__OUTCOME_FAIL,
		.bounce = bounce});
	rows(all);
	assert_kind(all[1], BOUNCED);
	assert_int_equal(all[1].rest->report, 0);
}

static void
a_mail_that_comes_again_is_told_of_at_the_first_one(void **state)
{
	struct mail m = {.rcpt = {"u@example.org"}, .repeat_key = "r", .life_sec = LIFE};
	uint64_t id = enqueue(m);

	(void)state;
	assert_int_equal(take(enqueue_of(&m)), COMMAND_REPEAT);
	assert_kind(newest(), REPEATED);
	assert_int_equal(newest().t.item, id);
	assert_int_equal(count(), 2);
}

static void
what_is_done_by_hand_is_told(void **state)
{
	static const struct {
		Commands__QueueControl__Verb verb;
		enum schema_trace_kind kind;
	} verbs[] = {{COMMANDS__QUEUE_CONTROL__VERB__RETRY, SCHEMA_TRACE_RETRIED},
		{COMMANDS__QUEUE_CONTROL__VERB__HOLD, SCHEMA_TRACE_HELD},
		{COMMANDS__QUEUE_CONTROL__VERB__RELEASE, SCHEMA_TRACE_RELEASED},
		{COMMANDS__QUEUE_CONTROL__VERB__REROUTE, SCHEMA_TRACE_REROUTED},
		{COMMANDS__QUEUE_CONTROL__VERB__DELETE, SCHEMA_TRACE_DELETED}};
	uint64_t id = enqueue((struct mail){.rcpt = {"x@out.test"}, .life_sec = LIFE});
	struct row r;

	(void)state;
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		assert_int_equal(
			control(id, verbs[i].verb, "smtp:[192.0.2.7]:25"), COMMAND_DONE);
		r = newest();
		assert_int_equal(r.t.kind, verbs[i].kind);
		assert_int_equal(r.t.item, id);
		assert_int_equal(r.t.is_last, verbs[i].kind == SCHEMA_TRACE_DELETED);
	}
}

static void
the_recipients_that_are_named_by_hand_are_counted_and_the_first_is_named(void **state)
{
	uint64_t id = enqueue((struct mail){
		.rcpt = {"x@out.test", "y@out.test", "z@out.test"}, .life_sec = LIFE});
	Commands__QueueControl queue_control = COMMANDS__QUEUE_CONTROL__INIT;
	uint32_t two[] = {1, 2};

	(void)state;
	queue_control.item = id;
	queue_control.verb = COMMANDS__QUEUE_CONTROL__VERB__DELETE;
	queue_control.n_rcpt = 2;
	queue_control.rcpt = two;
	assert_int_equal(PLAY(QUEUE_CONTROL, queue_control, 0), COMMAND_DONE);
	assert_bytes(newest().rest->address, "y@out.test");
	assert_int_equal(newest().rest->count, 2);
	assert_int_equal(newest().t.rcpt, SCHEMA_TRACE_NOBODY);
	assert_false(newest().t.is_last);
}

static void
an_adoption_and_a_return_are_told(void **state)
{
	Commands__Adopt adopt = COMMANDS__ADOPT__INIT;
	Commands__Yield yield = COMMANDS__YIELD__INIT;

	(void)state;
	enqueue((struct mail){.rcpt = {"x@out.test"}, .life_sec = LIFE});
	boot(2, 1000);
	adopt.node = 1;
	adopt.by = 2;
	adopt.by_boot = 1000;
	adopt.seen_epoch = 1;
	adopt.term = g.term;
	assert_int_equal(PLAY(ADOPT, adopt, 0), COMMAND_DONE);
	assert_kind(newest(), ADOPTED);
	assert_int_equal(newest().t.node, 2);
	assert_int_equal(newest().rest->owner_node, 1);
	boot(1, 2000);
	boot(2, 3000);
	yield.node = 1;
	yield.epoch = 3;
	assert_int_equal(PLAY(YIELD, yield, 0), COMMAND_DONE);
	assert_kind(newest(), GIVEN_BACK);
	assert_int_equal(newest().t.node, 1);
	assert_int_equal(newest().t.life_sec, LIFE);
}

static void
a_text_is_cut_at_its_bound_and_never_within_a_character(void **state)
{
	static const size_t lengths[] = {
		SCHEMA_TRACE_TEXT_MAX, SCHEMA_TRACE_TEXT_MAX + 1, SCHEMA_TRACE_TEXT_MAX + 100};
	char helo[SCHEMA_TRACE_TEXT_MAX + 101];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		memset(helo, 'h', sizeof helo);
		helo[lengths[i]] = '\0';
		enqueue((struct mail){.rcpt = {"x@out.test"},
			.helo = helo,
			.sender = helo,
			.life_sec = LIFE});
		assert_int_equal(strlen(newest().rest->helo), SCHEMA_TRACE_TEXT_MAX);
		assert_int_equal(newest().rest->address.len, SCHEMA_TRACE_TEXT_MAX);
	}
	/* The last character has two octets, the second of which is one too many. */
	memcpy(helo + SCHEMA_TRACE_TEXT_MAX - 1, "\xc3\xa4", 3);
	enqueue((struct mail){.rcpt = {"x@out.test"}, .helo = helo, .life_sec = LIFE});
	assert_int_equal(strlen(newest().rest->helo), SCHEMA_TRACE_TEXT_MAX - 1);
}

static void
a_group_names_as_many_members_as_there_is_room_for(void **state)
{
	char a[SCHEMA_TRACE_TEXT_MAX], b[8] = "b@c";
	uint64_t id;

	(void)state;
	for (size_t n = SCHEMA_TRACE_TEXT_MAX - 5; n <= SCHEMA_TRACE_TEXT_MAX - 4; n++) {
		memset(a, 'a', sizeof a);
		a[n] = '\0';
		id = enqueue((struct mail){.rcpt = {"all@example.org"}, .life_sec = LIFE});
		step((struct step){.item = id,
			.outcome = COMMANDS__OUTCOME__OUTCOME_EXPAND,
			.into = {a, b},
			.by = COMMANDS__ADDRESS__KIND__GROUP});
		assert_int_equal(newest().rest->count, 2);
		assert_int_equal(strlen(newest().rest->text),
			n == SCHEMA_TRACE_TEXT_MAX - 5 ? SCHEMA_TRACE_TEXT_MAX : n);
	}
}

/* --- what goes --- */

static void
fill(size_t n, uint32_t life_sec)
{
	for (size_t i = 0; i < n; i++)
		enqueue((struct mail){.rcpt = {"x@out.test"}, .life_sec = life_sec});
}

static void
each_64th_row_takes_those_along_whose_time_is_over(void **state)
{
	(void)state;
	fill(APPLY_TRACE_TRIM_EVERY - 1, LIFE);
	g.time_sec += LIFE - 1;
	fill(1, LIFE);
	assert_int_equal(count(), APPLY_TRACE_TRIM_EVERY);
	g.time_sec += 1;
	fill(APPLY_TRACE_TRIM_EVERY - 1, LIFE);
	assert_int_equal(count(), 2 * APPLY_TRACE_TRIM_EVERY - 1);
	fill(1, LIFE);
	assert_int_equal(count(), APPLY_TRACE_TRIM_EVERY + 1);
	assert_int_equal(newest().t.index, g.index);
}

static void
trim(uint64_t rows_max, uint32_t limit)
{
	struct apply a = {.arena = &g.a, .time_sec = g.time_sec};

	assert_int_equal(db_begin(g.db, true, &a.txn), ERR_OK);
	assert_int_equal(apply_trace_trim(&a, rows_max, limit), ERR_OK);
	assert_int_equal(db_commit(a.txn), ERR_OK);
}

static void
rows_above_the_bound_go_the_oldest_first(void **state)
{
	uint64_t last;

	(void)state;
	fill(10, LIFE);
	last = newest().t.index;
	trim(10, 100);
	assert_int_equal(count(), 10);
	trim(9, 100);
	assert_int_equal(count(), 9);
	trim(5, 3);
	assert_int_equal(count(), 6);
	trim(0, 100);
	assert_int_equal(count(), 0);
	fill(1, LIFE);
	assert_int_equal(newest().t.index, last + 1);
}

static void
no_row_is_kept_for_more_than_the_longest_life(void **state)
{
	(void)state;
	fill(1, APPLY_TRACE_LIFE_MAX_SEC);
	fill(1, APPLY_TRACE_LIFE_MAX_SEC + 1);
	assert_int_equal(newest().t.life_sec, APPLY_TRACE_LIFE_MAX_SEC);
	g.time_sec += APPLY_TRACE_LIFE_MAX_SEC - 1;
	trim(100, 100);
	assert_int_equal(count(), 2);
	g.time_sec++;
	trim(100, 100);
	assert_int_equal(count(), 0);
}

static void
a_sweep_takes_what_is_over_where_no_mail_comes(void **state)
{
	Commands__Sweep sweep = COMMANDS__SWEEP__INIT;

	(void)state;
	fill(3, LIFE);
	sweep.limit = 2;
	assert_int_equal(PLAY(SWEEP, sweep, 0), COMMAND_DONE);
	assert_int_equal(count(), 3);
	g.time_sec += LIFE;
	assert_int_equal(PLAY(SWEEP, sweep, 0), COMMAND_DONE);
	assert_int_equal(count(), 1);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_mail_that_is_taken_in_says_from_whom_and_where),
		T(the_message_id_that_we_gave_it_counts_where_it_had_none),
		T(an_intake_that_cannot_be_read_is_left_out),
		T(the_item_keeps_nothing_of_where_it_came_in),
		T(a_mail_that_is_to_leave_no_trace_leaves_none),
		T(an_alias_is_expanded_and_its_mailbox_gets_it_with_a_uid),
		T(that_an_address_is_its_own_mailbox_is_not_told),
		T(a_step_that_is_refused_leaves_nothing),
		T(what_waits_for_a_hop_what_failed_and_what_was_sent_is_told),
		T(to_a_content_filter_it_is_handed_on),
		T(who_passes_the_engine_here_is_told_of_and_what_is_split_off),
		T(a_report_is_told_of_on_both_sides),
		T(who_wants_no_report_has_none_in_its_row),
		T(a_mail_that_comes_again_is_told_of_at_the_first_one),
		T(what_is_done_by_hand_is_told),
		T(the_recipients_that_are_named_by_hand_are_counted_and_the_first_is_named),
		T(an_adoption_and_a_return_are_told),
		T(a_text_is_cut_at_its_bound_and_never_within_a_character),
		T(a_group_names_as_many_members_as_there_is_room_for),
		T(each_64th_row_takes_those_along_whose_time_is_over),
		T(rows_above_the_bound_go_the_oldest_first),
		T(no_row_is_kept_for_more_than_the_longest_life),
		T(a_sweep_takes_what_is_over_where_no_mail_comes),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
