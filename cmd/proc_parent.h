/* proc_parent: `hairpin serve`. Owns the ports, the boot's secrets and the
 * processes: starts them, connects them along cmd/edges, and starts again
 * what dies. Hears nothing but Ready frames: no mail, no network input. */
#ifndef CMD_PROC_PARENT_H
#define CMD_PROC_PARENT_H

/* Until SIGTERM or SIGINT. Returns the exit status (0; 1 start-up failed; 3 the database made
 * us stop). */
int proc_parent_run(const char *config_path);

#endif
