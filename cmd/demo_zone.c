#include "cmd/demo_zone.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/cli_setup.h"
#include "core/dns_message.h"
#include "core/must.h"

enum {
	HEADER = 12,
	CLASS_IN = 1,
	TTL_SEC = 300,
	RDATA_MAX = 2 * DNS_NAME_WIRE_MAX + 20,
	QR = 0x8000,
	AA = 0x0400,
	TC = 0x0200,
	RD = 0x0100,
	OPCODE = 0x7800
};

/* --- octets --- */

static unsigned
get_u16(struct slice raw, size_t at)
{
	return (unsigned)raw.p[at] << 8 | raw.p[at + 1];
}

static void
put_u16(struct buf *out, unsigned v)
{
	buf_put_u8(out, (uint8_t)(v >> 8));
	buf_put_u8(out, (uint8_t)v);
}

static struct dns_name
name_of(const char *text)
{
	struct dns_name name;

	/* Our own tables. */
	must(dns_name_parse(slice_str(text), &name) == ERR_OK);
	return name;
}

static void
put_name(struct buf *out, const char *text)
{
	struct dns_name name = name_of(text);

	buf_put(out, name.octets, name.n);
}

/* --- records --- */

static void
put_soa(struct buf *out, const struct demo_zone_record *r)
{
	static const uint32_t numbers[] = {1, 3600, 600, 86400, TTL_SEC};

	put_name(out, r->value);
	put_name(out, r->value);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		buf_put_u32(out, numbers[i]);
}

static void
put_rdata(struct buf *out, const struct demo_zone_record *r)
{
	struct in_addr address;

	if (r->type == DNS_RECORD_A) {
		must(inet_pton(AF_INET, r->value, &address) == 1);
		buf_put(out, &address, sizeof address);
	} else if (r->type == DNS_RECORD_SOA) {
		put_soa(out, r);
	} else {
		if (r->type == DNS_RECORD_MX)
			put_u16(out, r->preference);
		put_name(out, r->value);
	}
}

static void
put_record(struct buf *out, const struct demo_zone_record *r)
{
	struct buf rdata;

	buf_init(&rdata, RDATA_MAX);
	put_rdata(&rdata, r);
	must(!rdata.overflow);
	put_name(out, r->owner);
	put_u16(out, r->type);
	put_u16(out, CLASS_IN);
	buf_put_u32(out, TTL_SEC);
	put_u16(out, (unsigned)rdata.n);
	buf_put_slice(out, buf_slice(&rdata));
	buf_fini(&rdata);
}

/* --- a question --- */

struct question {
	struct slice raw; /* the section as it came */
	struct dns_name name;
	unsigned type, class;
};

static bool
read_question(struct slice raw, struct question *q)
{
	size_t at = HEADER;

	if (get_u16(raw, 4) != 1 || dns_name_read(raw, &at, &q->name) || raw.n - at < 4)
		return false;
	q->type = get_u16(raw, at);
	q->class = get_u16(raw, at + 2);
	q->raw = slice_cut(raw, HEADER, at + 4);
	return true;
}

/* The SOA record of the zone that the name is in, the innermost one; NULL: of none. */
static const struct demo_zone_record *
zone_of(const struct demo_zone *zone, const struct dns_name *name)
{
	const struct demo_zone_record *best = NULL;
	size_t longest = 0;

	for (size_t i = 0; i < zone->records; i++) {
		struct dns_name owner = name_of(zone->record[i].owner);

		if (zone->record[i].type != DNS_RECORD_SOA || owner.n <= longest ||
			!dns_name_is_within(name, &owner))
			continue;
		best = &zone->record[i];
		longest = owner.n;
	}
	return best;
}

/* Appends the answers; *exists: there is such a name, or one below it. */
static unsigned
put_answers(
	const struct demo_zone *zone, const struct question *q, struct buf *out, bool *exists)
{
	unsigned n = 0;

	*exists = false;
	for (size_t i = 0; i < zone->records; i++) {
		const struct demo_zone_record *r = &zone->record[i];
		struct dns_name owner = name_of(r->owner);

		*exists = *exists || dns_name_is_within(&owner, &q->name);
		if ((unsigned)r->type != q->type || !dns_name_eq(&owner, &q->name))
			continue;
		put_record(out, r);
		n++;
	}
	return n;
}

static void
put_header(struct buf *out, struct slice raw, unsigned flags)
{
	put_u16(out, get_u16(raw, 0));
	put_u16(out, QR | flags | (get_u16(raw, 2) & (OPCODE | RD)));
	for (int i = 0; i < 4; i++)
		put_u16(out, 0);
}

/* Header and question, then the records, if they fit. */
static void
put_message(const struct demo_zone *zone, const struct question *q, struct slice raw,
	struct buf *out)
{
	const struct demo_zone_record *soa = zone_of(zone, &q->name);
	unsigned n = 0;
	bool exists;

	put_header(out, raw, soa && q->class == CLASS_IN ? AA : DNS_MESSAGE_REFUSED);
	out->p[5] = 1;
	buf_put_slice(out, q->raw);
	if (!soa || q->class != CLASS_IN)
		return;
	n = put_answers(zone, q, out, &exists);
	if (n == 0)
		put_record(out, soa);
	if (out->overflow) {
		buf_clear(out);
		put_header(out, raw, AA | TC);
		return;
	}
	out->p[3] |= exists ? DNS_MESSAGE_NOERROR : DNS_MESSAGE_NXDOMAIN;
	out->p[7] = (uint8_t)n;
	out->p[9] = n == 0;
}

bool
demo_zone_answer(const struct demo_zone *zone, struct slice raw, struct buf *out)
{
	struct question q;

	buf_clear(out);
	if (raw.n < HEADER || raw.n > DEMO_ZONE_MESSAGE_MAX || get_u16(raw, 2) & QR)
		return false;
	if (get_u16(raw, 2) & OPCODE)
		put_header(out, raw, DNS_MESSAGE_NOTIMP);
	else if (!read_question(raw, &q))
		put_header(out, raw, DNS_MESSAGE_FORMERR);
	else
		put_message(zone, &q, raw, out);
	return true;
}

/* --- the process --- */

static _Noreturn void
serve(const struct demo_zone *zone, int fd)
{
	uint8_t raw[DEMO_ZONE_MESSAGE_MAX + 1];
	struct sockaddr_in from;
	struct buf out;

	buf_init(&out, DEMO_ZONE_MESSAGE_MAX);
	for (;;) {
		socklen_t room = sizeof from;
		ssize_t n = recvfrom(fd, raw, sizeof raw, 0, (struct sockaddr *)&from, &room);

		if (n < 0 || !demo_zone_answer(zone, slice_of(raw, (size_t)n), &out))
			continue;
		sendto(fd, out.p, out.n, 0, (struct sockaddr *)&from, room);
	}
}

pid_t
demo_zone_start(const struct demo_zone *zone, const char *address, unsigned port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	pid_t us = getpid(), pid;

	must(inet_pton(AF_INET, address, &at.sin_addr) == 1);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at)) {
		close(fd);
		return 0;
	}
	pid = fork();
	if (pid == 0) {
		/* A Ctrl-C is for the demo; whatever ends it, we go too. */
		setpgid(0, 0);
		if (geteuid() == 0 && (setgid(CLI_SETUP_UID) || setuid(CLI_SETUP_UID)))
			_exit(1);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != us)
			_exit(1);
		serve(zone, fd);
	}
	close(fd);
	return pid > 0 ? pid : 0;
}
