/* golden: recorded commands with the digest of the state after each. A released command's
 * effect is frozen: whoever changes it, the digests say so.
 *
 * A file has a line for each entry: INDEX TERM TIME NODE BOOT BODY COMMAND DIGEST, numbers,
 * then hexadecimal digits; BODY is the size of its payload, which apply never reads. */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
#include "core/must.h"
#include "store/apply.h"

enum { GOLDEN_DIGEST = 32 };

struct golden {
	struct db *db;
	struct arena a;
	uint64_t index, term, time_sec, boot, body;
	uint32_t node;
	Commands__Result result; /* of the last one; its lists live until the next one */
	uint8_t digest[GOLDEN_DIGEST];
};

static inline void
golden_open(struct golden *g, const char *dir)
{
	struct db_options how = {.create = true};

	memset(g, 0, sizeof *g);
	arena_init(&g->a, 0);
	must(!db_open(&g->db, dir, &how));
}

static inline void
golden_close(struct golden *g)
{
	db_close(g->db);
	arena_reset(&g->a);
}

/* Applies it as entry g->index, and fills result and digest. */
static inline void
golden_apply(struct golden *g, const Commands__Command *c)
{
	struct apply_touched touched = {0};
	struct apply_secrets secrets = {0};
	struct db_txn *txn;
	struct apply a = {.arena = &g->a,
		.index = g->index,
		.term = g->term,
		.body_sealed_size = g->body,
		.time_sec = g->time_sec,
		.msec = c->msec,
		.node = g->node,
		.boot = g->boot,
		.touched = &touched,
		.secrets = &secrets,
		.result = &g->result};

	must(!db_begin(g->db, true, &txn));
	a.txn = txn;
	must(!apply_command(&a, c) && !db_digest(txn, g->digest) && !db_commit(txn));
}

static inline uint8_t *
golden_read_hex(struct arena *a, const char *text, size_t *n)
{
	size_t digits = strspn(text, "0123456789abcdef");
	uint8_t *p = arena_alloc(a, digits / 2 + 1);
	unsigned octet;

	*n = digits / 2;
	for (size_t i = 0; i < *n; i++) {
		must(sscanf(text + 2 * i, "%2x", &octet) == 1);
		p[i] = (uint8_t)octet;
	}
	return p;
}

#endif
