#include "smtp/smtp_mx.h"

#include "core/mail_addr.h"
#include "core/must.h"

enum { V4, V6, FAMILIES };
enum { TLSA_BASES = 2, UNKNOWN_USAGE = 255, WHY_MAX = 600 };

struct host {
	struct smtp_mx_host shown;
	uint64_t shuffle;
	bool is_ready, is_asked;
	unsigned waits; /* questions for addresses without an answer */
	struct slice address[FAMILIES][SMTP_MX_ADDRESSES_MAX];
	size_t n[FAMILIES];
	bool has_insecure, has_failed, is_bogus;
	struct slice canonical;	       /* where the aliases of its name end */
	struct slice base[TLSA_BASES]; /* where TLSA is still to be asked for */
	size_t n_base;
};

struct asked {
	unsigned type;
	struct host *host; /* NULL: the MX question */
	bool is_open;
};

struct smtp_mx {
	const struct smtp_mx_settings *settings;
	struct arena *arena;
	struct slice next_hop, domain;
	bool has_mx;
	struct host *hosts; /* SMTP_MX_HOSTS_MAX, in their order */
	size_t n_hosts, n_begun;
	bool has_loop; /* hosts of loop_preference and above are or lead to this node */
	uint16_t loop_preference;
	struct asked asked[SMTP_MX_QUESTIONS_MAX];
	uint32_t n_asked;
	struct smtp_mx_question *ask; /* of this step */
	size_t n_ask, room;
	struct smtp_mx_result result;
	bool is_done;
};

/* ---- names ---- */

static bool
is_host_octet(uint8_t c)
{
	c = slice_lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool
is_number(struct slice label)
{
	for (size_t i = 0; i < label.n; i++)
		if (label.p[i] < '0' || label.p[i] > '9')
			return false;
	return true;
}

/* Of text that a dns_name gave. An underscore is met in practice; an address is no name. */
static bool
is_host_name(struct slice s)
{
	size_t last = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '.')
			last = i + 1;
		else if (!is_host_octet(s.p[i]))
			return false;
	}
	return s.n > 0 && s.n <= TLS_CLIENT_NAME_MAX && !is_number(slice_from(s, last));
}

static struct slice
text_of(struct smtp_mx *m, const struct dns_name *name)
{
	struct slice text;
	struct buf b;

	buf_init(&b, DNS_NAME_TEXT_MAX);
	dns_name_format(name, &b);
	text = arena_dup(m->arena, buf_slice(&b));
	buf_fini(&b);
	return text;
}

/* ---- the end ---- */

static void
fail(struct smtp_mx *m, const char *status, const char *before, struct slice name,
	const char *behind)
{
	struct buf b;

	buf_init(&b, WHY_MAX);
	buf_put_str(&b, before);
	buf_put_slice(&b, name);
	buf_put_str(&b, behind);
	m->result.status = status;
	m->result.why = arena_dup(m->arena, buf_slice(&b));
	buf_fini(&b);
	m->is_done = true;
}

static void
fail_for_now(struct smtp_mx *m, struct slice name, bool is_bogus)
{
	if (is_bogus)
		fail(m, "4.7.0", "The DNS records of ", name, " can't be validated");
	else
		fail(m, "4.4.3", "No name server answers for ", name, "");
}

static bool
is_looping(const struct smtp_mx *m, const struct host *h)
{
	return m->has_loop && h->shown.preference >= m->loop_preference;
}

/* No address is left: what is the worst that can be said for sure? */
static void
fail_without_address(struct smtp_mx *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_hosts; i++) {
		const struct host *h = &m->hosts[i];

		if (is_looping(m, h))
			continue;
		if (h->has_failed) {
			fail_for_now(m, h->shown.name, h->is_bogus);
			return;
		}
		n++;
	}
	if (n == 0)
		fail(m, "5.4.6", "Mail for ", m->next_hop, " loops back to this node");
	else
		fail(m, "5.4.4", "No host for ", m->next_hop, " has an address");
}

static const struct slice *
next_address(const struct host *h, enum smtp_mx_order order, size_t taken[FAMILIES])
{
	int family = order == SMTP_MX_IPV4_FIRST ? V4 : V6;

	if (order == SMTP_MX_ALTERNATE && taken[V6] > taken[V4])
		family = V4;
	if (taken[family] == h->n[family])
		family = family == V4 ? V6 : V4;
	return taken[family] < h->n[family] ? &h->address[family][taken[family]++] : NULL;
}

static size_t
count_addresses(const struct smtp_mx *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_begun; i++)
		if (!is_looping(m, &m->hosts[i]))
			n += m->hosts[i].n[V4] + m->hosts[i].n[V6];
	return n;
}

static void
finish(struct smtp_mx *m)
{
	size_t max = m->settings->tries_max, n = 0;
	struct smtp_mx_try *tries = arena_alloc(
		m->arena, (count_addresses(m) + 1) * sizeof *tries);

	for (size_t i = 0; i < m->n_begun; i++) {
		const struct host *h = &m->hosts[i];
		size_t taken[FAMILIES] = {0};
		const struct slice *address;

		while (!is_looping(m, h) && n < max &&
			(address = next_address(h, m->settings->order, taken)) != NULL)
			tries[n++] = (struct smtp_mx_try){&h->shown, *address};
	}
	m->result.tries = tries;
	m->result.n = n;
	m->is_done = true;
	if (n == 0)
		fail_without_address(m);
}

/* ---- questions ---- */

static void
ask(struct smtp_mx *m, struct host *h, const struct dns_name *name, unsigned type)
{
	must(m->n_asked < SMTP_MX_QUESTIONS_MAX);
	if (m->n_ask == m->room) {
		struct smtp_mx_question *old = m->ask;

		m->room = m->room ? 2 * m->room : 4;
		m->ask = arena_alloc(m->arena, m->room * sizeof *m->ask);
		if (m->n_ask)
			memcpy(m->ask, old, m->n_ask * sizeof *old);
	}
	m->ask[m->n_ask++] = (struct smtp_mx_question){m->n_asked, *name, type};
	m->asked[m->n_asked++] = (struct asked){type, h, true};
}

static void
ask_address(struct smtp_mx *m, struct host *h)
{
	enum smtp_mx_order order = m->settings->order;
	struct dns_name name;

	must(dns_name_parse(h->shown.name, &name) == ERR_OK);
	if (order != SMTP_MX_IPV4_ONLY) {
		ask(m, h, &name, DNS_RECORD_AAAA);
		h->waits++;
	}
	if (order != SMTP_MX_IPV6_ONLY) {
		ask(m, h, &name, DNS_RECORD_A);
		h->waits++;
	}
}

/* The next name at which the host's TLSA records may be; without one it is ready. A name that
 * becomes too long by the labels before it can't have any. */
static void
ask_tlsa(struct smtp_mx *m, struct host *h)
{
	struct dns_name name;
	struct buf b;
	enum err e = ERR_SYNTAX;

	while (e && h->n_base) {
		struct slice base = h->base[--h->n_base];

		buf_init(&b, DNS_NAME_TEXT_MAX);
		buf_printf(&b, "_%u._tcp.%.*s", m->settings->port, SLICE_FMT(base));
		e = dns_name_parse(buf_slice(&b), &name);
		buf_fini(&b);
		h->shown.tlsa_base = base;
	}
	if (e)
		h->is_ready = true;
	else
		ask(m, h, &name, DNS_RECORD_TLSA);
}

static bool
has_more(const struct smtp_mx *m)
{
	return m->n_begun < m->n_hosts && !is_looping(m, &m->hosts[m->n_begun]);
}

/* Asks for the next hosts once all before are ready, until there are addresses enough. */
static void
go_on(struct smtp_mx *m)
{
	for (size_t i = 0; i < m->n_begun; i++)
		if (!m->hosts[i].is_ready)
			return;
	if (!has_more(m) || count_addresses(m) >= m->settings->tries_max) {
		finish(m);
		return;
	}
	for (size_t i = 0; i < SMTP_MX_AT_ONCE && has_more(m); i++)
		ask_address(m, &m->hosts[m->n_begun++]);
}

/* ---- TLSA ---- */

static void
take_tlsa(struct smtp_mx *m, struct host *h, const struct dns_message *message)
{
	struct tls_client_tlsa *all = arena_alloc(m->arena, message->n * sizeof *all);
	struct dns_record r;

	for (size_t i = 0; i < message->n; i++) {
		struct slice rdata = arena_dup(m->arena, message->rdata[i]);

		all[i] = (struct tls_client_tlsa){.usage = UNKNOWN_USAGE};
		if (dns_record_parse(DNS_RECORD_TLSA, rdata, m->arena, &r) == ERR_OK)
			all[i] = (struct tls_client_tlsa){
				r.usage, r.selector, r.matching, r.data};
	}
	h->shown.tlsa = all;
	h->shown.n_tlsa = message->n;
	h->is_ready = true;
}

static bool
has_failed(const struct smtp_mx_answer *answer)
{
	return answer->is_bogus || (answer->message->rcode != DNS_MESSAGE_NOERROR &&
					   answer->message->rcode != DNS_MESSAGE_NXDOMAIN);
}

static void
on_tlsa(struct smtp_mx *m, struct host *h, const struct smtp_mx_answer *answer)
{
	if (has_failed(answer)) {
		/* RFC 7672 section 2.1.1: without DANE an attacker could have his way. */
		h->shown.has_tlsa_failed = true;
		h->is_ready = true;
	} else if (answer->is_secure && answer->message->n) {
		take_tlsa(m, h, answer->message);
	} else {
		ask_tlsa(m, h);
	}
}

/* RFC 7672 section 2.2.2: where the aliases of a name lead outside of what is signed, but the
 * first is, the name itself may have records. */
static void
on_cname(struct smtp_mx *m, struct host *h, const struct smtp_mx_answer *answer)
{
	if (!has_failed(answer) && !(answer->is_secure && answer->message->n))
		h->n_base = 0;
	if (has_failed(answer)) {
		h->shown.has_tlsa_failed = true;
		h->is_ready = true;
	} else {
		ask_tlsa(m, h);
	}
}

/* "If the MX RRset is insecure, DANE TLS doesn't apply"; nor does it to a host whose addresses
 * aren't validated (RFC 7672 sections 2.2.1 and 2.2.2): its servers may not answer at all. */
static void
begin_tlsa(struct smtp_mx *m, struct host *h)
{
	bool is_alias = is_host_name(h->canonical) && !slice_eq(h->canonical, h->shown.name);
	struct dns_name name;

	if (!m->settings->wants_tlsa || (m->has_mx && !m->result.is_mx_secure)) {
		h->is_ready = true;
		return;
	}
	/* Taken from the end: first where the aliases lead. */
	if (!h->has_insecure || is_alias)
		h->base[h->n_base++] = h->shown.name;
	if (!h->has_insecure && is_alias)
		h->base[h->n_base++] = h->canonical;
	if (!h->has_insecure || !is_alias) {
		ask_tlsa(m, h);
		return;
	}
	must(dns_name_parse(h->shown.name, &name) == ERR_OK);
	ask(m, h, &name, DNS_RECORD_CNAME);
}

/* ---- addresses ---- */

static bool
is_unspecified(struct slice address)
{
	for (size_t i = 0; i < address.n; i++)
		if (address.p[i])
			return false;
	return true;
}

static void
take_address(struct smtp_mx *m, struct host *h, struct slice address)
{
	int family = address.n == 4 ? V4 : V6;

	/* The unspecified address would be this node's own. */
	if (is_unspecified(address) || h->n[family] == SMTP_MX_ADDRESSES_MAX)
		return;
	for (size_t i = 0; i < m->settings->n_own_addresses; i++)
		if (ip_network_holds(&m->settings->own_addresses[i], address) &&
			(!m->has_loop || h->shown.preference < m->loop_preference)) {
			m->has_loop = true;
			m->loop_preference = h->shown.preference;
		}
	h->address[family][h->n[family]++] = arena_dup(m->arena, address);
}

static void
take_addresses(
	struct smtp_mx *m, struct host *h, unsigned type, const struct smtp_mx_answer *answer)
{
	struct dns_record r;

	for (size_t i = 0; i < answer->message->n; i++)
		if (dns_record_parse(type, answer->message->rdata[i], m->arena, &r) == ERR_OK)
			take_address(m, h, r.address);
	if (answer->message->n && !answer->is_secure)
		h->has_insecure = true;
	if (answer->message->n)
		h->canonical = text_of(m, &answer->message->canonical);
}

static void
on_address(
	struct smtp_mx *m, struct host *h, unsigned type, const struct smtp_mx_answer *answer)
{
	if (has_failed(answer)) {
		h->has_failed = true;
		h->is_bogus |= answer->is_bogus;
	} else {
		take_addresses(m, h, type, answer);
	}
	if (--h->waits)
		return;
	if (h->n[V4] + h->n[V6])
		begin_tlsa(m, h);
	else
		h->is_ready = true;
}

/* ---- MX ---- */

/* splitmix64: whoever chooses the names doesn't choose the order. */
static uint64_t
mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

static bool
is_before(const struct host *a, const struct host *b)
{
	return a->shown.preference != b->shown.preference
		       ? a->shown.preference < b->shown.preference
		       : a->shuffle < b->shuffle;
}

/* Puts it into its place; of two with the same name the better one stays, and of too many the
 * best. */
static void
add_host(struct smtp_mx *m, struct host h)
{
	size_t at = m->n_hosts;

	for (size_t i = 0; i < m->n_hosts; i++) {
		if (!slice_eq(m->hosts[i].shown.name, h.shown.name))
			continue;
		if (is_before(&m->hosts[i], &h))
			return;
		m->n_hosts--;
		memmove(&m->hosts[i], &m->hosts[i + 1], (m->n_hosts - i) * sizeof h);
		at = m->n_hosts;
		break;
	}
	while (at > 0 && is_before(&h, &m->hosts[at - 1]))
		at--;
	if (at == SMTP_MX_HOSTS_MAX)
		return;
	if (m->n_hosts == SMTP_MX_HOSTS_MAX)
		m->n_hosts--;
	memmove(&m->hosts[at + 1], &m->hosts[at], (m->n_hosts - at) * sizeof h);
	m->hosts[at] = h;
	m->n_hosts++;
}

static void
take_mx(struct smtp_mx *m, const struct dns_record *r, size_t number)
{
	struct host h = {.shown = {.preference = r->preference}};

	h.shown.name = text_of(m, &r->name);
	if (!is_host_name(h.shown.name))
		return;
	h.shuffle = mix(m->settings->random + number);
	add_host(m, h);
}

/* RFC 5321 section 5.1: "the relay MUST discard all MX records with that or a higher preference
 * value". */
static void
find_own_name(struct smtp_mx *m)
{
	for (size_t i = 0; i < m->n_hosts; i++)
		for (size_t k = 0; k < m->settings->n_own_names; k++)
			if (slice_eq(m->hosts[i].shown.name, m->settings->own_names[k])) {
				m->has_loop = true;
				m->loop_preference = m->hosts[i].shown.preference;
				return;
			}
}

/* RFC 7505 section 3: one record alone, whose host is the root. */
static bool
is_null_mx(const struct dns_message *message, const struct dns_record *last)
{
	return message->n == 1 && last->name.n == 1;
}

static void
on_records(struct smtp_mx *m, const struct smtp_mx_answer *answer)
{
	const struct dns_message *message = answer->message;
	struct dns_record r;

	m->has_mx = true;
	m->result.is_mx_secure = answer->is_secure;
	m->result.domain = m->domain;
	m->result.canonical_domain = text_of(m, &message->canonical);
	if (!answer->is_secure || !is_host_name(m->result.canonical_domain))
		m->result.canonical_domain = SLICE_EMPTY;
	for (size_t i = 0; i < message->n; i++) {
		if (dns_record_parse(DNS_RECORD_MX, message->rdata[i], m->arena, &r) != ERR_OK)
			continue;
		if (is_null_mx(message, &r)) {
			fail(m, "5.1.10", "Domain ", m->domain,
				" doesn't accept mail (null MX)");
			return;
		}
		take_mx(m, &r, i);
	}
	if (m->n_hosts == 0) {
		fail(m, "5.4.4", "No MX record of ", m->domain, " names a host");
		return;
	}
	find_own_name(m);
}

static void
on_mx(struct smtp_mx *m, const struct smtp_mx_answer *answer)
{
	if (has_failed(answer))
		fail_for_now(m, m->domain, answer->is_bogus);
	else if (answer->message->rcode == DNS_MESSAGE_NXDOMAIN)
		fail(m, "5.1.2", "Domain ", m->domain, " doesn't exist");
	else if (answer->message->n)
		on_records(m, answer);
	else
		/* "If an empty list of MXs is returned, the address is treated as if it was
		 * associated with an implicit MX RR with a preference of 0". */
		add_host(m, (struct host){.shown = {.name = m->domain}});
}

/* ---- from outside ---- */

static void
give_actions(struct smtp_mx *m, struct smtp_mx_actions *out)
{
	*out = (struct smtp_mx_actions){m->ask, m->n_ask, m->is_done ? &m->result : NULL};
	m->ask = NULL;
	m->n_ask = m->room = 0;
}

/* The address in brackets; false: it is a name, or nothing good. */
static bool
take_literal(struct smtp_mx *m, struct slice inner)
{
	struct ip_network net;
	uint8_t octets[16];
	struct slice address;
	int version = mail_addr_literal(inner, octets);

	if (version) {
		address = slice_of(octets, version == 4 ? 4 : 16);
	} else if (!slice_has(inner, '/') && ip_network_parse(inner, &net) == NULL) {
		address = slice_of(net.octets, net.n);
	} else {
		return false;
	}
	m->n_hosts = m->n_begun = 1;
	m->hosts[0] = (struct host){.is_ready = true};
	take_address(m, &m->hosts[0], address);
	return true;
}

static enum err
begin(struct smtp_mx *m)
{
	struct slice text = m->next_hop;
	bool is_host = text.n > 1 && text.p[0] == '[' && text.p[text.n - 1] == ']';
	struct dns_name name;

	if (is_host)
		text = slice_cut(text, 1, text.n - 1);
	if (is_host && take_literal(m, text))
		return ERR_OK;
	if (dns_name_parse(text, &name) != ERR_OK)
		return ERR_SYNTAX;
	m->domain = text_of(m, &name);
	if (!is_host_name(m->domain))
		return ERR_SYNTAX;
	if (is_host)
		add_host(m, (struct host){.shown = {.name = m->domain}});
	else
		ask(m, NULL, &name, DNS_RECORD_MX);
	return ERR_OK;
}

enum err
smtp_mx_new(const struct smtp_mx_settings *settings, struct slice next_hop, struct arena *a,
	struct smtp_mx_actions *first, struct smtp_mx **out)
{
	struct smtp_mx *m = arena_zalloc(a, sizeof *m);
	enum err e;

	m->settings = settings;
	m->arena = a;
	m->next_hop = arena_dup(a, next_hop);
	m->hosts = arena_zalloc(a, (SMTP_MX_HOSTS_MAX + 1) * sizeof *m->hosts);
	e = begin(m);
	if (e)
		return e;
	if (m->n_ask == 0)
		go_on(m);
	give_actions(m, first);
	*out = m;
	return ERR_OK;
}

static void
hear(struct smtp_mx *m, const struct asked *question, const struct smtp_mx_answer *answer)
{
	switch (question->type) {
	case DNS_RECORD_MX:
		on_mx(m, answer);
		break;
	case DNS_RECORD_TLSA:
		on_tlsa(m, question->host, answer);
		break;
	case DNS_RECORD_CNAME:
		on_cname(m, question->host, answer);
		break;
	default:
		on_address(m, question->host, question->type, answer);
		break;
	}
}

void
smtp_mx_step(
	struct smtp_mx *m, const struct smtp_mx_answer *answer, struct smtp_mx_actions *out)
{
	if (!m->is_done && answer->id < m->n_asked && m->asked[answer->id].is_open) {
		m->asked[answer->id].is_open = false;
		hear(m, &m->asked[answer->id], answer);
		if (!m->is_done)
			go_on(m);
	}
	give_actions(m, out);
}
