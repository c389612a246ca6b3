#include "cmd/cli_sop_armor.h"

#include <string.h>

#include "cmd/cli_sop_file.h"
#include "crypto/pgp_packet.h"

/* What octets are, by their first packet. */
static enum pgp_armor_kind
kind_of(struct slice octets)
{
	struct pgp_packet_whole p;

	/* What comes in parts can only be a message. */
	if (octets.n == 0 || !(octets.p[0] & 0x80))
		return PGP_ARMOR_NONE;
	if (pgp_packet_next(&octets, &p) != ERR_OK)
		return PGP_ARMOR_MESSAGE;
	switch (p.tag) {
	case PGP_TAG_SECRET_KEY:
		return PGP_ARMOR_PRIVATE_KEY;
	case PGP_TAG_PUBLIC_KEY:
		return PGP_ARMOR_PUBLIC_KEY;
	case PGP_TAG_SIGNATURE:
		break;
	default:
		return PGP_ARMOR_MESSAGE;
	}
	/* Signatures alone, or before their text. */
	while (pgp_packet_next(&octets, &p) == ERR_OK)
		if (p.tag != PGP_TAG_SIGNATURE)
			return PGP_ARMOR_MESSAGE;
	return octets.n ? PGP_ARMOR_MESSAGE : PGP_ARMOR_SIGNATURE;
}

static int
label_of(const struct cli_sop_line *line, struct slice octets, enum pgp_armor_kind *kind)
{
	static const struct {
		const char *name;
		enum pgp_armor_kind kind;
	} labels[] = {{"sig", PGP_ARMOR_SIGNATURE}, {"key", PGP_ARMOR_PRIVATE_KEY},
		{"cert", PGP_ARMOR_PUBLIC_KEY}, {"message", PGP_ARMOR_MESSAGE}};
	const char *said = cli_sop_value(line, "label");

	*kind = kind_of(octets);
	if (*kind == PGP_ARMOR_NONE)
		return cli_sop_fail(line, SOP_BAD_DATA, "no OpenPGP data");
	if (!said || !strcmp(said, "auto"))
		return SOP_OK;
	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
		if (!strcmp(said, labels[i].name)) {
			*kind = labels[i].kind;
			return SOP_OK;
		}
	return cli_sop_fail(
		line, SOP_UNSUPPORTED_OPTION, "--label: auto, sig, key, cert, message");
}

/* In memory, as what it is may stand at its end. */
int
cli_sop_armor(const struct cli_sop_line *line)
{
	struct buf in;
	struct cli_sop_out out;
	enum pgp_armor_kind kind = PGP_ARMOR_NONE;
	struct text_sink to;
	int code;

	buf_init(&in, CLI_SOP_FILE_MAX * 8);
	code = cli_sop_file_input_all(line, &in);
	/* "armor ... already armored: unchanged" */
	if (!code && !(in.n && (in.p[0] & 0x80)) &&
		slice_find_slice(buf_slice(&in), SLICE_LIT("-----BEGIN PGP ")) < in.n)
		kind = PGP_ARMOR_NONE;
	else if (!code)
		code = label_of(line, buf_slice(&in), &kind);
	cli_sop_file_out_init(&out, line, kind, true);
	to = cli_sop_file_sink(&out);
	if (!code && to.put(to.arg, buf_slice(&in)) != ERR_OK)
		code = cli_sop_fail(line, SOP_FAILURE, "there is no room for the output");
	code = cli_sop_file_out_end(&out, line, code);
	buf_fini_secret(&in);
	return code;
}

static enum err
feed_unarmor(void *arg, struct slice octets)
{
	return pgp_unarmor_feed(arg, octets);
}

int
cli_sop_armor_off(const struct cli_sop_line *line)
{
	struct pgp_unarmor u;
	struct cli_sop_out out;
	enum err e;
	int code;

	cli_sop_file_out_init(&out, line, PGP_ARMOR_NONE, false);
	pgp_unarmor_init(&u, cli_sop_file_sink(&out));
	code = cli_sop_file_input(line, feed_unarmor, &u, &e);
	if (!code && e == ERR_OK)
		e = pgp_unarmor_finish(&u);
	if (!code && e != ERR_OK)
		code = cli_sop_fail(line, SOP_BAD_DATA, "no OpenPGP data in armor");
	return cli_sop_file_out_end(&out, line, code);
}
