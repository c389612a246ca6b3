#include "crypto/gateway_autocrypt.h"

#include "core/mail_addr.h"
#include "crypto/seal.h"

/* LINE: octets of base64 on one line; a field's lines are folded. */
enum { LINE = 72, DECODE_SLACK = 8 };

/* --- read --- */

static struct slice
without_blanks(struct slice s, struct arena *a)
{
	uint8_t *p = arena_alloc(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != ' ' && s.p[i] != '\t' && s.p[i] != '\r' && s.p[i] != '\n')
			p[n++] = s.p[i];
	return slice_of(p, n);
}

struct field {
	struct slice address, keydata;
};

/* "name=value" between semicolons; a name that begins with "_" needn't be known. */
static bool
read_field(struct slice body, struct arena *a, struct field *out)
{
	*out = (struct field){SLICE_EMPTY, SLICE_EMPTY};
	while (body.n) {
		size_t end = slice_find(body, ';');
		struct slice one = slice_trim(slice_cut(body, 0, end)), name, value;
		size_t at = slice_find(one, '=');

		body = slice_from(body, end + 1);
		if (one.n == 0)
			continue;
		name = slice_trim(slice_cut(one, 0, at));
		value = slice_from(one, at + 1);
		if (slice_eq_nocase(name, SLICE_LIT("addr")) && !out->address.n)
			out->address = slice_trim(value);
		else if (slice_eq_nocase(name, SLICE_LIT("keydata")) && !out->keydata.n)
			out->keydata = without_blanks(value, a);
		else if (!slice_eq_nocase(name, SLICE_LIT("prefer-encrypt")) &&
			 !slice_starts(name, SLICE_LIT("_")))
			return false;
	}
	return out->address.n && out->keydata.n;
}

static bool
is_address(struct slice text, struct slice canonical, struct arena *a)
{
	struct slice other;

	return !mail_addr_canonical_text(text, a, &other) && slice_eq(other, canonical);
}

struct slice
gateway_autocrypt_read(const struct gateway_head *h, struct slice address, struct arena *a)
{
	struct slice name = SLICE_LIT("Autocrypt"), found = SLICE_EMPTY;
	struct field f;
	struct buf octets;
	size_t n = 0;

	for (size_t i = 0; (i = gateway_head_find(h, name, i)) < h->n; i++)
		if (read_field(h->field[i].body, a, &f) && is_address(f.address, address, a)) {
			found = f.keydata;
			n++;
		}
	if (n != 1)
		return SLICE_EMPTY;
	buf_init(&octets, GATEWAY_AUTOCRYPT_MAX + DECODE_SLACK);
	found = seal_b64_open(found, &octets) || octets.n > GATEWAY_AUTOCRYPT_MAX
			? SLICE_EMPTY
			: arena_dup(a, buf_slice(&octets));
	buf_fini(&octets);
	return found;
}

/* --- write --- */

void
gateway_autocrypt_put(struct gateway_head *h, struct slice address, struct slice octets)
{
	struct buf body, base64;
	struct slice s;
	size_t i;

	while ((i = gateway_head_find(h, SLICE_LIT("Autocrypt"), 0)) < h->n)
		gateway_head_drop(h, i);
	buf_init(&base64, octets.n * 2 + 8);
	buf_init(&body, octets.n * 2 + address.n + 1024);
	seal_b64(octets, &base64);
	buf_put_str(&body, " addr=");
	buf_put_slice(&body, address);
	buf_put_str(&body, "; keydata=");
	for (s = buf_slice(&base64); s.n; s = slice_from(s, LINE)) {
		buf_put_str(&body, gateway_head_line_end(h));
		buf_put_u8(&body, ' ');
		buf_put_slice(&body, slice_cut(s, 0, LINE));
	}
	gateway_head_put_last(h, SLICE_LIT("Autocrypt"), buf_slice(&body));
	buf_fini(&base64);
	buf_fini(&body);
}
