// Matching a message against a signature set and scoring it.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "dataplane/mime/reader.h"
#include "patterns/language/rule.h"

namespace postern::artefact {
struct ArtefactFile;
}

namespace postern::scan {

// A loaded artefact, immutable and shared by all workers; held by shared ownership because messages
// under way finish on the set with which they began.
class SignatureSet {
 public:
  // The error says what is wrong with the file and what to do. The set in force is not touched.
  static std::expected<std::shared_ptr<const SignatureSet>, std::string> load(
      const std::filesystem::path& artefact);
  // The same of a file that was read. `name`: what people call the set.
  static std::expected<std::shared_ptr<const SignatureSet>, std::string> make(
      artefact::ArtefactFile file, std::string name);
  ~SignatureSet();

  uint32_t rule_count() const;
  std::string_view rule_name(uint32_t rule) const;
  double rule_score(uint32_t rule) const;
  std::string_view rule_description(uint32_t rule) const;
  // Whether any rule is about the envelope.
  bool has_envelope_rules() const;
  // Whether any rule about the message looks at its envelope, too.
  bool wants_envelope() const;
  std::string_view name() const;      // of the set: its artefact's file name
  const std::string& digest() const;  // hex sha256 of the artefact: identifies the set everywhere

  struct Compiled;
  const Compiled& compiled() const { return *compiled_; }

 private:
  SignatureSet() = default;
  std::unique_ptr<Compiled> compiled_;
};

// What is asked of a message: its score and the rules that count towards it; or which sub-rules are
// hit, too. Many of them decide nothing in a message and are left open where only the score is
// asked.
enum class Asked : uint8_t { kScore, kAllRules };

inline constexpr size_t kReportedRules = 1024;

// A rule whose expression PCRE2 gave up at its bound on work.
struct RuleCut {
  uint32_t rule;
  uint32_t times;  // elements
};
inline constexpr size_t kReportedCuts = 32;

struct ScanResult {
  double score = 0;
  bool failed = false;              // a matcher returned an error: fail mode decides
  uint32_t confirmations_cut = 0;   // expressions given up in one element at their bound on work:
                                    // they count as no match there
  std::span<const RuleCut> cuts;    // of which rules, at most kReportedCuts; valid as `rules` is
  std::span<const uint32_t> rules;  // rules that count towards the score, ascending, at most
                                    // kReportedRules; valid until the MessageScan begins anew
};

// One message under way: its MIME reader, its renderings, its hits. Made at start, reused;
// allocates nothing while a message passes. One thread.
class MessageScan {
 public:
  // `threshold` is not known here: the decision is made elsewhere.
  explicit MessageScan(const mime::ReaderLimits& limits);
  ~MessageScan();
  MessageScan(const MessageScan&) = delete;
  MessageScan& operator=(const MessageScan&) = delete;

  // `scratch` belongs to the thread. `set` stays alive until the next begin(). Without a set (null)
  // the message is only read, for the observer.
  class Scratch;
  void begin(std::shared_ptr<const SignatureSet> set, Scratch* scratch,
             Asked asked = Asked::kScore);
  // Also told of everything the reader renders, or null: `postern inspect` and `scan` list parts
  // and URLs. `wanted`: which of the optional renderings it wants, whatever the set asks for.
  void observe(mime::RenderSink* observer, mime::Renderings wanted = {});
  // One element of an envelope target (language::is_of_envelope); any time before finish().
  void envelope(language::Target target, std::string_view text);
  // Who hands the message in, for rules about its origin: the name in EHLO or HELO, the address.
  // After begin(), before the first feed(); else neither is known.
  void connection(std::string_view helo, const IpAddress& client);
  // Message octets, dots unstuffed, any segmentation.
  void feed(std::span<const uint8_t> bytes);
  // Matches what is left and scores. Once per message.
  ScanResult finish();
  uint32_t mime_anomalies() const;
  // Whether the message hit this rule; of sub-rules only where all rules were asked. After
  // finish().
  bool is_hit(uint32_t rule) const;
  const std::shared_ptr<const SignatureSet>& set() const;

  // Matcher scratch memory, one per thread; prepare() must be called, off the hot path, for every
  // set before begin() uses it.
  class Scratch {
   public:
    Scratch();
    ~Scratch();
    std::expected<void, std::string> prepare(const SignatureSet& set);
    struct Impl;
    Impl* impl() { return impl_.get(); }

   private:
    std::unique_ptr<Impl> impl_;
  };

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The rules about the envelope alone, asked before there is a message: may this MAIL, this RCPT go
// on? Metas wait for the message. Made at start, reused; no memory between two questions.
class EnvelopeScan {
 public:
  EnvelopeScan();
  ~EnvelopeScan();
  // `scratch` is that of the thread, prepared for `set`; both live until finish().
  void begin(const SignatureSet& set, MessageScan::Scratch* scratch);
  void envelope(language::Target target, std::string_view text);
  ScanResult finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postern::scan
