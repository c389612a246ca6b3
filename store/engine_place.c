/* engine_place: proposals on their way into the log. We lead: they are appended. Another node
 * leads: they are sent there, in order, and stay here until we have applied them ourselves;
 * whoever may have lost them gets them again under the same name (node, boot, seq), which
 * apply takes once (apply_proposer). */
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/codec.h"
#include "core/must.h"
#include "core/rand.h"
#include "store/apply_vault.h"
#include "store/engine_inner.h"
#include "store/peer.pb-c.h"
#include "store/schema.h"
#include "store/version.h"

enum {
	PLACED_MAX = 4096,	/* of one node, until they are applied: table proposer */
	PLACED_BYTES = 8 << 20, /* on their way to another leader */
	EXPIRE_MS = 100,	/* between two looks for deadlines that have passed */
	HOLD_US = 3000,		/* at most, until others have what was appended before */
	SECRETS_AHEAD = 64	/* slots of the vault for what is appended, not applied */
};

/* The body that a command brings, or NULL. */
static Commands__Body **
body_of(Commands__Command *c)
{
	switch ((int)c->body_case) {
	case COMMANDS__COMMAND__BODY_ENQUEUE:
		return &c->enqueue->body;
	case COMMANDS__COMMAND__BODY_APPEND:
		return &c->append->body;
	case COMMANDS__COMMAND__BODY_STEP:
		return c->step->bounce	 ? &c->step->bounce->body
		       : c->step->passed ? &c->step->passed->body
					 : NULL;
	default:
		return NULL;
	}
}

/* What makes the database grow is refused while the disk is full; the rest goes on. */
static bool
grows(const Commands__Command *c)
{
	switch ((int)c->body_case) {
	case COMMANDS__COMMAND__BODY_ENQUEUE:
	case COMMANDS__COMMAND__BODY_APPEND:
	case COMMANDS__COMMAND__BODY_CHUNK:
	case COMMANDS__COMMAND__BODY_COPY:
		return true;
	default:
		return false;
	}
}

/* What only the leader's own store may add. */
static bool
is_ours_alone(const Commands__Command *c)
{
	return c->body_case == COMMANDS__COMMAND__BODY_REKEY ||
	       c->body_case == COMMANDS__COMMAND__BODY_ADOPT ||
	       c->body_case == COMMANDS__COMMAND__BODY__NOT_SET;
}

/* --- into the log --- */

/* May we append? Not before we know all that was committed before us. */
static bool
may_append(const struct engine *e)
{
	return e->raft.role == RAFT_LEADER && e->log.has_key && !e->raft.transfer_to &&
	       e->log.applied >= e->raft.term_first;
}

static enum err
append(struct engine_turn *t, Commands__Command *c, struct slice body)
{
	struct engine *e = t->e;
	struct raft_event ev = {.type = RAFT_PROPOSED, .peer = c->node, .n = 1};
	struct raft_update u;
	bool is_rekey = c->body_case == COMMANDS__COMMAND__BODY_REKEY;
	uint64_t now_ms = clock_wall_ms(), now_sec = now_ms / 1000;
	struct slice command;
	enum err err = engine_turn_write(t);

	if (!err)
		err = raft_step(&e->raft, &ev, &u);
	if (err)
		return err;
	/* Times never run backwards, whatever the clock does. */
	e->log.time_sec = now_sec > e->log.time_sec ? now_sec : e->log.time_sec;
	c->time_sec = e->log.time_sec;
	c->msec = c->time_sec == now_sec ? (uint32_t)(now_ms % 1000) : 0;
	command = codec_pack(c, &e->arena);
	e->appended_us = clock_us();
	err = raft_log_append(
		&e->log, t->txn, is_rekey ? RAFT_LOG_REKEY : RAFT_LOG_COMMAND, command, body);
	if (!err && is_rekey)
		raft_log_add_key(&e->log, e->log.last, &e->next_key);
	if (!err)
		err = engine_peer_update(t, &u);
	t->bytes += command.n + body.n;
	if (err || !engine_inner_is_lone(e))
		return err;
	/* A configuration may lie before it. */
	return e->log.applied + 1 == e->log.last
		       ? engine_apply_entry(t, c, e->log.hard.term, body.n)
		       : engine_apply(t);
}

/* --- ours --- */

/* Below this every proposal of this boot is answered. */
static uint64_t
answered_below(const struct engine *e)
{
	uint64_t least = e->seq + 1;
	uint32_t left = e->requeued;

	for (const struct engine_waiting *w = e->placed.first; w; w = w->next)
		if (w->seq && w->seq < least)
			least = w->seq;
	for (const struct engine_waiting *w = e->queue.first; w && left; w = w->next)
		if (w->seq) {
			least = w->seq < least ? w->seq : least;
			left--;
		}
	return least;
}

/* To the log, or to the leader. */
static enum err
hand(struct engine_turn *t, Commands__Command *c, struct slice body)
{
	struct engine *e = t->e;
	Peer__Frame frame = PEER__FRAME__INIT;
	Peer__Forward forward = PEER__FORWARD__INIT;

	c->node = e->log.node;
	c->boot = e->opt.boot;
	if (e->raft.role == RAFT_LEADER)
		return append(t, c, body);
	forward.command = codec_bytes(codec_pack(c, &e->arena));
	forward.body = codec_bytes(body);
	frame.body_case = PEER__FRAME__BODY_FORWARD;
	frame.forward = &forward;
	t->bytes += forward.command.len + body.n;
	engine_peer_send(e, e->raft.leader, true, &frame);
	return ERR_OK;
}

static enum err
read_whole(int fd, uint64_t at, uint8_t *p, size_t n)
{
	ssize_t got;

	for (size_t done = 0; done < n; done += (size_t)got) {
		got = pread(fd, p + done, n - done, (off_t)(at + done));
		if (got <= 0)
			return ERR_IO;
	}
	return ERR_OK;
}

/* Alone we apply what we append: a turn's budget is enough. */
static bool
is_its_time(const struct engine *e, const struct engine_waiting *w)
{
	uint64_t now_us = clock_us();

	return engine_inner_is_lone(e) ||
	       pace_may(&e->pace, w->begun_us ? w->begun_us : now_us, now_us);
}

static bool
may_chunk(const struct engine_turn *t, const struct engine_waiting *w)
{
	return t->bulk + SCHEMA_ENTRY_BODY_MAX <= ENGINE_TURN_BULK && is_its_time(t->e, w);
}

static enum err
hand_chunk(struct engine_turn *t, struct engine_waiting *w, struct slice octets)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Chunk chunk = COMMANDS__CHUNK__INIT;

	c.body_case = COMMANDS__COMMAND__BODY_CHUNK;
	c.chunk = &chunk;
	chunk.upload = w->upload;
	chunk.n = w->chunks++;
	w->deadline_ms = t->started_ms + ENGINE_DEADLINE_MS;
	pace_sent(&t->e->pace, octets.n, clock_us());
	return hand(t, &c, octets);
}

/* The next chunks of a large body. ERR_MORE: not all is in yet. A file that is cut short sets
 * w->e. */
static enum err
hand_chunks(struct engine_turn *t, struct engine_waiting *w)
{
	uint8_t *p = must_alloc(SCHEMA_ENTRY_BODY_MAX);
	enum err err = ERR_OK;

	if (!w->upload) {
		w->upload = rand_u64() >> 8 | 1;
		w->begun_us = clock_us();
	}
	while (!err && !w->e && w->fd_at < w->fd_size && may_chunk(t, w)) {
		uint64_t left = w->fd_size - w->fd_at;
		size_t n = left < SCHEMA_ENTRY_BODY_MAX ? (size_t)left : SCHEMA_ENTRY_BODY_MAX;

		w->e = read_whole(w->fd, w->fd_at, p, n);
		if (!w->e)
			err = hand_chunk(t, w, slice_of(p, n));
		w->fd_at += n;
		t->bulk += n;
	}
	free(p);
	if (err || w->e)
		return err;
	return w->fd_at < w->fd_size ? ERR_MORE : ERR_OK;
}

/* A large body that won't be used: its command goes in with a size that can't be, so that it
 * is refused and the chunks become garbage now, not at the next boot. */
static void
abandon(struct engine *e, const struct engine_waiting *w)
{
	struct engine_proposal p = {.command = w->command, .fd = -1};
	struct engine_waiting *last;

	if (w->chunks == 0 || engine_propose(e, &p))
		return;
	for (last = e->queue.first; last->next; last = last->next)
		;
	last->is_abandon = true;
	last->upload = w->upload;
}

/* Its answer, without an entry. What may be in some leader's log is neither done nor failed. */
static void
end(struct engine_turn *t, struct engine_waiting *w, enum err why)
{
	abandon(t->e, w);
	w->e = w->is_unsure ? ERR_TIMEOUT : why;
	engine_inner_put(&t->done, w);
}

static enum err
check(const struct engine *e, const struct engine_waiting *w, const Commands__Command *c,
	Commands__Body **body)
{
	if (!c || ((w->fd >= 0 || w->body.n) && (!body || !*body)))
		return ERR_SYNTAX;
	if (w->may && !w->may((int)c->body_case))
		return ERR_DENIED;
	if (version_of((int)c->body_case) > e->version)
		return ERR_UNSUPPORTED;
	if (e->room.full && grows(c) && !w->is_abandon)
		return ERR_FULL;
	if (c->body_case == COMMANDS__COMMAND__BODY_REKEY) {
		if (e->compacting != ENGINE_REKEYS || e->raft.role != RAFT_LEADER)
			return ERR_DENIED;
		/* What follows is sealed under that key: it must take effect. */
		if (!apply_vault_fits(codec_slice(c->rekey->wrapped_key)))
			return ERR_SYNTAX;
	}
	if (apply_vault_secret(c).n)
		return vault_reserve(e->vault, e->secrets.n + SECRETS_AHEAD);
	return ERR_OK;
}

static void
put_placed(struct engine *e, struct engine_waiting *w)
{
	e->requeued -= w->seq != 0;
	if (!w->seq && !w->is_boot)
		w->seq = ++e->seq;
	w->is_handed = true;
	e->placed_n++;
	e->placed_bytes += w->command.n + w->body.n;
	engine_inner_put(&e->placed, w);
}

/* One proposal, taken out of the queue. ERR_MORE: it goes on next turn, and isn't placed. Other
 * errs are the database's; what is wrong with the proposal is w->e, then it is in done. */
static enum err
place(struct engine_turn *t, struct engine_waiting *w)
{
	struct engine *e = t->e;
	Commands__Command *c = codec_unpack(
		&commands__command__descriptor, w->command, &e->arena);
	Commands__Body **body = c ? body_of(c) : NULL;
	enum err err = ERR_OK;

	w->e = check(e, w, c, body);
	if (!w->e && w->fd >= 0)
		err = hand_chunks(t, w);
	if (err)
		return err;
	if (w->e) {
		e->requeued -= w->seq != 0;
		end(t, w, w->e);
		return ERR_OK;
	}
	if (body && *body) {
		(*body)->upload = w->upload;
		if (w->is_abandon)
			(*body)->sealed_size = UINT64_MAX;
	}
	put_placed(e, w);
	c->seq = w->seq;
	c->answered_below = w->is_boot ? 0 : t->answered_below;
	return hand(t, c, w->body);
}

/* May we hand over anything? */
static bool
has_leader(struct engine *e)
{
	const struct engine_peer *to = engine_inner_peer(e, e->raft.leader);

	if (e->raft.role == RAFT_LEADER)
		return may_append(e);
	return e->log.has_key && to && to->is_up && e->placed_bytes < PLACED_BYTES;
}

/* --- other nodes' --- */

static void
refuse(struct engine *e, uint32_t node, const Commands__Command *c, enum err why)
{
	Peer__Frame frame = PEER__FRAME__INIT;
	Peer__Refused refused = PEER__REFUSED__INIT;

	refused.boot = c->boot;
	refused.seq = c->seq;
	refused.err = (uint32_t)why;
	frame.body_case = PEER__FRAME__BODY_REFUSED;
	frame.refused = &refused;
	engine_peer_send(e, node, false, &frame);
}

static enum err
place_remote(struct engine_turn *t, const struct engine_frame *f)
{
	struct engine *e = t->e;
	Commands__Command *c = codec_unpack(
		&commands__command__descriptor, f->command, &e->arena);
	Commands__Body **body = c ? body_of(c) : NULL;
	bool is_chunk = c && c->body_case == COMMANDS__COMMAND__BODY_CHUNK;

	if (!c)
		return ERR_OK;
	if (c->node != f->node || c->boot == 0 || is_ours_alone(c) ||
		f->body.n > SCHEMA_ENTRY_BODY_MAX ||
		(f->body.n && !is_chunk && (!body || !*body))) {
		refuse(e, f->node, c, ERR_SYNTAX);
		return ERR_OK;
	}
	/* It would stop every node whose program doesn't know it. */
	if (version_of((int)c->body_case) > e->version ||
		(c->body_case == COMMANDS__COMMAND__BODY_CLUSTER_VERSION &&
			c->cluster_version->version > VERSION_COMMANDS)) {
		refuse(e, f->node, c, ERR_UNSUPPORTED);
		return ERR_OK;
	}
	if (e->room.full && grows(c)) {
		refuse(e, f->node, c, ERR_FULL);
		return ERR_OK;
	}
	if (apply_vault_secret(c).n && vault_reserve(e->vault, e->secrets.n + SECRETS_AHEAD)) {
		refuse(e, f->node, c, ERR_FULL);
		return ERR_OK;
	}
	return append(t, c, f->body);
}

/* --- both --- */

static enum err
place_next_remote(struct engine_turn *t, bool *any)
{
	struct engine_frame *f = engine_inner_take_frame(&t->e->remote);
	enum err err;

	if (!f)
		return ERR_OK;
	*any = true;
	err = place_remote(t, f);
	free(f);
	return err;
}

/* What must wait for bulk goes to later; small mails pass it. */
static enum err
place_next(struct engine_turn *t, struct engine_list *later, bool *any)
{
	struct engine *e = t->e;
	struct engine_waiting *w = e->placed_n < PLACED_MAX ? engine_inner_take(&e->queue)
							    : NULL;
	enum err err;

	if (!w)
		return ERR_OK;
	*any = true;
	err = w->fd_at < w->fd_size && !may_chunk(t, w) ? ERR_MORE : place(t, w);
	if (err != ERR_MORE)
		return err;
	engine_inner_put(later, w);
	t->more = t->more || is_its_time(e, w);
	return ERR_OK;
}

static void
put_back(struct engine_list *queue, struct engine_list *first)
{
	if (!first->first)
		return;
	*first->end = queue->first;
	if (!queue->first)
		queue->end = first->end;
	queue->first = first->first;
	engine_inner_init(first);
}

static void
forget_placed(struct engine *e, const struct engine_waiting *w)
{
	e->placed_n--;
	e->placed_bytes -= w->command.n + w->body.n;
}

/* The one at `at` leaves the list. */
static struct engine_waiting *
take_out(struct engine_list *l, struct engine_waiting **at)
{
	struct engine_waiting *w = *at;

	*at = w->next;
	if (!w->next)
		l->end = at;
	return w;
}

/* Whose deadline has passed; only BOOT waits for ever. Small mails pass large ones: the oldest
 * needn't come first. */
static void
expire(struct engine_turn *t, struct engine_list *list)
{
	struct engine *e = t->e;
	struct engine_waiting **at = &list->first, *w;

	while ((w = *at)) {
		if (w->is_boot || w->deadline_ms > t->started_ms) {
			at = &w->next;
			continue;
		}
		take_out(list, at);
		if (list == &e->placed)
			forget_placed(e, w);
		else
			e->requeued -= w->seq != 0;
		w->is_unsure = w->is_handed;
		end(t, w, ERR_UNAVAILABLE);
	}
}

/* All of them are looked at, so not in each turn. */
static void
expire_all(struct engine_turn *t)
{
	struct engine *e = t->e;

	if (e->log.members.n == 1 || t->started_ms - e->expired_ms < EXPIRE_MS)
		return;
	e->expired_ms = t->started_ms;
	expire(t, &e->placed);
	expire(t, &e->queue);
}

/* What comes meanwhile goes with the commit that applies what was appended before: one commit
 * on each node, not two. */
bool
engine_place_is_held(const struct engine *e)
{
	return e->raft.role == RAFT_LEADER && !engine_inner_is_lone(e) &&
	       e->raft.commit < e->log.last && clock_us() - e->appended_us < HOLD_US;
}

enum err
engine_place(struct engine_turn *t)
{
	struct engine *e = t->e;
	struct engine_list later;
	bool any = true;
	enum err err = ERR_OK;

	engine_inner_init(&later);
	t->answered_below = answered_below(e);
	expire_all(t);
	if (engine_place_is_held(e))
		return ERR_OK;
	while (!err && any && engine_turn_has_room(t)) {
		any = false;
		if (has_leader(e))
			err = place_next(t, &later, &any);
		if (!err && may_append(e))
			err = place_next_remote(t, &any);
	}
	put_back(&e->queue, &later);
	/* Budget, not want of a leader. */
	t->more = t->more || any;
	return err;
}

void
engine_place_anew(struct engine *e)
{
	for (struct engine_waiting *w = e->placed.first; w; w = w->next) {
		w->fd_at = w->chunks = 0;
		w->is_unsure = true;
		e->requeued += w->seq != 0;
	}
	for (struct engine_waiting *w = e->queue.first; w; w = w->next)
		if (w->fd >= 0)
			w->fd_at = w->chunks = 0;
	put_back(&e->queue, &e->placed);
	e->placed_n = 0;
	e->placed_bytes = 0;
	pace_anew(&e->pace);
	if (e->raft.role != RAFT_LEADER)
		engine_inner_drop_frames(&e->remote);
}

/* --- what became of them --- */

static struct engine_waiting *
take_named(struct engine_list *l, uint64_t seq, bool is_boot)
{
	struct engine_waiting **at = &l->first;

	while (*at && (is_boot ? !(*at)->is_boot : (*at)->seq != seq))
		at = &(*at)->next;
	return *at ? take_out(l, at) : NULL;
}

static struct engine_waiting *
take(struct engine *e, uint64_t seq, bool is_boot)
{
	struct engine_waiting *w = take_named(&e->placed, seq, is_boot);

	if (w) {
		forget_placed(e, w);
		w->chunks = 0;
		return w;
	}
	w = e->requeued || is_boot ? take_named(&e->queue, seq, is_boot) : NULL;
	if (w)
		e->requeued -= w->seq != 0;
	return w;
}

void
engine_place_applied(struct engine_turn *t, const Commands__Command *c, uint64_t index,
	Commands__Result *result)
{
	struct engine *e = t->e;
	bool is_boot = c->body_case == COMMANDS__COMMAND__BODY_BOOT_NODE && !c->seq;
	struct engine_waiting *w;

	if (c->node != e->log.node || c->boot != e->opt.boot || (!c->seq && !is_boot))
		return;
	w = take(e, c->seq, is_boot);
	if (!w)
		return;
	/* Of one in the queue: chunks that went again without the command behind them. */
	abandon(e, w);
	w->e = ERR_OK;
	w->index = index;
	w->result = result;
	engine_inner_put(&t->done, w);
}

void
engine_place_applied_chunk(struct engine *e, const Commands__Command *c, uint64_t size)
{
	if (c->node == e->log.node && c->boot == e->opt.boot)
		pace_applied(&e->pace, size);
}

void
engine_place_refused(struct engine_turn *t, const Peer__Refused *refused)
{
	struct engine_waiting *w;

	if (!refused->seq || refused->boot != t->e->opt.boot || refused->err >= ERR_COUNT)
		return;
	w = take(t->e, refused->seq, false);
	if (w)
		end(t, w, (enum err)refused->err);
}

void
engine_place_boot(struct engine *e)
{
	struct engine_waiting *w = must_zalloc(sizeof *w + 64);
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Boot boot = COMMANDS__BOOT__INIT;
	uint8_t *copy = (uint8_t *)(w + 1);

	c.body_case = COMMANDS__COMMAND__BODY_BOOT_NODE;
	boot.version = VERSION_COMMANDS;
	c.boot_node = &boot;
	w->command = slice_of(copy, commands__command__pack(&c, copy));
	w->fd = -1;
	w->is_boot = true;
	e->queue_bytes += sizeof *w + w->command.n;
	engine_inner_put(&e->queue, w);
}
