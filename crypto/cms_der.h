/* cms_der: DER in memory, as CMS needs it: definite lengths, tags of one octet. What cms_walk
 * hands over can be read by it. Pure. */
#ifndef CRYPTO_CMS_DER_H
#define CRYPTO_CMS_DER_H

#include "core/buf.h"

enum {
	CMS_DER_INTEGER = 0x02,
	CMS_DER_BIT_STRING = 0x03,
	CMS_DER_OCTET_STRING = 0x04,
	CMS_DER_OID = 0x06,
	CMS_DER_SEQUENCE = 0x30,
	CMS_DER_SET = 0x31,
	CMS_DER_0 = 0xa0, /* [0], constructed; [0] IMPLICIT of a string is 0x80 */
	CMS_DER_1 = 0xa1,
	CMS_DER_2 = 0xa2
};

struct cms_der {
	uint8_t tag;
	struct slice body, whole; /* borrow */
};
/* Takes the first element off *rest. False, and nothing is taken: there is none, or it isn't
 * whole. */
bool cms_der_next(struct slice *rest, struct cms_der *e);
/* The same, if it has this tag; *body is what is in it. */
bool cms_der_take(struct slice *rest, uint8_t tag, struct slice *body);
/* The octets of an OCTET STRING, whichever tag it has, that came in pieces or not. False: it
 * holds something else, or is longer than the buf takes. */
bool cms_der_octets(const struct cms_der *e, struct buf *out);

void cms_der_put(struct buf *b, uint8_t tag, struct slice body);
/* Of an element whose body of n octets comes after it. */
void cms_der_put_header(struct buf *b, uint8_t tag, size_t n);
/* Makes what was appended since `at` (an earlier b->n) the body of an element. */
void cms_der_wrap(struct buf *b, size_t at, uint8_t tag);

#endif
