// Between the channel's messages and the data plane's own types.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "control/channel/channel.pb.h"
#include "dataplane/agent/verdict_format.h"
#include "dataplane/verdict/verdict.h"
#include "dataplane/worker/event.h"

namespace postern::agent {

// What events need of a signature set: the names of its rules by number.
struct SignatureNames {
  uint64_t generation = 0;  // worker::Event::set_generation
  std::string digest;
  std::string name;
  std::vector<std::string> rule_names;
  std::string shadow_digest = {};  // empty: no shadow set
  std::vector<std::string> shadow_rule_names = {};
};

// A verdict on the whole sender, or on a part of its mail. The errors name the field and what it
// must be.
using AnyVerdict = std::variant<verdict::PrefixVerdict, verdict::NarrowVerdict>;
using AnyKey = std::variant<verdict::VerdictKey, verdict::NarrowKey>;
std::expected<AnyVerdict, std::string> from_wire(const channel::v1::Verdict& verdict);
std::expected<AnyKey, std::string> from_wire(const channel::v1::Removal& removal);
std::expected<VerdictDelta, std::string> from_wire(const channel::v1::Delta& delta);

// `names`: of the set of event.set_generation, or null when there is none; rules are then numbers.
channel::v1::Event to_wire(const worker::Event& event, const SignatureNames* names);

// `text` with U+FFFD for what is not UTF-8: protobuf strings hold nothing else, mail anything.
std::string valid_utf8(std::string_view text);

}  // namespace postern::agent
