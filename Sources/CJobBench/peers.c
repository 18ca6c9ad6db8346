// The peers' programs, embedded with C23's #embed: files that Python's tools can read, inside the one program.
#include "CJobBench.h"

#define EMBEDDED(name) {#name ".py", name##_bytes, sizeof name##_bytes}

static const unsigned char peer_bytes[] = {
#embed "../rosterline-bench/Peers/peer.py"
};

static const unsigned char pika_peer_bytes[] = {
#embed "../rosterline-bench/Peers/pika_peer.py"
};

static const unsigned char dramatiq_peer_bytes[] = {
#embed "../rosterline-bench/Peers/dramatiq_peer.py"
};

static const unsigned char celery_peer_bytes[] = {
#embed "../rosterline-bench/Peers/celery_peer.py"
};

static const unsigned char procrastinate_peer_bytes[] = {
#embed "../rosterline-bench/Peers/procrastinate_peer.py"
};

static const peer_program programs[] = {
    EMBEDDED(peer), EMBEDDED(pika_peer), EMBEDDED(dramatiq_peer), EMBEDDED(celery_peer), EMBEDDED(procrastinate_peer),
    {NULL, NULL, 0},
};

const peer_program *peer_programs(void) {
    return programs;
}
