/* survey_txt: judges what a domain's TXT records say of its mail: SPF, DKIM, DMARC (RFC 7489),
 * MTA-STS and TLS reports. */
#ifndef CMD_SURVEY_TXT_H
#define CMD_SURVEY_TXT_H

#include "cmd/survey_site.h"

/* wanted: as we would publish it. */
void survey_txt_judge_spf(
	struct survey_site *s, struct slice domain, const struct publish_record *wanted);
void survey_txt_judge_dkim(
	struct survey_site *s, struct slice domain, const struct publish_record *wanted);
void survey_txt_judge_dmarc(
	struct survey_site *s, struct slice domain, const struct publish_record *wanted);
/* True: the domain has no MTA-STS policy, which is not found. */
bool survey_txt_judge_sts(struct survey_site *s, struct slice domain);

/* Finds a tag of a list "a=b; c=d" (RFC 6376 section 3.2), without blanks around its value.
 * False: there is none. */
bool survey_txt_tag(struct slice list, struct slice name, struct slice *value);

#endif
