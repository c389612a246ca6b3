#include "store/version.h"

#include "store/commands.pb-c.h"
#include "store/schema.h"

static const struct slice name = {(const uint8_t *)"cluster_version", 15};

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

enum err
version_cluster(struct db_txn *txn, uint32_t *version)
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

enum err
version_put(struct db_txn *txn, uint32_t version)
{
	uint8_t raw[4];

	schema_set_u32(raw, version);
	return db_put(txn, DB_SETTING, name, slice_of(raw, sizeof raw));
}
