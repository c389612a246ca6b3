/* courier_file: octets that don't fit a frame, in a memfd. */
#ifndef CMD_COURIER_FILE_H
#define CMD_COURIER_FILE_H

#include "core/err.h"
#include "core/slice.h"

/* A new one, empty. ERR_FULL: no room; ERR_IO. */
enum err courier_file_new(int *fd);
enum err courier_file_put(int fd, uint64_t at, struct slice octets);
/* Nobody changes it any more. */
enum err courier_file_seal(int fd);
/* All three. */
enum err courier_file_make(struct slice octets, int *fd);
/* Is it one that nobody can change, of at least so many octets? */
bool courier_file_is_sealed(int fd, uint64_t size);

#endif
