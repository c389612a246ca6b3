/* apply_queue_key: the keys that mail in the queue is sealed to. */
#ifndef STORE_APPLY_QUEUE_KEY_H
#define STORE_APPLY_QUEUE_KEY_H

#include "store/apply.h"

enum err apply_queue_key(struct apply *a, const Commands__QueueKey *c);
enum err apply_queue_key_reseal(struct apply *a, const Commands__QueueReseal *c);
/* May an item be sealed to it? */
enum err apply_queue_key_is_open(struct apply *a, uint64_t id, bool *open);
/* All that there are: a copy of the queue may hold mail of an account that is being deleted. */
enum err apply_queue_key_retire(struct apply *a);

#endif
