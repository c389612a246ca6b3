/* cli_sop_date: the DATE of `hairpin sop`: "An ISO-8601 formatted timestamp with time zone"
 * (draft-dkg-openpgp-stateless-cli), as 2026-01-31T23:59:59Z or 20260131T235959Z; the zone may
 * be +02:00, +0200 or +02, the seconds may have a fraction, which is cut off, or be left out.
 * Pure. */
#ifndef CMD_CLI_SOP_DATE_H
#define CMD_CLI_SOP_DATE_H

#include <stdbool.h>
#include <stdint.h>

/* Seconds since 1970; 0 of what was before. False: no such time. */
bool cli_sop_date_parse(const char *text, uint64_t *sec);

#endif
