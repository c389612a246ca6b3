#include "cmd/demo_sealed_pgp.h"

#include <string.h>

#include "cmd/demo_estate.h"
#include "cmd/demo_sealed.h"
#include "cmd/demo_typed.h"

#define KIND "openpgp"
#define ENCRYPTED "multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=e"

bool
demo_sealed_pgp_keys(struct demo *d)
{
	const struct demo_node *gw = &d->node[DEMO_ESTATE_GW1];
	const struct demo_node *partner = &d->node[DEMO_ESTATE_PARTNER];
	struct demo_typed_key ann = {DEMO_ESTATE_ANN, KIND, "ann.asc", ""};
	struct demo_typed_key pat = {DEMO_ESTATE_PAT, KIND, "pat.asc", ""};
	char words[DEMO_TYPED_LINE];

	demo_step(d, "the same by OpenPGP:");
	if (!demo_typed_key(d, gw, &ann) || !demo_typed_key(d, partner, &pat))
		return false;
	snprintf(words, sizeof words, "key export %s --pem", pat.id);
	if (!demo_typed_run(d, partner, NULL, "pat.pgp", words))
		return false;
	snprintf(words, sizeof words, "cert add %s", demo_typed_file(d, "pat.asc").text);
	if (!demo_typed_run(d, gw, NULL, "added", words) ||
		!demo_typed_run(d, gw, NULL, "set", "policy set partner.test methods=openpgp"))
		return false;
	demo_step(d, "    on gw1: hairpin cert add pat.asc; "
		     "hairpin policy set partner.test methods=openpgp");
	return true;
}

bool
demo_sealed_pgp_out(struct demo *d)
{
	static const char *const armor[] = {
		"-----BEGIN PGP MESSAGE-----", "-----END PGP MESSAGE-----"};
	const struct demo_node *partner = &d->node[DEMO_ESTATE_PARTNER];
	const struct demo_typed_mail mail = {{DEMO_ESTATE_ANN, DEMO_ESTATE_PAT},
		DEMO_SEALED_PGP_OUT, DEMO_SEALED_TEXT DEMO_SEALED_SECRET};
	char words[DEMO_TYPED_LINE];

	if (!demo_typed_send(d, &d->node[DEMO_ESTATE_MAIL1], &mail) ||
		!demo_typed_fetch(d, partner, DEMO_ESTATE_PAT, DEMO_SEALED_PGP_OUT, "pgp.eml"))
		return false;
	demo_step(d, "    what pat has on partner:");
	if (!demo_typed_show(d, "pgp.eml", "Content-Type: multipart/encrypted") ||
		!demo_typed_show(d, "pgp.eml", armor[0]) ||
		!demo_typed_cut(d, "pgp.eml", armor, "pgp.msg"))
		return false;
	snprintf(words, sizeof words, "sop decrypt --verify-with=%s --verifications-out=%s %s",
		demo_typed_file(d, "ann.asc").text, demo_typed_file(d, "pgp.sigs").text,
		demo_typed_file(d, "pat.pgp").text);
	if (!demo_typed_run(d, NULL, "pgp.msg", "pgp.text", words))
		return false;
	demo_step(d, "    hairpin sop decrypt --verify-with=ann.asc "
		     "--verifications-out=sigs pat.pgp:");
	return demo_typed_show(d, "pgp.text", DEMO_SEALED_SECRET) &&
	       demo_typed_show(d, "pgp.sigs", "2");
}

bool
demo_sealed_pgp_in(struct demo *d)
{
	const struct demo_node *mail2 = &d->node[DEMO_ESTATE_MAIL2];
	char words[DEMO_TYPED_LINE];
	/* RFC 3156 section 4. */
	char body[DEMO_TYPED_BODY] =
		"Content-Type: " ENCRYPTED "\r\n\r\n"
		"--e\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n"
		"--e\r\nContent-Type: application/octet-stream\r\n\r\n";
	const struct demo_typed_mail mail = {
		{DEMO_ESTATE_PAT, DEMO_ESTATE_ANN}, DEMO_SEALED_PGP_IN, body};

	snprintf(words, sizeof words, "sop encrypt --sign-with=%s %s",
		demo_typed_file(d, "pat.pgp").text, demo_typed_file(d, "ann.asc").text);
	if (!demo_typed_write(d, "pgp.part", DEMO_SEALED_TEXT DEMO_SEALED_ANSWER "\r\n") ||
		!demo_typed_run(d, NULL, "pgp.part", "pgp.sealed", words) ||
		!demo_typed_append(d, "pgp.sealed", body))
		return false;
	snprintf(body + strlen(body), sizeof body - strlen(body), "--e--");
	demo_step(d, "pat answers: hairpin sop encrypt --sign-with=pat.pgp ann.asc:");
	if (!demo_typed_send(d, &d->node[DEMO_ESTATE_PARTNER], &mail) ||
		!demo_typed_fetch(d, mail2, DEMO_ESTATE_ANN, DEMO_SEALED_PGP_IN, "pgp.in"))
		return false;
	demo_step(d, "    what ann has on mail2:");
	return demo_typed_show(d, "pgp.in", "Authentication-Results: gw") &&
	       demo_typed_show(d, "pgp.in", DEMO_SEALED_ANSWER);
}
