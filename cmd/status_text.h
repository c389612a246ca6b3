/* status_text: what is known of a certificate's revocation, for people. Pure. */
#ifndef CMD_STATUS_TEXT_H
#define CMD_STATUS_TEXT_H

#include "store/view_status.h"

enum { STATUS_TEXT_MAX = 1200 };

/* "good", "revoked", "unknown". */
const char *status_text_kind(enum view_status_kind kind);
/* The reason of a revocation in RFC 5280's word; NULL: none is given. */
const char *status_text_reason(uint32_t reason);
/* "revoked since 2026-11-02 (keyCompromise), says http://ca.example/1.crl", "good until ...",
 * "revocation unknown: http://ca.example/1.crl: why". */
void status_text(const struct view_status *s, char text[STATUS_TEXT_MAX]);

#endif
