/* control_sts: verbs that show which MTA-STS policies of other domains are kept, and until when
 * mail to these is bound to them. */
#include <sysexits.h>

#include "cmd/control_list.h"
#include "core/codec.h"
#include "smtp/smtp_sts.h"
#include "store/view_sts.h"

static json_t *
mx_json(const struct smtp_sts_policy *policy)
{
	json_t *out = json_array();

	for (size_t i = 0; i < policy->n_mx; i++)
		json_array_append_new(out, control_json(policy->mx[i]));
	return out;
}

/* What was kept was a policy when it was fetched. */
static json_t *
policy_row(struct arena *a, struct slice domain, const Commands__Sts *row)
{
	static const char *const modes[] = {"none", "testing", "enforce"};
	struct smtp_sts_policy policy = {.mode = SMTP_STS_NONE};
	json_t *out = json_object();

	smtp_sts_parse(codec_slice(row->policy), a, &policy);
	json_object_set_new(out, "domain", control_json(domain));
	json_object_set_new(out, "mode", json_string(modes[policy.mode]));
	json_object_set_new(out, "mx", mx_json(&policy));
	json_object_set_new(out, "id", control_json(codec_slice(row->id)));
	json_object_set_new(out, "fetched", json_integer((json_int_t)row->fetched_sec));
	json_object_set_new(out, "ends", json_integer((json_int_t)row->until_sec));
	return out;
}

static json_t *
list_row(struct control_request *r, struct db_txn *txn, struct slice k, struct slice v)
{
	const Commands__Sts *row = codec_unpack(&commands__sts__descriptor, v, &r->arena);

	(void)txn;
	return row ? policy_row(&r->arena, k, row) : NULL;
}

static void
sts_list(struct control_request *r)
{
	control_list(r, DB_STS, list_row);
}

static void
sts_show(struct control_request *r)
{
	struct slice domain = control_domain(r, "domain");
	Commands__Sts *row;
	struct db_txn *txn;
	enum err e;

	if (!domain.n || !(txn = control_read(r)))
		return;
	e = view_sts_get(txn, domain, &r->arena, &row);
	view_end(r->courier->view);
	if (e)
		control_fail(r, EX_NOUSER,
			"no MTA-STS policy of %.*s is kept (`hairpin sts list` shows what is; "
			"`hairpin dns _mta-sts.%.*s TXT` asks for its record)",
			SLICE_FMT(domain), SLICE_FMT(domain));
	else
		control_reply(r, policy_row(&r->arena, domain, row));
}

const struct control_verb control_sts_verbs[] = {
	{"sts list", sts_list},
	{"sts show", sts_show},
	{NULL, NULL},
};
