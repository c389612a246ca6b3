/* gateway_charset: the charset of a text that stood inline in a mail, encrypted or signed, of
 * which OpenPGP says nothing: the one that the armor names; else UTF-8, if it is that; else the
 * mail's, which is that of the armor and all too often of what is in it. Pure. */
#ifndef CRYPTO_GATEWAY_CHARSET_H
#define CRYPTO_GATEWAY_CHARSET_H

#include "crypto/gateway_mime.h"

/* The mail (its header, its text, what it is), and what was in it. *name: static. Errors are
 * the texts'. */
struct gateway_charset_mail {
	const struct gateway_head *head;
	const struct text *text;
	const struct gateway_mime *mime;
};
enum err gateway_charset_inline(
	const struct gateway_charset_mail *mail, const struct text *plain, const char **name);

#endif
