// Where messages are weighed: memory for those under way, their scan, the decision at the commit
// point, and the event that reports it.
//
// Theory of operation. The desk is the SessionHandler of all of a worker's sessions. Before a
// session is given bytes, the connection attends at the desk (attend()), so that the callbacks know
// whose message they get. A message holds a slot from its DATA command until the server has
// answered its end; when no slot is free its DATA command waits.
//
// A shadow set scores a message by a second scan of its own, so that whatever befalls it cannot
// touch the decision: its rendering, its matches, its errors are apart. There are few such scans
// (shadow_messages); a message that finds none free goes without. The shadow's result is asked for
// only when the message is reported, behind the commit point.
#pragma once

#include <memory>
#include <vector>

#include "base/pool.h"
#include "dataplane/counters.h"
#include "dataplane/scan/scanner.h"
#include "dataplane/smtp/replies.h"
#include "dataplane/smtp/session.h"
#include "dataplane/time.h"
#include "dataplane/verdict/decide.h"
#include "dataplane/verdict/narrow_blocks.h"
#include "dataplane/verdict/verdict.h"
#include "dataplane/worker/event.h"
#include "dataplane/worker/event_facts.h"
#include "dataplane/worker/flow.h"
#include "dataplane/worker/pipeline.h"

namespace postern::worker {

class MessageDesk : public smtp::SessionHandler {
 public:
  MessageDesk(const PipelineConfig& config, const smtp::ReplyTexts* texts,
              const verdict::VerdictSource* verdicts, EventSink* events, Counters* counters,
              Observer* observer);
  ~MessageDesk() override;

  void use_signature_set(std::shared_ptr<const scan::SignatureSet> set, uint64_t generation,
                         scan::MessageScan::Scratch* scratch,
                         std::shared_ptr<const scan::SignatureSet> shadow);
  // The session calls that follow are about this flow, at this time.
  void attend(Flow* flow, const Now& now) {
    flow_ = flow;
    now_ = now;
    shortage_ = Counter::kDropWait;
  }
  // Why the session at the desk could not go on: what there was no memory for, or kDropWait.
  Counter shortage() const { return shortage_; }
  // Whether STARTTLS is to be hidden from the flow's client.
  bool masks_starttls(const Flow& flow, const Now& now) const;
  // A connection was answered by us from the start; `verdict` is the sender's.
  void report_blocked_connection(const Flow& flow, const verdict::Verdict& verdict,
                                 CaseReference case_reference, const Now& now);
  // The flow's session has been closed.
  void session_over(const Flow& flow, const Now& now) {
    if (observer_ != nullptr) observer_->session_over(flow, now);
  }
  // The flow, its session closed, is to be forgotten: an event tells of it if there is something
  // to tell that no event told.
  void connection_over(const Flow& flow, const Now& now);
  CaseReference new_case_reference();
  uint64_t messages_in_flight() const { return slots_.size() - free_slots_.size(); }
  uint64_t messages_of_former_sets() const { return messages_in_flight() - messages_of_this_set_; }

  smtp::Transaction* take_transaction() override;
  void give_transaction(smtp::Transaction* transaction) override;
  bool envelope_allowed(smtp::Session& session, smtp::Transaction& transaction,
                        smtp::EnvelopeStep step, std::string_view address) override;
  void line_refused(smtp::Session& session, smtp::LineFault fault) override;
  bool message_begin(const smtp::Session& session, smtp::Transaction& transaction) override;
  void message_bytes(smtp::Transaction& transaction, std::span<const uint8_t> bytes) override;
  bool message_end(smtp::Session& session, smtp::Transaction& transaction) override;
  bool dubious_message_end(smtp::Session& session, smtp::Transaction& transaction) override;
  void message_abandoned(smtp::Session& session, smtp::Transaction& transaction) override;
  void transaction_over(smtp::Session& session, smtp::Transaction& transaction) override;

 private:
  struct Slot;
  bool may_take(uint32_t used_by_host, size_t free, Counter cap);
  // What was found wrong with an envelope; `rules` are of the set in use.
  struct EnvelopeFinding {
    Outcome outcome;
    verdict::Verdict verdict;
    double score = 0;
    std::span<const uint32_t> rules = {};
  };
  // The strictest of the sender's verdict and the blocks on the part of its mail that this is.
  verdict::Verdict verdict_on_session(const smtp::Session& session) const;
  verdict::Verdict verdict_on_message(const smtp::Session& session, Slot& slot) const;
  void refuse(smtp::Session& session, Slot& slot, Outcome outcome, const verdict::Verdict& verdict);
  std::string_view refusal(Outcome outcome, const verdict::Verdict& verdict,
                           CaseReference case_reference, std::span<char> out);
  const HeaderSample* sample_of(const Slot& slot);
  void refuse_envelope(smtp::Session& session, const smtp::Transaction& transaction,
                       const EnvelopeFinding& finding);
  void finish_scan(Slot& slot, const smtp::Session& session, const smtp::Transaction& transaction);
  void begin_shadow(Slot& slot, std::string_view helo);
  void finish_shadow(Event* event, Slot& slot, const smtp::Session& session,
                     const smtp::Transaction& transaction);
  CaseReference case_of(Outcome outcome, const verdict::Verdict& verdict);
  void report(const smtp::Session& session, const smtp::Transaction& transaction, Slot* slot);
  // What the scan of the message found: subject, score, rules, and where it came from.
  void tell_message(Event* event, Slot& slot);
  Event* reserve_event();
  void release(smtp::Transaction& transaction);

  const PipelineConfig& config_;
  verdict::DecisionPolicy policy_;
  const smtp::ReplyTexts* texts_;
  const verdict::VerdictSource* verdicts_;
  EventSink* events_;
  Counters* counters_;
  Observer* observer_;
  FixedPool<smtp::Transaction> transactions_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<Slot*> free_slots_;
  std::shared_ptr<const scan::SignatureSet> set_;
  std::shared_ptr<const scan::SignatureSet> shadow_;  // null: none
  std::vector<std::unique_ptr<scan::MessageScan>> shadow_scans_;
  std::vector<scan::MessageScan*> free_shadow_scans_;
  uint64_t adoptions_ = 0;
  uint64_t messages_of_this_set_ = 0;  // under way, begun since the last use_signature_set()
  scan::MessageScan::Scratch* scratch_ = nullptr;
  scan::EnvelopeScan envelope_scan_;
  uint64_t generation_ = 0;
  uint64_t case_seed_;
  uint64_t cases_ = 0;
  uint64_t sampling_second_ = 0;
  uint32_t sampled_ = 0;  // headers, in that second
  Flow* flow_ = nullptr;
  Now now_;
  Counter shortage_ = Counter::kDropWait;
};

}  // namespace postern::worker
