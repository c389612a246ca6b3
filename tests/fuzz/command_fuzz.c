#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/codec.h"
#include "core/log.h"
#include "store/check.h"
#include "store/engine.h"
#include "store/raft_log.h"
#include "store/schema.h"
#include "store/vault.h"
#include "store/version.h"
#include "store/view_directory.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Log entries that nobody would propose: sequences of commands whose fields are small numbers,
 * ids that are there, and a few texts. Each is taken or refused; after all of them the database
 * holds every invariant that `store check` knows. */
enum { ACCOUNT = 77, COMMANDS = 40, DEPTH_MAX = 4, LIST_MAX = 3, BODY_ROOM = 70000, IDS = 8 };

static struct {
	struct slice in;
	uint64_t random;
	struct arena arena;
	struct engine *engine;
	char dir[64];
	uint64_t id[IDS]; /* that results named */
	unsigned ids;
} world;

#define NEEDS(what)                                                                            \
	do {                                                                                   \
		if (!(what)) {                                                                 \
			fprintf(stderr, "not so: %s\n", #what);                                \
			__builtin_trap();                                                      \
		}                                                                              \
	} while (0)

/* The input; where it ends, random octets that follow from it, so that short inputs make long
 * sequences too. */
static uint8_t
octet(void)
{
	uint8_t b;

	if (world.in.n) {
		b = world.in.p[0];
		world.in = slice_from(world.in, 1);
		world.random = (world.random ^ b) * UINT64_C(1099511628211);
		return b;
	}
	world.random ^= world.random << 13;
	world.random ^= world.random >> 7;
	world.random ^= world.random << 17;
	return (uint8_t)(world.random >> 24);
}

/* --- a message of any type, by its description --- */

/* Fields of these names mostly hold what is there. */
static uint64_t
number(const char *name)
{
	uint8_t b = octet();

	if (b < 160 && strcmp(name, "account") == 0)
		return ACCOUNT;
	if (b < 160 && (strcmp(name, "epoch") == 0 || strcmp(name, "queue_key") == 0))
		return 1;
	if (b < 160 && strcmp(name, "upload") == 0)
		return 0;
	if (b < 224 && (strcmp(name, "mailbox") == 0 || strcmp(name, "to") == 0 ||
			       strcmp(name, "stage") == 0 || strcmp(name, "item") == 0))
		return world.id[b % IDS];
	return b < 192 ? b % 4 : b < 240 ? world.id[b % IDS] : UINT64_MAX >> (b % 3 * 16);
}

static struct slice
text(const char *name)
{
	static const char *const names[] = {"", "INBOX", "a", "a/b", "a/b/c", "Sent"};
	static const char *const addresses[] = {"u0@example.org", "u1@example.org",
		"@example.org", "example.org", "x@outside.test"};
	bool is_key = strcmp(name, "wrapped_key") == 0;
	uint8_t b = octet(), *p;
	size_t n = is_key ? SCHEMA_WRAPPED_KEY : 32;

	if (b < 128 && !is_key && strstr("name mailbox from to keyword", name))
		return slice_str(names[b % (sizeof names / sizeof *names)]);
	if (b < 192 && !is_key)
		return slice_str(addresses[b % (sizeof addresses / sizeof *addresses)]);
	p = arena_alloc(&world.arena, n);
	memset(p, b, n);
	return slice_of(p, b > 250 ? n - 1 : n);
}

static void *message(const ProtobufCMessageDescriptor *d, unsigned depth);

static void
fill_value(const ProtobufCFieldDescriptor *f, void *to, unsigned depth)
{
	const ProtobufCEnumDescriptor *e;
	struct slice s;

	switch (f->type) {
	case PROTOBUF_C_TYPE_MESSAGE:
		*(void **)to = depth < DEPTH_MAX ? message(f->descriptor, depth + 1) : NULL;
		break;
	case PROTOBUF_C_TYPE_STRING:
		*(char **)to = arena_str(&world.arena, text(f->name));
		break;
	case PROTOBUF_C_TYPE_BYTES:
		s = text(f->name);
		*(ProtobufCBinaryData *)to = codec_bytes(s);
		break;
	case PROTOBUF_C_TYPE_ENUM:
		e = f->descriptor;
		*(int *)to = e->values[octet() % e->n_values].value;
		break;
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)to = octet() & 1;
		break;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_UINT64:
		*(uint64_t *)to = number(f->name);
		break;
	default:
		*(uint32_t *)to = (uint32_t)number(f->name);
	}
}

static size_t
size_of(const ProtobufCFieldDescriptor *f)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_MESSAGE:
	case PROTOBUF_C_TYPE_STRING:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_UINT64:
		return sizeof(uint64_t);
	default:
		return sizeof(uint32_t);
	}
}

static void
fill_list(const ProtobufCFieldDescriptor *f, uint8_t *m, unsigned depth)
{
	size_t n = octet() % (LIST_MAX + 1);
	uint8_t *list;

	if (depth >= DEPTH_MAX)
		n = 0;
	list = arena_zalloc(&world.arena, n * size_of(f) + 1);
	for (size_t i = 0; i < n; i++)
		fill_value(f, list + i * size_of(f), depth);
	memcpy(m + f->quantifier_offset, &n, sizeof n);
	memcpy(m + f->offset, &list, sizeof(void *));
}

static void *
message(const ProtobufCMessageDescriptor *d, unsigned depth)
{
	uint8_t *m = arena_zalloc(&world.arena, d->sizeof_message);

	d->message_init((ProtobufCMessage *)m);
	for (unsigned i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];

		if (f->label == PROTOBUF_C_LABEL_REPEATED)
			fill_list(f, m, depth);
		else if (f->type == PROTOBUF_C_TYPE_MESSAGE && octet() % 8 == 0)
			continue;
		else
			fill_value(f, m + f->offset, depth);
	}
	return m;
}

/* One of the oneof; who and when are the engine's to set. */
static Commands__Command *
command(void)
{
	const ProtobufCMessageDescriptor *d = &commands__command__descriptor;
	Commands__Command *c = arena_alloc(&world.arena, sizeof *c);
	const ProtobufCFieldDescriptor *f;

	commands__command__init(c);
	do
		f = &d->fields[octet() % d->n_fields];
	while (f->type != PROTOBUF_C_TYPE_MESSAGE);
	c->body_case = (Commands__Command__BodyCase)f->id;
	c->append = message(f->descriptor, 0);
	return c;
}

/* Mostly the body is as it is announced: what isn't is refused at once. */
static struct slice
body_of(Commands__Command *c)
{
	static const uint8_t octets[BODY_ROOM];
	static const size_t sizes[] = {0, 100, 20000, BODY_ROOM};
	size_t n = sizes[octet() % 4];
	bool may = c->body_case == COMMANDS__COMMAND__BODY_CHUNK ||
		   c->body_case == COMMANDS__COMMAND__BODY_STEP;
	Commands__Body *b = c->body_case == COMMANDS__COMMAND__BODY_APPEND    ? c->append->body
			    : c->body_case == COMMANDS__COMMAND__BODY_ENQUEUE ? c->enqueue->body
									      : NULL;

	if (!b && !may && octet() % 16)
		return SLICE_EMPTY;
	if (b && octet() % 8) {
		b->upload = 0;
		b->size = b->sealed_size = n;
	}
	return slice_of(octets, n);
}

/* --- the store --- */

static void
give_keys(void)
{
	struct seal_key key = {{1}};

	while (!engine_is_ready(world.engine))
		NEEDS(engine_set_key(world.engine, &key, slice_of(key.b, sizeof key.b)) ==
			ERR_OK);
}

static void
open_store(bool create)
{
	struct engine_options opt = {.dir = world.dir, .create = create};

	NEEDS(engine_open(&opt, &world.engine) == ERR_OK);
	give_keys();
}

static bool
has_items(void)
{
	struct db_txn *txn;
	struct slice k, v;
	enum err e;

	NEEDS(db_begin(engine_db(world.engine), false, &txn) == ERR_OK);
	e = db_first_from(txn, DB_ITEM, SLICE_EMPTY, &k, &v);
	db_abort(txn);
	return e != ERR_NOT_FOUND;
}

/* What is left to the proposer: whether an item needs a closed key still, and whether all
 * programs know the version that the cluster comes to. */
static void
spare_key(Commands__Command *c)
{
	if (c->body_case == COMMANDS__COMMAND__BODY_CLUSTER_VERSION)
		c->cluster_version->version %= VERSION_COMMANDS + 1;
	if (c->body_case == COMMANDS__COMMAND__BODY_QUEUE_KEY &&
		c->queue_key->verb == COMMANDS__QUEUE_KEY__VERB__DESTROY && has_items())
		c->queue_key->verb = COMMANDS__QUEUE_KEY__VERB__CLOSE;
}

static void
propose(Commands__Command *c, struct slice body)
{
	Commands__Result *r = NULL;
	enum err e = engine_propose_now(world.engine, c, body, &world.arena, &r);

	/* Nothing of the database's own. */
	NEEDS(e != ERR_IO && e != ERR_CORRUPT && e != ERR_FULL);
	if (!e && r->id)
		world.id[world.ids++ % IDS] = r->id;
}

static void
add_user(void)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__DomainPut domain = COMMANDS__DOMAIN_PUT__INIT;
	Commands__AccountPut put = COMMANDS__ACCOUNT_PUT__INIT;
	Commands__Account record = COMMANDS__ACCOUNT__INIT;
	Commands__EpochNew epoch = COMMANDS__EPOCH_NEW__INIT;
	Commands__QueueKey key = COMMANDS__QUEUE_KEY__INIT;

	domain.name = codec_bytes(slice_str("example.org"));
	c.body_case = COMMANDS__COMMAND__BODY_DOMAIN_PUT;
	c.domain_put = &domain;
	propose(&c, SLICE_EMPTY);
	record.name = codec_bytes(slice_str("u0@example.org"));
	record.public_key = codec_bytes(slice_str("01234567890123456789012345678901"));
	put.account = ACCOUNT;
	put.record = &record;
	put.wrapped_secret = codec_bytes(slice_str("a wrapped secret"));
	c.body_case = COMMANDS__COMMAND__BODY_ACCOUNT_PUT;
	c.account_put = &put;
	propose(&c, SLICE_EMPTY);
	epoch.account = ACCOUNT;
	epoch.epoch = 1;
	epoch.sealed_key = codec_bytes(slice_str("a sealed epoch key"));
	c.body_case = COMMANDS__COMMAND__BODY_EPOCH_NEW;
	c.epoch_new = &epoch;
	propose(&c, SLICE_EMPTY);
	key.id = 1;
	key.public_key = record.public_key;
	key.wrapped_secret = put.wrapped_secret;
	c.body_case = COMMANDS__COMMAND__BODY_QUEUE_KEY;
	c.queue_key = &key;
	propose(&c, SLICE_EMPTY);
}

/* The account's INBOX: the first id that commands name. */
static void
find_inbox(void)
{
	Commands__Account *r;
	struct db_txn *txn;

	NEEDS(db_begin(engine_db(world.engine), false, &txn) == ERR_OK);
	NEEDS(view_directory_account(txn, ACCOUNT, &world.arena, &r) == ERR_OK);
	for (world.ids = 0; world.ids < IDS; world.ids++)
		world.id[world.ids] = r->inbox;
	db_abort(txn);
}

static void
tend(void)
{
	bool more = true;

	NEEDS(engine_tend(world.engine) == ERR_OK);
	for (int i = 0; more && i < 100; i++)
		NEEDS(engine_turn(world.engine, &more) == ERR_OK);
}

static void
check(void)
{
	struct check_with with = {
		&engine_log(world.engine)->keys, vault_file(engine_vault(world.engine))};
	const struct check_report *r;
	struct check *c;
	bool done = false;

	NEEDS(check_begin(engine_db(world.engine), &with, &c) == ERR_OK);
	while (!done)
		NEEDS(check_step(c, 1000, &done) == ERR_OK);
	r = check_report(c);
	for (size_t i = 0; i < r->texts; i++)
		fprintf(stderr, "check: %s\n", r->text[i]);
	NEEDS(r->violations == 0);
	check_end(c);
}

static void
set_up(void)
{
	static bool begun;

	if (!begun) {
		begun = true;
		log_init("fuzz", "fuzz", LOG_LEVEL_ERROR);
		seal_init();
	}
	snprintf(world.dir, sizeof world.dir, "%s/command_fuzz.XXXXXX",
		access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	NEEDS(mkdtemp(world.dir));
	arena_init(&world.arena, 0);
	open_store(true);
	add_user();
	find_inbox();
}

static void
tear_down(void)
{
	struct dirent *d;
	DIR *dir = opendir(world.dir);

	NEEDS(dir);
	engine_close(world.engine);
	while ((d = readdir(dir)))
		if (d->d_name[0] != '.')
			unlinkat(dirfd(dir), d->d_name, 0);
	closedir(dir);
	NEEDS(rmdir(world.dir) == 0);
	arena_reset(&world.arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	Commands__Command *c;

	world.in = slice_of(p, n);
	world.random = UINT64_C(14695981039346656037);
	set_up();
	for (int i = 0; i < COMMANDS; i++) {
		c = command();
		spare_key(c);
		propose(c, body_of(c));
		if (octet() % 16 == 0)
			tend();
		if (octet() % 16 == 0) {
			engine_close(world.engine);
			open_store(false);
		}
	}
	tend();
	check();
	tear_down();
	return 0;
}
