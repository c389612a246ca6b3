/* A server's HTTP reply, over any octets: whole and cut in two it comes to the same. */
#include "core/http_reply.h"
#include "core/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum { BODY_MAX = 512 };

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct http_reply whole, cut;
	size_t at = n ? p[0] * n / 256 : 0;
	struct slice in = slice_of(p, n);
	enum err e, other;

	http_reply_init(&whole, BODY_MAX);
	http_reply_init(&cut, BODY_MAX);
	e = http_reply_feed(&whole, in);
	other = http_reply_feed(&cut, slice_cut(in, 0, at));
	if (other == ERR_MORE)
		other = http_reply_feed(&cut, slice_from(in, at));
	must(e == other || e == ERR_LIMIT || other == ERR_LIMIT);
	must(whole.body.n <= BODY_MAX && whole.type.n <= HTTP_REPLY_TYPE_MAX);
	if (!e && !other) {
		must(whole.status >= 200 && whole.status <= 599);
		must(whole.status == cut.status);
		must(slice_eq(buf_slice(&whole.body), buf_slice(&cut.body)));
		must(slice_eq(buf_slice(&whole.type), buf_slice(&cut.type)));
	}
	http_reply_fini(&whole);
	http_reply_fini(&cut);
	return 0;
}
