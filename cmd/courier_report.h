/* courier_report: the delivery status notification that goes to the sender of an item with a
 * STEP: whether one is due, and its making (smtp/smtp_dsn writes it). */
#ifndef CMD_COURIER_REPORT_H
#define CMD_COURIER_REPORT_H

#include "cmd/courier_step.h"
#include "smtp/smtp_dsn.h"

/* Does the sender want to hear of one of the steps? */
bool courier_report_is_due(const struct courier_step *s);
/* Would it be warned that this recipient waits? */
bool courier_report_warns(const struct courier_step *s, const Commands__Rcpt *r);
/* Makes the report that is due, with as much of the mail as `returns` lets it have of what it
 * may: a child item, and its body. Memory of s->arena. ERR_TOO_BIG: it has too many
 * recipients, or too much of the mail. ERR_UNAVAILABLE: there is no queue key yet. */
enum err courier_report_make(struct courier_step *s, enum smtp_dsn_returns returns,
	Commands__Enqueue **out, struct slice *sealed);
/* What the log is told once the steps are in it; index: of their entry, where the report is an
 * item of its own then. */
void courier_report_say(
	const struct courier_step *s, const Commands__Result *result, uint64_t index);

#endif
