// What findings show: lines, names and lists, made fit for people.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "control/channel/channel.pb.h"
#include "control/diagnosis/diagnosis.h"

namespace postern::diagnosis {

inline constexpr uint32_t kSignPoints = 10;
inline constexpr size_t kMostLines = 5;
inline constexpr size_t kMostAddresses = 20;
inline constexpr size_t kTextCharacters = 200, kNameCharacters = 80;

// "1 message", "3 messages".
std::string count(size_t n, std::string_view what);
// A name from mail.
std::string name(std::string_view text);

std::vector<IpAddress> most_first(const std::map<IpAddress, uint64_t>& counts);
// The first kMostAddresses, as text.
std::vector<std::string> first_of(const std::vector<IpAddress>& addresses);
// "192.0.2.1, 192.0.2.2, 192.0.2.3 and 4 more".
std::string list(const std::vector<IpAddress>& addresses);
// Networks as providers give them to one site: /24 and /48.
size_t networks_of(const std::vector<IpAddress>& addresses);

// `what`: what happened; empty: the message's subject.
Line line_of(const channel::v1::Event& event, std::string what = {});

}  // namespace postern::diagnosis
