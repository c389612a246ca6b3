/* spelling: how near a word is to another, for "did you mean". Pure. */
#ifndef CORE_SPELLING_H
#define CORE_SPELLING_H

enum { SPELLING_MAX = 64, SPELLING_FAR = 99 };

/* How many letters must be put in, left out or changed to make b of a; SPELLING_FAR when b has
 * more than SPELLING_MAX octets. */
unsigned spelling_distance(const char *a, const char *b);

#endif
