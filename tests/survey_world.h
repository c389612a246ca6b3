/* survey_world: a DNS of a few lines for the judges of `hairpin check`, which are run until
 * nothing more is wanted, as the program runs them. */
#ifndef TESTS_SURVEY_WORLD_H
#define TESTS_SURVEY_WORLD_H

#include "tests/test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/survey_site.h"

enum { WORLD_LINES_MAX = 60, WORLD_RUNS_MAX = 20 };
enum world_state { WORLD_INSECURE, WORLD_SECURE, WORLD_BOGUS, WORLD_SILENT };

static struct {
	struct survey_site site;
	struct cli_findings findings;
	struct line {
		const char *name;
		unsigned type;
		enum world_state state;
		const char *data; /* NULL: nothing of that type */
	} line[WORLD_LINES_MAX];
	size_t lines;
} world;

static inline int
world_setup(void **state)
{
	(void)state;
	memset(&world, 0, sizeof world);
	config_preset(&world.findings.config);
	snprintf(world.findings.config.hostname, CONFIG_TEXT_MAX, "mail.d.test");
	world.findings.list = json_array();
	world.site.f = &world.findings;
	world.site.survey = survey_new();
	world.site.servers = "name servers 192.0.2.53@53";
	arena_init(&world.site.run, 0);
	return 0;
}

static inline int
world_teardown(void **state)
{
	(void)state;
	survey_free(world.site.survey);
	arena_reset(&world.site.run);
	json_decref(world.findings.list);
	return 0;
}

static inline void
world_add(const char *name, unsigned type, const char *data)
{
	assert_true(world.lines < WORLD_LINES_MAX);
	world.line[world.lines++] = (struct line){name, type, WORLD_SECURE, data};
}

/* Of the last line. */
static inline void
world_is(enum world_state state)
{
	world.line[world.lines - 1].state = state;
}

static inline void
world_put(unsigned type, const char *data, struct buf *out)
{
	struct dns_name name;
	uint8_t octets[16];
	char *rest = NULL;

	if (type == DNS_RECORD_A || type == DNS_RECORD_AAAA) {
		assert_int_equal(
			inet_pton(type == DNS_RECORD_A ? AF_INET : AF_INET6, data, octets), 1);
		buf_put(out, octets, type == DNS_RECORD_A ? 4 : 16);
	} else if (type == DNS_RECORD_TXT) {
		buf_put_u8(out, (uint8_t)strlen(data));
		buf_put_str(out, data);
	} else {
		if (type == DNS_RECORD_MX) {
			unsigned preference = (unsigned)strtoul(data, &rest, 10);

			buf_put_u8(out, (uint8_t)(preference >> 8));
			buf_put_u8(out, (uint8_t)preference);
			data = rest + 1;
		}
		assert_int_equal(dns_name_parse(slice_str(data), &name), ERR_OK);
		buf_put(out, name.octets, name.n);
	}
}

static inline void
world_answer(struct survey_question *q)
{
	struct slice rdata[WORLD_LINES_MAX];
	struct buf raw[WORLD_LINES_MAX];
	struct dns_answer a = {
		.message = {.rcode = DNS_MESSAGE_NXDOMAIN, .rdata = rdata}, .why = ""};
	unsigned type;
	const struct dns_name *name = survey_question_name(q, &type);
	struct dns_name one;
	size_t n = 0;

	for (struct line *l = world.line; l < world.line + world.lines; l++) {
		assert_int_equal(dns_name_parse(slice_str(l->name), &one), ERR_OK);
		if (!dns_name_eq(&one, name))
			continue;
		a.message.rcode = DNS_MESSAGE_NOERROR;
		if (l->type != type)
			continue;
		a.security = l->state == WORLD_SECURE  ? DNS_SECURE
			     : l->state == WORLD_BOGUS ? DNS_BOGUS
						       : DNS_INSECURE;
		if (l->state == WORLD_BOGUS || l->state == WORLD_SILENT) {
			a.message.rcode = DNS_MESSAGE_SERVFAIL;
			break;
		}
		if (!l->data)
			continue;
		buf_init(&raw[n], 1000);
		world_put(type, l->data, &raw[n]);
		rdata[n] = buf_slice(&raw[n]);
		n++;
	}
	a.message.n = n;
	survey_answer(world.site.survey, q, &a);
	while (n--)
		buf_fini(&raw[n]);
}

/* The findings of the last run of judge are those that count. */
static inline void
world_run(void (*judge)(struct survey_site *s))
{
	struct survey_question *q;
	unsigned runs = 0;

	do {
		assert_true(runs++ < WORLD_RUNS_MAX);
		arena_reset(&world.site.run);
		cli_finding_cut(&world.findings, 0);
		world.site.mx_hosts = 0;
		judge(&world.site);
		while ((q = survey_next_question(world.site.survey)))
			world_answer(q);
	} while (survey_is_open(world.site.survey) || runs == 1);
	arena_reset(&world.site.run);
	cli_finding_cut(&world.findings, 0);
	world.site.mx_hosts = 0;
	judge(&world.site);
}

static inline const char *
world_word(const json_t *finding, const char *name)
{
	const char *word = json_string_value(json_object_get(finding, name));

	return word ? word : "";
}

/* Exactly one finding of that topic: its severity, and words in what and cure. */
static inline void
world_finds(const char *topic, const char *severity, const char *what, const char *cure)
{
	const json_t *one, *hit = NULL;
	size_t i, n = 0;

	json_array_foreach(world.findings.list, i, one)
	{
		if (strcmp(world_word(one, "topic"), topic) != 0)
			continue;
		hit = one;
		n++;
	}
	if (n == 1 && !strcmp(world_word(hit, "severity"), severity) &&
		strstr(world_word(hit, "what"), what) && strstr(world_word(hit, "cure"), cure))
		return;
	fail_msg("%zu of %s, not one %s with `%s` and `%s`: %s", n, topic, severity, what, cure,
		json_dumps(world.findings.list, 0));
}

static inline void
world_finds_nothing(void)
{
	if (json_array_size(world.findings.list))
		fail_msg("%s", json_dumps(world.findings.list, 0));
}

#endif
