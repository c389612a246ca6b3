/* The octets of a client, whole and one by one: the same commands come of both, within the
 * cap; and what FETCH, LIST, STATUS and the rest make of each command's text. */
#include <stdlib.h>

#include "core/must.h"
#include "imap/imap_att.h"
#include "imap/imap_lex.h"
#include "imap/imap_list.h"

enum { CAP = 1024, KEPT = 100 };

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
parse(struct slice text)
{
	struct arena a;
	struct imap_parse p;
	struct imap_fetch fetch;
	struct imap_list list;
	struct imap_flags flags;
	struct imap_date_time date;
	struct slice word;
	struct buf out;
	uint16_t items;
	int32_t days;

	arena_init(&a, 0);
	imap_parse_init(&p, text, &a);
	if (imap_att_parse(&p, &fetch)) {
		must(fetch.n > 0);
		buf_init(&out, 1 << 20);
		for (uint32_t i = 0; i < fetch.n; i++)
			imap_att_write(&fetch.atts[i], &out);
		must(!out.overflow);
		buf_fini(&out);
	}
	imap_parse_init(&p, text, &a);
	if (imap_list_parse(&p, &list))
		imap_list_has(&list, SLICE_LIT("INBOX/sub"));
	imap_parse_init(&p, text, &a);
	imap_list_parse_status(&p, &items);
	imap_parse_init(&p, text, &a);
	imap_parse_flags(&p, true, &flags);
	imap_parse_init(&p, text, &a);
	imap_parse_date_time(&p, &date);
	imap_parse_init(&p, text, &a);
	imap_parse_date(&p, &days);
	imap_parse_init(&p, text, &a);
	p.is_utf8 = text.n & 1;
	if (imap_parse_mailbox(&p, &word))
		must(word.n > 0 && !slice_has(word, 0));
	arena_reset(&a);
}

static void
on_event(struct imap_lex *l, enum imap_lex_event e, struct slice data, struct buf *log)
{
	buf_put_u8(log, (uint8_t)('0' + (e == IMAP_LEX_DATA ? 9 : (int)e)));
	switch (e) {
	case IMAP_LEX_LITERAL:
		if (l->literal_binary)
			imap_lex_stream(l);
		else if ((l->literal_size > KEPT || !imap_lex_keep(l)) && imap_lex_refuse(l))
			imap_lex_next(l, false);
		break;
	case IMAP_LEX_DATA:
		log->n--;
		buf_put_slice(log, data);
		break;
	case IMAP_LEX_COMMAND:
		parse(imap_lex_text(l));
		/* fall through */
	case IMAP_LEX_TOO_LONG:
	case IMAP_LEX_REFUSED:
		must(imap_lex_text(l).n <= CAP);
		buf_put_slice(log, imap_lex_text(l));
		imap_lex_next(l, imap_lex_text(l).n % 7 == 0);
		break;
	case IMAP_LEX_MORE:
		log->n--;
		break;
	case IMAP_LEX_DATA_END:
	case IMAP_LEX_LOST:
		break;
	}
}

static void
run(struct slice in, size_t step, struct buf *log)
{
	enum imap_lex_event e = IMAP_LEX_MORE;
	struct slice piece, data;
	struct imap_lex l;

	imap_lex_init(&l, CAP);
	for (size_t at = 0; at < in.n && e != IMAP_LEX_LOST; at += step) {
		piece = slice_cut(in, at, at + step);
		do {
			data = SLICE_EMPTY;
			e = imap_lex_step(&l, &piece, &data);
			on_event(&l, e, data, log);
		} while (e != IMAP_LEX_MORE && e != IMAP_LEX_LOST);
	}
	imap_lex_fini(&l);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf whole, pieces;

	buf_init(&whole, 1 << 20);
	buf_init(&pieces, 1 << 20);
	run(slice_of(p, n), n ? n : 1, &whole);
	run(slice_of(p, n), 1, &pieces);
	must(slice_eq(buf_slice(&whole), buf_slice(&pieces)));
	buf_fini(&whole);
	buf_fini(&pieces);
	return 0;
}
