#pragma once

/// A non-blocking, close-on-exec eventfd(2) with counter 0; -1 and errno on failure.
int linux_eventfd(void);

/// Makes the eventfd readable. Fails only when its counter is full, and then it is readable already.
void linux_eventfd_add(int descriptor);

/// Makes the eventfd unreadable until the next add.
void linux_eventfd_clear(int descriptor);

/// Names the calling thread as `top -H` shows it; at most 15 bytes.
void linux_name_thread(const char *name);
