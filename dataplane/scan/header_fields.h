// The header of one message, kept until its rules are matched.
//
// Theory of operation. Only fields that some rule asks for are kept, within a fixed arena and a
// quota for each field name, so that a flood of one field cannot push out another. What a rule
// matches is put together by value(): all instances of the field, each followed by a line end, as
// SpamAssassin joins them; addresses or names out of them; or the whole header (ALL), which is kept
// apart and cut at 64 KiB, SpamAssassin's own limit.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dataplane/mime/fixed_text.h"
#include "dataplane/mime/header_decoder.h"
#include "dataplane/scan/relays.h"
#include "patterns/language/rule.h"

namespace postern::scan {

// Which fields a signature set needs. Made at load.
class FieldTable {
 public:
  static constexpr uint16_t kUnknown = UINT16_MAX;
  static constexpr uint16_t kMostFields = 4096;

  explicit FieldTable(std::span<const language::HeaderSelector> selectors);
  // `name` in any case.
  uint16_t find(std::string_view name) const;
  // The fields that a selector reads, in order.
  std::span<const uint16_t> fields_of(uint32_t selector) const {
    return selector_fields_[selector];
  }
  size_t size() const { return count_; }
  // More names than kMostFields: such a set cannot be loaded.
  bool overflowed() const { return overflowed_; }
  bool needs_raw(uint16_t field) const { return needs_[field] & kNeedsRaw; }
  bool needs_decoded(uint16_t field) const { return needs_[field] & kNeedsDecoded; }
  bool needs_all() const { return needs_all_; }
  bool needs_raw_all() const { return needs_raw_all_; }
  // Relays, or the envelope's sender, which a relay may tell.
  bool needs_relays() const { return needs_relays_; }

 private:
  static constexpr uint8_t kNeedsRaw = 1;
  static constexpr uint8_t kNeedsDecoded = 2;

  static uint32_t hash(std::string_view name);
  uint16_t add(std::string_view lower_name, uint8_t needs);

  struct Slot {
    std::string name;
    uint16_t field = kUnknown;
  };
  std::vector<Slot> slots_;  // open addressing, a power of two
  std::vector<std::vector<uint16_t>> selector_fields_;
  std::vector<uint8_t> needs_;  // by field
  uint16_t count_ = 0;
  bool overflowed_ = false;
  bool needs_all_ = false;
  bool needs_raw_all_ = false;
  bool needs_relays_ = false;
};

class HeaderFields {
 public:
  static constexpr uint32_t kArenaBytes = 96 * 1024;
  static constexpr uint32_t kQuotaBytes = 24 * 1024;  // of one field name, raw and decoded together
  static constexpr uint32_t kInstances = 512;
  static constexpr uint32_t kAllBytes = 64 * 1024;
  static constexpr size_t kValueBytes = kAllBytes;

  HeaderFields();
  // `table` outlives the message.
  void begin(const FieldTable* table);
  // The address in MAIL, empty for <>. Any time; else the sender is what the header says.
  void envelope_from(std::string_view address);
  void add(std::string_view name, std::string_view raw, std::string_view decoded);
  // All fields have been added.
  void end() { relays_.finish(); }
  // What `selector` (the table's `index`th) reads, written to `out`; nothing when no such field is
  // there.
  std::optional<std::string_view> value(const language::HeaderSelector& selector, uint32_t index,
                                        mime::HeaderDecoder* decoder, std::span<char> out) const;
  // Who the message is from by its envelope: MAIL, else what servers have written into the header.
  // Nothing when neither tells. Only for tables that need relays.
  std::optional<std::string_view> envelope_from() const;
  // Only for tables that need relays.
  const Relays& relays() const { return relays_; }

 private:
  struct Instance {
    uint16_t field;
    uint32_t raw;
    uint32_t raw_length;
    uint32_t decoded;
    uint32_t decoded_length;
  };
  struct Text {
    std::unique_ptr<char[]> bytes;
    uint32_t used = 0;
  };
  // What a server has written of MAIL into a field of its own.
  struct SenderField {
    mime::FixedText<320> address;
    bool seen = false;
    bool present = false;         // in the first of its kind an address stands
    bool below_received = false;  // so a server before the last has written it
  };
  static constexpr size_t kSenderFields = 3;

  void add_sender(std::string_view name, std::string_view raw);
  static void append_line(Text& all, std::string_view name, std::string_view separator,
                          std::string_view value);
  std::string_view raw_of(const Instance& instance) const {
    return {arena_.get() + instance.raw, instance.raw_length};
  }
  std::string_view decoded_of(const Instance& instance) const {
    return {arena_.get() + instance.decoded, instance.decoded_length};
  }

  const FieldTable* table_ = nullptr;
  std::unique_ptr<char[]> arena_;
  uint32_t used_ = 0;
  std::array<Instance, kInstances> instances_;
  uint32_t count_ = 0;
  std::unique_ptr<uint32_t[]> quota_used_;  // by field
  Text all_;
  Text all_raw_;
  Relays relays_;
  mime::FixedText<320> mail_;
  bool mail_known_ = false;
  std::array<SenderField, kSenderFields> senders_;
  bool any_received_ = false;
  bool fetchmail_ = false;     // a Received field of it
  bool other_sender_ = false;  // X-Sender: a list has written another sender's address over
};

}  // namespace postern::scan
