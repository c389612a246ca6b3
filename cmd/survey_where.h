/* survey_where: the way from a next hop to addresses, as the relay goes it (smtp_mx), over a
 * survey. Pure. */
#ifndef CMD_SURVEY_WHERE_H
#define CMD_SURVEY_WHERE_H

#include "cmd/survey_site.h"
#include "smtp/smtp_hop.h"
#include "smtp/smtp_mx.h"

/* NULL: not known yet. Lives as long as the run. */
const struct smtp_mx_result *survey_where(
	struct survey_site *s, const struct smtp_hop_target *target, bool wants_tlsa);

#endif
