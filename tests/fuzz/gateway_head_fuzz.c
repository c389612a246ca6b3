/* A header: what isn't touched is written as it came; what was stripped has no mark of ours any
 * more, and is again a header. */
#include "core/must.h"
#include "crypto/gateway_mark.h"
#include "crypto/gateway_subject.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
write_all(const struct gateway_head *h, struct buf *out)
{
	struct text_sink to = text_into(out);

	buf_clear(out);
	must(gateway_head_write(h, GATEWAY_HEAD_ALL, &to) == ERR_OK);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice in = slice_of(p, n), out, ours = SLICE_LIT("mail.example.org");
	struct text t = text_of(&in);
	struct gateway_head h, again;
	struct arena arena;
	struct buf b;

	arena_init(&arena, 0);
	buf_init(&b, 8 * n + 4096);
	must(gateway_head_read(&t, &arena, &h) == ERR_OK);
	write_all(&h, &b);
	must(h.body_at <= n &&
		slice_starts(in, slice_cut(buf_slice(&b), 0, (size_t)h.body_at)));
	gateway_mark_strip(&h, ours);
	write_all(&h, &b);
	buf_put_str(&b, gateway_head_line_end(&h));
	out = buf_slice(&b);
	t = text_of(&out);
	must(gateway_head_read(&t, &arena, &again) == ERR_OK);
	must(again.body_at == out.n);
	must(gateway_mark_strip(&again, ours) == 0);
	gateway_subject_tag(&again, SLICE_LIT("decrypted"));
	must(gateway_mark_strip(&again, ours) == GATEWAY_MARK_FORGED_TAG);
	buf_fini(&b);
	arena_reset(&arena);
	return 0;
}
