// What is noted of one message while it passes: its digest, parts, URLs and chief headers.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <nlohmann/json.hpp>

#include "dataplane/mime/render.h"

struct evp_md_ctx_st;

namespace postern::inspect {

class MessageRecord : public mime::RenderSink {
 public:
  MessageRecord();
  ~MessageRecord() override;

  // The message's octets as the receiver stores them.
  void add(std::span<const uint8_t> bytes);
  // The "email" object of an event. Once, at the end.
  nlohmann::ordered_json describe(uint64_t octets);

  void header(std::string_view name, std::string_view raw, std::string_view decoded) override;
  void body(std::string_view) override {}
  void rawbody(std::string_view) override {}
  void uri(std::string_view uri) override;
  void part(const mime::Part& part) override;

 private:
  static constexpr size_t kListed = 1000;  // parts and URLs; a hostile message has no end of them

  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> digest_;
  nlohmann::ordered_json headers_ = nlohmann::ordered_json::object();
  nlohmann::ordered_json parts_ = nlohmann::ordered_json::array();
  nlohmann::ordered_json urls_ = nlohmann::ordered_json::array();
  std::unordered_set<std::string> seen_urls_;
};

}  // namespace postern::inspect
