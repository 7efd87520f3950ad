// One mail connection under our eyes.
#pragma once

#include <cstdint>
#include <optional>

#include "base/ip.h"
#include "base/timer_wheel.h"
#include "dataplane/packet/forge.h"
#include "dataplane/packet/frame.h"
#include "dataplane/packet/parse.h"
#include "dataplane/smtp/responder.h"
#include "dataplane/smtp/session.h"
#include "dataplane/tcp/endpoint.h"
#include "dataplane/tcp/stream.h"

namespace postern::worker {

// Both directions of a connection have the same key: the lower (address, port) first.
struct FlowKey {
  IpAddress low, high;
  uint16_t low_port = 0, high_port = 0;
  uint32_t vlan = 0;
  bool operator==(const FlowKey&) const = default;

  static FlowKey of(const packet::TcpPacket& tcp) {
    const bool source_first =
        std::pair(tcp.source, tcp.source_port) < std::pair(tcp.destination, tcp.destination_port);
    return source_first ? FlowKey{tcp.source, tcp.destination, tcp.source_port,
                                  tcp.destination_port, tcp.vlan}
                        : FlowKey{tcp.destination, tcp.source, tcp.destination_port,
                                  tcp.source_port, tcp.vlan};
  }
};
static_assert(sizeof(FlowKey) == 40, "hashed as bytes: no padding");

enum class FlowState : uint8_t {
  kUninspected,  // the sender's verdict was pass when it connected
  kInspected,
  kRefusing,   // a message was refused; the server still owes replies to earlier commands
  kAnswering,  // we speak to the client in the server's place
  kOpaque,     // TLS: forwarded, unread
};

// What is needed only while we answer a client ourselves; pooled.
struct Answer {
  tcp::Endpoint endpoint;
  smtp::Responder responder;
  bool has_server = false;    // a server takes part (else it never heard of this connection)
  bool server_reset = false;  // and has been sent a RST
  bool closing_said = false;  // the idle client has been told that we close
};

struct Flow : TimerEntry {
  FlowKey key;
  IpAddress client, server;
  uint16_t client_port = 0, server_port = 0;
  packet::Side client_side = packet::Side::kInside;
  FlowState state = FlowState::kInspected;
  bool established = false;    // the client has answered the SYN-ACK
  bool closing = false;        // a plausible RST went by, or the FIN of an unread connection
  uint16_t server_window = 0;  // as on the wire, last seen
  uint16_t refused_tail = 0;   // bytes of the refused message behind the client's frontier
  packet::SeqNum client_initial, server_initial;
  packet::LinkHeader to_client, to_server;              // as last seen on frames of that direction
  std::optional<packet::Timestamps> server_timestamps;  // value: the server's; echo: the client's
  uint64_t server_timestamps_seen_us = 0;
  uint64_t last_seen_us = 0;
  uint64_t refused_at_us = 0;  // when kRefusing began
  tcp::Stream client_stream, server_stream;
  Answer* answer = nullptr;
  smtp::Session session;
};

}  // namespace postern::worker
