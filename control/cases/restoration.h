// How a sender comes back: marks, request, each switch by itself, probation, relapse.
//
// Theory of operation. A case goes open → restoring → probation → closed, and every step is an
// entry of its history.
// - *Request.* When all marks are green, the customer (or a technician) asks for restoration. Where
//   the settings say that policy approves, the switches come back at once; else a person decides.
// - *Restore.* Each switch is given back by itself: the verdicts that carry the case's reference
// and
//   belong to that switch are cleared, whoever set them; what a revocation had replaced (a trusted
//   relay's "pass") is set again. Verdicts of other cases, or without a case, are never touched.
//   What is taken away is written down first. With the SMORF block, the policy's treatment
//   (throttle, hold) goes too.
// - *Probation.* Once no verdict of the case restricts the sender, it sends within a quota: a
// throttle
//   that rises by steps and ends with the last one, which closes the case. Of a case about a part
//   of a server's mail there is no quota, because the rest of it did nothing: it is watched for as
//   long.
// - *Relapse.* New spam of the subject during probation: all that was taken away is set again, in
// one
//   version, and the case is open as before.
//
// Verdicts are changed before the case says so: after a crash between the two a step is done again,
// which changes nothing.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "control/cases/marks.h"
#include "control/ledger/ledger.h"

namespace postern::cases {

struct ProbationStep {
  uint32_t messages_per_minute = 0;
  uint64_t seconds = 0;
};

struct RestorationSettings {
  MarkSettings marks = {};
  bool policy_approves = false;
  std::vector<ProbationStep> probation = {{5, 4 * 3600}, {20, 20 * 3600}, {60, 48 * 3600}};
  uint32_t relapse_messages = 2;  // unique spam messages in probation that are a relapse
};

// Any thread.
class Restoration {
 public:
  // Writes changes of verdicts as one version and tells the data planes.
  using Apply = std::function<ledger::Result<uint64_t>(std::span<const ledger::Change>)>;
  // A case was changed: "requested", "restored", "probation", "closed", "relapsed".
  using Told = std::function<void(CaseReference, const std::string& what)>;

  Restoration(ledger::Ledger& ledger, Apply apply, Told told, RestorationSettings settings);

  ledger::Result<std::vector<Mark>> marks(const ledger::Case& about, uint64_t now_unix_s);
  // Those in force that carry the case's reference: on its server, inside it, or around it.
  ledger::Result<std::vector<ledger::Verdict>> verdicts_of(const ledger::Case& about);

  // What only people know, and what a probe found.
  ledger::Result<void> say_password_changed(CaseReference reference, const std::string& author,
                                            const std::string& text, uint64_t now_unix_s);
  ledger::Result<void> note_probe(CaseReference reference, bool relay_is_open,
                                  const std::string& text, uint64_t now_unix_s);
  // What its evidence is taken to show: JSON for Case::diagnosis, and a sentence for its history.
  ledger::Result<void> note_diagnosis(CaseReference reference, const std::string& json,
                                      const std::string& text, uint64_t now_unix_s);
  // The error names the marks that are not green.
  ledger::Result<void> request(CaseReference reference, const std::string& author,
                               const std::string& text, uint64_t now_unix_s);
  // Gives back these switches. The error, without `although_red`, names the marks that are not
  // green. Returns which verdicts were cleared, for people; none: nothing of the case was in force.
  ledger::Result<std::vector<std::string>> restore(CaseReference reference,
                                                   std::span<const ledger::Switch> switches,
                                                   const std::string& author, bool although_red,
                                                   uint64_t now_unix_s);
  // Ends a case by hand. Its verdicts stay as they are.
  ledger::Result<void> close(CaseReference reference, const std::string& author,
                             const std::string& text, uint64_t now_unix_s);

  // Approves what policy approves, raises quotas, closes cases. When something is due next.
  ledger::Result<void> look(uint64_t now_unix_s);
  // Events as they were stored. Relapses are acted on at once.
  void observe(const channel::v1::EventBatch& batch, uint64_t now_unix_s);

 private:
  struct OnProbation {
    ledger::Subject subject;
    std::vector<std::string> fingerprints;  // of spam, each once
  };

  ledger::Result<OnProbation> recall(const ledger::Case& about);
  static void count(const channel::v1::Event& event, OnProbation& there);
  bool has_relapsed(const OnProbation& there) const;
  ledger::Result<ledger::Case> find(CaseReference reference);
  ledger::Result<void> write(ledger::Case& about, const RestorationRecord& record,
                             const std::string& author, const std::string& action,
                             const std::string& text, uint64_t now_unix_s);
  ledger::Result<void> must_be_green(const ledger::Case& about, uint64_t now_unix_s);
  ledger::Result<void> begin_probation(ledger::Case& about, RestorationRecord& record,
                                       const std::string& author, uint64_t now_unix_s);
  ledger::Result<void> set_quota(const ledger::Case& about, uint32_t step, uint64_t now_unix_s);
  ledger::Result<void> advance(ledger::Case about, uint64_t now_unix_s);
  ledger::Result<void> relapse(CaseReference reference, size_t messages, uint64_t now_unix_s);

  ledger::Ledger& ledger_;
  const Apply apply_;
  const Told told_;
  const RestorationSettings settings_;
  std::recursive_mutex mutex_;  // one change of a case at a time
  std::map<CaseReference, OnProbation> on_probation_;
};

}  // namespace postern::cases
