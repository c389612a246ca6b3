#include "crypto/peer_join.h"

#include "core/big_endian.h"
#include "core/codec.h"
#include "core/ip_network.h"
#include "crypto/peer_join.pb-c.h"

enum { SUM = 4, SPKI_MIN = 32, PORT_DIGITS = 5, TOKEN_OCTETS = PEER_JOIN_TEXT_MAX * 3 / 4 };

static const char magic[] = "hairpin-join-1-";

struct secret_memory {
	void *p;
	size_t n;
};

static void
wipe(void *arg)
{
	const struct secret_memory *m = arg;

	seal_wipe(m->p, m->n);
}

/* The arena's reset wipes it. */
static void
wipe_later(struct arena *a, struct slice s)
{
	struct secret_memory *m = arena_alloc(a, sizeof *m);

	*m = (struct secret_memory){(void *)(uintptr_t)s.p, s.n};
	arena_hook(a, wipe, m);
}

/* --- the token --- */

/* RFC 4648 section 5, without padding: one word, that a double click marks. */
static bool
put_word(struct slice octets, struct buf *out)
{
	struct buf b;
	bool ok;

	buf_init(&b, PEER_JOIN_TEXT_MAX);
	ok = seal_b64(octets, &b);
	for (size_t i = 0; i < b.n && b.p[i] != '='; i++)
		ok = ok && buf_put_u8(out, b.p[i] == '+' ? '-' : b.p[i] == '/' ? '_' : b.p[i]);
	buf_fini_secret(&b);
	return ok;
}

static enum err
read_word(struct slice text, struct buf *out)
{
	struct buf b;
	enum err e = ERR_OK;

	buf_init(&b, PEER_JOIN_TEXT_MAX + 4);
	for (size_t i = 0; i < text.n && !e; i++) {
		if (text.p[i] == '+' || text.p[i] == '/' || text.p[i] == '=')
			e = ERR_CORRUPT;
		buf_put_u8(&b, text.p[i] == '-' ? '+' : text.p[i] == '_' ? '/' : text.p[i]);
	}
	while (b.n % 4)
		buf_put_u8(&b, '=');
	if (!e && (b.overflow || seal_b64_open(buf_slice(&b), out)))
		e = ERR_CORRUPT;
	buf_fini_secret(&b);
	return e;
}

/* Against slips in copying; against forgery stand the MACs. */
static void
checksum(struct slice octets, uint8_t sum[SUM])
{
	const struct slice parts[] = {SLICE_LIT("hairpin join token"), octets};
	uint8_t hash[SEAL_HASH];

	seal_hash(NULL, parts, 2, hash);
	memcpy(sum, hash, SUM);
}

static struct slice
pack_token(const struct peer_join_token *t, struct arena *a)
{
	PeerJoin__Token m = PEER_JOIN__TOKEN__INIT;
	char *address[PEER_JOIN_ADDRESSES_MAX];

	m.id = codec_bytes(slice_of(t->id, sizeof t->id));
	m.until_sec = t->until_sec;
	m.arbiter = t->arbiter;
	m.authority = codec_bytes(slice_of(t->authority, sizeof t->authority));
	m.secret = codec_bytes(slice_of(t->secret, sizeof t->secret));
	m.n_address = t->addresses;
	m.address = address;
	for (size_t i = 0; i < t->addresses; i++)
		address[i] = (char *)(uintptr_t)t->address[i];
	return codec_pack(&m, a);
}

enum err
peer_join_format(const struct peer_join_token *t, struct buf *out)
{
	uint8_t sum[SUM];
	struct slice packed;
	struct arena a;
	struct buf b;
	bool ok;

	arena_init(&a, 0);
	buf_init(&b, TOKEN_OCTETS);
	packed = pack_token(t, &a);
	wipe_later(&a, packed);
	buf_put_slice(&b, packed);
	checksum(buf_slice(&b), sum);
	ok = buf_put(&b, sum, SUM) && buf_put_str(out, magic) && put_word(buf_slice(&b), out);
	buf_fini_secret(&b);
	arena_reset(&a);
	return ok ? ERR_OK : ERR_LIMIT;
}

static bool
is_octets(ProtobufCBinaryData d, size_t n)
{
	return d.len == n;
}

static enum err
take_token(const PeerJoin__Token *m, struct peer_join_token *t)
{
	if (!is_octets(m->id, sizeof t->id) || !is_octets(m->authority, sizeof t->authority) ||
		!is_octets(m->secret, sizeof t->secret) || !m->n_address ||
		m->n_address > PEER_JOIN_ADDRESSES_MAX)
		return ERR_SYNTAX;
	for (size_t i = 0; i < m->n_address; i++)
		if (!peer_join_is_address(slice_str(m->address[i])))
			return ERR_SYNTAX;
	*t = (struct peer_join_token){
		.until_sec = m->until_sec, .arbiter = m->arbiter, .addresses = m->n_address};
	memcpy(t->id, m->id.data, sizeof t->id);
	memcpy(t->authority, m->authority.data, sizeof t->authority);
	memcpy(t->secret, m->secret.data, sizeof t->secret);
	for (size_t i = 0; i < m->n_address; i++)
		memcpy(t->address[i], m->address[i], strlen(m->address[i]) + 1);
	return ERR_OK;
}

enum err
peer_join_parse(struct slice text, struct peer_join_token *t)
{
	const PeerJoin__Token *m;
	uint8_t sum[SUM];
	struct slice packed;
	struct arena a;
	struct buf b;
	enum err e;

	text = slice_trim(text);
	if (!slice_starts(text, slice_str(magic)) || text.n > PEER_JOIN_TEXT_MAX)
		return ERR_SYNTAX;
	arena_init(&a, 0);
	buf_init(&b, PEER_JOIN_TEXT_MAX);
	e = read_word(slice_from(text, sizeof magic - 1), &b);
	packed = slice_cut(buf_slice(&b), 0, b.n > SUM ? b.n - SUM : 0);
	checksum(packed, sum);
	if (!e && (!packed.n || !seal_equal(sum, b.p + packed.n, SUM)))
		e = ERR_CORRUPT;
	m = e ? NULL : codec_unpack(&peer_join__token__descriptor, packed, &a);
	if (m)
		wipe_later(&a, codec_slice(m->secret));
	if (!e)
		e = m ? take_token(m, t) : ERR_SYNTAX;
	buf_fini_secret(&b);
	arena_reset(&a);
	return e;
}

bool
peer_join_is_address(struct slice text)
{
	struct ip_network net;
	struct slice host = text;
	size_t colon = text.n;
	uint64_t port;

	while (colon && text.p[colon - 1] != ':')
		colon--;
	if (!colon || text.n >= PEER_JOIN_ADDRESS_MAX || text.n - colon > PORT_DIGITS ||
		!slice_u64(slice_from(text, colon), 65535, &port) || !port)
		return false;
	host.n = colon - 1;
	if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		host = slice_cut(host, 1, host.n - 1);
	else if (slice_has(host, ':'))
		return false;
	return slice_find(host, '/') == host.n && !ip_network_parse(host, &net);
}

/* --- MACs --- */

/* A key of its own for each use of the secret. */
static void
key_for(const uint8_t secret[PEER_JOIN_SECRET], const char *use, struct seal_key *key)
{
	const struct slice parts[] = {SLICE_LIT("hairpin join 1 "),
		slice_of(secret, PEER_JOIN_SECRET), slice_str(use)};

	seal_hash(NULL, parts, 3, key->b);
}

/* With its length before it: where one part ends and the next begins is covered too. */
static void
add_part(struct seal_hasher *h, struct slice s)
{
	uint8_t n[8];

	big_endian_put_u64(n, s.n);
	seal_hasher_add(h, slice_of(n, sizeof n));
	seal_hasher_add(h, s);
}

static void
add_number(struct seal_hasher *h, uint64_t v)
{
	uint8_t n[8];

	big_endian_put_u64(n, v);
	add_part(h, slice_of(n, sizeof n));
}

void
peer_join_mac(const uint8_t secret[PEER_JOIN_SECRET], const struct peer_join_request *r,
	struct slice binding, uint8_t mac[PEER_JOIN_MAC])
{
	struct seal_hasher h;
	struct seal_key key;

	key_for(secret, "request", &key);
	seal_hasher_init(&h, &key);
	add_part(&h, r->token);
	add_number(&h, r->until_sec);
	add_number(&h, r->arbiter);
	add_part(&h, r->name);
	add_part(&h, r->address);
	add_part(&h, r->node_key);
	add_part(&h, r->box_key);
	add_part(&h, binding);
	seal_hasher_done(&h, mac);
	seal_wipe(&key, sizeof key);
}

bool
peer_join_mac_is_good(const uint8_t secret[PEER_JOIN_SECRET], const struct peer_join_request *r,
	struct slice binding)
{
	uint8_t mac[PEER_JOIN_MAC];

	/* Without a binding any connection would do. */
	if (r->mac.n != sizeof mac || !binding.n)
		return false;
	peer_join_mac(secret, r, binding, mac);
	return seal_equal(mac, r->mac.p, sizeof mac);
}

void
peer_join_answer_mac(const uint8_t secret[PEER_JOIN_SECRET], const struct peer_join_answer *w,
	struct slice request_mac, uint8_t mac[PEER_JOIN_MAC])
{
	struct seal_hasher h;
	struct seal_key key;

	key_for(secret, "answer", &key);
	seal_hasher_init(&h, &key);
	add_part(&h, request_mac);
	add_part(&h, w->authority);
	add_part(&h, w->certificate);
	add_part(&h, w->sealed);
	seal_hasher_done(&h, mac);
	seal_wipe(&key, sizeof key);
}

bool
peer_join_answer_is_good(const uint8_t secret[PEER_JOIN_SECRET],
	const struct peer_join_answer *w, struct slice request_mac)
{
	uint8_t mac[PEER_JOIN_MAC];

	if (w->mac.n != sizeof mac)
		return false;
	peer_join_answer_mac(secret, w, request_mac, mac);
	return seal_equal(mac, w->mac.p, sizeof mac);
}

/* --- the question --- */

static enum err
put_packed(const void *message, struct buf *out)
{
	struct arena a;
	bool ok;

	arena_init(&a, 0);
	ok = buf_put_slice(out, codec_pack(message, &a));
	arena_reset(&a);
	return ok ? ERR_OK : ERR_LIMIT;
}

enum err
peer_join_request_pack(const struct peer_join_request *r, struct buf *out)
{
	PeerJoin__Request m = PEER_JOIN__REQUEST__INIT;
	struct arena a;
	enum err e;

	arena_init(&a, 0);
	m.token = codec_bytes(r->token);
	m.until_sec = r->until_sec;
	m.arbiter = r->arbiter;
	m.name = arena_str(&a, r->name);
	m.address = arena_str(&a, r->address);
	m.node_key = codec_bytes(r->node_key);
	m.box_key = codec_bytes(r->box_key);
	m.mac = codec_bytes(r->mac);
	e = put_packed(&m, out);
	arena_reset(&a);
	return e;
}

/* It goes into the log, into log lines, and onto terminals. */
static bool
is_name(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = slice_lower(s.p[i]);

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '.')
			return false;
	}
	return s.n > 0 && s.n < PEER_JOIN_NAME_MAX;
}

enum err
peer_join_request_parse(struct slice raw, struct arena *a, struct peer_join_request *r)
{
	const PeerJoin__Request *m = raw.n <= PEER_JOIN_REQUEST_MAX
					     ? codec_unpack(
						       &peer_join__request__descriptor, raw, a)
					     : NULL;

	if (!m || !is_octets(m->token, PEER_JOIN_ID) || !is_octets(m->mac, PEER_JOIN_MAC) ||
		!is_octets(m->box_key, 32) || m->node_key.len < SPKI_MIN ||
		m->node_key.len > PEER_JOIN_NODE_KEY_MAX || !is_name(slice_str(m->name)) ||
		!peer_join_is_address(slice_str(m->address)))
		return ERR_SYNTAX;
	*r = (struct peer_join_request){.token = codec_slice(m->token),
		.until_sec = m->until_sec,
		.arbiter = m->arbiter,
		.name = slice_str(m->name),
		.address = slice_str(m->address),
		.node_key = codec_slice(m->node_key),
		.box_key = codec_slice(m->box_key),
		.mac = codec_slice(m->mac)};
	return ERR_OK;
}

/* --- the answer --- */

enum err
peer_join_answer_pack(const struct peer_join_answer *w, struct buf *out)
{
	PeerJoin__Answer m = PEER_JOIN__ANSWER__INIT;
	struct arena a;
	enum err e;

	arena_init(&a, 0);
	m.refusal = (uint32_t)w->refusal;
	m.now_sec = w->now_sec;
	m.authority = codec_bytes(w->authority);
	m.certificate = codec_bytes(w->certificate);
	m.sealed = codec_bytes(w->sealed);
	m.mac = codec_bytes(w->mac);
	m.node = w->node;
	m.cluster = codec_bytes(w->cluster);
	m.members = codec_bytes(w->members);
	m.members_index = w->members_index;
	m.log_key = codec_bytes(w->log_key);
	m.config = arena_str(&a, w->config);
	m.holder = arena_str(&a, w->holder);
	e = put_packed(&m, out);
	arena_reset(&a);
	return e;
}

static bool
is_whole(const PeerJoin__Answer *m)
{
	return m->authority.len && m->certificate.len && is_octets(m->mac, PEER_JOIN_MAC) &&
	       m->node && is_octets(m->cluster, 16) && m->members.len;
}

enum err
peer_join_answer_parse(struct slice raw, struct arena *a, struct peer_join_answer *w)
{
	const PeerJoin__Answer *m = raw.n <= PEER_JOIN_ANSWER_MAX
					    ? codec_unpack(
						      &peer_join__answer__descriptor, raw, a)
					    : NULL;

	if (!m || m->refusal >= PEER_JOIN_REFUSALS || (!m->refusal && !is_whole(m)))
		return ERR_SYNTAX;
	*w = (struct peer_join_answer){.refusal = (enum peer_join_refusal)m->refusal,
		.now_sec = m->now_sec,
		.authority = codec_slice(m->authority),
		.certificate = codec_slice(m->certificate),
		.sealed = codec_slice(m->sealed),
		.mac = codec_slice(m->mac),
		.node = m->node,
		.cluster = codec_slice(m->cluster),
		.members = codec_slice(m->members),
		.members_index = m->members_index,
		.log_key = codec_slice(m->log_key),
		.config = slice_str(m->config),
		.holder = slice_str(m->holder)};
	return ERR_OK;
}

/* --- what a data node alone may have --- */

static struct slice
pack_secrets(const struct peer_join_secrets *s, struct arena *a)
{
	PeerJoin__Secrets m = PEER_JOIN__SECRETS__INIT;

	m.master_key = codec_bytes(slice_of(s->master.b, sizeof s->master.b));
	return codec_pack(&m, a);
}

enum err
peer_join_seal(const uint8_t secret[PEER_JOIN_SECRET], const struct peer_join_request *r,
	const struct peer_join_secrets *s, struct buf *out)
{
	struct seal_key key;
	struct slice plain;
	struct arena a;
	struct buf inner;
	uint8_t *to;
	enum err e;

	arena_init(&a, PEER_JOIN_SECRETS_MAX);
	buf_init(&inner, PEER_JOIN_SECRETS_MAX);
	plain = pack_secrets(s, &a);
	wipe_later(&a, plain);
	key_for(secret, "secrets", &key);
	e = seal_box_key(&key, r->mac, plain, &inner);
	seal_wipe(&key, sizeof key);
	to = e ? NULL : buf_room(out, inner.n + SEAL_BOX_EXTRA);
	if (!e)
		e = to ? seal_to(r->box_key.p, buf_slice(&inner), to) : ERR_LIMIT;
	if (!e)
		buf_grow(out, inner.n + SEAL_BOX_EXTRA);
	buf_fini_secret(&inner);
	arena_reset(&a);
	return e;
}

static enum err
take_secrets(const PeerJoin__Secrets *m, struct arena *a, struct peer_join_secrets *s)
{
	if (!m || !is_octets(m->master_key, SEAL_KEY))
		return ERR_SYNTAX;
	memcpy(s->master.b, m->master_key.data, SEAL_KEY);
	wipe_later(a, codec_slice(m->master_key));
	return ERR_OK;
}

enum err
peer_join_open(const struct peer_join_sealed *in, struct arena *a, struct peer_join_secrets *s)
{
	struct seal_key key;
	struct buf inner, plain;
	enum err e = ERR_CRYPTO;
	size_t n;

	if (in->sealed.n < SEAL_BOX_EXTRA || in->sealed.n > PEER_JOIN_ANSWER_MAX)
		return ERR_CRYPTO;
	n = in->sealed.n - SEAL_BOX_EXTRA;
	buf_init(&inner, PEER_JOIN_ANSWER_MAX);
	buf_init(&plain, PEER_JOIN_ANSWER_MAX);
	if (n)
		e = seal_to_open(in->box, in->sealed, buf_room(&inner, n));
	if (!e) {
		buf_grow(&inner, n);
		key_for(in->secret, "secrets", &key);
		e = seal_box_key_open(&key, in->request_mac, buf_slice(&inner), &plain);
		seal_wipe(&key, sizeof key);
	}
	if (!e)
		e = take_secrets(
			codec_unpack(&peer_join__secrets__descriptor, buf_slice(&plain), a), a,
			s);
	buf_fini_secret(&inner);
	buf_fini_secret(&plain);
	return e;
}
