/* saslprep: user names and passwords in one spelling before they are compared
 * or hashed (RFC 4013, the profile of RFC 3454; NFKC after the tables of
 * today's Unicode). Pure. */
#ifndef CRYPTO_SASLPREP_H
#define CRYPTO_SASLPREP_H

#include "core/buf.h"
#include "core/err.h"

enum { SASLPREP_MAX = 1024 };

/* For a password that is being set: unassigned code points are refused. */
enum saslprep_use { SASLPREP_QUERY, SASLPREP_STORED };
/* raw: any octets. Appends the prepared form. ERR_SYNTAX: not UTF-8, or holds what RFC 4013
 * prohibits (controls, private use, mixed directions ...). ERR_TOO_BIG: raw or the result is
 * above SASLPREP_MAX. ERR_LIMIT: out is full. Empty gives empty. */
enum err saslprep(struct slice raw, enum saslprep_use use, struct buf *out);

#endif
