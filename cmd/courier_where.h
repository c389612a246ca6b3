/* courier_where: the addresses of a next hop's target, asked of the resolver: smtp_mx with its
 * questions carried out. */
#ifndef CMD_COURIER_WHERE_H
#define CMD_COURIER_WHERE_H

#include "cmd/courier.h"
#include "smtp/smtp_hop.h"
#include "smtp/smtp_mx.h"

struct courier_where;
/* result lives as long as the courier_where, which the callback may free. */
typedef void (*courier_where_cb)(void *arg, const struct smtp_mx_result *result);

/* No callback before the return. Copies the target. */
struct courier_where *courier_where_new(struct courier *c, const struct smtp_hop_target *target,
	bool wants_tlsa, courier_where_cb cb, void *arg);
/* NULL is fine; no callback comes after it. */
void courier_where_free(struct courier_where *w);

#endif
