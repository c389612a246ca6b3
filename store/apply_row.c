#include "store/apply_row.h"

#include "store/view_directory.h"
#include "store/view_mailbox.h"

enum err
apply_row_put(struct apply *a, enum db_table t, struct slice key, const void *message)
{
	return db_put(a->txn, t, key, codec_pack(message, a->arena));
}

enum err
apply_row_del(struct apply *a, enum db_table t, struct slice key)
{
	enum err e = db_del(a->txn, t, key);

	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
apply_row_account(struct apply *a, uint64_t id, Commands__Account **out)
{
	return view_directory_account(a->txn, id, a->arena, out);
}

enum err
apply_row_put_account(struct apply *a, uint64_t id, const Commands__Account *r)
{
	struct schema_key k;

	return apply_row_put(a, DB_ACCOUNT, schema_u64(&k, id), r);
}

enum err
apply_row_mailbox(struct apply *a, uint64_t id, Commands__Mailbox **out)
{
	return view_mailbox(a->txn, id, a->arena, out);
}

enum err
apply_row_put_mailbox(struct apply *a, const Commands__Mailbox *m)
{
	struct schema_key k;

	return apply_row_put(a, DB_MAILBOX, schema_u64(&k, m->id), m);
}
