#include "dataplane/scan/header_fields.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <cstring>

#include "dataplane/mime/ascii.h"
#include "dataplane/scan/addresses.h"
#include "dataplane/scan/header_extract.h"

namespace postern::scan {
namespace {

using language::HeaderSelector;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool equal_lower(std::string_view lower_name, std::string_view name) {
  return std::ranges::equal(lower_name, name, [](char a, char b) { return a == lower(b); });
}

// Appends within a fixed span; what does not fit is cut.
class Appender {
 public:
  explicit Appender(std::span<char> out) : out_(out) {}
  void put(std::string_view text) {
    const size_t length = std::min(text.size(), out_.size() - made_);
    std::copy_n(text.begin(), length, out_.data() + made_);
    made_ += length;
  }
  // A folded line end and the white space after it become one blank.
  void put_unfolded(std::string_view text) {
    for (size_t i = 0; i < text.size();) {
      const size_t line_end = text.substr(i).starts_with("\r\n") ? 2 : (text[i] == '\n' ? 1 : 0);
      if (line_end == 0) {
        put(text.substr(i++, 1));
        continue;
      }
      i += line_end;
      while (i < text.size() && std::isspace(static_cast<unsigned char>(text[i]))) ++i;
      put(" ");
    }
  }
  std::span<char> room() { return out_.subspan(made_); }
  void took(size_t bytes) { made_ += bytes; }
  std::string_view text() const { return {out_.data(), made_}; }

 private:
  std::span<char> out_;
  size_t made_ = 0;
};

constexpr size_t kLongestName = 4096;

// In the order in which they are believed.
constexpr std::array<std::string_view, 3> kSenderFieldNames{"X-Envelope-From", "Envelope-Sender",
                                                            "Return-Path"};

// A display name. Encoded words are read only now: their text may hold commas and quotes.
void put_name(std::string_view phrase, mime::HeaderDecoder* decoder, Appender& appender) {
  std::array<char, kLongestName> unquoted;
  std::array<char, kLongestName> decoded;
  std::string_view name = unquoted_phrase(phrase, unquoted);
  if (decoder != nullptr && name.find("=?") != std::string_view::npos) {
    name = decoder->decode(name, mime::HeaderDecoder::Words::kDecode, decoded);
  }
  appender.took(tidy_phrase(name, appender.room()).size());
}

}  // namespace

FieldTable::FieldTable(std::span<const HeaderSelector> selectors) {
  slots_.resize(std::bit_ceil(std::max<size_t>(16, 8 * selectors.size() + 16)));
  for (const HeaderSelector& selector : selectors) {
    std::vector<uint16_t> fields;
    uint8_t needs = selector.raw ? kNeedsRaw : kNeedsDecoded;
    if (selector.part != HeaderSelector::Part::kValue) needs = kNeedsRaw;
    switch (selector.source) {
      case HeaderSelector::Source::kField:
        fields = {add(selector.field, needs)};
        break;
      case HeaderSelector::Source::kToCc:
        fields = {add("to", needs), add("cc", needs)};
        break;
      case HeaderSelector::Source::kMessageId:
        fields = {add("x-message-id", needs), add("resent-message-id", needs),
                  add("x-original-message-id", needs), add("message-id", needs)};
        break;
      case HeaderSelector::Source::kAll:
        (selector.raw ? needs_raw_all_ : needs_all_) = true;
        break;
      case HeaderSelector::Source::kPartField:
        break;  // the Collector keeps these
      case HeaderSelector::Source::kEnvelopeFrom:
      case HeaderSelector::Source::kTrustedRelays:
      case HeaderSelector::Source::kUntrustedRelays:
        needs_relays_ = true;
        break;
    }
    selector_fields_.push_back(std::move(fields));
  }
}

uint32_t FieldTable::hash(std::string_view name) {
  uint32_t value = 2166136261;  // FNV-1a
  for (char c : name) value = (value ^ static_cast<uint8_t>(lower(c))) * 16777619;
  return value;
}

uint16_t FieldTable::find(std::string_view name) const {
  const size_t mask = slots_.size() - 1;
  for (size_t i = hash(name) & mask;; i = (i + 1) & mask) {
    if (slots_[i].field == kUnknown || equal_lower(slots_[i].name, name)) return slots_[i].field;
  }
}

uint16_t FieldTable::add(std::string_view lower_name, uint8_t needs) {
  const uint16_t known = find(lower_name);
  if (known != kUnknown) {
    needs_[known] |= needs;
    return known;
  }
  if (count_ == kMostFields) {
    overflowed_ = true;
    return known;
  }
  needs_.push_back(needs);
  const size_t mask = slots_.size() - 1;
  size_t i = hash(lower_name) & mask;
  while (slots_[i].field != kUnknown) i = (i + 1) & mask;
  slots_[i] = {std::string(lower_name), count_};
  return count_++;
}

HeaderFields::HeaderFields()
    : arena_(std::make_unique_for_overwrite<char[]>(kArenaBytes)),
      quota_used_(std::make_unique_for_overwrite<uint32_t[]>(FieldTable::kMostFields)),
      all_{std::make_unique_for_overwrite<char[]>(kAllBytes)},
      all_raw_{std::make_unique_for_overwrite<char[]>(kAllBytes)} {}

void HeaderFields::begin(const FieldTable* table) {
  table_ = table;
  used_ = count_ = all_.used = all_raw_.used = 0;
  std::fill_n(quota_used_.get(), table->size(), 0U);
  mail_known_ = any_received_ = fetchmail_ = other_sender_ = false;
  for (SenderField& sender : senders_) sender.seen = sender.present = sender.below_received = false;
  if (table_->needs_relays()) relays_.begin();
}

void HeaderFields::envelope_from(std::string_view address) {
  mail_.assign(address);
  mail_known_ = true;
}

void HeaderFields::add_sender(std::string_view name, std::string_view raw) {
  if (mime::equals_ignoring_case(name, "Received")) {
    any_received_ = true;
    fetchmail_ |= raw.find("(fetchmail") != std::string_view::npos;
  }
  const bool other = mime::equals_ignoring_case(name, "X-Sender");
  const auto* at = std::ranges::find_if(kSenderFieldNames, [&](std::string_view known) {
    return mime::equals_ignoring_case(name, known);
  });
  if (!other && at == kSenderFieldNames.end()) return;
  MailboxReader mailboxes(raw);
  std::string_view address;
  while (const auto mailbox = mailboxes.next()) {
    address = mailbox->address;
    if (!address.empty()) break;
  }
  if (other) {
    other_sender_ |= !address.empty();
    return;
  }
  SenderField& sender = senders_[static_cast<size_t>(at - kSenderFieldNames.begin())];
  sender.below_received |= any_received_;
  if (sender.seen) return;
  sender.seen = true;
  sender.present = !address.empty();
  sender.address.assign(address);
}

std::optional<std::string_view> HeaderFields::envelope_from() const {
  if (mail_known_) return mail_.view();
  if (const auto told = relays_.envelope_from()) return told;
  // fetchmail makes up a sender out of what a list has left.
  if (fetchmail_ && other_sender_) return std::nullopt;
  for (const SenderField& sender : senders_) {
    if (sender.present && !sender.below_received) return sender.address.view();
    if (sender.present && &sender == senders_.data()) return std::nullopt;
  }
  return std::nullopt;
}

// Whole lines only, as SpamAssassin cuts.
void HeaderFields::append_line(Text& all, std::string_view name, std::string_view separator,
                               std::string_view value) {
  const size_t length = name.size() + separator.size() + value.size() + 1;
  if (length > kAllBytes - all.used) return;
  char* out = all.bytes.get() + all.used;
  for (std::string_view piece : {name, separator, value, std::string_view("\n")}) {
    std::copy_n(piece.begin(), piece.size(), out);
    out += piece.size();
  }
  all.used += static_cast<uint32_t>(length);
}

void HeaderFields::add(std::string_view name, std::string_view raw, std::string_view decoded) {
  if (table_->needs_relays()) {
    relays_.field(name, decoded);
    add_sender(name, raw);
  }
  if (table_->needs_all()) append_line(all_, name, ": ", decoded);
  if (table_->needs_raw_all()) append_line(all_raw_, name, ":", raw);
  const uint16_t field = table_->find(name);
  if (field == FieldTable::kUnknown || count_ == kInstances) return;
  if (!table_->needs_raw(field)) raw = {};
  if (!table_->needs_decoded(field)) decoded = {};
  const uint32_t room = std::min(kArenaBytes - used_, kQuotaBytes - quota_used_[field]);
  const auto raw_length = static_cast<uint32_t>(std::min<size_t>(raw.size(), room));
  const auto decoded_length =
      static_cast<uint32_t>(std::min<size_t>(decoded.size(), room - raw_length));
  instances_[count_++] = {field, used_, raw_length, used_ + raw_length, decoded_length};
  std::copy_n(raw.begin(), raw_length, arena_.get() + used_);
  std::copy_n(decoded.begin(), decoded_length, arena_.get() + used_ + raw_length);
  used_ += raw_length + decoded_length;
  quota_used_[field] += raw_length + decoded_length;
}

std::optional<std::string_view> HeaderFields::value(const HeaderSelector& selector, uint32_t index,
                                                    mime::HeaderDecoder* decoder,
                                                    std::span<char> out) const {
  if (selector.source == HeaderSelector::Source::kAll) {
    const Text& all = selector.raw ? all_raw_ : all_;
    if (all.used == 0) return std::nullopt;
    return std::string_view(all.bytes.get(), all.used);
  }
  Appender appender(out);
  bool any = false;
  std::array<char, kExtractBytes> room;
  // Another value: what the selector takes of it. Values that are not whole are joined by line
  // ends.
  const auto put = [&](std::string_view text, std::string_view end) {
    if (selector.extract != HeaderSelector::Extract::kWhole) {
      text =
          extract(selector.extract, text, selector.part == HeaderSelector::Part::kAddresses, room);
      if (text.empty()) return;
      end = {};
    }
    if (any && end.empty()) appender.put("\n");
    any = true;
    appender.put(text);
    appender.put(end);
  };
  using Source = HeaderSelector::Source;
  if (selector.source == Source::kEnvelopeFrom || selector.source == Source::kTrustedRelays ||
      selector.source == Source::kUntrustedRelays) {
    // Those that are there, empty or not.
    std::optional<std::string_view> text =
        selector.source == Source::kTrustedRelays ? relays_.trusted() : relays_.untrusted();
    if (selector.source == Source::kEnvelopeFrom) text = envelope_from();
    if (!text || selector.part == HeaderSelector::Part::kNames) return std::nullopt;
    if (text->empty() && selector.part == HeaderSelector::Part::kAddresses) return std::nullopt;
    put(*text, {});
    if (!any) return std::nullopt;
    return appender.text();
  }
  // The fields in the selector's order, the instances of each in the message's.
  const Instance* chosen[kInstances];
  uint32_t chosen_count = 0;
  for (uint16_t field : table_->fields_of(index)) {
    for (uint32_t i = 0; i < count_; ++i) {
      if (instances_[i].field == field) chosen[chosen_count++] = &instances_[i];
    }
  }
  uint32_t begin = 0;
  if (chosen_count > 0 && selector.instance == HeaderSelector::Instance::kFirst) chosen_count = 1;
  if (chosen_count > 0 && selector.instance == HeaderSelector::Instance::kLast)
    begin = chosen_count - 1;
  for (uint32_t i = begin; i < chosen_count; ++i) {
    const Instance& instance = *chosen[i];
    if (selector.part == HeaderSelector::Part::kValue) {
      if (!selector.raw) {
        put(decoded_of(instance), "\n");
      } else if (selector.source == HeaderSelector::Source::kField ||
                 selector.extract != HeaderSelector::Extract::kWhole) {
        put(raw_of(instance), "\n");
      } else {
        any = true;
        appender.put_unfolded(raw_of(instance));
        appender.put("\n");
      }
      continue;
    }
    MailboxReader mailboxes(raw_of(instance));
    while (const auto mailbox = mailboxes.next()) {
      const bool names = selector.part == HeaderSelector::Part::kNames;
      if ((names ? mailbox->phrase : mailbox->address).empty()) continue;
      if (!names) {
        put(mailbox->address, {});
        continue;
      }
      if (selector.extract != HeaderSelector::Extract::kWhole) {
        put(mailbox->phrase, {});
        continue;
      }
      if (any) appender.put("\n");
      any = true;
      put_name(mailbox->phrase, selector.raw ? nullptr : decoder, appender);
    }
  }
  if (!any) return std::nullopt;
  return appender.text();
}

}  // namespace postern::scan
