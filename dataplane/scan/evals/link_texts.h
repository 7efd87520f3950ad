// What links of one HTML part show and where they lead: a text that names a secure address and a
// link to another place (SpamAssassin's HTTPSMismatch).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "dataplane/mime/fixed_text.h"

namespace postern::scan::evals {

class Searcher;

class LinkTexts {
 public:
  // Different targets that are counted; more are counted each time.
  static constexpr size_t kTargets = 128;
  static constexpr size_t kTargetBytes = 2048;

  void begin();
  // The tag that begins a link: its target, empty when it has none. Then, when it has ended, what
  // it shows.
  void target(std::string_view href) { next_.assign(href); }
  void link_begin() { target_ = next_, next_.clear(); }
  void link_end(std::string_view text, Searcher& search);

  // Of the links to a host by its name, whether one shows another's secure address.
  bool other_host() const { return other_host_; }
  uint32_t links() const { return links_; }
  // A link to an address shows the secure address of something else.
  bool address_for_name() const { return address_for_name_; }

 private:
  void compare_hosts(std::string_view text);
  bool is_new(std::string_view target);

  mime::FixedText<kTargetBytes> next_;
  mime::FixedText<kTargetBytes> target_;
  std::array<uint64_t, kTargets> seen_;
  size_t seen_count_ = 0;
  uint32_t links_ = 0;
  bool other_host_ = false;
  bool address_for_name_ = false;
};

}  // namespace postern::scan::evals
