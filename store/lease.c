#include "store/lease.h"

#include <stddef.h>

void
lease_answered(struct lease *l, uint64_t sent_ms, uint64_t now_ms)
{
	if (sent_ms <= now_ms && sent_ms > l->sent_ms)
		l->sent_ms = sent_ms;
}

uint64_t
lease_until_ms(const struct lease *l)
{
	return l->sent_ms ? l->sent_ms + LEASE_MS : 0;
}

void
lease_lead_begin(struct lease_lead *l, uint64_t now_ms)
{
	*l = (struct lease_lead){.began_ms = now_ms};
}

void
lease_lead_confirmed(struct lease_lead *l, uint64_t at_ms)
{
	if (at_ms > l->confirmed_ms)
		l->confirmed_ms = at_ms;
}

static const struct lease_peer *
find(const struct lease_lead *l, uint32_t node)
{
	for (size_t i = 0; i < LEASE_PEERS; i++)
		if (l->peer[i].node == node)
			return &l->peer[i];
	return NULL;
}

/* Nodes come and go: the place of the one that was answered longest ago is taken. */
static struct lease_peer *
remember(struct lease_lead *l, uint32_t node)
{
	struct lease_peer *oldest = &l->peer[0];

	for (size_t i = 0; i < LEASE_PEERS; i++) {
		struct lease_peer *p = &l->peer[i];

		if (p->node == node)
			return p;
		if (p->answer_ms < oldest->answer_ms || (!p->node && oldest->node))
			oldest = p;
	}
	if (oldest->answer_ms > l->forgot_ms)
		l->forgot_ms = oldest->answer_ms;
	*oldest = (struct lease_peer){.node = node, .answer_ms = l->forgot_ms};
	return oldest;
}

/* Do our answers arrive? */
static bool
is_stuck(struct lease_peer *p, const struct lease_beat *b, uint64_t now_ms)
{
	/* In another life its clock may be another one. */
	if (b->boot != p->boot || b->answered_ms > p->arrived) {
		p->boot = b->boot;
		p->arrived = b->answered_ms;
		p->stuck_ms = 0;
	}
	if (p->stuck_ms && now_ms - p->stuck_ms > LEASE_STUCK_MS) {
		p->stuck_ms = 0;
		/* The leader looks in between. */
		p->shun_ms = p->answer_ms + LEASE_SILENT_MS + LEASE_BEAT_MS;
	}
	return now_ms < p->shun_ms;
}

bool
lease_lead_beat(struct lease_lead *l, const struct lease_beat *b, uint64_t newest_change,
	uint64_t now_ms)
{
	struct lease_peer *p;

	if (!l->began_ms || !b->node)
		return false;
	p = remember(l, b->node);
	p->beat_ms = now_ms;
	if (is_stuck(p, b, now_ms) || p->is_adopted || b->applied < newest_change ||
		now_ms - l->confirmed_ms > LEASE_CONFIRMED_MS)
		return false;
	p->answer_ms = now_ms;
	if (!p->stuck_ms)
		p->stuck_ms = now_ms;
	return true;
}

bool
lease_lead_is_silent(const struct lease_lead *l, uint32_t node, uint64_t now_ms)
{
	const struct lease_peer *p = find(l, node);
	uint64_t last_ms = p ? p->answer_ms : l->forgot_ms;

	if (last_ms < l->began_ms)
		last_ms = l->began_ms;
	return l->began_ms && !(p && p->is_adopted) && now_ms - last_ms > LEASE_SILENT_MS;
}

/* When this leader first saw that it is so. */
static uint64_t
seen_ms(struct lease_lead *l, uint32_t node, uint64_t epoch, uint64_t now_ms)
{
	uint32_t i = 0;

	while (i < l->rows && l->row[i].node != node)
		i++;
	if (i == LEASE_ROWS)
		return l->began_ms;
	if (i == l->rows)
		l->row[l->rows++].node = node;
	if (l->row[i].epoch != epoch) {
		l->row[i].epoch = epoch;
		l->row[i].seen_ms = now_ms;
	}
	return l->row[i].seen_ms;
}

bool
lease_lead_may_adopt(
	struct lease_lead *l, uint32_t node, const struct lease_owner *owner, uint64_t now_ms)
{
	return now_ms - seen_ms(l, node, owner->epoch, now_ms) > LEASE_SILENT_MS &&
	       lease_lead_is_silent(l, owner->runs_node, now_ms);
}

bool
lease_lead_is_alive(const struct lease_lead *l, uint32_t node, uint64_t now_ms, uint64_t *boot)
{
	const struct lease_peer *p = find(l, node);

	if (!p || p->is_adopted || now_ms - p->beat_ms > LEASE_ALIVE_MS ||
		now_ms - p->answer_ms > LEASE_ALIVE_MS)
		return false;
	*boot = p->boot;
	return true;
}

void
lease_lead_adopt(struct lease_lead *l, uint32_t node)
{
	remember(l, node)->is_adopted = true;
}

void
lease_lead_adopted(struct lease_lead *l, uint32_t node)
{
	struct lease_peer *p = remember(l, node);

	p->is_adopted = false;
	p->shun_ms = p->stuck_ms = 0;
}
