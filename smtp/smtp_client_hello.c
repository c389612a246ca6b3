#include "smtp/smtp_client_hello.h"

#include "crypto/sasl.h"

static const char *const forwards[SMTP_CLIENT_FORWARDS] = {
	"NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE", "LOGIN"};

const char *
smtp_client_hello_forward(enum smtp_client_forward f)
{
	return forwards[f];
}

/* Cuts the next word; blanks around it are dropped. Empty: no more. */
static struct slice
next_word(struct slice *rest)
{
	struct slice s = slice_trim(*rest);
	size_t end = slice_find(s, ' ');

	*rest = slice_from(s, end);
	return slice_cut(s, 0, end);
}

static void
parse_size(struct slice params, struct smtp_client_hello *h)
{
	if (!slice_u64(next_word(&params), UINT64_MAX, &h->size_max_bytes))
		h->size_max_bytes = 0;
}

static void
parse_auth(struct slice params, struct smtp_client_hello *h)
{
	struct slice word;

	while ((word = next_word(&params)).n)
		h->mechanisms |= 1u << sasl_find(word);
	h->mechanisms &= ~(1u << SASL_NONE);
}

static void
parse_xforward(struct slice params, struct smtp_client_hello *h)
{
	struct slice word;

	while ((word = next_word(&params)).n)
		for (unsigned i = 0; i < SMTP_CLIENT_FORWARDS; i++)
			if (slice_eq_nocase(word, slice_str(forwards[i])))
				h->forwards |= 1u << i;
}

static void
parse_limits(struct slice params, struct smtp_client_hello *h)
{
	static const struct slice rcpt = {(const uint8_t *)"RCPTMAX=", 8};
	static const struct slice mail = {(const uint8_t *)"MAILMAX=", 8};
	struct slice word;
	uint64_t n;

	while ((word = next_word(&params)).n) {
		if (!slice_u64(slice_from(word, 8), UINT32_MAX, &n))
			continue;
		if (slice_starts_nocase(word, rcpt))
			h->rcpt_max = (uint32_t)n;
		else if (slice_starts_nocase(word, mail))
			h->mail_max = (uint32_t)n;
	}
}

static const struct {
	const char *keyword;
	unsigned offer;
	void (*parse)(struct slice params, struct smtp_client_hello *h);
} rows[] = {
	{"PIPELINING", SMTP_CLIENT_PIPELINING, NULL},
	{"SIZE", SMTP_CLIENT_SIZE, parse_size},
	{"8BITMIME", SMTP_CLIENT_8BITMIME, NULL},
	{"SMTPUTF8", SMTP_CLIENT_SMTPUTF8, NULL},
	{"DSN", SMTP_CLIENT_DSN, NULL},
	{"STARTTLS", SMTP_CLIENT_STARTTLS, NULL},
	{"CHUNKING", SMTP_CLIENT_CHUNKING, NULL},
	{"BINARYMIME", SMTP_CLIENT_BINARYMIME, NULL},
	{"AUTH", SMTP_CLIENT_AUTH, parse_auth},
	{"XFORWARD", SMTP_CLIENT_XFORWARD, parse_xforward},
	{"LIMITS", 0, parse_limits},
};

unsigned
smtp_client_hello_offer(struct slice keyword)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (slice_eq_nocase(keyword, slice_str(rows[i].keyword)))
			return rows[i].offer;
	return 0;
}

static void
parse_line(struct slice line, struct smtp_client_hello *h)
{
	struct slice keyword = next_word(&line);

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (!slice_eq_nocase(keyword, slice_str(rows[i].keyword)))
			continue;
		h->offers |= rows[i].offer;
		if (rows[i].parse)
			rows[i].parse(line, h);
	}
}

void
smtp_client_hello_parse(struct slice lines, bool is_extended, struct smtp_client_hello *out)
{
	struct smtp_client_hello h = {0};
	size_t lf = slice_find(lines, '\n');
	struct slice first = slice_cut(lines, 0, lf);

	h.name = next_word(&first);
	for (lines = slice_from(lines, lf + 1); is_extended && lines.n;
		lines = slice_from(lines, lf + 1)) {
		lf = slice_find(lines, '\n');
		parse_line(slice_cut(lines, 0, lf), &h);
	}
	*out = h;
}
