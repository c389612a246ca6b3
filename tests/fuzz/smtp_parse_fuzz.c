/* Every parser of command lines and message octets, over any octets. */
#include "core/must.h"
#include "smtp/smtp_data.h"
#include "smtp/smtp_head.h"
#include "smtp/smtp_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
parse_line(struct slice in)
{
	struct slice line, bad, text;
	struct smtp_rcpt_args rcpt;
	struct smtp_mail mail;
	struct smtp_command c;
	struct arena a;
	uint64_t size;
	size_t used;
	bool flag;

	arena_init(&a, 0);
	if (smtp_parse_line(in, 2048, &line, &flag, &used) == ERR_OK) {
		must(used <= in.n);
		c = smtp_parse_command(line);
		if (smtp_parse_mail(c.args, &a, &mail, &bad) == SMTP_REPLY_NONE)
			must(mail.from.raw.n <= SMTP_PARSE_PATH_MAX);
		if (smtp_parse_rcpt(c.args, true, &a, &rcpt, &bad) == SMTP_REPLY_NONE)
			must(rcpt.to.raw.n > 0);
		smtp_parse_bdat(c.args, &size, &flag);
		smtp_parse_is_host(c.args);
		smtp_parse_xtext(c.args, &a, &text);
	}
	arena_reset(&a);
}

/* The message's end must not depend on how the octets were cut. */
static void
read_data(struct slice in, size_t step)
{
	struct smtp_data d, pieces;
	struct smtp_head h;
	struct slice span;
	size_t used = 0, at = 0;
	bool is_end = false, was_end = false;

	smtp_data_init(&d);
	smtp_data_init(&pieces);
	smtp_head_init(&h);
	while (used < in.n && !is_end) {
		size_t n = smtp_data_feed(&d, slice_from(in, used), &span, &is_end);
		must(n > 0);
		used += n;
		smtp_head_feed(&h, span);
	}
	while (at < in.n && !was_end)
		at += smtp_data_feed(&pieces, slice_cut(in, at, at + step), &span, &was_end);
	must(at == used && was_end == is_end && pieces.flaws == d.flaws);
	must(smtp_head_message_id(&h).n <= SMTP_HEAD_ID_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice in = slice_of(p, n);

	if (n == 0)
		return 0;
	parse_line(in);
	read_data(slice_from(in, 1), 1 + p[0] % 16);
	return 0;
}
