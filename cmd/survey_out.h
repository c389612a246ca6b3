/* survey_out: judges whether mail can leave: by calls to the smart hosts of the configuration,
 * or else to the servers of well-known domains, at port 25. */
#ifndef CMD_SURVEY_OUT_H
#define CMD_SURVEY_OUT_H

#include "cmd/survey_site.h"

/* !has_dns: only who is named by the configuration, or chosen, is called. */
void survey_out_judge(struct survey_site *s, bool has_dns);
/* "HOST", "HOST:PORT", "[2001:db8::1]:PORT": as a hop of smtp_hop. False: it isn't such. */
bool survey_out_hop(const char *text, struct buf *hop);

#endif
