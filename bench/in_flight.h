// What messages that stand in their middle take of memory.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "bench/mail.h"
#include "dataplane/scan/scanner.h"

namespace postern::bench {

struct InFlight {
  uint32_t connections = 0;
  size_t octets = 0;  // of each message's data read; 0: idle connections without a message
};

// Resident memory, in bytes, that each connection more takes of a worker: the difference between
// one worker with `connections` of them and one with a tenth, both made for as many as they have.
// Messages are used in turn. The error: not all of them stand as they must, or a frame is held.
std::expected<double, std::string> resident_each(const std::vector<Message>& messages,
                                                 const InFlight& in_flight,
                                                 std::shared_ptr<const scan::SignatureSet> set,
                                                 scan::MessageScan::Scratch* scratch);

}  // namespace postern::bench
