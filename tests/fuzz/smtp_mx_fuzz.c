/* Answers of the DNS on the way to a next hop: any codes, states, records, in any order. */
#include "core/must.h"
#include "smtp/smtp_mx.h"
#include "smtp/smtp_tls_policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum { RECORDS_MAX = 64 };

/* The next octets of the input; zeros at its end. */
static struct slice
take(struct slice *in, size_t n)
{
	struct slice s = slice_cut(*in, 0, n);

	*in = slice_from(*in, n);
	return s;
}

static uint8_t
take_octet(struct slice *in)
{
	struct slice s = take(in, 1);

	return s.n ? s.p[0] : 0;
}

/* A record of the shape of its type, or whatever the input has. */
static struct slice
take_record(struct slice *in, unsigned type, struct arena *a)
{
	uint8_t kind = take_octet(in), name[] = {0, 0, 1, 'a', 4, 't', 'e', 's', 't', 0};

	if (type == DNS_RECORD_MX && kind % 4) {
		name[1] = kind / 4 % 8;
		name[3] = (uint8_t)('a' + kind / 32);
		return arena_dup(a, slice_of(name, sizeof name));
	}
	if (type == DNS_RECORD_A)
		return take(in, kind % 8 ? 4 : kind / 8);
	if (type == DNS_RECORD_AAAA)
		return take(in, kind % 8 ? 16 : kind / 8);
	return take(in, kind);
}

static struct smtp_mx_answer
take_answer(struct slice *in, const struct smtp_mx_question *q, struct arena *a,
	struct dns_message *message)
{
	struct slice *rdata = arena_alloc(a, RECORDS_MAX * sizeof *rdata), alias;
	uint8_t kind = take_octet(in), n = take_octet(in);
	struct smtp_mx_answer answer = {.id = q->id, .message = message};

	*message = (struct dns_message){.canonical = q->name, .rdata = rdata};
	answer.is_secure = kind & 1;
	answer.is_bogus = (kind & 6) == 6;
	message->rcode = kind & 8 ? kind / 16 : 0;
	for (size_t i = 0; i < n % RECORDS_MAX && in->n; i++)
		rdata[message->n++] = take_record(in, q->type, a);
	if (n >= RECORDS_MAX) {
		size_t at = 0;

		alias = take(in, n);
		dns_name_read(alias, &at, &message->canonical);
	}
	return answer;
}

/* What the way leads to can be demanded. */
static void
check_demand(struct tls_client *client, const struct smtp_mx_result *result,
	const struct smtp_mx_host *h)
{
	struct smtp_tls_policy_facts facts = {.level = SMTP_TLS_POLICY_DANE,
		.host = h->name,
		.domain = result->domain,
		.canonical_domain = result->canonical_domain,
		.has_tlsa_failed = h->has_tlsa_failed,
		.tlsa = h->tlsa,
		.n_tlsa = h->n_tlsa,
		.tlsa_base = h->tlsa_base};
	struct smtp_tls_policy_plan plan;
	struct tls_stream *s;

	smtp_tls_policy_plan(&facts, &plan);
	must((plan.way == SMTP_TLS_POLICY_SKIP) == h->has_tlsa_failed);
	if (plan.way == SMTP_TLS_POLICY_SKIP)
		return;
	must(tls_client_connect(client, -1, &plan.demand, &s) == ERR_OK);
	tls_close(s);
}

static void
check_result(const struct smtp_mx_settings *settings, const struct smtp_mx_result *result)
{
	static struct tls_client *client;

	must(client || tls_client_new(SLICE_EMPTY, &client) == ERR_OK);
	must(result->n <= settings->tries_max);
	must((result->n == 0) == (result->status != NULL));
	for (size_t i = 0; i < result->n; i++) {
		const struct smtp_mx_host *h = result->tries[i].host;

		must(result->tries[i].address.n == 4 || result->tries[i].address.n == 16);
		must(i == 0 || result->tries[i - 1].host->preference <= h->preference);
		must(settings->wants_tlsa || (h->n_tlsa == 0 && !h->has_tlsa_failed));
		must(!h->has_tlsa_failed || h->n_tlsa == 0);
		check_demand(client, result, h);
	}
}

static void
play(struct slice in, const struct smtp_mx_settings *settings, struct slice next_hop,
	struct arena *a)
{
	struct smtp_mx_question open[SMTP_MX_QUESTIONS_MAX], next;
	struct smtp_mx_actions actions;
	struct smtp_mx_answer answer;
	struct dns_message message;
	struct smtp_mx *m;
	size_t n = 0, at;

	if (smtp_mx_new(settings, next_hop, a, &actions, &m) != ERR_OK)
		return;
	while (!actions.result) {
		must(n + actions.n <= SMTP_MX_QUESTIONS_MAX && n + actions.n > 0);
		if (actions.n)
			memcpy(open + n, actions.ask, actions.n * sizeof *open);
		n += actions.n;
		at = take_octet(&in) % n;
		next = open[at];
		open[at] = open[--n];
		answer = take_answer(&in, &next, a, &message);
		smtp_mx_step(m, &answer, &actions);
	}
	must(n == 0);
	check_result(settings, actions.result);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct slice own = SLICE_LIT("c.test");
	struct slice in = slice_of(p, n), next_hop = SLICE_LIT("example.org");
	struct smtp_mx_settings settings = {.port = 25, .own_names = &own};
	struct ip_network loopback;
	struct arena a;
	uint8_t kind;

	must(ip_network_parse(SLICE_LIT("127.0.0.0/8"), &loopback) == NULL);
	settings.own_addresses = &loopback;
	settings.n_own_addresses = 1;
	kind = take_octet(&in);
	settings.n_own_names = kind & 1;
	settings.wants_tlsa = kind & 2;
	settings.order = kind / 4 % 5;
	settings.tries_max = 1 + kind / 32;
	if (kind >= 224)
		next_hop = take(&in, take_octet(&in));
	arena_init(&a, 0);
	play(in, &settings, next_hop, &a);
	arena_reset(&a);
	return 0;
}
