#pragma once

// Debian 12 has the headers at the top; rabbitmq-c 0.12 and later keep them in a folder of their own.
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/framing.h>
#include <rabbitmq-c/ssl_socket.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#endif

#include <string.h>

// What Swift cannot import: a variadic call, and macros that contain casts.

/// `amqp_login_with_properties` with a user and a password.
static inline amqp_rpc_reply_t rabbitmq_login(
    amqp_connection_state_t state, const char *virtual_host, int channel_limit, int frame_bytes, int heartbeat_seconds,
    const amqp_table_t *properties, const char *user, const char *password) {
    return amqp_login_with_properties(
        state, virtual_host, channel_limit, frame_bytes, heartbeat_seconds, properties, AMQP_SASL_METHOD_PLAIN, user,
        password);
}

enum rabbitmq_method {
    RABBITMQ_CONNECTION_CLOSE = 0x000A0032,
    RABBITMQ_CONNECTION_CLOSE_OK = 0x000A0033,
    RABBITMQ_CONNECTION_BLOCKED = 0x000A003C,
    RABBITMQ_CONNECTION_UNBLOCKED = 0x000A003D,
    RABBITMQ_CHANNEL_CLOSE = 0x00140028,
    RABBITMQ_CHANNEL_CLOSE_OK = 0x00140029,
    RABBITMQ_BASIC_CANCEL = 0x003C001E,
    RABBITMQ_BASIC_CANCEL_OK = 0x003C001F,
    RABBITMQ_BASIC_RETURN = 0x003C0032,
    RABBITMQ_BASIC_DELIVER = 0x003C003C,
    RABBITMQ_BASIC_GET_OK = 0x003C0047,
    RABBITMQ_BASIC_ACK = 0x003C0050,
    RABBITMQ_BASIC_NACK = 0x003C0078,
};
