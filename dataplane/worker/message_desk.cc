#include "dataplane/worker/message_desk.h"

#include <algorithm>
#include <bit>
#include <random>

#include "dataplane/stage.h"
#include "dataplane/worker/hosts.h"
#include "dataplane/worker/message_slot.h"
#include "dataplane/worker/session_facts.h"

namespace postern::worker {
namespace {

using language::Target;

constexpr uint32_t kSamplesPerSecond = 20;  // of headers, by one worker

struct OutcomeRow {
  Counter counter;
  smtp::Reply reply;  // meaningless for what is forwarded
};
OutcomeRow row_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kForwarded:
      return {Counter::kMessagesForwarded, smtp::Reply::kContent};
    case Outcome::kRefusedContent:
      return {Counter::kMessagesRefusedContent, smtp::Reply::kContent};
    case Outcome::kRefusedEnvelope:
      return {Counter::kEnvelopesRefused, smtp::Reply::kEnvelope};
    case Outcome::kRefusedVerdict:
      return {Counter::kMessagesRefusedVerdict, smtp::Reply::kBlocked};
    case Outcome::kRefusedSmuggling:
      return {Counter::kMessagesRefusedSmuggling, smtp::Reply::kSmuggling};
    case Outcome::kDeferredThrottle:
      return {Counter::kMessagesDeferredThrottle, smtp::Reply::kRate};
    case Outcome::kDeferredHold:
      return {Counter::kMessagesDeferredHold, smtp::Reply::kHold};
    case Outcome::kDeferredFault:
      return {Counter::kMessagesDeferredFault, smtp::Reply::kFault};
    case Outcome::kAbandoned:
      break;
  }
  return {Counter::kMessagesAbandoned, smtp::Reply::kFault};
}

// Who speaks, and for whom, to a scan of either kind.
void tell_who(auto& scan, const smtp::Session& session, const smtp::Transaction& transaction) {
  scan.envelope(Target::kHelo, session.helo());
  if (!session.auth_user().empty()) scan.envelope(Target::kAuthUser, session.auth_user());
  if (transaction.has_mail_from) scan.envelope(Target::kMailFrom, transaction.mail_from());
}

void tell_envelope_to(scan::MessageScan& scan, const smtp::Session& session,
                      const smtp::Transaction& transaction) {
  if (scan.set() == nullptr || !scan.set()->wants_envelope()) return;
  tell_who(scan, session, transaction);
  for (uint32_t i = 0; i < transaction.recipients_stored; ++i)
    scan.envelope(Target::kRcptTo, transaction.recipient(i));
}

}  // namespace

MessageDesk::MessageDesk(const PipelineConfig& config, const smtp::ReplyTexts* texts,
                         const verdict::VerdictSource* verdicts, EventSink* events,
                         Counters* counters, Observer* observer)
    : config_(config),
      texts_(texts),
      verdicts_(verdicts),
      events_(events),
      counters_(counters),
      observer_(observer),
      transactions_(config.transactions),
      case_seed_(std::random_device{}() + (uint64_t{config.worker} << 32)) {
  policy_.threshold = config.threshold;
  policy_.smuggling =
      config.refuse_smuggling ? verdict::SmugglingMode::kRefuse : verdict::SmugglingMode::kForward;
  policy_.without_signature_set = config.without_signature_set;
  policy_.scan_error = config.on_scan_error;
  mime::ReaderLimits limits;
  limits.digests = observer != nullptr;
  for (uint32_t i = 0; i < config.messages_in_flight; ++i) {
    slots_.push_back(std::make_unique<Slot>(limits));
    free_slots_.push_back(slots_.back().get());
  }
  for (uint32_t i = 0; i < config.shadow_messages; ++i) {
    shadow_scans_.push_back(std::make_unique<scan::MessageScan>(mime::ReaderLimits{}));
    free_shadow_scans_.push_back(shadow_scans_.back().get());
  }
}

MessageDesk::~MessageDesk() = default;

void MessageDesk::use_signature_set(std::shared_ptr<const scan::SignatureSet> set,
                                    uint64_t generation, scan::MessageScan::Scratch* scratch,
                                    std::shared_ptr<const scan::SignatureSet> shadow) {
  set_ = std::move(set);
  shadow_ = std::move(shadow);
  messages_of_this_set_ = 0;
  ++adoptions_;
  generation_ = generation;
  scratch_ = scratch;
}

CaseReference MessageDesk::new_case_reference() {
  const uint64_t number[2] = {++cases_, config_.worker};
  const uint64_t hash = XXH3_64bits_withSeed(number, sizeof number, case_seed_);
  return CaseReference{(hash & CaseReference::kMask) | 1};
}

// One more of what `free` are left of, to the host of the flow at the desk.
bool MessageDesk::may_take(uint32_t used_by_host, size_t free, Counter cap) {
  if (within_fair_share(used_by_host, free)) return true;
  shortage_ = free == 0 ? cap : Counter::kDropHostShare;
  return false;
}

smtp::Transaction* MessageDesk::take_transaction() {
  uint32_t& used = flow_->host->transactions;
  if (!may_take(used, transactions_.available(), Counter::kDropTransactionCap)) return nullptr;
  ++used;
  return transactions_.take();
}

void MessageDesk::give_transaction(smtp::Transaction* transaction) {
  --flow_->host->transactions;
  transactions_.give(transaction);
}

bool MessageDesk::message_begin(const smtp::Session& session, smtp::Transaction& transaction) {
  StageScope stage(Stage::kDecide);
  uint32_t& used = flow_->host->messages;
  if (!may_take(used, free_slots_.size(), Counter::kDropMessageCap)) return false;
  ++used;
  Slot* slot = free_slots_.back();
  free_slots_.pop_back();
  transaction.message = slot;
  slot->result = {};
  slot->subject.length = 0;
  slot->facts.begin(session.helo(), flow_->client);
  slot->sample.length = 0;
  slot->sample.cut = false;
  slot->held_by.length = 0;
  slot->ended = false;
  slot->generation = generation_;
  slot->adoption = adoptions_;
  ++messages_of_this_set_;
  slot->begun_us = now_.monotonic_us;
  slot->outcome = Outcome::kForwarded;
  slot->case_reference = {};
  slot->chained = observer_ != nullptr ? observer_->message_begin(transaction) : nullptr;
  XXH3_64bits_reset(&slot->digest);
  // Who is chained to the slot hears all that there is.
  const mime::Renderings chained{.links = slot->chained != nullptr};
  slot->scan.observe(slot, slot->chained != nullptr ? chained : MessageFacts::kWanted);
  slot->scan.begin(set_, scratch_);
  slot->scan.connection(session.helo(), flow_->client);
  begin_shadow(*slot, session.helo());
  return true;
}

void MessageDesk::begin_shadow(Slot& slot, std::string_view helo) {
  slot.shadow = nullptr;
  if (shadow_ == nullptr) return;
  if (free_shadow_scans_.empty()) {
    counters_->add(Counter::kShadowSkipped);
    return;
  }
  slot.shadow = free_shadow_scans_.back();
  free_shadow_scans_.pop_back();
  slot.shadow->begin(shadow_, scratch_);
  slot.shadow->connection(helo, flow_->client);
}

void MessageDesk::message_bytes(smtp::Transaction& transaction, std::span<const uint8_t> bytes) {
  StageScope stage(Stage::kMime);
  if (observer_ != nullptr) observer_->message_bytes(transaction, bytes);
  Slot& slot = *static_cast<Slot*>(transaction.message);
  slot.scan.feed(bytes);
  if (slot.shadow != nullptr) slot.shadow->feed(bytes);
  XXH3_64bits_update(&slot.digest, bytes.data(), bytes.size());
}

bool MessageDesk::message_end(smtp::Session& session, smtp::Transaction& transaction) {
  StageScope stage(Stage::kDecide);
  Slot& slot = *static_cast<Slot*>(transaction.message);
  counters_->add(Counter::kMessagesSeen);
  finish_scan(slot, session, transaction);
  if (slot.result.failed) counters_->add(Counter::kScanErrors);
  const verdict::Verdict verdict = verdict_on_message(session, slot);
  const verdict::Decision decision =
      verdict::decide(verdict,
                      {.has_signature_set = slot.scan.set() != nullptr,
                       .scan_failed = slot.result.failed,
                       .score = slot.result.score,
                       .smuggling = !transaction.chunked &&
                                    (transaction.anomalies & smtp::kSmugglingAnomalies) != 0},
                      policy_, now_);
  slot.outcome = decision.outcome;
  if (decision.unscanned) counters_->add(Counter::kMessagesUnscanned);
  if (decision.outcome == Outcome::kForwarded || config_.observe_only) {
    counters_->add(Counter::kMessagesForwarded);
    return true;
  }
  refuse(session, slot, decision.outcome, verdict);
  return false;
}

bool MessageDesk::dubious_message_end(smtp::Session& session, smtp::Transaction& transaction) {
  if (!config_.refuse_smuggling || config_.observe_only) return true;
  // One that is trusted is read only for the sake of blocks on parts of its mail.
  if (verdict_on_session(session).treatment == verdict::Treatment::kPass) return true;
  Slot& slot = *static_cast<Slot*>(transaction.message);
  counters_->add(Counter::kMessagesSeen);
  finish_scan(slot, session, transaction);
  refuse(session, slot, Outcome::kRefusedSmuggling, {});
  return false;
}

verdict::Verdict MessageDesk::verdict_on_session(const smtp::Session& session) const {
  const verdict::Verdict sender = verdicts_->lookup(flow_->client, now_.wall_s());
  const verdict::NarrowBlocks* const narrow = verdicts_->narrow();
  if (narrow == nullptr || session.auth_user().empty()) return sender;
  const auto user = narrow->on_user(flow_->client, session.auth_user(), now_.wall_s());
  return user ? strictest(sender, *user) : sender;
}

// What the sender's own server wrote into the header also names who handed the message in.
verdict::Verdict MessageDesk::verdict_on_message(const smtp::Session& session, Slot& slot) const {
  verdict::Verdict found = verdict_on_session(session);
  const verdict::NarrowBlocks* const narrow = verdicts_->narrow();
  const mime::Origin* const origin = narrow != nullptr ? slot.facts.origin() : nullptr;
  if (origin == nullptr) return found;
  const auto user = narrow->on_user(flow_->client, origin->user.view(), now_.wall_s());
  if (user) found = strictest(found, *user);
  if (!origin->address) return found;
  const auto from = narrow->on_origin(flow_->client, *origin->address, now_.wall_s());
  return from ? strictest(found, *from) : found;
}

// `verdict`: that of outcomes that are by one.
void MessageDesk::refuse(smtp::Session& session, Slot& slot, Outcome outcome,
                         const verdict::Verdict& verdict) {
  counters_->add(row_of(outcome).counter);
  slot.outcome = outcome;
  slot.case_reference = case_of(outcome, verdict);
  if (is_by_verdict(outcome)) tell_held_by(&slot.held_by, verdict);
  char line[smtp::kReplyLineBytes];
  session.refuse_with(refusal(outcome, verdict, slot.case_reference, line));
}

std::string_view MessageDesk::refusal(Outcome outcome, const verdict::Verdict& verdict,
                                      CaseReference case_reference, std::span<char> out) {
  smtp::Reply reply = row_of(outcome).reply;
  std::string_view part;
  std::array<char, SenderPart::kTextBytes> room;
  if (is_by_verdict(outcome) && verdict.part != nullptr) {
    counters_->add(Counter::kHeldByPart);
    part = verdict.part->text(room).substr(5);  // without "user:" or "from:"
    if (outcome == Outcome::kRefusedVerdict) {
      reply = verdict.part->kind() == SenderPart::Kind::kUser ? smtp::Reply::kBlockedUser
                                                              : smtp::Reply::kBlockedOrigin;
    }
  }
  return texts_->render(reply, case_reference, flow_->client, out, part);
}

// What the verdict caused bears the verdict's case; what this message caused is a new one.
CaseReference MessageDesk::case_of(Outcome outcome, const verdict::Verdict& verdict) {
  return is_by_verdict(outcome) && verdict.case_reference ? verdict.case_reference
                                                          : new_case_reference();
}

bool MessageDesk::masks_starttls(const Flow& flow, const Now& now) const {
  if (config_.observe_only) return false;
  using enum verdict::StartTls;
  const verdict::StartTls said = verdicts_->lookup(flow.client, now.wall_s()).starttls;
  return said == kMask || (said == kAsPolicy && config_.mask_starttls);
}

// A user who is blocked, and a sender that was blocked while its connection was open, need not send
// a whole message first, and an envelope that is spam by itself need not be filled.
bool MessageDesk::envelope_allowed(smtp::Session& session, smtp::Transaction& transaction,
                                   smtp::EnvelopeStep step, std::string_view address) {
  StageScope stage(Stage::kDecide);
  if (config_.observe_only) return true;
  const verdict::Verdict verdict = verdict_on_session(session);
  using enum verdict::Treatment;
  if (verdict.treatment == kPass) return true;
  if (verdict.treatment == kRefuse || verdict.treatment == kDrop) {
    refuse_envelope(session, transaction,
                    {.outcome = Outcome::kRefusedVerdict, .verdict = verdict});
    return false;
  }
  if (set_ == nullptr || !set_->has_envelope_rules()) return true;
  envelope_scan_.begin(*set_, scratch_);
  tell_who(envelope_scan_, session, transaction);
  // One recipient at a time: what is refused is this one.
  if (step == smtp::EnvelopeStep::kRcpt) envelope_scan_.envelope(Target::kRcptTo, address);
  const scan::ScanResult found = envelope_scan_.finish();
  // A scan that failed will fail again at the message's end, where there is a policy for it.
  if (found.failed || found.score < policy_.threshold) return true;
  refuse_envelope(session, transaction,
                  {.outcome = Outcome::kRefusedEnvelope,
                   .verdict = verdict,
                   .score = found.score,
                   .rules = found.rules});
  return false;
}

void MessageDesk::line_refused(smtp::Session& session, smtp::LineFault fault) {
  counters_->add(Counter::kLinesRefused);
  const smtp::Reply reply =
      fault == smtp::LineFault::kTooLong ? smtp::Reply::kLineTooLong : smtp::Reply::kNoTls;
  char line[smtp::kReplyLineBytes];
  session.refuse_with(texts_->render(reply, {}, flow_->client, line));
}

void MessageDesk::finish_scan(Slot& slot, const smtp::Session& session,
                              const smtp::Transaction& transaction) {
  slot.ended = true;
  tell_envelope_to(slot.scan, session, transaction);
  slot.result = slot.scan.finish();
  counters_->add(Counter::kConfirmationsCut, slot.result.confirmations_cut);
}

void MessageDesk::finish_shadow(Event* event, Slot& slot, const smtp::Session& session,
                                const smtp::Transaction& transaction) {
  if (slot.shadow == nullptr || !slot.ended) return;
  tell_envelope_to(*slot.shadow, session, transaction);
  const scan::ScanResult result = slot.shadow->finish();
  counters_->add(Counter::kShadowScanned);
  if (result.failed) counters_->add(Counter::kShadowErrors);
  event->shadow = result.failed ? ShadowScan::kFailed : ShadowScan::kScored;
  event->threshold = policy_.threshold;
  event->shadow_score = result.score;
  event->shadow_rules_count = static_cast<uint32_t>(result.rules.size());
  std::copy_n(result.rules.begin(), std::min<size_t>(event->shadow_rules_count, Event::kRules),
              event->shadow_rules.begin());
}

// There will be no message to tell of, so the event is made here; replies to earlier commands that
// are still to come are not in it.
void MessageDesk::refuse_envelope(smtp::Session& session, const smtp::Transaction& transaction,
                                  const EnvelopeFinding& finding) {
  counters_->add(Counter::kEnvelopesRefused);
  const CaseReference reference = case_of(finding.outcome, finding.verdict);
  Event* event = reserve_event();
  if (event != nullptr) {
    begin_event(event, EventKind::kMessage, *flow_, now_);
    event->outcome = finding.outcome;
    event->case_reference = reference;
    if (is_by_verdict(finding.outcome)) tell_held_by(&event->held_by, finding.verdict);
    tell_session(event, session, *flow_);
    tell_envelope(event, transaction);
    event->score = finding.score;
    event->rules_count = static_cast<uint32_t>(finding.rules.size());
    std::copy_n(finding.rules.begin(), std::min<size_t>(finding.rules.size(), Event::kRules),
                event->rules.begin());
    event->set_generation = generation_;
    events_->publish(event);
    flow_->reported = true;
  }
  char line[smtp::kReplyLineBytes];
  session.refuse_with(refusal(finding.outcome, finding.verdict, reference, line));
}

void MessageDesk::message_abandoned(smtp::Session& session, smtp::Transaction& transaction) {
  Slot* slot = static_cast<Slot*>(transaction.message);
  counters_->add(Counter::kMessagesAbandoned);
  slot->outcome = Outcome::kAbandoned;
  report(session, transaction, slot);
  release(transaction);
}

void MessageDesk::transaction_over(smtp::Session& session, smtp::Transaction& transaction) {
  Slot* slot = static_cast<Slot*>(transaction.message);
  report(session, transaction, slot);
  if (slot != nullptr) release(transaction);
}

void MessageDesk::release(smtp::Transaction& transaction) {
  Slot* slot = static_cast<Slot*>(transaction.message);
  slot->scan.begin(nullptr, nullptr);  // lets go of the set
  if (slot->shadow != nullptr) {
    slot->shadow->begin(nullptr, nullptr);
    free_shadow_scans_.push_back(slot->shadow);
  }
  if (slot->adoption == adoptions_) --messages_of_this_set_;
  free_slots_.push_back(slot);
  --flow_->host->messages;
  transaction.message = nullptr;
}

// Null when the queue is full.
Event* MessageDesk::reserve_event() {
  Event* event = events_->reserve();
  if (event == nullptr) counters_->add(Counter::kEventsLost);
  return event;
}

// A few a second are evidence enough, and their room in the queue is small.
const HeaderSample* MessageDesk::sample_of(const Slot& slot) {
  if (!is_refused_or_held(slot.outcome) || slot.sample.length == 0) return nullptr;
  const uint64_t second = now_.monotonic_us / 1'000'000;
  if (second != sampling_second_) sampled_ = 0;
  sampling_second_ = second;
  HeaderSample* const room = sampled_ < kSamplesPerSecond ? events_->reserve_sample() : nullptr;
  if (room == nullptr) {
    counters_->add(Counter::kHeaderSamplesSkipped);
    return nullptr;
  }
  ++sampled_;
  room->length = slot.sample.length;
  room->cut = slot.sample.cut;
  std::copy_n(slot.sample.octets.data(), slot.sample.length, room->octets.data());
  return room;
}

void MessageDesk::tell_message(Event* event, Slot& slot) {
  event->outcome = slot.outcome;
  event->case_reference = slot.case_reference;
  event->held_by = slot.held_by;
  event->content_hash = XXH3_64bits_digest(&slot.digest);
  event->subject.assign(slot.subject.view());
  slot.facts.fill(*event);
  event->mime_anomalies = slot.scan.mime_anomalies();
  event->score = slot.result.score;
  event->rules_count = static_cast<uint32_t>(slot.result.rules.size());
  std::copy_n(slot.result.rules.begin(), std::min<size_t>(event->rules_count, Event::kRules),
              event->rules.begin());
  event->rules_cut_count = static_cast<uint32_t>(slot.result.cuts.size());
  for (size_t i = 0; i < std::min<size_t>(event->rules_cut_count, Event::kRulesCut); ++i) {
    event->rules_cut[i] = slot.result.cuts[i].rule;
  }
  event->set_generation = slot.generation;
  event->session.message_ms = (now_.monotonic_us - slot.begun_us) / 1000;
}

void MessageDesk::report(const smtp::Session& session, const smtp::Transaction& transaction,
                         Slot* slot) {
  StageScope stage(Stage::kDecide);
  Event scratch_event;
  // Control wants messages; a transaction that never had one is only for the observer.
  Event* event = slot != nullptr ? reserve_event() : nullptr;
  if (event == nullptr) {
    if (observer_ == nullptr) return;
    event = &scratch_event;
  }
  begin_event(event, EventKind::kMessage, *flow_, now_);
  tell_session(event, session, *flow_);
  tell_envelope(event, transaction);
  if (slot != nullptr) {
    tell_message(event, *slot);
    if (event != &scratch_event) event->header_sample = sample_of(*slot);
    finish_shadow(event, *slot, session, transaction);
  }
  counters_->add(Counter::kAnomalies, static_cast<uint64_t>(std::popcount(event->smtp_anomalies) +
                                                            std::popcount(event->mime_anomalies)));
  if (observer_ != nullptr) observer_->transaction_over(*event, transaction);
  if (event == &scratch_event) return;
  events_->publish(event);
  flow_->reported = true;
}

void MessageDesk::connection_over(const Flow& flow, const Now& now) {
  if (!noteworthy(flow)) return;
  Event* event = reserve_event();
  if (event == nullptr) return;
  begin_event(event, EventKind::kSession, flow, now);
  event->smtp_anomalies = flow.session.anomalies();
  tell_session(event, flow.session, flow);
  event->recipients_count = event->session.recipients_count;
  event->recipients_rejected = event->session.recipients_rejected;
  events_->publish(event);
  counters_->add(Counter::kSessionsReported);
}

void MessageDesk::report_blocked_connection(const Flow& flow, const verdict::Verdict& verdict,
                                            CaseReference case_reference, const Now& now) {
  Event* event = reserve_event();
  if (event == nullptr) return;
  begin_event(event, EventKind::kConnectionRefused, flow, now);
  event->outcome = Outcome::kRefusedVerdict;
  event->case_reference = case_reference;
  tell_held_by(&event->held_by, verdict);
  events_->publish(event);
}

}  // namespace postern::worker
