#include "crypto/peer_join.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* What comes from strangers: tokens, requests, answers, sealed secrets. What parses is packed
 * again and must parse to the same; no MAC is ever good. */
static void
play_request(struct slice in, struct arena *a)
{
	static const uint8_t secret[PEER_JOIN_SECRET] = {1};
	struct peer_join_request r, again;
	struct buf b;

	if (peer_join_request_parse(in, a, &r))
		return;
	if (peer_join_mac_is_good(secret, &r, SLICE_LIT("binding")))
		__builtin_trap();
	buf_init(&b, 2 * PEER_JOIN_REQUEST_MAX);
	if (peer_join_request_pack(&r, &b) ||
		peer_join_request_parse(buf_slice(&b), a, &again) ||
		!slice_eq(r.name, again.name) || !slice_eq(r.node_key, again.node_key))
		__builtin_trap();
	buf_fini(&b);
}

static void
play_answer(struct slice in, struct arena *a)
{
	static const uint8_t secret[PEER_JOIN_SECRET] = {1};
	struct peer_join_answer w;

	if (!peer_join_answer_parse(in, a, &w) &&
		peer_join_answer_is_good(secret, &w, SLICE_LIT("mac")))
		__builtin_trap();
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const uint8_t secret[PEER_JOIN_SECRET] = {1};
	static struct seal_pair box;
	struct slice in = slice_of(p, n);
	struct peer_join_sealed sealed = {secret, &box, SLICE_LIT("mac"), in};
	struct peer_join_secrets s;
	struct peer_join_token t;
	struct arena a;

	if (!box.secret[0]) {
		seal_init();
		seal_pair_new(&box);
		box.secret[0] |= 1;
		seal_pair_public(&box);
	}
	arena_init(&a, 0);
	peer_join_parse(in, &t);
	peer_join_is_address(in);
	play_request(in, &a);
	play_answer(in, &a);
	if (!peer_join_open(&sealed, &a, &s))
		__builtin_trap();
	arena_reset(&a);
	return 0;
}
