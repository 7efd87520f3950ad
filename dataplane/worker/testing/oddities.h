// Every odd thing that a random session may do, in one table: the model test asserts that each
// occurs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

// X(enumerator, what)
#define POSTERN_ODDITIES(X)                                                                 \
  X(kOverlapEqualAhead, "equal to an earlier segment behind a gap, with other content")     \
  X(kOverlapInsideAhead, "inside one behind a gap")                                         \
  X(kOverlapAroundAhead, "around one behind a gap")                                         \
  X(kOverlapBeforeAhead, "over the beginning of one behind a gap")                          \
  X(kOverlapAfterAhead, "over the end of one behind a gap")                                 \
  X(kOverlapEqual, "equal to an earlier segment in order, with other content")              \
  X(kOverlapInside, "inside one in order")                                                  \
  X(kOverlapAround, "around one in order")                                                  \
  X(kOverlapBefore, "over the beginning of one in order")                                   \
  X(kOverlapAfter, "over the end of one in order")                                          \
  X(kAheadOfGap, "data behind a gap")                                                       \
  X(kChangedUnacknowledged, "a retransmission with other octets, not acknowledged")         \
  X(kChangedAcknowledged, "a retransmission with other octets, acknowledged")               \
  X(kResegmented, "a retransmission cut otherwise, same octets")                            \
  X(kEarlyText, "text before the server has asked for it")                                  \
  X(kPipelined, "commands and a chunk sent without waiting for replies")                    \
  X(kOneByte, "a run of one-byte segments")                                                 \
  X(kKeepAlive, "a keep-alive without an octet")                                            \
  X(kKeepAliveGarbage, "a keep-alive with a garbage octet")                                 \
  X(kZeroWindow, "the server closes its window")                                            \
  X(kWindowProbe, "data into a closed window")                                              \
  X(kUrgent, "urgent data")                                                                 \
  X(kFin, "FIN in order")                                                                   \
  X(kFinAhead, "FIN with data behind a gap")                                                \
  X(kFinBefore, "FIN before octets already sent")                                           \
  X(kFinOutside, "FIN outside the window")                                                  \
  X(kAfterFin, "data at or behind a FIN")                                                   \
  X(kResetExact, "RST at exactly the next octet")                                           \
  X(kResetInside, "RST inside the window")                                                  \
  X(kResetEdge, "RST at the window's last octet, or the one behind")                        \
  X(kResetOutside, "RST outside the window")                                                \
  X(kSynInside, "SYN inside the window of a live connection")                               \
  X(kSynOld, "SYN before what a live connection expects")                                   \
  X(kSynOldData, "the same with data")                                                      \
  X(kSynAckInside, "SYN and ACK with data from the client")                                 \
  X(kSynData, "data on the opening SYN")                                                    \
  X(kSynFin, "SYN and FIN at once")                                                         \
  X(kForeignSyn, "a SYN that says it is the server's, from its port 25: simultaneous open") \
  X(kForeignSynAnswered, "and the client's SYN and ACK that answers it")                    \
  X(kServerForged, "a segment in the server's name, sent by the client")                    \
  X(kStalledHandshake, "a handshake that takes half a minute")                              \
  X(kReconnected, "a new connection on the same addresses and ports")                       \
  X(kReconnectedLive, "and the old one was not ended")                                      \
  X(kReplayed, "an old segment once more, of an earlier connection perhaps")                \
  X(kOldTimestamp, "a timestamp of the past")                                               \
  X(kNoTimestamp, "no timestamp where they were agreed on")                                 \
  X(kBadTcpChecksum, "a wrong TCP checksum")                                                \
  X(kBadIpChecksum, "a wrong IP checksum")                                                  \
  X(kLowTtl, "a segment that expires between us and the server")                            \
  X(kNoAck, "a segment without ACK")                                                        \
  X(kAckUnsent, "an acknowledgement of what the server has not sent")                       \
  X(kDamaged, "a frame with one octet changed")                                             \
  X(kWrapped, "sequence numbers pass zero within the text")                                 \
  X(kLostBehind, "lost between us and the server")                                          \
  X(kLateBehind, "late between us and the server")                                          \
  X(kServerLost, "a segment of the server lost before us")                                  \
  X(kServerTwice, "a segment of the server seen twice")                                     \
  X(kServerReordered, "segments of the server out of order")                                \
  X(kServerReplayed, "an old segment of the server once more")                              \
  X(kTime, "time passes")                                                                   \
  X(kVlan, "tagged frames")                                                                 \
  X(kIpv6, "IPv6")

namespace postern::worker::testing {

enum class Oddity : uint8_t {
#define X(enumerator, what) enumerator,
  POSTERN_ODDITIES(X)
#undef X
      kCount
};

inline constexpr std::string_view kOddityNames[] = {
#define X(enumerator, what) what,
    POSTERN_ODDITIES(X)
#undef X
};

struct OddityCounts {
  std::array<uint64_t, static_cast<size_t>(Oddity::kCount)> of{};
  void add(Oddity oddity) { ++of[static_cast<size_t>(oddity)]; }
  // Sessions, and connections of theirs in which the text began.
  uint64_t sessions = 0, texts = 0;
};

}  // namespace postern::worker::testing
