/* ipc_packet: a packet on a SEQPACKET socket, with or without a file descriptor. */
#ifndef CORE_IPC_PACKET_H
#define CORE_IPC_PACKET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* fd: -1 none; stays the caller's. Octets sent, or -1 with errno. */
ssize_t ipc_packet_send(int to, const void *bytes, size_t n, int fd);
/* Octets; 0 at the end; -1 with errno. *fd: -1, or the caller's to close. A packet longer than
 * room comes as one octet: too short for any frame. */
ssize_t ipc_packet_receive(int from, uint8_t *p, size_t room, int *fd);

#endif
