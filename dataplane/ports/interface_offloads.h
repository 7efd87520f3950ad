// What the kernel does to frames before an AF_PACKET port sees them.
#pragma once

#include <optional>
#include <string>

#include "dataplane/ports/eal.h"

namespace postern::ports {

// A warning when the interface under a net_af_packet device merges received frames into larger ones
// than were on the wire (GRO, LRO): they do not fit the port and are cut. Says what to run. Nothing
// for other devices, which see frames before that.
std::optional<std::string> warn_of_merging(const Device& device);

}  // namespace postern::ports
