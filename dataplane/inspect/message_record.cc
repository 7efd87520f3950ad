#include "dataplane/inspect/message_record.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>

#include "dataplane/smtp/command.h"

namespace postern::inspect {
namespace {

std::string hex(std::span<const uint8_t> bytes) {
  std::string text;
  for (const uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

// The headers that are listed, each the first time it comes.
constexpr struct {
  std::string_view name;  // in capitals
  const char* key;
} kHeaders[] = {
    {"SUBJECT", "subject"}, {"FROM", "from"}, {"TO", "to"}, {"MESSAGE-ID", "message_id"}};

}  // namespace

MessageRecord::MessageRecord() : digest_(EVP_MD_CTX_new()) {
  EVP_DigestInit_ex(digest_.get(), EVP_sha256(), nullptr);
}
MessageRecord::~MessageRecord() = default;

void MessageRecord::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

void MessageRecord::add(std::span<const uint8_t> bytes) {
  EVP_DigestUpdate(digest_.get(), bytes.data(), bytes.size());
}

void MessageRecord::header(std::string_view name, std::string_view, std::string_view decoded) {
  for (const auto& row : kHeaders) {
    if (smtp::equals_upper(name, row.name) && !headers_.contains(row.key))
      headers_[row.key] = decoded;
  }
}

void MessageRecord::uri(std::string_view uri) {
  if (urls_.size() < kListed && seen_urls_.emplace(uri).second) urls_.push_back(uri);
}

void MessageRecord::part(const mime::Part& part) {
  if (parts_.size() == kListed) return;
  nlohmann::ordered_json entry = {{"content_type", part.content_type}};
  if (!part.charset.empty()) entry["charset"] = part.charset;
  if (!part.file_name.empty()) entry["file_name"] = part.file_name;
  entry["decoded_bytes"] = part.decoded_bytes;
  if (part.has_sha256) entry["sha256"] = hex(part.sha256);
  parts_.push_back(std::move(entry));
}

nlohmann::ordered_json MessageRecord::describe(uint64_t octets) {
  std::array<uint8_t, 32> sha256{};
  EVP_DigestFinal_ex(digest_.get(), sha256.data(), nullptr);
  nlohmann::ordered_json email = {{"size", octets}, {"sha256", hex(sha256)}};
  email.update(headers_);
  email["parts"] = std::move(parts_);
  email["urls"] = std::move(urls_);
  return email;
}

}  // namespace postern::inspect
