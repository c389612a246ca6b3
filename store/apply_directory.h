/* apply_directory: domains, addresses, settings. */
#ifndef STORE_APPLY_DIRECTORY_H
#define STORE_APPLY_DIRECTORY_H

#include "store/apply.h"

enum {
	APPLY_DIRECTORY_NAME_MAX = 400,
	APPLY_DIRECTORY_TARGETS_MAX = 10000,
	APPLY_DIRECTORY_FORWARDS_MAX = 100,
	APPLY_DIRECTORY_POSTERS_MAX = 100,
	APPLY_DIRECTORY_SETTING_MAX = 65536
};

/* How an ADDRESS_PUT's targets are meant. */
enum { APPLY_DIRECTORY_WHOLE, APPLY_DIRECTORY_WITH, APPLY_DIRECTORY_WITHOUT };

/* Of two targets, for qsort: one address in two spellings is one. */
int apply_directory_compare_targets(const void *x, const void *y);

enum err apply_directory_setting(struct apply *a, const Commands__Setting *c);
enum err apply_directory_domain_put(struct apply *a, const Commands__DomainPut *c);
/* Refused (EXISTS) while addresses of the domain are left. */
enum err apply_directory_domain_del(struct apply *a, const Commands__DomainDel *c);
/* The domain must be ours. An ACCOUNT's account must exist. */
enum err apply_directory_address_put(struct apply *a, const Commands__AddressPut *c);
/* The same, of a new account: its primary address. It goes with the account only, and leads
 * nowhere else meanwhile. */
enum err apply_directory_primary_put(struct apply *a, const Commands__AddressPut *c);
enum err apply_directory_address_del(struct apply *a, const Commands__AddressDel *c);

#endif
