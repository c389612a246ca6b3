/* apply_cluster: commands about the cluster itself. */
#ifndef STORE_APPLY_CLUSTER_H
#define STORE_APPLY_CLUSTER_H

#include "store/apply.h"

/* Never backwards. */
enum err apply_cluster_version(struct apply *a, const Commands__ClusterVersion *c);
enum err apply_cluster_report(struct apply *a, const Commands__DigestReport *c);
enum err apply_cluster_restored(struct apply *a, const Commands__Restored *c);

/* The setting in which a node's newest report is. */
enum { APPLY_CLUSTER_REPORT_NAME = 24 };
struct slice apply_cluster_report_name(uint32_t node, char name[APPLY_CLUSTER_REPORT_NAME]);

#endif
