#include "dataplane/scan/testing/literal_scan.h"

namespace postern::scan {

struct SignatureSet::Compiled {};
struct MessageScan::Scratch::Impl {};
struct MessageScan::State {
  std::shared_ptr<const SignatureSet> set;
  std::string text;
  std::string envelope;
  mime::RenderSink* observer = nullptr;
};
struct EnvelopeScan::State {
  std::string envelope;
};

namespace {
thread_local std::string finished_message;
constexpr uint32_t kRule[] = {0};
constexpr std::string_view kLiteral = "SPAM-HERE";

// The header's fields; not unfolded when "decoded".
void tell_header(std::string_view text, mime::RenderSink& observer) {
  while (!text.starts_with("\r\n")) {
    size_t end = text.find("\r\n");
    while (end != text.npos && (text[end + 2] == ' ' || text[end + 2] == '\t')) {
      end = text.find("\r\n", end + 2);
    }
    if (end == text.npos || text.find(':') > end) return;
    const std::string_view name = text.substr(0, text.find(':'));
    const std::string_view raw = text.substr(name.size() + 1, end - name.size() - 1);
    observer.header(name, raw, raw.substr(raw.starts_with(' ')));
    text.remove_prefix(end + 2);
  }
}
}  // namespace

std::expected<std::shared_ptr<const SignatureSet>, std::string> SignatureSet::load(
    const std::filesystem::path&) {
  return std::shared_ptr<const SignatureSet>(new SignatureSet());
}
SignatureSet::~SignatureSet() = default;
uint32_t SignatureSet::rule_count() const { return 1; }
std::string_view SignatureSet::rule_name(uint32_t) const { return "SPAM_HERE"; }
double SignatureSet::rule_score(uint32_t) const { return 10; }
std::string_view SignatureSet::rule_description(uint32_t) const { return "holds SPAM-HERE"; }
bool SignatureSet::has_envelope_rules() const { return true; }
bool SignatureSet::wants_envelope() const { return true; }
std::string_view SignatureSet::name() const { return "literal"; }
const std::string& SignatureSet::digest() const {
  static const std::string digest(64, '0');
  return digest;
}

MessageScan::MessageScan(const mime::ReaderLimits&) : state_(std::make_unique<State>()) {}
MessageScan::~MessageScan() = default;
void MessageScan::begin(std::shared_ptr<const SignatureSet> set, Scratch*, Asked) {
  state_->set = std::move(set);
  state_->text.clear();
  state_->envelope.clear();
}
void MessageScan::observe(mime::RenderSink* observer, mime::Renderings) {
  state_->observer = observer;
}
void MessageScan::connection(std::string_view, const IpAddress&) {}
void MessageScan::envelope(language::Target, std::string_view text) { state_->envelope += text; }
void MessageScan::feed(std::span<const uint8_t> bytes) {
  state_->text.append(bytes.begin(), bytes.end());
}
ScanResult MessageScan::finish() {
  finished_message = state_->text;
  if (state_->observer != nullptr) tell_header(state_->text, *state_->observer);
  ScanResult result;
  if (!state_->set) return result;
  result.failed = state_->text.find("SCAN-FAILS") != std::string::npos;
  if (state_->text.find(kLiteral) != std::string::npos ||
      state_->envelope.find(kLiteral) != std::string::npos) {
    result.score = 10;
    result.rules = kRule;
  }
  return result;
}
EnvelopeScan::EnvelopeScan() : state_(std::make_unique<State>()) {}
EnvelopeScan::~EnvelopeScan() = default;
void EnvelopeScan::begin(const SignatureSet&, MessageScan::Scratch*) { state_->envelope.clear(); }
void EnvelopeScan::envelope(language::Target, std::string_view text) { state_->envelope += text; }
ScanResult EnvelopeScan::finish() {
  ScanResult result;
  if (state_->envelope.find(kLiteral) == std::string::npos) return result;
  result.score = 10;
  result.rules = kRule;
  return result;
}

uint32_t MessageScan::mime_anomalies() const { return 0; }
const std::shared_ptr<const SignatureSet>& MessageScan::set() const { return state_->set; }

MessageScan::Scratch::Scratch() = default;
MessageScan::Scratch::~Scratch() = default;
std::expected<void, std::string> MessageScan::Scratch::prepare(const SignatureSet&) { return {}; }

namespace testing {
std::shared_ptr<const SignatureSet> literal_set() { return *SignatureSet::load({}); }
const std::string& last_message() { return finished_message; }
}  // namespace testing

}  // namespace postern::scan
