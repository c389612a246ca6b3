/* A whole session over mailboxes that are never committed. The first octet says where it begins
 * (a stranger, or INBOX with three messages selected) and how its host behaves; then pieces,
 * each behind an octet of its length. */
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
	}
	p.is_slow = data[0] & 4;
	for (in = slice_from(in, 1); in.n > 1 && !p.is_closed && !p.is_tls;
		in = slice_from(in, piece.n + 1)) {
		piece = slice_cut(in, 1, 1 + (size_t)in.p[0]);
		disturb(&p, in.p[0]);
		play_feed(&p, piece);
		if (!p.is_closed)
			imap_session_touched(p.s);
		play_pump(&p);
		buf_clear(&p.said);
	}
	play_end(&p);
	house_close();
	return 0;
}
