#include "store/version.h"

#include <stdio.h>

#include "store/commands.pb-c.h"
#include "store/schema.h"

enum { NAME_ROOM = 32 };

static const struct slice cluster = {(const uint8_t *)"cluster_version", 15};

uint32_t
version_of(int body_case)
{
	switch (body_case) {
#ifdef HAIRPIN_NEXT
	case COMMANDS__COMMAND__BODY_NOTE:
		return 2;
#endif
	default:
		return VERSION_FIRST;
	}
}

static enum err
get(struct db_txn *txn, struct slice name, uint32_t *version)
{
	struct slice v;
	enum err e = db_get(txn, DB_SETTING, name, &v);

	if (e == ERR_NOT_FOUND) {
		*version = VERSION_FIRST;
		return ERR_OK;
	}
	if (e || v.n != 4)
		return e ? e : ERR_CORRUPT;
	*version = schema_get_u32(v.p);
	return ERR_OK;
}

static enum err
put(struct db_txn *txn, struct slice name, uint32_t version)
{
	uint8_t raw[4];

	schema_set_u32(raw, version);
	return db_put(txn, DB_SETTING, name, slice_of(raw, sizeof raw));
}

enum err
version_cluster(struct db_txn *txn, uint32_t *version)
{
	return get(txn, cluster, version);
}

enum err
version_put(struct db_txn *txn, uint32_t version)
{
	return put(txn, cluster, version);
}

static struct slice
node_name(uint32_t node, char name[NAME_ROOM])
{
	snprintf(name, NAME_ROOM, "version.%u", node);
	return slice_str(name);
}

enum err
version_node(struct db_txn *txn, uint32_t node, uint32_t *version)
{
	char name[NAME_ROOM];

	return get(txn, node_name(node, name), version);
}

enum err
version_put_node(struct db_txn *txn, uint32_t node, uint32_t version)
{
	char name[NAME_ROOM];

	return put(txn, node_name(node, name), version);
}
