#include "cmd/cli_check_net.h"

#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/cli_control.h"
#include "cmd/survey_dns.h"
#include "cmd/survey_domain.h"
#include "cmd/survey_host.h"
#include "cmd/survey_out.h"
#include "cmd/survey_talk.h"
#include "cmd/survey_tls.h"
#include "core/clock.h"
#include "core/dns_setting.h"
#include "core/must.h"
#include "smtp/smtp_hop.h"

/* QUESTION, CALL: how long each may take; ASKED: questions at once. JUDGE: answers that come
 * within so long are judged together. */
enum { QUESTION_MS = 8000, CALL_MS = 5000, ASKED_MAX = 64, JUDGE_MS = 30, OWN_MAX = 256 };

struct net {
	struct survey_site site;
	struct arena arena; /* of all runs */
	struct loop *loop;
	struct survey_talk_settings talk;
	const char *socket;
	size_t asked, answered; /* questions on their way, and back */
	size_t calls;		/* on their way */
	bool has_dns;
	size_t found; /* findings before the first run */
	struct loop_timer *judging, *end;
};

/* A fact on its way. */
struct wanted {
	struct net *n;
	struct survey_question *question;
	struct survey_visit *visit;
};

/* --- what is known before --- */

static struct slice
keep(struct net *n, const char *text)
{
	return arena_dup(&n->arena, slice_str(text));
}

/* What can't be read was found before. */
static void
read_file(struct net *n, const char *below, struct buf *out)
{
	char path[CLI_FINDING_PATH];
	ssize_t got = -1;
	int fd;

	cli_finding_path(n->site.f, below, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		got = read(fd, buf_room(out, CLI_FINDING_FILE_MAX), CLI_FINDING_FILE_MAX);
	if (fd >= 0)
		close(fd);
	buf_grow(out, got > 0 ? (size_t)got : 0);
}

/* A row of `dkim list`. */
static void
take_key(struct net *n, struct survey_site_domain *domain, const json_t *row)
{
	const char *name = json_string_value(json_object_get(row, "domain"));
	struct publish_key key[PUBLISH_KEYS] = {0};
	json_t *one = json_pack("[O]", row);
	size_t i = 0;

	publish_take_keys(one, key);
	while (i < n->site.domains && name && !slice_eq(domain[i].name, slice_str(name)))
		i++;
	for (unsigned kind = 0; i < n->site.domains && kind < PUBLISH_KEYS; kind++)
		if (key[kind].text.n)
			domain[i].dkim[kind] = (struct publish_key){
				arena_dup(&n->arena, key[kind].selector),
				arena_dup(&n->arena, key[kind].text)};
	json_decref(one);
}

static void
take_domain(struct net *n, struct survey_site_domain *domain, const json_t *row)
{
	if (n->site.domains < SURVEY_SITE_DOMAINS_MAX)
		domain[n->site.domains++].name = keep(
			n, json_string_value(json_object_get(row, "domain")));
}

/* True: there is another page. */
static bool
read_page(struct net *n, json_t *request, struct survey_site_domain *domain,
	void (*take)(struct net *n, struct survey_site_domain *domain, const json_t *row))
{
	json_t *answer, *row, *next;
	size_t i;
	bool has_more;

	if (cli_control_ask(n->site.f->config_path, request, &answer))
		return false;
	json_array_foreach(json_object_get(answer, "rows"), i, row) take(n, domain, row);
	next = json_object_get(answer, "next");
	has_more = next != NULL;
	if (next)
		json_object_set(request, "after", next);
	json_decref(answer);
	return has_more;
}

static void
read_domains(struct net *n)
{
	struct survey_site_domain *domain = arena_zalloc(
		&n->arena, SURVEY_SITE_DOMAINS_MAX * sizeof *domain);
	json_t *request = json_pack("{s:s}", "verb", "domain list");

	n->site.domain = domain;
	while (read_page(n, request, domain, take_domain))
		if (n->site.domains == SURVEY_SITE_DOMAINS_MAX) {
			cli_finding_note(n->site.f,
				"`hairpin dns` asks for those of the others",
				"the records of the first %d domains alone were looked at",
				SURVEY_SITE_DOMAINS_MAX);
			break;
		}
	json_decref(request);
	request = json_pack("{s:s, s:b}", "verb", "dkim list", "raw", 1);
	while (read_page(n, request, domain, take_key))
		;
	json_decref(request);
}

static void
read_nodes(struct net *n)
{
	json_t *request = json_pack("{s:s}", "verb", "cluster status"), *answer = NULL, *list,
	       *one;
	struct slice *node;
	const char *name;
	size_t i;

	if (!cli_control_ask(n->site.f->config_path, request, &answer)) {
		list = json_object_get(answer, "nodes");
		node = arena_alloc(&n->arena, (json_array_size(list) + 1) * sizeof *node);
		n->site.node = node;
		json_array_foreach(list, i, one)
		{
			name = json_string_value(json_object_get(one, "name"));
			if (name && strcmp(name, n->site.f->config.hostname) != 0)
				node[n->site.nodes++] = keep(n, name);
		}
	}
	json_decref(answer);
	json_decref(request);
}

static void
read_certificate(struct net *n)
{
	struct buf pem;

	buf_init(&pem, CLI_FINDING_FILE_MAX);
	read_file(n, "tls/cert.pem", &pem);
	n->site.chain_pem = arena_dup(&n->arena, buf_slice(&pem));
	buf_fini(&pem);
}

static void
read_own(struct net *n)
{
	struct slice *own = arena_alloc(&n->arena, OWN_MAX * sizeof *own);
	struct ifaddrs *all = NULL;

	n->site.own = own;
	if (getifaddrs(&all))
		return;
	for (struct ifaddrs *i = all; i && n->site.owns < OWN_MAX; i = i->ifa_next) {
		const struct sockaddr *a = i->ifa_addr;

		if (a && a->sa_family == AF_INET)
			own[n->site.owns++] = arena_dup(&n->arena,
				slice_of(&((const struct sockaddr_in *)(const void *)a)
						  ->sin_addr,
					4));
		else if (a && a->sa_family == AF_INET6)
			own[n->site.owns++] = arena_dup(&n->arena,
				slice_of(&((const struct sockaddr_in6 *)(const void *)a)
						  ->sin6_addr,
					16));
	}
	freeifaddrs(all);
}

/* Which name servers, in words. */
static void
read_servers(struct net *n)
{
	const char *said = n->site.f->config.dns_servers;
	struct dns_setting_server server[DNS_SETTING_SERVERS_MAX];
	size_t servers = 0;
	struct buf text, words;
	ssize_t got;
	int fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC);

	buf_init(&text, CLI_FINDING_FILE_MAX);
	buf_init(&words, 1000);
	got = fd < 0 ? -1
		     : read(fd, buf_room(&text, CLI_FINDING_FILE_MAX), CLI_FINDING_FILE_MAX);
	if (fd >= 0)
		close(fd);
	buf_grow(&text, got > 0 ? (size_t)got : 0);
	if (!strcmp(said, "host"))
		servers = dns_setting_resolv_conf(buf_slice(&text), server);
	else if (strcmp(said, "recursive") != 0)
		dns_setting_servers(slice_str(said), server, &servers);
	buf_put_str(&words, servers ? "name servers" : "the root's name servers");
	for (size_t i = 0; i < servers; i++)
		buf_printf(&words, "%s%s", i ? ", " : " ", server[i].text);
	if (servers && !strcmp(said, "host"))
		buf_put_str(&words, " (/etc/resolv.conf)");
	n->site.servers = arena_str(&n->arena, buf_slice(&words));
	buf_fini(&text);
	buf_fini(&words);
}

/* The authorities that the relay trusts. */
static struct tls_client *
new_client(const struct config *c)
{
	struct tls_client *client = NULL;
	struct buf pem;
	ssize_t got = 0;
	int fd = -1;

	buf_init(&pem, CLI_FINDING_FILE_MAX);
	if (strcmp(c->relay_tls_ca, CONFIG_RELAY_CA) != 0)
		fd = open(c->relay_tls_ca, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		got = read(fd, buf_room(&pem, CLI_FINDING_FILE_MAX), CLI_FINDING_FILE_MAX);
	if (fd >= 0)
		close(fd);
	buf_grow(&pem, got > 0 ? (size_t)got : 0);
	if (tls_client_new(buf_slice(&pem), &client))
		must(!tls_client_new(SLICE_EMPTY, &client));
	buf_fini(&pem);
	return client;
}

/* --- finding facts out --- */

static void want_more(struct net *n);

static void
judge(struct net *n)
{
	struct survey_site *s = &n->site;

	arena_reset(&s->run);
	cli_finding_cut(s->f, n->found);
	s->mx_hosts = 0;
	s->host = (struct survey_site_addresses){.n = 0};
	n->has_dns = survey_host_judge(s);
	if (n->has_dns)
		survey_domain_judge(s);
	survey_out_judge(s, n->has_dns);
	survey_tls_judge(s);
}

static void
stop(struct net *n)
{
	survey_end(n->site.survey, "no answer in time");
	judge(n);
	loop_stop(n->loop);
}

static void
on_judge(void *arg)
{
	struct net *n = arg;

	n->judging = NULL;
	judge(n);
	want_more(n);
	/* Nobody waits for thousands of questions that a dead DNS won't answer either. */
	if (!survey_is_open(n->site.survey))
		loop_stop(n->loop);
	else if (!n->has_dns && n->answered >= ASKED_MAX && n->calls == 0)
		stop(n);
}

static void
known(struct net *n)
{
	want_more(n);
	if (!n->judging)
		n->judging = loop_after(n->loop, JUDGE_MS, on_judge, n);
}

static void
on_answer(void *arg, const struct dns_answer *answer)
{
	struct wanted *w = arg;
	struct net *n = w->n;

	n->asked--;
	n->answered++;
	survey_answer(n->site.survey, w->question, answer);
	free(w);
	known(n);
}

static void
on_said(void *arg, const struct survey_said *said)
{
	struct wanted *w = arg;
	struct net *n = w->n;

	n->calls--;
	survey_tell(n->site.survey, w->visit, said);
	free(w);
	known(n);
}

static void
ask(struct net *n, struct survey_question *question)
{
	struct wanted *w = must_alloc(sizeof *w);
	struct dns_question q = {.timeout_ms = QUESTION_MS, .cb = on_answer, .arg = w};

	*w = (struct wanted){.n = n, .question = question};
	q.name = *survey_question_name(question, &q.type);
	n->asked++;
	survey_dns_ask(n->loop, n->socket, &q);
}

static void
want_more(struct net *n)
{
	struct survey_question *question;
	struct survey_visit *visit;
	struct wanted *w;

	while (n->asked < ASKED_MAX && (question = survey_next_question(n->site.survey)))
		ask(n, question);
	while ((visit = survey_next_visit(n->site.survey))) {
		w = must_alloc(sizeof *w);
		*w = (struct wanted){.n = n, .visit = visit};
		n->calls++;
		survey_talk_start(&n->talk, survey_visit_target(visit), on_said, w);
	}
}

static void
on_time(void *arg)
{
	struct net *n = arg;

	n->end = NULL;
	stop(n);
}

/* --- all of it --- */

static void
run(struct net *n)
{
	n->site.survey = survey_new();
	n->loop = loop_new();
	n->talk = (struct survey_talk_settings){.loop = n->loop,
		.tls = new_client(&n->site.f->config),
		.hostname = slice_str(n->site.f->config.hostname),
		.timeout_ms = CALL_MS};
	n->end = loop_after(n->loop, CLI_CHECK_NET_MS, on_time, n);
	on_judge(n);
	if (survey_is_open(n->site.survey))
		loop_run(n->loop);
	/* What is still on its way ends with the process. */
}

int
cli_check_net_read(const struct cli_line *line)
{
	const char *outbound = cli_value(line, "--outbound");
	struct buf hop;
	bool ok;

	buf_init(&hop, SMTP_HOP_MAX);
	ok = !outbound || survey_out_hop(outbound, &hop);
	buf_fini(&hop);
	if (!ok)
		return cli_misused(line->verb,
			"--outbound %s: a host is needed, with a port or without: "
			"mx.example.net, 192.0.2.1:587, [2001:db8::1]:25",
			outbound);
	if (outbound && cli_has(line, "--local"))
		return cli_misused(line->verb, "--local calls nobody: leave --outbound out");
	return EX_OK;
}

void
cli_check_net(struct cli_findings *f, bool is_running, const char *outbound)
{
	static struct net net;
	struct net *n = &net;
	char path[CLI_FINDING_PATH];

	f->topic = "network";
	f->subject = NULL;
	if (f->config.arbiter)
		return;
	if (!is_running) {
		cli_finding_note(f, "start the server (`hairpin serve`), then check again",
			"neither the DNS nor other servers were asked: it is the running "
			"server "
			"that asks the DNS");
		return;
	}
	arena_init(&n->arena, 65536);
	arena_init(&n->site.run, 65536);
	cli_finding_path(f, "run/control.sock", path);
	n->socket = path;
	n->site.f = f;
	n->site.outbound = outbound;
	read_domains(n);
	read_nodes(n);
	read_certificate(n);
	read_own(n);
	read_servers(n);
	n->found = json_array_size(f->list);
	run(n);
}
