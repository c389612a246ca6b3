/* smtp_path: the paths of MAIL and RCPT (RFC 5321 4.1.2, RFC 6531 3.3) and the
 * names in them. Pure. Checks form only; what an address means is for the
 * directory. */
#ifndef SMTP_PATH_H
#define SMTP_PATH_H

#include "smtp/smtp_parse.h"

/* Reads "<...>" at the front of s. Returns the octets used with both brackets, or 0
 * when there is no well-formed path. A source route is dropped (RFC 5321
 * appendix C). */
size_t smtp_path_parse(struct slice s, struct smtp_path *out);
/* Labels of letters, digits, hyphens and underscores; with utf8 also of
 * well-formed UTF-8. At most 255 octets, 63 a label. */
bool smtp_path_is_domain(struct slice s, bool utf8);
/* "[192.0.2.1]" or "[IPv6:2001:db8::1]". */
bool smtp_path_is_literal(struct slice s);

#endif
