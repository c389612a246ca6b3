#include "core/dns_message.h"
#include "core/dns_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* A name comes back from its text, whatever octets are in it. */
static void
check_name(const struct dns_name *name)
{
	struct dns_name again;
	struct buf text;

	buf_init(&text, DNS_NAME_TEXT_MAX);
	dns_name_format(name, &text);
	if (text.overflow || dns_name_parse(buf_slice(&text), &again) ||
		!dns_name_eq(name, &again))
		__builtin_trap();
	buf_fini(&text);
}

static void
check_record(unsigned type, struct slice rdata, struct arena *a)
{
	struct dns_record record;
	struct buf text;

	buf_init(&text, DNS_RECORD_TEXT_MAX);
	dns_record_format(type, rdata, &text);
	if (text.overflow)
		__builtin_trap();
	buf_fini(&text);
	if (!dns_record_parse(type, rdata, a, &record))
		check_name(&record.name);
}

/* The first octet is the type; the name is that of the first question. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice raw = slice_of(p + 1, n ? n - 1 : 0);
	struct dns_message message;
	struct dns_name name;
	struct arena a;
	size_t at = 12;

	if (n == 0)
		return 0;
	arena_init(&a, 0);
	check_record(*p, raw, &a);
	if (!dns_name_parse(raw, &name))
		check_name(&name);
	if (raw.n > at && !dns_name_read(raw, &at, &name)) {
		check_name(&name);
		if (!dns_message_parse(raw, &name, *p, &a, &message))
			for (size_t i = 0; i < message.n; i++)
				check_record(*p, message.rdata[i], &a);
	}
	arena_reset(&a);
	return 0;
}
