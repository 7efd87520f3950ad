#include "dataplane/scan/collector.h"

#include <algorithm>
#include <cstring>

namespace postern::scan {

using language::Target;

Collector::Collector()
    : body_(kBodyBytes, kBodyElements),
      raw_body_(kRawBodyBytes, kRawBodyElements),
      uris_(kUriBytes, kUriElements) {}

void Collector::begin(const SignatureSet::Compiled* set, Matcher* matcher,
                      MessageScan::Scratch::Impl* scratch) {
  set_ = set;
  matcher_ = matcher;
  scratch_ = scratch;
  fields_.begin(set->fields.get());
  body_.clear();
  raw_body_.clear();
  uris_.clear();
  body_begins_ = true;
  chunk_used_ = 0;
}

void Collector::header(std::string_view name, std::string_view raw, std::string_view decoded) {
  fields_.add(name, raw, decoded);
  if (observer_ != nullptr) observer_->header(name, raw, decoded);
}

void Collector::body(std::string_view paragraph) {
  if (!set_->plan(Target::kBody).empty()) {
    if (!body_.fits(paragraph.size() + 1)) match_body();
    // SpamAssassin's lines keep the line end or the blank at which they were cut.
    const bool has_end = paragraph.ends_with('\n') || paragraph.ends_with(' ');
    body_.add(paragraph, has_end ? "" : "\n");
  }
  if (observer_ != nullptr) observer_->body(paragraph);
}

void Collector::hidden(std::string_view paragraph) {
  if (observer_ != nullptr) observer_->hidden(paragraph);
}

void Collector::skeleton(std::string_view paragraph) {
  if (observer_ != nullptr) observer_->skeleton(paragraph);
}

void Collector::link(const mime::Link& link) {
  if (observer_ != nullptr) observer_->link(link);
}

void Collector::rawbody(std::string_view line) {
  if (!set_->plan(Target::kRawBody).empty()) {
    for (std::string_view rest = line; !rest.empty();) {
      const size_t length = std::min<size_t>(rest.size(), chunk_.size() - chunk_used_);
      std::memcpy(chunk_.data() + chunk_used_, rest.data(), length);
      chunk_used_ += static_cast<uint32_t>(length);
      rest.remove_prefix(length);
      split_chunks();
    }
  }
  if (observer_ != nullptr) observer_->rawbody(line);
}

void Collector::uri(std::string_view uri) {
  if (!set_->plan(Target::kUri).empty()) {
    if (!uris_.fits(uri.size())) match_uris();
    uris_.add(uri);
  }
  if (observer_ != nullptr) observer_->uri(uri);
}

void Collector::part(const mime::Part& part) {
  end_chunks();
  if (observer_ != nullptr) observer_->part(part);
}

// Cuts chunks off while more than two chunks' worth of text waits: at the first line end past 2,048
// bytes, else at a '>', else at a blank, else there.
void Collector::split_chunks() {
  uint32_t begin = 0;
  while (chunk_used_ - begin > 2 * kChunkBytes) {
    const std::string_view reach(chunk_.data() + begin + kChunkBytes, kChunkBytes);
    size_t cut = 0;
    for (char at : {'\n', '>', ' '}) {
      cut = reach.find(at);
      if (cut != std::string_view::npos) break;
    }
    if (cut == std::string_view::npos) cut = 0;
    const auto length = static_cast<uint32_t>(kChunkBytes + cut + 1);
    add_raw_body({chunk_.data() + begin, length});
    begin += length;
  }
  chunk_used_ -= begin;
  if (begin > 0) std::memmove(chunk_.data(), chunk_.data() + begin, chunk_used_);
}

void Collector::end_chunks() {
  if (chunk_used_ > 0) add_raw_body({chunk_.data(), chunk_used_});
  chunk_used_ = 0;
}

void Collector::add_raw_body(std::string_view chunk) {
  if (!raw_body_.fits(chunk.size())) match_raw_body();
  raw_body_.add(chunk);
}

void Collector::match_body() {
  matcher_->match_elements(Target::kBody, body_, body_begins_);
  if (body_.count() > 0) body_begins_ = false;
  body_.clear();
}

void Collector::match_raw_body() {
  matcher_->match_elements(Target::kRawBody, raw_body_, false);
  raw_body_.clear();
}

void Collector::match_uris() {
  matcher_->match_elements(Target::kUri, uris_, false);
  uris_.clear();
}

void Collector::match_headers() {
  for (uint32_t i = 0; i < set_->headers.size(); ++i) {
    const HeaderPlan& plan = set_->headers[i];
    const auto value = fields_.value(plan.selector, i, &scratch_->decoder,
                                     {scratch_->value.get(), HeaderFields::kValueBytes});
    if (value) {
      matcher_->match_value(plan, *value);
    } else {
      matcher_->match_absent(plan);
    }
  }
}

void Collector::finish() {
  end_chunks();
  match_headers();
  match_body();
  match_raw_body();
  match_uris();
}

}  // namespace postern::scan
