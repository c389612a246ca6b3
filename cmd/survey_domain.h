/* survey_domain: judges the records of the directory's domains, by the list of cmd/publish. */
#ifndef CMD_SURVEY_DOMAIN_H
#define CMD_SURVEY_DOMAIN_H

#include "cmd/survey_site.h"

/* After survey_host_judge. */
void survey_domain_judge(struct survey_site *s);

#endif
