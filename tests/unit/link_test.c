#include "tests/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/link_frame.h"
#include "cmd/link_join.h"
#include "cmd/link_peer.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/log.h"
#include "core/must.h"
#include "crypto/peer_tls.h"
#include "store/members.h"

/* Two whole link processes on one loop, with the test as their stores, or with the test as one
 * of the nodes. */
enum { NODES = 2, LIST_MAX = 3 };

struct node {
	struct proc p;
	struct ipc *store; /* the other end of its edge to the store */
	struct world *w;
	int listener;
	char address[LINK_ADDRESS_TEXT];
	struct buf key, spki, cert;
	uint8_t hash[PEER_CA_HASH];
	/* What its store heard. */
	int ups, downs;
	bool is_up;
	size_t parts, octets, first_urgent;
	uint64_t sum;
};

struct world {
	struct loop *loop;
	struct peer_ca *ca;
	struct buf authority;
	char dir[64];
	struct node node[NODES];
	bool (*until)(struct world *w);
	bool is_over;
	/* The test as a node: node[1]'s key. */
	struct peer_tls *tls;
	struct tls_stream *raw;
	int raw_fd;
};

/* --- the stores --- */

static void
on_peer(void *arg, struct ipc_frame *f)
{
	const Ipc__LinkPeer *m = (const Ipc__LinkPeer *)f->msg;
	struct node *n = arg;

	*(m->up ? &n->ups : &n->downs) += 1;
	n->is_up = m->up;
}

static void
on_part(void *arg, struct ipc_frame *f)
{
	const Ipc__LinkPart *m = (const Ipc__LinkPart *)f->msg;
	struct node *n = arg;

	n->parts++;
	n->octets += m->octets.len;
	if (!m->bulk && !n->first_urgent)
		n->first_urgent = n->parts;
	for (size_t i = 0; i < m->octets.len; i += 97)
		n->sum = n->sum * 31 + m->octets.data[i];
}

static void
add_store(struct node *n)
{
	int fd[2];

	must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd) == 0);
	n->store = ipc_new(n->w->loop, ROLE_STORE, 0);
	ipc_on(n->store, IPC_LINK_PEER, on_peer, n);
	ipc_on(n->store, IPC_LINK_PART, on_part, n);
	ipc_add_peer(n->store, ROLE_LINK, 0, fd[0]);
	ipc_add_peer(n->p.ipc, ROLE_STORE, 0, fd[1]);
}

static struct ipc_peer *
link_of(struct node *n)
{
	return ipc_any(n->store, ROLE_LINK);
}

/* Members 1 to count; 3 is nobody. */
static void
tell_members(struct world *w, struct node *to, size_t count)
{
	static const uint8_t cluster[16] = {9};
	Ipc__LinkMembers m = IPC__LINK_MEMBERS__INIT;
	Ipc__LinkMember row[LIST_MAX], *list[LIST_MAX];

	for (size_t i = 0; i < count; i++) {
		ipc__link_member__init(&row[i]);
		row[i].node = (uint32_t)i + 1;
		row[i].address = w->node[i].address;
		row[i].key = codec_bytes(slice_of(w->node[i].hash, PEER_CA_HASH));
		list[i] = &row[i];
	}
	m.self = (uint32_t)(to - w->node) + 1;
	m.cluster = codec_bytes(slice_of(cluster, sizeof cluster));
	m.n_member = count;
	m.member = list;
	ipc_tell(link_of(to), IPC_LINK_MEMBERS, &m.base, -1);
}

static void
say(struct node *from, uint32_t to, bool bulk, struct slice octets)
{
	Ipc__LinkPart m = IPC__LINK_PART__INIT;

	m.node = to;
	m.bulk = bulk;
	m.octets = codec_bytes(octets);
	ipc_tell(link_of(from), IPC_LINK_PART, &m.base, -1);
}

/* --- the loop --- */

static void
look(void *arg)
{
	struct world *w = arg;

	if (!w->is_over && w->until && w->until(w))
		loop_stop(w->loop);
	else if (!w->is_over)
		loop_after(w->loop, 2, look, w);
}

static void
on_over(void *arg)
{
	struct world *w = arg;

	w->is_over = true;
	loop_stop(w->loop);
}

/* False: it didn't come to that. */
static bool
run(struct world *w, uint32_t ms, bool (*until)(struct world *w))
{
	struct loop_timer *over;

	w->until = until;
	w->is_over = false;
	over = loop_after(w->loop, ms, on_over, w);
	loop_after(w->loop, 0, look, w);
	loop_run(w->loop);
	if (!w->is_over)
		loop_cancel(over);
	return !w->is_over;
}

static bool
never(struct world *w)
{
	(void)w;
	return false;
}

static bool
both_are_up(struct world *w)
{
	return w->node[0].is_up && w->node[1].is_up;
}

static bool
first_is_up(struct world *w)
{
	return w->node[0].is_up;
}

static bool
first_is_down(struct world *w)
{
	return w->node[0].downs > 0;
}

static bool
both_are_down(struct world *w)
{
	return w->node[0].downs > 0 && w->node[1].downs > 0;
}

/* --- the nodes --- */

static void
write_file(const struct world *w, const char *below, struct slice text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof path, "%s/%s", w->dir, below);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	must(fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n);
	close(fd);
}

static void
make_key(struct world *w, struct node *n)
{
	buf_init(&n->key, PEER_CA_PEM_MAX);
	buf_init(&n->spki, PEER_CA_PEM_MAX);
	buf_init(&n->cert, PEER_CA_PEM_MAX);
	must(!peer_ca_new_key(&n->key, &n->spki));
	must(!peer_ca_issue(w->ca, buf_slice(&n->spki), &n->cert));
	must(!peer_ca_key_hash(buf_slice(&n->cert), n->hash));
}

static int
listen_at(struct node *n, int last_octet)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t size = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	at.sin_addr.s_addr = htonl(0x7f000000u + (unsigned)last_octet);
	must(bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 100) == 0);
	must(getsockname(fd, (struct sockaddr *)&at, &size) == 0);
	snprintf(
		n->address, sizeof n->address, "127.0.0.%d:%u", last_octet, ntohs(at.sin_port));
	return fd;
}

static void
start_node(struct world *w, struct node *n)
{
	extern const struct proc_role proc_link_role;
	struct config *c = &n->p.config;

	write_file(w, "tls/node.key", buf_slice(&n->key));
	write_file(w, "tls/node.pem", buf_slice(&n->cert));
	write_file(w, "tls/cluster.pem", buf_slice(&w->authority));
	n->p.role = &proc_link_role;
	n->p.loop = w->loop;
	n->p.root = w->dir;
	c->listeners = 1;
	c->listener[0].kind = CONFIG_CLUSTER;
	snprintf(c->listener[0].address, sizeof c->listener[0].address, "127.0.0.%d",
		(int)(n - w->node) + 2);
	n->p.ipc = ipc_new(w->loop, ROLE_LINK, 0);
	proc_link_role.prepare(&n->p);
	proc_link_role.start(&n->p);
	add_store(n);
	proc_link_role.listener(&n->p, 0, n->listener);
}

static void
on_process(void *arg, struct ipc_peer *peer, bool up)
{
	struct proc *p = arg;

	p->role->peer(p, peer, up);
}

static void
set_up(struct world *w, size_t links)
{
	struct seal_key master = {{1}};
	char path[80];

	log_init("test", "link", LOG_LEVEL_ERROR);
	seal_init();
	*w = (struct world){.loop = loop_new(), .ca = peer_ca_new(&master), .raw_fd = -1};
	snprintf(w->dir, sizeof w->dir, "/tmp/link_test.XXXXXX");
	must(mkdtemp(w->dir));
	snprintf(path, sizeof path, "%s/tls", w->dir);
	must(mkdir(path, 0700) == 0);
	buf_init(&w->authority, PEER_CA_PEM_MAX);
	must(!peer_ca_certificate(w->ca, &w->authority));
	for (size_t i = 0; i < NODES; i++) {
		w->node[i].w = w;
		make_key(w, &w->node[i]);
		w->node[i].listener = listen_at(&w->node[i], (int)i + 2);
	}
	for (size_t i = 0; i < links; i++) {
		start_node(w, &w->node[i]);
		ipc_on_peer(w->node[i].p.ipc, on_process, &w->node[i].p);
		tell_members(w, &w->node[i], NODES);
	}
}

/* Processes end by exit, and free nothing before. So what they hold stays theirs. */
static void
bury(const struct world *w)
{
	static struct world *graves[32];
	static size_t n;

	must(n < sizeof graves / sizeof *graves);
	graves[n] = must_alloc(sizeof *w);
	*graves[n++] = *w;
}

static void
tear_down(struct world *w)
{
	bury(w);
	char command[100];

	tls_close(w->raw);
	if (w->raw_fd >= 0)
		close(w->raw_fd);
	peer_tls_free(w->tls);
	snprintf(command, sizeof command, "rm -r %s", w->dir);
	must(system(command) == 0);
}

static void
members_find_each_other_and_frames_pass_whole(void **state)
{
	static struct world w;
	static uint8_t text[LINK_FRAME_MAX];
	uint64_t sum = 0;

	(void)state;
	set_up(&w, 2);
	assert_true(run(&w, 3000, both_are_up));
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)(i * 7 + i / 256);
	/* More than sockets and pieces hold: 12 MiB each way at once. */
	for (int i = 0; i < 192; i++) {
		say(&w.node[0], 2, true, slice_of(text, sizeof text));
		say(&w.node[1], 1, true, slice_of(text, sizeof text));
		for (size_t k = 0; k < sizeof text; k += 97)
			sum = sum * 31 + text[k];
	}
	run(&w, 1500, never);
	for (int i = 0; i < NODES; i++) {
		assert_int_equal(w.node[i].octets, 192 * sizeof text);
		assert_int_equal(w.node[i].sum, sum);
		assert_int_equal(w.node[i].downs, 0);
	}
	tear_down(&w);
}

static void
urgent_frames_pass_bulk_ones_that_wait(void **state)
{
	static struct world w;
	static uint8_t text[LINK_FRAME_MAX];

	(void)state;
	set_up(&w, 2);
	assert_true(run(&w, 3000, both_are_up));
	for (int i = 0; i < 160; i++)
		say(&w.node[0], 2, true, slice_of(text, sizeof text));
	say(&w.node[0], 2, false, SLICE_LIT("urgent"));
	run(&w, 1500, never);
	assert_int_equal(w.node[1].parts, 161);
	/* All were there before it; at most what kernel and TLS held went first. */
	assert_true(w.node[1].first_urgent > 0 && w.node[1].first_urgent < 130);
	tear_down(&w);
}

static void
who_is_removed_is_cut_off_and_stays_out(void **state)
{
	static struct world w;

	(void)state;
	set_up(&w, 2);
	assert_true(run(&w, 3000, both_are_up));
	tell_members(&w, &w.node[0], 1);
	assert_true(run(&w, 1000, both_are_down));
	assert_false(run(&w, 1500, both_are_up));
	assert_int_equal(w.node[0].ups, 1);
	tell_members(&w, &w.node[0], 2);
	assert_true(run(&w, 2000, both_are_up));
	tear_down(&w);
}

static void
whom_the_store_cuts_off_comes_back_anew(void **state)
{
	static struct world w;
	Ipc__LinkPeer cut = IPC__LINK_PEER__INIT;

	(void)state;
	set_up(&w, 2);
	assert_true(run(&w, 3000, both_are_up));
	cut.node = 1;
	ipc_tell(link_of(&w.node[1]), IPC_LINK_PEER, &cut.base, -1);
	assert_true(run(&w, 1000, both_are_down));
	assert_true(run(&w, 1500, both_are_up));
	assert_int_equal(w.node[0].ups, 2);
	assert_int_equal(w.node[1].ups, 2);
	tear_down(&w);
}

static void
with_its_store_a_nodes_connections_end_and_come_back(void **state)
{
	static struct world w;

	(void)state;
	set_up(&w, 2);
	assert_true(run(&w, 3000, both_are_up));
	ipc_free(w.node[1].store);
	w.node[1].is_up = false;
	assert_true(run(&w, 1000, first_is_down));
	run(&w, 300, never);
	add_store(&w.node[1]);
	/* It knows nobody until its new store says who is a member. */
	assert_false(run(&w, 500, first_is_up));
	tell_members(&w, &w.node[1], NODES);
	assert_true(run(&w, 2500, both_are_up));
	tear_down(&w);
}

/* --- the test as a node --- */

enum { ASKS_NOBODY, IS_MEMBER };

static void
connect_raw(struct world *w, int how)
{
	const struct node *n = &w->node[1];
	struct peer_tls_settings settings = {
		buf_slice(&n->key), buf_slice(&n->cert), buf_slice(&w->authority)};
	struct link_address at;
	uint8_t hash[PEER_CA_HASH];

	peer_ca_hash(w->ca, hash);
	if (how == IS_MEMBER)
		must(!peer_tls_new(&settings, &w->tls));
	else
		w->tls = peer_tls_new_stranger(hash);
	must(!link_address_parse(w->node[0].address, &at));
	w->raw_fd = socket(AF_INET, SOCK_STREAM, 0);
	must(connect(w->raw_fd, (struct sockaddr *)&at.at, at.n) == 0);
	must(fcntl(w->raw_fd, F_SETFL, O_NONBLOCK) == 0);
	w->raw = peer_tls_connect(w->tls, w->raw_fd);
}

static bool
has_shaken(struct world *w)
{
	enum conn_want want;

	return tls_handshake(w->raw, &want) == ERR_OK;
}

static bool
is_closed(struct world *w)
{
	enum conn_want want;
	char text[1000];
	size_t n;
	enum err e = tls_read(w->raw, text, sizeof text, &n, &want);

	return e && e != ERR_MORE;
}

static void
put(struct world *w, struct slice octets)
{
	enum conn_want want;
	size_t n;

	assert_int_equal(tls_write(w->raw, octets.p, octets.n, &n, &want), ERR_OK);
	assert_int_equal(n, octets.n);
}

static void
put_hello(struct world *w)
{
	const uint8_t cluster[16] = {9};
	uint8_t hello[LINK_FRAME_HELLO];

	link_frame_hello(cluster, hello);
	put(w, slice_of(hello, sizeof hello));
}

/* Node 2 is the test: it doesn't answer node 1's calls, but calls. */
static void
set_up_raw(struct world *w, int how)
{
	set_up(w, 1);
	close(w->node[1].listener);
	run(w, 50, never);
	connect_raw(w, how);
	assert_true(run(w, 2000, has_shaken));
}

static void
a_member_that_says_nonsense_is_cut_off(void **state)
{
	static const struct {
		bool with_hello;
		struct slice says;
	} bad[] = {{false, SLICE_LIT("EHLO mail.example.org\r\n")},
		{true, SLICE_LIT("EHLO mail.example.org\r\n")}, {true, SLICE_LIT("\0\1\0\1\0")},
		{true, SLICE_LIT("\0\0\0\0\0")}, {true, SLICE_LIT("\0\0\0\1\10")},
		{true, SLICE_LIT("\0\0\0\1\4")}};
	static struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		set_up_raw(&w, IS_MEMBER);
		if (bad[i].with_hello) {
			put_hello(&w);
			assert_true(run(&w, 1000, first_is_up));
		}
		put(&w, bad[i].says);
		assert_true(run(&w, 1000, is_closed));
		run(&w, 20, never);
		assert_int_equal(w.node[0].downs, bad[i].with_hello);
		assert_int_equal(w.node[0].parts, 0);
		tear_down(&w);
	}
}

static void
a_member_that_falls_silent_is_cut_off_in_three_seconds(void **state)
{
	static struct world w;
	uint64_t begun;

	(void)state;
	set_up_raw(&w, IS_MEMBER);
	put_hello(&w);
	assert_true(run(&w, 1000, first_is_up));
	/* The beginning of a frame is all that comes. */
	put(&w, SLICE_LIT("\0\0\1\0\0half"));
	begun = clock_ms();
	assert_true(run(&w, 4000, first_is_down));
	assert_true(clock_ms() - begun >= LINK_PEER_SILENT_MS - 100);
	assert_true(clock_ms() - begun < 3000);
	assert_int_equal(w.node[0].parts, 0);
	tear_down(&w);
}

static void
a_member_that_never_greets_is_closed(void **state)
{
	static struct world w;

	(void)state;
	set_up_raw(&w, IS_MEMBER);
	assert_true(run(&w, LINK_PEER_SETUP_MS + 500, is_closed));
	assert_int_equal(w.node[0].ups, 0);
	tear_down(&w);
}

static void
a_member_that_does_not_read_costs_bounded_memory(void **state)
{
	static struct world w;
	static uint8_t text[LINK_FRAME_MAX];

	(void)state;
	set_up_raw(&w, IS_MEMBER);
	put_hello(&w);
	assert_true(run(&w, 1000, first_is_up));
	for (int i = 0; i < 2000 && !w.node[0].downs; i++) {
		say(&w.node[0], 2, true, slice_of(text, sizeof text));
		run(&w, 1, never);
	}
	assert_int_equal(w.node[0].downs, 1);
	tear_down(&w);
}

static void
a_younger_connection_takes_an_older_ones_place(void **state)
{
	static struct world w;
	struct tls_stream *old;
	int old_fd;

	(void)state;
	set_up_raw(&w, IS_MEMBER);
	put_hello(&w);
	assert_true(run(&w, 1000, first_is_up));
	old = w.raw;
	old_fd = w.raw_fd;
	peer_tls_free(w.tls);
	connect_raw(&w, IS_MEMBER);
	assert_true(run(&w, 2000, has_shaken));
	put_hello(&w);
	assert_true(run(&w, 1000, first_is_down));
	assert_true(run(&w, 1000, first_is_up));
	put(&w, SLICE_LIT("\0\0\0\1\0x"));
	run(&w, 50, never);
	assert_int_equal(w.node[0].octets, 1);
	assert_int_equal(w.node[0].ups, 2);
	tls_close(old);
	close(old_fd);
	tear_down(&w);
}

static void
a_stranger_that_asks_more_than_it_may_is_closed(void **state)
{
	static const struct slice bad[] = {SLICE_LIT("\0\0\0\0"), SLICE_LIT("\0\0\040\1"),
		SLICE_LIT("\xff\xff\xff\xffxxxx"), SLICE_LIT("hairpin peer")};
	static struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		set_up_raw(&w, ASKS_NOBODY);
		put(&w, bad[i]);
		assert_true(run(&w, 1000, is_closed));
		assert_int_equal(w.node[0].ups, 0);
		tear_down(&w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_find_each_other_and_frames_pass_whole),
		cmocka_unit_test(urgent_frames_pass_bulk_ones_that_wait),
		cmocka_unit_test(who_is_removed_is_cut_off_and_stays_out),
		cmocka_unit_test(whom_the_store_cuts_off_comes_back_anew),
		cmocka_unit_test(with_its_store_a_nodes_connections_end_and_come_back),
		cmocka_unit_test(a_member_that_says_nonsense_is_cut_off),
		cmocka_unit_test(a_member_that_falls_silent_is_cut_off_in_three_seconds),
		cmocka_unit_test(a_member_that_never_greets_is_closed),
		cmocka_unit_test(a_member_that_does_not_read_costs_bounded_memory),
		cmocka_unit_test(a_younger_connection_takes_an_older_ones_place),
		cmocka_unit_test(a_stranger_that_asks_more_than_it_may_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
