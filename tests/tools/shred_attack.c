/* shred_attack: what somebody can read who has an old copy of the database, today's data folder
 * and the master key. It asks nobody: it reads each page of the databases, those that are free
 * too, and each octet of every file, and tries every key on everything until nothing new opens.
 *
 *   shred_attack MASTER_KEY VAULT [--only KINDS] FILE...
 *
 * VAULT: its rows are unwrapped; with --only those of these kinds (letters of vault_image.h).
 * FILE: databases (data.mdb) and whatever else. Prints how much was opened, and the beginning
 * of each text. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/arena.h"
#include "core/codec.h"
#include "core/must.h"
#include "crypto/keyring.h"
#include "crypto/queue_seal.h"
#include "store/commands.pb-c.h"
#include "store/schema.h"
#include "store/vault_image.h"

enum {
	FILES_MAX = 16,
	PAGE = 4096,
	PAGE_HEAD = 16,
	NODE_HEAD = 8,
	LOG_ROW_HEAD = 81,
	TEXT_SHOWN = 400
};

/* A list that grows; each kind of thing has one. */
struct list {
	uint8_t *p;
	size_t n, room, size;
};
struct secret {
	uint8_t kind; /* enum vault_kind */
	uint64_t id;
	uint8_t key[32];
};
/* A secret that there was once, by its name. */
struct name {
	uint64_t kind, id;
};
struct node {
	struct slice key, value;
	bool opened;
};
struct epoch {
	uint64_t account, epoch;
	struct slice sealed;
	struct seal_key key;
	bool opened;
};
struct wrapped {
	uint64_t epoch;
	struct slice key;
};

/* A private key at rest, and octets that may be what it is sealed under, wrapped. */
struct private
{
	uint64_t id;
	struct slice sealed;
};
struct private_secret {
	uint64_t id;
	struct slice wrapped;
};

static struct list privates = {.size = sizeof(struct private)};
static struct list private_secrets = {.size = sizeof(struct private_secret)};
static struct list secrets = {.size = sizeof(struct secret)};
static struct list names = {.size = sizeof(struct name)};
static struct list nodes = {.size = sizeof(struct node)};
static struct list epochs = {.size = sizeof(struct epoch)};
static struct list wrapped_keys = {.size = sizeof(struct wrapped)};
static struct list boxes = {.size = sizeof(struct slice)}; /* data keys sealed to queue keys */
static struct list data_keys = {.size = sizeof(struct seal_key)};
static struct keyring *ring;
static struct arena arena;
static uint8_t cluster[VAULT_IMAGE_CLUSTER];
static size_t entries_opened;

#define EACH(type, name, list)                                                                 \
	for (type *name = (type *)(void *)(list).p;                                            \
		name && name < (type *)(void *)(list).p + (list).n; name++)

/* False: it was there already. */
static bool
add(struct list *l, const void *one)
{
	for (size_t i = 0; i < l->n; i++)
		if (!memcmp(l->p + i * l->size, one, l->size))
			return false;
	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 64;
		l->p = realloc(l->p, l->room * l->size);
		must(l->p);
	}
	memcpy(l->p + l->n++ * l->size, one, l->size);
	return true;
}

static struct slice
read_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *p;
	long n;

	if (!f || fseek(f, 0, SEEK_END) || (n = ftell(f)) < 0)
		must_fatal("%s: can't be read", path);
	rewind(f);
	p = must_alloc((size_t)n + 1);
	must(fread(p, 1, (size_t)n, f) == (size_t)n);
	fclose(f);
	return slice_of(p, (size_t)n);
}

/* --- secrets --- */

static void
keep_private(uint64_t id, const Commands__Key *key)
{
	struct private one = {id, key ? codec_slice(key->sealed) : SLICE_EMPTY};

	/* Many pages have the same one. */
	EACH(struct private, p, privates)
	{
		if (p->id == id && slice_eq(p->sealed, one.sealed))
			return;
	}
	if (one.sealed.n > SEAL_AEAD_EXTRA) {
		add(&privates, &one);
		add(&names, &(struct name){VAULT_KEY, id});
	}
}

/* Does it open a private key? True: one that nothing opened before. */
static bool
try_private(uint64_t id, struct slice wrapped)
{
	struct keyring_private opened;
	struct secret s;
	bool found = false;

	memset(&s, 0, sizeof s);
	s.kind = VAULT_KEY;
	s.id = id;
	EACH(struct private, p, privates)
	{
		if (p->id != id || keyring_open_private(ring, id, wrapped, p->sealed, &opened))
			continue;
		keyring_private_free(&opened);
		if (add(&secrets, &s)) {
			printf("private key %014llx\n", (unsigned long long)id);
			found = true;
		}
	}
	return found;
}

/* A wrapped one, if it is that. True: it opened, and is new. */
static bool
try_secret(uint8_t kind, uint64_t id, struct slice wrapped)
{
	struct secret s;
	struct seal_key key;
	uint8_t none[SEAL_WRAPPED];
	bool is_new;
	enum err e = ERR_SYNTAX;

	if (kind == VAULT_KEY)
		return try_private(id, wrapped);
	memset(&s, 0, sizeof s);
	s.kind = kind;
	s.id = id;
	if (kind == VAULT_LOG && wrapped.n) {
		e = keyring_log_key(ring, wrapped, &key, none, &is_new);
		memcpy(s.key, key.b, sizeof s.key);
		s.id = 0; /* whichever entries it is for */
	} else if (wrapped.n) {
		e = keyring_open_secret(ring,
			kind == VAULT_ACCOUNT ? KEYRING_ACCOUNT : KEYRING_QUEUE, id, wrapped,
			s.key);
	}
	return !e && add(&secrets, &s);
}

static void
read_vault(const char *path, const char *only)
{
	struct slice file = read_file(path);
	struct vault_row row;
	uint64_t at = 0;

	if (vault_image_check(file, NULL))
		must_fatal("%s: not a vault", path);
	memcpy(cluster, file.p + 24, sizeof cluster);
	while (vault_image_next(file, &at, &row)) {
		struct private_secret kept = {row.id, SLICE_EMPTY};

		if (only && !strchr(only, row.kind))
			continue;
		/* What it opens isn't read yet. */
		kept.wrapped = arena_dup(&arena, slice_of(row.secret, row.n));
		if (row.kind == VAULT_KEY)
			add(&private_secrets, &kept);
		else
			try_secret(row.kind, row.id, kept.wrapped);
	}
}

/* Every 72 octets anywhere: is that a secret of an account or a queue key that has a name here,
 * or a log key? */
static void
slide(struct slice file)
{
	static const uint8_t zeros[16];

	for (size_t at = 0; at + SEAL_WRAPPED <= file.n; at++) {
		struct slice window = slice_cut(file, at, at + SEAL_WRAPPED);

		if (!memcmp(window.p, zeros, sizeof zeros))
			continue;
		EACH(struct name, name, names)
		{
			try_secret((uint8_t)name->kind, name->id, window);
		}
	}
}

/* --- pages of LMDB --- */

static uint16_t
get_u16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

/* The value of a node, from its own page or from the pages that it names. */
static struct slice
value_of(struct slice file, const uint8_t *node, size_t left, size_t key_n)
{
	enum { BIG = 1 };
	size_t n = get_u16(node) | (size_t)get_u16(node + 2) << 16;
	uint64_t page;

	if (!(get_u16(node + 4) & BIG))
		return slice_cut(
			slice_of(node, left), NODE_HEAD + key_n, NODE_HEAD + key_n + n);
	if (left < NODE_HEAD + key_n + 8)
		return SLICE_EMPTY;
	memcpy(&page, node + NODE_HEAD + key_n, sizeof page);
	if (page >= file.n / PAGE)
		return SLICE_EMPTY;
	return slice_cut(file, page * PAGE + PAGE_HEAD, page * PAGE + PAGE_HEAD + n);
}

/* Each node of each page that is a leaf, whether somebody can reach it or not. */
static void
read_pages(struct slice file)
{
	enum { LEAF = 2, FLAGS_AT = 10, LOWER_AT = 12 };

	for (size_t at = 0; at + PAGE <= file.n; at += PAGE) {
		const uint8_t *page = file.p + at;
		size_t lower = get_u16(page + LOWER_AT);

		if (get_u16(page + FLAGS_AT) != LEAF || lower > PAGE)
			continue;
		for (size_t slot = PAGE_HEAD; slot + 2 <= lower; slot += 2) {
			size_t from = get_u16(page + slot), left = PAGE - from, key_n;
			struct node node = {0};

			if (from < lower || left < NODE_HEAD)
				continue;
			key_n = get_u16(page + from + 6);
			node.key = slice_cut(
				slice_of(page + from, left), NODE_HEAD, NODE_HEAD + key_n);
			node.value = value_of(file, page + from, left, key_n);
			if (node.value.n)
				add(&nodes, &node);
		}
	}
}

/* --- what a command or a row holds --- */

static void
keep_epoch(uint64_t account, uint64_t epoch, struct slice sealed)
{
	struct epoch e;

	memset(&e, 0, sizeof e);
	e.account = account;
	e.epoch = epoch;
	e.sealed = sealed;
	if (sealed.n == KEYRING_EPOCH_SEALED) {
		add(&epochs, &e);
		add(&names, &(struct name){VAULT_ACCOUNT, account});
	}
}

static void
keep_wrapped(uint64_t epoch, struct slice key)
{
	struct wrapped w = {epoch, key};

	if (key.n == SEAL_WRAPPED)
		add(&wrapped_keys, &w);
}

static void
keep_box(const Commands__Enqueue *q)
{
	struct slice box = q ? codec_slice(q->sealed_key) : SLICE_EMPTY;

	if (box.n == QUEUE_SEAL_SIZE) {
		add(&boxes, &box);
		add(&names, &(struct name){VAULT_QUEUE, q->queue_key});
	}
}

static bool
harvest(const Commands__Command *c)
{
	switch ((int)c->body_case) {
	case COMMANDS__COMMAND__BODY_ACCOUNT_PUT:
		return try_secret(VAULT_ACCOUNT, c->account_put->account,
			codec_slice(c->account_put->wrapped_secret));
	case COMMANDS__COMMAND__BODY_QUEUE_KEY:
		return try_secret(VAULT_QUEUE, c->queue_key->id,
			codec_slice(c->queue_key->wrapped_secret));
	case COMMANDS__COMMAND__BODY_KEY_PUT:
		keep_private(c->key_put->id, c->key_put->record);
		return try_secret(
			VAULT_KEY, c->key_put->id, codec_slice(c->key_put->wrapped_secret));
	case COMMANDS__COMMAND__BODY_REKEY:
		return try_secret(VAULT_LOG, 0, codec_slice(c->rekey->wrapped_key));
	case COMMANDS__COMMAND__BODY_EPOCH_NEW:
		keep_epoch(c->epoch_new->account, c->epoch_new->epoch,
			codec_slice(c->epoch_new->sealed_key));
		return false;
	case COMMANDS__COMMAND__BODY_ENQUEUE:
		keep_box(c->enqueue);
		return false;
	case COMMANDS__COMMAND__BODY_APPEND:
		keep_wrapped(c->append->epoch, codec_slice(c->append->wrapped_key));
		return false;
	case COMMANDS__COMMAND__BODY_STEP:
		keep_box(c->step->bounce);
		for (size_t i = 0; i < c->step->n_step; i++)
			if (c->step->step[i]->delivery)
				keep_wrapped(c->step->step[i]->delivery->epoch,
					codec_slice(c->step->step[i]->delivery->wrapped_key));
		return false;
	default:
		return false;
	}
}

/* A log entry (store/raft_log.h), by one log key. True: it held a new secret. */
static bool
try_entry(struct node *node, const struct secret *log_key)
{
	uint8_t aad[16 + 8 + 8 + 1 + 32];
	struct slice row = node->value;
	Commands__Command *c;
	struct seal_key key;
	struct buf plain;
	bool found = false;

	memcpy(key.b, log_key->key, sizeof key.b);
	memcpy(aad, cluster, 16);
	memcpy(aad + 16, node->key.p, 8);
	memcpy(aad + 24, row.p, 8);
	aad[32] = row.p[8];
	memcpy(aad + 33, row.p + 17, 32);
	buf_init(&plain, row.n + 1);
	if (!seal_box_key_open(
		    &key, slice_of(aad, sizeof aad), slice_from(row, LOG_ROW_HEAD), &plain)) {
		node->opened = true;
		entries_opened++;
		c = codec_unpack(&commands__command__descriptor,
			arena_dup(&arena, buf_slice(&plain)), &arena);
		found = c && harvest(c);
	}
	buf_fini(&plain);
	return found;
}

static void
read_row(const struct node *node)
{
	struct schema_message m;
	Commands__Item *item;

	if (node->key.n == 12 && schema_message_read(node->value, &m))
		keep_wrapped(m.epoch, m.wrapped_key);
	if (node->key.n == 16)
		keep_epoch(schema_get_u64(node->key.p), schema_get_u64(node->key.p + 8),
			node->value);
	if (node->key.n != 8)
		return;
	keep_private(schema_get_u64(node->key.p),
		codec_unpack(&commands__key__descriptor, node->value, &arena));
	item = codec_unpack(&commands__item__descriptor, node->value, &arena);
	if (item)
		keep_box(item->envelope);
}

static bool
open_log_with(const struct secret *log_key)
{
	bool found = false;

	EACH(struct node, node, nodes)
	{
		if (!node->opened && node->key.n == 8 && node->value.n > LOG_ROW_HEAD)
			found |= try_entry(node, log_key);
	}
	return found;
}

/* Until no log entry brings a secret any more: a log key may be in an entry. */
static void
open_log(void)
{
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = 0; i < secrets.n; i++) {
			struct secret s = ((struct secret *)(void *)secrets.p)[i];

			if (s.kind == VAULT_LOG)
				again |= open_log_with(&s);
		}
	}
}

/* --- from secrets to texts --- */

static void
open_epochs(void)
{
	struct seal_pair pair;

	EACH(struct secret, s, secrets)
	{
		if (s->kind != VAULT_ACCOUNT)
			continue;
		memcpy(pair.secret, s->key, sizeof pair.secret);
		seal_pair_public(&pair);
		EACH(struct epoch, e, epochs)
		{
			if (!e->opened)
				e->opened = !seal_to_open(&pair, e->sealed, e->key.b);
		}
	}
}

static void
open_data_keys(void)
{
	struct queue_seal_opener *opener = queue_seal_opener_new();
	struct seal_aad aad;
	struct seal_key key;
	struct seal_pair pair;

	EACH(struct wrapped, w, wrapped_keys)
	EACH(struct epoch, e, epochs)
	if (e->opened && e->epoch == w->epoch &&
		!seal_unwrap(&e->key, seal_aad_epoch(&aad, e->account, e->epoch), w->key, &key))
		add(&data_keys, &key);
	EACH(struct secret, s, secrets)
	{
		if (s->kind != VAULT_QUEUE)
			continue;
		memcpy(pair.secret, s->key, sizeof pair.secret);
		seal_pair_public(&pair);
		EACH(struct slice, box, boxes)
		{
			if (!queue_seal_open(opener, &pair, *box, &key))
				add(&data_keys, &key);
		}
	}
	queue_seal_opener_free(opener);
}

static void
show(const uint8_t *text, size_t n)
{
	printf("text: ");
	for (size_t i = 0; i < n && i < TEXT_SHOWN; i++)
		putchar(isprint(text[i]) ? text[i] : ' ');
	putchar('\n');
}

static const struct node *
find_body_row(const uint8_t *index, uint32_t row)
{
	EACH(struct node, node, nodes)
	{
		if (node->key.n == 12 && !memcmp(node->key.p, index, 8) &&
			schema_get_u32(node->key.p + 8) == row)
			return node;
	}
	return NULL;
}

static void
try_body(struct slice part)
{
	static uint8_t text[SEAL_PART_PLAIN];

	EACH(struct seal_key, key, data_keys)
	{
		if (!seal_part_open(key, 0, true, part, text) ||
			!seal_part_open(key, 0, false, part, text))
			show(text, part.n - SEAL_TAG);
	}
}

/* A body lies in one row or in several. */
static void
open_bodies(void)
{
	static uint8_t part[SEAL_PART];

	EACH(struct node, node, nodes)
	{
		const struct node *row = node;
		size_t n = 0;

		if (node->key.n != 12 || schema_get_u32(node->key.p + 8) != 0)
			continue;
		for (uint32_t i = 1; row && row->value.n <= sizeof part - n; i++) {
			memcpy(part + n, row->value.p, row->value.n);
			n += row->value.n;
			if (n >= SEAL_TAG)
				try_body(slice_of(part, n));
			row = find_body_row(node->key.p, i);
		}
	}
}

static size_t
count(uint8_t kind)
{
	size_t n = 0;

	EACH(struct secret, s, secrets)
	{
		n += s->kind == kind;
	}
	return n;
}

int
main(int argc, char **argv)
{
	struct slice file[FILES_MAX];
	struct seal_key master;
	const char *only = NULL;
	int first = 3, files;

	if (argc > 4 && !strcmp(argv[3], "--only")) {
		only = argv[4];
		first = 5;
	}
	files = argc - first;
	if (files < 1 || files > FILES_MAX)
		must_fatal("usage: shred_attack MASTER_KEY VAULT [--only KINDS] FILE...");
	seal_init();
	arena_init(&arena, 1 << 20);
	if (keyring_parse_master(read_file(argv[1]), &master))
		must_fatal("%s: not a master key", argv[1]);
	ring = keyring_new(&master);
	add(&names, &(struct name){VAULT_LOG, 0});
	read_vault(argv[2], only);
	for (int i = 0; i < files; i++) {
		file[i] = read_file(argv[first + i]);
		read_pages(file[i]);
	}
	EACH(struct node, node, nodes)
	{
		read_row(node);
	}
	EACH(struct private_secret, kept, private_secrets)
	{
		try_private(kept->id, kept->wrapped);
	}
	open_log();
	for (int i = 0; i < files; i++)
		slide(file[i]);
	open_log();
	open_epochs();
	open_data_keys();
	open_bodies();
	printf("opened: %zu account secrets, %zu queue secrets, %zu log keys, %zu log entries, "
	       "%zu data keys\n",
		count(VAULT_ACCOUNT), count(VAULT_QUEUE), count(VAULT_LOG), entries_opened,
		data_keys.n);
	return 0;
}
