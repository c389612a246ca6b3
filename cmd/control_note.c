/* control_note: verbs of the command that the next version of the tests has (version.h). */
#ifdef HAIRPIN_NEXT

#include <sysexits.h>

#include "cmd/control.h"
#include "core/codec.h"
#include "store/db.h"
#include "store/view.h"

static void
note_set(struct control_request *r)
{
	Commands__Note *note = arena_alloc(&r->arena, sizeof *note);
	const char *text = control_text(r, "text");

	commands__note__init(note);
	note->text = (char *)(uintptr_t)(text ? text : "");
	r->command.body_case = COMMANDS__COMMAND__BODY_NOTE;
	r->command.note = note;
	control_propose(r);
}

static void
note_show(struct control_request *r)
{
	struct db_txn *txn = control_read(r);
	struct slice v = SLICE_EMPTY;
	json_t *text;

	if (!txn)
		return;
	if (db_get(txn, DB_SETTING, SLICE_LIT("note"), &v))
		v = SLICE_EMPTY;
	text = control_json(v);
	view_end(r->courier->view);
	control_reply(r, json_pack("{s:o}", "text", text));
}

const struct control_verb control_note_verbs[] = {
	{"note set", note_set},
	{"note show", note_show},
	{NULL, NULL},
};

#endif
