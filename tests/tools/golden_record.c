/* golden_record: plays every command that there is, refused ones too, and writes the lines of
 * tests/golden.h to standard output: `golden_record >tests/data/golden/vN.log`, once, when
 * version N of the commands is released. A file of a released version never changes. On
 * standard error: the types of commands of which none was done. */
#include <unistd.h>

#include "crypto/seal.h"
#include "store/schema.h"
#include "tests/golden.h"

enum { ACCOUNT = 77, OTHER = 78, NODE_B = 2 };

static struct golden g;
static uint64_t inbox, seq;
static bool done[1000];

static ProtobufCBinaryData
text(const char *s)
{
	return codec_bytes(slice_str(s));
}

static ProtobufCBinaryData
octets(size_t n)
{
	uint8_t *p = arena_alloc(&g.a, n);

	memset(p, (int)n, n);
	return (ProtobufCBinaryData){n, p};
}

static void
put_hex(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("%02x", p[i]);
}

static void
play(Commands__Command *c, uint64_t body)
{
	struct slice packed;

	g.index++;
	g.time_sec += 10;
	g.body = body;
	c->time_sec = g.time_sec;
	c->msec = (uint32_t)(g.index % 1000);
	c->node = g.node;
	c->boot = g.boot;
	c->seq = c->body_case == COMMANDS__COMMAND__BODY_BOOT_NODE ? 0 : ++seq;
	c->answered_below = seq > 3 ? seq - 2 : 0;
	packed = codec_pack(c, &g.a);
	golden_apply(&g, c);
	done[c->body_case] = done[c->body_case] || g.result.code == COMMAND_DONE;
	printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %u %" PRIu64 " %" PRIu64 " ", g.index,
		g.term, g.time_sec, g.node, g.boot, body);
	put_hex(packed.p, packed.n);
	putchar(' ');
	put_hex(g.digest, sizeof g.digest);
	putchar('\n');
}

/* PLAY(ENQUEUE, enqueue, payload octets): that member of the oneof, a local variable. */
#define PLAY(CASE, member, body)                                                               \
	do {                                                                                   \
		Commands__Command c_ = COMMANDS__COMMAND__INIT;                                \
		c_.body_case = COMMANDS__COMMAND__BODY_##CASE;                                 \
		c_.member = &member;                                                           \
		play(&c_, body);                                                               \
	} while (0)

static void
boot(uint32_t node, uint64_t life)
{
	Commands__Boot boot_node = COMMANDS__BOOT__INIT;

	g.node = node;
	g.boot = life;
	seq = 0;
	boot_node.version = 1;
	PLAY(BOOT_NODE, boot_node, 0);
}

static void
directory(void)
{
	Commands__DomainPut domain_put = COMMANDS__DOMAIN_PUT__INIT;
	Commands__Domain domain = COMMANDS__DOMAIN__INIT;
	Commands__DomainDel domain_del = COMMANDS__DOMAIN_DEL__INIT;
	Commands__Setting setting = COMMANDS__SETTING__INIT;
	Commands__AddressPut address_put = COMMANDS__ADDRESS_PUT__INIT;
	Commands__Address address = COMMANDS__ADDRESS__INIT;
	Commands__AddressDel address_del = COMMANDS__ADDRESS_DEL__INIT;
	ProtobufCBinaryData targets[] = {text("u@example.org"), text("far@example.net")};
	size_t n;

	domain_put.name = text("example.org");
	PLAY(DOMAIN_PUT, domain_put, 0);
	domain_put.create_only = true;
	PLAY(DOMAIN_PUT, domain_put, 0);
	domain_put.name = text("gone.example");
	domain.comment = "soon gone";
	n = commands__domain__get_packed_size(&domain);
	domain_put.record = octets(n);
	commands__domain__pack(&domain, domain_put.record.data);
	PLAY(DOMAIN_PUT, domain_put, 0);
	domain_del.name = text("gone.example");
	PLAY(DOMAIN_DEL, domain_del, 0);
	PLAY(DOMAIN_DEL, domain_del, 0);
	setting.name = "motto";
	setting.value = text("kept");
	PLAY(SETTING, setting, 0);
	setting.name = "bad name";
	PLAY(SETTING, setting, 0);
	address.kind = COMMANDS__ADDRESS__KIND__ALIAS;
	address.n_target = 2;
	address.target = targets;
	address_put.address = text("all@example.org");
	address_put.record = &address;
	PLAY(ADDRESS_PUT, address_put, 0);
	address.n_target = 1;
	address_put.mode = 2;
	PLAY(ADDRESS_PUT, address_put, 0);
	address_put.mode = 0;
	address_put.address = text("gone@example.org");
	PLAY(ADDRESS_PUT, address_put, 0);
	address_del.address = text("gone@example.org");
	address_del.kind = COMMANDS__ADDRESS__KIND__ALIAS;
	PLAY(ADDRESS_DEL, address_del, 0);
}

static void
account(uint64_t id, const char *name)
{
	Commands__AccountPut account_put = COMMANDS__ACCOUNT_PUT__INIT;
	Commands__Account record = COMMANDS__ACCOUNT__INIT;
	Commands__EpochNew epoch_new = COMMANDS__EPOCH_NEW__INIT;

	record.name = text(name);
	record.public_key = octets(32);
	record.quota_messages = 100;
	account_put.account = id;
	account_put.record = &record;
	account_put.wrapped_secret = octets(72);
	PLAY(ACCOUNT_PUT, account_put, 0);
	epoch_new.account = id;
	epoch_new.epoch = 5;
	epoch_new.sealed_key = octets(80);
	PLAY(EPOCH_NEW, epoch_new, 0);
	record.full_name = "A Person";
	account_put.mask = UINT32_MAX;
	account_put.wrapped_secret = (ProtobufCBinaryData){0, NULL};
	PLAY(ACCOUNT_PUT, account_put, 0);
}

static void
find_inbox(void)
{
	Commands__Account *r;
	struct schema_key k;
	struct slice row;
	struct db_txn *txn;

	must(!db_begin(g.db, false, &txn));
	must(!db_get(txn, DB_ACCOUNT, schema_u64(&k, ACCOUNT), &row));
	r = codec_unpack(&commands__account__descriptor, row, &g.a);
	must(r != NULL);
	inbox = r->inbox;
	db_abort(txn);
}

static Commands__Body *
body_of(uint64_t size)
{
	Commands__Body *body = arena_alloc(&g.a, sizeof *body);

	commands__body__init(body);
	body->size = size - 16;
	body->sealed_size = size;
	return body;
}

static void
mailboxes(void)
{
	Commands__MailboxCreate mailbox_create = COMMANDS__MAILBOX_CREATE__INIT;
	Commands__MailboxDelete mailbox_delete = COMMANDS__MAILBOX_DELETE__INIT;
	Commands__MailboxRename mailbox_rename = COMMANDS__MAILBOX_RENAME__INIT;
	Commands__Subscribe subscribe = COMMANDS__SUBSCRIBE__INIT;

	mailbox_create.account = ACCOUNT;
	mailbox_create.name = text("Work/2026");
	mailbox_create.subscribe = true;
	PLAY(MAILBOX_CREATE, mailbox_create, 0);
	PLAY(MAILBOX_CREATE, mailbox_create, 0);
	mailbox_rename.account = ACCOUNT;
	mailbox_rename.from = text("Work");
	mailbox_rename.to = text("Office");
	PLAY(MAILBOX_RENAME, mailbox_rename, 0);
	subscribe.account = ACCOUNT;
	subscribe.name = text("Office");
	subscribe.on = true;
	PLAY(SUBSCRIBE, subscribe, 0);
	mailbox_create.name = text("Passing");
	PLAY(MAILBOX_CREATE, mailbox_create, 0);
	mailbox_delete.account = ACCOUNT;
	mailbox_delete.name = text("Passing");
	PLAY(MAILBOX_DELETE, mailbox_delete, 0);
}

static void
append(uint64_t to, uint64_t upload)
{
	Commands__Append append = COMMANDS__APPEND__INIT;
	ProtobufCBinaryData keyword = text("$Label");

	append.account = ACCOUNT;
	append.mailbox = to;
	append.body = body_of(upload ? 600 : 500);
	append.body->upload = upload;
	append.flags = SCHEMA_SEEN;
	append.n_keyword = 1;
	append.keyword = &keyword;
	append.epoch = 5;
	append.wrapped_key = octets(SCHEMA_WRAPPED_KEY);
	append.sealed_head = octets(40);
	append.sealed_index = octets(60);
	append.head_size = 20;
	PLAY(APPEND, append, upload ? 0 : 500);
}

static void
messages(void)
{
	Commands__Chunk chunk = COMMANDS__CHUNK__INIT;
	Commands__FlagsStore flags_store = COMMANDS__FLAGS_STORE__INIT;
	Commands__Copy copy = COMMANDS__COPY__INIT;
	Commands__Expunge expunge = COMMANDS__EXPUNGE__INIT;
	Commands__StageOpen stage_open = COMMANDS__STAGE_OPEN__INIT;
	Commands__StageClose stage_close = COMMANDS__STAGE_CLOSE__INIT;
	Commands__Uids uids = COMMANDS__UIDS__INIT;
	uint32_t first = 1, last = 2;

	append(inbox, 0);
	append(inbox, 0);
	chunk.upload = 4711;
	PLAY(CHUNK, chunk, 400);
	chunk.n = 1;
	PLAY(CHUNK, chunk, 200);
	PLAY(CHUNK, chunk, 200);
	append(inbox, 4711);
	append(99, 0);
	uids.n_first = uids.n_last = 1;
	uids.first = &first;
	uids.last = &last;
	flags_store.mailbox = inbox;
	flags_store.uids = &uids;
	flags_store.mode = 1;
	flags_store.flags = SCHEMA_DELETED | SCHEMA_FLAGGED;
	PLAY(FLAGS_STORE, flags_store, 0);
	flags_store.unchanged_since = 2;
	PLAY(FLAGS_STORE, flags_store, 0);
	copy.mailbox = inbox;
	copy.to = inbox + 1;
	copy.uids = &uids;
	PLAY(COPY, copy, 0);
	copy.move = true;
	first = last = 3;
	PLAY(COPY, copy, 0);
	first = last = 1;
	expunge.mailbox = inbox;
	expunge.uids = &uids;
	PLAY(EXPUNGE, expunge, 0);
	stage_open.account = ACCOUNT;
	PLAY(STAGE_OPEN, stage_open, 0);
	stage_close.stage = g.result.id;
	append(stage_close.stage, 0);
	stage_close.to = inbox;
	PLAY(STAGE_CLOSE, stage_close, 0);
}

static Commands__Rcpt *
rcpt_of(const char *address, Commands__Stage stage)
{
	Commands__Rcpt *r = arena_alloc(&g.a, sizeof *r);

	commands__rcpt__init(r);
	r->address = text(address);
	r->stage = stage;
	return r;
}

static uint64_t
enqueue(const char *repeat_key)
{
	Commands__Enqueue enqueue = COMMANDS__ENQUEUE__INIT;
	Commands__Intake intake = COMMANDS__INTAKE__INIT;
	Commands__Rcpt *rcpt[] = {rcpt_of("u@example.org", COMMANDS__STAGE__STAGE_ROUTE),
		rcpt_of("all@example.org", COMMANDS__STAGE__STAGE_ROUTE),
		rcpt_of("far@example.net", COMMANDS__STAGE__STAGE_ROUTE)};

	enqueue.sender = text("bob@example.net");
	enqueue.rcpt = rcpt;
	enqueue.n_rcpt = 3;
	enqueue.body = body_of(500);
	enqueue.sealed_key = octets(100);
	enqueue.queue_key = 1;
	enqueue.sealed_head = octets(40);
	enqueue.sealed_index = octets(60);
	enqueue.head_size = 20;
	enqueue.repeat_key = text(repeat_key);
	enqueue.repeat_until_sec = g.time_sec + 1000;
	enqueue.message_id = text("<1@example.net>");
	enqueue.trace_life_sec = 86400;
	intake.kind = "mx";
	intake.at = "192.0.2.1:25";
	intake.client_address = octets(4);
	intake.client_port = 4711;
	intake.tls = "TLSv1.3";
	enqueue.intake = codec_bytes(codec_pack(&intake, &g.a));
	PLAY(ENQUEUE, enqueue, 500);
	return g.result.id;
}

static void
step(uint64_t item, uint32_t rcpt, Commands__Outcome outcome)
{
	Commands__Step step = COMMANDS__STEP__INIT;
	Commands__RcptStep one = COMMANDS__RCPT_STEP__INIT, *list = &one;
	Commands__Delivery delivery = COMMANDS__DELIVERY__INIT;
	Commands__Rcpt *into = rcpt_of("u@example.org", COMMANDS__STAGE__STAGE_DELIVER);

	delivery.account = into->account = ACCOUNT;
	delivery.mailbox = text("INBOX");
	delivery.epoch = 5;
	delivery.wrapped_key = octets(SCHEMA_WRAPPED_KEY);
	delivery.delivered_to = text("u@example.org");
	one.rcpt = rcpt;
	one.outcome = outcome;
	one.status = "4.2.2 for the record";
	one.next_try_sec = g.time_sec + 500;
	one.stage = COMMANDS__STAGE__STAGE_DELIVER;
	if (outcome == COMMANDS__OUTCOME__OUTCOME_RELAY)
		one.hop = text("smtp:example.net");
	if (outcome == COMMANDS__OUTCOME__OUTCOME_WAIT)
		one.hop = text("key:far@example.net");
	one.deadline_sec = g.time_sec + 5000;
	if (outcome == COMMANDS__OUTCOME__OUTCOME_DELIVER)
		one.delivery = &delivery;
	if (outcome == COMMANDS__OUTCOME__OUTCOME_EXPAND) {
		one.into = &into;
		one.n_into = 1;
		one.expanded_by = COMMANDS__ADDRESS__KIND__GROUP;
	}
	step.relay = "mx.example.net[192.0.2.5]:25";
	step.item = item;
	step.epoch = 1;
	step.step = &list;
	step.n_step = 1;
	PLAY(STEP, step, 0);
	/* The same again is stale. */
	PLAY(STEP, step, 0);
}

static void
queue_key(uint64_t id, Commands__QueueKey__Verb verb)
{
	Commands__QueueKey queue_key = COMMANDS__QUEUE_KEY__INIT;

	queue_key.id = id;
	queue_key.verb = verb;
	if (verb == COMMANDS__QUEUE_KEY__VERB__MAKE) {
		queue_key.public_key = octets(32);
		queue_key.wrapped_secret = octets(72);
	}
	PLAY(QUEUE_KEY, queue_key, 0);
}

static void
control(uint64_t item, Commands__QueueControl__Verb verb)
{
	Commands__QueueControl queue_control = COMMANDS__QUEUE_CONTROL__INIT;

	queue_control.item = item;
	queue_control.verb = verb;
	PLAY(QUEUE_CONTROL, queue_control, 0);
}

/* Two behind a next hop, which fails, answers, and gets rid of one. */
static void
hops(void)
{
	Commands__HopStep hop_step = COMMANDS__HOP_STEP__INIT;
	Commands__QueueControl queue_control = COMMANDS__QUEUE_CONTROL__INIT;
	uint64_t item = enqueue("repeat-c");

	step(item, 1, COMMANDS__OUTCOME__OUTCOME_RELAY);
	step(item, 2, COMMANDS__OUTCOME__OUTCOME_RELAY);
	step(item, 2, COMMANDS__OUTCOME__OUTCOME_DEFER);
	step(item, 2, COMMANDS__OUTCOME__OUTCOME_WARN);
	hop_step.node = 1;
	hop_step.epoch = 1;
	hop_step.name = text("smtp:example.net");
	hop_step.failed = true;
	hop_step.next_try_sec = g.time_sec + 300;
	hop_step.status = "4.4.1 no answer";
	PLAY(HOP_STEP, hop_step, 0);
	hop_step.failed = false;
	PLAY(HOP_STEP, hop_step, 0);
	hop_step.epoch = 9;
	PLAY(HOP_STEP, hop_step, 0);
	queue_control.item = item;
	queue_control.verb = COMMANDS__QUEUE_CONTROL__VERB__REROUTE;
	queue_control.hop = text("smtp:[smart.example.net]:25");
	PLAY(QUEUE_CONTROL, queue_control, 0);
	step(item, 1, COMMANDS__OUTCOME__OUTCOME_SENT);
	queue_control.hop = text("");
	PLAY(QUEUE_CONTROL, queue_control, 0);
}

/* An engine lets one wait, and makes a new text for another, which was decrypted. */
static void
engine_passes(uint64_t item)
{
	Commands__Step step = COMMANDS__STEP__INIT;
	Commands__RcptStep one = COMMANDS__RCPT_STEP__INIT, *list = &one;
	Commands__Passed passed = COMMANDS__PASSED__INIT;
	Commands__StepFact fact[2] = {COMMANDS__STEP_FACT__INIT, COMMANDS__STEP_FACT__INIT};
	Commands__StepFact *facts[] = {&fact[0], &fact[1]};
	uint32_t number = 1;

	one.rcpt = 1;
	one.outcome = COMMANDS__OUTCOME__OUTCOME_PASS;
	fact[0].text = "decrypted with AES-256-GCM";
	fact[1].text = "for one";
	fact[1].rcpt = &number;
	fact[1].n_rcpt = 1;
	passed.sealed_head = octets(50);
	passed.head_size = 26;
	passed.words = "in";
	passed.body = body_of(400);
	passed.sealed_key = octets(100);
	passed.queue_key = 1;
	passed.sealed_index = octets(70);
	passed.body_8bit = true;
	passed.body_hash = octets(32);
	passed.opened = octets(16);
	passed.opened_until_sec = g.time_sec + 2000;
	step.item = item;
	step.epoch = 1;
	step.step = &list;
	step.n_step = 1;
	step.passed = &passed;
	step.fact = facts;
	step.n_fact = 2;
	PLAY(STEP, step, 400);
	/* The same again is stale, and its body garbage. */
	PLAY(STEP, step, 400);
}

static void
engine(void)
{
	uint64_t item = enqueue("repeat-d");

	step(item, 2, COMMANDS__OUTCOME__OUTCOME_WAIT);
	engine_passes(item);
}

/* Fetched, fetched anew, one that is refused, one that says that it is over. */
static void
sts(void)
{
	Commands__StsPut sts_put = COMMANDS__STS_PUT__INIT;
	Commands__Sweep sweep = COMMANDS__SWEEP__INIT;

	sts_put.domain = text("example.net");
	sts_put.id = text("20261127");
	sts_put.policy = text("version: STSv1\r\n");
	sts_put.max_age_sec = 86400;
	PLAY(STS_PUT, sts_put, 0);
	sts_put.id = text("20261128");
	sts_put.max_age_sec = 604800;
	PLAY(STS_PUT, sts_put, 0);
	sts_put.max_age_sec = 31557601;
	PLAY(STS_PUT, sts_put, 0);
	sts_put.domain = text("over.example.net");
	sts_put.max_age_sec = 1;
	PLAY(STS_PUT, sts_put, 0);
	sweep.limit = 10;
	PLAY(SWEEP, sweep, 0);
	sts_put.max_age_sec = 0;
	PLAY(STS_PUT, sts_put, 0);
}

static Commands__Cert *
cert_of(size_t der, uint8_t key, uint32_t trust)
{
	Commands__Cert *cert = arena_alloc(&g.a, sizeof *cert);

	commands__cert__init(cert);
	cert->der = octets(der);
	cert->der.data[0] = 0x30; /* X.509 */
	cert->public_key = octets(32);
	cert->public_key.data[0] = key;
	cert->trust = trust;
	cert->until_sec = g.time_sec + 86400;
	return cert;
}

static void
certificate(const char *address, Commands__Cert *cert, bool hold)
{
	Commands__CertPut cert_put = COMMANDS__CERT_PUT__INIT;

	cert_put.address = text(address);
	cert_put.cert = cert;
	cert_put.hold = hold;
	PLAY(CERT_PUT, cert_put, 0);
}

/* Made, known, renewed, deleted; one that is refused. */
static void
private_keys(void)
{
	Commands__KeyPut key_put = COMMANDS__KEY_PUT__INIT;
	Commands__KeyDel key_del = COMMANDS__KEY_DEL__INIT;
	Commands__Key key = COMMANDS__KEY__INIT;
	ProtobufCBinaryData der = octets(300), also = text("v@example.org");
	Commands__Cert *own;

	key_put.id = 4711;
	key_put.record = &key;
	key_put.wrapped_secret = octets(72);
	key.kind = COMMANDS__KEY__KIND__SMIME;
	key.address = text("u@example.org");
	key.also = &also;
	key.n_also = 1;
	key.certificate = &der;
	key.n_certificate = 1;
	key.public_key = octets(91);
	key.sealed = octets(180);
	PLAY(KEY_PUT, key_put, 0);
	PLAY(KEY_PUT, key_put, 0);
	own = cert_of(300, 1, 4);
	own->key = 4711;
	certificate("u@example.org", own, true);
	key_put.wrapped_secret = octets(0);
	key.old = true;
	PLAY(KEY_PUT, key_put, 0);
	key_del.id = 4711;
	PLAY(KEY_DEL, key_del, 0);
	PLAY(KEY_DEL, key_del, 0);
	key_put.id = 4712;
	key_put.wrapped_secret = octets(72);
	key.kind = COMMANDS__KEY__KIND__DKIM_ED25519;
	PLAY(KEY_PUT, key_put, 0);
	key.address = text("example.org");
	key.n_also = 0;
	key.selector = "s1";
	PLAY(KEY_PUT, key_put, 0);
}

/* Copies of OpenPGP certificates: by hand, by mail, one that ended, another's. */
static void
copies(void)
{
	static const struct {
		size_t octets;
		uint8_t key;
		uint32_t trust;
		int64_t left_sec;
	} rows[] = {{211, 5, 4, 86400}, {212, 5, 1, 86400}, {213, 6, 1, 86400},
		{214, 6, 1, 86400}, {215, 5, 1, -1}, {216, 6, 1, 86400}};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		Commands__Cert *cert = cert_of(rows[i].octets, rows[i].key, rows[i].trust);

		cert->der.data[0] = 0x99;
		cert->until_sec = (uint64_t)((int64_t)g.time_sec + rows[i].left_sec);
		certificate("dora@example.net", cert, true);
	}
}

static void
gateway(void)
{
	Commands__CertDel cert_del = COMMANDS__CERT_DEL__INIT;
	Commands__TrustPut trust_put = COMMANDS__TRUST_PUT__INIT;
	Commands__Trust trust = COMMANDS__TRUST__INIT;
	Commands__PolicyPut policy_put = COMMANDS__POLICY_PUT__INIT;
	Commands__Policy policy = COMMANDS__POLICY__INIT;
	Commands__PolicySetting setting = COMMANDS__POLICY_SETTING__INIT, *list = &setting;

	private_keys();
	certificate("bob@example.net", cert_of(201, 1, 1), true);
	certificate("bob@example.net", cert_of(202, 1, 3), true);
	certificate("bob@example.net", cert_of(203, 2, 1), true);
	certificate("bob@example.net", cert_of(204, 3, 1), false);
	certificate("bob@example.net", cert_of(203, 2, 4), true);
	certificate("@example.net", cert_of(205, 4, 4), true);
	certificate("example.net", cert_of(205, 4, 4), true);
	copies();
	cert_del.address = text("bob@example.net");
	cert_del.sha256 = octets(32);
	PLAY(CERT_DEL, cert_del, 0);
	seal_sha256(codec_slice(cert_of(204, 3, 1)->der), cert_del.sha256.data);
	PLAY(CERT_DEL, cert_del, 0);
	trust_put.sha256 = octets(32);
	trust_put.record = &trust;
	trust.blocked = true;
	trust.comment = "stolen";
	PLAY(TRUST_PUT, trust_put, 0);
	trust.anchor = octets(300);
	PLAY(TRUST_PUT, trust_put, 0);
	policy_put.record = &policy;
	policy.setting = &list;
	policy.n_setting = 1;
	setting.name = "mode";
	setting.value = "must";
	PLAY(POLICY_PUT, policy_put, 0);
	policy_put.level = text(".example.net");
	PLAY(POLICY_PUT, policy_put, 0);
	policy_put.change = true;
	setting.name = "keep";
	setting.value = "2h";
	PLAY(POLICY_PUT, policy_put, 0);
	setting.name = "mode";
	setting.value = "";
	PLAY(POLICY_PUT, policy_put, 0);
	policy_put.record = NULL;
	PLAY(POLICY_PUT, policy_put, 0);
}

static Commands__Status *
status_of(Commands__Status__State state, uint64_t this_sec, uint32_t reason)
{
	Commands__Status *s = arena_alloc(&g.a, sizeof *s);

	commands__status__init(s);
	s->state = state;
	s->reason = reason;
	s->this_sec = this_sec;
	s->next_sec = this_sec + 86400;
	s->source = "http://ca.example.net/1.crl";
	s->why = state ? "" : "no answer";
	s->until_sec = g.time_sec + 5000;
	s->look_sec = g.time_sec + 1000;
	return s;
}

/* Heard for the first time; older; nothing; revoked for a time, good again, for good, and good
 * again, which isn't believed. An authority, one past its time, one too many. */
static void
revocation(void)
{
	Commands__StatusPut status_put = COMMANDS__STATUS_PUT__INIT;
	Commands__StatusEntry entry = COMMANDS__STATUS_ENTRY__INIT, *list = &entry;
	Commands__Authority authority = COMMANDS__AUTHORITY__INIT, *above = &authority;
	const Commands__Status__State said[] = {COMMANDS__STATUS__STATE__GOOD,
		COMMANDS__STATUS__STATE__REVOKED, COMMANDS__STATUS__STATE__UNKNOWN,
		COMMANDS__STATUS__STATE__REVOKED, COMMANDS__STATUS__STATE__GOOD,
		COMMANDS__STATUS__STATE__REVOKED, COMMANDS__STATUS__STATE__GOOD};
	const uint32_t at[] = {1000, 900, 0, 1000, 1001, 1002, 1003},
		       reason[] = {0, 1, 0, 6, 0, 1, 0};

	status_put.entry = &list;
	status_put.n_entry = 1;
	entry.sha256 = octets(32);
	for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
		entry.status = status_of(said[i], at[i], reason[i]);
		PLAY(STATUS_PUT, status_put, 0);
	}
	entry.status = status_of(COMMANDS__STATUS__STATE__GOOD, 1, 0);
	entry.status->until_sec = 0;
	PLAY(STATUS_PUT, status_put, 0);
	status_put.n_entry = 0;
	status_put.authority = &above;
	status_put.n_authority = 1;
	authority.der = octets(300);
	authority.until_sec = g.time_sec + 9000;
	PLAY(STATUS_PUT, status_put, 0);
	authority.until_sec = g.time_sec;
	PLAY(STATUS_PUT, status_put, 0);
}

/* To as many as an account may, to one more, and an hour later. */
static void
sending(void)
{
	Commands__Enqueue enqueue = COMMANDS__ENQUEUE__INIT;
	Commands__Rcpt *rcpt[] = {rcpt_of("u@example.org", COMMANDS__STAGE__STAGE_ROUTE),
		rcpt_of("far@example.net", COMMANDS__STAGE__STAGE_ROUTE)};

	enqueue.rcpt = rcpt;
	enqueue.n_rcpt = 2;
	enqueue.body = body_of(500);
	enqueue.sealed_key = octets(100);
	enqueue.queue_key = 1;
	enqueue.auth_account = ACCOUNT;
	enqueue.recipients_per_hour = 3;
	enqueue.recipients_per_day = 4;
	PLAY(ENQUEUE, enqueue, 500);
	PLAY(ENQUEUE, enqueue, 500);
	g.time_sec += 3600;
	PLAY(ENQUEUE, enqueue, 500);
	enqueue.n_rcpt = 1;
	g.time_sec += 3600;
	PLAY(ENQUEUE, enqueue, 500);
}

/* One of three passes the engine of this node, then the others. */
static void
passed(void)
{
	Commands__Rcpt *rcpt[] = {rcpt_of("u@example.org", COMMANDS__STAGE__STAGE_FILTER),
		rcpt_of("all@example.org", COMMANDS__STAGE__STAGE_FILTER),
		rcpt_of("far@example.net", COMMANDS__STAGE__STAGE_FILTER)};
	Commands__Enqueue enqueue = COMMANDS__ENQUEUE__INIT;
	ProtobufCBinaryData hop = text("local:");
	Commands__Step step = COMMANDS__STEP__INIT;
	Commands__RcptStep one[2] = {COMMANDS__RCPT_STEP__INIT, COMMANDS__RCPT_STEP__INIT};
	Commands__RcptStep *list[] = {&one[0], &one[1]};
	Commands__Passed passed = COMMANDS__PASSED__INIT;

	enqueue.rcpt = rcpt;
	enqueue.n_rcpt = 3;
	enqueue.body = body_of(500);
	enqueue.sealed_key = octets(100);
	enqueue.queue_key = 1;
	enqueue.filter = &hop;
	enqueue.n_filter = 1;
	for (int i = 0; i < 3; i++)
		rcpt[i]->filter = 1;
	PLAY(ENQUEUE, enqueue, 500);
	one[0].outcome = one[1].outcome = COMMANDS__OUTCOME__OUTCOME_PASS;
	one[0].rcpt = 1;
	passed.sealed_head = octets(50);
	passed.head_size = 30;
	step.item = g.result.id;
	step.epoch = 1;
	step.step = list;
	step.n_step = 1;
	step.passed = &passed;
	PLAY(STEP, step, 0);
	PLAY(STEP, step, 0);
	one[0].rcpt = 0;
	one[1].rcpt = 2;
	step.n_step = 2;
	PLAY(STEP, step, 0);
}

/* One that a content filter gets before it is routed: it waits for it, and is begun anew. */
static void
filtered(void)
{
	Commands__Rcpt *rcpt[] = {rcpt_of("u@example.org", COMMANDS__STAGE__STAGE_FILTER)};
	Commands__Enqueue enqueue = COMMANDS__ENQUEUE__INIT;
	Commands__QueueControl queue_control = COMMANDS__QUEUE_CONTROL__INIT;
	ProtobufCBinaryData hop = text("filter:[gw.example.org]:10025");

	enqueue.rcpt = rcpt;
	enqueue.n_rcpt = 1;
	enqueue.body = body_of(500);
	enqueue.sealed_key = octets(100);
	enqueue.queue_key = 1;
	enqueue.filter = &hop;
	enqueue.n_filter = rcpt[0]->filter = 1;
	enqueue.client_address = octets(4);
	enqueue.client_port = 4711;
	enqueue.protocol = "ESMTP";
	enqueue.login = "u@example.org";
	enqueue.source = "LOCAL";
	enqueue.ident = "4F";
	enqueue.body_hash = octets(32);
	enqueue.guard_ways = 1;
	PLAY(ENQUEUE, enqueue, 500);
	queue_control.item = g.result.id;
	step(queue_control.item, 0, COMMANDS__OUTCOME__OUTCOME_RELAY);
	queue_control.verb = COMMANDS__QUEUE_CONTROL__VERB__REROUTE;
	PLAY(QUEUE_CONTROL, queue_control, 0);
	hop = codec_bytes(SLICE_LIT("a\0b"));
	PLAY(ENQUEUE, enqueue, 500);
}

static void
queue(void)
{
	Commands__Lift lift = COMMANDS__LIFT__INIT;
	Commands__QueueReseal queue_reseal = COMMANDS__QUEUE_RESEAL__INIT;
	ProtobufCBinaryData key = text("repeat-b");
	uint64_t item, later;

	queue_key(1, COMMANDS__QUEUE_KEY__VERB__MAKE);
	item = enqueue("repeat-a");
	enqueue("repeat-a");
	later = enqueue("repeat-b");
	lift.n_repeat_key = 1;
	lift.repeat_key = &key;
	PLAY(LIFT, lift, 0);
	for (uint32_t i = 0; i < 3; i++) {
		step(item, i, COMMANDS__OUTCOME__OUTCOME_DELIVER);
		step(item, i, COMMANDS__OUTCOME__OUTCOME_DEFER);
	}
	step(later, 0, COMMANDS__OUTCOME__OUTCOME_EXPAND);
	step(later, 1, COMMANDS__OUTCOME__OUTCOME_FAIL);
	step(later, 2, COMMANDS__OUTCOME__OUTCOME_RELAY);
	step(later, 3, COMMANDS__OUTCOME__OUTCOME_MOVE);
	sending();
	hops();
	engine();
	sts();
	filtered();
	passed();
	queue_key(900, COMMANDS__QUEUE_KEY__VERB__MAKE);
	queue_key(1, COMMANDS__QUEUE_KEY__VERB__CLOSE);
	queue_reseal.item = later;
	queue_reseal.from = 1;
	queue_reseal.to = 900;
	queue_reseal.sealed_key = octets(100);
	queue_reseal.sealed_key.data[0] = 1;
	PLAY(QUEUE_RESEAL, queue_reseal, 0);
	control(later, COMMANDS__QUEUE_CONTROL__VERB__HOLD);
	control(later, COMMANDS__QUEUE_CONTROL__VERB__RELEASE);
	control(later, COMMANDS__QUEUE_CONTROL__VERB__RETRY);
	control(item, COMMANDS__QUEUE_CONTROL__VERB__DELETE);
	queue_key(1, COMMANDS__QUEUE_KEY__VERB__DESTROY);
}

static void
cluster(void)
{
	Commands__Adopt adopt = COMMANDS__ADOPT__INIT;
	Commands__Recall recall = COMMANDS__RECALL__INIT;
	Commands__Yield yield = COMMANDS__YIELD__INIT;
	Commands__ClusterVersion cluster_version = COMMANDS__CLUSTER_VERSION__INIT;
	Commands__DigestMark digest_mark = COMMANDS__DIGEST_MARK__INIT;
	Commands__DigestReport digest_report = COMMANDS__DIGEST_REPORT__INIT;
	Commands__Restored restored = COMMANDS__RESTORED__INIT;
	Commands__Rekey rekey = COMMANDS__REKEY__INIT;

	boot(NODE_B, 1000);
	adopt.node = 1;
	adopt.by = NODE_B;
	adopt.by_boot = 1000;
	adopt.seen_epoch = 1;
	adopt.term = g.term;
	PLAY(ADOPT, adopt, 0);
	PLAY(ADOPT, adopt, 0);
	boot(1, 2000);
	PLAY(RECALL, recall, 0);
	boot(NODE_B, 3000);
	yield.node = 1;
	yield.epoch = 3;
	PLAY(YIELD, yield, 0);
	PLAY(YIELD, yield, 0);
	PLAY(DIGEST_MARK, digest_mark, 0);
	digest_report.index = g.index;
	digest_report.digest = octets(32);
	PLAY(DIGEST_REPORT, digest_report, 0);
	rekey.wrapped_key = octets(72);
	PLAY(REKEY, rekey, 0);
	cluster_version.version = 2;
	PLAY(CLUSTER_VERSION, cluster_version, 0);
	cluster_version.version = 1;
	PLAY(CLUSTER_VERSION, cluster_version, 0);
	restored.uid_gap = 1000;
	PLAY(RESTORED, restored, 0);
}

static void
deletions(void)
{
	Commands__AccountDel account_del = COMMANDS__ACCOUNT_DEL__INIT;
	Commands__Sweep sweep = COMMANDS__SWEEP__INIT;

	account_del.account = OTHER;
	PLAY(ACCOUNT_DEL, account_del, 0);
	PLAY(ACCOUNT_DEL, account_del, 0);
	sweep.limit = 3;
	PLAY(SWEEP, sweep, 0);
	g.time_sec += 100000;
	sweep.limit = 200;
	PLAY(SWEEP, sweep, 0);
	account_del.account = ACCOUNT;
	PLAY(ACCOUNT_DEL, account_del, 0);
	PLAY(SWEEP, sweep, 0);
}

int
main(void)
{
	char dir[] = "/tmp/golden.XXXXXX", path[64];

	seal_init();
	must(mkdtemp(dir) != NULL);
	golden_open(&g, dir);
	g.term = 3;
	g.time_sec = 1700000000;
	boot(1, 500);
	directory();
	account(ACCOUNT, "u@example.org");
	account(OTHER, "other@example.org");
	find_inbox();
	mailboxes();
	messages();
	queue();
	gateway();
	revocation();
	cluster();
	deletions();
	for (unsigned i = 0; i < commands__command__descriptor.n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &commands__command__descriptor.fields[i];

		if (f->id >= COMMANDS__COMMAND__BODY_BOOT_NODE && !done[f->id])
			fprintf(stderr, "none was done: %s\n", f->name);
	}
	golden_close(&g);
	snprintf(path, sizeof path, "%s/data.mdb", dir);
	unlink(path);
	snprintf(path, sizeof path, "%s/data.mdb-lock", dir);
	unlink(path);
	rmdir(dir);
	return 0;
}
