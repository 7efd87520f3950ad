#include "control/cli/signatures/cost_sample.h"

#include <fmt/format.h>

#include <filesystem>
#include <iterator>
#include <map>
#include <random>
#include <span>

#include "control/cli/signatures/mail_files.h"
#include "control/cli/signatures/progress_bar.h"
#include "dataplane/mime/reader.h"

namespace postern::cli {
namespace {

using language::Target;

// Elements of one target. Those with the lowest lots stay.
class Draw {
 public:
  void begin_message() { of_message_ = 0; }
  void add(std::string_view element, std::mt19937_64& lots) {
    const size_t length = std::min<size_t>(element.size(), kSampleBytesOfMessage - of_message_);
    if (length == 0) return;
    of_message_ += length;
    kept_.emplace(lots(), element.substr(0, length));
    bytes_ += length;
    while (bytes_ > kSampleBytes) {
      const auto last = std::prev(kept_.end());
      bytes_ -= last->second.size();
      kept_.erase(last);
    }
  }
  uint64_t bytes() const { return bytes_; }
  std::vector<std::string> take() {
    std::vector<std::string> out;
    for (auto& [lot, element] : kept_) out.push_back(std::move(element));
    return out;
  }

 private:
  std::multimap<uint64_t, std::string> kept_;
  uint64_t bytes_ = 0;
  uint64_t of_message_ = 0;
};

// Cuts what the MIME reader tells into elements as the data plane does (scan::Collector). Of the
// envelope and of the origin a file tells nothing.
class ElementTaker : public mime::RenderSink {
 public:
  void take(std::span<const uint8_t> message) {
    for (auto& [target, draw] : draws_) draw.begin_message();
    add(Target::kFull, {reinterpret_cast<const char*>(message.data()), message.size()});
    reader_.begin(this, mime::Renderings::all());
    reader_.feed(message);
    reader_.finish();
    end_chunk();
  }

  compile::Sample texts() {
    compile::Sample out;
    for (auto& [target, draw] : draws_) {
      if (draw.bytes() >= kLeastSampleBytes) out.emplace(target, draw.take());
    }
    return out;
  }

  void header(std::string_view, std::string_view, std::string_view decoded) override {
    add(Target::kHeader, decoded);
  }
  void part_header(std::string_view, std::string_view, std::string_view decoded) override {
    add(Target::kMimeHeader, std::string(decoded) + '\n');
  }
  void body(std::string_view paragraph) override { add_line(Target::kBody, paragraph); }
  void hidden(std::string_view paragraph) override { add_line(Target::kHidden, paragraph); }
  void skeleton(std::string_view paragraph) override { add_line(Target::kSkeleton, paragraph); }
  void uri(std::string_view uri) override { add(Target::kUri, uri); }
  void link(const mime::Link& link) override { add(Target::kUriDomain, link.domain); }
  void rawbody(std::string_view line) override {
    constexpr size_t kLeastChunk = 2048;
    chunk_ += line;
    if (chunk_.size() > kLeastChunk) end_chunk();
  }
  void part(const mime::Part&) override { end_chunk(); }

 private:
  void add(Target target, std::string_view element) { draws_[target].add(element, lots_); }
  void add_line(Target target, std::string_view paragraph) {
    const bool has_end = paragraph.ends_with('\n') || paragraph.ends_with(' ');
    add(target, has_end ? std::string(paragraph) : std::string(paragraph) + '\n');
  }
  void end_chunk() {
    add(Target::kRawBody, chunk_);
    chunk_.clear();
  }

  mime::Reader reader_{{}};
  std::map<Target, Draw> draws_;
  std::mt19937_64 lots_{1};
  std::string chunk_;
};

}  // namespace

std::expected<CostSample, std::string> take_cost_sample(const std::vector<std::string>& folders) {
  Unreadable unreadable;
  std::vector<std::filesystem::path> files;
  for (const std::string& folder : folders) {
    std::ranges::move(find_mail(folder, unreadable), std::back_inserter(files));
  }
  const size_t count = std::min(files.size(), kSampleFiles);
  CostSample sample;
  ElementTaker taker;
  {
    const ProgressBar bar(count);
    for (size_t i = 0; i < count; ++i) {
      for (const FoundMessage& message : read_mail(files[i * files.size() / count], unreadable)) {
        taker.take(message.octets);
        ++sample.messages;
      }
      if (i % 16 == 0) bar.show(i);
    }
  }
  name_unreadable(unreadable, "");
  if (sample.messages == 0) {
    return std::unexpected(
        fmt::format("no message was found in {}; --sample wants a folder of messages, one in a "
                    "file, or an mbox",
                    fmt::join(folders, ", ")));
  }
  sample.texts = taker.texts();
  if (sample.texts.empty()) {
    return std::unexpected(
        fmt::format("{} messages in {} have too little text to measure costs on; give some dozens "
                    "or more",
                    sample.messages, fmt::join(folders, ", ")));
  }
  return sample;
}

}  // namespace postern::cli
