#include "store/apply.h"

#include "store/apply_account.h"
#include "store/apply_cert.h"
#include "store/apply_cluster.h"
#include "store/apply_directory.h"
#include "store/apply_hop.h"
#include "store/apply_key.h"
#include "store/apply_mailbox.h"
#include "store/apply_message.h"
#include "store/apply_owner.h"
#include "store/apply_payload.h"
#include "store/apply_policy.h"
#include "store/apply_proposer.h"
#include "store/apply_queue.h"
#include "store/apply_queue_key.h"
#include "store/apply_stage.h"
#include "store/apply_status.h"
#include "store/apply_step.h"
#include "store/apply_sts.h"
#include "store/apply_sweep.h"
#include "store/apply_trust.h"
#include "store/apply_vault.h"
#include "store/version.h"

enum err
apply_refuse(struct apply *a, enum command_code code, const char *text)
{
	a->result->code = code;
	a->result->text = (char *)(uintptr_t)text;
	return ERR_OK;
}

static void
touch(struct arena *arena, uint64_t **list, size_t *n, size_t *room, uint64_t id)
{
	uint64_t *more;

	for (size_t i = 0; i < *n && i < 16; i++)
		if ((*list)[*n - 1 - i] == id)
			return;
	if (*n == *room) {
		*room = *room ? *room * 2 : 16;
		more = arena_alloc(arena, *room * sizeof *more);
		if (*n)
			memcpy(more, *list, *n * sizeof *more);
		*list = more;
	}
	(*list)[(*n)++] = id;
}

void
apply_touch_mailbox(struct apply *a, uint64_t id)
{
	struct apply_touched *t = a->touched;

	touch(a->arena, &t->mailbox, &t->mailbox_n, &t->mailbox_room, id);
}

void
apply_touch_account_gone(struct apply *a, uint64_t id)
{
	struct apply_touched *t = a->touched;

	touch(a->arena, &t->account_gone, &t->account_gone_n, &t->account_gone_room, id);
}

/* A new life of a node: answers and uploads of the last one are over, its items are its own. */
static enum err
apply_boot(struct apply *a, const Commands__Boot *c)
{
	enum err e = apply_proposer_boot(a);

	if (!e)
		e = version_put_node(a->txn, a->node, c->version);

	if (!e)
		e = apply_owner_boot(a);
	return e ? e : apply_payload_boot(a);
}

static enum err
apply_cluster_part(struct apply *a, const Commands__Command *c)
{
	switch ((int)c->body_case) {
	case COMMANDS__COMMAND__BODY_CLUSTER_VERSION:
		return apply_cluster_version(a, c->cluster_version);
	/* Whoever applies it looks at the digest then. */
	case COMMANDS__COMMAND__BODY_DIGEST_MARK:
		return ERR_OK;
	case COMMANDS__COMMAND__BODY_DIGEST_REPORT:
		return apply_cluster_report(a, c->digest_report);
	case COMMANDS__COMMAND__BODY_RESTORED:
		return apply_cluster_restored(a, c->restored);
#ifdef HAIRPIN_NEXT
	case COMMANDS__COMMAND__BODY_NOTE:
		return db_put(a->txn, DB_SETTING, SLICE_LIT("note"), slice_str(c->note->text));
#endif
	default:
		return apply_refuse(a, COMMAND_UNSUPPORTED, "unknown command");
	}
}

static enum err
apply_queue_part(struct apply *a, const Commands__Command *c)
{
	switch ((int)c->body_case) {
	case COMMANDS__COMMAND__BODY_ENQUEUE:
		return apply_queue_enqueue(a, c->enqueue);
	case COMMANDS__COMMAND__BODY_STEP:
		return apply_step(a, c->step);
	case COMMANDS__COMMAND__BODY_LIFT:
		return apply_queue_lift(a, c->lift);
	case COMMANDS__COMMAND__BODY_QUEUE_CONTROL:
		return apply_queue_control(a, c->queue_control);
	case COMMANDS__COMMAND__BODY_QUEUE_KEY:
		return apply_queue_key(a, c->queue_key);
	case COMMANDS__COMMAND__BODY_QUEUE_RESEAL:
		return apply_queue_key_reseal(a, c->queue_reseal);
	case COMMANDS__COMMAND__BODY_ADOPT:
		return apply_owner_adopt(a, c->adopt);
	case COMMANDS__COMMAND__BODY_RECALL:
		return apply_owner_recall(a);
	case COMMANDS__COMMAND__BODY_YIELD:
		return apply_owner_yield(a, c->yield);
	case COMMANDS__COMMAND__BODY_HOP_STEP:
		return apply_hop_step(a, c->hop_step);
	case COMMANDS__COMMAND__BODY_STS_PUT:
		return apply_sts_put(a, c->sts_put);
	case COMMANDS__COMMAND__BODY_CHUNK:
		return apply_payload_chunk(a, c->chunk);
	case COMMANDS__COMMAND__BODY_BOOT_NODE:
		return apply_boot(a, c->boot_node);
	case COMMANDS__COMMAND__BODY_SWEEP:
		return apply_sweep(a, c->sweep);
	case COMMANDS__COMMAND__BODY_REKEY:
		return apply_vault_rekey(a, c->rekey);
	default:
		return apply_cluster_part(a, c);
	}
}

static enum err
apply_mailbox_part(struct apply *a, const Commands__Command *c)
{
	switch ((int)c->body_case) {
	case COMMANDS__COMMAND__BODY_MAILBOX_CREATE:
		return apply_mailbox_create(a, c->mailbox_create);
	case COMMANDS__COMMAND__BODY_MAILBOX_DELETE:
		return apply_mailbox_delete(a, c->mailbox_delete);
	case COMMANDS__COMMAND__BODY_MAILBOX_RENAME:
		return apply_mailbox_rename(a, c->mailbox_rename);
	case COMMANDS__COMMAND__BODY_SUBSCRIBE:
		return apply_mailbox_subscribe(a, c->subscribe);
	case COMMANDS__COMMAND__BODY_APPEND:
		return apply_message_append(a, c->append);
	case COMMANDS__COMMAND__BODY_FLAGS_STORE:
		return apply_message_flags(a, c->flags_store);
	case COMMANDS__COMMAND__BODY_COPY:
		return apply_message_copy(a, c->copy);
	case COMMANDS__COMMAND__BODY_EXPUNGE:
		return apply_message_expunge(a, c->expunge);
	case COMMANDS__COMMAND__BODY_STAGE_OPEN:
		return apply_stage_open(a, c->stage_open);
	case COMMANDS__COMMAND__BODY_STAGE_CLOSE:
		return apply_stage_close(a, c->stage_close);
	default:
		return apply_queue_part(a, c);
	}
}

static enum err
apply_gateway_part(struct apply *a, const Commands__Command *c)
{
	switch ((int)c->body_case) {
	case COMMANDS__COMMAND__BODY_CERT_PUT:
		return apply_cert_put(a, c->cert_put);
	case COMMANDS__COMMAND__BODY_CERT_DEL:
		return apply_cert_del(a, c->cert_del);
	case COMMANDS__COMMAND__BODY_KEY_PUT:
		return apply_key_put(a, c->key_put);
	case COMMANDS__COMMAND__BODY_KEY_DEL:
		return apply_key_del(a, c->key_del);
	case COMMANDS__COMMAND__BODY_TRUST_PUT:
		return apply_trust_put(a, c->trust_put);
	case COMMANDS__COMMAND__BODY_POLICY_PUT:
		return apply_policy_put(a, c->policy_put);
	case COMMANDS__COMMAND__BODY_STATUS_PUT:
		return apply_status_put(a, c->status_put);
	default:
		return apply_mailbox_part(a, c);
	}
}

/* A command's type comes from its oneof alone: this is the one table of what does what. */
static enum err
apply_directory_part(struct apply *a, const Commands__Command *c)
{
	switch ((int)c->body_case) {
	case COMMANDS__COMMAND__BODY_SETTING:
		return apply_directory_setting(a, c->setting);
	case COMMANDS__COMMAND__BODY_DOMAIN_PUT:
		return apply_directory_domain_put(a, c->domain_put);
	case COMMANDS__COMMAND__BODY_DOMAIN_DEL:
		return apply_directory_domain_del(a, c->domain_del);
	case COMMANDS__COMMAND__BODY_ADDRESS_PUT:
		return apply_directory_address_put(a, c->address_put);
	case COMMANDS__COMMAND__BODY_ADDRESS_DEL:
		return apply_directory_address_del(a, c->address_del);
	case COMMANDS__COMMAND__BODY_ACCOUNT_PUT:
		return apply_account_put(a, c->account_put);
	case COMMANDS__COMMAND__BODY_ACCOUNT_DEL:
		return apply_account_del(a, c->account_del);
	case COMMANDS__COMMAND__BODY_EPOCH_NEW:
		return apply_account_epoch(a, c->epoch_new);
	default:
		return apply_gateway_part(a, c);
	}
}

enum err
apply_command(struct apply *a, const Commands__Command *c)
{
	bool known;
	enum err e;

	commands__result__init(a->result);
	e = apply_proposer_check(a, c, &known);
	/* Done already, or of another life: what it brought isn't needed. */
	if (!e && known)
		return apply_payload_refuse(a, NULL);
	if (!e)
		e = apply_directory_part(a, c);
	return e ? e : apply_proposer_record(a, c);
}
