#include "tests/test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/must.h"
#include "smtp/smtp_mx.h"

/* ---- a DNS of a few lines ---- */

enum state { INSECURE, SECURE, BOGUS, SERVFAIL, NXDOMAIN };
struct line {
	const char *name;
	unsigned type;
	enum state state;
	const char *data; /* "10 mx.test;20 mx2.test", "192.0.2.1", "3 1 1"; NULL: nothing */
	const char *canonical; /* NULL: name */
};
enum { LINES_MAX = 80, TEXT_MAX = 8000 };

struct world {
	struct arena arena;
	struct smtp_mx_settings settings;
	struct line lines[LINES_MAX];
	size_t n_lines;
	bool is_backwards; /* the newest question is answered first */
	char asked[TEXT_MAX], got[TEXT_MAX];
	size_t n_asked;
	struct smtp_mx_result result;
};

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	arena_init(&w->arena, 0);
	w->settings = (struct smtp_mx_settings){
		.tries_max = 5, .port = 25, .wants_tlsa = true, .random = 1};
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	arena_reset(&w->arena);
	free(w);
	return 0;
}

static void
add(struct world *w, const char *name, unsigned type, enum state state, const char *data)
{
	must(w->n_lines < LINES_MAX);
	w->lines[w->n_lines++] = (struct line){name, type, state, data, NULL};
}

/* The last line's name is an alias of this one. */
static void
alias(struct world *w, const char *canonical)
{
	w->lines[w->n_lines - 1].canonical = canonical;
}

static struct slice
rdata_of(struct world *w, unsigned type, struct slice text)
{
	struct dns_name name;
	unsigned a = 0, b = 0, c = 0;
	char word[600];
	struct buf out;
	uint8_t *p;
	int used = 0;

	snprintf(word, sizeof word, "%.*s", SLICE_FMT(text));
	if (strcmp(word, "broken") == 0)
		return slice_of("\1", 1);
	buf_init(&out, 1000);
	switch (type) {
	case DNS_RECORD_A:
		must(inet_pton(AF_INET, word, buf_room(&out, 4)) == 1);
		buf_grow(&out, 4);
		break;
	case DNS_RECORD_AAAA:
		must(inet_pton(AF_INET6, word, buf_room(&out, 16)) == 1);
		buf_grow(&out, 16);
		break;
	case DNS_RECORD_MX:
		must(sscanf(word, "%u %n", &a, &used) == 1);
		must(dns_name_parse(slice_from(text, (size_t)used), &name) == ERR_OK);
		buf_put(&out, (uint8_t[]){(uint8_t)(a >> 8), (uint8_t)a}, 2);
		buf_put(&out, name.octets, name.n);
		break;
	case DNS_RECORD_TLSA:
		must(sscanf(word, "%u %u %u", &a, &b, &c) == 3);
		p = buf_room(&out, 35);
		memset(p, 7, 35);
		p[0] = (uint8_t)a, p[1] = (uint8_t)b, p[2] = (uint8_t)c;
		buf_grow(&out, 35);
		break;
	default:
		must(dns_name_parse(text, &name) == ERR_OK);
		buf_put(&out, name.octets, name.n);
		break;
	}
	text = arena_dup(&w->arena, buf_slice(&out));
	buf_fini(&out);
	return text;
}

static const struct line *
find_line(const struct world *w, const char *name, unsigned type)
{
	static const struct line nothing = {.state = SECURE};

	for (size_t i = 0; i < w->n_lines; i++)
		if (w->lines[i].type == type && strcmp(w->lines[i].name, name) == 0)
			return &w->lines[i];
	return &nothing;
}

static void
fill_message(struct world *w, const struct line *l, unsigned type, struct dns_message *m)
{
	struct slice rest = slice_str(l->data), *rdata;

	rdata = arena_alloc(&w->arena, 2000 * sizeof *rdata);
	m->rdata = rdata;
	while (rest.n && l->state <= SECURE) {
		size_t end = slice_find(rest, ';');

		rdata[m->n++] = rdata_of(w, type, slice_cut(rest, 0, end));
		rest = slice_from(rest, end + 1);
	}
	m->rcode = l->state == NXDOMAIN ? DNS_MESSAGE_NXDOMAIN
		   : l->state > SECURE	? DNS_MESSAGE_SERVFAIL
					: DNS_MESSAGE_NOERROR;
	if (l->canonical)
		must(dns_name_parse(slice_str(l->canonical), &m->canonical) == ERR_OK);
}

static void
answer(struct world *w, struct smtp_mx *m, const struct smtp_mx_question *q,
	struct smtp_mx_actions *out)
{
	struct dns_message message = {.canonical = q->name};
	struct smtp_mx_answer a = {.id = q->id, .message = &message};
	const struct line *l;
	struct buf name;

	buf_init(&name, DNS_NAME_TEXT_MAX + 1);
	dns_name_format(&q->name, &name);
	buf_put_u8(&name, 0);
	l = find_line(w, (const char *)name.p, q->type);
	fill_message(w, l, q->type, &message);
	a.is_secure = l->state == SECURE;
	a.is_bogus = l->state == BOGUS;
	buf_fini(&name);
	smtp_mx_step(m, &a, out);
}

/* ---- what came of it ---- */

static void
put(char *text, const char *word)
{
	size_t n = strlen(text);

	snprintf(text + n, TEXT_MAX - n, "%s%s", n ? " " : "", word);
}

static void
note_questions(struct world *w, const struct smtp_mx_actions *actions)
{
	struct buf b;

	for (size_t i = 0; i < actions->n; i++) {
		buf_init(&b, 2000);
		dns_record_type_format(actions->ask[i].type, &b);
		buf_put_str(&b, "/");
		dns_name_format(&actions->ask[i].name, &b);
		buf_put_u8(&b, 0);
		put(w->asked, (const char *)b.p);
		buf_fini(&b);
	}
	w->n_asked += actions->n;
}

static void
note_result(struct world *w)
{
	char word[400], address[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < w->result.n; i++) {
		const struct smtp_mx_try *t = &w->result.tries[i];

		inet_ntop(t->address.n == 4 ? AF_INET : AF_INET6, t->address.p, address,
			sizeof address);
		snprintf(word, sizeof word, "%.*s/%s", SLICE_FMT(t->host->name), address);
		put(w->got, word);
	}
	if (w->result.n)
		return;
	snprintf(word, sizeof word, "%s %.*s", w->result.status, SLICE_FMT(w->result.why));
	put(w->got, word);
}

/* The tries as "HOST/ADDRESS ...", or status and why. The questions are in w->asked then. */
static const char *
look_up(struct world *w, const char *next_hop)
{
	static struct smtp_mx_question open[SMTP_MX_QUESTIONS_MAX], next;
	struct smtp_mx_actions actions;
	struct smtp_mx *m;
	size_t n = 0;

	w->asked[0] = w->got[0] = '\0';
	w->n_asked = 0;
	must(smtp_mx_new(&w->settings, slice_str(next_hop), &w->arena, &actions, &m) == ERR_OK);
	for (;;) {
		note_questions(w, &actions);
		must(n + actions.n <= SMTP_MX_QUESTIONS_MAX);
		if (actions.n)
			memcpy(open + n, actions.ask, actions.n * sizeof *open);
		n += actions.n;
		if (actions.result)
			break;
		must(n > 0);
		next = open[w->is_backwards ? n - 1 : 0];
		n--;
		if (!w->is_backwards)
			memmove(open, open + 1, n * sizeof *open);
		answer(w, m, &next, &actions);
	}
	assert_int_equal(n, 0);
	w->result = *actions.result;
	note_result(w);
	return w->got;
}

static void
assert_both_ways(struct world *w, const char *next_hop, const char *expected)
{
	w->is_backwards = false;
	assert_string_equal(look_up(w, next_hop), expected);
	w->is_backwards = true;
	assert_string_equal(look_up(w, next_hop), expected);
	w->is_backwards = false;
}

/* ---- MX ---- */

static void
hosts_are_tried_by_preference(void **state)
{
	struct world *w = *state;

	add(w, "example.org", DNS_RECORD_MX, INSECURE,
		"30 c.test;10 A.test;65535 d.test;20 b.test");
	add(w, "a.test", DNS_RECORD_A, INSECURE, "192.0.2.1");
	add(w, "b.test", DNS_RECORD_A, INSECURE, "192.0.2.2");
	add(w, "c.test", DNS_RECORD_AAAA, INSECURE, "2001:db8::3");
	add(w, "d.test", DNS_RECORD_A, INSECURE, "192.0.2.4");
	assert_both_ways(w, "Example.ORG.",
		"a.test/192.0.2.1 b.test/192.0.2.2 c.test/2001:db8::3 d.test/192.0.2.4");
	assert_slice(w->result.domain, "example.org");
	assert_int_equal(w->result.canonical_domain.n, 0);
	assert_false(w->result.is_mx_secure);
	assert_int_equal(w->result.tries[2].host->preference, 30);
	look_up(w, "example.org");
	assert_string_equal(w->asked,
		"MX/example.org AAAA/a.test A/a.test AAAA/b.test A/b.test "
		"AAAA/c.test A/c.test AAAA/d.test A/d.test");
}

static void
hosts_of_one_preference_are_shuffled(void **state)
{
	struct world *w = *state;
	size_t first[3] = {0};

	add(w, "example.org", DNS_RECORD_MX, INSECURE,
		"10 a.test;10 b.test;10 c.test;5 z.test");
	add(w, "a.test", DNS_RECORD_A, INSECURE, "192.0.2.1");
	add(w, "b.test", DNS_RECORD_A, INSECURE, "192.0.2.2");
	add(w, "c.test", DNS_RECORD_A, INSECURE, "192.0.2.3");
	add(w, "z.test", DNS_RECORD_A, INSECURE, "192.0.2.9");
	for (uint64_t random = 0; random < 300; random++) {
		w->settings.random = random;
		look_up(w, "example.org");
		assert_int_equal(w->result.n, 4);
		assert_slice(w->result.tries[0].host->name, "z.test");
		first[w->result.tries[1].host->name.p[0] - 'a']++;
	}
	for (int i = 0; i < 3; i++)
		assert_true(first[i] > 60 && first[i] < 140);
}

static void
without_mx_records_the_domain_is_its_own_host(void **state)
{
	struct world *w = *state;

	add(w, "example.org", DNS_RECORD_A, INSECURE, "192.0.2.1");
	assert_both_ways(w, "example.org", "example.org/192.0.2.1");
	assert_int_equal(w->result.domain.n, 0);
	add(w, "example.org", DNS_RECORD_MX, INSECURE, "10 a.test");
	assert_both_ways(w, "example.org", "5.4.4 No host for example.org has an address");
}

static void
a_null_mx_is_final(void **state)
{
	struct world *w = *state;

	add(w, "example.org", DNS_RECORD_MX, INSECURE, "0 .");
	add(w, "example.org", DNS_RECORD_A, INSECURE, "192.0.2.1");
	assert_both_ways(
		w, "example.org", "5.1.10 Domain example.org doesn't accept mail (null MX)");
	w->lines[0].data = "0 .;10 a.test";
	add(w, "a.test", DNS_RECORD_A, INSECURE, "192.0.2.2");
	assert_both_ways(w, "example.org", "a.test/192.0.2.2");
}

static void
what_the_mx_question_finds_is_final_or_not(void **state)
{
	static const struct {
		enum state state;
		const char *got;
	} cases[] = {{NXDOMAIN, "5.1.2 Domain example.org doesn't exist"},
		{SERVFAIL, "4.4.3 No name server answers for example.org"},
		{BOGUS, "4.7.0 The DNS records of example.org can't be validated"}};
	struct world *w = *state;

	add(w, "example.org", DNS_RECORD_MX, INSECURE, NULL);
	add(w, "example.org", DNS_RECORD_A, INSECURE, "192.0.2.1");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		w->lines[0].state = cases[i].state;
		assert_both_ways(w, "example.org", cases[i].got);
		assert_string_equal(w->asked, "MX/example.org");
	}
}

static void
names_that_no_host_can_have_are_passed_over(void **state)
{
	struct world *w = *state;

	add(w, "example.org", DNS_RECORD_MX, INSECURE,
		"1 192.0.2.9;2 a\\032b.test;3 *.test;4 a\\.b.test;10 _ok.test");
	add(w, "_ok.test", DNS_RECORD_A, INSECURE, "192.0.2.1");
	assert_both_ways(w, "example.org", "_ok.test/192.0.2.1");
	w->lines[0].data = "1 192.0.2.9;0 .";
	assert_both_ways(w, "example.org", "5.4.4 No MX record of example.org names a host");
}

static void
a_host_that_is_named_twice_counts_once_with_its_better_preference(void **state)
{
	struct world *w = *state;

	add(w, "example.org", DNS_RECORD_MX, INSECURE,
		"30 a.test;20 b.test;10 a.test;40 b.test");
	add(w, "a.test", DNS_RECORD_A, INSECURE, "192.0.2.1");
	add(w, "b.test", DNS_RECORD_A, INSECURE, "192.0.2.2");
	assert_both_ways(w, "example.org", "a.test/192.0.2.1 b.test/192.0.2.2");
	assert_int_equal(w->n_asked, 5);
}

static void
of_too_many_hosts_the_best_are_asked_for(void **state)
{
	struct world *w = *state;
	struct buf data;

	buf_init(&data, 100000);
	add(w, "example.org", DNS_RECORD_MX, INSECURE, NULL);
	add(w, "h50.test", DNS_RECORD_A, INSECURE, "192.0.2.50");
	add(w, "h51.test", DNS_RECORD_A, INSECURE, "192.0.2.51");
	for (int is_falling = 0; is_falling < 2; is_falling++) {
		buf_clear(&data);
		for (int i = 1; i <= 1000; i++) {
			int n = is_falling ? 1001 - i : i;

			buf_printf(&data, "%s%d h%d.test", i > 1 ? ";" : "", n, n);
		}
		buf_put_u8(&data, 0);
		w->lines[0].data = (const char *)data.p;
		assert_both_ways(w, "example.org", "h50.test/192.0.2.50");
		assert_int_equal(w->n_asked, 1 + 2 * SMTP_MX_HOSTS_MAX);
	}
	buf_fini(&data);
}

static void
broken_records_are_passed_over(void **state)
{
	struct world *w = *state;

	add(w, "example.org", DNS_RECORD_MX, INSECURE, "broken;10 a.test;broken");
	add(w, "a.test", DNS_RECORD_A, INSECURE, "broken;192.0.2.1");
	add(w, "a.test", DNS_RECORD_AAAA, INSECURE, "broken");
	assert_both_ways(w, "example.org", "a.test/192.0.2.1");
	w->lines[1].data = "broken";
	assert_both_ways(w, "example.org", "5.4.4 No host for example.org has an address");
	w->lines[0].data = "broken";
	assert_both_ways(w, "example.org", "5.4.4 No MX record of example.org names a host");
}

/* ---- loops ---- */

static void
this_node_and_what_is_less_preferred_are_left_out(void **state)
{
	static const struct slice own[] = {SLICE_LIT("other.test"), SLICE_LIT("me.test")};
	struct world *w = *state;

	w->settings.own_names = own;
	w->settings.n_own_names = 2;
	add(w, "example.org", DNS_RECORD_MX, INSECURE,
		"10 a.test;20 ME.test;20 same.test;20 too.test;30 c.test");
	add(w, "a.test", DNS_RECORD_A, INSECURE, "192.0.2.1");
	add(w, "same.test", DNS_RECORD_A, INSECURE, "192.0.2.2");
	add(w, "too.test", DNS_RECORD_A, INSECURE, "192.0.2.2");
	add(w, "c.test", DNS_RECORD_A, INSECURE, "192.0.2.3");
	for (w->settings.random = 0; w->settings.random < 20; w->settings.random++)
		assert_both_ways(w, "example.org", "a.test/192.0.2.1");
	assert_int_equal(w->n_asked, 3);
	w->lines[0].data = "20 me.test;20 same.test;30 c.test";
	for (w->settings.random = 0; w->settings.random < 20; w->settings.random++)
		assert_both_ways(
			w, "example.org", "5.4.6 Mail for example.org loops back to this node");
	w->settings.n_own_names = 1;
	look_up(w, "example.org");
	assert_int_equal(w->result.n, 2);
}

static void
this_node_is_known_by_its_address_too(void **state)
{
	struct ip_network own[2];
	struct world *w = *state;

	must(!ip_network_parse(SLICE_LIT("127.0.0.0/8"), &own[0]));
	must(!ip_network_parse(SLICE_LIT("2001:db8::1"), &own[1]));
	w->settings.own_addresses = own;
	w->settings.n_own_addresses = 2;
	add(w, "example.org", DNS_RECORD_MX, INSECURE, "10 a.test;20 b.test;30 c.test");
	add(w, "a.test", DNS_RECORD_A, INSECURE, "192.0.2.1");
	add(w, "b.test", DNS_RECORD_AAAA, INSECURE, "2001:db8::2;2001:db8::1");
	add(w, "c.test", DNS_RECORD_A, INSECURE, "127.0.0.3");
	assert_both_ways(w, "example.org", "a.test/192.0.2.1");
	w->lines[1].data = "::ffff:127.0.0.1";
	w->lines[1].type = DNS_RECORD_AAAA;
	assert_both_ways(
		w, "example.org", "5.4.6 Mail for example.org loops back to this node");
	assert_both_ways(w, "[c.test]", "5.4.6 Mail for [c.test] loops back to this node");
	assert_both_ways(
		w, "[127.0.0.1]", "5.4.6 Mail for [127.0.0.1] loops back to this node");
	w->settings.n_own_addresses = 0;
	assert_both_ways(w, "[127.0.0.1]", "/127.0.0.1");
}

/* ---- addresses ---- */

static void
the_order_of_the_families_is_a_setting(void **state)
{
	static const struct {
		enum smtp_mx_order order;
		const char *got, *asked;
	} cases[] = {{SMTP_MX_ALTERNATE,
			     "a.test/2001:db8::1 a.test/192.0.2.1 a.test/2001:db8::2 "
			     "a.test/2001:db8::3 b.test/192.0.2.9",
			     "AAAA/a.test A/a.test AAAA/b.test A/b.test"},
		{SMTP_MX_IPV6_FIRST,
			"a.test/2001:db8::1 a.test/2001:db8::2 a.test/2001:db8::3 "
			"a.test/192.0.2.1 b.test/192.0.2.9",
			"AAAA/a.test A/a.test AAAA/b.test A/b.test"},
		{SMTP_MX_IPV4_FIRST,
			"a.test/192.0.2.1 a.test/2001:db8::1 a.test/2001:db8::2 "
			"a.test/2001:db8::3 b.test/192.0.2.9",
			"AAAA/a.test A/a.test AAAA/b.test A/b.test"},
		{SMTP_MX_IPV6_ONLY, "a.test/2001:db8::1 a.test/2001:db8::2 a.test/2001:db8::3",
			"AAAA/a.test AAAA/b.test"},
		{SMTP_MX_IPV4_ONLY, "a.test/192.0.2.1 b.test/192.0.2.9", "A/a.test A/b.test"}};
	struct world *w = *state;

	add(w, "example.org", DNS_RECORD_MX, INSECURE, "10 a.test;20 b.test");
	add(w, "a.test", DNS_RECORD_AAAA, INSECURE, "2001:db8::1;2001:db8::2;2001:db8::3");
	add(w, "a.test", DNS_RECORD_A, INSECURE, "192.0.2.1");
	add(w, "b.test", DNS_RECORD_A, INSECURE, "192.0.2.9");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		w->settings.order = cases[i].order;
		assert_both_ways(w, "example.org", cases[i].got);
		look_up(w, "example.org");
		assert_string_equal(w->asked + strlen("MX/example.org "), cases[i].asked);
	}
}

static void
no_more_addresses_are_tried_than_the_setting_says(void **state)
{
	struct world *w = *state;

	add(w, "example.org", DNS_RECORD_MX, INSECURE, "10 a.test;20 b.test");
	add(w, "a.test", DNS_RECORD_A, INSECURE, "192.0.2.1;192.0.2.2;192.0.2.3");
	add(w, "b.test", DNS_RECORD_A, INSECURE, "192.0.2.4;192.0.2.5;192.0.2.6");
	assert_both_ways(w, "example.org",
		"a.test/192.0.2.1 a.test/192.0.2.2 a.test/192.0.2.3 "
		"b.test/192.0.2.4 b.test/192.0.2.5");
	w->settings.tries_max = 1;
	assert_both_ways(w, "example.org", "a.test/192.0.2.1");
	w->settings.tries_max = 100;
	look_up(w, "example.org");
	assert_int_equal(w->result.n, 6);
}

static void
of_one_host_sixteen_addresses_of_a_family_count(void **state)
{
	struct world *w = *state;
	struct buf data;

	buf_init(&data, 1000);
	for (int i = 1; i <= SMTP_MX_ADDRESSES_MAX + 1; i++)
		buf_printf(&data, "%s192.0.2.%d", i > 1 ? ";" : "", i);
	buf_put_u8(&data, 0);
	w->settings.tries_max = 100;
	add(w, "a.test", DNS_RECORD_A, INSECURE, (const char *)data.p);
	look_up(w, "[a.test]");
	assert_int_equal(w->result.n, SMTP_MX_ADDRESSES_MAX);
	buf_fini(&data);
}

static void
later_hosts_are_asked_for_only_when_the_first_have_too_few(void **state)
{
	struct world *w = *state;

	add(w, "example.org", DNS_RECORD_MX, INSECURE,
		"1 h1.test;2 h2.test;3 h3.test;4 h4.test;5 h5.test;6 h6.test;7 h7.test;8 "
		"h8.test;"
		"9 h9.test");
	add(w, "h8.test", DNS_RECORD_A, INSECURE,
		"192.0.2.1;192.0.2.2;192.0.2.3;192.0.2.4;192.0.2.5");
	add(w, "h9.test", DNS_RECORD_A, INSECURE, "192.0.2.9");
	look_up(w, "example.org");
	assert_int_equal(w->n_asked, 1 + 2 * SMTP_MX_AT_ONCE);
	w->lines[1].data = "192.0.2.1;192.0.2.2;192.0.2.3;192.0.2.4";
	look_up(w, "example.org");
	assert_int_equal(w->n_asked, 1 + 2 * (SMTP_MX_AT_ONCE + 1));
	assert_int_equal(w->result.n, 5);
}

static void
a_host_without_an_answer_is_passed_over_if_another_has_one(void **state)
{
	struct world *w = *state;

	add(w, "example.org", DNS_RECORD_MX, INSECURE, "10 a.test;20 b.test;30 c.test");
	add(w, "a.test", DNS_RECORD_A, SERVFAIL, NULL);
	add(w, "b.test", DNS_RECORD_A, NXDOMAIN, NULL);
	add(w, "b.test", DNS_RECORD_AAAA, NXDOMAIN, NULL);
	add(w, "c.test", DNS_RECORD_A, INSECURE, "192.0.2.1");
	add(w, "c.test", DNS_RECORD_AAAA, SERVFAIL, NULL);
	assert_both_ways(w, "example.org", "c.test/192.0.2.1");
	w->lines[4].data = NULL;
	assert_both_ways(w, "example.org", "4.4.3 No name server answers for a.test");
	w->lines[1].state = BOGUS;
	assert_both_ways(
		w, "example.org", "4.7.0 The DNS records of a.test can't be validated");
	w->lines[1].state = NXDOMAIN;
	assert_both_ways(w, "example.org", "4.4.3 No name server answers for c.test");
	w->lines[5].state = NXDOMAIN;
	assert_both_ways(w, "example.org", "5.4.4 No host for example.org has an address");
}

static void
the_unspecified_address_is_none(void **state)
{
	struct world *w = *state;

	add(w, "a.test", DNS_RECORD_A, INSECURE, "0.0.0.0");
	add(w, "a.test", DNS_RECORD_AAAA, INSECURE, "::;2001:db8::1");
	assert_both_ways(w, "[a.test]", "a.test/2001:db8::1");
	assert_both_ways(w, "[0.0.0.0]", "5.4.4 No host for [0.0.0.0] has an address");
}

/* ---- next hops ---- */

static void
brackets_hold_a_host_or_an_address(void **state)
{
	struct world *w = *state;

	add(w, "a.test", DNS_RECORD_MX, INSECURE, "10 b.test");
	add(w, "a.test", DNS_RECORD_A, INSECURE, "192.0.2.1");
	assert_both_ways(w, "[A.test]", "a.test/192.0.2.1");
	assert_both_ways(w, "[192.0.2.7]", "/192.0.2.7");
	assert_both_ways(w, "[IPv6:2001:db8::7]", "/2001:db8::7");
	assert_both_ways(w, "[2001:db8::7]", "/2001:db8::7");
	assert_int_equal(w->n_asked, 0);
	assert_int_equal(w->result.tries[0].host->name.n, 0);
}

static void
what_is_no_next_hop_is_refused(void **state)
{
	static const char *const bad[] = {"", ".", "[]", "[", "]", "[a", "a b", "a..b",
		"192.0.2.1", "[192.0.2.0/24]", "[2001:db8::/32]", "[IPv6:192.0.2.1]",
		"[256.0.0.1]", "a/b", "[[192.0.2.1]]", "\xc3\xa4.test", "*.test"};
	struct world *w = *state;
	struct smtp_mx_actions actions;
	struct smtp_mx *m;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (smtp_mx_new(&w->settings, slice_str(bad[i]), &w->arena, &actions, &m) !=
			ERR_SYNTAX)
			fail_msg("%s was taken", bad[i]);
}

static void
an_answer_that_nobody_waits_for_changes_nothing(void **state)
{
	struct dns_message nothing = {.rcode = DNS_MESSAGE_NXDOMAIN};
	struct smtp_mx_answer a = {.id = 1, .message = &nothing};
	struct world *w = *state;
	struct smtp_mx_actions actions;
	struct smtp_mx *m;

	must(!smtp_mx_new(&w->settings, SLICE_LIT("a.test"), &w->arena, &actions, &m));
	assert_int_equal(actions.n, 1);
	smtp_mx_step(m, &a, &actions);
	a.id = UINT32_MAX;
	smtp_mx_step(m, &a, &actions);
	assert_true(actions.n == 0 && !actions.result);
	a.id = 0;
	nothing.rcode = DNS_MESSAGE_NOERROR;
	smtp_mx_step(m, &a, &actions);
	assert_int_equal(actions.n, 2);
	smtp_mx_step(m, &a, &actions);
	assert_true(actions.n == 0 && !actions.result);
	a.id = 1;
	smtp_mx_step(m, &a, &actions);
	smtp_mx_step(m, &a, &actions);
	assert_null(actions.result);
	a.id = 2;
	smtp_mx_step(m, &a, &actions);
	assert_non_null(actions.result);
	smtp_mx_step(m, &a, &actions);
	assert_non_null(actions.result);
}

/* ---- DANE ---- */

/* A domain all of which is signed. */
static void
add_signed(struct world *w)
{
	add(w, "example.org", DNS_RECORD_MX, SECURE, "10 a.test");
	add(w, "a.test", DNS_RECORD_A, SECURE, "192.0.2.1");
	add(w, "_25._tcp.a.test", DNS_RECORD_TLSA, SECURE, "3 1 1;2 0 1;1 1 1");
}

static const struct smtp_mx_host *
host_of(struct world *w, const char *next_hop)
{
	look_up(w, next_hop);
	assert_true(w->result.n > 0);
	return w->result.tries[0].host;
}

static void
a_signed_way_leads_to_the_tlsa_records(void **state)
{
	struct world *w = *state;
	const struct smtp_mx_host *h;

	add_signed(w);
	h = host_of(w, "example.org");
	assert_string_equal(
		w->asked, "MX/example.org AAAA/a.test A/a.test TLSA/_25._tcp.a.test");
	assert_true(w->result.is_mx_secure);
	assert_slice(w->result.canonical_domain, "example.org");
	assert_int_equal(h->n_tlsa, 3);
	assert_slice(h->tlsa_base, "a.test");
	assert_int_equal(h->tlsa[0].usage, 3);
	assert_int_equal(h->tlsa[1].usage, 2);
	assert_int_equal(h->tlsa[1].selector, 0);
	assert_int_equal(h->tlsa[0].data.n, 32);
	assert_true(tls_client_tlsa_is_usable(&h->tlsa[0]));
	assert_false(h->has_tlsa_failed);
}

static void
nobody_asks_for_tlsa_on_a_way_that_isnt_signed(void **state)
{
	struct world *w = *state;

	add_signed(w);
	w->lines[0].state = INSECURE;
	assert_int_equal(host_of(w, "example.org")->n_tlsa, 0);
	assert_null(strstr(w->asked, "TLSA"));
	w->lines[0].state = SECURE;
	w->lines[1].state = INSECURE;
	assert_int_equal(host_of(w, "example.org")->n_tlsa, 0);
	assert_null(strstr(w->asked, "TLSA"));
	w->lines[1].state = SECURE;
	w->settings.wants_tlsa = false;
	assert_int_equal(host_of(w, "example.org")->n_tlsa, 0);
	assert_null(strstr(w->asked, "TLSA"));
}

static void
a_host_without_an_mx_record_needs_only_its_own_signature(void **state)
{
	struct world *w = *state;

	add_signed(w);
	assert_int_equal(host_of(w, "[a.test]")->n_tlsa, 3);
	/* That there is no address of the other family says nothing. */
	add(w, "a.test", DNS_RECORD_AAAA, INSECURE, NULL);
	assert_int_equal(host_of(w, "[a.test]")->n_tlsa, 3);
	w->lines[3].data = "2001:db8::1";
	assert_int_equal(host_of(w, "[a.test]")->n_tlsa, 0);
	w->lines[3].state = SECURE;
	add(w, "a.test", DNS_RECORD_MX, INSECURE, NULL);
	assert_int_equal(host_of(w, "a.test")->n_tlsa, 3);
	w->settings.port = 587;
	assert_int_equal(host_of(w, "[a.test]")->n_tlsa, 0);
	assert_non_null(strstr(w->asked, "TLSA/_587._tcp.a.test"));
}

static void
tlsa_records_that_cant_be_had_are_not_none(void **state)
{
	static const enum state states[] = {SERVFAIL, BOGUS};
	struct world *w = *state;
	const struct smtp_mx_host *h;

	add_signed(w);
	for (size_t i = 0; i < 2; i++) {
		w->lines[2].state = states[i];
		h = host_of(w, "example.org");
		assert_true(h->has_tlsa_failed);
		assert_int_equal(h->n_tlsa, 0);
	}
	w->lines[2].state = NXDOMAIN;
	assert_false(host_of(w, "example.org")->has_tlsa_failed);
	w->lines[2].state = INSECURE;
	h = host_of(w, "example.org");
	assert_false(h->has_tlsa_failed);
	assert_int_equal(h->n_tlsa, 0);
}

static void
a_broken_tlsa_record_still_counts_as_unusable(void **state)
{
	struct world *w = *state;
	const struct smtp_mx_host *h;

	add_signed(w);
	w->lines[2].data = "broken";
	h = host_of(w, "example.org");
	assert_int_equal(h->n_tlsa, 1);
	assert_false(tls_client_tlsa_is_usable(&h->tlsa[0]));
}

static void
an_alias_is_asked_for_where_it_leads_and_then_itself(void **state)
{
	struct world *w = *state;
	const struct smtp_mx_host *h;

	add(w, "example.org", DNS_RECORD_MX, SECURE, "10 alias.test");
	add(w, "alias.test", DNS_RECORD_A, SECURE, "192.0.2.1");
	alias(w, "real.test");
	add(w, "_25._tcp.alias.test", DNS_RECORD_TLSA, SECURE, "3 1 1");
	h = host_of(w, "example.org");
	assert_slice(h->name, "alias.test");
	assert_slice(h->tlsa_base, "alias.test");
	assert_int_equal(h->n_tlsa, 1);
	assert_non_null(strstr(w->asked, "TLSA/_25._tcp.real.test TLSA/_25._tcp.alias.test"));
	add(w, "_25._tcp.real.test", DNS_RECORD_TLSA, SECURE, "3 1 1;3 1 2");
	h = host_of(w, "example.org");
	assert_slice(h->tlsa_base, "real.test");
	assert_int_equal(h->n_tlsa, 2);
	assert_null(strstr(w->asked, "TLSA/_25._tcp.alias.test"));
	w->lines[3].state = SERVFAIL;
	h = host_of(w, "example.org");
	assert_true(h->has_tlsa_failed);
	assert_null(strstr(w->asked, "TLSA/_25._tcp.alias.test"));
	/* What no certificate could name isn't asked for. */
	w->lines[1].canonical = "a\\.b.test";
	h = host_of(w, "example.org");
	assert_slice(h->tlsa_base, "alias.test");
	assert_int_equal(h->n_tlsa, 1);
	assert_null(strstr(w->asked, "TLSA/_25._tcp.a\\"));
}

static void
an_alias_that_leads_out_of_what_is_signed_may_have_records_itself(void **state)
{
	struct world *w = *state;
	const struct smtp_mx_host *h;

	add(w, "example.org", DNS_RECORD_MX, SECURE, "10 alias.test");
	add(w, "alias.test", DNS_RECORD_A, INSECURE, "192.0.2.1");
	alias(w, "real.test");
	add(w, "alias.test", DNS_RECORD_CNAME, SECURE, "real.test");
	add(w, "_25._tcp.alias.test", DNS_RECORD_TLSA, SECURE, "3 1 1");
	add(w, "_25._tcp.real.test", DNS_RECORD_TLSA, SECURE, "3 1 1");
	h = host_of(w, "example.org");
	assert_slice(h->tlsa_base, "alias.test");
	assert_int_equal(h->n_tlsa, 1);
	assert_null(strstr(w->asked, "TLSA/_25._tcp.real.test"));
	w->lines[2].state = INSECURE;
	assert_int_equal(host_of(w, "example.org")->n_tlsa, 0);
	assert_null(strstr(w->asked, "TLSA"));
	w->lines[2].state = SERVFAIL;
	assert_true(host_of(w, "example.org")->has_tlsa_failed);
}

static void
a_name_too_long_for_tlsa_has_none(void **state)
{
	struct world *w = *state;
	char name[254];

	for (size_t i = 0; i < 253; i++)
		name[i] = i % 50 == 49 ? '.' : 'a';
	name[253] = '\0';
	add(w, name + 9, DNS_RECORD_A, SECURE, "192.0.2.1");
	add(w, name + 8, DNS_RECORD_A, SECURE, "192.0.2.1");
	host_of(w, name + 9); /* 244 octets, 9 more of _25._tcp. */
	assert_non_null(strstr(w->asked, "TLSA/_25._tcp."));
	host_of(w, name + 8);
	assert_null(strstr(w->asked, "TLSA"));
}

static void
an_alias_of_the_domain_gives_its_name_only_if_it_is_validated(void **state)
{
	struct world *w = *state;

	add(w, "www.test", DNS_RECORD_MX, SECURE, "10 a.test");
	alias(w, "example.org");
	add(w, "a.test", DNS_RECORD_A, SECURE, "192.0.2.1");
	look_up(w, "www.test");
	assert_slice(w->result.domain, "www.test");
	assert_slice(w->result.canonical_domain, "example.org");
	w->lines[0].state = INSECURE;
	look_up(w, "www.test");
	assert_int_equal(w->result.canonical_domain.n, 0);
	w->lines[0].state = SECURE;
	w->lines[0].canonical = "a\\.b.test";
	look_up(w, "www.test");
	assert_int_equal(w->result.canonical_domain.n, 0);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(hosts_are_tried_by_preference),
		IN_WORLD(hosts_of_one_preference_are_shuffled),
		IN_WORLD(without_mx_records_the_domain_is_its_own_host),
		IN_WORLD(a_null_mx_is_final),
		IN_WORLD(what_the_mx_question_finds_is_final_or_not),
		IN_WORLD(names_that_no_host_can_have_are_passed_over),
		IN_WORLD(a_host_that_is_named_twice_counts_once_with_its_better_preference),
		IN_WORLD(of_too_many_hosts_the_best_are_asked_for),
		IN_WORLD(broken_records_are_passed_over),
		IN_WORLD(this_node_and_what_is_less_preferred_are_left_out),
		IN_WORLD(this_node_is_known_by_its_address_too),
		IN_WORLD(the_order_of_the_families_is_a_setting),
		IN_WORLD(no_more_addresses_are_tried_than_the_setting_says),
		IN_WORLD(of_one_host_sixteen_addresses_of_a_family_count),
		IN_WORLD(later_hosts_are_asked_for_only_when_the_first_have_too_few),
		IN_WORLD(a_host_without_an_answer_is_passed_over_if_another_has_one),
		IN_WORLD(the_unspecified_address_is_none),
		IN_WORLD(brackets_hold_a_host_or_an_address),
		IN_WORLD(what_is_no_next_hop_is_refused),
		IN_WORLD(an_answer_that_nobody_waits_for_changes_nothing),
		IN_WORLD(a_signed_way_leads_to_the_tlsa_records),
		IN_WORLD(nobody_asks_for_tlsa_on_a_way_that_isnt_signed),
		IN_WORLD(a_host_without_an_mx_record_needs_only_its_own_signature),
		IN_WORLD(tlsa_records_that_cant_be_had_are_not_none),
		IN_WORLD(a_broken_tlsa_record_still_counts_as_unusable),
		IN_WORLD(an_alias_is_asked_for_where_it_leads_and_then_itself),
		IN_WORLD(an_alias_that_leads_out_of_what_is_signed_may_have_records_itself),
		IN_WORLD(a_name_too_long_for_tlsa_has_none),
		IN_WORLD(an_alias_of_the_domain_gives_its_name_only_if_it_is_validated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
