/* survey_mx: judges where the world brings a domain's mail: its MX records, and the TLSA
 * records of our own hosts among them. */
#ifndef CMD_SURVEY_MX_H
#define CMD_SURVEY_MX_H

#include "cmd/survey_site.h"

/* Notes our hosts in s->mx_host. False: it can't be judged, and neither can the domain's other
 * records: that is found, or isn't known yet. */
bool survey_mx_judge(
	struct survey_site *s, struct slice domain, const struct publish_record *wanted);
/* After the judgement of all domains. */
void survey_mx_judge_tlsa(struct survey_site *s);

#endif
