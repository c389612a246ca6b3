#include "tests/test.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "cmd/store_link.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/must.h"
#include "store/engine.h"

/* A store and a link on one loop. The link is the test's: it notes what it hears. */
struct world {
	struct loop *loop;
	struct ipc *store, *link;
	struct store_link *at;
	/* What the store's handlers got. */
	size_t frames, frame_octets;
	uint8_t first_octet, last_octet;
	uint32_t from;
	int ups, downs;
	enum err answer;
	/* What the link heard. */
	size_t parts, part_octets, largest, mores, cuts, lists;
	uint32_t cut_node, list_n;
	bool bulk, is_echoing;
};

static enum err
on_frame(void *arg, uint32_t node, struct slice frame)
{
	struct world *w = arg;

	w->frames++;
	w->from = node;
	w->frame_octets += frame.n;
	w->first_octet = frame.p[0];
	w->last_octet = frame.p[frame.n - 1];
	return w->answer;
}

static void
on_peer(void *arg, uint32_t node, bool up)
{
	struct world *w = arg;

	assert_int_equal(store_link_is_up(w->at, node), up);
	*(up ? &w->ups : &w->downs) += 1;
}

static void
tell_part(struct world *w, const Ipc__LinkPart *m)
{
	ipc_tell(ipc_any(w->link, ROLE_STORE), IPC_LINK_PART, &m->base, -1);
}

static void
link_hears_part(void *arg, struct ipc_frame *f)
{
	const Ipc__LinkPart *m = (const Ipc__LinkPart *)f->msg;
	struct world *w = arg;

	w->parts++;
	w->part_octets += m->octets.len;
	w->mores += m->more ? 1 : 0;
	w->bulk = m->bulk;
	if (m->octets.len > w->largest)
		w->largest = m->octets.len;
	if (w->is_echoing)
		tell_part(w, m);
}

static void
link_hears_members(void *arg, struct ipc_frame *f)
{
	const Ipc__LinkMembers *m = (const Ipc__LinkMembers *)f->msg;
	struct world *w = arg;

	w->lists++;
	w->list_n = (uint32_t)m->n_member;
	assert_int_equal(m->self, 1);
	assert_int_equal(m->cluster.len, 16);
	if (m->n_member < 2)
		return;
	assert_int_equal(m->member[1]->node, 2);
	assert_string_equal(m->member[1]->address, "192.0.2.2:4627");
	assert_int_equal(m->member[1]->key.len, MEMBERS_KEY);
}

static void
link_hears_cut(void *arg, struct ipc_frame *f)
{
	const Ipc__LinkPeer *m = (const Ipc__LinkPeer *)f->msg;
	struct world *w = arg;

	assert_false(m->up);
	w->cuts++;
	w->cut_node = m->node;
}

static void
on_process(void *arg, struct ipc_peer *p, bool up)
{
	struct world *w = arg;

	if (ipc_peer_role(p) == ROLE_LINK)
		store_link_process(w->at, up);
}

static void
on_stop(void *arg)
{
	loop_stop(((struct world *)arg)->loop);
}

/* Until what is under way has arrived. */
static void
settle(struct world *w)
{
	loop_after(w->loop, 30, on_stop, w);
	loop_run(w->loop);
}

static void
start_link(struct world *w)
{
	int fd[2];

	must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd) == 0);
	w->link = ipc_new(w->loop, ROLE_LINK, 0);
	ipc_on(w->link, IPC_LINK_PART, link_hears_part, w);
	ipc_on(w->link, IPC_LINK_MEMBERS, link_hears_members, w);
	ipc_on(w->link, IPC_LINK_PEER, link_hears_cut, w);
	ipc_add_peer(w->link, ROLE_STORE, 0, fd[1]);
	ipc_add_peer(w->store, ROLE_LINK, 0, fd[0]);
}

static void
set_up(struct world *w)
{
	const struct store_link_events ev = {on_frame, on_peer, NULL, w};

	log_init("test", "store", LOG_LEVEL_ERROR);
	*w = (struct world){.loop = loop_new()};
	w->store = ipc_new(w->loop, ROLE_STORE, 0);
	w->at = store_link_new(w->store, &ev);
	ipc_on_peer(w->store, on_process, w);
	start_link(w);
}

static void
tear_down(struct world *w)
{
	ipc_on_peer(w->store, NULL, NULL);
	ipc_free(w->link);
	ipc_free(w->store);
	store_link_free(w->at);
	loop_free(w->loop);
}

static void
say_peer(struct world *w, uint32_t node, bool up)
{
	Ipc__LinkPeer m = IPC__LINK_PEER__INIT;

	m.node = node;
	m.up = up;
	ipc_tell(ipc_any(w->link, ROLE_STORE), IPC_LINK_PEER, &m.base, -1);
	settle(w);
}

static void
say_part(struct world *w, uint32_t node, unsigned how, struct slice octets)
{
	Ipc__LinkPart m = IPC__LINK_PART__INIT;

	m.node = node;
	m.bulk = how & 1;
	m.more = how & 2;
	m.octets = codec_bytes(octets);
	tell_part(w, &m);
}
enum { URGENT = 0, BULK = 1, MORE = 2 };

static void
frames_of_every_size_pass_and_come_whole(void **state)
{
	static const size_t sizes[] = {1, STORE_LINK_PART - 1, STORE_LINK_PART,
		STORE_LINK_PART + 1, 1000000, ENGINE_FRAME_MAX};
	uint8_t *p = calloc(1, ENGINE_FRAME_MAX);
	struct world w;

	(void)state;
	set_up(&w);
	w.is_echoing = true;
	say_peer(&w, 2, true);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		w.frames = w.frame_octets = w.parts = w.mores = 0;
		p[0] = 1;
		p[sizes[i] - 1] = (uint8_t)(i + 1);
		assert_int_equal(
			store_link_send(w.at, 2, i & 1, slice_of(p, sizes[i])), ERR_OK);
		settle(&w);
		assert_int_equal(w.frames, 1);
		assert_int_equal(w.from, 2);
		assert_int_equal(w.frame_octets, sizes[i]);
		assert_int_equal(w.last_octet, i + 1);
		assert_int_equal(w.parts, (sizes[i] + STORE_LINK_PART - 1) / STORE_LINK_PART);
		assert_int_equal(w.mores, w.parts - 1);
		assert_int_equal(w.bulk, i & 1);
	}
	assert_int_equal(w.largest, STORE_LINK_PART);
	free(p);
	tear_down(&w);
}

static void
a_frame_above_the_limit_is_not_sent(void **state)
{
	uint8_t *p = calloc(1, ENGINE_FRAME_MAX + 1);
	struct world w;

	(void)state;
	set_up(&w);
	say_peer(&w, 2, true);
	assert_int_equal(
		store_link_send(w.at, 2, true, slice_of(p, ENGINE_FRAME_MAX + 1)), ERR_TOO_BIG);
	settle(&w);
	assert_int_equal(w.parts, 0);
	free(p);
	tear_down(&w);
}

static void
a_frame_to_nobody_is_dropped(void **state)
{
	struct world w;

	(void)state;
	set_up(&w);
	assert_int_equal(store_link_send(w.at, 2, false, SLICE_LIT("x")), ERR_OK);
	say_peer(&w, 3, true);
	assert_int_equal(store_link_send(w.at, 2, false, SLICE_LIT("x")), ERR_OK);
	assert_false(store_link_is_up(w.at, 2));
	assert_false(store_link_is_up(w.at, 0));
	settle(&w);
	assert_int_equal(w.parts, 0);
	tear_down(&w);
}

static void
an_urgent_frame_passes_between_the_parts_of_a_bulk_one(void **state)
{
	struct world w;

	(void)state;
	set_up(&w);
	say_peer(&w, 2, true);
	say_peer(&w, 3, true);
	say_part(&w, 2, BULK | MORE, SLICE_LIT("ab"));
	say_part(&w, 3, BULK | MORE, SLICE_LIT("xyz"));
	say_part(&w, 2, URGENT, SLICE_LIT("u"));
	settle(&w);
	assert_int_equal(w.frames, 1);
	assert_int_equal(w.first_octet, 'u');
	say_part(&w, 2, BULK, SLICE_LIT("cd"));
	settle(&w);
	assert_int_equal(w.frames, 2);
	assert_int_equal(w.frame_octets, 1 + 4);
	assert_int_equal(w.last_octet, 'd');
	say_part(&w, 3, BULK, SLICE_LIT("z"));
	settle(&w);
	assert_int_equal(w.frames, 3);
	assert_int_equal(w.from, 3);
	assert_int_equal(w.frame_octets, 1 + 4 + 4);
	tear_down(&w);
}

static void
half_a_frame_dies_with_its_connection(void **state)
{
	struct world w;

	(void)state;
	set_up(&w);
	say_peer(&w, 2, true);
	say_part(&w, 2, BULK | MORE, SLICE_LIT("ab"));
	say_peer(&w, 2, false);
	assert_int_equal(w.downs, 1);
	say_part(&w, 2, BULK, SLICE_LIT("cd"));
	settle(&w);
	assert_int_equal(w.frames, 0);
	say_peer(&w, 2, true);
	say_part(&w, 2, BULK, SLICE_LIT("e"));
	settle(&w);
	assert_int_equal(w.frame_octets, 1);
	/* A younger connection takes an older one's place. */
	say_part(&w, 2, BULK | MORE, SLICE_LIT("ab"));
	say_peer(&w, 2, true);
	assert_int_equal(w.ups, 3);
	assert_int_equal(w.downs, 2);
	say_part(&w, 2, BULK, SLICE_LIT("f"));
	settle(&w);
	assert_int_equal(w.frame_octets, 2);
	tear_down(&w);
}

static void
who_sends_too_large_a_frame_is_cut_off(void **state)
{
	uint8_t *p = calloc(1, STORE_LINK_PART);
	struct world w;

	(void)state;
	set_up(&w);
	say_peer(&w, 2, true);
	for (size_t n = 0; n < ENGINE_FRAME_MAX; n += STORE_LINK_PART)
		say_part(&w, 2, BULK | MORE, slice_of(p, STORE_LINK_PART));
	settle(&w);
	assert_int_equal(w.cuts, 0);
	say_part(&w, 2, BULK, SLICE_LIT("x"));
	settle(&w);
	assert_int_equal(w.cuts, 1);
	assert_int_equal(w.cut_node, 2);
	assert_int_equal(w.frames, 0);
	/* What was under way already isn't heard. */
	say_part(&w, 2, URGENT, SLICE_LIT("x"));
	settle(&w);
	assert_int_equal(w.frames, 0);
	say_peer(&w, 2, true);
	say_part(&w, 2, URGENT, SLICE_LIT("x"));
	settle(&w);
	assert_int_equal(w.frames, 1);
	free(p);
	tear_down(&w);
}

static void
who_sends_nonsense_is_cut_off(void **state)
{
	struct world w;

	(void)state;
	set_up(&w);
	say_peer(&w, 2, true);
	say_part(&w, 2, URGENT, SLICE_EMPTY);
	settle(&w);
	assert_int_equal(w.cuts, 1);
	say_peer(&w, 2, true);
	w.answer = ERR_SYNTAX;
	say_part(&w, 2, URGENT, SLICE_LIT("x"));
	say_part(&w, 2, URGENT, SLICE_LIT("x"));
	settle(&w);
	assert_int_equal(w.frames, 1);
	assert_int_equal(w.cuts, 2);
	tear_down(&w);
}

static void
members_are_told_at_once_and_to_each_new_link(void **state)
{
	const uint8_t cluster[16] = {7};
	struct members m = {.n = 2,
		.next_id = 3,
		.node = {{.id = 1}, {.id = 2, .address = "192.0.2.2:4627"}}};
	struct world w;

	(void)state;
	set_up(&w);
	settle(&w);
	assert_int_equal(w.lists, 0);
	store_link_members(w.at, 1, cluster, &m);
	settle(&w);
	assert_int_equal(w.lists, 1);
	assert_int_equal(w.list_n, 2);
	say_peer(&w, 2, true);
	say_part(&w, 2, BULK | MORE, SLICE_LIT("ab"));
	settle(&w);
	ipc_free(w.link);
	settle(&w);
	assert_int_equal(w.downs, 1);
	assert_false(store_link_is_up(w.at, 2));
	start_link(&w);
	settle(&w);
	assert_int_equal(w.lists, 2);
	tear_down(&w);
}

/* More than a socket holds: nothing is lost, and nobody is cut off. */
static void
a_burst_of_frames_passes_whole(void **state)
{
	uint8_t *p = calloc(1, ENGINE_FRAME_MAX);
	struct world w;

	(void)state;
	set_up(&w);
	w.is_echoing = true;
	say_peer(&w, 2, true);
	p[0] = 1;
	for (int i = 0; i < 8; i++)
		assert_int_equal(
			store_link_send(w.at, 2, true, slice_of(p, ENGINE_FRAME_MAX)), ERR_OK);
	assert_true(ipc_waiting(ipc_any(w.store, ROLE_LINK)) > 8 << 20);
	for (int i = 0; i < 100 && w.frames < 8; i++)
		settle(&w);
	assert_int_equal(w.frames, 8);
	assert_int_equal(w.frame_octets, 8 * (size_t)ENGINE_FRAME_MAX);
	assert_int_equal(ipc_waiting(ipc_any(w.store, ROLE_LINK)), 0);
	free(p);
	tear_down(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_of_every_size_pass_and_come_whole),
		cmocka_unit_test(a_frame_above_the_limit_is_not_sent),
		cmocka_unit_test(a_frame_to_nobody_is_dropped),
		cmocka_unit_test(an_urgent_frame_passes_between_the_parts_of_a_bulk_one),
		cmocka_unit_test(half_a_frame_dies_with_its_connection),
		cmocka_unit_test(who_sends_too_large_a_frame_is_cut_off),
		cmocka_unit_test(who_sends_nonsense_is_cut_off),
		cmocka_unit_test(members_are_told_at_once_and_to_each_new_link),
		cmocka_unit_test(a_burst_of_frames_passes_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
