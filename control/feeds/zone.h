// Our verdicts as a zone for rbldnsd (rbldnsd(8)): what others ask by DNS whether we let it send.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <vector>

#include "control/feeds/feed.h"

namespace postern::feeds {

struct Zone {
  Format format = Format::kIp4Trie;  // kIp4Set, kIp4Trie, kIp6Trie
  std::vector<std::string> servers =
      {};                    // names of the zone's DNS servers: $SOA, $NS; none: neither
  std::string contact = {};  // "admin.example.com"; with servers
  uint32_t ttl_s = 300;
  std::string value = "127.0.0.2";  // the A record of what is listed
  std::string text = {};            // the TXT record; "$" becomes the address
  uint64_t published_unix_s = 0;    // also the $SOA's serial
};

// `entries` in any order; those of the other address family are left out. The error says which name
// or text a zone cannot hold.
std::expected<std::string, std::string> write_zone(const Zone& zone, std::vector<Entry> entries);

}  // namespace postern::feeds
