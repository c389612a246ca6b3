/* smtp_dsn_text: the parts of a report as text: lines that are folded, cleaned and encoded.
 * Pure. For smtp_dsn, and who sends its reports. */
#ifndef SMTP_DSN_TEXT_H
#define SMTP_DSN_TEXT_H

#include "smtp/smtp_dsn.h"

/* Words, with CRLF and indent where a line would pass 76 octets; column: where the line is now.
 * Controls become "?". */
void smtp_dsn_text_wrap(struct buf *out, size_t column, const char *indent, struct slice words);
/* "name: value", folded. is_8bit: octets above 127 stay, else they become "?". */
void smtp_dsn_text_field(struct buf *out, const char *name, struct slice value, bool is_8bit);
/* An address in the form of RFC 6533 that has no octet above 127 (utf-8-addr-xtext). */
void smtp_dsn_text_xtext(struct buf *out, struct slice utf8);
/* Lines, each ended by CRLF, the last one too; a bare LF ends one, a bare CR becomes "?". */
void smtp_dsn_text_lines(struct buf *out, struct slice text);
/* The header of a mail, without the blank line; all if that doesn't come. */
struct slice smtp_dsn_text_header(struct slice text);
/* What people read: what happened to whom, why, and what to do. May have octets above 127. */
void smtp_dsn_text_words(const struct smtp_dsn *d, struct buf *out);

#endif
