// A host as it is written in a URI, made into the name that is looked up.
//
// Theory of operation. What browsers do (WHATWG URL, 3.5): percent signs are decoded; letters
// beyond ASCII are folded (NFKC with case folding) and become A-labels (RFC 3492); a name whose
// last label is a number is an IPv4 address in whatever base and in however many parts. ICU's own
// IDNA takes memory from the heap at every call, so of ICU only the folding is used. The rules of
// IDNA for direction and joiners are left out: they forbid names, and a name that cannot be
// registered harms nobody.
#pragma once

#include <cstddef>
#include <string_view>

#include "dataplane/mime/fixed_text.h"

namespace postern::mime {

struct HostName {
  static constexpr size_t kBytes = 253;  // RFC 1035 2.3.4

  FixedText<kBytes + 1> name;  // lower case, A-labels, no dot at the end; or an address
  bool is_address = false;
  bool is_v6 = false;  // stands in brackets in a URI
};

// Makes `host` of what stands in a URI, without user and port. False when it can be no host.
// Allocates nothing.
bool read_host(std::string_view written, HostName* host);

// The part of `host` (lower case, A-labels) that somebody registered: one label more than the
// public suffix, by the list's ICANN and private sections both, so that "shop.blogspot.com" is one.
// Empty when there is none: for a suffix itself, a single label, an address. The list is read once,
// when load_public_suffixes() or the first call asks for it. Allocates nothing then.
std::string_view registrable_domain(const HostName& host);
// Whether `label` (in any case) is a top level domain that exists.
bool is_top_level_domain(std::string_view label);
void load_public_suffixes();

}  // namespace postern::mime
