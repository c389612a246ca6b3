#include "store/members.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/codec.h"
#include "store/commands.pb-c.h"

void
members_pack(const struct members *m, struct buf *out)
{
	Commands__Members all = COMMANDS__MEMBERS__INIT;
	Commands__Member one[RAFT_NODES_MAX], *list[RAFT_NODES_MAX];
	ProtobufCBinaryData gone[MEMBERS_GONE_MAX];
	struct arena a;

	for (uint32_t i = 0; i < m->n; i++) {
		const struct members_node *from = &m->node[i];

		commands__member__init(&one[i]);
		one[i].id = from->id;
		one[i].kind = from->kind;
		one[i].goal = from->goal;
		one[i].name = (char *)(uintptr_t)from->name;
		one[i].address = (char *)(uintptr_t)from->address;
		one[i].key = codec_bytes(slice_of(from->key, MEMBERS_KEY));
		one[i].token = codec_bytes(slice_of(from->token, MEMBERS_TOKEN));
		list[i] = &one[i];
	}
	all.member = list;
	all.n_member = m->n;
	all.next_id = m->next_id;
	for (uint32_t i = 0; i < m->gone_n; i++)
		gone[i] = codec_bytes(slice_of(m->gone[i], MEMBERS_TOKEN));
	all.gone = gone;
	all.n_gone = m->gone_n;
	arena_init(&a, 0);
	buf_put_slice(out, codec_pack(&all, &a));
	arena_reset(&a);
}

static bool
read_member(const Commands__Member *from, const struct members *m, struct members_node *to)
{
	if (from->id == 0 || from->id >= m->next_id || members_find(m, from->id) ||
		from->kind > RAFT_LEARNER || from->goal > RAFT_LEARNER ||
		strlen(from->name) >= MEMBERS_NAME_MAX ||
		strlen(from->address) >= MEMBERS_ADDRESS_MAX || from->key.len != MEMBERS_KEY ||
		from->token.len != MEMBERS_TOKEN)
		return false;
	to->id = from->id;
	to->kind = (enum raft_kind)from->kind;
	to->goal = (enum raft_kind)from->goal;
	snprintf(to->name, sizeof to->name, "%s", from->name);
	snprintf(to->address, sizeof to->address, "%s", from->address);
	memcpy(to->key, from->key.data, MEMBERS_KEY);
	memcpy(to->token, from->token.data, MEMBERS_TOKEN);
	return true;
}

enum err
members_unpack(struct slice raw, struct members *out)
{
	struct members m = {0};
	struct arena a;
	const Commands__Members *all;
	bool ok;

	arena_init(&a, 0);
	all = codec_unpack(&commands__members__descriptor, raw, &a);
	ok = all && all->n_member > 0 && all->n_member <= RAFT_NODES_MAX &&
	     all->n_gone <= MEMBERS_GONE_MAX;
	if (ok)
		m.next_id = all->next_id;
	for (size_t i = 0; ok && i < all->n_member; i++) {
		ok = read_member(all->member[i], &m, &m.node[i]);
		m.n++;
	}
	for (size_t i = 0; ok && i < all->n_gone; i++) {
		ok = all->gone[i].len == MEMBERS_TOKEN;
		if (ok)
			memcpy(m.gone[m.gone_n++], all->gone[i].data, MEMBERS_TOKEN);
	}
	arena_reset(&a);
	if (!ok)
		return ERR_CORRUPT;
	*out = m;
	return ERR_OK;
}

void
members_config(const struct members *m, struct raft_config *config)
{
	*config = (struct raft_config){.index = m->index, .n = m->n};
	for (uint32_t i = 0; i < m->n; i++) {
		config->node[i].id = m->node[i].id;
		config->node[i].kind = m->node[i].kind;
	}
}

const struct members_node *
members_find(const struct members *m, uint32_t id)
{
	for (uint32_t i = 0; i < m->n; i++)
		if (m->node[i].id == id)
			return &m->node[i];
	return NULL;
}

const struct members_node *
members_by_key(const struct members *m, const uint8_t key[MEMBERS_KEY])
{
	static const uint8_t none[MEMBERS_KEY];

	if (!memcmp(key, none, MEMBERS_KEY))
		return NULL;
	for (uint32_t i = 0; i < m->n; i++)
		if (!memcmp(m->node[i].key, key, MEMBERS_KEY))
			return &m->node[i];
	return NULL;
}

const struct members_node *
members_by_name(const struct members *m, const char *name)
{
	for (uint32_t i = 0; i < m->n && *name; i++)
		if (!strcasecmp(m->node[i].name, name))
			return &m->node[i];
	return NULL;
}

const struct members_node *
members_by_address(const struct members *m, const char *address)
{
	for (uint32_t i = 0; i < m->n && *address; i++)
		if (!strcasecmp(m->node[i].address, address))
			return &m->node[i];
	return NULL;
}

static bool
is_none(const uint8_t token[MEMBERS_TOKEN])
{
	static const uint8_t none[MEMBERS_TOKEN];

	return !memcmp(token, none, MEMBERS_TOKEN);
}

static void
remember(struct members *m, const uint8_t token[MEMBERS_TOKEN])
{
	if (is_none(token))
		return;
	if (m->gone_n == MEMBERS_GONE_MAX)
		memmove(m->gone[0], m->gone[1], --m->gone_n * sizeof m->gone[0]);
	memcpy(m->gone[m->gone_n++], token, MEMBERS_TOKEN);
}

void
members_remove(struct members *m, uint32_t id)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < m->n; i++)
		if (m->node[i].id == id)
			remember(m, m->node[i].token);
		else
			m->node[kept++] = m->node[i];
	m->n = kept;
}

bool
members_is_used(const struct members *m, const uint8_t token[MEMBERS_TOKEN])
{
	if (is_none(token))
		return false;
	for (uint32_t i = 0; i < m->n; i++)
		if (!memcmp(m->node[i].token, token, MEMBERS_TOKEN))
			return true;
	for (uint32_t i = 0; i < m->gone_n; i++)
		if (!memcmp(m->gone[i], token, MEMBERS_TOKEN))
			return true;
	return false;
}
