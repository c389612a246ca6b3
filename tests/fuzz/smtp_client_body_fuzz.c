/* A message on its way out: the first octet says how long the pieces are. What leaves is the
 * same in pieces of any size, has no bare CR or LF, and the server's side reads it back. */
#include "core/must.h"
#include "smtp/smtp_client_body.h"
#include "smtp/smtp_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
send(struct slice in, size_t step, bool is_stuffed, struct buf *out)
{
	struct smtp_client_body b;

	smtp_client_body_init(&b, is_stuffed);
	for (size_t at = 0; at < in.n; at += step)
		smtp_client_body_feed(&b, slice_cut(in, at, at + step), out);
	smtp_client_body_finish(&b, out);
	must(!out->overflow);
}

static void
look(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		must(s.p[i] != '\r' || (i + 1 < s.n && s.p[i + 1] == '\n'));
		must(s.p[i] != '\n' || (i > 0 && s.p[i - 1] == '\r'));
	}
}

static void
receive(struct slice in, struct buf *out)
{
	struct smtp_data d;
	struct slice span;
	bool is_end = false;

	smtp_data_init(&d);
	while (!is_end) {
		must(in.n);
		in = slice_from(in, smtp_data_feed(&d, in, &span, &is_end));
		buf_put_slice(out, span);
	}
	must(in.n == 0 && (d.flaws & ~SMTP_FLAW_NUL) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf data, plain, pieces, back;
	struct slice in;

	if (n < 1 || n > 4096)
		return 0;
	in = slice_of(p + 1, n - 1);
	buf_init(&data, 2 * n + 8);
	buf_init(&plain, 2 * n + 8);
	buf_init(&pieces, 2 * n + 8);
	buf_init(&back, 2 * n + 8);
	send(in, n, true, &data);
	send(in, n, false, &plain);
	send(in, (size_t)p[0] + 1, true, &pieces);
	must(slice_eq(buf_slice(&data), buf_slice(&pieces)));
	look(buf_slice(&data));
	look(buf_slice(&plain));
	buf_put_str(&data, ".\r\n");
	receive(buf_slice(&data), &back);
	if (!slice_has(in, '\0'))
		must(slice_eq(buf_slice(&back), buf_slice(&plain)));
	buf_fini(&data);
	buf_fini(&plain);
	buf_fini(&pieces);
	buf_fini(&back);
	return 0;
}
