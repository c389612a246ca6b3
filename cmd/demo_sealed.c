#include "cmd/demo_sealed.h"

#include <string.h>
#include <unistd.h>

#include "cmd/demo_estate.h"
#include "cmd/demo_typed.h"

enum { TRIES = 200, WAIT_US = 50000 };
#define LATE "<late.ann@company.test>"
#define KIND "p256"

/* --- keys --- */

bool
demo_sealed_keys(struct demo *d)
{
	const struct demo_node *gw = &d->node[DEMO_ESTATE_GW1];
	const struct demo_node *partner = &d->node[DEMO_ESTATE_PARTNER];
	struct demo_typed_key ann = {DEMO_ESTATE_ANN, KIND, "ann.crt", ""};
	struct demo_typed_key pat = {DEMO_ESTATE_PAT, KIND, "pat.crt", ""};
	char words[DEMO_TYPED_LINE];

	demo_step(d, "mail to the partner is to be encrypted and signed, by the gateways:");
	if (!demo_typed_key(d, gw, &ann) || !demo_typed_key(d, partner, &pat))
		return false;
	snprintf(words, sizeof words, "key export %s --pem", pat.id);
	if (!demo_typed_run(d, partner, NULL, "pat.key", words))
		return false;
	snprintf(words, sizeof words, "cert trust %s", demo_typed_file(d, "pat.crt").text);
	if (!demo_typed_run(d, gw, NULL, "trusted", words) ||
		!demo_typed_run(d, gw, NULL, "set",
			"policy set partner.test mode=must sign=when-encrypted"))
		return false;
	demo_step(d, "    on gw1: hairpin cert trust pat.crt; "
		     "hairpin policy set partner.test mode=must sign=when-encrypted");
	return true;
}

/* --- mail --- */

/* Does that node know of mail that waits for pat's certificate? */
static bool
waits(const struct demo_node *node)
{
	json_t *answer = demo_ask(node, "queue hops", NULL), *row;
	bool found = false;
	size_t i;

	json_array_foreach(json_object_get(answer, "rows"), i, row)
	{
		const char *hop = json_string_value(json_object_get(row, "hop"));

		found = found || (hop && !strcmp(hop, "key:" DEMO_ESTATE_PAT));
	}
	json_decref(answer);
	return found;
}

bool
demo_sealed_late(struct demo *d)
{
	const struct demo_node *gw = &d->node[DEMO_ESTATE_GW1];
	const struct demo_typed_mail mail = {
		{DEMO_ESTATE_ANN, DEMO_ESTATE_PAT}, LATE, DEMO_SEALED_TEXT DEMO_SEALED_SECRET};
	char words[DEMO_TYPED_LINE];
	int tries = 0;

	if (!demo_typed_send(d, &d->node[DEMO_ESTATE_MAIL1], &mail))
		return false;
	while (!waits(gw) && tries++ < TRIES)
		usleep(WAIT_US);
	if (tries > TRIES) {
		demo_step(d, "    it doesn't wait on %s", gw->role->name);
		return false;
	}
	demo_step(d, "    it waits: hairpin queue hops has key:" DEMO_ESTATE_PAT);
	snprintf(words, sizeof words, "cert add %s %s", demo_typed_file(d, "pat.crt").text,
		DEMO_ESTATE_PAT);
	if (!demo_typed_run(d, gw, NULL, "added", words) ||
		!demo_typed_fetch(
			d, &d->node[DEMO_ESTATE_PARTNER], DEMO_ESTATE_PAT, LATE, "late.eml"))
		return false;
	demo_step(d, "    on gw1: hairpin cert add pat.crt; what pat has on partner then:");
	return demo_typed_show(d, "late.eml", "Content-Type: application/pkcs7-mime");
}

bool
demo_sealed_out(struct demo *d)
{
	const struct demo_node *partner = &d->node[DEMO_ESTATE_PARTNER];
	const struct demo_typed_mail mail = {{DEMO_ESTATE_ANN, DEMO_ESTATE_PAT},
		DEMO_SEALED_OUT, DEMO_SEALED_TEXT DEMO_SEALED_SECRET};
	char words[DEMO_TYPED_LINE];

	if (!demo_typed_send(d, &d->node[DEMO_ESTATE_MAIL1], &mail) ||
		!demo_typed_fetch(d, partner, DEMO_ESTATE_PAT, DEMO_SEALED_OUT, "out.eml"))
		return false;
	demo_step(d, "    what pat has on partner:");
	if (!demo_typed_show(d, "out.eml", "Content-Type: application/pkcs7-mime"))
		return false;
	snprintf(words, sizeof words, "smime decrypt %s %s", demo_typed_file(d, "pat.key").text,
		demo_typed_file(d, "pat.crt").text);
	if (!demo_typed_run(d, NULL, "out.eml", "out.open", words))
		return false;
	snprintf(words, sizeof words, "smime verify %s", demo_typed_file(d, "ann.crt").text);
	if (!demo_typed_run(d, NULL, "out.open", "out.text", words))
		return false;
	demo_step(
		d, "    hairpin smime decrypt pat.key pat.crt, hairpin smime verify ann.crt:");
	return demo_typed_show(d, "out.text", DEMO_SEALED_SECRET);
}

bool
demo_sealed_in(struct demo *d)
{
	const struct demo_node *mail2 = &d->node[DEMO_ESTATE_MAIL2];
	char words[DEMO_TYPED_LINE], body[DEMO_TYPED_BODY] = "";
	const struct demo_typed_mail mail = {
		{DEMO_ESTATE_PAT, DEMO_ESTATE_ANN}, DEMO_SEALED_IN, body};

	if (!demo_typed_write(d, "in.part", DEMO_SEALED_TEXT DEMO_SEALED_ANSWER "\r\n"))
		return false;
	snprintf(words, sizeof words, "smime sign %s %s", demo_typed_file(d, "pat.key").text,
		demo_typed_file(d, "pat.crt").text);
	if (!demo_typed_run(d, NULL, "in.part", "in.signed", words))
		return false;
	snprintf(words, sizeof words, "smime encrypt %s", demo_typed_file(d, "ann.crt").text);
	if (!demo_typed_run(d, NULL, "in.signed", "in.sealed", words) ||
		!demo_typed_append(d, "in.sealed", body))
		return false;
	demo_step(d, "pat answers: hairpin smime sign pat.key pat.crt, hairpin smime encrypt "
		     "ann.crt:");
	if (!demo_typed_send(d, &d->node[DEMO_ESTATE_PARTNER], &mail) ||
		!demo_typed_fetch(d, mail2, DEMO_ESTATE_ANN, DEMO_SEALED_IN, "in.eml"))
		return false;
	demo_step(d, "    what ann has on mail2:");
	return demo_typed_show(d, "in.eml", "Authentication-Results: gw") &&
	       demo_typed_show(d, "in.eml", DEMO_SEALED_ANSWER);
}
