// What a message under way takes at the desk: its scan, and what its event will tell of it.
#pragma once

#include "dataplane/mime/ascii.h"
#include "dataplane/scan/scanner.h"
#include "dataplane/worker/event_facts.h"
#include "dataplane/worker/message_desk.h"
#include "dataplane/worker/message_facts.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace postern::worker {

// A message under way. Listens to its own renderings for what its event tells.
struct MessageDesk::Slot : mime::RenderSink {
  explicit Slot(const mime::ReaderLimits& limits) : scan(limits) {}

  void header(std::string_view name, std::string_view raw, std::string_view decoded) override {
    if (subject.length == 0 && mime::equals_ignoring_case(name, "subject")) subject.assign(decoded);
    facts.header(name, raw);
    sample.add(name, raw);
    if (chained != nullptr) chained->header(name, raw, decoded);
  }
  void body(std::string_view paragraph) override {
    if (chained != nullptr) chained->body(paragraph);
  }
  void rawbody(std::string_view line) override {
    if (chained != nullptr) chained->rawbody(line);
  }
  void uri(std::string_view uri) override {
    if (chained != nullptr) chained->uri(uri);
  }
  void link(const mime::Link& link) override {
    facts.link(link);
    if (chained != nullptr) chained->link(link);
  }
  void part(const mime::Part& part) override {
    if (chained != nullptr) chained->part(part);
  }

  XXH3_state_t digest;  // of the octets handed to `scan`
  scan::MessageScan scan;
  scan::ScanResult result;
  scan::MessageScan* shadow = nullptr;  // null: no shadow set sees it
  bool ended = false;                   // all of it was fed
  mime::RenderSink* chained = nullptr;
  FixedText<128> subject;
  MessageFacts facts;
  HeaderSample sample;
  HeldBy held_by;
  uint64_t generation = 0;
  uint64_t adoption = 0;  // which use_signature_set() it began after
  uint64_t begun_us = 0;
  Outcome outcome = Outcome::kForwarded;
  CaseReference case_reference;
};

}  // namespace postern::worker
