/* A whole session over mailboxes that are never committed. The first octet says where it begins
 * (a stranger, or INBOX with three messages selected) and how its host behaves; then pieces,
 * each behind an octet of its length. A client of a few lines reads along: no number may be
 * told that it can't know. */
#include "imap/imap_private.h"
#include "tests/imap_play.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const char part[] =
	"Content-Type: multipart/mixed; boundary=b\r\nSubject: x\r\n\r\n--b\r\n"
	"Content-Type: message/rfc822\r\n\r\nFrom: a@b\r\n\r\nhi\r\n--b\r\n"
	"Content-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--b--\r\n";

static void
leave(void)
{
	if (house_remove())
		_exit(1);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	house_build();
	atexit(leave);
	return 0;
}

struct reader {
	uint32_t count;	 /* messages */
	bool has_shrunk; /* EXISTS said fewer: only a SELECT explains that */
};

static void
on_number(struct reader *r, uint32_t n, struct slice what)
{
	if (slice_starts(what, SLICE_LIT("EXISTS"))) {
		r->has_shrunk = n < r->count;
		r->count = n;
		return;
	}
	if (!slice_starts(what, SLICE_LIT("EXPUNGE")) &&
		!slice_starts(what, SLICE_LIT("FETCH")))
		return;
	must(!r->has_shrunk && n >= 1 && n <= r->count);
	r->count -= slice_starts(what, SLICE_LIT("EXPUNGE"));
}

/* One response, whose literals lie in it; gives its octets. */
static size_t
response_size(struct slice in)
{
	size_t at = 0, end, open;
	uint64_t n;

	for (;;) {
		end = at + slice_find(slice_from(in, at), '\n') + 1;
		must(end <= in.n);
		if (end < 4 || in.p[end - 3] != '}')
			return end;
		for (open = end - 3; open > at && in.p[open - 1] != '{'; open--)
			;
		if (open == at || !slice_u64(slice_cut(in, open, end - 3), UINT32_MAX, &n))
			return end;
		at = end + (size_t)n;
		must(at <= in.n);
	}
}

static void
read_along(struct reader *r, const struct play *p)
{
	struct slice in = buf_slice(&p->said), one, rest;
	uint64_t n;
	size_t digits;

	for (; in.n; in = slice_from(in, one.n)) {
		one = slice_cut(in, 0, response_size(in));
		rest = slice_from(one, 2);
		digits = slice_find(rest, ' ');
		if (slice_find_slice(one, SLICE_LIT(" OK [READ-")) < one.n)
			r->has_shrunk = false;
		if (slice_starts(one, SLICE_LIT("* ")) &&
			slice_u64(slice_cut(rest, 0, digits), UINT32_MAX, &n))
			on_number(r, (uint32_t)n, slice_from(rest, digits + 1));
	}
	must(!r->has_shrunk);
	if (!p->is_closed && p->s->state == IMAP_SELECTED)
		must(p->s->box.count == r->count);
}

/* Somebody else's doings, now and then. */
static void
disturb(struct play *p, uint8_t how)
{
	struct play q;

	if (how % 16 == 3)
		p->torn = 1 + how % 3;
	else if (how % 16 == 5)
		p->busy = 1;
	else if (how % 16 == 7)
		p->next_outcome = how & 64 ? ERR_FULL : ERR_UNAVAILABLE;
	else if (how % 16 == 9)
		p->forgets_epoch = true;
	else if (how % 16 == 11)
		play_deliver("INBOX", "Subject: new\r\n\r\n");
	if (how % 16 != 13)
		return;
	play_select(&q);
	play_say(&q, "x STORE 1 +FLAGS (\\Deleted k)\r\ny EXPUNGE\r\n");
	play_end(&q);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice in = slice_of(data, n), piece;
	struct reader r = {0};
	struct play p;

	if (n < 2 || n > 4096)
		return 0;
	house_open(data[0] & 2 ? 3000 : 0);
	if (data[0] & 1) {
		play_begin(&p);
	} else {
		for (int i = 0; i < 3; i++)
			play_deliver("INBOX", i ? part : "a: b\r\n\r\nc\r\n");
		play_select(&p);
		r.count = 3;
	}
	buf_clear(&p.said);
	p.is_slow = data[0] & 4;
	for (in = slice_from(in, 1); in.n > 1 && !p.is_closed && !p.is_tls;
		in = slice_from(in, piece.n + 1)) {
		piece = slice_cut(in, 1, 1 + (size_t)in.p[0]);
		disturb(&p, in.p[0]);
		play_feed(&p, piece);
		if (!p.is_closed)
			imap_session_touched(p.s);
		play_pump(&p);
		read_along(&r, &p);
		buf_clear(&p.said);
	}
	play_end(&p);
	house_close();
	return 0;
}
