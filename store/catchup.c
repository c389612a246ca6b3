#include "store/catchup.h"

#include "core/codec.h"

struct slice
catchup_pack(Peer__Frame__BodyCase which, void *message, struct arena *a)
{
	Peer__Frame f = PEER__FRAME__INIT;

	f.body_case = which;
	/* All members of the union are pointers. */
	f.snapshot_offer = message;
	return codec_pack(&f, a);
}
